/* dynlib.h - loads a library when it is needed, not when the program starts.
 *
 * `crumple stackwalk` ends within a millisecond, while loading what a server or a DWARF reader
 * needs takes three; so those few large libraries come in here:
 *
 *     DYNLIB_FUNCTION(archive_read_new);
 *     static const struct dynlib_symbol symbols[] = { DYNLIB_SYMBOL(archive_read_new) };
 *     ...
 *     if (!dynlib_load("libarchive.so.13", symbols, 1, e)) return false;
 *     struct archive *r = dl_archive_read_new();
 *
 * Types come from the library's own header. Loading again is cheap; nothing is ever unloaded.
 * Threads: any, but the pointers of one list are to be loaded before they are used. */
#ifndef CRUMPLE_BASE_DYNLIB_H
#define CRUMPLE_BASE_DYNLIB_H

#include "base/err.h"

#include <stddef.h>

#define DYNLIB_FUNCTION(f) static __typeof__(f) *dl_##f
#define DYNLIB_SYMBOL(f)                                                                           \
    {                                                                                              \
#f, (void **)(void *)&dl_##f                                                               \
    }

struct dynlib_symbol {
    const char *name;
    void **to;
};

/* ERR_NOT_FOUND when it is not installed or lacks a symbol. */
MUST_CHECK bool dynlib_load(const char *soname, const struct dynlib_symbol *symbols, size_t count,
                            struct err *e);

#endif
