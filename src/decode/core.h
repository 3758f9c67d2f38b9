/* core.h - ELF core files of Linux and Android.
 *
 * Our own bounds-checked reader; docs/formats/elf-core.md tells what is read, the limits and where
 * the facts come from. Stacks are walked as those of minidumps, by the rules of the symbol caches
 * (docs/decisions/0011). Threads: pure. */
#ifndef CRUMPLE_DECODE_CORE_H
#define CRUMPLE_DECODE_CORE_H

#include "decode/dump.h"

/* Needs 18 bytes: an ELF file that is neither program nor library. */
bool core_is(struct bytes first);
/* As minidump_read. */
MUST_CHECK bool core_read(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                          struct arena *a, struct err *e);

#endif
