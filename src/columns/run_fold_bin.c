/* run_fold_bin.c - a linear histogram of numbers.
 *
 * Bins of whole numbers begin and end at whole numbers, so there may be fewer than were asked for.
 * A bin has what is at its beginning but not what is at its end, save that the last one has both.
 * What is hard: distances of 64 bits, and doubles whose distance is no double. */
#include "columns/run_fold.h"

#include <math.h>

__extension__ typedef __int128 int128;

/* Where the bins lie: from..to, as the column's bits. */
struct bins {
    enum column_type type;
    uint32_t count;
    bool empty; /* no number can be in them */
    uint64_t from, to;
    uint64_t width;    /* of whole numbers */
    double width_real; /* of doubles; 0: one bin has all */
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

static void set_widths(struct bins *b, uint32_t most)
{
    if (b->type == COLUMN_DOUBLE) {
        double from = value_double(b->from), to = value_double(b->to);
        b->width_real = to / most - from / most;
        if (!isfinite(b->width_real) || b->width_real <= 0 || from + b->width_real == from)
            b->width_real = 0;
        b->count = b->width_real > 0 ? most : 1;
        return;
    }
    uint64_t distance = b->to - b->from;
    b->width = distance / most + (distance % most != 0);
    b->width = b->width ? b->width : 1;
    b->count = distance ? (uint32_t)((distance - 1) / b->width) + 1 : 1;
}

static struct bins make_bins(const struct ask_fold *fold, enum column_type type, uint64_t from,
                             uint64_t to)
{
    struct bins b = { .type = type, .from = from, .to = to };
    if (fold->has_bounds) {
        struct cell start = { .type = CELL_DOUBLE, .d = fold->start };
        struct cell end = { .type = CELL_DOUBLE, .d = fold->end };
        struct number_span above = value_span(type, ASK_AT_LEAST, start);
        struct number_span below = value_span(type, ASK_AT_MOST, end);
        b.empty =
            above.empty || below.empty || value_rank(type, above.from) > value_rank(type, below.to);
        b.from = above.empty ? 0 : above.from;
        b.to = b.empty ? b.from : below.to;
    }
    set_widths(&b, fold->bins ? fold->bins : 1);
    return b;
}

/* Where bin i begins; i may be the number of bins. */
static struct cell bin_edge(const struct bins *b, uint32_t i)
{
    if (b->type == COLUMN_DOUBLE) {
        double edge = value_double(b->from) + i * b->width_real;
        return (struct cell){ .type = CELL_DOUBLE,
                              .d = i == b->count ? value_double(b->to) : edge };
    }
    bool has_sign = b->type == COLUMN_INT;
    int128 edge = (has_sign ? (int128)(int64_t)b->from : (int128)b->from) + (int128)i * b->width;
    int128 most = has_sign ? (int128)INT64_MAX : (int128)UINT64_MAX;
    return value_of_bits(b->type, (uint64_t)(edge > most ? most : edge));
}

/* The distance from the beginning in widths, put right where rounding passed an edge. */
static uint32_t real_bin(const struct bins *b, double d)
{
    if (b->width_real == 0)
        return 0;
    double from = value_double(b->from) / b->width_real;
    uint32_t bin = (uint32_t)(d / b->width_real - from);
    bin = bin < b->count ? bin : b->count - 1;
    if (bin > 0 && d < bin_edge(b, bin).d)
        bin--;
    else if (bin + 1 < b->count && d >= bin_edge(b, bin + 1).d)
        bin++;
    return bin;
}

/* UINT32_MAX: in none. */
static uint32_t bin_of(const struct bins *b, uint64_t bits)
{
    uint64_t rank = value_rank(b->type, bits);
    if (b->empty || rank < value_rank(b->type, b->from) || rank > value_rank(b->type, b->to))
        return UINT32_MAX;
    if (b->type == COLUMN_DOUBLE)
        return real_bin(b, value_double(bits));
    uint64_t bin = (bits - b->from) / b->width;
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
