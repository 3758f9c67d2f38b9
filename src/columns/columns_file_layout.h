/* columns_file_layout.h - the layout of the file, for those who write it and read it.
 *
 * Numbers are as this machine has them, little endian, and all that is larger than a byte begins at
 * a multiple of 8 bytes. The file is a head and parts:
 *
 *     head     struct file_head
 *     part     struct file_part, then `bytes` bytes, then zeros up to a multiple of 8
 *       TABLE  struct file_table, project; bits of removed rows: for each block a 64-bit number of
 *              removed rows, and if it is not 0 the bits
 *       KEYS   the blocks of the keys
 *       COLUMN struct file_column, name; texts, one after another as dictionaries keep them; blocks
 *     TABLE, KEYS and COLUMNs of the first table, then of the next; at last
 *       END    of no bytes
 *
 * Blocks: for each of `blocks` a struct file_block and its bytes, as in columns_block.h; a block
 * without values has no entries. Each piece within a part is filled up to a multiple of 8 bytes. */
#ifndef CRUMPLE_COLUMNS_FILE_LAYOUT_H
#define CRUMPLE_COLUMNS_FILE_LAYOUT_H

#include <stdint.h>

#define FILE_MAGIC "CrumpCol"
#define FILE_VERSION 1u

enum file_part_kind { PART_TABLE = 1, PART_KEYS, PART_COLUMN, PART_END };

struct file_head {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* of what follows */
    uint64_t mark;
    uint64_t tables;
};
struct file_part {
    uint32_t kind;
    uint32_t crc; /* of the bytes */
    uint64_t bytes;
};
struct file_table {
    uint64_t newest;
    uint32_t kind;
    uint32_t rows;
    uint32_t columns;
    uint32_t project_bytes;
};
struct file_column {
    uint64_t text_bytes;
    uint32_t type;
    uint32_t name_bytes;
    uint32_t texts;
    uint32_t blocks;
};
struct file_block {
    uint64_t base;
    uint32_t rows;
    uint32_t entries; /* a block of no rows has no values */
    uint8_t form;
    uint8_t width;
    uint8_t is_packed;
    uint8_t zero[5];
};

#endif
