/* amend.h - attributes that are set and cleared in an object that is stored: what of its rows, of
 * its report's payload and of the words that it is found by changes with them. Inside src/engine
 * only.
 *
 * What was ever set and cleared is kept with the object (report/amended.h), so that it holds when
 * the object is processed again. The payload changes too; grouping goes on with what the report
 * was.
 *
 * Threads: the writer's. Memory: the arena, until the batch is done. */
#ifndef CRUMPLE_ENGINE_AMEND_H
#define CRUMPLE_ENGINE_AMEND_H

#include "engine/place.h"

/* Adds the changes of an upload to the batch; `u` as store_upload_head gives it, or as it stands in
 * the batch already. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool amend_upload(struct batch *b, const struct stored_upload *u,
                             const struct edit_value *values, size_t count, struct arena *a,
                             struct err *e);
/* Those of an object that came over the PartyCrasher API, by its report's number. */
MUST_CHECK bool amend_report(struct batch *b, uint64_t object, struct str project, uint32_t report,
                             const struct edit_value *values, size_t count, struct arena *a,
                             struct err *e);
/* Moves what the batch needs of its latest change to the arena `to`: the one that it was made in
 * may go, if the values and the project stay. ERR_NOMEM. */
MUST_CHECK bool amend_keep(struct batch *b, struct arena *to, struct err *e);
/* Attributes as the store has them. False: no memory. */
MUST_CHECK bool attributes_text(const struct attributes *attributes, struct arena *a,
                                struct str *out);
/* What the batch will make of the object, or NULL. */
const struct amendment *amend_find(const struct batch *b, uint64_t object);
/* It is stored: searches and queries find it. */
void amend_show(struct batch *b, const struct amendment *m);
/* At start: the same for what was stored before. The report's payload has the changes in it. */
MUST_CHECK bool amend_restore(struct engine *en, const struct stored_change *c, struct arena *a,
                              struct err *e);

#endif
