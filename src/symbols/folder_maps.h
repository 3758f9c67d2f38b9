/* folder_maps.h - the source maps that lie directly in folders: *.map and *.json files, and scripts
 * that hold theirs in a comment.
 *
 * A script that lies beside its map says which ids the map goes by, and gives functions their names
 * where the map cannot: it is the script that names the map in a comment, or the one whose name
 * with ".map" behind is the map's. All maps are converted when the first is asked for, since only
 * then their ids are known; the images are kept (folder_keep.h). What cannot be read is passed
 * over.
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_MAPS_H
#define CRUMPLE_SYMBOLS_FOLDER_MAPS_H

#include "symbols/source.h"

struct folder_maps;
/* `cache_dir` NULL: images stay in memory. The text is copied. NULL: no memory. */
struct folder_maps *folder_maps_new(const char *cache_dir);
void folder_maps_free(struct folder_maps *m); /* and all that it opened; NULL is fine */

/* As symbol_source's find_map; of several the one whose file changed last. The folders must be the
 * same each time. Open until folder_maps_free. NULL: there is none. */
const struct mapcache *folder_maps_find(struct folder_maps *m, const char *const *dirs,
                                        size_t count, const struct script_id *id);

#endif
