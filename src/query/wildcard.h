/* wildcard.h - whether a token is what a pattern with * and ? asks for.
 *
 * * stands for any characters or none, ? for one; \ in front of * ? and \ takes their meaning. The
 * time is that of one pass over the token, but for a piece between stars that has a ? in it: that
 * is tried at each character, and so it may have WILDCARD_ANY_BYTES at most. Threads: a wildcard
 * never changes once made. */
#ifndef CRUMPLE_QUERY_WILDCARD_H
#define CRUMPLE_QUERY_WILDCARD_H

#include "base/arena.h"

#define WILDCARD_ANY_BYTES 64 /* of a piece with a ? in it */

/* What stands between stars, escapes taken out. */
struct wildcard_piece {
    struct str text; /* a ? is a byte that UTF-8 does not have */
    bool any;        /* there is a ? in it */
};

struct wildcard {
    const struct wildcard_piece *pieces; /* in order, none of them empty */
    size_t count;
    bool open_begin, open_end; /* a star stands there */
};

/* Lives in the arena. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool wildcard_init(struct wildcard *w, struct str pattern, struct arena *a,
                              struct err *e);

/* `token` is UTF-8. */
bool wildcard_match(const struct wildcard *w, struct str token);

#endif
