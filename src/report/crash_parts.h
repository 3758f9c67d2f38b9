/* crash_parts.h - what crash_report.c and crash_amend.c share: how members of a report are named,
 * where attributes go, and how groups of them are written. Nobody outside this folder includes it.
 */
#ifndef CRUMPLE_REPORT_CRASH_PARTS_H
#define CRUMPLE_REPORT_CRASH_PARTS_H

#include "report/attributes.h"
#include "report/internal.h"

#define CRASH_REPORT_BYTES_MAX ((size_t)1 << 30)

/* Lists of names end with one whose ptr is NULL. */
bool crash_is_one_of(struct str s, const struct str *names);
extern const struct str crash_top_names[]; /* the report's own members */
extern const struct str crash_id_names[];  /* and those of the group `ids` */

/* A name and an underscore. */
struct crash_name_room {
    char at[REPORT_PATH_MAX + 1];
};
/* A taken name gets an underscore, and so does a taken name that has underscores already: different
 * names stay different. At most REPORT_PATH_MAX bytes. */
struct str crash_free_name(struct str name, const struct str *taken, struct crash_name_room *room);
struct str crash_without_underscores(struct str name); /* those behind it */

enum crash_place {
    PLACE_TOP, /* or PLACE_MORE, when there are too many */
    PLACE_CLASSIFIERS,
    PLACE_NUMBERS,
    PLACE_IDS,
    PLACE_OBJECTS,
    PLACE_MORE,
    PLACE_NONE
};
/* Names of the groups, PLACE_NUMBERS to PLACE_MORE. */
extern const struct str crash_groups[];
/* Depends on nothing but the attribute, so that one that is set later finds its place, too. Never
 * PLACE_MORE. */
enum crash_place crash_place_of(struct str name, enum attribute_type type);

struct crash_writer {
    struct json_writer w;
    size_t values; /* that may still be written */
};
bool crash_may_write(struct crash_writer *w); /* counts one value */

/* Begins a group before its first member. */
void crash_begin_group(struct json_writer *w, enum crash_place place, bool *begun);
/* The attributes of a group other than objects, and its end. begun: it has members already. */
void crash_write_group(struct crash_writer *w, const struct attributes *a, enum crash_place place,
                       bool begun);
/* A list of the words of a text. */
void crash_write_words(struct crash_writer *w, struct str text);
/* Whether the text goes on with this item of a list that is joined by spaces; it loses it then. */
bool crash_skip_classifier(struct str *text, struct str item, bool first);
/* The text that was written, kept in the arena. */
MUST_CHECK bool crash_take_text(struct buf *b, struct arena *a, struct str *json, struct err *e);

#endif
