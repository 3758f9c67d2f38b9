/* macho_symbols.h - reads Mach-O files: programs, libraries and the insides of dSYM folders, of one
 * processor (thin) or several (fat).
 *
 * DWARF, .eh_frame and symbol tables go the way of elf_symbols.h: the file is shown to it as ELF.
 * Compact unwind tables are our own reader's. For uploads call macho_read only in the helper
 * process. The debug id is the UUID in upper case with age 0 behind it, the code id the UUID in
 * lower case. docs/formats/macho-symbols.md tells the rest. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_MACHO_SYMBOLS_H
#define CRUMPLE_SYMBOLS_MACHO_SYMBOLS_H

#include "base/arena.h"
#include "symbols/elf_symbols.h"

/* Thin or fat. */
bool macho_is(struct bytes first);

/* The parts of a fat file; of a thin one there is one: itself. */
#define MACHO_PARTS_MAX 32
struct macho_part {
    struct bytes file;
    enum cpu cpu;
    struct str name; /* of the processor: "arm64", "x86_64" */
};
MUST_CHECK bool macho_parts(struct bytes file, struct macho_part out[MACHO_PARTS_MAX],
                            size_t *count, struct err *e);

/* Of a thin file, as elf_identify and elf_read. */
MUST_CHECK bool macho_identify(struct bytes file, struct str name, struct arena *a,
                               struct symcache_about *out, struct err *e);
MUST_CHECK bool macho_read(struct bytes file, struct str name, struct symcache_builder *b,
                           struct err *e);
/* The same, and counts. */
MUST_CHECK bool macho_read_counted(struct bytes file, struct str name, struct symcache_builder *b,
                                   struct elf_counts *counts, struct err *e);

#endif
