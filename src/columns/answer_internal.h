/* answer_internal.h - what the files of answers share; nobody else includes it.
 *
 *     answer.c          the answer of a query as a whole
 *     answer_values.c   cells, runs of ids and of values, values of folds
 *     answer_types.c    types and formats of attributes
 *     describe.c        what attributes there are */
#ifndef CRUMPLE_COLUMNS_ANSWER_INTERNAL_H
#define CRUMPLE_COLUMNS_ANSWER_INTERNAL_H

#include "columns/answer.h"

/* What an operator said of it; NULL: nothing. */
const struct attribute_note *answer_note(const struct attribute_notes *notes, struct str name);
/* attribute_type_shown and attribute_format_shown, of either table. */
struct str answer_type(enum table_kind kind, struct str name, enum column_type t,
                       const struct attribute_notes *notes);
struct str answer_format(enum table_kind kind, struct str name,
                         const struct attribute_notes *notes);

void answer_write_cell(struct json_writer *w, const struct cell *c);
/* Object ids: [id] is one, [id,n] is one and the n that follow. */
void answer_write_keys(struct json_writer *w, const uint64_t *keys, size_t count);
/* [value,repeat] for each run of equal cells. */
void answer_write_runs(struct json_writer *w, const struct cell *cells, size_t count);
/* What one fold says of one group. */
void answer_write_folded(struct json_writer *w, enum fold_op op, const struct folded *f);

#endif
