/* retention.h - a thread that does what operators have configured: objects that are too old or too
 * many go, or are compressed; what sampling does not keep loses its bytes; objects of deleted
 * projects go; and so do large files that nobody needs any more (sweeper.h).
 *
 * Place in the story: `crumple serve` starts it beside the API. It reads the configuration through
 * src/access, chooses objects from the columns, and has the engine's writer change them
 * (engine_edit), portion by portion, so that nobody waits for long.
 *
 * How old an object is counts from when it was received. Of a project's rules, those of the project
 * itself go before those of its universe, and these before those of the instance; the first that
 * there are count alone. docs/retention.md is this for users.
 *
 * Threads: retention_start and retention_stop by the owner. */
#ifndef CRUMPLE_ENGINE_RETENTION_H
#define CRUMPLE_ENGINE_RETENTION_H

#include "access/access.h"
#include "engine/engine.h"

struct retention;
struct retention_config {
    struct engine *engine; /* borrowed, as is: */
    struct access *access;
    int64_t interval_ms; /* between two looks at all objects; a change of the rules acts at once */
    /* Between two looks at all large files, after something was removed. */
    int64_t sweep_interval_ms;
    /* For changes by one rule, and then others get their turn; a portion is changed in any case.
     * 0: a second. */
    int64_t share_ms;
};
MUST_CHECK bool retention_start(struct retention **out, const struct retention_config *config,
                                struct err *e);
/* Before the engine is closed; what it is about goes on to the end of a portion. NULL is fine. */
void retention_stop(struct retention *r);
DEFINE_CLEANUP(struct retention, retention_stop)

/* The text of the rules that count for a project; empty: there are none. Good as long as the view.
 */
struct str retention_rules_of(const struct access_view *v, const struct stored_project *p);

#endif
