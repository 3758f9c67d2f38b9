/* Rules that act while uploads come in: rows, reports and files that go, and those that stay; after
 * a restart, too. */
#include "engine/retention.h"

#include "unit/engine/edits.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SENDERS 3
#define ROUNDS 40
#define BUGS 4
#define WAIT_US 20000000

struct watch {
    struct access *access;
    struct retention *retention;
};

static void watch_begin(struct place *p, struct watch *w, int64_t share_ms)
{
    struct err e = { 0 };
    if (!access_open(&w->access, engine_store(p->engine), &e))
        fail_msg("%s", e.msg);
    const struct retention_config config = { .engine = p->engine,
                                             .access = w->access,
                                             .interval_ms = 1,
                                             .sweep_interval_ms = 1,
                                             .share_ms = share_ms };
    if (!retention_start(&w->retention, &config, &e))
        fail_msg("%s", e.msg);
}

static void watch_start(struct place *p, struct watch *w)
{
    watch_begin(p, w, 0);
}

static void watch_stop(struct watch *w)
{
    retention_stop(w->retention);
    access_close(w->access);
}

/* What project p has from now on of this type. */
static void configure(struct place *p, struct watch *w, const char *type, const char *member,
                      const char *rules)
{
    struct err e = { 0 };
    const struct access_view *v = access_acquire(w->access, &e);
    char key[16], object[1024], quoted[512];
    uint32_t number;
    size_t n = 0;
    for (const char *c = rules; *c; c++) {
        if (*c == '"')
            quoted[n++] = '\\';
        quoted[n++] = *c;
    }
    quoted[n] = '\0';
    snprintf(key, sizeof key, "%u", access_find_project(v, STR("p"))->number);
    snprintf(object, sizeof object, "{\"project\":%s,\"%s\":\"%s\"}", key, member, quoted);
    access_release(w->access, v);
    const struct stored_configuration c = { .type = str_from_c(type),
                                            .key = str_from_c(key),
                                            .object = str_from_c(object) };
    if (!store_configuration_add(engine_store(p->engine), &c, &number, &e))
        fail_msg("%s", e.msg);
}

#define KEEP(n, more)                                                                              \
    "[{\"criteria\":[{\"type\":\"fingerprint-count\",\"op\":\"more-than\",\"count\":\"" #n         \
    "\"}],\"actions\":[{\"type\":\"delete-all\"" more "}]}]"

/* A report whose body is a file: those of one bug have the same. */
static uint64_t send_large(struct place *p, unsigned bug, bool sync)
{
    char function[16], *body = malloc(80000);
    assert_non_null(body);
    memset(body, ' ', 80000);
    snprintf(function, sizeof function, "bug%u", bug);
    json_text(body, 1000, function, "");
    body[strlen(body)] = ' ';
    struct given *g = given_new(p, UPLOAD_JSON, (struct str){ body, 80000 });
    g->u.sync = sync;
    given_send(p, g);
    uint64_t object = g->u.object;
    assert_true(g->u.upload.body.in_file);
    given_free(g);
    free(body);
    return object;
}

static size_t count_files(struct place *p)
{
    size_t n = 0;
    for (unsigned i = 0; i < 256; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/blobs/%02x", p->dir, i);
        DIR *d = opendir(path);
        assert_non_null(d);
        for (struct dirent *at; (at = readdir(d));)
            n += at->d_name[0] != '.';
        closedir(d);
    }
    return n;
}

static size_t count_rows(struct place *p, const char *with)
{
    char *all = rows_text(p, "p");
    size_t n = 0;
    for (const char *c = all; (c = strstr(c, with)); c++)
        n++;
    free(all);
    return n;
}

static void wait_rows(struct place *p, const char *with, size_t want)
{
    for (unsigned us = 0; count_rows(p, with) != want; us += 5000) {
        if (us > WAIT_US)
            fail_msg("%zu rows have%s, not %zu", count_rows(p, with), with, want);
        usleep(5000);
    }
}

static void wait_files(struct place *p, size_t want)
{
    for (unsigned us = 0; count_files(p) != want; us += 5000) {
        if (us > WAIT_US)
            fail_msg("there are %zu files, not %zu", count_files(p), want);
        usleep(5000);
    }
}

/* Whether its bytes can be had; what is in the store has a file. */
static bool has_bytes(struct place *p, uint64_t object)
{
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct stored_upload u;
    struct str bytes;
    struct err e = { 0 };
    bool has = engine_upload_read(p->engine, object, STR("p"), a, &u, &e);
    if (has && !blobs_view(engine_blobs(p->engine), &u.body, a, &bytes, &e)) {
        has = false; /* then it was removed in between */
        if (engine_upload_read(p->engine, object, STR("p"), a, &u, &e))
            fail_msg("object %llu has lost its file", (unsigned long long)object);
    }
    arena_free(a);
    return has;
}

static void test_count(void **state)
{
    struct place *p = *state;
    struct watch w;
    uint64_t objects[6];
    place_open(p);
    for (unsigned i = 0; i < 6; i++)
        objects[i] = send_large(p, i % 2, true);
    assert_int_equal(count_files(p), 2);
    watch_start(p, &w);
    configure(p, &w, "project_retention", "rules", KEEP(1, ",\"subsets\":[\"physical\"]"));
    wait_rows(p, " _deleted=bool:1", 4);
    assert_int_equal(count_rows(p, " _deleted=bool:0"), 2);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(has_bytes(p, objects[i]), i >= 4);
    usleep(50000);
    assert_int_equal(count_files(p), 2); /* they are shared */
    watch_stop(&w);
    place_reopen(p);
    assert_int_equal(count_rows(p, " _deleted=bool:1"), 4);
    assert_int_equal(count_rows(p, " _deleted=bool:0"), 2);
}

/* Files go while the server runs, when the last object is gone. */
static void test_files(void **state)
{
    struct place *p = *state;
    struct watch w;
    place_open(p);
    for (unsigned i = 0; i < 6; i++)
        (void)send_large(p, i % 3, true);
    assert_int_equal(count_files(p), 3);
    watch_start(p, &w);
    configure(
        p, &w, "project_retention", "rules",
        "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"at-least\",\"time\":\"1\"}],\"actions\":"
        "[{\"type\":\"delete-all\"}]}]");
    wait_rows(p, ": ", 0);
    wait_files(p, 0);
    uint64_t again = send_large(p, 1, true);
    assert_true(has_bytes(p, again));
    wait_rows(p, ": ", 0);
    wait_files(p, 0);
    watch_stop(&w);
}

/* There is always time for a portion, however long it took to list the objects. */
static void test_no_time(void **state)
{
    enum { OBJECTS = 5000 };
    struct place *p = *state;
    struct watch w;
    char *body = malloc(OBJECTS * 40);
    size_t n = 0;
    assert_non_null(body);
    place_open(p);
    for (unsigned i = 0; i < OBJECTS; i++)
        n += (size_t)snprintf(body + n, 40, "%c{\"database_id\":\"d%u\"}", i ? ',' : '[', i);
    body[n++] = ']';
    struct sent *s = sent_new("p", (struct str){ body, n });
    struct err e = { 0 };
    assert_true(sent_submit(p, s, &e));
    sent_wait(s);
    assert_true(s->job.ok);
    sent_free(s);
    free(body);
    watch_begin(p, &w, -1);
    configure(
        p, &w, "project_retention", "rules",
        "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"at-least\",\"time\":\"0\"}],\"actions\":"
        "[{\"type\":\"delete-all\"}]}]");
    wait_rows(p, ": ", 0);
    watch_stop(&w);
}

static void test_compression(void **state)
{
    struct place *p = *state;
    struct watch w;
    place_open(p);
    uint64_t object = send_large(p, 0, true);
    watch_start(p, &w);
    configure(
        p, &w, "project_retention", "rules",
        "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"at-least\",\"time\":\"0\"}],\"actions\":"
        "[{\"type\":\"compress\"}]}]");
    char path[256];
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct stored_upload u;
    struct err e = { 0 };
    assert_true(engine_upload_read(p->engine, object, STR("p"), a, &u, &e));
    int n = snprintf(path, sizeof path, "%s/blobs/%02x/", p->dir, u.body.hash[0]);
    for (unsigned i = 0; i < CONTENT_HASH_BYTES; i++)
        n += snprintf(path + n, sizeof path - (size_t)n, "%02x", u.body.hash[i]);
    snprintf(path + n, sizeof path - (size_t)n, ".zst");
    for (unsigned us = 0; access(path, F_OK) != 0; us += 5000) {
        assert_true(us < WAIT_US);
        usleep(5000);
    }
    assert_true(has_bytes(p, object));
    arena_free(a);
    watch_stop(&w);
}

static void test_sampling(void **state)
{
    struct place *p = *state;
    struct watch w;
    place_open(p);
    (void)send_large(p, 0, true);
    watch_start(p, &w);
    configure(p, &w, "project_sampling", "configuration",
              "{\"type\":\"backoff\",\"backoffs\":[{\"count\":2,\"interval\":0}]}");
    usleep(1000000); /* until it is seen */
    uint64_t objects[5];
    for (unsigned i = 0; i < 5; i++)
        objects[i] = send_large(p, 0, true);
    wait_rows(p, " _deleted=bool:1", 3);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(has_bytes(p, objects[i]), i < 2);
    assert_int_equal(count_rows(p, ": "), 6);
    watch_stop(&w);
}

/* Threads that send the same few bodies again and again, while most of their objects go. */

static void *sender_run(void *arg)
{
    struct place *p = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t object = send_large(p, i % BUGS, i % 3 == 0);
        if (i % 2 == 0)
            (void)has_bytes(p, object);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct place *p = *state;
    struct watch w;
    pthread_t threads[SENDERS];
    place_open(p);
    uint64_t last = send_large(p, BUGS, true);
    watch_start(p, &w);
    configure(p, &w, "project_retention", "rules", KEEP(2, ""));
    for (size_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sender_run, p), 0);
    for (size_t i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    for (uint64_t id = 2; id <= 1 + SENDERS * ROUNDS; id++)
        (void)has_bytes(p, id);
    wait_rows(p, ": ", 2 * BUGS + 1);
    wait_files(p, BUGS + 1);
    assert_true(has_bytes(p, last));
    watch_stop(&w);
    char *before = rows_text(p, "p");
    place_reopen(p);
    char *after = rows_text(p, "p");
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_int_equal(count_files(p), BUGS + 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_count),   TEST(test_files),    TEST(test_compression),
        TEST(test_no_time), TEST(test_sampling), TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
