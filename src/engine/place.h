/* place.h - gives the reports of one batch their places, job by job, before any of it is stored.
 *
 * A batch is a list of reports that are new; the report at k will have the number base + k. For
 * each job: `batch_check` holds all its reports against those that are there (stored, or earlier in
 * the batch or in the job itself), and `batch_place` then puts the new ones into the index and
 * fills in the job's results. So a refused job leaves nothing behind, and everything that may fail
 * has happened before the store is asked.
 *
 * Threads: the writer's. Memory: what the results hold is in each job's arena. */
#ifndef CRUMPLE_ENGINE_PLACE_H
#define CRUMPLE_ENGINE_PLACE_H

#include "base/idmap.h"
#include "base/vec.h"
#include "engine/inside.h"

/* What is set and cleared in an object that is stored already: see amend.h. */
struct amendment {
    struct stored_change row;
    struct str payload; /* of row.report, when it has one; empty once amend_keep has been here */
    const struct report_text *texts; /* for the collection */
    size_t text_count;
    struct str project;
    struct named_cell *cells; /* for the columns */
    size_t cell_count;
};

/* An object that is removed, or its bytes. */
struct removed_object {
    struct stored_removal row;
    struct str uuid; /* of its upload; may be empty */
};

/* What is said of an issue from now on. */
struct issue_change {
    struct stored_issue row;
    uint32_t at; /* which, see issues.h */
};

struct batch {
    struct engine *engine;
    struct bucket_index *index;
    const struct collection *collection;
    size_t threshold_count;
    uint32_t base; /* reports that were there before */
    VEC(struct item *) added;
    VEC(struct upload_work *) uploads;
    VEC(struct stored_attachment) attachments;
    VEC(struct stored_count) counts;
    VEC(struct amendment) amendments;
    VEC(struct removed_object) removals;
    VEC(struct stored_upload) emptied; /* rows for those of them that had none, and keep one */
    VEC(uint64_t) detached;            /* ids of attachments */
    VEC(struct stored_merge) merges;
    VEC(struct issue_change) issues; /* of one issue: the last counts */
    struct arena *said;              /* for what these say; NULL as long as none is needed */
    struct idmap by_id;              /* from database_id to the place in `added` */
    struct arena *scratch; /* for one report read back from the store; then for shorthands */
};

MUST_CHECK bool batch_init(struct batch *b, struct engine *en, struct err *e);
void batch_done(struct batch *b);
/* Empties it; the caller takes back what was added to the index. */
MUST_CHECK bool batch_reset(struct batch *b, struct err *e);

/* ERR_CONFLICT (err_project, err_id) when another report has the id. On failure the job's err and
 * err_index are set and the batch is as before. */
MUST_CHECK bool batch_check(struct batch *b, struct engine_job *job);
/* Places a report that was made again, after all others and against all but the one that is there,
 * whose place it takes. On failure as batch_place. */
MUST_CHECK bool batch_place_remade(struct batch *b, struct engine_job *job, uint32_t instead);
/* After batch_check. On failure the job's err is set, and the batch is of no more use but for
 * batch_reset. */
MUST_CHECK bool batch_place(struct batch *b, struct engine_job *job);

/* place_upload.c: the same for what comes over the Backtrace API. An upload whose report cannot be
 * placed is kept without one; then, too, batch_place_upload fails, and with it the batch. */
MUST_CHECK bool batch_place_upload(struct batch *b, struct engine_job *job);
MUST_CHECK bool batch_place_attachment(struct batch *b, struct engine_job *job);
/* What was placed is stored: readers and the engine see it from now on. */
void batch_uploads_stored(struct batch *b);

#endif
