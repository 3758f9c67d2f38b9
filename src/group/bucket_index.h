/* bucket_index.h - finds the nearest earlier report and says which buckets a report belongs to.
 *
 * Place in the story: the commit step asks it about each report in turn, then adds the report, so
 * that each report sees all before it. At start it is built again from the store, in commit order,
 * with the buckets as they were decided.
 *
 *     place ──► (store writes it) ──► add ... add ──► publish        or, when storing failed, undo
 *
 * A report that was made again takes the place of the one before it: supersede, place, add. Nobody
 * finds the superseded one any more, and readers go by collection_is_superseded; what was learnt
 * from it (frequencies of words, helpers, names of places) stays learnt. The same holds for one
 * that is removed: remove ... remove ──► (the store does so) ──► publish, or undo.
 *
 * Three parts, kept apart: candidates (neighbours.h), their scores (similarity.h), the buckets.
 *
 * Threads: one writer calls what is under "Writer"; what is under "Readers", and the collection,
 * any thread may use at any time. Memory: the index owns its collection. */
#ifndef CRUMPLE_GROUP_BUCKET_INDEX_H
#define CRUMPLE_GROUP_BUCKET_INDEX_H

#include "group/collection.h"
#include "group/culprit.h"

struct bucket_index;

struct project_similarity {
    struct str project;
    const char *similarity;
};

struct bucket_index_config {
    const double *thresholds; /* rising; at most COLLECTION_THRESHOLDS_MAX */
    size_t threshold_count;
    const char *similarity;    /* "culprit" or "classic", of all projects but those below */
    uint32_t max_query_terms;  /* a field; 20 */
    const struct str *ignored; /* fields left out of grouping, as lexicon_new takes them */
    size_t ignored_count;
    const struct project_similarity *projects;
    size_t project_count;
    unsigned without; /* parts of `culprit` that are left out, to measure them: enum culprit_part */
};

/* The defaults of docs/grouping.md; thresholds point to static memory. */
struct bucket_index_config bucket_index_defaults(void);

/* ERR_INPUT for a configuration that makes no sense (says which key), ERR_NOMEM. */
MUST_CHECK bool bucket_index_new(struct bucket_index **out,
                                 const struct bucket_index_config *config, struct err *e);
void bucket_index_free(struct bucket_index *ix); /* no reader may be left */
DEFINE_CLEANUP(struct bucket_index, bucket_index_free)

/* Where a report belongs. */
struct placement {
    uint32_t top_match; /* COLLECTION_NONE: no earlier report reaches the lowest threshold */
    float score;
    /* At each threshold: whether it joins the bucket of top_match, or founds one of its own name.
     * A report with force_bucket goes where that says, whatever stands here. */
    bool joins[COLLECTION_THRESHOLDS_MAX];
};

/* Writer. */

/* The nearest report among all that were added (published or not). Changes nothing that readers
 * see. ERR_NOMEM. */
MUST_CHECK bool bucket_index_place(struct bucket_index *ix, const struct report *r,
                                   struct placement *out, struct err *e);

/* Adds the report with its placement; its number is the count so far. buckets: the names of its
 * buckets as bytes, one for each threshold, when they were decided before (at start); NULL to take
 * them from the placement. The same report may not be there yet. On failure nothing has changed. */
MUST_CHECK bool bucket_index_add(struct bucket_index *ix, const struct report *r,
                                 const struct placement *p, const struct str *buckets,
                                 struct err *e);
/* The same at start, in two halves, which two threads may do: what readers see, and what is
 * compared, each in the order of the reports. The second may be behind by any number of reports;
 * all of *r must stay until then. Beside these, nothing of the writer's may be called but when the
 * second has caught up; publish shows all. A failure is the end: the index can only be freed.
 *
 * known[i] is the lexicon's number of r->texts[i], or COLLECTION_NONE to have it looked for; NULL:
 * of all. instead: the report whose place this one takes (see bucket_index_supersede), or
 * COLLECTION_NONE. number: that the first half has given. */
MUST_CHECK bool bucket_index_restore(struct bucket_index *ix, const struct report *r,
                                     const uint32_t *known, uint32_t instead,
                                     const struct placement *p, const struct str *buckets,
                                     struct err *e);
MUST_CHECK bool bucket_index_restore_compared(struct bucket_index *ix, const struct report *r,
                                              uint32_t number, uint32_t instead,
                                              const struct placement *p, struct err *e);
/* The report that is added next has the database_id of this one and takes its place: from now on
 * bucket_index_place does not find this one. Not when it is superseded already. ERR_NOMEM:
 * bucket_index_undo comes next. */
MUST_CHECK bool bucket_index_supersede(struct bucket_index *ix, uint32_t report, struct err *e);
/* A published report that is not superseded is removed: bucket_index_place does not find it any
 * more, and from the next publish on no reader sees it. Several: by rising numbers. Until publish
 * or undo nothing may be added. ERR_NOMEM: bucket_index_undo comes next. */
MUST_CHECK bool bucket_index_remove(struct bucket_index *ix, uint32_t report, struct err *e);
uint32_t bucket_index_added(const struct bucket_index *ix); /* published or not */
void bucket_index_publish(struct bucket_index *ix);         /* readers see all that was added */
void bucket_index_undo(struct bucket_index *ix);            /* takes back what is not published */

/* Changes values of a published report for its readers: see collection_amend. Nothing may be added
 * and not yet published. */
MUST_CHECK bool bucket_index_amend(struct bucket_index *ix, uint32_t report,
                                   const struct report_text *texts, size_t count, struct err *e);

/* What the search has cost so far, for bench and metrics. */
struct bucket_index_cost {
    uint64_t searches, postings_touched, candidates_checked;
    uint64_t cut_short; /* searches that ended at a limit: only these can have missed the nearest */
};
struct bucket_index_cost bucket_index_cost(const struct bucket_index *ix);

/* Readers. */

const struct collection *bucket_index_collection(const struct bucket_index *ix);
const struct bucket_index_config *bucket_index_config(const struct bucket_index *ix);
size_t bucket_index_bytes(const struct bucket_index *ix); /* memory it holds, about */

/* The similarity that places the reports of a project: "culprit" or "classic". */
const char *bucket_index_similarity(const struct bucket_index *ix, struct str project);

/* One line of an explanation: what a term gave to the score. The values of all lines add up to the
 * score (to single precision). With `culprit`, a term is a function. */
struct term_weight {
    struct str field, token;
    double value;
};
struct explanation {
    double score;
    size_t count;
    struct term_weight *terms;                 /* heaviest first */
    const struct culprit_explanation *culprit; /* NULL when it was `classic` that compared */
};

/* Why `query` and `other` are alike, as of now: `query` asks, `other` is found; the similarity is
 * that of the query's project. Both are numbers of published reports; their traces are for
 * culprit_explanation's frames, and may be NULL. */
MUST_CHECK bool bucket_index_compare(const struct bucket_index *ix, uint32_t query, uint32_t other,
                                     const struct trace *query_trace,
                                     const struct trace *other_trace, struct explanation *out,
                                     struct arena *a, struct err *e);
/* What weighs most in a report against the whole collection: each of its query terms alone. */
MUST_CHECK bool bucket_index_summary(const struct bucket_index *ix, uint32_t report,
                                     const struct trace *trace, struct explanation *out,
                                     struct arena *a, struct err *e);
/* Writer: the same for a placement that was just made, before the report is added. */
MUST_CHECK bool bucket_index_explain(struct bucket_index *ix, const struct report *r,
                                     const struct placement *p, struct explanation *out,
                                     struct arena *a, struct err *e);

/* -log2(reports that have this function / all reports); false when none has. */
bool bucket_index_logdf(const struct bucket_index *ix, struct str function, double *out);

#endif
