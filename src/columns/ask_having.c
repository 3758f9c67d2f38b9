/* ask_having.c - which groups an answer shows, by what came out for them. It is a list in reverse
 * Polish notation: from the second condition on, each is followed by an "and".
 *
 *     [{"op":">=","params":[5],"property":[";count"]},
 *      {"op":"<","params":[9],"property":["process.age;0;1"]},
 *      {"op":"boolean","params":["and"]}] */
#include "columns/ask_internal.h"

static const struct str operators[] = {
    [HAVING_EQUAL] = STR_INIT("=="),    [HAVING_NOT_EQUAL] = STR_INIT("!="),
    [HAVING_LESS] = STR_INIT("<"),      [HAVING_GREATER] = STR_INIT(">"),
    [HAVING_AT_LEAST] = STR_INIT(">="), [HAVING_AT_MOST] = STR_INIT("<="),
};

/* --- which fold ---------------------------------------------------------------------------- */

bool ask_take_index(struct str *name, uint64_t *index)
{
    struct cell number;
    size_t at = name->len;
    while (at > 0 && name->ptr[at - 1] >= '0' && name->ptr[at - 1] <= '9')
        at--;
    if (at == 0 || name->ptr[at - 1] != ';' ||
        !ask_number((struct str){ name->ptr + at, name->len - at }, &number) ||
        number.type != CELL_UINT)
        return false;
    *index = number.u;
    name->len = at - 1;
    return true;
}

bool ask_find_fold(struct ask_reader *r, const struct json *at, struct str column, uint64_t index,
                   size_t *fold)
{
    bool known = false;
    for (size_t i = 0; i < r->ask->fold_count; i++) {
        const struct ask_fold *f = &r->ask->folds[i];
        if (!str_eq(f->column, column))
            continue;
        known = true;
        if (f->index == index) {
            *fold = i;
            return true;
        }
    }
    return known ? ask_refuse(r, at, "term_index_not_found",
                              "index not found for aggregate value term")
                 : ask_refuse(r, at, "term_column_not_found",
                              "column not found for aggregate value term");
}

/* --- conditions ---------------------------------------------------------------------------- */

/* The one element of a list. */
static const struct json *only_element(struct ask_reader *r, const struct json *j, const char *name)
{
    const struct json *list = json_get(j, str_from_c(name));
    if (list && list->type == JSON_LIST && list->count == 1)
        return list->first;
    (void)ask_refuse(r, list ? list : j, NULL, "'%s' must be a list of one element", name);
    return NULL;
}

/* How many values of a fold can be compared. */
static uint32_t comparable(enum fold_op op)
{
    switch (op) {
    case FOLD_RANGE:
    case FOLD_DISTRIBUTION:
        return 2;
    case FOLD_HISTOGRAM:
    case FOLD_BIN:
        return 0;
    default:
        return 1;
    }
}

/* ";count", "attribute;fold;value", or "attribute;fold" for its first value. */
static bool read_property(struct ask_reader *r, const struct json *j, struct ask_having *h)
{
    const struct json *one = only_element(r, j, "property");
    struct str name;
    uint64_t last, before;
    if (!one || !ask_text(r, one, "a property's name", &name))
        return false;
    h->is_count = str_eq(name, STR(";count"));
    if (h->is_count)
        return true;
    if (!ask_take_index(&name, &last))
        return ask_refuse(r, one, NULL,
                          "a property is ';count' or '<attribute>;<fold>;<value>', not '%.*s'",
                          ASK_NAME_ARG(name));
    bool has_both = ask_take_index(&name, &before);
    if (!ask_find_fold(r, one, name, has_both ? before : last, &h->fold))
        return false;
    uint64_t value_at = has_both ? last : 0;
    if (value_at >= comparable(r->ask->folds[h->fold].op))
        return ask_refuse(r, one, "term_index_not_found",
                          "index not found for aggregate value term");
    h->value_at = (uint32_t)value_at;
    return true;
}

static bool read_condition(struct ask_reader *r, const struct json *j, struct str op,
                           struct ask_having *h)
{
    size_t i = 0, count = sizeof operators / sizeof *operators;
    while (i < count && !str_eq(op, operators[i]))
        i++;
    if (i == count)
        return ask_refuse(r, j, NULL, "there is no operator '%.*s'", ASK_NAME_ARG(op));
    h->op = (enum having_op)i;
    const struct json *param = only_element(r, j, "params");
    return param && ask_scalar(r, param, &h->value) && read_property(r, j, h);
}

static bool read_boolean(struct ask_reader *r, const struct json *j, size_t *open)
{
    const struct json *param = only_element(r, j, "params");
    if (!param)
        return false;
    if (param->type != JSON_STRING || !str_eq(param->text, STR("and")))
        return ask_refuse(r, param, NULL, "conditions can be joined by 'and' only");
    if (*open < 2)
        return ask_refuse(r, j, NULL, "two conditions must come before an 'and'");
    --*open;
    return true;
}

/* One element. `open`: conditions that no 'and' has joined yet. */
static bool read_one(struct ask_reader *r, const struct json *j, struct ask_having *having,
                     size_t *open)
{
    const struct json *op = json_get(j, STR("op"));
    if (j->type != JSON_OBJECT)
        return ask_refuse_type(r, j, "an object with 'op', 'params' and 'property'");
    if (!op || op->type != JSON_STRING)
        return ask_refuse(r, j, NULL, "'op' must be the name of an operator");
    if (str_eq(op->text, STR("boolean")))
        return read_boolean(r, j, open);
    if (r->ask->having_count == ASK_HAVING_MAX)
        return ask_refuse_many(r, j, "conditions", ASK_HAVING_MAX);
    ++*open;
    return read_condition(r, j, op->text, &having[r->ask->having_count++]);
}

bool ask_read_having(struct ask_reader *r, const struct json *having)
{
    struct ask_having *all;
    size_t open = 0, i = 0;
    if (!ask_is_given(having))
        return true;
    if (having->type != JSON_LIST)
        return ask_refuse_type(r, having, "a list of objects") || ask_place(r, "having: ");
    if (having->count > 0 && r->ask->kind != ASK_FOLD)
        return ask_refuse(r, having, NULL, "having: goes with fold or group, not with select");
    if (!ASK_ARRAY(r, all, ASK_HAVING_MAX))
        return false;
    r->ask->having = all;
    for (const struct json *one = having->first; one; one = one->next, i++) {
        if (r->ask->having_count < ASK_HAVING_MAX)
            all[r->ask->having_count] = (struct ask_having){ 0 };
        if (!read_one(r, one, all, &open))
            return ask_place(r, "having[%zu]: ", i);
    }
    if (open > 1)
        return ask_refuse(r, having, NULL,
                          "having: %zu conditions are not joined: each from the second on is "
                          "followed by {\"op\":\"boolean\",\"params\":[\"and\"]}",
                          open);
    return true;
}
