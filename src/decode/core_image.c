/* core_image.c - which program or library is loaded at an address, by its ELF header in memory.
 *
 * The kernel puts the first page of each file into a core for this purpose: header, segments and
 * mostly the note with the build id lie there, sections do not. The dynamic section is written to
 * by the dynamic linker, so that it is there, too; the name that it refers to may not be. */
#include "decode/core_parts.h"

#include "symbols/elf_identity.h"
#include "symbols/elf_notes.h"

#include <elf.h>

#define SEGMENTS_MAX 128
#define DYNAMIC_MAX 512    /* entries */
#define NAME_MAX_BYTES 255 /* of a SONAME */
#define TEXT_MAX 4096      /* bytes of a path */

/* An image while it is read. */
struct loading {
    struct elf_image elf; /* only what elf_build_id asks for: order of bytes and segments */
    struct elf_segment segments[SEGMENTS_MAX];
    bool loaded;
    uint64_t low, low_offset, high; /* of segments that are loaded */
};

bool core_is_image(const struct core *c, uint64_t address)
{
    struct bytes raw = core_memory(c, address);
    return raw.len >= EI_NIDENT && memcmp(raw.ptr, ELFMAG, SELFMAG) == 0;
}

bool core_text(struct core *c, uint64_t address, struct str *out)
{
    struct bytes raw = core_memory(c, address);
    *out = STR("");
    if (raw.len > TEXT_MAX)
        raw.len = TEXT_MAX;
    return raw.len == 0 || !memchr(raw.ptr, 0, raw.len) || dump_utf8(&c->make, raw, out);
}

/* Of memory, at most so much as is still to be looked at. */
static struct bytes look_at(struct core *c, uint64_t address, uint64_t size)
{
    struct bytes raw = core_memory(c, address);
    if (raw.len > size)
        raw.len = (size_t)size;
    if (raw.len > c->images_left)
        raw.len = c->images_left;
    c->images_left -= raw.len;
    return raw;
}

static void add_segment(struct loading *l, struct reader *r)
{
    struct elf_segment s = { .type = reader_u32(r) };
    bool wide = l->elf.is_64;
    if (wide)
        s.flags = reader_u32(r);
    uint64_t offset = elf_word(&l->elf, r);
    s.address = elf_word(&l->elf, r);
    (void)elf_word(&l->elf, r); /* p_paddr */
    (void)elf_word(&l->elf, r); /* p_filesz */
    s.memory_size = elf_word(&l->elf, r);
    if (r->failed)
        return;
    l->segments[l->elf.segment_count++] = s;
    if (s.type != PT_LOAD)
        return;
    uint64_t end = s.address + s.memory_size;
    if (!l->loaded || s.address < l->low) {
        l->low = s.address;
        l->low_offset = offset;
    }
    if (!l->loaded || end > l->high)
        l->high = end;
    l->loaded = true;
}

/* The header and the table of segments; false: this is no ELF file. */
static bool read_table(struct core *c, uint64_t base, struct loading *l)
{
    struct bytes raw = core_memory(c, base);
    if (!core_is_image(c, base))
        return false;
    uint8_t class = raw.ptr[EI_CLASS], order = raw.ptr[EI_DATA];
    if (class != ELFCLASS32 && class != ELFCLASS64)
        return false;
    l->elf.is_64 = class == ELFCLASS64;
    l->elf.big_endian = order == ELFDATA2MSB;
    l->elf.segments = l->segments;
    struct reader r = elf_reader(&l->elf, raw);
    reader_skip(&r, EI_NIDENT);
    l->elf.type = reader_u16(&r);
    reader_skip(&r, 6); /* e_machine, e_version */
    (void)elf_word(&l->elf, &r);
    uint64_t table_at = elf_word(&l->elf, &r);
    (void)elf_word(&l->elf, &r);
    reader_skip(&r, 6); /* e_flags, e_ehsize */
    uint32_t size = reader_u16(&r), count = reader_u16(&r);
    if (r.failed || size < (l->elf.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return false;
    if (count > SEGMENTS_MAX)
        count = SEGMENTS_MAX;
    struct bytes table = look_at(c, base + table_at, (uint64_t)count * size);
    for (uint32_t i = 0; i < count && (i + 1) * (size_t)size <= table.len; i++) {
        r = elf_reader(&l->elf, (struct bytes){ table.ptr + i * (size_t)size, size });
        add_segment(l, &r);
    }
    return l->elf.type == ET_EXEC || l->elf.type == ET_DYN;
}

/* Addresses in it are changed to those in memory by most dynamic linkers, and not by some. */
static bool read_soname(struct core *c, const struct loading *l, struct bytes dynamic,
                        struct core_image *out)
{
    struct reader r = elf_reader(&l->elf, dynamic);
    uint64_t strings = 0, name = 0;
    bool has_name = false;
    for (size_t i = 0; i < DYNAMIC_MAX; i++) {
        uint64_t tag = elf_word(&l->elf, &r), value = elf_word(&l->elf, &r);
        if (r.failed || tag == DT_NULL)
            break;
        if (tag == DT_STRTAB)
            strings = value;
        has_name = has_name || tag == DT_SONAME;
        name = tag == DT_SONAME ? value : name;
    }
    if (!has_name || strings == 0)
        return true;
    struct bytes text = core_memory(c, strings + name);
    if (text.len == 0)
        text = core_memory(c, out->bias + strings + name);
    if (text.len > NAME_MAX_BYTES + 1)
        text.len = NAME_MAX_BYTES + 1;
    return text.len == 0 || !memchr(text.ptr, 0, text.len) ||
           dump_utf8(&c->make, text, &out->soname);
}

/* The kernel's own library says which kernel it is of. */
static uint32_t read_version(struct core *c, const struct loading *l)
{
    struct core_note n;
    for (size_t i = 0; i < l->elf.segment_count; i++) {
        struct reader r = core_reader(c, l->segments[i].content);
        while (l->segments[i].type == PT_NOTE && core_next_note(&r, &n)) {
            struct reader version = core_reader(c, n.content);
            if (n.type == 0 && str_eq(n.name, STR("Linux")))
                return reader_u32(&version);
        }
    }
    return 0;
}

bool core_read_image(struct core *c, uint64_t base, struct core_image *out)
{
    struct loading image, *l = &image; /* its segments are many, and set when they are read */
    struct bytes dynamic = { NULL, 0 }, build_id;
    *out = (struct core_image){ .soname = STR(""), .debug_id = STR(""), .code_id = STR("") };
    l->elf = (struct elf_image){ 0 };
    l->loaded = false;
    l->low = l->low_offset = l->high = 0;
    if (!read_table(c, base, l))
        return true;
    out->type = l->elf.type;
    out->bias = base - (l->low - l->low_offset);
    out->extent = l->loaded ? l->high - (l->low - l->low_offset) : 0;
    for (size_t i = 0; i < l->elf.segment_count; i++) {
        struct elf_segment *s = &l->segments[i];
        if (s->type == PT_NOTE)
            s->content = look_at(c, out->bias + s->address, s->memory_size);
        if (s->type == PT_DYNAMIC && dynamic.len == 0) {
            out->dynamic = out->bias + s->address;
            dynamic = look_at(c, out->dynamic, s->memory_size);
        }
    }
    out->linux_version = read_version(c, l);
    if (elf_build_id(&l->elf, &build_id) &&
        !elf_ids(build_id, c->arena, &out->debug_id, &out->code_id))
        return false;
    return read_soname(c, l, dynamic, out);
}
