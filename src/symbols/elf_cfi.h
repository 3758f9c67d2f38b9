/* elf_cfi.h - reads .eh_frame and .debug_frame into rows of unwind programs.
 *
 * Our own reader and not elfutils': rows come one after the other, while dwarf_cfi_addrframe
 * looks for one address at a time; it is bounds-checked, so that it may see any bytes; and files
 * that have no debug information need no library at all.
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_CFI_H
#define CRUMPLE_SYMBOLS_ELF_CFI_H

#include "symbols/elf_image.h"
#include "symbols/unwind_rules.h"

#define ELF_CFI_SETUP_MAX 512                /* bytes of instructions that entries have in common */
#define ELF_CFI_WORK_MAX (UINT64_C(8) << 30) /* bytes of programs written for one section */

struct elf_cfi_section {
    struct bytes content;
    uint64_t address; /* where it is loaded; 0 for .debug_frame, which is not */
    bool is_eh;
};

struct elf_cfi_counts {
    uint64_t entries, rows; /* read; given */
    uint64_t untold;        /* rows that our programs cannot say, and are left out */
    uint64_t damaged;       /* entries that cannot be read, or not to their end */
    uint64_t elsewhere;     /* entries for addresses without code: thrown away by the linker */
};

/* Takes a row: the rules that hold for size bytes from address on, as linked (not relative to the
 * load address). False stops the reading. */
typedef bool elf_cfi_take(void *ctx, uint64_t address, uint64_t size, struct bytes program);

/* Damaged entries are skipped and counted. ERR_LIMIT, ERR_NOMEM; false with e->code ERR_NONE when
 * take said so. */
MUST_CHECK bool elf_cfi_read(const struct elf_image *m, const struct elf_cfi_section *section,
                             elf_cfi_take *take, void *ctx, struct elf_cfi_counts *counts,
                             struct err *e);

#endif
