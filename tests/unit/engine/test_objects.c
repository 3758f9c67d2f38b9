/* Objects and uuids: held against a plain list, through takes, drops, commits and a clearing. */
#include "engine/objects.h"

#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS 6000
#define PROJECTS 3
#define UUIDS 40

/* The model: one entry for each id that was ever given. */
struct known {
    unsigned project, uuid; /* uuid 0: none */
    enum object_state state;
    uint32_t report;
};

static const char *const project_names[PROJECTS] = { "alpha", "beta", "" };

static struct str uuid_text(char out[16], unsigned uuid, bool upper)
{
    if (uuid == 0)
        return STR("");
    snprintf(out, 16, upper ? "AB-%04X" : "ab-%04x", uuid);
    return str_from_c(out);
}

static uint64_t model_find(const struct known *known, uint64_t last, unsigned project,
                           unsigned uuid)
{
    for (uint64_t id = 1; id <= last; id++)
        if (uuid && known[id].uuid == uuid && known[id].project == project &&
            known[id].state != OBJECT_UNKNOWN)
            return id;
    return OBJECT_NONE;
}

static void check(struct objects *o, const struct known *known, uint64_t last)
{
    for (uint64_t id = 0; id <= last + 2; id++)
        for (unsigned p = 0; p < PROJECTS; p++) {
            struct object got = objects_find(o, id, str_from_c(project_names[p]));
            bool any = project_names[p][0] == '\0';
            enum object_state want = id >= 1 && id <= last && (any || known[id].project == p)
                                         ? known[id].state
                                         : OBJECT_UNKNOWN;
            assert_int_equal(got.state, want);
            if (want == OBJECT_COMMITTED)
                assert_int_equal(got.report, known[id].report);
        }
}

static void test_against_a_model(void **state)
{
    (void)state;
    static struct known known[STEPS + 1];
    struct objects o;
    uint64_t last = 0;
    char text[16];
    unsigned seed = 7;
    assert_true(objects_init(&o));
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned project = (unsigned)rand_r(&seed) % 2, uuid = (unsigned)rand_r(&seed) % UUIDS;
        unsigned what = (unsigned)rand_r(&seed) % 8;
        uint64_t some = last ? 1 + (uint64_t)rand_r(&seed) % last : 0;
        if (what < 4) {
            struct err e;
            uint64_t id, want = model_find(known, last, project, uuid);
            bool duplicate;
            assert_true(objects_take(&o, str_from_c(project_names[project]),
                                     uuid_text(text, uuid, what & 1), &id, &duplicate, &e));
            assert_int_equal(duplicate, want != OBJECT_NONE);
            assert_int_equal(id, want ? want : last + 1);
            if (!duplicate)
                known[++last] = (struct known){ project, uuid, OBJECT_ACCEPTED, OBJECT_NO_REPORT };
        } else if (what < 6 && some && known[some].state == OBJECT_ACCEPTED) {
            objects_committed(&o, some, step);
            known[some].state = OBJECT_COMMITTED;
            known[some].report = step;
        } else if (what == 6 && some && known[some].state == OBJECT_ACCEPTED) {
            objects_drop(&o, some, str_from_c(project_names[known[some].project]),
                         uuid_text(text, known[some].uuid, false));
            known[some].state = OBJECT_UNKNOWN;
        }
        if (step % 1500 == 1499) {
            objects_clear(&o, last - 5); /* ids below */
            for (uint64_t id = 1; id < last - 5; id++)
                known[id].state = OBJECT_UNKNOWN;
        }
        if (step % 500 == 499)
            check(&o, known, last);
    }
    assert_int_equal(objects_last(&o), last);
    objects_done(&o);
}

/* When they came, and whether what has come is still on its way. */
static void test_settled(void **state)
{
    (void)state;
    enum { OBJECTS = 5000 };
    struct objects o;
    struct err e;
    uint64_t id = 0, ids[3];
    uint32_t got[3];
    bool duplicate;
    assert_true(objects_init(&o));
    assert_true(objects_settled(&o, 0));
    assert_true(objects_settled(&o, 100)); /* there is none */
    for (unsigned i = 0; i < OBJECTS; i++) {
        assert_true(objects_take(&o, STR("p"), STR(""), &id, &duplicate, &e));
        objects_came(&o, id, 1000 * (int64_t)id + i % 2);
    }
    for (uint64_t i = 1; i <= OBJECTS; i++) {
        assert_false(objects_settled(&o, i));
        if (i % 3 == 0)
            objects_drop(&o, i, STR("p"), STR(""));
        else if (i != OBJECTS - 1)
            objects_committed(&o, i, OBJECT_NO_REPORT);
        else
            break;
        assert_true(objects_settled(&o, i));
    }
    objects_committed(&o, OBJECTS, OBJECT_NO_REPORT);
    assert_true(objects_settled(&o, OBJECTS - 2));
    assert_false(objects_settled(&o, OBJECTS));
    objects_clear(&o, OBJECTS);
    assert_true(objects_settled(&o, OBJECTS));
    assert_true(objects_settled(&o, UINT64_MAX));
    ids[0] = 1;
    ids[1] = 2;
    ids[2] = OBJECTS + 7;
    objects_received(&o, ids, 3, got);
    assert_int_equal(got[0], 1);
    assert_int_equal(got[1], 3); /* rounded up */
    assert_int_equal(got[2], 0);
    objects_done(&o);
}

/* Work on an object is wanted again at each point of its life. */
static void test_work(void **state)
{
    (void)state;
    struct objects o;
    struct err e;
    uint64_t id;
    bool duplicate;
    assert_true(objects_init(&o));
    assert_true(objects_take(&o, STR("p"), STR(""), &id, &duplicate, &e));
    assert_false(objects_want_again(&o, 0));
    assert_false(objects_want_again(&o, id + 1));
    /* It waits in the inbox: the work is to come. */
    assert_false(objects_want_again(&o, id));
    assert_int_equal(objects_again(&o), 0);
    objects_work_begins(&o, id);
    objects_committed(&o, id, 5);
    assert_false(objects_work_ends(&o, id));
    /* At rest; then it waits, and once is enough. */
    assert_true(objects_want_again(&o, id));
    assert_false(objects_want_again(&o, id));
    objects_forget_again(&o, id);
    assert_int_equal(objects_again(&o), 0);
    assert_true(objects_want_again(&o, id));
    assert_int_equal(objects_again(&o), 1);
    objects_work_begins(&o, id);
    assert_int_equal(objects_again(&o), 1);
    assert_false(objects_work_ends(&o, id));
    /* Wanted while the work goes on: once more after it. */
    assert_true(objects_want_again(&o, id));
    objects_work_begins(&o, id);
    assert_false(objects_want_again(&o, id));
    assert_false(objects_want_again(&o, id));
    assert_int_equal(objects_again(&o), 2);
    assert_true(objects_work_ends(&o, id));
    assert_int_equal(objects_again(&o), 1);
    assert_false(objects_want_again(&o, id));
    /* Put off: it will be begun anew, and so needs no other. */
    objects_work_begins(&o, id);
    assert_false(objects_want_again(&o, id));
    objects_work_waits(&o, id);
    assert_int_equal(objects_again(&o), 1);
    assert_false(objects_want_again(&o, id));
    objects_work_begins(&o, id);
    assert_false(objects_work_ends(&o, id));
    assert_true(objects_want_again(&o, id));
    /* Deleted meanwhile. */
    objects_work_begins(&o, id);
    assert_false(objects_want_again(&o, id));
    objects_clear(&o, id + 1);
    assert_false(objects_work_ends(&o, id));
    assert_false(objects_want_again(&o, id));
    assert_int_equal(objects_again(&o), 0);
    /* One that is wanted while it is processed for the first time. */
    assert_true(objects_take(&o, STR("p"), STR(""), &id, &duplicate, &e));
    objects_work_begins(&o, id);
    assert_false(objects_want_again(&o, id));
    assert_int_equal(objects_again(&o), 1);
    objects_committed(&o, id, 6);
    assert_true(objects_work_ends(&o, id));
    assert_int_equal(objects_again(&o), 1);
    objects_done(&o);
}

static void test_restored(void **state)
{
    (void)state;
    struct objects o;
    struct err e;
    uint64_t id;
    bool duplicate;
    assert_true(objects_init(&o));
    objects_begin_after(&o, 100);
    /* A report, then its upload with the uuid; an upload that waits; one in the inbox. */
    const struct object report = { OBJECT_COMMITTED, 5 }, row = { OBJECT_COMMITTED, 5 },
                        waiting = { OBJECT_COMMITTED, OBJECT_NO_REPORT },
                        inbox = { OBJECT_ACCEPTED, OBJECT_NO_REPORT };
    assert_true(objects_restore(&o, 7, STR("p"), STR(""), report, &e));
    assert_true(objects_restore(&o, 7, STR("p"), STR("u-7"), row, &e));
    assert_true(objects_restore(&o, 9, STR("p"), STR("u-9"), waiting, &e));
    assert_true(objects_restore(&o, 4000, STR("q"), STR("u-4000"), inbox, &e));
    assert_int_equal(objects_find(&o, 7, STR("p")).report, 5);
    assert_int_equal(objects_find(&o, 9, STR("p")).state, OBJECT_COMMITTED);
    assert_int_equal(objects_find(&o, 4000, STR("q")).state, OBJECT_ACCEPTED);
    assert_int_equal(objects_find(&o, 8, STR("")).state, OBJECT_UNKNOWN);
    assert_true(objects_take(&o, STR("p"), STR("U-7"), &id, &duplicate, &e));
    assert_true(duplicate && id == 7);
    assert_true(objects_take(&o, STR("q"), STR("u-7"), &id, &duplicate, &e));
    assert_true(!duplicate && id == 4001);
    objects_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_settled),
        cmocka_unit_test(test_work),
        cmocka_unit_test(test_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
