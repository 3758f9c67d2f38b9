/* internal.h - what the files of src/report share: which members of a report mean something to us,
 * and where in a report one stands. Nobody outside this folder includes it. */
#ifndef CRUMPLE_REPORT_INTERNAL_H
#define CRUMPLE_REPORT_INTERNAL_H

#include "report/report.h"

/* The members of a report's own object that are more than text to us. */
enum report_key {
    REPORT_KEY_OTHER,
    REPORT_KEY_DATABASE_ID,
    REPORT_KEY_PROJECT,
    REPORT_KEY_DATE,
    REPORT_KEY_STACKTRACE,
    REPORT_KEY_FORCE_BUCKET,
    REPORT_KEY_GENERATED /* made by us; what the upload says is dropped: buckets, href */
};
enum report_key report_key(struct str key);

/* Where in a report a value stands: the same key means different things in different places. */
enum report_place {
    REPORT_PLACE_TOP,   /* the report's own object */
    REPORT_PLACE_STACK, /* the list in its member `stacktrace` */
    REPORT_PLACE_FRAME, /* an object in that list */
    REPORT_PLACE_INNER  /* anywhere else */
};

/* The place of `child`, which is in a list or an object at `place`. `key` is what report_key says
 * of the child; only looked at when `place` is REPORT_PLACE_TOP. */
static inline enum report_place report_place_of(enum report_place place, enum report_key key)
{
    if (place == REPORT_PLACE_TOP && key == REPORT_KEY_STACKTRACE)
        return REPORT_PLACE_STACK;
    return place == REPORT_PLACE_STACK ? REPORT_PLACE_FRAME : REPORT_PLACE_INNER;
}

static inline bool report_is_logdf(enum report_place place, struct str key)
{
    return place == REPORT_PLACE_FRAME && str_eq(key, STR("logdf"));
}

static inline bool report_is_scalar(const struct json *j)
{
    return j->type != JSON_NULL && j->type != JSON_LIST && j->type != JSON_OBJECT;
}

/* The string that a scalar stands for: numbers as written, booleans as "true" and "false". */
static inline struct str report_scalar(const struct json *j)
{
    return j->type == JSON_TRUE ? STR("true") : j->type == JSON_FALSE ? STR("false") : j->text;
}

/* ERR_INPUT, word bad_project_name, bad_database_id ...: a name that must be 1 to max_bytes long
 * and without control characters. `what` begins the sentence. */
MUST_CHECK bool report_name_check(struct str name, size_t max_bytes, const char *what,
                                  const char *word, struct err *e);

/* The field of what has this key in `parent` (empty: in the report itself). False: no memory. */
MUST_CHECK bool report_field_name(struct arena *a, struct str parent, struct str key,
                                  struct str *out);

/* Sees that the report keeps the limits on depth and texts, and fills texts and text_count. */
MUST_CHECK bool report_collect_texts(struct report *out, const struct json *json, struct arena *a,
                                     struct err *e);

/* `json` must have passed report_collect_texts. */
MUST_CHECK bool report_hash_content(uint8_t out[REPORT_CONTENT_HASH_BYTES], const struct json *json,
                                    struct arena *a, struct err *e);

#endif
