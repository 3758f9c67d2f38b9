/* Reports in any store: what comes back, in which order, all of a batch or nothing. */
#include "tests/contract/place.h"

static void round_trip(void **state)
{
    struct place *p = *state;
    expect_reports(p, 0, 0);
    OK(write_reports(p->store, make_reports(p, 0, 1, 10), 1, &e));
    OK(write_reports(p->store, make_reports(p, 1, 99, 10), 99, &e));
    for (uint32_t n = 0; n < 100; n++) {
        struct stored_report want = make_report(p, n, 10), got;
        OK(store_read(p->store, n, p->arena, &got, &e));
        assert_report(&got, &want);
        assert_str(got.payload, want.payload);
    }
    expect_reports(p, 100, 10);
    place_reopen(p);
    expect_reports(p, 100, 10);
    OK(write_reports(p->store, make_reports(p, 100, 3, 10), 3, &e));
    expect_reports(p, 103, 10);
}

static void strange_strings(void **state)
{
    struct place *p = *state;
    struct stored_report r = make_report(p, 0, 0), got;
    struct str names[3] = { STR("a\0b"), STR("a"), STR("\xf0\x9f\x92\xa5 'quoted\" \n") };
    r.database_id = STR("id\0with a NUL");
    r.project = STR("pro\0ject");
    r.buckets = names;
    r.payload = STR("{\"a\":\"\0\"}");
    OK(store_pack(r.payload, p->arena, &r.packed, &e));
    OK(write_reports(p->store, &r, 1, &e));
    OK(store_read(p->store, 0, p->arena, &got, &e));
    assert_report(&got, &r);
    assert_str(got.payload, r.payload);
}

static void large_payload(void **state)
{
    struct place *p = *state;
    struct stored_report r = make_report(p, 0, 20000000), got;
    OK(write_reports(p->store, &r, 1, &e));
    OK(store_read(p->store, 0, p->arena, &got, &e));
    assert_str(got.payload, r.payload);
    CLEANUP(arena_free_p) struct arena *small = arena_new(1 << 20);
    FAILS(store_read(p->store, 0, small, &got, &e), ERR_NOMEM);
}

static void missing(void **state)
{
    struct place *p = *state;
    struct stored_report got;
    FAILS(store_read(p->store, 0, p->arena, &got, &e), ERR_NOT_FOUND);
    OK(write_reports(p->store, make_reports(p, 0, 2, 0), 2, &e));
    FAILS(store_read(p->store, 2, p->arena, &got, &e), ERR_NOT_FOUND);
    FAILS(store_read(p->store, STORE_NONE, p->arena, &got, &e), ERR_NOT_FOUND);
}

static void scan_from_and_stop(void **state)
{
    struct place *p = *state;
    OK(write_reports(p->store, make_reports(p, 0, 50, 0), 50, &e));
    struct expectation x = { p, 20, STORE_NONE, 0 };
    OK(store_scan(p->store, 20, expect_report, &x, &e));
    assert_int_equal(x.next, 50);
    x = (struct expectation){ p, 0, 7, 0 };
    FAILS(store_scan(p->store, 0, expect_report, &x, &e), ERR_LIMIT);
    assert_int_equal(x.next, 7);
    x = (struct expectation){ p, 50, STORE_NONE, 0 };
    OK(store_scan(p->store, 50, expect_report, &x, &e)); /* and after a stopped one all is well */
}

static void all_or_nothing(void **state)
{
    struct place *p = *state;
    OK(write_reports(p->store, make_reports(p, 0, 5, 0), 5, &e));
    struct stored_report *batch = make_reports(p, 5, 20, 0);
    batch[19].number = 3; /* stored already */
    FAILS(write_reports(p->store, batch, 20, &e), ERR_IO);
    expect_reports(p, 5, 0);
    batch[19].number = 30; /* would leave a gap */
    FAILS(write_reports(p->store, batch, 20, &e), ERR_IO);
    place_reopen(p);
    expect_reports(p, 5, 0);
    OK(write_reports(p->store, make_reports(p, 5, 20, 0), 20, &e));
    expect_reports(p, 25, 0);
}

static void delete_all(void **state)
{
    struct place *p = *state;
    struct stored_report got;
    OK(store_delete_all(p->store, 1, &e));
    OK(write_reports(p->store, make_reports(p, 0, 300, 5000), 300, &e));
    OK(store_delete_all(p->store, 1, &e));
    expect_reports(p, 0, 0);
    FAILS(store_read(p->store, 0, p->arena, &got, &e), ERR_NOT_FOUND);
    OK(write_reports(p->store, make_reports(p, 0, 2, 1), 2, &e));
    place_reopen(p);
    expect_reports(p, 2, 1);
}

static void other_thresholds(void **state)
{
    struct place *p = *state;
    store_close(p->store);
    p->store = NULL;
    static const double other[] = { 1, 2.25, 7 };
    struct store_settings wrong = { other, 3 };
    struct err why = { 0 };
    assert_false(store_open(&p->store, p->dir, &wrong, &why));
    assert_int_equal(why.code, ERR_CONFLICT);
    assert_non_null(strstr(why.msg, "1,2.5,7"));
    assert_non_null(strstr(why.msg, "1,2.25,7"));
    wrong.threshold_count = 2;
    FAILS(store_open(&p->store, p->dir, &wrong, &e), ERR_CONFLICT);
    assert_null(p->store);
    OK(store_open(&p->store, p->dir, &place_settings, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(round_trip),     CASE(strange_strings),    CASE(large_payload), CASE(missing),
        CASE(all_or_nothing), CASE(scan_from_and_stop), CASE(delete_all),    CASE(other_thresholds),
    };
    return cmocka_run_group_tests_name("store: reports", tests, NULL, NULL);
}
