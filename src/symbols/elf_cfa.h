/* elf_cfa.h - runs the instructions of an unwind table entry (DW_CFA_...), row by row.
 *
 * Place in the story: elf_cfi.c finds the entries and their common part; this follows their
 * instructions from address to address. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_CFA_H
#define CRUMPLE_SYMBOLS_ELF_CFA_H

#include "symbols/elf_rules.h"

#define ELF_CFA_STATES_MAX 32 /* remembered at the same time */

struct elf_cfa {
    /* Set by the caller. */
    const struct cpu_facts *cpu;
    uint64_t code_factor;
    int64_t data_factor;
    /* Reads an address as DW_CFA_set_loc has it. */
    uint64_t (*read_address)(void *ctx, struct reader *r);
    void *ctx;

    /* What holds from `address` on. */
    uint64_t address;
    struct elf_row row;
    struct elf_row initial; /* what the common part gave, for DW_CFA_restore */
    struct elf_row states[ELF_CFA_STATES_MAX];
    unsigned state_count;
};

/* Runs instructions up to the next change of the address, or to the end. True: there was one,
 * *next is the new address, and cfa->row is what held before it; the caller takes the row, sets
 * cfa->address and calls again. False: the end, cfa->row holds from cfa->address on; r->failed when
 * the instructions are damaged or not known, and then the row must not be used. */
bool elf_cfa_run(struct elf_cfa *cfa, struct reader *r, uint64_t *next);

#endif
