/* folder_map_open.h - a source map's file to an open cache, converted once and kept in a folder
 * (folder_keep.h). For folder_maps.c.
 *
 * Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_MAP_OPEN_H
#define CRUMPLE_SYMBOLS_FOLDER_MAP_OPEN_H

#include "base/buf.h"
#include "sourcemap/mapcache.h"
#include "symbols/folder_keep.h"

struct folder_map_file {
    const char *path;           /* of the map, or of the script that it is in */
    const char *script_path;    /* NULL: the map came without its script; `path`: it is in that */
    struct str script_id;       /* debug id that the script gives itself; may be empty */
    struct file_key key;        /* of `path` */
    struct file_key script_key; /* of script_path, when that is another */
};
struct folder_map_opened {
    struct mapcache *cache; /* NULL: not open */
    struct buf image;       /* when it is in memory only */
};

/* cache_dir NULL: the image stays in memory. False: it cannot be read, or memory is short; the
 * sentence is without the path. */
MUST_CHECK bool folder_map_open(const struct folder_map_file *f, const char *cache_dir,
                                struct folder_map_opened *out, struct err *e);
void folder_map_close(struct folder_map_opened *o);

#endif
