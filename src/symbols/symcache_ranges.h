/* symcache_ranges.h - which of many address ranges stay where they are in each other's way, as
 * Breakpad decides it: whatever comes first stays.
 *
 * Each takes n log n time. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_SYMCACHE_RANGES_H
#define CRUMPLE_SYMBOLS_SYMCACHE_RANGES_H

#include "base/err.h"

#include <stddef.h>

struct range {
    uint32_t first, last; /* both belong to it; first <= last */
    uint32_t order;       /* who came first; 0 to n - 1, each once */
    uint32_t id;          /* the caller's */
};

/* From first and size of a record; false: empty, or begins beyond 32 bits. What ends beyond is cut.
 */
bool range_set(struct range *r, uint64_t first, uint64_t size);

/* Each sorts by address, takes out what cannot stay, and lowers *n. False: no memory. */

/* None may overlap another. */
MUST_CHECK bool ranges_exclusive(struct range *r, size_t *n);
/* They may lie in each other, but not cross; an outer one stands before those in it. With
 * `equal_allowed`, of equal ones the later lies in the earlier, else it is taken out. */
MUST_CHECK bool ranges_nested(struct range *r, size_t *n, bool equal_allowed);

/* What is left of each when the earlier ones lie on top: pieces that do not overlap, by address,
 * with order and id of their range, at most twice as many. *out is to be freed. */
MUST_CHECK bool ranges_pieces(const struct range *r, size_t n, struct range **out, size_t *out_n);

/* Walks over nested ranges and tells at which addresses who is the innermost changes. */
struct range_change {
    uint32_t address;
    uint32_t value; /* 0: none */
};
/* `value_of` gives the value of a range, never 0, from that of the one around it (0: none); 0:
 * leave it out. *out has room for 2n and gets *out_n. False: no memory. */
MUST_CHECK bool ranges_changes(const struct range *r, size_t n,
                               uint32_t (*value_of)(void *ctx, const struct range *r,
                                                    uint32_t around),
                               void *ctx, struct range_change *out, size_t *out_n);

#endif
