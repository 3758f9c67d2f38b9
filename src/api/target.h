/* target.h - what the URL of a submission says, in all the forms that clients write it.
 *
 *     /<universe>/<token>/<format>?attribute=value&...     also with "&" in the place of "?"
 *     /api/post?format=<format>&token=<token>&...          also ?<format>&token=...
 *     /post?format=<format>&token=<token>&...
 *
 * Around them: slashes doubled, "submit.backtrace.io" as the first element, "/post" once more at
 * the end, a second "?" in the query. docs/backtrace-api.md has the list and what wins over what.
 *
 * Threads: pure. Memory: the arena and the input, which must stay. */
#ifndef CRUMPLE_API_TARGET_H
#define CRUMPLE_API_TARGET_H

#include "report/upload.h"

struct target {
    /* Empty when the URL does not say. Not checked against anything. */
    struct str universe, token, project;
    struct str format; /* a word, perhaps none that we know */
    bool hosted;       /* the form whose path has universe, token and format */
    struct str object; /* not empty: an attachment for this object */
    struct str attachment_name;
    struct str resource; /* "_kv": the body is attributes for the object */
    bool sync;           /* _mod_sync, or sync=true */
    /* All other parameters in their order, with _mod_sync: attributes, and what symbols are told
     * (tag, symbolication_id). */
    struct upload_field *fields;
    size_t field_count;
};

/* ERR_NOT_FOUND: no URL of a submission. ERR_INPUT: bad percent codes, no UTF-8. ERR_LIMIT: names
 * or values that are too long. ERR_NOMEM. */
MUST_CHECK bool target_read(struct str path, struct str query, struct arena *a, struct target *out,
                            struct err *e);

/* Parameters that are for symbols alone; of errors they are no attributes either. */
bool target_is_for_symbols(struct str name);

#endif
