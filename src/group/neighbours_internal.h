/* neighbours_internal.h - the structures that neighbours.c searches and families.c builds.
 * Threads: the writer only. */
#ifndef CRUMPLE_GROUP_NEIGHBOURS_INTERNAL_H
#define CRUMPLE_GROUP_NEIGHBOURS_INTERNAL_H

#include "base/vec.h"
#include "group/neighbours.h"
#include "group/signature.h"

#include <assert.h>
#include <string.h>

/* A bag as kept in a family: one word a term, in which the term is named by its place in the
 * family's own list of terms. A tf of 255 or more stands among the overs behind them, in order. */
struct packed {
    uint32_t first; /* place in the family's words */
    uint32_t count, over_count;
};
#define PACKED_OVER 255u      /* local << 16 | norm << 8 | tf */
#define PACKED_IMPACT 0xffffu /* norm and tf */

static inline uint32_t packed_local(uint32_t word)
{
    return word >> 16;
}
static inline uint8_t packed_norm(uint32_t word)
{
    return (uint8_t)(word >> 8);
}
/* Those of a bag among the words of its family, which has no array when all its bags are empty. */
static inline const uint32_t *packed_words(const uint32_t *words, const struct packed *p)
{
    return p->count > 0 ? words + p->first : words;
}
/* The tf of word i of a bag; *over counts the overs met so far, so words are asked for in order. */
static inline uint32_t packed_tf(const uint32_t *words, const struct packed *p, uint32_t i,
                                 uint32_t *over)
{
    uint32_t tf = words[i] & 0xff;
    return tf == PACKED_OVER ? words[p->count + (*over)++] : tf;
}

struct family_stack {
    uint32_t stack;
    struct packed bag;
};
/* What a report says outside its stack trace. */
struct family_other {
    uint32_t hash;
    struct packed bag;
};
/* Reports with this stack and this other part; places in the family's arrays. A family's variants
 * stand in the order of `report`. */
struct variant {
    uint32_t stack, other;
    uint32_t report; /* the first of them that is not superseded, */
    uint32_t last;   /* the last: neighbours.twins leads from one to the next */
};

struct family_term {
    uint32_t term; /* FAMILY_OTHER: a term from outside the stack trace */
    float most;    /* sqrt(tf) * norm: the greatest in any report of the family */
};
#define FAMILY_OTHER 0x80000000u
#define FAMILY_TERM 0x7fffffffu

struct family {
    struct family_term *terms;
    struct family_stack *stacks;
    struct signature *signatures; /* of each stack: its bits are places in `terms`, modulo 512 */
    struct family_other *others;
    struct variant *variants;
    uint32_t *stack_words, *other_words;
    uint32_t term_count, term_cap;
    uint32_t stack_count, stack_cap, signature_cap;
    uint32_t other_count, other_cap;
    uint32_t variant_count, variant_cap;
    uint32_t stack_word_count, stack_word_cap;
    uint32_t other_word_count, other_word_cap;
    uint32_t next; /* the family that took over when this one was full, or NEIGHBOURS_NONE */
};

/* A family that holds a term, and the most that the term can give there. When a later report of
 * the family raises that, a second posting (POSTING_MORE) adds the difference, so that lists only
 * ever grow at the end. */
struct posting {
    uint32_t family;
    float most;
};
#define POSTING_MORE 0x80000000u
#define POSTING_FAMILY 0x7fffffffu

struct list {
    struct posting *at;
    uint32_t count, cap;
    float most; /* the greatest that was put here; a POSTING_MORE counts as the whole */
};
/* The lists of a term. The few families where it gives far more than elsewhere (short stacks,
 * recursion) stand apart, so that the bound for all the others is tight. */
struct term_lists {
    struct list high, low;
    float total;       /* of what all families got at first, */
    uint32_t families; /* of how many: for the mean */
};
#define HIGH_FROM 1.35f /* times the mean */

static inline const struct list *term_list(const struct term_lists *t, uint32_t i)
{
    return i == 0 ? &t->high : &t->low;
}

/* A small hash table from the terms of one query or report to their places in it. */
struct term_slot {
    uint32_t term, at;
};
struct term_set {
    uint64_t maybe[256]; /* a bit for each term's hash: says no to nearly all others at once */
    struct term_slot *slots;
    uint32_t mask;
    uint32_t cap;
};

static inline uint32_t term_hash(uint32_t term)
{
    return term * 2654435761u >> 7;
}
static inline uint32_t term_slot_of(const struct term_set *s, uint32_t term)
{
    return term_hash(term) & s->mask;
}
/* Empties it and makes room for so many; false: no memory. */
bool term_set_fill(struct term_set *s, uint32_t terms);
static inline void term_set_put(struct term_set *s, uint32_t term, uint32_t at)
{
    uint32_t i = term_slot_of(s, term);
    while (s->slots[i].at != NEIGHBOURS_NONE)
        i = (i + 1) & s->mask;
    s->slots[i] = (struct term_slot){ term, at };
    s->maybe[term_hash(term) / 64 % 256] |= (uint64_t)1 << term_hash(term) % 64;
}
static inline uint32_t term_set_find(const struct term_set *s, uint32_t term)
{
    if (!(s->maybe[term_hash(term) / 64 % 256] >> term_hash(term) % 64 & 1))
        return NEIGHBOURS_NONE;
    uint32_t i = term_slot_of(s, term);
    while (s->slots[i].at != NEIGHBOURS_NONE) {
        if (s->slots[i].term == term)
            return s->slots[i].at;
        i = (i + 1) & s->mask;
    }
    return NEIGHBOURS_NONE;
}

/* The bit of a term in the signature of a family. */
static inline uint32_t term_bit(uint32_t term)
{
    return (term * 0x9e3779b1u >> 16) % SIGNATURE_BITS;
}

/* How far the lists of a term of the query have been read. */
struct ahead {
    const struct term_lists *lists; /* NULL: there are none */
    uint32_t next;                  /* the first one not read: 0 high, 1 low, 2 none */
    float most;                     /* that it can give, and so any behind it; 0 for none */
};
struct sum {
    float sum;
    uint16_t matching; /* at most NEIGHBOURS_TERMS_MAX */
    bool touched;      /* some list has led here */
};
static_assert(NEIGHBOURS_TERMS_MAX <= UINT16_MAX, "struct sum counts in 16 bits");
struct candidate {
    uint32_t family;
    float bound;
};

struct partial { /* of the score of a report: what some of its terms give */
    float sum;
    uint32_t matching;
};

struct scratch {
    /* By place in the query: */
    float *weight;
    double *part;
    struct ahead *ahead;
    uint32_t cap;
    uint32_t *heap; /* places in the query that have lists to be read, greatest `most` on top */
    uint32_t heap_count;
    struct term_set terms;
    uint32_t *seen_at;   /* by place in a family's terms: the place in the query, or none */
    float *seen_weights; /* and the weight there, or 0 */
    uint32_t seen_cap;
    struct partial *stacks, *others; /* by place in a family */
    float *stack_bounds;
    uint32_t stacks_cap, others_cap;
    uint32_t *touched; /* families that a list led to; room for all */
    uint32_t touched_count, touched_cap;
    struct candidate *candidates; /* room for all */
    struct signature_weights weights;
    struct signature_planes planes;
};

struct stack_last {
    uint32_t family;
    uint32_t place; /* among the family's stacks */
};

/* One step of an add, to be taken back. */
struct step {
    enum {
        STEP_REPORT,
        STEP_FAMILY,
        STEP_NEXT,
        STEP_TERM,
        STEP_MOST,
        STEP_POSTING,
        STEP_STACK,
        STEP_OTHER,
        STEP_VARIANT,
        STEP_TWIN,
        STEP_HINT,
        STEP_SUPERSEDED,
        STEP_TAKEN_OUT,
        STEP_PUT_IN
    } type;
    uint32_t a, b, c;
    float old;
};

struct neighbours {
    VEC(struct term_lists) lists; /* by term */
    VEC(struct family) families;
    VEC(uint32_t) report_family;       /* by report; with REPORT_SUPERSEDED */
    VEC(uint32_t) twins;               /* by report: the next of the same variant, or none */
    VEC(struct stack_last) stack_last; /* by stack: where its latest report is */
    VEC(struct signature) signatures;  /* by family: its terms by term_bit */
    VEC(struct sum) sums;              /* by family; all zero between searches */
    VEC(uint64_t) looked;              /* by family: the search that looked into it last */
    VEC(struct step) steps;            /* since neighbours_keep */
    VEC(struct variant) taken_out;     /* of STEP_TAKEN_OUT, in their order */
    struct scratch scratch;
    uint64_t serial;          /* of the search */
    signature_bound_fn bound; /* signature_bound, the fastest way */
    float norms[256];         /* similarity_norm */
    float impacts[65536];     /* sqrt(tf) * norm, by norm << 8 | tf; 0 for PACKED_OVER */
    size_t bytes;
    struct neighbours_cost cost;
};

#define REPORT_SUPERSEDED 0x80000000u
static inline uint32_t neighbours_family(const struct neighbours *n, uint32_t report)
{
    return n->report_family.at[report] & ~REPORT_SUPERSEDED;
}
static inline bool neighbours_is_superseded(const struct neighbours *n, uint32_t report)
{
    return (n->report_family.at[report] & REPORT_SUPERSEDED) != 0;
}

static inline struct stack_last neighbours_stack_last(const struct neighbours *n, uint32_t stack)
{
    return stack < n->stack_last.len ? n->stack_last.at[stack]
                                     : (struct stack_last){ NEIGHBOURS_NONE, NEIGHBOURS_NONE };
}

#endif
