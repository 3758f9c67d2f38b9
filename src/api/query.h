/* query.h - POST /api/query: what the files of it share. Inside src/api only.
 *
 *     query.c          the door; queries that only read; describe
 *     query_change.c   queries that change: `set`, and `actions` on fingerprints
 *
 * Threads: one at a time, as the exchange. */
#ifndef CRUMPLE_API_QUERY_H
#define CRUMPLE_API_QUERY_H

#include "api/desk.h"
#include "columns/answer.h"

#define QUERY_TIMEOUT_MS 30000 /* of looking at rows; as long as morgue waits */

/* One query. It lives in the exchange's arena. */
struct query {
    struct desk_job job; /* the first member */
    struct api *api;
    struct http_exchange *x;
    struct arena *arena; /* for all that is made of it; goes with the exchange */
    struct str project;
    const struct token *token;
    struct attribute_notes notes; /* what people said of the project's attributes */
    struct ask ask;
    bool describes; /* it asks what attributes there are */
    struct err err; /* what it is refused with */
    int64_t began_us;
};

void query_refuse(struct query *q, const struct err *e);
/* What the answers say about themselves. */
struct answer_about query_about(const struct query *q);
struct run_limits query_limits(const struct query *q);
/* Before rows are changed or removed: the query says which by a filter, and not only how many. */
MUST_CHECK bool query_check_rows(const struct ask *ask, struct err *e);
/* The query changes something, and may: what it says is looked at, and done; then the exchange is
 * woken and answered. On a thread of the desk. False: not woken, q->err says why. */
MUST_CHECK bool query_change(struct query *q);

/* The members of a JSON object as what an edit sets; null clears. ERR_INPUT: a value is no scalar.
 */
MUST_CHECK bool query_values(const struct json *set, struct arena *a, struct engine_edit *edit,
                             struct err *e);

#endif
