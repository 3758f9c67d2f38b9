/* policy.c - what the JSON of rules has in common: members of known names and types. */
#include "access/policy_json.h"

#define DEPTH_MAX 8
#define NODES_MAX 4000

#define SHOWN_BYTES 40 /* of a name in a message */
#define SHOW_ARG(s) (int)((s).len < SHOWN_BYTES ? (s).len : SHOWN_BYTES), (s).ptr

bool policy_json(struct str text, struct arena *a, const struct json **out, struct err *e)
{
    const struct json_limits limits = { DEPTH_MAX, NODES_MAX };
    if (json_parse(out, text, limits, a, e))
        return true;
    if (e->code == ERR_LIMIT)
        e->code = ERR_INPUT;
    return false;
}

bool policy_members(const struct json *j, const char *what, const char *const *known, size_t count,
                    struct err *e)
{
    if (j->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "%s must be an object", what);
    for (const struct json *m = j->first; m; m = m->next) {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = str_eq(m->key, str_from_c(known[i]));
        if (!found)
            return err_set(e, ERR_INPUT, 0, "%s has no member \"%.*s\"", what, SHOW_ARG(m->key));
    }
    return true;
}

bool policy_number(const struct json *j, bool as_text, const char *what, uint64_t max,
                   uint64_t *out, struct err *e)
{
    uint64_t n = 0;
    bool ok = j && j->type == (as_text ? JSON_STRING : JSON_NUMBER) && j->text.len > 0;
    for (size_t i = 0; ok && i < j->text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)j->text.ptr[i] - '0';
        ok = digit <= 9 && n <= (max - digit) / 10;
        n = n * 10 + digit;
    }
    *out = n;
    return ok || err_set(e, ERR_INPUT, 0, "%s must be a whole number from 0 to %llu%s", what,
                         (unsigned long long)max, as_text ? ", as a string of digits" : "");
}

bool policy_word(const struct json *j, const char *word)
{
    return j && j->type == JSON_STRING && str_eq(j->text, str_from_c(word));
}
