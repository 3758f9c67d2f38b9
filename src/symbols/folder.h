/* folder.h - symbols from folders, for `crumple stackwalk --symbols DIR`.
 *
 * A folder holds Breakpad files at <debug file>/<debug id>/<debug file without .pdb>.sym, as for
 * minidump_stackwalk, or ELF files at .build-id/<xx>/<rest>.debug; else any .sym, ELF or Mach-O
 * file that lies directly in it, or in a NAME.dSYM folder in it, is found by its ids (the folders
 * are looked through once, only when the first ways found nothing for a module, or nothing to
 * unwind it with). Source maps, and scripts that hold theirs, lie directly in it (folder_maps.h).
 * When there are several for a module, names and unwind rules each come from the best. A file is
 * converted when it is asked for the first time, and the cache is kept in `cache_dir` (see
 * folder_cache.h), so that the next process only maps it. When that cannot be written, the image
 * stays in memory.
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_H
#define CRUMPLE_SYMBOLS_FOLDER_H

#include "base/arena.h"
#include "symbols/folder_unread.h"
#include "symbols/source.h"

struct symbol_folders;
/* `cache_dir` NULL: nothing is kept. Texts are copied. ERR_NOT_FOUND, ERR_INPUT: one of them is no
 * folder; ERR_NOMEM. */
MUST_CHECK bool symbol_folders_open(struct symbol_folders **out, const char *const *dirs,
                                    size_t count, const char *cache_dir, struct err *e);
void symbol_folders_close(struct symbol_folders *f);
DEFINE_CLEANUP(struct symbol_folders, symbol_folders_close)
struct symbol_source symbol_folders_source(struct symbol_folders *f);
/* How many files that somebody asked for could not be read, each once; until the next is asked for
 * or the folders are closed. */
size_t symbol_folders_unread(const struct symbol_folders *f, const struct unread_file **out);

#endif
