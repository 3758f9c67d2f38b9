/* later.h - what is to be done after a while: uploads of symbols that could not be converted are
 * tried again, and the writer is woken for those who have waited too long. Inside src/engine only.
 *
 * A thread of its own sleeps until something is due. An upload is tried again after a minute
 * (engine_config.helper_retry_ms), then after twice as long each time, up to an hour. What waits
 * here is not kept over a restart: the next start tries all of them again (recovery_symbols.c).
 *
 * Threads: any but the own; one lock. NULL is fine for all but later_start. */
#ifndef CRUMPLE_ENGINE_LATER_H
#define CRUMPLE_ENGINE_LATER_H

#include "base/err.h"

#include <stdint.h>

struct engine;
struct later;
/* Before the engine's other threads, which may call it. */
MUST_CHECK bool later_start(struct later **out, struct engine *en, struct err *e);
void later_stop(struct later *l); /* may be called all the same */
void later_free(struct later *l); /* after later_stop */

/* The object was stored without all of its symbols: something was short. */
void later_convert(struct later *l, uint64_t object);
/* It was stored with all that can be had of it. */
void later_forget(struct later *l, uint64_t object);
/* Somebody has ended the process that read it: how often, with this one, since it was last stored
 * with all. */
unsigned later_killed(struct later *l, uint64_t object);
/* Wakes the writer then, by metric_clock_us. */
void later_poke(struct later *l, int64_t at_us);

#endif
