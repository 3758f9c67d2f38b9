/* stackwalk_parts.h - how `crumple stackwalk` writes single values: as JSON, where what is not
 * known is null, and for people.
 *
 * Threads: pure. */
#ifndef CRUMPLE_CLI_STACKWALK_PARTS_H
#define CRUMPLE_CLI_STACKWALK_PARTS_H

#include "base/json.h"

/* Key and value. An empty text is null; numbers that are not known are. */
void stackwalk_write_text(struct json_writer *w, const char *key, struct str text);
void stackwalk_write_hex(struct json_writer *w, struct str key, bool known, uint64_t n);
void stackwalk_write_number(struct json_writer *w, const char *key, bool known, uint64_t n);
/* The member `errors`. */
void stackwalk_write_errors(struct json_writer *w, const struct str *errors, size_t count);

/* Foreign text: no control character reaches a terminal. */
void stackwalk_add(struct buf *b, struct str text);
/* With zeros, or blanks, in front up to the width. */
void stackwalk_add_hex(struct buf *b, uint64_t n, size_t width);
void stackwalk_add_decimal(struct buf *b, uint64_t n, size_t width);

#endif
