/* ask_virtual.c - columns that a query makes out of others:
 *
 *     [{"name":"day","type":"quantize_uint",
 *       "quantize_uint":{"backing_column":"timestamp","size":86400,"offset":0}},
 *      {"name":"month","type":"truncate_timestamp",
 *       "truncate_timestamp":{"backing_column":"timestamp","granularity":"month"}}] */
#include "columns/ask_internal.h"

static bool read_int(struct ask_reader *r, const struct json *j, int64_t *out)
{
    struct cell number;
    if (!ask_numeric(r, j, &number))
        return false;
    if (number.type == CELL_UINT && number.u <= INT64_MAX)
        *out = (int64_t)number.u;
    else if (number.type == CELL_INT)
        *out = number.i;
    else
        return ask_refuse(r, j, NULL, "a whole number below 2^63 is wanted");
    return true;
}

static bool read_quantize(struct ask_reader *r, const struct json *params, struct ask_virtual *v)
{
    const struct json *size = json_get(params, STR("size"));
    const struct json *offset = json_get(params, STR("offset"));
    if (!ask_is_given(size))
        return ask_refuse(r, params, NULL, "'size' is missing");
    if (!read_int(r, size, &v->size))
        return ask_place(r, "size: ");
    if (v->size <= 0)
        return ask_refuse(r, size, NULL, "size must be positive");
    if (ask_is_given(offset) && !read_int(r, offset, &v->offset))
        return ask_place(r, "offset: ");
    return true;
}

static bool read_truncate(struct ask_reader *r, const struct json *params, struct ask_virtual *v)
{
    static const struct str granularities[] = {
        [BY_DAY] = STR_INIT("day"),
        [BY_MONTH] = STR_INIT("month"),
        [BY_QUARTER] = STR_INIT("quarter"),
        [BY_YEAR] = STR_INIT("year"),
    };
    const struct json *granularity = json_get(params, STR("granularity"));
    for (size_t i = 0; i < sizeof granularities / sizeof *granularities; i++) {
        if (granularity && granularity->type == JSON_STRING &&
            str_eq(granularity->text, granularities[i])) {
            v->granularity = (enum granularity)i;
            return true;
        }
    }
    return ask_refuse(r, granularity ? granularity : params, "bad_granularity",
                      "truncate_timestamp vcol: unrecognized granularity");
}

/* The object that has the type's name; and its backing_column. */
static bool read_params(struct ask_reader *r, const struct json *j, struct str type,
                        const struct json **params, struct ask_virtual *v)
{
    *params = json_get(j, type);
    if (!*params || (*params)->type != JSON_OBJECT)
        return ask_refuse(r, j, NULL, "an object '%.*s' is missing", STR_ARG(type));
    const struct json *backing = json_get(*params, STR("backing_column"));
    if (!backing)
        return ask_refuse(r, *params, NULL, "'backing_column' is missing");
    return ask_text(r, backing, "the name of a backing_column", &v->backing);
}

static bool read_one(struct ask_reader *r, const struct json *j, struct ask_virtual *v)
{
    const struct json *name = json_get(j, STR("name")), *kind = json_get(j, STR("type")), *params;
    struct str type;
    if (j->type != JSON_OBJECT)
        return ask_refuse_type(r, j, "an object with 'name' and 'type'");
    if (!name || !kind)
        return ask_refuse(r, j, NULL, "'%s' is missing", name ? "type" : "name");
    if (!ask_text(r, name, "a text as 'name'", &v->name) ||
        !ask_text(r, kind, "a text as 'type'", &type))
        return false;
    v->type = str_eq(type, STR("truncate_timestamp")) ? VIRTUAL_TRUNCATE : VIRTUAL_QUANTIZE;
    if (v->type == VIRTUAL_QUANTIZE && !str_eq(type, STR("quantize_uint")))
        return ask_refuse(r, kind, NULL, "there is no type '%.*s'", ASK_NAME_ARG(type));
    if (!read_params(r, j, type, &params, v))
        return false;
    return v->type == VIRTUAL_QUANTIZE ? read_quantize(r, params, v) : read_truncate(r, params, v);
}

static bool is_new_name(const struct ask_virtual *before, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(before[i].name, name))
            return false;
    return true;
}

bool ask_read_virtual(struct ask_reader *r, const struct json *columns)
{
    struct ask_virtual *virtuals;
    size_t i = 0;
    if (!ask_is_given(columns))
        return true;
    if (columns->type != JSON_LIST)
        return ask_refuse_type(r, columns, "a list of objects") ||
               ask_place(r, "virtual_columns: ");
    if (columns->count > ASK_VIRTUAL_MAX)
        return ask_refuse_many(r, columns, "virtual columns", ASK_VIRTUAL_MAX) ||
               ask_place(r, "virtual_columns: ");
    if (!ASK_ARRAY(r, virtuals, columns->count))
        return false;
    for (const struct json *one = columns->first; one; one = one->next, i++) {
        virtuals[i] = (struct ask_virtual){ 0 };
        if (!read_one(r, one, &virtuals[i]))
            return ask_place(r, "virtual_columns[%zu]: ", i);
        if (!is_new_name(virtuals, i, virtuals[i].name))
            return ask_refuse(r, one, NULL, "virtual_columns[%zu]: there are two '%.*s'", i,
                              ASK_NAME_ARG(virtuals[i].name));
    }
    r->ask->virtuals = virtuals;
    r->ask->virtual_count = columns->count;
    return true;
}
