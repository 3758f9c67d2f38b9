/* elf_notes.h - looks for the build id among the notes of an ELF file. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_ELF_NOTES_H
#define CRUMPLE_SYMBOLS_ELF_NOTES_H

#include "symbols/elf_image.h"

#define ELF_BUILD_ID_MAX 64 /* bytes; a longer one is none */

#define ELF_NOTES_MAX (1 << 20) /* bytes of notes that are looked at in one file */

/* Points into the file; 1 to ELF_BUILD_ID_MAX bytes. False: there is none. */
bool elf_build_id(const struct elf_image *m, struct bytes *out);

#endif
