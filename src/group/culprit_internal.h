/* culprit_internal.h - what the files of the similarity `culprit` share: its index, and how blame
 * and scores are worked out. culprit.c adds and takes back, culprit_search.c finds the nearest,
 * culprit_explain.c says why. Nobody outside this folder includes it. */
#ifndef CRUMPLE_GROUP_CULPRIT_INTERNAL_H
#define CRUMPLE_GROUP_CULPRIT_INTERNAL_H

#include "group/clean.h"
#include "group/culprit.h"
#include "group/helpers.h"

#define BLAME_FRAMES 16      /* the fault is looked for in the topmost of them */
#define CONTEXT_TEXTS_MAX 32 /* texts of a report without a stack that are compared */
#define STACK_FUNCTIONS_MAX CLEAN_NAMES_MAX

/* likeness = common blame * (DEATHS_DIFFER, when they do) * (1 - REST + REST * rest), 0 to 1.
 * The score is ten times that; above SCORE_BEND, where likeness is all but whole, it rises to
 * SCORE_MOST, ever faster, so that thresholds tell like from equal there. */
#define SCORE_SCALE 10.0
#define SCORE_BEND 0.8
#define SCORE_WHOLE (1 - 2e-6) /* what is missing from 1 may be rounding */
#define SCORE_MOST 10.9
#define DEATHS_DIFFER 0.3
#define REST 0.2
#define ANCHOR_SCORE 4.0    /* at least, to have the same anchor */
#define ANCHOR_LIKENESS 0.2 /* at least, to an anchor */

/* Different stacks, each kept once. */
struct stack {
    const uint32_t *functions; /* top of stack first; of a context: its texts */
    uint16_t count;
    bool is_context;       /* of reports that have no stack trace */
    uint32_t project;      /* number in culprit.projects */
    uint32_t death;        /* number of the text, or NAMING_NONE */
    uint32_t first_report; /* that is not superseded; CULPRIT_NONE: nobody is near to it */
    uint32_t living;       /* reports of it that are not superseded */
    /* The stack that its bucket at ANCHOR_SCORE began with: the anchor of the nearest one if that
     * was so near when it came, else itself. What is not like the anchor at all does not become
     * its neighbour, or buckets would drift. */
    uint32_t anchor;
};
static_assert(STACK_FUNCTIONS_MAX <= UINT16_MAX, "struct stack counts in 16 bits");

#define STACK_BLOCK_FIRST 4
#define STACK_BLOCK_MAX 128
struct stack_block {
    struct stack_block *older;
    uint32_t count, room;
    uint32_t stacks[]; /* `room` of them */
};

struct project {
    struct deaths deaths;
    _Atomic uint32_t contexts; /* reports without a stack */
};

/* Where the tables of words stood. */
struct words_mark {
    struct naming_mark naming;
    struct names_mark projects;
    size_t owners, functions;
};

/* A report about to be compared or added. */
struct asked {
    bool is_valid;            /* it was asked about and not added yet */
    struct words_mark before; /* its words were not there yet */
    const struct report_text
        *texts; /* which report it is; who asks about another forgets it first */
    struct str database_id;
    struct stack stack; /* its functions stand in `functions`; of reports it has none */
    uint32_t functions[STACK_FUNCTIONS_MAX];
    uint64_t hash;
};

struct culprit {
    unsigned without; /* enum culprit_part */
    bool (*is_cold)(const void *ctx, struct str field);
    const void *cold_ctx;
    struct naming naming;
    struct frame_memory memory;
    struct helpers helpers;
    struct names projects;
    struct seglist project_info; /* of those: struct project */
    struct seglist stacks;       /* struct stack */
    struct idmap by_functions;   /* stacks */
    struct seglist reports;      /* uint32_t, the stack of each */
    struct pool pool;
    uint32_t abort; /* the number of TRACE_ABORT */

    struct journal journal;
    struct {
        size_t journal, places, stacks, reports;
        struct pool_mark pool;
        struct words_mark words;
    } kept, last; /* what undo goes back to; what undo_last goes back to */

    /* Scratch of the writer. */
    struct cleaned cleaned;
    struct asked asked;
    VEC(float) left;    /* by function: blame of the question that no other has claimed */
    VEC(uint32_t) seen; /* by stack: the search that saw it last */
    uint32_t search;

    struct culprit_cost cost;
};

/* How the blame spreads over the functions of a stack: out[i] belongs to functions[i]. Gives how
 * many have any. */
uint32_t culprit_blame(const struct culprit *c, const struct stack *s,
                       float out[STACK_FUNCTIONS_MAX]);
/* Deaths that one fault does not bring about. */
bool culprit_deaths_differ(const struct culprit *c, const struct stack *a, const struct stack *b);
double culprit_score(double likeness);
/* What the common blame is multiplied by. rest: how much of two stacks is the same: twice the
 * functions of one that the other has, too, through all functions of both; 1 at most. */
double culprit_factor(const struct culprit *c, bool deaths_differ, double rest);
double culprit_rest(const struct stack *a, const struct stack *b);
/* Of any two stacks; the search works it out faster for one against many. */
double culprit_likeness(const struct culprit *c, const struct stack *a, const struct stack *b);

/* Writer: makes c->asked of the report. */
MUST_CHECK bool culprit_ask(struct culprit *c, const struct report *r, struct err *e);
/* The stack that is equal to the asked one; CULPRIT_NONE. */
uint32_t culprit_find_stack(const struct culprit *c, const struct asked *a);

static inline const struct stack *culprit_stack(const struct culprit *c, uint32_t number)
{
    return seglist_at(&c->stacks, number);
}

#endif
