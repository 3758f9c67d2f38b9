/* folder_cache.h - symbol files to open symbol caches, each converted once and kept in a folder.
 *
 * Threads: one at a time. folder_keep.h tells how they are kept. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_CACHE_H
#define CRUMPLE_SYMBOLS_FOLDER_CACHE_H

#include "symbols/folder_unread.h"
#include "symbols/symcache.h"

struct folder_cache;
/* `dir` NULL: images stay in memory. The text is copied. `unread` takes what cannot be read. NULL:
 * no memory. */
struct folder_cache *folder_cache_new(const char *dir, struct folder_unread *unread);
void folder_cache_free(struct folder_cache *f); /* and all that it opened */
DEFINE_CLEANUP(struct folder_cache, folder_cache_free)

/* The cache of a symbol file, open until folder_cache_free; NULL: there is no such file, or it
 * cannot be read. `part`: of a Mach-O file for several processors, else 0. Asking again costs one
 * system call. */
const struct symcache *folder_cache_get(struct folder_cache *f, const char *path, size_t part);

/* Maps a whole file; an empty one gives no bytes. False: it cannot be read. */
MUST_CHECK bool folder_map(const char *path, struct bytes *out);
void folder_unmap(struct bytes file);

#endif
