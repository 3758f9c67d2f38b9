/* pool: what was handed out stays as it was filled, whatever is handed out or taken back later. */
#include "group/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PIECES 2000

struct piece {
    unsigned char *at;
    size_t n;
    unsigned char filled_with;
    struct pool_mark before;
};

static void check_pieces(const struct piece *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < p[i].n; k++)
            assert_int_equal(p[i].at[k], p[i].filled_with);
}

static void test_model(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    static struct piece p[PIECES];
    struct pool pool;
    pool_init(&pool);
    size_t count = 0;
    while (count < PIECES) {
        if (count && rand() % 500 == 0) {
            count -= 1 + (size_t)rand() % count / 8;
            pool_rewind(&pool, p[count].before);
            check_pieces(p, count);
        }
        /* Mostly small; now and then larger than a chunk. */
        size_t n = (size_t)rand() % (rand() % 100 ? 300 : 600000);
        size_t align = (size_t)1 << rand() % 5;
        struct piece *next = &p[count++];
        *next = (struct piece){ .n = n,
                                .filled_with = (unsigned char)rand(),
                                .before = pool_mark(&pool) };
        next->at = pool_alloc(&pool, n, align);
        assert_non_null(next->at);
        assert_int_equal((uintptr_t)next->at % align, 0);
        memset(next->at, next->filled_with, n);
    }
    check_pieces(p, PIECES);
    assert_true(pool_bytes(&pool) > 0);
    pool_rewind(&pool, p[0].before);
    assert_int_equal(pool_bytes(&pool), 0);
    pool_done(&pool);
}

static void test_too_large(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool);
    assert_null(pool_alloc(&pool, SIZE_MAX, 1));
    assert_null(pool_alloc(&pool, SIZE_MAX - 8, 1));
    char *p = pool_alloc(&pool, 1, 1);
    assert_non_null(p);
    *p = 'x';
    assert_null(pool_alloc(&pool, SIZE_MAX, 16));
    assert_int_equal(*p, 'x');
    pool_done(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
