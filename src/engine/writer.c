/* writer.c - the one thread that changes anything: takes what is ready, commits it as one batch,
 * tells the senders, and takes what has come in meanwhile. There are no delays to make batches
 * larger: under load they grow by themselves, since a commit takes its time.
 *
 *     batch_prepare (place.c) ──► store_write ──► publish ──► done() of all
 *                                      └─ failed: undo the index, done() with the error */
#include "engine/inside.h"

#include "base/log.h"
#include "engine/measures.h"
#include "engine/place.h"

#include <assert.h>
#include <stdlib.h>

static_assert(STORE_CONTENT_HASH_BYTES == REPORT_CONTENT_HASH_BYTES, "it is copied as it is");
static_assert(STORE_THRESHOLDS_MAX >= COLLECTION_THRESHOLDS_MAX, "all thresholds are stored");

#define FAILURE_LOG_US 10000000
#define SHORTHAND_MAX ((size_t)1 << 30) /* as long as a payload can be */

/* One round over the jobs. False when one failed after something of it was added to the index: it
 * is marked, the index taken back, and the others must be looked at again, since they may have
 * leaned on it. */
static bool prepare_once(struct batch *b, struct engine_job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct engine_job *job = jobs[i];
        if (job->work->dropped)
            continue;
        job->ok = batch_check(b, job);
        if (!job->ok || batch_place(b, job))
            continue;
        job->ok = false;
        job->work->dropped = true;
        bucket_index_undo(b->index);
        return false;
    }
    return true;
}

/* Each round but the last drops a job, so this ends. */
static bool batch_prepare(struct batch *b, struct engine_job **jobs, size_t count, struct err *e)
{
    while (!prepare_once(b, jobs, count))
        if (!batch_reset(b, e))
            return false;
    return true;
}

static bool write_shorthand(struct batch *b, uint32_t number, struct buf *buf, struct str *out,
                            struct err *e)
{
    buf_reset(buf);
    if (!shorthand_write(&b->engine->shorthand, b->collection, number, buf) || !buf_ok(buf) ||
        !arena_str(b->scratch, buf_view(buf), out))
        return err_set(e, ERR_NOMEM, 0, "shorthand of a report");
    return true;
}

static bool write_shorthands(struct batch *b, struct stored_report *rows, struct err *e)
{
    struct buf buf;
    bool ok = true;
    buf_init(&buf, SHORTHAND_MAX);
    arena_reset(b->scratch);
    for (size_t i = 0; i < b->added.len && ok; i++)
        ok = write_shorthand(b, rows[i].number, &buf, &rows[i].shorthand, e);
    buf_done(&buf);
    return ok;
}

static bool batch_store(struct batch *b, struct err *e)
{
    if (b->added.len == 0)
        return true;
    struct stored_report *rows = calloc(b->added.len, sizeof *rows);
    if (!rows)
        return err_set(e, ERR_NOMEM, 0, "batch of %zu reports", b->added.len);
    for (size_t i = 0; i < b->added.len; i++) {
        const struct item *item = b->added.at[i];
        rows[i] = (struct stored_report){
            .number = b->base + (uint32_t)i,
            .database_id = item->report.database_id,
            .project = item->report.project,
            .date_ms = item->report.date_ms,
            .received_ms = item->received_ms,
            .top_match = item->match,
            .score = item->result->score,
            .buckets = item->result->buckets,
            .bucket_count = b->threshold_count,
            .has_date = item->has_date,
            .packed = item->packed,
        };
        memcpy(rows[i].content_hash, item->report.content_hash, sizeof rows[i].content_hash);
    }
    int64_t began_us = metric_clock_us();
    const struct store_batch all = { .reports = rows, .report_count = b->added.len };
    bool ok = write_shorthands(b, rows, e) && store_write(b->engine->store, &all, e);
    metric_observe_us(&measures.store, metric_clock_us() - began_us);
    free(rows);
    return ok;
}

/* Writes are good again. */
static void failure_over(struct engine *en)
{
    if (en->failures > 0)
        log_line(LOG_WARN, "writes_return", "batches_failed=%zu", en->failures);
    en->failures = 0;
    en->failure_logged_us = 0;
    atomic_store_explicit(&en->failed_us, 0, memory_order_relaxed);
}

/* One line when it begins, and then now and then while it lasts. */
static void failure_note(struct engine *en, const struct err *e)
{
    int64_t now_us = metric_clock_us();
    en->failures++;
    atomic_store_explicit(&en->failed_us, now_us, memory_order_relaxed);
    if (en->failure_logged_us && now_us - en->failure_logged_us < FAILURE_LOG_US)
        return;
    en->failure_logged_us = now_us;
    log_line(LOG_ERROR, "batch_failed", "batches=%zu reason=%s", en->failures,
             log_str(str_from_c(e->msg)));
}

static void batch_stored(struct batch *b)
{
    failure_over(b->engine);
    metric_add(&measures.stored, (int64_t)b->added.len);
    for (size_t i = 0; i < b->added.len; i++) {
        const struct report *r = &b->added.at[i]->report;
        const struct engine_result *result = b->added.at[i]->result;
        log_line(LOG_INFO, "report_stored", "id=%s project=%s top_match=%s score=%.3f",
                 log_str(r->database_id), log_str(r->project),
                 result->has_match ? log_str(result->match_id) : "-", (double)result->score);
    }
}

static void batch_failed(struct engine *en, struct engine_job **jobs, size_t count,
                         const struct err *e)
{
    failure_note(en, e);
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->work->dropped) /* has an error of its own */
            continue;
        jobs[i]->ok = false;
        jobs[i]->err = *e;
        jobs[i]->err_index = 0;
        jobs[i]->err_project = jobs[i]->err_id = STR("");
    }
}

static void commit(struct engine *en, struct engine_job **jobs, size_t count)
{
    struct err e = { 0 };
    struct batch b;
    if (!batch_init(&b, en, &e)) {
        batch_failed(en, jobs, count, &e);
    } else {
        if (batch_prepare(&b, jobs, count, &e) && batch_store(&b, &e)) {
            bucket_index_publish(b.index);
            shorthand_keep(&en->shorthand);
            if (b.added.len > 0)
                batch_stored(&b);
        } else {
            bucket_index_undo(b.index);
            shorthand_undo(&en->shorthand);
            batch_failed(en, jobs, count, &e);
        }
        measures_search(bucket_index_cost(b.index));
        batch_done(&b);
    }
    for (size_t i = 0; i < count; i++)
        job_finish(en, jobs[i]);
}

static void delete_all(struct engine *en, struct engine_job *job)
{
    struct view *next = view_new(bucket_index_config(en->current->index), &job->err);
    job->ok = next && store_delete_all(en->store, &job->err);
    if (job->ok) {
        view_replace(en, next);
        shorthand_reset(&en->shorthand);
        log_line(LOG_WARN, "all_reports_deleted", "by=api");
    } else {
        log_line(LOG_ERROR, "delete_failed", "reason=%s", log_str(str_from_c(job->err.msg)));
        if (next)
            view_drop(en, next);
    }
    job->done(job);
}

/* How many of the jobs make the next batch: up to a deletion, or to the limit of reports. */
static size_t batch_length(const struct engine *en, struct engine_job **jobs, size_t count)
{
    size_t n = 0, reports = 0;
    while (n < count && !jobs[n]->work->delete_all) {
        reports += jobs[n]->result_count;
        if (n > 0 && reports > en->config.batch_reports)
            break;
        n++;
    }
    return n;
}

void *writer_run(void *arg)
{
    struct engine *en = arg;
    struct engine_job *jobs[256];
    size_t count;
    while ((count = queue_take(en->ready, (void **)jobs, sizeof jobs / sizeof *jobs)) > 0) {
        for (size_t at = 0; at < count;) {
            size_t n = batch_length(en, jobs + at, count - at);
            if (n == 0)
                delete_all(en, jobs[at++]);
            else
                commit(en, jobs + at, n);
            at += n;
        }
    }
    return NULL;
}
