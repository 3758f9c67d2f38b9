/* folder_unread.h - files of symbol folders that were asked for and could not be read, so that who
 * walks a crash can be told why it has no names.
 *
 * Most of a folder is of no concern to a crash: only what matches it by an id or by a name is here.
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_UNREAD_H
#define CRUMPLE_SYMBOLS_FOLDER_UNREAD_H

#include "base/arena.h"
#include "base/vec.h"

struct unread_file {
    const char *path;
    struct str why; /* a sentence without the path */
};
struct folder_unread {
    struct arena *arena; /* for the texts */
    VEC(struct unread_file) files;
};

/* Texts are copied. Without memory the file is left out. */
void folder_unread_add(struct folder_unread *u, const char *path, const struct err *why);
void folder_unread_done(struct folder_unread *u); /* not the arena */

#endif
