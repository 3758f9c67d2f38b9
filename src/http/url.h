/* url.h - paths, query strings and percent-encoding.
 *
 * What is decoded is valid UTF-8 without NULs, or it is refused: ERR_INPUT, word bad_url. Decoded
 * text lives in the arena, or is the input itself when there was nothing to decode.
 * Threads: pure. */
#ifndef CRUMPLE_HTTP_URL_H
#define CRUMPLE_HTTP_URL_H

#include "http/http.h"

#define URL_SEGMENTS_MAX 8 /* a longer path is no route's */
#define URL_PARAMS_MAX 64

/* Decodes %XX. */
enum url_decoding {
    URL_PLAIN = 0,
    URL_PLUS = 1,        /* '+' is a space */
    URL_BARE_PERCENT = 2 /* a '%' without two digits behind it is one, and no error */
};
MUST_CHECK bool url_decode(struct str s, unsigned how, struct arena *a, struct str *out,
                           struct err *e);

/* "/a/b%20c/" to "a", "b c". One slash at the end is ignored, so "/" has no segments; empty
 * segments elsewhere count. *count is URL_SEGMENTS_MAX + 1 when there are more than fit. */
MUST_CHECK bool url_path(struct str path, struct arena *a, struct str segments[URL_SEGMENTS_MAX],
                         size_t *count, struct err *e);

struct url_param {
    struct str name, value;
};
/* "a=1&b=x+y&c"; a parameter without '=' has the empty value; '+' is a space. More than
 * URL_PARAMS_MAX are refused. */
MUST_CHECK bool url_params(struct str query, struct arena *a, const struct url_param **out,
                           size_t *count, struct err *e);

/* Cuts a request target ("/path?query", or "http://host/path?query" as it is sent to proxies) into
 * path and query, raw; *authority is empty when the target names none. Refuses other targets,
 * spaces and control characters. */
MUST_CHECK bool url_target(struct str target, struct str *authority, struct str *path,
                           struct str *query, struct err *e);

#endif
