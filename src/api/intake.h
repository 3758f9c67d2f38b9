/* intake.h - the body of a submission on its way into spools, raw or multipart.
 *
 * The file is what is submitted: a raw body, or the part upload_file (upload_file_minidump). Of
 * the other parts, those with a filename and those called attachment_<name> or attachment.<ext>
 * are attachments; the rest are fields.
 *
 * Threads: one at a time. Memory: the arena; what is not in it goes with it. */
#ifndef CRUMPLE_API_INTAKE_H
#define CRUMPLE_API_INTAKE_H

#include "base/buf.h"
#include "base/vec.h"
#include "decode/decode.h"
#include "store/blobs.h"

#define INTAKE_FIELD_BYTES_MAX (4 * 1024 * 1024) /* names and values of one body's fields */

struct intake_limits {
    uint64_t json_bytes;       /* of a JSON report */
    uint64_t attachment_bytes; /* of one attachment */
    size_t parts;
    size_t fields;
};

struct intake_file {
    struct str name, type;
    struct spool *spool;
};

enum intake_part { INTAKE_FILE, INTAKE_ATTACHMENT, INTAKE_FIELD, INTAKE_IGNORED };

struct intake {
    /* Set before intake_begin, never changed by it. */
    struct arena *arena;
    struct blobs *blobs;
    struct intake_limits limits;
    bool is_attachment; /* all of it is one: of a multipart body the first part with a filename */
    bool has_format;    /* else it is told by the first bytes, by whoever wants to know */
    enum upload_format format;

    /* What has come so far; complete after intake_end. */
    struct spool *file; /* one of `spools`; NULL: none yet */
    struct str file_type;
    struct str file_name; /* of the part that it is; may be empty */
    struct content file_content;
    uint8_t first[DECODE_MAGIC_BYTES]; /* of the file */
    size_t first_len;
    struct upload_attachment *attachments;
    size_t attachment_count;
    VEC(struct spool *) spools;
    VEC(struct upload_field) fields;
    struct str format_word; /* a field `format`, which is no attribute */
    bool wants_sync;        /* a field _mod_sync */

    /* Its own. */
    struct multipart *multipart; /* NULL: a raw body */
    enum intake_part part;
    struct str part_name;
    struct buf value; /* of the field under way */
    size_t field_bytes;
    VEC(struct intake_file) files; /* attachments */
};

/* content_type: of the request; may be empty. ERR_INPUT: multipart without a boundary. */
MUST_CHECK bool intake_begin(struct intake *in, struct str content_type, struct err *e);
/* ERR_INPUT: broken multipart, a file that does not begin as its format must; ERR_LIMIT; ERR_FULL,
 * ERR_IO, ERR_NOMEM. */
MUST_CHECK bool intake_add(struct intake *in, struct bytes piece, struct err *e);
/* The body is complete. ERR_INPUT also when there is no file, or nothing in it. */
MUST_CHECK bool intake_end(struct intake *in, struct err *e);

#endif
