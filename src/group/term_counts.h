/* term_counts.h - how often each term stands in a report, and how many tokens each field has.
 *
 * Only fields that take part in grouping count. Zeroed at first, then used for one report after
 * another, which keeps its memory. Threads: one at a time; the lexicon may grow meanwhile. */
#ifndef CRUMPLE_GROUP_TERM_COUNTS_H
#define CRUMPLE_GROUP_TERM_COUNTS_H

#include "base/vec.h"
#include "group/collection.h"

#define TERM_COUNTS_MAX 30000 /* different terms of one report; further ones are not compared */

struct term_count {
    uint32_t term, field;
    uint32_t tf;
};

struct term_counts {
    VEC(struct term_count) terms; /* each once, in the order of first appearance */
    VEC(uint32_t) tokens;         /* by field: tokens in all */
    VEC(uint32_t) fields;         /* those that have tokens */
    uint32_t *slots;              /* hash table: a place in `terms` + 1 */
    uint32_t mask;
};

void term_counts_done(struct term_counts *tc);
/* Forgets the report; false: no memory. */
MUST_CHECK bool term_counts_reset(struct term_counts *tc);

/* Adds the terms of a value. False: no memory. */
MUST_CHECK bool term_counts_value(struct term_counts *tc, const struct lexicon *lx, uint32_t value);
/* Adds those terms of a text that the lexicon knows, for a value that it does not know. */
MUST_CHECK bool term_counts_text(struct term_counts *tc, const struct lexicon *lx, uint32_t field,
                                 struct str text);
/* Starts anew with all values of a report that was added. */
MUST_CHECK bool term_counts_report(struct term_counts *tc, const struct collection *c,
                                   uint32_t report);

/* The count of a term; 0 when it is not there. */
uint32_t term_counts_find(const struct term_counts *tc, uint32_t term);

#endif
