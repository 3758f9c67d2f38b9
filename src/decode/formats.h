/* formats.h - what the files of src/decode share. Nobody outside this folder includes it.
 *
 * Each decoder fills in a crash that decode_nothing has made empty. */
#ifndef CRUMPLE_DECODE_FORMATS_H
#define CRUMPLE_DECODE_FORMATS_H

#include "decode/decode.h"

/* backtrace_json.c: the JSON error format of Backtrace. ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool backtrace_json_decode(struct str text, struct crash *out, struct arena *a,
                                      struct err *e);
/* The uuid that a parsed report gives itself; empty when it has none, or none that can be kept. */
struct str backtrace_json_uuid(const struct json *report);

/* javascript.c: frames of scripts, by the source maps that `symbols` has, as places in their
 * sources: file, line, column, function, the lines around it; where they were is kept (crash.h).
 * Fills in crash.scripts. ERR_NOMEM. */
MUST_CHECK bool javascript_map(struct crash *c, const struct symbol_source *symbols,
                               struct arena *a, struct err *e);

/* A byte order mark at the front is no JSON, but some write one. */
struct str decode_skip_bom(struct str text);

/* merge.c: whether an attribute of this name is a modifier (_mod_sync ...), which is obeyed and not
 * kept. The threads must be known. */
bool decode_modifier(struct crash *c, struct str name, struct str value);

/* A number as senders write it: decimal digits ("7.0" is 7, too), or 0x and hex digits. */
bool decode_number(struct str s, uint64_t *out);

#endif
