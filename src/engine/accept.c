/* accept.c - uploads from their senders to the workers: made durable, given an id, and fed on.
 *
 *     engine_accept ──► keepers (large files) ──► receiver ──► backlog ──► feeder ──► workers
 *                 └────────────────────────────────▲  └─► done(), unless it is synchronous
 *
 * The receiver is the one thread that gives ids and appends to the inbox. It takes what has come
 * while the last append went to the disk, so that one fdatasync serves all of it. */
#include "engine/inside.h"

#include "base/date.h"
#include "base/log.h"
#include "engine/measures.h"
#include "engine/sweeper.h"

#define BATCH 256 /* uploads in one append */
#define RETRY_US 1000000

static bool has_files(const struct engine_upload *u)
{
    bool has = u->upload.body.in_file;
    for (size_t i = 0; i < u->upload.attachment_count; i++)
        has |= u->upload.attachments[i].content.in_file;
    return has;
}

bool engine_accept(struct engine *en, struct engine_upload *u, struct err *e)
{
    u->ok = u->duplicate = u->settled = false;
    u->err = (struct err){ 0 };
    u->errors = STR("");
    u->upload.received_ms = date_now_ms();
    struct str id;
    if (!inbox_takes(&u->upload, e) || !symbols_sent_id(&u->upload, u->arena, &id, e))
        return false;
    if (inbox_bytes(en->inbox) > en->config.inbox_max_bytes)
        return err_set(e, ERR_BUSY, 0, "too many uploads wait to be processed; try again later");
    if (queue_put(has_files(u) ? en->keep : en->received, u))
        return true;
    return err_set(e, ERR_BUSY, 0, "too many uploads at once; try again later");
}

static void refuse(struct engine_upload *u, const struct err *e)
{
    u->ok = false;
    u->err = *e;
    u->done(u);
}

void *keeper_run(void *arg)
{
    struct engine *en = arg;
    void *item;
    while (queue_take(en->keep, &item, 1) > 0) {
        struct engine_upload *u = item;
        struct err e = { 0 };
        bool ok = true;
        for (size_t i = 0; i < u->spool_count && ok; i++)
            ok = spool_keep(u->spools[i], &e);
        if (ok && !queue_put_wait(en->received, u))
            ok = err_set(&e, ERR_BUSY, 0, "the server is closing");
        if (!ok)
            refuse(u, &e);
    }
    return NULL;
}

/* The receiver. */

/* A synchronous sender is told of the first object what is known of it. */
static void describe_duplicate(struct engine *en, struct engine_upload *u)
{
    struct stored_upload first;
    struct err e;
    if (!store_upload_head(en->store, u->object, u->arena, &first, &e))
        return;
    u->settled = true;
    u->has_fingerprint = first.has_fingerprint;
    (void)merges_shown(&en->merges, u->upload.project, first.fingerprint, u->fingerprint);
    u->unique = false;
    u->bucket_count = 0;
    u->errors = first.error;
}

struct duplicate {
    struct engine *engine;
    struct engine_upload *upload;
    struct engine_wait wait;
};

static void duplicate_settled(struct engine_wait *w)
{
    struct duplicate *d = w->owner;
    if (w->ok)
        describe_duplicate(d->engine, d->upload);
    d->upload->done(d->upload);
}

/* Answers for a report that is there already; a synchronous sender when that can be read. */
static void answer_duplicate(struct engine *en, struct engine_upload *u)
{
    struct duplicate *d = u->sync ? arena_zalloc(u->arena, sizeof *d) : NULL;
    struct err e = { 0 };
    metric_add(&measures.duplicates, 1);
    u->ok = true;
    if (d) {
        *d = (struct duplicate){ en,
                                 u,
                                 { .arena = u->arena,
                                   .object = u->object,
                                   .project = u->upload.project,
                                   .done = duplicate_settled,
                                   .owner = d } };
        if (engine_settle(en, &d->wait, &e))
            return;
    }
    u->done(u);
}

/* What came in together. */
struct arrivals {
    struct engine_upload *fresh[BATCH];
    size_t fresh_count;
    struct engine_upload *others[BATCH]; /* duplicates, and those without an id */
    size_t other_count;
};

static void take_ids(struct engine *en, struct engine_upload **uploads, size_t count,
                     struct arrivals *a)
{
    a->fresh_count = a->other_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct engine_upload *u = uploads[i];
        u->ok = objects_take(&en->objects, u->upload.project, u->upload.uuid, &u->object,
                             &u->duplicate, &u->err);
        u->upload.object = u->object;
        if (u->ok && !u->duplicate)
            objects_came(&en->objects, u->object, u->upload.received_ms);
        if (u->ok && !u->duplicate && !upload_format_is_error(u->upload.format))
            objects_keep(&en->objects, u->object);
        if (u->ok && !u->duplicate)
            a->fresh[a->fresh_count++] = u;
        else
            a->others[a->other_count++] = u;
    }
}

static bool append(struct engine *en, const struct arrivals *a, struct inbox_place *places,
                   struct err *e)
{
    const struct upload *uploads[BATCH];
    if (a->fresh_count == 0)
        return true;
    for (size_t i = 0; i < a->fresh_count; i++)
        uploads[i] = &a->fresh[i]->upload;
    int64_t began_us = metric_clock_us();
    bool ok = (backlog_reserve(&en->backlog, a->fresh_count) ||
               err_set(e, ERR_NOMEM, 0, "no memory for another upload")) &&
              inbox_append(en->inbox, uploads, a->fresh_count, places, e);
    metric_observe_us(&measures.append, metric_clock_us() - began_us);
    return ok;
}

static void pass_on(struct engine *en, const struct arrivals *a, const struct inbox_place *places)
{
    if (a->fresh_count > 0)
        failing_over(&en->inbox_failing, "inbox_returns");
    metric_add(&measures.uploads, (int64_t)a->fresh_count);
    for (size_t i = 0; i < a->fresh_count; i++) {
        struct engine_upload *u = a->fresh[i];
        bool sync = u->sync; /* and then u belongs to the backlog */
        const struct ticket t = { .object = u->object,
                                  .place = places[i],
                                  .waiter = sync ? u : NULL };
        backlog_add(&en->backlog, &t, sync);
        if (!sync)
            u->done(u);
    }
}

static void refuse_all(struct engine *en, const struct arrivals *a, const struct err *e)
{
    failing_note(&en->inbox_failing, "inbox_failed", e);
    sweeper_wake(en);
    for (size_t i = 0; i < a->fresh_count; i++) {
        struct engine_upload *u = a->fresh[i];
        objects_drop(&en->objects, u->object, u->upload.project, u->upload.uuid);
        refuse(u, e);
    }
}

static void receive(struct engine *en, struct engine_upload **uploads, size_t count)
{
    struct arrivals a;
    struct inbox_place places[BATCH];
    struct err e = { 0 };
    take_ids(en, uploads, count, &a);
    uint64_t failed_from = UINT64_MAX; /* ids of this batch, when it is not stored */
    if (append(en, &a, places, &e)) {
        pass_on(en, &a, places);
    } else {
        failed_from = a.fresh[0]->object;
        refuse_all(en, &a, &e);
    }
    for (size_t i = 0; i < a.other_count; i++) {
        struct engine_upload *u = a.others[i];
        if (has_files(u))
            sweeper_wake(en); /* and they may be nobody else's */
        if (!u->ok) {
            u->done(u);
        } else if (u->object >= failed_from) { /* like one that could not be stored */
            refuse(u, &e);
        } else {
            answer_duplicate(en, u);
        }
    }
}

void *receiver_run(void *arg)
{
    struct engine *en = arg;
    void *items[BATCH];
    struct engine_upload *uploads[BATCH];
    size_t count;
    while ((count = queue_take(en->received, items, BATCH)) > 0) {
        for (size_t i = 0; i < count; i++)
            uploads[i] = items[i];
        receive(en, uploads, count);
    }
    return NULL;
}

/* The feeder, and what becomes of what it feeds. */

static void tell_waiter(const struct upload_work *w)
{
    struct engine_upload *u = w->ticket.waiter;
    u->ok = u->settled = true;
    u->has_fingerprint = w->row.has_fingerprint;
    (void)merges_shown(&w->engine->merges, w->row.project, w->row.fingerprint, u->fingerprint);
    u->unique = w->unique;
    u->bucket_count = w->count;
    if (!arena_str(u->arena, w->row.error, &u->errors))
        u->errors = STR("");
    u->done(u);
}

static void end_work(struct upload_work *w)
{
    reprocess_ended(w);
    struct backlog *home = w->home;
    arena_free(w->job.arena); /* and w with it */
    backlog_finished(home);
}

/* It stays where it is; the next start looks at it again. What was made of it before stays, too. */
static void give_up(struct upload_work *w)
{
    struct engine *en = w->engine;
    bool is_gone = w->ticket.again && w->job.err.code == ERR_NOT_FOUND;
    if (!is_gone)
        log_line(LOG_ERROR, "upload_unreadable", "object=%llx reason=%s",
                 (unsigned long long)w->ticket.object, log_str(str_from_c(w->job.err.msg)));
    if (w->ticket.again)
        w->outcome = is_gone ? AGAIN_PASSED_OVER : AGAIN_FAILED;
    else if (w->ticket.from_store && w->job.err.code != ERR_NOT_FOUND)
        objects_committed(&en->objects, w->ticket.object, OBJECT_NO_REPORT);
    else
        objects_drop(&en->objects, w->ticket.object, STR(""), STR(""));
    if (!w->ticket.from_store)
        sweeper_forbid(en); /* its files are needed when it can be read again */
    if (w->ticket.waiter)
        refuse(w->ticket.waiter, &w->job.err);
    poke_writer(en);
    end_work(w);
}

/* The sender of an upload that cannot be processed now, but is kept, and will be. */
static void tell_later(struct engine_upload *u, const struct err *why)
{
    u->ok = true;
    if (!arena_printf(u->arena, &u->errors, "it is kept, and will be processed later: %s",
                      why->msg))
        u->errors = STR("");
    u->done(u);
}

/* A ticket whose upload could not be processed or stored now comes again: want of memory is met by
 * working on it alone, then by not looking inside. When nothing of that is left to try, it comes
 * again after a while, and its sender is told. */
static void try_again(struct upload_work *w)
{
    struct ticket t = w->ticket;
    bool short_of_memory = w->job.err.code == ERR_NOMEM, at_once = short_of_memory && !t.undecoded;
    if (t.again && short_of_memory && t.alone) { /* not looking inside would make it worse */
        give_up(w);
        return;
    }
    reprocess_delayed(w);
    if (!at_once && t.waiter) {
        tell_later(t.waiter, &w->job.err);
        t.waiter = NULL;
    }
    if (short_of_memory && !at_once)
        log_line(LOG_ERROR, "upload_delayed", "object=%llx reason=%s", (unsigned long long)t.object,
                 log_str(str_from_c(w->job.err.msg)));
    t.undecoded = short_of_memory && t.alone;
    t.alone = short_of_memory;
    struct backlog *home = w->home;
    arena_free(w->job.arena); /* and w with it */
    backlog_return(home, &t, at_once ? 0 : RETRY_US);
}

/* All was deleted while it was on its way. */
static void end_discarded(struct upload_work *w)
{
    struct err e = { 0 };
    (void)err_set(&e, ERR_BUSY, 0, "all reports were deleted meanwhile");
    w->outcome = AGAIN_PASSED_OVER;
    if (w->ticket.waiter)
        refuse(w->ticket.waiter, &e);
}

/* The object changed while it was processed again: once more from the start. */
static void start_over(struct upload_work *w)
{
    struct backlog *home = w->home;
    const struct ticket t = w->ticket;
    reprocess_delayed(w);
    arena_free(w->job.arena); /* and w with it */
    backlog_return(home, &t, 0);
}

static void upload_done(struct engine_job *job)
{
    struct upload_work *w = job->owner;
    if (job->ok && w->stale) {
        start_over(w);
        return;
    }
    if (!job->ok && !w->unreadable) {
        try_again(w);
        return;
    }
    if (!job->ok) {
        give_up(w);
        return;
    }
    if (!w->ticket.from_store)
        inbox_done(w->engine->inbox, w->ticket.place);
    if (w->discarded)
        end_discarded(w);
    else if (w->ticket.waiter)
        tell_waiter(w);
    end_work(w);
}

struct upload_work *upload_work_new(struct engine *en, struct backlog *home, const struct ticket *t)
{
    struct arena *a = arena_new_in(&en->work_memory, en->work_memory.limit_bytes);
    struct upload_work *w = a ? arena_zalloc(a, sizeof *w) : NULL;
    if (!w) {
        arena_free(a);
        return NULL;
    }
    w->engine = en;
    w->home = home;
    w->ticket = *t;
    w->job = (struct engine_job){ .arena = a, .done = upload_done, .owner = w, .work = &w->work };
    w->work =
        (struct engine_work){ .kind = JOB_UPLOAD, .upload = w, .submitted_us = metric_clock_us() };
    return w;
}

void *feeder_run(void *arg)
{
    struct engine *en = arg;
    struct ticket t;
    while (backlog_take(&en->backlog, &t)) {
        struct upload_work *w = upload_work_new(en, &en->backlog, &t);
        if (!w) {
            backlog_return(&en->backlog, &t, RETRY_US);
            continue;
        }
        reprocess_begun(w);
        if (queue_put_wait(en->jobs, &w->job))
            continue;
        arena_free(w->job.arena); /* closed: it stays in the inbox */
        backlog_finished(&en->backlog);
    }
    return NULL;
}

void accept_close(struct backlog *b)
{
    struct engine_upload *u;
    struct err e = { 0 };
    (void)err_set(&e, ERR_BUSY, 0, "the server is closing");
    while ((u = backlog_next_waiter(b)))
        refuse(u, &e);
}
