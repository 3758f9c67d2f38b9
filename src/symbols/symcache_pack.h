/* symcache_pack.h - writes the tables and columns of an image (symcache_layout.h): rows and records
 * in, bytes out.
 *
 * What finds no room in a buf makes that buf fail; look at it at the end. Threads: one at a time.
 */
#ifndef CRUMPLE_SYMBOLS_SYMCACHE_PACK_H
#define CRUMPLE_SYMBOLS_SYMCACHE_PACK_H

#include "base/packed.h"
#include "base/vec.h"
#include "symbols/symcache_layout.h"

/* Numbers bit by bit into memory that has room for them, and 8 bytes more. */
struct bits {
    uint8_t *at;
    uint64_t waiting; /* bits that have not been written yet */
    unsigned count;   /* how many, below 32 between calls */
};
static inline void bits_put(struct bits *b, uint32_t value, unsigned width)
{
    b->waiting |= (uint64_t)value << b->count;
    b->count += width;
    if (b->count >= 32) {
        store_le32(b->at, (uint32_t)b->waiting);
        b->at += 4;
        b->waiting >>= 32;
        b->count -= 32;
    }
}
/* Writes the rest, filled up with zeros to a byte; what follows `at` may be zeroed, too. */
void bits_end(struct bits *b);

/* Columns: `records` numbers of each of `fields`, record by record. Gives the width of each. */
void columns_write(struct buf *out, const uint32_t *numbers, size_t records, unsigned fields,
                   uint8_t bits[COLUMNS_FIELDS_MAX]);

struct place {
    uint32_t file, line;
};
struct table_row {
    uint32_t address;
    uint32_t values[TABLE_FIELDS_MAX];
};
struct table_writer {
    enum symcache_table_id id;
    unsigned file_bits, line_bits; /* of places, when it is the code table */
    struct buf keys, offsets, blocks;
    size_t rows;                     /* all that came, but those left out */
    uint32_t last[TABLE_FIELDS_MAX]; /* values of the row before */
    size_t pending;
    struct table_row block[SYMCACHE_BLOCK_ROWS];
    size_t places;
    struct place place[SYMCACHE_BLOCK_ROWS];
};
void table_init(struct table_writer *t, enum symcache_table_id id, size_t max_bytes);
void table_done(struct table_writer *t);
/* Rows by rising address; one with the values of the row before is left out. In the code table,
 * CODE_PLACE is the file and CODE_LINE the line. */
void table_add(struct table_writer *t, struct table_row row);
void table_end(struct table_writer *t); /* then `keys` holds all levels */

#endif
