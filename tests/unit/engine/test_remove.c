/* Objects that are removed while others come and are made again: what the index and the columns are
 * after a restart is what they were before, in both similarities; what was removed is nobody's
 * nearest; a transaction that fails leaves all as it was; readers go on meanwhile. */
#include "unit/engine/edits.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS 40
#define OBJECTS_MAX 1000

static size_t remove_objects(struct place *p, const uint64_t *objects, size_t count,
                             enum removal what)
{
    struct edit_sent *s = edit_new("p", EDIT_REMOVE);
    struct err e = { 0 };
    s->t.objects = objects;
    s->t.object_count = count;
    s->t.removal = what;
    if (!edit_send(p, s, &e))
        fail_msg("%s", e.msg);
    size_t changed = s->t.changed;
    edit_free(s);
    return changed;
}

static bool is_readable(struct place *p, uint64_t object)
{
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct err e = { 0 };
    struct str json;
    bool ok = engine_object_report(p->engine, object, STR("p"), a, &json, &e);
    assert_true(ok || e.code == ERR_NOT_FOUND);
    arena_free(a);
    return ok;
}

static void wait_reprocessed(struct place *p)
{
    for (unsigned i = 0; engine_reprocessed(p->engine).waiting > 0; i++) {
        assert_true(i < 60000);
        usleep(1000);
    }
}

/* What stands beside the objects' own: how often a project was looked at differs by nothing else.
 */
static void reopen_the_same(struct place *p)
{
    char *before = dump(p), *rows = rows_text(p, "p");
    place_reopen(p);
    char *after = dump(p), *again = rows_text(p, "p");
    assert_string_equal(after, before);
    assert_string_equal(again, rows);
    free(before);
    free(rows);
    free(after);
    free(again);
}

/* Nobody's nearest is one that was removed before it came. */
static void assert_matches(struct place *p, uint32_t from)
{
    const struct engine_view *v = engine_view_acquire(p->engine);
    const struct collection *c = v->collection;
    for (uint32_t i = from; i < collection_count(c); i++) {
        uint32_t match = collection_report(c, i).top_match;
        assert_true(match == COLLECTION_NONE || match >= from || !collection_is_removed(c, match));
    }
    engine_view_release(p->engine, v);
}

static void random_life(struct place *p, const char *similarity, unsigned seed)
{
    static uint64_t objects[OBJECTS_MAX];
    bool gone[OBJECTS_MAX] = { false };
    size_t count = 0, removed = 0;
    printf("seed %u\n", seed);
    p->config.grouping.similarity = similarity;
    place_open(p);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t from = report_count(p);
        for (unsigned i = 0; i < 4; i++) {
            char function[16];
            snprintf(function, sizeof function, "f%u", (unsigned)rand_r(&seed) % 6);
            objects[count++] = send_json(p, function, "", true);
        }
        assert_matches(p, from);
        uint64_t some[8];
        size_t n = 0;
        while (n < 3) {
            size_t at = (size_t)rand_r(&seed) % count;
            if (gone[at])
                break;
            gone[at] = true;
            some[n++] = objects[at];
        }
        if (n > 0)
            some[n] = some[0]; /* twice is once */
        assert_int_equal(remove_objects(p, some, n > 0 ? n + 1 : 0,
                                        rand_r(&seed) % 2 ? REMOVE_ALL : REMOVE_PHYSICAL),
                         n);
        removed += n;
        for (size_t i = 0; i < count; i++)
            assert_int_equal(is_readable(p, objects[i]), !gone[i]);
        if (rand_r(&seed) % 4 == 0) {
            struct err e;
            assert_true(engine_reprocess(p->engine, objects, count, &e));
            wait_reprocessed(p);
        }
        if (rand_r(&seed) % 3 == 0)
            reopen_the_same(p);
    }
    assert_true(removed > ROUNDS);
    reopen_the_same(p);
}

static void test_random_culprit(void **state)
{
    random_life(*state, "culprit", 21);
}

static void test_random_classic(void **state)
{
    random_life(*state, "classic", 22);
}

/* The store refuses: what there was is there, for searches too. */
static void test_store_fails(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    sqlite3 *db;
    char path[128];
    place_open(p);
    uint64_t object = send_json(p, "alpha", "", true);
    char *before = dump(p), *rows = rows_text(p, "p");
    snprintf(path, sizeof path, "%s/crumple.db", p->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TRIGGER no BEFORE DELETE ON uploads BEGIN"
                                  " SELECT RAISE(ABORT, 'no'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    struct edit_sent *s = edit_new("p", EDIT_REMOVE);
    s->t.objects = &object;
    s->t.object_count = 1;
    assert_false(edit_send(p, s, &e));
    assert_int_equal(s->t.changed, 0);
    edit_free(s);
    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER no", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    char *after = dump(p), *again = rows_text(p, "p");
    assert_string_equal(after, before);
    assert_string_equal(again, rows);
    assert_true(is_readable(p, object));
    uint64_t second = send_json(p, "alpha", "", true);
    const struct engine_view *v = engine_view_acquire(p->engine);
    assert_int_equal(collection_report(v->collection, 1).top_match, 0);
    engine_view_release(p->engine, v);
    assert_int_equal(remove_objects(p, &second, 1, REMOVE_ALL), 1);
    reopen_the_same(p);
    free(before);
    free(rows);
    free(after);
    free(again);
}

/* Attributes that the columns had no room for are kept, too. */
static void test_left_out(void **state)
{
    enum { NAMES = 20, OBJECTS = 3 };
    struct place *p = *state;
    char body[512];
    uint64_t objects[OBJECTS] = { 1, 2, 3 };
    p->config.columns_max = 10;
    p->config.edit_bytes = 1;
    place_open(p);
    for (unsigned o = 0; o < OBJECTS; o++) {
        int n = snprintf(body, sizeof body, "{\"database_id\":\"d%u\",\"date\":\"2020-01-02\"", o);
        for (unsigned i = 0; i < NAMES; i++)
            n += snprintf(body + n, sizeof body - (size_t)n, ",\"a%u\":\"%u\"", i, 100 * o + i);
        post_ok(p, "p", "%s}", body);
    }
    assert_int_equal(set_attribute(p, objects, 1, "a1", ATTRIBUTE_UNSIGNED, "77"), 1);
    assert_int_equal(remove_objects(p, objects, OBJECTS, REMOVE_PHYSICAL), OBJECTS);
    p->config.columns_max = 100;
    place_reopen(p);
    for (unsigned o = 0; o < OBJECTS; o++)
        for (unsigned i = 0; i < NAMES; i++) {
            char name[16], want[16];
            snprintf(name, sizeof name, "a%u", i);
            snprintf(want, sizeof want, "str:%u", 100 * o + i);
            if (o > 0 || i != 1)
                assert_cell(p, objects[o], name, want);
        }
    assert_cell(p, 1, "a1", "str:77");
    assert_cell(p, 1, "timestamp", "uint:1577923200");
    assert_cell(p, 1, "_deleted", "bool:1");
}

/* Readers of everything, while objects come and go. */
struct readers {
    struct place *p;
    _Atomic bool stop;
    _Atomic size_t rounds;
};

static void *read_on(void *arg)
{
    struct readers *r = arg;
    while (!atomic_load(&r->stop)) {
        const struct engine_view *v = engine_view_acquire(r->p->engine);
        uint32_t count = collection_count(v->collection);
        struct arena *a = arena_new(UPLOAD_BYTES);
        for (uint32_t i = 0; i < count; i++) {
            struct err e = { 0 };
            struct str json;
            if (!collection_is_superseded(v->collection, i, count) &&
                !engine_payload(r->p->engine, v, i, a, &json, &e) && e.code != ERR_NOT_FOUND)
                abort();
            arena_reset(a);
        }
        arena_free(a);
        engine_view_release(r->p->engine, v);
        free(rows_text(r->p, "p"));
        atomic_fetch_add(&r->rounds, 1);
    }
    return NULL;
}

static void test_readers(void **state)
{
    struct place *p = *state;
    struct readers r = { .p = p };
    pthread_t threads[2];
    place_open(p);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &r), 0);
    for (unsigned i = 0; i < 60 || atomic_load(&r.rounds) < 10; i++) {
        uint64_t a = send_json(p, i % 2 ? "f" : "g", "", true);
        uint64_t b = send_json(p, "h", "", true);
        assert_int_equal(remove_objects(p, &a, 1, i % 3 ? REMOVE_ALL : REMOVE_PHYSICAL), 1);
        if (i % 5 == 0)
            assert_int_equal(remove_objects(p, &b, 1, REMOVE_ALL), 1);
    }
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    reopen_the_same(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_random_culprit), TEST(test_random_classic),
                                        TEST(test_store_fails), TEST(test_left_out),
                                        TEST(test_readers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
