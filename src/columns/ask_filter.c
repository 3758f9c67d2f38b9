/* ask_filter.c - the filter of a query:
 *
 *     [{"hostname":[["equal","a"],["contains","B",{"case_insensitive":true}]]}, ...]
 *
 * One of the objects must hold; within one all conditions of all attributes must. */
#include "columns/ask_internal.h"

#include <inttypes.h>

static const struct {
    struct str name;
    bool takes_value, is_textual, may_ignore_case;
} operators[] = {
    [ASK_EQUAL] = { STR_INIT("equal"), true, false, true },
    [ASK_NOT_EQUAL] = { STR_INIT("not-equal"), true, false, true },
    [ASK_AT_LEAST] = { STR_INIT("at-least"), true, false, false },
    [ASK_AT_MOST] = { STR_INIT("at-most"), true, false, false },
    [ASK_GREATER] = { STR_INIT("greater-than"), true, false, false },
    [ASK_LESS] = { STR_INIT("less-than"), true, false, false },
    [ASK_CONTAINS] = { STR_INIT("contains"), true, true, true },
    [ASK_NOT_CONTAINS] = { STR_INIT("not-contains"), true, true, true },
    [ASK_MATCHES] = { STR_INIT("regular-expression"), true, true, true },
    [ASK_NOT_MATCHES] = { STR_INIT("inverse-regular-expression"), true, true, true },
    [ASK_IS_SET] = { STR_INIT("is-set"), false, false, false },
    [ASK_IS_NOT_SET] = { STR_INIT("is-not-set"), false, false, false },
};
#define OPERATORS (sizeof operators / sizeof *operators)

struct str ask_op_name(enum ask_op op)
{
    return operators[op].name;
}

static bool find_operator(struct ask_reader *r, const struct json *j, enum ask_op *op)
{
    struct str name;
    if (!ask_text(r, j, "the name of an operator", &name))
        return false;
    for (size_t i = 0; i < OPERATORS; i++) {
        if (str_eq(name, operators[i].name)) {
            *op = (enum ask_op)i;
            return true;
        }
    }
    return ask_refuse(r, j, NULL, "there is no operator '%.*s'", ASK_NAME_ARG(name));
}

/* null means "no value": equal null, not-equal null. */
static bool compare_with_null(struct ask_reader *r, const struct json *value, struct ask_term *t)
{
    if (t->op != ASK_EQUAL && t->op != ASK_NOT_EQUAL)
        return ask_refuse(r, value, NULL, "'%.*s' does not go with null",
                          STR_ARG(operators[t->op].name));
    t->op = t->op == ASK_EQUAL ? ASK_IS_NOT_SET : ASK_IS_SET;
    return true;
}

static bool read_value(struct ask_reader *r, const struct json *value, struct ask_term *t)
{
    if (value->type == JSON_NULL)
        return compare_with_null(r, value, t);
    if (!ask_scalar(r, value, &t->value))
        return false;
    if (operators[t->op].is_textual && t->value.type != CELL_STRING) {
        struct str text = value->type == JSON_NUMBER ? value->text
                          : t->value.b               ? STR("true")
                                                     : STR("false");
        t->value = (struct cell){ .type = CELL_STRING, .s = text };
    }
    if (t->value.type == CELL_DOUBLE)
        t->digits = value->text;
    return true;
}

static bool read_options(struct ask_reader *r, const struct json *options, struct ask_term *t,
                         bool may_ignore_case)
{
    if (options->type != JSON_OBJECT)
        return ask_refuse(r, options, NULL,
                          "an operator takes one value and an object of options; "
                          "alternatives are further objects of the filter");
    for (const struct json *o = options->first; o; o = o->next) {
        if (!str_eq(o->key, STR("case_insensitive")))
            return ask_refuse(r, o, NULL, "there is no option '%.*s'", ASK_NAME_ARG(o->key));
        if (o->type != JSON_TRUE && o->type != JSON_FALSE)
            return ask_refuse_type(r, o, "true or false");
        t->ignore_case = o->type == JSON_TRUE;
        if (t->ignore_case && !may_ignore_case)
            return ask_refuse(r, o, NULL,
                              "case_insensitive goes with equal, contains, regular-expression "
                              "and their opposites only");
    }
    return true;
}

/* ["equal","a"] */
static bool read_term(struct ask_reader *r, const struct json *j, struct ask_term *t)
{
    if (j->type != JSON_LIST)
        return ask_refuse_type(r, j, "[operator, value]");
    if (j->count == 0)
        return ask_refuse(r, j, NULL, "there is no operator");
    if (!find_operator(r, j->first, &t->op))
        return false;
    bool takes_value = operators[t->op].takes_value;
    bool may_ignore_case = operators[t->op].may_ignore_case;
    const struct json *value = j->first->next;
    if (!takes_value)
        return !value ||
               ask_refuse(r, value, NULL, "'%.*s' takes no value", STR_ARG(operators[t->op].name));
    if (!value)
        return ask_refuse(r, j, NULL, "'%.*s' needs a value", STR_ARG(operators[t->op].name));
    if (j->count > 3)
        return ask_refuse(r, j, NULL,
                          "an operator takes one value and an object of options; "
                          "alternatives are further objects of the filter");
    return read_value(r, value, t) &&
           (!value->next || read_options(r, value->next, t, may_ignore_case));
}

/* The conditions of one attribute, to terms[*count] and on. */
static bool read_attribute(struct ask_reader *r, const struct json *j, struct ask_term *terms,
                           size_t *count)
{
    uint32_t i = 0; /* at most ASK_TERMS_MAX */
    for (const struct json *one = j->first; one; one = one->next, i++) {
        struct ask_term *t = &terms[(*count)++];
        *t = (struct ask_term){ .column = j->key, .index = i };
        if (!read_term(r, one, t))
            return ask_place(r, "%.*s[%" PRIu32 "]: ", ASK_NAME_ARG(j->key), i);
    }
    return true;
}

/* Counts the conditions of one object, after a look at its form. */
static bool count_terms(struct ask_reader *r, const struct json *j, size_t *count)
{
    if (j->type != JSON_OBJECT)
        return ask_refuse_type(r, j, "an object of attributes and their conditions") ||
               ask_place(r, ": ");
    for (const struct json *a = j->first; a; a = a->next) {
        if (a->type != JSON_LIST)
            return ask_refuse_type(r, a, "a list of conditions") ||
                   ask_place(r, ".%.*s: ", ASK_NAME_ARG(a->key));
        *count += a->count;
    }
    return true;
}

static bool check_filter(struct ask_reader *r, const struct json *filter, size_t *count)
{
    size_t i = 0;
    if (filter->type != JSON_LIST)
        return ask_refuse_type(r, filter, "a list of objects") || ask_place(r, "filter: ");
    for (const struct json *one = filter->first; one; one = one->next, i++)
        if (!count_terms(r, one, count))
            return ask_place(r, "filter[%zu]", i);
    if (filter->count > ASK_TERMS_MAX || *count > ASK_TERMS_MAX)
        return ask_refuse_many(r, filter, "conditions", ASK_TERMS_MAX) || ask_place(r, "filter: ");
    return true;
}

bool ask_read_filter(struct ask_reader *r, const struct json *filter)
{
    struct ask_all *any;
    struct ask_term *terms;
    size_t count = 0, i = 0;
    if (!ask_is_given(filter))
        return true;
    if (!check_filter(r, filter, &count) || !ASK_ARRAY(r, any, filter->count) ||
        !ASK_ARRAY(r, terms, count))
        return false;
    for (const struct json *one = filter->first; one; one = one->next, i++) {
        any[i] = (struct ask_all){ .terms = terms };
        for (const struct json *a = one->first; a; a = a->next)
            if (!read_attribute(r, a, terms, &any[i].count))
                return ask_place(r, "filter[%zu].", i);
        terms += any[i].count;
    }
    r->ask->any = any;
    r->ask->any_count = filter->count;
    return true;
}
