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
    CONVERT_SCRIPT = 11 /* JavaScript: with its map in it, or looked at for the map beside it */
};
#define CONVERT_KINDS 12 /* one more than the last */

/* From its first bytes; all of them, or CONVERT_KIND_BYTES of a longer file. */
#define CONVERT_KIND_BYTES 512
enum convert_kind convert_kind_find(struct bytes first);
struct str convert_kind_name(enum convert_kind kind); /* "breakpad" */
bool convert_kind_find_name(struct str name, enum convert_kind *out);
/* Of a kind that no symbol cache can be made of: a sentence that says what it is and what to do.
 * NULL: one can be made. */
const char *convert_kind_advice(enum convert_kind kind);

#endif
