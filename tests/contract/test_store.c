/* What every store must keep of store.h, whatever stands behind it. Knows only the header. */
#include "store/store.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARENA_BYTES (256u << 20)
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e = { 0 };                                                                      \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, e.msg);                                                      \
    } while (0)
#define FAILS(call, want)                                                                          \
    do {                                                                                           \
        struct err e = { 0 };                                                                      \
        if (call)                                                                                  \
            fail_msg("%s went well", #call);                                                       \
        if (e.code != (want) || e.msg[0] == '\0')                                                  \
            fail_msg("%s: code %d, not %d: %s", #call, (int)e.code, (int)(want), e.msg);           \
    } while (0)

static const double thresholds[] = { 1, 2.5, 7 };
static const struct store_settings settings = { thresholds, 3 };

struct place {
    char dir[64];
    struct store *store;
    struct arena *arena;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/crumple-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->arena = arena_new(ARENA_BYTES);
    OK(store_open(&p->store, p->dir, &settings, &e));
    *state = p;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct place *p = *state;
    store_close(p->store);
    arena_free(p->arena);
    char disk[80];
    snprintf(disk, sizeof disk, "%s/disk", p->dir);
    umount2(disk, MNT_DETACH); /* of full_disk, when it failed on its way */
    nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

static void reopen(struct place *p)
{
    store_close(p->store);
    p->store = NULL;
    OK(store_open(&p->store, p->dir, &settings, &e));
}

/* A report that differs from its neighbours in everything; payload_bytes of it cannot be packed. */
static struct stored_report make(struct place *p, uint32_t n, size_t payload_bytes)
{
    struct stored_report r = { .number = n, .bucket_count = 3, .date_ms = -5 + (int64_t)n };
    struct str *names = arena_array(p->arena, 3, sizeof *names);
    char *noise = arena_alloc(p->arena, payload_bytes + 1);
    assert_non_null(names);
    assert_non_null(noise);
    uint64_t x = n + 1;
    for (size_t i = 0; i < payload_bytes; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        noise[i] = (char)('0' + (x >> 58)); /* NULs never, quotes neither */
    }
    assert_true(arena_printf(p->arena, &r.database_id, "report %u", n));
    assert_true(arena_printf(p->arena, &r.project, "project %u", n % 7));
    assert_true(arena_printf(p->arena, &r.payload, "{\"n\":%u,\"noise\":\"%.*s\"}", n,
                             (int)payload_bytes, noise));
    r.received_ms = (int64_t)1 << 41 | n;
    r.has_date = n % 2;
    r.top_match = n % 3 ? n - 1 : STORE_NONE;
    r.score = n % 3 ? 1.1f * (float)n : 0;
    names[0] = n % 3 ? STR("the first") : r.database_id;
    names[1] = n % 3 ? STR("the first") : r.database_id;
    names[2] = n % 5 ? STR("another") : r.database_id;
    r.buckets = names;
    memset(r.content_hash, (int)(n & 0xff), sizeof r.content_hash);
    if (n % 4)
        assert_true(arena_printf(p->arena, &r.shorthand, "short%c%u", 0, n));
    OK(store_pack(r.payload, p->arena, &r.packed, &e));
    return r;
}

static bool write_reports(struct store *s, const struct stored_report *reports, size_t count,
                          struct err *e)
{
    struct store_batch batch = { .reports = reports, .report_count = count };
    return store_write(s, &batch, e);
}

static struct stored_report *make_some(struct place *p, uint32_t first, size_t count,
                                       size_t payload_bytes)
{
    struct stored_report *r = arena_array(p->arena, count, sizeof *r);
    assert_non_null(r);
    for (size_t i = 0; i < count; i++)
        r[i] = make(p, first + (uint32_t)i, payload_bytes);
    return r;
}

static void assert_str(struct str got, struct str want)
{
    if (!str_eq(got, want))
        fail_msg("\"%.*s\" is not \"%.*s\"", STR_ARG(got), STR_ARG(want));
}

static void assert_same(const struct stored_report *got, const struct stored_report *want)
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
    assert_memory_equal(got->content_hash, want->content_hash, STORE_CONTENT_HASH_BYTES);
}

static uint32_t count(struct place *p)
{
    uint32_t n = 0;
    OK(store_count(p->store, &n, &e));
    return n;
}

/* Checks every row against make(). */
struct expectation {
    struct place *p;
    uint32_t next, stop_at;
    size_t payload_bytes;
};

static bool expect_row(void *ctx, const struct stored_report *got, struct err *e)
{
    struct expectation *x = ctx;
    if (x->next == x->stop_at)
        return err_set(e, ERR_LIMIT, 0, "that is enough");
    struct stored_report want = make(x->p, x->next++, x->payload_bytes);
    assert_same(got, &want);
    assert_int_equal(got->payload.len, 0);
    struct str payload;
    if (!store_unpack(got->packed, x->p->arena, &payload, e))
        return false;
    assert_str(payload, want.payload);
    return true;
}

static void expect_all(struct place *p, uint32_t want, size_t payload_bytes)
{
    assert_int_equal(count(p), want);
    struct expectation x = { p, 0, STORE_NONE, payload_bytes };
    OK(store_scan(p->store, 0, expect_row, &x, &e));
    assert_int_equal(x.next, want);
}

static void round_trip(void **state)
{
    struct place *p = *state;
    expect_all(p, 0, 0);
    OK(write_reports(p->store, make_some(p, 0, 1, 10), 1, &e));
    OK(write_reports(p->store, make_some(p, 1, 99, 10), 99, &e));
    for (uint32_t n = 0; n < 100; n++) {
        struct stored_report want = make(p, n, 10), got;
        OK(store_read(p->store, n, p->arena, &got, &e));
        assert_same(&got, &want);
        assert_str(got.payload, want.payload);
    }
    expect_all(p, 100, 10);
    reopen(p);
    expect_all(p, 100, 10);
    OK(write_reports(p->store, make_some(p, 100, 3, 10), 3, &e));
    expect_all(p, 103, 10);
}

static void strange_strings(void **state)
{
    struct place *p = *state;
    struct stored_report r = make(p, 0, 0), got;
    struct str names[3] = { STR("a\0b"), STR("a"), STR("\xf0\x9f\x92\xa5 'quoted\" \n") };
    r.database_id = STR("id\0with a NUL");
    r.project = STR("pro\0ject");
    r.buckets = names;
    r.payload = STR("{\"a\":\"\0\"}");
    OK(store_pack(r.payload, p->arena, &r.packed, &e));
    OK(write_reports(p->store, &r, 1, &e));
    OK(store_read(p->store, 0, p->arena, &got, &e));
    assert_same(&got, &r);
    assert_str(got.payload, r.payload);
}

static void large_payload(void **state)
{
    struct place *p = *state;
    struct stored_report r = make(p, 0, 20000000), got;
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
    OK(write_reports(p->store, make_some(p, 0, 2, 0), 2, &e));
    FAILS(store_read(p->store, 2, p->arena, &got, &e), ERR_NOT_FOUND);
    FAILS(store_read(p->store, STORE_NONE, p->arena, &got, &e), ERR_NOT_FOUND);
}

static void scan_from_and_stop(void **state)
{
    struct place *p = *state;
    OK(write_reports(p->store, make_some(p, 0, 50, 0), 50, &e));
    struct expectation x = { p, 20, STORE_NONE, 0 };
    OK(store_scan(p->store, 20, expect_row, &x, &e));
    assert_int_equal(x.next, 50);
    x = (struct expectation){ p, 0, 7, 0 };
    FAILS(store_scan(p->store, 0, expect_row, &x, &e), ERR_LIMIT);
    assert_int_equal(x.next, 7);
    x = (struct expectation){ p, 50, STORE_NONE, 0 };
    OK(store_scan(p->store, 50, expect_row, &x, &e)); /* and after a stopped one all is well */
}

static void all_or_nothing(void **state)
{
    struct place *p = *state;
    OK(write_reports(p->store, make_some(p, 0, 5, 0), 5, &e));
    struct stored_report *batch = make_some(p, 5, 20, 0);
    batch[19].number = 3; /* stored already */
    FAILS(write_reports(p->store, batch, 20, &e), ERR_IO);
    expect_all(p, 5, 0);
    batch[19].number = 30; /* would leave a gap */
    FAILS(write_reports(p->store, batch, 20, &e), ERR_IO);
    reopen(p);
    expect_all(p, 5, 0);
    OK(write_reports(p->store, make_some(p, 5, 20, 0), 20, &e));
    expect_all(p, 25, 0);
}

static void delete_all(void **state)
{
    struct place *p = *state;
    struct stored_report got;
    OK(store_delete_all(p->store, &e));
    OK(write_reports(p->store, make_some(p, 0, 300, 5000), 300, &e));
    OK(store_delete_all(p->store, &e));
    expect_all(p, 0, 0);
    FAILS(store_read(p->store, 0, p->arena, &got, &e), ERR_NOT_FOUND);
    OK(write_reports(p->store, make_some(p, 0, 2, 1), 2, &e));
    reopen(p);
    expect_all(p, 2, 1);
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
    OK(store_open(&p->store, p->dir, &settings, &e));
}

static void projects(void **state)
{
    struct place *p = *state;
    struct store *admin = NULL; /* as `crumple project create` beside a running server */
    struct str *names;
    size_t n;
    OK(store_projects(p->store, p->arena, &names, &n, &e));
    assert_int_equal(n, 0);
    OK(store_open(&admin, p->dir, NULL, &e));
    OK(store_project_create(admin, STR("zebra"), STR("default"), &e));
    OK(store_project_create(p->store, STR("Zebra"), STR("default"), &e));
    FAILS(store_project_create(p->store, STR("zebra"), STR("default"), &e), ERR_CONFLICT);
    OK(write_reports(p->store, make_some(p, 0, 30, 0), 30, &e)); /* project 0 ... project 6 */
    FAILS(store_project_create(admin, STR("project 3"), STR("default"), &e), ERR_CONFLICT);
    store_close(admin);
    OK(store_delete_all(p->store, &e)); /* keeps them */
    OK(store_projects(p->store, p->arena, &names, &n, &e));
    assert_int_equal(n, 9);
    assert_str(names[0], STR("Zebra"));
    assert_str(names[1], STR("project 0"));
    assert_str(names[7], STR("project 6"));
    assert_str(names[8], STR("zebra"));
}

static void many_projects(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < 100; i++) {
        struct str name;
        assert_true(arena_printf(p->arena, &name, "p%03d", (i * 37) % 100));
        OK(store_project_create(p->store, name, STR("default"), &e));
    }
    struct str *names;
    size_t n;
    OK(store_projects(p->store, p->arena, &names, &n, &e));
    assert_int_equal(n, 100);
    for (size_t i = 1; i < n; i++)
        assert_true(str_cmp(names[i - 1], names[i]) < 0);
}

/* Readers beside the writer see whole batches only. */
#define BATCHES 60
#define BATCH 20

static void *read_along(void *arg)
{
    struct place *p = arg;
    struct place mine = { .arena = arena_new(ARENA_BYTES) };
    uint32_t n = 0;
    while (n < BATCHES * BATCH) {
        struct err e = { 0 };
        if (!store_count(p->store, &n, &e) || n % BATCH != 0)
            return (void *)(intptr_t)1;
        struct stored_report got, want;
        if (n == 0)
            continue;
        if (!store_read(p->store, n - 1, mine.arena, &got, &e))
            return (void *)(intptr_t)2;
        want = make(&mine, n - 1, 50);
        if (!str_eq(got.payload, want.payload))
            return (void *)(intptr_t)3;
        arena_reset(mine.arena);
    }
    arena_free(mine.arena);
    return NULL;
}

static void readers_and_writer(void **state)
{
    struct place *p = *state;
    pthread_t threads[6];
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_along, p), 0);
    for (uint32_t b = 0; b < BATCHES; b++)
        OK(write_reports(p->store, make_some(p, b * BATCH, BATCH, 50), BATCH, &e));
    for (size_t i = 0; i < 6; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_int_equal((intptr_t)failed, 0);
    }
    expect_all(p, BATCHES * BATCH, 50);
}

/* What was written before a kill is there after it: the child ends without closing anything. */
static void killed(void **state)
{
    struct place *p = *state;
    store_close(p->store);
    p->store = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct err e = { 0 };
        bool ok = store_open(&p->store, p->dir, &settings, &e) &&
                  write_reports(p->store, make_some(p, 0, 500, 500), 500, &e) &&
                  write_reports(p->store, make_some(p, 500, 1, 500), 1, &e);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    OK(store_open(&p->store, p->dir, &settings, &e));
    expect_all(p, 501, 500);
}

static void one_server(void **state)
{
    struct place *p = *state;
    char dir[80];
    int lock, second;
    snprintf(dir, sizeof dir, "%s/new", p->dir);
    OK(store_lock(dir, &lock, &e)); /* makes it */
    struct err why = { 0 };
    assert_false(store_lock(dir, &second, &why));
    assert_int_equal(why.code, ERR_CONFLICT);
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(why.msg, pid));
    assert_non_null(strstr(why.msg, dir));
    store_unlock(lock);
    OK(store_lock(dir, &lock, &e));
    store_unlock(lock);
    snprintf(dir, sizeof dir, "%s/no/parent", p->dir);
    FAILS(store_lock(dir, &lock, &e), ERR_NOT_FOUND);
    FAILS(store_open(&p->store, dir, &settings, &e), ERR_NOT_FOUND);
}

/* A disk of 2 MB: full, then emptied of something else. */
static void full_disk(void **state)
{
    struct place *p = *state;
    char dir[80], ballast[96];
    snprintf(dir, sizeof dir, "%s/disk", p->dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    if (mount("crumple-test", dir, "tmpfs", 0, "size=2m") != 0) {
        print_message("no full disk: mount: %s\n", strerror(errno));
        skip();
    }
    struct place full = { .arena = p->arena };
    OK(store_open(&full.store, dir, &settings, &e));
    snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    FILE *f = fopen(ballast, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fprintf(f, "%01000d", 0);
    fclose(f);

    struct err why = { 0 };
    uint32_t n = 0;
    while (n < 10000 && write_reports(full.store, make_some(&full, n, 10, 1000), 10, &why))
        n += 10;
    assert_int_equal(why.code, ERR_FULL);
    assert_true(n > 0);
    FAILS(write_reports(full.store, make_some(&full, n, 10, 1000), 10, &e), ERR_FULL);
    expect_all(&full, n, 1000);
    FAILS(write_reports(full.store, make_some(&full, n, 400, 1000), 400, &e), ERR_FULL);
    expect_all(&full, n, 1000);

    assert_int_equal(remove(ballast), 0);
    OK(write_reports(full.store, make_some(&full, n, 10, 1000), 10, &e));
    expect_all(&full, n + 10, 1000);
    store_close(full.store);
    OK(store_open(&full.store, dir, &settings, &e));
    expect_all(&full, n + 10, 1000);
    store_close(full.store);
    assert_int_equal(umount(dir), 0);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(round_trip),       CASE(strange_strings), CASE(large_payload),
        CASE(missing),          CASE(all_or_nothing),  CASE(scan_from_and_stop),
        CASE(delete_all),       CASE(projects),        CASE(many_projects),
        CASE(other_thresholds), CASE(one_server),      CASE(readers_and_writer),
        CASE(killed),           CASE(full_disk),
    };
    return cmocka_run_group_tests_name("store contract", tests, NULL, NULL);
}
