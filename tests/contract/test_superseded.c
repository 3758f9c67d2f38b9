/* Reports that were made again, in any store: which took the place of which, their uploads with
 * them, all of it or nothing. */
#include "tests/contract/place.h"

static bool write_superseding(struct place *p, uint32_t first, size_t count,
                              const struct stored_superseding *s, size_t superseded, struct err *e)
{
    struct store_batch batch = {
        .reports = make_reports(p, first, count, 10),
        .report_count = count,
        .superseded = s,
        .superseded_count = superseded,
    };
    return store_write(p->store, &batch, e);
}

struct scan {
    const struct stored_superseding *want;
    size_t count, next, stop_at;
};

static bool scan_one(void *ctx, const struct stored_superseding *got, struct err *e)
{
    struct scan *x = ctx;
    if (x->next == x->stop_at)
        return err_set(e, ERR_LIMIT, 0, "that is enough");
    assert_true(x->next < x->count);
    assert_int_equal(got->number, x->want[x->next].number);
    assert_int_equal(got->by, x->want[x->next].by);
    x->next++;
    return true;
}

static void expect_superseded(struct place *p, const struct stored_superseding *want, size_t count)
{
    struct scan x = { want, count, 0, SIZE_MAX };
    OK(store_scan_superseded(p->store, scan_one, &x, &e));
    assert_int_equal(x.next, count);
}

/* In the order of those that took the places, whatever the order in which they were written. */
static void round_trip(void **state)
{
    static const struct stored_superseding first[] = { { 1, 5 }, { 3, 4 } };
    static const struct stored_superseding second[] = { { 5, 6 } };
    static const struct stored_superseding all[] = { { 3, 4 }, { 1, 5 }, { 5, 6 } };
    struct place *p = *state;
    expect_superseded(p, NULL, 0);
    OK(write_superseding(p, 0, 4, NULL, 0, &e));
    OK(write_superseding(p, 4, 2, first, 2, &e));
    OK(write_superseding(p, 6, 1, second, 1, &e));
    expect_superseded(p, all, 3);
    place_reopen(p);
    expect_superseded(p, all, 3);
    expect_reports(p, 7, 10); /* they stay under their numbers */
    struct scan x = { all, 3, 0, 2 };
    FAILS(store_scan_superseded(p->store, scan_one, &x, &e), ERR_LIMIT);
    expect_superseded(p, all, 3); /* and after a stopped one all is well */
}

static void all_or_nothing(void **state)
{
    static const struct stored_superseding once[] = { { 1, 4 } };
    static const struct stored_superseding again[] = { { 2, 5 }, { 1, 6 } };
    struct place *p = *state;
    OK(write_superseding(p, 0, 4, NULL, 0, &e));
    OK(write_superseding(p, 4, 1, once, 1, &e));
    FAILS(write_superseding(p, 5, 2, again, 2, &e), ERR_IO);
    expect_superseded(p, once, 1);
    expect_reports(p, 5, 10);
    OK(write_superseding(p, 5, 2, again, 1, &e));
}

static void remade_upload(void **state)
{
    struct place *p = *state;
    struct stored_upload was = make_upload(p, 3, 500), u, got;
    struct store_batch batch = { .uploads = &was, .upload_count = 1 };
    OK(store_write(p->store, &batch, &e));
    u = (struct stored_upload){
        .object = 3,
        .project = was.project,
        .state = UPLOAD_DECODED,
        .report = 77,
        .attributes = STR("{\"made\":\"again\"}"),
        .error = STR("one sentence\nand another"),
        .has_fingerprint = true,
        .fingerprint = { 9, 8, 7 },
        .remade = true,
    };
    batch.uploads = &u;
    OK(store_write(p->store, &batch, &e));
    OK(store_upload_read(p->store, 3, p->arena, &got, &e));
    was.state = u.state;
    was.report = u.report;
    was.attributes = u.attributes;
    was.error = u.error;
    was.has_fingerprint = true;
    memcpy(was.fingerprint, u.fingerprint, sizeof was.fingerprint);
    assert_upload(&got, &was);
    assert_str(got.attributes, was.attributes);
    assert_str(got.fields, was.fields);
    assert_str(got.body.bytes, was.body.bytes);
}

/* With the report that was made of it: the one does not come without the other. */
static void remade_without_upload(void **state)
{
    static const struct stored_superseding s[] = { { 0, 1 } };
    struct place *p = *state;
    struct stored_upload u = make_upload(p, 3, 10);
    OK(write_superseding(p, 0, 1, NULL, 0, &e));
    u.remade = true;
    struct store_batch batch = {
        .reports = make_reports(p, 1, 1, 10),
        .report_count = 1,
        .superseded = s,
        .superseded_count = 1,
        .uploads = &u,
        .upload_count = 1,
    };
    FAILS(store_write(p->store, &batch, &e), ERR_NOT_FOUND);
    expect_reports(p, 1, 10);
    expect_superseded(p, NULL, 0);
}

static void delete_all(void **state)
{
    static const struct stored_superseding s[] = { { 0, 1 } };
    struct place *p = *state;
    OK(write_superseding(p, 0, 2, s, 1, &e));
    OK(store_delete_all(p->store, 1, &e));
    expect_superseded(p, NULL, 0);
    OK(write_superseding(p, 0, 2, s, 1, &e)); /* numbers are used again */
    expect_superseded(p, s, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(round_trip), CASE(all_or_nothing), CASE(remade_upload), CASE(remade_without_upload),
        CASE(delete_all),
    };
    return cmocka_run_group_tests_name("store: superseded", tests, NULL, NULL);
}
