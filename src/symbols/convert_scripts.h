/* convert_scripts.h - the scripts of an upload, or of folders (folder_maps.c), remembered for the
 * source maps beside them.
 *
 * An archive gives its files in any order, so it is read twice when there are source maps in it:
 * first for all else, and the scripts among that are noted here; then for the maps, which ask which
 * script is theirs. So do the files of folders.
 *
 * A script is a map's when it names it (sourceMappingURL), or when it has the map's name without
 * ".map": in the same folder; else anywhere, unless it has one in its own. Of these ways the first
 * counts by which there is just one; where several scripts claim a map, none of them is its. So the
 * order of files is no matter. Threads: one. */
#ifndef CRUMPLE_SYMBOLS_CONVERT_SCRIPTS_H
#define CRUMPLE_SYMBOLS_CONVERT_SCRIPTS_H

#include "base/idmap.h"
#include "base/vec.h"
#include "sourcemap/script.h"

struct convert_script {
    struct str path;
    struct str debug_id, map_name; /* as in script_about */
    struct str text;               /* empty when it was too long to be kept */
    uint64_t size;
    char uuid[SCRIPT_UUID_DIGITS + 1];
    bool used;    /* a map has asked for it */
    bool has_map; /* in the same folder, so no other is its */
};

/* How one of them is found. */
struct convert_script_key {
    unsigned way;
    struct str text; /* path or name of a map */
    uint32_t script;
    bool ambiguous; /* other scripts have the same, */
    bool asked;     /* and a map has asked for it */
};
struct convert_scripts {
    struct arena *arena;
    VEC(struct convert_script) list;
    VEC(struct convert_script_key) keys;
    struct idmap by_key;
    VEC(struct str) maps; /* their paths */
    bool settled;         /* all scripts and maps are noted, and has_map is right */
    size_t text_bytes;    /* that may still be kept */
};
/* memory_bytes: for all that is remembered, half of it for texts. */
MUST_CHECK bool convert_scripts_init(struct convert_scripts *s, size_t memory_bytes);
void convert_scripts_done(struct convert_scripts *s);

/* ERR_NOMEM: there are too many. */
MUST_CHECK bool convert_scripts_add(struct convert_scripts *s, struct str path, struct str text,
                                    const struct script_about *about, struct err *e);
/* That there is a map of this path; before the first is asked for. ERR_NOMEM. */
MUST_CHECK bool convert_scripts_note_map(struct convert_scripts *s, struct str path, struct err *e);
/* The script that the map of this path is for; NULL. */
struct convert_script *convert_scripts_find(struct convert_scripts *s, struct str path);
/* Of a script that no map has found: whether one has looked for it, and found that others claim it,
 * too. False, too, when memory is short. */
bool convert_scripts_is_contested(struct convert_scripts *s, uint32_t script);

#endif
