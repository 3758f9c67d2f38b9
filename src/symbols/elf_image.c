/* elf_image.c - reads the header of an ELF file and its two tables, of either class and order. */
#include "symbols/elf_image.h"

#include <stdlib.h>

struct header {
    uint64_t segments_at, sections_at;
    uint32_t segment_size, segment_count, section_size, section_count, names_section;
};

struct reader elf_reader(const struct elf_image *m, struct bytes in)
{
    return (struct reader){ .in = in, .big_endian = m->big_endian };
}

uint64_t elf_word(const struct elf_image *m, struct reader *r)
{
    return reader_number(r, m->is_64 ? 8 : 4);
}

struct str elf_text(struct bytes strings, uint64_t offset)
{
    if (offset >= strings.len)
        return (struct str){ "", 0 };
    size_t most = strings.len - (size_t)offset;
    const char *text = (const char *)strings.ptr + offset;
    return (struct str){ text, strnlen(text, most < ELF_NAME_MAX ? most : ELF_NAME_MAX) };
}

static enum cpu cpu_of(uint16_t machine)
{
    switch (machine) {
    case EM_386:
        return CPU_X86;
    case EM_X86_64:
        return CPU_AMD64;
    case EM_ARM:
        return CPU_ARM;
    case EM_AARCH64:
        return CPU_ARM64;
    default:
        return CPU_UNKNOWN;
    }
}

static struct elf_section read_section(const struct elf_image *m, struct reader *r,
                                       uint32_t *name_at)
{
    struct elf_section s = { .name = STR("") };
    *name_at = reader_u32(r);
    s.type = reader_u32(r);
    s.flags = elf_word(m, r);
    s.address = elf_word(m, r);
    uint64_t offset = elf_word(m, r);
    s.size = elf_word(m, r);
    s.link = reader_u32(r);
    (void)reader_u32(r); /* sh_info */
    (void)elf_word(m, r);
    s.entry_size = elf_word(m, r);
    if (r->failed || s.type == SHT_NOBITS || s.type == SHT_NULL ||
        !bytes_slice(m->file, offset, s.size, &s.content))
        s.content = (struct bytes){ 0 };
    return s;
}

static struct elf_segment read_segment(const struct elf_image *m, struct reader *r)
{
    struct elf_segment s = { .type = reader_u32(r) };
    if (m->is_64)
        s.flags = reader_u32(r);
    uint64_t offset = elf_word(m, r);
    s.address = elf_word(m, r);
    (void)elf_word(m, r); /* p_paddr */
    uint64_t size = elf_word(m, r);
    s.memory_size = elf_word(m, r);
    if (!m->is_64)
        s.flags = reader_u32(r);
    if (!bytes_slice(m->file, offset, size, &s.content))
        s.content = (struct bytes){ 0 };
    return s;
}

static bool read_header(struct elf_image *m, struct header *h, struct err *e)
{
    struct reader r = { .in = m->file };
    const uint8_t *ident = reader_take(&r, EI_NIDENT);
    if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return err_set(e, ERR_INPUT, 0, "not an ELF file");
    if ((ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64) ||
        (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB))
        return err_set(e, ERR_INPUT, EI_CLASS, "ELF file of an unknown class or byte order");
    m->is_64 = ident[EI_CLASS] == ELFCLASS64;
    m->big_endian = r.big_endian = ident[EI_DATA] == ELFDATA2MSB;
    m->type = reader_u16(&r);
    m->cpu = cpu_of(reader_u16(&r));
    reader_skip(&r, 4); /* e_version */
    (void)elf_word(m, &r);
    h->segments_at = elf_word(m, &r);
    h->sections_at = elf_word(m, &r);
    reader_skip(&r, 6); /* e_flags, e_ehsize */
    h->segment_size = reader_u16(&r);
    h->segment_count = reader_u16(&r);
    h->section_size = reader_u16(&r);
    h->section_count = reader_u16(&r);
    h->names_section = reader_u16(&r);
    return !r.failed || err_set(e, ERR_INPUT, r.pos, "ELF file that ends within its header");
}

/* Numbers that do not fit into the header stand in the first section. */
static bool read_large_counts(const struct elf_image *m, struct header *h, struct err *e)
{
    if (h->sections_at == 0)
        return true;
    if (h->section_count != 0 && h->names_section != SHN_XINDEX && h->segment_count != PN_XNUM)
        return true;
    struct bytes first;
    if (!bytes_slice(m->file, h->sections_at, h->section_size, &first))
        return err_set(e, ERR_INPUT, h->sections_at, "ELF section table past the end of the file");
    struct reader r = elf_reader(m, first);
    reader_skip(&r, m->is_64 ? 32 : 20);
    uint64_t size = elf_word(m, &r);
    uint32_t link = reader_u32(&r), number = reader_u32(&r);
    if (r.failed)
        return true; /* no first section, none at all */
    if (h->section_count == 0)
        h->section_count = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    if (h->names_section == SHN_XINDEX)
        h->names_section = link;
    if (h->segment_count == PN_XNUM)
        h->segment_count = number;
    return true;
}

/* The bytes of one of the two tables. */
static bool table(const struct elf_image *m, const char *what, uint64_t at, uint32_t count,
                  uint32_t size, uint32_t smallest, uint32_t max, struct bytes *out, struct err *e)
{
    if (count > max)
        return err_set(e, ERR_LIMIT, at, "ELF file of %u %ss, at most %u are read", count, what,
                       max);
    if (count > 0 && size < smallest)
        return err_set(e, ERR_INPUT, at, "ELF %s table with entries of %u bytes", what, size);
    if (!bytes_slice(m->file, at, (uint64_t)count * size, out))
        return err_set(e, ERR_INPUT, at, "ELF %s table past the end of the file", what);
    return true;
}

static struct reader entry(const struct elf_image *m, struct bytes table, size_t i, uint32_t size)
{
    return elf_reader(m, (struct bytes){ table.ptr + i * size, size });
}

static bool read_segments(struct elf_image *m, const struct header *h, struct arena *a,
                          struct err *e)
{
    struct bytes bytes = { 0 };
    uint32_t count = h->segments_at ? h->segment_count : 0;
    if (!table(m, "segment", h->segments_at, count, h->segment_size, m->is_64 ? 56 : 32,
               ELF_SEGMENTS_MAX, &bytes, e))
        return false;
    m->segments = arena_array(a, count, sizeof *m->segments);
    if (!m->segments)
        return err_set(e, ERR_NOMEM, 0, "ELF segments");
    m->segment_count = count;
    bool loaded = false;
    for (size_t i = 0; i < count; i++) {
        struct reader r = entry(m, bytes, i, h->segment_size);
        const struct elf_segment s = m->segments[i] = read_segment(m, &r);
        if (s.type == PT_LOAD && (!loaded || s.address < m->load_address)) {
            m->load_address = s.address;
            loaded = true;
        }
    }
    return true;
}

static bool read_sections(struct elf_image *m, const struct header *h, struct arena *a,
                          struct err *e)
{
    struct bytes bytes = { 0 };
    uint32_t count = h->sections_at ? h->section_count : 0;
    if (!table(m, "section", h->sections_at, count, h->section_size, m->is_64 ? 64 : 40,
               ELF_SECTIONS_MAX, &bytes, e))
        return false;
    m->sections = arena_array(a, count, sizeof *m->sections);
    uint32_t *names = arena_array(a, count, sizeof *names);
    if (!m->sections || !names)
        return err_set(e, ERR_NOMEM, 0, "ELF sections");
    m->section_count = count;
    for (size_t i = 0; i < count; i++) {
        struct reader r = entry(m, bytes, i, h->section_size);
        m->sections[i] = read_section(m, &r, &names[i]);
    }
    struct bytes texts = { 0 };
    if (h->names_section < count)
        texts = m->sections[h->names_section].content;
    for (size_t i = 0; i < count; i++)
        m->sections[i].name = elf_text(texts, names[i]);
    return true;
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct elf_range *)a)->start, y = ((const struct elf_range *)b)->start;
    return (x > y) - (x < y);
}

static void add_code(struct elf_image *m, uint64_t start, uint64_t size)
{
    uint64_t end;
    if (size == 0)
        return;
    if (__builtin_add_overflow(start, size, &end))
        end = UINT64_MAX;
    m->code[m->code_count++] = (struct elf_range){ start, end };
}

static bool find_code(struct elf_image *m, struct arena *a, struct err *e)
{
    m->code = arena_array(a, m->section_count + m->segment_count, sizeof *m->code);
    if (!m->code)
        return err_set(e, ERR_NOMEM, 0, "ELF code ranges");
    for (size_t i = 0; i < m->section_count; i++)
        if (m->sections[i].flags & SHF_EXECINSTR && m->sections[i].flags & SHF_ALLOC)
            add_code(m, m->sections[i].address, m->sections[i].size);
    for (size_t i = 0; m->section_count == 0 && i < m->segment_count; i++)
        if (m->segments[i].type == PT_LOAD && m->segments[i].flags & PF_X)
            add_code(m, m->segments[i].address, m->segments[i].memory_size);
    qsort(m->code, m->code_count, sizeof *m->code, by_start);
    size_t kept = 0;
    for (size_t i = 0; i < m->code_count; i++) {
        if (kept > 0 && m->code[i].start <= m->code[kept - 1].end) {
            if (m->code[i].end > m->code[kept - 1].end)
                m->code[kept - 1].end = m->code[i].end;
        } else {
            m->code[kept++] = m->code[i];
        }
    }
    m->code_count = kept;
    return true;
}

bool elf_image_read(struct elf_image *out, struct bytes file, struct arena *a, struct err *e)
{
    struct elf_image m = { .file = file };
    struct header h = { 0 };
    if (!read_header(&m, &h, e) || !read_large_counts(&m, &h, e) || !read_segments(&m, &h, a, e) ||
        !read_sections(&m, &h, a, e) || !find_code(&m, a, e))
        return false;
    *out = m;
    return true;
}

const struct elf_section *elf_section_find(const struct elf_image *m, const char *name)
{
    struct str wanted = str_from_c(name);
    for (size_t i = 0; i < m->section_count; i++)
        if (str_eq(m->sections[i].name, wanted))
            return &m->sections[i];
    return NULL;
}

const struct elf_section *elf_section_link(const struct elf_image *m, const struct elf_section *s)
{
    return s->link != 0 && s->link < m->section_count ? &m->sections[s->link] : NULL;
}

bool elf_is_code(const struct elf_image *m, uint64_t address)
{
    size_t low = 0, high = m->code_count;
    while (low < high) { /* the first range that ends behind the address */
        size_t middle = low + (high - low) / 2;
        if (m->code[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low < m->code_count && address >= m->code[low].start;
}

struct bytes elf_at(const struct elf_image *m, uint64_t address)
{
    for (size_t i = 0; i < m->segment_count; i++) {
        const struct elf_segment *s = &m->segments[i];
        if (s->type == PT_LOAD && address >= s->address && address - s->address < s->content.len) {
            size_t skip = (size_t)(address - s->address);
            return (struct bytes){ s->content.ptr + skip, s->content.len - skip };
        }
    }
    return (struct bytes){ 0 };
}
