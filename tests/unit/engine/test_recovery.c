/* What the engine does when things fail under it, and what it is after a restart. */
#include "unit/engine/harness.h"

#include "base/buf.h"
#include "base/log.h"
#include "store/store.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Sends `count` reports without waiting in between, so that they meet in batches. */
static void send_reports(struct place *p, unsigned count)
{
    struct sent **sent = calloc(count, sizeof *sent);
    assert_non_null(sent);
    for (unsigned i = 0; i < count; i++) {
        char id[20], body[500];
        struct err e = { 0 };
        snprintf(id, sizeof id, "r%u", i);
        report_text(body, sizeof body, id, i * i % 41);
        sent[i] = sent_new("", str_from_c(body));
        if (!sent_submit(p, sent[i], &e))
            fail_msg("%s", e.msg);
    }
    for (unsigned i = 0; i < count; i++) {
        sent_wait(sent[i]);
        if (!sent[i]->job.ok)
            fail_msg("%s", sent[i]->job.err.msg);
        sent_free(sent[i]);
    }
    free(sent);
}

static void assert_restart_equals(struct place *p)
{
    char *before = dump(p);
    for (size_t workers = 1; workers <= 5; workers += 2) {
        p->config.workers = workers;
        place_reopen(p);
        char *after = dump(p);
        assert_string_equal(after, before);
        free(after);
    }
    free(before);
}

static void restart_equals(void **state)
{
    struct place *p = *state;
    place_open(p);
    send_reports(p, 700);
    post_ok(p, "x", "{\"database_id\":\"forced\",\"force_bucket\":\"r1\"}");
    post_ok(p, "x", "{\"database_id\":\"forced to a new one\",\"force_bucket\":\"new\"}");
    post_ok(p, "x", "{\"database_id\":\"undated\"}");
    assert_restart_equals(p);
    post_ok(p, "x", "{\"database_id\":\"one more\"}");
    struct sent *s = post(p, "x", "{\"database_id\":\"undated\"}");
    assert_true(s->job.ok && s->job.results[0].same);
    sent_free(s);
    assert_restart_equals(p);
    assert_int_equal(report_count(p), 704);
}

/* The same reports, in batches of one and of many, give the same buckets. */
static void batches_do_not_matter(void **state)
{
    struct place *p = *state;
    char *first = NULL;
    p->config.workers = 1; /* commits in the order of submission */
    for (size_t batch = 1; batch <= 1000; batch *= 10) {
        p->config.batch_reports = batch;
        place_open(p);
        send_reports(p, 300);
        char *now = dump(p);
        if (first)
            assert_string_equal(now, first);
        struct err e = { 0 };
        assert_true(engine_delete_all(p->engine, &e));
        place_close(p);
        if (!first)
            first = now;
        else
            free(now);
    }
    free(first);
}

/* The disk fills up (here: a limit on file sizes) while reports come in, and is emptied again. */
static void store_fails(void **state)
{
    struct place *p = *state;
    struct rlimit old, small;
    struct err e = { 0 };
    signal(SIGXFSZ, SIG_IGN);
    place_open(p);
    post_ok(p, "p", "{\"database_id\":\"before\"}");
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 300000;
    setrlimit(RLIMIT_FSIZE, &small);
    unsigned stored = 0, refused = 0;
    for (unsigned i = 0; i < 200; i++) {
        char id[20], body[500];
        snprintf(id, sizeof id, "r%u", i);
        report_text(body, sizeof body, id, i % 13);
        struct sent *s = post(p, "", "%s", body);
        if (s->job.ok) {
            assert_int_equal(refused, 0);
            stored++;
        } else {
            assert_refused(s, ERR_FULL, NULL, 0);
            assert_false(engine_ready(p->engine));
            refused++;
        }
        sent_free(s);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    assert_true(stored > 0 && refused > 0);
    assert_int_equal(report_count(p), stored + 1);
    for (unsigned i = 0; i < 200; i++) { /* the senders try again */
        char id[20], body[500];
        snprintf(id, sizeof id, "r%u", i);
        report_text(body, sizeof body, id, i % 13);
        struct sent *s = post(p, "", "%s", body);
        assert_true(s->job.ok);
        assert_int_equal(s->job.results[0].same, i < stored);
        sent_free(s);
    }
    assert_true(engine_ready(p->engine));
    assert_int_equal(report_count(p), 201);
    assert_restart_equals(p);

    /* The index is the one that reports get that never met a failure. */
    char *interrupted = dump(p);
    assert_true(engine_delete_all(p->engine, &e));
    post_ok(p, "p", "{\"database_id\":\"before\",\"date\":\"1970-01-01\"}");
    for (unsigned i = 0; i < 200; i++) {
        char id[20], body[500];
        snprintf(id, sizeof id, "r%u", i);
        report_text(body, sizeof body, id, i % 13);
        post_ok(p, "", "%s", body);
    }
    char *fresh = dump(p);
    /* The first line has the date of insertion. */
    assert_string_equal(strchr(interrupted, '\n'), strchr(fresh, '\n'));
    free(interrupted);
    free(fresh);
}

/* Jobs with every size of memory, mixed into batches with good ones: they are stored whole, or
 * not at all. */
static void short_of_memory(void **state)
{
    enum { ROUNDS = 120 };
    struct place *p = *state;
    unsigned failed = 0, stored = 0;
    place_open(p);
    for (unsigned i = 0; i < ROUNDS; i++) {
        char a[500], b[500], id[20], body[1200];
        struct sent *sent[3];
        struct err e = { 0 };
        for (unsigned k = 0; k < 3; k++) {
            snprintf(id, sizeof id, "r%u-%ua", i, k);
            report_text(a, sizeof a, id, i % 13 + k);
            snprintf(id, sizeof id, "r%u-%ub", i, k);
            report_text(b, sizeof b, id, i % 13 + k);
            snprintf(body, sizeof body, "[%s,%s]", a, b);
            sent[k] = sent_new("", str_from_c(body));
            sent[k]->job.explain = true;
        }
        struct arena *tight = arena_new(600 + i * 300);
        assert_non_null(tight);
        sent[1]->job.arena = tight;
        bool taken[3];
        for (unsigned k = 0; k < 3; k++)
            taken[k] = sent_submit(p, sent[k], &e);
        for (unsigned k = 0; k < 3; k++) {
            if (taken[k])
                sent_wait(sent[k]);
            assert_true(k == 1 || sent[k]->job.ok);
        }
        stored += taken[1] && sent[1]->job.ok;
        failed += !sent[1]->job.ok;
        if (taken[1] && !sent[1]->job.ok)
            assert_true(sent[1]->job.err.code == ERR_NOMEM || sent[1]->job.err.code == ERR_LIMIT);
        for (unsigned k = 0; k < 3; k++)
            sent_free(sent[k]);
        arena_free(tight);
    }
    assert_true(failed > 20 && stored > 5);
    assert_int_equal(report_count(p), 2 * (2 * ROUNDS + stored));
    assert_restart_equals(p);
}

/* Rows that only the store's own interface makes: what a damaged or older database may hold. */
static void damaged_payload(void **state)
{
    struct place *p = *state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    struct store_settings settings = { p->config.grouping.thresholds, 2 };
    struct store *store;
    struct err e = { 0 };
    static const struct str names[2] = { STR("b0"), STR("b1") };
    struct stored_report rows[4];
    static const char *const payloads[4] = { "{\"database_id\":\"r0\",\"x\":\"y\"}", "{ broken",
                                             "{\"no\":\"id\"}",
                                             "{\"database_id\":\"r3\",\"x\":\"y\"}" };
    for (unsigned i = 0; i < 4; i++) {
        rows[i] = (struct stored_report){ .number = i,
                                          .project = STR("p"),
                                          .date_ms = 1000 + i,
                                          .top_match = i ? i - 1 : STORE_NONE,
                                          .score = 1.5f,
                                          .buckets = names,
                                          .bucket_count = 2 };
        assert_true(arena_printf(a, &rows[i].database_id, "r%u", i));
        assert_true(store_pack(str_from_c(payloads[i]), a, &rows[i].packed, &e));
    }
    rows[3].packed = STR("no frame of zstd");
    assert_true(store_open(&store, p->dir, &settings, &e));
    struct store_batch batch = { .reports = rows, .report_count = 4 };
    assert_true(store_write(store, &batch, &e));
    store_close(store);

    place_open(p);
    char *all = dump(p);
    assert_string_equal(all,
                        "0 r0 in p at 1000, match 4294967295 (1.5), buckets b0 b1 \"y\" \"p\"\n"
                        "1 r1 in p at 1001, match 0 (1.5), buckets b0 b1 \"p\"\n"
                        "2 r2 in p at 1002, match 1 (1.5), buckets b0 b1 \"p\"\n"
                        "3 r3 in p at 1003, match 2 (1.5), buckets b0 b1 \"p\"\n");
    free(all);
    post_ok(p, "p", "{\"database_id\":\"r4\",\"x\":\"y\"}");
}

static void twice_in_store(void **state)
{
    struct place *p = *state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    struct store_settings settings = { p->config.grouping.thresholds, 2 };
    struct store *store;
    struct err e = { 0 };
    static const struct str names[2] = { STR("b0"), STR("b1") };
    struct stored_report rows[2];
    for (unsigned i = 0; i < 2; i++) {
        rows[i] = (struct stored_report){ .number = i,
                                          .database_id = STR("r"),
                                          .project = STR("p"),
                                          .top_match = STORE_NONE,
                                          .buckets = names,
                                          .bucket_count = 2 };
        assert_true(store_pack(STR("{\"database_id\":\"r\"}"), a, &rows[i].packed, &e));
    }
    assert_true(store_open(&store, p->dir, &settings, &e));
    struct store_batch batch = { .reports = rows, .report_count = 2 };
    assert_true(store_write(store, &batch, &e));
    store_close(store);
    assert_false(engine_open(&p->engine, &p->config, &e));
    assert_non_null(strstr(e.msg, "report 1"));
    assert_null(p->engine);
}

static void sql(struct place *p, const char *text)
{
    char path[100], *why = NULL;
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/crumple.db", p->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    sqlite3_close(db);
}

/* Whatever has become of the shorthands, the index is what it was, and goes on from there. */
static void shorthands_decide_nothing(void **state)
{
    static const struct {
        const char *name, *sql;
    } cases[] = {
        { "as they were", "SELECT 1" },
        { "one gone", "UPDATE reports SET shorthand = x'' WHERE number = 50" },
        { "cut off", "UPDATE reports SET shorthand = substr(shorthand, 1, length(shorthand) - 1)"
                     " WHERE number = 100" },
        { "too long",
          "UPDATE reports SET shorthand = cast(shorthand || x'00' AS BLOB) WHERE number = 120" },
        { "a code too high",
          "UPDATE reports SET shorthand = x'0001ffffffff7f' WHERE number = 130" },
        { "a number too long",
          "UPDATE reports SET shorthand = x'00ffffffffffffff' WHERE number = 9" },
        { "another chain's key", "UPDATE reports SET shorthand = x'010100' WHERE number = 140" },
        { "noise", "UPDATE reports SET shorthand = randomblob(100) WHERE number % 7 = 3" },
        { "all gone", "UPDATE reports SET shorthand = x''" },
    };
    struct place *p = *state;
    place_open(p);
    send_reports(p, 300);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *before = dump(p);
        place_close(p);
        sql(p, cases[i].sql);
        place_open(p);
        char *after = dump(p);
        if (strcmp(before, after) != 0)
            fail_msg("%s", cases[i].name);
        free(before);
        free(after);
        post_ok(p, "more", "{\"database_id\":\"more %zu\",\"x\":\"word%zu alpha3\"}", i, i);
        assert_restart_equals(p);
    }
}

/* A report whose stack says more than names: places, lost names, inlined frames, recursion. Not all
 * of it is kept as values, so what is here must come from the shorthand. */
static void post_with_trace(struct place *p, unsigned n)
{
    struct buf b;
    unsigned bug = n * n % 23;
    buf_init(&b, 1 << 20);
    buf_printf(&b,
               "{\"database_id\":\"t%u\",\"project\":\"p%u\",\"date\":\"2020-01-01\","
               "\"Package\":\"app 1.%u\",\"Signal\":\"%u\",\"stacktrace\":[",
               n, bug % 2, n % 3, bug % 5 ? 11 : 6);
    for (unsigned i = 0; i < 6 + bug % 4 + n % 40; i++) {
        unsigned f = i < 3 ? bug + i : i < 6 ? 40 + (bug + i) % 7 : 50 + i % 2;
        buf_printf(&b, "%s{\"address\":\"0x%x\",\"dylib\":\"/usr/bin/app\"", i ? "," : "",
                   0x55000000 + n * 0x1000 + (f == 41 ? 40 : f) * 64 + n % 3);
        if ((n + i) % 4 != 0)
            buf_printf(&b, ",\"function\":\"work%u\",\"fileline\":\"%u\"", f, f * 3);
        buf_printf(&b, "}");
    }
    buf_printf(&b, "]}");
    assert_true(buf_ok(&b));
    post_ok(p, "", "%.*s", STR_ARG(buf_view(&b)));
    buf_done(&b);
}

/* Buckets are the same with restarts in between, whether the traces of what was stored come from
 * shorthands, from payloads, or, in part, from both. */
static void traces_outlive_restarts(void **state)
{
    enum { REPORTS = 240, BETWEEN = 40 };
    static const char *const before_start[] = {
        NULL,                                                   /* no restarts */
        "SELECT 1",                                             /* shorthands */
        "UPDATE reports SET shorthand = x''",                   /* payloads */
        "UPDATE reports SET shorthand = x'' WHERE number = 30", /* the chain breaks */
    };
    struct place *p = *state;
    char *first = NULL;
    p->config.workers = 1;
    p->config.grouping.similarity = "culprit";
    for (size_t i = 0; i < COUNT_OF(before_start); i++) {
        struct err e = { 0 };
        place_open(p);
        assert_true(engine_delete_all(p->engine, &e));
        for (unsigned n = 0; n < REPORTS; n++) {
            if (before_start[i] && n % BETWEEN == BETWEEN - 1) {
                place_close(p);
                sql(p, before_start[i]);
                place_open(p);
            }
            post_with_trace(p, n);
        }
        char *all = dump(p);
        place_close(p);
        if (!first)
            first = all;
        else if (strcmp(first, all) != 0)
            fail_msg("%s", before_start[i]);
        if (first != all)
            free(all);
    }
    free(first);
}

/* With other fields left out of grouping, other values are kept: those of a fresh index. */
static void ignored_fields_change(void **state)
{
    static const struct str ignored[] = { STR("os"), STR("stacktrace.address") };
    struct place *p = *state;
    place_open(p);
    send_reports(p, 100);
    place_close(p);
    p->config.grouping.ignored = ignored;
    p->config.grouping.ignored_count = COUNT_OF(ignored);
    place_open(p);
    char *changed = dump(p);
    assert_null(strstr(changed, "\"o1\"")); /* what os said */
    free(changed);
    post_ok(p, "x", "{\"database_id\":\"later\",\"os\":\"o1\",\"y\":\"z\"}");
    assert_restart_equals(p);
    p->config.grouping = engine_defaults().grouping;
    p->config.grouping.thresholds = (const double[]){ 0.0001, 1000 };
    p->config.grouping.threshold_count = 2;
    place_reopen(p);
    changed = dump(p);
    assert_non_null(strstr(changed, "\"o1\""));
    free(changed);
}

static void other_thresholds(void **state)
{
    struct place *p = *state;
    static const double other[] = { 3 };
    struct err e = { 0 };
    place_open(p);
    place_close(p);
    p->config.grouping.thresholds = other;
    p->config.grouping.threshold_count = 1;
    assert_false(engine_open(&p->engine, &p->config, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
}

int main(void)
{
    log_set_level(LOG_ERROR);
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        CASE(restart_equals),          CASE(batches_do_not_matter),     CASE(store_fails),
        CASE(short_of_memory),         CASE(damaged_payload),           CASE(twice_in_store),
        CASE(other_thresholds),        CASE(shorthands_decide_nothing), CASE(ignored_fields_change),
        CASE(traces_outlive_restarts),
    };
    return cmocka_run_group_tests_name("engine recovery", tests, NULL, NULL);
}
