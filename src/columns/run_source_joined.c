/* run_source_joined.c - what is the same for all rows of one fingerprint: when it was first seen,
 * and the columns of its issue. Each is worked out once, for every text of the column
 * `fingerprint`. */
#include "columns/attribute_formats.h"
#include "columns/run_source.h"

static bool take_standard(struct source *s)
{
    const struct standard_attribute *known = attribute_standard(TABLE_OBJECTS, s->name);
    if (known)
        s->type = known->type;
    return known != NULL;
}

static bool new_numbers(struct source_list *l, size_t count, uint64_t **numbers, bool **set,
                        struct err *e)
{
    *numbers = arena_array(l->arena, count, sizeof **numbers);
    *set = arena_array(l->arena, count, sizeof **set);
    if (!*numbers || !*set)
        return run_no_memory(e);
    memset(*numbers, 0, count * sizeof **numbers);
    memset(*set, 0, count * sizeof **set);
    return true;
}

/* --- the rows of all blocks ------------------------------------------------------------------ */

struct block_buffers {
    uint64_t *numbers;
    uint64_t live[COLUMNS_BLOCK_ROWS / 64], set[COLUMNS_BLOCK_ROWS / 64];
};

static struct block_buffers *new_buffers(struct source_list *l)
{
    struct block_buffers *b = arena_alloc(l->arena, sizeof *b);
    if (b)
        b->numbers = arena_array(l->arena, COLUMNS_BLOCK_ROWS, sizeof *b->numbers);
    return b && b->numbers ? b : NULL;
}

/* --- first_seen ------------------------------------------------------------------------------ */

static void take_least(struct source_list *l, enum column_type type, const struct block_buffers *b,
                       uint32_t rows, uint64_t *least, bool *seen)
{
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t code = l->scratch[i];
        if (code == 0 || !(b->live[i / 64] & b->set[i / 64] & UINT64_C(1) << i % 64))
            continue;
        if (!seen[code] || value_rank(type, b->numbers[i]) < value_rank(type, least[code])) {
            least[code] = b->numbers[i];
            seen[code] = true;
        }
    }
}

static bool make_first_seen(struct source_list *l, struct source *s, struct err *e)
{
    const struct column *times = table_column(&l->table, STR("timestamp"));
    uint64_t *least;
    bool *seen;
    s->type = COLUMN_UINT;
    if (!s->column || !times || type_has_codes(column_type(times)))
        return true; /* stays without values */
    s->type = column_type(times);
    struct block_buffers *b = new_buffers(l);
    if (!b)
        return run_no_memory(e);
    if (!new_numbers(l, (size_t)column_texts(s->column) + 1, &least, &seen, e))
        return false;
    for (uint32_t block = 0; block < table_blocks(&l->table); block++) {
        uint32_t rows = table_block_rows(&l->table, block);
        if (!pace_check(&l->pace, rows, e))
            return false;
        column_codes(&l->table, s->column, block, l->scratch);
        column_numbers(&l->table, times, block, b->numbers, b->set);
        table_live(&l->table, block, b->live);
        take_least(l, s->type, b, rows, least, seen);
    }
    s->kind = SOURCE_BY_FINGERPRINT;
    s->numbers = least;
    s->number_set = seen;
    return true;
}

/* --- issues ---------------------------------------------------------------------------------- */

/* Of many issues with one fingerprint the last row counts: rows are gone through in order. */
static bool find_issue_codes(struct source_list *l, const struct column *fingerprints,
                             struct err *e)
{
    const struct column *theirs = table_column(&l->issues, STR("fingerprint"));
    uint32_t texts = column_texts(fingerprints);
    struct text_room room;
    struct block_buffers *b = new_buffers(l);
    uint32_t *code_of = arena_zalloc(l->arena, ((size_t)l->issues.rows + 1) * sizeof *code_of);
    if (!b || !code_of)
        return run_no_memory(e);
    bool joins = theirs && column_type(theirs) == COLUMN_STRING;
    for (uint32_t block = 0; joins && block < table_blocks(&l->issues); block++) {
        uint32_t rows = table_block_rows(&l->issues, block);
        if (!pace_check(&l->pace, PACE_STEPS, e))
            return false;
        column_codes(&l->issues, theirs, block, l->scratch);
        table_live(&l->issues, block, b->live);
        for (uint32_t i = 0; i < rows; i++) {
            if (l->scratch[i] == 0 || !(b->live[i / 64] >> i % 64 & 1))
                continue;
            uint32_t code =
                column_code(fingerprints, column_text(theirs, l->scratch[i] - 1, &room));
            if (code < texts)
                code_of[block * COLUMNS_BLOCK_ROWS + i] = code + 1;
        }
    }
    l->issue_codes = code_of;
    return true;
}

static bool join_codes(struct source_list *l, struct source *s, const struct column *c,
                       size_t count, struct err *e)
{
    uint32_t *codes = arena_zalloc(l->arena, count * sizeof *codes);
    if (!codes)
        return run_no_memory(e);
    for (uint32_t block = 0; block < table_blocks(&l->issues); block++) {
        const uint32_t *code_of = l->issue_codes + (size_t)block * COLUMNS_BLOCK_ROWS;
        if (!pace_check(&l->pace, PACE_STEPS, e))
            return false;
        column_codes(&l->issues, c, block, l->scratch);
        for (uint32_t i = 0; i < table_block_rows(&l->issues, block); i++)
            codes[code_of[i]] = l->scratch[i];
    }
    codes[0] = 0; /* rows without a fingerprint have no issue */
    s->codes = codes;
    return true;
}

static bool join_numbers(struct source_list *l, struct source *s, const struct column *c,
                         size_t count, struct err *e)
{
    uint64_t *numbers;
    bool *set;
    struct block_buffers *b = new_buffers(l);
    if (!b)
        return run_no_memory(e);
    if (!new_numbers(l, count, &numbers, &set, e))
        return false;
    for (uint32_t block = 0; block < table_blocks(&l->issues); block++) {
        const uint32_t *code_of = l->issue_codes + (size_t)block * COLUMNS_BLOCK_ROWS;
        if (!pace_check(&l->pace, PACE_STEPS, e))
            return false;
        column_numbers(&l->issues, c, block, b->numbers, b->set);
        for (uint32_t i = 0; i < table_block_rows(&l->issues, block); i++) {
            numbers[code_of[i]] = b->numbers[i];
            set[code_of[i]] = b->set[i / 64] >> i % 64 & 1;
        }
    }
    set[0] = false;
    s->numbers = numbers;
    s->number_set = set;
    return true;
}

static bool make_issue_column(struct source_list *l, struct source *s, struct str name,
                              struct err *e)
{
    const struct column *c = table_column(&l->issues, name);
    if (c)
        s->type = column_type(c);
    else if (!take_standard(s))
        return source_refuse_name(s, e);
    if (!c || !s->column)
        return true; /* stays without values */
    size_t count = (size_t)column_texts(s->column) + 1;
    if (!l->issue_codes && !find_issue_codes(l, s->column, e))
        return false;
    s->kind = SOURCE_BY_FINGERPRINT;
    s->texts = s->type == COLUMN_STRING ? c : NULL;
    return type_has_codes(s->type) ? join_codes(l, s, c, count, e)
                                   : join_numbers(l, s, c, count, e);
}

bool source_join(struct source_list *l, struct source *s, struct err *e)
{
    static const struct str issues = STR_INIT("fingerprint;issues;");
    s->kind = SOURCE_UNSET;
    s->column = table_column(&l->table, STR("fingerprint"));
    if (s->column && column_type(s->column) != COLUMN_STRING)
        s->column = NULL;
    if (str_eq(s->name, STR("fingerprint;first_seen")))
        return make_first_seen(l, s, e);
    if (str_starts(s->name, issues))
        return make_issue_column(
            l, s, (struct str){ s->name.ptr + issues.len, s->name.len - issues.len }, e);
    return take_standard(s) || source_refuse_name(s, e);
}
