/* fingerprints.h - fingerprints of projects, by number: what the engine counts, merges and keeps
 * issues of is found by these. Inside src/engine only.
 *
 * Numbers are places in `at`, given from 0 on in the order of coming.
 * Threads: one at a time, or what the owner says. Memory: heap, the set's own. */
#ifndef CRUMPLE_ENGINE_FINGERPRINTS_H
#define CRUMPLE_ENGINE_FINGERPRINTS_H

#include "base/idmap.h"
#include "base/vec.h"
#include "store/store.h"

#define FINGERPRINTS_NONE UINT32_MAX

struct fingerprint {
    uint8_t key[16]; /* BLAKE2b of project and fingerprint */
    uint8_t bytes[STORE_FINGERPRINT_BYTES];
    uint32_t project; /* in `projects` */
};
struct fingerprints {
    VEC(struct fingerprint) at;
    struct idmap by_key;
    VEC(struct str) projects; /* heap */
};

MUST_CHECK bool fingerprints_init(struct fingerprints *f);
void fingerprints_done(struct fingerprints *f);
/* Its number, or FINGERPRINTS_NONE. */
uint32_t fingerprints_find(const struct fingerprints *f, struct str project,
                           const uint8_t fingerprint[STORE_FINGERPRINT_BYTES]);
/* Adds one that is not there. FINGERPRINTS_NONE: no memory, and nothing was added. */
uint32_t fingerprints_add(struct fingerprints *f, struct str project,
                          const uint8_t fingerprint[STORE_FINGERPRINT_BYTES]);
void fingerprints_drop_last(struct fingerprints *f);
/* Of a number; good as long as the set. */
struct str fingerprints_project(const struct fingerprints *f, uint32_t number);

#endif
