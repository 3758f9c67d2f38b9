/* neighbours.h - finds the nearest earlier report: the same one as an exhaustive search, sooner.
 *
 * Reports fall into families (a bug's reports, roughly): a new report joins the family of its
 * nearest neighbour when that is near enough, else it starts one. Inverted lists lead from a term
 * to the families that hold it, with the most that the term can give there; they bound what a
 * family can score, and most families are never looked into. README.md draws it.
 *
 *   term ──► families ──► stacks ──► variants
 *   list     a family's   reports    reports of one stack that differ outside it;
 *            own terms    of one     of equal reports only the first is kept,
 *                         stack      for no later one can win against it, while it is there
 *
 * A family is only a help for bounds: which family a report is in changes no answer.
 * Threads: the writer only. Memory: everything belongs to the struct neighbours. */
#ifndef CRUMPLE_GROUP_NEIGHBOURS_H
#define CRUMPLE_GROUP_NEIGHBOURS_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stddef.h>

#define NEIGHBOURS_NONE UINT32_MAX
#define NEIGHBOURS_TERMS_MAX 30000 /* different terms of one report that are compared */

/* A term of a report: how often it stands there, and the norm byte of its field there. */
struct bag_term {
    uint32_t term;
    uint32_t tf;
    uint8_t norm;
};
struct bag {
    const struct bag_term *at;
    uint32_t count;
};

/* What a report asks. Terms in the order in which the score is summed. */
struct query_term {
    uint32_t term;
    double idf;
};
struct query {
    const struct query_term *at;
    uint32_t count;
    double norm; /* query_norm */
};

struct neighbour {
    uint32_t report; /* NEIGHBOURS_NONE: nothing scores as much as was asked for */
    float score;
};

struct neighbours_cost {
    uint64_t searches, postings, families, stacks, variants;
};

struct neighbours;

struct neighbours *neighbours_new(void); /* NULL: no memory */
void neighbours_free(struct neighbours *n);
DEFINE_CLEANUP(struct neighbours, neighbours_free)

/* The best score of at least `least`, and of all reports with that score the oldest. `stack` is
 * the number of the report's stack when it is known, else NEIGHBOURS_NONE: a hint where to look
 * first. */
MUST_CHECK bool neighbours_nearest(struct neighbours *n, const struct query *q, float least,
                                   uint32_t stack, struct neighbour *out, struct err *e);

/* Adds report number `report` (they come in order). `stack` names what its stack bag holds: equal
 * numbers, equal bags. `near` is what neighbours_nearest found for it. Bags: each term once;
 * no term in both; at most NEIGHBOURS_TERMS_MAX together. On failure nothing has changed. */
MUST_CHECK bool neighbours_add(struct neighbours *n, uint32_t report, uint32_t stack,
                               struct bag stack_bag, struct bag other_bag, struct neighbour near,
                               struct err *e);
/* Another report will take the place of this one: no search finds it any more. On failure nothing
 * has changed. */
MUST_CHECK bool neighbours_supersede(struct neighbours *n, uint32_t report, struct err *e);
/* From here on neighbours_undo can go back no further. */
void neighbours_keep(struct neighbours *n);
/* Takes back all that was added or superseded since neighbours_keep. */
void neighbours_undo(struct neighbours *n);

const struct neighbours_cost *neighbours_cost(const struct neighbours *n);
size_t neighbours_bytes(const struct neighbours *n);

#endif
