/* sourcemap.h - reads source maps (ECMA-426: version 3, index maps) and writes the image of a
 * cache.
 *
 * Place in the story: the helper process (symbols/convert.h) calls this for uploads, `crumple
 * stackwalk` for maps in folders; what comes out is opened by mapcache.h. docs/formats/sourcemap.md
 * tells what is read and refused.
 *
 * Threads: pure. */
#ifndef CRUMPLE_SOURCEMAP_SOURCEMAP_H
#define CRUMPLE_SOURCEMAP_SOURCEMAP_H

#include "base/arena.h"
#include "base/buf.h"

/* The text without a byte order mark, and without a first line that begins with ")]}", which
 * servers put in front. */
struct str sourcemap_skip_front(struct str text);
/* Whether the text could be a source map: a JSON object, behind such a front, that names `mappings`
 * or `sections` among what is given. */
bool sourcemap_could_be(struct bytes first);

/* What a map says of itself, found by a look through its text that keeps nothing of the rest: to
 * choose one of many before it is read. Empty where it says nothing; of what is no map, anything.
 * Texts are in the arena. */
struct sourcemap_says {
    struct str debug_id; /* as in mapcache_about */
    struct str file;     /* the member, as it stands */
};
MUST_CHECK bool sourcemap_says(struct bytes map, struct arena *a, struct sourcemap_says *out);

/* What is known of a map from elsewhere. Any text may be empty. */
struct sourcemap_from {
    struct str name;     /* path of the map's own file */
    struct str script;   /* path of the script that it is for, when that came with it */
    struct str text;     /* text of that script, for the names of functions */
    struct str debug_id; /* that the script gives itself; the map's own goes before */
};

/* The image of the map's cache, added to `out`. ERR_INPUT says what is wrong and where (the member,
 * and of `mappings` line, segment and byte); ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool sourcemap_convert(struct bytes map, const struct sourcemap_from *from,
                                  struct arena *a, struct buf *out, struct err *e);

#endif
