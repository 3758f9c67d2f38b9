/* elf_symbols.h - reads ELF files: symbol tables, DWARF functions, lines and inlined calls, and the
 * unwind rules of .eh_frame and .debug_frame, through elfutils.
 *
 * elfutils is loaded when the first file is read (base/dynlib.h). It is not safe against damaged
 * files: for uploads call this only in the helper process (`crumple symbols convert`).
 *
 * The debug id of an ELF file is its build id as Breakpad writes it: the first 16 bytes as a GUID
 * (the first three parts byte-swapped), upper case, age 0 behind it. Without a build id: as
 * Breakpad, from the first page of .text. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_SYMBOLS_H
#define CRUMPLE_SYMBOLS_ELF_SYMBOLS_H

#include "symbols/symcache_builder.h"

bool elf_is(struct bytes first);
/* The identity alone, cheaply and with our own reader (safe for any bytes): cpu, ids, SONAME or
 * else `name` as debug file and code file. Texts are written into the arena. ERR_INPUT, ERR_NOMEM.
 */
struct arena;
MUST_CHECK bool elf_identify(struct bytes file, struct str name, struct arena *a,
                             struct symcache_about *out, struct err *e);
/* The whole file into a builder. Addresses are made relative to the load address (the lowest
 * PT_LOAD). */
MUST_CHECK bool elf_read(struct bytes file, struct str name, struct symcache_builder *b,
                         struct err *e);

#endif
