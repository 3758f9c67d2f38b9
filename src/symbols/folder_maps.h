/* folder_maps.h - the source maps that lie directly in folders: *.map and *.json files, and scripts
 * that hold theirs in a comment.
 *
 * A script that lies with its map says which ids the map goes by, and gives functions their names
 * where the map cannot; convert_scripts.h tells which script is a map's. What maps and scripts say
 * of themselves is looked up in all of them when the first is asked for; a map is converted when it
 * is wanted, and the images are kept (folder_keep.h). What cannot be read is passed over, and
 * told of when it is what was asked for (folder_unread.h).
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_MAPS_H
#define CRUMPLE_SYMBOLS_FOLDER_MAPS_H

#include "symbols/folder_unread.h"
#include "symbols/source.h"

struct folder_maps;
/* `cache_dir` NULL: images stay in memory. The text is copied. NULL: no memory. */
struct folder_maps *folder_maps_new(const char *cache_dir, struct folder_unread *unread);
void folder_maps_free(struct folder_maps *m); /* and all that it opened; NULL is fine */

/* As symbol_source's find_map and release_map; of several the one whose file changed last. The
 * folders must be the same each time. So many maps that were released stay open, for those who ask
 * again. */
#define FOLDER_MAPS_HELD_MAX 16
bool folder_maps_find(struct folder_maps *m, const char *const *dirs, size_t count,
                      const struct script_id *id, struct map_found *out);
void folder_maps_release(struct folder_maps *m, struct map_found *found);

#endif
