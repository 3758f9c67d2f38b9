/* macho_make.h - writes Mach-O files for tests: two segments, __TEXT and __DWARF, whose sections
 * are told, and a symbol table. */
#ifndef CRUMPLE_TESTS_MACHO_MAKE_H
#define CRUMPLE_TESTS_MACHO_MAKE_H

#include "base/buf.h"

enum { MAKE_X86 = 7, MAKE_AMD64 = 0x01000007, MAKE_ARM = 12, MAKE_ARM64 = 0x0100000c };
#define MAKE_CODE UINT32_C(0x80000400)

struct make_section {
    const char *segment, *name;
    uint64_t address;
    uint32_t flags;
    struct bytes content;
};

struct make_symbol {
    const char *name;
    uint8_t type, section;
    uint16_t about;
    uint64_t value;
};

struct make_macho {
    bool is_64, big_endian;
    uint32_t cpu, subtype, type; /* type 0: a library */
    bool no_uuid;
    const char *install_name; /* NULL: none */
    uint64_t load_address;
    uint32_t encrypted_size; /* from the start of the file; 0: nothing is */
    const struct make_section *sections;
    size_t section_count;
    const struct make_symbol *symbols;
    size_t symbol_count;
};

/* The UUID is 00 11 22 ... ff. Fails the test when memory is short. */
void make_macho(struct buf *out, const struct make_macho *m);
struct bytes made_bytes(const struct buf *b);
void make_number(struct buf *out, uint64_t n, size_t bytes, bool big_endian);

#endif
