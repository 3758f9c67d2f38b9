/* callstack.h - the frames of one thread, as the names that make up its fingerprint.
 *
 * Threads: pure. */
#ifndef CRUMPLE_REPORT_CALLSTACK_H
#define CRUMPLE_REPORT_CALLSTACK_H

#include "report/fingerprint.h"

#define CALLSTACK_NAMES_MAX 32 /* innermost, after folding; what is further out does not count */
#define CALLSTACK_CYCLE_MAX 8  /* names in a recursion that is folded */

/* Without names when no frame has a function or a module. False only when memory is short. */
MUST_CHECK bool callstack_make(const struct crash_frame *frames, size_t count, struct arena *a,
                               struct callstack *out);

#endif
