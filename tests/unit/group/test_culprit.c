/* The similarity `culprit`: cases in a few characters, and what must hold of any stream: undo and
 * restarts do not show in an answer, the search finds what looking at every report finds, and
 * explanations say what the search said. */
#include "group/culprit.h"

#include "../cmocka_all.h"
#include "base/vec.h"
#include "crashes.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define ROUNDS 3
#define SCORE_MOST 10.9

static bool is_cold(const void *ctx, struct str field)
{
    (void)ctx;
    return str_eq(field, STR("cold"));
}

static struct culprit *culprit_made(void)
{
    struct culprit *c = culprit_new(0, is_cold, NULL);
    assert_non_null(c);
    return c;
}

static struct culprit_match nearest(struct culprit *c, const struct report *r, float least)
{
    struct culprit_match m;
    struct err e;
    assert_true(culprit_nearest(c, r, least, &m, &e));
    assert_true(m.report == CULPRIT_NONE ? m.score == 0 : m.score >= least);
    assert_true(m.score >= 0 && m.score <= (float)SCORE_MOST);
    return m;
}

static void add(struct culprit *c, const struct report *r, uint32_t number,
                struct culprit_match near)
{
    struct err e;
    assert_true(culprit_add(c, r, number, near, &e));
}

static bool is_same_match(struct culprit_match a, struct culprit_match b)
{
    return a.report == b.report && memcmp(&a.score, &b.score, sizeof a.score) == 0;
}

static void assert_same_match(uint32_t number, struct culprit_match a, struct culprit_match b)
{
    if (!is_same_match(a, b))
        fail_msg("report %u: %u with %.9g, and %u with %.9g", number, a.report, (double)a.score,
                 b.report, (double)b.score);
}

/* Cases. */

#define EARLIER_MAX 5
#define NOTHING (-1)

struct sent {
    const char *project, *death, *frames;
};
struct case_of {
    const char *name;
    struct sent earlier[EARLIER_MAX], asked; /* "" where nothing is said */
    int want;                                /* which of the earlier, or NOTHING */
    double least, most;                      /* of its score */
};

static void run_case(const struct case_of *k, bool contexts, struct arena *a)
{
    struct culprit *c = culprit_made();
    struct report r;
    uint32_t count = 0;
    for (; count < EARLIER_MAX && k->earlier[count].frames; count++) {
        const struct sent *s = &k->earlier[count];
        if (contexts)
            crashes_context(&r, s->project, s->frames, a);
        else
            crashes_report(&r, s->project, s->death, s->frames, a);
        r.trace.death = str_from_c(s->death);
        add(c, &r, count, nearest(c, &r, 0));
    }
    if (contexts)
        crashes_context(&r, k->asked.project, k->asked.frames, a);
    else
        crashes_report(&r, k->asked.project, k->asked.death, k->asked.frames, a);
    r.trace.death = str_from_c(k->asked.death);
    struct culprit_match m = nearest(c, &r, 1);
    uint32_t want = k->want == NOTHING ? CULPRIT_NONE : (uint32_t)k->want;
    double score = (double)m.score;
    if (m.report != want || (want != CULPRIT_NONE && (score < k->least || score > k->most)))
        print_error("%s: %d with %.3f\n", k->name, (int)m.report, score);
    assert_int_equal(m.report, want);
    assert_true(want == CULPRIT_NONE || (score >= k->least && score <= k->most));
    culprit_free(c);
}

static void test_stacks(void **state)
{
    (void)state;
    static const struct case_of cases[] = {
        { "the first", { { 0 } }, { "p", "", "f|g" }, NOTHING, 0, 0 },
        { "equal", { { "p", "", "f|g|main" } }, { "p", "", "f|g|main" }, 0, 10.89, 10.9 },
        { "nothing in common", { { "p", "", "f|g" } }, { "p", "", "x|y" }, NOTHING, 0, 0 },
        { "the same top", { { "p", "", "f|g|h" } }, { "p", "", "f|x|y" }, 0, 4, 8 },
        { "the same bottom",
          { { "p", "", "f|g|h|main" } },
          { "p", "", "x|y|z|main" },
          NOTHING,
          0,
          0 },
        { "cut", { { "p", "", "f|g|h|i|main" } }, { "p", "", "f|g" }, 0, 6, 10 },
        { "under the platform",
          { { "p", "", "f|g" } },
          { "p", "", "raise|abort|__assert_fail|f|g|__libc_start_main" },
          0,
          10.89,
          10.9 },
        { "under a handler",
          { { "p", "", "f|g" } },
          { "p", "", "on_crash|write_dump|<signal handler called>|f|g" },
          0,
          10.89,
          10.9 },
        { "recursion",
          { { "p", "", "f|g|f|g|main" } },
          { "p", "", "f|g|f|g|f|g|f|g|main" },
          0,
          10.89,
          10.9 },
        { "suffixes of versions",
          { { "p", "", "f.isra.0|g.constprop.1" } },
          { "p", "", "f.part.3|g" },
          0,
          10.89,
          10.9 },
        { "templates",
          { { "p", "", "ns::f<int>|g" } },
          { "p", "", "ns::f<std::string>|g" },
          0,
          10.89,
          10.9 },
        { "places stand in",
          { { "p", "", "?{libp.so}+12|?{libp.so}+34" } },
          { "p", "", "?{libp.so}+12|?{libp.so}+34" },
          0,
          10.89,
          10.9 },
        { "other places",
          { { "p", "", "?{libp.so}+12|?{libp.so}+34" } },
          { "p", "", "?{libp.so}+13|?{libp.so}+35" },
          NOTHING,
          0,
          0 },
        { "lost names come back",
          { { "p", "", "f{p}+12|g{p}+34" } },
          { "p", "", "?{p}+12|?{p}+34" },
          0,
          10.89,
          10.9 },
        { "inlined names come back",
          { { "p", "", "f{p}+12^|g{p}+12|h{p}+44" } },
          { "p", "", "g{p}+12|h{p}+44" },
          0,
          10.89,
          10.9 },
        { "all of it the platform's",
          { { "p", "", "raise|abort|malloc" } },
          { "p", "", "raise|abort|malloc" },
          0,
          10.89,
          10.9 },
        { "nothing known of any frame", { { "p", "", "?|?" } }, { "p", "", "?|?" }, NOTHING, 0, 0 },

        { "another project", { { "q", "", "f|g" } }, { "p", "", "f|g" }, NOTHING, 0, 0 },
        { "own project first",
          { { "q", "", "f|g" }, { "p", "", "f|x" } },
          { "p", "", "f|g" },
          1,
          4,
          10 },
        { "a name that names another project's",
          { { "q", "", "f|g" }, { "p", "", "x|y" } },
          { "p", "", "f|g" },
          NOTHING,
          0,
          0 },

        { "the nearest",
          { { "p", "", "f|x" }, { "p", "", "f|g|x" }, { "p", "", "f|y|z" } },
          { "p", "", "f|g|h" },
          1,
          8,
          10.8 },
        { "ties go to the older",
          { { "p", "", "f|x" }, { "p", "", "f|y" } },
          { "p", "", "f|g" },
          0,
          4,
          10 },
        { "ties of ties",
          { { "p", "", "a|b" },
            { "p", "", "f|z" },
            { "p", "", "f|y" },
            { "p", "", "f|x" },
            { "p", "", "f|z" } },
          { "p", "", "f|g" },
          1,
          4,
          10 },
        { "the first of equal ones",
          { { "p", "", "f|g" }, { "p", "", "f|g" }, { "p", "", "f|g" } },
          { "p", "", "f|g" },
          0,
          10.89,
          10.9 },

        { "equal deaths",
          { { "p", "SIGSEGV", "f|g" } },
          { "p", "SIGSEGV", "f|g" },
          0,
          10.89,
          10.9 },
        { "deaths that differ",
          { { "p", "SIGSEGV", "f|g" } },
          { "p", "SIGFPE", "f|g" },
          0,
          2.99,
          3.01 },
        { "an abort may be any",
          { { "p", "SIGSEGV", "f|g" } },
          { "p", "SIGABRT", "f|g" },
          0,
          10.8,
          10.9 },
        { "any may have been an abort",
          { { "p", "SIGABRT", "f|g" } },
          { "p", "SIGSEGV", "f|g" },
          0,
          10.8,
          10.9 },
        { "a death that is not known",
          { { "p", "", "f|g" } },
          { "p", "SIGFPE", "f|g" },
          0,
          10.8,
          10.9 },
        { "not known of the later",
          { { "p", "SIGFPE", "f|g" } },
          { "p", "", "f|g" },
          0,
          10.8,
          10.9 },
        { "the same death is nearer",
          { { "p", "SIGSEGV", "f|g" }, { "p", "SIGFPE", "f|g" }, { "p", "SIGSEGV", "f|g" } },
          { "p", "SIGFPE", "f|g" },
          1,
          10.89,
          10.9 },
        { "an equal death with half the stack is nearer",
          { { "p", "SIGSEGV", "f|g|h" }, { "p", "SIGFPE", "f|g|y" } },
          { "p", "SIGFPE", "f|g|h" },
          1,
          4,
          9 },
    };
    struct arena *a = arena_new(ARENA_BYTES);
    assert_non_null(a);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        run_case(&cases[i], false, a);
    arena_free(a);
}

/* Reports without a stack are compared by their other texts. */
static void test_contexts(void **state)
{
    (void)state;
    static const struct case_of cases[] = {
        { "equal",
          { { "p", "", "message=it broke" } },
          { "p", "", "message=it broke" },
          0,
          10.89,
          10.9 },
        { "another message",
          { { "p", "", "message=it broke" } },
          { "p", "", "message=it fell" },
          NOTHING,
          0,
          0 },
        { "digits do not matter",
          { { "p", "", "message=no file 17 in 4" } },
          { "p", "", "message=no file 2 in 305" },
          0,
          10.89,
          10.9 },
        { "another field",
          { { "p", "", "message=it broke" } },
          { "p", "", "kind=it broke" },
          NOTHING,
          0,
          0 },
        { "another project",
          { { "q", "", "message=it broke" } },
          { "p", "", "message=it broke" },
          NOTHING,
          0,
          0 },
        { "cold fields do not count",
          { { "p", "", "message=it broke|cold=a" } },
          { "p", "", "message=it broke|cold=b" },
          0,
          10.89,
          10.9 },
        { "nor dates and ids",
          { { "p", "", "date=a|message=it broke|database_id=x" } },
          { "p", "", "date=b|message=it broke|database_id=y" },
          0,
          10.89,
          10.9 },
        { "nothing else", { { "p", "", "date=a" } }, { "p", "", "date=a" }, NOTHING, 0, 0 },
        { "nothing at all", { { "p", "", "" } }, { "p", "", "" }, NOTHING, 0, 0 },
        { "what all have weighs little",
          { { "p", "", "message=m|os=o" },
            { "p", "", "message=n|os=o" },
            { "p", "", "message=a|os=o" },
            { "p", "", "message=b|os=o" },
            { "p", "", "message=c|os=o" } },
          { "p", "", "message=a|os=x" },
          2,
          3,
          5 },
        { "deaths that differ",
          { { "p", "KeyError", "message=m" } },
          { "p", "ValueError", "message=m" },
          0,
          2.99,
          3.01 },
        { "a function is no text",
          { { "p", "", "stacktrace.function=f|message=m" } },
          { "p", "", "stacktrace.function=g|message=m" },
          0,
          10.89,
          10.9 },
    };
    struct arena *a = arena_new(ARENA_BYTES);
    assert_non_null(a);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        run_case(&cases[i], true, a);
    /* What has a stack is not near to what has none, whatever they are called. */
    struct culprit *c = culprit_made();
    struct report stack, context;
    crashes_report(&stack, "p", "", "m=x", a);
    crashes_context(&context, "p", "m=x", a);
    add(c, &stack, 0, nearest(c, &stack, 0));
    assert_int_equal(nearest(c, &context, 0).report, CULPRIT_NONE);
    add(c, &context, 1, nearest(c, &context, 0));
    assert_int_equal(nearest(c, &context, 0).report, 1);
    assert_int_equal(nearest(c, &stack, 0).report, 0);
    culprit_free(c);
    arena_free(a);
}

/* In a stream of messages with much in common, twins join and others do not. */
static void test_messages(void **state)
{
    (void)state;
    enum { MESSAGES = 40, COUNT = 400 };
    struct arena *a = arena_new(ARENA_BYTES);
    assert_non_null(a);
    struct culprit *c = culprit_made();
    struct dice d;
    uint32_t first[MESSAGES], wrong = 0;
    memset(first, 0xff, sizeof first);
    assert_true(dice_seed(&d, 0, 1));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct report r;
        struct str text;
        uint32_t m = dice(&d, MESSAGES);
        assert_true(arena_printf(a, &text, "os=Linux|arch=x86|message=%c%c failed after %u s",
                                 (int)('a' + m % 26), (int)('a' + m / 26), dice(&d, 100)));
        crashes_context(&r, "p", text.ptr, a);
        struct culprit_match near = nearest(c, &r, 4);
        /* While hardly any report is there, what all have in common looks like much. */
        wrong += i >= 10 && near.report != first[m];
        if (first[m] == CULPRIT_NONE)
            first[m] = i;
        add(c, &r, i, near);
    }
    assert_int_equal(wrong, 0);
    culprit_free(c);
    arena_free(a);
}

/* Streams. */

static const struct crashes streams[] = {
    { .projects = 1, .bugs = 60, .functions = 80, .builds = 3, .fresh = 20 },
    { .projects = 3, .bugs = 15, .functions = 30, .builds = 1, .fresh = 0 },
    { .projects = 2, .bugs = 300, .functions = 12, .builds = 8, .fresh = 60 },
};

struct stream {
    struct crashes crashes;
    struct arena *arena;
    VEC(struct report) reports; /* as added */
    VEC(struct culprit_match) near;
    VEC(uint32_t) anchors; /* the report that a report's bucket at 4.0 began with */
};

static void stream_init(struct stream *s, unsigned round, struct dice d)
{
    *s = (struct stream){ .crashes = streams[round % COUNT_OF(streams)] };
    s->arena = arena_new(ARENA_BYTES);
    assert_non_null(s->arena);
    s->crashes.d = d;
    s->crashes.arena = s->arena;
}

static void stream_done(struct stream *s)
{
    VEC_FREE(&s->reports);
    VEC_FREE(&s->near);
    VEC_FREE(&s->anchors);
    arena_free(s->arena);
}

static void stream_push(struct stream *s, const struct report *r, struct culprit_match near)
{
    uint32_t own = (uint32_t)s->reports.len;
    assert_true(VEC_PUSH(&s->reports, *r) && VEC_PUSH(&s->near, near));
    assert_true(VEC_PUSH(&s->anchors, near.score >= 4 ? s->anchors.at[near.report] : own));
}

static uint32_t added(const struct stream *s)
{
    return (uint32_t)s->reports.len;
}

/* As a start does it. */
static struct culprit *rebuild(const struct stream *s)
{
    struct culprit *c = culprit_made();
    for (uint32_t i = 0; i < added(s); i++) {
        add(c, &s->reports.at[i], i, s->near.at[i]);
        if (i % 7 == 0)
            culprit_keep(c);
    }
    culprit_keep(c);
    return c;
}

static void check_lines(const struct culprit_explanation *x)
{
    double sum = 0, query = 0, other = 0;
    for (size_t i = 0; i < x->count; i++) {
        const struct culprit_line *l = &x->lines[i];
        assert_true(l->helper > 0 && l->helper < 1 && l->value >= 0);
        assert_true(i == 0 || l->value <= l[-1].value);
        assert_true(l->function.len > 0);
        sum += l->value;
        query += l->query_blame;
        other += l->other_blame;
    }
    assert_true(fabs(sum - x->score) <= 1e-9 * x->score);
    /* Lines with little blame are left out. */
    assert_true(query <= 1 + 1e-5 && other <= 1 + 1e-5);
    assert_true(x->count == 0 || (query > 0.7 && other > 0.7));
    assert_true(x->rest >= 0 && x->rest <= 1 && x->score >= 0 && x->score <= SCORE_MOST);
}

static void check_same_explanation(const struct culprit *a, const struct culprit *b, uint32_t x,
                                   uint32_t y, struct arena *arena)
{
    struct culprit_explanation p, q;
    struct err e;
    assert_true(culprit_explain(a, x, y, NULL, NULL, &p, arena, &e));
    assert_true(culprit_explain(b, x, y, NULL, NULL, &q, arena, &e));
    check_lines(&p);
    assert_true(p.score == q.score && p.rest == q.rest && p.count == q.count);
    assert_int_equal(p.deaths_differ, q.deaths_differ);
    assert_true(str_eq(p.query_death, q.query_death) && str_eq(p.other_death, q.other_death));
    for (size_t i = 0; i < p.count; i++) {
        const struct culprit_line *l = &p.lines[i], *m = &q.lines[i];
        assert_true(str_eq(l->function, m->function) && l->helper == m->helper);
        assert_true(l->query_blame == m->query_blame && l->other_blame == m->other_blame);
        assert_true(l->value == m->value);
    }
}

/* An index that lived: with batches that were taken back and came again, or others in their place,
 * dry runs, and single reports taken back. */
struct life {
    struct stream stream;
    struct culprit *lived, *plain; /* plain: only what stayed was ever added */
    struct dice d;
};

/* Places and adds, with a dry run of another report or a taken back add in between. */
static struct culprit_match live_one(struct life *l, const struct report *r, uint32_t number,
                                     const struct report *another)
{
    struct culprit_match near = nearest(l->lived, r, 0);
    if (dice_percent(&l->d, 10)) {
        (void)nearest(l->lived, another, 0); /* so that another was asked about last */
        assert_same_match(number, nearest(l->lived, r, 0), near);
        (void)nearest(l->lived, another, 0);
    }
    add(l->lived, r, number, near);
    if (dice_percent(&l->d, 5)) {
        culprit_undo_last(l->lived);
        assert_same_match(number, nearest(l->lived, r, 0), near);
        add(l->lived, r, number, near);
    }
    return near;
}

#define BATCH_MAX 30

static void live_batch(struct life *l)
{
    struct stream *s = &l->stream;
    struct report batch[BATCH_MAX], another;
    struct culprit_match near[BATCH_MAX];
    uint32_t count = 1 + dice(&l->d, BATCH_MAX), first = added(s);
    crashes_next(&s->crashes, &another);
    for (uint32_t i = 0; i < count; i++)
        crashes_next(&s->crashes, &batch[i]);
    if (dice_percent(&l->d, 40)) { /* could not be stored */
        for (uint32_t i = 0; i < count; i++)
            near[i] = live_one(l, &batch[i], first + i, &another);
        culprit_undo(l->lived);
        bool is_same = dice_percent(&l->d, 70);
        for (uint32_t i = 0; i < count; i++) {
            if (!is_same)
                crashes_next(&s->crashes, &batch[i]);
            struct culprit_match m = live_one(l, &batch[i], first + i, &another);
            if (is_same)
                assert_same_match(first + i, m, near[i]);
            near[i] = m;
        }
    } else {
        for (uint32_t i = 0; i < count; i++)
            near[i] = live_one(l, &batch[i], first + i, &another);
    }
    culprit_keep(l->lived);
    for (uint32_t i = 0; i < count; i++) {
        assert_same_match(first + i, nearest(l->plain, &batch[i], 0), near[i]);
        add(l->plain, &batch[i], first + i, near[i]);
        assert_true(near[i].report == CULPRIT_NONE ||
                    str_eq(s->reports.at[near[i].report].project, batch[i].project) ||
                    near[i].report >= first);
        stream_push(s, &batch[i], near[i]);
    }
    culprit_keep(l->plain);
}

static void check_rebuilt(struct life *l)
{
    struct culprit *again = rebuild(&l->stream);
    struct arena *a = arena_new(ARENA_BYTES);
    assert_non_null(a);
    for (uint32_t i = 0; i < 100; i++) {
        struct report r;
        crashes_next(&l->stream.crashes, &r);
        assert_same_match(i, nearest(again, &r, 0), nearest(l->lived, &r, 0));
        uint32_t x = dice(&l->d, added(&l->stream)), y = dice(&l->d, added(&l->stream));
        check_same_explanation(again, l->lived, x, y, a);
        check_same_explanation(again, l->plain, x, x, a);
    }
    arena_free(a);
    culprit_free(again);
}

static void test_undo_and_restart(void **state)
{
    (void)state;
    struct life l;
    for (unsigned round = 0; dice_seed(&l.d, round, ROUNDS); round++) {
        stream_init(&l.stream, round, l.d);
        l.lived = culprit_made();
        l.plain = culprit_made();
        for (uint32_t checked = 0; added(&l.stream) < 2500;) {
            live_batch(&l);
            if (added(&l.stream) >= checked + 600) {
                check_rebuilt(&l);
                checked = added(&l.stream);
            }
        }
        for (uint32_t i = 0; i < added(&l.stream); i++) {
            uint32_t near = l.stream.near.at[i].report;
            assert_true(near == CULPRIT_NONE || near < i);
            assert_true(near == CULPRIT_NONE ||
                        str_eq(l.stream.reports.at[near].project, l.stream.reports.at[i].project));
        }
        assert_true(culprit_bytes(l.lived) > 0 && culprit_cost(l.lived).searches > 2500);
        culprit_free(l.lived);
        culprit_free(l.plain);
        stream_done(&l.stream);
    }
}

/* Who only asks, or whose reports cannot be stored, fills no memory with words of theirs. */
static void test_nothing_left(void **state)
{
    (void)state;
    struct stream s;
    struct dice d;
    struct report r;
    assert_true(dice_seed(&d, 0, 1));
    stream_init(&s, 0, d);
    struct culprit *c = culprit_made();
    for (uint32_t i = 0; i < 50; i++) {
        crashes_next(&s.crashes, &r);
        add(c, &r, i, nearest(c, &r, 0));
    }
    culprit_keep(c);
    size_t before = culprit_bytes(c);
    s.crashes.bugs = 100000;
    s.crashes.functions = 100000;
    for (uint32_t i = 0; i < 500; i++) {
        crashes_next(&s.crashes, &r);
        (void)nearest(c, &r, 0);
    }
    culprit_forget_asked(c);
    assert_int_equal(culprit_bytes(c), before);
    for (uint32_t i = 0; i < 500; i++) {
        crashes_next(&s.crashes, &r);
        add(c, &r, 50, nearest(c, &r, 0));
        culprit_undo(c);
    }
    assert_true(culprit_bytes(c) < before + 65536); /* places, and the text of their builds */
    culprit_free(c);
    stream_done(&s);
}

/* Looking at every report. */

/* From 0 to 1, and not bent. */
static double likeness_of(double score)
{
    if (score <= 8)
        return score / 10;
    double below = 1 - (score - 8) / (SCORE_MOST - 8);
    return 0.8 + 0.2 * (1 - below * below);
}
#define ROUNDING 2e-6

#define LEAST 2.1 /* above the likeness to its anchor that a candidate must have */

struct looked {
    double best, surely_best; /* likeness; surely: those near enough to their anchor beyond doubt */
};

static double likeness_to(struct culprit *c, const struct report *r, uint32_t other,
                          struct arena *a)
{
    struct culprit_explanation x;
    struct err e;
    assert_true(culprit_explain_new(c, r, other, &x, a, &e));
    return likeness_of(x.score);
}

static struct looked look_at_all(struct stream *s, struct culprit *c, const struct report *r,
                                 struct arena *a)
{
    struct looked l = { 0, 0 };
    for (uint32_t i = 0; i < added(s); i++) {
        if (!str_eq(s->reports.at[i].project, r->project))
            continue;
        double likeness = likeness_to(c, r, i, a);
        if (likeness > l.best || likeness > l.surely_best) {
            double anchor = likeness_to(c, r, s->anchors.at[i], a);
            /* An equal stack is near, whatever it is far from. */
            if ((anchor > 0.2 - ROUNDING || likeness > 1 - ROUNDING) && likeness > l.best)
                l.best = likeness;
            if (anchor > 0.2 + ROUNDING && likeness > l.surely_best)
                l.surely_best = likeness;
        }
        arena_reset(a);
    }
    return l;
}

static void check_explained(struct culprit *c, const struct report *r, struct culprit_match m,
                            struct arena *a)
{
    struct culprit_explanation x;
    struct err e;
    assert_true(culprit_explain_new(c, r, m.report, &x, a, &e));
    check_lines(&x);
    double off = fabs(x.score - (double)m.score); /* where scores rise fast, rounding does, too */
    if (!(off <= (x.score < 10.88 ? 1e-4 : m.score < (float)SCORE_MOST ? 0.01 : 1e-6)))
        fail_msg("%.9g was found, %.9g explained", (double)m.score, x.score);
    assert_int_equal(x.query_frame_count, r->trace.count);
    for (size_t i = 0; i < x.query_frame_count; i++) {
        const struct culprit_frame *f = &x.query_frames[i];
        assert_int_equal(f->index, r->trace.frames[i].index);
        bool is_compared = strcmp(f->why, "compared") == 0 || strcmp(f->why, "named") == 0;
        assert_true(!is_compared || f->function.len > 0);
    }
}

static void test_exhaustive(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct stream s;
        struct arena *a = arena_new(ARENA_BYTES);
        struct culprit *c = culprit_made();
        uint32_t found = 0, alone = 0;
        stream_init(&s, round, d);
        assert_non_null(a);
        for (uint32_t i = 0; i < 1000; i++) {
            struct report r;
            crashes_next(&s.crashes, &r);
            struct culprit_match m = nearest(c, &r, (float)LEAST);
            if (m.report != CULPRIT_NONE)
                check_explained(c, &r, m, a);
            if (i % 20 == 0) {
                struct looked all = look_at_all(&s, c, &r, a);
                double got = likeness_of((double)m.score);
                if (got < likeness_of(LEAST)
                        ? all.surely_best > likeness_of(LEAST) + ROUNDING
                        : got < all.surely_best - ROUNDING || got > all.best + ROUNDING)
                    fail_msg("report %u: %.9g was found, of %.9g (%.9g)", i, got, all.best,
                             all.surely_best);
                found += m.report != CULPRIT_NONE;
                alone += m.report == CULPRIT_NONE;
            }
            struct culprit_match near = nearest(c, &r, 0);
            add(c, &r, i, near);
            stream_push(&s, &r, near);
        }
        assert_true(found > 20 && alone > 1);
        assert_int_equal(culprit_cost(c).cut_short, 0);
        culprit_free(c);
        stream_done(&s);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks),       cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_messages),     cmocka_unit_test(test_undo_and_restart),
        cmocka_unit_test(test_nothing_left), cmocka_unit_test(test_exhaustive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
