/* Phrases in which words repeat, by a field in memory (os) and by one that only the payload has
 * (stacktrace.address). Against texts themselves: without slop, a phrase is found where its words
 * stand in a row. */
#include "collect.h"

#include "../group/dice.h"

#define TEXT_MAX 16
#define REPORTS 60
#define ROUNDS 20
#define QUERIES 100

static const char *const fields[] = { "os", "stacktrace.address" };

static void add(struct collected_reports *all, const char *text)
{
    char json[512];
    int n = snprintf(json, sizeof json,
                     "{\"database_id\":\"r%zu\",\"project\":\"p\",\"date\":\"2016-01-01\","
                     "\"os\":\"%s\",\"stacktrace\":[{\"function\":\"f\",\"address\":\"%s\"}]}",
                     all->count, text, text);
    collect_add(all, (struct str){ json, (size_t)n });
}

static void assert_found(struct collected_reports *all, const char *text, size_t want)
{
    for (size_t f = 0; f < 2; f++) {
        char query[128];
        snprintf(query, sizeof query, "%s:%s", fields[f], text);
        for (int scores = 0; scores < 2; scores++) {
            size_t got = collect_found(all, query, scores);
            if (got != want)
                fail_msg("%s (scored: %d) finds %zu, not %zu", query, scores, got, want);
        }
    }
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t want;
    } cases[] = {
        { "\"0x0\"", 1 },     { "\"0x7\"", 1 },   { "\"0x\"", 3 },    { "\"x 0\"", 1 },
        { "\"0 0\"", 0 },     { "\"0 0\"~1", 1 }, { "\"x 0 x\"", 0 }, { "\"0x0x0\"", 0 },
        { "\"7x7\"~100", 0 }, { "0x0", 3 }, /* no phrase: all have both words, as docs say */
        { "0x7", 1 },         { "x0", 3 },
    };
    struct collected_reports all;
    collect_begin(&all);
    add(&all, "0x7");
    add(&all, "0x0");
    add(&all, "0x8");
    collection_publish(all.c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_found(&all, cases[i].query, cases[i].want);
    collect_end(&all);
}

/* One-letter words of a, b, c with blanks between. */
static void random_words(struct dice *d, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = (char)('a' + dice(d, 3));
        out[2 * i + 1] = ' ';
    }
    out[2 * n - 1] = '\0';
}

static void test_random(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct collected_reports all;
        char texts[REPORTS][2 * TEXT_MAX];
        collect_begin(&all);
        for (size_t i = 0; i < REPORTS; i++) {
            random_words(&d, 1 + dice(&d, 8), texts[i]);
            add(&all, texts[i]);
        }
        collection_publish(all.c);
        for (size_t i = 0; i < QUERIES; i++) {
            char phrase[2 * TEXT_MAX], quoted[2 * TEXT_MAX + 2];
            size_t want = 0;
            random_words(&d, 2 + dice(&d, 4), phrase);
            snprintf(quoted, sizeof quoted, "\"%s\"", phrase);
            for (size_t k = 0; k < REPORTS; k++)
                want += strstr(texts[k], phrase) != NULL;
            assert_found(&all, quoted, want);
        }
        collect_end(&all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
