/* elf_symbols.h - reads ELF files: symbol tables, DWARF functions, lines and inlined calls, and the
 * unwind rules of .eh_frame, .debug_frame and .ARM.exidx.
 *
 * Functions and lines come through elfutils, which is loaded when the first file that has any is
 * read (base/dynlib.h). It is not safe against damaged files: for uploads call elf_read only in
 * the helper process (`crumple symbols convert`). All else is read by our own cursor.
 *
 * The debug id of an ELF file is its build id as Breakpad writes it: the first 16 bytes as a GUID
 * (the first three parts byte-swapped), upper case, age 0 behind it. Without a build id: as
 * Breakpad, from the first page of .text. docs/formats/elf-symbols.md tells the rest. Threads: one
 * at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_SYMBOLS_H
#define CRUMPLE_SYMBOLS_ELF_SYMBOLS_H

#include "base/arena.h"
#include "symbols/symcache_builder.h"

bool elf_is(struct bytes first);
/* The identity alone, cheaply and with our own reader (safe for any bytes): cpu, ids, SONAME or
 * else the base name of `name` as debug file and code file, of at most 255 bytes of UTF-8. Texts
 * are written into the arena.
 * ERR_INPUT: damaged, or neither a program nor a library; ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool elf_identify(struct bytes file, struct str name, struct arena *a,
                             struct symcache_about *out, struct err *e);

/* What was read, and what was left out. */
struct elf_counts {
    uint64_t units, damaged_units;
    uint64_t elsewhere_units; /* split DWARF: what they hold is in .dwo files, and not followed */
    uint64_t elsewhere_names; /* entries that refer to a supplementary file (dwz) */
    uint64_t elsewhere;       /* ranges of functions that the linker threw away */
    uint64_t cfi_entries, cfi_rows, cfi_untold, cfi_damaged; /* see elf_cfi.h */
};

/* The whole file into a builder. Addresses are made relative to the load address (the lowest
 * PT_LOAD). ERR_INPUT: damaged; ERR_LIMIT; ERR_NOMEM; ERR_NOT_FOUND: it has debug information, and
 * elfutils is not installed. */
MUST_CHECK bool elf_read(struct bytes file, struct str name, struct symcache_builder *b,
                         struct err *e);
/* The same, and counts. */
MUST_CHECK bool elf_read_counted(struct bytes file, struct str name, struct symcache_builder *b,
                                 struct elf_counts *counts, struct err *e);

#endif
