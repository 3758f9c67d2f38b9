/* demangle.h - the names that linkers know, as people write them: C++ (_Z), Rust (_R, and _ZN with
 * a hash), D (_D, but for references back and new templates). Takes time in proportion to the name,
 * and to DEMANGLE_TEXT_MAX.
 *
 * Threads: pure. */
#ifndef CRUMPLE_REPORT_DEMANGLE_H
#define CRUMPLE_REPORT_DEMANGLE_H

#include "base/arena.h"

#define DEMANGLE_NAME_MAX 4096  /* bytes; longer names are left as they are */
#define DEMANGLE_TEXT_MAX 16384 /* bytes of what comes out; else the name is left as it is */

/* *out = name when it is none of these, or is damaged. Parameters and return types of the function
 * itself are mostly left out. False only when memory is short. */
MUST_CHECK bool demangle(struct str name, struct arena *a, struct str *out);
/* The same with the parameters of C++ functions, as symbol files write names. */
MUST_CHECK bool demangle_full(struct str name, struct arena *a, struct str *out);

#endif
