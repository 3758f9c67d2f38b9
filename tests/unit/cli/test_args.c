/* Reading argument lists. */
#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct read {
    const char *file, *data, *name;
    bool flag;
    size_t count;
    double real;
    struct arg_texts texts;
};

/* The words of `line`, parted by single spaces, as an argument list. */
static enum args_outcome read_line(struct read *r, const char *line, struct err *e)
{
    static char text[512];
    char *argv[64], *at = text;
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word; *text && (word = strsep(&at, " "));)
        argv[argc++] = word;
    *r = (struct read){ 0 };
    const struct arg args[] = {
        { "FILE", ARG_OPERAND, &r->file },    { "--data", ARG_NEEDED, &r->data },
        { "--name", ARG_TEXT, &r->name },     { "--flag", ARG_FLAG, &r->flag },
        { "--count", ARG_COUNT, &r->count },  { "--real", ARG_REAL, &r->real },
        { "--listen", ARG_TEXTS, &r->texts },
    };
    return args_read(argc, argv, args, sizeof args / sizeof *args, e);
}

static void test_everything(void **state)
{
    (void)state;
    struct read r;
    struct err e = { 0 };
    assert_int_equal(read_line(&r,
                               "--data=d --count 12 f --flag --real -1.5 --listen a --listen=b=c "
                               "--name --flag",
                               &e),
                     ARGS_OK);
    assert_string_equal(r.file, "f");
    assert_string_equal(r.data, "d");
    assert_string_equal(r.name, "--flag"); /* a value may look like an option */
    assert_true(r.flag);
    assert_int_equal(r.count, 12);
    assert_true(r.real > -1.6 && r.real < -1.4);
    assert_int_equal(r.texts.count, 2);
    assert_string_equal(r.texts.at[0], "a");
    assert_string_equal(r.texts.at[1], "b=c");
}

static void test_operands(void **state)
{
    (void)state;
    struct read r;
    struct err e = { 0 };
    assert_int_equal(read_line(&r, "--data d -", &e), ARGS_OK);
    assert_string_equal(r.file, "-");
    assert_int_equal(read_line(&r, "--data d -- --flag", &e), ARGS_OK);
    assert_string_equal(r.file, "--flag");
    assert_false(r.flag);
    assert_int_equal(read_line(&r, "--data d --nonsense --help", &e), ARGS_WRONG);
    assert_int_equal(read_line(&r, "f --help --nonsense", &e), ARGS_HELP);
}

static enum args_outcome read_many(const char *const *words, int count, struct arg_operands *out,
                                   const char **data, struct err *e)
{
    const struct arg args[] = {
        { "FILE", ARG_OPERANDS, out },
        { "--data", ARG_NEEDED, data },
    };
    char *argv[8];
    for (int i = 0; i < count; i++)
        assert_non_null(argv[i] = strdup(words[i]));
    enum args_outcome got = args_read(count, argv, args, 2, e);
    for (size_t i = 0; i < out->count; i++)
        assert_string_equal(out->at[i], i ? "g" : "f");
    for (int i = 0; i < count; i++)
        free(argv[i]);
    return got;
}

static void test_many_operands(void **state)
{
    (void)state;
    const char *at[2], *data = NULL;
    struct arg_operands files = { at, 0, 2 };
    struct err e = { 0 };
    assert_int_equal(read_many((const char *[]){ "f", "--data", "d", "g" }, 4, &files, &data, &e),
                     ARGS_OK);
    assert_int_equal(files.count, 2);
    files.count = 0;
    assert_int_equal(read_many((const char *[]){ "--data", "d" }, 2, &files, &data, &e),
                     ARGS_WRONG);
    assert_non_null(strstr(e.msg, "FILE is missing"));
    assert_int_equal(read_many((const char *[]){ "f", "g", "h", "--data=d" }, 4, &files, &data, &e),
                     ARGS_WRONG);
    assert_non_null(strstr(e.msg, "at most 2"));
}

static void test_wrong_use(void **state)
{
    (void)state;
    static const struct {
        const char *line, *part;
    } cases[] = {
        { "", "FILE is missing" },
        { "--data d", "FILE is missing" },
        { "f", "--data is missing" },
        { "f --data", "--data needs a value" },
        { "f g --data d", "\"g\" is one argument too many" },
        { "f --data d --dat e", "no option --dat" },
        { "f --data d -x", "no option -x" },
        { "f --data d --flag=yes", "--flag takes no value" },
        { "f --data d --count many", "whole number" },
        { "f --data d --count -1", "whole number" },
        { "f --data d --count=", "whole number" },
        { "f --data d --count 99999999999999999999", "whole number" },
        { "f --data d --real 1,5", "needs a number" },
        { "f --data d --real inf", "needs a number" },
        { "f --data d --real=", "needs a number" },
        { "f --data d --listen 1 --listen 2 --listen 3 --listen 4 --listen 5 --listen 6 --listen 7 "
          "--listen 8 --listen 9 --listen a --listen b --listen c --listen d --listen e --listen f "
          "--listen g --listen h",
          "at most 16 times" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct read r;
        struct err e = { 0 };
        if (read_line(&r, cases[i].line, &e) != ARGS_WRONG || !strstr(e.msg, cases[i].part))
            fail_msg("%s: %s", cases[i].line, e.msg);
    }
}

static void test_count(void **state)
{
    (void)state;
    size_t n = 0;
    assert_true(args_count("0", 10, &n));
    assert_int_equal(n, 0);
    assert_true(args_count("65535", 65535, &n));
    assert_int_equal(n, 65535);
    assert_false(args_count("65536", 65535, &n));
    assert_false(args_count("655350", 65535, &n));
    assert_false(args_count(" 1", 10, &n));
    assert_false(args_count("1 ", 10, &n));
    assert_false(args_count("0x1", 10, &n));
    assert_true(args_count("18446744073709551615", SIZE_MAX, &n));
    assert_false(args_count("18446744073709551616", SIZE_MAX, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),    cmocka_unit_test(test_operands),
        cmocka_unit_test(test_many_operands), cmocka_unit_test(test_wrong_use),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
