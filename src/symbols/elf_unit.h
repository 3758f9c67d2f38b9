/* elf_unit.h - one unit of DWARF: its functions, the calls inlined into them, and the scopes that
 * names are qualified with.
 *
 * Place in the story: elf_dwarf.c reads one unit after the other into this, then gives what it
 * found to the builder. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_UNIT_H
#define CRUMPLE_SYMBOLS_ELF_UNIT_H

#include "base/vec.h"
#include "symbols/elf_libdw.h"

#define ELF_DIE_DEPTH_MAX 256         /* entries within entries; deeper ones are not looked at */
#define ELF_FUNCTION_RANGES_MAX 256   /* of one function; further ones are left out */
#define ELF_INLINE_RANGES_MAX 4096    /* of one inlined call */
#define ELF_UNIT_RANGES_MAX (8 << 20) /* of all of these in a unit */
#define ELF_NONE UINT32_MAX           /* no scope, no function, no call */

struct elf_span {
    uint64_t start, end; /* as linked */
};

struct elf_function {
    Dwarf_Die die;
    uint32_t first_span, span_count;
    uint32_t first_call, last_call; /* a list by elf_call.next, in the order of the entries */
};

/* A range of an inlined call. */
struct elf_call {
    Dwarf_Die die;
    struct elf_span span;
    uint32_t depth; /* 0: inlined into the function itself */
    uint32_t next;
    uint32_t line;
    uint64_t file; /* its place in the file table of the unit */
};

/* A namespace, a class, or a function with something within. */
struct elf_scope {
    Dwarf_Die die;
    uint32_t parent;
};

struct elf_member {
    uint64_t offset; /* of the entry of a function, with or without code */
    uint32_t scope;
};

struct elf_unit {
    const struct libdw *dw;
    bool has_scopes; /* of a language that qualifies names by :: */
    VEC(struct elf_function) functions;
    VEC(struct elf_span) spans;
    VEC(struct elf_call) calls;
    VEC(struct elf_scope) scopes;
    VEC(struct elf_member) members; /* by offset; only if has_scopes */
    bool damaged;                   /* the reading ended before the end of the unit */
};

/* Replaces what *u held. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool elf_unit_read(struct elf_unit *u, Dwarf_Die *root, struct err *e);
/* The scope of the function entry at an offset; ELF_NONE. */
uint32_t elf_unit_scope(const struct elf_unit *u, uint64_t offset);
void elf_unit_done(struct elf_unit *u);

#endif
