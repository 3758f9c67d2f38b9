/* engine.h - the way of a report from its bytes to its buckets, without any protocol.
 *
 *   engine_submit ──► workers: parse, check, compress ──► writer: place, store, publish ──► done()
 *
 * The writer takes what is ready, places each report after the ones before it, writes the batch in
 * one transaction, publishes it to the readers, and only then tells the senders. When the
 * transaction fails the index is taken back and every sender in the batch gets the error.
 *
 * Threads: engine_open and engine_close by the owner; all else by any thread. */
#ifndef CRUMPLE_ENGINE_ENGINE_H
#define CRUMPLE_ENGINE_ENGINE_H

#include "base/metrics.h"
#include "group/bucket_index.h"
#include "report/report.h"

struct engine;

struct engine_config {
    const char *data_dir;
    struct bucket_index_config grouping; /* its lists stay borrowed until engine_close */
    /* Threads that parse; 0: one a core. With one, reports are committed in the order in which they
     * were submitted; with more, in the order in which they were ready. */
    size_t workers;
    size_t queue_limit; /* jobs taken and not yet done; more get ERR_BUSY */
    /* At most so many reports in one transaction; one job's are always together. */
    size_t batch_reports;
    bool allow_delete_all;
};

#define ENGINE_LIST_MAX 100000    /* reports in one list */
#define ENGINE_JSON_NODES 4000000 /* values in one upload */

struct engine_config engine_defaults(void);

/* Takes the data directory, opens the store and builds the views (logs its progress).
 * ERR_CONFLICT when another process has the directory. */
MUST_CHECK bool engine_open(struct engine **out, const struct engine_config *config, struct err *e);
/* Finishes every job that was accepted, then lets go. No view may be in use. NULL is fine. */
void engine_close(struct engine *en);
DEFINE_CLEANUP(struct engine, engine_close)

/* One upload: a report, or a JSON list of reports; all of it is stored, or nothing. err.word is one
 * of report.h's, or: no_report_data_provided (empty body or list), list_in_dry_run,
 * too_many_reports (over ENGINE_LIST_MAX), conflict. */
struct engine_job {
    /* Set by the sender; lent until done() is called. */
    struct arena *arena; /* everything below that the engine fills in lives here */
    struct str body;
    struct str project; /* from the URL; empty: each report names its own */
    bool dry_run;       /* only say where it would go; one report */
    bool explain;       /* fill in `explanation`s */
    /* Called once, by a thread of the engine, and must not block. */
    void (*done)(struct engine_job *job);
    void *owner; /* for done() */

    /* The outcome. */
    bool ok;
    struct err err;                 /* when not ok */
    size_t err_index;               /* the item of the list that err speaks of */
    struct str err_project, err_id; /* of the stored report, on ERR_CONFLICT; the body's project in
                                     * err_project, on name_mismatch */
    bool is_list;
    struct engine_result *results; /* in the order of the body */
    size_t result_count;
    struct engine_work *work; /* the engine's own */
};

struct engine_result {
    bool same; /* it was there already, with the same content: what follows is what was stored */
    struct str database_id, project;
    int64_t date_ms;
    struct str *buckets; /* names by threshold; empty in a dry run where it would found one */
    bool has_match;
    struct str match_id, match_project;
    float score;
    struct explanation *explanation; /* NULL when not asked for, without a match, or `same` */
};

/* Takes the job on success: done() will come. ERR_BUSY when too many wait: nothing was taken. */
MUST_CHECK bool engine_submit(struct engine *en, struct engine_job *job, struct err *e);

/* Reading. A view stays whole until it is released, even when all reports are deleted meanwhile;
 * deletion waits with freeing, readers never wait. */
struct engine_view {
    const struct bucket_index *index;
    const struct collection *collection;
};
const struct engine_view *engine_view_acquire(struct engine *en);
void engine_view_release(struct engine *en, const struct engine_view *v);

/* The stored JSON of a report of the view. ERR_NOT_FOUND when all was deleted since the view was
 * acquired; ERR_IO. */
MUST_CHECK bool engine_payload(struct engine *en, const struct engine_view *v, uint32_t report,
                               struct arena *a, struct str *out, struct err *e);

MUST_CHECK bool engine_projects(struct engine *en, struct arena *a, struct str **out, size_t *count,
                                struct err *e);
/* ERR_CONFLICT, word delete_not_allowed, unless allow_delete_all. Waits for the writer. */
MUST_CHECK bool engine_delete_all(struct engine *en, struct err *e);

const struct engine_config *engine_config_of(const struct engine *en);
/* What the engine counts: reports accepted, stored, refused by reason; queue depth; latencies of
 * the steps; size of the index (brought up to date by the call). */
struct metric *const *engine_metrics(struct engine *en, size_t *count);
/* Accepts jobs, and no write failed in the last ENGINE_FAILED_MS without a good one after it. */
bool engine_ready(struct engine *en);
#define ENGINE_FAILED_MS 10000

#endif
