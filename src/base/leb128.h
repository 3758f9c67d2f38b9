/* leb128.h - whole numbers as few bytes: 7 bits a byte, low bits first, high bit set: more follow.
 *
 * Threads: pure. */
#ifndef CRUMPLE_BASE_LEB128_H
#define CRUMPLE_BASE_LEB128_H

#include "base/buf.h"

#define LEB128_BYTES_MAX 5 /* numbers are below 2^35 */

void leb128_write(struct buf *out, size_t n);
/* Takes a number off the front of *rest; false when it has no end there, or none soon enough. */
MUST_CHECK bool leb128_read(struct str *rest, size_t *out);

#endif
