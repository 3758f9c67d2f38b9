/* The similarity `culprit` while it grows: one writer places, adds, publishes and undoes; readers
 * have published reports explained all the while. For the thread sanitizer, and for what readers
 * may rely on: an explanation is whole and adds up, whatever the writer does meanwhile. */
#include "group/bucket_index.h"

#include "../cmocka_all.h"
#include "crashes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define READERS 2
#define BATCHES 200
#define BATCH 20
#define REPORTS (BATCHES * BATCH)
#define SCORE_MOST 10.9

struct reader {
    const struct bucket_index *ix;
    const struct report *reports; /* by number */
    _Atomic bool *done;
    struct dice d;
    unsigned asked, wrong; /* read when the thread has ended */
    pthread_t thread;
};

static bool adds_up(const struct explanation *x)
{
    double sum = 0, query = 0, other = 0;
    for (size_t i = 0; i < x->count; i++) {
        if (i > 0 && x->terms[i].value > x->terms[i - 1].value)
            return false;
        sum += x->terms[i].value;
    }
    for (size_t i = 0; i < x->culprit->count; i++) {
        const struct culprit_line *l = &x->culprit->lines[i];
        if (!(l->helper > 0 && l->helper < 1) || l->function.len == 0)
            return false;
        query += l->query_blame;
        other += l->other_blame;
    }
    return fabs(sum - x->score) <= 1e-6 * x->score && x->score <= SCORE_MOST && query <= 1 + 1e-5 &&
           other <= 1 + 1e-5;
}

static bool frames_are_whole(const struct culprit_frame *frames, size_t count,
                             const struct trace *t)
{
    if (count != t->count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (frames[i].index != t->frames[i].index ||
            (strcmp(frames[i].why, "compared") == 0 && frames[i].function.len == 0))
            return false;
    return true;
}

/* A report against itself has all in common; one of another project nothing. */
static bool is_right(const struct reader *r, uint32_t a, uint32_t b, const struct explanation *x)
{
    const struct report *p = &r->reports[a], *q = &r->reports[b];
    if (!str_eq(p->project, q->project))
        return x->score == 0;
    return a != b || x->culprit->count == 0 ||
           (x->score > SCORE_MOST - 1e-6 && x->culprit->rest == 1 && !x->culprit->deaths_differ);
}

static void ask(struct reader *r, uint32_t count, struct arena *a)
{
    struct explanation x;
    struct err e;
    uint32_t p = dice(&r->d, count), q = dice_percent(&r->d, 20) ? p : dice(&r->d, count);
    const struct trace *t = &r->reports[p].trace, *u = &r->reports[q].trace;
    r->wrong += !bucket_index_compare(r->ix, p, q, t, u, &x, a, &e) || !adds_up(&x) ||
                !is_right(r, p, q, &x) ||
                !frames_are_whole(x.culprit->query_frames, x.culprit->query_frame_count, t) ||
                !frames_are_whole(x.culprit->other_frames, x.culprit->other_frame_count, u);
    r->wrong +=
        !bucket_index_summary(r->ix, p, NULL, &x, a, &e) || !adds_up(&x) || !is_right(r, p, p, &x);
    r->wrong += bucket_index_bytes(r->ix) == 0;
    r->asked++;
    arena_reset(a);
}

static void *read_all(void *arg)
{
    struct reader *r = arg;
    struct arena *a = arena_new(ARENA_BYTES);
    bool last;
    do {
        last = atomic_load(r->done);
        uint32_t count = collection_count(bucket_index_collection(r->ix));
        if (count > 0)
            ask(r, count, a);
    } while (!last);
    arena_free(a);
    return NULL;
}

static bool place_and_add(struct bucket_index *ix, const struct report *r)
{
    struct placement p;
    struct err e;
    return bucket_index_place(ix, r, &p, &e) && bucket_index_add(ix, r, &p, NULL, &e);
}

static bool write_all(struct bucket_index *ix, const struct report *reports)
{
    bool ok = true;
    for (uint32_t batch = 0; batch < BATCHES; batch++) {
        const struct report *r = &reports[(size_t)batch * BATCH];
        for (uint32_t again = batch % 3 == 1 ? 2 : 1; again > 0; again--) {
            bucket_index_undo(ix); /* the first time it could not be stored */
            for (uint32_t i = 0; i < BATCH; i++)
                ok = place_and_add(ix, &r[i]) && ok;
        }
        bucket_index_publish(ix);
    }
    return ok;
}

static void test_readers(void **state)
{
    (void)state;
    struct crashes crashes = {
        .projects = 2, .bugs = 40, .functions = 40, .builds = 3, .fresh = 30
    };
    struct bucket_index_config config = bucket_index_defaults();
    struct reader readers[READERS];
    struct report *reports;
    struct bucket_index *ix;
    struct err e;
    _Atomic bool done = false;
    config.similarity = "culprit";
    crashes.arena = arena_new(ARENA_BYTES);
    assert_non_null(crashes.arena);
    assert_true(dice_seed(&crashes.d, 0, 1));
    reports = arena_array(crashes.arena, REPORTS, sizeof *reports);
    assert_non_null(reports);
    for (uint32_t i = 0; i < REPORTS; i++)
        crashes_next(&crashes, &reports[i]);
    assert_true(bucket_index_new(&ix, &config, &e));
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){ .ix = ix, .reports = reports, .done = &done, .d = { i } };
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    bool ok = write_all(ix, reports);
    atomic_store(&done, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    assert_true(ok);
    for (unsigned i = 0; i < READERS; i++) {
        assert_true(readers[i].asked > 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    assert_int_equal(collection_count(bucket_index_collection(ix)), REPORTS);
    bucket_index_free(ix);
    arena_free(crashes.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_readers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
