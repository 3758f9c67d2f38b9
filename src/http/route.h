/* route.h - which handler a path and a method belong to.
 *
 * The table is cut into segments once at the start; a request then compares segments, in the order
 * of the table. A dozen or two routes need no tree. Threads: a table never changes once made. */
#ifndef CRUMPLE_HTTP_ROUTE_H
#define CRUMPLE_HTTP_ROUTE_H

#include "http/http.h"
#include "http/url.h"

struct route {
    const struct http_route *is;
    struct str segments[URL_SEGMENTS_MAX]; /* of the pattern; ":name" takes any */
    size_t count;
    bool last_resort; /* nothing but names: only for paths that no other route matches */
    bool any_path;    /* "**": after all others, and only for its methods */
};
struct routes {
    struct route *at;
    size_t count;
    bool has_any_path;
};

/* Borrows `table`. ERR_NOMEM. */
MUST_CHECK bool routes_init(struct routes *r, const struct http_route *table, size_t count,
                            struct err *e);
void routes_done(struct routes *r);

/* The first route of this path that has the method (HEAD counts as GET); NULL when none has it, and
 * then *path_known says whether the path has any route but "**". Segments are decoded. */
const struct route *routes_find(const struct routes *r, const struct str *segments, size_t count,
                                struct str method, bool *path_known);

/* The same among the routes "**" alone, for a path that cannot be cut into segments. */
const struct route *routes_find_any(const struct routes *r, struct str method);

/* "GET, HEAD, POST, OPTIONS": all that the routes of this path take together. `segments` is NULL
 * for a path that cannot be cut. */
MUST_CHECK bool routes_allow(const struct routes *r, const struct str *segments, size_t count,
                             struct arena *a, struct str *out);

/* The request's segment that the pattern calls ":name"; false when the pattern has no such name. */
bool route_segment(const struct route *r, const struct str *segments, const char *name,
                   struct str *out);

#endif
