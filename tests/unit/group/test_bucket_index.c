/* bucket_index: what a reader of its header would ask, one by one; test_grouping_random.c holds all
 * of it against a model. */
#include "group/bucket_index.h"

#include "../cmocka_all.h"
#include "base/vec.h"
#include "made.h"

struct fixture {
    struct arena *arena;
    struct bucket_index *ix;
};

static void begin(struct fixture *f, const struct bucket_index_config *config)
{
    struct err e;
    f->arena = arena_new((size_t)256 << 20);
    assert_non_null(f->arena);
    assert_true(bucket_index_new(&f->ix, config, &e));
}

/* The defaults, by the similarity whose scores are known here. */
static struct bucket_index_config usual(void)
{
    struct bucket_index_config config = bucket_index_defaults();
    config.similarity = "classic";
    return config;
}

static void begin_usual(struct fixture *f)
{
    struct bucket_index_config config = usual();
    begin(f, &config);
}

static void end(struct fixture *f)
{
    bucket_index_free(f->ix);
    arena_free(f->arena);
}

static struct placement place(struct fixture *f, const char *json, struct made *made)
{
    struct placement p;
    struct err e;
    made_from_json(made, str_from_c(json), f->arena);
    assert_true(bucket_index_place(f->ix, &made->report, &p, &e));
    return p;
}

static struct placement add(struct fixture *f, const char *json)
{
    struct made made;
    struct err e;
    struct placement p = place(f, json, &made);
    assert_true(bucket_index_add(f->ix, &made.report, &p, NULL, &e));
    return p;
}

static void check_bucket(const struct fixture *f, uint32_t report, size_t threshold,
                         const char *want)
{
    const struct collection *c = bucket_index_collection(f->ix);
    struct str got = collection_name(c, collection_report(c, report).buckets[threshold]);
    assert_true(str_eq(got, str_from_c(want)));
}

/* The worked example of docs/grouping-classic.md. */

static const char *const example[] = {
    "{\"database_id\": \"crash:1\", \"project\": \"demo\", \"stacktrace\": [{\"function\": "
    "\"drawWindow\"}, {\"function\": \"runLoop\"}, {\"function\": \"main\"}]}",
    "{\"database_id\": \"crash:2\", \"project\": \"demo\", \"stacktrace\": [{\"function\": "
    "\"parseHeader\"}, {\"function\": \"readFile\"}, {\"function\": \"main\"}]}",
    "{\"database_id\": \"crash:3\", \"project\": \"demo\", \"stacktrace\": [{\"function\": "
    "\"openSocket\"}, {\"function\": \"runLoop\"}, {\"function\": \"main\"}]}",
    "{\"database_id\": \"crash:4\", \"project\": \"demo\", \"stacktrace\": [{\"function\": "
    "\"parseFooter\"}, {\"function\": \"readFile\"}, {\"function\": \"main\"}]}",
    "{\"database_id\": \"crash:5\", \"project\": \"demo\", \"stacktrace\": [{\"function\": "
    "\"abort\"}, {\"function\": \"parseHeader\"}, {\"function\": \"readFile\"}, {\"function\": "
    "\"main\"}]}",
};

/* Where each goes: the nearest earlier one, or none. */
static const struct {
    uint32_t match;
    double score;
    const char *buckets[2]; /* at 1.0 and at 2.0 */
} example_places[] = {
    { COLLECTION_NONE, 0, { "crash:1", "crash:1" } },
    { COLLECTION_NONE, 0, { "crash:2", "crash:2" } },
    { COLLECTION_NONE, 0, { "crash:3", "crash:3" } },
    { 1, 1.2609, { "crash:2", "crash:4" } },
    { 1, 1.4289, { "crash:2", "crash:5" } },
};

/* Why crash:5 is near crash:2. */
static const struct {
    const char *field, *token;
    double value;
} example_lines[] = {
    { "stacktrace.function", "Header", 0.4170 },
    { "stacktrace.function", "File", 0.2412 },
    { "stacktrace.function", "parse", 0.2412 },
    { "stacktrace.function", "read", 0.2412 },
    { "project", "demo", 0.2006 },
    { "stacktrace.function", "main", 0.0878 },
};

static bool is_near(double got, double want)
{
    return fabs(got - want) < 0.00005;
}

static void check_example_lines(const struct explanation *x)
{
    assert_int_equal(x->count, COUNT_OF(example_lines));
    for (size_t i = 0; i < x->count; i++) {
        assert_true(str_eq(x->terms[i].field, str_from_c(example_lines[i].field)));
        assert_true(str_eq(x->terms[i].token, str_from_c(example_lines[i].token)));
        assert_true(is_near(x->terms[i].value, example_lines[i].value));
    }
}

static void test_example(void **state)
{
    (void)state;
    struct fixture f;
    struct made made;
    struct explanation x;
    struct err e;
    begin_usual(&f);
    for (size_t i = 0; i < COUNT_OF(example); i++) {
        struct placement p = place(&f, example[i], &made);
        assert_int_equal(p.top_match, example_places[i].match);
        assert_true(p.top_match == COLLECTION_NONE ||
                    is_near((double)p.score, example_places[i].score));
        if (i == 4) {
            assert_true(bucket_index_explain(f.ix, &made.report, &p, &x, f.arena, &e));
            assert_true((float)x.score == p.score);
            check_example_lines(&x);
        }
        assert_true(bucket_index_add(f.ix, &made.report, &p, NULL, &e));
        check_bucket(&f, (uint32_t)i, 0, example_places[i].buckets[0]);
        for (size_t t = 1; t < 11; t++)
            check_bucket(&f, (uint32_t)i, t, example_places[i].buckets[1]);
    }
    bucket_index_publish(f.ix);

    /* Asked again with itself in the collection, it weighs otherwise. */
    assert_true(bucket_index_compare(f.ix, 4, 1, NULL, NULL, &x, f.arena, &e));
    assert_true(is_near(x.score, 0.9798));
    assert_true(bucket_index_compare(f.ix, 1, 4, NULL, NULL, &x, f.arena, &e));
    assert_true(is_near(x.score, 1.2146));
    assert_true(bucket_index_summary(f.ix, 4, NULL, &x, f.arena, &e));
    assert_true(str_eq(x.terms[0].token, STR("abort")));
    assert_true(is_near(x.terms[0].value, 0.4012));
    end(&f);
}

/* How little a twin scores when there is nothing else. */
static void test_twin_of_the_first(void **state)
{
    (void)state;
    struct fixture f;
    struct bucket_index_config config = usual();
    config.thresholds = (const double[]){ 0.1 };
    config.threshold_count = 1;
    begin(&f, &config);
    add(&f, example[0]);
    struct placement p =
        add(&f, "{\"database_id\": \"twin\", \"project\": \"demo\", \"stacktrace\": "
                "[{\"function\": \"drawWindow\"}, {\"function\": \"runLoop\"}, "
                "{\"function\": \"main\"}]}");
    assert_int_equal(p.top_match, 0);
    assert_true(is_near((double)p.score, 0.3993));
    end(&f);
}

static void test_first_report(void **state)
{
    (void)state;
    struct fixture f;
    struct explanation x;
    struct err e;
    begin_usual(&f);
    assert_int_equal(bucket_index_added(f.ix), 0);
    assert_int_equal(add(&f, example[0]).top_match, COLLECTION_NONE);
    assert_int_equal(bucket_index_added(f.ix), 1);
    assert_int_equal(collection_count(bucket_index_collection(f.ix)), 0);
    bucket_index_publish(f.ix);
    assert_int_equal(collection_count(bucket_index_collection(f.ix)), 1);
    for (size_t t = 0; t < 11; t++)
        check_bucket(&f, 0, t, "crash:1");
    assert_true(bucket_index_summary(f.ix, 0, NULL, &x, f.arena, &e));
    assert_int_equal(x.count, 6);
    end(&f);
}

/* A report sees those before it, published or not. */
static void test_unpublished_are_seen(void **state)
{
    (void)state;
    struct fixture f;
    struct bucket_index_config config = usual();
    config.thresholds = (const double[]){ 0.1 };
    config.threshold_count = 1;
    begin(&f, &config);
    add(&f, example[1]);
    struct made made;
    struct placement p = place(&f, example[4], &made);
    assert_int_equal(p.top_match, 0);
    bucket_index_undo(f.ix);
    assert_int_equal(place(&f, example[4], &made).top_match, COLLECTION_NONE);
    assert_int_equal(bucket_index_added(f.ix), 0);
    end(&f);
}

static void test_nothing_to_compare(void **state)
{
    (void)state;
    struct fixture f;
    struct explanation x;
    struct err e;
    struct bucket_index_config config = usual();
    config.ignored = (const struct str[]){ STR("project") };
    config.ignored_count = 1;
    begin(&f, &config);
    for (int i = 0; i < 3; i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"database_id\": \"%d\", \"project\": \"p\", \"x\": \"--\"}",
                 i);
        assert_int_equal(add(&f, json).top_match, COLLECTION_NONE);
    }
    bucket_index_publish(f.ix);
    assert_true(bucket_index_compare(f.ix, 0, 1, NULL, NULL, &x, f.arena, &e));
    assert_int_equal(x.count, 0);
    assert_true(x.score == 0);
    end(&f);
}

static void test_force_bucket(void **state)
{
    (void)state;
    struct fixture f;
    struct bucket_index_config config = usual();
    config.thresholds = (const double[]){ 0.01, 90 };
    config.threshold_count = 2;
    begin(&f, &config);
    add(&f, "{\"database_id\": \"a\", \"project\": \"p\", \"force_bucket\": \"known bug\", "
            "\"stacktrace\": [{\"function\": \"main\"}]}");
    check_bucket(&f, 0, 0, "known bug");
    check_bucket(&f, 0, 1, "known bug");
    /* What is near a forced report follows it; what is not founds its own. */
    add(&f, "{\"database_id\": \"b\", \"project\": \"p\", "
            "\"stacktrace\": [{\"function\": \"main\"}]}");
    check_bucket(&f, 1, 0, "known bug");
    check_bucket(&f, 1, 1, "b");
    /* The word that asks for a bucket is not compared. */
    add(&f, "{\"database_id\": \"c\", \"project\": \"q\", \"force_bucket\": \"b\", \"x\": \"y\"}");
    check_bucket(&f, 2, 0, "b");
    check_bucket(&f, 2, 1, "b");
    const struct lexicon *lx = collection_lexicon(bucket_index_collection(f.ix));
    assert_int_equal(lexicon_find_token(lx, STR("known")), LEXICON_NONE);
    end(&f);
}

/* At start the buckets are those that were decided, whatever the placement says. */
static void test_stored_buckets(void **state)
{
    (void)state;
    struct fixture f;
    struct made made;
    struct err e;
    begin_usual(&f);
    struct str buckets[11];
    for (size_t t = 0; t < 11; t++)
        buckets[t] = t < 5 ? STR("old") : STR("older");
    const struct placement p = { .top_match = COLLECTION_NONE };
    made_from_json(&made, str_from_c(example[0]), f.arena);
    assert_true(bucket_index_add(f.ix, &made.report, &p, buckets, &e));
    bucket_index_publish(f.ix);
    for (size_t t = 0; t < 11; t++)
        check_bucket(&f, 0, t, t < 5 ? "old" : "older");
    end(&f);
}

static void test_ignored_fields(void **state)
{
    (void)state;
    struct fixture f;
    struct explanation x;
    struct err e;
    const char *json = "{\"database_id\": \"a\", \"project\": \"p\", \"cpu\": \"amd\", "
                       "\"stacktrace\": [{\"address\": \"0x1\", \"depth\": \"0\"}]}";
    static const struct {
        struct str ignored[2];
        size_t count, lines;
    } cases[] = {
        { { STR_INIT("stacktrace.address") }, 1, 2 }, /* project, cpu */
        { { STR_INIT("cpu"), STR_INIT("stacktrace.address") }, 2, 1 },
        { { STR_INIT("cpu"), STR_INIT("project") }, 2, 3 }, /* 0, x and 1 of the address */
        { { { NULL, 0 } }, 0, 5 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bucket_index_config config = usual();
        config.ignored = cases[i].ignored;
        config.ignored_count = cases[i].count;
        begin(&f, &config);
        add(&f, json);
        bucket_index_publish(f.ix);
        assert_true(bucket_index_summary(f.ix, 0, NULL, &x, f.arena, &e));
        assert_int_equal(x.count, cases[i].lines);
        end(&f);
    }
}

static void test_logdf(void **state)
{
    (void)state;
    struct fixture f;
    char json[200];
    double got;
    begin_usual(&f);
    assert_false(bucket_index_logdf(f.ix, STR("main"), &got));
    for (unsigned i = 0; i < 8; i++) { /* main twice in each, rare in one, half in four */
        snprintf(json, sizeof json,
                 "{\"database_id\": \"%u\", \"project\": \"p\", \"stacktrace\": [{\"function\": "
                 "\"main\"}, {\"function\": \"main\"}, {\"function\": \"%s\"}]}",
                 i,
                 i == 3  ? "rare fn"
                 : i % 2 ? "none"
                         : "half");
        add(&f, json);
    }
    bucket_index_publish(f.ix);
    static const struct {
        struct str function;
        double logdf;
    } known[] = { { STR_INIT("main"), 0 }, { STR_INIT("rare fn"), 3 }, { STR_INIT("half"), 1 } };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_true(bucket_index_logdf(f.ix, known[i].function, &got));
        assert_true(got == known[i].logdf);
    }
    assert_false(bucket_index_logdf(f.ix, STR("rare"), &got)); /* a word is not a function */
    assert_false(bucket_index_logdf(f.ix, STR("never"), &got));
    add(&f, "{\"database_id\": \"x\", \"project\": \"p\", "
            "\"stacktrace\": [{\"function\": \"undone\"}]}");
    bucket_index_undo(f.ix);
    assert_false(bucket_index_logdf(f.ix, STR("undone"), &got));
    end(&f);
}

/* More different words than are compared: the report is taken, and found. */
static void test_endless_report(void **state)
{
    (void)state;
    struct fixture f;
    struct buf json;
    struct made made;
    struct placement p;
    struct err e;
    begin_usual(&f);
    for (int i = 0; i < 2; i++) {
        buf_init(&json, (size_t)4 << 20);
        buf_printf(&json, "{\"database_id\": \"%d\", \"project\": \"p\", \"words\": \"", i);
        for (int k = 0; k < 40000; k++)
            buf_printf(&json, "%d ", k);
        buf_printf(&json, "\"}");
        assert_true(buf_ok(&json));
        made_from_json(&made, buf_view(&json), f.arena);
        buf_done(&json);
        assert_true(bucket_index_place(f.ix, &made.report, &p, &e));
        assert_true(bucket_index_add(f.ix, &made.report, &p, NULL, &e));
    }
    bucket_index_publish(f.ix);
    struct explanation x;
    assert_true(bucket_index_compare(f.ix, 1, 0, NULL, NULL, &x, f.arena, &e));
    assert_int_equal(x.count, 20); /* of one field; that of the project came too late */
    assert_true(str_eq(x.terms[0].field, STR("words")));
    end(&f);
}

static void test_cost(void **state)
{
    (void)state;
    struct fixture f;
    begin_usual(&f);
    for (size_t i = 0; i < COUNT_OF(example); i++)
        add(&f, example[i]);
    assert_int_equal(bucket_index_cost(f.ix).searches, 0); /* as of the last publish */
    assert_int_equal(bucket_index_bytes(f.ix), 0);
    bucket_index_publish(f.ix);
    assert_int_equal(bucket_index_cost(f.ix).searches, 4); /* the first has nothing to ask */
    assert_true(bucket_index_bytes(f.ix) > 0);
    end(&f);
}

static const double falling[] = { 1, 2, 2 };
static const double from_zero[] = { 0, 1 };
static const double no_number[] = { 1, NAN };
static const double endless[] = { 1, INFINITY };
static const double rising[65] = { 1 };

static const struct {
    const char *name;
    const double *thresholds;
    size_t count;
    const char *similarity;
    uint32_t terms;
    const char *message; /* how it begins */
} bad_configs[] = {
    { "no thresholds", rising, 0, "classic", 20, "thresholds: " },
    { "too many thresholds", rising, 65, "classic", 20, "thresholds: " },
    { "thresholds that do not rise", falling, 3, "classic", 20, "thresholds: " },
    { "a threshold of zero", from_zero, 2, "classic", 20, "thresholds: " },
    { "a threshold that is no number", no_number, 2, "classic", 20, "thresholds: " },
    { "an endless threshold", endless, 2, "classic", 20, "thresholds: " },
    { "an unknown similarity", rising, 1, "bm25", 20, "similarity: there is no \"bm25\"" },
    { "no terms", rising, 1, "classic", 0, "max_query_terms: " },
    { "too many terms", rising, 1, "classic", 30001, "max_query_terms: " },
};

static void test_bad_configs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_configs); i++) {
        struct bucket_index *ix = NULL;
        struct bucket_index_config config = { .thresholds = bad_configs[i].thresholds,
                                              .threshold_count = bad_configs[i].count,
                                              .similarity = bad_configs[i].similarity,
                                              .max_query_terms = bad_configs[i].terms };
        struct err e = { 0 };
        if (bucket_index_new(&ix, &config, &e) || ix || e.code != ERR_INPUT ||
            strncmp(e.msg, bad_configs[i].message, strlen(bad_configs[i].message)) != 0)
            fail_msg("%s: %s", bad_configs[i].name, e.msg);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct fixture f;
    begin_usual(&f);
    const struct bucket_index_config *c = bucket_index_config(f.ix);
    assert_int_equal(c->threshold_count, 11);
    for (size_t t = 0; t < 11; t++)
        assert_true(c->thresholds[t] == (double)(t + 1));
    assert_int_equal(c->max_query_terms, 20);
    const char *const ignored[] = { "stacktrace.address",
                                    "stacktrace.debug_id",
                                    "numbers.*",
                                    "threads.*",
                                    "annotations.*",
                                    "stacktrace.ignored",
                                    "stacktrace.generated.*",
                                    "stacktrace.source_lines.*" };
    for (size_t i = 0; i < COUNT_OF(ignored); i++) {
        size_t k = 0;
        while (k < c->ignored_count && !str_eq(c->ignored[k], str_from_c(ignored[i])))
            k++;
        if (k == c->ignored_count)
            fail_msg("%s is not ignored", ignored[i]);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_twin_of_the_first),
        cmocka_unit_test(test_first_report),
        cmocka_unit_test(test_unpublished_are_seen),
        cmocka_unit_test(test_nothing_to_compare),
        cmocka_unit_test(test_force_bucket),
        cmocka_unit_test(test_stored_buckets),
        cmocka_unit_test(test_ignored_fields),
        cmocka_unit_test(test_logdf),
        cmocka_unit_test(test_endless_report),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_bad_configs),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
