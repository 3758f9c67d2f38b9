/* run_filter.c - conditions to bits.
 *
 * A condition is made into a positive one and whether it is turned round, so that unset cells fall
 * on the right side by themselves. Within one alternative the cheap conditions come first: texts
 * are then only looked at for rows that are left. */
#include "columns/run_filter.h"

#include "columns/run_text.h"

#include <inttypes.h>
#include <stdlib.h>

#define NAME_ARG(s) (int)((s).len < 60 ? (s).len : 60), (s).ptr
#define WORDS (COLUMNS_BLOCK_ROWS / 64)

enum test_kind { TEST_NONE, TEST_SET, TEST_SPAN, TEST_CODE, TEST_TEXTS }; /* cheap ones first */

enum decision { UNDECIDED, REFUSED, HOLDS };

struct test {
    enum test_kind kind;
    const struct ask_term *term;
    size_t alternative;
    bool turned;
    const struct source *source;
    struct number_span span; /* SPAN */
    uint32_t code;           /* CODE, as in blocks */
    struct text_test *text;  /* TEXTS, */
    uint8_t *decided;        /* an enum decision for each code as in blocks */
};

struct alternative {
    struct test *tests;
    size_t count;
};

struct filter {
    struct source_list *list;
    struct alternative *alternatives;
    size_t count; /* 0: all rows get through */
    /* The last block of each kind that was read. */
    const struct source *codes_of, *numbers_of;
    uint32_t codes_block, numbers_block;
    uint32_t *codes;
    uint64_t *numbers;
    uint64_t set[WORDS], live[WORDS], taken[WORDS], held[WORDS];
};

/* --- making ---------------------------------------------------------------------------------- */

static bool is_turned(enum ask_op op)
{
    return op == ASK_NOT_EQUAL || op == ASK_NOT_CONTAINS || op == ASK_NOT_MATCHES ||
           op == ASK_IS_NOT_SET;
}

static bool is_order(enum ask_op op)
{
    return op == ASK_AT_LEAST || op == ASK_AT_MOST || op == ASK_GREATER || op == ASK_LESS;
}

static bool is_equality(enum ask_op op)
{
    return op == ASK_EQUAL || op == ASK_NOT_EQUAL;
}

static bool refuse_op(const struct ask_term *term, const char *holds, struct err *e)
{
    struct str op = ask_op_name(term->op);
    return err_word(e, ERR_INPUT, "bad_operator", "the attribute holds %s: '%.*s' does not fit",
                    holds, STR_ARG(op));
}

/* Says the place before the message, as ask_read does. Returns false. */
static bool place_test(const struct test *t, struct err *e)
{
    return e->code != ERR_NOMEM && err_prefix(e, "filter[%zu].%.*s[%" PRIu32 "]: ", t->alternative,
                                              NAME_ARG(t->term->column), t->term->index);
}

static bool make_number_test(struct test *t, const struct ask_term *term, struct err *e)
{
    struct cell number;
    if (!is_equality(term->op) && !is_order(term->op))
        return refuse_op(term, "numbers", e);
    if (!value_number(term->value, &number)) {
        t->kind = TEST_NONE;
        return is_equality(term->op) ||
               err_word(e, ERR_INPUT, "bad_query",
                        "the attribute holds numbers, and the value is none");
    }
    struct str digits = term->value.type == CELL_STRING ? term->value.s : term->digits;
    t->span = value_span(t->source->type, t->turned ? ASK_EQUAL : term->op, number, digits);
    t->kind = t->span.empty ? TEST_NONE : TEST_SPAN;
    return true;
}

static bool make_bool_test(struct test *t, const struct ask_term *term, struct err *e)
{
    bool b;
    if (!is_equality(term->op))
        return refuse_op(term, "booleans", e);
    t->kind = value_bool(term->value, &b) ? TEST_CODE : TEST_NONE;
    t->code = t->kind == TEST_CODE && b ? 2 : 1;
    return true;
}

static bool make_string_test(struct source_list *l, struct test *t, const struct ask_term *term,
                             struct err *e)
{
    struct str value;
    uint32_t texts = column_texts(t->source->texts);
    if (!value_text(term->value, l->arena, &value))
        return run_no_memory(e);
    if (is_equality(term->op) && !term->ignore_case) {
        t->code = column_code(t->source->texts, value);
        t->kind = t->code == UINT32_MAX ? TEST_NONE : TEST_CODE;
        t->code++;
        return true;
    }
    t->kind = TEST_TEXTS;
    t->text = arena_alloc(l->arena, sizeof *t->text);
    t->decided = arena_zalloc(l->arena, (size_t)texts + 1);
    if (!t->text || !t->decided)
        return run_no_memory(e);
    t->decided[0] = REFUSED;
    return text_test_init(t->text, term->op, value, term->ignore_case, texts, l->arena, e);
}

static bool find_source(struct source_list *l, struct test *t, struct err *e)
{
    struct str name = t->term->column;
    return source_find(l, name, &t->source, e) ||
           (e->code == ERR_NOT_FOUND &&
            err_word(e, ERR_INPUT, "filter_column",
                     "Filter column not found: there is no attribute '%.*s'", NAME_ARG(name)));
}

static bool make_test(struct source_list *l, struct test *t, struct err *e)
{
    const struct ask_term *term = t->term;
    if (term->op == ASK_IS_SET || term->op == ASK_IS_NOT_SET) {
        t->kind = TEST_SET;
        return true;
    }
    if (t->source->kind == SOURCE_UNSET)
        return true; /* TEST_NONE */
    if (t->source->type == COLUMN_STRING)
        return make_string_test(l, t, term, e);
    return t->source->type == COLUMN_BOOL ? make_bool_test(t, term, e)
                                          : make_number_test(t, term, e);
}

static int by_cost(const void *a, const void *b)
{
    const struct test *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->source > y->source) - (x->source < y->source); /* a block is read once for both */
}

static bool make_alternative(struct source_list *l, size_t at, struct alternative *out,
                             struct err *e)
{
    const struct ask_all *all = &l->ask->any[at];
    out->count = all->count;
    out->tests = arena_array(l->arena, all->count + 1, sizeof *out->tests);
    if (!out->tests)
        return run_no_memory(e);
    for (size_t i = 0; i < all->count; i++) {
        const struct ask_term *term = &all->terms[i];
        out->tests[i] =
            (struct test){ .term = term, .alternative = at, .turned = is_turned(term->op) };
        if (!find_source(l, &out->tests[i], e))
            return false; /* clients look for this message: no place comes before it */
        if (!make_test(l, &out->tests[i], e))
            return place_test(&out->tests[i], e);
    }
    qsort(out->tests, out->count, sizeof *out->tests, by_cost);
    return true;
}

bool filter_make(struct filter **out, struct source_list *l, struct err *e)
{
    const struct ask *q = l->ask;
    struct filter *f = arena_zalloc(l->arena, sizeof *f);
    if (!f)
        return run_no_memory(e);
    f->list = l;
    f->count = q->any_count;
    f->alternatives = arena_array(l->arena, q->any_count + 1, sizeof *f->alternatives);
    f->codes = arena_array(l->arena, COLUMNS_BLOCK_ROWS, sizeof *f->codes);
    f->numbers = arena_array(l->arena, COLUMNS_BLOCK_ROWS, sizeof *f->numbers);
    if (!f->alternatives || !f->codes || !f->numbers)
        return run_no_memory(e);
    for (size_t i = 0; i < q->any_count; i++)
        if (!make_alternative(l, i, &f->alternatives[i], e))
            return false;
    *out = f;
    return true;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static const uint32_t *codes_of(struct filter *f, const struct source *s, uint32_t block)
{
    if (f->codes_of != s || f->codes_block != block)
        source_codes(f->list, s, block, f->codes);
    f->codes_of = s;
    f->codes_block = block;
    return f->codes;
}

static const uint64_t *numbers_of(struct filter *f, const struct source *s, uint32_t block)
{
    if (f->numbers_of != s || f->numbers_block != block)
        source_numbers(f->list, s, block, f->numbers, f->set);
    f->numbers_of = s;
    f->numbers_block = block;
    return f->numbers;
}

/* Calls which(row) for the rows of a block and makes words of the answers. */
#define EACH_ROW(rows, out, which)                                                                 \
    for (uint32_t at_ = 0; at_ < (rows); at_ += 64) {                                              \
        uint32_t end_ = (rows)-at_ < 64 ? (rows)-at_ : 64;                                         \
        uint64_t word_ = 0;                                                                        \
        for (uint32_t i_ = 0; i_ < end_; i_++) {                                                   \
            uint32_t row = at_ + i_;                                                               \
            word_ |= (uint64_t)(which) << i_;                                                      \
        }                                                                                          \
        (out)[at_ / 64] = word_;                                                                   \
    }

static void hold_span(struct filter *f, const struct test *t, uint32_t block, uint32_t rows)
{
    const uint64_t *n = numbers_of(f, t->source, block);
    if (t->source->type == COLUMN_DOUBLE) {
        double from = value_double(t->span.from), to = value_double(t->span.to);
        EACH_ROW(rows, f->held, value_double(n[row]) >= from && value_double(n[row]) <= to)
    } else { /* with and without a sign alike: the distance from `from` does not wrap */
        uint64_t from = t->span.from, width = t->span.to - from;
        EACH_ROW(rows, f->held, n[row] - from <= width)
    }
    for (uint32_t w = 0; w < (rows + 63) / 64; w++)
        f->held[w] &= f->set[w];
}

static void hold_set(struct filter *f, const struct test *t, uint32_t block, uint32_t rows)
{
    if (t->source->kind == SOURCE_UNSET) {
        memset(f->held, 0, sizeof f->held);
    } else if (type_has_codes(t->source->type)) {
        const uint32_t *codes = codes_of(f, t->source, block);
        EACH_ROW(rows, f->held, codes[row] != 0)
    } else {
        numbers_of(f, t->source, block);
        memcpy(f->held, f->set, sizeof f->held);
    }
}

static bool decide(struct filter *f, const struct test *t, uint32_t code, struct err *e)
{
    struct text_room room;
    struct str text = column_text(t->source->texts, code - 1, &room);
    bool holds;
    /* A match takes some hundred nanoseconds, but longer texts and worse expressions take more. */
    if (!pace_check(&f->list->pace, t->text->regex ? 1000 : 10 + (uint32_t)(text.len / 16), e))
        return false;
    if (!text_test_holds(t->text, text, &holds, e))
        return place_test(t, e);
    t->decided[code] = holds ? HOLDS : REFUSED;
    return true;
}

/* Only the rows in `bits` are looked at. */
static bool hold_texts(struct filter *f, const struct test *t, uint32_t block, uint32_t rows,
                       const uint64_t *bits, struct err *e)
{
    const uint32_t *codes = codes_of(f, t->source, block);
    for (uint32_t w = 0; w < (rows + 63) / 64; w++) {
        uint64_t held = 0;
        for (uint64_t left = bits[w]; left; left &= left - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(left), code = codes[w * 64 + i];
            if (t->decided[code] == UNDECIDED && !decide(f, t, code, e))
                return false;
            held |= (uint64_t)(t->decided[code] == HOLDS) << i;
        }
        f->held[w] = held;
    }
    return true;
}

/* Takes the rows for which the condition does not hold out of `bits`. */
static bool apply_test(struct filter *f, const struct test *t, uint32_t block, uint32_t rows,
                       uint64_t *bits, struct err *e)
{
    uint32_t words = (rows + 63) / 64;
    if (t->kind == TEST_NONE || source_is_unset(f->list, t->source, block)) {
        if (!t->turned)
            memset(bits, 0, words * sizeof *bits);
        return true;
    }
    if (t->kind == TEST_SPAN) {
        hold_span(f, t, block, rows);
    } else if (t->kind == TEST_SET) {
        hold_set(f, t, block, rows);
    } else if (t->kind == TEST_CODE) {
        const uint32_t *codes = codes_of(f, t->source, block);
        EACH_ROW(rows, f->held, codes[row] == t->code)
    } else if (!hold_texts(f, t, block, rows, bits, e)) {
        return false;
    }
    for (uint32_t w = 0; w < words; w++)
        bits[w] &= t->turned ? ~f->held[w] : f->held[w];
    return true;
}

static bool is_empty(const uint64_t *bits, uint32_t words)
{
    uint64_t all = 0;
    for (uint32_t w = 0; w < words; w++)
        all |= bits[w];
    return all == 0;
}

bool filter_block(struct filter *f, uint32_t block, uint64_t *bits, struct err *e)
{
    uint32_t rows = table_block_rows(&f->list->table, block), words = (rows + 63) / 64;
    table_live(&f->list->table, block, f->live);
    if (f->count == 0) {
        memcpy(bits, f->live, WORDS * sizeof *bits);
        return pace_check(&f->list->pace, rows / 16, e);
    }
    memset(bits, 0, WORDS * sizeof *bits);
    for (size_t a = 0; a < f->count; a++) {
        for (uint32_t w = 0; w < words; w++)
            f->taken[w] = f->live[w] & ~bits[w]; /* those that no other alternative has taken */
        for (size_t i = 0; i < f->alternatives[a].count && !is_empty(f->taken, words); i++)
            if (!pace_check(&f->list->pace, rows, e) ||
                !apply_test(f, &f->alternatives[a].tests[i], block, rows, f->taken, e))
                return false;
        for (uint32_t w = 0; w < words; w++)
            bits[w] |= f->taken[w];
    }
    return true;
}
