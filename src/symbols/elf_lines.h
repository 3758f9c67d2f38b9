/* elf_lines.h - the line table and the file names of one unit of DWARF.
 *
 * Place in the story: elf_dwarf.c reads it for each unit that has code, and takes from it the lines
 * of one function after the other. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_LINES_H
#define CRUMPLE_SYMBOLS_ELF_LINES_H

#include "base/vec.h"
#include "symbols/elf_libdw.h"
#include "symbols/symcache_builder.h"

struct elf_line {
    uint64_t address;
    uint32_t line, file; /* file: its place in the unit's table */
    bool ends;           /* nothing is known from here to the next */
};

struct elf_lines {
    const struct libdw *dw;
    VEC(struct elf_line) rows; /* by address */
    Dwarf_Files *files;
    size_t file_count;
    struct str directory;  /* that the compiler ran in; may be empty */
    struct buf path;       /* where paths are put together */
    VEC(uint32_t) numbers; /* of the builder, for each place; or not asked for yet */
};

void elf_lines_init(struct elf_lines *lines, const struct libdw *dw);
/* Replaces what *lines held. A unit without a table, or with a damaged one, has no rows. False:
 * memory is short. */
MUST_CHECK bool elf_lines_read(struct elf_lines *lines, Dwarf_Die *unit);
/* The builder's number for a place in the table, SYMCACHE_NO_FILE when there is none. False: the
 * builder is full. */
bool elf_lines_file(struct elf_lines *lines, uint64_t place, struct symcache_builder *b,
                    uint32_t *number);
/* Adds the lines from start to end to the function that was added last. *rows: how many were looked
 * at. False: the builder is full. */
bool elf_lines_add(struct elf_lines *lines, uint64_t start, uint64_t end, uint64_t load_address,
                   struct symcache_builder *b, size_t *rows);
void elf_lines_done(struct elf_lines *lines);

#endif
