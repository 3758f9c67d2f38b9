/* convert_work.h - what the files of the conversion share. Only convert*.c include it.
 * Threads: one. */
#ifndef CRUMPLE_SYMBOLS_CONVERT_WORK_H
#define CRUMPLE_SYMBOLS_CONVERT_WORK_H

#include "base/buf.h"
#include "symbols/convert.h"
#include "symbols/convert_line.h"

struct conversion {
    const struct convert_job *job;
    struct buf line;
    uint64_t upload_bytes, unpacked_bytes;
    size_t entries, headers;
    uint32_t images; /* written */
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

/* convert_file.c: one whole file of a kind that can be read, by its bytes. What is wrong with it is
 * told; false as convert_run. */
MUST_CHECK bool convert_file(struct conversion *c, struct str entry, enum convert_kind kind,
                             struct bytes file, struct err *e);
/* Tells of one that cannot be read. */
MUST_CHECK bool convert_not_read(struct conversion *c, struct str entry, enum convert_kind kind,
                                 uint64_t size, const char *why, struct err *e);

/* convert_archive.c: all files in the archive that fd is. What is wrong with it (ERR_INPUT,
 * ERR_LIMIT, ERR_NOMEM) is in *e; ERR_IO as convert_run. */
MUST_CHECK bool convert_archive(struct conversion *c, int fd, struct err *e);

#endif
