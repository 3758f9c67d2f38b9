/* source.h - where a stack walk gets symbols from: a folder (folder.h), or a server's library
 * (library.h). The walker knows only this.
 *
 * Threads: find and release may be called by any thread at once. */
#ifndef CRUMPLE_SYMBOLS_SOURCE_H
#define CRUMPLE_SYMBOLS_SOURCE_H

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

struct symbol_source {
    void *ctx;
    /* False when there is nothing for this module; what was found stays open until it is
     * released. */
    bool (*find)(void *ctx, const struct module_id *id, struct symbols_found *out);
    void (*release)(void *ctx, struct symbols_found *found);
};

#endif
