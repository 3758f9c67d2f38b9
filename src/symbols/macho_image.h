/* macho_image.h - the outside of a thin Mach-O file, read by our own cursor: header, load commands,
 * sections, where its symbols are.
 *
 * Place in the story: macho_symbols.c asks it who the file is, macho_view.c copies from it what is
 * shown to the readers of ELF files, macho_unwind.c reads Apple's own unwind table through it. Safe
 * for any bytes. Facts: Apple's "OS X ABI Mach-O File Format Reference". Threads: an image that was
 * read never changes. */
#ifndef CRUMPLE_SYMBOLS_MACHO_IMAGE_H
#define CRUMPLE_SYMBOLS_MACHO_IMAGE_H

#include "base/arena.h"
#include "base/reader.h"
#include "symbols/cpu.h"

#define MACHO_SECTIONS_MAX 8192
#define MACHO_ID_BYTES 16

enum macho_magic {
    MACHO_MAGIC_32 = 0xfeedface,
    MACHO_MAGIC_64 = 0xfeedfacf,
    MACHO_MAGIC_FAT = 0xcafebabe, /* always big endian */
    MACHO_MAGIC_FAT_64 = 0xcafebabf
};

enum macho_type { MACHO_TYPE_OBJECT = 1, MACHO_TYPE_CORE = 4, MACHO_TYPE_DSYM = 10 };

struct macho_section {
    struct str segment, name; /* 16 bytes at most */
    uint64_t address, size;
    uint32_t flags;
    /* Empty: the file does not have it (as that of code in a dSYM), or it is encrypted. */
    struct bytes content;
};
bool macho_has_code(const struct macho_section *s);

struct macho_image {
    struct bytes file;
    bool is_64, big_endian;
    bool
        signs_returns; /* arm64e: return addresses in memory have a signature in their upper bits */
    enum cpu cpu;
    struct str cpu_name;     /* "arm64e" */
    uint32_t type;           /* enum macho_type, and others */
    struct bytes uuid;       /* of MACHO_ID_BYTES, or empty */
    struct str install_name; /* of a library: its path; or empty */
    uint64_t load_address;   /* of the segment __TEXT; 0 when there is none */
    struct macho_section *sections;
    size_t section_count;
    struct bytes symbols, strings; /* empty: none, or they lie past the end */
};

/* The sections are in the arena, all else points into the file. ERR_INPUT: no thin Mach-O file, or
 * a load command lies past the end; ERR_LIMIT; ERR_NOMEM. */
MUST_CHECK bool macho_image_read(struct macho_image *out, struct bytes file, struct arena *a,
                                 struct err *e);

/* The first of this name whose segment has that one; NULL. */
const struct macho_section *macho_section_find(const struct macho_image *m, const char *segment,
                                               const char *name);
struct reader macho_reader(const struct macho_image *m, struct bytes in);
/* A word of 4 or 8 bytes. */
uint64_t macho_word(const struct macho_image *m, struct reader *r);

/* From the numbers in a header; the name is static. */
enum cpu macho_cpu(uint32_t type, uint32_t subtype, struct str *name);

#endif
