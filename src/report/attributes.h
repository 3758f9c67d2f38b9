/* attributes.h - the named scalars of a report, typed, from several places merged into one list.
 *
 * Place in the story: a decoder puts those of the report in, decode_merge those of the request over
 * them; crash_report.h places them in the report, and the store keeps them as JSON.
 *
 * Threads: one at a time. Memory: the arena; names and texts are borrowed. */
#ifndef CRUMPLE_REPORT_ATTRIBUTES_H
#define CRUMPLE_REPORT_ATTRIBUTES_H

#include "base/json.h"

#define ATTRIBUTES_MAX 4096 /* of one report; further ones are left out, and an error says so */

enum attribute_type {
    ATTRIBUTE_STRING,
    ATTRIBUTE_UNSIGNED,  /* 0 to 2^64 - 1, written without sign or leading zeros */
    ATTRIBUTE_SIGNED,    /* -2^63 to -1 */
    ATTRIBUTE_BOOLEAN,   /* text is "true" or "false" */
    ATTRIBUTE_DOUBLE,    /* any other JSON number, as written; only from JSON */
    ATTRIBUTE_UUID,      /* 8-4-4-4-12 or 32 hex digits, as written */
    ATTRIBUTE_DICTIONARY /* a JSON object or list as its text; only from JSON */
};
struct str attribute_type_name(enum attribute_type t); /* "string", "unsigned", ... */

struct attribute {
    struct str name;
    enum attribute_type type;
    struct str text;
};

struct attributes {
    struct arena *arena;
    struct attribute *at; /* in the order in which names came first */
    size_t count, cap;
    size_t dropped; /* over ATTRIBUTES_MAX; or the name is empty, over UPLOAD_NAME_MAX, not UTF-8 */
    size_t cut;     /* values that were over UPLOAD_VALUE_MAX */
    /* The implementation's own: finds names. */
    uint32_t *table; /* open addressing: index in `at` + 1; 0 is free */
    size_t table_size;
};

void attributes_init(struct attributes *a, struct arena *arena);
/* Sets or replaces: what comes later wins. False only when memory is short.
 *
 * The type is held to what the text can be: a number or a boolean that is none becomes a string,
 * a string that looks like a uuid becomes one. A text that is too long is cut, and then it is a
 * string whatever it was. `text` of a dictionary must be one JSON object or list. */
MUST_CHECK bool attributes_set(struct attributes *a, struct str name, enum attribute_type type,
                               struct str text);
/* The same for text from a query string, a form or a bucket's `set`: the type is what the text
 * looks like (unsigned, signed, uuid, boolean for true and false, else string). */
MUST_CHECK bool attributes_set_text(struct attributes *a, struct str name, struct str text);
/* The same for a JSON value, under its key; null removes nothing and sets nothing. */
MUST_CHECK bool attributes_set_json(struct attributes *a, const struct json *value);
/* Takes one away, if it is there. */
void attributes_remove(struct attributes *a, struct str name);
/* NULL when there is none. */
const struct attribute *attributes_find(const struct attributes *a, struct str name);

/* What attributes_set_text would make of it. */
enum attribute_type attribute_type_of(struct str text);

/* As a JSON object, values in their types: what the store keeps ({"n":5,"s":"x","u":"..."}). */
void attributes_write(struct json_writer *w, const struct attributes *a);
/* One of them, key and value. */
void attribute_write(struct json_writer *w, const struct attribute *a);
/* And back from its text, which must stay: the same names, types and texts. ERR_INPUT, ERR_LIMIT,
 * ERR_NOMEM. */
MUST_CHECK bool attributes_read(struct attributes *a, struct str json, struct err *e);
/* Only the JSON object, within the limits that stored attributes keep. */
MUST_CHECK bool attributes_parse(struct arena *a, struct str json, const struct json **out,
                                 struct err *e);

#endif
