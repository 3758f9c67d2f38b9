/* Rules of retention and sampling: the first byte says which; what is taken makes sense. */
#include "access/policy.h"

#include <assert.h>

#define ARENA_BYTES ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_retention(struct str text, struct arena *a)
{
    struct retention_rule *rules;
    struct err e = { 0 };
    size_t n;
    if (!retention_parse(text, a, &rules, &n, &e)) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
        return;
    }
    assert(n <= RETENTION_RULES_MAX);
    for (size_t i = 0; i < n; i++) {
        assert(rules[i].age_min_s >= 0 && rules[i].actions != 0);
        assert((rules[i].actions & ~(unsigned)(RETENTION_ALL | RETENTION_COMPRESS)) == 0);
    }
}

static void check_sampling(struct str text, struct arena *a)
{
    struct sampling s;
    struct err e = { 0 };
    if (!sampling_parse(text, a, &s, &e)) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0');
        return;
    }
    assert(s.backoff_count <= SAMPLING_BACKOFFS_MAX &&
           s.attribute_count <= SAMPLING_ATTRIBUTES_MAX);
    assert(s.buckets > 0 && s.buckets <= SAMPLING_BUCKETS_MAX && s.reset_interval_s >= 0);
    for (size_t i = 0; i < s.backoff_count; i++)
        assert(s.backoffs[i].count > 0 && s.backoffs[i].interval_s >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    if (!a || size == 0)
        return 0;
    struct str text = { (const char *)data + 1, size - 1 };
    if (*data == 'r')
        check_retention(text, a);
    else
        check_sampling(text, a);
    return 0;
}
