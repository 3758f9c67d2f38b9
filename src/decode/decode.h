/* decode.h - from the bytes of an upload to a crash. One file a format; this table chooses.
 *
 * Threads: pure functions on an arena. */
#ifndef CRUMPLE_DECODE_DECODE_H
#define CRUMPLE_DECODE_DECODE_H

#include "report/crash.h"
#include "report/upload.h"
#include "symbols/source.h"

#define DECODE_JSON_NODES 4000000
#define DECODE_JSON_DEPTH 256

/* Whether this version reads the format: all but btt, whose own format is not public. */
bool decode_can(enum upload_format format);
/* The same, asked of an upload that has been let in, by its bytes, which count for more than what
 * the sender called it: a btt that is a minidump is read as one. */
bool decode_can_read(enum upload_format format, struct bytes first);

/* At the door, from the first bytes (as many as there are, at least DECODE_MAGIC_BYTES of a longer
 * upload): could this be the format, or another that is taken by this door
 * (docs/formats/README.md)? ERR_INPUT with a sentence that names both when not. */
#define DECODE_MAGIC_BYTES 64
MUST_CHECK bool decode_check_magic(enum upload_format format, struct bytes first, struct err *e);

/* At the door, for a whole JSON report: it must be a JSON object; `uuid` is its uuid or empty.
 * ERR_INPUT with line and column, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool decode_check_json(struct str text, struct arena *a, struct str *uuid,
                                  struct err *e);

/* Fills *out. Stacks of dumps are walked with these symbols (NULL: without). Attributes are the
 * report's own only: see decode_merge. ERR_INPUT, ERR_LIMIT: it cannot be read; ERR_NOMEM. Oddities
 * that can be passed over become out->errors. */
MUST_CHECK bool decode_upload(enum upload_format format, struct str bytes,
                              const struct symbol_source *symbols, struct crash *out,
                              struct arena *a, struct err *e);

/* A crash without content, for an upload that cannot be decoded (yet): no threads, no attributes.
 */
void decode_nothing(struct crash *out, struct arena *a);

/* Merges the fields of the request into the attributes: report < query string < form field <
 * the bucket's `set` (when upload->bucket.use). Sets the attributes that the server knows
 * (object.size, ...): see docs/backtrace-mapping.md. Applies _mod_faulting_tid. ERR_NOMEM. */
MUST_CHECK bool decode_merge(struct crash *c, const struct upload *upload, struct err *e);
/* Whether decode_merge makes this attribute, whatever anybody says. */
bool decode_is_from_server(struct str name);

#endif
