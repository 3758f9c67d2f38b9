/* folder_scan.h - what symbol files a folder holds, wherever in it they lie.
 *
 * A folder whose name is a debug id is taken at its word: it is not looked into until somebody asks
 * for that id. All other files are told by their first bytes. Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_SCAN_H
#define CRUMPLE_SYMBOLS_FOLDER_SCAN_H

#include "base/arena.h"
#include "base/vec.h"

struct scanned {
    const char *path;
    struct str debug_id, code_id; /* may be empty */
    bool is_folder;               /* named by a debug id; code_id is not known */
};
struct folder_scan {
    VEC(struct scanned) found;
};

/* Texts come from the arena. What cannot be read is passed over; false: no memory. */
MUST_CHECK bool folder_scan(struct folder_scan *s, const char *dir, struct arena *a);
void folder_scan_done(struct folder_scan *s);

/* The .sym file in a folder that was found, if there is one. */
bool folder_scan_inside(const struct scanned *folder, char *out, size_t room);

/* Hex digits, as many as a debug id has. */
bool folder_is_debug_id(struct str s);

#endif
