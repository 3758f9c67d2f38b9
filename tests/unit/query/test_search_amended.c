/* Searches in reports that are amended: the new value is found and the old one is not; and searches
 * go on while a writer amends, adds and publishes, for the thread sanitizer. */
#include "collect.h"

#include <pthread.h>
#include <stdatomic.h>

static void amend(struct collection *c, uint32_t report, const char *field, const char *text)
{
    struct err e = { 0 };
    const struct report_text set = { str_from_c(field), str_from_c(text) };
    assert_true(collection_amend(c, report, &set, 1, &e));
}

static void add(struct collected_reports *all, unsigned number)
{
    char json[256];
    int n = snprintf(json, sizeof json,
                     "{\"database_id\":\"r%u\",\"project\":\"P\",\"date\":\"2020-01-01\","
                     "\"os\":\"linux\",\"title\":\"boom\","
                     "\"stacktrace\":[{\"function\":\"f%u\"},{\"function\":\"main\"}]}",
                     number, number % 3);
    collect_add(all, (struct str){ json, (size_t)n });
}

static void test_found(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t before, after;
    } cases[] = {
        { "os:linux", 3, 2 },       { "linux", 3, 2 },
        { "os:plan9", 0, 1 },       { "plan9", 0, 1 },
        { "os:pl*", 0, 1 },         { "os:plan8~", 0, 1 },
        { "\"bell labs\"", 0, 1 },  { "os:*", 3, 3 },
        { "flag:*", 0, 0 },         { "flag:1 OR os:linux", 3, 2 },
        { "boom AND plan9", 0, 1 }, { "title:boom", 3, 3 },
        { "main", 3, 3 },           { "project:P", 3, 3 },
        { "boom -plan9", 3, 2 },
    };
    static struct collected_reports all;
    collect_begin(&all);
    for (unsigned i = 0; i < 3; i++)
        add(&all, i);
    collection_publish(all.c);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int scores = 0; scores < 2; scores++)
            if (collect_found(&all, cases[i].query, scores) != cases[i].before)
                fail_msg("before: %s", cases[i].query);
    amend(all.c, 1, "flag", "1");
    amend(all.c, 1, "os", "plan9 from bell labs");
    amend(all.c, 1, "flag", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int scores = 0; scores < 2; scores++)
            if (collect_found(&all, cases[i].query, scores) != cases[i].after)
                fail_msg("after: %s", cases[i].query);
    collect_end(&all);
}

/* Threads. */

#define REPORTS 30
#define AMENDMENTS 400

struct reader {
    struct collected_reports *all;
    _Atomic bool *done;
    size_t searches, wrong; /* read when the thread has ended */
};

static void *search_all_the_while(void *arg)
{
    struct reader *r = arg;
    static const char *const always[] = { "main", "title:boom", "os:*", "boom OR v1*", "\"boom\"" };
    bool last;
    do {
        last = atomic_load(r->done);
        for (size_t i = 0; i < sizeof always / sizeof *always; i++)
            for (int scores = 0; scores < 2; scores++)
                r->wrong += collect_found(r->all, always[i], scores) < REPORTS;
        /* Old values and new: how many is a matter of time. */
        r->wrong += collect_found(r->all, "v1* OR linux", true) == SIZE_MAX;
        r->searches++;
    } while (!last);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static struct collected_reports all;
    _Atomic bool done = false;
    pthread_t threads[2];
    struct reader readers[2];
    char text[64];
    collect_begin(&all);
    for (unsigned i = 0; i < REPORTS; i++)
        add(&all, i);
    collection_publish(all.c);
    for (size_t i = 0; i < 2; i++) {
        readers[i] = (struct reader){ &all, &done, 0, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, search_all_the_while, &readers[i]), 0);
    }
    for (unsigned i = 0; i < AMENDMENTS; i++) {
        (void)snprintf(text, sizeof text, "v%u w%u", i, i); /* words that no report has had */
        amend(all.c, i * 7 % REPORTS, i % 3 ? "os" : "flag", text);
        if (i % 40 == 0) {
            add(&all, 1000 + i);
            collection_publish(all.c);
        }
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].wrong, 0);
        assert_true(readers[i].searches > 0);
    }
    collect_end(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
