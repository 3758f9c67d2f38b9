/* elf_identity.h - what elf_symbols.h says of a file, of one that has been read already.
 * Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_ELF_IDENTITY_H
#define CRUMPLE_SYMBOLS_ELF_IDENTITY_H

#include "symbols/elf_image.h"
#include "symbols/elf_symbols.h"

MUST_CHECK bool elf_identify_image(const struct elf_image *m, struct str name, struct arena *a,
                                   struct symcache_about *out, struct err *e);

/* What stands for a build id of 1 to ELF_BUILD_ID_MAX bytes, in the arena. False: no memory. */
MUST_CHECK bool elf_ids(struct bytes build_id, struct arena *a, struct str *debug_id,
                        struct str *code_id);

#endif
