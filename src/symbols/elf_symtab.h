/* elf_symtab.h - the functions that the symbol tables of an ELF file name.
 *
 * Place in the story: elf_symbols.c collects the tables of a file into one list; elf_dwarf.c looks
 * for linkage names that the DWARF lacks; what no DWARF function took becomes a public symbol.
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_SYMTAB_H
#define CRUMPLE_SYMBOLS_ELF_SYMTAB_H

#include "base/vec.h"
#include "symbols/elf_image.h"
#include "symbols/symcache_builder.h"

#define ELF_SYMBOLS_MAX (8 << 20)

struct elf_symbol {
    uint64_t address;
    struct str name; /* points into the file; the version behind @ is cut off */
    uint8_t rank;    /* 0 global, 1 weak, 2 local */
    bool taken;      /* a DWARF function begins here */
};

struct elf_symtab {
    VEC(struct elf_symbol) list; /* by address, one for each, once elf_symtab_sort has run */
};

/* Adds the functions of .symtab and .dynsym. ERR_LIMIT, ERR_NOMEM; a damaged table gives what can
 * be read of it. */
MUST_CHECK bool elf_symtab_add(struct elf_symtab *t, const struct elf_image *m, struct err *e);
/* Of several names for one address it keeps the most public one: global before weak before local,
 * then the one with fewer underscores in front, then by bytes. */
void elf_symtab_sort(struct elf_symtab *t);
/* The symbol at exactly this address; NULL. */
struct elf_symbol *elf_symtab_at(struct elf_symtab *t, uint64_t address);
/* Those that are not taken. False: the builder is full. */
bool elf_symtab_publish(const struct elf_symtab *t, uint64_t load_address,
                        struct symcache_builder *b);
void elf_symtab_done(struct elf_symtab *t);

#endif
