/* convert.h - the work of the helper process: reads an upload of symbols or source maps, one file
 * or an archive of them, and writes the image of a cache for each that can be read.
 *
 *     upload ──► convert_archive.c ──► convert_file.c ─────────────────► image
 *                entries, limits       which kind? known already?   ▲
 *                                          └─► convert_map.c ───────┘
 *                                              maps with their scripts
 *
 * An archive in the archive is read the same way, once.
 *
 * Place in the story: the server starts `crumple symbols convert` with an upload of strangers on a
 * descriptor, since libarchive and elfutils can be made to crash, to hang or worse. So the process
 * first gives up what it does not need (convert_limits.h). What it tells: convert_line.h.
 * Threads: one. */
#ifndef CRUMPLE_SYMBOLS_CONVERT_H
#define CRUMPLE_SYMBOLS_CONVERT_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct convert_limits {
    uint64_t entry_bytes; /* of one file, unpacked */
    uint64_t total_bytes; /* of all that is unpacked */
    /* More than free_bytes may be unpacked only up to so many times the size of the upload. */
    uint64_t ratio, free_bytes;
    size_t entries;       /* files in all */
    size_t headers;       /* of archives: files, folders, links ... */
    size_t memory_bytes;  /* for what one file says */
    size_t scripts_bytes; /* for what is remembered of scripts, half of it for their texts */
};
struct convert_limits convert_limits(void);

struct convert_job {
    int upload;      /* open for reading, can be mapped */
    int scratch;     /* a folder: images are made in it as "0", "1" ... */
    int say, listen; /* pipes to and from the server */
    struct str name; /* of the upload's file; may be empty */
    struct convert_limits limits;
};

/* All of it; what is wrong with the upload is told to the server, and no error. False: the server
 * cannot be talked to any more, or the scratch folder not be written. */
MUST_CHECK bool convert_run(const struct convert_job *job, struct err *e);

#endif
