/* frames.h - for programs that crash where the tests know it.
 *
 * `frame N NAME` in a comment marks the line of a call (or of the crash itself), N counted from the
 * crash outwards; the tests read these marks (tests/cli/test_real_crashes.py). */
#ifndef FRAMES_H
#define FRAMES_H

/* A function that stays one at -O2, under its own name. */
#ifdef __clang__
#define KEEP __attribute__((noinline))
#else
#define KEEP __attribute__((noinline, noclone, noipa))
#endif
#define INLINE static inline __attribute__((always_inline))

extern volatile int
    sink; /* what is done with it cannot be left out, nor a call before it be last */

#endif
