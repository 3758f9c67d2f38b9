/* frames.h - stack traces in a few characters, for the tests of the similarity `culprit`.
 *
 * Top of stack first, frames between '|':
 *
 *     parse{libp.so}+1a0[b2]^|main
 *
 * is `parse`, inlined ('^') at an address that ends in 1a0, of build b2 of libp.so, called by
 * `main`. Each part may be left out; "?" is a frame whose name is lost. */
#ifndef CRUMPLE_TESTS_GROUP_FRAMES_H
#define CRUMPLE_TESTS_GROUP_FRAMES_H

#include "base/arena.h"
#include "report/trace.h"

#define FRAMES_DEEP 1000 /* frames in one text */

/* Frames with a module or a site get `build` where they name none. The texts are borrowed. */
struct trace frames_parse(const char *text, const char *build, struct arena *a);

#endif
