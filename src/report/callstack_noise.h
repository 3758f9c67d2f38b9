/* callstack_noise.h - frames that say how a program failed or started, and not where its fault is.
 *
 * Threads: pure. */
#ifndef CRUMPLE_REPORT_CALLSTACK_NOISE_H
#define CRUMPLE_REPORT_CALLSTACK_NOISE_H

#include "base/str.h"

/* Innermost: aborting, raising, throwing. `name` as fingerprint_function gives it. */
bool noise_failing(struct str name);
/* Outermost: starting a thread or the program. `name` is the frame's in the call stack, `script`
 * its module or file as the sender wrote it. */
bool noise_starting(struct str name, struct str script, bool has_function);

#endif
