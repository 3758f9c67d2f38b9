/* Any store when others use it, when its process is killed, and when its disk is full. */
#include "tests/contract/place.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
        want = make_report(&mine, n - 1, 50);
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
        OK(write_reports(p->store, make_reports(p, b * BATCH, BATCH, 50), BATCH, &e));
    for (size_t i = 0; i < 6; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_int_equal((intptr_t)failed, 0);
    }
    expect_reports(p, BATCHES * BATCH, 50);
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
        bool ok = store_open(&p->store, p->dir, &place_settings, &e) &&
                  write_reports(p->store, make_reports(p, 0, 500, 500), 500, &e) &&
                  write_reports(p->store, make_reports(p, 500, 1, 500), 1, &e);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    OK(store_open(&p->store, p->dir, &place_settings, &e));
    expect_reports(p, 501, 500);
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
    FAILS(store_open(&p->store, dir, &place_settings, &e), ERR_NOT_FOUND);
}

/* Everything that a batch can bring, reports from `first` on. */
static bool write_all(struct place *p, uint32_t first, size_t count, struct err *e)
{
    struct stored_upload *u = arena_array(p->arena, count, sizeof *u);
    struct stored_attachment *t = arena_array(p->arena, count, sizeof *t);
    struct stored_count n = { .key = { 1 }, .bucket = STR("b"), .combination = STR("{}") };
    assert_true(u && t);
    for (size_t i = 0; i < count; i++) {
        u[i] = make_upload(p, first + i + 1, 400);
        t[i] = make_attachment(p, first + i + 1, 300);
    }
    n.count = first + count;
    struct store_batch batch = {
        .reports = make_reports(p, first, count, 1000),
        .report_count = count,
        .uploads = u,
        .upload_count = count,
        .attachments = t,
        .attachment_count = count,
        .counts = &n,
        .count_count = 1,
    };
    return store_write(p->store, &batch, e);
}

static bool expect_count(void *ctx, const struct stored_count *c, struct err *e)
{
    return c->count == *(uint32_t *)ctx || err_set(e, ERR_LIMIT, 0, "another count");
}

static void expect_all(struct place *p, uint32_t count)
{
    struct stored_upload u;
    struct stored_attachment t;
    expect_reports(p, count, 1000);
    for (uint32_t n = 1; n <= count; n++) {
        expect_upload(p, n, 400);
        OK(store_attachment_read(p->store, n, p->arena, &t, &e));
    }
    FAILS(store_upload_read(p->store, count + 1, p->arena, &u, &e), ERR_NOT_FOUND);
    FAILS(store_attachment_read(p->store, count + 1, p->arena, &t, &e), ERR_NOT_FOUND);
    OK(store_scan_counts(p->store, expect_count, &count, &e));
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
    OK(store_open(&full.store, dir, &place_settings, &e));
    snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    FILE *f = fopen(ballast, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fprintf(f, "%01000d", 0);
    fclose(f);

    struct err why = { 0 };
    uint32_t n = 0;
    while (n < 10000 && write_all(&full, n, 10, &why))
        n += 10;
    assert_int_equal(why.code, ERR_FULL);
    assert_true(n > 0);
    FAILS(write_all(&full, n, 10, &e), ERR_FULL);
    expect_all(&full, n);
    FAILS(write_all(&full, n, 400, &e), ERR_FULL);
    expect_all(&full, n);

    assert_int_equal(remove(ballast), 0);
    OK(write_all(&full, n, 10, &e));
    expect_all(&full, n + 10);
    store_close(full.store);
    OK(store_open(&full.store, dir, &place_settings, &e));
    expect_all(&full, n + 10);
    store_close(full.store);
    assert_int_equal(umount(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_server),
        CASE(readers_and_writer),
        CASE(killed),
        CASE(full_disk),
    };
    return cmocka_run_group_tests_name("store: survival", tests, NULL, NULL);
}
