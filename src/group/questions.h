/* questions.h - what a report asks the index: its best terms, with their weights.
 *
 * Of each field the terms with the greatest tf * idf are taken, so many a field; among equals the
 * one that sorts first by bytes. Terms that no report has are left out. They are put in the order
 * in which the score is summed: by field name, then by token, both by bytes.
 * Threads: one at a time; zeroed at first, then used for one report after another. */
#ifndef CRUMPLE_GROUP_QUESTIONS_H
#define CRUMPLE_GROUP_QUESTIONS_H

#include "group/neighbours.h"
#include "group/term_counts.h"

struct question_term {
    uint64_t key; /* the token's first bytes, for sorting */
    uint32_t term;
    float choice;
    double idf;
};

struct question_field {
    struct str name;
    uint32_t field;
    uint32_t first, count; /* its terms */
};

struct question {
    struct query query; /* borrows `asked` */
    VEC(struct query_term) asked;
    VEC(struct question_term) terms; /* scratch: those of one field together */
    VEC(struct question_field) fields;
    VEC(uint32_t) places; /* scratch: by number of a field, where its next term goes */
};

void question_done(struct question *q);

/* reports: how many there are to be compared with (N). False: no memory. */
MUST_CHECK bool question_make(struct question *q, const struct lexicon *lx,
                              const struct term_counts *tc, uint32_t reports,
                              uint32_t max_query_terms);

#endif
