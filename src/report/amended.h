/* amended.h - what was set and cleared in an object after it had come, all of it together: the
 * store keeps it beside the object, so that it holds when the object is processed again.
 *
 * As JSON: an object of attributes in their types; null for one that was cleared.
 * Threads: one at a time. Memory: the arena; names and texts are borrowed. */
#ifndef CRUMPLE_REPORT_AMENDED_H
#define CRUMPLE_REPORT_AMENDED_H

#include "report/attributes.h"

struct amended {
    struct attributes set;     /* the latest value of each name */
    struct attributes cleared; /* names alone; none of them is in `set` */
};

void amended_init(struct amended *m, struct arena *a);
/* The latest counts. False only when memory is short. */
MUST_CHECK bool amended_set(struct amended *m, struct str name, enum attribute_type type,
                            struct str text);
MUST_CHECK bool amended_clear(struct amended *m, struct str name);
/* Does the same to the attributes of the object. */
MUST_CHECK bool amended_apply(const struct amended *m, struct attributes *to);

void amended_write(struct json_writer *w, const struct amended *m);
/* And back from its text, which must stay; an empty text is nothing. ERR_INPUT, ERR_LIMIT,
 * ERR_NOMEM. */
MUST_CHECK bool amended_read(struct amended *m, struct str json, struct err *e);

#endif
