/* script.h - what a script says about its own source map: in comments at its end, and by its bytes.
 *
 *     //# debugId=0b3c9d1e-...
 *     //# sourceMappingURL=app.min.js.map           (also //@, and in CSS's comment signs)
 *     //# sourceMappingURL=data:application/json;base64,...
 *
 * Threads: pure. */
#ifndef CRUMPLE_SOURCEMAP_SCRIPT_H
#define CRUMPLE_SOURCEMAP_SCRIPT_H

#include "base/arena.h"

/* Whether a file of this path is taken for a script: .js, .mjs, .cjs, .jsx, .bundle, .jsbundle. */
bool script_is_name(struct str path);

/* Whether it says something of a source map, whatever its path: has one of the comments below. */
bool script_has_comment(struct str text);

#define SCRIPT_UUID_DIGITS 32
struct script_about {
    struct str debug_id; /* as it stands there; empty: none */
    struct str map_name; /* base name of the map that it names; empty: none, or the map is in it */
    struct str map;      /* the map itself, when it is in the script; in the arena; else empty */
    char uuid[SCRIPT_UUID_DIGITS +
              1]; /* MD5 of all of it, in upper-case hex: older tools match by it */
};
/* The last of each comment counts, wherever it stands: old bundles have it in a comment on top, and
 * tools that join scripts put code behind it. Comments whose value has a quote in it do not count:
 * they stand in a string. ERR_INPUT: the map in it is no base64 (e->offset: where); ERR_NOMEM. */
MUST_CHECK bool script_read(struct str text, struct arena *a, struct script_about *out,
                            struct err *e);

/* An id without dashes, in upper case: tools differ in both. Empty when it is longer than 64
 * characters. */
MUST_CHECK bool script_id(struct str id, struct arena *a, struct str *out);

#endif
