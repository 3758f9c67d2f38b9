/* The similarity `culprit` while reports are superseded: the nearest is the one that looking at
 * every report that is left finds; and batches that were taken back, and restarts, do not show. */
#include "group/culprit_internal.h"

#include "../cmocka_all.h"
#include "base/vec.h"
#include "crashes.h"

#define ARENA_BYTES ((size_t)1 << 30)
#define ROUNDS 3
#define REPORTS 1500
#define BATCH_MAX 12
#define ROUNDING 2e-6 /* of a likeness, between two ways to work it out */

/* One report of the stream: what it was, what it was placed by, which one it took the place of. */
struct sent {
    struct report report;
    struct culprit_match near;
    uint32_t instead; /* or CULPRIT_NONE */
};

struct stream {
    struct crashes crashes;
    struct dice d;
    VEC(struct sent) sent;
    VEC(bool) gone; /* by report; of those that are kept */
    uint32_t kept;
    uint32_t matches, checked, moved, revived; /* what came to pass */
};

static bool is_cold(const void *ctx, struct str field)
{
    (void)ctx, (void)field;
    return false;
}

static struct culprit *culprit_made(void)
{
    struct culprit *c = culprit_new(0, is_cold, NULL);
    assert_non_null(c);
    return c;
}

/* Of a report: whether one that was sent took its place. */
static bool is_superseded(const void *ctx, uint32_t report)
{
    const struct stream *s = ctx;
    if (report < s->gone.len && s->gone.at[report])
        return true;
    for (size_t i = s->gone.len; i < s->sent.len; i++)
        if (s->sent.at[i].instead == report)
            return true;
    return false;
}

static struct culprit_match nearest(struct culprit *c, const struct report *r)
{
    struct culprit_match m;
    struct err e;
    assert_true(culprit_nearest(c, r, 0.0001F, &m, &e));
    return m;
}

/* Looking at all that are left. */

static const struct stack *stack_of(const struct culprit *c, uint32_t report)
{
    return culprit_stack(c, *(const uint32_t *)seglist_at(&c->reports, report));
}

/* Likeness to the report that was asked about; 0 when it may not be near. *unsure: rounding decides
 * whether it may. */
static double likeness_to(struct culprit *c, uint32_t report, bool *unsure)
{
    const struct stack *asked = &c->asked.stack, *other = stack_of(c, report);
    if (other->project != asked->project || other->is_context != asked->is_context)
        return 0;
    double likeness = culprit_likeness(c, asked, other);
    uint32_t equal = culprit_find_stack(c, &c->asked);
    bool is_equal = equal != CULPRIT_NONE && culprit_stack(c, equal) == other;
    if (culprit_stack(c, other->anchor) == other || is_equal)
        return is_equal ? 1 : likeness;
    double anchor = culprit_likeness(c, asked, culprit_stack(c, other->anchor));
    *unsure = fabs(anchor - ANCHOR_LIKENESS) < ROUNDING;
    return anchor < ANCHOR_LIKENESS ? 0 : likeness;
}

/* instead: the report whose place this one takes, and which is not to be found, too. */
static void check_nearest(struct stream *s, struct culprit *c, struct culprit_match got,
                          uint32_t instead)
{
    double best = 0, second = 0, of_got = 0; /* second: of other stacks */
    uint32_t first = CULPRIT_NONE;
    bool unsure = false;
    for (uint32_t i = 0; i < s->sent.len; i++) {
        if (i == instead || is_superseded(s, i))
            continue;
        double likeness = likeness_to(c, i, &unsure);
        if (unsure)
            return;
        of_got = i == got.report ? likeness : of_got;
        if (first != CULPRIT_NONE && stack_of(c, i) == stack_of(c, first))
            continue;
        if (likeness > best) {
            second = best;
            best = likeness;
            first = i;
        } else if (likeness > second) {
            second = likeness;
        }
    }
    s->checked++;
    if (got.report == CULPRIT_NONE) {
        assert_true(best < 0.0001);
        return;
    }
    assert_true(got.report != instead && !is_superseded(s, got.report));
    if (of_got < best - ROUNDING || (second < best - ROUNDING && got.report != first))
        fail_msg("report %zu: found %u with %.9g, not %u with %.9g", s->sent.len, got.report,
                 of_got, first, best);
}

/* Living. */

static uint32_t choose_superseded(struct stream *s)
{
    if (s->sent.len == 0 || !dice_percent(&s->d, 40))
        return CULPRIT_NONE;
    uint32_t report = dice(&s->d, (uint32_t)s->sent.len);
    return is_superseded(s, report) ? CULPRIT_NONE : report;
}

static void supersede(const struct stream *s, struct culprit *c, uint32_t report)
{
    struct err e;
    assert_true(culprit_supersede(c, report, is_superseded, s, &e));
}

/* Often one that came before, so that stacks have many reports, and come back. */
static struct report next_report(struct stream *s)
{
    struct report r;
    if (s->sent.len > 0 && dice_percent(&s->d, 40))
        return s->sent.at[dice(&s->d, (uint32_t)s->sent.len)].report;
    crashes_next(&s->crashes, &r);
    return r;
}

static void live_one(struct stream *s, struct culprit *c)
{
    struct err e;
    struct sent sent = { .report = next_report(s), .instead = choose_superseded(s) };
    uint32_t number = (uint32_t)s->sent.len;
    if (sent.instead != CULPRIT_NONE) {
        const struct stack *was = stack_of(c, sent.instead);
        bool is_first = was->first_report == sent.instead;
        supersede(s, c, sent.instead);
        s->moved += is_first && was->first_report != CULPRIT_NONE;
    }
    sent.near = nearest(c, &sent.report);
    uint32_t equal = culprit_find_stack(c, &c->asked);
    s->revived += equal != CULPRIT_NONE && culprit_stack(c, equal)->first_report == CULPRIT_NONE;
    if (dice_percent(&s->d, 25))
        check_nearest(s, c, sent.near, sent.instead);
    s->matches += sent.near.report != CULPRIT_NONE;
    assert_true(culprit_add(c, &sent.report, number, sent.near, &e));
    assert_true(VEC_PUSH(&s->sent, sent));
}

static void keep(struct stream *s, struct culprit *c)
{
    culprit_keep(c);
    while (s->gone.len < s->sent.len)
        assert_true(VEC_PUSH(&s->gone, false));
    for (; s->kept < s->sent.len; s->kept++)
        if (s->sent.at[s->kept].instead != CULPRIT_NONE)
            s->gone.at[s->sent.at[s->kept].instead] = true;
}

static void assert_same(struct culprit_match x, struct culprit_match y)
{
    assert_int_equal(x.report, y.report);
    assert_memory_equal(&x.score, &y.score, sizeof x.score);
}

/* Adds what stayed, from one on, as a start does it; and each is placed as it was. */
static void replay(const struct stream *s, struct culprit *c, uint32_t from, bool placed)
{
    struct err e;
    struct stream so_far = *s;
    so_far.gone.len = 0;
    for (uint32_t i = from; i < s->sent.len; i++) {
        const struct sent *sent = &s->sent.at[i];
        so_far.sent.len = i;
        if (sent->instead != CULPRIT_NONE)
            supersede(&so_far, c, sent->instead);
        if (placed)
            assert_same(nearest(c, &sent->report), sent->near);
        assert_true(culprit_add(c, &sent->report, i, sent->near, &e));
    }
    culprit_keep(c);
}

static void check_restart(struct stream *s, struct culprit *lived)
{
    struct culprit *again = culprit_made();
    replay(s, again, 0, false);
    for (uint32_t i = 0; i < 60; i++) {
        struct report r = next_report(s);
        assert_same(nearest(again, &r), nearest(lived, &r));
    }
    for (size_t i = 0; i < lived->stacks.len; i++) {
        const struct stack *a = culprit_stack(lived, (uint32_t)i);
        const struct stack *b = culprit_stack(again, (uint32_t)i);
        assert_int_equal(a->first_report, b->first_report);
        assert_int_equal(a->living, b->living);
        assert_int_equal(a->anchor, b->anchor);
    }
    culprit_free(again);
}

static void live_batch(struct stream *s, struct culprit *lived, struct culprit *plain)
{
    uint32_t count = 1 + dice(&s->d, BATCH_MAX), first = (uint32_t)s->sent.len;
    if (dice_percent(&s->d, 30)) { /* could not be stored */
        for (uint32_t i = 0; i < count; i++)
            live_one(s, lived);
        culprit_undo(lived);
        s->sent.len = first;
    }
    for (uint32_t i = 0; i < count; i++)
        live_one(s, lived);
    keep(s, lived);
    replay(s, plain, first, true);
}

static void test_superseded(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        struct stream s = { .d = d };
        struct culprit *lived = culprit_made(), *plain = culprit_made();
        s.crashes = (struct crashes){ .projects = 2,
                                      .bugs = 40,
                                      .functions = 150,
                                      .builds = 3,
                                      .fresh = 10,
                                      .d = { dice_bits(&d) },
                                      .arena = arena_new(ARENA_BYTES) };
        assert_non_null(s.crashes.arena);
        for (uint32_t next_check = 300; s.sent.len < REPORTS;) {
            live_batch(&s, lived, plain);
            if (s.sent.len >= next_check) {
                check_restart(&s, lived);
                next_check += 300;
            }
        }
        printf("%u with a match, %u checked; %u times the first of a stack went and another was "
               "left, %u stacks came back\n",
               s.matches, s.checked, s.moved, s.revived);
        assert_true(s.matches > REPORTS / 3 && s.checked > 200 && s.moved > 20 && s.revived > 5);
        culprit_free(lived);
        culprit_free(plain);
        VEC_FREE(&s.sent);
        VEC_FREE(&s.gone);
        arena_free(s.crashes.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_superseded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
