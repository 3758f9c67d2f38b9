/* minidump.h - minidumps of Windows, Linux, Android, macOS and iOS, by whichever writer.
 *
 * Our own bounds-checked reader; docs/formats/minidump.md tells what is read, the limits and where
 * the facts come from. Threads: pure. */
#ifndef CRUMPLE_DECODE_MINIDUMP_H
#define CRUMPLE_DECODE_MINIDUMP_H

#include "decode/dump.h"

bool minidump_is(struct bytes first);
/* Reads and walks. symbols may be NULL. ERR_INPUT: no minidump, or damaged so that nothing can be
 * made of it; ERR_LIMIT, ERR_NOMEM. A stream that is damaged becomes a sentence in out->errors. */
MUST_CHECK bool minidump_read(struct bytes file, const struct symbol_source *symbols,
                              struct dump *out, struct arena *a, struct err *e);

#endif
