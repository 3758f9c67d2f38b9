/* idmap.h - finds the number of a thing by its hash: one thread inserts, many look up.
 *
 * Open addressing over 64-bit slots: the number in the low half, half of the hash in the high half.
 * The map does not know what the things are; the caller compares. Hashes must come from
 * idmap_hash, which is keyed with a random key, so that chosen names cannot flood it.
 *
 * Threads: one writer; readers need no lock: a slot is stored with release when its thing has been
 * filled. A table that was outgrown is kept until idmap_done, since a reader may still be in it
 * (all old tables together are as large as the present one). */
#ifndef CRUMPLE_BASE_IDMAP_H
#define CRUMPLE_BASE_IDMAP_H

#include "base/err.h"
#include "base/str.h"

#include <stdatomic.h>

#define IDMAP_NONE UINT32_MAX

struct idmap_table;
struct idmap {
    _Atomic(struct idmap_table *) table;
};

/* SipHash-2-4 with the process's random key; `salt` tells fields of the same name apart. */
uint64_t idmap_hash(struct str s, uint64_t salt);

bool idmap_init(struct idmap *m);
void idmap_done(struct idmap *m);

/* The number for which same(ctx, number) holds among those inserted with `hash`; IDMAP_NONE. */
uint32_t idmap_find(const struct idmap *m, uint64_t hash,
                    bool (*same)(const void *ctx, uint32_t id), const void *ctx);
/* Adds; the caller has made sure that it is not there. False: no memory, nothing changed. */
MUST_CHECK bool idmap_insert(struct idmap *m, uint64_t hash, uint32_t id);
/* Takes an insert back, which must be there. For things that were never published: a reader may
 * still be given the number of one, and goes by the count that was published to it. */
void idmap_remove(struct idmap *m, uint64_t hash, uint32_t id);

#endif
