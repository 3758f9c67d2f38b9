/* run_number_map.h - different numbers and how often each came: a hash table that is emptied at no
 * cost, for one group after the other.
 *
 * Numbers get places 0, 1, 2, ... in the order of their coming. The hash has a random key, so that
 * chosen numbers cannot crowd it.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_NUMBER_MAP_H
#define CRUMPLE_COLUMNS_RUN_NUMBER_MAP_H

#include "base/arena.h"

struct number_slot {
    uint64_t number;
    uint32_t place;
    uint32_t stamp; /* of the filling that it is of */
};

struct run_number_map {
    struct arena *arena;
    uint64_t key;
    struct number_slot *slots;
    size_t slot_room, mask; /* mask < slot_room: as much of them as is in use */
    uint32_t stamp;
    uint64_t *numbers; /* by place */
    uint32_t *counts;
    uint32_t count;
    size_t room;
};

void run_number_map_init(struct run_number_map *m, struct arena *a);
/* Empties it; about `most` numbers will come. */
MUST_CHECK bool run_number_map_reset(struct run_number_map *m, size_t most, struct err *e);
/* The place of a number that came once more. */
MUST_CHECK bool run_number_map_add(struct run_number_map *m, uint64_t number, uint32_t *place,
                                   struct err *e);

#endif
