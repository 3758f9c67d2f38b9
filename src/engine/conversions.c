/* conversions.c - uploads of symbols and source maps have threads of their own, since one can take
 * an hour, and the workers are for reports.
 *
 *     worker: it is symbols ──► en->conversions, a backlog of tickets ──► converter: process_upload
 *                                                                          with process_symbols ──►
 *                                                                          writer
 *
 * Only the ticket waits: the upload is read again when its turn comes. */
#include "engine/inside.h"

#define RETRY_US 1000000

bool conversions_want(const struct upload_work *w)
{
    return upload_format_is_symbols(w->upload.format) && w->engine->config.helper &&
           w->home == &w->engine->backlog;
}

bool conversions_take(struct upload_work *w)
{
    struct engine *en = w->engine;
    const struct ticket t = w->ticket;
    objects_converts(&en->objects, t.object);
    poke_writer(en); /* who waits for it need not wait for ever */
    if (conversions_closing(en))
        return err_set(&w->job.err, ERR_BUSY, 0, "the server is closing");
    if (!backlog_reserve(&en->conversions, 1))
        return err_set(&w->job.err, ERR_NOMEM, 0, "no memory for another upload");
    arena_free(w->job.arena); /* and w with it */
    backlog_add(&en->conversions, &t, t.waiter != NULL);
    backlog_finished(&en->backlog);
    if (conversions_closing(en)) /* meanwhile: nobody would take it */
        accept_close(&en->conversions);
    return true;
}

void engine_stop_converting(struct engine *en)
{
    backlog_close(&en->conversions);
    accept_close(&en->conversions);
    if (en->writer_started) /* an engine that could not be opened has none */
        poke_writer(en);
}

bool conversions_closing(struct engine *en)
{
    pthread_mutex_lock(&en->conversions.mu);
    bool closed = en->conversions.closed;
    pthread_mutex_unlock(&en->conversions.mu);
    return closed;
}

static void convert(struct engine *en, const struct ticket *t)
{
    struct upload_work *w = upload_work_new(en, &en->conversions, t);
    if (!w) {
        backlog_return(&en->conversions, t, RETRY_US);
        return;
    }
    reprocess_begun(w);
    bool ok = process_upload(w) && (queue_put_wait(en->ready, &w->job) ||
                                    err_set(&w->job.err, ERR_BUSY, 0, "the server is closing"));
    if (!ok) {
        w->job.ok = false;
        job_finish(en, &w->job);
    }
}

void *converter_run(void *arg)
{
    struct engine *en = arg;
    struct ticket t;
    while (backlog_take(&en->conversions, &t))
        convert(en, &t);
    return NULL;
}
