/* javascript.h - what javascript.c and javascript_scripts.c share: in which script a frame is, as
 * its report says it. Nobody else includes it. */
#ifndef CRUMPLE_DECODE_JAVASCRIPT_H
#define CRUMPLE_DECODE_JAVASCRIPT_H

#include "report/crash.h"
#include "symbols/source.h"

/* A member of symbolication_maps. */
struct listed_script {
    struct str path, base, uuid;
};

/* What a report says of its scripts. Texts are the report's or the arena's. */
struct scripts_told {
    bool any;       /* there may be frames that a source map is for */
    bool by_name;   /* scripts without an id may have one, too */
    bool sourcemap; /* the report says that it needs source maps, */
    bool with_ids;  /* and by which ids, of some scripts at least */
    struct str symbolication_id;
    const struct listed_script *listed; /* by base name, then by path */
    size_t listed_count;
};
/* False: no memory. */
MUST_CHECK bool scripts_told(struct scripts_told *out, const struct crash *c, struct arena *a);

struct script_named {
    struct script_id id;
    bool wanted; /* the lack of its map is worth remembering */
};
/* False: the frame is in no script that there could be a map for, or not at a place in it. Ids are
 * as the report writes them. */
bool scripts_name(const struct scripts_told *t, const struct crash_frame *f,
                  struct script_named *out);

/* The script as the frame names it: a path or a URL. */
struct str scripts_path(const struct crash_frame *f);

#endif
