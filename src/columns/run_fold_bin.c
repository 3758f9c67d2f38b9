/* run_fold_bin.c - a linear histogram of numbers.
 *
 * Bins of whole numbers begin and end at whole numbers, so there may be fewer than were asked for.
 * A bin has what is at its beginning but not what is at its end, save that the last one has both.
 * What is hard: distances of 64 bits, and doubles whose distance is no double. */
#include "columns/run_fold.h"

#include <math.h>

/* Where the bins lie. */
struct bins {
    enum column_type type;
    uint32_t count;
    uint64_t least, greatest; /* ranks of the values in them; least > greatest: there are none */
    /* Whole numbers: from..to, which may be beyond what the column can hold. */
    int128 from, to, width;
    /* Doubles; width 0: one bin has all. */
    double real_from, real_to, real_width;
};

static bool group_ends(const struct fold_group *g, uint64_t *from, uint64_t *to)
{
    const struct gathered *v = g->folding->values;
    bool any = false;
    for (uint32_t p = g->from; p < g->end; p++) {
        uint64_t rank = value_rank(g->source->type, v->numbers[p]);
        if (!v->set[p])
            continue;
        if (!any || rank < value_rank(g->source->type, *from))
            *from = v->numbers[p];
        if (!any || rank > value_rank(g->source->type, *to))
            *to = v->numbers[p];
        any = true;
    }
    return any;
}

static int128 wide(enum column_type t, uint64_t bits)
{
    return t == COLUMN_INT ? (int128)(int64_t)bits : (int128)bits;
}

static void set_widths(struct bins *b, uint32_t most)
{
    if (b->type == COLUMN_DOUBLE) {
        double from = b->real_from, to = b->real_to, width = to / most - from / most;
        bool parts = isfinite(width) && width > 0 && from + width != from;
        b->real_width = parts ? width : 0;
        b->count = parts ? most : 1;
        return;
    }
    int128 distance = b->to - b->from;
    b->width = distance / most + (distance % most != 0);
    b->width = b->width ? b->width : 1;
    b->count = distance ? (uint32_t)((distance - 1) / b->width) + 1 : 1;
}

/* All that a column of whole numbers may hold, of whatever type it is. */
static int128 held(int128 n)
{
    return n < INT64_MIN ? INT64_MIN : n > UINT64_MAX ? (int128)UINT64_MAX : n;
}

/* From the first whole number at the start to the last one before the end; where there is none
 * between them, no value is in the bins. */
static void set_bounds(struct bins *b, const struct ask_fold *fold)
{
    const struct str none = { 0 };
    struct number_span above = value_span(b->type, ASK_AT_LEAST, fold->start, none);
    struct number_span below = value_span(b->type, ASK_AT_MOST, fold->end, none);
    b->least = above.empty || below.empty ? 1 : value_rank(b->type, above.from);
    b->greatest = above.empty || below.empty ? 0 : value_rank(b->type, below.to);
    b->real_from = value_double(above.from);
    b->real_to = value_double(below.to);
    b->from = held(value_whole_ends(fold->start, none).above);
    b->to = held(value_whole_ends(fold->end, none).below);
    b->to = b->to < b->from ? b->from : b->to;
}

static struct bins make_bins(const struct ask_fold *fold, enum column_type type, uint64_t from,
                             uint64_t to)
{
    struct bins b = { .type = type,
                      .least = value_rank(type, from),
                      .greatest = value_rank(type, to),
                      .from = wide(type, from),
                      .to = wide(type, to),
                      .real_from = value_double(from),
                      .real_to = value_double(to) };
    if (fold->has_bounds)
        set_bounds(&b, fold);
    set_widths(&b, fold->bins ? fold->bins : 1);
    return b;
}

/* The distance of two doubles may be none, but half of it always is one. */
static double real_edge(const struct bins *b, uint32_t i)
{
    double distance = i * b->real_width;
    if (i == b->count)
        return b->real_to;
    return isfinite(distance) ? b->real_from + distance
                              : b->real_from + i / 2 * b->real_width + (i - i / 2) * b->real_width;
}

/* Of the column's type, unless that cannot hold it. */
static struct cell whole_edge(const struct bins *b, int128 edge)
{
    int128 most = b->type == COLUMN_INT && b->to <= INT64_MAX ? INT64_MAX : (int128)UINT64_MAX;
    edge = edge > most ? most : edge;
    bool has_sign = edge < 0 || (b->type == COLUMN_INT && edge <= INT64_MAX);
    return value_of_bits(has_sign ? COLUMN_INT : COLUMN_UINT, (uint64_t)edge);
}

/* Where bin i begins; i may be the number of bins. */
static struct cell bin_edge(const struct bins *b, uint32_t i)
{
    if (b->type == COLUMN_DOUBLE)
        return (struct cell){ .type = CELL_DOUBLE, .d = real_edge(b, i) };
    return whole_edge(b, b->from + i * b->width);
}

/* The distance from the beginning in widths, put right where rounding passed an edge. */
static uint32_t real_bin(const struct bins *b, double d)
{
    if (b->real_width == 0)
        return 0;
    uint32_t bin = (uint32_t)(d / b->real_width - b->real_from / b->real_width);
    bin = bin < b->count ? bin : b->count - 1;
    if (bin > 0 && d < real_edge(b, bin))
        bin--;
    else if (bin + 1 < b->count && d >= real_edge(b, bin + 1))
        bin++;
    return bin;
}

/* UINT32_MAX: in none. */
static uint32_t bin_of(const struct bins *b, uint64_t bits)
{
    uint64_t rank = value_rank(b->type, bits);
    if (rank < b->least || rank > b->greatest)
        return UINT32_MAX;
    if (b->type == COLUMN_DOUBLE)
        return real_bin(b, value_double(bits));
    int128 distance = wide(b->type, bits) - b->from, bin;
    if (b->to - b->from <= UINT64_MAX) /* nearly always, and several times faster */
        bin = (uint64_t)distance / (uint64_t)b->width;
    else
        bin = distance / b->width;
    return bin < b->count ? (uint32_t)bin : b->count - 1;
}

/* Which bins have something in them is kept as bits, so that a group of few rows costs little
 * however many bins were asked for. The counts are made 0 again. */
static bool give_bins(const struct fold_group *g, const struct bins *b, struct fold_bins *used,
                      struct folded *out, struct err *e)
{
    uint32_t count = 0, n = 0;
    for (uint32_t w = 0; w <= b->count / 64; w++)
        count += (uint32_t)__builtin_popcountll(used->bits[w]);
    struct folded_value *v = fold_values(g->folding, count ? count : 1, e);
    if (!v)
        return false;
    if (count == 0)
        v[n++] = (struct folded_value){ bin_edge(b, 0), bin_edge(b, 1), 0 };
    for (uint32_t w = 0; w <= b->count / 64; w++) {
        for (uint64_t left = used->bits[w]; left; left &= left - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
            v[n++] = (struct folded_value){ bin_edge(b, i), bin_edge(b, i + 1), used->counts[i] };
            used->counts[i] = 0;
        }
        used->bits[w] = 0;
    }
    *out = (struct folded){ .values = v, .count = n };
    return true;
}

bool fold_bin(const struct fold_group *g, const struct ask_fold *fold, struct folded *out,
              struct err *e)
{
    const struct gathered *v = g->folding->values;
    uint64_t from = 0, to = 0;
    if (!group_ends(g, &from, &to))
        return true;
    struct bins b = make_bins(fold, g->source->type, from, to);
    struct fold_bins *used = g->folding->bins;
    if (!used && !(used = g->folding->bins = arena_zalloc(g->folding->list->arena, sizeof *used)))
        return run_no_memory(e);
    for (uint32_t p = g->from; p < g->end; p++) {
        uint32_t bin = v->set[p] ? bin_of(&b, v->numbers[p]) : UINT32_MAX;
        if (bin == UINT32_MAX)
            continue;
        used->counts[bin]++;
        used->bits[bin / 64] |= UINT64_C(1) << bin % 64;
    }
    return give_bins(g, &b, used, out, e);
}
