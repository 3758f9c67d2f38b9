/* run_virtual.h - virtual columns: numbers rounded down to steps of a size, or to the beginning of
 * a day, month, quarter or year in UTC. Threads: pure. */
#ifndef CRUMPLE_COLUMNS_RUN_VIRTUAL_H
#define CRUMPLE_COLUMNS_RUN_VIRTUAL_H

#include "columns/ask.h"

/* The type of what virtual_apply makes of numbers of type t. */
enum column_type virtual_type_of(const struct ask_virtual *v, enum column_type t);
/* In place, numbers of type t as column_numbers has them. What the type cannot hold becomes the
 * nearest that it can. */
void virtual_apply(const struct ask_virtual *v, enum column_type t, uint64_t *numbers,
                   size_t count);

#endif
