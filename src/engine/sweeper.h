/* sweeper.h - large files that nobody needs any more go while the server runs. Inside src/engine
 * only.
 *
 * A file may be shared by objects, and an upload that is just coming in may have found its content
 * there. So a file goes only when two looks, some time apart, have found that the store names it
 * nowhere, nobody has kept the same content in between, and all uploads that had come before the
 * first look were in the store, or given up, before the second:
 *
 *     removals ──► look: what is unnamed is doubtful
 *                   │ spools that were kept before are freed   (blobs_step_over)
 *                   │ objects that were accepted by then are committed   (objects_settled)
 *                   │ the interval has passed
 *                   ▼
 *                  look: what is still unnamed, and doubtful, goes
 *
 * Nothing of it is kept over a restart: the start looks at all files (sweep.h).
 *
 * Threads: one; any may call sweeper_wake. */
#ifndef CRUMPLE_ENGINE_SWEEPER_H
#define CRUMPLE_ENGINE_SWEEPER_H

#include "engine/engine.h"

enum sweeper_state { SWEEPER_LOOKS, SWEEPER_WAITS_FOR_SPOOLS, SWEEPER_WAITS_FOR_OBJECTS };
struct sweeper {
    struct engine *engine;
    int64_t interval_ms;
    enum sweeper_state state;
    int64_t next_ms;      /* the next look; monotonic */
    uint64_t seen;        /* of engine.loosened: those that a look has come after */
    size_t doubtful;      /* files, after the last look */
    uint64_t last_object; /* SWEEPER_WAITS_FOR_OBJECTS */
};
void sweeper_init(struct sweeper *s, struct engine *en, int64_t interval_ms);
/* What can be done now. A look takes a microsecond for each upload and attachment that is stored,
 * and there is none unless something was removed. */
void sweeper_tick(struct sweeper *s, int64_t now_ms);

/* Files may be needed no longer. */
void sweeper_wake(struct engine *en);
/* What is not in the store may yet be needed: nothing goes before the next start. */
void sweeper_forbid(struct engine *en);

#endif
