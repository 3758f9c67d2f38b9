/* inside.h - what the files of the engine share. Inside src/engine only.
 *
 * engine.c: open, close, submit.  process.c: workers.  writer.c: batches.  place.c: one job's
 * place.  view.c: what readers hold.  recovery.c: from store to index.  measures.c: metrics. */
#ifndef CRUMPLE_ENGINE_INSIDE_H
#define CRUMPLE_ENGINE_INSIDE_H

#include "base/queue.h"
#include "engine/engine.h"
#include "engine/shorthand.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* One report on its way. Made by a worker, then the writer's; lives in the job's arena. */
struct item {
    struct report report; /* with its project and a date */
    bool has_date;        /* whether the sender gave the date */
    int64_t received_ms;
    struct str packed;
    struct engine_result *result; /* of job->results */
    uint32_t match;               /* of the placement; COLLECTION_NONE */
};

struct engine_work {
    struct item *items; /* job->result_count of them, once a worker has been through */
    int64_t submitted_us;
    bool delete_all; /* no upload: see engine_delete_all */
    bool dropped;    /* failed while it was placed: not tried again */
};

/* A generation of the index: a deletion of all reports begins the next. */
struct view {
    struct engine_view shown; /* first, so that one pointer is both */
    struct bucket_index *index;
    size_t users; /* guarded by the engine's view_mu; the engine is one while it is current */
};

struct engine {
    /* Set by engine_open, then never changed. */
    struct engine_config config;
    struct store *store;
    int lock;            /* of the data directory; -1 */
    struct queue *inbox; /* jobs for the workers */
    struct queue *ready; /* jobs for the writer */
    pthread_t *workers, writer;
    size_t workers_started;
    bool writer_started;

    _Atomic size_t jobs;       /* taken and not yet done */
    _Atomic int64_t failed_us; /* when a write failed; 0: the last one was good */
    /* The writer's alone: so that a full disk does not fill the log. */
    int64_t failure_logged_us;
    size_t failures; /* batches since the last good one */
    struct shorthand shorthand;

    /* Guards current and every view's users; held for a few instructions only. The writer alone
     * changes current, and so may read it without. */
    pthread_mutex_t view_mu;
    struct view *current;
};

/* process.c: a worker's share of one job; on failure the job's err is set. Touches nothing but the
 * job. */
MUST_CHECK bool process_job(struct engine_job *job);
/* From a stored payload to a report, whose project and date are not settled. */
MUST_CHECK bool process_parse(struct report *out, struct str payload, struct arena *a,
                              struct err *e);

/* writer.c: takes from en->ready until it is closed and empty. arg: struct engine. */
void *writer_run(void *arg);

/* view.c */
struct view *view_new(const struct bucket_index_config *config, struct err *e); /* one user */
void view_drop(struct engine *en, struct view *v); /* the last user frees it */
/* Makes `next` current (its one user is the engine) and drops what was. */
void view_replace(struct engine *en, struct view *next);

/* recovery.c: fills the current view from the store, in the order of commit. */
MUST_CHECK bool recovery_run(struct engine *en, struct err *e);

/* engine.c: the end of a job, whatever its outcome: counts it and calls done(). */
void job_finish(struct engine *en, struct engine_job *job);

#endif
