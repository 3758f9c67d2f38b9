/* core.c - the header of a core file and its table of segments, and the order in which the rest is
 * read: notes (threads, process, signal), modules; then the threads are walked. Each subject has
 * its own file core_<subject>.c.
 *
 * What is hard: cores are large, and often cut off. Of the memory only the table is read, and what
 * walking asks for; what lies past the end is taken as not there. */
#include "decode/core_parts.h"

#include <elf.h>
#include <stdlib.h>

#define FIRST_BYTES 18 /* up to e_type */

bool core_is(struct bytes first)
{
    if (first.len < FIRST_BYTES || memcmp(first.ptr, ELFMAG, SELFMAG) != 0)
        return false;
    struct reader r = { .in = first, .big_endian = first.ptr[EI_DATA] == ELFDATA2MSB };
    reader_skip(&r, EI_NIDENT);
    return reader_u16(&r) == ET_CORE;
}

/* --- what all need ------------------------------------------------------------------------- */

struct reader core_reader(const struct core *c, struct bytes in)
{
    return (struct reader){ .in = in, .big_endian = c->big_endian };
}

uint64_t core_word(const struct core *c, struct reader *r)
{
    return reader_number(r, c->is_64 ? 8 : 4);
}

struct bytes core_memory(const struct core *c, uint64_t address)
{
    const struct walk_region *r = dump_region(c->regions, c->region_count, address);
    if (!r)
        return (struct bytes){ NULL, 0 };
    size_t skip = (size_t)(address - r->base);
    return (struct bytes){ r->bytes.ptr + skip, r->bytes.len - skip };
}

const struct core_segment *core_segment_at(const struct core *c, uint64_t address)
{
    size_t low = 0, high = c->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->segments[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct core_segment *s = &c->segments[low - 1];
    return address - s->address < s->size ? s : NULL;
}

/* --- header -------------------------------------------------------------------------------- */

struct header {
    uint64_t segments_at, sections_at;
    uint32_t entry_size, count;
};

static bool read_ident(struct core *c, struct err *e)
{
    struct bytes ident;
    if (!bytes_slice(c->file, 0, EI_NIDENT, &ident))
        return err_set(e, ERR_INPUT, c->file.len,
                       "the core file ends within its header, at byte %zu", c->file.len);
    if (memcmp(ident.ptr, ELFMAG, SELFMAG) != 0)
        return err_set(e, ERR_INPUT, 0, "this is no core file: it does not begin with \\x7fELF");
    uint8_t class = ident.ptr[EI_CLASS], order = ident.ptr[EI_DATA];
    if (class != ELFCLASS32 && class != ELFCLASS64)
        return err_set(e, ERR_INPUT, EI_CLASS, "core file of unknown class %u (byte %d)", class,
                       EI_CLASS);
    if (order != ELFDATA2LSB && order != ELFDATA2MSB)
        return err_set(e, ERR_INPUT, EI_DATA, "core file of unknown byte order %u (byte %d)", order,
                       EI_DATA);
    c->is_64 = class == ELFCLASS64;
    c->big_endian = order == ELFDATA2MSB;
    return true;
}

static bool read_header(struct core *c, struct header *h, struct err *e)
{
    if (!read_ident(c, e))
        return false;
    struct reader r = core_reader(c, c->file);
    reader_skip(&r, EI_NIDENT);
    uint16_t type = reader_u16(&r);
    c->machine = reader_u16(&r);
    reader_skip(&r, 4); /* e_version */
    (void)core_word(c, &r);
    h->segments_at = core_word(c, &r);
    h->sections_at = core_word(c, &r);
    reader_skip(&r, 6); /* e_flags, e_ehsize */
    h->entry_size = reader_u16(&r);
    h->count = reader_u16(&r);
    if (r.failed)
        return err_set(e, ERR_INPUT, r.pos, "the core file ends within its header, at byte %zu",
                       c->file.len);
    if (type != ET_CORE)
        return err_set(e, ERR_INPUT, EI_NIDENT, "this ELF file is no core file, but of type %u",
                       type);
    if (h->entry_size < (c->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) || h->count == 0)
        return err_set(e, ERR_INPUT, h->segments_at, "the core file has no table of segments");
    if (h->segments_at >= c->file.len)
        return err_set(e, ERR_INPUT, c->file.len,
                       "the core file ends at byte %zu, before its table of segments at byte %llu",
                       c->file.len, (unsigned long long)h->segments_at);
    return true;
}

/* --- segments ------------------------------------------------------------------------------ */

struct entry {
    uint32_t type, flags;
    uint64_t offset, address, file_size, size;
};

static struct entry read_entry(const struct core *c, struct bytes raw)
{
    struct reader r = core_reader(c, raw);
    struct entry s = { .type = reader_u32(&r) };
    if (c->is_64)
        s.flags = reader_u32(&r);
    s.offset = core_word(c, &r);
    s.address = core_word(c, &r);
    (void)core_word(c, &r); /* p_paddr */
    s.file_size = core_word(c, &r);
    s.size = core_word(c, &r);
    if (!c->is_64)
        s.flags = reader_u32(&r);
    return s;
}

/* From e_phnum 0xffff on, the number stands in the first section, and that is at the end of the
 * file: when it is cut off, the table ends where the notes begin, which are the first segment. */
static uint32_t large_count(struct core *c, const struct header *h)
{
    struct bytes raw;
    if (h->sections_at != 0 &&
        bytes_slice(c->file, h->sections_at, c->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr),
                    &raw)) {
        struct reader r = core_reader(c, raw);
        reader_skip(&r, c->is_64 ? offsetof(Elf64_Shdr, sh_info) : offsetof(Elf32_Shdr, sh_info));
        return reader_u32(&r);
    }
    if (!bytes_slice(c->file, h->segments_at, h->entry_size, &raw))
        return 0;
    uint64_t notes_at = read_entry(c, raw).offset;
    uint64_t count = notes_at > h->segments_at ? (notes_at - h->segments_at) / h->entry_size : 0;
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

/* The entries that are there. */
static struct bytes find_table(struct core *c, struct header *h)
{
    struct bytes rest = { c->file.ptr + h->segments_at, c->file.len - (size_t)h->segments_at };
    uint64_t want = h->count == PN_XNUM ? large_count(c, h) : h->count;
    uint64_t n = want < rest.len / h->entry_size ? want : rest.len / h->entry_size;
    if (n < want)
        dump_error(&c->make, "of %llu segments the table has %llu: the file is cut off",
                   (unsigned long long)want, (unsigned long long)n);
    if (n > CORE_SEGMENTS_MAX) {
        dump_error(&c->make, "%llu segments, of which the first %d are read", (unsigned long long)n,
                   CORE_SEGMENTS_MAX);
        n = CORE_SEGMENTS_MAX;
    }
    h->count = (uint32_t)n;
    return (struct bytes){ rest.ptr, (size_t)n * h->entry_size };
}

/* What the file has of a segment. */
static struct bytes clip(const struct core *c, const struct entry *s)
{
    if (s->offset >= c->file.len)
        return (struct bytes){ NULL, 0 };
    uint64_t there = c->file.len - s->offset;
    return (struct bytes){ c->file.ptr + s->offset,
                           (size_t)(s->file_size < there ? s->file_size : there) };
}

/* Segments that are empty, or that pass the end of the address space, are none. */
static void add_memory(struct core *c, const struct entry *s)
{
    struct bytes content = clip(c, s);
    uint64_t size = s->size > content.len ? s->size : content.len;
    if (size == 0 || size - 1 > UINT64_MAX - s->address)
        return;
    c->segments[c->segment_count++] = (struct core_segment){ s->address, size, s->flags, content };
    if (content.len > 0)
        c->regions[c->region_count++] = (struct walk_region){ s->address, content };
}

static void add_notes(struct core *c, const struct entry *s)
{
    if (c->note_segment_count < CORE_NOTE_SEGMENTS_MAX)
        c->note_segments[c->note_segment_count++] = clip(c, s);
}

static int by_address(const void *a, const void *b)
{
    const struct core_segment *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static void sort_segments(struct core *c)
{
    for (size_t i = 1; i < c->segment_count; i++)
        if (c->segments[i - 1].address > c->segments[i].address) {
            qsort(c->segments, c->segment_count, sizeof *c->segments, by_address);
            break;
        }
    dump_sort_regions(c->regions, c->region_count);
}

static bool read_segments(struct core *c, struct header *h)
{
    struct bytes table = find_table(c, h);
    uint64_t whole = 0;
    size_t notes = 0;
    c->segments = arena_array(c->arena, (size_t)h->count + 1, sizeof *c->segments);
    c->regions = arena_array(c->arena, (size_t)h->count + 1, sizeof *c->regions);
    if (!c->segments || !c->regions)
        return false;
    for (size_t i = 0; i < h->count; i++) {
        struct entry s =
            read_entry(c, (struct bytes){ table.ptr + i * h->entry_size, h->entry_size });
        uint64_t end;
        if (!__builtin_add_overflow(s.offset, s.file_size, &end) && s.file_size && end > whole)
            whole = end;
        if (s.type == PT_LOAD)
            add_memory(c, &s);
        else if (s.type == PT_NOTE)
            add_notes(c, &s);
        notes += s.type == PT_NOTE;
    }
    if (notes > CORE_NOTE_SEGMENTS_MAX)
        dump_error(&c->make, "%zu segments of notes, of which the first %d are read", notes,
                   CORE_NOTE_SEGMENTS_MAX);
    if (whole > c->file.len)
        dump_error(&c->make,
                   "the core file ends at byte %zu and should have %llu: the rest of the memory is "
                   "missing",
                   c->file.len, (unsigned long long)whole);
    sort_segments(c);
    return true;
}

/* --- system -------------------------------------------------------------------------------- */

static const struct {
    uint16_t machine;
    enum cpu cpu;
    struct str name;
} machines[] = {
    { EM_386, CPU_X86, STR_INIT("x86") },         { EM_X86_64, CPU_AMD64, STR_INIT("amd64") },
    { EM_ARM, CPU_ARM, STR_INIT("arm") },         { EM_AARCH64, CPU_ARM64, STR_INIT("arm64") },
    { EM_MIPS, CPU_UNKNOWN, STR_INIT("mips") },   { EM_PPC, CPU_UNKNOWN, STR_INIT("ppc") },
    { EM_PPC64, CPU_UNKNOWN, STR_INIT("ppc64") }, { EM_S390, CPU_UNKNOWN, STR_INIT("s390") },
    { EM_RISCV, CPU_UNKNOWN, STR_INIT("riscv") },
};

static bool set_system(struct core *c)
{
    struct dump *d = c->dump;
    d->os = WALK_OS_LINUX;
    d->os_name = STR("Linux");
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (machines[i].machine == c->machine) {
            d->cpu = machines[i].cpu;
            d->cpu_name = machines[i].name;
        }
    if (d->cpu == CPU_UNKNOWN)
        dump_error(&c->make, "stacks of this processor cannot be walked");
    return d->cpu_name.len > 0 || arena_printf(c->arena, &d->cpu_name, "0x%04x", c->machine);
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool read_parts(struct core *c, struct header *h)
{
    return set_system(c) && read_segments(c, h) && core_read_notes(c) && core_read_process(c) &&
           core_read_signal(c) && core_read_modules(c) && dump_take_notes(&c->make);
}

bool core_read(struct bytes file, const struct symbol_source *symbols, struct dump *out,
               struct arena *a, struct err *e)
{
    struct core c = { .file = file, .arena = a, .dump = out, .images_left = CORE_IMAGES_BYTES };
    struct header h = { 0 };
    c.program = STR("");
    dump_make(&c.make, out, a);
    bool ok = read_header(&c, &h, e);
    if (ok && !read_parts(&c, &h))
        ok = err_set(e, ERR_NOMEM, 0, "no memory to read a core file");
    dump_made(&c.make);
    struct walk w = { .big_endian = c.big_endian,
                      .regions = c.regions,
                      .region_count = c.region_count,
                      .symbols = symbols };
    return ok && dump_walk(&c.make, &w, NULL, e);
}
