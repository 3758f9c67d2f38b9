/* reading.c - what the engine is asked of uploads: their objects, attachments and files; and the
 * requests that travel with the jobs because they need the writer: attachments, waiting. */
#include "engine/inside.h"

#include "base/date.h"

struct store *engine_store(struct engine *en)
{
    return en->store;
}

struct blobs *engine_blobs(struct engine *en)
{
    return en->blobs;
}

const uint8_t *engine_secret(const struct engine *en)
{
    return en->secret;
}

struct symbol_source engine_symbols(struct engine *en, struct str project,
                                    struct library_project *ctx)
{
    *ctx = (struct library_project){ en->library, project };
    return library_source(ctx);
}

static bool find(struct engine *en, uint64_t object, struct str project, struct object *out,
                 struct err *e)
{
    *out = objects_find(&en->objects, object, project);
    return (project.len > 0 && out->state != OBJECT_UNKNOWN) ||
           err_set(e, ERR_NOT_FOUND, 0, "there is no such object");
}

static bool removed(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, 0, "the content of this object was removed");
}

bool engine_upload_read(struct engine *en, uint64_t object, struct str project, struct arena *a,
                        struct stored_upload *out, struct err *e)
{
    struct object o;
    return find(en, object, project, &o, e) && store_upload_read(en->store, object, a, out, e) &&
           (out->state != UPLOAD_REMOVED || removed(e));
}

void engine_fingerprint_shown(struct engine *en, struct str project,
                              const uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
                              uint8_t shown[STORE_FINGERPRINT_BYTES])
{
    (void)merges_shown(&en->merges, project, fingerprint, shown);
}

bool engine_object_report(struct engine *en, uint64_t object, struct str project, struct arena *a,
                          struct str *json, struct err *e)
{
    struct object o;
    struct stored_report r;
    if (!find(en, object, project, &o, e))
        return false;
    if (o.report == OBJECT_NO_REPORT)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no report of this object");
    /* Numbers are used again after all was deleted. */
    if (!store_read(en->store, o.report, a, &r, e))
        return false;
    *json = r.payload;
    if (r.payload.len == 0)
        return removed(e);
    return r.object == object || err_set(e, ERR_NOT_FOUND, 0, "there is no such object");
}

bool engine_attachments(struct engine *en, uint64_t object, struct str project, struct arena *a,
                        struct stored_attachment **out, size_t *count, struct err *e)
{
    struct object o;
    return find(en, object, project, &o, e) &&
           store_attachments(en->store, object, a, out, count, e);
}

bool engine_attachment_read(struct engine *en, uint64_t object, struct str project, uint64_t id,
                            struct arena *a, struct stored_attachment *out, struct err *e)
{
    struct object o;
    if (!find(en, object, project, &o, e) || !store_attachment_read(en->store, id, a, out, e))
        return false;
    return out->object == object || err_set(e, ERR_NOT_FOUND, 0, "there is no such attachment");
}

/* Requests for the writer. */

struct engine_job *request_new(struct arena *a, enum job_kind kind, void *owner,
                               void (*done)(struct engine_job *), struct err *e)
{
    struct engine_job *job = arena_zalloc(a, sizeof *job);
    struct engine_work *work = arena_zalloc(a, sizeof *work);
    if (!job || !work) {
        err_set(e, ERR_NOMEM, 0, "no memory for this request");
        return NULL;
    }
    work->kind = kind;
    work->submitted_us = metric_clock_us();
    work->received_ms = date_now_ms();
    *job = (struct engine_job){ .arena = a, .done = done, .owner = owner, .work = work };
    return job;
}

bool request_submit(struct queue *q, struct engine_job *job, struct err *e)
{
    return queue_put(q, job) ||
           err_set(e, ERR_BUSY, 0, "too many requests at once; try again later");
}

static void attachment_done(struct engine_job *job)
{
    struct engine_attachment *t = job->owner;
    t->ok = job->ok;
    t->err = job->err;
    t->done(t);
}

bool engine_attach(struct engine *en, struct engine_attachment *t, struct err *e)
{
    struct object o;
    struct engine_job *job = request_new(t->arena, JOB_ATTACHMENT, t, attachment_done, e);
    if (!job || !find(en, t->object, t->project, &o, e))
        return false;
    job->work->attachment = t;
    return request_submit(en->jobs, job, e);
}

static void wait_done(struct engine_job *job)
{
    struct engine_wait *w = job->owner;
    w->ok = job->ok;
    w->err = job->err;
    w->done(w);
}

bool engine_settle(struct engine *en, struct engine_wait *w, struct err *e)
{
    struct object o;
    if (!find(en, w->object, w->project, &o, e))
        return false;
    if (o.state == OBJECT_COMMITTED) { /* as for most: it has nothing to wait for */
        w->ok = true;
        w->done(w);
        return true;
    }
    struct engine_job *job = request_new(w->arena, JOB_WAIT, w, wait_done, e);
    if (!job)
        return false;
    job->work->wait = w;
    return request_submit(en->ready, job, e);
}
