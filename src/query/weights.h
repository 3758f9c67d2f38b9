/* weights.h - what each slot of a plan weighs in the report that is being looked at.
 *
 * Reports that share a stack are looked at one after another, so that the stack, which is most of a
 * report, is gone through once:
 *
 *     enter_stack ──► enter_report ──► weights_of ... ──► enter_report ... ──► enter_stack ...
 *
 * Invariant: between calls, a weight that is not 0 is listed in `touched`, and everything that
 * enter_report changed is listed in `undo`.
 * Threads: belongs to one search. */
#ifndef CRUMPLE_QUERY_WEIGHTS_H
#define CRUMPLE_QUERY_WEIGHTS_H

#include "query/plan.h"

struct weight_before {
    uint32_t slot;
    float weight;
};

struct weights {
    const struct plan *plan;
    const struct search_request *rq;
    struct arena *scratch; /* emptied again and again */
    bool measured;         /* lengths are kept */

    uint32_t report; /* the one that was entered */
    struct collected seen;
    bool payload_read; /* the weights of slots that look at payloads are right */
    float *of;         /* by slot */
    uint32_t *touched, touched_count;
    uint32_t *length, *stack_length; /* of the report, and of its stack alone */

    bool in_report; /* undo and undo_touched say how to get back to the stack alone */
    struct weight_before *undo;
    uint32_t undo_count, undo_touched;
    uint32_t *entered, round; /* of each slot: the last report that changed it */

    struct phrase_seat *seats; /* room for the longest phrase */
};

MUST_CHECK bool weights_init(struct weights *w, const struct plan *p,
                             const struct search_request *rq, struct arena *scratch, bool measured,
                             struct err *e);

void weights_enter_stack(struct weights *w, uint32_t stack);
/* The rest of a report; its stack must have been entered if plan->in_stack. */
void weights_enter_report(struct weights *w, uint32_t report);
/* Reads the payload of the report for the slots that need it. Errors are those of rq->payload, but
 * a report that is gone weighs nothing. */
MUST_CHECK bool weights_read_payload(struct weights *w, struct err *e);

/* The frequency of a far phrase; it is looked for only when it is asked for. */
MUST_CHECK bool weights_far_phrase(struct weights *w, uint32_t slot, float *out, struct err *e);

/* The texts of a field in the stored payload of a report, in order; in the scratch arena. */
MUST_CHECK bool weights_payload_texts(const struct search_request *rq, uint32_t report,
                                      struct arena *scratch, const struct report_text **texts,
                                      size_t *count, struct err *e);

#endif
