/* sweeper.c - see the header. */
#include "engine/sweeper.h"

#include "base/log.h"
#include "engine/inside.h"
#include "engine/sweep.h"

void sweeper_init(struct sweeper *s, struct engine *en, int64_t interval_ms)
{
    *s = (struct sweeper){ .engine = en, .interval_ms = interval_ms };
}

void sweeper_wake(struct engine *en)
{
    /* A count and no more: the rows are the store's to hand over. */
    atomic_fetch_add_explicit(&en->loosened, 1, memory_order_relaxed);
}

void sweeper_forbid(struct engine *en)
{
    atomic_store_explicit(&en->keeps_files, true, memory_order_relaxed);
}

static void look(struct sweeper *s)
{
    struct sweep_needs needs = { 0 };
    struct blobs_step step = { 0 };
    struct err e = { 0 };
    uint64_t loosened = atomic_load_explicit(&s->engine->loosened, memory_order_relaxed);
    if (sweep_step(&needs, s->engine->store, s->engine->blobs, &step, &e)) {
        s->seen = loosened;
        s->doubtful = step.doubtful;
    } else { /* once more after the interval */
        log_line(LOG_WARN, "files_not_removed", "reason=%s", log_str(str_from_c(e.msg)));
    }
    if (step.removed > 0)
        log_line(LOG_INFO, "files_removed", "files=%zu", step.removed);
    s->state = SWEEPER_WAITS_FOR_SPOOLS;
    sweep_done(&needs);
}

void sweeper_tick(struct sweeper *s, int64_t now_ms)
{
    struct engine *en = s->engine;
    if (s->state == SWEEPER_WAITS_FOR_SPOOLS && blobs_step_over(en->blobs)) {
        /* Whatever was kept before the look has an id by now, or is given up. */
        s->last_object = objects_last(&en->objects);
        s->state = SWEEPER_WAITS_FOR_OBJECTS;
    }
    if (s->state == SWEEPER_WAITS_FOR_OBJECTS && objects_settled(&en->objects, s->last_object))
        s->state = SWEEPER_LOOKS;
    bool is_wanted =
        s->doubtful > 0 || s->seen != atomic_load_explicit(&en->loosened, memory_order_relaxed);
    if (s->state != SWEEPER_LOOKS || !is_wanted || now_ms < s->next_ms ||
        atomic_load_explicit(&en->keeps_files, memory_order_relaxed))
        return;
    look(s);
    s->next_ms = now_ms + s->interval_ms;
}
