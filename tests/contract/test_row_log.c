/* Which objects' rows changed since when, of any store; and the checkpoint that goes with it. */
#include "tests/contract/place.h"

#include <stdlib.h>

struct seen {
    uint64_t objects[64];
    size_t count;
};

static bool note(void *ctx, uint64_t object, struct err *e)
{
    struct seen *s = ctx;
    if (s->count == 64)
        return err_set(e, ERR_LIMIT, 0, "too many");
    s->objects[s->count++] = object;
    return true;
}

static uint64_t last(struct place *p)
{
    uint64_t out = 0;
    OK(store_row_log_last(p->store, &out, &e));
    return out;
}

static void expect(struct place *p, uint64_t after, const uint64_t *want, size_t count)
{
    struct seen s = { .count = 0 };
    OK(store_scan_row_log(p->store, after, note, &s, &e));
    assert_int_equal(s.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(s.objects[i], want[i]);
}

#define EXPECT(after, ...)                                                                         \
    do {                                                                                           \
        const uint64_t want[] = { __VA_ARGS__ };                                                   \
        expect(p, after, want, sizeof want / sizeof *want);                                        \
    } while (0)

/* Reports 0 to 4 of the objects 1 to 5, uploads of 1 to 3, and one of 9 without a report. */
static void fill(struct place *p)
{
    struct stored_report *reports = make_reports(p, 0, 5, 10);
    struct stored_upload uploads[4];
    for (uint32_t i = 0; i < 5; i++)
        reports[i].object = i + 1;
    for (uint32_t i = 0; i < 3; i++) {
        uploads[i] = make_upload(p, i + 1, 50);
        uploads[i].state = UPLOAD_DECODED;
        uploads[i].report = i;
    }
    uploads[3] = make_upload(p, 9, 50);
    uploads[3].state = UPLOAD_FAILED;
    uploads[3].report = STORE_NONE;
    const struct store_batch batch = {
        .reports = reports, .report_count = 5, .uploads = uploads, .upload_count = 4
    };
    OK(store_write(p->store, &batch, &e));
}

static void what_is_logged(void **state)
{
    struct place *p = *state;
    uint64_t none = last(p);
    expect(p, 0, NULL, 0);
    fill(p);
    EXPECT(none, 1, 2, 3, 4, 5, 9);
    assert_int_equal(last(p), none + 6); /* each once */

    uint64_t filled = last(p);
    struct stored_upload again = make_upload(p, 2, 50);
    again.remade = true;
    again.state = UPLOAD_FAILED;
    again.report = 1; /* of an earlier batch */
    const struct stored_change change = {
        .object = 4, .no_upload = true, .amended = STR("{\"a\":\"1\"}"), .report = STORE_NONE
    };
    const uint32_t report = 4;
    const struct stored_removal removal = {
        .object = 5, .part = STORED_ALL, .reports = &report, .report_count = 1, .since = 5
    };
    const struct store_batch batch = { .uploads = &again,
                                       .upload_count = 1,
                                       .changes = &change,
                                       .change_count = 1,
                                       .removals = &removal,
                                       .removal_count = 1 };
    OK(store_write(p->store, &batch, &e));
    EXPECT(filled, 2, 4, 5);
    EXPECT(filled + 2, 5);
    expect(p, last(p), NULL, 0);
    place_reopen(p);
    EXPECT(filled, 2, 4, 5);
}

static void failed_batch_logs_nothing(void **state)
{
    struct place *p = *state;
    fill(p);
    uint64_t before = last(p);
    const struct stored_change change = {
        .object = 77, .attributes = STR("{}"), .amended = STR("{}"), .report = STORE_NONE
    };
    const struct store_batch batch = { .changes = &change, .change_count = 1 };
    FAILS(store_write(p->store, &batch, &e), ERR_NOT_FOUND);
    assert_int_equal(last(p), before);
}

static void checkpoints(void **state)
{
    struct place *p = *state;
    struct stored_checkpoint got, c = { .token = UINT64_MAX - 5, .made_with = 7 };
    bool more = true;
    FAILS(store_checkpoint_read(p->store, &got, &e), ERR_NOT_FOUND);
    fill(p);
    c.number = last(p) + 1;
    FAILS(store_checkpoint_put(p->store, &c, &e), ERR_CONFLICT);
    FAILS(store_checkpoint_read(p->store, &got, &e), ERR_NOT_FOUND);
    c.number = last(p) - 1;
    OK(store_checkpoint_put(p->store, &c, &e));
    while (more)
        OK(store_row_log_prune(p->store, c.number, &more, &e));
    place_reopen(p);
    OK(store_checkpoint_read(p->store, &got, &e));
    assert_true(got.token == c.token && got.number == c.number && got.made_with == 7);
    assert_int_equal(last(p), c.number + 1);
    EXPECT(c.number, 9);
    c.number--; /* forgotten */
    FAILS(store_checkpoint_put(p->store, &c, &e), ERR_CONFLICT);
    c.number = last(p);
    c.token = 1;
    OK(store_checkpoint_put(p->store, &c, &e));
    OK(store_checkpoint_read(p->store, &got, &e));
    assert_true(got.token == 1 && got.number == c.number);
}

/* Numbers go on, and what was taken before fits no more. */
static void deletion_of_all(void **state)
{
    struct place *p = *state;
    struct stored_checkpoint got, c = { .token = 3 };
    bool more = true;
    fill(p);
    c.number = last(p);
    OK(store_checkpoint_put(p->store, &c, &e));
    OK(store_delete_all(p->store, 10, &e));
    FAILS(store_checkpoint_read(p->store, &got, &e), ERR_NOT_FOUND);
    FAILS(store_checkpoint_put(p->store, &c, &e), ERR_CONFLICT);
    assert_int_equal(last(p), c.number + 1);
    expect(p, 0, NULL, 0);
    c.number = last(p);
    OK(store_checkpoint_put(p->store, &c, &e));
    OK(store_row_log_prune(p->store, c.number, &more, &e));
    assert_false(more);
    OK(store_delete_all(p->store, 10, &e)); /* of nothing */
    FAILS(store_checkpoint_put(p->store, &c, &e), ERR_CONFLICT);
}

/* More than one portion. */
static void long_log(void **state)
{
    enum { CHANGES = 25000 };
    struct place *p = *state;
    struct stored_change *changes = calloc(CHANGES, sizeof *changes);
    unsigned portions = 0;
    bool more = true;
    assert_non_null(changes);
    fill(p);
    for (size_t i = 0; i < CHANGES; i++)
        changes[i] = (struct stored_change){
            .object = 4, .no_upload = true, .amended = STR("{}"), .report = STORE_NONE
        };
    const struct store_batch batch = { .changes = changes, .change_count = CHANGES };
    OK(store_write(p->store, &batch, &e));
    EXPECT(1, 1, 2, 3, 4, 5, 9);
    while (more) {
        OK(store_row_log_prune(p->store, last(p) - 1, &more, &e));
        portions += more;
    }
    assert_int_equal(portions, 2);
    EXPECT(0, 4);
    free(changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_logged), CASE(failed_batch_logs_nothing),
        CASE(checkpoints),    CASE(deletion_of_all),
        CASE(long_log),
    };
    return cmocka_run_group_tests_name("store: log of rows", tests, NULL, NULL);
}
