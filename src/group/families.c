/* families.c - keeps the families that neighbours.c searches: adding a report, and taking it back.
 *
 * An add first takes all the memory that it will need, then changes things in small steps, each
 * noted, so that a failure, or a batch that could not be stored, is undone step by step. */
#include "group/neighbours.h"

#include "group/neighbours_internal.h"
#include "group/similarity.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define JOIN_SCORE 3.0f       /* a nearest neighbour at least so near: the same family; */
#define JOIN_NEW_TERMS 10     /* also when at most one term in so many is new to the family */
#define FAMILY_TERMS_MAX 4096 /* a family that has more takes no new reports */

struct neighbours *neighbours_new(void)
{
    struct neighbours *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->bound = signature_bound_best();
    for (uint32_t i = 0; i < 256; i++)
        n->norms[i] = similarity_norm((uint8_t)i);
    for (uint32_t i = 0; i <= PACKED_IMPACT; i++)
        if ((i & 0xff) != PACKED_OVER)
            n->impacts[i] = sqrtf((float)(i & 0xff)) * n->norms[i >> 8];
    return n;
}

static void family_free(struct family *f)
{
    free(f->terms);
    free(f->stacks);
    free(f->signatures);
    free(f->others);
    free(f->variants);
    free(f->stack_words);
    free(f->other_words);
}

void neighbours_free(struct neighbours *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->families.len; i++)
        family_free(&n->families.at[i]);
    for (size_t i = 0; i < n->lists.len; i++) {
        free(n->lists.at[i].high.at);
        free(n->lists.at[i].low.at);
    }
    VEC_FREE(&n->lists);
    VEC_FREE(&n->families);
    VEC_FREE(&n->report_family);
    VEC_FREE(&n->twins);
    VEC_FREE(&n->taken_out);
    VEC_FREE(&n->stack_last);
    VEC_FREE(&n->signatures);
    VEC_FREE(&n->sums);
    VEC_FREE(&n->looked);
    VEC_FREE(&n->steps);
    struct scratch *t = &n->scratch;
    free(t->weight);
    free(t->part);
    free(t->ahead);
    free(t->heap);
    free(t->terms.slots);
    free(t->seen_at);
    free(t->seen_weights);
    free(t->stacks);
    free(t->others);
    free(t->stack_bounds);
    free(t->touched);
    free(t->candidates);
    free(n);
}

const struct neighbours_cost *neighbours_cost(const struct neighbours *n)
{
    return &n->cost;
}

size_t neighbours_bytes(const struct neighbours *n)
{
    return n->bytes + n->lists.cap * sizeof *n->lists.at +
           n->families.cap * sizeof *n->families.at + n->report_family.cap * sizeof(uint32_t) +
           n->twins.cap * sizeof(uint32_t) + n->stack_last.cap * sizeof *n->stack_last.at +
           n->sums.cap * sizeof *n->sums.at + n->looked.cap * sizeof *n->looked.at +
           n->signatures.cap * sizeof *n->signatures.at;
}

bool term_set_fill(struct term_set *s, uint32_t terms)
{
    uint32_t want = 256;
    while (want < terms * 4u)
        want *= 2;
    if (want > s->cap) {
        struct term_slot *p = reallocarray(s->slots, want, sizeof *p);
        if (!p)
            return false;
        s->slots = p;
        s->cap = want;
    }
    s->mask = want - 1;
    memset(s->slots, 0xff, want * sizeof *s->slots); /* at = NEIGHBOURS_NONE */
    memset(s->maybe, 0, sizeof s->maybe);
    return true;
}

/* Room for one more in an array that grows by half; small ones stay small. */
static bool grow(struct neighbours *n, void **at, uint32_t count, uint32_t *cap, uint32_t more,
                 size_t size)
{
    if (more <= *cap - count)
        return true;
    uint32_t want = *cap + *cap / 2;
    if (want < count + more)
        want = count + more;
    void *p = reallocarray(*at, want, size);
    if (!p)
        return false;
    n->bytes += (want - *cap) * size;
    *at = p;
    *cap = want;
    return true;
}

/* Notes a step; room for it was made before. */
static void note(struct neighbours *n, struct step step)
{
    assert(n->steps.len < n->steps.cap);
    n->steps.at[n->steps.len++] = step;
}

static uint32_t bag_overs(struct bag bag)
{
    uint32_t over = 0;
    for (uint32_t i = 0; i < bag.count; i++)
        over += bag.at[i].tf >= PACKED_OVER;
    return over;
}

/* Writes a bag's words to `words`, which has room. */
static void pack(struct bag bag, const uint32_t *locals, uint32_t *words)
{
    uint32_t over = 0;
    for (uint32_t i = 0; i < bag.count; i++) {
        uint32_t tf = bag.at[i].tf;
        if (tf >= PACKED_OVER) {
            words[bag.count + over++] = tf;
            tf = PACKED_OVER;
        }
        words[i] = locals[i] << 16 | (uint32_t)bag.at[i].norm << 8 | tf;
    }
}

static bool family_start(struct neighbours *n, uint32_t *number)
{
    struct scratch *t = &n->scratch;
    size_t count = n->families.len + 1;
    if (!VEC_RESERVE(&n->families, 1) || !VEC_RESERVE(&n->sums, 1) || !VEC_RESERVE(&n->looked, 1) ||
        !VEC_RESERVE(&n->signatures, 1))
        return false;
    if (count > t->touched_cap) {
        size_t cap = n->families.cap;
        uint32_t *touched = reallocarray(t->touched, cap, sizeof *touched);
        if (touched)
            t->touched = touched;
        struct candidate *candidates = reallocarray(t->candidates, cap, sizeof *candidates);
        if (candidates)
            t->candidates = candidates;
        if (!touched || !candidates)
            return false;
        t->touched_cap = (uint32_t)cap;
    }
    *number = (uint32_t)n->families.len;
    n->families.at[n->families.len++] = (struct family){ .next = NEIGHBOURS_NONE };
    n->sums.at[n->sums.len++] = (struct sum){ 0 };
    n->looked.at[n->looked.len++] = 0;
    n->signatures.at[n->signatures.len++] = (struct signature){ 0 };
    note(n, (struct step){ .type = STEP_FAMILY });
    return true;
}

static bool is_high(const struct term_lists *t, float most)
{
    return t->families > 0 && most * (float)t->families > HIGH_FROM * t->total;
}

/* Tells the lists that the family can get `most` from the term, where it was `before`. */
static bool list_append(struct neighbours *n, uint32_t term, uint32_t family, float before,
                        float most)
{
    while (n->lists.len <= term)
        if (!VEC_PUSH(&n->lists, ((struct term_lists){ 0 })))
            return false;
    struct term_lists *t = &n->lists.at[term];
    bool high = is_high(t, most);
    struct list *l = high ? &t->high : &t->low;
    if (!grow(n, (void **)&l->at, l->count, &l->cap, 1, sizeof *l->at))
        return false;
    l->at[l->count++] = (struct posting){ family | (before > 0 ? POSTING_MORE : 0), most - before };
    l->most = most > l->most ? most : l->most;
    if (before <= 0) {
        t->total += most;
        t->families++;
    }
    note(n, (struct step){ .type = STEP_POSTING, .a = term, .b = high });
    return true;
}

static float most_of(const struct neighbours *n, const struct bag_term *t)
{
    return sqrtf((float)t->tf) * n->norms[t->norm];
}

/* Tells the family, and the lists, of a term that its list of terms does not have yet. */
static bool family_new_term(struct neighbours *n, uint32_t number, const struct bag_term *t,
                            bool in_stack)
{
    struct family *f = &n->families.at[number];
    if (!grow(n, (void **)&f->terms, f->term_count, &f->term_cap, 1, sizeof *f->terms))
        return false;
    float most = most_of(n, t);
    f->terms[f->term_count++] =
        (struct family_term){ t->term | (in_stack ? 0 : FAMILY_OTHER), most };
    note(n, (struct step){ .type = STEP_TERM, .a = number });
    signature_set(&n->signatures.at[number], term_bit(t->term));
    return list_append(n, t->term, number, 0, most);
}

static bool family_raise(struct neighbours *n, uint32_t number, uint32_t local, float most)
{
    struct family_term *ft = &n->families.at[number].terms[local];
    if (most <= ft->most)
        return true;
    uint32_t term = ft->term & FAMILY_TERM;
    if (!list_append(n, term, number, ft->most, most))
        return false;
    note(n, (struct step){ .type = STEP_MOST, .a = number, .b = local, .old = ft->most });
    ft->most = most;
    return true;
}

/* A report that is being added. */
struct newcomer {
    uint32_t stack_number;
    struct bag stack, other;
};

static const struct bag_term *newcomer_term(const struct newcomer *r, uint32_t i)
{
    return i < r->stack.count ? &r->stack.at[i] : &r->other.at[i - r->stack.count];
}

/* Puts the terms of both bags into scratch.terms. */
static bool newcomer_terms(struct neighbours *n, const struct newcomer *r)
{
    uint32_t count = r->stack.count + r->other.count;
    if (!term_set_fill(&n->scratch.terms, count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        term_set_put(&n->scratch.terms, newcomer_term(r, i)->term, i);
    return true;
}

/* Finds the places of both bags' terms in a family's list; says how many are not there. */
static uint32_t family_find_terms(struct neighbours *n, uint32_t number, const struct newcomer *r,
                                  uint32_t *locals)
{
    struct term_set *set = &n->scratch.terms;
    const struct family *f = &n->families.at[number];
    uint32_t count = r->stack.count + r->other.count, missing = count;
    for (uint32_t i = 0; i < count; i++)
        locals[i] = NEIGHBOURS_NONE;
    for (uint32_t j = 0; j < f->term_count; j++) {
        uint32_t i = term_set_find(set, f->terms[j].term & FAMILY_TERM);
        if (i != NEIGHBOURS_NONE) {
            locals[i] = j;
            missing--;
        }
    }
    return missing;
}

/* Puts those that are not there at the end of the list, and raises the others. */
static bool family_take_terms(struct neighbours *n, uint32_t number, const struct newcomer *r,
                              uint32_t *locals)
{
    for (uint32_t i = 0; i < r->stack.count + r->other.count; i++) {
        const struct bag_term *t = newcomer_term(r, i);
        if (locals[i] != NEIGHBOURS_NONE) {
            if (!family_raise(n, number, locals[i], most_of(n, t)))
                return false;
            continue;
        }
        locals[i] = n->families.at[number].term_count;
        if (!family_new_term(n, number, t, i < r->stack.count))
            return false;
    }
    return true;
}

static bool family_has_room(const struct neighbours *n, uint32_t number, uint32_t missing)
{
    uint32_t has = n->families.at[number].term_count;
    return has <= FAMILY_TERMS_MAX && has + missing <= UINT16_MAX;
}

/* The place of a stack in the family, or NEIGHBOURS_NONE. Its latest report is nearly always in the
 * same family, or it is new; only else must all be looked through. */
static uint32_t family_find_stack(const struct neighbours *n, uint32_t number, uint32_t stack)
{
    const struct family *f = &n->families.at[number];
    struct stack_last last = neighbours_stack_last(n, stack);
    if (last.family == number || last.family == NEIGHBOURS_NONE)
        return last.place;
    for (uint32_t i = f->stack_count; i-- > 0;)
        if (f->stacks[i].stack == stack)
            return i;
    return NEIGHBOURS_NONE;
}

/* The family for a new report: that of its neighbour when it is near, or the one that took over
 * from it when it was full; else one of its own. Finds the places of the report's terms there. */
static bool family_choose(struct neighbours *n, struct neighbour near, const struct newcomer *r,
                          uint32_t *number, uint32_t *locals)
{
    uint32_t full = NEIGHBOURS_NONE;
    if (!newcomer_terms(n, r))
        return false;
    if (near.report != NEIGHBOURS_NONE) {
        *number = neighbours_family(n, near.report);
        uint32_t missing = family_find_terms(n, *number, r, locals);
        bool joins = near.score >= JOIN_SCORE ||
                     missing <= (r->stack.count + r->other.count) / JOIN_NEW_TERMS;
        if (joins && family_has_room(n, *number, missing))
            return true;
        full = joins ? *number : NEIGHBOURS_NONE;
    }
    uint32_t next = full == NEIGHBOURS_NONE ? full : n->families.at[full].next;
    if (next != NEIGHBOURS_NONE) {
        *number = next;
        if (family_has_room(n, next, family_find_terms(n, next, r, locals)))
            return true;
    }
    if (!family_start(n, number))
        return false;
    if (full != NEIGHBOURS_NONE) {
        note(n, (struct step){ .type = STEP_NEXT, .a = full, .b = next });
        n->families.at[full].next = *number;
    }
    family_find_terms(n, *number, r, locals);
    return true;
}

/* Where the next words go. A family whose stacks and values have none has no array either. */
static uint32_t *words_end(uint32_t *words, uint32_t count)
{
    return words ? words + count : NULL;
}

/* The place of a stack in the family; put there when it is new. */
static bool family_stack(struct neighbours *n, uint32_t number, uint32_t stack, struct bag bag,
                         const uint32_t *locals, uint32_t *at)
{
    struct family *f = &n->families.at[number];
    *at = family_find_stack(n, number, stack);
    if (*at != NEIGHBOURS_NONE)
        return true;
    uint32_t over = bag_overs(bag);
    if (!grow(n, (void **)&f->stacks, f->stack_count, &f->stack_cap, 1, sizeof *f->stacks) ||
        !grow(n, (void **)&f->signatures, f->stack_count, &f->signature_cap, 1,
              sizeof *f->signatures) ||
        !grow(n, (void **)&f->stack_words, f->stack_word_count, &f->stack_word_cap,
              bag.count + over, sizeof *f->stack_words))
        return false;
    *at = f->stack_count++;
    f->stacks[*at] = (struct family_stack){ stack, { f->stack_word_count, bag.count, over } };
    pack(bag, locals, words_end(f->stack_words, f->stack_word_count));
    f->stack_word_count += bag.count + over;
    struct signature *sig = &f->signatures[*at];
    *sig = (struct signature){ 0 };
    for (uint32_t i = 0; i < bag.count; i++)
        signature_set(sig, locals[i]);
    note(n, (struct step){ .type = STEP_STACK, .a = number });
    return true;
}

/* The place of what a report says outside its stack; put there when it is new. */
static bool family_other(struct neighbours *n, uint32_t number, struct bag bag,
                         const uint32_t *locals, uint32_t *at)
{
    struct family *f = &n->families.at[number];
    uint32_t over = bag_overs(bag), words = bag.count + over, hash = words;
    if (!grow(n, (void **)&f->others, f->other_count, &f->other_cap, 1, sizeof *f->others) ||
        !grow(n, (void **)&f->other_words, f->other_word_count, &f->other_word_cap, words,
              sizeof *f->other_words))
        return false;
    uint32_t *fresh = words_end(f->other_words, f->other_word_count);
    pack(bag, locals, fresh);
    for (uint32_t i = 0; i < words; i++)
        hash = (hash ^ fresh[i]) * 0x01000193u;
    for (uint32_t i = f->other_count; i-- > 0;) {
        const struct family_other *o = &f->others[i];
        if (o->hash == hash && o->bag.count == bag.count && o->bag.over_count == over &&
            (words == 0 ||
             memcmp(f->other_words + o->bag.first, fresh, words * sizeof *fresh) == 0)) {
            *at = i;
            return true;
        }
    }
    *at = f->other_count++;
    f->others[*at] = (struct family_other){ hash, { f->other_word_count, bag.count, over } };
    f->other_word_count += words;
    note(n, (struct step){ .type = STEP_OTHER, .a = number });
    return true;
}

/* The first variant whose report is not below this one. */
static uint32_t variant_from(const struct family *f, uint32_t report)
{
    uint32_t low = 0, high = f->variant_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (f->variants[mid].report < report)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Whether variant i of the family is that of `near`, a report that a search has found, and has the
 * same stack and other part as v. */
static bool is_same_variant(const struct family *f, uint32_t i, struct neighbour near,
                            struct variant v)
{
    return i < f->variant_count && f->variants[i].report == near.report &&
           f->variants[i].stack == v.stack && f->variants[i].other == v.other;
}

static bool family_variant(struct neighbours *n, uint32_t number, struct neighbour near,
                           struct variant v)
{
    struct family *f = &n->families.at[number];
    uint32_t like = variant_from(f, near.report);
    if (is_same_variant(f, like, near, v)) {
        /* The older report says the same and would win. */
        struct variant *same = &f->variants[like];
        note(n, (struct step){ .type = STEP_TWIN, .a = number, .b = like, .c = same->last });
        n->twins.at[same->last] = v.report;
        same->last = v.report;
        return true;
    }
    if (!grow(n, (void **)&f->variants, f->variant_count, &f->variant_cap, 1, sizeof *f->variants))
        return false;
    f->variants[f->variant_count++] = v;
    note(n, (struct step){ .type = STEP_VARIANT, .a = number });
    return true;
}

/* Notes which family has the report, and which had its stack last. */
static bool report_note(struct neighbours *n, uint32_t stack, struct stack_last where)
{
    const struct stack_last nowhere = { NEIGHBOURS_NONE, NEIGHBOURS_NONE };
    while (n->stack_last.len <= stack)
        if (!VEC_PUSH(&n->stack_last, nowhere))
            return false;
    if (!VEC_RESERVE(&n->twins, 1) || !VEC_PUSH(&n->report_family, where.family))
        return false;
    n->twins.at[n->twins.len++] = NEIGHBOURS_NONE;
    note(n, (struct step){ .type = STEP_REPORT });
    struct stack_last had = n->stack_last.at[stack];
    note(n, (struct step){ .type = STEP_HINT, .a = stack, .b = had.family, .c = had.place });
    n->stack_last.at[stack] = where;
    return true;
}

/* Superseding. What only superseded reports have said stays in their families: bounds are looser
 * for it, and no answer is another. */

static struct variant variant_take_out(struct family *f, uint32_t i)
{
    struct variant v = f->variants[i];
    memmove(f->variants + i, f->variants + i + 1, (--f->variant_count - i) * sizeof v);
    return v;
}

/* There is room: one was taken out. */
static void variant_put_in(struct family *f, uint32_t i, struct variant v)
{
    memmove(f->variants + i + 1, f->variants + i, (f->variant_count++ - i) * sizeof v);
    f->variants[i] = v;
}

/* The report goes, and the next that says the same stands for the variant; if there is none, the
 * variant goes, too. */
static void variant_pass_on(struct neighbours *n, uint32_t number, uint32_t i)
{
    struct family *f = &n->families.at[number];
    struct variant v = variant_take_out(f, i);
    note(n, (struct step){ .type = STEP_TAKEN_OUT, .a = number, .b = i });
    n->taken_out.at[n->taken_out.len++] = v;
    while (v.report != NEIGHBOURS_NONE && neighbours_is_superseded(n, v.report))
        v.report = n->twins.at[v.report];
    if (v.report == NEIGHBOURS_NONE)
        return;
    uint32_t to = variant_from(f, v.report);
    variant_put_in(f, to, v);
    note(n, (struct step){ .type = STEP_PUT_IN, .a = number, .b = to });
}

bool neighbours_supersede(struct neighbours *n, uint32_t report, struct err *e)
{
    assert(report < n->report_family.len && !neighbours_is_superseded(n, report));
    if (!VEC_RESERVE(&n->steps, 3) || !VEC_RESERVE(&n->taken_out, 1))
        return err_set(e, ERR_NOMEM, 0, "no memory to take report %u out of the index", report);
    uint32_t number = neighbours_family(n, report);
    uint32_t i = variant_from(&n->families.at[number], report);
    n->report_family.at[report] |= REPORT_SUPERSEDED;
    note(n, (struct step){ .type = STEP_SUPERSEDED, .a = report });
    if (i < n->families.at[number].variant_count &&
        n->families.at[number].variants[i].report == report)
        variant_pass_on(n, number, i);
    return true;
}

static void step_back(struct neighbours *n, const struct step *s)
{
    struct family *f = s->a < n->families.len ? &n->families.at[s->a] : NULL;
    switch (s->type) {
    case STEP_REPORT:
        n->report_family.len--;
        n->twins.len--;
        return;
    case STEP_HINT:
        n->stack_last.at[s->a] = (struct stack_last){ s->b, s->c };
        return;
    case STEP_POSTING:
        /* Its `most` may stay too large, for it is a bound; and the mean is only a guide. */
        (s->b ? &n->lists.at[s->a].high : &n->lists.at[s->a].low)->count--;
        return;
    case STEP_FAMILY:
        family_free(&n->families.at[--n->families.len]);
        n->sums.len--;
        n->looked.len--;
        n->signatures.len--;
        return;
    case STEP_NEXT:
        f->next = s->b;
        return;
    case STEP_TERM:
        f->term_count--;
        return;
    case STEP_MOST:
        f->terms[s->b].most = s->old;
        return;
    case STEP_STACK:
        f->stack_word_count = f->stacks[--f->stack_count].bag.first;
        return;
    case STEP_OTHER:
        f->other_word_count = f->others[--f->other_count].bag.first;
        return;
    case STEP_VARIANT:
        f->variant_count--;
        return;
    case STEP_TWIN:
        f->variants[s->b].last = s->c;
        n->twins.at[s->c] = NEIGHBOURS_NONE;
        return;
    case STEP_SUPERSEDED:
        n->report_family.at[s->a] &= ~REPORT_SUPERSEDED;
        return;
    case STEP_TAKEN_OUT:
        variant_put_in(f, s->b, n->taken_out.at[--n->taken_out.len]);
        return;
    case STEP_PUT_IN:
        (void)variant_take_out(f, s->b);
        return;
    }
}

static void steps_back(struct neighbours *n, size_t to)
{
    while (n->steps.len > to)
        step_back(n, &n->steps.at[--n->steps.len]);
}

bool neighbours_add(struct neighbours *n, uint32_t report, uint32_t stack, struct bag stack_bag,
                    struct bag other_bag, struct neighbour near, struct err *e)
{
    uint32_t count = stack_bag.count + other_bag.count;
    assert(report == n->report_family.len && count <= NEIGHBOURS_TERMS_MAX);
    size_t before = n->steps.len;
    uint32_t number;
    struct variant v = { .report = report, .last = report };
    struct newcomer r = { stack, stack_bag, other_bag };
    uint32_t *locals = reallocarray(NULL, count ? count : 1, sizeof *locals);
    bool ok = locals && VEC_RESERVE(&n->steps, 2u * count + 10u) &&
              family_choose(n, near, &r, &number, locals) &&
              family_take_terms(n, number, &r, locals) &&
              family_stack(n, number, stack, stack_bag, locals, &v.stack) &&
              family_other(n, number, other_bag, locals + stack_bag.count, &v.other) &&
              family_variant(n, number, near, v) &&
              report_note(n, stack, (struct stack_last){ number, v.stack });
    free(locals);
    if (ok)
        return true;
    steps_back(n, before);
    return err_set(e, ERR_NOMEM, 0, "no memory for report %u in the index", report);
}

void neighbours_keep(struct neighbours *n)
{
    n->steps.len = n->taken_out.len = 0;
}

void neighbours_undo(struct neighbours *n)
{
    steps_back(n, 0);
}
