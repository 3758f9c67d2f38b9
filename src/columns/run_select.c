/* run_select.c - rows: which columns, which page, and their cells.
 *
 * Few rows of many, ordered by a number, are found in two looks: the first finds by how much a row
 * must be ahead, the second reads only the blocks that have such rows. */
#include "columns/run_order.h"
#include "columns/run_parts.h"

#define NAME_ARG(s) (int)((s).len < 60 ? (s).len : 60), (s).ptr
#define WORDS (COLUMNS_BLOCK_ROWS / 64)
#define BEST_MAX 4096     /* rows up to which two looks are worth it */
#define SINGLE_CELLS 2000 /* rows up to which cells are read one by one */

/* --- columns --------------------------------------------------------------------------------- */

struct selected {
    const struct source **at;
    size_t count, room;
};

static bool select_name(struct source_list *l, struct selected *s, struct str name, bool once,
                        struct err *e)
{
    const struct source *source;
    if (!source_find(l, name, &source, e))
        return e->code == ERR_NOT_FOUND
                   ? err_word(e, ERR_INPUT, "select_column",
                              "select: column not found: there is no attribute '%.*s'",
                              NAME_ARG(name))
                   : false;
    for (size_t i = 0; once && i < s->count; i++)
        if (s->at[i] == source)
            return true;
    s->at[s->count++] = source;
    return true;
}

/* A column of the issues, by the name that it has for objects. */
static bool select_joined(struct source_list *l, struct selected *s, const struct column *c,
                          struct err *e)
{
    struct str name, own = column_name(c);
    if (str_eq(own, STR("fingerprint")))
        return true;
    if (!arena_printf(l->arena, &name, "fingerprint;issues;%.*s", STR_ARG(own)))
        return run_no_memory(e);
    return select_name(l, s, name, true, e);
}

static bool select_all(struct source_list *l, struct selected *s, struct err *e)
{
    const struct ask *q = l->ask;
    for (size_t i = 0; q->all.physical && i < table_column_count(&l->table); i++)
        if (!select_name(l, s, column_name(table_column_at(&l->table, i)), true, e))
            return false;
    if (q->all.derived && q->table == TABLE_OBJECTS &&
        !select_name(l, s, STR("fingerprint;first_seen"), true, e))
        return false;
    for (size_t i = 0; q->all.virtual_ && i < q->virtual_count; i++)
        if (!select_name(l, s, q->virtuals[i].name, true, e))
            return false;
    bool joins = q->all.virtual_ && q->table == TABLE_OBJECTS;
    for (size_t i = 0; joins && i < table_column_count(&l->issues); i++)
        if (!select_joined(l, s, table_column_at(&l->issues, i), e))
            return false;
    return true;
}

static bool select_columns(struct source_list *l, struct selected *s, struct outcome *out,
                           struct err *e)
{
    const struct ask *q = l->ask;
    size_t most = q->select_count + q->virtual_count + table_column_count(&l->table) +
                  table_column_count(&l->issues) + 1;
    s->at = arena_large(l->arena, most, sizeof *s->at);
    struct outcome_column *columns = arena_large(l->arena, most, sizeof *columns);
    if (!s->at || !columns)
        return run_no_memory(e);
    for (size_t i = 0; i < q->select_count; i++)
        if (!select_name(l, s, q->select[i], false, e))
            return false;
    if (!select_all(l, s, e))
        return false;
    for (size_t i = 0; i < s->count; i++)
        columns[i] = (struct outcome_column){ s->at[i]->name, s->at[i]->type };
    out->columns = columns;
    out->column_count = s->count;
    return true;
}

/* --- order ----------------------------------------------------------------------------------- */

static bool order_sources(struct source_list *l, const struct source **out, struct err *e)
{
    for (size_t i = 0; i < l->ask->order_count; i++) {
        const struct ask_order *o = &l->ask->order[i];
        if (o->by != ORDER_COLUMN)
            return err_word(e, ERR_INPUT, "bad_query", "order: rows are ordered by columns only");
        if (!source_find(l, o->column, &out[i], e))
            return e->code == ERR_NOT_FOUND
                       ? err_word(e, ERR_INPUT, "order_column",
                                  "order: column not found: there is no attribute '%.*s'",
                                  NAME_ARG(o->column))
                       : false;
    }
    return true;
}

/* The least words that came, greatest on top: a heap of at most `wanted`. */
struct least_words {
    uint64_t *at;
    uint32_t count, wanted;
};

static void keep_word(struct least_words *h, uint64_t word)
{
    uint32_t at = 0;
    if (h->count < h->wanted) { /* up from the end */
        for (at = h->count++; at > 0 && h->at[(at - 1) / 2] < word; at = (at - 1) / 2)
            h->at[at] = h->at[(at - 1) / 2];
    } else { /* down from the top */
        for (uint32_t child; (child = 2 * at + 1) < h->count; at = child) {
            if (child + 1 < h->count && h->at[child + 1] > h->at[child])
                child++;
            if (h->at[child] <= word)
                break;
            h->at[at] = h->at[child];
        }
    }
    h->at[at] = word;
}

/* What looking for the best rows needs. */
struct best {
    struct source_list *list;
    const struct source *source;
    bool descends;
    struct least_words least;
    uint64_t *numbers, *least_of_block;
    uint64_t set[WORDS];
};

/* Words of a block in place of its numbers. */
static void read_words(struct best *b, uint32_t block)
{
    uint32_t rows = table_block_rows(&b->list->table, block);
    enum column_type t = b->source->type;
    source_numbers(b->list, b->source, block, b->numbers, b->set);
    for (uint32_t i = 0; i < rows; i++)
        b->numbers[i] = order_word_of_bits(t, b->numbers[i], b->descends);
    for (uint32_t w = 0; w < (rows + 63) / 64; w++)
        for (uint64_t unset = ~b->set[w]; unset; unset &= unset - 1)
            b->numbers[w * 64 + (uint32_t)__builtin_ctzll(unset)] = UINT64_MAX;
}

/* Rows that come later are looked at first where the order descends: most columns that grow, grow
 * with the rows, and the sooner the best are found the less there is to do. */
static void look_at_block(struct best *b, uint32_t block, const uint64_t *bits)
{
    uint64_t least = UINT64_MAX,
             bar = b->least.count < b->least.wanted ? UINT64_MAX : b->least.at[0];
    read_words(b, block);
    for (uint32_t step = 0; step < WORDS; step++) {
        uint32_t w = b->descends ? WORDS - 1 - step : step;
        for (uint64_t left = bits[w]; left; left &= left - 1) {
            uint64_t word = b->numbers[w * 64 + (uint32_t)__builtin_ctzll(left)];
            least = word < least ? word : least;
            if (word >= bar && b->least.count == b->least.wanted)
                continue;
            keep_word(&b->least, word);
            bar = b->least.count < b->least.wanted ? UINT64_MAX : b->least.at[0];
        }
    }
    b->least_of_block[block] = least;
}

/* Takes rows out of the matches that cannot be among the first `wanted`. */
static bool keep_best(struct best *b, struct matches *m, struct err *e)
{
    uint32_t blocks = table_blocks(&b->list->table);
    for (uint32_t step = 0; step < blocks; step++) {
        uint32_t block = b->descends ? blocks - 1 - step : step;
        if (!pace_check(&b->list->pace, COLUMNS_BLOCK_ROWS, e))
            return false;
        look_at_block(b, block, m->bits + (size_t)block * WORDS);
    }
    uint64_t bar = b->least.at[0];
    m->count = 0;
    for (uint32_t block = 0; block < blocks; block++) {
        uint64_t *bits = m->bits + (size_t)block * WORDS;
        if (b->least_of_block[block] > bar) {
            memset(bits, 0, WORDS * sizeof *bits);
            continue;
        }
        if (!pace_check(&b->list->pace, COLUMNS_BLOCK_ROWS, e))
            return false;
        read_words(b, block);
        for (uint32_t w = 0; w < WORDS; w++) {
            for (uint64_t left = bits[w]; left; left &= left - 1)
                if (b->numbers[w * 64 + (uint32_t)__builtin_ctzll(left)] > bar)
                    bits[w] &= ~(left & -left);
            m->count += (uint32_t)__builtin_popcountll(bits[w]);
        }
    }
    return true;
}

static bool narrow(struct source_list *l, const struct source *first, bool descends, uint64_t most,
                   struct matches *m, struct err *e)
{
    if (first->kind == SOURCE_UNSET || type_has_codes(first->type) || most > BEST_MAX ||
        most == 0 || most > m->count / 4)
        return true;
    struct best *b = arena_zalloc(l->arena, sizeof *b);
    if (!b)
        return run_no_memory(e);
    b->list = l;
    b->source = first;
    b->descends = descends;
    b->least.wanted = (uint32_t)most;
    b->least.at = arena_large(l->arena, most, sizeof *b->least.at);
    b->numbers = arena_large(l->arena, COLUMNS_BLOCK_ROWS, sizeof *b->numbers);
    b->least_of_block = arena_large(l->arena, table_blocks(&l->table), sizeof *b->least_of_block);
    if (!b->least.at || !b->numbers || !b->least_of_block)
        return run_no_memory(e);
    return keep_best(b, m, e);
}

static bool text_words(struct source_list *l, struct order_key *k, const struct gathered *g,
                       uint32_t count, struct err *e)
{
    const struct source *s = k->texts;
    size_t codes = (s->type == COLUMN_BOOL ? 2 : (size_t)column_texts(s->texts)) + 1;
    uint64_t *word_of = arena_large(l->arena, codes, sizeof *word_of);
    uint8_t *known = arena_zalloc(l->arena, codes), *set = arena_large(l->arena, count, 1);
    struct text_room room;
    k->words = arena_large(l->arena, count, sizeof *k->words);
    if (!word_of || !known || !set || !k->words)
        return run_no_memory(e);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = g->codes[i];
        set[i] = code != 0;
        if (!known[code]) {
            word_of[code] =
                code == 0 ? UINT64_MAX
                : s->type == COLUMN_BOOL
                    ? order_word_of_bits(COLUMN_UINT, code, k->descends)
                    : order_word_of_text(column_text(s->texts, code - 1, &room), k->descends);
            known[code] = true;
        }
        k->words[i] = word_of[code];
    }
    k->set = set;
    k->codes = s->type == COLUMN_STRING ? g->codes : NULL;
    return true;
}

static bool make_key(struct source_list *l, const struct source *s, bool descends,
                     const struct rows *rows, const uint32_t *place, struct order_key *out,
                     struct err *e)
{
    struct gathered g;
    *out = (struct order_key){ .descends = descends, .texts = s };
    gathered_init(&g, l, rows->count);
    if (!gather(&g, s, rows, place, e))
        return false;
    if (type_has_codes(s->type))
        return text_words(l, out, &g, rows->count, e);
    for (uint32_t i = 0; i < rows->count; i++)
        g.numbers[i] = g.set[i] ? order_word_of_bits(s->type, g.numbers[i], descends) : UINT64_MAX;
    out->words = g.numbers;
    out->set = g.set;
    return true;
}

/* Numbers of things are places in the order of keys; *at_of: the places in rows->at of those. */
static bool pick_rows(struct source_list *l, const struct source *const *sources,
                      const struct rows *rows, uint32_t **picked, uint32_t *count, struct err *e)
{
    const struct ask *q = l->ask;
    struct order_key *keys = arena_large(l->arena, q->order_count + 1, sizeof *keys);
    uint32_t *place = NULL;
    if (!keys)
        return run_no_memory(e);
    if (rows->by_key) {
        place = arena_large(l->arena, rows->count, sizeof *place);
        if (!place)
            return run_no_memory(e);
        for (uint32_t k = 0; k < rows->count; k++)
            place[rows->by_key[k]] = k;
    }
    size_t key_count = 0;
    for (size_t i = 0; i < q->order_count; i++)
        if (sources[i]->kind != SOURCE_UNSET &&
            !make_key(l, sources[i], q->order[i].descends, rows, place, &keys[key_count++], e))
            return false;
    if (!order_pick(l, keys, key_count, rows->count, q->offset, q->limit, picked, count, e))
        return false;
    for (uint32_t i = 0; i < *count; i++) /* to row numbers */
        (*picked)[i] = rows->at[rows->by_key ? rows->by_key[(*picked)[i]] : (*picked)[i]];
    return true;
}

/* --- cells ----------------------------------------------------------------------------------- */

static bool read_single(struct source_list *l, const struct selected *s, const uint32_t *picked,
                        uint32_t count, struct cell *cells, struct err *e)
{
    for (size_t c = 0; c < s->count; c++) {
        if (!pace_check(&l->pace, count * 50, e))
            return false;
        for (uint32_t i = 0; i < count; i++)
            if (!source_cell(l, s->at[c], picked[i], &cells[c * count + i], e))
                return false;
    }
    return true;
}

/* Many: their rows in rising order, and back to where each stands on the page. */
static bool read_blocks(struct source_list *l, const struct selected *s, const uint32_t *picked,
                        uint32_t count, struct cell *cells, struct err *e)
{
    struct order_key by_row = { .words = arena_large(l->arena, count, sizeof *by_row.words) };
    uint32_t *at = arena_large(l->arena, count, sizeof *at), *place, sorted;
    struct gathered g;
    if (!at || !by_row.words)
        return run_no_memory(e);
    for (uint32_t i = 0; i < count; i++)
        by_row.words[i] = picked[i];
    if (!order_pick(l, &by_row, 1, count, 0, 0, &place, &sorted, e))
        return false;
    for (uint32_t i = 0; i < count; i++)
        at[i] = picked[place[i]];
    struct rows rows = { .at = at, .count = count };
    gathered_init(&g, l, count);
    for (size_t c = 0; c < s->count; c++) {
        if (!gather(&g, s->at[c], &rows, place, e))
            return false;
        for (uint32_t i = 0; i < count; i++)
            if (!gathered_cell(&g, s->at[c], i, &cells[c * count + i], e))
                return false;
    }
    return true;
}

static bool give_rows(struct source_list *l, const struct selected *s, const uint32_t *picked,
                      uint32_t count, struct outcome *out, struct err *e)
{
    if (count > 0 && s->count > RUN_VALUES_MAX / count)
        return err_word(e, ERR_LIMIT, "query_too_large",
                        "the answer would have more than %d values: ask with a smaller limit",
                        RUN_VALUES_MAX);
    struct cell *cells = arena_large(l->arena, s->count * count + 1, sizeof *cells);
    uint64_t *keys = arena_large(l->arena, (size_t)count + 1, sizeof *keys);
    if (!cells || !keys)
        return run_no_memory(e);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = table_key(&l->table, picked[i]);
    out->keys = keys;
    out->cells = cells;
    out->row_count = count;
    return count <= SINGLE_CELLS ? read_single(l, s, picked, count, cells, e)
                                 : read_blocks(l, s, picked, count, cells, e);
}

bool run_select(struct source_list *l, struct matches *m, struct outcome *out, struct err *e)
{
    const struct ask *q = l->ask;
    int64_t since = metric_clock_us();
    struct selected s = { 0 };
    struct rows rows;
    uint32_t *picked, count;
    uint64_t most =
        q->limit && q->limit <= m->count && q->offset <= m->count ? q->offset + q->limit : m->count;
    const struct source **sources = arena_large(l->arena, q->order_count + 1, sizeof *sources);
    if (!sources)
        return run_no_memory(e);
    if (!select_columns(l, &s, out, e) || !order_sources(l, sources, e))
        return false;
    if (q->order_count > 0 && !narrow(l, sources[0], q->order[0].descends, most, m, e))
        return false;
    if (!rows_list(l, m, q->order_count > 0 ? m->count : most, &rows, e) ||
        !pick_rows(l, sources, &rows, &picked, &count, e))
        return false;
    out->sort_us = lap_us(&since);
    if (!give_rows(l, &s, picked, count, out, e))
        return false;
    out->fold_us = lap_us(&since);
    return true;
}
