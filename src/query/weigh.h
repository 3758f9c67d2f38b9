/* weigh.h - whether a report matches, and its score: Lucene 4's classic similarity.
 *
 *     term, phrase   sqrt(frequency) * idf^2 * boost * norm         idf of a phrase: its words' sum
 *     all others     boost, of a fuzzy term times how well it matches
 *     clauses        their sum * matching / clauses that could match
 *
 * all of it times 1 / sqrt(sum of the squares of what each leaf may weigh at most). idf, norm:
 * group/similarity.h, over the searched field; without a field over all text.
 * Threads: those of the plan. */
#ifndef CRUMPLE_QUERY_WEIGH_H
#define CRUMPLE_QUERY_WEIGH_H

#include "query/weights.h"

enum verdict {
    VERDICT_NO,
    VERDICT_MAYBE, /* only its payload can tell */
    VERDICT_YES
};

/* Sets the weights of the nodes; the reports of each word have been counted. */
void weigh_prepare(struct plan *p);

/* The report that w has entered. score: NULL when it is not wanted, else set for VERDICT_YES; then
 * payloads must have been read, if the plan has slots for them. */
MUST_CHECK bool weigh(struct weights *w, const struct node *n, enum verdict *out, float *score,
                      struct err *e);

#endif
