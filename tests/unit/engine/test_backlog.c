/* The backlog: order, urgency, what comes back, and that few are in work at the same time. */
#include "engine/backlog.h"

#include "base/metrics.h"
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static void add(struct backlog *b, uint64_t object, bool urgent)
{
    const struct ticket t = { .object = object };
    assert_true(backlog_reserve(b, 1));
    backlog_add(b, &t, urgent);
}

static uint64_t take(struct backlog *b)
{
    struct ticket t;
    assert_true(backlog_take(b, &t));
    return t.object;
}

static void test_order(void **state)
{
    (void)state;
    struct backlog b;
    backlog_init(&b);
    for (uint64_t i = 1; i <= 20; i++)
        add(&b, i, false);
    add(&b, 100, true);
    assert_int_equal(take(&b), 100);
    assert_int_equal(take(&b), 1);
    backlog_hurry(&b, 15);
    backlog_hurry(&b, 15);   /* is urgent already */
    backlog_hurry(&b, 1);    /* is in work already */
    backlog_hurry(&b, 4711); /* was never there */
    assert_int_equal(take(&b), 15);
    for (uint64_t i = 2; i <= 20; i++)
        if (i != 15)
            assert_int_equal(take(&b), i);
    assert_int_equal(backlog_count(&b), 21);
    for (unsigned i = 0; i < 21; i++)
        backlog_finished(&b);
    assert_int_equal(backlog_count(&b), 0);
    backlog_done(&b);
}

static void test_long(void **state)
{
    (void)state;
    struct backlog b;
    uint64_t next = 1, taken = 1;
    backlog_init(&b);
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 100; i++)
            add(&b, next++, false);
        for (unsigned i = 0; i < (round < 150 ? 50u : 150u); i++) {
            assert_int_equal(take(&b), taken++);
            backlog_finished(&b);
        }
    }
    assert_int_equal(taken, next);
    assert_int_equal(backlog_count(&b), 0);
    backlog_done(&b);
}

/* After a long burst the backlog rests while uploads press, and no longer. */
static void test_rest(void **state)
{
    (void)state;
    struct backlog b;
    backlog_init(&b);
    for (uint64_t i = 1; i <= BACKLOG_IN_WORK + 2; i++)
        add(&b, i, false);
    for (uint64_t i = 1; i <= BACKLOG_IN_WORK; i++) {
        if (i == BACKLOG_IN_WORK)
            usleep(50000);
        (void)take(&b);
        backlog_finished(&b);
    }
    add(&b, 1000, false);
    add(&b, 1001, true);
    int64_t began_us = metric_clock_us();
    assert_int_equal(take(&b), 1001); /* urgent ones need not wait */
    assert_true(metric_clock_us() - began_us < 4000);
    (void)take(&b);
    int64_t waited_us = metric_clock_us() - began_us;
    assert_true(waited_us >= 4000 && waited_us < 90000); /* not the 100 ms that are three shares */
    backlog_finished(&b);
    backlog_finished(&b);
    backlog_done(&b);
}

static void test_comes_back(void **state)
{
    (void)state;
    struct backlog b;
    struct ticket t[BACKLOG_IN_WORK];
    backlog_init(&b);
    for (uint64_t i = 1; i <= 2 * BACKLOG_IN_WORK; i++)
        add(&b, i, false);
    for (size_t i = 0; i < BACKLOG_IN_WORK; i++)
        assert_true(backlog_take(&b, &t[i]));
    /* The limit is reached: what would be next has to wait, until all of them come back. */
    assert_int_equal(b.in_work, BACKLOG_IN_WORK);
    int64_t began_us = metric_clock_us();
    for (size_t i = 0; i < BACKLOG_IN_WORK; i++)
        backlog_return(&b, &t[i], i == 0 ? 50000 : 0);
    for (size_t i = 0; i < BACKLOG_IN_WORK; i++) {
        assert_int_equal(take(&b), i + 1);
        backlog_finished(&b);
    }
    assert_true(metric_clock_us() - began_us >= 50000);
    assert_int_equal(take(&b), BACKLOG_IN_WORK + 1);
    backlog_finished(&b);
    backlog_done(&b);
}

/* One that is to be alone waits for the others, and the others for it, urgent or not. */
static void test_alone(void **state)
{
    (void)state;
    struct backlog b;
    struct ticket t, u;
    int64_t until_us;
    backlog_init(&b);
    for (uint64_t i = 1; i <= 3; i++)
        add(&b, i, false);
    assert_true(backlog_take(&b, &t) && backlog_take(&b, &u));
    t.alone = true;
    backlog_return(&b, &t, 0);
    add(&b, 50, true);
    assert_false(backlog_may_take(&b, metric_clock_us(), &until_us));
    backlog_finished(&b); /* u */
    assert_int_equal(take(&b), 1);
    assert_false(backlog_may_take(&b, metric_clock_us(), &until_us));
    backlog_finished(&b);
    assert_int_equal(take(&b), 50);
    assert_int_equal(take(&b), 3);
    backlog_done(&b);
}

/* What is processed again waits behind all others, and few are in work. */
static void test_again(void **state)
{
    (void)state;
    struct backlog b;
    struct ticket t[BACKLOG_AGAIN_IN_WORK];
    int64_t until_us;
    backlog_init(&b);
    for (uint64_t i = 1; i <= 30; i++)
        assert_true(backlog_add_again(&b, 100 + i));
    assert_int_equal(backlog_count(&b), 0);
    add(&b, 1, false);
    add(&b, 2, true);
    assert_int_equal(take(&b), 2);
    assert_int_equal(take(&b), 1);
    backlog_finished(&b);
    backlog_finished(&b);
    for (size_t i = 0; i < BACKLOG_AGAIN_IN_WORK; i++) {
        assert_true(backlog_take(&b, &t[i]));
        assert_int_equal(t[i].object, 101 + i);
        assert_true(t[i].again && t[i].from_store && !t[i].waiter);
    }
    assert_false(backlog_may_take(&b, metric_clock_us(), &until_us));
    add(&b, 3, false); /* others need not wait */
    assert_int_equal(take(&b), 3);
    backlog_finished(&b);
    /* Those that come back are not lost, and come first. */
    for (size_t i = 0; i < BACKLOG_AGAIN_IN_WORK; i++)
        backlog_return(&b, &t[i], 0);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(take(&b), 101 + i);
        backlog_finished(&b);
    }
    assert_true(backlog_add_again(&b, 7));
    assert_int_equal(take(&b), 7);
    backlog_finished(&b);
    assert_false(backlog_may_take(&b, metric_clock_us(), &until_us));
    backlog_done(&b);
}

/* Two that come at once are taken by two, though each works long. */
struct takers {
    struct backlog b;
    _Atomic unsigned taken;
    _Atomic bool work_ends;
};

static void *take_slowly(void *arg)
{
    struct takers *t = arg;
    (void)take(&t->b);
    atomic_fetch_add(&t->taken, 1);
    while (!atomic_load(&t->work_ends))
        usleep(100);
    backlog_finished(&t->b);
    return NULL;
}

static void test_two_takers(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct takers t = { 0 };
        pthread_t threads[2];
        backlog_init(&t.b);
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, take_slowly, &t), 0);
        usleep(2000); /* they sleep */
        add(&t.b, 1, false);
        add(&t.b, 2, false);
        for (unsigned i = 0; i < 5000 && atomic_load(&t.taken) < 2; i++)
            usleep(1000);
        assert_int_equal(atomic_load(&t.taken), 2);
        atomic_store(&t.work_ends, true);
        for (size_t i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        backlog_done(&t.b);
    }
}

static void test_closed(void **state)
{
    (void)state;
    struct backlog b;
    struct ticket t;
    backlog_init(&b);
    add(&b, 1, false);
    t = (struct ticket){ .object = 2, .waiter = (struct engine_upload *)&b };
    assert_true(backlog_reserve(&b, 1));
    backlog_add(&b, &t, true);
    backlog_close(&b);
    assert_false(backlog_take(&b, &t)); /* it stays for the next start */
    assert_ptr_equal(backlog_next_waiter(&b), &b);
    assert_null(backlog_next_waiter(&b));
    backlog_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),  cmocka_unit_test(test_long),
        cmocka_unit_test(test_rest),   cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_alone),  cmocka_unit_test(test_again),
        cmocka_unit_test(test_closed), cmocka_unit_test(test_two_takers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
