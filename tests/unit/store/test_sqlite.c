/* What is SQLite's own: schemas, damaged files and rows, a limit on file sizes. The rest is in
 * tests/contract. */
#include "store/store.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const double thresholds[] = { 1, 2 };
static const struct store_settings settings = { thresholds, 2 };

struct place {
    char dir[64], file[80];
    struct arena *arena;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->dir, sizeof p->dir, "/tmp/crumple-sqlite-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof p->file, "%s/crumple.db", p->dir);
    p->arena = arena_new(64u << 20);
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
    arena_free(p->arena);
    nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

static struct store *open_good(struct place *p)
{
    struct err e = { 0 };
    struct store *s = NULL;
    if (!store_open(&s, p->dir, &settings, &e))
        fail_msg("%s", e.msg);
    return s;
}

static void open_fails(struct place *p, enum err_code code, const char *part)
{
    struct err e = { 0 };
    struct store *s = NULL;
    assert_false(store_open(&s, p->dir, &settings, &e));
    if (e.code != code || !strstr(e.msg, part))
        fail_msg("code %d, \"%s\" without \"%s\"", (int)e.code, e.msg, part);
}

static bool write_reports(struct place *p, struct store *s, uint32_t first, uint32_t count,
                          struct err *e)
{
    struct stored_report *r = arena_array(p->arena, count, sizeof *r);
    static const struct str names[2] = { STR("x"), STR("y") };
    static char noise[600];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(random() & 0x7f);
    for (uint32_t i = 0; i < count; i++) {
        r[i] = (struct stored_report){
            .number = first + i,
            .project = STR("p"),
            .buckets = names,
            .bucket_count = 2,
            .top_match = STORE_NONE,
            .payload = { noise, sizeof noise },
        };
        assert_true(arena_printf(p->arena, &r[i].database_id, "r%u", first + i));
        if (!store_pack(r[i].payload, p->arena, &r[i].packed, e))
            return false;
    }
    struct store_batch batch = { .reports = r, .report_count = count };
    return store_write(s, &batch, e);
}

static void fill(struct place *p, uint32_t count)
{
    struct err e = { 0 };
    struct store *s = open_good(p);
    if (!write_reports(p, s, 0, count, &e))
        fail_msg("%s", e.msg);
    store_close(s);
}

static void sql(struct place *p, const char *text)
{
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    sqlite3_close(db);
}

static bool take(void *ctx, const struct stored_report *r, struct err *e)
{
    (void)r, (void)e;
    ++*(uint32_t *)ctx;
    return true;
}

static void newer_schema(void **state)
{
    struct place *p = *state;
    fill(p, 3);
    sql(p, "PRAGMA user_version = 99");
    open_fails(p, ERR_CONFLICT, "newer Crumple (schema 99");
}

static void not_ours(void **state)
{
    struct place *p = *state;
    sql(p, "CREATE TABLE recipes(name)");
    open_fails(p, ERR_CONFLICT, "not one of Crumple");
}

static void no_database(void **state)
{
    struct place *p = *state;
    FILE *f = fopen(p->file, "w");
    for (int i = 0; i < 1000; i++)
        fprintf(f, "this is a text and no database\n");
    fclose(f);
    open_fails(p, ERR_IO, "damaged");
}

static void damaged_rows(void **state)
{
    static const struct {
        const char *sql, *part;
    } cases[] = {
        { "UPDATE reports SET database_id = '' WHERE number = 2", "database_id" },
        { "UPDATE reports SET database_id = hex(zeroblob(513)) WHERE number = 2", "database_id" },
        { "UPDATE reports SET project = 77 WHERE number = 2", "project" },
        { "INSERT INTO projects VALUES (78, hex(zeroblob(129)), 1);"
          "UPDATE reports SET project = 78 WHERE number = 2",
          "project" },
        { "UPDATE reports SET top_match = 2 WHERE number = 2", "top match" },
        { "UPDATE reports SET top_match = -1 WHERE number = 2", "top match" },
        { "UPDATE reports SET content_hash = x'00' WHERE number = 2", "content hash" },
        { "UPDATE reports SET buckets = x'0300' WHERE number = 2", "buckets" },
        { "UPDATE reports SET number = -2 WHERE number = 2", "report 2 is missing" },
        { "DELETE FROM reports WHERE number = 2", "report 2 is missing" },
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unlink(p->file);
        fill(p, 4);
        sql(p, cases[i].sql);
        struct store *s = open_good(p);
        struct err e = { 0 };
        uint32_t seen = 0;
        if (store_scan(s, 0, take, &seen, &e) || e.code != ERR_IO || !strstr(e.msg, cases[i].part))
            fail_msg("%s: %s", cases[i].sql, e.msg);
        assert_int_equal(seen, 2);
        struct stored_report got;
        assert_false(store_read(s, 2, p->arena, &got, &e));
        store_close(s);
    }
}

static void damaged_payload(void **state)
{
    struct place *p = *state;
    fill(p, 3);
    sql(p, "UPDATE reports SET payload = substr(payload, 1, length(payload) / 2) WHERE number = 0;"
           "UPDATE reports SET payload = x'' WHERE number = 1;"
           "UPDATE reports SET payload = x'28b52ffde0ffffffffffffff7f' WHERE number = 2");
    struct store *s = open_good(p);
    struct stored_report got;
    for (uint32_t i = 0; i < 3; i++) {
        struct err e = { 0 };
        assert_false(store_read(s, i, p->arena, &got, &e));
        assert_int_equal(e.code, ERR_IO);
    }
    store_close(s);
}

/* Overwrites pages of the file at many places: any answer but a crash, and an error for the scan
 * or all rows. */
static void damaged_pages(void **state)
{
    struct place *p = *state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        srandom(seed);
        unlink(p->file);
        fill(p, 300);
        int fd = open(p->file, O_RDWR);
        off_t size = lseek(fd, 0, SEEK_END);
        for (int i = 0; i < 30; i++) {
            char junk[64];
            for (size_t j = 0; j < sizeof junk; j++)
                junk[j] = (char)random();
            off_t at = random() % size;
            assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
        }
        close(fd);
        struct err e = { 0 };
        struct store *s = NULL;
        uint32_t seen = 0;
        if (!store_open(&s, p->dir, &settings, &e)) {
            assert_true(e.msg[0] != '\0');
            continue;
        }
        if (!store_scan(s, 0, take, &seen, &e))
            assert_true(e.code == ERR_IO && e.msg[0] != '\0');
        struct stored_report got;
        for (uint32_t n = 0; n < 300; n++)
            if (!store_read(s, n, p->arena, &got, &e))
                assert_true(e.msg[0] != '\0');
        arena_reset(p->arena);
        store_close(s);
    }
}

/* A limit on file sizes is a full disk without root: the log cannot grow, then may again. */
static void file_size_limit(void **state)
{
    struct place *p = *state;
    struct store *s = open_good(p);
    struct err e = { 0 };
    assert_true(write_reports(p, s, 0, 10, &e));
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    bool stored = write_reports(p, s, 10, 500, &e);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_false(stored);
    assert_int_equal(e.code, ERR_FULL);
    uint32_t n, seen = 0;
    assert_true(store_count(s, &n, &e));
    assert_int_equal(n, 10);
    assert_true(write_reports(p, s, 10, 500, &e));
    assert_true(store_scan(s, 0, take, &seen, &e));
    assert_int_equal(seen, 510);
    store_close(s);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(newer_schema),    CASE(not_ours),      CASE(no_database),     CASE(damaged_rows),
        CASE(damaged_payload), CASE(damaged_pages), CASE(file_size_limit),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
