/* Counts and changes of submission buckets in any store. */
#include "tests/contract/place.h"

#include <string.h>

static struct stored_count make_count(unsigned n, uint64_t count)
{
    struct stored_count c = {
        .token = n % 3,
        .bucket = n % 2 ? STR("cts") : STR("other\0one"),
        .combination = n % 5 ? STR("{\"fingerprint\":\"..\",\"uname.sysname\":null}") : STR("{}"),
        .count = count,
    };
    memset(c.key, (int)n, sizeof c.key);
    return c;
}

static void write_counts(struct place *p, const struct stored_count *c, size_t count)
{
    struct store_batch batch = { .counts = c, .count_count = count };
    OK(store_write(p->store, &batch, &e));
}

#define KEYS 40

struct counted {
    uint64_t counts[KEYS];
    size_t rows;
};

static bool take_count(void *ctx, const struct stored_count *got, struct err *e)
{
    struct counted *all = ctx;
    unsigned n = got->key[0];
    if (n >= KEYS)
        return err_set(e, ERR_LIMIT, 0, "that is enough");
    struct stored_count want = make_count(n, got->count);
    assert_memory_equal(got->key, want.key, sizeof want.key);
    assert_int_equal(got->token, want.token);
    assert_str(got->bucket, want.bucket);
    assert_str(got->combination, want.combination);
    all->counts[n] = got->count;
    all->rows++;
    return true;
}

static void counts(void **state)
{
    struct place *p = *state;
    uint64_t want[KEYS] = { 0 };
    for (unsigned round = 0; round < 20; round++) {
        struct stored_count batch[KEYS + 1];
        size_t n = 0;
        for (unsigned k = round % 3; k < KEYS; k += 1 + round % 5)
            batch[n++] = make_count(k, want[k] += 1 + round);
        batch[n++] = make_count(7, want[7] += 1); /* the latest of a key last */
        write_counts(p, batch, n);
    }
    for (int again = 0; again < 2; again++) {
        struct counted got = { .rows = 0 };
        OK(store_scan_counts(p->store, take_count, &got, &e));
        assert_int_equal(got.rows, KEYS);
        assert_memory_equal(got.counts, want, sizeof want);
        place_reopen(p);
    }
    struct stored_count most = make_count(0, INT64_MAX);
    write_counts(p, &most, 1);
    struct counted got = { .rows = 0 };
    OK(store_scan_counts(p->store, take_count, &got, &e));
    assert_true(got.counts[0] == INT64_MAX);
    OK(store_delete_all(p->store, 1, &e));
    got.rows = 0;
    OK(store_scan_counts(p->store, take_count, &got, &e));
    assert_int_equal(got.rows, 0);
}

static void scan_stops(void **state)
{
    struct place *p = *state;
    struct stored_count wild = make_count(KEYS, 1);
    struct counted got = { .rows = 0 };
    write_counts(p, &wild, 1);
    FAILS(store_scan_counts(p->store, take_count, &got, &e), ERR_LIMIT);
}

struct changes {
    struct place *p;
    struct stored_change at[8];
    size_t count;
};

static bool take_change(void *ctx, const struct stored_change *got, struct err *e)
{
    struct changes *all = ctx;
    struct stored_change *to = &all->at[all->count++];
    (void)e;
    *to = *got;
    assert_int_equal(got->attributes.len, 0);
    assert_int_equal(got->packed_payload.len, 0);
    assert_true(arena_str(all->p->arena, got->amended, &to->amended));
    return true;
}

static struct changes read_changes(struct place *p)
{
    struct changes all = { .p = p };
    OK(store_scan_changes(p->store, take_change, &all, &e));
    return all;
}

/* Uploads 1 (waiting), 3 (kept) and 4 (decoded, as report 0). */
static void write_some(struct place *p)
{
    struct stored_report r = make_report(p, 0, 10);
    struct stored_upload u[3] = { make_upload(p, 1, 10), make_upload(p, 3, 10),
                                  make_upload(p, 4, 10) };
    u[2].report = 0;
    struct store_batch batch = {
        .reports = &r, .report_count = 1, .uploads = u, .upload_count = 3
    };
    OK(store_write(p->store, &batch, &e));
}

static bool write_changes(struct place *p, const struct stored_change *c, size_t count,
                          struct err *e)
{
    struct store_batch batch = { .changes = c, .change_count = count };
    return store_write(p->store, &batch, e);
}

static void changes(void **state)
{
    struct place *p = *state;
    struct stored_upload u;
    struct stored_report r;
    struct stored_change c[2] = {
        { .object = 4,
          .attributes = STR("{\"n\":\"4\",\"x\":\"1\"}"),
          .amended = STR("{\"x\":\"1\"}"),
          .report = 0 },
        { .object = 1,
          .attributes = STR("{\"y\":\"2\"}"),
          .amended = STR("{\"y\":\"2\"}"),
          .report = STORE_NONE },
    };
    OK(store_pack(STR("{\"changed\":true}"), p->arena, &c[0].packed_payload, &e));
    write_some(p);
    assert_int_equal(read_changes(p).count, 0);
    OK(write_changes(p, c, 2, &e));
    place_reopen(p);

    OK(store_upload_read(p->store, 4, p->arena, &u, &e));
    assert_str(u.attributes, c[0].attributes);
    assert_str(u.amended, c[0].amended);
    OK(store_read(p->store, 0, p->arena, &r, &e));
    assert_str(r.payload, STR("{\"changed\":true}"));
    OK(store_upload_read(p->store, 1, p->arena, &u, &e));
    assert_str(u.amended, c[1].amended);
    expect_upload(p, 3, 10);

    struct changes all = read_changes(p);
    assert_int_equal(all.count, 2);
    assert_true(all.at[0].object == 1 && all.at[0].report == STORE_NONE);
    assert_str(all.at[0].amended, c[1].amended);
    assert_true(all.at[1].object == 4 && all.at[1].report == 0);

    c[1].amended = STR("{\"y\":\"3\"}"); /* once more */
    OK(write_changes(p, &c[1], 1, &e));
    assert_str(read_changes(p).at[0].amended, c[1].amended);
    OK(store_delete_all(p->store, 1, &e)); /* object 4 is symbols, and stays */
    all = read_changes(p);
    assert_true(all.count == 1 && all.at[0].object == 4);
}

/* What was set before an upload could be read outlives its being read; and a change may be of an
 * upload of the same batch. */
static void changed_then_replaced(void **state)
{
    struct place *p = *state;
    struct stored_change c = { .object = 1,
                               .attributes = STR("{\"y\":\"2\"}"),
                               .amended = STR("{\"y\":\"2\"}"),
                               .report = STORE_NONE };
    struct stored_upload u = make_upload(p, 1, 10), got;
    struct store_batch batch = {
        .uploads = &u, .upload_count = 1, .changes = &c, .change_count = 1
    };
    OK(store_write(p->store, &batch, &e));
    struct stored_report r = make_report(p, 0, 10);
    u.state = UPLOAD_DECODED;
    u.report = 0;
    u.attributes = STR("{\"y\":\"2\",\"z\":\"3\"}");
    batch =
        (struct store_batch){ .reports = &r, .report_count = 1, .uploads = &u, .upload_count = 1 };
    OK(store_write(p->store, &batch, &e));
    OK(store_upload_read(p->store, 1, p->arena, &got, &e));
    assert_str(got.attributes, u.attributes);
    assert_str(got.amended, c.amended);
    struct changes all = read_changes(p);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.at[0].report, 0);
}

static void change_of_nothing(void **state)
{
    struct place *p = *state;
    struct stored_change c[2] = { { .object = 3, .report = STORE_NONE },
                                  { .object = 2, .report = STORE_NONE } };
    write_some(p);
    FAILS(write_changes(p, c, 2, &e), ERR_NOT_FOUND);
    c[1] = (struct stored_change){ .object = 4, .report = 1 };
    FAILS(write_changes(p, c, 2, &e), ERR_NOT_FOUND);
    assert_int_equal(read_changes(p).count, 0);
    expect_upload(p, 3, 10);
}

/* What is set in an object without an upload; null for what was cleared; one object's alone. */
static void without_upload(void **state)
{
    struct place *p = *state;
    struct str packed, amended;
    struct stored_report got;
    OK(store_pack(STR("{\"database_id\":\"x\"}"), p->arena, &packed, &e));
    const struct stored_change c = { .object = 77,
                                     .no_upload = true,
                                     .amended = STR("{\"a\":null}"),
                                     .report = 0,
                                     .packed_payload = packed };
    write_some(p);
    OK(write_changes(p, &c, 1, &e));
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        struct changes all = read_changes(p);
        assert_int_equal(all.count, 1);
        assert_true(all.at[0].no_upload && all.at[0].object == 77);
        assert_int_equal(all.at[0].report, STORE_NONE);
        assert_str(all.at[0].amended, STR("{\"a\":null}"));
        OK(store_amended(p->store, 77, p->arena, &amended, &e));
        assert_str(amended, STR("{\"a\":null}"));
        OK(store_amended(p->store, 4, p->arena, &amended, &e));
        assert_int_equal(amended.len, 0);
        OK(store_amended(p->store, UINT64_MAX, p->arena, &amended, &e));
        assert_int_equal(amended.len, 0);
        OK(store_read(p->store, 0, p->arena, &got, &e));
        assert_str(got.payload, STR("{\"database_id\":\"x\"}"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(counts),
        CASE(scan_stops),
        CASE(changes),
        CASE(changed_then_replaced),
        CASE(change_of_nothing),
        CASE(without_upload),
    };
    return cmocka_run_group_tests_name("store: submission buckets", tests, NULL, NULL);
}
