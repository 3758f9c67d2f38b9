/* elf_convert.h - an ELF or Mach-O file as the server has it in the end: an open symbol cache. */
#ifndef CRUMPLE_TESTS_ELF_CONVERT_H
#define CRUMPLE_TESTS_ELF_CONVERT_H

#include "base/buf.h"
#include "symbols/elf_symbols.h"
#include "symbols/symcache.h"

struct converted {
    struct symcache *cache;
    struct elf_counts counts;
    struct buf image;
};

/* Fails the test when the file cannot be read or converted. */
void convert_elf(struct converted *out, const char *path);
void convert_macho(struct converted *out, const char *path);
void converted_done(struct converted *c);

/* The calls at an address, innermost first, one a line: function, space, base name of the file,
 * colon, line. Static memory, until the next call. */
const char *frames_at(const struct converted *c, uint64_t address);

#endif
