/* culprit_search.c - the nearest report by `culprit`.
 *
 * An equal stack is the nearest, and found by its hash. Else candidates are the stacks that hold a
 * function with blame in this report near their top, by falling blame; once the blame that is left
 * could not lift an unseen stack over the best one, no more are looked at. */
#include "group/culprit_internal.h"

#include <string.h>

#define CANDIDATES_MAX 50000 /* stacks looked at for one report, newest first */

struct search {
    struct culprit *c;
    const struct stack *asked;
    float blame[STACK_FUNCTIONS_MAX];
    uint32_t count; /* functions with blame */
    uint32_t candidates;
    bool is_cut_short;
    double best;    /* likeness of the best stack; before there is one, 0 */
    uint32_t stack; /* the best one, or CULPRIT_NONE */
};

static bool fits_scratch(struct culprit *c)
{
    size_t functions = c->helpers.functions.len, stacks = c->stacks.len;
    if ((functions > c->left.len && !VEC_RESERVE(&c->left, functions - c->left.len)) ||
        (stacks > c->seen.len && !VEC_RESERVE(&c->seen, stacks - c->seen.len)))
        return false;
    for (; c->left.len < functions; c->left.len++)
        c->left.at[c->left.len] = -1; /* not a function of the question */
    for (; c->seen.len < stacks; c->seen.len++)
        c->seen.at[c->seen.len] = 0;
    return true;
}

/* left[f]: the blame of f in the question; 0 when f only stands further out; else -1. */
static void question_mark(struct search *s)
{
    for (uint32_t i = 0; i < s->asked->count; i++)
        s->c->left.at[s->asked->functions[i]] = 0;
    for (uint32_t i = 0; i < s->count; i++)
        s->c->left.at[s->asked->functions[i]] += s->blame[i];
}

static void question_clear(struct search *s)
{
    for (uint32_t i = 0; i < s->asked->count; i++)
        s->c->left.at[s->asked->functions[i]] = -1;
}

/* Blame that both have in common. */
static double common_blame(struct search *s, const struct stack *other)
{
    float blame[STACK_FUNCTIONS_MAX], taken[STACK_FUNCTIONS_MAX];
    uint32_t count = culprit_blame(s->c, other, blame);
    double common = 0;
    for (uint32_t i = 0; i < count; i++) {
        float *left = &s->c->left.at[other->functions[i]];
        taken[i] = *left <= 0 ? 0 : *left < blame[i] ? *left : blame[i];
        *left -= taken[i];
        common += (double)taken[i];
    }
    for (uint32_t i = 0; i < count; i++)
        s->c->left.at[other->functions[i]] += taken[i];
    return common;
}

static double shared_rest(const struct search *s, const struct stack *other)
{
    uint32_t shared = 0, all = s->asked->count + other->count;
    for (uint32_t i = 0; i < other->count; i++)
        shared += s->c->left.at[other->functions[i]] >= 0;
    double rest = 2.0 * shared / all;
    return rest < 1 ? rest : 1;
}

/* Chains of near reports must not lead to unlike ones: see struct stack. */
static bool is_far_from_anchor(const struct search *s, const struct stack *other, uint32_t number)
{
    return other->anchor != number &&
           culprit_likeness(s->c, s->asked, culprit_stack(s->c, other->anchor)) < ANCHOR_LIKENESS;
}

static void look_at(struct search *s, uint32_t number)
{
    const struct stack *other = culprit_stack(s->c, number);
    if (other->is_context != s->asked->is_context || other->first_report == CULPRIT_NONE)
        return;
    bool differ = culprit_deaths_differ(s->c, s->asked, other);
    double likeness = common_blame(s, other);
    if (likeness * culprit_factor(s->c, differ, 1) < s->best)
        return;
    likeness *= culprit_factor(s->c, differ, shared_rest(s, other));
    if (likeness < s->best || is_far_from_anchor(s, other, number))
        return;
    bool is_older = s->stack != CULPRIT_NONE &&
                    other->first_report < culprit_stack(s->c, s->stack)->first_report;
    if (likeness > s->best || (likeness == s->best && is_older)) {
        s->best = likeness;
        s->stack = number;
    }
}

/* False: enough were looked at. */
static bool look_once(struct search *s, uint32_t stack)
{
    s->c->cost.postings++;
    if (s->c->seen.at[stack] == s->c->search)
        return true;
    if (s->candidates == CANDIDATES_MAX) {
        s->is_cut_short = true;
        return false;
    }
    s->c->seen.at[stack] = s->c->search;
    s->candidates++;
    look_at(s, stack);
    return true;
}

static void look_through(struct search *s, uint32_t function)
{
    const struct function *f = helpers_at(&s->c->helpers, function);
    for (const struct stack_block *b = f->stacks; b; b = b->older)
        for (uint32_t i = b->count; i-- > 0;)
            if (!look_once(s, b->stacks[i]))
                return;
    if (f->stack_count > 0)
        (void)look_once(s, f->first_stack);
}

/* The function of the question with the most blame that was not looked through; its blame goes. */
static uint32_t next_function(struct search *s, float *blame)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < s->count; i++)
        if (s->blame[i] > s->blame[best])
            best = i;
    *blame = s->blame[best];
    s->blame[best] = -1;
    return s->asked->functions[best];
}

static void search_all(struct search *s)
{
    double left = 1;
    question_mark(s);
    for (uint32_t i = 0; i < s->count && left >= s->best; i++) {
        float blame;
        uint32_t function = next_function(s, &blame);
        look_through(s, function);
        left -= (double)blame;
    }
    question_clear(s);
}

bool culprit_nearest(struct culprit *c, const struct report *r, float least,
                     struct culprit_match *out, struct err *e)
{
    if (!culprit_ask(c, r, e))
        return false;
    if (!fits_scratch(c))
        return err_set(e, ERR_NOMEM, 0, "no memory to place a report");
    struct search s = { .c = c, .asked = &c->asked.stack };
    s.stack = s.asked->count ? culprit_find_stack(c, &c->asked) : CULPRIT_NONE;
    if (s.stack != CULPRIT_NONE && culprit_stack(c, s.stack)->first_report == CULPRIT_NONE)
        s.stack = CULPRIT_NONE;
    c->cost.searches++;
    if (s.stack != CULPRIT_NONE) {
        s.best = 1;
    } else if (s.asked->count) {
        if (++c->search ==
            0) { /* all counted through: no mark of before may be taken for one of now */
            memset(c->seen.at, 0, c->seen.len * sizeof *c->seen.at);
            c->search = 1;
        }
        s.count = culprit_blame(c, s.asked, s.blame);
        search_all(&s);
        c->cost.candidates += s.candidates;
        c->cost.cut_short += s.is_cut_short;
    }
    float score = (float)culprit_score(s.best);
    *out = (struct culprit_match){ CULPRIT_NONE, 0 };
    if (s.stack != CULPRIT_NONE && score >= least)
        *out = (struct culprit_match){ culprit_stack(c, s.stack)->first_report, score };
    return true;
}
