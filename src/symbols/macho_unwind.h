/* macho_unwind.h - reads Apple's compact unwind table (__TEXT,__unwind_info) into unwind programs.
 *
 * Place in the story: Apple's linkers throw DWARF's rules away wherever a function can be said in
 * four bytes, so this table is most of what a program has. A row covers a whole function, as it is
 * behind its first instructions: what .eh_frame says of the same addresses is better and goes
 * first. Facts: mach-o/compact_unwind_encoding.h of Apple's libunwind. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_MACHO_UNWIND_H
#define CRUMPLE_SYMBOLS_MACHO_UNWIND_H

#include "symbols/elf_cfi.h"
#include "symbols/macho_image.h"

/* As elf_cfi_read. A file of a processor that has no such table, or without one, has no entries. A
 * damaged page is skipped. */
MUST_CHECK bool macho_unwind_read(const struct macho_image *m, elf_cfi_take *take, void *ctx,
                                  struct elf_cfi_counts *counts, struct err *e);

#endif
