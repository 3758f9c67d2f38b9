/* number_map.h - finds the number of a thing that is known by up to three other numbers: a function
 * in a project, a module of a build.
 *
 * Open addressing, with the key in the slot: a search looks at one line of memory as a rule, where
 * idmap.h looks at the thing, too. The keys are numbers that were given here, one after another,
 * which senders do not choose; so a mix of them with a random key will do instead of SipHash.
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_GROUP_NUMBER_MAP_H
#define CRUMPLE_GROUP_NUMBER_MAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_MAP_NONE UINT32_MAX

struct number_key {
    uint32_t a, b, c;
};
struct number_slot {
    struct number_key key;
    uint32_t number; /* + 1; 0: free */
};
struct number_map {
    struct number_slot *slots; /* a power of two of them */
    size_t slot_count, used;
    uint64_t secret;
};

bool number_map_init(
    struct number_map *m); /* false: no memory; number_map_done is fine then, too */
void number_map_done(struct number_map *m);

uint32_t number_map_find(const struct number_map *m, struct number_key key);
/* Adds; the key must not be there. False: no memory, nothing changed. */
MUST_CHECK bool number_map_insert(struct number_map *m, struct number_key key, uint32_t number);
void number_map_remove(struct number_map *m, struct number_key key); /* which must be there */
/* The key will be sought soon: many can be fetched from memory at once. */
void number_map_expect(const struct number_map *m, struct number_key key);
size_t number_map_bytes(const struct number_map *m);

/* For tables of the same kind: zeroed, for free(); large ones in large pages where the system has
 * them, since each look into such a table is at another page. */
void *number_slots_alloc(size_t count, size_t slot_bytes);

/* For tables of the same kind, too: random, and the same for the whole process. */
uint64_t number_secret(void);
static inline uint64_t number_hash(uint64_t secret, struct number_key key)
{
    uint64_t x = ((uint64_t)key.a << 32 | key.b) ^ secret;
    x = (x ^ x >> 32) * UINT64_C(0x9fb21c651e98df25);
    x = ((x ^ x >> 35) + key.c) ^ (secret >> 17 | secret << 47);
    x *= UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

#endif
