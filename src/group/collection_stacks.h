/* collection_stacks.h - stacks by their hash, between collection.c and collection_lookup.c. Writer
 * only. Only they and their test include it. */
#ifndef CRUMPLE_GROUP_COLLECTION_STACKS_H
#define CRUMPLE_GROUP_COLLECTION_STACKS_H

#include "group/collection.h"

uint64_t collection_stack_hash(const uint32_t *values, uint32_t count);
/* COLLECTION_NONE when there is no such stack. */
uint32_t collection_find_hashed(const struct collection *c, const uint32_t *values, uint32_t count,
                                uint64_t hash);

#endif
