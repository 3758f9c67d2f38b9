/* hits.h - the page of hits: the best of all matches, kept in a heap as large as the page reaches.
 *
 * By score or by the first value of a field in the report, in bytes (date: in time), a report
 * without it last; then the newest first, then by number.
 * Threads: belongs to one search. */
#ifndef CRUMPLE_QUERY_HITS_H
#define CRUMPLE_QUERY_HITS_H

#include "query/plan.h"

struct hit {
    uint32_t report;
    float score;
    int64_t date_ms;
    struct str key; /* what it is sorted by, when not by score or date */
    bool missing;   /* it has no such field */
};

struct hits {
    const struct plan *plan;
    const struct search_request *rq;
    struct arena *scratch;
    enum { HITS_BY_SCORE, HITS_BY_DATE, HITS_BY_ID, HITS_BY_PROJECT, HITS_BY_FIELD, HITS_COLD } by;
    struct str field; /* HITS_COLD */
    uint32_t number;  /* HITS_BY_FIELD; PLAN_NONE: no report has it */
    struct hit *heap; /* the worst on top */
    size_t count, cap;
};

/* most: how many will be added at most. */
MUST_CHECK bool hits_init(struct hits *h, const struct plan *p, const struct search_request *rq,
                          size_t most, struct arena *scratch, struct err *e);
MUST_CHECK bool hits_add(struct hits *h, uint32_t report, float score, struct err *e);
/* The page, best first. */
MUST_CHECK bool hits_page(struct hits *h, struct search_hit **out, size_t *count, struct err *e);

#endif
