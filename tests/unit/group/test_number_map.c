/* Numbers found by numbers: held against a list that is searched from end to end. */
#include "group/number_map.h"

#include "../cmocka_all.h"
#include "dice.h"

#define ROUNDS 4
#define THINGS 2000

/* Few different parts, so that keys share them. */
static struct number_key any_key(struct dice *d)
{
    static const uint32_t parts[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1000, UINT32_MAX };
    const uint64_t bits = dice_bits(d);
    const size_t n = sizeof parts / sizeof *parts;
    return (struct number_key){ parts[bits % n], parts[bits / n % n], parts[bits / n / n % n] };
}

static bool same(struct number_key a, struct number_key b)
{
    return a.a == b.a && a.b == b.b && a.c == b.c;
}

static size_t listed(const struct number_slot *list, size_t count, struct number_key key)
{
    size_t i = 0;
    while (i < count && !same(list[i].key, key))
        i++;
    return i;
}

static void test_any_order(void **state)
{
    (void)state;
    static struct number_slot list[THINGS];
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct number_map m;
        size_t count = 0;
        assert_true(number_map_init(&m));
        for (unsigned k = 0; k < 20000; k++) {
            struct number_key key = any_key(&d);
            size_t i = listed(list, count, key);
            number_map_expect(&m, key);
            assert_int_equal(number_map_find(&m, key), i < count ? list[i].number : UINT32_MAX);
            if (i < count && dice_bits(&d) % 2) {
                number_map_remove(&m, key);
                list[i] = list[--count];
            } else if (i == count && count < THINGS) {
                list[count] = (struct number_slot){ key, k % 7 ? k : UINT32_MAX - 1 };
                assert_true(number_map_insert(&m, key, list[count++].number));
            }
            assert_int_equal(m.used, count);
        }
        for (size_t i = 0; i < count; i++)
            assert_int_equal(number_map_find(&m, list[i].key), list[i].number);
        while (count > 0)
            number_map_remove(&m, list[--count].key);
        for (size_t i = 0; i < m.slot_count; i++)
            assert_int_equal(m.slots[i].number, 0);
        number_map_done(&m);
    }
}

/* Searches must stay short for numbers that come one after another, in any part of the key. */
static void test_short_searches(void **state)
{
    (void)state;
    for (unsigned part = 0; part < 7; part++) {
        struct number_map m;
        size_t run = 0, longest = 0;
        assert_true(number_map_init(&m));
        for (uint32_t i = 0; i < 100000; i++) {
            const struct number_key keys[] = { { i, 0, 0 },
                                               { 0, i, 0 },
                                               { 0, 0, i },
                                               { i << 12, 0, 0 },
                                               { i % 300, i / 300, 0 },
                                               { i % 300, 0, i / 300 },
                                               { 0, i % 300, i / 300 } };
            assert_true(number_map_insert(&m, keys[part], i));
        }
        for (size_t k = 0; k < 2 * m.slot_count; k++) {
            run = m.slots[k & (m.slot_count - 1)].number ? run + 1 : 0;
            longest = run > longest ? run : longest;
        }
        if (longest > 500)
            fail_msg("part %u: %zu slots without a free one between", part, longest);
        number_map_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_short_searches),
    };
    return cmocka_run_group_tests_name("number_map", tests, NULL, NULL);
}
