/* folder_keep.h - a folder in which what was made of a file is kept for the next process.
 *
 * An image is named by the file's device, number, size and time of change, by what was made of it
 * and by the version of the layout. It is written beside its place and renamed, so that another
 * process sees all of it or nothing. The folder may be emptied at any time. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_FOLDER_KEEP_H
#define CRUMPLE_SYMBOLS_FOLDER_KEEP_H

#include "base/err.h"

#include <limits.h>

struct file_key {
    uint64_t device, number, size;
    int64_t changed_ns;
    uint64_t part; /* of a file that holds several; or what else the image depends on */
    uint64_t version;
};

/* All but part and version, which are 0. False: there is no such file. */
bool file_key_of(const char *path, struct file_key *out);

/* Where an image is. `kind` ends its name ("symcache"). False: `dir` is NULL, or too long. */
bool folder_keep_path(const char *dir, const struct file_key *key, const char *kind,
                      char out[PATH_MAX]);

/* Writes an image to a path of folder_keep_path; `write` puts it to the descriptor. Makes the
 * folder when it is missing. ERR_IO and what `write` says. */
MUST_CHECK bool folder_keep(const char *dir, const char *path,
                            bool (*write)(void *ctx, int fd, struct err *e), void *ctx,
                            struct err *e);

#endif
