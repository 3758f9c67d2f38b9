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
#include "columns/columns.h"
#include "group/bucket_index.h"
#include "report/attributes.h"
#include "report/report.h"
#include "report/upload.h"
#include "store/blobs.h"
#include "store/store.h"
#include "symbols/library.h"

struct engine;

struct engine_config {
    const char *data_dir;
    struct bucket_index_config grouping; /* its lists stay borrowed until engine_close */
    /* Threads that parse; 0: one a core. With one, reports are committed in the order in which they
     * were submitted; with more, in the order in which they were ready. */
    size_t workers;
    size_t queue_limit;       /* jobs taken and not yet done; more get ERR_BUSY */
    uint64_t inbox_max_bytes; /* of uploads accepted and not yet processed; more get ERR_BUSY */
    size_t work_max_bytes;    /* memory for processing uploads, all together */
    /* At most so many reports in one transaction; one job's are always together. */
    size_t batch_reports;
    size_t columns_max; /* attributes of a project that can be queried */
    size_t edit_bytes;  /* a change of many objects is stored when it takes more memory than this */
    /* Rows for queries are written to a file when more of them than this, and a quarter of all,
     * have changed. */
    size_t checkpoint_changes;
    bool allow_delete_all;
    /* The program that reads uploads of symbols in a process of its own, as `PROGRAM symbols
     * convert ...`: "/proc/self/exe" for crumple itself. NULL: they are kept, and not looked into.
     */
    const char *helper;
    int64_t helper_timeout_ms; /* for one upload */
    int64_t helper_retry_ms;   /* until one that something was short for is tried again */
    /* Who wants to read an upload of symbols, or to change it, while it is in the helper's hands,
     * or waits for them, waits so long, and then gets ERR_BUSY. */
    int64_t helper_patience_ms;
};

/* Uploads (the Backtrace API).
 *
 *   engine_accept ──► files made durable ──► inbox, one fdatasync for many ──► done() asynchronous
 *                                               │
 *                                            backlog ──► workers ──► writer ──► done() synchronous
 *
 * What was accepted is processed exactly once, also after a crash, whatever is in it. */
struct engine_upload {
    /* Set by the sender; lent until done() is called. */
    struct arena *arena;
    struct upload upload;  /* without `object`, which is filled in */
    struct spool **spools; /* of body and attachments; kept and then freed by the sender */
    size_t spool_count;
    bool sync; /* done() comes when it is committed */
    /* Called once, by a thread of the engine, and must not block. */
    void (*done)(struct engine_upload *u);
    void *owner;

    /* The outcome. */
    bool ok;
    struct err err; /* when not ok: nothing was taken */
    uint64_t object;
    bool duplicate; /* a report with this uuid is there: `object` is that one, nothing was stored */
    bool settled;   /* it is committed: what follows is known. A synchronous one that cannot be
                     * stored now, but is kept, is not; `errors` says why */
    bool has_fingerprint;
    uint8_t fingerprint[32];
    bool unique;           /* the first of its fingerprint in the project */
    uint64_t bucket_count; /* of its combination, before this submission was counted */
    struct str errors;     /* in processing, one sentence a line; empty: none */
};
/* Takes it on success: done() will come. ERR_BUSY: too many wait, or the inbox is full. ERR_INPUT:
 * it names a symbolication_id that no report can have. */
MUST_CHECK bool engine_accept(struct engine *en, struct engine_upload *u, struct err *e);

/* An attachment for an object that was accepted before. `bucket` as in struct upload: with
 * bucket.use its combination is counted, and `set` applied. */
struct engine_attachment {
    struct arena *arena;
    uint64_t object;
    struct str project; /* an object of another project is not found */
    struct upload_attachment attachment;
    struct spool *spool;
    struct upload_bucket bucket;
    void (*done)(struct engine_attachment *t);
    void *owner;

    bool ok;
    struct err err; /* ERR_NOT_FOUND: no such object in the project */
    uint64_t id;
};
MUST_CHECK bool engine_attach(struct engine *en, struct engine_attachment *t, struct err *e);

/* Has done() called as soon as an object that was accepted can be read: before this returns, when
 * it is committed; else by a thread of the engine, soon, for other uploads wait for it.
 * ERR_NOT_FOUND at once when the project has no such object. */
struct engine_wait {
    struct arena *arena;
    uint64_t object;
    struct str project;
    void (*done)(struct engine_wait *w);
    void *owner;
    bool ok;
    struct err err; /* when not ok */
};
MUST_CHECK bool engine_settle(struct engine *en, struct engine_wait *w, struct err *e);

/* Processing again, because symbols have come or somebody asks for it. What is made of an upload
 * now takes the place of what was made of it before: docs/reprocessing.md.
 *
 * Objects wait behind all fresh uploads, and few are in work at a time. One that waits already is
 * not added twice; one whose work has begun is done once more after it; those that are not there,
 * or did not come as uploads, are passed over. The wish is not kept over a restart. ERR_NOMEM:
 * those before are added. */
MUST_CHECK bool engine_reprocess(struct engine *en, const uint64_t *objects, size_t count,
                                 struct err *e);
/* How far that has come since the engine was opened. */
struct engine_reprocessed {
    uint64_t waiting; /* or in work */
    uint64_t made_again, unchanged;
    uint64_t failed; /* what there was stays */
};
struct engine_reprocessed engine_reprocessed(struct engine *en);

/* Changing objects that are stored, because somebody asks for it or a rule says so: the store, the
 * index and the columns together, by the writer.
 *
 * Any number of objects: they are done in portions, each durable by itself and seen at once; other
 * work goes on between. On failure `changed` tells how far it came. Objects that are not there, or
 * of another project, are passed over. One that is accepted and not yet committed is waited for. */
enum edit_kind {
    EDIT_SET,     /* attributes of objects */
    EDIT_REMOVE,  /* objects: see enum removal */
    EDIT_DETACH,  /* one attachment of objects[0]; ERR_NOT_FOUND */
    EDIT_MERGE,   /* fingerprints: see docs/merging.md */
    EDIT_UNMERGE, /* the same */
    EDIT_ISSUES   /* attributes of issues, which are known by their fingerprints */
};
enum removal {
    REMOVE_ALL,      /* nothing of it can be read or found any more */
    REMOVE_PHYSICAL, /* the bytes as they came, and its attachments; queries still know it */
    REMOVE_ROW       /* of one whose bytes are gone: queries do not know it any more either */
};
struct edit_value {
    struct str name;
    bool clear; /* and what follows does not count */
    enum attribute_type type;
    struct str text;
};
struct engine_edit {
    /* Set by the sender; lent until done() is called. */
    struct arena *arena;
    struct str project;
    enum edit_kind kind;
    const uint64_t *objects; /* SET, REMOVE, DETACH */
    size_t object_count;
    const struct edit_value *values; /* SET, ISSUES */
    size_t value_count;
    enum removal removal;
    uint64_t attachment;                                    /* DETACH: its id */
    const uint8_t (*fingerprints)[STORE_FINGERPRINT_BYTES]; /* MERGE, UNMERGE, ISSUES */
    size_t fingerprint_count;
    /* Called once, by a thread of the engine, and must not block. */
    void (*done)(struct engine_edit *t);
    void *owner;

    bool ok;
    struct err err;
    size_t changed;                          /* objects, or issues */
    uint8_t merged[STORE_FINGERPRINT_BYTES]; /* MERGE: the fingerprint that they have now */
};
MUST_CHECK bool engine_edit(struct engine *en, struct engine_edit *t, struct err *e);

/* What queries are answered from (columns/columns.h): all objects, committed ones; any thread may
 * read. */
struct columns *engine_columns(struct engine *en);
struct sampler *engine_sampler(struct engine *en); /* engine/sampler.h */

/* Reading what was uploaded. All of them any thread; ERR_NOT_FOUND also for another project's, and
 * for what was removed. */
MUST_CHECK bool engine_upload_read(struct engine *en, uint64_t object, struct str project,
                                   struct arena *a, struct stored_upload *out, struct err *e);
/* The fingerprint that objects of this one are shown with: that of their group, when it is merged.
 */
void engine_fingerprint_shown(struct engine *en, struct str project,
                              const uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
                              uint8_t shown[STORE_FINGERPRINT_BYTES]);
/* The stored JSON of a report by its object id, whichever API it came by. */
MUST_CHECK bool engine_object_report(struct engine *en, uint64_t object, struct str project,
                                     struct arena *a, struct str *json, struct err *e);
MUST_CHECK bool engine_attachments(struct engine *en, uint64_t object, struct str project,
                                   struct arena *a, struct stored_attachment **out, size_t *count,
                                   struct err *e);
MUST_CHECK bool engine_attachment_read(struct engine *en, uint64_t object, struct str project,
                                       uint64_t id, struct arena *a, struct stored_attachment *out,
                                       struct err *e);
struct store *engine_store(struct engine *en);         /* for lists of uploads, and for access */
struct blobs *engine_blobs(struct engine *en);         /* for spools, and for files of contents */
const uint8_t *engine_secret(const struct engine *en); /* STORE_SECRET_BYTES */
/* Symbols and source maps, as reports of the project are processed with. *ctx is the caller's and
 * must outlive the source; the project's name, too. */
struct symbol_source engine_symbols(struct engine *en, struct str project,
                                    struct library_project *ctx);

#define ENGINE_LIST_MAX 100000    /* reports in one list */
#define ENGINE_JSON_NODES 4000000 /* values in one upload */

struct engine_config engine_defaults(void);

/* Takes the data directory, opens the store and builds the views (logs its progress).
 * ERR_CONFLICT when another process has the directory. */
MUST_CHECK bool engine_open(struct engine **out, const struct engine_config *config, struct err *e);
/* Symbols are converted no more, since that can take an hour: those who wait for it are told that
 * it will be done later, and what waits is done after the next start. Before those who wait are
 * waited for; any thread. */
void engine_stop_converting(struct engine *en);
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
