/* seglist and idmap: what one thread appends, others read meanwhile. */
#include "base/idmap.h"
#include "base/seglist.h"

#include "../cmocka_all.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void test_seglist(void **state)
{
    (void)state;
    struct seglist s;
    seglist_init(&s, sizeof(uint32_t));
    for (uint32_t i = 0; i < 10000; i++) {
        assert_true(seglist_grow(&s, 1));
        uint32_t *at = seglist_at(&s, i);
        assert_int_equal(*at, 0);
        *at = i + 1;
    }
    const uint32_t *first = seglist_at(&s, 0);
    assert_true(seglist_grow(&s, 100000)); /* over several segments */
    assert_int_equal(s.len, 110000);
    assert_ptr_equal(first, seglist_at(&s, 0));
    for (uint32_t i = 0; i < 110000; i++)
        assert_int_equal(*(uint32_t *)seglist_at(&s, i), i < 10000 ? i + 1 : 0);

    seglist_truncate(&s, 5000);
    assert_int_equal(s.len, 5000);
    assert_true(seglist_grow(&s, 10));
    for (uint32_t i = 5000; i < 5010; i++)
        assert_int_equal(*(uint32_t *)seglist_at(&s, i), 0);
    assert_int_equal(*(uint32_t *)seglist_at(&s, 4999), 5000);
    assert_false(seglist_grow(&s, SEGLIST_MAX));
    assert_int_equal(s.len, 5010);
    seglist_done(&s);
}

/* The things that the numbers stand for. */
struct names {
    char at[5000][16];
    struct str wanted;
};

static bool same_name(const void *ctx, uint32_t id)
{
    const struct names *n = ctx;
    return str_eq(str_from_c(n->at[id]), n->wanted);
}

static uint32_t find(const struct idmap *m, struct names *n, const char *name)
{
    n->wanted = str_from_c(name);
    return idmap_find(m, idmap_hash(n->wanted, 7), same_name, n);
}

static void test_idmap(void **state)
{
    (void)state;
    static struct names n;
    struct idmap m;
    assert_true(idmap_init(&m));
    const uint32_t count = COUNT_OF(n.at);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(n.at[i], sizeof n.at[i], "name %u", i);
        assert_int_equal(find(&m, &n, n.at[i]), IDMAP_NONE);
        assert_true(idmap_insert(&m, idmap_hash(str_from_c(n.at[i]), 7), i));
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(find(&m, &n, n.at[i]), i);
    assert_int_equal(find(&m, &n, "another"), IDMAP_NONE);

    for (uint32_t i = 0; i < count; i += 2) /* in any order */
        idmap_remove(&m, idmap_hash(str_from_c(n.at[i]), 7), i);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(find(&m, &n, n.at[i]), i % 2 ? i : IDMAP_NONE);
    for (uint32_t i = 0; i < count; i += 2)
        assert_true(idmap_insert(&m, idmap_hash(str_from_c(n.at[i]), 7), i));
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(find(&m, &n, n.at[i]), i);
    idmap_done(&m);
}

static bool same_id(const void *ctx, uint32_t id)
{
    return *(const uint32_t *)ctx == id;
}

/* All with one hash, the ends of the number's range, and the hash whose slot looks like a removed
 * one's. */
static void test_idmap_collisions(void **state)
{
    (void)state;
    static const uint64_t hashes[] = { 0, UINT64_C(1) << 32, UINT64_MAX };
    for (size_t h = 0; h < COUNT_OF(hashes); h++) {
        struct idmap m;
        assert_true(idmap_init(&m));
        for (uint32_t i = 0; i < 200; i++)
            assert_true(idmap_insert(&m, hashes[h], i));
        assert_true(idmap_insert(&m, hashes[h], IDMAP_NONE - 1));
        idmap_remove(&m, hashes[h], 100);
        for (uint32_t i = 0; i < 200; i++)
            assert_int_equal(idmap_find(&m, hashes[h], same_id, &i), i == 100 ? IDMAP_NONE : i);
        uint32_t last = IDMAP_NONE - 1;
        assert_int_equal(idmap_find(&m, hashes[h], same_id, &last), last);
        assert_int_equal(idmap_find(&m, ~hashes[h], same_id, &last), IDMAP_NONE);
        idmap_done(&m);
    }
}

/* Inserts and removals by turns must not fill the table with removed slots. */
static void test_idmap_turnover(void **state)
{
    (void)state;
    struct idmap m;
    assert_true(idmap_init(&m));
    const struct idmap_table *table = atomic_load(&m.table);
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t hash = i * UINT64_C(0x9e3779b97f4a7c15);
        assert_true(idmap_insert(&m, hash, i));
        assert_int_equal(idmap_find(&m, hash, same_id, &i), i);
        idmap_remove(&m, hash, i);
        assert_int_equal(idmap_find(&m, hash, same_id, &i), IDMAP_NONE);
    }
    assert_ptr_equal(table, atomic_load(&m.table)); /* it did not have to grow */
    idmap_done(&m);
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(idmap_hash(STR("a"), 1) == idmap_hash(STR("a"), 1));
    assert_true(idmap_hash(STR("a"), 1) != idmap_hash(STR("a"), 2));
    assert_true(idmap_hash(STR("a"), 1) != idmap_hash(STR("b"), 1));
    assert_true(idmap_hash(STR(""), 0) == idmap_hash((struct str){ 0 }, 0));
}

#define THINGS 50000

struct shared {
    struct seglist things; /* thing i is its own number times 3 */
    struct idmap map;
    _Atomic uint32_t published;
};

static bool same_thing(const void *ctx, uint32_t id)
{
    return *(const uint32_t *)ctx == id;
}

static uint64_t thing_hash(uint32_t i)
{
    return idmap_hash((struct str){ (const char *)&i, sizeof i }, 0);
}

static void *read_all(void *arg)
{
    struct shared *s = arg;
    uint32_t seed = 1, there;
    size_t wrong = 0;
    do {
        there = atomic_load_explicit(&s->published, memory_order_acquire);
        for (int i = 0; i < 100 && there > 0; i++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t want = seed % there;
            wrong += idmap_find(&s->map, thing_hash(want), same_thing, &want) != want;
            wrong += *(const uint32_t *)seglist_at(&s->things, want) != 3 * want;
        }
    } while (there < THINGS);
    return (void *)(uintptr_t)wrong;
}

static void test_readers(void **state)
{
    (void)state;
    struct shared s = { 0 };
    seglist_init(&s.things, sizeof(uint32_t));
    assert_true(idmap_init(&s.map));
    pthread_t readers[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_all, &s);
    for (uint32_t i = 0; i < THINGS; i++) {
        assert_true(seglist_grow(&s.things, 1));
        *(uint32_t *)seglist_at(&s.things, i) = 3 * i;
        assert_true(idmap_insert(&s.map, thing_hash(i), i));
        atomic_store_explicit(&s.published, i + 1, memory_order_release);
    }
    for (int i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(readers[i], &wrong);
        assert_null(wrong);
    }
    idmap_done(&s.map);
    seglist_done(&s.things);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seglist),
        cmocka_unit_test(test_idmap),
        cmocka_unit_test(test_idmap_collisions),
        cmocka_unit_test(test_idmap_turnover),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
