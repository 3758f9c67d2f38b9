/* elf_notes.c - walks note sections, and note segments in files without sections.
 *
 * Sections come first: the segments of a separate debug file are copied from the program, and point
 * to where its notes were. */
#include "symbols/elf_notes.h"

static size_t pad(size_t n)
{
    return (4 - n % 4) % 4;
}

/* budget: sections may overlap, so that a small file can have a great many bytes of notes. */
static bool find_in(const struct elf_image *m, struct bytes notes, size_t *budget,
                    struct bytes *out)
{
    if (notes.len > *budget)
        notes.len = *budget;
    *budget -= notes.len;
    struct reader r = elf_reader(m, notes);
    while (!r.failed && r.pos < r.in.len) {
        uint32_t name_size = reader_u32(&r), size = reader_u32(&r), type = reader_u32(&r);
        const uint8_t *name = reader_take(&r, name_size);
        reader_skip(&r, pad(name_size));
        const uint8_t *content = reader_take(&r, size);
        if (r.failed)
            break;
        if (type == NT_GNU_BUILD_ID && name_size == 4 && memcmp(name, "GNU", 4) == 0 && size > 0 &&
            size <= ELF_BUILD_ID_MAX) {
            *out = (struct bytes){ content, size };
            return true;
        }
        reader_skip(&r, pad(size));
    }
    return false;
}

bool elf_build_id(const struct elf_image *m, struct bytes *out)
{
    size_t budget = ELF_NOTES_MAX;
    for (size_t i = 0; i < m->section_count; i++)
        if (m->sections[i].type == SHT_NOTE && find_in(m, m->sections[i].content, &budget, out))
            return true;
    for (size_t i = 0; i < m->segment_count; i++)
        if (m->segments[i].type == PT_NOTE && find_in(m, m->segments[i].content, &budget, out))
            return true;
    return false;
}
