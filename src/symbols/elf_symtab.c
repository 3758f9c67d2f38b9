/* elf_symtab.c - reads symbol tables of either class with our own cursor. */
#include "symbols/elf_symtab.h"

static bool is_table(const struct elf_section *s)
{
    return s->type == SHT_SYMTAB || s->type == SHT_DYNSYM;
}

static struct elf_symbol read_symbol(const struct elf_image *m, struct reader *r,
                                     struct bytes strings, bool *is_function)
{
    struct elf_symbol s = { 0 };
    uint32_t name_at = reader_u32(r);
    uint8_t kind;
    uint16_t section;
    if (m->is_64) {
        kind = reader_u8(r);
        reader_skip(r, 1);
        section = reader_u16(r);
        s.address = reader_u64(r);
        reader_skip(r, 8);
    } else {
        s.address = reader_u32(r);
        reader_skip(r, 4);
        kind = reader_u8(r);
        reader_skip(r, 1);
        section = reader_u16(r);
    }
    *is_function = !r->failed && section != SHN_UNDEF && section != SHN_ABS && name_at != 0 &&
                   (ELF64_ST_TYPE(kind) == STT_FUNC || ELF64_ST_TYPE(kind) == STT_GNU_IFUNC);
    if (*is_function)
        s.name = elf_text(strings, name_at);
    uint8_t binding = ELF64_ST_BIND(kind);
    s.rank = binding == STB_LOCAL ? 2 : binding == STB_WEAK ? 1 : 0;
    return s;
}

/* $a, $t, $d, $x, also with .anything behind: they tell code from data and name nothing. */
static bool is_mapping_symbol(const struct elf_image *m, struct str name)
{
    return (m->cpu == CPU_ARM || m->cpu == CPU_ARM64) && name.len >= 2 && name.ptr[0] == '$' &&
           memchr("atdx", name.ptr[1], 4) && (name.len == 2 || name.ptr[2] == '.');
}

static bool add_table(struct elf_symtab *t, const struct elf_image *m, const struct elf_section *s,
                      struct bytes strings, struct err *e)
{
    size_t size = m->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    for (size_t at = 0; s->content.len - at >= size; at += size) {
        struct reader r = elf_reader(m, (struct bytes){ s->content.ptr + at, size });
        bool is_function;
        struct elf_symbol symbol = read_symbol(m, &r, strings, &is_function);
        if (!is_function || is_mapping_symbol(m, symbol.name))
            continue;
        const char *version = memchr(symbol.name.ptr, '@', symbol.name.len);
        if (version)
            symbol.name.len = (size_t)(version - symbol.name.ptr);
        if (m->cpu == CPU_ARM)
            symbol.address &= ~UINT64_C(1); /* set: the function is Thumb code */
        if (symbol.name.len == 0 || !elf_is_code(m, symbol.address))
            continue;
        if (t->list.len >= ELF_SYMBOLS_MAX)
            return err_set(e, ERR_LIMIT, 0, "ELF file of more than %d symbols", ELF_SYMBOLS_MAX);
        if (!VEC_PUSH(&t->list, symbol))
            return err_set(e, ERR_NOMEM, 0, "ELF symbols");
    }
    return true;
}

bool elf_symtab_add(struct elf_symtab *t, const struct elf_image *m, struct err *e)
{
    bool seen[2] = { false, false }; /* there is one of each kind; more are not looked at */
    for (size_t i = 0; i < m->section_count; i++) {
        const struct elf_section *s = &m->sections[i], *texts = elf_section_link(m, s);
        if (!is_table(s) || !texts || seen[s->type == SHT_DYNSYM])
            continue;
        seen[s->type == SHT_DYNSYM] = true;
        if (!add_table(t, m, s, texts->content, e))
            return false;
    }
    return true;
}

static size_t underscores(struct str name)
{
    size_t n = 0;
    while (n < name.len && name.ptr[n] == '_')
        n++;
    return n;
}

static int by_address(const void *a, const void *b)
{
    const struct elf_symbol *x = a, *y = b;
    if (x->address != y->address)
        return x->address > y->address ? 1 : -1;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    size_t under_x = underscores(x->name), under_y = underscores(y->name);
    if (under_x != under_y)
        return under_x > under_y ? 1 : -1;
    return str_cmp(x->name, y->name);
}

void elf_symtab_sort(struct elf_symtab *t)
{
    if (t->list.len == 0)
        return;
    qsort(t->list.at, t->list.len, sizeof *t->list.at, by_address);
    size_t kept = 1;
    for (size_t i = 1; i < t->list.len; i++)
        if (t->list.at[i].address != t->list.at[kept - 1].address)
            t->list.at[kept++] = t->list.at[i];
    t->list.len = kept;
}

struct elf_symbol *elf_symtab_at(struct elf_symtab *t, uint64_t address)
{
    size_t low = 0, high = t->list.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->list.at[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->list.len && t->list.at[low].address == address ? &t->list.at[low] : NULL;
}

bool elf_symtab_publish(const struct elf_symtab *t, uint64_t load_address,
                        struct symcache_builder *b)
{
    for (size_t i = 0; i < t->list.len; i++) {
        const struct elf_symbol *s = &t->list.at[i];
        uint32_t name;
        if (s->taken || s->address < load_address)
            continue;
        if (!symcache_add_name(b, s->name, &name) ||
            !symcache_add_public(b, s->address - load_address, 0, name))
            return false;
    }
    return true;
}

void elf_symtab_done(struct elf_symtab *t)
{
    VEC_FREE(&t->list);
}
