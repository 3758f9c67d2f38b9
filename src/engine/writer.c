/* writer.c - the one thread that changes anything: takes what is ready, commits it as one batch,
 * tells the senders, and takes what has come in meanwhile. There are no delays to make batches
 * larger: under load they grow by themselves, since a commit takes its time.
 *
 *     batch_prepare (place*.c) ──► store_write ──► publish ──► done() of all
 *                                       └─ failed: undo the index, done() with the error
 *
 * Jobs that need an object which is still on its way (somebody wants to read it, or to count for
 * its values) are put aside, its ticket is made urgent, and they go on after the commit that brings
 * it; but not longer than helper_patience_ms for symbols that are being converted. So are those
 * that would change an object which the same batch makes again. */
#include "engine/inside.h"

#include "base/log.h"
#include "engine/edit.h"
#include "engine/measures.h"
#include "engine/place.h"
#include "engine/sweeper.h"

#include <assert.h>
#include <stdlib.h>

static_assert(STORE_CONTENT_HASH_BYTES == REPORT_CONTENT_HASH_BYTES, "it is copied as it is");
static_assert(STORE_THRESHOLDS_MAX >= COLLECTION_THRESHOLDS_MAX, "all thresholds are stored");

#define RESUMED_MAX 64                  /* jobs in one batch that had been put aside */
#define SHORTHAND_MAX ((size_t)1 << 30) /* as long as a payload can be */

static bool wait_is_over(struct engine *en, struct engine_job *job)
{
    const struct engine_wait *w = job->work->wait;
    return objects_find(&en->objects, w->object, w->project).state == OBJECT_COMMITTED ||
           err_set(&job->err, ERR_NOT_FOUND, 0, "there is no such object");
}

/* On failure the job's err is set; *spoilt: something of it may have been added to the index. */
static bool prepare_job(struct batch *b, struct engine_job *job, bool *spoilt)
{
    *spoilt = true;
    switch (job->work->kind) {
    case JOB_UPLOAD:
        return batch_place_upload(b, job);
    case JOB_ATTACHMENT:
        return batch_place_attachment(b, job);
    case JOB_WAIT:
        *spoilt = false;
        return wait_is_over(b->engine, job);
    case JOB_EDIT:
        return edit_prepare(b, job);
    case JOB_DELETE_ALL:
        return true;
    case JOB_REPORTS:
        break;
    }
    *spoilt = false;
    if (!batch_check(b, job))
        return false;
    *spoilt = true;
    return batch_place(b, job);
}

/* An upload that cannot be placed gets a second try, without a report. */
static void drop(struct engine_job *job)
{
    struct upload_work *w = job->work->upload;
    job->ok = false;
    job->work->dropped = !w || !w->forgone;
    if (w)
        w->forgone = false;
}

/* One round over the jobs. False when one failed after something of it was added to the index: it
 * is marked, all is taken back, and the others must be looked at again, since they may have leaned
 * on it. */
static bool prepare_once(struct batch *b, struct engine_job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct engine_job *job = jobs[i];
        bool spoilt;
        if (job->work->dropped)
            continue;
        job->ok = prepare_job(b, job, &spoilt);
        if (job->ok || !spoilt)
            continue;
        drop(job);
        bucket_index_undo(b->index);
        tally_undo(&b->engine->tally);
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

static bool write_shorthand(struct batch *b, const struct item *item, struct buf *buf,
                            struct str *out, struct err *e)
{
    buf_reset(buf);
    if (!shorthand_write(&b->engine->shorthand, b->collection, item->number, &item->report.trace,
                         buf) ||
        !buf_ok(buf) || !arena_str(b->scratch, buf_view(buf), out))
        return err_set(e, ERR_NOMEM, 0, "shorthand of a report");
    return true;
}

static bool write_shorthands(struct batch *b, struct stored_report *rows, struct err *e)
{
    struct buf buf;
    bool ok = true;
    buf_init(&buf, SHORTHAND_MAX);
    for (size_t i = 0; i < b->added.len && ok; i++)
        ok = write_shorthand(b, b->added.at[i], &buf, &rows[i].shorthand, e);
    buf_done(&buf);
    return ok;
}

/* Reports of the PartyCrasher API get their object ids now. */
static bool take_ids(struct batch *b, struct err *e)
{
    bool duplicate;
    for (size_t i = 0; i < b->added.len; i++) {
        struct item *item = b->added.at[i];
        if (item->object != OBJECT_NONE)
            continue;
        if (!objects_take(&b->engine->objects, item->report.project, STR(""), &item->object,
                          &duplicate, e))
            return false;
        objects_came(&b->engine->objects, item->object, item->received_ms);
    }
    return true;
}

static void drop_ids(struct batch *b, struct engine_job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; jobs[i]->work->kind == JOB_REPORTS && k < jobs[i]->result_count; k++) {
            struct item *item = &jobs[i]->work->items[k];
            if (item->object != OBJECT_NONE)
                objects_drop(&b->engine->objects, item->object, STR(""), STR(""));
            item->object = OBJECT_NONE;
        }
}

static struct stored_report report_row(const struct batch *b, const struct item *item)
{
    struct stored_report row = {
        .number = item->number,
        .object = item->object,
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
    memcpy(row.content_hash, item->report.content_hash, sizeof row.content_hash);
    memcpy(row.fingerprint, item->fingerprint, sizeof row.fingerprint);
    return row;
}

static struct stored_superseding *superseded_rows(const struct batch *b, size_t *count)
{
    struct stored_superseding *rows = arena_array(b->scratch, b->added.len + 1, sizeof *rows);
    *count = 0;
    for (size_t i = 0; i < b->added.len && rows; i++) {
        const struct item *item = b->added.at[i];
        if (item->remade)
            rows[(*count)++] = (struct stored_superseding){ item->instead, item->number };
    }
    return rows;
}

/* The rows of all that was placed, in memory that ends with the batch's scratch. */
static bool make_rows(struct batch *b, struct store_batch *all, struct err *e)
{
    struct arena *a = b->scratch;
    arena_reset(a);
    struct stored_report *reports = arena_array(a, b->added.len + 1, sizeof *reports);
    size_t upload_count = b->uploads.len + b->emptied.len;
    struct stored_upload *uploads = arena_array(a, upload_count + 1, sizeof *uploads);
    struct stored_change *changes = arena_array(a, b->amendments.len + 1, sizeof *changes);
    struct stored_removal *removals = arena_array(a, b->removals.len + 1, sizeof *removals);
    struct stored_issue *issues = arena_array(a, b->issues.len + 1, sizeof *issues);
    size_t superseded_count;
    struct stored_superseding *superseded = superseded_rows(b, &superseded_count);
    if (!reports || !uploads || !changes || !removals || !issues || !superseded)
        return err_set(e, ERR_NOMEM, 0, "batch of %zu reports", b->added.len);
    for (size_t i = 0; i < b->added.len; i++)
        reports[i] = report_row(b, b->added.at[i]);
    for (size_t i = 0; i < b->uploads.len; i++)
        uploads[i] = b->uploads.at[i]->row;
    for (size_t i = 0; i < b->emptied.len; i++)
        uploads[b->uploads.len + i] = b->emptied.at[i];
    for (size_t i = 0; i < b->removals.len; i++)
        removals[i] = b->removals.at[i].row;
    for (size_t i = 0; i < b->issues.len; i++)
        issues[i] = b->issues.at[i].row;
    for (size_t i = 0; i < b->amendments.len; i++)
        changes[i] = b->amendments.at[i].row;
    *all = (struct store_batch){ .reports = reports,
                                 .report_count = b->added.len,
                                 .superseded = superseded,
                                 .superseded_count = superseded_count,
                                 .uploads = uploads,
                                 .upload_count = upload_count,
                                 .attachments = b->attachments.at,
                                 .attachment_count = b->attachments.len,
                                 .counts = b->counts.at,
                                 .count_count = b->counts.len,
                                 .changes = changes,
                                 .change_count = b->amendments.len,
                                 .removals = removals,
                                 .removal_count = b->removals.len,
                                 .detached = b->detached.at,
                                 .detached_count = b->detached.len,
                                 .merges = b->merges.at,
                                 .merge_count = b->merges.len,
                                 .issues = issues,
                                 .issue_count = b->issues.len };
    return write_shorthands(b, reports, e);
}

/* Only waits were in it, or what had been there before. */
static bool is_empty(const struct batch *b)
{
    return b->added.len == 0 && b->uploads.len == 0 && b->attachments.len == 0 &&
           b->amendments.len == 0 && b->removals.len == 0 && b->detached.len == 0 &&
           b->merges.len == 0 && b->issues.len == 0;
}

static bool batch_store(struct batch *b, struct err *e)
{
    struct store_batch all;
    if (is_empty(b))
        return true;
    int64_t began_us = metric_clock_us();
    bool ok = take_ids(b, e) && issues_reopen(b, e) && make_rows(b, &all, e) &&
              store_write(b->engine->store, &all, e);
    metric_observe_us(&measures.store, metric_clock_us() - began_us);
    return ok;
}

static void batch_stored(struct batch *b)
{
    failing_over(&b->engine->store_failing, "writes_return");
    metric_add(&measures.stored, (int64_t)b->added.len);
    for (size_t i = 0; i < b->added.len; i++) {
        const struct report *r = &b->added.at[i]->report;
        const struct engine_result *result = b->added.at[i]->result;
        log_line(LOG_INFO, b->added.at[i]->remade ? "report_made_again" : "report_stored",
                 "id=%s project=%s top_match=%s score=%.3f", log_str(r->database_id),
                 log_str(r->project), result->has_match ? log_str(result->match_id) : "-",
                 (double)result->score);
    }
}

static void batch_failed(struct engine *en, struct engine_job **jobs, size_t count,
                         const struct err *e)
{
    failing_note(&en->store_failing, "batch_failed", e);
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->work->dropped) /* has an error of its own */
            continue;
        if (jobs[i]->work->kind == JOB_WAIT) /* its object is there, or not, all the same */
            continue;
        jobs[i]->ok = false;
        jobs[i]->err = *e;
        jobs[i]->err_index = 0;
        jobs[i]->err_project = jobs[i]->err_id = STR("");
    }
}

static void edits_stored(struct batch *b, struct engine_job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->work->kind == JOB_EDIT && jobs[i]->ok)
            edit_stored(b, jobs[i]);
}

static bool commit_batch(struct engine *en, struct batch *b, struct engine_job **jobs, size_t count)
{
    struct err e = { 0 };
    bool ok = batch_prepare(b, jobs, count, &e) && batch_store(b, &e);
    if (ok) {
        bucket_index_publish(b->index);
        shorthand_keep(&en->shorthand);
        tally_keep(&en->tally);
        batch_uploads_stored(b);
        issues_stored(b);
        edits_stored(b, jobs, count);
        columns_publish(en->columns);
        checkpoint_note(en, b->added.len + b->uploads.len + b->emptied.len + b->amendments.len +
                                b->removals.len);
        if (b->removals.len + b->detached.len > 0)
            sweeper_wake(en);
        if (!is_empty(b))
            batch_stored(b);
    } else {
        bucket_index_undo(b->index);
        shorthand_undo(&en->shorthand);
        tally_undo(&en->tally);
        drop_ids(b, jobs, count);
        batch_failed(en, jobs, count, &e);
    }
    measures_search(bucket_index_cost(b->index));
    return ok;
}

static bool commit(struct engine *en, struct engine_job **jobs, size_t count)
{
    struct err e = { 0 };
    struct batch b;
    bool ok = batch_init(&b, en, &e);
    if (ok) {
        ok = commit_batch(en, &b, jobs, count);
        batch_done(&b);
    } else {
        batch_failed(en, jobs, count, &e);
        for (size_t i = 0; i < count; i++)
            jobs[i]->err = e; /* of those that wait, too */
    }
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->work->kind == JOB_EDIT && edit_goes_on(jobs[i])) {
            jobs[i]->work->next = en->unfinished;
            en->unfinished = jobs[i];
        } else {
            job_finish(en, jobs[i]);
        }
    return ok;
}

/* Jobs that wait for an object. */

/* The object that must be committed first; OBJECT_NONE when the job can go on. */
static uint64_t needed_object(struct engine *en, const struct engine_job *job)
{
    uint64_t object = OBJECT_NONE;
    if (job->work->kind == JOB_WAIT)
        object = job->work->wait->object;
    else if (job->work->kind == JOB_ATTACHMENT && job->work->attachment->bucket.use)
        object = job->work->attachment->object;
    else if (job->work->kind == JOB_EDIT)
        return edit_needs(job);
    if (object == OBJECT_NONE ||
        objects_find(&en->objects, object, STR("")).state != OBJECT_ACCEPTED)
        return OBJECT_NONE;
    return object;
}

/* Whether what the job waits for is being converted, and it has waited long enough. If not yet, the
 * writer looks again then. */
static bool waits_too_long(struct engine *en, const struct engine_job *job, uint64_t object)
{
    int64_t until_us = job->work->submitted_us + en->config.helper_patience_ms * 1000;
    if (!objects_is_converting(&en->objects, object))
        return false;
    if (conversions_closing(en) || metric_clock_us() >= until_us)
        return true;
    later_poke(en->later, until_us);
    return false;
}

static void refuse_unconverted(struct engine *en, struct engine_job *job)
{
    job->ok =
        err_set(&job->err, ERR_BUSY, 0, "the symbols in it are still being read; try again later");
    job_finish(en, job);
}

/* Whether the job is to change an object that one of these makes again: of what it was it cannot
 * tell what it will be. */
static bool changes_remade(const struct engine_job *job, struct engine_job **jobs, size_t count)
{
    if (job->work->kind != JOB_ATTACHMENT || !job->work->attachment->bucket.use)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct upload_work *w = jobs[i]->work->upload;
        if (w && w->ticket.again && w->upload.object == job->work->attachment->object)
            return true;
    }
    return false;
}

/* Puts aside those that must wait; how many are left. */
static size_t put_aside(struct engine *en, struct engine_job **jobs, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t object = needed_object(en, jobs[i]);
        bool waits = object != OBJECT_NONE || changes_remade(jobs[i], jobs, count);
        if (!waits) {
            jobs[kept++] = jobs[i];
        } else if (VEC_PUSH(&en->waiting, jobs[i])) {
            backlog_hurry(&en->backlog, object);
            backlog_hurry(&en->conversions, object);
        } else {
            jobs[i]->ok = err_set(&jobs[i]->err, ERR_NOMEM, 0, "waiting for an object");
            job_finish(en, jobs[i]);
        }
    }
    return kept;
}

static void fail_waiting(struct engine *en, const struct err *e)
{
    for (size_t i = 0; i < en->waiting.len; i++) {
        en->waiting.at[i]->ok = false;
        en->waiting.at[i]->err = *e;
        job_finish(en, en->waiting.at[i]);
    }
    en->waiting.len = 0;
}

/* An edit is a batch of its own. */
static bool has_room(struct engine_job **ready, size_t count, const struct engine_job *job)
{
    if (count > 0 && (job->work->kind == JOB_EDIT || ready[0]->work->kind == JOB_EDIT))
        return false;
    return count < RESUMED_MAX;
}

static void resume_waiting(struct engine *en)
{
    struct engine_job *ready[RESUMED_MAX];
    size_t count, kept;
    do {
        count = kept = 0;
        for (size_t i = 0; i < en->waiting.len; i++) {
            struct engine_job *job = en->waiting.at[i];
            uint64_t object = needed_object(en, job);
            if (object == OBJECT_NONE && has_room(ready, count, job))
                ready[count++] = job;
            else if (object != OBJECT_NONE && waits_too_long(en, job, object))
                refuse_unconverted(en, job);
            else
                en->waiting.at[kept++] = job;
        }
        en->waiting.len = kept;
        if (count > 0)
            (void)commit(en, ready, count);
    } while (count > 0);
}

static void clear_columns(struct engine *en)
{
    struct err e = { 0 };
    checkpoint_forget(en);
    if (columns_clear(en->columns, &e)) {
        columns_publish(en->columns);
        return;
    }
    checkpoint_lacks(en);
    log_line(LOG_ERROR, "not_cleared", "of=columns reason=%s", log_str(str_from_c(e.msg)));
}

/* Of uploads, what is on its way is gone, too: see batch_place_upload. Symbols stay. */
static void delete_all(struct engine *en, struct engine_job *job)
{
    struct view *next = view_new(bucket_index_config(en->current->index), &job->err);
    uint64_t gone_below = objects_last(&en->objects) + 1;
    job->ok = next && store_delete_all(en->store, gone_below, &job->err);
    if (job->ok) {
        view_replace(en, next);
        shorthand_reset(&en->shorthand);
        objects_clear(&en->objects, gone_below);
        clear_columns(en);
        sweeper_wake(en);
        merges_clear(&en->merges);
        issues_clear(&en->issues);
        if (!tally_clear(&en->tally))
            log_line(LOG_ERROR, "no_memory", "doing=\"forgetting counts\"");
        log_line(LOG_WARN, "all_reports_deleted", "by=api");
    } else {
        log_line(LOG_ERROR, "delete_failed", "reason=%s", log_str(str_from_c(job->err.msg)));
        if (next)
            view_drop(en, next);
    }
    job->done(job);
}

/* How many of the jobs make the next batch: up to a deletion, or to the limit of reports; an edit
 * alone. */
static size_t batch_length(const struct engine *en, struct engine_job **jobs, size_t count)
{
    size_t n = 0, reports = 0;
    if (jobs[0]->work->kind == JOB_EDIT)
        return 1;
    while (n < count && jobs[n]->work->kind != JOB_DELETE_ALL && jobs[n]->work->kind != JOB_EDIT) {
        reports += jobs[n]->result_count > 0 ? jobs[n]->result_count : 1;
        if (n > 0 && reports > en->config.batch_reports)
            break;
        n++;
    }
    return n;
}

/* A commit that failed fails those that wait, too: what they wait for is tried again later. */
static void commit_all(struct engine *en, struct engine_job **jobs, size_t count)
{
    size_t left = put_aside(en, jobs, count);
    if (left > 0 && !commit(en, jobs, left)) {
        struct err e = { 0 };
        (void)err_set(&e, ERR_BUSY, 0, "the object cannot be stored now; try again later");
        fail_waiting(en, &e);
    }
    resume_waiting(en);
}

/* The next portions of edits come after what is in the queue; when that is full, or closed, now. */
static void go_on(struct engine *en)
{
    while (en->unfinished) {
        struct engine_job *job = en->unfinished;
        en->unfinished = job->work->next;
        if (!queue_put(en->ready, job))
            commit_all(en, &job, 1);
    }
}

void *writer_run(void *arg)
{
    struct engine *en = arg;
    struct engine_job *jobs[256];
    size_t count;
    while ((count = queue_take(en->ready, (void **)jobs, sizeof jobs / sizeof *jobs)) > 0) {
        for (size_t at = 0; at < count;) {
            size_t n = batch_length(en, jobs + at, count - at);
            if (n == 0) {
                delete_all(en, jobs[at++]);
                resume_waiting(en); /* what they waited for is gone */
            } else {
                commit_all(en, jobs + at, n);
            }
            at += n;
            go_on(en);
        }
    }
    const struct err closing = { .code = ERR_BUSY, .msg = "the server is closing" };
    fail_waiting(en, &closing);
    return NULL;
}
