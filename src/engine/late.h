/* late.h - symbols that come after the reports that miss them. Inside src/engine only.
 *
 * A thread of its own looks, whenever an upload of symbols has been committed, which of the modules
 * that reports miss are there now, and has those reports processed again (engine_reprocess), which
 * goes behind all fresh uploads. At start it looks at all that is missing, since the wish to
 * process something again is not kept over a restart.
 *
 * Threads: late_symbols, late_report: any. */
#ifndef CRUMPLE_ENGINE_LATE_H
#define CRUMPLE_ENGINE_LATE_H

#include "base/err.h"
#include <stdint.h>

struct engine;
struct late;
/* Before the engine's own threads, which may notify it. It looks at once. */
MUST_CHECK bool late_start(struct late **out, struct engine *en, struct err *e);
void late_stop(struct late *l); /* may be notified all the same; NULL is fine */
void late_free(struct late *l); /* after late_stop; NULL is fine */
/* The object has been committed, and the library knows its symbols. NULL is fine. */
void late_symbols(struct late *l, uint64_t object);
/* The object has been committed, and what it misses is there already. NULL is fine. */
void late_report(struct late *l, uint64_t object);

#endif
