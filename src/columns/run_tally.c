/* run_tally.c - counts values. */
#include "columns/run_tally.h"

bool run_tally_init(struct run_tally *t, struct source_list *l, const struct source *s,
                    uint32_t rows, struct err *e)
{
    *t = (struct run_tally){ .source = s };
    if (!type_has_codes(s->type)) {
        run_number_map_init(&t->numbers, l->arena);
        return true;
    }
    size_t codes = s->type == COLUMN_BOOL ? 2 : s->texts ? column_texts(s->texts) : 0;
    t->codes = arena_large(l->arena, (codes < rows ? codes : rows) + 1, sizeof *t->codes);
    t->count_of = arena_zalloc(l->arena, (codes + 1) * sizeof *t->count_of);
    t->cell_of = arena_large(l->arena, codes + 1, sizeof *t->cell_of);
    if (!t->codes || !t->count_of || !t->cell_of)
        return run_no_memory(e);
    for (size_t i = 0; i <= codes; i++)
        t->cell_of[i].type = CELL_UNSET;
    return true;
}

static void fill_codes(struct run_tally *t, const uint32_t *codes, uint32_t count)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = codes[i];
        if (code != 0 && t->count_of[code]++ == 0)
            t->codes[different++] = code;
    }
    t->count = different;
}

bool run_tally_fill(struct run_tally *t, const struct gathered *g, uint32_t from, uint32_t end,
                    struct err *e)
{
    const uint64_t minus_zero = UINT64_C(1) << 63;
    uint32_t place;
    if (t->codes) {
        fill_codes(t, g->codes + from, end - from);
        return true;
    }
    if (!run_number_map_reset(&t->numbers, end - from, e))
        return false;
    for (uint32_t i = from; i < end; i++) {
        uint64_t number = g->numbers[i];
        if (t->source->type == COLUMN_DOUBLE && number == minus_zero)
            number = 0;
        if (g->set[i] && !run_number_map_add(&t->numbers, number, &place, e))
            return false;
    }
    t->count = t->numbers.count;
    return true;
}

void run_tally_empty(struct run_tally *t)
{
    for (uint32_t i = 0; t->codes && i < t->count; i++)
        t->count_of[t->codes[i]] = 0;
    t->count = 0;
}

bool run_tally_cell(struct run_tally *t, struct source_list *l, uint32_t i, struct cell *out,
                    struct err *e)
{
    if (!t->codes) {
        *out = value_of_bits(t->source->type, t->numbers.numbers[i]);
        return true;
    }
    struct cell *known = &t->cell_of[t->codes[i]];
    if (known->type == CELL_UNSET && !source_code_cell(l, t->source, t->codes[i], known, e))
        return false;
    *out = *known;
    return true;
}
