/* Versions in their order, and which objects match which invariants. */
#include "engine/invariants.h"

#include "unit/cmocka_all.h"

#include <string.h>

static void test_versions(void **state)
{
    /* Each is older than all below it, but for those of one line. */
    static const char *const rising[][3] = {
        { "" },
        { "0.9" },
        { "1.0.0-alpha" },
        { "1.0.0-alpha.1" },
        { "1.0.0-alpha.beta" },
        { "1.0.0-beta.2", "1.0-beta.02" },
        { "1.0.0-beta.11" },
        { "1.0.0-rc.1" },
        { "1", "1.0", "1.0.0+build.5" },
        { "1.0.1" },
        { "1.9" },
        { "1.10", "1.010" },
        { "1.99999999999999999999998" },
        { "1.99999999999999999999999" },
        { "2.0-rc" },
        { "2" },
        { "x" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rising); i++)
        for (size_t k = 0; k < COUNT_OF(rising); k++)
            for (size_t x = 0; x < 3 && rising[i][x]; x++)
                for (size_t y = 0; y < 3 && rising[k][y]; y++) {
                    if (i == 0 && k == 1) /* no version is 0, which is older than 0.9 */
                        continue;
                    int got = version_order(str_from_c(rising[i][x]), str_from_c(rising[k][y]));
                    int want = (i > k) - (i < k);
                    if ((got > 0) - (got < 0) != want)
                        fail_msg("%s and %s: %d", rising[i][x], rising[k][y], got);
                }
}

static const struct {
    const char *name, *json;
    bool matches;
} cases[] = {
    { "none", "[]", false },
    { "newer", "[{\"type\":\"version_gt\",\"field\":\"version\",\"version\":\"1.9\"}]", true },
    { "the same", "[{\"type\":\"version_gt\",\"field\":\"version\",\"version\":\"1.10\"}]", false },
    { "the same will do", "[{\"type\":\"version_ge\",\"field\":\"version\",\"version\":\"1.10\"}]",
      true },
    { "no such field", "[{\"type\":\"version_ge\",\"field\":\"x\",\"version\":\"0\"}]", false },
    { "a number", "[{\"type\":\"version_gt\",\"field\":\"n\",\"version\":\"6\"}]", true },
    { "later", "[{\"type\":\"timestamp_gt\",\"timestamp\":99}]", true },
    { "as a text", "[{\"type\":\"timestamp_gt\",\"timestamp\":\"99\"}]", true },
    { "not later", "[{\"type\":\"timestamp_gt\",\"timestamp\":100}]", false },
    { "pattern", "[{\"type\":\"regular_expression\",\"field\":\"host\",\"pattern\":\"eb\\\\d$\"}]",
      true },
    { "other pattern", "[{\"type\":\"regular_expression\",\"field\":\"host\",\"pattern\":\"^db\"}]",
      false },
    { "a boolean", "[{\"type\":\"regular_expression\",\"field\":\"on\",\"pattern\":\"^true$\"}]",
      true },
    { "the second",
      "[{\"type\":\"timestamp_gt\",\"timestamp\":100},{\"type\":\"timestamp_gt\","
      "\"timestamp\":1}]",
      true },
    { "both",
      "[{\"type\":\"and\",\"children\":[{\"type\":\"timestamp_gt\",\"timestamp\":1},"
      "{\"type\":\"version_ge\",\"field\":\"n\",\"version\":\"7\"}]}]",
      true },
    { "not both",
      "[{\"type\":\"and\",\"children\":[{\"type\":\"timestamp_gt\",\"timestamp\":1},"
      "{\"type\":\"version_gt\",\"field\":\"n\",\"version\":\"7\"}]}]",
      false },
};

static struct named_cell text(const char *name, const char *value)
{
    return (struct named_cell){ str_from_c(name), { .type = CELL_STRING, .s = str_from_c(value) } };
}

static void test_matches(void **state)
{
    struct named_cell cells[] = {
        text("fingerprint", "1"),
        text("fingerprint;original", "1"),
        text("version", "1.10"),
        text("host", "web1"),
        { STR("n"), { .type = CELL_UINT, .u = 7 } },
        { STR("on"), { .type = CELL_BOOL, .b = true } },
        { STR("timestamp"), { .type = CELL_UINT, .u = 100 } },
    };
    const struct row row = { cells, COUNT_OF(cells) };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(1 << 20);
        struct str json = str_from_c(cases[i].json);
        struct err e = { 0 };
        bool match = false;
        if (!invariants_check(json, a, &e) || !invariants_match(json, &row, a, &match, &e))
            fail_msg("%s: %s", cases[i].name, e.msg);
        if (match != cases[i].matches)
            fail_msg("%s: %d", cases[i].name, match);
        arena_free(a);
    }
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "[{}]",
        "[{\"type\":\"x\"}]",
        "[{\"type\":\"version_gt\",\"version\":\"1\"}]",
        "[{\"type\":\"version_gt\",\"field\":\"v\"}]",
        "[{\"type\":\"timestamp_gt\"}]",
        "[{\"type\":\"timestamp_gt\",\"timestamp\":\"soon\"}]",
        "[{\"type\":\"regular_expression\",\"field\":\"v\",\"pattern\":\"(\"}]",
        "[{\"type\":\"and\"}]",
        "[{\"type\":\"and\",\"children\":[]}]",
        "[{\"type\":\"and\",\"children\":[{\"type\":\"and\",\"children\":[]}]}]",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct arena *a = arena_new(1 << 20);
        struct err e = { 0 };
        if (invariants_check(str_from_c(bad[i]), a, &e))
            fail_msg("%s is taken", bad[i]);
        assert_int_equal(e.code, ERR_INPUT);
        assert_true(e.msg[0] != '\0');
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_versions),
                                        cmocka_unit_test(test_matches),
                                        cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
