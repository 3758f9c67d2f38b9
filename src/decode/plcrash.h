/* plcrash.h - reports of PLCrashReporter (macOS, iOS, tvOS).
 *
 * The message is read by protobuf-c, from plcrash.proto, which we wrote from the documented fields;
 * docs/formats/plcrash.md tells what is read, the limits and where the facts come from. Threads:
 * pure. */
#ifndef CRUMPLE_DECODE_PLCRASH_H
#define CRUMPLE_DECODE_PLCRASH_H

#include "decode/dump.h"

bool plcrash_is(struct bytes first);
/* Whether the first bytes (at least 8, or all that there are) are the header of a report that can
 * be read. ERR_INPUT tells what is wrong with it. */
MUST_CHECK bool plcrash_check_header(struct bytes first, struct err *e);
/* The stacks come walked; functions and lines from symbols (NULL: none), or the report's own. The
 * crashed thread is the first. ERR_INPUT says where in the file; ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool plcrash_read(struct bytes file, const struct symbol_source *symbols,
                             struct dump *out, struct arena *a, struct err *e);

#endif
