/* One line of a source: against the plainest search, and at the edges. */
#include "decode/source_lines.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#define ARENA_BYTES (16u << 20)
#define ROUNDS 20

static struct str find(struct source_lines *s, uint64_t line, struct arena *a)
{
    struct str out = { 0 };
    assert_true(source_lines_find(s, line, a, &out));
    return out;
}

static void test_edges(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        uint64_t first, line;
        const char *want;
    } cases[] = {
        { "the first", "a\nb\nc", 1, 1, "a" },
        { "one within", "a\nb\nc", 1, 2, "b" },
        { "the last", "a\nb\nc", 1, 3, "c" },
        { "behind the last newline", "a\n", 1, 2, "" },
        { "behind the end", "a\nb", 1, 3, "" },
        { "far behind the end", "a\nb", 1, UINT64_MAX, "" },
        { "before the first", "a\nb", 5, 4, "" },
        { "from the first line on", "a\nb", 5, 6, "b" },
        { "no text", "", 1, 1, "" },
        { "the line of a mistake", "a", 0, 0, "a" },
        { "Windows", "a\r\nb\r\n", 1, 2, "b" },
        { "blanks stay", "\t a \n", 1, 1, "\t a " },
        { "empty lines", "\n\n\nd", 1, 4, "d" },
        { "first line at the end of numbers", "a\nb", UINT64_MAX, UINT64_MAX, "a" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct source_lines s = { .text = str_from_c(cases[i].text), .first_line = cases[i].first };
        struct str got = find(&s, cases[i].line, a);
        if (!str_eq(got, str_from_c(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].name, STR_ARG(got));
    }
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    char text[3 * SOURCE_LINE_MAX];
    memset(text, 'x', sizeof text);
    memcpy(text + SOURCE_LINE_MAX - 1, "\xc3\xa4", 2);
    struct source_lines s = { .text = { text, sizeof text }, .first_line = 1 };
    assert_int_equal(find(&s, 1, a).len, SOURCE_LINE_MAX - 1);
}

/* The slow way. */
static struct str find_slowly(struct str text, uint64_t line)
{
    size_t begin = 0;
    for (; line > 1; line--) {
        const char *newline =
            begin < text.len ? memchr(text.ptr + begin, '\n', text.len - begin) : NULL;
        if (!newline)
            return STR("");
        begin = (size_t)(newline - text.ptr) + 1;
    }
    size_t end = begin;
    while (end < text.len && text.ptr[end] != '\n')
        end++;
    return (struct str){ text.ptr + begin, end - begin };
}

static void test_against_the_slow_way(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        size_t len = dice(&d, 30000), lines = 1;
        char *text = arena_alloc(a, len);
        uint32_t often = 1 + dice(&d, 60);
        for (size_t k = 0; k < len; k++) {
            text[k] = dice(&d, often) ? 'a' : '\n';
            lines += text[k] == '\n';
        }
        struct source_lines s = { .text = { text, len }, .first_line = 1 };
        for (int k = 0; k < 500; k++) {
            uint64_t line = 1 + dice(&d, (uint32_t)lines + 2);
            struct str got = find(&s, line, a), want = find_slowly(s.text, line);
            if (!str_eq(got, want))
                fail_msg("line %llu of %zu", (unsigned long long)line, lines);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_against_the_slow_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
