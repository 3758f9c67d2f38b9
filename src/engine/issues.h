/* issues.h - what people say of the bugs that fingerprints stand for: their state, labels, tickets,
 * and when a bug that was resolved is open again (docs/issues.md). Inside src/engine only.
 *
 * Each fingerprint that objects are shown with, or were before they were removed, has an issue, a
 * row in the columns (TABLE_ISSUES).
 * What was ever said of one is kept in the store as JSON, and here; of most nothing ever is.
 *
 * Threads: the writer's, or at start the opener's. */
#ifndef CRUMPLE_ENGINE_ISSUES_H
#define CRUMPLE_ENGINE_ISSUES_H

#include "engine/fingerprints.h"
#include "engine/rows.h"
#include "store/store.h"

struct batch;

#define ISSUES_NONE UINT32_MAX
#define ISSUE_TEXT_MAX 65536 /* bytes of one value */

struct issue {
    bool has_row;    /* in the columns, under its number */
    struct str said; /* heap: JSON object; empty: nothing */
};
struct issues {
    VEC(struct issue) all;     /* an issue's number is its place + 1 */
    struct fingerprints names; /* of them, by place */
    size_t said;               /* of how many something was said */
};

MUST_CHECK bool issues_init(struct issues *is);
void issues_done(struct issues *is);
void issues_clear(struct issues *is);

/* An object is shown with this fingerprint: there is an issue, and its row. */
void issues_seen(struct engine *en, struct str project,
                 const uint8_t fingerprint[STORE_FINGERPRINT_BYTES]);
/* Fingerprints have been merged or parted: those that nothing is shown with any more have no rows,
 * and the others have. */
void issues_regroup(struct engine *en, struct str project);
/* At start: what was said of one; before rows are made. */
MUST_CHECK bool issues_restore(struct issues *is, const struct stored_issue *s, struct err *e);
/* At start, when the rows of objects are there: those of fingerprints that have no object any more.
 */
void issues_restored(struct engine *en);

/* New objects of the batch may show that bugs are not resolved after all: what their issues become
 * is added to the batch. After all is placed, before it is stored. */
MUST_CHECK bool issues_reopen(struct batch *b, struct err *e);
/* What the batch says of issues is stored. */
void issues_stored(struct batch *b);

#endif
