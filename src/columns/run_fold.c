/* run_fold.c - each operator over one group's values. */
#include "columns/run_fold.h"

#include <stdlib.h>

__extension__ typedef __int128 int128;

#define NO_PLACE UINT32_MAX
/* Values for the answer come in pieces that grow to this many. */
#define FOLD_ROOM_FIRST ((size_t)64)
#define FOLD_ROOM_MOST ((size_t)1 << 17)

struct folded_value *fold_values(struct folding *f, size_t count, struct err *e)
{
    if (count > f->values_left) {
        (void)err_word(e, ERR_LIMIT, "query_too_large",
                       "the answer would have more than %d values: ask for fewer groups",
                       RUN_VALUES_MAX);
        return NULL;
    }
    f->values_left -= count;
    if (count > f->room || !f->values_at) { /* also for a first group without values */
        size_t next = f->next_room < FOLD_ROOM_MOST ? f->next_room * 2 : FOLD_ROOM_MOST;
        f->next_room = next > FOLD_ROOM_FIRST ? next : FOLD_ROOM_FIRST;
        f->room = count > f->next_room ? count : f->next_room;
        f->values_at = arena_large(f->list->arena, f->room, sizeof *f->values_at);
    }
    if (!f->values_at) {
        (void)run_no_memory(e);
        return NULL;
    }
    struct folded_value *at = f->values_at;
    f->values_at += count;
    f->room -= count;
    return at;
}

static bool give_cell(struct folding *f, struct cell value, struct folded *out, struct err *e)
{
    struct folded_value *v = fold_values(f, 1, e);
    if (!v)
        return false;
    *v = (struct folded_value){ .value = value };
    *out = (struct folded){ .values = v, .count = 1 };
    return true;
}

static bool give_count(struct folding *f, uint64_t n, struct folded *out, struct err *e)
{
    return give_cell(f, (struct cell){ .type = CELL_UINT, .u = n }, out, e);
}

static bool has_value(const struct fold_group *g, uint32_t place)
{
    const struct gathered *v = g->folding->values;
    return type_has_codes(g->source->type) ? v->codes[place] != 0 : v->set[place] != 0;
}

/* --- one value of a row ---------------------------------------------------------------------- */

static uint32_t first_place(const struct fold_group *g)
{
    for (uint32_t p = g->from; p < g->end; p++)
        if (has_value(g, p))
            return p;
    return NO_PLACE;
}

static uint32_t last_place(const struct fold_group *g)
{
    for (uint32_t p = g->end; p-- > g->from;)
        if (has_value(g, p))
            return p;
    return NO_PLACE;
}

static bool give_place(const struct fold_group *g, uint32_t place, struct folded *out,
                       struct err *e)
{
    struct cell value;
    if (place == NO_PLACE)
        return true;
    return gathered_cell(g->folding->values, g->source, place, &value, e) &&
           give_cell(g->folding, value, out, e);
}

/* --- numbers --------------------------------------------------------------------------------- */

static uint64_t count_set(const struct fold_group *g)
{
    uint64_t n = 0;
    for (uint32_t p = g->from; p < g->end; p++)
        n += has_value(g, p);
    return n;
}

/* Whole numbers and booleans: exact, since 2^32 rows of 64 bits fit into 128. */
static int128 whole_sum(const struct fold_group *g)
{
    const struct gathered *v = g->folding->values;
    int128 sum = 0;
    for (uint32_t p = g->from; p < g->end; p++) {
        if (g->source->type == COLUMN_BOOL)
            sum += v->codes[p] == 2;
        else if (v->set[p])
            sum += g->source->type == COLUMN_INT ? (int128)(int64_t)v->numbers[p]
                                                 : (int128)v->numbers[p];
    }
    return sum;
}

/* What the roundings lose is summed beside (Neumaier). */
static double double_sum(const struct fold_group *g)
{
    const struct gathered *v = g->folding->values;
    double sum = 0, lost = 0;
    for (uint32_t p = g->from; p < g->end; p++) {
        double d = v->set[p] ? value_double(v->numbers[p]) : 0, next = sum + d;
        bool larger = (sum < 0 ? -sum : sum) >= (d < 0 ? -d : d);
        lost += larger ? (sum - next) + d : (d - next) + sum;
        sum = next;
    }
    double whole = sum + lost;
    return whole == whole ? whole : sum; /* no number where the sum is infinite */
}

static struct cell whole_cell(int128 sum)
{
    if (sum >= 0 && sum <= UINT64_MAX)
        return (struct cell){ .type = CELL_UINT, .u = (uint64_t)sum };
    if (sum < 0 && sum >= INT64_MIN)
        return (struct cell){ .type = CELL_INT, .i = (int64_t)sum };
    return (struct cell){ .type = CELL_DOUBLE, .d = (double)sum };
}

static bool fold_sum(const struct fold_group *g, bool mean, struct folded *out, struct err *e)
{
    uint64_t n = g->source->type == COLUMN_STRING ? 0 : count_set(g);
    struct cell value = { .type = CELL_DOUBLE };
    if (n == 0)
        return true;
    if (g->source->type == COLUMN_DOUBLE) {
        value.d = double_sum(g);
        if (value.d != value.d)
            return true; /* infinities of both signs */
        value.d = mean ? value.d / (double)n : value.d;
    } else if (mean) {
        value.d = (double)whole_sum(g) / (double)n;
    } else {
        value = whole_cell(whole_sum(g));
    }
    return give_cell(g->folding, value, out, e);
}

/* --- least and greatest ---------------------------------------------------------------------- */

static void number_ends(const struct fold_group *g, uint32_t ends[2])
{
    const struct gathered *v = g->folding->values;
    uint64_t least = 0, greatest = 0;
    for (uint32_t p = g->from; p < g->end; p++) {
        uint64_t rank = value_rank(g->source->type, v->numbers[p]);
        if (!v->set[p])
            continue;
        if (ends[0] == NO_PLACE || rank < least) {
            ends[0] = p;
            least = rank;
        }
        if (ends[1] == NO_PLACE || rank > greatest) {
            ends[1] = p;
            greatest = rank;
        }
    }
}

/* Of the different codes of a group, as codes. Texts that are spelt out need rooms of their own. */
static void code_ends(const struct fold_group *g, uint32_t ends[2])
{
    const struct run_tally *t = g->tally;
    struct text_room rooms[2], room;
    struct str texts[2] = { { "", 0 }, { "", 0 } };
    for (uint32_t i = 0; i < t->count; i++) {
        struct str text = { "", 0 };
        if (g->source->type == COLUMN_STRING)
            text = column_text(g->source->texts, t->codes[i] - 1, &room);
        for (int which = 0; which < 2; which++) {
            int order = g->source->type == COLUMN_STRING ? str_cmp(text, texts[which])
                                                         : (int)t->codes[i] - (int)ends[which];
            if (i == 0 || (which == 0 ? order < 0 : order > 0)) {
                ends[which] = t->codes[i];
                if (g->source->type == COLUMN_STRING)
                    texts[which] = column_text(g->source->texts, t->codes[i] - 1, &rooms[which]);
            }
        }
    }
}

static bool fold_ends(const struct fold_group *g, bool least, bool greatest, struct folded *out,
                      struct err *e)
{
    bool codes = type_has_codes(g->source->type);
    uint32_t ends[2] = { NO_PLACE, NO_PLACE };
    if (codes)
        code_ends(g, ends);
    else
        number_ends(g, ends);
    if (ends[0] == NO_PLACE)
        return true;
    struct folded_value *v = fold_values(g->folding, (size_t)least + greatest, e);
    if (!v)
        return false;
    *out = (struct folded){ .values = v };
    for (int which = 0; which < 2; which++) {
        if (!(which == 0 ? least : greatest))
            continue;
        v[out->count] = (struct folded_value){ 0 };
        struct cell *to = &v[out->count++].value;
        if (!(codes ? source_code_cell(g->folding->list, g->source, ends[which], to, e)
                    : gathered_cell(g->folding->values, g->source, ends[which], to, e)))
            return false;
    }
    return true;
}

/* --- all values ------------------------------------------------------------------------------ */

static bool fold_histogram(const struct fold_group *g, struct folded *out, struct err *e)
{
    struct run_tally *t = g->tally;
    struct folded_value *v = fold_values(g->folding, t->count, e);
    if (!v)
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        v[i] = (struct folded_value){ .count = run_tally_rows(t, i) };
        if (!run_tally_cell(t, g->folding->list, i, &v[i].value, e))
            return false;
    }
    *out = (struct folded){ .values = v, .count = t->count };
    return true;
}

/* Whether the value at place a is to be shown after the one at b. */
static bool is_rarer(const struct run_tally *t, uint32_t a, uint32_t b)
{
    uint32_t of_a = run_tally_rows(t, a), of_b = run_tally_rows(t, b);
    return of_a != of_b ? of_a < of_b : a > b;
}

/* Lets the value at the root of a heap, rarest on top, sink to where it belongs. */
static void sink(const struct run_tally *t, uint32_t *heap, uint32_t count, uint32_t at)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_rarer(t, heap[child + 1], heap[child]))
            child++;
        if (!is_rarer(t, heap[child], heap[at]))
            return;
        uint32_t other = heap[at];
        heap[at] = heap[child];
        heap[child] = other;
    }
}

/* The `kept` most frequent ones, most frequent first. */
static void most_frequent(const struct run_tally *t, uint32_t *heap, uint32_t kept)
{
    for (uint32_t i = 0; i < kept; i++)
        heap[i] = i;
    for (uint32_t i = kept / 2; i-- > 0;)
        sink(t, heap, kept, i);
    for (uint32_t i = kept; kept > 0 && i < t->count; i++) {
        if (is_rarer(t, heap[0], i)) {
            heap[0] = i;
            sink(t, heap, kept, 0);
        }
    }
    for (uint32_t left = kept; left > 1; left--) {
        uint32_t rarest = heap[0];
        heap[0] = heap[left - 1];
        heap[left - 1] = rarest;
        sink(t, heap, left - 1, 0);
    }
}

static bool fold_distribution(const struct fold_group *g, const struct ask_fold *fold,
                              struct folded *out, struct err *e)
{
    struct run_tally *t = g->tally;
    uint32_t kept = fold->kept < t->count ? fold->kept : t->count;
    struct folded_value *v = fold_values(g->folding, kept, e);
    uint32_t *heap = arena_array(g->folding->list->arena, (size_t)kept + 1, sizeof *heap);
    if (!v)
        return false;
    if (!heap)
        return run_no_memory(e);
    most_frequent(t, heap, kept);
    *out = (struct folded){ .values = v, .count = kept, .distinct = t->count };
    for (uint32_t i = 0; i < t->count; i++)
        out->rest += run_tally_rows(t, i);
    for (uint32_t i = 0; i < kept; i++) {
        v[i] = (struct folded_value){ .count = run_tally_rows(t, heap[i]) };
        out->rest -= v[i].count;
        if (!run_tally_cell(t, g->folding->list, heap[i], &v[i].value, e))
            return false;
    }
    return true;
}

/* --- each fold of each group ----------------------------------------------------------------- */

static bool needs_tally(enum fold_op op, enum column_type t)
{
    return op == FOLD_UNIQUE || op == FOLD_HISTOGRAM || op == FOLD_DISTRIBUTION ||
           ((op == FOLD_MIN || op == FOLD_MAX || op == FOLD_RANGE) && type_has_codes(t));
}

static bool fold_one(const struct fold_group *g, const struct ask_fold *fold, struct folded *out,
                     struct err *e)
{
    *out = (struct folded){ 0 };
    switch (fold->op) {
    case FOLD_HEAD:
    case FOLD_FIRST:
        return give_place(g, first_place(g), out, e);
    case FOLD_TAIL:
    case FOLD_LAST:
        return give_place(g, last_place(g), out, e);
    case FOLD_OBJECT: /* gathered are the keys, which rise */
        return give_place(g, last_place(g), out, e);
    case FOLD_UNIQUE:
        return give_count(g->folding, g->tally->count, out, e);
    case FOLD_COUNT:
        return give_count(g->folding, count_set(g), out, e);
    case FOLD_SUM:
    case FOLD_MEAN:
        return fold_sum(g, fold->op == FOLD_MEAN, out, e);
    case FOLD_MIN:
        return fold_ends(g, true, false, out, e);
    case FOLD_MAX:
        return fold_ends(g, false, true, out, e);
    case FOLD_RANGE:
        return fold_ends(g, true, true, out, e);
    case FOLD_HISTOGRAM:
        return fold_histogram(g, out, e);
    case FOLD_DISTRIBUTION:
        return fold_distribution(g, fold, out, e);
    case FOLD_BIN:
        return type_has_codes(g->source->type) || fold_bin(g, fold, out, e);
    }
    return true;
}

/* The folds of one column that are among which[from..count), over all groups. */
struct column_folds {
    const size_t *which, *mine; /* mine: places in `which` */
    size_t count, mine_count;
};

static bool fold_column(struct folding *f, const struct source *s, const struct column_folds *c,
                        const struct grouping *groups, uint32_t rows, struct folded *out,
                        struct err *e)
{
    const struct ask_fold *folds = f->list->ask->folds;
    struct run_tally tally;
    bool tallies = false;
    for (size_t i = 0; i < c->mine_count; i++)
        tallies |= needs_tally(folds[c->which[c->mine[i]]].op, s->type);
    if (tallies && !run_tally_init(&tally, f->list, s, rows, e))
        return false;
    for (uint32_t group = 0; group < groups->count; group++) {
        struct fold_group g = { f, s, tallies ? &tally : NULL, groups->starts[group],
                                groups->starts[group + 1] };
        if (!pace_check(&f->list->pace, g.end - g.from + 100, e) ||
            (tallies && !run_tally_fill(&tally, f->values, g.from, g.end, e)))
            return false;
        for (size_t i = 0; i < c->mine_count; i++)
            if (!fold_one(&g, &folds[c->which[c->mine[i]]], &out[group * c->count + c->mine[i]], e))
                return false;
        if (tallies)
            run_tally_empty(&tally);
    }
    return true;
}

bool fold_groups(struct folding *f, const size_t *which, size_t count, const struct rows *rows,
                 const struct grouping *groups, struct folded *out, struct err *e)
{
    size_t *mine = arena_array(f->list->arena, count + 1, sizeof *mine);
    bool *done = arena_zalloc(f->list->arena, count + 1);
    if (!mine || !done)
        return run_no_memory(e);
    for (size_t i = 0; i < count; i++) {
        const struct source *s = f->sources[which[i]];
        struct column_folds c = { .which = which, .mine = mine, .count = count };
        if (done[i])
            continue;
        for (size_t j = i; j < count; j++) {
            if (f->sources[which[j]] == s) {
                mine[c.mine_count++] = j;
                done[j] = true;
            }
        }
        if (!gather(f->values, s, rows, groups->place, e) ||
            !fold_column(f, s, &c, groups, rows->count, out, e))
            return false;
    }
    return true;
}
