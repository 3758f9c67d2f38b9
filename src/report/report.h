/* report.h - one crash or error report, as the rest of Crumple sees it.
 *
 * Place in the story: the process step makes a report from an upload (report_from_json for the
 * PartyCrasher format; src/decode for others); the writer places it in its buckets and stores it;
 * reading turns the stored payload back into JSON (report_write).
 *
 * Everything lives in the arena it was made with and borrows the upload's text.
 * Threads: pure functions; a report never changes once it has its project. */
#ifndef CRUMPLE_REPORT_REPORT_H
#define CRUMPLE_REPORT_REPORT_H

#include "base/arena.h"
#include "base/json.h"
#include "report/trace.h"

#define REPORT_DEPTH_MAX 64      /* lists and objects inside one another */
#define REPORT_FRAMES_MAX 10000  /* frames of the stack trace */
#define REPORT_TEXTS_MAX 1000000 /* strings in one report */
#define REPORT_NAME_MAX 256      /* bytes in a project name */
#define REPORT_ID_MAX 1024       /* bytes in a database_id or a bucket id */
#define REPORT_PATH_MAX 1024     /* bytes in the name of a field */
#define REPORT_CONTENT_HASH_BYTES 32

/* A string of the report and the field that it belongs to: "stacktrace.function", "Package". Keys
 * on the way are joined with dots; a '.' or ':' inside a key is an underscore in the field's name.
 * Lists add nothing to the name. Numbers and booleans are here as the strings they were turned
 * into. */
struct report_text {
    struct str field;
    struct str text;
};

struct report {
    struct str database_id;
    struct str project;      /* empty until report_set_project when the upload names none */
    struct str force_bucket; /* empty when not asked for */
    int64_t date_ms;         /* UTC; meaningless unless has_date */
    bool has_date;
    struct str payload; /* the JSON object, byte for byte as it came */
    /* Every string of the report in document order; left out are the generated properties (buckets,
     * href, logdf), force_bucket, and project, which is known only later. */
    const struct report_text *texts;
    size_t text_count;
    struct trace trace; /* of the member stacktrace */
    /* BLAKE2b over the content in a canonical form: keys sorted, scalars as strings, without
     * project, date and generated properties. Equal means "the same report". */
    uint8_t content_hash[REPORT_CONTENT_HASH_BYTES];
};

/* Reads one report in the PartyCrasher format from a parsed JSON value; `text` is what `json` was
 * parsed from. On failure e->word is one of: no_report_data_provided (not an object, or empty),
 * no_database_id, bad_database_id, bad_project_name, bad_date, bad_stacktrace, bad_force_bucket,
 * too_deep, too_many_frames, too_many_values. */
MUST_CHECK bool report_from_json(struct report *out, const struct json *json, struct str text,
                                 struct arena *a, struct err *e);

/* Settles the project: `from_url` is what the URL or the command line says, empty when it says
 * nothing. Words: no_project, name_mismatch, bad_project_name. */
MUST_CHECK bool report_set_project(struct report *r, struct str from_url, struct err *e);

/* Whether a project may have this name: not empty, at most REPORT_NAME_MAX bytes, no control
 * characters, not "." or "..", none of the reserved names (api, post, reports, buckets, config,
 * search, ui, metrics, health). Word: bad_project_name. */
MUST_CHECK bool report_project_check(struct str name, struct err *e);

/* How to write a stored report again. Callbacks add what only the server knows. */
struct report_extra {
    void *ctx;
    /* Writes the members href, buckets, ... of the report (keys and values); may be NULL. */
    void (*members)(void *ctx, struct json_writer *w);
    /* The logdf of a function; false when it is not known. May be NULL. */
    bool (*logdf)(void *ctx, struct str function, double *out);
    struct str project; /* what the members project and date are set to */
    int64_t date_ms;
};

/* Writes the payload's object with scalars as strings, generated properties replaced, project and
 * date as stored, and logdf in each frame that has a function. */
void report_write(struct json_writer *w, const struct json *payload, const struct report_extra *x);

#endif
