/* Uploads that are processed again: what takes the place of what, what stays, and that a restart
 * finds the same. A JSON report says the same each time, so its stored body is exchanged here, as
 * if it could be read better now. */
#include "unit/engine/uploads.h"

#include "access/receipt.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const double one_threshold[] = { 4 };

/* The database, beside the engine. */

static sqlite3 *database(struct place *p)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/crumple.db", p->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    return db;
}

static void run_sql(struct place *p, const char *sql)
{
    sqlite3 *db = database(p);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static int number_of(struct place *p, const char *sql)
{
    sqlite3 *db = database(p);
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static void exchange_body(struct place *p, uint64_t object, const char *text)
{
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct str packed;
    struct err e;
    sqlite3_stmt *st;
    assert_true(store_pack(str_from_c(text), a, &packed, &e));
    sqlite3 *db = database(p);
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE uploads SET body = ?1, body_size = ?2 WHERE object = ?3", -1,
                           &st, NULL),
        SQLITE_OK);
    sqlite3_bind_blob(st, 1, packed.ptr, (int)packed.len, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)strlen(text));
    sqlite3_bind_int64(st, 3, (sqlite3_int64)object);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_finalize(st);
    sqlite3_close(db);
    arena_free(a);
}

static void exchange(struct place *p, uint64_t object, const char *function)
{
    char text[512];
    json_text(text, sizeof text, function, "");
    exchange_body(p, object, text);
}

/* Reprocessing. */

static void wait_reprocessed(struct place *p)
{
    for (unsigned i = 0; engine_reprocessed(p->engine).waiting > 0; i++) {
        assert_true(i < 60000);
        usleep(1000);
    }
}

/* It has been tried, and the store has refused it. */
static void wait_until_writes_fail(struct place *p)
{
    for (unsigned i = 0; engine_ready(p->engine); i++) {
        assert_true(i < 60000);
        usleep(1000);
    }
}

static void reprocess(struct place *p, const uint64_t *objects, size_t count)
{
    struct err e;
    assert_true(engine_reprocess(p->engine, objects, count, &e));
    wait_reprocessed(p);
}

static void assert_reprocessed(struct place *p, unsigned made_again, unsigned unchanged,
                               unsigned failed)
{
    struct engine_reprocessed now = engine_reprocessed(p->engine);
    assert_int_equal(now.made_again, made_again);
    assert_int_equal(now.unchanged, unchanged);
    assert_int_equal(now.failed, failed);
    assert_int_equal(now.waiting, 0);
}

/* What readers find. */

static struct str report_of(struct place *p, uint64_t object, struct arena *a)
{
    struct str json;
    struct err e = { 0 };
    if (!engine_object_report(p->engine, object, STR("p"), a, &json, &e))
        fail_msg("object %llu: %s", (unsigned long long)object, e.msg);
    return json;
}

static void id_of(struct place *p, uint64_t object, char out[RXID_BYTES + 1])
{
    rxid_make(engine_secret(p->engine), object, out);
}

static uint32_t find(struct place *p, uint64_t object, struct collected *out)
{
    char id[RXID_BYTES + 1];
    id_of(p, object, id);
    const struct engine_view *v = engine_view_acquire(p->engine);
    uint32_t name = collection_find_name(v->collection, str_from_c(id));
    uint32_t number = name == COLLECTION_NONE ? name : collection_named_report(v->collection, name);
    if (number != COLLECTION_NONE)
        *out = collection_report(v->collection, number);
    engine_view_release(p->engine, v);
    return number;
}

/* That the report of one object is in the bucket at the first threshold that is called after
 * another. */
static void assert_bucket(struct place *p, uint64_t object, uint64_t founder)
{
    char id[RXID_BYTES + 1];
    struct collected r;
    id_of(p, founder, id);
    assert_int_not_equal(find(p, object, &r), COLLECTION_NONE);
    const struct engine_view *v = engine_view_acquire(p->engine);
    assert_str(collection_name(v->collection, r.buckets[0]), id);
    engine_view_release(p->engine, v);
}

/* Reports that are there, and not superseded. */
static uint32_t living(struct place *p)
{
    const struct engine_view *v = engine_view_acquire(p->engine);
    uint32_t count = collection_count(v->collection), n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += !collection_is_superseded(v->collection, i, count);
    engine_view_release(p->engine, v);
    return n;
}

static void reopen_the_same(struct place *p)
{
    char *before = dump(p);
    place_reopen(p);
    char *after = dump(p);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* The tests. */

static void test_made_again(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct stored_upload was, now;
    struct collected first, again;
    struct stored_attachment *list;
    struct err e;
    uint64_t id;
    size_t count;
    p->config.grouping.thresholds = one_threshold;
    p->config.grouping.threshold_count = 1;
    place_open(p);
    uint64_t one = send_json(p, "alpha", "u-1", true), two = send_json(p, "alpha", "u-2", true);
    uint64_t three = send_json(p, "omega", "u-3", true);
    assert_true(attach(p, one, "p", (struct upload_bucket){ .name = STR("") }, &id));
    assert_bucket(p, two, one);
    assert_bucket(p, three, three);
    assert_true(engine_upload_read(p->engine, one, STR("p"), a, &was, &e));
    assert_int_equal(find(p, one, &first), 0);
    exchange(p, one, "omega");
    reprocess(p, &one, 1);
    assert_reprocessed(p, 1, 0, 0);
    for (unsigned round = 0; round < 2; round++, reopen_the_same(p)) {
        assert_int_equal(report_count(p), 4);
        assert_int_equal(living(p), 3);
        assert_int_equal(find(p, one, &again), 3);
        assert_int_equal(again.date_ms, first.date_ms);
        assert_int_equal(again.top_match, 2);
        assert_bucket(p, one, three);
        assert_bucket(p, two, one); /* the bucket keeps its name */
        assert_holds(report_of(p, one, a), "\"omega\"");
        assert_true(engine_upload_read(p->engine, one, STR("p"), a, &now, &e));
        assert_memory_not_equal(now.fingerprint, was.fingerprint, sizeof now.fingerprint);
        assert_int_equal(now.received_ms, was.received_ms);
        assert_int_equal(now.report, 3);
        assert_str(now.uuid, "u-1");
        assert_true(str_eq(now.fields, was.fields) && str_eq(now.type, was.type));
        assert_true(engine_attachments(p->engine, one, STR("p"), a, &list, &count, &e));
        assert_int_equal(count, 1);
        assert_int_equal(list[0].id, id);
        assert_int_equal(send_json(p, "gamma", "U-1", false), one); /* the uuid is still taken */
    }
    /* And back, again. */
    exchange(p, one, "alpha");
    reprocess(p, &one, 1);
    assert_int_equal(find(p, one, &again), 4);
    assert_int_equal(again.top_match, 1);
    assert_bucket(p, one, one);
    reopen_the_same(p);
    assert_int_equal(living(p), 3);
    arena_free(a);
}

/* Where nobody is near, a report goes on in the bucket of its own name, whoever is there. */
static void test_alone(void **state)
{
    struct place *p = *state;
    p->config.grouping.thresholds = one_threshold;
    p->config.grouping.threshold_count = 1;
    place_open(p);
    uint64_t one = send_json(p, "alpha", "", true), two = send_json(p, "alpha", "", true);
    assert_bucket(p, two, one);
    exchange(p, one, "nobody");
    reprocess(p, &one, 1);
    assert_bucket(p, one, one);
    assert_bucket(p, two, one);
    exchange(p, two, "else");
    reprocess(p, &two, 1);
    assert_bucket(p, two, two);
    /* A report is not near to what it was. */
    exchange(p, two, "other");
    reprocess(p, &two, 1);
    assert_bucket(p, two, two);
    assert_reprocessed(p, 3, 0, 0);
    reopen_the_same(p);
}

static void test_unchanged(void **state)
{
    struct place *p = *state;
    struct collected r;
    place_open(p);
    uint64_t objects[3];
    for (unsigned i = 0; i < 3; i++)
        objects[i] = send_json(p, "alpha", "", true);
    run_sql(p, "UPDATE uploads SET error = 'an old sentence', attributes = '{}'");
    reprocess(p, objects, 3);
    assert_reprocessed(p, 0, 3, 0);
    assert_int_equal(report_count(p), 3);
    assert_int_equal(find(p, objects[1], &r), 1);
    assert_int_equal(number_of(p, "SELECT count(*) FROM superseded"), 0);
    /* The upload's row is made anew. */
    assert_int_equal(number_of(p, "SELECT count(*) FROM uploads WHERE error <> 'an old sentence'"
                                  " AND attributes LIKE '%uname.sysname%'"),
                     3);
    assert_int_equal(number_of(p, "SELECT sum(report) FROM uploads"), 0 + 1 + 2);
    reopen_the_same(p);
}

/* What can be read no more stays as it was. */
static void test_worse(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct collected r;
    place_open(p);
    uint64_t one = send_json(p, "alpha", "", true);
    exchange_body(p, one, "{\"threads\": ");
    reprocess(p, &one, 1);
    run_sql(p, "UPDATE uploads SET body = x'00'");
    reprocess(p, &one, 1);
    assert_reprocessed(p, 0, 0, 2);
    exchange(p, one, "alpha");
    for (unsigned round = 0; round < 2; round++, reopen_the_same(p)) {
        assert_int_equal(state_of(p, one), UPLOAD_DECODED);
        assert_holds(report_of(p, one, a), "\"alpha\"");
        assert_int_equal(find(p, one, &r), 0);
        assert_int_equal(report_count(p), 1);
    }
    arena_free(a);
}

/* One that could not be read at first. */
static void test_better(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    place_open(p);
    struct given *bad = given_new(p, UPLOAD_JSON, STR("{\"threads\": "));
    bad->u.sync = true;
    given_send(p, bad);
    uint64_t object = bad->u.object;
    given_free(bad);
    reprocess(p, &object, 1);
    assert_reprocessed(p, 0, 1, 0);
    assert_int_equal(state_of(p, object), UPLOAD_FAILED);
    exchange(p, object, "alpha");
    reprocess(p, &object, 1);
    assert_reprocessed(p, 1, 1, 0);
    assert_int_equal(state_of(p, object), UPLOAD_DECODED);
    assert_holds(report_of(p, object, a), "\"alpha\"");
    reopen_the_same(p);
    assert_int_equal(living(p), 1);
    arena_free(a);
}

static void test_passed_over(void **state)
{
    struct place *p = *state;
    struct err e;
    place_open(p);
    post_ok(p, "p", "{\"database_id\":\"x\",\"stacktrace\":[{\"function\":\"f\"}]}"); /* 1 */
    uint64_t two = send_json(p, "alpha", "", true);
    const uint64_t objects[] = { 0, 1, 77, UINT64_MAX, two, two, two };
    exchange(p, two, "beta");
    assert_true(engine_reprocess(p->engine, objects, 7, &e));
    wait_reprocessed(p);
    assert_int_equal(engine_reprocessed(p->engine).failed, 0);
    assert_true(engine_reprocessed(p->engine).made_again == 1);
    assert_int_equal(living(p), 2);
    assert_true(engine_delete_all(p->engine, &e));
    reprocess(p, objects, 7);
    assert_int_equal(engine_reprocessed(p->engine).made_again, 1);
    assert_int_equal(report_count(p), 0);
    assert_int_equal(number_of(p, "SELECT count(*) FROM superseded"), 0);
    uint64_t three = send_json(p, "gamma", "", true);
    exchange(p, three, "delta");
    reprocess(p, &three, 1);
    assert_int_equal(living(p), 1);
    reopen_the_same(p);
}

/* A dry run, and a report that comes, find what was made again and not what it was. */
static void test_matches(void **state)
{
    struct place *p = *state;
    place_open(p);
    uint64_t one = send_json(p, "alpha", "", true);
    exchange(p, one, "omega");
    reprocess(p, &one, 1);
    struct sent *s = sent_new("p", STR("{\"database_id\":\"dry\",\"stacktrace\":[{\"function\":"
                                       "\"alpha\"},{\"function\":\"nothing_like_it\"}]}"));
    struct err e;
    s->job.dry_run = true;
    assert_true(sent_submit(p, s, &e));
    sent_wait(s);
    assert_true(s->job.ok);
    assert_false(s->job.results[0].has_match);
    sent_free(s);
    s = post(p, "p",
             "{\"database_id\":\"new\",\"stacktrace\":[{\"function\":\"omega\"},"
             "{\"function\":\"main_loop\"}]}");
    char id[RXID_BYTES + 1];
    id_of(p, one, id);
    assert_true(s->job.ok && s->job.results[0].has_match);
    assert_str(s->job.results[0].match_id, id);
    sent_free(s);
}

static int amended_count(struct place *p)
{
    return number_of(p, "SELECT count(*) FROM uploads WHERE attributes LIKE '%has_advanced_log%'");
}

/* What a bucket has set holds, and what it counted is not counted again. */
static void test_amended(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    uint64_t id;
    place_open(p);
    uint64_t one = send_json(p, "alpha", "", true);
    assert_true(attach(p, one, "p", bucket(true), &id));
    reprocess(p, &one, 1);
    assert_reprocessed(p, 0, 1, 0);
    exchange(p, one, "beta");
    reprocess(p, &one, 1);
    assert_reprocessed(p, 1, 1, 0);
    for (unsigned round = 0; round < 2; round++, reopen_the_same(p)) {
        assert_holds(report_of(p, one, a), "has_advanced_log");
        assert_holds(report_of(p, one, a), "\"beta\"");
        assert_int_equal(amended_count(p), 1);
    }
    assert_int_equal(number_of(p, "SELECT sum(count) FROM counts"), 1);
    reprocess(p, &one, 1);
    assert_int_equal(engine_reprocessed(p->engine).unchanged, 1);
    assert_true(attach(p, one, "p", bucket(true), &id)); /* of what it is now */
    assert_int_equal(number_of(p, "SELECT count(*) FROM counts"), 2);
    assert_int_equal(number_of(p, "SELECT sum(count) FROM counts"), 2);
    reopen_the_same(p);
    arena_free(a);
}

/* Buckets change objects while they are made again: nothing is lost of either. */
static void test_amended_meanwhile(void **state)
{
    enum { OBJECTS = 12, ROUNDS = 10 };
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    uint64_t objects[OBJECTS], id;
    struct err e;
    p->config.workers = 3;
    place_open(p);
    for (unsigned i = 0; i < OBJECTS; i++)
        objects[i] = send_json(p, "alpha", "", true);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char function[32], quoted[40];
        snprintf(function, sizeof function, "f%u", round);
        snprintf(quoted, sizeof quoted, "\"f%u\"", round);
        for (unsigned i = 0; i < OBJECTS; i++)
            exchange(p, objects[i], function);
        run_sql(p, "UPDATE uploads SET attributes = replace(attributes, 'has_advanced_log', 'x')");
        run_sql(p, "DELETE FROM amendments");
        assert_true(engine_reprocess(p->engine, objects, OBJECTS, &e));
        for (unsigned i = 0; i < OBJECTS; i++)
            assert_true(attach(p, objects[i], "p", bucket(true), &id));
        wait_reprocessed(p);
        assert_int_equal(amended_count(p), OBJECTS);
        for (unsigned i = 0; i < OBJECTS; i++) {
            assert_holds(report_of(p, objects[i], a), quoted);
            assert_holds(report_of(p, objects[i], a), "has_advanced_log");
        }
    }
    assert_int_equal(number_of(p, "SELECT sum(count) FROM counts"), OBJECTS * ROUNDS);
    assert_int_equal(living(p), OBJECTS);
    reopen_the_same(p);
    arena_free(a);
}

/* The store fails: all is as it was, and later it goes on. */
static void test_store_fails(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct err e;
    place_open(p);
    uint64_t one = send_json(p, "alpha", "", true);
    exchange(p, one, "omega");
    char *before = dump(p);
    run_sql(p, "CREATE TRIGGER refuse BEFORE INSERT ON superseded BEGIN SELECT RAISE(ABORT, 'no');"
               " END");
    assert_true(engine_ready(p->engine));
    assert_true(engine_reprocess(p->engine, &one, 1, &e));
    wait_until_writes_fail(p);
    assert_holds(report_of(p, one, a), "\"alpha\"");
    char *after = dump(p);
    assert_string_equal(before, after);
    free(before);
    free(after);
    run_sql(p, "DROP TRIGGER refuse");
    wait_reprocessed(p);
    assert_reprocessed(p, 1, 0, 0);
    assert_holds(report_of(p, one, a), "\"omega\"");
    reopen_the_same(p);
    arena_free(a);
}

/* A start that finds what cannot be. */
static void test_damaged(void **state)
{
    static const char *const damages[] = {
        "UPDATE superseded SET by = 900",
        "UPDATE superseded SET number = 1",
        "UPDATE superseded SET by = number",
        "INSERT INTO superseded VALUES (0, 2)",
        "DELETE FROM superseded",
    };
    struct place *p = *state;
    place_open(p);
    uint64_t one = send_json(p, "alpha", "", true);
    (void)send_json(p, "beta", "", true);
    (void)one;
    exchange(p, one, "omega");
    reprocess(p, &one, 1);
    exchange(p, one, "psi");
    reprocess(p, &one, 1); /* 0 by 2, 2 by 3 */
    place_close(p);
    run_sql(p, "CREATE TABLE good AS SELECT * FROM superseded");
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct err e = { 0 };
        run_sql(p, "DELETE FROM superseded; INSERT INTO superseded SELECT * FROM good WHERE by = 3;"
                   "INSERT INTO superseded SELECT number, by FROM good WHERE by = 2");
        if (i < 3)
            run_sql(p, "DELETE FROM superseded WHERE by = 3");
        run_sql(p, i == 3 ? "UPDATE superseded SET by = 3" : damages[i]);
        assert_false(engine_open(&p->engine, &p->config, &e));
        assert_true(e.code == ERR_IO || e.code == ERR_CONFLICT);
        assert_true(e.msg[0] != '\0');
        assert_null(p->engine);
    }
    run_sql(p, "DELETE FROM superseded; INSERT INTO superseded SELECT * FROM good");
    place_open(p);
    assert_int_equal(living(p), 2);
}

/* Many objects, exchanged and made again at random, with reports of both APIs in between: after
 * each restart all is as it was. */
static void random_life(struct place *p, const char *similarity, unsigned seed)
{
    enum { OBJECTS = 60 };
    uint64_t objects[OBJECTS];
    p->config.grouping.similarity = similarity;
    p->config.workers = 2;
    place_open(p);
    for (unsigned i = 0; i < OBJECTS; i++) {
        char function[32];
        snprintf(function, sizeof function, "f%u", (unsigned)rand_r(&seed) % 9);
        objects[i] = send_json(p, function, "", true);
    }
    for (unsigned round = 0; round < 6; round++) {
        uint64_t some[OBJECTS];
        size_t count = 0;
        for (unsigned i = 0; i < OBJECTS; i++) {
            char function[32];
            if (rand_r(&seed) % 3)
                continue;
            snprintf(function, sizeof function, "g%u", (unsigned)rand_r(&seed) % 5 + round);
            exchange(p, objects[i], function);
            some[count++] = objects[i];
        }
        struct err e;
        assert_true(engine_reprocess(p->engine, some, count, &e));
        for (unsigned i = 0; i < 5; i++)
            post_ok(p, "p", "{\"database_id\":\"r%u-%u\",\"stacktrace\":[{\"function\":\"g%u\"}]}",
                    round, i, (unsigned)rand_r(&seed) % 8);
        wait_reprocessed(p);
        reopen_the_same(p);
        assert_int_equal(living(p), OBJECTS + 5 * (round + 1));
    }
}

static void test_random_culprit(void **state)
{
    random_life(*state, "culprit", 11);
}

static void test_random_classic(void **state)
{
    random_life(*state, "classic", 12);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_made_again),     TEST(test_alone),   TEST(test_unchanged),
        TEST(test_worse),          TEST(test_better),  TEST(test_passed_over),
        TEST(test_matches),        TEST(test_amended), TEST(test_amended_meanwhile),
        TEST(test_store_fails),    TEST(test_damaged), TEST(test_random_culprit),
        TEST(test_random_classic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
