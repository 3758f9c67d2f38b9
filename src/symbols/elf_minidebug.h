/* elf_minidebug.h - the symbol table that distributions leave in stripped programs: a small ELF
 * file, compressed with xz, in .gnu_debugdata (MiniDebugInfo).
 *
 * liblzma is loaded when the first such file is read. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_ELF_MINIDEBUG_H
#define CRUMPLE_SYMBOLS_ELF_MINIDEBUG_H

#include "symbols/elf_image.h"

#define ELF_MINIDEBUG_MAX ((size_t)256 << 20)      /* bytes when it is unpacked */
#define ELF_MINIDEBUG_MEMORY (UINT64_C(128) << 20) /* bytes that unpacking takes besides */

/* The small file, on the heap, to be freed by the caller; empty when there is none, when it is
 * damaged or too large, or when liblzma is not installed: its names are a gift, and their lack no
 * reason to refuse the rest. */
struct bytes elf_minidebug(const struct elf_image *m);

#endif
