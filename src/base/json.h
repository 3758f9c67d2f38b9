/* json.h - JSON text to a tree and back, on yajl, with limits on length, depth and nodes.
 *
 * Numbers keep their text, exactly as written. Strings are valid UTF-8 and may hold NULs
 * (from "\u0000"). A key that stands twice in one object is refused (the sender means one of them,
 * and we cannot know which). Lone surrogates become U+FFFD.
 * The tree lives in the arena and borrows the text: both must stay. Threads: a tree never changes
 * once parsed, so any number may read it. */
#ifndef CRUMPLE_BASE_JSON_H
#define CRUMPLE_BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_LIST,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    struct str key;           /* the name it has in its object; empty elsewhere */
    struct str text;          /* a string's content, a number as written */
    const struct json *first; /* children of a list or an object, in the order of the text, */
    const struct json *next;  /* linked through next */
    size_t count;             /* how many children */
    size_t begin, end;        /* where it stands in the text, in bytes: [begin, end) */
};

struct json_limits {
    size_t depth; /* lists and objects inside one another; a list of scalars has depth 1 */
    size_t nodes; /* values in all */
};

/* One value and nothing behind it but white space. ERR_INPUT says "line L, column C: ..." (both
 * from 1, columns in bytes) and e->offset is the byte; ERR_LIMIT names the limit; ERR_NOMEM. */
MUST_CHECK bool json_parse(const struct json **out, struct str text, struct json_limits limits,
                           struct arena *a, struct err *e);

/* The member of an object by its name; NULL when there is none, or when `j` is NULL or no object.
 */
const struct json *json_get(const struct json *j, struct str key);

/* Writing. Commas and quotes are the writer's business; the caller nests begin and end properly
 * (an assert checks it). Invalid UTF-8 is written as U+FFFD. Pretty-printing is not offered. */
struct json_writer {
    struct buf *out;
    bool comma;     /* something stands before in this list or object */
    bool after_key; /* the next thing is a member's value */
    int depth;
};

void json_writer_init(struct json_writer *w, struct buf *out);
void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_list(struct json_writer *w);
void json_list_end(struct json_writer *w);
void json_key(struct json_writer *w, struct str key);
void json_str(struct json_writer *w, struct str s);
void json_null(struct json_writer *w);
void json_bool(struct json_writer *w, bool b);
void json_int(struct json_writer *w, int64_t n);
void json_uint(struct json_writer *w, uint64_t n);
/* The shortest text that reads back as the same double (of the smallest doubles, those under
 * 2.3e-308, not always the shortest); not finite becomes null. */
void json_double(struct json_writer *w, double d);
/* The same text of a finite double, in `room`. */
#define JSON_DOUBLE_ROOM 32
struct str json_double_text(double d, char room[JSON_DOUBLE_ROOM]);
void json_tree(struct json_writer *w, const struct json *j); /* a tree as it is */
void json_raw(struct json_writer *w, struct str json); /* text that is one JSON value already */

/* json_key and json_str in one. */
static inline void json_member(struct json_writer *w, const char *key, struct str s)
{
    json_key(w, str_from_c(key));
    json_str(w, s);
}

#endif
