/* elf_libdw.h - elfutils, loaded when the first file with debug information is read, and such a
 * file opened with it.
 *
 * The library must not open other files: those who use it here look at the form of an attribute
 * before they follow it (elf_attr_die), and never ask for split or supplementary units. Threads:
 * one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_LIBDW_H
#define CRUMPLE_SYMBOLS_ELF_LIBDW_H

#include "base/err.h"
#include "base/str.h"

#include <elfutils/libdw.h>
#include <libelf.h>

struct libdw {
#define LIBDW_FUNCTION(f) __typeof__(f) *f
    LIBDW_FUNCTION(dwarf_attr);
    LIBDW_FUNCTION(dwarf_begin_elf);
    LIBDW_FUNCTION(dwarf_child);
    LIBDW_FUNCTION(dwarf_dieoffset);
    LIBDW_FUNCTION(dwarf_end);
    LIBDW_FUNCTION(dwarf_filesrc);
    LIBDW_FUNCTION(dwarf_formref_die);
    LIBDW_FUNCTION(dwarf_formstring);
    LIBDW_FUNCTION(dwarf_formudata);
    LIBDW_FUNCTION(dwarf_get_units);
    LIBDW_FUNCTION(dwarf_getsrcfiles);
    LIBDW_FUNCTION(dwarf_getsrclines);
    LIBDW_FUNCTION(dwarf_line_file);
    LIBDW_FUNCTION(dwarf_lineaddr);
    LIBDW_FUNCTION(dwarf_lineendsequence);
    LIBDW_FUNCTION(dwarf_lineno);
    LIBDW_FUNCTION(dwarf_onesrcline);
    LIBDW_FUNCTION(dwarf_ranges);
    LIBDW_FUNCTION(dwarf_siblingof);
    LIBDW_FUNCTION(dwarf_tag);
    LIBDW_FUNCTION(elf_compress);
    LIBDW_FUNCTION(elf_compress_gnu);
    LIBDW_FUNCTION(elf_end);
    LIBDW_FUNCTION(elf_getdata);
    LIBDW_FUNCTION(elf_getscn);
    LIBDW_FUNCTION(elf_memory);
    LIBDW_FUNCTION(elf_version);
};

/* The functions; NULL with ERR_NOT_FOUND when elfutils is not installed. */
const struct libdw *libdw_load(struct err *e);

struct elf_debug {
    const struct libdw *dw;
    Elf *elf;
    Dwarf *dwarf;  /* NULL: no DWARF, or too damaged */
    uint8_t *copy; /* of the file; NULL: it is borrowed */
};

/* Borrows the file until elf_debug_close. unpacks: it has compressed sections; then a copy is made,
 * since libelf writes what it finds in them into the headers. ERR_INPUT, ERR_NOMEM, ERR_NOT_FOUND.
 */
MUST_CHECK bool elf_debug_open(struct elf_debug *out, struct bytes file, bool unpacks,
                               struct err *e);
void elf_debug_close(struct elf_debug *d);
/* The bytes of a compressed section; they live as long as *d. False: they cannot be had. */
bool elf_debug_section(const struct elf_debug *d, size_t number, struct bytes *out);

/* Attributes of an entry itself; false: not there, or of another kind. Texts point into the file
 * or into memory of elfutils, which lives as long as it is open; at most ELF_NAME_MAX bytes. */
bool elf_attr_number(const struct libdw *dw, Dwarf_Die *die, unsigned name, uint64_t *out);
bool elf_attr_text(const struct libdw *dw, Dwarf_Die *die, unsigned name, struct str *out);
/* The entry that an attribute refers to. *elsewhere is set when that is in a supplementary file. */
bool elf_attr_die(const struct libdw *dw, Dwarf_Die *die, unsigned name, Dwarf_Die *out,
                  bool *elsewhere);

#endif
