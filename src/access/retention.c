/* retention.c - rules of retention:
 *
 *     [{"criteria": [{"type": "object-age", "op": "at-least", "time": "3600"},
 *                    {"type": "fingerprint-count", "op": "more-than", "count": "100"}],
 *       "actions": [{"type": "delete-all", "subsets": ["physical"]}, {"type": "compress"}]}]
 *
 * "fingerprint-count" is ours: the object is not among the newest `count` of its fingerprint. */
#include "access/policy_json.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool read_age(const struct json *j, struct retention_rule *r, struct err *e)
{
    static const char *const at_least[] = { "type", "op", "time" };
    static const char *const range[] = { "type", "op", "time", "time_end" };
    bool has_end = policy_word(json_get(j, STR("op")), "range");
    uint64_t from, to;
    if (!has_end && !policy_word(json_get(j, STR("op")), "at-least"))
        return err_set(e, ERR_INPUT, 0, "op of object-age must be at-least or range");
    if (!policy_members(j, "a criterion of age", has_end ? range : at_least, has_end ? 4 : 3, e) ||
        !policy_number(json_get(j, STR("time")), true, "time", POLICY_SECONDS_MAX, &from, e))
        return false;
    if ((int64_t)from > r->age_min_s)
        r->age_min_s = (int64_t)from;
    if (!has_end)
        return true;
    if (!policy_number(json_get(j, STR("time_end")), true, "time_end", POLICY_SECONDS_MAX, &to, e))
        return false;
    if (to < from)
        return err_set(e, ERR_INPUT, 0, "time_end must not be before time");
    if ((int64_t)to < r->age_max_s)
        r->age_max_s = (int64_t)to;
    return true;
}

static bool read_count(const struct json *j, struct retention_rule *r, struct err *e)
{
    static const char *const known[] = { "type", "op", "count" };
    uint64_t n;
    if (!policy_members(j, "a criterion of counts", known, COUNT(known), e) ||
        !policy_number(json_get(j, STR("count")), true, "count", UINT32_MAX, &n, e))
        return false;
    if (!policy_word(json_get(j, STR("op")), "more-than") || n == 0)
        return err_set(e, ERR_INPUT, 0,
                       "fingerprint-count needs op more-than, and a count of at least 1");
    if (n > r->keep)
        r->keep = n;
    return true;
}

static bool read_criteria(const struct json *list, struct retention_rule *r, struct err *e)
{
    if (!list || list->type != JSON_LIST || list->count == 0 ||
        list->count > RETENTION_CRITERIA_MAX)
        return err_set(e, ERR_INPUT, 0, "criteria must be a list of 1 to %d",
                       RETENTION_CRITERIA_MAX);
    for (const struct json *j = list->first; j; j = j->next) {
        const struct json *type = json_get(j, STR("type"));
        bool ok;
        if (policy_word(type, "object-age"))
            ok = read_age(j, r, e);
        else if (policy_word(type, "fingerprint-count"))
            ok = read_count(j, r, e);
        else
            ok = err_set(e, ERR_INPUT, 0,
                         "type of a criterion must be object-age or fingerprint-count");
        if (!ok)
            return false;
    }
    return true;
}

static bool read_subsets(const struct json *list, unsigned *actions, struct err *e)
{
    if (!list) {
        *actions |= RETENTION_ALL;
        return true;
    }
    bool ok = list->type == JSON_LIST && list->count > 0;
    for (const struct json *j = ok ? list->first : NULL; j; j = j->next) {
        if (policy_word(j, "physical"))
            *actions |= RETENTION_PHYSICAL;
        else if (policy_word(j, "crdb"))
            *actions |= RETENTION_ROW;
        else
            ok = false;
    }
    return ok || err_set(e, ERR_INPUT, 0, "subsets must be a list of \"physical\" and \"crdb\"");
}

static bool read_actions(const struct json *list, struct retention_rule *r, struct err *e)
{
    static const char *const compress[] = { "type" };
    static const char *const delete_all[] = { "type", "subsets" };
    if (!list || list->type != JSON_LIST || list->count == 0 || list->count > RETENTION_ACTIONS_MAX)
        return err_set(e, ERR_INPUT, 0, "actions must be a list of 1 to %d", RETENTION_ACTIONS_MAX);
    for (const struct json *j = list->first; j; j = j->next) {
        const struct json *type = json_get(j, STR("type"));
        bool ok;
        if (policy_word(type, "compress")) {
            r->actions |= RETENTION_COMPRESS;
            ok = policy_members(j, "compress", compress, COUNT(compress), e);
        } else if (policy_word(type, "delete-all")) {
            ok = policy_members(j, "delete-all", delete_all, COUNT(delete_all), e) &&
                 read_subsets(json_get(j, STR("subsets")), &r->actions, e);
        } else {
            ok = err_set(e, ERR_INPUT, 0, "type of an action must be delete-all or compress");
        }
        if (!ok)
            return false;
    }
    return true;
}

static bool read_rule(const struct json *j, struct retention_rule *r, struct err *e)
{
    static const char *const known[] = { "criteria", "actions" };
    *r = (struct retention_rule){ .age_max_s = INT64_MAX };
    return policy_members(j, "a rule", known, COUNT(known), e) &&
           read_criteria(json_get(j, STR("criteria")), r, e) &&
           read_actions(json_get(j, STR("actions")), r, e);
}

bool retention_parse(struct str text, struct arena *a, struct retention_rule **rules, size_t *count,
                     struct err *e)
{
    const struct json *list;
    size_t n = 0;
    if (!policy_json(text, a, &list, e))
        return err_prefix(e, "rules: ");
    if (list->type != JSON_LIST || list->count > RETENTION_RULES_MAX)
        return err_set(e, ERR_INPUT, 0, "rules must be a list of at most %d", RETENTION_RULES_MAX);
    struct retention_rule *all = arena_array(a, list->count, sizeof *all);
    if (!all)
        return err_set(e, ERR_NOMEM, 0, "no memory for rules");
    for (const struct json *j = list->first; j; j = j->next, n++)
        if (!read_rule(j, &all[n], e))
            return err_prefix(e, "rule %zu: ", n);
    *rules = all;
    *count = n;
    return true;
}
