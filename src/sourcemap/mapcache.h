/* mapcache.h - answers "which file, line and function was this, before it was bundled?" for one
 * script.
 *
 * Place in the story: a source map is converted once (sourcemap.h) into an image that is mapped
 * into memory and never parsed again. src/decode asks it about every frame of a JavaScript report.
 *
 * Lines and columns count from 1, as in reports; columns are UTF-16 code units on both sides, as
 * source maps and JavaScript engines count them. 0: not known. Texts are UTF-8, not NUL-terminated,
 * and point into the image.
 *
 * Trust: opening looks at the header only, so it costs the same for every size. Lookups check every
 * offset that they follow: a damaged image gives wrong answers, but never reads outside itself.
 * mapcache_verify looks at all bytes; the server calls it before it uses an image for the first
 * time.
 *
 * Threads: an open cache never changes, any number of threads may ask it at once. Nothing is
 * allocated by lookups. docs/formats/sourcemap-cache.md tells the layout. */
#ifndef CRUMPLE_SOURCEMAP_MAPCACHE_H
#define CRUMPLE_SOURCEMAP_MAPCACHE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#define MAPCACHE_VERSION 1
#define MAPCACHE_MAGIC "CRMPLMAP" /* the first 8 bytes of an image */

struct mapcache;

/* Whether the bytes are an image of any version. */
bool mapcache_is(struct bytes first);
/* Borrows the image until mapcache_free; it begins at an address that is divisible by 8. ERR_INPUT:
 * damaged, or of another version (err.word "mapcache_version"); ERR_NOMEM. */
MUST_CHECK bool mapcache_open(struct mapcache **out, struct bytes image, struct err *e);
/* Maps the file; ERR_NOT_FOUND, ERR_IO besides. */
MUST_CHECK bool mapcache_open_file(struct mapcache **out, const char *path, struct err *e);
void mapcache_free(struct mapcache *c); /* unmaps; NULL is fine */
DEFINE_CLEANUP(struct mapcache, mapcache_free)
/* The checksum over all of it. ERR_INPUT. */
MUST_CHECK bool mapcache_verify(const struct mapcache *c, struct err *e);

struct mapcache_about {
    struct str debug_id; /* 32 upper-case hex digits; empty: none is known */
    struct str script;   /* base name of the script that the map is for: as it came, or as the map
                            says (`file`); may be empty */
    struct str name;     /* base name of the map's own file; may be empty */
    uint32_t mappings, sources, contents, names, functions; /* how many; contents: sources with
                                                               their text */
};
void mapcache_about(const struct mapcache *c, struct mapcache_about *out);

struct mapcache_spot {
    uint32_t source;       /* number of it */
    struct str file;       /* with the sourceRoot in front */
    uint32_t line, column; /* in it */
    struct str name;       /* that the map gives to the identifier there; empty: none */
    struct str function;   /* that the place lies in, as the source calls it; empty: not known */
    bool ignored;          /* the map says that the file is no concern of its users (ignoreList) */
};
/* The last mapping of the line at or before the column. False: there is none, or it says that the
 * code there comes from no source. */
bool mapcache_find(const struct mapcache *c, uint32_t line, uint32_t column,
                   struct mapcache_spot *out);
/* File (empty: it has no name) and flag of a source, as in a spot; false: there are fewer. */
bool mapcache_source(const struct mapcache *c, uint32_t source, struct str *file, bool *ignored);
/* A line of a source, without its end. False: its text is not known, or has fewer lines. */
bool mapcache_line(const struct mapcache *c, uint32_t source, uint32_t line, struct str *out);

#endif
