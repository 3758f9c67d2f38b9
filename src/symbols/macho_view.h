/* macho_view.h - a Mach-O file, shown as an ELF file of the same class.
 *
 * Place in the story: DWARF is DWARF, but elfutils knows it in ELF files only. So what the readers
 * of ELF files look for is copied: sections of DWARF, .eh_frame, the symbol table, where code is,
 * and where the file is loaded. Addresses stay as they were linked. The file is little endian: big
 * endian ones are refused before. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_MACHO_VIEW_H
#define CRUMPLE_SYMBOLS_MACHO_VIEW_H

#include "base/buf.h"
#include "symbols/macho_image.h"

/* Into an empty buffer, which is given its maximum here. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool macho_view_write(const struct macho_image *m, struct buf *out, struct err *e);

#endif
