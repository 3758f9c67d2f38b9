/* What is learnt of functions: how likely a crash in one is its caller's fault. */
#include "group/helpers.h"

#include "group/culprit.h"

#include "../cmocka_all.h"
#include "dice.h"

#define ROUNDS 4
#define NAMES_COUNT 30
#define ABORT 77 /* the number of its text */

/* One project's stream. */
struct stream {
    struct helpers helpers;
    struct deaths base;
    struct journal journal;
    struct pool pool;
};

static void stream_init(struct stream *s, unsigned without)
{
    *s = (struct stream){ 0 };
    assert_true(helpers_init(&s->helpers, without));
    pool_init(&s->pool);
}

static void stream_done(struct stream *s)
{
    helpers_done(&s->helpers);
    journal_done(&s->journal);
    pool_done(&s->pool);
}

static uint32_t function_of(struct stream *s, uint32_t name)
{
    uint32_t f = helpers_function(&s->helpers, 0, name, false);
    assert_int_not_equal(f, HELPER_NONE);
    return f;
}

struct crash {
    uint32_t function, caller, weight, death;
};

static void learn(struct stream *s, struct crash x)
{
    uint32_t f = function_of(s, x.function);
    assert_true(x.death == HELPER_NONE || deaths_count(&s->base, x.death, &s->journal));
    assert_true(helpers_learn(&s->helpers, f, x.caller, x.weight, x.death, ABORT, &s->base,
                              &s->journal, &s->pool));
}

static double h_of_name(struct stream *s, uint32_t name)
{
    return (double)helpers_h(&s->helpers, function_of(s, name));
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* Single precision, as it is kept. */
static void assert_near(const char *name, double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("%s: %.6f is not %.6f", name, got, want);
}

static void test_nothing_learnt(void **state)
{
    (void)state;
    struct stream s;
    stream_init(&s, 0);
    uint32_t plain = helpers_function(&s.helpers, 0, 1, false);
    uint32_t memory = helpers_function(&s.helpers, 0, 2, true);
    assert_near("plain", (double)helpers_h(&s.helpers, plain), logistic(HELPER_BIAS), 1e-6);
    assert_near("memory", (double)helpers_h(&s.helpers, memory),
                logistic(HELPER_BIAS + HELPER_WORD), 1e-6);
    assert_int_equal(helpers_function(&s.helpers, 0, 1, false), plain);
    assert_int_not_equal(helpers_function(&s.helpers, 1, 1, false), plain); /* another project */
    stream_done(&s);
}

static void test_parts_left_out(void **state)
{
    (void)state;
    struct stream s;
    stream_init(&s, CULPRIT_HELPERS);
    learn(&s, (struct crash){ 1, 100, HELPER_UNIT, 1 });
    learn(&s, (struct crash){ 1, 101, HELPER_UNIT, 2 });
    assert_near("without helpers", h_of_name(&s, 1), HELPER_CONSTANT, 1e-6);
    stream_done(&s);
    stream_init(&s, CULPRIT_WORDS);
    uint32_t memory = helpers_function(&s.helpers, 0, 2, true);
    assert_near("without words", (double)helpers_h(&s.helpers, memory), logistic(HELPER_BIAS),
                1e-6);
    stream_done(&s);
    stream_init(&s, CULPRIT_DEATHS);
    for (uint32_t i = 0; i < 20; i++)
        learn(&s, (struct crash){ 1, 100 + i % 2, HELPER_UNIT, i % 2 });
    assert_near("without deaths", h_of_name(&s, 1), logistic(HELPER_BIAS + HELPER_CALLERS * log(3)),
                1e-6);
    stream_done(&s);
}

/* Callers alone: no death is known. */
static void test_callers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t callers, first_count, other_count; /* crashes under the first, under each other */
        double effective, within;
    } cases[] = {
        { "one", 1, 1, 0, 1, 1e-9 },
        { "one, often", 1, 5000, 0, 1, 1e-9 },
        { "two", 2, 1, 1, 2, 1e-9 },
        { "ten", 10, 1, 1, 10, 1e-9 },
        { "ten, often", 10, 300, 300, 10, 1e-9 },
        { "ten, of which one has nearly all", 10, 1000, 1, 1, 0.1 },
        { "as many as are told apart", HELPER_CALLERS_MAX, 3, 3, HELPER_CALLERS_MAX, 1e-9 },
        { "many more", 1000, 1, 1, HELPER_CALLERS_MAX, 0.1 },
        { "many more, of which one has nearly all", 1000, 500000, 1, 1, 0.1 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stream s;
        stream_init(&s, 0);
        for (uint32_t k = 0; k < cases[i].first_count; k++) {
            learn(&s, (struct crash){ 1, 100, HELPER_UNIT, HELPER_NONE });
            journal_forget(&s.journal);
        }
        for (uint32_t c = 1; c < cases[i].callers; c++)
            for (uint32_t k = 0; k < cases[i].other_count; k++)
                learn(&s, (struct crash){ 1, 100 + c, HELPER_UNIT, HELPER_NONE });
        double h = h_of_name(&s, 1);
        double got = exp((log(h / (1 - h)) - HELPER_BIAS) / HELPER_CALLERS) - 1;
        assert_near(cases[i].name, got, cases[i].effective, cases[i].within + 1e-4);
        stream_done(&s);
    }
}

/* A frequent caller that comes after rare ones: as the last that is told apart, or further. */
static void test_late_caller(void **state)
{
    (void)state;
    for (uint32_t rare = HELPER_CALLERS_MAX - 2; rare < HELPER_CALLERS_MAX + 2; rare++) {
        struct stream s;
        stream_init(&s, 0);
        for (uint32_t c = 0; c < rare; c++)
            learn(&s, (struct crash){ 1, 100 + c, HELPER_UNIT, HELPER_NONE });
        assert_true(h_of_name(&s, 1) > 0.7);
        for (uint32_t i = 0; i < 50000; i++) {
            learn(&s, (struct crash){ 1, 9999, HELPER_UNIT, HELPER_NONE });
            journal_forget(&s.journal);
        }
        assert_true(h_of_name(&s, 1) < 0.3);
        stream_done(&s);
    }
}

/* Parts of crashes weigh as parts. */
static void test_weights(void **state)
{
    (void)state;
    struct stream s;
    stream_init(&s, 0);
    for (uint32_t i = 0; i < 8; i++)
        learn(&s, (struct crash){ 1, 100, HELPER_UNIT / 8, HELPER_NONE });
    learn(&s, (struct crash){ 1, 101, HELPER_UNIT, HELPER_NONE });
    assert_near("halves", h_of_name(&s, 1), logistic(HELPER_BIAS + HELPER_CALLERS * log(3)), 1e-6);
    stream_done(&s);
}

/* Weights are at an end some day; what was learnt is not lost then. */
static void test_weights_end(void **state)
{
    (void)state;
    struct stream s;
    stream_init(&s, 0);
    for (uint32_t i = 0; i < 20; i++) {
        learn(&s, (struct crash){ 1, 100 + i % 2, 1u << 30, 1 });
        double h = h_of_name(&s, 1);
        assert_true(h > 0 && h < 1);
    }
    learn(&s, (struct crash){ 2, 100, HELPER_UNIT, 2 }); /* another way to die */
    learn(&s, (struct crash){ 1, 101, 1u << 30, 1 });
    assert_true(h_of_name(&s, 1) < 0.2);
    stream_done(&s);
}

/* How programs die: crashes of function 1 in a project in which others crash, too. */
static void test_deaths(void **state)
{
    (void)state;
    enum way { ALIKE, BY_CALLER, IN_TURN, ABORT_NOW_AND_THEN };
    static const struct {
        const char *name;
        uint32_t others, ways; /* crashes of other functions, and how many ways they die */
        uint32_t callers, crashes;
        enum way way;
        double least, most;
    } cases[] = {
        { "one death under ten callers", 200, 5, 10, 1, ALIKE, 0, 0.1 },
        { "the same, often", 200, 5, 10, 100, ALIKE, 0, 0.1 },
        { "another under each caller", 200, 5, 10, 1, BY_CALLER, 0.9, 1 },
        { "the same, often", 200, 5, 10, 100, BY_CALLER, 0.9, 1 },
        { "two callers, a death for each", 200, 5, 2, 5, BY_CALLER, 0.7, 1 },
        { "two callers, one death", 200, 5, 2, 5, ALIKE, 0, 0.2 },
        { "one caller, one death", 200, 5, 1, 10, ALIKE, 0, 0.2 },
        { "one caller, deaths in turn", 200, 5, 1, 10, IN_TURN, 0.9, 1 },
        { "deaths in turn under each", 200, 5, 10, 10, IN_TURN, 0.9, 1 },
        { "aborts may end the same", 200, 5, 10, 10, ABORT_NOW_AND_THEN, 0, 0.1 },
        /* Where all die alike, deaths say nothing: logistic(bias + 0.7 ln(1 + callers)). */
        { "all alike, one caller", 200, 1, 1, 1, ALIKE, 0.16, 0.21 },
        { "all alike, one caller, often", 200, 1, 1, 50, ALIKE, 0.16, 0.21 },
        { "all alike, one caller, all of it", 0, 1, 1, 3000, ALIKE, 0.13, 0.21 },
        { "all alike, ten callers", 200, 1, 10, 1, ALIKE, 0.39, 0.45 },
        { "all alike, ten callers, often", 200, 1, 10, 50, ALIKE, 0.39, 0.45 },
        { "all alike, ten callers, a new project", 0, 1, 10, 2, ALIKE, 0.2, 0.45 },
        { "all alike, ten callers, all of it", 0, 1, 10, 300, ALIKE, 0.39, 0.45 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stream s;
        stream_init(&s, 0);
        for (uint32_t k = 0; k < cases[i].others; k++)
            learn(&s, (struct crash){ 2 + k % 7, 500 + k % 13, HELPER_UNIT, k % cases[i].ways });
        for (uint32_t k = 0; k < cases[i].crashes; k++)
            for (uint32_t c = 0; c < cases[i].callers; c++) {
                uint32_t death = cases[i].way == BY_CALLER ? c % 5
                                 : cases[i].way == IN_TURN ? k % 5
                                                           : 0;
                if (cases[i].way == ABORT_NOW_AND_THEN && (k + c) % 10 == 0)
                    death = ABORT;
                learn(&s, (struct crash){ 1, 100 + c, HELPER_UNIT, death });
            }
        double h = h_of_name(&s, 1);
        if (!(h >= cases[i].least && h <= cases[i].most))
            fail_msg("%s: %.4f is not in %.2f to %.2f", cases[i].name, h, cases[i].least,
                     cases[i].most);
        stream_done(&s);
    }
}

/* More ways to die than are told apart, of a project, of a function and of a caller. */
static void test_many_kinds(void **state)
{
    (void)state;
    struct stream s;
    stream_init(&s, 0);
    for (uint32_t i = 0; i < 100 * HELPER_KINDS; i++)
        learn(&s, (struct crash){ 1, 100 + i % 10, HELPER_UNIT, i % (3 * HELPER_KINDS) });
    assert_int_equal(s.base.kinds, HELPER_KINDS);
    assert_int_equal(s.base.total, 100 * HELPER_KINDS);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < HELPER_KINDS; i++)
        sum += s.base.count[i];
    assert_int_equal(sum, s.base.total);
    const struct function *f = helpers_at(&s.helpers, function_of(&s, 1));
    assert_int_equal(f->kinds, HELPER_FUNCTION_KINDS);
    assert_true(h_of_name(&s, 1) > 0.9); /* its crashes die in all ways: others' faults */
    stream_done(&s);
}

static struct crash any_crash(struct dice *d)
{
    static const uint32_t deaths[] = { 1, 1, 1, 2, 3, ABORT, HELPER_NONE, 4, 5, 6, 7, 8, 9, 10 };
    return (struct crash){ dice_word(d, NAMES_COUNT), 100 + dice_word(d, 1000),
                           20 + dice(d, HELPER_UNIT - 19), deaths[dice_word(d, COUNT_OF(deaths))] };
}

static void assert_equal_streams(struct stream *a, struct stream *b)
{
    for (uint32_t name = 0; name < NAMES_COUNT; name++) {
        float x = helpers_h(&a->helpers, function_of(a, name));
        float y = helpers_h(&b->helpers, function_of(b, name));
        if (memcmp(&x, &y, sizeof x) != 0)
            fail_msg("function %u: %.9g is not %.9g", name, (double)x, (double)y);
        assert_true(x > 0 && x < 1);
    }
    assert_memory_equal(&a->base, &b->base, sizeof a->base);
}

/* What was taken back leaves no trace: the same, to the bit, as if it had never come; and a replay
 * of what stayed gives the same. */
static void test_undo(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct stream lived, replayed;
        stream_init(&lived, 0);
        stream_init(&replayed, 0);
        for (unsigned batch = 0; batch < 300; batch++) {
            size_t mark = journal_mark(&lived.journal);
            struct pool_mark pool = pool_mark(&lived.pool);
            uint32_t count = dice(&d, 30);
            bool is_undone = dice_percent(&d, 40);
            for (uint32_t i = 0; i < count; i++) {
                struct crash x = any_crash(&d);
                learn(&lived, x);
                if (!is_undone)
                    learn(&replayed, x);
            }
            if (is_undone) {
                journal_undo(&lived.journal, mark);
                pool_rewind(&lived.pool, pool);
            } else if (dice_percent(&d, 50)) {
                journal_forget(&lived.journal);
            }
            if (batch % 5 == 0)
                assert_equal_streams(&lived, &replayed);
        }
        stream_done(&lived);
        stream_done(&replayed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_learnt), cmocka_unit_test(test_parts_left_out),
        cmocka_unit_test(test_callers),        cmocka_unit_test(test_late_caller),
        cmocka_unit_test(test_weights),        cmocka_unit_test(test_weights_end),
        cmocka_unit_test(test_deaths),         cmocka_unit_test(test_many_kinds),
        cmocka_unit_test(test_undo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
