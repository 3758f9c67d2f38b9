/* elf_names.h - what a function of DWARF is called.
 *
 * The linkage name is best: it is demangled with its parameters, as in Breakpad's symbol files. C++
 * functions that no other file can call have none; then the symbol table may know one for their
 * address, and else the name is made of the scopes around the entry. Names in C are plain. The name
 * of an entry is looked up once and kept, so that a call that was inlined reads like the function
 * itself. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_NAMES_H
#define CRUMPLE_SYMBOLS_ELF_NAMES_H

#include "base/buf.h"
#include "base/idmap.h"
#include "symbols/elf_symtab.h"
#include "symbols/elf_unit.h"

struct elf_known_name {
    uint64_t offset;
    uint32_t name;
};

struct elf_names {
    const struct libdw *dw;
    struct symcache_builder *builder;
    struct elf_symtab *symtab;
    /* Entries whose names are known, by their offset. */
    VEC(struct elf_known_name) known;
    struct idmap by_offset;
    struct buf text;    /* where names are put together */
    uint64_t elsewhere; /* entries that are in a supplementary file, and are not followed */
};

MUST_CHECK bool elf_names_init(struct elf_names *n, const struct libdw *dw,
                               struct symcache_builder *b, struct elf_symtab *symtab);
/* The builder's number for the name of a function or of an inlined call. symbol: that of the table
 * at its address, or NULL. False: the builder is full, or memory is short. */
MUST_CHECK bool elf_names_find(struct elf_names *n, const struct elf_unit *u, const Dwarf_Die *die,
                               const struct elf_symbol *symbol, uint32_t *number);
void elf_names_done(struct elf_names *n);

#endif
