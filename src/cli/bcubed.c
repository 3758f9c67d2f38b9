/* bcubed.c - see the header.
 *
 * Sorted by bucket and then by bug, the reports of a bucket stand together, and in it those of a
 * bug: cells of equal bug and bucket. What precision and purity need of a bucket is the sum of the
 * squares of its cells and the largest of them. With the two exchanged, that gives recall. */
#include "cli/bcubed.h"

#include <stdbool.h>
#include <stdlib.h>

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int by_bucket(const void *a, const void *b)
{
    const struct bcubed_item *x = a, *y = b;
    int c = compare(x->bucket, y->bucket);
    return c ? c : compare(x->bug, y->bug);
}

static int by_bug(const void *a, const void *b)
{
    const struct bcubed_item *x = a, *y = b;
    int c = compare(x->bug, y->bug);
    return c ? c : compare(x->bucket, y->bucket);
}

struct group { /* the reports of one bucket, or of one bug */
    size_t count, largest_cell;
    double squares; /* of its cells */
};

static void group_cell(struct group *g, size_t cell)
{
    g->squares += (double)cell * (double)cell;
    if (cell > g->largest_cell)
        g->largest_cell = cell;
}

/* The group that begins at items[0]; they are sorted by bucket, or by bug when `bugs` is set. */
static struct group group_at(const struct bcubed_item *items, size_t count, bool bugs)
{
    struct group g = { 0 };
    size_t cell = 0;
    for (; g.count < count; g.count++) {
        const struct bcubed_item *i = &items[g.count];
        if (bugs ? i->bug != items->bug : i->bucket != items->bucket)
            break;
        if (cell && (i->bug != i[-1].bug || i->bucket != i[-1].bucket)) {
            group_cell(&g, cell);
            cell = 0;
        }
        cell++;
    }
    group_cell(&g, cell);
    return g;
}

/* Means over the reports of all groups; returns how many groups there are. */
static size_t score_groups(const struct bcubed_item *items, size_t count, bool bugs, double *same,
                           double *pure)
{
    size_t groups = 0, largest_cells = 0;
    double sum = 0;
    for (size_t at = 0; at < count; groups++) {
        struct group g = group_at(items + at, count - at, bugs);
        sum += g.squares / (double)g.count;
        largest_cells += g.largest_cell;
        at += g.count;
    }
    *same = sum / (double)count;
    *pure = (double)largest_cells / (double)count;
    return groups;
}

struct bcubed bcubed_score(struct bcubed_item *items, size_t count)
{
    struct bcubed s = { .reports = count };
    if (!count)
        return s;
    qsort(items, count, sizeof *items, by_bucket);
    s.buckets = score_groups(items, count, false, &s.precision, &s.purity);
    qsort(items, count, sizeof *items, by_bug);
    s.bugs = score_groups(items, count, true, &s.recall, &s.inverse_purity);
    s.f1 = 2 * s.precision * s.recall / (s.precision + s.recall);
    return s;
}

/* Puts one more bucket in its place among the `have` largest. */
static size_t keep_largest(struct bcubed_bucket *out, size_t have, size_t most,
                           struct bcubed_bucket b)
{
    size_t place = have;
    while (place > 0 && out[place - 1].reports < b.reports)
        place--;
    if (place == most)
        return have;
    have += have < most;
    for (size_t i = have - 1; i > place; i--)
        out[i] = out[i - 1];
    out[place] = b;
    return have;
}

size_t bcubed_largest(struct bcubed_item *items, size_t count, struct bcubed_bucket *out,
                      size_t most)
{
    size_t have = 0;
    if (count)
        qsort(items, count, sizeof *items, by_bucket);
    for (size_t at = 0; at < count;) {
        struct group g = group_at(items + at, count - at, false);
        struct bcubed_bucket b = { items[at].bucket, g.count,
                                   (double)g.largest_cell / (double)g.count };
        have = keep_largest(out, have, most, b);
        at += g.count;
    }
    return have;
}
