/* reprocess.c - uploads that are processed again: the way back into the backlog, whether what was
 * made of them now says anything new, and what is counted. The writer then puts it in the place of
 * what there is (place_upload.c).
 *
 * Whatever goes wrong on the way, what there is stays. */
#include "engine/inside.h"

#include "base/log.h"

/* Counting. */

static void count(_Atomic uint64_t *counter)
{
    /* For people only: nothing is handed over by it. */
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Weighing. */

/* What a bucket has set since is in the stored payload, but not in its hash. */
static bool is_same_content(struct upload_work *w, const struct stored_report *old, bool *same)
{
    const uint8_t *hash = w->item.report.content_hash;
    struct report amended;
    *same = memcmp(hash, old->content_hash, REPORT_CONTENT_HASH_BYTES) == 0;
    if (*same || w->row.amended.len == 0)
        return true;
    if (!process_parse(&amended, old->payload, w->job.arena, &w->job.err))
        return w->job.err.code != ERR_NOMEM; /* else it is damaged, and made anew */
    *same = memcmp(hash, amended.content_hash, REPORT_CONTENT_HASH_BYTES) == 0;
    return true;
}

bool reprocess_weigh(struct upload_work *w)
{
    bool had_report = w->old != STORE_NONE, has_report = w->job.result_count > 0, same;
    bool got_worse = w->was == UPLOAD_DECODED && w->row.state != UPLOAD_DECODED;
    struct stored_report old;
    if (got_worse || (had_report && !has_report)) {
        w->outcome = AGAIN_FAILED;
        return true;
    }
    w->outcome = has_report ? AGAIN_MADE : AGAIN_UNCHANGED;
    if (!had_report || !has_report)
        return true;
    if (!store_read(w->engine->store, w->old, w->job.arena, &old, &w->job.err))
        /* Deleted, which the writer will see; or damaged, and made anew. */
        return w->job.err.code != ERR_NOMEM && w->job.err.code != ERR_BUSY;
    w->item.report.date_ms = old.date_ms;
    w->item.has_date = old.has_date;
    if (!is_same_content(w, &old, &same))
        return false;
    if (same && memcmp(w->item.fingerprint, old.fingerprint, sizeof old.fingerprint) == 0)
        w->outcome = AGAIN_UNCHANGED;
    return true;
}

/* The way back. */

bool engine_reprocess(struct engine *en, const uint64_t *objects, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!objects_want_again(&en->objects, objects[i]))
            continue;
        if (!backlog_add_again(&en->backlog, objects[i])) {
            objects_forget_again(&en->objects, objects[i]);
            return err_set(e, ERR_NOMEM, 0, "no memory for the backlog");
        }
    }
    return true;
}

struct engine_reprocessed engine_reprocessed(struct engine *en)
{
    size_t waiting =
        objects_again(&en->objects); /* first: what has ended by now is counted below */
    return (struct engine_reprocessed){
        .waiting = waiting,
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

static void count_outcome(struct upload_work *w)
{
    struct engine *en = w->engine;
    switch (w->outcome) {
    case AGAIN_MADE:
        count(&en->reprocessed.made_again);
        break;
    case AGAIN_UNCHANGED:
        count(&en->reprocessed.unchanged);
        break;
    case AGAIN_FAILED:
        count(&en->reprocessed.failed);
        log_line(LOG_WARN, "not_reprocessed", "object=%llx reason=%s",
                 (unsigned long long)w->ticket.object,
                 log_str(w->row.error.len > 0 ? w->row.error : str_from_c(w->job.err.msg)));
        break;
    case AGAIN_PASSED_OVER:
        break;
    }
}

void reprocess_ended(struct upload_work *w)
{
    struct engine *en = w->engine;
    uint64_t object = w->ticket.object;
    if (w->ticket.again)
        count_outcome(w);
    if (!objects_work_ends(&en->objects, object) || backlog_add_again(&en->backlog, object))
        return;
    objects_forget_again(&en->objects, object);
    log_line(LOG_ERROR, "not_reprocessed", "object=%llx reason=\"no memory\"",
             (unsigned long long)object);
}
