/* elf_dwarf.h - functions, lines and inlined calls of an ELF file with DWARF 2 to 5, by elfutils.
 *
 * elfutils is not safe against damaged files, so this runs in a helper process; the limits here
 * keep damaged files from using it up. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_DWARF_H
#define CRUMPLE_SYMBOLS_ELF_DWARF_H

#include "symbols/elf_libdw.h"
#include "symbols/elf_symbols.h"
#include "symbols/elf_symtab.h"

#define ELF_FUNCTIONS_MAX (16 << 20)
#define ELF_WORK_MAX (UINT64_C(1) << 30) /* rows and ranges looked at in one file */

/* Marks the symbols where a function begins as taken. ERR_LIMIT, ERR_NOMEM; a damaged unit gives
 * what can be read of it. */
MUST_CHECK bool elf_dwarf_read(const struct elf_debug *d, const struct elf_image *m,
                               struct elf_symtab *symtab, struct symcache_builder *b,
                               struct elf_counts *counts, struct err *e);

#endif
