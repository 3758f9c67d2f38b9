/* breakpad.h - reads Breakpad symbol files (.sym).
 *
 * Source of the format: docs/symbol_files.md of google/breakpad. Records that are not known or
 * damaged are passed over and counted, as minidump_stackwalk does.
 * Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_BREAKPAD_H
#define CRUMPLE_SYMBOLS_BREAKPAD_H

#include "symbols/symcache_builder.h"

/* By its first bytes. */
bool breakpad_is(struct bytes first);
/* The identity alone, from the MODULE and INFO records at the front. ERR_INPUT. Texts borrow. */
MUST_CHECK bool breakpad_identify(struct bytes file, struct symcache_about *out, struct err *e);
/* The whole file into a builder. ERR_INPUT: no MODULE record; ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool breakpad_read(struct bytes file, struct symcache_builder *b, struct err *e);

#endif
