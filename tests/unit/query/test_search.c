/* What a search finds in a small collection that fits the screen, and in which order. */
#include "collect.h"

#include <unistd.h>

/* clang-format off */
static const char *const reports[] = {
    "{\"database_id\":\"lp:0000001\",\"project\":\"Ubuntu\",\"date\":\"2016-01-10T10:00:00\","
    "\"Package\":\"gtk 3.2\",\"note\":\"first of many, with a long text about nothing at all\","
    "\"stacktrace\":[{\"function\":\"gtk_main\",\"address\":\"0xaa01\",\"depth\":\"0\"},"
                    "{\"function\":\"HTMLParser::parse\",\"address\":\"0xaa02\",\"depth\":\"1\"},"
                    "{\"function\":\"main\",\"address\":\"0xaa03\",\"depth\":\"2\"}]}",
    "{\"database_id\":\"lp:0000002\",\"project\":\"Ubuntu\",\"date\":\"2016-02-10T10:00:00\","
    "\"Package\":\"gtk 3.4\","
    "\"stacktrace\":[{\"function\":\"gtk_main\",\"address\":\"0xbb01\"},"
                    "{\"function\":\"HTMLParser::parse\"},"
                    "{\"function\":\"main\"}]}",
    "{\"database_id\":\"moz:3\",\"project\":\"Firefox\",\"date\":\"2016-03-10T10:00:00\","
    "\"Package\":\"xul\",\"os\":{\"name\":\"Linux\",\"version\":\"5.10\"},"
    "\"stacktrace\":[{\"function\":\"nsParser::parseMain\"},{\"function\":\"main\"},"
                    "{\"function\":\"main\"},{\"function\":\"main\"}]}",
    "{\"database_id\":\"moz:4\",\"project\":\"Firefox\",\"date\":\"2017-03-10T10:00:00.250\","
    "\"Package\":\"xul\",\"os\":{\"name\":\"Windows\"},\"a.b\":{\"c:d\":\"colon\"},"
    "\"stacktrace\":[]}",
    ("{\"database_id\":\"e5\",\"project\":\"Firefox\",\"date\":\"2017-03-10T10:00:00.250\","
    "\"empty\":\"\",\"z\":\"\xc3\x89t\xc3\xa9\"}"),
};

/* Which reports, by the last digit of their names, in order of their numbers. */
static const struct {
    const char *query, *want;
} found[] = {
    { "*", "12345" },
    { "*:*", "12345" },
    { "\"\"", "" },
    /* Without a field: all text. */
    { "gtk", "12" },
    { "main", "123" },
    { "Main", "3" },
    { "MAIN", "" },
    { "gtk_main", "12" },
    { "HTMLParser", "12" },
    { "Parser", "123" },
    { "Ubuntu", "12" },
    { "Linux", "3" },
    { "moz", "34" },
    { "0000002", "2" },
    { "\xc3\x89t\xc3\xa9", "5" },
    /* In a field. */
    { "function:main", "" },
    { "stacktrace.function:main", "123" },
    { "stacktrace.function:gtk", "12" },
    { "Package:gtk", "12" },
    { "Package:(gtk 4)", "2" },
    { "package:gtk", "" },
    { "os.name:Linux", "3" },
    { "os.name:*", "34" },
    { "os:*", "34" },
    { "os:Linux", "" },
    { "a_b.c_d:colon", "4" },
    { "a_b.c\\:d:colon", "4" },
    { "project:Firefox", "345" },
    { "project:F*", "345" },
    { "database_id:lp", "12" },
    { "database_id:\"lp:0000001\"", "1" },
    { "database_id:[0000002 TO 0000003]", "2" },
    { "database_id:mox~1", "34" },
    { "database_id:*", "12345" },
    { "empty:*", "5" },
    { "nosuch:*", "" },
    { "stacktrace:*", "123" },
    { "stacktrace.function:*", "123" },
    /* Boolean. */
    { "gtk main", "12" },
    { "gtk AND xul", "" },
    { "gtk OR xul", "1234" },
    { "main -gtk", "3" },
    { "-gtk", "" },
    { "NOT gtk", "" },
    { "* -gtk", "345" },
    { "xul (-Linux)", "" },
    { "+main gtk OR 4", "123" },
    { "main +gtk", "12" },
    { "(gtk OR xul) AND (Linux OR 4)", "234" },
    { "... gtk", "12" },
    /* Phrases. */
    { "\"gtk main\"", "12" },
    { "\"main gtk\"", "" },
    { "\"main gtk\"~2", "12" },
    { "\"HTML Parser parse\"", "12" },
    { "\"HTML parse\"", "" },
    { "\"HTML parse\"~1", "12" },
    { "\"parse main\"", "" },
    { "\"parse main\"~99", "" },
    { "\"parse main\"~100", "12" },
    { "stacktrace.function:\"parse main\"~100", "12" },
    { "stacktrace.function:\"main parse\"~101", "" },
    { "stacktrace.function:\"main parse\"~102", "12" }, /* HTML and Parser stand between, and a gap */
    { "stacktrace.function:\"gtk HTML\"~100", "" },
    { "stacktrace.function:\"gtk HTML\"~101", "12" },
    { "\"main main\"~100", "3" },
    { "\"main main main main\"~300", "" },
    { "note:\"first with text\"~4", "1" },
    { "\"Firefox moz\"~100", "34" },
    { "\"lp 0000001\"", "1" },
    /* Wildcards, fuzzy terms, ranges: single tokens as written. */
    { "gt*", "12" },
    { "?tk", "12" },
    { "*arse*", "123" },
    { "Package:x?l", "34" },
    { "gtk_*", "" },
    { "m?in~", "123" },
    { "gtj~1", "12" },
    { "Pasrer~", "123" },
    { "Windosw~1", "4" },
    { "Package:[gta TO gtz]", "12" },
    { "Package:[gtk TO gtk}", "" },
    { "Package:{3 TO *]", "1234" },
    { "Package:{gtk TO *]", "34" },
    { "os.version:[10 TO 5]", "3" },
    /* Dates. */
    { "date:2016", "123" },
    { "date:2016-02", "2" },
    { "date:2016-02-10", "2" },
    { "date:\"2016-02-10T10:00\"", "2" },
    { "date:\"2016-02-10T10:01\"", "" },
    { "date:[2016-02 TO 2016-03]", "23" },
    { "date:[2016-02-11 TO *]", "345" },
    { "date:[* TO 2016-03-10}", "12" },
    { "date:[* TO now]", "12345" },
    { "date:[1-day-ago TO now]", "" },
    { "date:2016-0?-10*", "123" },
    { "date:*", "12345" },
    { "gtk date:2016-01", "1" },
    /* Fields that only the payload has. */
    { "xaa", "" },
    { "stacktrace.address:xaa", "1" },
    { "stacktrace.address:aa", "" },
    { "stacktrace.address:xaa xul", "" },
    { "stacktrace.address:0xaa01", "1" },
    { "stacktrace.address:xcc OR xul", "34" },
    { "stacktrace.address:xbb OR xul", "234" },
    { "gtk -stacktrace.address:xaa", "2" },
    { "stacktrace.address:*", "12" },
    { "stacktrace.address:xa?", "1" },
    { "stacktrace.address:xab~1", "12" },
    { "stacktrace.address:\"xaa 02\"", "1" },
    { "stacktrace.address:\"01 02\"~101", "" },
    { "stacktrace.address:\"01 02\"~102", "1" },
    { "stacktrace.depth:[1 TO 2]", "1" },
};
/* clang-format on */

static void make(struct collected_reports *all)
{
    collect_begin(all);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
        collect_add(all, str_from_c(reports[i]));
    collection_publish(all->c);
}

static const struct lucene_query *parsed(const char *text, struct arena *a)
{
    const struct lucene_query *q;
    struct err e = { 0 };
    if (!lucene_parse(&q, str_from_c(text), a, &e))
        fail_msg("%s: %s", text, e.msg);
    return q;
}

/* The last digits of the hits' names. */
static void digits_of(const struct collected_reports *all, const struct search_hit *hits, size_t n,
                      char *out)
{
    for (size_t i = 0; i < n; i++) {
        struct str id = all->reports[hits[i].report].database_id;
        out[i] = id.ptr[id.len - 1];
    }
    out[n] = '\0';
}

static void run(struct collected_reports *all, const struct search_request *rq, const char *name,
                char *out, size_t *total)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
    struct search_hit *hits;
    size_t count;
    struct err e = { 0 };
    if (!search_run(all->c, rq, &hits, &count, total, a, &e))
        fail_msg("%s: %s", name, e.msg);
    assert_true(count <= 9);
    digits_of(all, hits, count, out);
}

static int by_char(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static void test_found(void **state)
{
    (void)state;
    struct collected_reports all;
    make(&all);
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
        struct search_request rq = collect_request(&all, parsed(found[i].query, a));
        char got[16];
        size_t total;
        for (int scored = 0; scored < 2; scored++) {
            rq.need_scores = scored;
            run(&all, &rq, found[i].query, got, &total);
            qsort(got, strlen(got), 1, by_char);
            if (strcmp(got, found[i].want) != 0 || total != strlen(got))
                fail_msg("%s (scored: %d): %s instead of %s", found[i].query, scored, got,
                         found[i].want);
        }
        uint64_t *bits;
        uint32_t count;
        struct err e = { 0 };
        assert_true(search_matches(all.c, &rq, &bits, &count, a, &e));
        assert_int_equal(count, all.count);
        assert_int_equal(__builtin_popcountll(bits[0]), strlen(found[i].want));
    }
    collect_end(&all);
}

static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *name, *query, *sort;
        bool ascending;
        size_t from, size;
        const char *want;
    } cases[] = {
        { "newest first, then by number", "*", "", false, 0, 10, "45321" },
        { "a page", "*", "", false, 1, 2, "53" },
        { "past the end", "*", "", false, 5, 2, "" },
        { "no page at all", "*", "", false, 0, 0, "" },
        { "more often is better", "stacktrace.function:main", "", false, 0, 10, "321" },
        { "shorter is better", "gtk", "", false, 0, 10, "21" },
        { "the worst first", "gtk", "", true, 0, 10, "12" },
        { "rare is better", "gtk OR Linux", "", false, 0, 10, "321" },
        { "more clauses are better", "gtk OR parse OR Package:2", "", false, 0, 10, "123" },
        { "boost", "Package:xul OR os.name:Windows^0.01 OR os.name:Linux^10", "", false, 0, 10,
          "34" },
        { "by date", "*", "date", false, 0, 10, "45321" },
        { "oldest first", "*", "date", true, 0, 10, "12345" },
        { "by name", "*", "database_id", true, 0, 10, "51234" },
        { "by project", "*", "project", false, 0, 10, "21453" },
        { "by a field, missing last", "*", "Package", true, 0, 10, "12435" },
        { "by a field, backwards, missing last", "*", "Package", false, 0, 10, "43215" },
        { "by a field of the stack", "*", "stacktrace.function", true, 0, 10, "21345" },
        { "by a field with a colon", "*", "a_b.c:d", true, 0, 10, "45321" },
        { "by a field that nothing has", "*", "nosuch", true, 0, 10, "45321" },
        { "by a field of the payload", "*", "stacktrace.address", false, 0, 10, "21453" },
    };
    struct collected_reports all;
    make(&all);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
        struct search_request rq = collect_request(&all, parsed(cases[i].query, a));
        char got[16];
        size_t total;
        rq.sort = str_from_c(cases[i].sort);
        rq.ascending = cases[i].ascending;
        rq.from = cases[i].from;
        rq.size = cases[i].size;
        run(&all, &rq, cases[i].name, got, &total);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s instead of %s", cases[i].name, got, cases[i].want);
    }
    collect_end(&all);
}

static void test_filters(void **state)
{
    (void)state;
    /* In milliseconds: 2016-02-10T10:00:00 and 2016-03-10T10:00:00. */
    const int64_t second = INT64_C(1455098400000), third = INT64_C(1457604000000);
    struct collected_reports all;
    make(&all);
    CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
    struct search_request rq = collect_request(&all, parsed("main", a));
    char got[16];
    size_t total;
    rq.has_since = true;
    rq.since_ms = second;
    run(&all, &rq, "since", got, &total);
    assert_string_equal(got, "3"); /* strictly later */
    rq.since_ms = second - 1;
    run(&all, &rq, "since", got, &total);
    assert_string_equal(got, "32");
    rq.has_until = true;
    rq.until_ms = third;
    run(&all, &rq, "since and until", got, &total);
    assert_string_equal(got, "2");
    rq.has_since = false;
    rq.until_ms = third + 1;
    rq.project = collection_find_project(all.c, STR("Firefox"));
    run(&all, &rq, "project and until", got, &total);
    assert_string_equal(got, "3");
    assert_int_equal(total, 1);
    collect_end(&all);
}

/* One term in one field, computed by hand. */
static void test_score(void **state)
{
    (void)state;
    struct collected_reports all;
    make(&all);
    CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
    struct search_request rq =
        collect_request(&all, parsed("stacktrace.function:parse^3 OR Package:gt*", a));
    struct search_hit *hits;
    size_t count, total;
    struct err e = { 0 };
    assert_true(search_run(all.c, &rq, &hits, &count, &total, a, &e));
    assert_int_equal(count, 3);
    /* Reports 1 and 2: six tokens, so the norm 1/sqrt(6) becomes 0.375; two of three in five
     * reports hold `parse`: idf = 1 + ln(5 / (3 + 1)). Report 3 parts parse|Main: six tokens too.
     */
    double idf = 1 + 0.22314355131420976, term = 3 * idf * idf,
           norm = 1 / __builtin_sqrt(9 * idf * idf + 1);
    double both = norm * (term * 0.375 + 1), one = norm * term * 0.375 / 2;
    assert_true((double)hits[0].score > both - 1e-5 && (double)hits[0].score < both + 1e-5);
    assert_int_equal(hits[2].report, 2);
    assert_true((double)hits[2].score > one - 1e-5 && (double)hits[2].score < one + 1e-5);
    collect_end(&all);
}

/* Only reports that the rest of the query leaves are read from the store. */
static void test_payloads(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t reads;
    } cases[] = {
        { "gtk", 0 },
        { "stacktrace.address:xaa", 5 },
        { "stacktrace.address:xaa gtk", 2 },
        { "stacktrace.address:xaa date:2016-01", 1 },
        { "xul -stacktrace.address:xaa", 2 },
        { "gtk -xul -stacktrace.address:xaa", 2 },
        { "stacktrace.address:xaa nosuch", 0 },
        { "* OR stacktrace.address:xaa", 0 },
    };
    struct collected_reports all;
    make(&all);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
        struct search_request rq = collect_request(&all, parsed(cases[i].query, a));
        char got[16];
        size_t total;
        rq.need_scores = false;
        all.payloads_read = 0;
        run(&all, &rq, cases[i].query, got, &total);
        if (all.payloads_read != cases[i].reads)
            fail_msg("%s: %zu payloads instead of %zu", cases[i].query, all.payloads_read,
                     cases[i].reads);
    }
    collect_end(&all);
}

static void test_refusals(void **state)
{
    (void)state;
    struct collected_reports all;
    make(&all);
    CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
    struct search_hit *hits;
    size_t count, total;
    struct err e = { 0 };
    struct buf many;
    struct search_request rq = collect_request(&all, parsed("gtk date:2015-02-29", a));
    assert_false(search_run(all.c, &rq, &hits, &count, &total, a, &e));
    assert_int_equal(e.code, ERR_INPUT);
    buf_init(&many, 1 << 20);
    for (int i = 0; i < 65; i++)
        buf_str(&many, STR("a* "));
    buf_char(&many, '\0');
    rq.query = parsed(many.ptr, a);
    assert_false(search_run(all.c, &rq, &hits, &count, &total, a, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    buf_done(&many);
    CLEANUP(arena_free_p) struct arena *small = arena_new(1 << 10);
    rq.query = parsed("gtk", a);
    assert_false(search_run(all.c, &rq, &hits, &count, &total, small, &e));
    assert_int_equal(e.code, ERR_NOMEM);
    collect_end(&all);
}

static bool slow_payload(void *ctx, uint32_t report, struct arena *a, struct str *out,
                         struct err *e)
{
    usleep(2000);
    return collect_payload(ctx, report, a, out, e);
}

/* A long title: of two words only, so that a phrase of them can be fitted into it in very many
 * places, or of many different ones. */
static void add_long_title(struct collected_reports *all, bool same)
{
    struct buf json;
    char word[16];
    buf_init(&json, 1 << 20);
    buf_str(&json, STR("{\"database_id\":\"long\",\"project\":\"p\",\"date\":\"2016-01-01\","
                       "\"title\":\""));
    for (int i = 0; i < 20000; i++) {
        snprintf(word, sizeof word, "w%d ", i);
        buf_str(&json, same ? STR("aa bb ") : str_from_c(word));
    }
    buf_str(&json, STR("\"}"));
    collect_add(all, buf_view(&json));
    buf_done(&json);
}

static struct str repeat(struct buf *b, const char *before, const char *part, int n,
                         const char *behind)
{
    buf_str(b, str_from_c(before));
    for (int i = 0; i < n; i++)
        buf_str(b, str_from_c(part));
    buf_str(b, str_from_c(behind));
    buf_char(b, '\0');
    return buf_view(b);
}

/* Each works for longer than a millisecond, and in another place. */
static void test_timeout(void **state)
{
    (void)state;
    static const struct {
        const char *before, *part, *behind;
        int n;
        bool same; /* the title */
    } cases[] = {
        { "title:\"", "aa bb ", "\"~50", 200, true },   /* a phrase in a value */
        { "title:\"", "aa bb ", "\"~1000", 200, true }, /* across values */
        { "", "*w?1?2*x?y* ", "", 60, false },          /* tokens */
        { "stacktrace.address:*", "", "", 1, true },    /* payloads */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct collected_reports all;
        CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
        struct search_hit *hits;
        size_t count, total;
        uint64_t *bits;
        uint32_t reports_seen;
        struct buf text;
        struct err e = { 0 };
        make(&all);
        add_long_title(&all, cases[i].same);
        collection_publish(all.c);
        buf_init(&text, 1 << 20);
        struct str q = repeat(&text, cases[i].before, cases[i].part, cases[i].n, cases[i].behind);
        struct search_request rq = collect_request(&all, parsed(q.ptr, a));
        rq.payload = slow_payload;
        rq.timeout_ms = 1;
        if (search_run(all.c, &rq, &hits, &count, &total, a, &e))
            fail_msg("case %zu is found in time", i);
        assert_int_equal(e.code, ERR_LIMIT);
        assert_string_equal(e.word, "search_too_long");
        assert_non_null(strstr(e.msg, "longer than 0.001 s"));
        assert_false(search_matches(all.c, &rq, &bits, &reports_seen, a, &e));
        assert_string_equal(e.word, "search_too_long");
        buf_done(&text);
        collect_end(&all);
    }
}

/* Reports that were added but not published are not there. */
static void test_unpublished(void **state)
{
    (void)state;
    struct collected_reports all;
    CLEANUP(arena_free_p) struct arena *a = arena_new(64 << 20);
    collect_begin(&all);
    char got[16];
    size_t total;
    struct search_request rq = collect_request(&all, parsed("main OR moz OR *", a));
    run(&all, &rq, "nothing at all", got, &total);
    assert_string_equal(got, "");
    collect_add(&all, str_from_c(reports[0]));
    collection_publish(all.c);
    collect_add(&all, str_from_c(reports[1]));
    run(&all, &rq, "one", got, &total);
    assert_string_equal(got, "1");
    collect_end(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),       cmocka_unit_test(test_order),
        cmocka_unit_test(test_filters),     cmocka_unit_test(test_score),
        cmocka_unit_test(test_payloads),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unpublished), cmocka_unit_test(test_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
