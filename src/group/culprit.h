/* culprit.h - the similarity `culprit`: two reports are alike when the same function is to blame.
 *
 * Of each frame it asks: does the fault lie here, or was this only a helper on behalf of its
 * caller? h(f) is the share of crashes in f that belong to f's callers, learnt from the stream
 * (helpers.h). So the fault lies in frame i with probability (1 - h(i)) * product of h(j) above i:
 * a report's blame, spread over its functions. Two reports have in common the sum over functions of
 * the lesser of both blames. docs/grouping.md tells it with an example.
 *
 * Equal stacks are kept once. Reports of other projects are never near.
 *
 *     trace ─ clean.h: names, from memory where lost; platform frames out; recursion folded
 *           ─ helpers.h: blame ─ postings: candidates ─ score ─ nearest
 *
 * Threads: one writer; under "Readers", any thread, about published reports. Memory: everything
 * belongs to the struct culprit. */
#ifndef CRUMPLE_GROUP_CULPRIT_H
#define CRUMPLE_GROUP_CULPRIT_H

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "report/report.h"

#define CULPRIT_NONE UINT32_MAX

/* Parts that can be left out, to measure what each brings (docs/grouping.md, ablation). */
enum culprit_part {
    CULPRIT_PLATFORM = 1, /* frames of the platform are left out */
    CULPRIT_MEMORY = 2,   /* lost names come back from earlier reports of the build */
    CULPRIT_HELPERS = 4,  /* h is learnt from callers; else one constant */
    CULPRIT_DEATHS = 8,   /* how programs die tells helpers from culprits, and bugs apart */
    CULPRIT_WORDS = 16,   /* words of memory handling make a helper more likely */
    CULPRIT_REST = 32     /* the rest of the stack counts a little */
};

struct culprit;

/* without: parts left out, 0. is_cold: which fields do not take part in grouping. NULL: no memory.
 */
struct culprit *culprit_new(unsigned without, bool (*is_cold)(const void *ctx, struct str field),
                            const void *cold_ctx);
void culprit_free(struct culprit *c);
DEFINE_CLEANUP(struct culprit, culprit_free)

struct culprit_match {
    uint32_t report; /* CULPRIT_NONE: none scores as much as was asked for */
    float score;
};

/* Writer. A report without a stack is compared by its other texts. */

/* The nearest report of the same project among those added, of at least `least`. ERR_NOMEM. */
MUST_CHECK bool culprit_nearest(struct culprit *c, const struct report *r, float least,
                                struct culprit_match *out, struct err *e);
/* Adds report number `report` (they come in order); `near` is what culprit_nearest found for it. On
 * failure nothing has changed. ERR_NOMEM. */
MUST_CHECK bool culprit_add(struct culprit *c, const struct report *r, uint32_t report,
                            struct culprit_match near, struct err *e);
/* Another report will take the place of this one, which none is near to any more; what was learnt
 * from it stays. is_superseded: of the others, which were before. ERR_NOMEM: culprit_undo comes
 * next. */
MUST_CHECK bool culprit_supersede(struct culprit *c, uint32_t report,
                                  bool (*is_superseded)(const void *ctx, uint32_t report),
                                  const void *ctx, struct err *e);
/* The report that was asked about last (culprit_nearest, culprit_explain_new) will not be added. */
void culprit_forget_asked(struct culprit *c);
void culprit_keep(struct culprit *c); /* publishes; culprit_undo goes back no further */
void culprit_undo(struct culprit *c);
void culprit_undo_last(struct culprit *c); /* the latest add alone, once for each */

struct culprit_cost {
    uint64_t searches, postings, candidates;
    uint64_t
        cut_short; /* searches that left candidates out: only these can have missed the nearest */
};
struct culprit_cost culprit_cost(const struct culprit *c);
size_t culprit_bytes(const struct culprit *c);

/* Explanations. */

/* What one function gave. */
struct culprit_line {
    struct str function;
    double helper;                   /* h: 0 is always the culprit, 1 never */
    double query_blame, other_blame; /* shares of 1 */
    double value;                    /* its part of the score */
};
/* What became of a frame of the report, in the report's order. */
struct culprit_frame {
    uint32_t index;      /* in stacktrace */
    struct str function; /* as compared; empty when it was not */
    const char *why;     /* "compared", "named", "ends", "starts", "system", "handler", "repeats",
                            "unknown" */
};
struct culprit_explanation {
    double score;
    size_t count;
    struct culprit_line *lines; /* heaviest first; their values add up to the score */
    double rest;                /* the factor for the rest of the stack: 0 to 1 */
    bool deaths_differ;
    struct str query_death, other_death;
    size_t query_frame_count, other_frame_count;
    struct culprit_frame *query_frames, *other_frames;
};

/* Readers. Why two published reports are alike, as of now; their traces as trace_collect gives them
 * (for the frames; may be NULL). query == other: what weighs in the report. */
MUST_CHECK bool culprit_explain(const struct culprit *c, uint32_t query, uint32_t other,
                                const struct trace *query_trace, const struct trace *other_trace,
                                struct culprit_explanation *out, struct arena *a, struct err *e);
/* Writer: for a report that is not added yet. */
MUST_CHECK bool culprit_explain_new(struct culprit *c, const struct report *r, uint32_t other,
                                    struct culprit_explanation *out, struct arena *a,
                                    struct err *e);

#endif
