/* symcache_layout.h - how the image of a symbol cache is laid out; for symcache.c, which reads it,
 * and the builder, which writes it. docs/formats/symbol-cache.md tells why.
 *
 *     header | code table | cfi table | win table | columns x 6 | texts | programs
 *
 * All numbers are little endian; sections begin at multiples of 64 and end with at least 8 bytes
 * that mean nothing, so that 8 bytes can be read at any bit that does.
 *
 * A table maps addresses to values. Its rows are sorted by address; each holds up to the next. 64
 * rows are a block, which is found by the address of its first row:
 *
 *     keys     a u32 for each block, then every 16th of these, then every 16th of those ... up to
 *              a level of at most 16; each level is filled up with ff to a multiple of 16
 *     offsets  a u32 for each block: where it begins in blocks
 *     blocks   u8 rows | u8 address bits | u8 bits of each field | zero up to a multiple of 4
 *              u32 base of each of the first fields
 *              bits: rows x (address - key), then rows x each field, lowest bit first; in fields
 *              with a base, 0 is 0, and n is n - 1 above the base
 *
 * The fields of the code table are entity (0: nothing, else its number + 1), site (0: nothing is
 * inlined, else number + 1), place, line. Behind a block's rows stand its places, each a file
 * (0: none, else number + 1) and a line, as wide as the header says: a row's line is that of its
 * place and its own together. The cfi table has one field, the program + 1, the win table, too,
 * the record + 1; 0: none.
 *
 * Columns are records of numbers, all as wide as the widest in that column, bit by bit:
 *
 *     entities  start, name, parameter bytes, 1 if public
 *     sites     of inlined calls: own number - that of the site around it (0: none), name, line and
 *               file (number + 1) of the call
 *     names, files, programs   where the text begins; the next one's begin is its end
 *     wins      the fields of struct symcache_win */
#ifndef CRUMPLE_SYMBOLS_SYMCACHE_LAYOUT_H
#define CRUMPLE_SYMBOLS_SYMCACHE_LAYOUT_H

#include "base/cache_image.h"
#include "base/key_levels.h"
#include "symbols/symcache.h"

#define SYMCACHE_ALIGN 64
#define SYMCACHE_SLACK 8   /* bytes behind each section */
#define SYMCACHE_FANOUT 16 /* keys in a cache line */
#define SYMCACHE_BLOCK_ROWS 64
#define SYMCACHE_NESTING_MAX (SYMCACHE_FRAMES_MAX - 1) /* inlined calls at an address */

enum symcache_table_id { TABLE_CODE, TABLE_CFI, TABLE_WIN, TABLES };
enum { TABLE_FIELDS_MAX = 4 };
/* What tables differ in: how many fields, how many of these have a base. */
static const struct {
    unsigned fields, based;
} table_shapes[TABLES] = { { 4, 2 }, { 1, 1 }, { 1, 1 } };
enum { CODE_ENTITY, CODE_SITE, CODE_PLACE, CODE_LINE };

enum symcache_columns_id {
    COLUMNS_ENTITIES,
    COLUMNS_SITES,
    COLUMNS_NAMES,
    COLUMNS_FILES,
    COLUMNS_PROGRAMS,
    COLUMNS_WINS,
    COLUMNS
};
enum { COLUMNS_FIELDS_MAX = 10 };
enum { ENTITY_START, ENTITY_NAME, ENTITY_PARAMETERS, ENTITY_PUBLIC, ENTITY_FIELDS };
enum { SITE_OUTER, SITE_NAME, SITE_LINE, SITE_FILE, SITE_FIELDS };
enum {
    WIN_START,
    WIN_SIZE,
    WIN_PROLOG,
    WIN_EPILOG,
    WIN_PARAMETERS,
    WIN_SAVED,
    WIN_LOCALS,
    WIN_MAX_STACK,
    WIN_PROGRAM, /* number + 1 */
    WIN_FLAGS,
    WIN_FIELDS
};
enum { WIN_FLAG_FRAME_DATA = 1, WIN_FLAG_PROGRAM = 2, WIN_FLAG_BASE_POINTER = 4 };
static const unsigned columns_fields[COLUMNS] = { ENTITY_FIELDS, SITE_FIELDS, 1, 1, 1, WIN_FIELDS };

/* Sections stand in this order. */
enum {
    SECTION_TABLES,
    SECTION_COLUMNS = SECTION_TABLES + 3 * TABLES, /* keys, offsets, blocks of each table */
    SECTION_TEXTS = SECTION_COLUMNS + COLUMNS,
    SECTION_PROGRAMS,
    SECTIONS
};
enum { SECTION_KEYS, SECTION_OFFSETS, SECTION_BLOCKS };

enum { ABOUT_OS, ABOUT_DEBUG_FILE, ABOUT_DEBUG_ID, ABOUT_CODE_FILE, ABOUT_CODE_ID, ABOUT_TEXTS };
enum { ABOUT_COUNTS = 7 };

/* The header, field by field, in the frame of base/cache_image.h:
 *     u32 kind | u32 cpu | 7 x u32 counts | u32 bits of a place's file | u32 of its line
 *     about texts x (u32 offset, u32 length) in texts
 *     tables x u32 blocks
 *     columns x (u32 records, 10 x u8 bits, u16 zero)
 *     sections x (u64 offset, u64 bytes without the slack) */
#define SYMCACHE_HEADER_BYTES 640
static const struct cache_image_kind symcache_kind = { "symbol cache", "symcache_version",
                                                       "crmpsym\n", SYMCACHE_VERSION,
                                                       SYMCACHE_HEADER_BYTES };
static const struct key_shape symcache_keys = { SYMCACHE_FANOUT, 4 };

/* Where the bits of a block begin. */
static inline size_t symcache_block_header(enum symcache_table_id t)
{
    return ((2 + table_shapes[t].fields + 3) & ~(size_t)3) + (size_t)4 * table_shapes[t].based;
}

#endif
