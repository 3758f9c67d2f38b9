/* The bucket index while it grows: one writer places, adds, publishes and undoes; readers ask about
 * published reports all the while. For the thread sanitizer, and for what readers may rely on: an
 * explanation is whole and adds up, whatever the writer does meanwhile. */
#include "group/bucket_index.h"

#include "../cmocka_all.h"
#include "made.h"

#include <pthread.h>
#include <stdatomic.h>

#define READERS 2
#define BATCHES 40
#define BATCH 12

static const struct made_shape shape = { "usual", BATCHES *BATCH, 10, 5, 12, 200 };

struct reader {
    const struct bucket_index *ix;
    const struct made *made; /* by number */
    _Atomic bool *done;
    struct dice d;
    unsigned asked, wrong; /* read when the thread has ended */
    pthread_t thread;
};

/* Whether the lines add up to the score, heaviest first. */
static bool adds_up(const struct explanation *x)
{
    double sum = 0;
    for (size_t i = 0; i < x->count; i++) {
        if (i > 0 && x->terms[i].value > x->terms[i - 1].value)
            return false;
        sum += x->terms[i].value;
    }
    return fabs(sum - x->score) <= 1e-6 * x->score;
}

/* A text of a report that was published has been counted: its function has a logdf. */
static bool function_is_known(const struct bucket_index *ix, const struct made *made)
{
    double logdf;
    for (size_t i = 0; i < made->text_count; i++)
        if (str_eq(made->texts[i].field, STR("stacktrace.function")) &&
            (!bucket_index_logdf(ix, made->texts[i].text, &logdf) || logdf < 0))
            return false;
    return true;
}

static void *read_all(void *arg)
{
    struct reader *r = arg;
    struct arena *arena = arena_new((size_t)64 << 20);
    struct explanation x;
    struct err e;
    bool last;
    do {
        last = atomic_load(r->done);
        uint32_t count = collection_count(bucket_index_collection(r->ix));
        if (count == 0)
            continue;
        uint32_t a = dice(&r->d, count), b = dice(&r->d, count);
        r->wrong += !bucket_index_compare(r->ix, a, b, NULL, NULL, &x, arena, &e) || !adds_up(&x);
        /* A report holds every term that it asks for. */
        r->wrong +=
            !bucket_index_summary(r->ix, a, NULL, &x, arena, &e) || !adds_up(&x) || x.count == 0;
        r->wrong += !function_is_known(r->ix, &r->made[b]);
        r->wrong += bucket_index_bytes(r->ix) == 0;
        r->asked++;
        arena_reset(arena);
    } while (!last);
    arena_free(arena);
    return NULL;
}

static bool place_and_add(struct bucket_index *ix, const struct made *made)
{
    struct placement p;
    struct err e;
    return bucket_index_place(ix, &made->report, &p, &e) &&
           bucket_index_add(ix, &made->report, &p, NULL, &e);
}

static struct made *make_all(struct dice *d, struct arena *a)
{
    struct made *made = arena_array(a, shape.reports, sizeof *made);
    assert_non_null(made);
    for (uint32_t i = 0; i < shape.reports; i++) {
        char id[16];
        int len = snprintf(id, sizeof id, "id:%u", i);
        made_report(&made[i], &shape, dice(d, 1 + i / 10), dice_bits(d),
                    (struct str){ id, (size_t)len }, STR(""), a);
    }
    return made;
}

static void test_readers(void **state)
{
    (void)state;
    struct bucket_index_config config = bucket_index_defaults();
    struct reader readers[READERS];
    struct bucket_index *ix;
    struct dice d;
    struct err e;
    _Atomic bool done = false;
    struct arena *arena = arena_new((size_t)256 << 20);
    assert_true(dice_seed(&d, 0, 1));
    assert_non_null(arena);
    const struct made *made = make_all(&d, arena);
    assert_true(bucket_index_new(&ix, &config, &e));
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){ .ix = ix, .made = made, .done = &done, .d = { i } };
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    bool ok = true;
    for (uint32_t batch = 0; batch < BATCHES; batch++) {
        bool again = batch % 3 == 1; /* the first time it could not be stored */
        for (uint32_t i = 0; again && i < BATCH; i++)
            ok = place_and_add(ix, &made[batch * BATCH + i]) && ok;
        if (again)
            bucket_index_undo(ix);
        for (uint32_t i = 0; i < BATCH; i++)
            ok = place_and_add(ix, &made[batch * BATCH + i]) && ok;
        bucket_index_publish(ix);
    }
    atomic_store(&done, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    assert_true(ok);
    for (unsigned i = 0; i < READERS; i++) {
        assert_true(readers[i].asked > 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    bucket_index_free(ix);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_readers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
