/* multipart.h - multipart/form-data, piece by piece, as RFC 7578 and 2046 have it.
 *
 * Reads what clients send, in pieces of any size, and holds nothing of it but the headers of the
 * part it is in. Lenient where clients are (bare LF after a header, no filename, a preamble, text
 * after the last boundary), strict where two readers could differ.
 * Threads: one at a time. Memory: the arena, a few KiB for each parser and for each part's names.
 */
#ifndef CRUMPLE_HTTP_MULTIPART_H
#define CRUMPLE_HTTP_MULTIPART_H

#include "base/arena.h"

#define MULTIPART_BOUNDARY_MAX 200
#define MULTIPART_HEADERS_MAX 8192 /* bytes of one part's headers */

struct multipart_part {
    struct str name;     /* never empty; decoded: %22, backslash-quote, filename* */
    struct str filename; /* the last element of a path; may be empty */
    struct str type;     /* Content-Type; empty when there is none */
    bool has_filename;
};

/* Called in this order for each part: begin, add (none or more), end. False stops, with *e. */
struct multipart_events {
    bool (*begin)(void *ctx, const struct multipart_part *part, struct err *e);
    bool (*add)(void *ctx, struct bytes piece, struct err *e);
    bool (*end)(void *ctx, struct err *e);
};

/* The boundary of a Content-Type that is multipart/form-data; false when it is something else.
 * *boundary is empty when it says none or a bad one. */
bool multipart_boundary(struct str content_type, struct arena *a, struct str *boundary);

struct multipart;
/* NULL: no memory. parts_max: over it ERR_LIMIT, word too_many_parts. */
struct multipart *multipart_new(struct arena *a, struct str boundary, size_t parts_max,
                                const struct multipart_events *events, void *ctx);
/* ERR_INPUT (word bad_multipart) with the offset in the body and a sentence. */
MUST_CHECK bool multipart_add(struct multipart *m, struct bytes piece, struct err *e);
/* The body is complete. ERR_INPUT when it ends before its last boundary. */
MUST_CHECK bool multipart_end(struct multipart *m, struct err *e);

#endif
