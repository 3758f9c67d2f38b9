/* What is SQLite's own: schemas, damaged files and rows, a limit on file sizes. The rest is in
 * tests/contract. */
#include "store/sqlite.h"

#include "../remove_tree.h"

#include <fcntl.h>
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

static int teardown(void **state)
{
    struct place *p = *state;
    arena_free(p->arena);
    remove_tree(p->dir);
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

/* As version 1 made it. */
static const char version_1[] =
    "CREATE TABLE reports("
    " number INTEGER PRIMARY KEY, database_id TEXT NOT NULL, project INTEGER NOT NULL,"
    " date_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, has_date INTEGER NOT NULL,"
    " top_match INTEGER, score REAL NOT NULL, buckets BLOB NOT NULL, content_hash BLOB NOT NULL,"
    " shorthand BLOB NOT NULL, payload BLOB NOT NULL) STRICT;"
    "CREATE TABLE projects(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 1; PRAGMA application_id = 0x4372706c; PRAGMA journal_mode = WAL;"
    "INSERT INTO settings VALUES ('thresholds', '1,2');"
    "INSERT INTO projects VALUES (1, 'p'), (2, 'old');";

/* Rows like those that fill() makes, in a file of version 1. */
static void fill_version_1(struct place *p, uint32_t count)
{
    struct err e = { 0 };
    sqlite3 *db;
    sqlite3_stmt *add;
    sql(p, version_1);
    assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "INSERT INTO reports VALUES (?1, 'r' || ?1, 1 + ?1 % 2, 5,"
                                        " 6, 1, NULL, 0, x'010178010179', zeroblob(32), x'',"
                                        " ?2)",
                                        -1, &add, NULL),
                     SQLITE_OK);
    struct str packed;
    assert_true(store_pack(STR("{\"old\":true}"), p->arena, &packed, &e));
    for (uint32_t n = 0; n < count; n++) {
        sqlite3_bind_int64(add, 1, n);
        sqlite3_bind_blob(add, 2, packed.ptr, (int)packed.len, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(add), SQLITE_DONE);
        sqlite3_reset(add);
    }
    sqlite3_finalize(add);
    sqlite3_close(db);
}

static void expect_old(struct place *p, struct store *s, uint32_t count)
{
    static const uint8_t none[STORE_FINGERPRINT_BYTES];
    for (uint32_t n = 0; n < count; n++) {
        struct err e = { 0 };
        struct stored_report got;
        if (!store_read(s, n, p->arena, &got, &e))
            fail_msg("%s", e.msg);
        assert_true(got.object == 0);
        assert_memory_equal(got.fingerprint, none, sizeof none);
        assert_true(str_eq(got.payload, STR("{\"old\":true}")));
        assert_true(str_eq(got.project, n % 2 ? STR("old") : STR("p")));
        assert_true(str_eq(got.buckets[1], STR("y")));
    }
}

static char *schema_of(struct place *p)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    const char *text = "SELECT user_version || ' ' || (SELECT group_concat(sql, ';') FROM"
                       " (SELECT sql FROM sqlite_schema ORDER BY name)) FROM pragma_user_version";
    assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    char *out = strdup((const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
    return out;
}

/* A file of version 1 is brought up to date where it is, and has then the tables of a new one. */
static void older_schema(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    struct stored_access all;
    uint8_t secret[2][STORE_SECRET_BYTES];
    uint64_t object, attachment;
    fill_version_1(p, 200);
    for (int again = 0; again < 2; again++) {
        struct store *s = open_good(p);
        expect_old(p, s, 200);
        assert_true(store_secret(s, secret[again], &e));
        assert_true(store_access_read(s, p->arena, &all, &e));
        assert_int_equal(all.project_count, 2);
        assert_true(str_eq(all.projects[0].name, STR("old")));
        assert_true(str_eq(all.projects[0].universe, STR("default")));
        assert_true(store_last_ids(s, &object, &attachment, &e));
        assert_true(object == 0 && attachment == 0);
        assert_true(write_reports(p, s, again ? 210 : 200, 10, &e));
        store_close(s);
    }
    assert_memory_equal(secret[0], secret[1], sizeof secret[0]);
    char *migrated = schema_of(p);
    unlink(p->file);
    fill(p, 1);
    char *made = schema_of(p);
    assert_string_equal(migrated, made);
    free(migrated);
    free(made);
}

/* `crumple project create` may be the first of a new version to open a file. */
static void older_schema_without_settings(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    struct store *s = NULL;
    fill_version_1(p, 3);
    assert_true(store_open(&s, p->dir, NULL, &e));
    assert_true(store_project_create(s, STR("new"), STR("acme"), &e));
    store_close(s);
    s = open_good(p);
    expect_old(p, s, 3);
    store_close(s);
}

/* A step that fails half-way leaves the old version as it was. */
static void older_schema_undone(void **state)
{
    struct place *p = *state;
    fill_version_1(p, 3);
    char *before = schema_of(p);
    sql(p, "CREATE TABLE users(what)");
    open_fails(p, ERR_IO, "users");
    sql(p, "DROP TABLE users");
    char *after = schema_of(p);
    assert_string_equal(after, before);
    free(before);
    free(after);
    struct store *s = open_good(p);
    expect_old(p, s, 3);
    store_close(s);
}

static void private_file(void **state)
{
    struct place *p = *state;
    struct stat st;
    mode_t old = umask(0);
    fill(p, 1);
    umask(old);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* it holds a secret, and tokens */
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
        { "INSERT INTO projects VALUES (78, hex(zeroblob(129)), 1, 0, 0);"
          "UPDATE reports SET project = 78 WHERE number = 2",
          "project" },
        { "UPDATE reports SET top_match = 2 WHERE number = 2", "top match" },
        { "UPDATE reports SET top_match = -1 WHERE number = 2", "top match" },
        { "UPDATE reports SET content_hash = x'00' WHERE number = 2", "content hash" },
        { "UPDATE reports SET buckets = x'0300' WHERE number = 2", "buckets" },
        { "UPDATE reports SET object = -1 WHERE number = 2", "object" },
        { "UPDATE reports SET fingerprint = x'00' WHERE number = 2", "fingerprint" },
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

/* Who misses a module is read in pages: each must begin where it is asked to, without a look at
 * those before and without sorting those behind. */
static void pages_in_order(void **state)
{
    static const enum sql which[] = { SQL_MISSING_OBJECTS, SQL_MISSING_WANTS };
    struct place *p = *state;
    struct store *s = open_good(p);
    struct err e = { 0 };
    struct connection *c = store_reader_take(s, &e);
    assert_non_null(c);
    for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
        char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s",
                                     sqlite3_sql(connection_statement(c, which[i], &e)));
        sqlite3_stmt *st;
        bool by_index = false;
        assert_int_equal(sqlite3_prepare_v2(c->db, text, -1, &st, NULL), SQLITE_OK);
        while (sqlite3_step(st) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(st, 3);
            by_index |= strstr(step, "SEARCH missing_symbols USING COVERING INDEX") &&
                        strstr(step, "object");
            if (strstr(step, "TEMP B-TREE") || !strncmp(step, "SCAN m", 6))
                fail_msg("%s: %s", text, step);
        }
        assert_true(by_index);
        sqlite3_finalize(st);
        sqlite3_free(text);
    }
    store_reader_give(s, c);
    store_close(s);
}

/* A closed database is one file. */
static struct str file_read(struct place *p)
{
    FILE *f = fopen(p->file, "r");
    char *bytes = arena_alloc(p->arena, 1 << 20);
    assert_true(f && bytes);
    size_t n = fread(bytes, 1, 1 << 20, f);
    assert_true(n > 0 && n < 1 << 20);
    fclose(f);
    return (struct str){ bytes, n };
}

static void file_write(struct place *p, struct str bytes)
{
    FILE *f = fopen(p->file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    fclose(f);
}

/* One row of each kind beside the reports. */
static void fill_others(struct place *p)
{
    struct err e = { 0 };
    struct store *s = open_good(p);
    struct stored_upload u = { .object = 3,
                               .project = STR("p"),
                               .format = UPLOAD_JSON,
                               .state = UPLOAD_WAITING,
                               .report = STORE_NONE,
                               .has_fingerprint = true,
                               .body = { .size = 4 } };
    struct stored_attachment t = { .id = 4, .object = 3, .content = { 3, .bytes = STR("abc") } };
    struct stored_count n = { .key = { 1 }, .token = 7, .count = 9 };
    struct stored_change change = { .object = 3, .report = STORE_NONE };
    struct store_batch batch = {
        .uploads = &u, .attachments = &t, .counts = &n, .changes = &change
    };
    batch.upload_count = batch.attachment_count = batch.count_count = batch.change_count = 1;
    assert_true(store_pack(STR("body"), p->arena, &u.packed_body, &e));
    struct stored_token token = { .project = STR("p") };
    struct stored_user user = { .name = STR("jane") };
    if (!store_write(s, &batch, &e) || !store_token_add(s, &token, &token.number, &e) ||
        !store_user_add(s, &user, &user.number, &e))
        fail_msg("%s", e.msg);
    store_close(s);
}

static bool take_upload(void *ctx, const struct stored_upload *u, struct err *e)
{
    (void)ctx, (void)u, (void)e;
    return true;
}

static bool take_count(void *ctx, const struct stored_count *c, struct err *e)
{
    (void)ctx, (void)c, (void)e;
    return true;
}

static bool take_change(void *ctx, const struct stored_change *c, struct err *e)
{
    (void)ctx, (void)c, (void)e;
    return true;
}

static bool read_uploads(struct place *p, struct store *s, struct err *e)
{
    const struct upload_filter f = { .project = STR("p"), .limit = 9 };
    struct stored_upload u, *all;
    size_t n;
    return store_scan_uploads(s, take_upload, NULL, e) &&
           store_upload_list(s, &f, p->arena, &all, &n, e) &&
           store_upload_read(s, 3, p->arena, &u, e);
}

static bool take_file(void *ctx, const uint8_t hash[CONTENT_HASH_BYTES], struct err *e)
{
    (void)ctx, (void)hash, (void)e;
    return true;
}

static bool read_files(struct place *p, struct store *s, struct err *e)
{
    (void)p;
    return store_scan_files(s, take_file, NULL, e);
}

static bool read_gone(struct place *p, struct store *s, struct err *e)
{
    uint64_t gone_below;
    (void)p;
    return store_gone_below(s, &gone_below, e);
}

static bool read_attachments(struct place *p, struct store *s, struct err *e)
{
    struct stored_attachment t, *all;
    size_t n;
    return store_attachments(s, 3, p->arena, &all, &n, e) &&
           store_attachment_read(s, 4, p->arena, &t, e);
}

static bool read_counts(struct place *p, struct store *s, struct err *e)
{
    (void)p;
    return store_scan_counts(s, take_count, NULL, e);
}

static bool read_changes(struct place *p, struct store *s, struct err *e)
{
    (void)p;
    return store_scan_changes(s, take_change, NULL, e);
}

static bool read_access(struct place *p, struct store *s, struct err *e)
{
    struct stored_access all;
    uint64_t version;
    return store_access_version(s, &version, e) && store_access_read(s, p->arena, &all, e);
}

static bool read_marks(struct place *p, struct store *s, struct err *e)
{
    uint64_t object, attachment;
    (void)p;
    return store_last_ids(s, &object, &attachment, e);
}

static bool read_secret(struct place *p, struct store *s, struct err *e)
{
    uint8_t secret[STORE_SECRET_BYTES];
    (void)p;
    return store_secret(s, secret, e);
}

static void damaged_others(void **state)
{
    static const struct {
        bool (*read)(struct place *p, struct store *s, struct err *e);
        const char *sql, *part;
    } cases[] = {
        { read_uploads, "UPDATE uploads SET object = -3", "upload -3 has no good object" },
        { read_uploads, "UPDATE uploads SET project = 77", "upload 3 has no good project" },
        { read_uploads, "UPDATE uploads SET format = 0", "format" },
        { read_uploads, "UPDATE uploads SET format = 9", "format" },
        { read_uploads, "UPDATE uploads SET state = -1", "state" },
        { read_uploads, "UPDATE uploads SET state = 5", "state" },
        { read_uploads, "UPDATE uploads SET state = 0", "report" },
        { read_uploads, "UPDATE uploads SET report = -1", "report" },
        { read_uploads, "UPDATE uploads SET report = 4294967295", "report" },
        { read_uploads, "UPDATE uploads SET fingerprint = x'0102'", "fingerprint" },
        { read_uploads, "UPDATE uploads SET body_hash = zeroblob(33)", "body" },
        { read_uploads, "UPDATE uploads SET body_size = -1", "body" },
        { read_uploads, "UPDATE uploads SET body_size = 5", "body" },
        { read_uploads, "UPDATE uploads SET body = x'00'", "payload is damaged" },
        { read_files, "UPDATE uploads SET body_hash = zeroblob(33), body_in_file = 1", "hash" },
        { read_files, "UPDATE attachments SET hash = x'', in_file = 1", "hash" },
        { read_gone, "UPDATE marks SET value = -1", "no good mark \"gone_below\"" },
        { read_gone, "DELETE FROM marks", "no good mark \"gone_below\"" },
        { read_attachments, "UPDATE attachments SET size = 4", "attachment 4 has no good content" },
        { read_attachments, "UPDATE attachments SET hash = x''", "content" },
        { read_attachments, "UPDATE attachments SET size = -1", "content" },
        { read_counts, "UPDATE counts SET key = x'01'", "token 7" },
        { read_counts, "UPDATE counts SET count = -1", "token 7" },
        { read_counts, "UPDATE counts SET token = -7", "token -7" },
        { read_changes, "UPDATE amendments SET object = -3", "amendment -3" },
        { read_changes, "UPDATE uploads SET report = -1", "upload 3 has no good report" },
        { read_access, "UPDATE projects SET name = ''", "project 1 has no good name" },
        { read_access, "UPDATE projects SET number = -1", "project" },
        { read_access, "UPDATE projects SET universe = 9", "project 1 has no good universe" },
        { read_access, "UPDATE universes SET name = hex(zeroblob(129))", "universe" },
        { read_access, "UPDATE tokens SET hash = x''", "token 1 has no good hash" },
        { read_access, "UPDATE tokens SET project = 9", "token 1 has no good project" },
        { read_access, "UPDATE tokens SET scopes = -1", "token 1 has no good scopes" },
        { read_access, "UPDATE tokens SET number = -1", "token -1 has no good number" },
        { read_access, "UPDATE users SET name = ''", "user 1 has no good name" },
        { read_access, "UPDATE users SET number = 1 << 40", "number" },
        { read_access, "DELETE FROM marks WHERE name = 'access'", "mark \"access\"" },
        { read_marks, "UPDATE marks SET value = -1 WHERE name = 'object'", "mark \"object\"" },
        { read_secret, "UPDATE settings SET value = '12' WHERE name = 'secret'", "secret" },
        { read_secret,
          "UPDATE settings SET value = replace(value, substr(value, 64), 'x')"
          " WHERE name = 'secret'",
          "secret" },
        { read_secret, "DELETE FROM settings WHERE name = 'secret'", "secret" },
    };
    struct place *p = *state;
    fill(p, 1);
    fill_others(p);
    struct str good = file_read(p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = { 0 };
        file_write(p, good);
        struct store *s = open_good(p);
        if (!cases[i].read(p, s, &e))
            fail_msg("before: %s", e.msg);
        store_close(s);
        sql(p, cases[i].sql);
        s = open_good(p);
        if (cases[i].read(p, s, &e) || e.code != ERR_IO || !strstr(e.msg, cases[i].part))
            fail_msg("%s: %s", cases[i].sql, e.msg);
        store_close(s);
    }
}

static void damaged_payload(void **state)
{
    struct place *p = *state;
    fill(p, 3);
    sql(p, "UPDATE reports SET payload = substr(payload, 1, length(payload) / 2) WHERE number = 0;"
           "UPDATE reports SET payload = x'00' WHERE number = 1;"
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
    static bool (*const readers[])(struct place * p, struct store * s, struct err * e) = {
        read_uploads, read_attachments, read_counts, read_changes,
        read_access,  read_marks,       read_secret,
    };
    struct place *p = *state;
    srandom(1);
    fill(p, 300);
    fill_others(p);
    struct str good = file_read(p);
    for (unsigned seed = 1; seed <= 40; seed++) {
        srandom(seed);
        file_write(p, good);
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
        for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
            if (!readers[i](p, s, &e))
                assert_true(e.msg[0] != '\0');
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
        CASE(newer_schema),        CASE(older_schema),    CASE(older_schema_without_settings),
        CASE(older_schema_undone), CASE(private_file),    CASE(not_ours),
        CASE(no_database),         CASE(damaged_rows),    CASE(pages_in_order),
        CASE(damaged_others),      CASE(damaged_payload), CASE(damaged_pages),
        CASE(file_size_limit),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
