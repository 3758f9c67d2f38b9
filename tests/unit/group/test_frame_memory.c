/* What stood at a place in a build before: learnt, recalled, contradicted, taken back. */
#include "group/frame_memory.h"

#include "../cmocka_all.h"
#include "dice.h"

#include <string.h>

#define ROUNDS 3
#define SITES 64
#define OWNERS 40
#define NAMES_MAX 5

/* Chains as texts: each letter is a name. */
static struct frame_chain chain_of(const char *text, uint32_t names[FRAME_CHAIN_MAX])
{
    uint32_t count = (uint32_t)strlen(text);
    assert_true(count <= FRAME_CHAIN_MAX);
    for (uint32_t i = 0; i < count; i++)
        names[i] = (uint32_t)text[i];
    return (struct frame_chain){ names, count };
}

static void learn(struct frame_memory *m, uint32_t owner, uint16_t site, const char *text)
{
    uint32_t names[FRAME_CHAIN_MAX];
    assert_true(frame_memory_learn(m, owner, site, chain_of(text, names)));
}

static const char *recall(const struct frame_memory *m, uint32_t owner, uint16_t site,
                          const char *known)
{
    static char text[FRAME_CHAIN_MAX + 1];
    uint32_t names[FRAME_CHAIN_MAX];
    struct frame_chain chain = frame_memory_recall(m, owner, site, chain_of(known, names));
    for (uint32_t i = 0; i < chain.count; i++)
        text[i] = (char)chain.names[i];
    text[chain.count] = '\0';
    return text;
}

static void assert_recalls(const struct frame_memory *m, const char *name, uint32_t owner,
                           uint16_t site, const char *known, const char *want)
{
    const char *got = recall(m, owner, site, known);
    if (strcmp(got, want) != 0)
        fail_msg("%s: \"%s\" gives \"%s\", not \"%s\"", name, known, got, want);
}

static void test_chains(void **state)
{
    (void)state;
    static const struct {
        const char *name, *learnt[4], *known, *want;
    } cases[] = {
        { "nothing", { NULL }, "", "" },
        { "nothing, but a name is known", { NULL }, "f", "" },
        { "one name", { "f" }, "", "f" },
        { "one name, known", { "f" }, "f", "f" },
        { "another name", { "f" }, "g", "" },
        { "a chain", { "abc" }, "", "abc" },
        { "the outer one is known", { "abc" }, "c", "abc" },
        { "the inner one is known", { "abc" }, "a", "abc" },
        { "two of them", { "abc" }, "ac", "abc" },
        { "all of them", { "abc" }, "abc", "abc" },
        { "in another order", { "abc" }, "ca", "" },
        { "one that is not there", { "abc" }, "ax", "" },
        { "more than are there", { "abc" }, "abcd", "" },
        { "twice, but it is there once", { "abc" }, "bb", "" },
        { "twice", { "bab" }, "bb", "bab" },
        { "a longer one wins", { "c", "abc" }, "", "abc" },
        { "a shorter one changes nothing", { "abc", "c" }, "", "abc" },
        { "and longer again", { "c", "bc", "abc" }, "b", "abc" },
        { "equal", { "abc", "abc" }, "", "abc" },
        { "contradicted", { "f", "g" }, "", "" },
        { "contradicted, one is known", { "f", "g" }, "f", "" },
        { "contradicted for good", { "f", "g", "f" }, "f", "" },
        { "contradicted chains", { "abc", "axc" }, "c", "" },
        { "in another order contradicts", { "ab", "ba" }, "", "" },
        { "longer than the contradiction", { "f", "g", "fg" }, "f", "" },
        { "as long as may be", { "abcdefghijklmnop" }, "hp", "abcdefghijklmnop" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_memory m;
        assert_true(frame_memory_init(&m));
        for (size_t k = 0; k < 4 && cases[i].learnt[k]; k++)
            learn(&m, 3, 0xabc, cases[i].learnt[k]);
        assert_recalls(&m, cases[i].name, 3, 0xabc, cases[i].known, cases[i].want);
        assert_recalls(&m, "another site", 3, 0xabd, "", "");
        assert_recalls(&m, "another owner", 2, 0xabc, "", "");
        frame_memory_done(&m);
    }
}

static void test_owners(void **state)
{
    (void)state;
    struct frame_memory m;
    assert_true(frame_memory_init(&m));
    uint32_t first = frame_memory_owner(&m, 1, 2, 3);
    assert_int_equal(frame_memory_owner(&m, 1, 2, 3), first);
    static const uint32_t others[][3] = { { 2, 2, 3 }, { 1, 3, 3 }, { 1, 2, 4 }, { 3, 2, 1 } };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_int_not_equal(frame_memory_owner(&m, others[i][0], others[i][1], others[i][2]),
                             first);
    frame_memory_done(&m);
}

static void test_undo(void **state)
{
    (void)state;
    static const struct {
        const char *name, *kept, *undone[3], *want;
    } cases[] = {
        { "new", NULL, { "f" }, "" },
        { "new chain", NULL, { "abc" }, "" },
        { "longer", "c", { "abc" }, "c" },
        { "longer twice", "c", { "bc", "abc" }, "c" },
        { "contradiction", "f", { "g" }, "f" },
        { "longer, then contradicted", "bc", { "abc", "x" }, "bc" },
        { "new, then contradicted", NULL, { "f", "g" }, "" },
        { "nothing new", "abc", { "c", "abc" }, "abc" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_memory m;
        assert_true(frame_memory_init(&m));
        if (cases[i].kept)
            learn(&m, 0, 0, cases[i].kept);
        size_t mark = frame_memory_mark(&m);
        for (size_t k = 0; k < 3 && cases[i].undone[k]; k++)
            learn(&m, 0, 0, cases[i].undone[k]);
        frame_memory_undo(&m, mark);
        assert_recalls(&m, cases[i].name, 0, 0, "", cases[i].want);
        learn(&m, 0, 0, *cases[i].want ? cases[i].want : "z"); /* what was taken back is no fact */
        assert_recalls(&m, cases[i].name, 0, 0, "", *cases[i].want ? cases[i].want : "z");
        frame_memory_done(&m);
    }
}

/* What is taken back over and over fills no memory, and what was there before stays whole. */
static void test_undo_again(void **state)
{
    (void)state;
    struct frame_memory m;
    assert_true(frame_memory_init(&m));
    learn(&m, 0, 1, "abc");
    learn(&m, 0, 2, "de");
    learn(&m, 0, 3, "f");
    size_t chains = m.chains.len, used = 0;
    for (unsigned i = 0; i < 1000; i++) {
        size_t mark = frame_memory_mark(&m);
        learn(&m, 0, 1, "xabc");
        learn(&m, 0, 1, "xaybc");
        learn(&m, 0, 2, "ed"); /* contradicts */
        learn(&m, 0, 3, "fg");
        learn(&m, 0, 3, "h");
        learn(&m, 0, 4, "hij");
        frame_memory_undo(&m, mark);
        assert_int_equal(m.chains.len, chains);
        assert_true(i == 0 || m.used == used);
        used = m.used;
        assert_recalls(&m, "longer", 0, 1, "", "abc");
        assert_recalls(&m, "contradicted", 0, 2, "", "de");
        assert_recalls(&m, "both", 0, 3, "", "f");
        assert_recalls(&m, "new", 0, 4, "", "");
    }
    frame_memory_done(&m);
}

/* Many places, of which the later half is taken back; or kept. */
static void test_growth(void **state)
{
    (void)state;
    enum { PLACES = 200000 };
    for (int keep = 0; keep < 2; keep++) {
        struct frame_memory m;
        uint32_t names[2];
        assert_true(frame_memory_init(&m));
        size_t slots = m.slot_count, mark = 0;
        for (uint32_t i = 0; i < PLACES; i++) {
            if (i == PLACES / 2) {
                mark = frame_memory_mark(&m);
                slots = m.slot_count;
            }
            names[0] = i;
            names[1] = i + 7;
            assert_true(frame_memory_learn(&m, i / 50, (uint16_t)(i % 50 * 80),
                                           (struct frame_chain){ names, 1 + i % 2 }));
        }
        assert_true(m.slot_count > slots && m.used == PLACES);
        assert_true(frame_memory_bytes(&m) >= PLACES * sizeof(struct remembered));
        if (keep)
            frame_memory_keep(&m);
        frame_memory_undo(&m, keep ? 0 : mark);
        for (uint32_t i = 0; i < PLACES; i++) {
            struct frame_chain c =
                frame_memory_recall(&m, i / 50, (uint16_t)(i % 50 * 80), (struct frame_chain){ 0 });
            assert_int_equal(c.count, keep || i < PLACES / 2 ? 1 + i % 2 : 0);
            assert_true(c.count == 0 || c.names[0] == i);
            assert_true(c.count < 2 || c.names[1] == i + 7);
        }
        frame_memory_done(&m);
    }
}

/* The table must not be slow for owners that come one after another, nor for many at one site. */
static void test_spread(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t owners, sites, owner_step, site_step;
    } cases[] = {
        { "one build", 1, 4096, 1, 1 },     { "one site of each build", 100000, 1, 1, 1 },
        { "few sites", 20000, 8, 1, 16 },   { "each 4096th build", 50000, 1, 4096, 1 },
        { "even sites", 1000, 256, 1, 16 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_memory m;
        uint32_t name = 1;
        assert_true(frame_memory_init(&m));
        for (uint32_t o = 0; o < cases[i].owners; o++)
            for (uint32_t s = 0; s < cases[i].sites; s++)
                assert_true(frame_memory_learn(&m, o * cases[i].owner_step,
                                               (uint16_t)(s * cases[i].site_step),
                                               (struct frame_chain){ &name, 1 }));
        size_t run = 0, longest = 0; /* of slots that are taken */
        for (size_t k = 0; k < 2 * m.slot_count; k++) {
            run = m.slots[k & (m.slot_count - 1)].owner ? run + 1 : 0;
            longest = run > longest ? run : longest;
        }
        if (longest > 1000)
            fail_msg("%s: %zu slots in a row are taken", cases[i].name, longest);
        frame_memory_done(&m);
    }
}

/* A plain model: the chain of each place as a text, "!" for contradicted. */
struct model {
    char chain[OWNERS][SITES][NAMES_MAX + 1];
};

static bool is_part(const char *part, const char *whole)
{
    for (; *part && *whole; whole++)
        part += *part == *whole;
    return !*part;
}

static void model_learn(char *chain, const char *text)
{
    if (*chain == '!' || is_part(text, chain))
        return;
    const char *next = is_part(chain, text) ? text : "!";
    memcpy(chain, next, strlen(next) + 1);
}

static void any_chain(char *text, struct dice *d)
{
    static const char whole[] = "abcde";
    size_t n = 0;
    for (size_t i = 0; i < sizeof whole - 1; i++)
        if (dice_percent(d, 60))
            text[n++] = whole[i];
    if (n == 0 || dice_percent(d, 3))
        text[n ? 0 : n++] = 'x'; /* now and then something else */
    text[n] = '\0';
}

static void check_all(const struct frame_memory *m, const struct model *want)
{
    for (uint32_t o = 0; o < OWNERS; o++)
        for (uint16_t s = 0; s < SITES; s++) {
            const char *chain = want->chain[o][s];
            assert_recalls(m, "random", o, s, "", *chain == '!' ? "" : chain);
        }
}

static void test_random(void **state)
{
    (void)state;
    static struct model now, before;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct frame_memory m;
        assert_true(frame_memory_init(&m));
        memset(&now, 0, sizeof now);
        for (unsigned batch = 0; batch < 150; batch++) {
            size_t mark = frame_memory_mark(&m);
            before = now;
            for (uint32_t i = dice(&d, 100); i > 0; i--) {
                char text[NAMES_MAX + 1];
                uint32_t o = dice(&d, OWNERS), s = dice(&d, SITES);
                any_chain(text, &d);
                learn(&m, o, (uint16_t)s, text);
                model_learn(now.chain[o][s], text);
            }
            if (dice_percent(&d, 40)) {
                frame_memory_undo(&m, mark);
                now = before;
            } else if (dice_percent(&d, 50)) {
                frame_memory_keep(&m);
            }
            if (batch % 10 == 9)
                check_all(&m, &now);
        }
        frame_memory_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains), cmocka_unit_test(test_owners),
        cmocka_unit_test(test_undo),   cmocka_unit_test(test_undo_again),
        cmocka_unit_test(test_growth), cmocka_unit_test(test_spread),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
