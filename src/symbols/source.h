/* source.h - where a stack walk gets symbols from, and the frames of a script their source map: a
 * folder (folder.h), or a server's library (library.h). Those who ask know only this.
 *
 * Threads: find and release may be called by any thread at once. */
#ifndef CRUMPLE_SYMBOLS_SOURCE_H
#define CRUMPLE_SYMBOLS_SOURCE_H

#include "sourcemap/mapcache.h"
#include "symbols/symcache.h"

/* A module as a crash names it. Any text may be empty. */
struct module_id {
    struct str debug_file, debug_id; /* base name; id as in symcache_about */
    struct str code_file, code_id;   /* base name */
};

/* One module can have several symbol files: a stripped program that can be unwound, its DWARF
 * elsewhere. The same cache may stand in both places; NULL: there is none. */
struct symbols_found {
    const struct symcache *names;
    const struct symcache *unwind;
    void *lease; /* the source's own */
};

/* A script as a frame names it. Any text may be empty. A map is found by the first of these that is
 * given: when none has that id, no other way is tried, since it would be the map of another build.
 */
struct script_id {
    struct str debug_id; /* with or without dashes, in any case; so is uuid */
    struct str uuid;     /* a symbolication id, or the MD5 of the script; of several maps with one
                          * such id the one that has the script's name goes before */
    struct str name;     /* base name */
};
struct map_found {
    const struct mapcache *map;
    void *lease; /* the source's own */
};

struct symbol_source {
    void *ctx;
    /* False when there is nothing for this module; what was found stays open until it is
     * released. */
    bool (*find)(void *ctx, const struct module_id *id, struct symbols_found *out);
    void (*release)(void *ctx, struct symbols_found *found);
    /* The same for source maps; of several the one that came last. */
    bool (*find_map)(void *ctx, const struct script_id *id, struct map_found *out);
    void (*release_map)(void *ctx, struct map_found *found);
};

#endif
