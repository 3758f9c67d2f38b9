/* changed_texts.h - which texts a report has in the fields that were changed in it, for the
 * collection. Nobody outside this folder includes it. */
#ifndef CRUMPLE_REPORT_CHANGED_TEXTS_H
#define CRUMPLE_REPORT_CHANGED_TEXTS_H

#include "report/internal.h"

struct changed_texts {
    const struct report *before, *after;
    struct report_text *texts; /* in the arena */
    size_t count, cap;
};

/* All texts of the field, which may have more than one; an empty one when there are none any more.
 * The same field may be added again. False: no memory. */
MUST_CHECK bool changed_texts_add(struct changed_texts *c, struct str field, struct arena *a);

/* A report read from its text, with its limits. */
MUST_CHECK bool changed_texts_read(struct report *out, const struct json **json, struct str text,
                                   struct arena *a, struct err *e);

#endif
