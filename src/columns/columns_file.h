/* columns_file.h - all tables in one file, so that a start need not make them from the store.
 *
 * The file holds blocks and texts nearly as they are in memory, and a `mark` of the caller: up to
 * where in the store's history the tables were. It is a shortcut, never the only copy: a file that
 * is damaged, of another version or over a limit is refused, and the store is read instead.
 * docs/columns.md tells the layout.
 *
 * Threads: columns_save: any, as a reader. columns_load: the writer. */
#ifndef CRUMPLE_COLUMNS_FILE_H
#define CRUMPLE_COLUMNS_FILE_H

#include "columns/columns.h"

/* Writes the tables of some kinds, each a bit (1 << TABLE_...), from the file's beginning; syncing
 * and renaming it is the caller's. Each table is saved as it is when its turn comes: when the
 * writer publishes meanwhile, the mark must have been taken before, and all changes since then must
 * be made again after a load (puts and removals may be made twice). ERR_IO, ERR_FULL, ERR_NOMEM. */
#define COLUMNS_ALL_KINDS (1u << TABLE_OBJECTS | 1u << TABLE_ISSUES)
MUST_CHECK bool columns_save(const struct columns_view *v, int fd, uint64_t mark, unsigned kinds,
                             struct err *e);

/* Reads into columns that are empty, and publishes. ERR_INPUT, ERR_LIMIT, ERR_IO, ERR_NOMEM: they
 * are empty still. */
MUST_CHECK bool columns_load(struct columns *c, int fd, uint64_t *mark, struct err *e);

#endif
