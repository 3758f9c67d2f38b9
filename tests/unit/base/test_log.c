/* log: what a line looks like, whatever the values hold. */
#include "base/log.h"

#include "../cmocka_all.h"
#include <unistd.h>

/* Runs log_line with standard error in a pipe. Returns what was written, NUL-terminated. */
static const char *logged(enum log_level level, const char *event, struct str value)
{
    static char text[8192];
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_line(level, event, "id=%s", log_str(value));
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static void test_line(void **state)
{
    (void)state;
    const char *line = logged(LOG_INFO, "report_stored", STR("a\nb"));
    assert_int_equal(strspn(line, "0123456789-T:.Z"), strlen("2026-01-02T03:04:05.678Z"));
    assert_string_equal(line + strlen("2026-01-02T03:04:05.678Z"),
                        " info report_stored id=\"a\\x0ab\"\n");
    assert_string_equal(logged(LOG_DEBUG, "quiet", STR("x")), "");
    log_set_level(LOG_DEBUG);
    assert_non_null(strstr(logged(LOG_DEBUG, "loud", STR("x")), "Z debug loud id=x\n"));
    log_set_level(LOG_ERROR);
    assert_string_equal(logged(LOG_WARN, "quiet", STR("x")), "");
    log_set_level(LOG_INFO);
}

static void test_str(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *want;
    } cases[] = {
        { { "abc-1.2:x/y@z+_", 15 }, "abc-1.2:x/y@z+_" },
        { { "", 0 }, "\"\"" },
        { { NULL, 0 }, "\"\"" },
        { { "a b", 3 }, "\"a b\"" },
        { { "a=b", 3 }, "\"a=b\"" },
        { { "a\"b\\", 4 }, "\"a\\\"b\\\\\"" },
        { { "a\0\n\x7f", 4 }, "\"a\\x00\\x0a\\x7f\"" },
        { { "\xc3\xbc", 2 }, "\"\xc3\xbc\"" },
        { { "\xff\xc3", 2 }, "\"\\xff\\xc3\"" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(log_str(cases[i].in), cases[i].want);
}

#define TOKEN "91f94ff4b001e47249a8b3cb220fc48cc8f2690d3998e3b6e1c9ae99873e23be"

static void test_masked(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "/acme/" TOKEN "/json", "/acme/91f9.../json" },
        { "/api/post?format=json&token=" TOKEN, "\"/api/post?format=json&token=91f9...\"" },
        { TOKEN TOKEN "-" TOKEN, "91f9...-91f9..." },
        { "/p/reports/0123456789abcde", "/p/reports/0123456789abcde" },
        { "/p/reports/0123456789abcdef", "/p/reports/0123..." },
        { "01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef" },
        { "no such universe '" TOKEN "'", "\"no such universe '91f9...'\"" },
        { "/%39%31f94ff4b001e4724%39%61/json", "\"/%39%31f9.../json\"" },
        { "/91f94ff4b001e4%37249a8b3c%zzb220fc48cc", "\"/91f9...%zzb220fc48cc\"" },
        { "/91f94ff4b001e4%2f7249a8b3c%", "\"/91f94ff4b001e4%2f7249a8b3c%\"" },
        { "%3", "\"%3\"" },
        { "/p/0123456789ABCDEF0123456789abcdef", "/p/0123..." },
        { "", "\"\"" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(log_masked(str_from_c(cases[i].in)), cases[i].want);
    char in[1000];
    memset(in, 'x', sizeof in);
    assert_int_equal(strlen(log_masked((struct str){ in, sizeof in })), 200 + strlen("\"\"..."));
}

static void test_cut(void **state)
{
    (void)state;
    char in[1000];
    memset(in, 'x', sizeof in);
    const char *got = log_str((struct str){ in, sizeof in });
    assert_int_equal(strlen(got), 200 + strlen("\"\"..."));
    memset(in, '\n', sizeof in);
    got = log_str((struct str){ in, sizeof in });
    assert_int_equal(strlen(got), 4 * 200 + strlen("\"\"..."));
}

static void test_long_line(void **state)
{
    (void)state;
    char event[6000];
    memset(event, 'e', sizeof event - 1);
    event[sizeof event - 1] = '\0';
    const char *line = logged(LOG_ERROR, event, STR("x"));
    assert_in_range(strlen(line), 4000, 4096);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),      cmocka_unit_test(test_str),
        cmocka_unit_test(test_masked),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_long_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
