/* maps.h - source maps to open caches, for tests. */
#ifndef CRUMPLE_TESTS_SOURCEMAP_MAPS_H
#define CRUMPLE_TESTS_SOURCEMAP_MAPS_H

#include "sourcemap/mapcache.h"
#include "sourcemap/sourcemap.h"

#include "base/buf.h"

struct made {
    struct buf image;
    struct mapcache *cache;
    struct err e; /* code ERR_NONE: it is open */
};
/* `from` may be NULL. False: e tells why. Call made_done in any case. */
bool made_from(struct made *m, struct str json, const struct sourcemap_from *from);
void made_done(struct made *m);

/* A file; false when it is not there. Free out->ptr. */
bool read_whole(const char *path, struct str *out);

#endif
