/* bpg_kept_check.c - what must hold of objects that are kept, so that whoever acts by them, and
 * clients who list them, find them well-formed. */
#include "access/policy.h"
#include "api/bpg.h"

#define TEXT_DEPTH_MAX 32
#define TEXT_NODES_MAX 20000
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A field that holds JSON, of one of the types in `types`, or may be null. */
static bool check_json(const struct bpg_type *t, const struct bpg_row *row, const char *name,
                       const char *types, struct arena *a, struct err *e)
{
    const struct json_limits limits = { TEXT_DEPTH_MAX, TEXT_NODES_MAX };
    size_t at = bpg_field_find(t, str_from_c(name));
    const struct json *j;
    if (!bpg_has(row, at))
        return true;
    if (!json_parse(&j, row->at[at].text, limits, a, e)) {
        if (e->code == ERR_LIMIT)
            e->code = ERR_INPUT;
        return err_prefix(e, "%s: ", name);
    }
    bool ok = (strchr(types, '{') && j->type == JSON_OBJECT) ||
              (strchr(types, '[') && j->type == JSON_LIST) || strchr(types, '*');
    return ok || err_set(e, ERR_INPUT, 0, "%s must be JSON, and begin with %s", name, types);
}

/* Fields that are 0, 1 or null. */
static bool check_flag(const struct bpg_type *t, const struct bpg_row *row, const char *name,
                       struct err *e)
{
    size_t at = bpg_field_find(t, str_from_c(name));
    return !bpg_has(row, at) || row->at[at].number == 0 || row->at[at].number == 1 ||
           err_set(e, ERR_INPUT, 0, "%s must be 0 or 1", name);
}

static bool check_name(const struct bpg_type *t, const struct bpg_row *row, struct err *e)
{
    struct str name = bpg_text(row, bpg_field_find(t, STR("name")));
    bool ok = name.len > 0 && name.len <= UPLOAD_NAME_MAX;
    for (size_t i = 0; ok && i < name.len; i++)
        ok = (unsigned char)name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f;
    return ok || err_set(e, ERR_INPUT, 0,
                         "name must have 1 to %d bytes, and no control characters among them",
                         UPLOAD_NAME_MAX);
}

static bool check_word(const struct bpg_type *t, const struct bpg_row *row, const char *name,
                       const char *const *words, size_t count, struct err *e)
{
    size_t at = bpg_field_find(t, str_from_c(name));
    if (!bpg_has(row, at))
        return true;
    for (size_t i = 0; i < count; i++)
        if (str_eq(row->at[at].text, str_from_c(words[i])))
            return true;
    return err_set(e, ERR_INPUT, 0, "there is no %s \"%.*s\"", name,
                   row->at[at].text.len < 40 ? (int)row->at[at].text.len : 40,
                   row->at[at].text.ptr);
}

BPG_CHECK(bpg_check_sampling)
{
    struct str text = bpg_text(row, bpg_field_find(t, STR("configuration")));
    struct sampling s;
    if (!check_flag(t, row, "disabled", e) || !sampling_parse(text, a, &s, e))
        return false;
    size_t disabled = bpg_field_find(t, STR("disabled"));
    return s.backoff_count > 0 || (bpg_has(row, disabled) && row->at[disabled].number == 1) ||
           err_set(e, ERR_INPUT, 0, "configuration: it has no backoffs, and is not disabled");
}

BPG_CHECK(bpg_check_retention)
{
    struct retention_rule *rules;
    size_t count;
    return retention_parse(bpg_text(row, bpg_field_find(t, STR("rules"))), a, &rules, &count, e);
}

BPG_CHECK(bpg_check_attribute)
{
    static const char *const types[] = { "bitmap", "uint8",   "uint16", "uint32",
                                         "uint64", "uint128", "uuid",   "dictionary" };
    static const char *const formats[] = { "none",          "commit",         "semver",
                                           "callstack",     "hostname",       "bytes",
                                           "kilobytes",     "megabytes",      "gigabytes",
                                           "terabytes",     "nanoseconds",    "milliseconds",
                                           "seconds",       "unix_timestamp", "js_timestamp",
                                           "gps_timestamp", "memory_address", "labels",
                                           "sha256",        "uuid",           "ipv4",
                                           "ipv6",          "username",       "url" };
    (void)a;
    return check_name(t, row, e) && check_word(t, row, "type", types, COUNT(types), e) &&
           check_word(t, row, "format", formats, COUNT(formats), e);
}

BPG_CHECK(bpg_check_deduplication)
{
    return check_name(t, row, e) && check_flag(t, row, "enabled", e) &&
           check_json(t, row, "rules", "[", a, e);
}

BPG_CHECK(bpg_check_limits)
{
    return check_json(t, row, "definition", "{", a, e) && check_json(t, row, "metadata", "*", a, e);
}

BPG_CHECK(bpg_check_actions)
{
    return check_flag(t, row, "enabled", e) && check_json(t, row, "configuration", "{[", a, e);
}

BPG_CHECK(bpg_check_scrubber)
{
    static const char *const builtins[] = { "ssn", "ccn", "key", "env", "all" };
    bool regexp = bpg_has(row, bpg_field_find(t, STR("regexp")));
    bool builtin = bpg_has(row, bpg_field_find(t, STR("builtin")));
    (void)a;
    if (regexp == builtin)
        return err_set(e, ERR_INPUT, 0, "a scrubber has either a regexp or a builtin");
    return check_name(t, row, e) && check_flag(t, row, "enable", e) &&
           check_word(t, row, "builtin", builtins, COUNT(builtins), e);
}

BPG_CHECK(bpg_check_query)
{
    return check_name(t, row, e) && check_json(t, row, "queries", "{[", a, e) &&
           check_json(t, row, "payload", "{[", a, e);
}

BPG_CHECK(bpg_check_override)
{
    return check_name(t, row, e) && check_json(t, row, "value", "*", a, e);
}
