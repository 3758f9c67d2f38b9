/* upload.h - one submission as it came in over the Backtrace API, before anybody has looked inside.
 *
 * Place in the story: src/api fills it in from the request; store/inbox.h keeps it; the engine's
 * workers turn it into a report (src/decode); the store keeps what it was.
 * Everything borrows; who made it says where its memory is. Threads: plain data. */
#ifndef CRUMPLE_REPORT_UPLOAD_H
#define CRUMPLE_REPORT_UPLOAD_H

#include "base/arena.h"

#define CONTENT_HASH_BYTES 32
#define UPLOAD_ATTACHMENTS_MAX 1000 /* of one request */
#define UPLOAD_FIELDS_MAX 4096      /* query parameters and form fields of one request */
#define UPLOAD_NAME_MAX 256         /* bytes in the name of a field, an attribute, an attachment */
#define UPLOAD_VALUE_MAX 65536      /* bytes in the value of a field or an attribute */

/* Stored as numbers: never renumber. */
enum upload_format {
    UPLOAD_JSON = 1,
    UPLOAD_MINIDUMP = 2,
    UPLOAD_PLCRASH = 3,
    UPLOAD_BTT = 4,
    UPLOAD_SYMBOLS = 5,
    UPLOAD_SOURCEMAP = 6,
    UPLOAD_PROGUARD = 7,
    UPLOAD_CORE = 8
};
#define UPLOAD_FORMATS 9 /* one more than the last */

/* "json"; and from a name ("dump" is another word for minidump); false when there is no such. */
struct str upload_format_name(enum upload_format f);
bool upload_format_find(struct str name, enum upload_format *out);
/* Errors, as opposed to symbols and source maps. */
bool upload_format_is_error(enum upload_format f);
/* Symbols and source maps, which are converted to caches. */
bool upload_format_is_symbols(enum upload_format f);

/* The bytes of a body or an attachment: small ones are held, large ones are a file of the store
 * (store/blobs.h), named by its content. */
struct content {
    uint64_t size;
    bool in_file;
    struct str bytes;                 /* when not in_file */
    uint8_t hash[CONTENT_HASH_BYTES]; /* when in_file: the name of the file; else zeros */
};

enum upload_origin { UPLOAD_FROM_QUERY = 0, UPLOAD_FROM_FORM = 1 };
struct upload_field {
    struct str name, value; /* valid UTF-8 */
    enum upload_origin origin;
};

struct upload_attachment {
    struct str name;
    struct str type; /* its Content-Type; empty when the sender said none */
    struct content content;
};

/* The submission bucket of the token that was used: see docs/submission-buckets.md. */
struct bucket_value {
    struct str attribute, value;
};
struct upload_bucket {
    struct str name; /* empty: the token has none, and nothing else here counts */
    uint32_t token;  /* the number of the API token that it is configured on */
    const struct str *attributes;
    size_t attribute_count;
    const struct bucket_value *set;
    size_t set_count;
    /* A good X-Submission-Bucket came with the request: add one to the combination, apply `set`. */
    bool use;
};

struct upload {
    uint64_t object; /* given by the engine at acceptance */
    struct str project;
    enum upload_format format;
    int64_t received_ms;
    struct str type; /* Content-Type of the body */
    struct str uuid; /* the sender's, of a JSON report; empty when there is none */
    const struct upload_field *fields; /* attributes, tags, _mod_*; not token, format ... */
    size_t field_count;
    struct content body;
    const struct upload_attachment *attachments;
    size_t attachment_count;
    struct upload_bucket bucket;
};

#endif
