/* sourcemap_internal.h - a map that has been read: what sourcemap_read.c, sourcemap_mappings.c and
 * mapcache_write.c hand to each other. */
#ifndef CRUMPLE_SOURCEMAP_SOURCEMAP_INTERNAL_H
#define CRUMPLE_SOURCEMAP_SOURCEMAP_INTERNAL_H

#include "base/json.h"
#include "sourcemap/sourcemap.h"

#define MAP_NONE UINT32_MAX
#define MAP_NUMBER_MAX INT32_MAX /* of lines and columns, and of how many there are of anything */

/* All from 0. */
struct mapping {
    uint32_t line, column; /* of the script */
    uint32_t source;       /* MAP_NONE: the code comes from none */
    uint32_t old_line, old_column;
    uint32_t name; /* MAP_NONE: it has none */
};

struct map_source {
    struct str file; /* with its root; file.ptr NULL: it has no name */
    struct str text; /* text.ptr NULL: not known */
    bool ignored;
};

/* Index maps are here as if they were one. All of it lives in the arena, or borrows the JSON. */
struct map {
    struct mapping *mappings; /* sorted by line and column */
    struct map_source *sources;
    struct str *names;
    size_t mappings_count, sources_count, names_count;
    struct str debug_id; /* 32 upper-case hex digits, or empty */
    struct str file;     /* the member */
};

/* Fills in a map from its JSON. */
MUST_CHECK bool map_read(struct map *m, struct str json, struct arena *a, struct err *e);

/* Adds what `mappings` says, of a (part of a) map that begins at `line` and `column` of the script,
 * whose sources and names begin at these numbers, and end where those of `m` end. `m` has room. */
struct map_part {
    uint32_t line, column;
    size_t first_source, first_name;
};
MUST_CHECK bool map_read_mappings(struct map *m, const struct json *mappings,
                                  const struct map_part *part, struct arena *a, struct err *e);
/* At most so many are in it. */
size_t map_count_mappings(struct str mappings);

/* 32 hex digits of an id, dashes left out, in upper case; empty when it has another form. */
MUST_CHECK bool map_id(struct str id, struct arena *a, struct str *out);

#endif
