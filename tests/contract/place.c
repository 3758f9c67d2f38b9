/* place.c - see the header. */
#include "tests/contract/place.h"
#include "tests/unit/remove_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const double thresholds[] = { 1, 2.5, 7 };
const struct store_settings place_settings = { thresholds, 3 };

int place_setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/crumple-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->arena = arena_new(ARENA_BYTES);
    OK(store_open(&p->store, p->dir, &place_settings, &e));
    *state = p;
    return 0;
}

int place_teardown(void **state)
{
    struct place *p = *state;
    store_close(p->store);
    arena_free(p->arena);
    char disk[80];
    snprintf(disk, sizeof disk, "%s/disk", p->dir);
    umount2(disk, MNT_DETACH); /* of full_disk, when it failed on its way */
    remove_tree(p->dir);
    free(p);
    return 0;
}

void place_reopen(struct place *p)
{
    store_close(p->store);
    p->store = NULL;
    OK(store_open(&p->store, p->dir, &place_settings, &e));
}

/* Bytes that cannot be packed; NULs never, quotes neither. */
static struct str make_noise(struct place *p, uint64_t seed, size_t bytes)
{
    char *noise = arena_alloc(p->arena, bytes + 1);
    assert_non_null(noise);
    uint64_t x = seed + 1;
    for (size_t i = 0; i < bytes; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        noise[i] = (char)('0' + (x >> 58));
    }
    return (struct str){ noise, bytes };
}

struct stored_report make_report(struct place *p, uint32_t n, size_t payload_bytes)
{
    struct stored_report r = { .number = n, .bucket_count = 3, .date_ms = -5 + (int64_t)n };
    struct str *names = arena_array(p->arena, 3, sizeof *names);
    struct str noise = make_noise(p, n, payload_bytes);
    assert_non_null(names);
    assert_true(arena_printf(p->arena, &r.database_id, "report %u", n));
    assert_true(arena_printf(p->arena, &r.project, "project %u", n % 7));
    assert_true(
        arena_printf(p->arena, &r.payload, "{\"n\":%u,\"noise\":\"%.*s\"}", n, STR_ARG(noise)));
    r.received_ms = (int64_t)1 << 41 | n;
    r.has_date = n % 2;
    r.top_match = n % 3 ? n - 1 : STORE_NONE;
    r.score = n % 3 ? 1.1f * (float)n : 0;
    names[0] = n % 3 ? STR("the first") : r.database_id;
    names[1] = n % 3 ? STR("the first") : r.database_id;
    names[2] = n % 5 ? STR("another") : r.database_id;
    r.buckets = names;
    memset(r.content_hash, (int)(n & 0xff), sizeof r.content_hash);
    r.object = n % 9 ? n + 1 : 0;
    if (n % 9)
        memset(r.fingerprint, (int)(n & 0x7f) + 1, sizeof r.fingerprint);
    if (n % 4)
        assert_true(arena_printf(p->arena, &r.shorthand, "short%c%u", 0, n));
    OK(store_pack(r.payload, p->arena, &r.packed, &e));
    return r;
}

bool write_reports(struct store *s, const struct stored_report *reports, size_t count,
                   struct err *e)
{
    struct store_batch batch = { .reports = reports, .report_count = count };
    return store_write(s, &batch, e);
}

struct stored_report *make_reports(struct place *p, uint32_t first, size_t count,
                                   size_t payload_bytes)
{
    struct stored_report *r = arena_array(p->arena, count, sizeof *r);
    assert_non_null(r);
    for (size_t i = 0; i < count; i++)
        r[i] = make_report(p, first + (uint32_t)i, payload_bytes);
    return r;
}

void assert_str(struct str got, struct str want)
{
    if (!str_eq(got, want))
        fail_msg("\"%.*s\" is not \"%.*s\"", STR_ARG(got), STR_ARG(want));
}

void assert_report(const struct stored_report *got, const struct stored_report *want)
{
    assert_int_equal(got->number, want->number);
    assert_str(got->database_id, want->database_id);
    assert_str(got->project, want->project);
    assert_true(got->date_ms == want->date_ms);
    assert_true(got->received_ms == want->received_ms);
    assert_int_equal(got->has_date, want->has_date);
    assert_int_equal(got->top_match, want->top_match);
    assert_memory_equal(&got->score, &want->score, sizeof got->score); /* to the last bit */
    assert_int_equal(got->bucket_count, want->bucket_count);
    for (size_t i = 0; i < want->bucket_count; i++)
        assert_str(got->buckets[i], want->buckets[i]);
    assert_str(got->shorthand, want->shorthand);
    assert_int_equal(got->object, want->object);
    assert_memory_equal(got->fingerprint, want->fingerprint, STORE_FINGERPRINT_BYTES);
    assert_memory_equal(got->content_hash, want->content_hash, STORE_CONTENT_HASH_BYTES);
}

bool expect_report(void *ctx, const struct stored_report *got, struct err *e)
{
    struct expectation *x = ctx;
    if (x->next == x->stop_at)
        return err_set(e, ERR_LIMIT, 0, "that is enough");
    struct stored_report want = make_report(x->p, x->next++, x->payload_bytes);
    assert_report(got, &want);
    assert_int_equal(got->payload.len, 0);
    struct str payload;
    if (!store_unpack(got->packed, x->p->arena, &payload, e))
        return false;
    assert_str(payload, want.payload);
    return true;
}

void expect_reports(struct place *p, uint32_t want, size_t payload_bytes)
{
    uint32_t count;
    OK(store_count(p->store, &count, &e));
    assert_int_equal(count, want);
    struct expectation x = { p, 0, STORE_NONE, payload_bytes };
    OK(store_scan(p->store, 0, expect_report, &x, &e));
    assert_int_equal(x.next, want);
}

struct stored_upload make_upload(struct place *p, uint64_t n, size_t body_bytes)
{
    struct stored_upload u = {
        .object = n,
        .format = (enum upload_format)(1 + n % (UPLOAD_FORMATS - 1)),
        .state = (enum upload_state)(n % 4),
        .received_ms = (int64_t)1 << 41 | (int64_t)n,
        .report = n % 4 == UPLOAD_DECODED || n % 4 == UPLOAD_FAILED ? (uint32_t)n : STORE_NONE,
        .has_fingerprint = n % 3,
        .body = { .size = body_bytes, .in_file = n % 8 == 0 },
    };
    assert_true(arena_printf(p->arena, &u.project, "project %u", (unsigned)(n % 7)));
    assert_true(arena_printf(p->arena, &u.type, "application/x-%u", (unsigned)n));
    assert_true(arena_printf(p->arena, &u.attributes, "{\"n\":\"%u\"}", (unsigned)n));
    assert_true(arena_printf(p->arena, &u.fields, "[[\"n\",\"%u\",0]]", (unsigned)n));
    if (n % 5)
        assert_true(arena_printf(p->arena, &u.uuid, "uuid %u", (unsigned)n));
    if (n % 4 == UPLOAD_FAILED)
        assert_true(arena_printf(p->arena, &u.error, "it is %u", (unsigned)n));
    if (n % 3)
        memset(u.fingerprint, (int)(n & 0xff), sizeof u.fingerprint);
    memset(u.body.hash, (int)(n * 3 & 0xff), sizeof u.body.hash);
    if (!u.body.in_file) {
        u.body.bytes = make_noise(p, n, body_bytes);
        OK(store_pack(u.body.bytes, p->arena, &u.packed_body, &e));
    }
    return u;
}

void assert_upload(const struct stored_upload *got, const struct stored_upload *want)
{
    assert_true(got->object == want->object);
    assert_str(got->project, want->project);
    assert_int_equal(got->format, want->format);
    assert_int_equal(got->state, want->state);
    assert_true(got->received_ms == want->received_ms);
    assert_int_equal(got->report, want->report);
    assert_str(got->type, want->type);
    assert_str(got->uuid, want->uuid);
    assert_str(got->error, want->error);
    assert_int_equal(got->has_fingerprint, want->has_fingerprint);
    assert_memory_equal(got->fingerprint, want->fingerprint, STORE_FINGERPRINT_BYTES);
    assert_true(got->body.size == want->body.size);
    assert_int_equal(got->body.in_file, want->body.in_file);
    assert_memory_equal(got->body.hash, want->body.hash, CONTENT_HASH_BYTES);
}

void expect_upload(struct place *p, uint64_t n, size_t body_bytes)
{
    struct stored_upload want = make_upload(p, n, body_bytes), got;
    OK(store_upload_read(p->store, n, p->arena, &got, &e));
    assert_upload(&got, &want);
    assert_str(got.attributes, want.attributes);
    assert_str(got.fields, want.fields);
    assert_str(got.amended, STR(""));
    assert_str(got.body.bytes, want.body.bytes);
}

struct stored_attachment make_attachment(struct place *p, uint64_t n, size_t bytes)
{
    struct stored_attachment t = {
        .id = n,
        .object = n / 3 + 1,
        .received_ms = (int64_t)1 << 40 | (int64_t)n,
        .content = { .size = bytes, .in_file = n % 5 == 0 },
    };
    assert_true(arena_printf(p->arena, &t.name, "log %u.txt", (unsigned)n));
    if (n % 2)
        assert_true(arena_printf(p->arena, &t.type, "text/x-%u", (unsigned)n));
    memset(t.content.hash, (int)(n * 5 & 0xff), sizeof t.content.hash);
    if (!t.content.in_file)
        t.content.bytes = make_noise(p, n, bytes);
    return t;
}

void assert_attachment(const struct stored_attachment *got, const struct stored_attachment *want)
{
    assert_true(got->id == want->id);
    assert_true(got->object == want->object);
    assert_true(got->received_ms == want->received_ms);
    assert_str(got->name, want->name);
    assert_str(got->type, want->type);
    assert_true(got->content.size == want->content.size);
    assert_int_equal(got->content.in_file, want->content.in_file);
    assert_memory_equal(got->content.hash, want->content.hash, CONTENT_HASH_BYTES);
}

uint64_t access_version(struct place *p)
{
    uint64_t v;
    OK(store_access_version(p->store, &v, &e));
    return v;
}

struct stored_access read_access(struct place *p)
{
    struct stored_access all;
    OK(store_access_read(p->store, p->arena, &all, &e));
    return all;
}
