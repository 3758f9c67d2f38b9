/* engine.c - opening, closing and submitting: the engine as its users see it. The steps that a job
 * goes through are in accept.c, process*.c, place*.c and writer.c. */
#include "engine/inside.h"

#include "base/late_math.h"
#include "base/log.h"
#include "engine/measures.h"
#include "engine/sampler.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define DELETIONS_MAX 16 /* waiting for the writer; a further one waits for room */
#define UPLOADS_MAX 4096 /* waiting for the receiver, or for a file to be durable */

static_assert(BLOBS_SECRET_BYTES == STORE_SECRET_BYTES, "it is the store's");

struct engine_config engine_defaults(void)
{
    return (struct engine_config){
        .grouping = bucket_index_defaults(),
        .queue_limit = 1024,
        .inbox_max_bytes = (uint64_t)4 << 30,
        .work_max_bytes = (size_t)1 << 30,
        .batch_reports = 256,
        .columns_max = COLUMNS_MAX_DEFAULT,
        .edit_bytes = (size_t)32 << 20,
        .checkpoint_changes = 100000,
        .helper_timeout_ms = 3600 * 1000,
        .helper_retry_ms = 60 * 1000,
        .helper_patience_ms = 10 * 1000,
    };
}

const struct engine_config *engine_config_of(const struct engine *en)
{
    return &en->config;
}

struct columns *engine_columns(struct engine *en)
{
    return en->columns;
}

struct sampler *engine_sampler(struct engine *en)
{
    return en->sampler;
}

bool engine_projects(struct engine *en, struct arena *a, struct str **out, size_t *count,
                     struct err *e)
{
    return store_projects(en->store, a, out, count, e);
}

/* Jobs. */

static void count_reports(const struct engine_job *job)
{
    int64_t reports = job->work->items ? (int64_t)job->result_count : 1;
    int64_t same = 0;
    if (!job->ok) {
        metric_add(&measures.refused[job->err.code], reports);
        return;
    }
    for (size_t i = 0; i < job->result_count; i++)
        same += job->results[i].same;
    metric_add(&measures.same, same);
}

void job_finish(struct engine *en, struct engine_job *job)
{
    if (job->work->kind == JOB_REPORTS) {
        metric_observe_us(&measures.whole, metric_clock_us() - job->work->submitted_us);
        count_reports(job);
        /* First the place in the queue, then the word to the sender, who may at once send the next.
         */
        atomic_fetch_sub_explicit(&en->taken, 1, memory_order_relaxed);
    }
    job->done(job);
}

bool engine_submit(struct engine *en, struct engine_job *job, struct err *e)
{
    job->ok = false;
    job->err = (struct err){ 0 };
    job->err_index = 0;
    job->err_project = job->err_id = STR("");
    job->is_list = false;
    job->results = NULL;
    job->result_count = 0;
    job->work = arena_zalloc(job->arena, sizeof *job->work);
    if (!job->work)
        return err_set(e, ERR_NOMEM, 0, "upload");
    job->work->submitted_us = metric_clock_us();
    /* A count and no more: the job itself is handed over by the queue. */
    size_t before = atomic_fetch_add_explicit(&en->taken, 1, memory_order_relaxed);
    if (before < en->config.queue_limit && queue_put(en->jobs, job))
        return true;
    atomic_fetch_sub_explicit(&en->taken, 1, memory_order_relaxed);
    metric_add(&measures.refused[ERR_BUSY], 1);
    return err_set(e, ERR_BUSY, 0, "%zu uploads are waiting already; try again later", before);
}

static bool process(struct engine_job *job)
{
    int64_t began_us = metric_clock_us();
    bool ok;
    if (job->work->kind == JOB_UPLOAD)
        ok = process_upload(job->work->upload);
    else if (job->work->kind == JOB_ATTACHMENT)
        ok = spool_keep(job->work->attachment->spool, &job->err);
    else
        ok = process_job(job);
    metric_observe_us(&measures.process, metric_clock_us() - began_us);
    if (ok && job->work->kind != JOB_ATTACHMENT)
        metric_add(&measures.accepted, (int64_t)job->result_count);
    return ok;
}

static void *worker_run(void *arg)
{
    struct engine *en = arg;
    void *item;
    while (queue_take(en->jobs, &item, 1) > 0) {
        struct engine_job *job = item;
        /* `ready` is closed after us. */
        bool ok = process(job);
        if (ok && job->work->kind == JOB_UPLOAD && job->work->upload->for_converters) {
            ok = conversions_take(job->work->upload);
            if (ok)
                continue; /* and job is gone */
        } else if (ok) {
            ok = queue_put_wait(en->ready, job) ||
                 err_set(&job->err, ERR_BUSY, 0, "the server is closing");
        }
        if (!ok) {
            job->ok = false;
            job_finish(en, job);
        }
    }
    return NULL;
}

/* A deletion travels like an upload, so that it has its place in the order of commits. */
struct deletion {
    struct engine_job job;
    pthread_mutex_t mu;
    pthread_cond_t finished;
    bool is_finished; /* guarded by mu */
};

static void deletion_done(struct engine_job *job)
{
    struct deletion *d = job->owner;
    pthread_mutex_lock(&d->mu);
    d->is_finished = true;
    pthread_cond_signal(&d->finished); /* under mu: afterwards the waiter's stack is gone */
    pthread_mutex_unlock(&d->mu);
}

bool engine_delete_all(struct engine *en, struct err *e)
{
    if (!en->config.allow_delete_all)
        return err_word(e, ERR_CONFLICT, "delete_not_allowed",
                        "this server was not started with allow_delete_all");
    struct engine_work work = { .kind = JOB_DELETE_ALL };
    struct deletion d = {
        .job = { .done = deletion_done, .owner = &d, .work = &work },
        .mu = PTHREAD_MUTEX_INITIALIZER,
        .finished = PTHREAD_COND_INITIALIZER,
    };
    if (!queue_put_wait(en->ready, &d.job))
        return err_set(e, ERR_BUSY, 0, "the server is closing");
    pthread_mutex_lock(&d.mu);
    while (!d.is_finished)
        pthread_cond_wait(&d.finished, &d.mu);
    pthread_mutex_unlock(&d.mu);
    *e = d.job.err;
    return d.job.ok;
}

static bool has_failed(const struct failing *f)
{
    int64_t failed_us = atomic_load_explicit(&f->failed_us, memory_order_relaxed);
    return failed_us != 0 && metric_clock_us() - failed_us <= ENGINE_FAILED_MS * 1000;
}

bool engine_ready(struct engine *en)
{
    size_t taken = atomic_load_explicit(&en->taken, memory_order_relaxed);
    return taken < en->config.queue_limit && !has_failed(&en->store_failing) &&
           !has_failed(&en->inbox_failing);
}

/* Opening and closing. */

static bool start_thread(pthread_t *t, bool *started, void *(*run)(void *), struct engine *en,
                         struct err *e)
{
    *started = pthread_create(t, NULL, run, en) == 0;
    return *started || err_set(e, ERR_NOMEM, 0, "cannot start a thread of the engine");
}

static bool start_workers(struct engine *en, struct err *e)
{
    bool started = true;
    en->workers = calloc(en->config.workers, sizeof *en->workers);
    if (!en->workers)
        return err_set(e, ERR_NOMEM, 0, "workers");
    while (started && en->workers_started < en->config.workers) {
        if (!start_thread(&en->workers[en->workers_started], &started, worker_run, en, e))
            return false;
        en->workers_started++;
    }
    return true;
}

static bool start_keepers(struct engine *en, struct err *e)
{
    bool started = true;
    while (started && en->keepers_started < ENGINE_KEEPERS) {
        if (!start_thread(&en->keepers[en->keepers_started], &started, keeper_run, en, e))
            return false;
        en->keepers_started++;
    }
    return true;
}

static bool start_converters(struct engine *en, struct err *e)
{
    bool started = true;
    while (started && en->converters_started < ENGINE_CONVERTERS) {
        if (!start_thread(&en->converters[en->converters_started], &started, converter_run, en, e))
            return false;
        en->converters_started++;
    }
    return true;
}

/* From back to front: whoever puts something into a queue finds somebody behind it. */
static bool start_threads(struct engine *en, struct err *e)
{
    return later_start(&en->later, en, e) && late_start(&en->late, en, e) &&
           start_thread(&en->writer, &en->writer_started, writer_run, en, e) &&
           start_converters(en, e) && start_workers(en, e) &&
           start_thread(&en->receiver, &en->receiver_started, receiver_run, en, e) &&
           start_keepers(en, e) &&
           start_thread(&en->feeder, &en->feeder_started, feeder_run, en, e);
}

static void poke_done(struct engine_job *job)
{
    (void)job;
}

static void make_poke(struct engine *en)
{
    en->poke_wait = (struct engine_wait){ .object = OBJECT_NONE, .project = STR("") };
    en->poke_work = (struct engine_work){ .kind = JOB_WAIT, .wait = &en->poke_wait };
    en->poke = (struct engine_job){ .done = poke_done, .work = &en->poke_work };
}

void poke_writer(struct engine *en)
{
    (void)!queue_put(en->ready, &en->poke); /* a full queue keeps the writer awake as well */
}

/* Symbols that cannot be read any more are made once more. */
static void symbols_lost(void *ctx, uint64_t object, const struct err *why)
{
    struct engine *en = ctx;
    struct err e = { 0 };
    log_line(LOG_ERROR, "symbols_lost", "object=%llx reason=%s", (unsigned long long)object,
             log_str(str_from_c(why->msg)));
    if (en->config.helper && !engine_reprocess(en, &object, 1, &e))
        log_line(LOG_ERROR, "not_reprocessed", "object=%llx reason=%s", (unsigned long long)object,
                 log_str(str_from_c(e.msg)));
}

static bool open_library(struct engine *en, struct err *e)
{
    struct library_config config = library_defaults();
    config.lost = symbols_lost;
    config.ctx = en;
    return symbol_images_open(&en->images, en->config.data_dir, e) &&
           library_open(&en->library, &config, en->images, e);
}

/* Into memory what the store has. The file of the columns is read beside the rest. */
static bool recover(struct engine *en, struct err *e)
{
    checkpoint_load(en);
    return recovery_run(en, e) && recovery_uploads(en, e) && recovery_rows(en, e);
}

static bool open_parts(struct engine *en, struct err *e)
{
    const struct engine_config *c = &en->config;
    struct store_settings settings = { c->grouping.thresholds, c->grouping.threshold_count };
    en->keep = queue_new(UPLOADS_MAX);
    en->received = queue_new(UPLOADS_MAX);
    en->jobs = queue_new(c->queue_limit + BACKLOG_IN_WORK);
    en->ready = queue_new(c->queue_limit + BACKLOG_IN_WORK + DELETIONS_MAX);
    if (!en->keep || !en->received || !en->jobs || !en->ready)
        return err_set(e, ERR_NOMEM, 0, "queues");
    if (!rows_columns_new(en, e) || !sampler_new(&en->sampler, e))
        return false;
    if (!objects_init(&en->objects) || !tally_init(&en->tally) || !merges_init(&en->merges) ||
        !issues_init(&en->issues))
        return err_set(e, ERR_NOMEM, 0, "tables of objects");
    en->work_memory.limit_bytes = c->work_max_bytes;
    en->current = view_new(&c->grouping, e); /* first: it checks the configuration */
    if (!en->current)
        return false;
    if (!store_lock(c->data_dir, &en->lock, e))
        return false;
    return store_open(&en->store, c->data_dir, &settings, e) &&
           store_secret(en->store, en->secret, e) &&
           blobs_open(&en->blobs, c->data_dir, en->secret, e) && open_library(en, e) &&
           recover(en, e) && start_threads(en, e);
}

bool engine_open(struct engine **out, const struct engine_config *config, struct err *e)
{
    if (config->queue_limit == 0 || config->batch_reports == 0)
        return err_set(e, ERR_INPUT, 0, "the queue and the batch must have room for one report");
    CLEANUP(engine_close_p) struct engine *en = calloc(1, sizeof *en);
    if (!en)
        return err_set(e, ERR_NOMEM, 0, "engine");
    en->config = *config;
    en->lock = -1;
    pthread_mutex_init(&en->view_mu, NULL);
    backlog_init(&en->backlog);
    backlog_init(&en->conversions);
    make_poke(en);
    if (en->config.workers == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        en->config.workers = cores > 0 ? (size_t)cores : 1;
    }
    late_math_load(); /* now, while there is surely a file descriptor for it */
    if (!shorthand_init(&en->shorthand, &en->config.grouping, e) || !open_parts(en, e))
        return false;
    *out = en;
    en = NULL;
    return true;
}

static void end_queue(struct queue *q, pthread_t *threads, size_t count)
{
    if (q)
        queue_close(q);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* Front to back: what is in a queue when it is closed is still taken out and finished. What waits
 * in the backlog stays in the inbox. */
void engine_close(struct engine *en)
{
    if (!en)
        return;
    late_stop(en->late);
    later_stop(en->later);
    end_queue(en->keep, en->keepers, en->keepers_started);
    end_queue(en->received, &en->receiver, en->receiver_started);
    backlog_close(&en->backlog);
    if (en->feeder_started)
        pthread_join(en->feeder, NULL);
    accept_close(&en->backlog);
    end_queue(en->jobs, en->workers, en->workers_started);
    engine_stop_converting(en);
    for (size_t i = 0; i < en->converters_started; i++)
        pthread_join(en->converters[i], NULL);
    accept_close(&en->conversions);
    end_queue(en->ready, &en->writer, en->writer_started);
    checkpoint_end(en);
    late_free(en->late);
    later_free(en->later);
    if (en->current)
        view_drop(en, en->current);
    columns_free(en->columns);
    sampler_free(en->sampler);
    library_close(en->library);
    symbol_images_close(en->images);
    inbox_close(en->inbox);
    blobs_close(en->blobs);
    store_close(en->store);
    if (en->lock >= 0)
        store_unlock(en->lock);
    queue_free(en->keep);
    queue_free(en->received);
    queue_free(en->jobs);
    queue_free(en->ready);
    backlog_done(&en->backlog);
    backlog_done(&en->conversions);
    objects_done(&en->objects);
    tally_done(&en->tally);
    merges_done(&en->merges);
    issues_done(&en->issues);
    VEC_FREE(&en->waiting);
    pthread_mutex_destroy(&en->view_mu);
    shorthand_done(&en->shorthand);
    free(en->workers);
    free(en);
}
