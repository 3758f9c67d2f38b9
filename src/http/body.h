/* body.h - one request body on its way into memory or into a sink: decoding, and the limits while
 * it grows.
 *
 * Memory is charged to the budget that all requests share as the buffer grows, not as announced, so
 * that a sender pays only for what it sends; a body with a sink takes none. The size that counts is
 * the decoded one, so a small upload that inflates without end is stopped at the limit.
 * Threads: a body belongs to its request; the budget is shared. */
#ifndef CRUMPLE_HTTP_BODY_H
#define CRUMPLE_HTTP_BODY_H

#include "base/buf.h"

#include <stdatomic.h>
#define ZLIB_CONST
#include <zlib.h>

#define BODY_PIECE_MAX 16384

enum body_coding { BODY_PLAIN, BODY_GZIP, BODY_DEFLATE };

struct body_budget {
    size_t limit_bytes;
    _Atomic size_t used_bytes;
};

typedef bool (*body_sink)(void *sink, struct bytes piece, struct err *e);

struct body {
    struct buf bytes; /* decoded; stays empty with a sink */
    size_t charged;   /* what the budget counts for it */
    uint64_t max_bytes, decoded_bytes;
    body_sink add; /* NULL: into `bytes` */
    void *sink;
    struct body_budget *budget;
    enum body_coding coding;
    z_stream z;
    bool z_open;      /* inflateInit has been called */
    bool z_end;       /* the compressed stream is complete */
    uint8_t first[2]; /* of a deflate body, until its kind is known */
    size_t first_len;
};

/* What Content-Encoding names; false for what we cannot decode. */
bool body_coding_find(struct str name, enum body_coding *out);

void body_init(struct body *b, enum body_coding coding, size_t max_bytes,
               struct body_budget *budget);
/* What is decoded goes to add(sink, ...), in pieces of at most BODY_PIECE_MAX when it was
 * compressed and as it comes otherwise. */
void body_init_sink(struct body *b, enum body_coding coding, uint64_t max_bytes, body_sink add,
                    void *sink);
void body_done(struct body *b); /* frees and gives back to the budget; may be called again */

/* Takes the next piece. Fails with ERR_LIMIT (word body_too_large), ERR_BUSY (the budget, word
 * too_many_bodies), ERR_INPUT (damaged compression, word bad_encoding), ERR_NOMEM, or as the sink
 * does. */
MUST_CHECK bool body_add(struct body *b, struct bytes piece, struct err *e);
/* The last piece has been added. ERR_INPUT when the compressed stream is not complete. */
MUST_CHECK bool body_end(struct body *b, struct err *e);

#endif
