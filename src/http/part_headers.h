/* part_headers.h - the headers of one part of a multipart body, and parameters of header values.
 *
 * Text that is no UTF-8 gets U+FFFD where it is broken: old clients name files in their own code
 * pages, and a report is worth more than its file's name. Threads: pure. Memory: the arena. */
#ifndef CRUMPLE_HTTP_PART_HEADERS_H
#define CRUMPLE_HTTP_PART_HEADERS_H

#include "http/multipart.h"

/* The lines of the headers without the empty one, each with '\n' behind it, unfolded. ERR_INPUT
 * (word bad_multipart) says what is wrong; e->offset is left to the caller. */
MUST_CHECK bool part_headers_read(struct str block, struct arena *a, struct multipart_part *out,
                                  struct err *e);

/* What should be text: the same, or a copy with U+FFFD for each byte that belongs to no character.
 * False: no memory. */
MUST_CHECK bool part_text_clean(struct str s, struct arena *a, struct str *out);

/* One `; name=value` of a header value: `raw` is what stands between the quotes, or is no quoted
 * string. */
struct header_param {
    struct str name, raw;
    bool quoted;
};
enum header_param_found { PARAM_FOUND, PARAM_END, PARAM_BAD };
/* Takes the next parameter off the front of *rest, which begins behind the value itself. */
enum header_param_found header_param_next(struct str *rest, struct header_param *out);

/* Takes what stands before the first ';' off the front of *rest, without white space around it. */
struct str header_value_cut(struct str *rest);

#endif
