/* platform.h - what is known of platforms and languages, and not of any one program: which frames
 * say only how a program started or ended, which belong to the system, which names are those of
 * helpers that handle memory.
 *
 * Names as fingerprint_function gives them. Data with its sources in platform.c and, for how
 * programs fail and start, in report/callstack_noise.c. Threads: pure. */
#ifndef CRUMPLE_GROUP_PLATFORM_H
#define CRUMPLE_GROUP_PLATFORM_H

#include "base/str.h"

enum platform_kind {
    PLATFORM_NONE,   /* the program's own, as far as is known */
    PLATFORM_ENDS,   /* raise, abort, assert, throw, panic: how it ended */
    PLATFORM_STARTS, /* how the program or thread was started */
    PLATFORM_SYSTEM  /* of the C library, the loader, a language's runtime: malloc, memcpy, ... */
};
/* name: may be empty (not known), then only the module counts; module: may be empty. */
enum platform_kind platform_frame(struct str name, struct str module);

/* Where the kernel called a signal handler: what stands above it is the handler's. */
bool platform_is_trampoline(struct str name);

/* Whether the name has a word of memory handling in it (alloc, free, dup, grow, ...): functions of
 * that kind are mostly called on another's behalf. */
bool platform_is_memory_word(struct str name);

#endif
