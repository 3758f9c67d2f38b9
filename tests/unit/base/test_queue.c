/* queue: order, limit, closing, and many threads at once. */
#include "base/queue.h"

#include "../cmocka_all.h"
#include <pthread.h>

static void test_order(void **state)
{
    (void)state;
    CLEANUP(queue_free_p) struct queue *q = queue_new(3);
    int items[5];
    void *got[5];
    for (int round = 0; round < 4; round++) { /* so that the ring wraps */
        assert_true(queue_put(q, &items[0]));
        assert_true(queue_put(q, &items[1]));
        assert_int_equal(queue_take(q, got, 1), 1);
        assert_ptr_equal(got[0], &items[0]);
        assert_true(queue_put(q, &items[2]));
        assert_true(queue_put_wait(q, &items[3]));
        assert_false(queue_put(q, &items[4]));
        assert_int_equal(queue_count(q), 3);
        assert_int_equal(queue_take(q, got, 5), 3);
        for (int i = 0; i < 3; i++)
            assert_ptr_equal(got[i], &items[i + 1]);
    }
    assert_true(queue_put(q, &items[0]));
    queue_close(q);
    assert_false(queue_put(q, &items[1]));
    assert_false(queue_put_wait(q, &items[1]));
    assert_int_equal(queue_take(q, got, 5), 1);
    assert_int_equal(queue_take(q, got, 5), 0);
}

#define PUTTERS 3
#define TAKERS 3
#define ITEMS 20000

struct party {
    struct queue *q;
    char *seen; /* one byte for each item; each item has one taker */
};

static void *put_all(void *arg)
{
    struct party *p = arg;
    for (int i = 0; i < ITEMS; i++)
        if (!queue_put_wait(p->q, p->seen++))
            return NULL;
    return p;
}

static void *take_all(void *arg)
{
    void *got[7];
    size_t n, total = 0;
    while ((n = queue_take(arg, got, 7)) > 0) {
        total += n;
        for (size_t i = 0; i < n; i++)
            ++*(char *)got[i];
    }
    return (void *)(uintptr_t)total;
}

static void test_threads(void **state)
{
    (void)state;
    CLEANUP(queue_free_p) struct queue *q = queue_new(16);
    static char seen[PUTTERS * ITEMS];
    struct party parties[PUTTERS];
    pthread_t putters[PUTTERS], takers[TAKERS];
    for (int i = 0; i < TAKERS; i++)
        pthread_create(&takers[i], NULL, take_all, q);
    for (int i = 0; i < PUTTERS; i++) {
        parties[i] = (struct party){ q, seen + i * ITEMS };
        pthread_create(&putters[i], NULL, put_all, &parties[i]);
    }
    for (int i = 0; i < PUTTERS; i++) {
        void *finished;
        pthread_join(putters[i], &finished);
        assert_non_null(finished);
    }
    queue_close(q);
    size_t total = 0;
    for (int i = 0; i < TAKERS; i++) {
        void *taken;
        pthread_join(takers[i], &taken);
        total += (size_t)(uintptr_t)taken;
    }
    assert_int_equal(total, PUTTERS * ITEMS);
    for (size_t i = 0; i < sizeof seen; i++)
        assert_int_equal(seen[i], 1);
}

static void *wait_to_put(void *arg)
{
    static int item;
    return queue_put_wait(arg, &item) ? arg : NULL;
}

static void test_close_wakes(void **state)
{
    (void)state;
    CLEANUP(queue_free_p) struct queue *q = queue_new(1);
    int item;
    void *got;
    pthread_t putter;
    assert_true(queue_put(q, &item));
    pthread_create(&putter, NULL, wait_to_put, q);
    queue_close(q);
    pthread_join(putter, &got);
    assert_null(got);
    assert_int_equal(queue_take(q, &got, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_close_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
