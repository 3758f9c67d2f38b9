/* elf_unit.c - walks the tree of a unit without recursion, from top to bottom.
 *
 * A damaged file can make the same entries come up again and again (through references to the next
 * sibling that leave their parent). So the walk ends when it does not move forward: every entry is
 * seen once. */
#include "symbols/elf_unit.h"

#include <dwarf.h>

/* Where the walk is within the tree: what holds for the children of an entry. */
struct place {
    uint32_t scope, function, depth;
};

struct level {
    Dwarf_Die die; /* the child that is looked at */
    struct place place;
};

static bool language_has_scopes(const struct libdw *dw, Dwarf_Die *root)
{
    uint64_t language;
    if (!elf_attr_number(dw, root, DW_AT_language, &language))
        return false;
    switch (language) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case 0x2b: /* C++17 */
    case 0x2c: /* C++20 */
    case DW_LANG_ObjC_plus_plus:
    case DW_LANG_Rust:
        return true;
    default:
        return false;
    }
}

/* Adds the ranges of an entry that are not empty to u->spans, at most `max`. */
static bool add_spans(struct elf_unit *u, Dwarf_Die *die, uint32_t max, uint32_t *count,
                      struct err *e)
{
    Dwarf_Addr base, start, end;
    ptrdiff_t at = 0;
    *count = 0;
    for (uint32_t i = 0; i < max; i++) {
        at = u->dw->dwarf_ranges(die, at, &base, &start, &end);
        if (at <= 0)
            break;
        if (start >= end)
            continue;
        if (u->spans.len + u->calls.len >= ELF_UNIT_RANGES_MAX)
            return err_set(e, ERR_LIMIT, 0, "DWARF unit of more than %d ranges",
                           ELF_UNIT_RANGES_MAX);
        if (!VEC_PUSH(&u->spans, ((struct elf_span){ start, end })))
            return err_set(e, ERR_NOMEM, 0, "DWARF ranges");
        ++*count;
    }
    return true;
}

static bool add_scope(struct elf_unit *u, const Dwarf_Die *die, struct place *place, struct err *e)
{
    if (!u->has_scopes)
        return true;
    struct elf_scope scope = { *die, place->scope };
    if (u->scopes.len >= ELF_NONE - 1 || !VEC_PUSH(&u->scopes, scope))
        return err_set(e, ERR_NOMEM, 0, "DWARF scopes");
    place->scope = (uint32_t)u->scopes.len - 1;
    return true;
}

/* *place comes in as that of the function, and goes out as that of what is within. */
static bool add_function(struct elf_unit *u, Dwarf_Die *die, uint64_t offset, struct place *place,
                         bool *descend, struct err *e)
{
    struct elf_function f = { .die = *die,
                              .first_span = (uint32_t)u->spans.len,
                              .first_call = ELF_NONE,
                              .last_call = ELF_NONE };
    if (u->has_scopes && !VEC_PUSH(&u->members, ((struct elf_member){ offset, place->scope })))
        return err_set(e, ERR_NOMEM, 0, "DWARF functions");
    if (!add_spans(u, die, ELF_FUNCTION_RANGES_MAX, &f.span_count, e))
        return false;
    uint64_t declared;
    place->function = ELF_NONE;
    place->depth = 0;
    if (f.span_count > 0) {
        if (!VEC_PUSH(&u->functions, f))
            return err_set(e, ERR_NOMEM, 0, "DWARF functions");
        place->function = (uint32_t)u->functions.len - 1;
    } else if (elf_attr_number(u->dw, die, DW_AT_declaration, &declared) && declared) {
        *descend = false; /* only its parameters are within */
        return true;
    }
    return add_scope(u, die, place, e);
}

static bool add_call(struct elf_unit *u, Dwarf_Die *die, struct place *place, struct err *e)
{
    uint32_t count;
    uint64_t line = 0, file = UINT64_MAX;
    size_t first = u->spans.len;
    if (place->function == ELF_NONE)
        return true;
    if (!add_spans(u, die, ELF_INLINE_RANGES_MAX, &count, e))
        return false;
    (void)elf_attr_number(u->dw, die, DW_AT_call_line, &line);
    (void)elf_attr_number(u->dw, die, DW_AT_call_file, &file);
    struct elf_function *f = &u->functions.at[place->function];
    for (uint32_t i = 0; i < count; i++) {
        struct elf_call call = { .die = *die,
                                 .span = u->spans.at[first + i],
                                 .depth = place->depth,
                                 .next = ELF_NONE,
                                 .line = line > UINT32_MAX ? 0 : (uint32_t)line,
                                 .file = file };
        if (!VEC_PUSH(&u->calls, call))
            return err_set(e, ERR_NOMEM, 0, "DWARF inlined calls");
        uint32_t number = (uint32_t)u->calls.len - 1;
        if (f->last_call == ELF_NONE)
            f->first_call = number;
        else
            u->calls.at[f->last_call].next = number;
        f->last_call = number;
    }
    u->spans.len = first; /* they are in the calls now */
    place->depth++;
    return true;
}

/* Takes what an entry says. *place: comes in as that of the entry, goes out as that of its
 * children; *descend: whether these are worth a look. */
static bool visit(struct elf_unit *u, Dwarf_Die *die, uint64_t offset, struct place *place,
                  bool *descend, struct err *e)
{
    *descend = true;
    switch (u->dw->dwarf_tag(die)) {
    case DW_TAG_subprogram:
        return add_function(u, die, offset, place, descend, e);
    case DW_TAG_inlined_subroutine:
        return add_call(u, die, place, e);
    case DW_TAG_namespace:
    case DW_TAG_module:
        return add_scope(u, die, place, e);
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_interface_type:
        *descend = u->has_scopes;
        return add_scope(u, die, place, e);
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
        return true;
    default:
        *descend = false;
        return true;
    }
}

/* Moves to the next entry in the order of the file; false: there is none, or the unit is damaged.
 */
static bool step(struct elf_unit *u, struct level *levels, size_t *depth, bool descend,
                 struct place inner)
{
    struct level *l = &levels[*depth];
    if (descend && *depth + 1 < ELF_DIE_DEPTH_MAX) {
        int found = u->dw->dwarf_child(&l->die, &l[1].die);
        if (found < 0)
            u->damaged = true;
        if (found == 0) {
            l[1].place = inner;
            ++*depth;
            return true;
        }
    }
    for (;;) {
        l = &levels[*depth];
        int found = u->dw->dwarf_siblingof(&l->die, &l->die);
        if (found == 0)
            return true;
        if (found < 0)
            u->damaged = true;
        if (*depth == 0)
            return false;
        --*depth;
    }
}

static bool walk(struct elf_unit *u, struct level *levels, struct err *e)
{
    size_t depth = 0;
    uint64_t last = 0;
    bool descend;
    for (;;) {
        struct level *l = &levels[depth];
        struct place place = l->place;
        uint64_t offset = u->dw->dwarf_dieoffset(&l->die);
        if (offset <= last) {
            u->damaged = true;
            return true;
        }
        last = offset;
        if (!visit(u, &l->die, offset, &place, &descend, e))
            return false;
        if (!step(u, levels, &depth, descend, place))
            return true;
    }
}

bool elf_unit_read(struct elf_unit *u, Dwarf_Die *root, struct err *e)
{
    u->functions.len = u->spans.len = u->calls.len = u->scopes.len = u->members.len = 0;
    u->damaged = false;
    u->has_scopes = language_has_scopes(u->dw, root);
    struct level *levels = malloc(ELF_DIE_DEPTH_MAX * sizeof *levels);
    if (!levels)
        return err_set(e, ERR_NOMEM, 0, "DWARF unit");
    levels[0].place = (struct place){ ELF_NONE, ELF_NONE, 0 };
    int found = u->dw->dwarf_child(root, &levels[0].die);
    u->damaged = found < 0;
    bool ok = found != 0 || walk(u, levels, e);
    free(levels);
    return ok;
}

uint32_t elf_unit_scope(const struct elf_unit *u, uint64_t offset)
{
    size_t low = 0, high = u->members.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (u->members.at[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < u->members.len && u->members.at[low].offset == offset ? u->members.at[low].scope
                                                                       : ELF_NONE;
}

void elf_unit_done(struct elf_unit *u)
{
    VEC_FREE(&u->functions);
    VEC_FREE(&u->spans);
    VEC_FREE(&u->calls);
    VEC_FREE(&u->scopes);
    VEC_FREE(&u->members);
}
