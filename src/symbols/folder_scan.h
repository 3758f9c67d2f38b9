/* folder_scan.h - the symbol files that lie in a folder, told by their first bytes.
 *
 * Of folders below it only dSYM folders, NAME.dSYM/Contents/Resources/DWARF: a process that walks
 * one dump has no time to look through a store of thousands of files. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_SCAN_H
#define CRUMPLE_SYMBOLS_FOLDER_SCAN_H

#include "base/arena.h"
#include "base/vec.h"

struct scanned {
    const char *path;
    size_t part;                  /* of a Mach-O file for several processors */
    struct str debug_id, code_id; /* may be empty */
    bool unknown;                 /* it does not say what it is, or is damaged: no ids */
};
struct folder_scan {
    VEC(struct scanned) found;
};

/* Adds to what was found before. Texts come from the arena. What cannot be opened is passed over;
 * false: no memory. */
MUST_CHECK bool folder_scan(struct folder_scan *s, const char *dir, struct arena *a);
void folder_scan_done(struct folder_scan *s);

#endif
