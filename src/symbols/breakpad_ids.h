/* breakpad_ids.h - the numbers of FILE and INLINE_ORIGIN records to our own.
 *
 * Usual numbers are small and stand in an array; others in a table with open addressing, where a
 * factor drawn at random spreads them, so that chosen ones do not meet.
 * Threads: one at a time. */
#ifndef CRUMPLE_SYMBOLS_BREAKPAD_IDS_H
#define CRUMPLE_SYMBOLS_BREAKPAD_IDS_H

#include "base/err.h"

#include <stddef.h>

struct id_slot {
    uint64_t id; /* + 1; 0: free */
    uint32_t number;
};
#define ID_MAP_SMALL ((size_t)1 << 18) /* numbers below this are small */
struct id_map {
    uint32_t *small; /* number + 1; 0: not there */
    size_t room;     /* of `small`: it grows up to ID_MAP_SMALL */
    struct id_slot *slots;
    size_t count;
    unsigned shift; /* 64 - bits of the number of slots */
    uint64_t factor;
};

MUST_CHECK bool id_map_init(struct id_map *m);
void id_map_done(struct id_map *m);
/* False: it is not there. */
bool id_map_get(const struct id_map *m, uint64_t id, uint32_t *number);
/* `id` is not there yet, and `number` below UINT32_MAX. False: no memory. */
MUST_CHECK bool id_map_set(struct id_map *m, uint64_t id, uint32_t number);

#endif
