/* retention_choose.c - see the header. */
#include "engine/retention_choose.h"

#include <string.h>

static bool has_age(const struct retention_rule *rule, const struct retention_object *o,
                    int64_t now_s)
{
    int64_t age_s = now_s - (int64_t)o->received_s;
    if (rule->age_min_s == 0 && rule->age_max_s == INT64_MAX)
        return true;
    if (o->received_s == 0)
        return false;
    if (age_s < 0) /* the clock was set back */
        age_s = 0;
    return age_s >= rule->age_min_s && age_s <= rule->age_max_s;
}

/* The row goes by itself only once the bytes are gone. */
static bool is_left(unsigned actions, bool is_emptied)
{
    unsigned removes = actions & RETENTION_ALL;
    return removes == RETENTION_ALL || is_emptied == (removes == RETENTION_ROW);
}

size_t retention_choose(const struct retention_rule *rule, const struct retention_object *all,
                        size_t count, int64_t now_s, uint32_t *newer, uint32_t fingerprints,
                        uint64_t *out)
{
    size_t n = 0;
    memset(newer, 0, ((size_t)fingerprints + 1) * sizeof *newer);
    for (size_t i = count; i-- > 0;) {
        const struct retention_object *o = &all[i];
        bool is_one_of_many =
            rule->keep == 0 || (o->fingerprint > 0 && newer[o->fingerprint] >= rule->keep);
        newer[o->fingerprint]++;
        if (is_one_of_many && has_age(rule, o, now_s) && is_left(rule->actions, o->is_emptied))
            out[n++] = o->object;
    }
    return n;
}
