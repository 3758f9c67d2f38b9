/* elf_image.h - the outside of an ELF file, read by our own cursor: header, segments, sections.
 *
 * Place in the story: elf_identity.c, elf_symtab.c and the readers of unwind tables look at the
 * bytes of a file through this, so that they are safe for any bytes; only elf_dwarf.c needs
 * elfutils. Threads: an image that was read never changes. */
#ifndef CRUMPLE_SYMBOLS_ELF_IMAGE_H
#define CRUMPLE_SYMBOLS_ELF_IMAGE_H

#include "base/arena.h"
#include "base/reader.h"
#include "symbols/cpu.h"

#include <elf.h>

#define ELF_SECTIONS_MAX 16384
#define ELF_SEGMENTS_MAX 1024
#define ELF_NAME_MAX 16384 /* bytes of a name; the rest of a longer one is cut off */

struct elf_section {
    struct str name;
    uint32_t type, link;
    uint64_t flags, address, size, entry_size;
    /* As it stands in the file. Empty: it has none (SHT_NOBITS), or it would lie past the end. */
    struct bytes content;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t address, memory_size;
    struct bytes content; /* empty when it would lie past the end */
};

struct elf_image {
    struct bytes file;
    bool is_64, big_endian;
    bool swaps_ebp_esp; /* in .eh_frame 4 is ebp and 5 is esp: Apple's x86, never read from ELF */
    uint16_t type;      /* ET_EXEC, ET_DYN ... */
    enum cpu cpu;
    struct elf_section *sections;
    size_t section_count;
    struct elf_segment *segments;
    size_t segment_count;
    uint64_t load_address; /* of the lowest PT_LOAD; 0 when there is none */
    /* Where code can be, ascending, without gaps of nothing: executable sections or, in a file
     * without sections, executable segments. */
    struct elf_range {
        uint64_t start, end;
    } * code;
    size_t code_count;
};

/* The tables are in the arena, names and contents point into the file. ERR_INPUT: no ELF file, or a
 * table lies past the end; ERR_LIMIT; ERR_NOMEM. */
MUST_CHECK bool elf_image_read(struct elf_image *out, struct bytes file, struct arena *a,
                               struct err *e);

/* The first of this name; NULL. */
const struct elf_section *elf_section_find(const struct elf_image *m, const char *name);
/* The section that s is linked with (its string table); NULL. */
const struct elf_section *elf_section_link(const struct elf_image *m, const struct elf_section *s);

/* Whether code can be at the address. Linkers leave functions that they threw away at 0 or near the
 * end of the address space: this tells them from those that are there. */
bool elf_is_code(const struct elf_image *m, uint64_t address);

/* What is loaded at an address, up to the end of its segment; empty: nothing. */
struct bytes elf_at(const struct elf_image *m, uint64_t address);

/* A cursor over bytes of this file, and its words of 4 or 8 bytes. */
struct reader elf_reader(const struct elf_image *m, struct bytes in);
uint64_t elf_word(const struct elf_image *m, struct reader *r);
/* The text at an offset of a string table, up to its NUL or ELF_NAME_MAX; empty when it is out of
 * bounds. */
struct str elf_text(struct bytes strings, uint64_t offset);

#endif
