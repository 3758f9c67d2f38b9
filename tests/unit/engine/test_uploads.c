/* Uploads through the whole engine: accepted, processed once, counted, attached to, and all of it
 * again after a restart. */
#include "unit/engine/uploads.h"

#include "access/receipt.h"

#include <stdio.h>
#include <stdlib.h>

/* The tests. */

static void test_asynchronous(void **state)
{
    struct place *p = *state;
    place_open(p);
    uint64_t first = send_json(p, "alpha", "u-1", false);
    uint64_t second = send_json(p, "beta", "u-2", false);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_int_equal(send_json(p, "gamma", "U-1", false), first); /* stores nothing */
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        assert_int_equal(state_of(p, first), UPLOAD_DECODED);
        assert_int_equal(state_of(p, second), UPLOAD_DECODED);
        assert_int_equal(report_count(p), 2);
    }
    assert_int_equal(send_json(p, "alpha", "u-2", false), second);
    assert_int_equal(send_json(p, "alpha", "u-3", false), 3);
}

static void test_report(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    char rxid[RXID_BYTES + 1];
    struct stored_upload u;
    struct str json;
    struct err e;
    place_open(p);
    struct given *g = json_new(p, "alpha", "u-1", true);
    given_field(g, "uname.sysname", "Plan9");
    given_send(p, g);
    assert_true(g->u.settled && g->u.unique && g->u.has_fingerprint);
    assert_true(engine_object_report(p->engine, g->u.object, STR("p"), a, &json, &e));
    rxid_make(engine_secret(p->engine), g->u.object, rxid);
    assert_holds(json, rxid);
    assert_holds(json, "\"Plan9\"");
    assert_holds(json, "\"alpha\"");
    assert_true(engine_upload_read(p->engine, g->u.object, STR("p"), a, &u, &e));
    assert_true(u.body.size == g->u.upload.body.size && !u.body.in_file);
    assert_holds(u.body.bytes, "\"Linux\"");
    assert_holds(u.attributes, "\"uname.sysname\":\"Plan9\"");
    assert_holds(u.attributes, "\"n\":5");
    assert_holds(u.attributes, "callstack");
    assert_memory_equal(u.fingerprint, g->u.fingerprint, sizeof u.fingerprint);
    /* Another project's, and one that never was. */
    assert_false(engine_upload_read(p->engine, g->u.object, STR("q"), a, &u, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(engine_upload_read(p->engine, 77, STR("p"), a, &u, &e));
    given_free(g);
    struct given *again = json_new(p, "alpha", "u-9", true),
                 *other = json_new(p, "omega", "", true);
    given_send(p, again);
    given_send(p, other);
    assert_true(!again->u.unique && other->u.unique);
    given_free(again);
    given_free(other);
    place_reopen(p);
    struct given *later = json_new(p, "omega", "", true);
    given_send(p, later);
    assert_false(later->u.unique);
    given_free(later);
    arena_free(a);
}

/* What cannot be read becomes a report that says so; what no decoder reads is kept. */
static void test_unreadable(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct stored_upload u;
    struct err e;
    place_open(p);
    struct given *bad = given_new(p, UPLOAD_JSON, STR("{\"threads\": "));
    bad->u.sync = true;
    given_send(p, bad);
    assert_true(bad->u.errors.len > 0);
    assert_int_equal(state_of(p, bad->u.object), UPLOAD_FAILED);
    assert_int_equal(report_count(p), 1);
    struct given *dump = given_new(p, UPLOAD_BTT, STR("\0\1\2 who knows"));
    given_field(dump, "version", "1.0");
    given_send(p, dump);
    assert_int_equal(state_of(p, dump->u.object), UPLOAD_WAITING);
    struct given *symbols = given_new(p, UPLOAD_SYMBOLS, STR("PK"));
    given_field(symbols, "tag", "nightly");
    given_send(p, symbols);
    assert_int_equal(state_of(p, symbols->u.object), UPLOAD_KEPT);
    assert_int_equal(report_count(p), 1);
    uint64_t object = dump->u.object;
    given_free(bad);
    given_free(dump);
    given_free(symbols);
    place_reopen(p);
    assert_int_equal(state_of(p, object), UPLOAD_WAITING);
    assert_true(engine_upload_read(p->engine, object, STR("p"), a, &u, &e));
    assert_true(u.body.size == 13 && memcmp(u.body.bytes.ptr, "\0\1\2 who knows", 13) == 0);
    assert_holds(u.attributes, "\"version\":\"1.0\"");
    arena_free(a);
}

/* The count in the answer to a synchronous submission. */
static uint64_t count_of(struct place *p, const char *function, bool use)
{
    struct given *g = json_new(p, function, "", true);
    g->u.upload.bucket = bucket(use);
    given_send(p, g);
    uint64_t count = g->u.bucket_count;
    given_free(g);
    return count;
}

static void test_submission_bucket(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct stored_upload u;
    struct str json;
    struct err e;
    uint64_t id;
    place_open(p);
    uint64_t first = send_json(p, "alpha", "u-1", false);
    assert_int_equal(count_of(p, "alpha", false), 0);
    assert_int_equal(count_of(p, "alpha", false), 0); /* only uses count */
    assert_true(attach(p, first, "p", bucket(true), &id));
    assert_int_equal(count_of(p, "alpha", false), 1);
    assert_int_equal(count_of(p, "beta", false), 0); /* another combination */
    assert_int_equal(count_of(p, "alpha", true), 1);
    place_reopen(p);
    assert_int_equal(count_of(p, "alpha", true), 2);
    assert_int_equal(count_of(p, "alpha", false), 3);
    /* `set` is in the report and its attributes, and stays there. */
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        assert_true(engine_upload_read(p->engine, first, STR("p"), a, &u, &e));
        assert_holds(u.attributes, "\"has_advanced_log\":1");
        assert_true(engine_object_report(p->engine, first, STR("p"), a, &json, &e));
        assert_holds(json, "has_advanced_log");
    }
    arena_free(a);
}

static void test_attachments(void **state)
{
    struct place *p = *state;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct stored_attachment *list, one;
    struct err e;
    size_t count;
    uint64_t id, second, list_last;
    place_open(p);
    uint64_t object = send_json(p, "alpha", "", false);
    assert_true(attach(p, object, "p", (struct upload_bucket){ .name = STR("") }, &id));
    assert_true(attach(p, object, "p", (struct upload_bucket){ .name = STR("") }, &second));
    assert_true(second > id);
    list_last = second;
    assert_false(attach(p, object, "q", (struct upload_bucket){ .name = STR("") }, &second));
    assert_false(attach(p, 4711, "p", bucket(true), &second));
    place_reopen(p);
    settle(p, object);
    assert_true(engine_attachments(p->engine, object, STR("p"), a, &list, &count, &e));
    assert_int_equal(count, 2);
    assert_str(list[0].name, "log.txt");
    assert_int_equal(list[0].content.size, 5);
    assert_true(engine_attachment_read(p->engine, object, STR("p"), id, a, &one, &e));
    assert_str(one.content.bytes, "hello");
    assert_false(engine_attachments(p->engine, object, STR("q"), a, &list, &count, &e));
    assert_false(engine_attachment_read(p->engine, object, STR("p"), 99, a, &one, &e));
    assert_true(attach(p, object, "p", (struct upload_bucket){ .name = STR("") }, &id));
    assert_true(id > list_last); /* never given again */
    arena_free(a);
}

/* Many at once, closed in the middle, and opened again: each of them once. */
static void test_many_and_a_restart(void **state)
{
    enum { MANY = 600 };
    struct place *p = *state;
    static struct given *given[MANY];
    static uint64_t objects[MANY];
    struct err e = { 0 };
    place_open(p);
    for (unsigned i = 0; i < MANY; i++) {
        char function[32], uuid[32];
        snprintf(function, sizeof function, "f%u", i % 50);
        snprintf(uuid, sizeof uuid, "u-%u", i);
        given[i] = json_new(p, function, uuid, false);
        assert_true(engine_accept(p->engine, &given[i]->u, &e));
    }
    for (unsigned i = 0; i < MANY; i++) {
        call_wait(&given[i]->call);
        assert_true(given[i]->u.ok);
        objects[i] = given[i]->u.object;
        given_free(given[i]);
    }
    place_reopen(p);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(state_of(p, objects[i]), UPLOAD_DECODED);
    assert_int_equal(report_count(p), MANY);
    place_reopen(p);
    assert_int_equal(report_count(p), MANY);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_asynchronous),      TEST(test_report),      TEST(test_unreadable),
        TEST(test_submission_bucket), TEST(test_attachments), TEST(test_many_and_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
