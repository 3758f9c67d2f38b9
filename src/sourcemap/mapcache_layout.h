/* mapcache_layout.h - how the image of a source map's cache is laid out; for mapcache.c, which
 * reads it, and mapcache_write.c. docs/formats/sourcemap-cache.md tells why.
 *
 *     header | blocks | keys | offsets | functions | lines | contents | content records
 *     | source records | text index | texts
 *
 * All numbers are little endian, lines and columns count from 0; sections begin at multiples of 64
 * and end with at least 8 bytes that mean nothing, so that 8 bytes can be read at any bit that
 * does.
 *
 *     blocks     64 mappings each, sorted by line and column: see BLOCK_FIELDS
 *     keys       u64 line << 32 | column of each block's first mapping, then every 8th of these,
 *                then every 8th of those ... up to a level of at most 8; each level is filled up
 *                with ff to a multiple of 8
 *     offsets    u32 for each block: where it begins in blocks
 *     functions  points: from here on it is this function, up to the next; line, column, text of
 *                the name + 1 (0: none is known), as wide as struct mapcache_points says
 *     lines      where each line begins in its content, and where the last one ends: as wide as
 *                the content's length needs
 *     contents   texts of sources, each once
 *     content records   u32 begin, u32 bytes in contents; u32 begin in lines, u32 how many
 *     source records    u32 text of the file name + 1 (0: it has none), u32 content record + 1
 *                (0: none), u32 1 if ignored, its functions as struct mapcache_points
 *     text index where each text begins, and where the last one ends; as wide as the header says
 *     texts      file names and names, each once */
#ifndef CRUMPLE_SOURCEMAP_MAPCACHE_LAYOUT_H
#define CRUMPLE_SOURCEMAP_MAPCACHE_LAYOUT_H

#include "base/cache_image.h"
#include "base/key_levels.h"
#include "sourcemap/mapcache.h"

#define MAPCACHE_ALIGN 64
#define MAPCACHE_SLACK 8  /* bytes behind each section */
#define MAPCACHE_FANOUT 8 /* keys in a cache line */
#define MAPCACHE_BLOCK_ROWS 64

enum mapcache_section {
    SECTION_BLOCKS,
    SECTION_KEYS,
    SECTION_OFFSETS,
    SECTION_FUNCTIONS,
    SECTION_LINES,
    SECTION_CONTENTS,
    SECTION_CONTENT_RECORDS,
    SECTION_SOURCE_RECORDS,
    SECTION_TEXT_INDEX,
    SECTION_TEXTS,
    SECTIONS
};
enum { SOURCE_RECORD_BYTES = 24, CONTENT_RECORD_BYTES = 16 };
enum { ABOUT_DEBUG_ID, ABOUT_SCRIPT, ABOUT_NAME, ABOUT_TEXTS };
enum { ABOUT_COUNTS = 5 };

/* A block's fields. Its header:
 *
 *     u8 rows | u8 which bitmaps there are | u8 bits of each field
 *     u32 lowest source, original line, name
 *     u64 bitmap of the rows that have a source; u64 of those that have a name
 *
 * A bitmap is left out when all rows have a source, or none has a name. Behind it stand line and
 * column of each row, line from that of the first row, the column from that of the first row, too,
 * when all have one line; then source, original line (both from the lowest) and original column of
 * each row; then the name, from the lowest, of each row that has one. */
enum { FIELD_LINE, FIELD_COLUMN, FIELD_SOURCE, FIELD_OLD_LINE, FIELD_OLD_COLUMN, FIELD_NAME };
enum { BLOCK_FIELDS = 6, BLOCK_BASES = 3, BLOCK_HEADER_BYTES = 20 };
enum { BLOCK_SOME_HAVE_NO_SOURCE = 1, BLOCK_HAS_NAMES = 2 };

/* u32 begin in functions | u32 how many | u8 bits of line, of column, of name | zero. */
struct mapcache_points {
    uint32_t at, count;
    uint8_t bits[3];
};
enum { POINTS_BYTES = 12 };

/* The header, field by field, in the frame of base/cache_image.h:
 *     5 x u32 mappings, sources, contents, names, functions
 *     u32 blocks | u32 texts | u32 bits of a text's begin | u32 content records
 *     about texts x u32 text + 1 | points of the script's own functions
 *     sections x (u64 offset, u64 bytes without the slack) */
#define MAPCACHE_HEADER_BYTES 320
static const struct cache_image_kind mapcache_kind = { "source map cache", "mapcache_version",
                                                       MAPCACHE_MAGIC, MAPCACHE_VERSION,
                                                       MAPCACHE_HEADER_BYTES };
static const struct key_shape mapcache_keys = { MAPCACHE_FANOUT, 8 };

#endif
