/* search.h - which reports of a collection match a query, and how well.
 *
 * A query is matched against every distinct value once (a word is a word wherever it stands), then
 * the reports, lists of value numbers, are scanned. Fields that are kept only in payloads are read
 * through `payload`, for the reports that the rest of the query leaves. Superseded reports match
 * nothing, and their words do not count for scores.
 * Scores are Lucene's classic similarity over the searched fields.
 * Threads: any number may search at once, while the writer adds. */
#ifndef CRUMPLE_QUERY_SEARCH_H
#define CRUMPLE_QUERY_SEARCH_H

#include "group/collection.h"
#include "query/lucene.h"

/* Reports whose payload one search reads at most, and the memory that one of them may take. */
#define SEARCH_PAYLOADS_MAX 200000
#define SEARCH_PAYLOAD_BYTES ((size_t)1 << 30)

struct search_request {
    const struct lucene_query *query;
    uint32_t project; /* COLLECTION_NONE: all */
    bool has_since, has_until;
    int64_t since_ms, until_ms; /* since < date < until */
    struct str sort;            /* a field; empty: by score */
    bool ascending;
    size_t from, size;   /* the page */
    bool need_scores;    /* false: scores are 0; so they are when `sort` names a field */
    uint32_t timeout_ms; /* 0: none */
    /* Reads the stored payload of a report into the arena; for cold fields. ERR_NOT_FOUND: the
     * report is gone, and matches nothing there. NULL: so does every report. */
    bool (*payload)(void *ctx, uint32_t report, struct arena *a, struct str *out, struct err *e);
    void *ctx;
};
struct search_hit {
    uint32_t report;
    float score;
};

/* The hits of the page, best first: by score or by the first value of the field that `sort` names
 * (in bytes; `date` in time; reports without it last), then the newest, then by number. *total
 * counts all that match. ERR_INPUT: a date in the query that is none. ERR_LIMIT: too many patterns,
 * or too many payloads to read, or longer than the timeout (word search_too_long). ERR_NOMEM: the
 * arena's limit. */
MUST_CHECK bool search_run(const struct collection *c, const struct search_request *rq,
                           struct search_hit **hits, size_t *count, size_t *total, struct arena *a,
                           struct err *e);

/* All that match, as a bitmap over reports (bit i of word i/64), for lists of buckets. */
MUST_CHECK bool search_matches(const struct collection *c, const struct search_request *rq,
                               uint64_t **bits, uint32_t *report_count, struct arena *a,
                               struct err *e);

#endif
