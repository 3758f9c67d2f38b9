/* utf8.h - is this UTF-8, how long is its next character, and how is one written?
 *
 * Valid means: Unicode's well-formed UTF-8 (no overlong forms, no surrogates, nothing above
 * U+10FFFF). NUL is a character like any other. */
#ifndef CRUMPLE_BASE_UTF8_H
#define CRUMPLE_BASE_UTF8_H

#include "base/str.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the first character, 1 to 4; 0 when s is empty or does not begin with a valid one. */
size_t utf8_char_len(struct str s);

/* How many bytes at the front of s are valid UTF-8: s.len when all of it is. */
size_t utf8_valid_prefix(struct str s);

/* Writes a character, at most U+10FFFF and no surrogate; how many bytes it took. */
size_t utf8_put(uint32_t c, char out[4]);

#endif
