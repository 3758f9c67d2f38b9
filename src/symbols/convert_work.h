/* convert_work.h - what the files of the conversion share. Only convert*.c include it.
 * Threads: one. */
#ifndef CRUMPLE_SYMBOLS_CONVERT_WORK_H
#define CRUMPLE_SYMBOLS_CONVERT_WORK_H

#include "base/buf.h"
#include "symbols/convert.h"
#include "symbols/convert_line.h"
#include "symbols/convert_scripts.h"

struct conversion {
    const struct convert_job *job;
    struct buf line;
    uint64_t upload_bytes, unpacked_bytes;
    size_t entries, headers;
    uint32_t images; /* written */
    struct convert_scripts scripts;
    size_t maps;    /* source maps that are put off until all scripts are known */
    bool maps_turn; /* the archive is read for the second time, for those alone */
};

/* False: the server does not listen any more. */
MUST_CHECK bool conversion_say(struct conversion *c, const struct convert_line *line,
                               struct err *e);
/* Waits for the answer to an ASK. */
MUST_CHECK bool conversion_listen(struct conversion *c, char *answer, struct err *e);

/* Counts one more file, one more thing in an archive, and bytes that were unpacked. ERR_LIMIT with
 * a sentence. */
MUST_CHECK bool conversion_count_entry(struct conversion *c, struct err *e);
MUST_CHECK bool conversion_count_header(struct conversion *c, struct err *e);
MUST_CHECK bool conversion_count_bytes(struct conversion *c, uint64_t bytes, struct err *e);

/* convert_file.c: one whole file that may be worth it by its first bytes, which are of this kind.
 * What is wrong with it is told; false as convert_run. */
MUST_CHECK bool convert_file(struct conversion *c, struct str entry, enum convert_kind by_first,
                             struct bytes file, struct err *e);
/* Something of a file, for an image that is to be made. */
struct convert_piece {
    struct str entry;       /* as it is told */
    enum convert_kind kind; /* of the file */
    uint64_t size;          /* the file's */
    uint8_t source[CONVERT_SOURCE_BYTES];
    struct str script; /* as in convert_line */
    /* Writes it. */
    bool (*make)(const struct convert_piece *p, struct conversion *c, int fd, struct err *e);
    const void *arg;
};
/* Asks the server, and makes the image. */
MUST_CHECK bool convert_piece(struct conversion *c, const struct convert_piece *p, struct err *e);
/* convert_map.c: a source map; a script, which may hold its own; and, when all has been read, the
 * scripts whose maps did not come. */
MUST_CHECK bool convert_map(struct conversion *c, struct str entry, struct bytes map,
                            struct err *e);
MUST_CHECK bool convert_script(struct conversion *c, struct str entry, struct bytes text,
                               struct err *e);
MUST_CHECK bool convert_other_scripts(struct conversion *c, struct err *e);
/* Tells of one that cannot be read. */
MUST_CHECK bool convert_not_read(struct conversion *c, struct str entry, enum convert_kind kind,
                                 uint64_t size, const char *why, struct err *e);

/* convert_archive.c: all files in the archive that fd is. What is wrong with it (ERR_INPUT,
 * ERR_LIMIT, ERR_NOMEM) is in *e; ERR_IO as convert_run. */
MUST_CHECK bool convert_archive(struct conversion *c, int fd, struct err *e);

#endif
