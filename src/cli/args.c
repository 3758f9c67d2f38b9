/* args.c - reads argument lists by the table that a command gives. */
#include "cli/args.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>

bool args_count(const char *text, size_t max, size_t *out)
{
    size_t n = 0;
    if (!*text)
        return false;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        size_t digit = (size_t)(*p - '0');
        if (n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

static bool set_value(const struct arg *arg, const char *text, struct err *e)
{
    struct arg_texts *texts;
    struct arg_operands *operands;
    char *end;
    double d;
    switch (arg->kind) {
    case ARG_FLAG:
        *(bool *)arg->out = true;
        break;
    case ARG_OPERAND:
    case ARG_TEXT:
    case ARG_NEEDED:
        *(const char **)arg->out = text;
        break;
    case ARG_TEXTS:
        texts = arg->out;
        if (texts->count == ARG_TEXTS_MAX)
            return err_set(e, ERR_INPUT, 0, "%s may be given at most %d times", arg->name,
                           ARG_TEXTS_MAX);
        texts->at[texts->count++] = text;
        break;
    case ARG_OPERANDS:
        operands = arg->out;
        if (operands->count == operands->room)
            return err_set(e, ERR_INPUT, 0, "there may be at most %zu of %s", operands->room,
                           arg->name);
        operands->at[operands->count++] = text;
        break;
    case ARG_COUNT:
        if (!args_count(text, SIZE_MAX / 2, arg->out))
            return err_set(e, ERR_INPUT, 0, "%s needs a whole number, not \"%.80s\"", arg->name,
                           text);
        break;
    case ARG_REAL:
        d = strtod(text, &end);
        if (end == text || *end || !isfinite(d))
            return err_set(e, ERR_INPUT, 0, "%s needs a number, not \"%.80s\"", arg->name, text);
        *(double *)arg->out = d;
        break;
    }
    return true;
}

static const struct arg *find_option(struct str name, const struct arg *args, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (args[i].kind != ARG_OPERAND && args[i].kind != ARG_OPERANDS &&
            str_eq(str_from_c(args[i].name), name))
            return &args[i];
    return NULL;
}

/* argv[*i] is an option; takes its value too. */
static bool read_option(int argc, char **argv, int *i, const struct arg *args, size_t count,
                        struct err *e)
{
    const char *given = argv[*i];
    const char *equals = strchr(given, '=');
    struct str name = { given, equals ? (size_t)(equals - given) : strlen(given) };
    const struct arg *arg = find_option(name, args, count);
    if (!arg)
        return err_set(e, ERR_INPUT, 0, "there is no option %.80s", given);
    const char *value = equals ? equals + 1 : NULL;
    if (arg->kind == ARG_FLAG) {
        if (value)
            return err_set(e, ERR_INPUT, 0, "%s takes no value", arg->name);
    } else if (!value) {
        if (*i + 1 == argc)
            return err_set(e, ERR_INPUT, 0, "%s needs a value behind it", arg->name);
        value = argv[++*i];
    }
    return set_value(arg, value, e);
}

static bool read_operand(const char *text, size_t *seen, const struct arg *args, size_t count,
                         struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (args[i].kind == ARG_OPERANDS || (args[i].kind == ARG_OPERAND && n++ == *seen)) {
            ++*seen;
            return set_value(&args[i], text, e);
        }
    return err_set(e, ERR_INPUT, 0, "\"%.80s\" is one argument too many", text);
}

static bool all_given(size_t operands, const struct arg *args, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        if (args[i].kind == ARG_OPERAND && operands-- == 0)
            return err_set(e, ERR_INPUT, 0, "%s is missing", args[i].name);
        if (args[i].kind == ARG_OPERANDS && operands == 0)
            return err_set(e, ERR_INPUT, 0, "%s is missing", args[i].name);
        if (args[i].kind == ARG_NEEDED && !*(const char **)args[i].out)
            return err_set(e, ERR_INPUT, 0, "%s is missing", args[i].name);
    }
    return true;
}

enum args_outcome args_read(int argc, char **argv, const struct arg *args, size_t count,
                            struct err *e)
{
    size_t operands = 0;
    bool options = true;
    for (int i = 0; i < argc; i++) {
        bool dashed = options && argv[i][0] == '-' && argv[i][1];
        if (dashed && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")))
            return ARGS_HELP;
        if (dashed && !strcmp(argv[i], "--")) {
            options = false;
            continue;
        }
        if (!(dashed ? read_option(argc, argv, &i, args, count, e)
                     : read_operand(argv[i], &operands, args, count, e)))
            return ARGS_WRONG;
    }
    return all_given(operands, args, count, e) ? ARGS_OK : ARGS_WRONG;
}
