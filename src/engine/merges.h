/* merges.h - which fingerprints are merged into which: docs/merging.md. Inside src/engine only.
 *
 * A forest for each project: fingerprints of objects and, above them, groups, which have
 * fingerprints of their own. An object is shown with the root above its own fingerprint.
 *
 *            G2                   A, B and C are shown as G2
 *          /    \
 *        G1      C
 *       /  \
 *      A    B                     D is shown as itself
 *
 * Groups may be in groups to any depth, so each node knows its root: nobody walks up.
 *
 * Threads: merges_shown any; the rest the writer, or at start the opener. One lock, held for some
 * instructions. */
#ifndef CRUMPLE_ENGINE_MERGES_H
#define CRUMPLE_ENGINE_MERGES_H

#include "engine/fingerprints.h"

#include <pthread.h>

#define MERGES_NONE UINT32_MAX
#define MERGES_MAX 1000000 /* fingerprints that are merged, or groups, in all projects */

struct merge_node {
    uint32_t parent;   /* a place in `nodes`, or MERGES_NONE */
    uint32_t root;     /* the last one above it; itself */
    uint32_t children; /* how many; the writer's, as nobody else reads it */
};
struct merges {
    pthread_mutex_t mu;
    /* Guarded by mu when they change, and when others than the writer read. */
    VEC(struct merge_node) nodes;
    struct fingerprints names; /* of the nodes, by the same numbers */
};

MUST_CHECK bool merges_init(struct merges *m);
void merges_done(struct merges *m);
void merges_clear(struct merges *m);

/* What an object of this fingerprint is shown with; itself when it is not merged. True: it is. */
bool merges_shown(struct merges *m, struct str project,
                  const uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
                  uint8_t shown[STORE_FINGERPRINT_BYTES]);

/* The writer. A node, or MERGES_NONE. */
uint32_t merges_find(const struct merges *m, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES]);
/* The same, made when it is new, as a root; MERGES_NONE with *e: ERR_NOMEM, ERR_LIMIT. */
uint32_t merges_node(struct merges *m, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct err *e);
/* Whether it is merged into another, or others into it. */
bool merges_is_in_use(const struct merges *m, uint32_t node);
const uint8_t *merges_fingerprint(const struct merges *m, uint32_t node);
void merges_move(struct merges *m, uint32_t node, uint32_t parent, uint32_t root);
/* The roots of a forest that is told by the parents of its nodes. Linear. False: there is a ring.
 */
MUST_CHECK bool merges_find_roots(const uint32_t *parents, size_t count, uint32_t *roots);

/* At start: what the store has, in any order. */
MUST_CHECK bool merges_restore(struct merges *m, const struct stored_merge *s, struct err *e);
/* All of it has been restored. ERR_IO: there is a ring. ERR_NOMEM. */
MUST_CHECK bool merges_restored(struct merges *m, struct err *e);

#endif
