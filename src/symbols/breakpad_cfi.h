/* breakpad_cfi.h - STACK CFI and STACK WIN records of one file into a builder.
 *
 * A STACK CFI INIT record gives the rules at the beginning of a range; records without INIT change
 * some of them from their address on. The cache wants all rules at each address, so the records are
 * collected, and when all are there, gone through by address. Files repeat themselves a lot: texts,
 * expressions, sets of rules and the way from one set to the next are each worked out once.
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_BREAKPAD_CFI_H
#define CRUMPLE_SYMBOLS_BREAKPAD_CFI_H

#include "symbols/symcache_builder.h"

struct cfi_reader;
/* Texts of records are borrowed until the end. NULL: no memory. */
struct cfi_reader *cfi_reader_new(struct symcache_builder *b);
void cfi_reader_free(struct cfi_reader *c); /* NULL is fine */
DEFINE_CLEANUP(struct cfi_reader, cfi_reader_free)

enum cfi_taken { CFI_TAKEN, CFI_BAD, CFI_FAILED }; /* bad: skip it; failed: no memory, a limit */
/* What stands behind "STACK CFI" and "STACK WIN". */
enum cfi_taken cfi_reader_cfi(struct cfi_reader *c, struct str record);
enum cfi_taken cfi_reader_win(struct cfi_reader *c, struct str record);
/* All of CFI into the builder. False: no memory, or a limit of the builder. */
MUST_CHECK bool cfi_reader_end(struct cfi_reader *c, enum cpu cpu);

#endif
