/* recovery_gone.h - at start: which reports gave their place to others or were removed, and when.
 * Inside src/engine only.
 *
 * Both are told by numbers: a report took the place of an earlier one when it was added; one was
 * removed when there were so many reports. So at start each is done again at its place in the order
 * of commits, as the adder of recovery.c comes to it. Threads: the adder's. */
#ifndef CRUMPLE_ENGINE_RECOVERY_GONE_H
#define CRUMPLE_ENGINE_RECOVERY_GONE_H

#include "base/vec.h"
#include "group/bucket_index.h"
#include "store/store.h"

struct gone {
    uint32_t total; /* reports there are */
    VEC(struct stored_superseding) superseded;
    VEC(struct stored_removed) removed;
    size_t next_superseded, next_removed; /* not done yet */
};

/* What the store has of them; `total` reports are there. ERR_NOMEM, and of the store. */
MUST_CHECK bool gone_read(struct gone *g, struct store *store, uint32_t total, struct err *e);
void gone_done(struct gone *g);

/* Report `by` comes next: *instead becomes whose place it takes, or COLLECTION_NONE. ERR_IO: the
 * database is damaged. */
MUST_CHECK bool gone_supersede(struct gone *g, const struct collection *c, uint32_t by,
                               uint32_t *instead, struct err *e);
/* Whether some were removed when there were so many reports; and removes them: all that was added
 * is compared, too. ERR_NOMEM; ERR_IO: the database is damaged. */
bool gone_has_removed(const struct gone *g, uint32_t since);
MUST_CHECK bool gone_remove(struct gone *g, struct bucket_index *ix, uint32_t since, struct err *e);

#endif
