/* submission.h - one submission under way: what its files share. Nobody outside this folder
 * includes it.
 *
 *     submission.c          the door, the body, the hand-over to the engine
 *     submission_answer.c   what is said afterwards
 *     submission_values.c   attributes for an object that is there (resource=_kv)
 *
 * It lives in the arena of its exchange, and so does what it borrows: the token's snapshot, spools,
 * fields. What the engine makes of it lives in an arena of its own, which goes with the exchange's.
 * Threads: one at a time, as the exchange. */
#ifndef CRUMPLE_API_SUBMISSION_H
#define CRUMPLE_API_SUBMISSION_H

#include "access/receipt.h"
#include "api/backtrace.h"
#include "api/intake.h"
#include "api/target.h"

/* The same words whether it is not there or another project's. */
#define SUBMISSION_NO_OBJECT "no such object"

struct submission {
    struct api *api;
    struct http_exchange *x;
    struct arena *arena; /* the exchange's */
    struct target target;
    const struct token *token;
    uint64_t object; /* of an attachment; 0: an upload */
    struct intake in;
    bool sync;

    /* X-Submission-Bucket. */
    bool has_bucket_token;
    enum bucket_token_state bucket_token;

    /* Refused while the body came, with a status that a sink cannot give: the rest of the body is
     * thrown away, and the handler answers. 0: not refused. */
    unsigned refused_status;
    struct err refused;

    struct engine_upload upload;
    struct engine_attachment attachment;
    struct engine_edit values;
};

/* Attributes for an object, as a JSON object. */
static inline bool submission_is_values(const struct submission *s)
{
    return str_eq(s->target.resource, STR("_kv"));
}
#define SUBMISSION_VALUES_BYTES 1048576 /* of that */

static inline bool submission_is_attachment(const struct submission *s)
{
    return s->target.object.len > 0;
}

/* Answer what the engine has done, well or not. */
void submission_answer_upload(struct submission *s);
void submission_answer_attachment(struct submission *s);

/* Has them set: the body is there. Answers, now or later. */
void submission_hand_over_values(struct submission *s);

#endif
