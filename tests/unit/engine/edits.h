/* edits.h - changes of stored objects and the columns, for the tests of the engine. */
#ifndef CRUMPLE_TESTS_ENGINE_EDITS_H
#define CRUMPLE_TESTS_ENGINE_EDITS_H

#include "unit/engine/uploads.h"

/* One change; its arena and calls are the helper's. */
struct edit_sent {
    struct engine_edit t;
    struct call call;
};
struct edit_sent *edit_new(const char *project, enum edit_kind kind);
/* Sends it and waits. False, with *e, when it was refused at once, or failed. */
bool edit_send(struct place *p, struct edit_sent *s, struct err *e);
void edit_free(struct edit_sent *s);

/* Sets one attribute of some objects of project p (text NULL: clears it); how many changed. */
size_t set_attribute(struct place *p, const uint64_t *objects, size_t count, const char *name,
                     enum attribute_type type, const char *text);

/* All rows of a project's table, a line each: "1: a=str:x n=uint:5", by rising keys, columns by
 * name. The caller frees it. */
char *rows_text(struct place *p, const char *project);
/* One cell as in rows_text; "-" when it is not set. Good until the next call. */
const char *cell_text_of(struct place *p, const char *project, uint64_t object, const char *name);
void assert_cell(struct place *p, uint64_t object, const char *name, const char *want);

#endif
