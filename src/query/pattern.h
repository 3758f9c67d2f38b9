/* pattern.h - whether a single token is what a leaf of the query asks for.
 *
 * Tokens are matched as written, case and all. Wildcards: * any characters, ? one. Fuzzy: the
 * number of letters changed, added, left out or swapped with their neighbour (each letter once), at
 * most two. Ranges: order of bytes.
 * Threads: a pattern never changes once made. */
#ifndef CRUMPLE_QUERY_PATTERN_H
#define CRUMPLE_QUERY_PATTERN_H

#include "query/lucene.h"
#include "query/wildcard.h"

enum pattern_type { PATTERN_WORD, PATTERN_WILDCARD, PATTERN_FUZZY, PATTERN_RANGE };

struct pattern {
    enum pattern_type type;
    struct str text; /* WORD, FUZZY */
    struct wildcard wildcard;
    struct str low, high; /* RANGE */
    bool include_low, include_high;
    const uint32_t *letters; /* FUZZY: code points */
    size_t letter_count;
    size_t edits;
};

/* From a leaf: TERM, WILDCARD, FUZZY or RANGE. Borrows its texts. ERR_LIMIT: see wildcard.h.
 * ERR_NOMEM. */
MUST_CHECK bool pattern_init(struct pattern *p, const struct lucene_query *q, struct arena *a,
                             struct err *e);

/* 0: no. 1: yes. Between: a fuzzy term, the larger the fewer its edits are for its length. */
float pattern_match(const struct pattern *p, struct str token);

#endif
