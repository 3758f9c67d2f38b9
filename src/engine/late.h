/* late.h - symbols that come after the reports that miss them. Inside src/engine only.
 *
 * A thread of its own looks, whenever symbols of a project have been committed, which of the
 * modules that its reports miss are there now, and has those reports processed again
 * (engine_reprocess), which goes behind all fresh uploads. It does so for all projects at start,
 * since the wish to process something again is not kept over a restart.
 *
 * Threads: late_notify: any. */
#ifndef CRUMPLE_ENGINE_LATE_H
#define CRUMPLE_ENGINE_LATE_H

#include "base/err.h"
#include "base/str.h"

struct engine;
struct late;
/* Before the engine's own threads, which may notify it. It looks at once. */
MUST_CHECK bool late_start(struct late **out, struct engine *en, struct err *e);
void late_stop(struct late *l); /* may be notified all the same; NULL is fine */
void late_free(struct late *l); /* after late_stop; NULL is fine */
/* Symbols of the project have been committed. NULL is fine. */
void late_notify(struct late *l, struct str project);

#endif
