/* elf_names.c - follows an entry to where its name is, and puts qualified names together.
 *
 * A concrete function refers to its abstract form, and that to its declaration in a class; each of
 * them can have a part of what the name needs. */
#include "symbols/elf_names.h"

#include <dwarf.h>

#define HOPS_MAX 8    /* from an entry to its declaration; compilers need 2 */
#define SCOPES_MAX 64 /* around a name */

struct named {
    struct str linkage, plain;
    Dwarf_Die last; /* the declaration, or the entry itself */
};

bool elf_names_init(struct elf_names *n, const struct libdw *dw, struct symcache_builder *b,
                    struct elf_symtab *symtab)
{
    *n = (struct elf_names){ .dw = dw, .builder = b, .symtab = symtab };
    buf_init(&n->text, ELF_NAME_MAX);
    return idmap_init(&n->by_offset);
}

void elf_names_done(struct elf_names *n)
{
    VEC_FREE(&n->known);
    idmap_done(&n->by_offset);
    buf_done(&n->text);
}

static Dwarf_Die origin_of(struct elf_names *n, Dwarf_Die *die, bool *elsewhere)
{
    Dwarf_Die next;
    if (elf_attr_die(n->dw, die, DW_AT_abstract_origin, &next, elsewhere) ||
        elf_attr_die(n->dw, die, DW_AT_specification, &next, elsewhere))
        return next;
    return *die;
}

/* All that is known of a name, the entry first, then what it refers to. */
static void follow(struct elf_names *n, Dwarf_Die die, struct named *out)
{
    bool elsewhere = false;
    *out = (struct named){ 0 };
    for (int hop = 0; hop < HOPS_MAX; hop++) {
        out->last = die;
        if (out->linkage.len == 0 && !elf_attr_text(n->dw, &die, DW_AT_linkage_name, &out->linkage))
            (void)elf_attr_text(n->dw, &die, DW_AT_MIPS_linkage_name, &out->linkage);
        if (out->plain.len == 0)
            (void)elf_attr_text(n->dw, &die, DW_AT_name, &out->plain);
        Dwarf_Die next = origin_of(n, &die, &elsewhere);
        if (next.addr == die.addr)
            break;
        die = next;
    }
    if (elsewhere)
        n->elsewhere++;
}

static bool is_mangled(struct str s)
{
    return str_starts(s, STR("_Z")) || str_starts(s, STR("_R")) || str_starts(s, STR("_D")) ||
           str_starts(s, STR("__Z"));
}

/* Whether a mangled symbol names a function of this plain name, and not another one that the linker
 * put at the same address: the length and the name stand in it, without template arguments. What
 * is no identifier (operators) is believed. */
static bool symbol_names(struct str symbol, struct str plain)
{
    char part[160];
    if (plain.len > 0 && plain.ptr[0] == '~')
        plain = (struct str){ plain.ptr + 1, plain.len - 1 };
    const char *arguments = plain.len > 0 ? memchr(plain.ptr, '<', plain.len) : NULL;
    if (arguments)
        plain.len = (size_t)(arguments - plain.ptr);
    if (plain.len == 0 || str_starts(plain, STR("operator")))
        return plain.len > 0;
    int length = snprintf(part, sizeof part, "%zu%.*s", plain.len, STR_ARG(plain));
    return length > 0 && (size_t)length < sizeof part &&
           memmem(symbol.ptr, symbol.len, part, (size_t)length) != NULL;
}

/* The mangled name at the address, without what the compiler put behind it for a copy (.cold,
 * .constprop.0). */
static bool symbol_linkage(const struct elf_symbol *symbol, struct str plain, struct str *out)
{
    if (!symbol || !str_starts(symbol->name, STR("_Z")) || !symbol_names(symbol->name, plain))
        return false;
    const char *dot = memchr(symbol->name.ptr, '.', symbol->name.len);
    *out = symbol->name;
    if (dot)
        out->len = (size_t)(dot - symbol->name.ptr);
    return true;
}

/* A class without a name around operator() is a lambda, nearly always. */
static struct str scope_name(struct elf_names *n, const struct elf_scope *scope,
                             const struct named *named, bool around_call)
{
    Dwarf_Die die = scope->die;
    if (named->plain.len > 0)
        return named->plain;
    if (n->dw->dwarf_tag(&die) == DW_TAG_namespace)
        return STR("(anonymous namespace)");
    return around_call ? STR("{lambda}") : STR("(anonymous class)");
}

/* The scopes are those of the declaration, also of a function that is a scope itself. */
static struct str qualified(struct elf_names *n, const struct elf_unit *u, struct named *named)
{
    struct str around[SCOPES_MAX];
    size_t count = 0;
    bool is_call = str_eq(named->plain, STR("operator()"));
    uint32_t scope = elf_unit_scope(u, n->dw->dwarf_dieoffset(&named->last));
    while (scope != ELF_NONE && count < SCOPES_MAX) {
        const struct elf_scope *s = &u->scopes.at[scope];
        struct named outer;
        follow(n, s->die, &outer);
        around[count] = scope_name(n, s, &outer, is_call && count == 0);
        count++;
        scope = outer.last.addr == s->die.addr
                    ? s->parent
                    : elf_unit_scope(u, n->dw->dwarf_dieoffset(&outer.last));
    }
    buf_reset(&n->text);
    while (count > 0) {
        buf_str(&n->text, around[--count]);
        buf_str(&n->text, STR("::"));
    }
    buf_str(&n->text, named->plain);
    return buf_ok(&n->text) ? buf_view(&n->text) : named->plain;
}

static struct str choose(struct elf_names *n, const struct elf_unit *u, struct named *named,
                         const struct elf_symbol *symbol)
{
    struct str linkage;
    if (is_mangled(named->linkage))
        return named->linkage;
    if (u->has_scopes && symbol_linkage(symbol, named->plain, &linkage))
        return linkage;
    if (named->plain.len == 0)
        return named->linkage.len > 0 ? named->linkage
               : symbol               ? symbol->name
                                      : STR("<name not known>");
    return u->has_scopes ? qualified(n, u, named) : named->plain;
}

struct wanted {
    const struct elf_names *names;
    uint64_t offset;
};

static bool same_offset(const void *ctx, uint32_t id)
{
    const struct wanted *w = ctx;
    return w->names->known.at[id].offset == w->offset;
}

bool elf_names_find(struct elf_names *n, const struct elf_unit *u, const Dwarf_Die *die,
                    const struct elf_symbol *symbol, uint32_t *number)
{
    struct named named;
    Dwarf_Die entry = *die;
    bool elsewhere = false;
    Dwarf_Die origin = origin_of(n, &entry, &elsewhere);
    uint64_t offset = n->dw->dwarf_dieoffset(&origin);
    uint64_t hash = idmap_hash((struct str){ (const char *)&offset, sizeof offset }, 0);
    struct wanted wanted = { n, offset };
    uint32_t known = idmap_find(&n->by_offset, hash, same_offset, &wanted);
    if (known != IDMAP_NONE) {
        *number = n->known.at[known].name;
        return true;
    }
    follow(n, entry, &named);
    if (!symcache_add_name(n->builder, choose(n, u, &named, symbol), number))
        return false;
    struct elf_known_name kept = { offset, *number };
    return n->known.len < IDMAP_NONE - 1 && VEC_PUSH(&n->known, kept) &&
           idmap_insert(&n->by_offset, hash, (uint32_t)n->known.len - 1);
}
