/* convert_kind.h - what a file that was uploaded as symbols is, by its content.
 *
 * Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_CONVERT_KIND_H
#define CRUMPLE_SYMBOLS_CONVERT_KIND_H

#include "base/str.h"

/* Stored as numbers: never renumber. */
enum convert_kind {
    CONVERT_OTHER = 0,
    CONVERT_BREAKPAD = 1,
    CONVERT_ELF = 2,
    CONVERT_PDB = 3,
    CONVERT_PE = 4,
    CONVERT_MACHO = 5,
    CONVERT_ARCHIVE = 6, /* or compressed */
    CONVERT_JSON = 7,
    CONVERT_MINIDUMP = 8,
    CONVERT_EMPTY = 9,
    CONVERT_SOURCEMAP = 10,
    CONVERT_SCRIPT = 11 /* JavaScript; its map is in it, or beside it */
};
#define CONVERT_KINDS 12 /* one more than the last */

/* From its first bytes; all of them, or CONVERT_KIND_BYTES of a longer file. CONVERT_SOURCEMAP and
 * CONVERT_SCRIPT are not found by these. */
#define CONVERT_KIND_BYTES 512
enum convert_kind convert_kind_find(struct bytes first);
/* The same, of a file that may be a map or a script by all of it and by its path. */
enum convert_kind convert_kind_find_script(enum convert_kind by_first, struct bytes file,
                                           struct str path);
/* Whether all of it must be seen to know. */
bool convert_kind_is_open(enum convert_kind by_first, struct str path);
/* Of a source map, as opposed to symbols. */
bool convert_kind_is_map(enum convert_kind kind);
/* Of the images that are made of it: SYMCACHE_VERSION or MAPCACHE_VERSION. */
uint32_t convert_kind_version(enum convert_kind kind);
struct str convert_kind_name(enum convert_kind kind); /* "breakpad" */
bool convert_kind_find_name(struct str name, enum convert_kind *out);
/* Of a kind that no symbol cache can be made of: a sentence that says what it is and what to do.
 * NULL: one can be made. */
const char *convert_kind_advice(enum convert_kind kind);

#endif
