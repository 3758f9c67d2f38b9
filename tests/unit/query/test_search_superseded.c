/* Searches in reports that are made again: the new one is found and the old one is not; and
 * searches go on while a writer does it, takes it back and publishes, for the thread sanitizer. */
#include "collect.h"

#include <pthread.h>
#include <stdatomic.h>

/* In any thread, as collect_found. */
static size_t count_bits(struct collected_reports *all, const char *query)
{
    struct arena *a = arena_new((size_t)64 << 20);
    const struct lucene_query *q;
    uint64_t *bits;
    uint32_t reports;
    size_t n = 0;
    struct err e = { 0 };
    if (!a || !lucene_parse(&q, str_from_c(query), a, &e))
        abort();
    struct search_request rq = collect_request(all, q);
    if (!search_matches(all->c, &rq, &bits, &reports, a, &e))
        abort();
    for (uint32_t i = 0; i < reports; i++)
        n += bits[i / 64] >> i % 64 & 1;
    arena_free(a);
    return n;
}

static void add(struct collected_reports *all, unsigned number, const char *os, unsigned function)
{
    char json[256];
    int n = snprintf(json, sizeof json,
                     "{\"database_id\":\"r%u\",\"project\":\"P\",\"date\":\"2020-01-01\","
                     "\"os\":\"%s\",\"title\":\"boom\",\"stacktrace\":[{\"function\":\"f%u\","
                     "\"address\":\"at%u\"},{\"function\":\"main\"}]}",
                     number, os, function, function);
    collect_add(all, (struct str){ json, (size_t)n });
}

static void test_found(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t before, after;
    } cases[] = {
        { "os:linux", 3, 2 },
        { "linux", 3, 2 },
        { "os:plan9", 0, 1 },
        { "plan9", 0, 1 },
        { "f0", 3, 2 },
        { "f7", 0, 1 },
        { "main", 3, 3 },
        { "*", 3, 3 },
        { "database_id:r1", 1, 1 },
        { "r1 AND linux", 1, 0 },
        { "stacktrace.address:at0", 3, 2 },
        { "stacktrace.address:at7", 0, 1 },
        { "boom -plan9", 3, 2 },
        { "date:[2019 TO 2021]", 3, 3 },
    };
    static struct collected_reports all;
    collect_begin(&all);
    for (unsigned i = 0; i < 3; i++)
        add(&all, i, "linux", 0);
    collection_publish(all.c);
    for (unsigned round = 0; round < 4; round++) {
        /* Added and not published, taken back, published; and once more by an equal one. */
        if (round == 1 || round == 2) {
            collection_supersede(all.c, 1);
            add(&all, 1, "plan9", 7);
        } else if (round == 3) {
            collection_supersede(all.c, 3);
            add(&all, 1, "plan9", 7);
        }
        if (round >= 2)
            collection_publish(all.c);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (unsigned scores = 0; scores < 2; scores++) {
                size_t want = round < 2 ? cases[i].before : cases[i].after;
                size_t got = collect_found(&all, cases[i].query, scores);
                if (got != want || count_bits(&all, cases[i].query) != want)
                    fail_msg("round %u, %s: %zu, not %zu", round, cases[i].query, got, want);
            }
        if (round == 1) {
            collection_undo(all.c);
            all.count--;
        }
    }
    collect_end(&all);
}

#define REPORTS 20
#define TIMES 8

struct readers {
    struct collected_reports *all;
    _Atomic bool done;
    _Atomic unsigned wrong;
};

static void *search_all(void *arg)
{
    struct readers *r = arg;
    bool last;
    do {
        last = atomic_load(&r->done);
        r->wrong += collect_found(r->all, "main", false) != REPORTS;
        r->wrong += collect_found(r->all, "os:linux OR os:plan9", true) != REPORTS;
        r->wrong += count_bits(r->all, "*") != REPORTS;
    } while (!last);
    return NULL;
}

/* Whenever a reader looks, each report is there once. */
static void test_readers(void **state)
{
    (void)state;
    static struct collected_reports all;
    struct readers r = { .all = &all };
    uint32_t latest[REPORTS];
    pthread_t threads[2];
    collect_begin(&all);
    for (unsigned i = 0; i < REPORTS; i++) {
        add(&all, i, "linux", i % 3);
        latest[i] = i;
    }
    collection_publish(all.c);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search_all, &r), 0);
    for (unsigned time = 0; time < TIMES; time++)
        for (unsigned undone = 0; undone < 2; undone++) {
            size_t before = all.count;
            for (unsigned i = 0; i < REPORTS; i++) {
                collection_supersede(all.c, latest[i]);
                if (undone)
                    latest[i] = collection_added(all.c);
                add(&all, i, time % 2 ? "linux" : "plan9", time);
            }
            if (undone) {
                collection_publish(all.c);
            } else {
                collection_undo(all.c);
                all.count = before;
            }
        }
    atomic_store(&r.done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r.wrong, 0);
    assert_int_equal(collection_count(all.c), REPORTS * (TIMES + 1));
    for (unsigned i = 0; i < REPORTS; i++) {
        char id[16];
        snprintf(id, sizeof id, "r%u", i);
        assert_int_equal(collection_find_added(all.c, str_from_c(id)), latest[i]);
    }
    collect_end(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_found),
                                        cmocka_unit_test(test_readers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
