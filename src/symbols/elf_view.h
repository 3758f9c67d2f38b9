/* elf_view.h - reads a file of another kind that was made to look like an ELF file (macho_view.h):
 * all but its identity, and the rules that ELF does not have. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_VIEW_H
#define CRUMPLE_SYMBOLS_ELF_VIEW_H

#include "symbols/elf_cfi.h"
#include "symbols/elf_symbols.h"

struct elf_view {
    struct bytes file; /* ELF */
    const struct symcache_about *about;
    bool swaps_ebp_esp; /* see elf_image.h */
    /* Gives the other rules, as elf_cfi_read does; those of .eh_frame and .debug_frame were given
     * before, and win. */
    bool (*more_rules)(void *ctx, elf_cfi_take *take, void *take_ctx, struct elf_cfi_counts *counts,
                       struct err *e);
    void *ctx;
};

/* As elf_read_counted. */
MUST_CHECK bool elf_read_view(const struct elf_view *v, struct symcache_builder *b,
                              struct elf_counts *counts, struct err *e);

#endif
