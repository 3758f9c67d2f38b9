/* invariants.h - when an issue that was resolved is open again: conditions on new objects.
 *
 *     [{"type": "version_gt", "field": "version", "version": "1.2"},
 *      {"type": "and", "children": [{"type": "timestamp_gt", "timestamp": 1478200442},
 *                                   {"type": "regular_expression", "field": "hostname",
 *                                    "pattern": "^web"}]}]
 *
 * One of the list is enough. An object without the attribute does not match.
 * Threads: pure. */
#ifndef CRUMPLE_ENGINE_INVARIANTS_H
#define CRUMPLE_ENGINE_INVARIANTS_H

#include "engine/rows.h"

#define INVARIANTS_MAX 64 /* conditions in all */
#define INVARIANTS_DEPTH_MAX 8

/* ERR_INPUT: the text is no list of invariants; says why. */
MUST_CHECK bool invariants_check(struct str json, struct arena *a, struct err *e);
/* Whether one of them matches the object. ERR_INPUT, ERR_NOMEM. */
MUST_CHECK bool invariants_match(struct str json, const struct row *row, struct arena *a,
                                 bool *match, struct err *e);
/* Below, at or above 0 as the version `a` is older than `b`, the same, newer: by numbers between
 * points, as far as they are numbers; 1.0-rc.1 is older than 1.0; what follows a + does not count.
 */
int version_order(struct str a, struct str b);

#endif
