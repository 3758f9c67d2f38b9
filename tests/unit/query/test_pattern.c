/* Single tokens against wildcards, fuzzy terms and ranges: tables, and the slow way. */
#include "query/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static float match(const char *query, struct str token)
{
    const struct lucene_query *q;
    struct pattern p;
    struct err e = { 0 };
    if (!lucene_parse(&q, str_from_c(query), arena, &e) || !pattern_init(&p, q, arena, &e))
        fail_msg("%s: %s", query, e.msg);
    return pattern_match(&p, token);
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *query, *token;
        double want;
    } cases[] = {
        { "ma*", "main", 1 },
        { "ma*", "ma", 1 },
        { "ma*", "Main", 0 },
        { "*in", "main", 1 },
        { "*in", "mains", 0 },
        { "m*n", "mn", 1 },
        { "m?n", "mn", 0 },
        { "m?n", "m\xc3\xa9n", 1 },
        { "m??n", "m\xc3\xa9n", 0 },
        { "?", "\xf0\x90\x90\x80", 1 },
        { "*a*b*", "xxaxxbxx", 1 },
        { "*a*b*", "xxbxxaxx", 0 },
        { "*ab", "aab", 1 },
        { "a\\**", "ab", 0 },
        { "**", "x", 1 },
        { "m*?", "m", 0 },
        { "m*?", "mx", 1 },
        { "\\u00e9*", "\xc3\xa9t\xc3\xa9", 1 },
        { "*?t*", "\xc3\xa9t\xc3\xa9", 1 },
        { "*t?", "\xc3\xa9t\xc3\xa9", 1 },
        { "*t??", "\xc3\xa9t\xc3\xa9", 0 },
        { "?*???", "\xc3\xa9t\xc3\xa9", 0 },
        { "*\xc3\xa9?", "\xc3\xa9\xc3\xa9", 1 },
        { "ab*ba", "aba", 0 },
        { "ab*ba", "abba", 1 },
        { "*ab*ab", "cab", 0 },
        { "a\\?*", "abc", 0 },
        { "*a?c*", "aabac", 0 },
        { "*a?c*", "aabca", 1 },
        { "*a?c*", "aacca", 1 },
        { "*a?c", "aacca", 0 },
        /* Edits: none, one, two, swaps; never as many as letters. */
        { "main~", "main", 1 },
        { "main~", "mein", 0.75 },
        { "main~", "mian", 0.75 },
        { "main~", "mains", 0.75 },
        { "main~", "ain", 2.0 / 3 },
        { "main~", "niam", 0 },
        { "main~", "amni", 0.5 },
        { "main~", "aimn", 0.5 },
        { "main~1", "amni", 0 },
        { "main~0", "main", 1 },
        { "main~0", "mein", 0 },
        { "main~0.5", "amni", 0.5 },
        { "main~0.8", "mein", 0 },
        { "Camel~0.79", "camel", 0.8 },
        { "Camel~0.8", "camel", 0 },
        { "ab~", "xy", 0 },
        { "ab~", "ay", 0.5 },
        { "a~", "b", 0 },
        { "a~", "ab", 0 },
        { "abc~", "a", 0 },
        { "\xc3\xa9t\xc3\xa9~1", "ete", 0 },
        { "\xc3\xa9t\xc3\xa9~2", "ete", 1.0 / 3 },
        { "abcd~", "badc", 0.5 },
        /* Each letter takes part in one swap at most. */
        { "ca~2", "abc", 0 },
        { "xxca~2", "xxabc", 0 },
        /* Ranges. */
        { "[b TO d]", "b", 1 },
        { "{b TO d]", "b", 0 },
        { "{b TO d]", "ba", 1 },
        { "[b TO d]", "d", 1 },
        { "[b TO d]", "da", 0 },
        { "[b TO d}", "d", 0 },
        { "[b TO *]", "z", 1 },
        { "[b TO *]", "a", 0 },
        { "[* TO b}", "a", 1 },
        { "[* TO *]", "x", 1 },
        { "[a TO b]", "B", 0 },
        { "[a TO b]", "\xc3\xa9", 0 },
        { "[z TO *]", "\xc3\xa9", 1 },
        { "[10 TO 9]", "9", 1 },
        { "[10 TO 9]", "1", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got = (double)match(cases[i].query, str_from_c(cases[i].token));
        if (got < cases[i].want - 1e-6 || got > cases[i].want + 1e-6)
            fail_msg("%s against %s: %g instead of %g", cases[i].query, cases[i].token, got,
                     cases[i].want);
    }
}

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The whole table, as in a textbook. */
static size_t slow_distance(const char *a, const char *b)
{
    size_t d[16][16];
    size_t m = strlen(a), n = strlen(b);
    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
                            d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[m][n];
}

static void random_word(char *out, uint32_t most)
{
    uint32_t n = 1 + rnd(most);
    for (uint32_t i = 0; i < n; i++)
        out[i] = (char)('a' + rnd(3));
    out[n] = '\0';
}

static void test_fuzzy_against_table(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 100000; i++) {
        char word[16], token[16], query[24];
        seed = i;
        random_word(word, 8);
        random_word(token, 8);
        uint32_t edits = rnd(3);
        snprintf(query, sizeof query, "%s~%u", word, edits);
        size_t d = slow_distance(word, token), shorter = least(strlen(word), strlen(token));
        bool want = d <= edits && (d == 0 || d < shorter);
        if ((match(query, str_from_c(token)) > 0) != want)
            fail_msg("seed %u: %s against %s, distance %zu", i, query, token, d);
        if (i % 1000 == 0)
            arena_reset(arena);
    }
}

static bool slow_wildcard(const char *p, const char *t)
{
    if (*p == '*')
        return slow_wildcard(p + 1, t) || (*t && slow_wildcard(p, t + 1));
    if (*p == '\0')
        return *t == '\0';
    return *t && (*p == '?' || *p == *t) && slow_wildcard(p + 1, t + 1);
}

static void test_wildcards_against_recursion(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 100000; i++) {
        char pattern[16], token[16];
        seed = i;
        random_word(pattern, 6);
        random_word(token, 8);
        for (char *p = pattern; *p; p++)
            *p = "ab*?c"[rnd(5)];
        size_t n = strlen(pattern);
        pattern[n] = '*'; /* so that it is a pattern; and often the star is not the last */
        pattern[n + 1] = rnd(2) ? 'a' : '\0';
        pattern[n + 2] = '\0';
        if (strcmp(pattern, "**") == 0)
            continue;
        if ((match(pattern, str_from_c(token)) > 0) != slow_wildcard(pattern, token))
            fail_msg("seed %u: %s against %s", i, pattern, token);
        if (i % 1000 == 0)
            arena_reset(arena);
    }
}

/* One pass over the token: 64 GB of comparisons would outlast any timeout. */
static void test_no_explosion(void **state)
{
    (void)state;
    static char token[4000001], pattern[16001];
    memset(token, 'a', sizeof token - 1);
    memset(pattern, 'a', sizeof pattern - 1);
    pattern[0] = '*';
    pattern[sizeof pattern - 2] = 'b';
    assert_true(match(pattern, str_from_c(token)) <= 0);
    pattern[sizeof pattern - 3] = '*';
    assert_true(match(pattern, str_from_c(token)) <= 0);
    for (size_t i = 0; i < sizeof pattern - 1; i += 2)
        pattern[i] = '*';
    assert_true(match(pattern, str_from_c(token)) <= 0);
}

static void test_limit(void **state)
{
    (void)state;
    char text[WILDCARD_ANY_BYTES + 8] = "*?";
    struct lucene_query q = { .type = LUCENE_WILDCARD };
    struct pattern p;
    struct err e = { 0 };
    memset(text + 2, 'a', WILDCARD_ANY_BYTES - 1);
    q.text = (struct str){ text, 1 + WILDCARD_ANY_BYTES };
    assert_true(pattern_init(&p, &q, arena, &e));
    q.text.len++;
    assert_false(pattern_init(&p, &q, arena, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    text[WILDCARD_ANY_BYTES] = '*'; /* two pieces now */
    assert_true(pattern_init(&p, &q, arena, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_fuzzy_against_table),
        cmocka_unit_test(test_wildcards_against_recursion),
        cmocka_unit_test(test_no_explosion),
        cmocka_unit_test(test_limit),
    };
    arena = arena_new((size_t)64 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
