/* elf_exidx.h - reads the unwind tables of 32-bit ARM (.ARM.exidx, .ARM.extab) into programs.
 *
 * Place in the story: Android and ARM programs have no .eh_frame, and stripped ones no .debug_frame
 * either; then these are all there is. One row covers a whole function, as it is after its first
 * instructions: rules of .debug_frame are better and go first. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_ELF_EXIDX_H
#define CRUMPLE_SYMBOLS_ELF_EXIDX_H

#include "symbols/elf_cfi.h"

#define ELF_EXIDX_OPS_MAX 512 /* bytes of instructions of one entry */

/* As elf_cfi_read. A file of another processor, or without the table, has no entries. */
MUST_CHECK bool elf_exidx_read(const struct elf_image *m, elf_cfi_take *take, void *ctx,
                               struct elf_cfi_counts *counts, struct err *e);

#endif
