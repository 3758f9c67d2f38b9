/* helpers.c - see the header.
 *
 * The likelihood of deaths. base(s) is how often programs of the project die by s. When one fault
 * is at work that kills by b, a crash shows s with
 *
 *     same(s | b) = 0.89 if s = b;  0.1 if s is an abort;  0.01 else          (b no abort)
 *                   0.98 if s = b;  0.02 else                                 (b an abort)
 *
 * for handlers and assertions end a dying program by an abort, while what aborts does not turn into
 * something else. What the project's programs hardly ever die by is as unlikely here, and s = b
 * that much likelier: else, where all die alike, each crash would speak against one fault. One
 * caller's crashes are of one fault, or of many (then each shows s with base(s)); both are taken as
 * likely. */
#include "group/helpers.h"

#include "group/culprit.h"

#include <math.h>
#include <string.h>

#define ABORT_OF_OTHER 0.1
#define ANOTHER 0.01
#define OTHER_OF_ABORT 0.02
#define LEAST 1e-6
#define ONE_FAULT 0.5 /* of one caller's crashes, before anything is known */

struct caller {
    uint32_t caller;
    uint32_t total; /* weight of its crashes */
    uint32_t kind[HELPER_CALLER_KINDS], weight[HELPER_CALLER_KINDS];
    uint32_t kinds;
};

bool helpers_init(struct helpers *hs, unsigned without)
{
    hs->without = without;
    seglist_init(&hs->functions, sizeof(struct function));
    return number_map_init(&hs->map);
}

void helpers_done(struct helpers *hs)
{
    seglist_done(&hs->functions);
    number_map_done(&hs->map);
}

/* Functions. */

static float h_of(double log_odds)
{
    return (float)(1.0 / (1.0 + exp(-log_odds)));
}

static double log_odds(const struct helpers *hs, const struct function *f, double callers,
                       double deaths)
{
    if (hs->without & CULPRIT_HELPERS)
        return log(HELPER_CONSTANT / (1 - HELPER_CONSTANT));
    double word = f->is_memory_word && !(hs->without & CULPRIT_WORDS) ? HELPER_WORD : 0;
    double own = hs->without & CULPRIT_DEATHS
                     ? 0
                     : fmax(-HELPER_DEATHS_MAX, fmin(HELPER_DEATHS_MAX, deaths));
    return HELPER_BIAS + HELPER_CALLERS * log(1 + callers) + word + own;
}

uint32_t helpers_function(struct helpers *hs, uint32_t project, uint32_t name, bool is_memory_word)
{
    const struct number_key key = { project, name, 0 };
    uint32_t id = number_map_find(&hs->map, key);
    if (id != NUMBER_MAP_NONE)
        return id;
    if (!seglist_grow(&hs->functions, 1))
        return HELPER_NONE;
    id = (uint32_t)(hs->functions.len - 1);
    struct function *f = helpers_at(hs, id);
    f->name = name;
    f->project = project;
    f->is_memory_word = is_memory_word;
    atomic_store_explicit(&f->h, h_of(log_odds(hs, f, 0, 0)), memory_order_relaxed);
    if (number_map_insert(&hs->map, key, id))
        return id;
    seglist_truncate(&hs->functions, id);
    return HELPER_NONE;
}

void helpers_expect(const struct helpers *hs, uint32_t project, uint32_t name)
{
    number_map_expect(&hs->map, (struct number_key){ project, name, 0 });
}

void helpers_rewind(struct helpers *hs, size_t functions)
{
    for (size_t id = hs->functions.len; id-- > functions;) {
        const struct function *f = helpers_at(hs, (uint32_t)id);
        number_map_remove(&hs->map, (struct number_key){ f->project, f->name, 0 });
    }
    seglist_truncate(&hs->functions, functions);
}

/* Deaths. */

bool deaths_count(struct deaths *d, uint32_t death, struct journal *j)
{
    uint32_t i = 0;
    while (i < d->kinds && d->kind[i] != death)
        i++;
    if (i == HELPER_KINDS)
        i--; /* the rare ones share the last place */
    if (!journal_u32(j, &d->kinds) || !journal_u32(j, &d->kind[i]) ||
        !journal_u32(j, &d->count[i]) || !journal_u32(j, &d->total))
        return false;
    if (i == d->kinds) {
        d->kinds++;
        d->kind[i] = death;
    }
    d->count[i]++;
    d->total++;
    return true;
}

static double base_of(const struct deaths *d, uint32_t death)
{
    double count = 0.5;
    for (uint32_t i = 0; i < d->kinds; i++)
        if (d->kind[i] == death)
            count += d->count[i];
    return count / (d->total + 0.5 * (d->kinds + 1)); /* one for all that did not come yet */
}

/* ln of how likely a fault that kills by `fault` shows each of the kinds. */
static void log_same(double *out, const uint32_t *kind, uint32_t kinds, uint32_t fault,
                     uint32_t abort, const struct deaths *base)
{
    bool is_abort = fault == abort;
    double aborts = is_abort ? 0 : base_of(base, abort);
    double others = fmax(1 - base_of(base, fault) - aborts, LEAST);
    others = fmin(is_abort ? OTHER_OF_ABORT : ANOTHER, others);
    aborts = fmin(ABORT_OF_OTHER, aborts);
    for (uint32_t s = 0; s < kinds; s++)
        out[s] = log(kind[s] == fault ? 1 - aborts - others : kind[s] == abort ? aborts : others);
}

/* ln of the likelihood of these deaths if one fault is behind them all. */
static double log_one_fault(const uint32_t *kind, const uint32_t *weight, uint32_t kinds,
                            uint32_t abort, const struct deaths *base)
{
    double best = -INFINITY, sum = 0, logs[HELPER_KINDS], same[HELPER_KINDS];
    for (uint32_t b = 0; b < kinds; b++) {
        log_same(same, kind, kinds, kind[b], abort, base);
        logs[b] = log(base_of(base, kind[b]));
        for (uint32_t s = 0; s < kinds; s++)
            logs[b] += (double)weight[s] / HELPER_UNIT * same[s];
        best = fmax(best, logs[b]);
    }
    for (uint32_t b = 0; b < kinds; b++)
        sum += exp(logs[b] - best);
    return kinds ? best + log(sum) : 0;
}

/* The same if they are of one fault or, as likely, of many. */
static double log_own(const struct caller *c, uint32_t abort, const struct deaths *base)
{
    if (c->kinds == 0)
        return 0;
    double many = 0, one = log_one_fault(c->kind, c->weight, c->kinds, abort, base);
    for (uint32_t s = 0; s < c->kinds; s++)
        many += (double)c->weight[s] / HELPER_UNIT * log(base_of(base, c->kind[s]));
    double best = fmax(many, one);
    return best + log(ONE_FAULT * exp(one - best) + (1 - ONE_FAULT) * exp(many - best));
}

/* Learning. */

/* Weights end somewhere: with a function's four millionth crash. */
static uint32_t added(uint32_t weight, uint32_t more)
{
    return more < UINT32_MAX - weight ? weight + more : UINT32_MAX;
}

static bool count_kind(uint32_t *kind, uint32_t *weight, uint32_t *kinds, uint32_t max,
                       uint32_t death, uint32_t more, struct journal *j)
{
    uint32_t i = 0;
    while (i < *kinds && kind[i] != death)
        i++;
    if (i == max)
        i--;
    if (!journal_u32(j, kinds) || !journal_u32(j, &kind[i]) || !journal_u32(j, &weight[i]))
        return false;
    if (i == *kinds) {
        ++*kinds;
        kind[i] = death;
    }
    weight[i] = added(weight[i], more);
    return true;
}

static bool is_power_of_two(uint32_t n) /* 0, too */
{
    return (n & (n - 1)) == 0;
}

/* Twice the room; the old one stays for an undo. */
static bool more_callers(struct function *f, struct journal *j, struct pool *p)
{
    size_t count = f->caller_count, room = count ? 2 * count : 1;
    struct caller *callers = pool_alloc(p, room * sizeof *callers, sizeof callers->caller);
    if (!callers || !journal_u64(j, &f->callers))
        return false;
    if (count > 0)
        memcpy(callers, f->callers, count * sizeof *callers);
    f->callers = callers;
    return true;
}

/* The place where crashes under this caller are counted; NULL: no memory. When there are no more
 * places, it gets the one with the least weight and what was counted there, so that neither many
 * rare callers nor a frequent one that comes late are taken for what they are not. */
static struct caller *caller_of(struct function *f, uint32_t caller, struct journal *j,
                                struct pool *p)
{
    struct caller *least = NULL;
    for (uint32_t i = f->caller_count; i-- > 0;) {
        struct caller *c = &f->callers[i];
        if (c->caller == caller)
            return c;
        if (!least || c->total <= least->total)
            least = c; /* of equal ones the oldest */
    }
    if (f->caller_count == HELPER_CALLERS_MAX) {
        if (!journal_u32(j, &least->caller))
            return NULL;
        least->caller = caller;
        return least;
    }
    if ((is_power_of_two(f->caller_count) && !more_callers(f, j, p)) ||
        !journal_u32(j, &f->caller_count))
        return NULL;
    struct caller *c = &f->callers[f->caller_count++];
    *c = (struct caller){ .caller = caller };
    return c;
}

/* e to the entropy of how crashes spread over the callers; 0 without any. */
static double effective_callers(const struct function *f)
{
    double total = 0, spread = 0;
    for (uint32_t i = f->caller_count; i-- > 0;) {
        double w = (double)f->callers[i].total / HELPER_UNIT;
        total += w;
        spread += w * log(w);
    }
    return total > 0 ? exp(log(total) - spread / total) : 0;
}

static double log_deaths(const struct function *f, uint32_t abort, const struct deaths *base)
{
    double own = 0;
    for (uint32_t i = f->caller_count; i-- > 0;)
        own += log_own(&f->callers[i], abort, base);
    return own - log_one_fault(f->kind, f->weight, f->kinds, abort, base);
}

bool helpers_learn(struct helpers *hs, uint32_t function, uint32_t caller, uint32_t weight,
                   uint32_t death, uint32_t abort, const struct deaths *base, struct journal *j,
                   struct pool *p)
{
    struct function *f = helpers_at(hs, function);
    struct caller *c = caller_of(f, caller, j, p);
    if (!c || !journal_u32(j, &c->total) || !journal_u32(j, &f->h))
        return false;
    if (death != HELPER_NONE &&
        (!count_kind(c->kind, c->weight, &c->kinds, HELPER_CALLER_KINDS, death, weight, j) ||
         !count_kind(f->kind, f->weight, &f->kinds, HELPER_FUNCTION_KINDS, death, weight, j)))
        return false;
    c->total = added(c->total, weight);
    float h = h_of(log_odds(hs, f, effective_callers(f), log_deaths(f, abort, base)));
    atomic_store_explicit(&f->h, h, memory_order_relaxed);
    return true;
}
