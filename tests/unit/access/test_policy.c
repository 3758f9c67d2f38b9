/* Rules of retention and sampling: what is taken, and what it then means. */
#include "access/policy.h"
#include "unit/cmocka_all.h"

#define CRITERION "\"criteria\":[{\"type\":\"object-age\",\"op\":\"at-least\",\"time\":\"60\"}]"
#define ACTION "\"actions\":[{\"type\":\"delete-all\"}]"
#define BACKOFFS "\"backoffs\":[{\"count\":1,\"interval\":0}]"

static const struct {
    const char *name, *text;
    bool ok;
    struct retention_rule first;
} rules[] = {
    { "none", "[]", true, { 0 } },
    { "age", "[{" CRITERION "," ACTION "}]", true, { 60, INT64_MAX, 0, RETENTION_ALL } },
    { "range and compress",
      "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"range\",\"time\":\"5\",\"time_end\":\"9\"}"
      "],\"actions\":[{\"type\":\"compress\"}]}]",
      true,
      { 5, 9, 0, RETENTION_COMPRESS } },
    { "both ages must be true",
      "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"range\",\"time\":\"5\",\"time_end\":"
      "\"90\"}"
      ",{\"type\":\"object-age\",\"op\":\"at-least\",\"time\":\"20\"}]," ACTION "}]",
      true,
      { 20, 90, 0, RETENTION_ALL } },
    { "keep, physical",
      "[{\"criteria\":[{\"type\":\"fingerprint-count\",\"op\":\"more-than\",\"count\":\"3\"}],"
      "\"actions\":[{\"type\":\"delete-all\",\"subsets\":[\"physical\"]}]}]",
      true,
      { 0, INT64_MAX, 3, RETENTION_PHYSICAL } },
    { "two actions",
      "[{" CRITERION ",\"actions\":[{\"type\":\"compress\"},{\"type\":\"delete-all\",\"subsets\":"
      "[\"crdb\",\"physical\"]}]}]",
      true,
      { 60, INT64_MAX, 0, RETENTION_ALL | RETENTION_COMPRESS } },
    { "not JSON", "[", false, { 0 } },
    { "object", "{}", false, { 0 } },
    { "no actions", "[{" CRITERION "}]", false, { 0 } },
    { "no criteria", "[{" ACTION "}]", false, { 0 } },
    { "empty criteria", "[{\"criteria\":[]," ACTION "}]", false, { 0 } },
    { "unknown member", "[{" CRITERION "," ACTION ",\"x\":1}]", false, { 0 } },
    { "time as number",
      "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"at-least\",\"time\":60}]," ACTION "}]",
      false,
      { 0 } },
    { "time too large",
      "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"at-least\","
      "\"time\":\"99999999999999999999\"}]," ACTION "}]",
      false,
      { 0 } },
    { "time_end where none belongs",
      "[{\"criteria\":[{\"type\":\"object-age\",\"op\":\"at-least\",\"time\":\"1\",\"time_end\":"
      "\"2\"}]," ACTION "}]",
      false,
      { 0 } },
    { "keep none",
      "[{\"criteria\":[{\"type\":\"fingerprint-count\",\"op\":\"more-than\",\"count\":\"0\"}]"
      "," ACTION "}]",
      false,
      { 0 } },
    { "empty subsets",
      "[{" CRITERION ",\"actions\":[{\"type\":\"delete-all\",\"subsets\":[]}]}]",
      false,
      { 0 } },
    { "subset of its own",
      "[{" CRITERION ",\"actions\":[{\"type\":\"delete-all\",\"subsets\":[\"mine\"]}]}]",
      false,
      { 0 } },
};

static void test_retention(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        struct retention_rule *all;
        struct err e = { 0 };
        size_t n;
        bool ok = retention_parse(str_from_c(rules[i].text), a, &all, &n, &e);
        if (ok != rules[i].ok || (!ok && (e.code != ERR_INPUT || e.msg[0] == '\0')))
            fail_msg("%s: %s", rules[i].name, e.msg);
        if (!ok || n == 0)
            continue;
        const struct retention_rule *r = &all[0], *want = &rules[i].first;
        if (n != 1 || r->age_min_s != want->age_min_s || r->age_max_s != want->age_max_s ||
            r->keep != want->keep || r->actions != want->actions)
            fail_msg("%s: not as it should be", rules[i].name);
    }
}

static void test_sampling(void **state)
{
    static const char full[] =
        "{\"type\":\"backoff\",\"backoffs\":[{\"count\":1,\"interval\":0},{\"count\":5,"
        "\"interval\":300}],\"object_attributes\":[\"version\",\"os\"],\"reset_interval\":7,"
        "\"buckets\":9,\"missing_symbols\":{\"process_private\":true}}";
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    struct sampling s;
    struct err e = { 0 };
    (void)state;
    assert_true(sampling_parse(str_from_c(full), a, &s, &e));
    assert_int_equal(s.backoff_count, 2);
    assert_int_equal(s.backoffs[1].count, 5);
    assert_int_equal(s.backoffs[1].interval_s, 300);
    assert_int_equal(s.attribute_count, 2);
    assert_true(str_eq(s.attributes[1], STR("os")));
    assert_int_equal(s.reset_interval_s, 7);
    assert_int_equal(s.buckets, 9);
    assert_true(sampling_parse(STR("{\"type\":\"backoff\"," BACKOFFS "}"), a, &s, &e));
    assert_int_equal(s.buckets, SAMPLING_BUCKETS_DEFAULT);
    assert_int_equal(s.reset_interval_s, SAMPLING_RESET_DEFAULT_S);
    assert_int_equal(s.attribute_count, 0);
    assert_true(sampling_parse(STR("{}"), a, &s, &e));
    assert_int_equal(s.backoff_count, 0);
}

static void test_sampling_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{\"type\":\"backoff\"}",
        "{" BACKOFFS "}",
        "{\"type\":\"random\"," BACKOFFS "}",
        "{\"type\":\"backoff\",\"backoffs\":[]}",
        "{\"type\":\"backoff\",\"backoffs\":{}}",
        "{\"type\":\"backoff\",\"backoffs\":[7]}",
        "{\"type\":\"backoff\",\"backoffs\":[{\"count\":0,\"interval\":0}]}",
        "{\"type\":\"backoff\",\"backoffs\":[{\"count\":1.5,\"interval\":0}]}",
        "{\"type\":\"backoff\",\"backoffs\":[{\"count\":1,\"interval\":-1}]}",
        "{\"type\":\"backoff\",\"backoffs\":[{\"count\":1,\"interval\":0,\"x\":1}]}",
        "{\"type\":\"backoff\"," BACKOFFS ",\"buckets\":0}",
        "{\"type\":\"backoff\"," BACKOFFS ",\"buckets\":70000}",
        "{\"type\":\"backoff\"," BACKOFFS ",\"reset_interval\":\"1\"}",
        "{\"type\":\"backoff\"," BACKOFFS ",\"object_attributes\":\"version\"}",
        "{\"type\":\"backoff\"," BACKOFFS ",\"object_attributes\":[\"\"]}",
        "{\"type\":\"backoff\"," BACKOFFS ",\"missing_symbols\":[]}",
        "{\"type\":\"backoff\"," BACKOFFS ",\"missing_symbols\":{\"process_private\":1}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        struct sampling s;
        struct err e = { 0 };
        if (sampling_parse(str_from_c(texts[i]), a, &s, &e) || e.code != ERR_INPUT)
            fail_msg("%s: %s", texts[i], e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_sampling_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
