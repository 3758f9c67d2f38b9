/* door.h - how a request is let in whose body is a JSON object that may say who asks. Inside
 * src/api only.
 *
 * The token may stand in the URL, in a header or in the body. A token outside of the body is looked
 * at first, so that nobody has a body parsed whose token is no good. What the URL says goes before
 * what the body says.
 *
 * Memory: the arena, which goes with the exchange. Threads: one at a time, as the exchange. */
#ifndef CRUMPLE_API_DOOR_H
#define CRUMPLE_API_DOOR_H

#include "api/backtrace.h"

struct door {
    const struct json *body;   /* an object */
    const struct token *token; /* it has all scopes; see backtrace_admit */
};
/* False: it has been answered. */
MUST_CHECK bool door_open(struct door *d, struct http_exchange *x, struct api *api,
                          struct json_limits limits, uint32_t scopes, struct arena *arena);
/* A member of a body that is text; else empty. */
struct str door_text(const struct json *body, const char *member);

#endif
