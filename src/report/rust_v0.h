/* rust_v0.h - the names that rustc gives symbols since 2020: "_RNvCs15kBYyAo9fc_7mycrate3foo" is
 * "mycrate::foo".
 *
 * libiberty can read them, too, but a name of 40 bytes can keep it busy for ever ("for<" and 2^64
 * lifetimes), so this is our own. It leaves out generic arguments, which the fingerprint does not
 * want, and takes time in proportion to the name.
 *
 * Threads: pure. */
#ifndef CRUMPLE_REPORT_RUST_V0_H
#define CRUMPLE_REPORT_RUST_V0_H

#include "base/arena.h"

#define RUST_V0_TEXT_MAX 4096 /* bytes; names that would be longer are refused */
#define RUST_V0_DEPTH_MAX 64  /* paths and types inside one another */
#define RUST_V0_STEPS_MAX                                                                          \
    4096 /* paths, types and constants, with those that are referred back to */

/* `name` begins with "_R". How long the text is that was written to `out`; 0 when the name is none
 * of these, holds an identifier in Punycode, or passes a limit. */
size_t rust_v0_write(struct str name, char out[RUST_V0_TEXT_MAX]);

#endif
