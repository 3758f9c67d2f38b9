/* What was written since a mark is taken back: words, pointers, numbers in maps. */
#include "group/journal.h"

#include "../cmocka_all.h"
#include "dice.h"

#include <string.h>

#define ROUNDS 4
#define WORDS 40
#define IDS 300
#define MARKS 12

static bool is_same(const void *ctx, uint32_t id)
{
    return *(const uint32_t *)ctx == id;
}

/* Few different hashes, so that many ids share one. */
static uint64_t hash_of(uint32_t id)
{
    return (uint64_t)(id % 7 + 1) << 32;
}

static bool has(const struct idmap *map, uint32_t id)
{
    return idmap_find(map, hash_of(id), is_same, &id) == id;
}

static void test_words(void **state)
{
    (void)state;
    struct journal j = { 0 };
    uint32_t a = 1, b = UINT32_MAX;
    uint64_t c = UINT64_MAX;
    double d = 0.1;
    const char *text = "before", *p = text;
    size_t mark = journal_mark(&j);
    assert_true(journal_u32(&j, &a));
    a = 2;
    assert_true(journal_u32(&j, &b) && journal_u64(&j, &c) && journal_u64(&j, &d));
    b = 0;
    c = 5;
    d = -0.0;
    assert_true(journal_u64(&j, &p));
    p = NULL;
    assert_true(journal_u32(&j, &a)); /* once more: the oldest value comes back */
    a = 3;
    journal_undo(&j, mark);
    assert_int_equal(a, 1);
    assert_int_equal(b, UINT32_MAX);
    assert_true(c == UINT64_MAX && d == 0.1);
    assert_ptr_equal(p, text);
    a = 9;
    journal_undo(&j, mark); /* nothing is left to take back */
    assert_int_equal(a, 9);
    journal_done(&j);
}

/* The word next to the one that is noted stays as it is. */
static void test_width(void **state)
{
    (void)state;
    struct journal j = { 0 };
    uint32_t words[3] = { 1, 2, 3 };
    assert_true(journal_u32(&j, &words[1]));
    words[0] = words[1] = words[2] = 7;
    journal_undo(&j, 0);
    assert_int_equal(words[0], 7);
    assert_int_equal(words[1], 2);
    assert_int_equal(words[2], 7);
    journal_done(&j);
}

static void test_nested(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct idmap map;
    uint32_t word = 0;
    size_t marks[3];
    assert_true(idmap_init(&map));
    for (uint32_t i = 0; i < 3; i++) {
        marks[i] = journal_mark(&j);
        assert_true(journal_u32(&j, &word));
        word = i + 1;
        assert_true(journal_insert(&j, &map, hash_of(i), i));
    }
    journal_undo(&j, marks[2]);
    assert_int_equal(word, 2);
    assert_true(has(&map, 0) && has(&map, 1) && !has(&map, 2));
    assert_true(journal_insert(&j, &map, hash_of(2), 2)); /* and forward again */
    journal_undo(&j, marks[0]);
    assert_int_equal(word, 0);
    assert_true(!has(&map, 0) && !has(&map, 1) && !has(&map, 2));
    journal_done(&j);
    idmap_done(&map);
}

static void test_forget(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct idmap map;
    uint32_t word = 1;
    assert_true(idmap_init(&map));
    assert_true(journal_u32(&j, &word) && journal_insert(&j, &map, hash_of(4), 4));
    word = 2;
    journal_forget(&j);
    assert_int_equal(journal_mark(&j), 0);
    journal_undo(&j, 0);
    assert_int_equal(word, 2);
    assert_true(has(&map, 4));
    journal_done(&j);
    idmap_done(&map);
}

/* The words and the ids that there are at each mark, copied. */
struct copy {
    size_t mark;
    uint32_t words[WORDS];
    uint64_t longs[WORDS];
    bool ids[IDS];
};

static void change(struct copy *now, struct journal *j, struct idmap *map, struct dice *d)
{
    uint32_t i = dice(d, WORDS), id = dice(d, IDS);
    if (dice_percent(d, 40)) {
        assert_true(journal_u32(j, &now->words[i]));
        now->words[i] = (uint32_t)dice_bits(d);
    } else if (dice_percent(d, 50)) {
        assert_true(journal_u64(j, &now->longs[i]));
        now->longs[i] = dice_bits(d);
    } else if (!now->ids[id]) {
        assert_true(journal_insert(j, map, hash_of(id), id));
        now->ids[id] = true;
    }
}

static void check(const struct copy *now, const struct copy *want, const struct idmap *map)
{
    assert_memory_equal(now->words, want->words, sizeof now->words);
    assert_memory_equal(now->longs, want->longs, sizeof now->longs);
    for (uint32_t id = 0; id < IDS; id++)
        assert_int_equal(has(map, id), want->ids[id]);
}

static void test_random(void **state)
{
    (void)state;
    static struct copy now, copies[MARKS];
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct journal j = { 0 };
        struct idmap map;
        size_t marks = 0;
        memset(&now, 0, sizeof now);
        assert_true(idmap_init(&map));
        for (unsigned step = 0; step < 3000; step++) {
            if (marks < MARKS && dice_percent(&d, 5)) {
                copies[marks] = now;
                copies[marks++].mark = journal_mark(&j);
            } else if (marks > 0 && dice_percent(&d, 3)) {
                marks = dice(&d, (uint32_t)marks); /* back over one or several */
                journal_undo(&j, copies[marks].mark);
                memcpy(now.ids, copies[marks].ids, sizeof now.ids);
                check(&now, &copies[marks], &map);
            } else if (dice_percent(&d, 1)) {
                journal_forget(&j);
                marks = 0;
            } else {
                change(&now, &j, &map, &d);
            }
        }
        journal_done(&j);
        idmap_done(&map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_width),  cmocka_unit_test(test_nested),
        cmocka_unit_test(test_forget), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
