/* Uploads and attachments in any store: what comes back, lists, ids that never go down. */
#include "tests/contract/place.h"

#include <stdio.h>
#include <string.h>

/* Uploads first, first + step, ... */
static struct stored_upload *make_uploads(struct place *p, uint64_t first, uint64_t step,
                                          size_t count, size_t body_bytes)
{
    struct stored_upload *u = arena_array(p->arena, count, sizeof *u);
    assert_non_null(u);
    for (size_t i = 0; i < count; i++)
        u[i] = make_upload(p, first + i * step, body_bytes);
    return u;
}

static void write_uploads(struct place *p, const struct stored_upload *u, size_t count)
{
    struct store_batch batch = { .uploads = u, .upload_count = count };
    OK(store_write(p->store, &batch, &e));
}

struct scan {
    struct place *p;
    uint64_t last;
    size_t count, stop_at;
};

static bool scan_one(void *ctx, const struct stored_upload *got, struct err *e)
{
    struct scan *x = ctx;
    if (x->count == x->stop_at)
        return err_set(e, ERR_LIMIT, 0, "that is enough");
    struct stored_upload want = make_upload(x->p, got->object, 10);
    assert_true(got->object > x->last);
    assert_upload(got, &want);
    assert_int_equal(got->attributes.len, 0);
    assert_int_equal(got->fields.len, 0);
    assert_int_equal(got->body.bytes.len, 0);
    x->last = got->object;
    x->count++;
    return true;
}

static void round_trip(void **state)
{
    struct place *p = *state;
    write_uploads(p, make_uploads(p, 1, 1, 1, 10), 1);
    write_uploads(p, make_uploads(p, 3, 2, 60, 10), 60); /* not in order: odd ones first */
    write_uploads(p, make_uploads(p, 2, 2, 60, 10), 60);
    for (int again = 0; again < 2; again++) {
        for (uint64_t n = 1; n <= 121; n++)
            expect_upload(p, n, 10);
        struct scan x = { p, 0, 0, SIZE_MAX };
        OK(store_scan_uploads(p->store, scan_one, &x, &e));
        assert_int_equal(x.count, 121);
        place_reopen(p);
    }
    struct scan x = { p, 0, 0, 7 };
    FAILS(store_scan_uploads(p->store, scan_one, &x, &e), ERR_LIMIT);
    assert_int_equal(x.count, 7);
}

static void missing(void **state)
{
    static const uint64_t ids[] = { 0, 3, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX };
    struct place *p = *state;
    write_uploads(p, make_uploads(p, 1, 1, 2, 10), 2);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct stored_upload u;
        struct stored_attachment t, *list;
        size_t n = 1;
        FAILS(store_upload_read(p->store, ids[i], p->arena, &u, &e), ERR_NOT_FOUND);
        FAILS(store_upload_head(p->store, ids[i], p->arena, &u, &e), ERR_NOT_FOUND);
        FAILS(store_attachment_read(p->store, ids[i], p->arena, &t, &e), ERR_NOT_FOUND);
        OK(store_attachments(p->store, ids[i], p->arena, &list, &n, &e));
        assert_int_equal(n, 0);
    }
}

static void strange_strings(void **state)
{
    struct place *p = *state;
    struct stored_upload u = make_upload(p, 1, 0), got;
    u.project = STR("pro\0ject");
    u.type = STR("\xff\xfe not UTF-8");
    u.uuid = STR("a\0b");
    u.attributes = STR("{\"a\":\"\0\"}");
    u.error = STR("one\ntwo");
    write_uploads(p, &u, 1);
    OK(store_upload_read(p->store, 1, p->arena, &got, &e));
    assert_upload(&got, &u);
    assert_str(got.attributes, u.attributes);
    assert_int_equal(got.body.bytes.len, 0); /* an empty body is one, too */
}

/* What is read without its body and fields. */
static void heads(void **state)
{
    struct place *p = *state;
    write_uploads(p, make_uploads(p, 1, 1, 40, 100000), 40);
    struct stored_change change = { .object = 5,
                                    .attributes = STR("{\"b\":\"2\"}"),
                                    .amended = STR("{\"b\":\"2\"}"),
                                    .report = STORE_NONE };
    struct store_batch batch = { .changes = &change, .change_count = 1 };
    OK(store_write(p->store, &batch, &e));
    for (uint64_t n = 1; n <= 40; n++) {
        CLEANUP(arena_free_p) struct arena *small = arena_new(64 << 10); /* no room for a body */
        struct stored_upload want = make_upload(p, n, 100000), got;
        OK(store_upload_head(p->store, n, small, &got, &e));
        assert_upload(&got, &want);
        assert_str(got.attributes, n == 5 ? change.attributes : want.attributes);
        assert_str(got.amended, n == 5 ? change.amended : STR(""));
        assert_int_equal(got.fields.len, 0);
        assert_int_equal(got.body.bytes.len, 0);
        struct arena *tiny = arena_new(16);
        FAILS(store_upload_head(p->store, n, tiny, &got, &e), ERR_NOMEM);
        arena_free(tiny);
    }
}

/* How often each file is named: by the first byte of its hash, which tells the made ones apart. */
struct named {
    size_t times[256], left; /* fails after so many */
};

static bool name_one(void *ctx, const uint8_t hash[CONTENT_HASH_BYTES], struct err *e)
{
    struct named *n = ctx;
    if (n->left-- == 0)
        return err_set(e, ERR_LIMIT, 0, "enough");
    n->times[hash[0]]++;
    return true;
}

static void files(void **state)
{
    struct place *p = *state;
    enum { UPLOADS = 100, ATTACHMENTS = 60 };
    struct stored_attachment t[ATTACHMENTS];
    struct named want = { .left = SIZE_MAX }, got = { .left = SIZE_MAX };
    struct err ignored = { 0 };
    OK(store_scan_files(p->store, name_one, &got, &e));
    assert_memory_equal(got.times, want.times, sizeof want.times);
    write_uploads(p, make_uploads(p, 1, 1, UPLOADS, 10), UPLOADS);
    for (uint64_t n = 1; n <= UPLOADS; n++) {
        struct stored_upload u = make_upload(p, n, 10);
        if (u.body.in_file)
            assert_true(name_one(&want, u.body.hash, &ignored));
    }
    for (size_t i = 0; i < ATTACHMENTS; i++) {
        t[i] = make_attachment(p, i + 1, 10);
        if (t[i].content.in_file)
            assert_true(name_one(&want, t[i].content.hash, &ignored));
    }
    struct store_batch batch = { .attachments = t, .attachment_count = ATTACHMENTS };
    OK(store_write(p->store, &batch, &e));
    OK(store_scan_files(p->store, name_one, &got, &e));
    assert_memory_equal(got.times, want.times, sizeof want.times);
    assert_true(SIZE_MAX - got.left == UPLOADS / 8 + ATTACHMENTS / 5);
    got = (struct named){ .left = 20 }; /* stops among the attachments */
    FAILS(store_scan_files(p->store, name_one, &got, &e), ERR_LIMIT);
    /* Uploads that are no errors stay, and what belongs to them. */
    want = got = (struct named){ .left = SIZE_MAX };
    for (uint64_t n = 1; n <= UPLOADS; n++) {
        struct stored_upload u = make_upload(p, n, 10);
        if (u.body.in_file && !upload_format_is_error(u.format))
            assert_true(name_one(&want, u.body.hash, &ignored));
    }
    for (size_t i = 0; i < ATTACHMENTS; i++)
        if (t[i].content.in_file && t[i].object <= UPLOADS &&
            !upload_format_is_error(make_upload(p, t[i].object, 10).format))
            assert_true(name_one(&want, t[i].content.hash, &ignored));
    assert_true(want.left < SIZE_MAX && SIZE_MAX - want.left < UPLOADS / 8 + ATTACHMENTS / 5);
    OK(store_delete_all(p->store, UPLOADS + 1, &e));
    OK(store_scan_files(p->store, name_one, &got, &e));
    assert_memory_equal(got.times, want.times, sizeof want.times);
}

static void large_body(void **state)
{
    struct place *p = *state;
    write_uploads(p, make_uploads(p, 1, 1, 3, 5000000), 3);
    for (uint64_t n = 1; n <= 3; n++)
        expect_upload(p, n, 5000000);
    CLEANUP(arena_free_p) struct arena *small = arena_new(1 << 20);
    struct stored_upload got;
    FAILS(store_upload_read(p->store, 1, small, &got, &e), ERR_NOMEM);
}

/* A waiting one that has been processed. */
static void replaced(void **state)
{
    struct place *p = *state;
    write_uploads(p, make_uploads(p, 1, 1, 5, 10), 5);
    struct stored_upload u = make_upload(p, 1, 99), got;
    assert_int_equal(u.state, UPLOAD_WAITING);
    u.state = UPLOAD_DECODED;
    u.report = 0;
    u.attributes = STR("{\"decoded\":\"yes\"}");
    struct stored_report r = make_report(p, 0, 10);
    struct store_batch batch = {
        .reports = &r, .report_count = 1, .uploads = &u, .upload_count = 1
    };
    OK(store_write(p->store, &batch, &e));
    OK(store_upload_read(p->store, 1, p->arena, &got, &e));
    assert_upload(&got, &u);
    assert_str(got.attributes, u.attributes);
    assert_str(got.body.bytes, u.body.bytes);
    expect_upload(p, 2, 10);
    expect_reports(p, 1, 10);
}

/* The brute force: all of them from the newest down, sieved here. */
static void expect_list(struct place *p, const struct upload_filter *f, uint64_t last)
{
    struct stored_upload *got;
    size_t n, at = 0;
    OK(store_upload_list(p->store, f, p->arena, &got, &n, &e));
    for (uint64_t id = f->before && f->before <= last ? f->before - 1 : last; id > 0; id--) {
        struct stored_upload want = make_upload(p, id, 10);
        if (at == f->limit || !str_eq(want.project, f->project) ||
            (f->has_format && want.format != f->format) || (f->has_state && want.state != f->state))
            continue;
        assert_true(at < n);
        assert_upload(&got[at], &want);
        assert_str(got[at].attributes, want.attributes);
        assert_int_equal(got[at].fields.len, 0);
        assert_int_equal(got[at].body.bytes.len, 0);
        at++;
    }
    assert_int_equal(at, n);
}

static void listed(void **state)
{
    static const uint64_t befores[] = { 0, 1, 2, 100, 199, 300, UINT64_MAX };
    static const size_t limits[] = { 0, 1, 5, SIZE_MAX };
    struct place *p = *state;
    write_uploads(p, make_uploads(p, 2, 2, 100, 10), 100);
    write_uploads(p, make_uploads(p, 1, 2, 100, 10), 100);
    for (size_t b = 0; b < sizeof befores / sizeof *befores; b++)
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++)
            for (int kind = 0; kind < 4; kind++) {
                struct upload_filter f = {
                    .project = STR("project 3"),
                    .has_format = kind & 1,
                    .has_state = kind & 2,
                    .format = UPLOAD_BTT, /* project 3 has some of them */
                    .state = UPLOAD_WAITING,
                    .before = befores[b],
                    .limit = limits[l],
                };
                expect_list(p, &f, 200);
            }
    const struct upload_filter none = { .project = STR("no such"), .limit = 10 };
    expect_list(p, &none, 200);
}

static void attachments(void **state)
{
    struct place *p = *state;
    struct stored_attachment t[31];
    for (size_t n = 1; n <= 30; n++)
        t[n] = make_attachment(p, n, n == 7 ? 0 : 1000 * n);
    struct store_batch batch = { .attachments = t + 1, .attachment_count = 20 };
    OK(store_write(p->store, &batch, &e));
    batch = (struct store_batch){ .attachments = t + 21, .attachment_count = 10 };
    OK(store_write(p->store, &batch, &e));
    for (uint64_t object = 1; object <= 11; object++) {
        struct stored_attachment *list;
        size_t count, want = object == 1 ? 2 : object == 11 ? 1 : 3;
        OK(store_attachments(p->store, object, p->arena, &list, &count, &e));
        assert_int_equal(count, want);
        for (size_t i = 0; i < count; i++) {
            assert_attachment(&list[i], &t[(object - 1) * 3 + i + (object == 1)]);
            assert_int_equal(list[i].content.bytes.len, 0);
        }
    }
    for (uint64_t n = 1; n <= 30; n++) {
        struct stored_attachment got;
        OK(store_attachment_read(p->store, n, p->arena, &got, &e));
        assert_attachment(&got, &t[n]);
        assert_str(got.content.bytes, t[n].content.bytes);
    }
}

static void expect_last(struct place *p, uint64_t object, uint64_t attachment)
{
    uint64_t o, a;
    OK(store_last_ids(p->store, &o, &a, &e));
    assert_true(o == object);
    assert_true(a == attachment);
}

static void ids_never_go_down(void **state)
{
    struct place *p = *state;
    expect_last(p, 0, 0);
    struct stored_report r = make_report(p, 0, 1);
    r.object = 40;
    OK(write_reports(p->store, &r, 1, &e));
    expect_last(p, 40, 0); /* also of reports without an upload */
    write_uploads(p, make_uploads(p, 50, 1, 3, 1), 3);
    write_uploads(p, make_uploads(p, 45, 1, 2, 1), 2);
    struct stored_attachment t = make_attachment(p, 9, 1);
    struct store_batch batch = { .attachments = &t, .attachment_count = 1 };
    OK(store_write(p->store, &batch, &e));
    expect_last(p, 52, 9);
    uint64_t gone;
    OK(store_gone_below(p->store, &gone, &e));
    assert_int_equal(gone, 0);
    OK(store_delete_all(p->store, 77, &e));
    OK(store_gone_below(p->store, &gone, &e));
    assert_int_equal(gone, 77);
    OK(store_delete_all(p->store, 5, &e)); /* it never goes down */
    OK(store_gone_below(p->store, &gone, &e));
    assert_int_equal(gone, 77);
    expect_last(p, 52, 9);
    place_reopen(p);
    expect_last(p, 52, 9);
    write_uploads(p, make_uploads(p, 3, 1, 1, 1), 1);
    expect_last(p, 52, 9);
    FAILS(store_upload_read(p->store, 50, p->arena, &(struct stored_upload){ 0 }, &e),
          ERR_NOT_FOUND);
    FAILS(store_attachment_read(p->store, 9, p->arena, &t, &e), ERR_NOT_FOUND);
}

/* A batch that cannot be: its last row is not possible, so nothing of the others is there. */
static void all_or_nothing(void **state)
{
    struct place *p = *state;
    struct stored_report r = make_report(p, 0, 1);
    struct stored_upload *u = make_uploads(p, 1, 1, 3, 1), got;
    struct stored_attachment t[2] = { make_attachment(p, 4, 1), make_attachment(p, 4, 1) };
    struct stored_count n = { .key = { 1 }, .bucket = STR("b"), .combination = STR("{}") };
    struct stored_change change = { .object = 9, .report = STORE_NONE };
    struct store_batch batch = {
        .reports = &r,
        .report_count = 1,
        .uploads = u,
        .upload_count = 3,
        .attachments = t,
        .attachment_count = 2,
        .counts = &n,
        .count_count = 1,
    };
    FAILS(store_write(p->store, &batch, &e), ERR_IO); /* an attachment's id twice */
    batch.attachment_count = 1;
    batch.changes = &change;
    batch.change_count = 1;
    FAILS(store_write(p->store, &batch, &e), ERR_NOT_FOUND); /* no such upload */
    expect_reports(p, 0, 0);
    expect_last(p, 0, 0);
    FAILS(store_upload_read(p->store, 1, p->arena, &got, &e), ERR_NOT_FOUND);
    FAILS(store_attachment_read(p->store, 4, p->arena, t, &e), ERR_NOT_FOUND);
    batch.change_count = 0;
    OK(store_write(p->store, &batch, &e));
    expect_last(p, 3, 4);
}

/* Attributes of errors, and the reports that have no upload: what rows of queries are made of. */

struct row_scan {
    struct place *p;
    uint64_t objects[64];
    size_t count;
};

static bool take_attributes(void *ctx, const struct stored_upload *u, struct err *e)
{
    struct row_scan *s = ctx;
    struct stored_upload want = make_upload(s->p, u->object, 10);
    (void)e;
    assert_true(upload_format_is_error(u->format));
    assert_str(u->attributes, want.attributes);
    assert_str(u->project, want.project);
    assert_str(u->error, want.error);
    assert_true(u->body.size == want.body.size && u->received_ms == want.received_ms);
    s->objects[s->count++] = u->object;
    return true;
}

static bool take_post(void *ctx, const struct stored_report *r, struct str amended, struct err *why)
{
    struct row_scan *s = ctx;
    struct str payload;
    struct stored_report want = make_report(s->p, r->number, 10);
    (void)why;
    OK(store_unpack(r->packed, s->p->arena, &payload, &e));
    assert_str(payload, want.payload);
    assert_str(amended, r->object == 102 ? STR("{\"a\":1}") : STR(""));
    s->objects[s->count++] = r->object;
    return true;
}

static bool stop_post(void *ctx, const struct stored_report *r, struct str amended, struct err *e)
{
    (void)ctx, (void)r, (void)amended;
    return err_set(e, ERR_LIMIT, 0, "enough");
}

static void rows_of_queries(void **state)
{
    struct place *p = *state;
    struct stored_upload u[20];
    struct stored_report r[4];
    const struct stored_change change = {
        .object = 102, .no_upload = true, .amended = STR("{\"a\":1}"), .report = STORE_NONE
    };
    size_t errors = 0;
    for (uint64_t n = 0; n < 20; n++) {
        u[n] = make_upload(p, n + 1, 10);
        errors += upload_format_is_error(u[n].format);
    }
    for (uint32_t n = 0; n < 4; n++) {
        r[n] = make_report(p, n, 10);
        r[n].object = n == 0 ? 1 : n == 3 ? 0 : 100 + n; /* of an upload; before there were ids */
    }
    struct store_batch batch = { .reports = r,
                                 .report_count = 4,
                                 .uploads = u,
                                 .upload_count = 20,
                                 .changes = &change,
                                 .change_count = 1 };
    OK(store_write(p->store, &batch, &e));
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        struct row_scan s = { .p = p };
        OK(store_scan_attributes(p->store, take_attributes, &s, &e));
        assert_int_equal(s.count, errors);
        for (size_t i = 1; i < s.count; i++)
            assert_true(s.objects[i - 1] < s.objects[i]);
        s.count = 0;
        OK(store_scan_posts(p->store, take_post, &s, &e));
        assert_int_equal(s.count, 2);
        assert_true(s.objects[0] == 101 && s.objects[1] == 102);
        FAILS(store_scan_posts(p->store, stop_post, NULL, &e), ERR_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(round_trip),        CASE(missing),        CASE(strange_strings),
        CASE(large_body),        CASE(heads),          CASE(files),
        CASE(replaced),          CASE(listed),         CASE(attachments),
        CASE(ids_never_go_down), CASE(all_or_nothing), CASE(rows_of_queries),
    };
    return cmocka_run_group_tests_name("store: uploads", tests, NULL, NULL);
}
