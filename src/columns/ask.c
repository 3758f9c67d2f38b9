/* ask.c - reads a query: what kind it is, its table, page, columns and order. The parts with a
 * language of their own are read by their own files. What is hard: names in `order` and `having`
 * mean folds, so these are read last; and some messages are looked for by the query library word by
 * word, so they go out without a place. */
#include "columns/ask_internal.h"

/* --- table, page --------------------------------------------------------------------------- */

static bool read_table(struct ask_reader *r, const struct json *j)
{
    r->ask->table = TABLE_OBJECTS;
    if (!ask_is_given(j))
        return true;
    if (j->type == JSON_STRING && str_eq(j->text, STR("issues")))
        r->ask->table = TABLE_ISSUES;
    else if (j->type != JSON_STRING || !str_eq(j->text, STR("objects")))
        return ask_refuse(r, j, "bad_table", "invalid parameter 'table'");
    return true;
}

/* Whether it is a number, or the text of one, below `least`. */
static bool is_below(const struct json *j, double least)
{
    struct cell number;
    return (j->type == JSON_NUMBER || j->type == JSON_STRING) && ask_number(j->text, &number) &&
           ask_double(&number) < least;
}

static bool read_page(struct ask_reader *r, const struct json *body)
{
    const struct json *limit = json_get(body, STR("limit"));
    const struct json *offset = json_get(body, STR("offset"));
    if (ask_is_given(limit)) {
        if (is_below(limit, 1))
            return ask_refuse(r, limit, "bad_limit", "limit must be positive");
        if (!ask_count(r, limit, &r->ask->limit))
            return ask_place(r, "limit: ");
        if (r->ask->limit > ASK_LIMIT_MAX)
            return ask_refuse_many(r, limit, "rows or groups in one answer", ASK_LIMIT_MAX) ||
                   ask_place(r, "limit: ");
    }
    if (ask_is_given(offset)) {
        if (is_below(offset, 0))
            return ask_refuse(r, offset, "bad_offset", "offset must be positive");
        if (!ask_count(r, offset, &r->ask->offset))
            return ask_place(r, "offset: ");
    }
    return true;
}

/* --- columns ------------------------------------------------------------------------------- */

static bool read_select(struct ask_reader *r, const struct json *j)
{
    struct str *names;
    size_t i = 0;
    if (!ask_is_given(j))
        return true;
    if (j->type != JSON_LIST)
        return ask_refuse_type(r, j, "a list of names") || ask_place(r, "select: ");
    if (j->count > ASK_COLUMNS_MAX)
        return ask_refuse_many(r, j, "columns", ASK_COLUMNS_MAX) || ask_place(r, "select: ");
    if (!ASK_ARRAY(r, names, j->count))
        return false;
    for (const struct json *one = j->first; one; one = one->next, i++)
        if (!ask_text(r, one, "a name", &names[i]))
            return ask_place(r, "select[%zu]: ", i);
    r->ask->select = names;
    r->ask->select_count = j->count;
    return true;
}

static bool read_wildcard(struct ask_reader *r, const struct json *j)
{
    if (!ask_is_given(j))
        return true;
    if (j->type != JSON_OBJECT)
        return ask_refuse_type(r, j, "an object") || ask_place(r, "select_wildcard: ");
    for (const struct json *one = j->first; one; one = one->next) {
        bool *which = str_eq(one->key, STR("physical"))  ? &r->ask->all.physical
                      : str_eq(one->key, STR("derived")) ? &r->ask->all.derived
                      : str_eq(one->key, STR("virtual")) ? &r->ask->all.virtual_
                                                         : NULL;
        if (!which)
            return ask_refuse(r, one, NULL, "select_wildcard: there is no '%.*s'",
                              ASK_NAME_ARG(one->key));
        if (one->type != JSON_TRUE && one->type != JSON_FALSE)
            return ask_refuse_type(r, one, "true or false") ||
                   ask_place(r, "select_wildcard.%.*s: ", ASK_NAME_ARG(one->key));
        *which = one->type == JSON_TRUE;
    }
    return true;
}

/* ["fingerprint"]; an empty list is no group. */
static bool read_group(struct ask_reader *r, const struct json *j)
{
    if (!ask_is_given(j))
        return true;
    if (j->type != JSON_LIST)
        return ask_refuse_type(r, j, "a list of one name") || ask_place(r, "group: ");
    if (j->count > 1)
        return ask_refuse(r, j, NULL, "group: there can be one attribute only");
    r->ask->has_group = j->count > 0;
    return j->count == 0 || ask_text(r, j->first, "a name", &r->ask->group) ||
           ask_place(r, "group[0]: ");
}

/* --- kind and template --------------------------------------------------------------------- */

/* Templates fill in what a request leaves open. They name standard attributes only: these are
 * known in every project. */
static void use_select_template(struct ask *q)
{
    static const struct str columns[] = {
        STR_INIT("timestamp"),   STR_INIT("fingerprint"),   STR_INIT("callstack"),
        STR_INIT("classifiers"), STR_INIT("error.message"), STR_INIT("application"),
        STR_INIT("version"),     STR_INIT("hostname"),      STR_INIT("uname.sysname"),
    };
    q->kind = ASK_SELECT;
    q->select = columns;
    q->select_count = sizeof columns / sizeof *columns;
}

static void use_workflow_template(struct ask *q)
{
    static const struct ask_fold folds[] = {
        { .column = STR_INIT("timestamp"), .op = FOLD_RANGE },
        { .column = STR_INIT("callstack"), .op = FOLD_HEAD },
        { .column = STR_INIT("classifiers"), .op = FOLD_HEAD },
        { .column = STR_INIT("error.message"), .op = FOLD_HEAD },
        { .column = STR_INIT("hostname"), .op = FOLD_UNIQUE },
        { .column = STR_INIT("fingerprint;issues;state"), .op = FOLD_HEAD },
        { .column = STR_INIT("fingerprint;issues;tags"), .op = FOLD_HEAD },
        { .column = STR_INIT("fingerprint;issues;ticket"), .op = FOLD_HEAD },
    };
    if (!q->has_group)
        q->group = STR("fingerprint");
    q->has_group = true;
    if (q->fold_count > 0)
        return;
    q->folds = folds;
    q->fold_count = sizeof folds / sizeof *folds;
}

static bool use_template(struct ask_reader *r, const struct json *j)
{
    struct ask *q = r->ask;
    if (!ask_is_given(j))
        return true;
    struct str name = j->type == JSON_STRING ? j->text : STR("");
    if (!str_eq(name, STR("select")) && !str_eq(name, STR("workflow")))
        return ask_refuse(r, j, "bad_template", "Template not found");
    if (q->kind == ASK_SELECT)
        return true;
    if (str_eq(name, STR("workflow")))
        use_workflow_template(q);
    else if (!q->has_group && q->fold_count == 0)
        use_select_template(q);
    return true;
}

static bool read_columns(struct ask_reader *r, const struct json *body)
{
    struct ask *q = r->ask;
    const struct json *select = json_get(body, STR("select"));
    const struct json *wildcard = json_get(body, STR("select_wildcard"));
    if (!read_select(r, select) || !read_wildcard(r, wildcard) ||
        !read_group(r, json_get(body, STR("group"))) ||
        !ask_read_fold(r, json_get(body, STR("fold"))))
        return false;
    q->kind = ask_is_given(select) || ask_is_given(wildcard) ? ASK_SELECT : ASK_FOLD;
    if (q->kind == ASK_SELECT && (q->has_group || q->fold_count > 0))
        return ask_refuse(r, body, NULL, "select and %s exclude each other",
                          q->has_group ? "group" : "fold");
    return use_template(r, json_get(body, STR("template")));
}

/* --- order --------------------------------------------------------------------------------- */

/* ";group", ";count", "attribute;index" of a fold; of a selection a column. */
static bool read_order_name(struct ask_reader *r, const struct json *j, struct ask_order *o)
{
    struct str name;
    uint64_t index;
    if (!ask_text(r, j, "a name", &name))
        return false;
    bool is_special = name.len > 0 && name.ptr[0] == ';';
    o->by = ORDER_COLUMN;
    o->column = name;
    if (r->ask->kind == ASK_SELECT)
        return !is_special ||
               ask_refuse(r, j, NULL, "'%.*s' goes with fold or group only", ASK_NAME_ARG(name));
    o->by = str_eq(name, STR(";group"))   ? ORDER_GROUP
            : str_eq(name, STR(";count")) ? ORDER_COUNT
                                          : ORDER_FOLD;
    if (o->by != ORDER_FOLD)
        return true;
    if (is_special || !ask_take_index(&name, &index))
        return ask_refuse(r, j, NULL,
                          "groups are ordered by ';group', ';count' or '<attribute>;<fold>', "
                          "not by '%.*s'",
                          ASK_NAME_ARG(name));
    return ask_find_fold(r, j, name, index, &o->fold);
}

static bool read_order_one(struct ask_reader *r, const struct json *j, struct ask_order *o)
{
    const struct json *name = json_get(j, STR("name")), *ordering = json_get(j, STR("ordering"));
    if (j->type != JSON_OBJECT)
        return ask_refuse_type(r, j, "an object with 'name' and 'ordering'") || ask_place(r, ": ");
    if (!name)
        return ask_refuse(r, j, NULL, ": 'name' is missing");
    if (!read_order_name(r, name, o))
        return ask_place(r, ".name: ");
    if (!ask_is_given(ordering))
        return true;
    o->descends = ordering->type == JSON_STRING && str_eq(ordering->text, STR("descending"));
    if (o->descends || (ordering->type == JSON_STRING && str_eq(ordering->text, STR("ascending"))))
        return true;
    return ask_refuse(r, ordering, NULL, ".ordering: 'ascending' or 'descending' is wanted");
}

static bool read_order(struct ask_reader *r, const struct json *j)
{
    struct ask_order *order;
    size_t i = 0;
    if (!ask_is_given(j))
        return true;
    if (j->type != JSON_LIST)
        return ask_refuse_type(r, j, "a list of objects") || ask_place(r, "order: ");
    if (j->count > ASK_ORDER_MAX)
        return ask_refuse_many(r, j, "names", ASK_ORDER_MAX) || ask_place(r, "order: ");
    if (!ASK_ARRAY(r, order, j->count))
        return false;
    for (const struct json *one = j->first; one; one = one->next, i++) {
        order[i] = (struct ask_order){ 0 };
        if (!read_order_one(r, one, &order[i]))
            return ask_place(r, "order[%zu]", i);
    }
    r->ask->order = order;
    r->ask->order_count = j->count;
    return true;
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool read_object(struct ask_reader *r, const struct json *body, const char *name,
                        const struct json **out)
{
    const struct json *j = json_get(body, str_from_c(name));
    if (!ask_is_given(j))
        return true;
    *out = j;
    return j->type == JSON_OBJECT || ask_refuse_type(r, j, "an object") ||
           ask_place(r, "%s: ", name);
}

bool ask_read(struct ask *out, const struct json *body, struct arena *a, struct err *e)
{
    struct ask ask = { 0 };
    struct ask_reader r = { .ask = &ask, .arena = a, .e = e };
    if (body->type != JSON_OBJECT)
        return ask_refuse_type(&r, body, "an object");
    if (!read_table(&r, json_get(body, STR("table"))) || !read_page(&r, body) ||
        !ask_read_filter(&r, json_get(body, STR("filter"))) ||
        !ask_read_virtual(&r, json_get(body, STR("virtual_columns"))) || !read_columns(&r, body) ||
        !read_order(&r, json_get(body, STR("order"))) ||
        !ask_read_having(&r, json_get(body, STR("having"))) ||
        !read_object(&r, body, "set", &ask.set) || !read_object(&r, body, "actions", &ask.actions))
        return false;
    *out = ask;
    return true;
}
