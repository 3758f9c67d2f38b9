/* neighbours: the search that looks at little against one that looks at everything: the same
 * report, the same score bit for bit, over reports of many shapes, families of all kinds, with
 * reports that are superseded (and equal ones that are not), and with undo at random points. What
 * is expected never depends on how families were formed, so this also says that an undo leaves
 * nothing behind. */
#include "group/neighbours.h"

#include "../cmocka_all.h"
#include "base/vec.h"
#include "dice.h"
#include "group/similarity.h"

#include <string.h>

#define TERMS 8000
#define ROUNDS 6

enum families {
    FAMILIES_NEAR,  /* as in life: by the nearest report */
    FAMILIES_ALONE, /* each report its own family */
    FAMILIES_ANY,   /* with some earlier report, however unlike */
    FAMILIES_ONE    /* all together, as long as there is room */
};

struct shape {
    const char *name;
    uint32_t reports;
    uint32_t new_bug;    /* per cent of the reports that are of a new bug */
    uint32_t changed;    /* per cent of a bug's words that are another in a report */
    uint32_t same_stack; /* per cent of the reports that have the very stack of an earlier one */
    uint32_t words, stack_words;  /* most outside the stack trace, most in it */
    uint32_t vocabulary, repeats; /* different words; times that one may come, at most */
    uint32_t asked;               /* terms of a query, at most */
    uint32_t checked;             /* per cent of the searches that are held against the slow one */
    enum families families;
};

static const struct shape shapes[] = {
    { "usual", 500, 20, 5, 50, 10, 40, 3000, 3, 40, 100, FAMILIES_NEAR },
    { "near duplicates", 500, 2, 2, 30, 6, 30, 2000, 3, 40, 100, FAMILIES_NEAR },
    { "few words", 400, 30, 20, 10, 2, 3, 12, 2, 8, 100, FAMILIES_NEAR },
    { "common words", 400, 30, 30, 20, 8, 30, 60, 4, 30, 100, FAMILIES_NEAR },
    { "all new", 300, 100, 0, 0, 8, 30, 4000, 2, 40, 100, FAMILIES_NEAR },
    { "recursion", 300, 20, 10, 20, 5, 25, 1000, 900, 30, 100, FAMILIES_NEAR },
    { "one stack", 400, 3, 3, 95, 20, 20, 500, 2, 40, 100, FAMILIES_NEAR },
    { "no stacks", 300, 20, 10, 0, 20, 0, 500, 3, 20, 100, FAMILIES_NEAR },
    { "only stacks", 300, 20, 10, 40, 0, 30, 500, 3, 20, 100, FAMILIES_NEAR },
    { "large", 60, 20, 10, 30, 400, 4000, 3900, 3, 400, 100, FAMILIES_NEAR },
    { "large, all asked", 50, 20, 10, 30, 400, 2000, 3900, 3, 8000, 100, FAMILIES_ONE },
    { "alone", 300, 20, 5, 50, 8, 30, 1000, 3, 40, 100, FAMILIES_ALONE },
    { "any family", 400, 20, 10, 40, 8, 30, 1000, 3, 40, 100, FAMILIES_ANY },
    { "one family", 400, 20, 10, 40, 8, 30, 1000, 300, 40, 100, FAMILIES_ONE },
    { "one large family", 150, 90, 10, 40, 60, 600, 4000, 3, 60, 100, FAMILIES_ONE },
    { "many families", 2500, 90, 5, 10, 8, 30, 1500, 3, 40, 8, FAMILIES_NEAR },
    { "many in families", 2500, 5, 8, 30, 8, 30, 1500, 3, 40, 8, FAMILIES_NEAR },
};

/* A report, as it was given to neighbours_add. Its terms lie in model.terms. */
struct made {
    uint32_t first, stack_count, other_count;
    uint32_t stack; /* number */
};

struct model {
    VEC(struct bag_term) terms;
    VEC(struct made) reports;
    VEC(bool) gone;     /* by report: superseded */
    VEC(uint32_t) went; /* superseded, and can be undone */
    size_t kept;        /* reports that can no longer be undone */
    uint32_t stacks;
    uint32_t df[TERMS];
    uint32_t place[TERMS]; /* in the query, plus one */
    VEC(struct query_term) asked;
    VEC(double) parts;
    /* What came to pass, for a test that never finds anything would prove little. */
    uint32_t found, nothing, ties, superseded;
};

/* Generating. Terms of even number are from stack traces, the others from outside. */

static const struct bag_term *made_terms(const struct model *m, const struct made *r)
{
    return m->terms.at + r->first;
}

static uint32_t made_count(const struct made *r)
{
    return r->stack_count + r->other_count;
}

/* Adds a term to those behind `first`, or raises its tf when it is there. */
static void made_say(struct model *m, size_t first, uint32_t term, uint32_t tf)
{
    for (size_t i = first; i < m->terms.len; i++)
        if (m->terms.at[i].term == term) {
            m->terms.at[i].tf += tf;
            return;
        }
    assert_true(VEC_PUSH(&m->terms, ((struct bag_term){ .term = term, .tf = tf })));
}

/* The words of a bug, with changes; `bug` throws the same for every report of it. */
static void made_words(struct model *m, const struct shape *s, struct dice *bug, struct dice *d,
                       uint32_t most, uint32_t odd)
{
    size_t first = m->terms.len;
    uint32_t count = dice(bug, most + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = dice_word(bug, s->vocabulary), tf = 1 + dice_word(bug, s->repeats);
        if (dice_percent(d, s->changed))
            word = dice_word(d, s->vocabulary);
        made_say(m, first, word * 2 + odd, tf);
    }
}

/* The norm bytes of terms: there are three fields of either kind. */
static void made_norms(struct bag_term *terms, uint32_t count)
{
    uint32_t tokens[3] = { 0 };
    for (uint32_t i = 0; i < count; i++)
        tokens[terms[i].term / 2 % 3] += terms[i].tf;
    for (uint32_t i = 0; i < count; i++)
        terms[i].norm = similarity_norm_byte(tokens[terms[i].term / 2 % 3]);
}

static struct made make_report(struct model *m, const struct shape *s, struct dice *d)
{
    uint32_t bugs = 1 + (uint32_t)m->reports.len * s->new_bug / 100;
    struct dice bug = { s->vocabulary + dice(d, bugs) * 7919u };
    struct made r = { .first = (uint32_t)m->terms.len, .stack = m->stacks };
    if (m->reports.len > 0 && dice_percent(d, s->same_stack)) {
        const struct made *old = &m->reports.at[dice(d, (uint32_t)m->reports.len)];
        for (uint32_t i = 0; i < old->stack_count; i++) {
            struct bag_term t = made_terms(m, old)[i];
            assert_true(VEC_PUSH(&m->terms, t));
        }
        r.stack = old->stack;
    } else {
        made_words(m, s, &bug, d, s->stack_words, 0);
    }
    r.stack_count = (uint32_t)m->terms.len - r.first;
    made_norms(m->terms.at + r.first, r.stack_count);
    made_words(m, s, &bug, d, s->words, 1);
    r.other_count = (uint32_t)m->terms.len - r.first - r.stack_count;
    made_norms(m->terms.at + r.first + r.stack_count, r.other_count);
    return r;
}

/* Some of the report's terms, in any order; now and then one that no report has. */
static struct query make_query(struct model *m, const struct shape *s, const struct made *r,
                               struct dice *d)
{
    double squares = 0;
    m->asked.len = 0;
    for (uint32_t i = 0; i < made_count(r); i++) {
        uint32_t term = made_terms(m, r)[i].term;
        if (m->df[term] == 0 && !dice_percent(d, 3))
            continue;
        double idf = similarity_idf((uint32_t)m->reports.len, m->df[term]);
        assert_true(VEC_PUSH(&m->asked, ((struct query_term){ term, idf })));
    }
    for (size_t i = m->asked.len; i > 1; i--) {
        uint32_t k = dice(d, (uint32_t)i);
        struct query_term t = m->asked.at[k];
        m->asked.at[k] = m->asked.at[i - 1];
        m->asked.at[i - 1] = t;
    }
    m->asked.len = m->asked.len < s->asked ? m->asked.len : s->asked;
    for (size_t i = 0; i < m->asked.len; i++)
        squares += m->asked.at[i].idf * m->asked.at[i].idf;
    return (struct query){ m->asked.at, (uint32_t)m->asked.len,
                           m->asked.len ? 1 / sqrt(squares) : 0 };
}

/* The exhaustive search: the formulas of similarity.h, written out. */

static float score_of(struct model *m, const struct query *q, const struct made *r)
{
    uint32_t matching = 0;
    memset(m->parts.at, 0, q->count * sizeof *m->parts.at);
    for (uint32_t i = 0; i < made_count(r); i++) {
        const struct bag_term *t = &made_terms(m, r)[i];
        uint32_t place = m->place[t->term];
        if (place == 0)
            continue;
        double idf = q->at[place - 1].idf;
        m->parts.at[place - 1] =
            sqrt((double)t->tf) * (idf * idf) * (double)similarity_norm(t->norm);
        matching++;
    }
    if (matching == 0 || matching < q->count * 30 / 100)
        return 0;
    double sum = 0;
    for (uint32_t i = 0; i < q->count; i++)
        sum += m->parts.at[i];
    return (float)((double)matching / (double)q->count * q->norm * sum);
}

static struct neighbour nearest_of_all(struct model *m, const struct query *q)
{
    struct neighbour best = { NEIGHBOURS_NONE, 0 };
    bool tie = false;
    m->parts.len = 0;
    assert_true(VEC_RESERVE(&m->parts, q->count + 1u));
    for (uint32_t i = 0; i < q->count; i++)
        m->place[q->at[i].term] = i + 1;
    for (uint32_t i = 0; i < m->reports.len; i++) {
        if (m->gone.at[i])
            continue;
        float score = score_of(m, q, &m->reports.at[i]);
        tie = score == best.score || (tie && score < best.score);
        if (score > best.score)
            best = (struct neighbour){ i, score };
    }
    for (uint32_t i = 0; i < q->count; i++)
        m->place[q->at[i].term] = 0;
    m->ties += tie && best.report != NEIGHBOURS_NONE;
    return best;
}

/* The score that is asked for: often one that decides. */
static float choose_least(struct dice *d, float best)
{
    switch (dice(d, 5)) {
    case 0:
        return best > 0 ? best : 1;
    case 1:
        return nextafterf(best, 100);
    case 2:
        return (float)(0.001 + dice_fraction(d) * 12);
    case 3:
        return 0.001f;
    default:
        return 1;
    }
}

static struct neighbour check_nearest(struct model *m, struct neighbours *n, const struct shape *s,
                                      const struct made *r, struct dice *d)
{
    struct err e;
    struct neighbour got;
    struct query q = make_query(m, s, r, d);
    if (!dice_percent(d, s->checked)) {
        assert_true(neighbours_nearest(n, &q, 1, NEIGHBOURS_NONE, &got, &e));
        return got;
    }
    struct neighbour best = nearest_of_all(m, &q), want = best;
    float least = choose_least(d, best.score);
    uint32_t stack = r->stack < m->stacks && dice_percent(d, 70) ? r->stack : NEIGHBOURS_NONE;
    if (best.report == NEIGHBOURS_NONE || best.score < least)
        want = (struct neighbour){ NEIGHBOURS_NONE, 0 };
    assert_true(neighbours_nearest(n, &q, least, stack, &got, &e));
    if (got.report != want.report || got.score != want.score)
        fail_msg("%s: report %zu, %u terms, at least %.9g: found %u with %.9g, not %u with %.9g",
                 s->name, m->reports.len, q.count, (double)least, got.report, (double)got.score,
                 want.report, (double)want.score);
    if (want.report == NEIGHBOURS_NONE)
        m->nothing++;
    else
        m->found++;
    return best;
}

static void add(struct model *m, struct neighbours *n, const struct shape *s, struct made *r,
                struct neighbour near, struct dice *d)
{
    struct err e;
    uint32_t number = (uint32_t)m->reports.len;
    const struct bag_term *terms = made_terms(m, r);
    struct bag stack = { terms, r->stack_count },
               other = { terms + r->stack_count, r->other_count };
    if (s->families == FAMILIES_ALONE || number == 0)
        near = (struct neighbour){ NEIGHBOURS_NONE, 0 };
    else if (s->families == FAMILIES_ANY)
        near = (struct neighbour){ dice(d, number), (float)dice(d, 10) };
    else if (s->families == FAMILIES_ONE)
        near = (struct neighbour){ 0, 9 };
    assert_true(neighbours_add(n, number, r->stack, stack, other, near, &e));
    for (uint32_t i = 0; i < made_count(r); i++)
        m->df[terms[i].term]++;
    m->stacks = r->stack == m->stacks ? m->stacks + 1 : m->stacks;
    assert_true(VEC_PUSH(&m->reports, *r) && VEC_PUSH(&m->gone, false));
}

static void supersede(struct model *m, struct neighbours *n, uint32_t report)
{
    struct err e;
    if (m->gone.at[report])
        return;
    assert_true(neighbours_supersede(n, report, &e));
    m->gone.at[report] = true;
    assert_true(VEC_PUSH(&m->went, report));
    m->superseded++;
}

static void keep(struct model *m, struct neighbours *n)
{
    neighbours_keep(n);
    m->kept = m->reports.len;
    m->went.len = 0;
}

static void undo(struct model *m, struct neighbours *n)
{
    neighbours_undo(n);
    while (m->went.len > 0)
        m->gone.at[m->went.at[--m->went.len]] = false;
    m->gone.len = m->kept;
    while (m->reports.len > m->kept) {
        const struct made *r = &m->reports.at[--m->reports.len];
        for (uint32_t i = 0; i < made_count(r); i++)
            m->df[made_terms(m, r)[i].term]--;
    }
    m->stacks = 0; /* numbers of stacks are given again, too */
    for (size_t i = 0; i < m->reports.len; i++)
        if (m->reports.at[i].stack >= m->stacks)
            m->stacks = m->reports.at[i].stack + 1;
}

/* superseding: in per cent of the reports. */
static void one_round(struct model *m, const struct shape *s, uint32_t superseding, struct dice *d)
{
    CLEANUP(neighbours_free_p) struct neighbours *n = neighbours_new();
    assert_non_null(n);
    m->terms.len = m->reports.len = m->gone.len = m->went.len = m->kept = m->stacks = 0;
    memset(m->df, 0, sizeof m->df);
    for (uint32_t i = 0; i < s->reports; i++) {
        uint32_t count = (uint32_t)m->reports.len;
        bool same = count > 0 && superseding && dice_percent(d, 30); /* as another one in all */
        struct made r = same ? m->reports.at[dice(d, count)] : make_report(m, s, d);
        if (count > 0 && dice_percent(d, superseding))
            supersede(m, n, dice(d, count));
        struct neighbour near = check_nearest(m, n, s, &r, d);
        if (dice_percent(d, 90)) /* else it was a dry run */
            add(m, n, s, &r, near, d);
        if (dice_percent(d, 6)) {
            keep(m, n);
        } else if (dice_percent(d, 2)) {
            undo(m, n);
        }
    }
}

static void model_done(struct model *m)
{
    VEC_FREE(&m->terms);
    VEC_FREE(&m->reports);
    VEC_FREE(&m->gone);
    VEC_FREE(&m->went);
    VEC_FREE(&m->asked);
    VEC_FREE(&m->parts);
}

static void test_nearest(void **state)
{
    (void)state;
    static struct model m;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++)
        for (size_t k = 0; k < COUNT_OF(shapes); k++) {
            m.found = m.nothing = m.ties = m.superseded = 0;
            one_round(&m, &shapes[k], i % 2 ? 40 : 0, &d);
            printf("%s: found %u, nothing %u, ties %u, superseded %u\n", shapes[k].name, m.found,
                   m.nothing, m.ties, m.superseded);
            assert_true(m.found >= 8 && m.nothing >= 3 && (i % 2 == 0 || m.superseded >= 8));
        }
    model_done(&m);
}

/* Thousands of terms that weigh the same: in single precision, all roundings go the same way. What
 * is bounded too low would not be found by its own score. */
static void test_long_question(void **state)
{
    (void)state;
    static struct bag_term terms[NEIGHBOURS_TERMS_MAX];
    static struct query_term asked[NEIGHBOURS_TERMS_MAX];
    struct err e;
    struct neighbour got;
    for (uint32_t count = 10; count <= NEIGHBOURS_TERMS_MAX; count *= count < 5000 ? 10 : 3) {
        CLEANUP(neighbours_free_p) struct neighbours *n = neighbours_new();
        assert_non_null(n);
        for (uint32_t i = 0; i < count; i++)
            terms[i] = (struct bag_term){ i, 1, 115 };
        const struct bag bag = { terms, count }, empty = { NULL, 0 };
        assert_true(
            neighbours_add(n, 0, 0, bag, empty, (struct neighbour){ NEIGHBOURS_NONE, 0 }, &e));
        for (double idf = 1; idf < 12; idf += 0.34) {
            double sum = 0;
            for (uint32_t i = 0; i < count; i++) {
                asked[i] = (struct query_term){ i, idf };
                sum += idf * idf * 0.21875;
            }
            const struct query q = { asked, count, 1 / (idf * sqrt((double)count)) };
            float score = (float)(q.norm * sum);
            assert_true(neighbours_nearest(n, &q, score, NEIGHBOURS_NONE, &got, &e));
            if (got.report != 0)
                fail_msg("%u terms of idf %g: %.9g not found", count, idf, (double)score);
        }
    }
}

/* The cost counts what was done, and grows far slower than looking at everything. */
static void test_cost(void **state)
{
    (void)state;
    struct err e;
    struct neighbour got;
    const struct query nothing = { NULL, 0, 0 };
    const struct query one = { &(struct query_term){ 5, 2.0 }, 1, 0.5 };
    const struct bag_term term = { 5, 1, 124 };
    const struct bag bag = { &term, 1 }, empty = { NULL, 0 };
    CLEANUP(neighbours_free_p) struct neighbours *n = neighbours_new();
    assert_non_null(n);
    assert_true(neighbours_nearest(n, &nothing, 1, NEIGHBOURS_NONE, &got, &e));
    assert_int_equal(got.report, NEIGHBOURS_NONE);
    assert_true(neighbours_nearest(n, &one, 1, NEIGHBOURS_NONE, &got, &e));
    assert_int_equal(got.report, NEIGHBOURS_NONE);

    size_t bytes = neighbours_bytes(n);
    for (uint32_t i = 0; i < 1000; i++) /* all the same: one variant in one family */
        assert_true(neighbours_add(n, i, 0, bag, empty,
                                   (struct neighbour){ i ? 0 : NEIGHBOURS_NONE, 4 }, &e));
    assert_true(neighbours_bytes(n) > bytes);
    struct neighbours_cost before = *neighbours_cost(n);
    assert_true(neighbours_nearest(n, &one, 1, NEIGHBOURS_NONE, &got, &e));
    assert_int_equal(got.report, 0);
    assert_true(got.score == 2.0f);
    const struct neighbours_cost *after = neighbours_cost(n);
    assert_int_equal(after->searches, before.searches + 1);
    assert_int_equal(after->families, before.families + 1);
    assert_int_equal(after->variants, before.variants + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_long_question),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
