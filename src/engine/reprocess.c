/* reprocess.c - uploads that are processed again: the way back into the backlog, and what is
 * counted of it. What they become is decided by the workers (process_upload.c) and the writer
 * (place_upload.c). */
#include "engine/inside.h"

#include "base/log.h"

static void count(_Atomic uint64_t *counter, uint64_t step)
{
    /* For people only: nothing is handed over by it. */
    atomic_fetch_add_explicit(counter, step, memory_order_relaxed);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

bool engine_reprocess(struct engine *en, const uint64_t *objects, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!objects_want_again(&en->objects, objects[i]))
            continue;
        count(&en->reprocessed.waiting, 1);
        if (!backlog_add_again(&en->backlog, objects[i])) {
            objects_work_begins(&en->objects, objects[i]);
            (void)!objects_work_ends(&en->objects, objects[i]);
            count(&en->reprocessed.waiting, UINT64_MAX);
            return err_set(e, ERR_NOMEM, 0, "no memory for the backlog");
        }
    }
    return true;
}

struct engine_reprocessed engine_reprocessed(struct engine *en)
{
    return (struct engine_reprocessed){
        .waiting = counted(&en->reprocessed.waiting),
        .made_again = counted(&en->reprocessed.made_again),
        .unchanged = counted(&en->reprocessed.unchanged),
        .failed = counted(&en->reprocessed.failed),
    };
}

void reprocess_begun(struct upload_work *w)
{
    objects_work_begins(&w->engine->objects, w->ticket.object);
}

void reprocess_delayed(struct upload_work *w)
{
    objects_work_waits(&w->engine->objects, w->ticket.object);
}

static void count_outcome(struct engine *en, enum again_outcome outcome)
{
    switch (outcome) {
    case AGAIN_MADE:
        count(&en->reprocessed.made_again, 1);
        break;
    case AGAIN_UNCHANGED:
        count(&en->reprocessed.unchanged, 1);
        break;
    case AGAIN_FAILED:
        count(&en->reprocessed.failed, 1);
        break;
    case AGAIN_PASSED_OVER:
        break;
    }
}

void reprocess_ended(struct upload_work *w)
{
    struct engine *en = w->engine;
    uint64_t object = w->ticket.object;
    bool wanted = objects_work_ends(&en->objects, object);
    if (wanted)
        count(&en->reprocessed.waiting, 1);
    if (wanted && !backlog_add_again(&en->backlog, object)) {
        log_line(LOG_ERROR, "not_reprocessed", "object=%llx reason=\"no memory\"",
                 (unsigned long long)object);
        objects_work_begins(&en->objects, object);
        (void)!objects_work_ends(&en->objects, object);
        count(&en->reprocessed.waiting, UINT64_MAX);
    }
    if (!w->ticket.again)
        return;
    count_outcome(en, w->outcome);
    count(&en->reprocessed.waiting, UINT64_MAX);
}
