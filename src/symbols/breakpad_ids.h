/* breakpad_ids.h - the numbers of FILE and INLINE_ORIGIN records to our own.
 *
 * Open addressing; numbers are spread by a factor drawn at random, so that chosen ones do not meet.
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_BREAKPAD_IDS_H
#define CRUMPLE_SYMBOLS_BREAKPAD_IDS_H

#include "base/err.h"

#include <stddef.h>

struct id_slot {
    uint64_t id; /* + 1; 0: free */
    uint32_t number;
};
struct id_map {
    struct id_slot *slots;
    size_t count;
    unsigned shift; /* 64 - bits of the number of slots */
    uint64_t factor;
};

MUST_CHECK bool id_map_init(struct id_map *m);
void id_map_done(struct id_map *m);
/* Where the number of `id` stands. *fresh: it was not there, and the caller sets the number now.
 * NULL: no memory. Valid until the next call. */
uint32_t *id_map_at(struct id_map *m, uint64_t id, bool *fresh);

#endif
