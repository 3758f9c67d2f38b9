/* neighbours.c - the search for the nearest report.
 *
 * The hard part is to look at little. In order: the family of an earlier report with the same stack
 * sets the bar high; then inverted lists are added up, those that can give most first, until a
 * family in none of them could not reach the bar; the few families that still can are looked into,
 * best first, each report with a bound of its own before it is scored exactly.
 *
 * Bounds are sums in single precision and so a little off; BOUND_SLACK makes up for it, and what
 * passes is scored exactly, in double precision and in the order of the query's terms. */
#include "group/neighbours.h"

#include "base/vec.h"
#include "group/neighbours_internal.h"
#include "group/similarity.h"

#include <assert.h>
#include <string.h>

#define BOUND_SLACK 1.0001f /* and for each term of the query, since roundings of equal terms */
#define BOUND_SLACK_TERM 2.5e-7f /* all go the same way: two additions and a product */
/* Postings after which a first family is looked into; the next when four times as many are read. */
#define SEED_POSTINGS 400
#define BOUND_COST 2   /* bounding a family by its signature costs as much as so many postings */
#define AHEAD 8        /* so many families ahead, memory is asked for what is about to be read */
#define PLANES_WORTH 8 /* stacks in a family from which on bounding each by signature pays */

struct search {
    struct neighbours *n;
    const struct query *q;
    uint32_t min_match;
    struct stack_last own; /* where the latest report with the same stack is */
    float slack;           /* that bounds are multiplied by */
    float bar;             /* the score to reach: of the best so far, or what was asked for */
    double rest;           /* what the lists that are not read can give together */
    struct neighbour best;
};

/* Room for the scratch of one search, by place in the query. */
static bool scratch_reserve(struct scratch *s, uint32_t terms)
{
    if (terms <= s->cap)
        return true;
    uint32_t cap = terms * 2;
    float *weight = reallocarray(s->weight, cap, sizeof *weight);
    if (weight)
        s->weight = weight;
    double *part = reallocarray(s->part, cap, sizeof *part);
    if (part)
        s->part = part;
    struct ahead *ahead = reallocarray(s->ahead, cap, sizeof *ahead);
    if (ahead)
        s->ahead = ahead;
    uint32_t *heap = reallocarray(s->heap, cap, sizeof *heap);
    if (heap)
        s->heap = heap;
    if (!weight || !part || !ahead || !heap)
        return false;
    s->cap = cap;
    return true;
}

/* Puts heap[i] where it belongs among those below it. */
static void heap_sink(struct scratch *t, uint32_t i)
{
    uint32_t at = t->heap[i];
    float most = t->ahead[at].most;
    for (uint32_t child; (child = 2 * i + 1) < t->heap_count; i = child) {
        if (child + 1 < t->heap_count &&
            t->ahead[t->heap[child + 1]].most > t->ahead[t->heap[child]].most)
            child++;
        if (t->ahead[t->heap[child]].most <= most)
            break;
        t->heap[i] = t->heap[child];
    }
    t->heap[i] = at;
}

/* Passes over lists that are empty; says what the one that is next can give, and so any behind it.
 */
static void ahead_find(struct scratch *t, uint32_t at)
{
    struct ahead *a = &t->ahead[at];
    float most = 0;
    while (a->next < 2 && term_list(a->lists, a->next)->count == 0)
        a->next++;
    for (uint32_t i = a->next; i < 2; i++)
        most = term_list(a->lists, i)->most > most ? term_list(a->lists, i)->most : most;
    a->most = t->weight[at] * most;
}

/* Weights of the query's terms, and their lists, none of them read. */
static bool search_prepare(struct search *s)
{
    struct neighbours *n = s->n;
    struct scratch *t = &n->scratch;
    if (!scratch_reserve(t, s->q->count) || !term_set_fill(&t->terms, s->q->count))
        return false;
    t->heap_count = 0;
    for (uint32_t i = 0; i < s->q->count; i++) {
        const struct query_term *q = &s->q->at[i];
        term_set_put(&t->terms, q->term, i);
        t->weight[i] = (float)(q->idf * q->idf * s->q->norm);
        if (q->term >= n->lists.len)
            continue; /* no report has it */
        t->ahead[i] = (struct ahead){ .lists = &n->lists.at[q->term] };
        ahead_find(t, i);
        if (t->ahead[i].next == 2)
            continue;
        t->heap[t->heap_count++] = i;
        s->rest += (double)t->ahead[i].most;
    }
    for (uint32_t i = t->heap_count / 2; i-- > 0;)
        heap_sink(t, i);
    return true;
}

/* What a sum over `matching` terms may score at most. */
static inline float bound(const struct search *s, float sum, uint32_t matching)
{
    if (matching < s->min_match)
        return -1.0f;
    return sum * (float)matching / (float)s->q->count * s->slack;
}

/* Puts what each matching term gives into scratch.part, where the others are 0. */
static uint32_t parts_add(const struct search *s, const uint32_t *words, const struct packed *p)
{
    uint32_t matching = 0, over = 0;
    words = packed_words(words, p);
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t tf = packed_tf(words, p, i, &over);
        uint32_t at = s->n->scratch.seen_at[packed_local(words[i])];
        if (at == NEIGHBOURS_NONE)
            continue;
        s->n->scratch.part[at] = similarity_part(tf, s->q->at[at].idf, packed_norm(words[i]));
        matching++;
    }
    return matching;
}

/* The score itself, as similarity.h says. */
static float score_exactly(const struct search *s, const struct family *f, struct variant v)
{
    double *part = s->n->scratch.part;
    memset(part, 0, s->q->count * sizeof *part);
    uint32_t matching = parts_add(s, f->stack_words, &f->stacks[v.stack].bag);
    matching += parts_add(s, f->other_words, &f->others[v.other].bag);
    double sum = 0;
    for (uint32_t i = 0; i < s->q->count; i++)
        sum += part[i];
    return similarity_score(sum, s->q->norm, matching, s->q->count);
}

/* What the terms of a bag give, in single precision: where a search spends most of its time. */
static struct partial packed_sum(const struct neighbours *n, const uint32_t *words,
                                 const struct packed *p)
{
    const float *weights = n->scratch.seen_weights, *impacts = n->impacts;
    float sum = 0;
    uint32_t matching = 0, over = 0;
    words = packed_words(words, p);
    for (uint32_t i = 0; i < p->count; i++) {
        float weight = weights[packed_local(words[i])];
        sum += weight * impacts[words[i] & PACKED_IMPACT];
        matching += weight > 0;
    }
    for (uint32_t i = 0; over < p->over_count; i++) {
        if ((words[i] & 0xff) != PACKED_OVER)
            continue;
        float root = sqrtf((float)words[p->count + over++]);
        sum += weights[packed_local(words[i])] * root * n->norms[packed_norm(words[i])];
    }
    return (struct partial){ sum, matching };
}

/* Room for what is computed about one family. */
static bool family_reserve(struct scratch *t, const struct family *f)
{
    if (f->term_count > t->seen_cap) {
        uint32_t *at = reallocarray(t->seen_at, f->term_count * 2u, sizeof *at);
        if (at)
            t->seen_at = at;
        float *weights = reallocarray(t->seen_weights, f->term_count * 2u, sizeof *weights);
        if (weights)
            t->seen_weights = weights;
        if (!at || !weights)
            return false;
        t->seen_cap = f->term_count * 2u;
    }
    if (f->other_count > t->others_cap) {
        struct partial *others = reallocarray(t->others, f->other_count * 2u, sizeof *others);
        if (!others)
            return false;
        t->others = others;
        t->others_cap = f->other_count * 2u;
    }
    if (f->stack_count > t->stacks_cap) {
        struct partial *stacks = reallocarray(t->stacks, f->stack_count * 2u, sizeof *stacks);
        if (stacks)
            t->stacks = stacks;
        float *bounds = reallocarray(t->stack_bounds, f->stack_count * 2u, sizeof *bounds);
        if (bounds)
            t->stack_bounds = bounds;
        if (!stacks || !bounds)
            return false;
        t->stacks_cap = f->stack_count * 2u;
    }
    return true;
}

/* Finds which of the family's terms the query has, and what they can give: those of the stack
 * traces together, and the others. */
static void family_seen(struct neighbours *n, const struct family *f, struct partial *stack,
                        struct partial *other)
{
    struct scratch *t = &n->scratch;
    *stack = *other = (struct partial){ 0, 0 };
    for (uint32_t j = 0; j < f->term_count; j++) {
        uint32_t at = term_set_find(&t->terms, f->terms[j].term & FAMILY_TERM);
        t->seen_at[j] = at;
        t->seen_weights[j] = at == NEIGHBOURS_NONE ? 0 : t->weight[at];
        if (at == NEIGHBOURS_NONE)
            continue;
        struct partial *part = f->terms[j].term & FAMILY_OTHER ? other : stack;
        part->sum += t->weight[at] * f->terms[j].most;
        part->matching++;
    }
}

/* Not added up yet, or not worth it. */
static const struct partial unknown = { -1, 0 };

/* What one of the other parts gives; added up when it is first asked for. */
static struct partial other_sum(struct neighbours *n, const struct family *f, uint32_t i)
{
    struct partial *p = &n->scratch.others[i];
    if (p->sum < 0)
        *p = packed_sum(n, f->other_words, &f->others[i].bag);
    return *p;
}

/* Lays out what the query's terms can give in the family's stacks. */
static void family_planes(struct neighbours *n, const struct family *f)
{
    struct scratch *t = &n->scratch;
    signature_weights_reset(&t->weights);
    for (uint32_t j = 0; j < f->term_count; j++)
        if (t->seen_at[j] != NEIGHBOURS_NONE && !(f->terms[j].term & FAMILY_OTHER))
            signature_weights_add(&t->weights, j % SIGNATURE_BITS,
                                  t->seen_weights[j] * f->terms[j].most);
    signature_planes_make(&t->planes, &t->weights);
}

/* Scores the variants that can reach the bar; of one stack only, unless it is NEIGHBOURS_NONE. */
static void look_at_variants(struct search *s, const struct family *f, uint32_t stack)
{
    const struct scratch *t = &s->n->scratch;
    for (uint32_t i = 0; i < f->variant_count; i++) {
        struct variant v = f->variants[i];
        struct partial a = t->stacks[v.stack];
        if ((stack != NEIGHBOURS_NONE && v.stack != stack) || a.sum < 0)
            continue;
        struct partial b = other_sum(s->n, f, v.other);
        if (bound(s, a.sum + b.sum, a.matching + b.matching) < s->bar)
            continue;
        s->n->cost.variants++;
        float score = score_exactly(s, f, v);
        if (score < s->bar || (score == s->best.score && s->best.report < v.report))
            continue;
        s->best = (struct neighbour){ v.report, score };
        s->bar = score;
    }
}

/* Adds up stack i, and says whether it can reach the bar with the best of the other parts; when
 * not, it stays unknown. */
static bool stack_sum(struct search *s, const struct family *f, uint32_t i, struct partial other)
{
    struct partial p = packed_sum(s->n, f->stack_words, &f->stacks[i].bag);
    bool enough = bound(s, p.sum + other.sum, p.matching + other.matching) >= s->bar;
    s->n->scratch.stacks[i] = enough ? p : unknown;
    s->n->cost.stacks++;
    return enough;
}

/* Bounds each stack of a large family by its signature; returns the most promising one, or
 * NEIGHBOURS_NONE when none can reach the bar. */
static uint32_t stacks_bound(struct search *s, const struct family *f, struct partial other)
{
    struct scratch *t = &s->n->scratch;
    uint32_t best = NEIGHBOURS_NONE;
    float most = s->bar;
    family_planes(s->n, f);
    for (uint32_t i = 0; i < f->stack_count; i++) {
        struct signature_bound b = s->n->bound(&t->planes, &f->signatures[i]);
        t->stack_bounds[i] = bound(s, b.sum + other.sum, b.count + other.matching);
        if (t->stack_bounds[i] >= most) {
            most = t->stack_bounds[i];
            best = i;
        }
    }
    return best;
}

/* The same for a small one, where adding them up is as cheap. */
static bool stacks_sum(struct search *s, const struct family *f, struct partial other)
{
    bool any = false;
    for (uint32_t i = 0; i < f->stack_count; i++)
        any |= stack_sum(s, f, i, other);
    return any;
}

/* Looks at the variants of one stack first, so that the bar is high for the others. */
static void stack_first(struct search *s, const struct family *f, uint32_t stack,
                        struct partial other)
{
    if (stack_sum(s, f, stack, other))
        look_at_variants(s, f, stack);
}

/* Scores the reports of a family that can reach the bar: its stacks first, since most families have
 * none that can. */
static void family_search(struct search *s, const struct family *f, struct partial other,
                          uint32_t own)
{
    struct scratch *t = &s->n->scratch;
    for (uint32_t i = 0; i < f->other_count; i++)
        t->others[i] = unknown;
    if (f->stack_count < PLANES_WORTH) {
        if (stacks_sum(s, f, other))
            look_at_variants(s, f, NEIGHBOURS_NONE);
        return;
    }
    if (own != NEIGHBOURS_NONE)
        stack_first(s, f, own, other);
    uint32_t best = stacks_bound(s, f, other);
    if (best == NEIGHBOURS_NONE)
        return;
    if (own == NEIGHBOURS_NONE)
        stack_first(s, f, best, other);
    for (uint32_t i = 0; i < f->stack_count; i++) {
        if (t->stack_bounds[i] < s->bar)
            t->stacks[i] = unknown;
        else
            (void)stack_sum(s, f, i, other);
    }
    look_at_variants(s, f, NEIGHBOURS_NONE);
}

static bool look_into(struct search *s, uint32_t number)
{
    struct neighbours *n = s->n;
    const struct family *f = &n->families.at[number];
    if (n->looked.at[number] == n->serial)
        return true;
    n->looked.at[number] = n->serial;
    n->cost.families++;
    if (!family_reserve(&n->scratch, f))
        return false;
    struct partial stack, other;
    family_seen(n, f, &stack, &other);
    if (bound(s, stack.sum + other.sum, stack.matching + other.matching) >= s->bar)
        family_search(s, f, other, s->own.family == number ? s->own.place : NEIGHBOURS_NONE);
    return true;
}

/* The list to be read next: the one that can give most. */
static const struct list *list_next(const struct scratch *t)
{
    const struct ahead *a = &t->ahead[t->heap[0]];
    return term_list(a->lists, a->next);
}

/* Adds a list to the sums of its families. `fresh`: families that no list has led to yet are taken
 * in; else they are passed over. */
static void list_add_up(struct neighbours *n, const struct list *l, float weight, bool fresh)
{
    struct scratch *t = &n->scratch;
    n->cost.postings += l->count;
    for (uint32_t i = 0; i < l->count; i++) {
        if (i + AHEAD < l->count)
            __builtin_prefetch(&n->sums.at[l->at[i + AHEAD].family & POSTING_FAMILY]);
        struct posting p = l->at[i];
        uint32_t family = p.family & POSTING_FAMILY;
        struct sum *sum = &n->sums.at[family];
        if (!sum->touched) {
            if (!fresh)
                continue;
            sum->touched = true;
            t->touched[t->touched_count++] = family;
        }
        sum->sum += weight * p.most;
        sum->matching = (uint16_t)(sum->matching + !(p.family & POSTING_MORE));
    }
}

static void list_read(struct search *s, bool fresh)
{
    struct scratch *t = &s->n->scratch;
    uint32_t at = t->heap[0];
    struct ahead *a = &t->ahead[at];
    list_add_up(s->n, list_next(t), t->weight[at], fresh);
    s->rest -= (double)a->most;
    a->next++;
    ahead_find(t, at);
    s->rest += (double)a->most;
    if (a->next == 2)
        t->heap[0] = t->heap[--t->heap_count];
    if (t->heap_count)
        heap_sink(t, 0);
}

/* What a family can score at most that no list has led to yet. */
static float bound_unseen(const struct search *s)
{
    return bound(s, (float)s->rest, s->n->scratch.heap_count);
}

static uint32_t at_most(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What a family can score at most, given the lists that are not read. */
static float bound_family(const struct search *s, const struct sum *sum)
{
    return bound(s, sum->sum + (float)s->rest,
                 at_most(sum->matching + s->n->scratch.heap_count, s->q->count));
}

/* Drops the families that cannot reach the bar any more, or were looked into; returns the most
 * promising one that is left, or NEIGHBOURS_NONE. No list may be read afresh after this. */
static uint32_t touched_filter(struct search *s)
{
    struct scratch *t = &s->n->scratch;
    uint32_t kept = 0, best = NEIGHBOURS_NONE;
    float most = 0;
    for (uint32_t i = 0; i < t->touched_count; i++) {
        uint32_t family = t->touched[i];
        struct sum *sum = &s->n->sums.at[family];
        float promise = bound_family(s, sum);
        if (promise < s->bar || s->n->looked.at[family] == s->n->serial) {
            *sum = (struct sum){ 0 };
            continue;
        }
        t->touched[kept++] = family;
        if (promise > most) {
            most = promise;
            best = family;
        }
    }
    t->touched_count = kept;
    return best;
}

/* Looks into the most promising family, so that the bar is high for the others. */
static bool look_into_best(struct search *s)
{
    struct scratch *t = &s->n->scratch;
    uint32_t best = NEIGHBOURS_NONE;
    float most = s->bar;
    for (uint32_t i = 0; i < t->touched_count; i++) {
        uint32_t family = t->touched[i];
        float promise = bound_family(s, &s->n->sums.at[family]);
        if (promise >= most && s->n->looked.at[family] != s->n->serial) {
            most = promise;
            best = family;
        }
    }
    return best == NEIGHBOURS_NONE || look_into(s, best);
}

static int by_bound(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->bound != y->bound)
        return x->bound < y->bound ? 1 : -1;
    return (x->family > y->family) - (x->family < y->family);
}

/* Lays out what the lists that are not read can give to a family. */
static void rest_planes(struct search *s)
{
    struct scratch *t = &s->n->scratch;
    signature_weights_reset(&t->weights);
    for (uint32_t i = 0; i < t->heap_count; i++) {
        uint32_t at = t->heap[i];
        signature_weights_add(&t->weights, term_bit(s->q->at[at].term), t->ahead[at].most);
    }
    signature_planes_make(&t->planes, &t->weights);
}

/* Looks into all that are left, best first; their signatures stand in for the lists not read. */
static bool look_into_rest(struct search *s)
{
    struct scratch *t = &s->n->scratch;
    uint32_t count = 0;
    rest_planes(s);
    for (uint32_t i = 0; i < t->touched_count; i++) {
        if (i + AHEAD < t->touched_count)
            __builtin_prefetch(&s->n->signatures.at[t->touched[i + AHEAD]]);
        uint32_t family = t->touched[i];
        const struct sum *sum = &s->n->sums.at[family];
        struct signature_bound b = s->n->bound(&t->planes, &s->n->signatures.at[family]);
        float most = bound(s, sum->sum + b.sum, at_most(sum->matching + b.count, s->q->count));
        if (most >= s->bar)
            t->candidates[count++] = (struct candidate){ family, most };
    }
    if (count)
        qsort(t->candidates, count, sizeof *t->candidates, by_bound);
    for (uint32_t i = 0; i < count && t->candidates[i].bound >= s->bar; i++)
        if (!look_into(s, t->candidates[i].family))
            return false;
    return true;
}

static bool search_run(struct search *s)
{
    struct scratch *t = &s->n->scratch;
    uint64_t read = 0, seed_at = SEED_POSTINGS;
    while (t->heap_count && bound_unseen(s) >= s->bar) {
        read += list_next(t)->count;
        list_read(s, true);
        if (read >= seed_at) {
            if (!look_into_best(s))
                return false;
            seed_at = read * 4;
        }
    }
    uint32_t best = touched_filter(s);
    if (best != NEIGHBOURS_NONE && !look_into(s, best))
        return false;
    /* While many are left, reading some more lists is cheaper than bounding each of them. */
    for (bool more = true; more;) {
        uint64_t budget = (uint64_t)t->touched_count * BOUND_COST;
        for (more = false; t->heap_count && list_next(t)->count <= budget; more = true) {
            budget -= list_next(t)->count;
            list_read(s, false);
        }
        (void)touched_filter(s);
    }
    return look_into_rest(s);
}

static void sums_clear(struct neighbours *n)
{
    for (uint32_t i = 0; i < n->scratch.touched_count; i++)
        n->sums.at[n->scratch.touched[i]] = (struct sum){ 0 };
    n->scratch.touched_count = 0;
}

bool neighbours_nearest(struct neighbours *n, const struct query *q, float least, uint32_t stack,
                        struct neighbour *out, struct err *e)
{
    *out = (struct neighbour){ NEIGHBOURS_NONE, 0 };
    if (q->count == 0)
        return true;
    n->cost.searches++;
    n->serial++;
    struct search s = {
        .n = n, .q = q, .min_match = similarity_min_match(q->count), .bar = least, .best = *out
    };
    s.own = neighbours_stack_last(n, stack);
    s.slack = BOUND_SLACK + BOUND_SLACK_TERM * (float)q->count;
    bool ok = search_prepare(&s);
    if (ok && s.own.family != NEIGHBOURS_NONE)
        ok = look_into(&s, s.own.family);
    if (ok)
        ok = search_run(&s);
    sums_clear(n);
    if (!ok)
        return err_set(e, ERR_NOMEM, 0, "no memory for a search");
    *out = s.best;
    return true;
}
