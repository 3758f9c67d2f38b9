/* inside.h - what the files of the engine share. Inside src/engine only.
 *
 * engine.c: open, close, submit.  accept.c, backlog.c: uploads, from the sender to the workers.
 * process.c, process_upload.c: workers.  conversions.c, process_symbols.c, helper.c: uploads of
 * symbols.  late.c: reports that wait for them.  later.c: what is tried again.  reprocess.c: what
 * is processed again.  writer.c: batches. place.c, place_upload.c: one job's place.
 * edit*.c: changes of what is stored.  objects.c,
 * tally.c: what the engine remembers of all. view.c, reading.c: what readers hold and ask.
 * recovery.c: from store to index. checkpoint.c: the rows of queries in a file. measures.c:
 * metrics. */
#ifndef CRUMPLE_ENGINE_INSIDE_H
#define CRUMPLE_ENGINE_INSIDE_H

#include "base/queue.h"
#include "engine/backlog.h"
#include "engine/checkpoint.h"
#include "engine/engine.h"
#include "engine/issues.h"
#include "engine/late.h"
#include "engine/later.h"
#include "engine/merges.h"
#include "engine/objects.h"
#include "engine/rows.h"
#include "engine/shorthand.h"
#include "engine/tally.h"
#include "report/amended.h"
#include "report/attributes.h"
#include "store/store.h"
#include "symbols/library.h"

#include <pthread.h>
#include <stdatomic.h>

/* One report on its way. Made by a worker, then the writer's; lives in the job's arena. */
struct item {
    struct report report; /* with its project and a date */
    bool has_date;        /* whether the sender gave the date */
    int64_t received_ms;
    uint64_t object; /* 0 until it is stored, of reports of the PartyCrasher API */
    uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
    bool unique;     /* once placed: the first of its fingerprint in the project */
    uint32_t number; /* once placed and not `same` */
    struct str packed;
    struct row row;               /* of a report of the PartyCrasher API; else without cells */
    struct engine_result *result; /* of job->results */
    uint32_t match;               /* of the placement; COLLECTION_NONE */
    bool remade;                  /* it takes the place of: */
    uint32_t instead;             /* a report that is stored */
};

enum job_kind {
    JOB_REPORTS,    /* of the PartyCrasher API */
    JOB_UPLOAD,     /* struct upload_work */
    JOB_ATTACHMENT, /* struct engine_attachment */
    JOB_WAIT,       /* struct engine_wait */
    JOB_EDIT,       /* struct edit */
    JOB_DELETE_ALL  /* see engine_delete_all */
};

struct engine_work {
    enum job_kind kind;
    struct item *items; /* job->result_count of them, once a worker has been through */
    int64_t submitted_us;
    int64_t received_ms; /* of an attachment */
    bool dropped;        /* failed while it was placed: not tried again */
    struct upload_work *upload;
    struct engine_attachment *attachment;
    struct engine_wait *wait;
    struct edit *edit;
    struct engine_job *next; /* the writer's: another edit that has more portions */
};

/* What became of an object that was processed again. */
enum again_outcome {
    AGAIN_PASSED_OVER, /* it is not there, or did not come as an upload */
    AGAIN_MADE,
    AGAIN_UNCHANGED,
    AGAIN_FAILED /* and what there was stays */
};

/* One upload on its way from the inbox to the store; lives in its job's arena. */
struct upload_work {
    struct engine_job job;
    struct engine_work work;
    struct engine *engine;
    struct backlog *home; /* where the ticket is from */
    struct ticket ticket;
    struct upload upload;
    bool for_converters; /* it is symbols, and no worker's work */
    /* Made by a worker. */
    struct item item; /* when there is a report of it: job.result_count is 1 */
    struct engine_result result;
    struct attributes attributes; /* merged */
    struct amended amended;       /* what was set and cleared since it came */
    struct stored_upload row;     /* without `report` */
    struct row cells;             /* of an error */
    struct stored_attachment *attachments;
    struct combination combination; /* when upload.bucket.name is not empty */
    struct str hex;                 /* the fingerprint, then */
    bool unreadable;                /* it does not come back from where it is kept */
    bool discarded;                 /* all was deleted while it was on its way */
    /* Of ticket.again: what there is was loaded, */
    enum upload_state was;
    uint32_t old; /* the report's number, or STORE_NONE */
    /* what becomes of it, */
    enum again_outcome outcome;
    bool stale; /* and that it changed meanwhile: what was made of it is of no use */
    /* Made by the writer. */
    bool forgone;   /* it cannot be placed; it is tried once more without a report */
    uint64_t count; /* of the combination, before this one */
    bool unique;
};

/* Writes that fail, so that a full disk does not fill the log. Owned by the thread that writes, but
 * for failed_us. */
struct failing {
    _Atomic int64_t failed_us; /* when one failed; 0: the last one was good */
    int64_t logged_us;
    size_t times; /* since the last good one */
};
/* failing.c: one line in the log when it begins, now and then while it lasts, and when it is over.
 */
void failing_note(struct failing *f, const char *event, const struct err *e);
void failing_over(struct failing *f, const char *event);

#define ENGINE_KEEPERS 4    /* threads that wait for the disk with large files */
#define ENGINE_CONVERTERS 2 /* and with helper processes */

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
    struct blobs *blobs;
    struct inbox *inbox; /* of uploads */
    int lock;            /* of the data directory; -1 */
    uint8_t secret[STORE_SECRET_BYTES];
    struct queue *keep;     /* uploads whose files are not durable yet */
    struct queue *received; /* uploads for the receiver */
    struct queue *jobs;     /* for the workers */
    struct queue *ready;    /* jobs for the writer */
    pthread_t *workers, writer, receiver, feeder, keepers[ENGINE_KEEPERS];
    size_t workers_started, keepers_started;
    bool writer_started, receiver_started, feeder_started;

    struct backlog backlog;
    struct backlog conversions; /* uploads of symbols, for the converters */
    pthread_t converters[ENGINE_CONVERTERS];
    size_t converters_started;
    struct symbol_images *images;
    struct library *library;
    struct late *late; /* from the end of engine_open on, as is: */
    struct later *later;
    struct objects objects;
    struct {
        _Atomic uint64_t made_again, unchanged, failed;
    } reprocessed;
    struct arena_budget work_memory; /* of all uploads that are processed */

    _Atomic size_t taken;         /* jobs taken and not yet done */
    struct failing store_failing; /* the writer's commits */
    struct failing inbox_failing; /* the receiver's appends */
    /* Makes the writer look at those who wait; never changes. */
    struct engine_job poke;
    struct engine_work poke_work;
    struct engine_wait poke_wait;
    struct shorthand shorthand;
    struct tally tally;
    struct merges merges;
    struct issues issues;
    struct columns *columns; /* the writer changes them; any thread reads */
    struct checkpoint checkpoint;
    struct sampler *sampler;
    /* See sweeper.h. */
    _Atomic uint64_t loosened;
    _Atomic bool keeps_files;
    int64_t left_out_logged_us; /* the writer's: see rows.c */
    uint64_t last_attachment;
    VEC(struct engine_job *) waiting; /* for objects that are not committed yet */
    struct engine_job *unfinished;    /* edits whose next portion is to come, a list */

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
/* The same, with the call stack of a report of the PartyCrasher API. */
MUST_CHECK bool process_parse_stack(struct report *out, struct callstack *stack, struct str payload,
                                    struct arena *a, struct err *e);

/* process_upload.c: the same for an upload. ERR_NOMEM, ERR_BUSY: it may go well
 * later; w->unreadable: it does not come back from where it is kept. Whatever else is wrong with it
 * is kept with it. */
MUST_CHECK bool process_upload(struct upload_work *w);
/* Its combination, by the fingerprint that it is shown with. ERR_NOMEM. */
MUST_CHECK bool upload_combination(struct upload_work *w,
                                   const uint8_t fingerprint[STORE_FINGERPRINT_BYTES]);
/* It cannot become a report after all: it is kept without one, and says why. ERR_NOMEM. */
MUST_CHECK bool upload_without_report(struct upload_work *w, const struct err *why);

/* reprocess.c, a worker: whether what was made now says something else than what there is; sets
 * w->outcome. ERR_NOMEM, ERR_BUSY, ERR_IO. */
MUST_CHECK bool reprocess_weigh(struct upload_work *w);
/* The work on a ticket begins; it is put off; it has ended, and w->outcome is set. */
void reprocess_begun(struct upload_work *w);
void reprocess_delayed(struct upload_work *w);
void reprocess_ended(struct upload_work *w);

/* conversions.c: uploads of symbols. Whether this one, which has been loaded, is for the
 * converters; then the worker lets go of it: on success it is gone. ERR_NOMEM in the job's err. */
bool conversions_want(const struct upload_work *w);
MUST_CHECK bool conversions_take(struct upload_work *w);
bool conversions_closing(struct engine *en);
void *converter_run(void *arg); /* arg: struct engine */
/* process_symbols.c: what is in the upload, into w->row. ERR_NOMEM, ERR_BUSY, and of the store. */
#define SYMBOLS_NOT_NOW 0 /* the version of rows that are to be done again */
MUST_CHECK bool process_symbols(struct upload_work *w);
/* symbols_sent.c: what the sender says of an upload of symbols; borrows. The tag of its files; the
 * name of its own file (empty: none); and the id of all source maps in it, as script_id makes it
 * (empty: none; ERR_INPUT: no report can have such). */
struct str symbols_sent_tag(const struct upload *u);
struct str symbols_sent_name(const struct upload *u);
MUST_CHECK bool symbols_sent_id(const struct upload *u, struct arena *a, struct str *out,
                                struct err *e);
/* symbols_stored.c. What a row says to the library; borrows. */
struct library_file symbols_library_file(const struct stored_symbol_file *row, struct str project);
/* Whether there are symbols, or is a source map, for what a report misses. */
bool symbols_have(struct engine *en, struct str project, const struct stored_module *m);
/* The upload is committed, whatever it is: its symbols can be used from now on. */
void symbols_stored(struct engine *en, const struct stored_upload *u);
/* recovery_symbols.c: the library, at start. `uploads`: all of symbols that are in the store, by
 * rising ids. */
MUST_CHECK bool recovery_symbols(struct engine *en, const uint64_t *uploads, size_t count,
                                 struct err *e);

/* rows.c: the attribute `callstack`: {"frame":["inner","outer"]}. False: no memory. */
MUST_CHECK bool callstack_json(const struct callstack *stack, struct arena *a, struct str *out);

/* What is in a buffer, into the arena; the buffer is done with. False: memory is short, or the
 * buffer was too small. */
MUST_CHECK bool take_text(struct buf *b, struct arena *a, struct str *out);

/* Has the writer look at those who wait for an object, when it changed without a commit. */
void poke_writer(struct engine *en);

/* accept.c: the threads between engine_accept and the workers; their arg: struct engine. */
void *keeper_run(void *arg);
void *receiver_run(void *arg);
void *feeder_run(void *arg);
struct upload_work *upload_work_new(struct engine *en, struct backlog *home,
                                    const struct ticket *t); /* NULL: no memory */
/* Tells the senders who wait for tickets that nobody takes any more. */
void accept_close(struct backlog *b);

/* reading.c: a request that is to travel with the jobs, and its place in a queue: ERR_BUSY. NULL
 * with *e: ERR_NOMEM. */
struct engine_job *request_new(struct arena *a, enum job_kind kind, void *owner,
                               void (*done)(struct engine_job *), struct err *e);
MUST_CHECK bool request_submit(struct queue *q, struct engine_job *job, struct err *e);

/* writer.c: takes from en->ready until it is closed and empty. arg: struct engine. */
void *writer_run(void *arg);

/* view.c */
struct view *view_new(const struct bucket_index_config *config, struct err *e); /* one user */
void view_drop(struct engine *en, struct view *v); /* the last user frees it */
/* Makes `next` current (its one user is the engine) and drops what was. */
void view_replace(struct engine *en, struct view *next);

/* recovery.c: fills the current view from the store, in the order of commit. */
MUST_CHECK bool recovery_run(struct engine *en, struct err *e);
/* recovery_uploads.c: the same for objects, counts and the inbox; after recovery_run. */
MUST_CHECK bool recovery_uploads(struct engine *en, struct err *e);
/* recovery_rows.c: and for what queries read. */
MUST_CHECK bool recovery_rows(struct engine *en, struct err *e);

/* engine.c: the end of a job, whatever its outcome: counts it and calls done(). */
void job_finish(struct engine *en, struct engine_job *job);

#endif
