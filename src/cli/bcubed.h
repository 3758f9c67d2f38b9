/* bcubed.h - how well buckets agree with known bugs: BCubed precision, recall and F1, purity.
 *
 * Place in the story: `crumple bench quality` has, of each report, the bug that it is of and the
 * bucket that it was put into, and asks here what a developer would think of that.
 *
 *     precision   of those in a report's bucket, the share that are of its bug; mean over reports
 *     recall      of those of a report's bug, the share that are in its bucket; mean over reports
 *     F1          2 * precision * recall / (precision + recall)
 *     purity      the share of reports that are of the most common bug of their bucket
 *     inverse     the share of reports that are in the most common bucket of their bug
 *
 * A report counts as one of those in its own bucket. O(n log n). Threads: pure.
 * Source: Amigó, Gonzalo, Artiles and Verdejo 2009, "A comparison of extrinsic clustering
 * evaluation metrics based on formal constraints". */
#ifndef CRUMPLE_CLI_BCUBED_H
#define CRUMPLE_CLI_BCUBED_H

#include <stddef.h>
#include <stdint.h>

struct bcubed_item { /* one report */
    uint32_t bug, bucket;
};

struct bcubed {
    size_t reports, bugs, buckets;
    double precision, recall, f1, purity, inverse_purity; /* 0 to 1; all 0 without reports */
};
/* Sorts the items. */
struct bcubed bcubed_score(struct bcubed_item *items, size_t count);

struct bcubed_bucket {
    uint32_t bucket;
    size_t reports;
    double purity; /* the share of its most common bug */
};
/* The largest buckets, at most `most` of them, largest first; of equal ones the lower number first.
 * Sorts the items; returns how many there are. */
size_t bcubed_largest(struct bcubed_item *items, size_t count, struct bcubed_bucket *out,
                      size_t most);

#endif
