/* sampling.c - the configuration of sampling:
 *
 *     {"type": "backoff", "backoffs": [{"count": 1, "interval": 0}, {"count": 5, "interval": 300}],
 *      "object_attributes": ["version"], "reset_interval": 86400, "buckets": 512,
 *      "missing_symbols": {"process_whitelisted": true, "process_private": false}} */
#include "access/policy_json.h"

#define NAME_BYTES_MAX 256
#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for a configuration");
}

static bool read_backoffs(const struct json *list, struct arena *a, struct sampling *s,
                          struct err *e)
{
    static const char *const known[] = { "count", "interval" };
    if (!list || list->type != JSON_LIST || list->count == 0 || list->count > SAMPLING_BACKOFFS_MAX)
        return err_set(e, ERR_INPUT, 0, "backoffs must be a list of 1 to %d",
                       SAMPLING_BACKOFFS_MAX);
    s->backoffs = arena_array(a, list->count, sizeof *s->backoffs);
    if (!s->backoffs)
        return no_memory(e);
    for (const struct json *j = list->first; j; j = j->next) {
        struct sampling_backoff *b = &s->backoffs[s->backoff_count++];
        uint64_t interval;
        if (!policy_members(j, "a backoff", known, COUNT(known), e) ||
            !policy_number(json_get(j, STR("count")), false, "count", UINT32_MAX, &b->count, e) ||
            !policy_number(json_get(j, STR("interval")), false, "interval", POLICY_SECONDS_MAX,
                           &interval, e))
            return false;
        if (b->count == 0)
            return err_set(e, ERR_INPUT, 0, "the count of a backoff must be at least 1");
        b->interval_s = (int64_t)interval;
    }
    return true;
}

static bool read_attributes(const struct json *list, struct arena *a, struct sampling *s,
                            struct err *e)
{
    if (!list)
        return true;
    bool ok = list->type == JSON_LIST && list->count <= SAMPLING_ATTRIBUTES_MAX;
    if (ok && !(s->attributes = arena_array(a, list->count, sizeof *s->attributes)))
        return no_memory(e);
    for (const struct json *j = ok ? list->first : NULL; j && ok; j = j->next) {
        ok = j->type == JSON_STRING && j->text.len > 0 && j->text.len <= NAME_BYTES_MAX;
        s->attributes[s->attribute_count++] = j->text;
    }
    return ok || err_set(e, ERR_INPUT, 0, "object_attributes must be a list of at most %d names",
                         SAMPLING_ATTRIBUTES_MAX);
}

/* Clients send it; nothing here goes by it. */
static bool check_missing(const struct json *j, struct err *e)
{
    static const char *const known[] = { "process_whitelisted", "process_private" };
    if (!j)
        return true;
    if (!policy_members(j, "missing_symbols", known, COUNT(known), e))
        return false;
    for (const struct json *m = j->first; m; m = m->next)
        if (m->type != JSON_TRUE && m->type != JSON_FALSE)
            return err_set(e, ERR_INPUT, 0, "%.*s must be true or false", STR_ARG(m->key));
    return true;
}

static bool read_numbers(const struct json *j, struct sampling *s, struct err *e)
{
    const struct json *reset = json_get(j, STR("reset_interval"));
    const struct json *buckets = json_get(j, STR("buckets"));
    uint64_t n;
    if (reset) {
        if (!policy_number(reset, false, "reset_interval", POLICY_SECONDS_MAX, &n, e))
            return false;
        s->reset_interval_s = (int64_t)n;
    }
    if (buckets) {
        if (!policy_number(buckets, false, "buckets", SAMPLING_BUCKETS_MAX, &n, e))
            return false;
        if (n == 0)
            return err_set(e, ERR_INPUT, 0, "buckets must be at least 1");
        s->buckets = (size_t)n;
    }
    return true;
}

bool sampling_parse(struct str text, struct arena *a, struct sampling *out, struct err *e)
{
    static const char *const known[] = { "type",           "backoffs",        "object_attributes",
                                         "reset_interval", "missing_symbols", "buckets" };
    const struct json *j;
    struct sampling s = { .reset_interval_s = SAMPLING_RESET_DEFAULT_S,
                          .buckets = SAMPLING_BUCKETS_DEFAULT };
    if (!policy_json(text, a, &j, e) ||
        !policy_members(j, "the configuration", known, COUNT(known), e))
        return err_prefix(e, "configuration: ");
    if (j->count > 0) {
        if (!policy_word(json_get(j, STR("type")), "backoff"))
            return err_set(e, ERR_INPUT, 0, "configuration: type must be \"backoff\"");
        if (!read_backoffs(json_get(j, STR("backoffs")), a, &s, e) ||
            !read_attributes(json_get(j, STR("object_attributes")), a, &s, e) ||
            !check_missing(json_get(j, STR("missing_symbols")), e) || !read_numbers(j, &s, e))
            return err_prefix(e, "configuration: ");
    }
    *out = s;
    return true;
}
