/* Phrases in texts of single letters: tables, and against all ways of seating the words. */
#include "query/phrase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Each letter is a word; a dot a word that is not in the phrase. */
static float frequency(const char *phrase, const char *text, uint32_t slop)
{
    struct phrase_seat seats[16];
    struct phrase_place places[64];
    size_t n = 0, count = 0;
    for (; phrase[n]; n++)
        seats[n].word = (uint32_t)phrase[n];
    for (uint32_t i = 0; text[i]; i++)
        if (strchr(phrase, text[i]))
            places[count++] = (struct phrase_place){ (uint32_t)text[i], i };
    return phrase_frequency(seats, n, places, count, slop, &(struct deadline){ 0 });
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *phrase, *text;
        uint32_t slop;
        double want;
    } cases[] = {
        { "ab", "ab", 0, 1 },
        { "ab", "ba", 0, 0 },
        { "ab", "a.b", 0, 0 },
        { "ab", "abab", 0, 2 },
        { "aa", "aaa", 0, 2 },
        { "aa", "a", 9, 0 },
        { "aba", "ababa", 0, 2 },
        { "ab", "a.b", 1, 0.5 },
        { "ab", "a..b", 1, 0 },
        { "ab", "a..b", 2, 1.0 / 3 },
        { "ab", "ba", 1, 0 },
        { "ab", "ba", 2, 1.0 / 3 }, /* swapped: two moves */
        { "ab", "b.a", 3, 0.25 },
        { "abc", "acb", 1, 0 },
        { "abc", "acb", 2, 1.0 / 3 },
        { "abc", "cba", 4, 0.2 },
        { "abc", "cba", 3, 0 },
        { "abc", "a.b.c", 2, 1.0 / 3 },
        { "ab", "xabay", 2, 1 + 1.0 / 3 }, /* Lucene's own example */
        { "abc", "ab", 100, 0 },
        { "aab", "a.ab", 1, 0.5 },
        { "aab", "ab", 100, 0 },
        { "", "abc", 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got = (double)frequency(cases[i].phrase, cases[i].text, cases[i].slop);
        if (got < cases[i].want - 1e-6 || got > cases[i].want + 1e-6)
            fail_msg("%s~%u in %s: %g instead of %g", cases[i].phrase, cases[i].slop, cases[i].text,
                     got, cases[i].want);
    }
}

/* The least distance over all ways to seat words i, i + 1, ... in places that are free. */
static int seat_all(const char *phrase, int i, const char *text, uint32_t taken, int low, int high)
{
    int best = 1000;
    if (!phrase[i])
        return high - low;
    for (int t = 0; text[t]; t++) {
        int shift = t - i;
        if (text[t] != phrase[i] || taken >> t & 1)
            continue;
        int d = seat_all(phrase, i + 1, text, taken | 1u << t, i && low < shift ? low : shift,
                         i && high > shift ? high : shift);
        best = d < best ? d : best;
    }
    return best;
}

static void test_all_seatings(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 50000; i++) {
        uint32_t seed = i * 2654435761u;
        char phrase[5] = { 0 }, text[11] = { 0 };
        for (size_t k = 0; k < 2 + i % 3; k++, seed = seed * 1664525u + 1013904223u)
            phrase[k] = "abc"[(seed >> 16) % 3];
        for (size_t k = 0; k < 4 + i % 7; k++, seed = seed * 1664525u + 1013904223u)
            text[k] = "abc."[(seed >> 16) % 4];
        int least = seat_all(phrase, 0, text, 0, 0, 0);
        for (uint32_t slop = 0; slop < 8; slop++)
            if ((frequency(phrase, text, slop) > 0) != (least <= (int)slop))
                fail_msg("%s~%u in %s: the least distance is %d", phrase, slop, text, least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_all_seatings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
