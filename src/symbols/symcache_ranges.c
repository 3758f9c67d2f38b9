/* symcache_ranges.c - the usual case, nothing in the way, is one look over sorted ranges; else they
 * are let in one after the other, with a tree that tells what is there already. */
#include "symbols/symcache_ranges.h"

#include <stdlib.h>

bool range_set(struct range *r, uint64_t first, uint64_t size)
{
    if (size == 0 || first > UINT32_MAX || size - 1 > UINT64_MAX - first)
        return false;
    uint64_t last = first + (size - 1);
    r->first = (uint32_t)first;
    r->last = last > UINT32_MAX ? UINT32_MAX : (uint32_t)last;
    return true;
}

/* By address; the outer before the inner, the earlier before the later. */
static int compare(const void *va, const void *vb)
{
    const struct range *a = va, *b = vb;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->last != b->last)
        return a->last > b->last ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static void sort(struct range *r, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (compare(&r[i - 1], &r[i]) > 0) {
            qsort(r, n, sizeof *r, compare);
            return;
        }
}

/* ---- a tree that tells the largest of any stretch of values ---- */

struct tree {
    size_t leaves;
    uint64_t *at; /* of leaf i: at[leaves + i]; of node i: the larger of 2i and 2i + 1 */
};

static bool tree_init(struct tree *t, size_t leaves)
{
    *t = (struct tree){ leaves, calloc(2 * leaves, sizeof *t->at) };
    return t->at != NULL;
}

static void tree_set(struct tree *t, size_t i, uint64_t value)
{
    for (i += t->leaves; i > 0 && t->at[i] < value; i /= 2)
        t->at[i] = value;
}

/* Of leaves from up to, but without, to. 0 when there are none. */
static uint64_t tree_max(const struct tree *t, size_t from, size_t to)
{
    uint64_t max = 0;
    for (from += t->leaves, to += t->leaves; from < to; from /= 2, to /= 2) {
        if (from & 1) {
            max = t->at[from] > max ? t->at[from] : max;
            from++;
        }
        if (to & 1) {
            to--;
            max = t->at[to] > max ? t->at[to] : max;
        }
    }
    return max;
}

/* ---- letting in one after the other ---- */

/* The ranges by address, by the order in which they come, and by their ends. */
struct entry {
    struct range *r; /* sorted */
    size_t n;
    uint32_t *by_order; /* where in r */
    uint32_t *ends;     /* all ends, sorted; for nested ones only */
    bool *stays;
    struct tree starts_tree; /* at a start: the end + 1 of who begins there */
    struct tree ends_tree;   /* at an end: 2^32 - the start of who ends there */
};

static int compare_u32(const void *va, const void *vb)
{
    const uint32_t *a = va, *b = vb;
    return (*a > *b) - (*a < *b);
}

static bool entry_init(struct entry *e, struct range *r, size_t n)
{
    *e = (struct entry){ .r = r, .n = n };
    e->by_order = calloc(n, sizeof *e->by_order);
    e->ends = calloc(n, sizeof *e->ends);
    e->stays = calloc(n, sizeof *e->stays);
    if (!e->by_order || !e->ends || !e->stays || !tree_init(&e->starts_tree, n) ||
        !tree_init(&e->ends_tree, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        e->by_order[r[i].order] = (uint32_t)i;
        e->ends[i] = r[i].last;
    }
    qsort(e->ends, n, sizeof *e->ends, compare_u32);
    return true;
}

static void entry_done(struct entry *e)
{
    free(e->by_order);
    free(e->ends);
    free(e->stays);
    free(e->starts_tree.at);
    free(e->ends_tree.at);
}

/* How many begin at or before x. */
static size_t starts_to(const struct entry *e, uint32_t x)
{
    size_t low = 0, high = e->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (e->r[mid].first <= x)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* How many end before x. */
static size_t ends_before(const struct entry *e, uint32_t x)
{
    size_t low = 0, high = e->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (e->ends[mid] < x)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool overlaps(const struct entry *e, const struct range *r)
{
    return tree_max(&e->starts_tree, 0, starts_to(e, r->last)) > r->first;
}

/* Someone begins in it, behind its start, and ends behind it; or the other way round. */
static bool crosses(const struct entry *e, const struct range *r)
{
    if (tree_max(&e->starts_tree, starts_to(e, r->first), starts_to(e, r->last)) >
        (uint64_t)r->last + 1)
        return true;
    return tree_max(&e->ends_tree, ends_before(e, r->first), ends_before(e, r->last)) >
           (UINT64_C(1) << 32) - r->first;
}

static bool let_in(struct range *r, size_t *n,
                   bool (*in_the_way)(const struct entry *, const struct range *))
{
    struct entry e;
    bool ok = entry_init(&e, r, *n);
    for (size_t i = 0; ok && i < *n; i++) {
        size_t at = e.by_order[i];
        if (in_the_way(&e, &r[at]))
            continue;
        e.stays[at] = true;
        tree_set(&e.starts_tree, at, (uint64_t)r[at].last + 1);
        tree_set(&e.ends_tree, ends_before(&e, r[at].last), (UINT64_C(1) << 32) - r[at].first);
    }
    size_t kept = 0;
    for (size_t i = 0; ok && i < *n; i++)
        if (e.stays[i])
            r[kept++] = r[i];
    if (ok)
        *n = kept;
    entry_done(&e);
    return ok;
}

bool ranges_exclusive(struct range *r, size_t *n)
{
    sort(r, *n);
    for (size_t i = 1; i < *n; i++)
        if (r[i].first <= r[i - 1].last)
            return let_in(r, n, overlaps);
    return true;
}

/* Takes out all but the first of equal ones, and numbers the others' orders anew. */
static bool drop_equal(struct range *r, size_t *n)
{
    size_t kept = 0, total = *n;
    uint32_t *rank = calloc(total ? total : 1, sizeof *rank);
    if (!rank)
        return false;
    for (size_t i = 0; i < total; i++)
        if (kept == 0 || r[i].first != r[kept - 1].first || r[i].last != r[kept - 1].last)
            r[kept++] = r[i];
    for (size_t i = 0; i < kept; i++)
        rank[r[i].order] = 1;
    for (size_t i = 0, next = 0; i < total; i++)
        rank[i] = rank[i] ? (uint32_t)next++ : 0;
    for (size_t i = 0; i < kept; i++)
        r[i].order = rank[r[i].order];
    free(rank);
    *n = kept;
    return true;
}

/* Whether any of the sorted ranges crosses another. `open`: room for n. */
static bool any_crosses(const struct range *r, size_t n, uint32_t *open)
{
    size_t depth = 0; /* of those around the present one: their ends, the innermost last */
    for (size_t i = 0; i < n; i++) {
        while (depth > 0 && open[depth - 1] < r[i].first)
            depth--;
        if (depth > 0 && open[depth - 1] < r[i].last)
            return true;
        open[depth++] = r[i].last;
    }
    return false;
}

bool ranges_nested(struct range *r, size_t *n, bool equal_allowed)
{
    sort(r, *n);
    if (!equal_allowed && !drop_equal(r, n))
        return false;
    uint32_t *open = calloc(*n ? *n : 1, sizeof *open);
    if (!open)
        return false;
    bool ok = !any_crosses(r, *n, open) || let_in(r, n, crosses);
    free(open);
    return ok;
}

/* ---- pieces ---- */

/* Where ranges begin and end cuts the addresses into cells; `next` leads, over cells that are
 * taken, to the first that is free. */
struct cells {
    uint64_t *edges; /* sorted; cell i goes from edge i up to edge i + 1 */
    size_t count;    /* of edges */
    uint32_t *next;
    uint32_t *owner; /* number of a range + 1 */
};

static int compare_u64(const void *va, const void *vb)
{
    const uint64_t *a = va, *b = vb;
    return (*a > *b) - (*a < *b);
}

static bool cells_init(struct cells *c, const struct range *r, size_t n)
{
    *c = (struct cells){ 0 };
    c->edges = calloc(2 * n + 1, sizeof *c->edges);
    c->next = calloc(2 * n + 1, sizeof *c->next);
    c->owner = calloc(2 * n + 1, sizeof *c->owner);
    if (!c->edges || !c->next || !c->owner || n > UINT32_MAX / 2 - 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        c->edges[2 * i] = r[i].first;
        c->edges[2 * i + 1] = (uint64_t)r[i].last + 1;
    }
    qsort(c->edges, 2 * n, sizeof *c->edges, compare_u64);
    for (size_t i = 0; i < 2 * n; i++)
        if (c->count == 0 || c->edges[c->count - 1] != c->edges[i])
            c->edges[c->count++] = c->edges[i];
    for (size_t i = 0; i <= c->count; i++)
        c->next[i] = (uint32_t)i;
    return true;
}

static void cells_done(struct cells *c)
{
    free(c->edges);
    free(c->next);
    free(c->owner);
}

static uint32_t first_free(struct cells *c, uint32_t i)
{
    while (c->next[i] != i) {
        c->next[i] = c->next[c->next[i]];
        i = c->next[i];
    }
    return i;
}

static uint32_t find_edge(const struct cells *c, uint64_t edge)
{
    const uint64_t *at = bsearch(&edge, c->edges, c->count, sizeof edge, compare_u64);
    return (uint32_t)(at - c->edges);
}

static void take_cells(struct cells *c, const struct range *r, uint32_t owner)
{
    uint32_t end = find_edge(c, (uint64_t)r->last + 1);
    for (uint32_t i = first_free(c, find_edge(c, r->first)); i < end; i = first_free(c, i)) {
        c->owner[i] = owner;
        c->next[i] = i + 1;
    }
}

static size_t collect_pieces(const struct cells *c, const struct range *r, struct range *out)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < c->count; i++) {
        if (c->owner[i] == 0)
            continue;
        struct range piece = r[c->owner[i] - 1];
        piece.first = (uint32_t)c->edges[i];
        piece.last = (uint32_t)(c->edges[i + 1] - 1);
        if (i > 0 && c->owner[i - 1] == c->owner[i])
            out[n - 1].last = piece.last;
        else
            out[n++] = piece;
    }
    return n;
}

bool ranges_pieces(const struct range *r, size_t n, struct range **out, size_t *out_n)
{
    struct cells c;
    uint32_t *by_order = calloc(n + 1, sizeof *by_order);
    *out = calloc(2 * n + 1, sizeof **out);
    bool ok = cells_init(&c, r, n) && by_order && *out;
    for (size_t i = 0; ok && i < n; i++)
        by_order[r[i].order] = (uint32_t)i;
    for (size_t i = 0; ok && i < n; i++)
        take_cells(&c, &r[by_order[i]], by_order[i] + 1);
    if (ok)
        *out_n = collect_pieces(&c, r, *out);
    cells_done(&c);
    free(by_order);
    return ok;
}

/* ---- changes ---- */

struct open_range {
    uint32_t last, value;
};

static void push_change(struct range_change *out, size_t *n, uint64_t address, uint32_t value)
{
    if (address > UINT32_MAX)
        return;
    if (*n > 0 && out[*n - 1].address == address)
        --*n;
    out[(*n)++] = (struct range_change){ (uint32_t)address, value };
}

bool ranges_changes(const struct range *r, size_t n,
                    uint32_t (*value_of)(void *ctx, const struct range *r, uint32_t around),
                    void *ctx, struct range_change *out, size_t *out_n)
{
    struct open_range *open = calloc(n + 1, sizeof *open); /* open[0]: around all */
    if (!open)
        return false;
    size_t depth = 0;
    *out_n = 0;
    open[0] = (struct open_range){ UINT32_MAX, 0 };
    for (size_t i = 0; i < n; i++) {
        for (; depth > 0 && open[depth].last < r[i].first; depth--)
            push_change(out, out_n, (uint64_t)open[depth].last + 1, open[depth - 1].value);
        uint32_t value = value_of(ctx, &r[i], open[depth].value);
        if (value == 0)
            continue;
        open[++depth] = (struct open_range){ r[i].last, value };
        push_change(out, out_n, r[i].first, value);
    }
    for (; depth > 0; depth--)
        push_change(out, out_n, (uint64_t)open[depth].last + 1, open[depth - 1].value);
    free(open);
    return true;
}
