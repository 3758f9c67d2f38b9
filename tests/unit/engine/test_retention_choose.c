/* Which objects a rule is about: a table, and random projects against the rule's plain meaning. */
#include "engine/retention_choose.h"

#include "unit/cmocka_all.h"
#include "unit/group/dice.h"

#define NOW_S 100000
#define OBJECTS 60
#define FINGERPRINTS 5
#define ROUNDS 2000

static void test_table(void **state)
{
    static const struct retention_object all[] = {
        /* object, fingerprint, received, emptied */
        { 1, 1, NOW_S - 100, false }, { 2, 2, NOW_S - 90, true }, { 3, 1, NOW_S - 80, false },
        { 4, 0, NOW_S - 70, false },  { 5, 1, 0, false },         { 6, 1, NOW_S + 50, false },
    };
    static const struct {
        const char *name;
        struct retention_rule rule;
        uint64_t want[7];
    } cases[] = {
        { "all", { 0, INT64_MAX, 0, RETENTION_ALL }, { 6, 5, 4, 3, 2, 1 } },
        { "old", { 80, INT64_MAX, 0, RETENTION_ALL }, { 3, 2, 1 } },
        { "a range", { 80, 99, 0, RETENTION_ALL }, { 3, 2 } },
        { "young", { 0, 79, 0, RETENTION_ALL }, { 6, 4 } },
        { "bytes", { 80, INT64_MAX, 0, RETENTION_PHYSICAL }, { 3, 1 } },
        { "rows", { 80, INT64_MAX, 0, RETENTION_ROW }, { 2 } },
        { "compress", { 80, INT64_MAX, 0, RETENTION_COMPRESS }, { 3, 1 } },
        { "two of each", { 0, INT64_MAX, 2, RETENTION_ALL }, { 3, 1 } },
        { "two of each, old", { 90, INT64_MAX, 2, RETENTION_ALL }, { 1 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t newer[3];
        uint64_t got[7] = { 0 };
        (void)retention_choose(&cases[i].rule, all, 6, NOW_S, newer, 2, got);
        if (memcmp(got, cases[i].want, sizeof got) != 0)
            fail_msg("%s: object %llu first", cases[i].name, (unsigned long long)got[0]);
    }
}

/* The rule's meaning for one object. */
static bool is_meant(const struct retention_rule *r, const struct retention_object *all,
                     size_t count, size_t at)
{
    const struct retention_object *o = &all[at];
    size_t newer = 0;
    int64_t age_s = NOW_S - (int64_t)o->received_s;
    for (size_t i = at + 1; i < count; i++)
        newer += all[i].fingerprint == o->fingerprint;
    if (r->keep > 0 && (o->fingerprint == 0 || newer < r->keep))
        return false;
    if (r->age_min_s > 0 && (o->received_s == 0 || age_s < r->age_min_s))
        return false;
    if (r->age_max_s < INT64_MAX && (o->received_s == 0 || age_s > r->age_max_s))
        return false;
    if (!(r->actions & RETENTION_ROW))
        return !o->is_emptied;
    return (r->actions & RETENTION_PHYSICAL) || o->is_emptied;
}

static void one_round(struct dice *d)
{
    static const unsigned actions[] = { RETENTION_ALL, RETENTION_PHYSICAL, RETENTION_ROW,
                                        RETENTION_COMPRESS };
    struct retention_object all[OBJECTS];
    struct retention_rule rule = { .age_max_s = INT64_MAX, .actions = actions[dice(d, 4)] };
    uint32_t newer[FINGERPRINTS + 1];
    uint64_t chosen[OBJECTS];
    size_t count = dice(d, OBJECTS + 1), at = 0;
    for (size_t i = 0; i < count; i++)
        all[i] =
            (struct retention_object){ .object = 3 * i + 1,
                                       .fingerprint = dice(d, FINGERPRINTS + 1),
                                       .received_s = dice(d, 20) == 0 ? 0 : NOW_S - dice(d, 100),
                                       .is_emptied = dice(d, 4) == 0 };
    if (dice(d, 2) == 0)
        rule.age_min_s = dice(d, 100);
    if (dice(d, 3) == 0)
        rule.age_max_s = rule.age_min_s + dice(d, 50);
    if (dice(d, 2) == 0)
        rule.keep = 1 + dice(d, 5);
    size_t n = retention_choose(&rule, all, count, NOW_S, newer, FINGERPRINTS, chosen);
    for (size_t i = count; i-- > 0;)
        if (is_meant(&rule, all, count, i)) {
            assert_true(at < n);
            assert_int_equal(chosen[at++], all[i].object);
        }
    assert_int_equal(at, n);
}

static void test_random(void **state)
{
    struct dice d;
    (void)state;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++)
        one_round(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
