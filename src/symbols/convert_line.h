/* convert_line.h - what the helper process that reads symbol files and the server say to each
 * other.
 *
 *     helper                                            server
 *     {"say":"ask","entry":..,"kind":..,"size":..,      looks whether these bytes are known,
 *      "source":"<hash>","script":"<md5>"}          ──► script: of a source map, when it is known
 *                                                   ◄── one byte: CONVERT_DO or CONVERT_KNOWN
 *     (when it is to be converted)
 *     {"say":"made","image":0}                      ──► takes the file "0" of the scratch folder
 *     {"say":"failed","error":"..","later":false} ──► later: it is not its fault
 *     {"say":"other","entry":..,"kind":..,"size":..,
 *      "error":".."}                                ──► no symbol file that can be read
 *     {"say":"end","error":""}                      ──► all is read, or cannot be read on
 *
 * One JSON object a line. The server believes nothing of it: a damaged file may have taken the
 * helper over. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_CONVERT_LINE_H
#define CRUMPLE_SYMBOLS_CONVERT_LINE_H

#include "base/arena.h"
#include "base/buf.h"
#include "symbols/convert_kind.h"

#define CONVERT_LINE_MAX 16384  /* bytes */
#define CONVERT_ENTRY_MAX 1024  /* bytes of a path; of longer ones the end */
#define CONVERT_ERROR_MAX 400   /* bytes of a sentence */
#define CONVERT_SOURCE_BYTES 32 /* BLAKE2b of an entry's bytes, and of what else counts for it */
#define CONVERT_SCRIPT_DIGITS 32
#define CONVERT_DO 'c'
#define CONVERT_KNOWN 'k'

enum convert_say { CONVERT_ASK, CONVERT_MADE, CONVERT_FAILED, CONVERT_NOT_READ, CONVERT_END };
struct convert_line {
    enum convert_say say;
    struct str entry; /* of ASK and NOT_READ; empty: the upload itself */
    enum convert_kind kind;
    uint64_t size;
    uint8_t source[CONVERT_SOURCE_BYTES]; /* of ASK */
    struct str script;                    /* of ASK: MD5 of a map's script; empty: not known */
    uint32_t image;                       /* of MADE */
    struct str error;                     /* of FAILED, NOT_READ, END; empty: none (END alone) */
    bool later;                           /* of FAILED: it could not be done now */
};

/* With its end of line; texts are cut to their limits. */
void convert_line_write(struct buf *out, const struct convert_line *line);
/* Texts in the arena. ERR_INPUT: no helper of this version writes so. ERR_NOMEM. */
MUST_CHECK bool convert_line_read(struct convert_line *out, struct str text, struct arena *a,
                                  struct err *e);

#endif
