/* What is removed from any store: objects with their bytes and rows, single attachments; what
 * stays, and that it is all or nothing. */
#include "tests/contract/place.h"

static const uint8_t zeros[STORE_CONTENT_HASH_BYTES];

/* Ten reports of the objects 1 to 10, an upload of each, and 30 attachments: three an object. */
static void fill(struct place *p)
{
    struct stored_upload uploads[10];
    struct stored_attachment attachments[30];
    static const struct stored_module module = { STR_INIT("a.pdb"), STR_INIT("A1"),
                                                 STR_INIT("a.exe"), STR_INIT("B2") };
    struct stored_report *reports = make_reports(p, 0, 10, 10);
    for (uint32_t i = 0; i < 10; i++) {
        reports[i].object = i + 1;
        uploads[i] = make_upload(p, i + 1, 500);
        uploads[i].state = UPLOAD_DECODED;
        uploads[i].report = i;
        uploads[i].missing = &module;
        uploads[i].missing_count = 1;
    }
    for (uint64_t i = 0; i < 30; i++) {
        attachments[i] = make_attachment(p, i + 1, 20);
        attachments[i].object = i / 3 + 1;
    }
    const struct stored_superseding s = { 2, 9 }; /* of the object 10, let us say */
    const struct store_batch batch = { .reports = reports,
                                       .report_count = 10,
                                       .superseded = &s,
                                       .superseded_count = 1,
                                       .uploads = uploads,
                                       .upload_count = 10,
                                       .attachments = attachments,
                                       .attachment_count = 30 };
    OK(store_write(p->store, &batch, &e));
}

static bool apply(struct place *p, const struct stored_removal *r, size_t count, struct err *e)
{
    const struct store_batch batch = { .removals = r, .removal_count = count };
    return store_write(p->store, &batch, e);
}

static size_t attachments_of(struct place *p, uint64_t object)
{
    struct stored_attachment *all;
    size_t count = 0;
    OK(store_attachments(p->store, object, p->arena, &all, &count, &e));
    return count;
}

static size_t missing_of(struct place *p)
{
    struct symbol_summary summary;
    size_t n = 0;
    for (unsigned i = 0; i < 7; i++) {
        char project[32];
        snprintf(project, sizeof project, "project %u", i);
        struct missing_module *all;
        size_t count;
        OK(store_symbol_summary(p->store, str_from_c(project), &summary, &e));
        OK(store_missing_list(p->store, str_from_c(project), 0, 100, p->arena, &all, &count, &e));
        for (size_t k = 0; k < count; k++)
            n += all[k].reports;
    }
    return n;
}

static void expect_emptied(struct place *p, uint32_t number)
{
    struct stored_report got, was = make_report(p, number, 10);
    OK(store_read(p->store, number, p->arena, &got, &e));
    assert_int_equal(got.payload.len, 0);
    assert_int_equal(got.object, 0);
    assert_memory_equal(got.content_hash, zeros, sizeof zeros);
    assert_str(got.database_id, was.database_id);
    assert_str(got.project, was.project);
    assert_str(got.shorthand, was.shorthand);
    assert_int_equal(got.date_ms, was.date_ms);
    assert_memory_equal(got.fingerprint, was.fingerprint, sizeof was.fingerprint);
    for (size_t i = 0; i < got.bucket_count; i++)
        assert_str(got.buckets[i], was.buckets[i]);
}

static bool is_removed(struct place *p, uint64_t object)
{
    bool removed = false;
    OK(store_is_removed(p->store, object, &removed, &e));
    return removed;
}

struct scan {
    struct stored_removed got[16];
    size_t count, stop_at;
};

static bool scan_one(void *ctx, const struct stored_removed *r, struct err *e)
{
    struct scan *x = ctx;
    if (x->count == x->stop_at)
        return err_set(e, ERR_LIMIT, 0, "that is enough");
    x->got[x->count++] = *r;
    return true;
}

static void expect_removed(struct place *p, const struct stored_removed *want, size_t count)
{
    struct scan x = { .stop_at = SIZE_MAX };
    OK(store_scan_removed(p->store, scan_one, &x, &e));
    assert_int_equal(x.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(x.got[i].number, want[i].number);
        assert_int_equal(x.got[i].since, want[i].since);
    }
}

static void bytes(void **state)
{
    static const uint32_t third[] = { 3 };
    const struct stored_removal r = { 4, STORED_BYTES, third, 1, 10 };
    const struct stored_removed want = { 3, 10 };
    struct place *p = *state;
    struct stored_upload got, was = make_upload(p, 4, 500);
    fill(p);
    assert_int_equal(missing_of(p), 10);
    OK(apply(p, &r, 1, &e));
    for (int reopened = 0; reopened < 2; reopened++) {
        OK(store_upload_read(p->store, 4, p->arena, &got, &e));
        assert_int_equal(got.state, UPLOAD_REMOVED);
        assert_int_equal(got.report, STORE_NONE);
        assert_str(got.attributes, was.attributes);
        assert_str(got.uuid, was.uuid);
        assert_str(got.fields, STR("[]"));
        assert_int_equal(got.body.bytes.len, 0);
        assert_int_equal(got.body.size, was.body.size); /* how large it was */
        assert_false(got.body.in_file);
        assert_int_equal(attachments_of(p, 4), 0);
        assert_int_equal(attachments_of(p, 5), 3);
        assert_int_equal(missing_of(p), 9);
        expect_emptied(p, 3);
        assert_false(is_removed(p, 4));
        expect_removed(p, &want, 1);
        place_reopen(p);
    }
    OK(apply(p, &r, 1, &e)); /* once more changes nothing */
    expect_removed(p, &want, 1);
}

static void all_of_it(void **state)
{
    static const uint32_t chain[] = { 2, 9 }, first[] = { 0 };
    const struct stored_removal r[] = { { 1, STORED_ALL, first, 1, 10 },
                                        { 10, STORED_ALL, chain, 2, 10 } };
    const struct stored_removed want[] = { { 0, 10 }, { 9, 10 } };
    struct place *p = *state;
    struct stored_upload got;
    uint64_t object, attachment;
    fill(p);
    OK(apply(p, r, 2, &e));
    for (int reopened = 0; reopened < 2; reopened++) {
        FAILS(store_upload_read(p->store, 1, p->arena, &got, &e), ERR_NOT_FOUND);
        FAILS(store_upload_read(p->store, 10, p->arena, &got, &e), ERR_NOT_FOUND);
        assert_int_equal(attachments_of(p, 10), 0);
        expect_emptied(p, 0);
        expect_emptied(p, 2);
        expect_emptied(p, 9);
        assert_true(is_removed(p, 1) && is_removed(p, 10) && !is_removed(p, 2));
        expect_removed(p, want, 2);
        OK(store_last_ids(p->store, &object, &attachment, &e));
        assert_int_equal(object, 10); /* is not given again */
        place_reopen(p);
    }
}

/* By rising `since`, then number; a scan that is stopped leaves all well. */
static void order(void **state)
{
    static const uint32_t a[] = { 7 }, b[] = { 1 }, c[] = { 4 };
    const struct stored_removal first[] = { { 8, STORED_ALL, a, 1, 8 } };
    const struct stored_removal second[] = { { 5, STORED_ALL, c, 1, 10 },
                                             { 2, STORED_BYTES, b, 1, 10 } };
    const struct stored_removed want[] = { { 7, 8 }, { 1, 10 }, { 4, 10 } };
    struct place *p = *state;
    struct scan x = { .stop_at = 1 };
    fill(p);
    OK(apply(p, second, 2, &e));
    OK(apply(p, first, 1, &e));
    FAILS(store_scan_removed(p->store, scan_one, &x, &e), ERR_LIMIT);
    expect_removed(p, want, 3);
}

/* The batch fails at its last row: nothing of it is done. */
static void all_or_nothing(void **state)
{
    static const uint32_t third[] = { 3 };
    const struct stored_removal r = { 4, STORED_ALL, third, 1, 10 };
    struct place *p = *state;
    fill(p);
    const struct stored_change change = {
        .object = 77, .attributes = STR("{}"), .amended = STR("{}"), .report = STORE_NONE
    };
    const uint64_t detached[] = { 1 };
    struct store_batch batch = { .removals = &r,
                                 .removal_count = 1,
                                 .detached = detached,
                                 .detached_count = 1,
                                 .changes = &change,
                                 .change_count = 1 };
    FAILS(store_write(p->store, &batch, &e), ERR_NOT_FOUND);
    struct stored_upload got;
    OK(store_upload_read(p->store, 4, p->arena, &got, &e));
    assert_int_equal(got.state, UPLOAD_DECODED);
    assert_int_equal(attachments_of(p, 1), 3);
    expect_removed(p, NULL, 0);
}

static void detach(void **state)
{
    const uint64_t ids[] = { 2, 3, 1000 };
    const struct store_batch batch = { .detached = ids, .detached_count = 3 };
    struct place *p = *state;
    struct stored_attachment got;
    fill(p);
    OK(store_write(p->store, &batch, &e));
    assert_int_equal(attachments_of(p, 1), 1);
    FAILS(store_attachment_read(p->store, 2, p->arena, &got, &e), ERR_NOT_FOUND);
    OK(store_attachment_read(p->store, 1, p->arena, &got, &e));
}

/* After all reports were deleted, numbers are used again, and those are not removed; objects that
 * were removed before stay so. */
static void delete_all(void **state)
{
    static const uint32_t third[] = { 3 };
    const struct stored_removal r = { 4, STORED_ALL, third, 1, 10 };
    struct place *p = *state;
    fill(p);
    OK(apply(p, &r, 1, &e));
    OK(store_delete_all(p->store, 1, &e));
    expect_removed(p, NULL, 0);
    assert_true(is_removed(p, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bytes),          CASE(all_of_it), CASE(order),
        CASE(all_or_nothing), CASE(detach),    CASE(delete_all),
    };
    return cmocka_run_group_tests_name("store: removal", tests, NULL, NULL);
}
