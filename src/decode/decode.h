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

/* Whether this version reads the format: of reports all but btt, whose layout is not public. */
bool decode_can(enum upload_format format);

/* What the first bytes say that a file is: as many as there are, at least DECODE_MAGIC_BYTES of a
 * longer one. *words: the same, for sentences ("a minidump"). */
#define DECODE_MAGIC_BYTES 64
enum decode_kind {
    KIND_UNKNOWN,
    KIND_JSON, /* or blanks, so far */
    KIND_MINIDUMP,
    KIND_PLCRASH,
    KIND_CORE,
    KIND_SYMBOLS, /* Breakpad symbols, an ELF or Mach-O file, a Windows program, PDB */
    KIND_PACKED,  /* an archive, or compressed */
    KIND_MULTIPART
};
enum decode_kind decode_kind_of(struct bytes first, const char **words);
/* The format of a report of this kind; false: it is none. */
bool decode_format_of(enum decode_kind kind, enum upload_format *out);

/* At the door, from the first bytes: could this be the format, or another that comes by the same
 * door (docs/formats/README.md)? ERR_INPUT with a sentence that names both when not. */
MUST_CHECK bool decode_check_magic(enum upload_format format, struct bytes first, struct err *e);

/* At the door, for a whole JSON report: it must be a JSON object; `uuid` is its uuid or empty.
 * ERR_INPUT with line and column, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool decode_check_json(struct str text, struct arena *a, struct str *uuid,
                                  struct err *e);

/* At the door, for a source map that is JSON: ERR_INPUT with line and column, or when it is no
 * source map; ERR_LIMIT, ERR_NOMEM. What is in it is read later. */
MUST_CHECK bool decode_check_sourcemap(struct str text, struct arena *a, struct err *e);

/* Fills *out, by what the bytes are; `format` counts where they do not say. Stacks of dumps are
 * walked with these symbols (NULL: without). Attributes are the report's own only: see
 * decode_merge. ERR_INPUT, ERR_LIMIT: it cannot be read; ERR_NOMEM. Oddities that can be passed
 * over become out->errors. */
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
