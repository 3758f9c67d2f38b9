/* bucket_names.h - the names of a report's buckets as one small blob. Inside the store only.
 *
 * Neighbouring thresholds mostly share a name, and at the higher ones a report mostly founds
 * buckets of its own name. So the blob is runs from the lowest threshold to the highest:
 *
 *     run:   thresholds in the run (1 byte), length L of the name, the name (L bytes)
 *     L:     as base/leb128.h writes it
 *     L = 0: the name is the report's own database_id
 *
 * Threads: pure. */
#ifndef CRUMPLE_STORE_BUCKET_NAMES_H
#define CRUMPLE_STORE_BUCKET_NAMES_H

#include "base/buf.h"

/* Appends to out; the buffer keeps the failure when memory is short. At most 255 names, none of
 * them empty. */
void bucket_names_encode(struct buf *out, struct str own_id, const struct str *names, size_t count);

/* Fills names[count] with views into blob and own_id; false when the blob does not hold exactly
 * `count` names. */
MUST_CHECK bool bucket_names_decode(struct str blob, struct str own_id, struct str *names,
                                    size_t count);

#endif
