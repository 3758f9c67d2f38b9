/* retention_choose.h - which objects of a project a rule of retention is about. Inside src/engine
 * only.
 *
 * Threads: pure. */
#ifndef CRUMPLE_ENGINE_RETENTION_CHOOSE_H
#define CRUMPLE_ENGINE_RETENTION_CHOOSE_H

#include "access/policy.h"

struct retention_object {
    uint64_t object;
    uint32_t fingerprint; /* a number for each that there is, from 1 on; 0: it has none */
    uint32_t received_s;  /* 0: not known, and then it is not old */
    bool is_emptied;      /* its bytes have been removed */
};
/* Of all objects of the project, by rising ids, those that something is left to be done to: their
 * ids into `out`, which has room for all, the newest first. How many. `newer` has room for a number
 * for each fingerprint, and for 0. */
size_t retention_choose(const struct retention_rule *rule, const struct retention_object *all,
                        size_t count, int64_t now_s, uint32_t *newer, uint32_t fingerprints,
                        uint64_t *out);

#endif
