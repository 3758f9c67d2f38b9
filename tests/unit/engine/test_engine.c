/* The engine as its users see it: what is stored, what is refused, and what the answers say. */
#include "unit/engine/harness.h"

#include "base/date.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define A1 "{\"database_id\":\"a\",\"date\":\"2020-01-02\",\"x\":\"1\"}"

static void one(void **state)
{
    struct place *p = *state;
    place_open(p);
    int64_t before = date_now_ms();
    struct sent *s = post(p, "web", "{ \"database_id\":\"a\", \"n\": 7 }");
    assert_true(s->job.ok);
    assert_false(s->job.is_list);
    assert_int_equal(s->job.result_count, 1);
    const struct engine_result *r = &s->job.results[0];
    assert_false(r->same);
    assert_str(r->database_id, "a");
    assert_str(r->project, "web");
    assert_true(r->date_ms >= before && r->date_ms <= date_now_ms());
    assert_false(r->has_match);
    for (size_t t = 0; t < 2; t++)
        assert_str(r->buckets[t], "a");

    const struct engine_view *v = engine_view_acquire(p->engine);
    struct str payload;
    struct err e = { 0 };
    assert_int_equal(collection_count(v->collection), 1);
    assert_true(engine_payload(p->engine, v, 0, s->arena, &payload, &e));
    assert_str(payload, "{ \"database_id\":\"a\", \"n\": 7 }"); /* byte for byte */
    assert_false(engine_payload(p->engine, v, 1, s->arena, &payload, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    struct str *names;
    size_t count;
    assert_true(engine_projects(p->engine, s->arena, &names, &count, &e));
    assert_int_equal(count, 1);
    assert_str(names[0], "web");
    engine_view_release(p->engine, v);
    sent_free(s);
}

static void list(void **state)
{
    struct place *p = *state;
    char a[500], b[500], c[500];
    place_open(p);
    report_text(a, sizeof a, "a", 1);
    report_text(b, sizeof b, "b", 2);
    report_text(c, sizeof c, "c", 1);
    struct sent *s = post(p, "", "[%s,\n%s, %s]", a, b, c);
    assert_true(s->job.ok && s->job.is_list);
    assert_int_equal(s->job.result_count, 3);
    assert_str(s->job.results[0].database_id, "a");
    assert_str(s->job.results[1].database_id, "b");
    assert_str(s->job.results[1].project, "p2");
    const struct engine_result *third = &s->job.results[2];
    assert_true(third->has_match); /* items see each other */
    assert_str(third->match_id, "a");
    assert_str(third->match_project, "p1");
    assert_str(third->buckets[0], "a");
    assert_str(third->buckets[1], "c");
    assert_true(third->score > 0);
    sent_free(s);

    const struct engine_view *v = engine_view_acquire(p->engine);
    CLEANUP(arena_free_p) struct arena *arena = arena_new(1 << 20);
    struct err e = { 0 };
    struct str payload;
    assert_true(engine_payload(p->engine, v, 1, arena, &payload, &e));
    assert_str(payload, b); /* its own part of the list */
    engine_view_release(p->engine, v);
}

static void force_bucket(void **state)
{
    struct place *p = *state;
    place_open(p);
    post_ok(p, "first", "{\"database_id\":\"a\",\"x\":\"one\"}");
    struct sent *s = post(p, "second",
                          "[{\"database_id\":\"b\",\"force_bucket\":\"a\",\"x\":\"two\"},"
                          "{\"database_id\":\"c\",\"force_bucket\":\"new\",\"x\":\"three\"}]");
    assert_true(s->job.ok);
    for (size_t t = 0; t < 2; t++) {
        assert_str(s->job.results[0].buckets[t], "a");
        assert_str(s->job.results[1].buckets[t], "new");
    }
    sent_free(s);
    post_ok(p, "third", "{\"database_id\":\"new\"}"); /* a bucket's name is no report's id */
    assert_int_equal(report_count(p), 4);
}

/* Each is sent after A1 was stored in the project "one". */
static void same_or_conflict(void **state)
{
    static const struct {
        const char *name, *project, *body;
        bool same;
    } cases[] = {
        { "the same", "one", A1, true },
        { "in another project", "two", A1, true },
        { "no date", "one", "{\"database_id\":\"a\",\"x\":\"1\"}", true },
        { "other order of members", "one",
          "{\"x\":\"1\", \"date\":\"2020-01-02T00:00:00Z\", \"database_id\":\"a\"}", true },
        { "other date", "one", "{\"database_id\":\"a\",\"date\":\"2020-01-03\",\"x\":\"1\"}",
          false },
        { "other content", "one", "{\"database_id\":\"a\",\"date\":\"2020-01-02\",\"x\":\"2\"}",
          false },
        { "more content", "one",
          "{\"database_id\":\"a\",\"date\":\"2020-01-02\",\"x\":\"1\",\"y\":\"\"}", false },
    };
    struct place *p = *state;
    place_open(p);
    post_ok(p, "one", A1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int dry = 0; dry < 2; dry++) {
            struct sent *s = sent_new(cases[i].project, str_from_c(cases[i].body));
            struct err e = { 0 };
            s->job.dry_run = dry;
            assert_true(sent_submit(p, s, &e));
            sent_wait(s);
            if (s->job.ok != cases[i].same)
                fail_msg("%s: ok is %d: %s", cases[i].name, s->job.ok, s->job.err.msg);
            if (s->job.ok) {
                assert_true(s->job.results[0].same);
                assert_str(s->job.results[0].project, "one");
                assert_str(s->job.results[0].buckets[1], "a");
                assert_true(s->job.results[0].date_ms == 1577923200000);
            } else {
                assert_refused(s, ERR_CONFLICT, "conflict", 0);
                assert_str(s->job.err_project, "one");
                assert_str(s->job.err_id, "a");
            }
            sent_free(s);
        }
        assert_int_equal(report_count(p), 1);
    }
}

static void same_in_lists(void **state)
{
    struct place *p = *state;
    place_open(p);
    post_ok(p, "one", A1);
    struct sent *s = post(p, "two",
                          "[{\"database_id\":\"b\"}," A1 ",{\"database_id\":\"b\"},"
                          "{\"database_id\":\"c\"}]");
    assert_true(s->job.ok);
    assert_int_equal(s->job.result_count, 4);
    assert_false(s->job.results[0].same);
    assert_true(s->job.results[1].same);
    assert_str(s->job.results[1].project, "one");
    assert_true(s->job.results[2].same);
    assert_str(s->job.results[2].database_id, "b");
    assert_str(s->job.results[2].buckets[1], "b");
    assert_false(s->job.results[3].same);
    sent_free(s);
    assert_int_equal(report_count(p), 3);

    s = post(p, "two", "[{\"database_id\":\"d\"},{\"database_id\":\"d\",\"x\":\"1\"}]");
    assert_refused(s, ERR_CONFLICT, "conflict", 1);
    assert_str(s->job.err_project, "two");
    assert_str(s->job.err_id, "d");
    sent_free(s);
    s = post(p, "two", "[{\"database_id\":\"e\"},{\"database_id\":\"a\",\"x\":\"9\"}]");
    assert_refused(s, ERR_CONFLICT, "conflict", 1);
    assert_str(s->job.err_project, "one");
    sent_free(s);
    assert_int_equal(report_count(p), 3);
    post_ok(p, "two", "[{\"database_id\":\"e\"},{\"database_id\":\"d\",\"x\":\"1\"}]");
    assert_int_equal(report_count(p), 5);
}

static void refused(void **state)
{
    static const struct {
        const char *project, *body;
        enum err_code code;
        const char *word;
        size_t index;
    } cases[] = {
        { "p", "", ERR_INPUT, "no_report_data_provided", 0 },
        { "p", " \r\n\t", ERR_INPUT, "no_report_data_provided", 0 },
        { "p", "{}", ERR_INPUT, "no_report_data_provided", 0 },
        { "p", "[]", ERR_INPUT, "no_report_data_provided", 0 },
        { "p", "\"a\"", ERR_INPUT, "no_report_data_provided", 0 },
        { "p", "{", ERR_INPUT, NULL, 0 },
        { "p", "{\"x\":\"1\"}", ERR_INPUT, "no_database_id", 0 },
        { "", "{\"database_id\":\"a\"}", ERR_INPUT, "no_project", 0 },
        { "p", "{\"database_id\":\"a\",\"project\":\"q\"}", ERR_INPUT, "name_mismatch", 0 },
        { "p", "{\"database_id\":\"a\",\"date\":\"2015-02-29\"}", ERR_INPUT, "bad_date", 0 },
        { "p", "[{\"database_id\":\"a\"},{\"database_id\":\"b\"},7]", ERR_INPUT,
          "no_report_data_provided", 2 },
        { "p", "[{\"database_id\":\"a\"},{\"x\":\"b\"}]", ERR_INPUT, "no_database_id", 1 },
    };
    struct place *p = *state;
    place_open(p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent *s = post(p, cases[i].project, "%s", cases[i].body);
        assert_refused(s, cases[i].code, cases[i].word, cases[i].index);
        if (cases[i].word && strcmp(cases[i].word, "name_mismatch") == 0)
            assert_str(s->job.err_project, "q");
        sent_free(s);
    }
    assert_int_equal(report_count(p), 0);
}

static void list_too_long(void **state)
{
    struct place *p = *state;
    struct buf body;
    place_open(p);
    buf_init(&body, SIZE_MAX / 2);
    buf_char(&body, '[');
    for (int i = 0; i <= ENGINE_LIST_MAX; i++)
        buf_printf(&body, "%s{\"database_id\":\"%d\"}", i ? "," : "", i);
    buf_char(&body, ']');
    struct sent *s = sent_new("p", buf_view(&body));
    struct err e = { 0 };
    assert_true(sent_submit(p, s, &e));
    sent_wait(s);
    assert_refused(s, ERR_LIMIT, "too_many_reports", 0);
    sent_free(s);
    buf_done(&body);
}

static struct sent *dry_run(struct place *p, const char *body, bool explain)
{
    struct sent *s = sent_new("p1", str_from_c(body));
    struct err e = { 0 };
    s->job.dry_run = true;
    s->job.explain = explain;
    assert_true(sent_submit(p, s, &e));
    sent_wait(s);
    return s;
}

static void dry_runs(void **state)
{
    struct place *p = *state;
    char a[500], b[500];
    place_open(p);
    report_text(a, sizeof a, "a", 1);
    report_text(b, sizeof b, "b", 1);
    struct sent *s = dry_run(p, a, true);
    assert_true(s->job.ok);
    assert_str(s->job.results[0].buckets[0], ""); /* would found one */
    assert_str(s->job.results[0].buckets[1], "");
    assert_null(s->job.results[0].explanation);
    sent_free(s);
    assert_int_equal(report_count(p), 0);

    post_ok(p, "", "%s", a);
    s = dry_run(p, b, true);
    assert_true(s->job.ok);
    const struct engine_result *r = &s->job.results[0];
    assert_false(r->same);
    assert_str(r->buckets[0], "a");
    assert_str(r->buckets[1], "");
    assert_true(r->has_match);
    assert_str(r->match_id, "a");
    assert_non_null(r->explanation);
    double sum = 0;
    for (size_t i = 0; i < r->explanation->count; i++)
        sum += r->explanation->terms[i].value;
    assert_true(r->explanation->count > 0);
    assert_true(sum > (double)r->score * 0.9999 && sum < (double)r->score * 1.0001);
    sent_free(s);

    s = dry_run(p, "[{\"database_id\":\"x\"}]", false);
    assert_refused(s, ERR_INPUT, "list_in_dry_run", 0);
    sent_free(s);
    s = dry_run(p, "{\"database_id\":\"x\",\"force_bucket\":\"f\"}", false);
    assert_str(s->job.results[0].buckets[1], "f");
    sent_free(s);
    assert_int_equal(report_count(p), 1);
    place_reopen(p);
    assert_int_equal(report_count(p), 1);
}

static bool is_text(struct str s)
{
    return s.len > 0 && memchr(s.ptr, '\0', s.len) == NULL;
}

static void check_culprit(const struct culprit_explanation *x)
{
    assert_true(x->count > 0 && x->query_frame_count > 0);
    for (size_t i = 0; i < x->count; i++)
        assert_true(is_text(x->lines[i].function));
    for (size_t i = 0; i < x->query_frame_count; i++)
        assert_true(is_text(x->query_frames[i].function));
    assert_true(str_eq(x->query_death, STR("SIGSEGV")));
    assert_true(str_eq(x->other_death, STR("SIGSEGV")));
}

static void check_explained(struct place *p, const char *similarity)
{
    static const char body[] =
        "[{\"database_id\":\"a\",\"project\":\"p\",\"Signal\":\"11\","
        "\"stacktrace\":[{\"function\":\"sink\"},{\"function\":\"pour\"}]},"
        "{\"database_id\":\"b\",\"project\":\"p\",\"Signal\":\"11\","
        "\"stacktrace\":[{\"function\":\"sink\"},{\"function\":\"spill\"}]}]";
    static const double low[] = { 0.01 };
    p->config.grouping.similarity = similarity;
    p->config.grouping.thresholds = low;
    p->config.grouping.threshold_count = 1;
    place_open(p);
    struct sent *s = sent_new("", str_from_c(body));
    struct err e = { 0 };
    s->job.explain = true;
    assert_true(sent_submit(p, s, &e));
    sent_wait(s);
    assert_true(s->job.ok);
    assert_null(s->job.results[0].explanation);
    /* What it says stays when the index that it came from is gone. */
    assert_true(engine_delete_all(p->engine, &e));
    const struct explanation *x = s->job.results[1].explanation;
    assert_non_null(x);
    assert_true(x->count > 0);
    for (size_t i = 0; i < x->count; i++)
        assert_true(is_text(x->terms[i].field) && is_text(x->terms[i].token));
    assert_true((x->culprit != NULL) == (strcmp(similarity, "culprit") == 0));
    if (x->culprit)
        check_culprit(x->culprit);
    sent_free(s);
}

static void explained_by_classic(void **state)
{
    check_explained(*state, "classic");
}

static void explained_by_culprit(void **state)
{
    check_explained(*state, "culprit");
}

static void delete_all(void **state)
{
    struct place *p = *state;
    CLEANUP(arena_free_p) struct arena *arena = arena_new(1 << 20);
    struct err e = { 0 };
    struct str payload;
    place_open(p);
    post_ok(p, "p", "[" A1 ",{\"database_id\":\"b\"}]");
    const struct engine_view *old = engine_view_acquire(p->engine);
    assert_true(engine_delete_all(p->engine, &e));

    assert_int_equal(collection_count(old->collection), 2); /* stays whole */
    assert_str(collection_name(old->collection, collection_report(old->collection, 1).name), "b");
    assert_false(engine_payload(p->engine, old, 0, arena, &payload, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(report_count(p), 0);

    post_ok(p, "p", "{\"database_id\":\"a\",\"now\":\"different\"}");     /* no conflict */
    assert_false(engine_payload(p->engine, old, 0, arena, &payload, &e)); /* another's number 0 */
    assert_int_equal(e.code, ERR_NOT_FOUND);
    const struct engine_view *new = engine_view_acquire(p->engine);
    assert_true(engine_payload(p->engine, new, 0, arena, &payload, &e));
    assert_str(payload, "{\"database_id\":\"a\",\"now\":\"different\"}");
    engine_view_release(p->engine, new);
    engine_view_release(p->engine, old);
    assert_true(engine_delete_all(p->engine, &e));
    assert_true(engine_delete_all(p->engine, &e));
    place_reopen(p);
    assert_int_equal(report_count(p), 0);
}

static void delete_not_allowed(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    p->config.allow_delete_all = false;
    place_open(p);
    post_ok(p, "p", A1);
    assert_false(engine_delete_all(p->engine, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_string_equal(e.word, "delete_not_allowed");
    assert_int_equal(report_count(p), 1);
}

static void close_finishes(void **state)
{
    enum { JOBS = 300 };
    struct place *p = *state;
    struct sent *sent[JOBS];
    place_open(p);
    for (unsigned i = 0; i < JOBS; i++) {
        char id[20], body[500];
        struct err e = { 0 };
        snprintf(id, sizeof id, "r%u", i);
        report_text(body, sizeof body, id, i % 17);
        sent[i] = sent_new("", str_from_c(body));
        if (!sent_submit(p, sent[i], &e))
            fail_msg("%s", e.msg);
    }
    place_close(p);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_true(sent[i]->job.ok);
        sent_free(sent[i]);
    }
    place_open(p);
    assert_int_equal(report_count(p), JOBS);
}

static void busy(void **state)
{
    enum { JOBS = 200 };
    struct place *p = *state;
    struct sent *sent[JOBS];
    bool taken[JOBS];
    uint32_t count = 0;
    p->config.queue_limit = 3;
    place_open(p);
    for (unsigned i = 0; i < JOBS; i++) {
        char body[100];
        struct err e = { 0 };
        snprintf(body, sizeof body, "{\"database_id\":\"r%u\"}", i);
        sent[i] = sent_new("p", str_from_c(body));
        taken[i] = sent_submit(p, sent[i], &e);
        assert_true(taken[i] || e.code == ERR_BUSY);
        count += taken[i];
    }
    for (unsigned i = 0; i < JOBS; i++) {
        if (taken[i])
            sent_wait(sent[i]);
        assert_true(!taken[i] || sent[i]->job.ok);
        sent_free(sent[i]);
    }
    assert_true(count >= 3 && count < JOBS); /* a commit takes longer than 200 submissions */
    assert_int_equal(report_count(p), count);
    assert_true(engine_ready(p->engine));
}

static void second_engine(void **state)
{
    struct place *p = *state;
    struct engine *second = NULL;
    struct err e = { 0 };
    place_open(p);
    assert_false(engine_open(&second, &p->config, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_non_null(strstr(e.msg, "in use"));
    assert_null(second);
    place_close(p);
    place_open(p);
}

/* Senders, readers and deletions at once: for the sanitizers, and for what must hold at any time.
 */

static void *send_many(void *arg)
{
    struct place *p = arg;
    for (unsigned i = 0; i < 60; i++) {
        char id[40], body[500];
        snprintf(id, sizeof id, "%lx-%u", (unsigned long)pthread_self(), i);
        report_text(body, sizeof body, id, i % 7);
        post_ok(p, "", i % 2 ? "%s" : "[%s]", body);
    }
    return NULL;
}

static void *read_many(void *arg)
{
    struct place *p = arg;
    struct arena *arena = arena_new(1 << 20);
    for (unsigned i = 0; i < 200; i++) {
        const struct engine_view *v = engine_view_acquire(p->engine);
        uint32_t count = collection_count(v->collection);
        struct err e = { 0 };
        struct str payload;
        if (count > 0) {
            struct collected r = collection_report(v->collection, count - 1);
            struct str id = collection_name(v->collection, r.name);
            if (engine_payload(p->engine, v, count - 1, arena, &payload, &e))
                assert_non_null(memmem(payload.ptr, payload.len, id.ptr, id.len));
            else
                assert_int_equal(e.code, ERR_NOT_FOUND);
        }
        engine_view_release(p->engine, v);
        arena_reset(arena);
        if (i % 50 == 49)
            assert_true(engine_delete_all(p->engine, &e));
        size_t metrics;
        engine_metrics(p->engine, &metrics);
    }
    arena_free(arena);
    return NULL;
}

static void all_at_once(void **state)
{
    struct place *p = *state;
    pthread_t threads[6];
    place_open(p);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < 4 ? send_many : read_many, p), 0);
    for (size_t i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    char *before = dump(p);
    place_reopen(p);
    char *after = dump(p);
    assert_string_equal(after, before);
    free(before);
    free(after);
}

static void metrics(void **state)
{
    struct place *p = *state;
    struct buf text;
    size_t count;
    place_open(p);
    post_ok(p, "p", "[" A1 ",{\"database_id\":\"b\"}]");
    struct metric *const *all = engine_metrics(p->engine, &count);
    buf_init(&text, 1 << 20);
    metrics_write(all, count, &text);
    buf_char(&text, '\0');
    assert_non_null(strstr(text.ptr, "\ncrumple_index_reports 2\n"));
    assert_non_null(strstr(text.ptr, "\ncrumple_reports_stored_total "));
    assert_non_null(strstr(text.ptr, "\ncrumple_reports_refused_total{reason=\"disk_full\"} "));
    assert_non_null(strstr(text.ptr, "\ncrumple_queue_depth{queue=\"commit\"} 0\n"));
    assert_non_null(strstr(text.ptr, "\ncrumple_step_seconds_count{step=\"store\"} "));
    buf_done(&text);
}

int main(void)
{
    log_set_level(LOG_ERROR);
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        CASE(one),
        CASE(list),
        CASE(force_bucket),
        CASE(same_or_conflict),
        CASE(same_in_lists),
        CASE(refused),
        CASE(list_too_long),
        CASE(dry_runs),
        CASE(explained_by_classic),
        CASE(explained_by_culprit),
        CASE(delete_all),
        CASE(delete_not_allowed),
        CASE(close_finishes),
        CASE(busy),
        CASE(second_engine),
        CASE(all_at_once),
        CASE(metrics),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
