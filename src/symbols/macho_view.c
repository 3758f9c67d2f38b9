/* macho_view.c - lays sections out one after the other, then writes header, contents and tables. */
#include "symbols/macho_view.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES 16 /* of a section in Mach-O; longer ones are cut off */
#define ALIGN 8
#define VIEW_MORE ((size_t)16 << 20) /* bytes beyond twice the file: headers, names */
#define OWN_SECTIONS_MAX 32          /* that are not code */

/* What is in a nlist, the entry of a symbol table. */
#define N_STAB 0xe0
#define N_TYPE 0x0e
#define N_SECT 0x0e
#define N_EXT 0x01
#define N_WEAK_DEF 0x80

static const char *const debug_sections[] = {
    "info",   "abbrev",   "str",  "line",        "line_str",
    "ranges", "rnglists", "addr", "str_offsets", "frame",
};

struct view_section {
    char name[32];
    uint32_t type, link;
    uint64_t flags, address, size, entry_size;
    struct bytes content; /* empty with a size: written otherwise, or not in the file */
    uint64_t offset;
    uint32_t name_at;
};

struct view {
    const struct macho_image *m;
    struct view_section *sections;
    size_t count;
    struct buf *out;
};

static void put(struct view *v, uint64_t n, size_t bytes)
{
    uint8_t raw[8];
    for (size_t i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(n >> (8 * i));
    buf_add(v->out, raw, bytes);
}

static void put_word(struct view *v, uint64_t n)
{
    put(v, n, v->m->is_64 ? 8 : 4);
}

/* --- which sections there are --- */

static struct view_section *add(struct view *v, const char *name, uint32_t type)
{
    struct view_section *s = &v->sections[v->count++];
    *s = (struct view_section){ .type = type };
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

static void add_content(struct view *v, const char *name, const struct macho_section *from)
{
    struct view_section *s = add(v, name, SHT_PROGBITS);
    s->address = from->address;
    s->content = from->content;
    s->size = from->content.len;
}

/* Plain, or compressed as GNU tools once did it (Go does). */
static void add_debug(struct view *v, const char *name)
{
    static const char *const forms[][2] = { { "__debug_", ".debug_" },
                                            { "__zdebug_", ".zdebug_" } };
    for (size_t i = 0; i < 2; i++) {
        char from[NAME_BYTES + 1], to[32];
        (void)snprintf(from, sizeof from, "%s%s", forms[i][0], name);
        (void)snprintf(to, sizeof to, "%s%s", forms[i][1], name);
        const struct macho_section *s = macho_section_find(v->m, "__DWARF", from);
        if (s && s->content.len > 0) {
            add_content(v, to, s);
            return;
        }
    }
}

static void add_symbols(struct view *v)
{
    const struct macho_image *m = v->m;
    struct view_section *s = add(v, ".symtab", SHT_SYMTAB);
    s->link = (uint32_t)v->count;
    s->entry_size = m->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    s->size = m->symbols.len / (m->is_64 ? 16 : 12) * s->entry_size;
    struct view_section *texts = add(v, ".strtab", SHT_STRTAB);
    texts->content = m->strings;
    texts->size = m->strings.len;
}

static void add_all(struct view *v)
{
    add(v, "", SHT_NULL);
    for (size_t i = 0; i < sizeof debug_sections / sizeof *debug_sections; i++)
        add_debug(v, debug_sections[i]);
    const struct macho_section *frames = macho_section_find(v->m, "__TEXT", "__eh_frame");
    if (frames)
        add_content(v, ".eh_frame", frames);
    add_symbols(v);
    for (size_t i = 0; i < v->m->section_count; i++) {
        const struct macho_section *from = &v->m->sections[i];
        if (!macho_has_code(from))
            continue;
        struct view_section *s = add(v, ".text", SHT_NOBITS);
        s->flags = SHF_ALLOC | SHF_EXECINSTR;
        s->address = from->address;
        s->size = from->size;
    }
    add(v, ".shstrtab", SHT_STRTAB);
}

/* --- the file --- */

/* Where everything is; gives the offset of the section table. */
static uint64_t lay_out(struct view *v, size_t *names_size)
{
    uint64_t at = v->m->is_64 ? sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr)
                              : sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr);
    size_t names = 0;
    for (size_t i = 0; i < v->count; i++) {
        struct view_section *s = &v->sections[i];
        s->name_at = (uint32_t)names;
        names += strlen(s->name) + 1;
        if (i + 1 == v->count)
            s->size = names; /* the names themselves */
        s->offset = at = (at + ALIGN - 1) / ALIGN * ALIGN;
        at += s->type == SHT_NOBITS ? 0 : s->size;
    }
    *names_size = names;
    return (at + ALIGN - 1) / ALIGN * ALIGN;
}

static uint16_t machine(enum cpu cpu)
{
    static const uint16_t machines[] = { [CPU_UNKNOWN] = EM_NONE,
                                         [CPU_X86] = EM_386,
                                         [CPU_AMD64] = EM_X86_64,
                                         [CPU_ARM] = EM_ARM,
                                         [CPU_ARM64] = EM_AARCH64 };
    return machines[cpu];
}

static void write_header(struct view *v, uint64_t sections_at)
{
    bool is_64 = v->m->is_64;
    uint8_t ident[EI_NIDENT] = {
        ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, is_64 ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT
    };
    buf_add(v->out, ident, sizeof ident);
    put(v, ET_DYN, 2);
    put(v, machine(v->m->cpu), 2);
    put(v, EV_CURRENT, 4);
    put_word(v, 0); /* entry */
    put_word(v, is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
    put_word(v, sections_at);
    put(v, 0, 4); /* flags */
    put(v, is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), 2);
    put(v, is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), 2);
    put(v, 1, 2);
    put(v, is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr), 2);
    put(v, v->count, 2);
    put(v, v->count - 1, 2);
}

/* Tells where the file is loaded, and nothing else. */
static void write_segment(struct view *v)
{
    bool is_64 = v->m->is_64;
    put(v, PT_LOAD, 4);
    if (is_64)
        put(v, PF_R | PF_X, 4);
    put_word(v, 0); /* offset */
    put_word(v, v->m->load_address);
    put_word(v, v->m->load_address);
    put_word(v, 0); /* sizes */
    put_word(v, 0);
    if (!is_64)
        put(v, PF_R | PF_X, 4);
    put_word(v, ALIGN);
}

/* Names lose the underscore that C compilers put in front of all of them. */
static void write_symbol(struct view *v, struct reader *r)
{
    bool is_64 = v->m->is_64;
    uint32_t name = reader_u32(r);
    uint8_t type = reader_u8(r);
    reader_skip(r, 1);
    uint16_t about = reader_u16(r);
    uint64_t address = macho_word(v->m, r);
    bool is_function = !(type & N_STAB) && (type & N_TYPE) == N_SECT;
    if (name != 0 && name < v->m->strings.len && v->m->strings.ptr[name] == '_')
        name++;
    uint8_t binding = !(type & N_EXT) ? STB_LOCAL : about & N_WEAK_DEF ? STB_WEAK : STB_GLOBAL;
    uint8_t kind = (uint8_t)(binding << 4 | (is_function ? STT_FUNC : STT_NOTYPE));
    put(v, name, 4);
    if (!is_64) {
        put_word(v, address);
        put_word(v, 0);
    }
    put(v, kind, 1);
    put(v, 0, 1);
    put(v, is_function ? 1 : SHN_UNDEF, 2); /* any section */
    if (is_64) {
        put_word(v, address);
        put_word(v, 0);
    }
}

static void write_content(struct view *v, const struct view_section *s)
{
    static const char zeros[ALIGN];
    buf_add(v->out, zeros, (size_t)(s->offset - v->out->len));
    if (s->type == SHT_SYMTAB) {
        struct reader r = macho_reader(v->m, v->m->symbols);
        for (uint64_t i = 0; i < s->size / s->entry_size; i++)
            write_symbol(v, &r);
    } else if (s == &v->sections[v->count - 1]) {
        for (size_t i = 0; i < v->count; i++)
            buf_add(v->out, v->sections[i].name, strlen(v->sections[i].name) + 1);
    } else {
        buf_add(v->out, s->content.ptr, s->content.len);
    }
}

static void write_section_entry(struct view *v, const struct view_section *s)
{
    put(v, s->name_at, 4);
    put(v, s->type, 4);
    put_word(v, s->flags);
    put_word(v, s->address);
    put_word(v, s->offset);
    put_word(v, s->size);
    put(v, s->link, 4);
    put(v, 0, 4); /* info */
    put_word(v, s->type == SHT_NULL ? 0 : 1);
    put_word(v, s->entry_size);
}

static bool write(struct view *v, struct err *e)
{
    static const char zeros[ALIGN];
    size_t names_size;
    uint64_t sections_at = lay_out(v, &names_size);
    uint64_t size = sections_at + v->count * sizeof(Elf64_Shdr);
    if (size > v->out->max_bytes)
        return err_set(e, ERR_LIMIT, 0, "Mach-O file whose sections lie in each other");
    if (!buf_reserve(v->out, (size_t)size))
        return err_set(e, ERR_NOMEM, 0, "no memory for a Mach-O file of %llu bytes",
                       (unsigned long long)size);
    write_header(v, sections_at);
    write_segment(v);
    for (size_t i = 0; i < v->count; i++)
        if (v->sections[i].type != SHT_NOBITS && v->sections[i].type != SHT_NULL && buf_ok(v->out))
            write_content(v, &v->sections[i]);
    buf_add(v->out, zeros, (size_t)(sections_at - v->out->len));
    for (size_t i = 0; i < v->count; i++)
        write_section_entry(v, &v->sections[i]);
    return buf_ok(v->out) || err_set(e, ERR_NOMEM, 0, "Mach-O file");
}

bool macho_view_write(const struct macho_image *m, struct buf *out, struct err *e)
{
    struct view v = { .m = m, .out = out };
    buf_init(out, 2 * m->file.len + VIEW_MORE);
    v.sections = calloc(m->section_count + OWN_SECTIONS_MAX, sizeof *v.sections);
    if (!v.sections)
        return err_set(e, ERR_NOMEM, 0, "Mach-O sections");
    add_all(&v);
    bool ok = write(&v, e);
    free(v.sections);
    return ok;
}
