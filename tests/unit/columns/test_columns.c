/* Columns, rule by rule, in tables of named rows; and whole blocks of every kind. */
#include "columns/columns_block.h"
#include "columns/columns_file.h"

#include "../cmocka_all.h"
#include "../group/dice.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define P STR("p")
#define U(n)                                                                                       \
    {                                                                                              \
        .type = CELL_UINT, .u = (n)                                                                \
    }
#define I(n)                                                                                       \
    {                                                                                              \
        .type = CELL_INT, .i = (n)                                                                 \
    }
#define D(n)                                                                                       \
    {                                                                                              \
        .type = CELL_DOUBLE, .d = (n)                                                              \
    }
#define B(n)                                                                                       \
    {                                                                                              \
        .type = CELL_BOOL, .b = (n)                                                                \
    }
#define S(text)                                                                                    \
    {                                                                                              \
        .type = CELL_STRING, .s = STR_INIT(text)                                                   \
    }

static struct columns *made(size_t max_columns)
{
    struct columns *c;
    struct err e = { 0 };
    assert_true(columns_new(&c, max_columns, &e));
    return c;
}

static void put_one(struct columns *c, uint64_t key, struct str name, struct cell value)
{
    struct err e = { 0 };
    struct named_cell cell = { name, value };
    assert_true(columns_put(c, P, TABLE_OBJECTS, key, &cell, 1, NULL, &e));
}

struct seen {
    const struct columns_view *view;
    struct table table;
};

static struct seen look(struct columns *c)
{
    struct seen s;
    columns_publish(c);
    s.view = columns_acquire(c);
    (void)columns_table(s.view, P, TABLE_OBJECTS, &s.table);
    return s;
}

/* What becomes of values of different kinds in one column. */
static const struct {
    const char *name;
    struct cell values[4];
    enum column_type type;
    struct cell want[4];
} mixtures[] = {
    { "small and large", { U(0), U(UINT64_MAX) }, COLUMN_UINT, { U(0), U(UINT64_MAX) } },
    { "uint, then int", { U(5), I(-5) }, COLUMN_INT, { I(5), I(-5) } },
    { "int, then uint", { I(INT64_MIN), U(7) }, COLUMN_INT, { I(INT64_MIN), I(7) } },
    { "an int that is a uint", { U(5), I(6) }, COLUMN_UINT, { U(5), U(6) } },
    { "too large for an int",
      { U(UINT64_C(1) << 63), I(-1) },
      COLUMN_DOUBLE,
      { D(0x1p63), D(-1) } },
    { "too large for the ints", { I(-1), U(UINT64_MAX) }, COLUMN_DOUBLE, { D(-1), D(0x1p64) } },
    { "uint, then double", { U(5), D(0.5), U(7) }, COLUMN_DOUBLE, { D(5), D(0.5), D(7) } },
    { "double, then int", { D(0.25), I(-3) }, COLUMN_DOUBLE, { D(0.25), D(-3) } },
    { "one zero only", { D(-0.0), D(0.0) }, COLUMN_DOUBLE, { D(0), D(0) } },
    { "infinite", { D(INFINITY), D(-INFINITY) }, COLUMN_DOUBLE, { D(INFINITY), D(-INFINITY) } },
    { "bool, then bool", { B(false), B(true) }, COLUMN_BOOL, { B(false), B(true) } },
    { "bool, then uint", { B(true), U(1) }, COLUMN_STRING, { S("true"), S("1") } },
    { "uint, then bool", { U(1), B(false) }, COLUMN_STRING, { S("1"), S("false") } },
    { "numbers, then text",
      { U(5), I(-5), D(0.1), S("x") },
      COLUMN_STRING,
      { S("5"), S("-5"), S("0.1"), S("x") } },
    { "text, then numbers",
      { S(""), U(5), I(-5), D(1e300) },
      COLUMN_STRING,
      { S(""), S("5"), S("-5"), S("1e+300") } },
};

static bool is_same(const struct cell *a, const struct cell *b)
{
    if (a->type != b->type)
        return false;
    return a->type == CELL_STRING ? str_eq(a->s, b->s)
           : a->type == CELL_BOOL ? a->b == b->b
                                  : a->type == CELL_UNSET || a->u == b->u;
}

static void test_mixtures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mixtures); i++) {
        struct columns *c = made(10);
        uint32_t count = 0;
        for (; count < 4 && mixtures[i].values[count].type != CELL_UNSET; count++)
            put_one(c, count + 1, STR("a"), mixtures[i].values[count]);
        struct seen s = look(c);
        const struct column *column = table_column(&s.table, STR("a"));
        bool ok = column && column_type(column) == mixtures[i].type && s.table.rows == count;
        for (uint32_t row = 0; ok && row < count; row++) {
            struct text_room room;
            struct cell have = column_cell(&s.table, column, row, &room);
            ok = is_same(&have, &mixtures[i].want[row]);
        }
        if (!ok)
            print_message("%s\n", mixtures[i].name);
        assert_true(ok);
        columns_release(c, s.view);
        columns_free(c);
    }
}

/* Texts that are kept in half the bytes, and texts that only look so. */
static const struct {
    const char *name;
    struct str text;
    bool spelt;
} texts[] = {
    { "empty", STR_INIT(""), false },
    { "short digits", STR_INIT("0123456789abcd"), false },
    { "16 digits", STR_INIT("0123456789abcdef"), true },
    { "17 digits", STR_INIT("0123456789abcdef0"), false },
    { "upper", STR_INIT("0123456789ABCDEF"), true },
    { "mixed", STR_INIT("0123456789ABCDeF"), false },
    { "only figures", STR_INIT("01234567890123456789"), true },
    { "uuid", STR_INIT("00112233-4455-6677-8899-aabbccddeeff"), true },
    { "upper uuid", STR_INIT("00112233-4455-6677-8899-AABBCCDDEEFF"), false },
    { "dash out of place", STR_INIT("0011223-34455-6677-8899-aabbccddeeff"), false },
    { "no digit in a uuid", STR_INIT("00112233-4455-6677-8899-aabbccddeefg"), false },
    { "no first digit", STR_INIT("g0112233-4455-6677-8899-aabbccddeeff"), false },
    { "the digits of a uuid", STR_INIT("00112233445566778899aabbccddeeff"), true },
    { "same in upper case", STR_INIT("00112233445566778899AABBCCDDEEFF"), true },
    { "no digit: colon", STR_INIT("0123456789abcde:"), false },
    { "no digit: slash", STR_INIT("/123456789abcdef"), false },
    { "no digit: backtick", STR_INIT("`123456789abcdef"), false },
    { "no digit: at", STR_INIT("@123456789ABCDEF"), false },
    { "not ASCII", STR_INIT("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"),
      false },
    { "a NUL in it", STR_INIT("a\0b"), false },
};

static void test_texts(void **state)
{
    (void)state;
    struct columns *c = made(10);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        put_one(c, i + 1, STR("a"), (struct cell){ .type = CELL_STRING, .s = texts[i].text });
    struct seen s = look(c);
    const struct column *column = table_column(&s.table, STR("a"));
    struct arena *a = arena_new(1 << 20);
    assert_int_equal(column_texts(column), COUNT_OF(texts));
    for (uint32_t i = 0; i < COUNT_OF(texts); i++) {
        struct text_room room;
        struct str kept, text = column_text(column, i, &room);
        if (!str_eq(text, texts[i].text) || (text.ptr == room.at) != texts[i].spelt)
            print_message("%s\n", texts[i].name);
        assert_true(str_eq(text, texts[i].text));
        assert_int_equal(text.ptr == room.at, texts[i].spelt);
        assert_int_equal(column_code(column, texts[i].text), i);
        assert_true(column_text_keep(column, i, a, &kept) && str_eq(kept, texts[i].text));
    }
    assert_true(column_code(column, STR("00112233-4455-6677-8899-aabbccddeefe")) == UINT32_MAX);
    assert_true(column_code(column, STR("another")) == UINT32_MAX);
    arena_free(a);
    columns_release(c, s.view);
    columns_free(c);
}

static void test_long_texts(void **state)
{
    (void)state;
    struct columns *c = made(10);
    char *text = malloc(COLUMNS_TEXT_MAX + 10);
    memset(text, 'x', COLUMNS_TEXT_MAX + 10);
    memcpy(text + COLUMNS_TEXT_MAX - 1, "\xc3\xa9", 2); /* the cut would be within it */
    struct str cut = { text, COLUMNS_TEXT_MAX - 1 }, whole = { text, COLUMNS_TEXT_MAX + 10 };
    put_one(c, 1, STR("a"), (struct cell){ .type = CELL_STRING, .s = whole });
    for (uint64_t i = 0; i < 100; i++) { /* many large ones: over more than one chunk */
        text[0] = (char)('a' + i % 26);
        text[1] = (char)('a' + i / 26);
        struct str other = { text, COLUMNS_TEXT_MAX - 1 - i };
        put_one(c, 2 + i, STR("a"), (struct cell){ .type = CELL_STRING, .s = other });
    }
    struct seen s = look(c);
    const struct column *column = table_column(&s.table, STR("a"));
    assert_int_equal(column_texts(column), 101);
    struct text_room room;
    assert_int_equal(column_text(column, 0, &room).len, cut.len);
    for (uint32_t i = 0; i < 100; i++) {
        struct str there = column_text(column, 1 + i, &room);
        assert_int_equal(there.len, COLUMNS_TEXT_MAX - 1 - i);
        assert_true(there.ptr[0] == (char)('a' + i % 26) && there.ptr[1] == (char)('a' + i / 26));
    }
    free(text);
    columns_release(c, s.view);
    columns_free(c);
}

static void test_limits(void **state)
{
    (void)state;
    struct columns *c = made(3);
    struct err e = { 0 };
    char long_name[COLUMNS_NAME_MAX + 1];
    memset(long_name, 'n', sizeof long_name);
    struct named_cell cells[] = {
        { STR("a"), U(1) }, { { long_name, sizeof long_name }, U(2) },
        { STR("b"), U(3) }, { STR("a"), U(9) }, /* the first counts */
        { STR("c"), U(4) }, { STR("d"), U(5) },
        { STR("e"), U(6) }, { STR("f"), { .type = CELL_UNSET } },
    };
    size_t left_out;
    assert_true(columns_put(c, P, TABLE_OBJECTS, 7, cells, COUNT_OF(cells), &left_out, &e));
    assert_int_equal(left_out, 3);
    struct named_cell nan = { STR("a"), D(NAN) }; /* unset */
    assert_true(columns_put(c, P, TABLE_OBJECTS, 8, &nan, 1, &left_out, &e));

    struct named_cell more[] = { { STR("b"), U(8) }, { STR("g"), U(8) } };
    assert_false(columns_change(c, P, TABLE_OBJECTS, 7, more, 2, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.msg, "3"));
    more[1] = (struct named_cell){ { long_name, sizeof long_name }, U(1) };
    assert_false(columns_change(c, P, TABLE_OBJECTS, 7, more, 2, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    more[1] = (struct named_cell){ STR("g"), { .type = CELL_UNSET } }; /* makes no column */
    assert_true(columns_change(c, P, TABLE_OBJECTS, 7, more, 2, &e));
    assert_false(columns_change(c, P, TABLE_OBJECTS, 9, more, 2, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(columns_change(c, P, TABLE_ISSUES, 7, more, 2, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);

    struct seen s = look(c);
    struct text_room room;
    assert_int_equal(table_column_count(&s.table), 3);
    assert_null(table_column(&s.table, STR("d")));
    const struct column *a = table_column(&s.table, STR("a")), *b = table_column_at(&s.table, 1);
    assert_true(str_eq(column_name(b), STR("b")));
    assert_true(column_cell(&s.table, a, 0, &room).u == 1);
    assert_true(column_cell(&s.table, a, 1, &room).type == CELL_UNSET);
    assert_true(column_cell(&s.table, b, 0, &room).u == 8);
    columns_release(c, s.view);
    columns_free(c);
}

static void test_tables(void **state)
{
    (void)state;
    struct columns *c = made(10);
    struct err e = { 0 };
    struct named_cell cell = { STR("a"), U(1) };
    char project[16];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(project, sizeof project, "p%u", i);
        assert_true(columns_put(c, str_from_c(project), i % 2 ? TABLE_ISSUES : TABLE_OBJECTS, i + 1,
                                &cell, 1, NULL, &e));
    }
    const struct columns_view *v = columns_acquire(c);
    struct table t;
    assert_false(columns_table(v, STR("p3"), TABLE_ISSUES, &t)); /* not published */
    assert_true(t.rows == 0 && table_blocks(&t) == 0 && table_column_count(&t) == 0);
    assert_null(table_column(&t, STR("a")));
    assert_true(table_row(&t, 4) == UINT32_MAX);
    columns_publish(c);
    assert_true(columns_table(v, STR("p3"), TABLE_ISSUES, &t)); /* as it is when it is asked for */
    assert_true(t.rows == 1 && t.newest == 4 && table_row(&t, 4) == 0);
    assert_false(columns_table(v, STR("p3"), TABLE_OBJECTS, &t));
    assert_false(columns_table(v, STR("p100"), TABLE_OBJECTS, &t));
    assert_true(columns_table(v, STR("p5"), TABLE_ISSUES, &t) && t.rows == 1);
    assert_true(columns_clear(c, &e));
    columns_publish(c);
    assert_true(columns_table(v, STR("p3"), TABLE_ISSUES, &t) && t.rows == 0 && t.newest == 4);
    columns_release(c, v);
    columns_free(c);
}

/* Whole blocks. Each column's value follows from the row alone. */
#define ROWS (2 * COLUMNS_BLOCK_ROWS + 5000)

static uint64_t mixed(uint64_t n)
{
    struct dice d = { n };
    return dice_bits(&d);
}
static bool same(uint32_t row, uint64_t *v)
{
    (void)row;
    *v = 77;
    return true;
}
static bool rising(uint32_t row, uint64_t *v)
{
    *v = UINT64_C(1) << 40 | row;
    return true;
}
static bool falling(uint32_t row, uint64_t *v)
{
    *v = UINT64_MAX - row * UINT64_C(1000);
    return true;
}
static bool any(uint32_t row, uint64_t *v)
{
    *v = mixed(row) >> mixed(row + 1) % 64;
    return mixed(row) % 5 != 0;
}
static bool ends(uint32_t row, uint64_t *v) /* the two that leave no room for unset */
{
    *v = row % 2 ? 0 : UINT64_MAX;
    return row % 3 != 0;
}
static bool rare(uint32_t row, uint64_t *v)
{
    *v = row;
    return row % 1000 == 999;
}
static bool rare_same(uint32_t row, uint64_t *v)
{
    *v = 3;
    return row % 700 == 13;
}
static bool last_of_block(uint32_t row, uint64_t *v)
{
    *v = row;
    return row % COLUMNS_BLOCK_ROWS == COLUMNS_BLOCK_ROWS - 1;
}
static bool first_of_block(uint32_t row, uint64_t *v)
{
    *v = row;
    return row % COLUMNS_BLOCK_ROWS == 0;
}
static bool first_block(uint32_t row, uint64_t *v)
{
    *v = row % 256;
    return row < 300;
}
static bool late(uint32_t row, uint64_t *v)
{
    *v = row % 300;
    return row % COLUMNS_BLOCK_ROWS > 60000;
}
static bool wandering(uint32_t row, uint64_t *v) /* up and down, further and further */
{
    *v = UINT64_C(1) << 50;
    *v += row % 2 ? row * UINT64_C(3) : -(uint64_t)row * 3;
    return row % 7 != 0;
}
static bool half(uint32_t row, uint64_t *v)
{
    *v = row % 65535;
    return row % COLUMNS_BLOCK_ROWS < 40000;
}

static const struct {
    const char *name;
    bool (*value)(uint32_t row, uint64_t *v);
    double most_bytes; /* a row */
} kinds[] = {
    { "same", same, 0.1 },
    { "rising", rising, 2.2 },
    { "falling", falling, 4.3 },
    { "any", any, 8.4 },
    { "ends", ends, 8.4 },
    { "rare", rare, 0.1 },
    { "rare same", rare_same, 0.1 },
    { "last of block", last_of_block, 0.1 },
    { "first of block", first_of_block, 0.1 },
    { "first block", first_block, 0.1 },
    { "late", late, 0.6 },
    { "wandering", wandering, 4.3 },
    { "half", half, 2.2 },
};

static size_t cells_of(uint32_t row, struct named_cell cells[COUNT_OF(kinds)])
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        uint64_t v;
        if (kinds[i].value(row, &v))
            cells[count++] = (struct named_cell){ str_from_c(kinds[i].name), U(v) };
    }
    return count;
}

static uint64_t key_of(uint32_t row) /* nearly in order */
{
    return UINT64_C(1000000) + (row ^ (row % 50 < 2));
}

static void put_rows(struct columns *c)
{
    struct named_cell cells[COUNT_OF(kinds)];
    struct err e = { 0 };
    for (uint32_t row = 0; row < ROWS; row++) {
        size_t count = cells_of(row, cells);
        assert_true(columns_put(c, P, TABLE_OBJECTS, key_of(row), cells, count, NULL, &e));
        if (row % 97 == 0)
            columns_publish(c);
    }
}

static uint64_t numbers[COLUMNS_BLOCK_ROWS], set[BLOCK_WORDS];

static void check_kind(const struct table *t, size_t kind, uint32_t from, uint32_t upto)
{
    const struct column *c = table_column(t, str_from_c(kinds[kind].name));
    assert_non_null(c);
    for (uint32_t row = from; row < upto; row++) {
        uint32_t i = row % COLUMNS_BLOCK_ROWS;
        if (i == 0 || row == from)
            column_numbers(t, c, row / COLUMNS_BLOCK_ROWS, numbers, set);
        uint64_t want = 0;
        bool is_set = kinds[kind].value(row, &want);
        struct text_room room;
        bool there = (set[i / 64] >> i % 64 & 1) != 0;
        if (there != is_set || numbers[i] != (is_set ? want : 0))
            print_message("%s, row %u\n", kinds[kind].name, row);
        assert_int_equal(there, is_set);
        assert_true(numbers[i] == (is_set ? want : 0));
        struct cell cell = column_cell(t, c, row, &room);
        assert_true(is_set ? cell.type == CELL_UINT && cell.u == want : cell.type == CELL_UNSET);
    }
}

static void test_blocks(void **state)
{
    (void)state;
    struct columns *c = made(COLUMNS_MAX_DEFAULT);
    put_rows(c);
    struct seen s = look(c);
    assert_int_equal(s.table.rows, ROWS);
    assert_false(table_keys_rise(&s.table));
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        check_kind(&s.table, i, 0, ROWS);
    for (uint32_t row = 0; row < ROWS; row += 7) {
        assert_true(table_key(&s.table, row) == key_of(row));
        assert_int_equal(table_row(&s.table, key_of(row)), row);
    }
    assert_true(table_row(&s.table, 5) == UINT32_MAX);
    const struct column *rare_column = table_column(&s.table, STR("first block"));
    assert_false(column_is_unset(&s.table, rare_column, 0));
    assert_true(column_is_unset(&s.table, rare_column, 1));
    columns_release(c, s.view);
    columns_free(c);
}

/* Each kind alone in a table, so that its bytes can be told. */
static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct columns *with = made(10);
        struct err e = { 0 };
        size_t keys_only = 0;
        for (int pass = 0; pass < 2; pass++) {
            struct columns *c = pass ? with : made(10);
            for (uint32_t row = 0; row < ROWS; row++) {
                struct named_cell cell = { STR("a"), U(0) };
                bool is_set = pass && kinds[i].value(row, &cell.value.u);
                assert_true(columns_put(c, P, TABLE_OBJECTS, row, &cell, is_set, NULL, &e));
            }
            columns_publish(c);
            if (!pass) {
                keys_only = columns_bytes(c);
                columns_free(c);
            }
        }
        double bytes = (double)(columns_bytes(with) - keys_only) / ROWS;
        if (bytes > kinds[i].most_bytes)
            print_message("%s: %.2f bytes a row\n", kinds[i].name, bytes);
        assert_true(bytes <= kinds[i].most_bytes);
        columns_free(with);
    }
}

/* One value for all, over all kinds of blocks; and back again by unsetting; blocks that go. */
static void test_blocks_changed(void **state)
{
    (void)state;
    struct columns *c = made(COLUMNS_MAX_DEFAULT);
    struct err e = { 0 };
    put_rows(c);
    struct seen before = look(c);
    uint64_t *keys = calloc(ROWS, sizeof *keys);
    assert_non_null(keys);
    size_t count = 0;
    for (uint32_t row = 0; row < ROWS; row += 3)
        keys[count++] = key_of(row);
    struct named_cell cells[COUNT_OF(kinds)];
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        cells[i] = (struct named_cell){ str_from_c(kinds[i].name), U(mixed(i) >> (4 * i)) };
    assert_true(columns_change_all(c, P, TABLE_OBJECTS, keys, count, cells, COUNT_OF(kinds), &e));
    struct seen after = look(c);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        const struct column *column = table_column(&after.table, str_from_c(kinds[k].name));
        check_kind(&before.table, k, 0, ROWS); /* as it was */
        for (uint32_t row = 0; row < ROWS; row++) {
            struct text_room room;
            uint64_t want = cells[k].value.u;
            bool is_set = row % 3 == 0 || kinds[k].value(row, &want);
            struct cell have = column_cell(&after.table, column, row, &room);
            assert_true(is_set ? have.u == want : have.type == CELL_UNSET);
        }
    }
    columns_release(c, after.view);

    for (uint32_t row = 0; row < COLUMNS_BLOCK_ROWS; row++)
        keys[row] = key_of(COLUMNS_BLOCK_ROWS + row);
    size_t bytes = columns_bytes(c);
    assert_true(columns_remove(c, P, TABLE_OBJECTS, keys, COLUMNS_BLOCK_ROWS, &e));
    columns_release(c, before.view);
    struct seen gone = look(c);
    assert_true(columns_bytes(c) < bytes - 25 * COLUMNS_BLOCK_ROWS);
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        assert_true(column_is_unset(&gone.table, table_column_at(&gone.table, k), 1));
    table_live(&gone.table, 1, set);
    assert_true(set[0] == 0 && set[BLOCK_WORDS - 1] == 0);
    assert_true(table_row(&gone.table, keys[5]) == UINT32_MAX);
    assert_int_equal(table_row(&gone.table, key_of(5)), 5);
    assert_int_equal(table_row(&gone.table, key_of(ROWS - 1)), ROWS - 1);
    columns_release(c, gone.view);
    free(keys);
    columns_free(c);
}

/* Texts of rows that are gone go in the end; those of the others stay. */
static void test_texts_go(void **state)
{
    (void)state;
    struct columns *c = made(10);
    struct err e = { 0 };
    size_t most = 0;
    for (uint64_t key = 1; key <= 4 * COLUMNS_BLOCK_ROWS; key++) {
        char text[64];
        snprintf(text, sizeof text, "a text of its own, %" PRIu64, key);
        struct named_cell cells[] = {
            { STR("own"), { .type = CELL_STRING, .s = str_from_c(text) } },
            { STR("common"), { .type = CELL_STRING, .s = str_from_c(text + strlen(text) - 2) } },
        };
        assert_true(columns_put(c, P, TABLE_OBJECTS, key, cells, 2, NULL, &e));
        uint64_t old = key - 1000;
        if (key > 1000 && old % 1000 != 0) /* a few stay */
            assert_true(columns_remove(c, P, TABLE_OBJECTS, &old, 1, &e));
        else if (key > 68000) { /* and go later */
            old = key - 68000;
            assert_true(columns_remove(c, P, TABLE_OBJECTS, &old, 1, &e));
        }
        if (key % 500 == 0)
            columns_publish(c);
        most = columns_bytes(c) > most ? columns_bytes(c) : most;
    }
    struct seen s = look(c);
    struct text_room room;
    const struct column *own = table_column(&s.table, STR("own"));
    assert_true(column_texts(own) < 5 * COLUMNS_BLOCK_ROWS / 2);
    assert_true(most < (size_t)COLUMNS_BLOCK_ROWS * 60 * 5 / 2);
    uint32_t live = 0;
    for (uint32_t row = 0; row < s.table.rows; row++) {
        uint64_t key = table_key(&s.table, row);
        char want[64];
        if (key == 0 || table_row(&s.table, key) == UINT32_MAX)
            continue;
        snprintf(want, sizeof want, "a text of its own, %" PRIu64, key);
        struct cell have = column_cell(&s.table, own, row, &room);
        assert_true(have.type == CELL_STRING && str_eq(have.s, str_from_c(want)));
        live++;
    }
    assert_true(live > 1000 && live < 2000);
    columns_release(c, s.view);
    columns_free(c);
}

/* The one number that a block of 8 byte cells cannot hold. */
static void test_hole(void **state)
{
    (void)state;
    struct memory_pool m;
    assert_true(memory_pool_init(&m, NULL));
    struct block_parts *parts = calloc(1, sizeof *parts);
    struct block *b = NULL;
    assert_non_null(parts);
    block_load(NULL, 400, parts);
    for (uint32_t i = 0; i < 399; i++) {
        if (i != 1)
            block_parts_put(parts, i, i % 4 ? UINT64_MAX - i : i);
    }
    assert_true(block_pack_open(&m, parts, &b));
    assert_int_equal(b->form, BLOCK_CELLS);
    uint64_t hole = b->base - 1, image;
    assert_false(block_takes(b, 399, hole));
    assert_true(block_takes(b, 399, hole + 1) && block_takes(b, 399, hole - 1));
    block_load(b, 400, parts);
    block_parts_put(parts, 399, hole);
    memory_free(&m, b);
    assert_true(block_pack_open(&m, parts, &b));
    assert_true(b->base - 1 != hole && block_get(b, 399, &image) && image == hole);
    assert_true(block_get(b, 2, &image) && image == UINT64_MAX - 2);
    assert_false(block_get(b, 1, &image));
    memory_free(&m, b);
    free(parts);
    memory_pool_done(&m);
}

/* Files. */

static int saved(struct columns *c, uint64_t mark)
{
    struct err e = { 0 };
    int fd = memfd_create("columns", 0);
    assert_true(fd >= 0);
    const struct columns_view *v = columns_acquire(c);
    assert_true(columns_save(v, fd, mark, COLUMNS_ALL_KINDS, &e));
    columns_release(c, v);
    return fd;
}

static void test_file_of_blocks(void **state)
{
    (void)state;
    struct columns *c = made(COLUMNS_MAX_DEFAULT), *loaded = made(COLUMNS_MAX_DEFAULT);
    struct err e = { 0 };
    uint64_t mark, *keys = calloc(COLUMNS_BLOCK_ROWS, sizeof *keys);
    assert_non_null(keys);
    put_rows(c);
    for (uint32_t row = 0; row < COLUMNS_BLOCK_ROWS; row++)
        keys[row] = key_of(row);
    assert_true(columns_remove(c, P, TABLE_OBJECTS, keys, COLUMNS_BLOCK_ROWS, &e));
    columns_publish(c);
    int fd = saved(c, 42);
    assert_true(columns_load(loaded, fd, &mark, &e));
    assert_int_equal(mark, 42);
    struct seen s = look(loaded);
    assert_true(s.table.rows == ROWS && s.table.newest == key_of(ROWS - 1));
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        check_kind(&s.table, i, COLUMNS_BLOCK_ROWS, ROWS);
    for (uint32_t row = 0; row < ROWS; row += 101) {
        bool gone = row < COLUMNS_BLOCK_ROWS;
        assert_true(table_row(&s.table, key_of(row)) == (gone ? UINT32_MAX : row));
    }
    columns_release(loaded, s.view);
    free(keys);
    close(fd);
    columns_free(loaded);
    columns_free(c);
}

/* A file with something of everything. */
static struct columns *small_tables(void)
{
    struct columns *c = made(10);
    struct err e = { 0 };
    for (uint64_t i = 0; i < 40; i++) {
        char text[64];
        snprintf(text, sizeof text, i % 2 ? "text %" PRIu64 : "%032" PRIx64, i);
        struct named_cell cells[] = {
            { STR("text"), { .type = CELL_STRING, .s = str_from_c(text) } },
            { STR("int"), I(-(int64_t)i) },
            { STR("double"), D((double)i / 3) },
            { STR("bool"), B(i % 3 == 0) },
            { STR("uint"), U(i * 1000) },
        };
        uint64_t key = i ^ 1;
        assert_true(columns_put(c, i < 30 ? P : STR("q"), i < 35 ? TABLE_OBJECTS : TABLE_ISSUES,
                                key, cells, i % 7 == 0 ? 2 : 5, NULL, &e));
        if (i % 11 == 0)
            assert_true(columns_remove(c, P, TABLE_OBJECTS, &key, 1, &e));
    }
    columns_publish(c);
    return c;
}

static void refused(int fd)
{
    struct columns *c = made(10);
    struct err e = { 0 };
    uint64_t mark;
    struct table t;
    assert_false(columns_load(c, fd, &mark, &e));
    assert_true(e.code == ERR_INPUT && e.msg[0] != '\0');
    const struct columns_view *v = columns_acquire(c);
    (void)columns_table(v, P, TABLE_OBJECTS, &t);
    assert_true(t.rows == 0 && table_column_count(&t) == 0);
    columns_release(c, v);
    columns_free(c);
}

/* No byte of it can change, and none be missing or be added, without being seen. */
static void test_damaged_file(void **state)
{
    (void)state;
    struct columns *c = small_tables();
    int fd = saved(c, 1);
    off_t size = lseek(fd, 0, SEEK_END);
    assert_true(size > 1000 && size < 20000);
    for (off_t at = 0; at < size; at++) {
        unsigned char was, is;
        assert_int_equal(pread(fd, &was, 1, at), 1);
        is = (unsigned char)(was ^ (1u << at % 8));
        assert_int_equal(pwrite(fd, &is, 1, at), 1);
        refused(fd);
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
    }
    assert_int_equal(pwrite(fd, "", 1, size), 1);
    refused(fd);
    for (off_t less = 1; less <= size; less += 1 + less / 20) {
        assert_int_equal(ftruncate(fd, size - less), 0);
        refused(fd);
    }
    close(fd);
    columns_free(c);
}

static void test_file_over_limit(void **state)
{
    (void)state;
    struct columns *c = small_tables(), *fewer = made(3);
    struct err e = { 0 };
    uint64_t mark;
    int fd = saved(c, 1);
    assert_false(columns_load(fewer, fd, &mark, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    close(fd);
    assert_false(columns_load(fewer, fd, &mark, &e));
    assert_int_equal(e.code, ERR_IO);
    const struct columns_view *v = columns_acquire(c);
    assert_false(columns_save(v, fd, 1, COLUMNS_ALL_KINDS, &e));
    assert_int_equal(e.code, ERR_IO);
    columns_release(c, v);
    columns_free(fewer);
    columns_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixtures),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_blocks_changed),
        cmocka_unit_test(test_hole),
        cmocka_unit_test(test_texts_go),
        cmocka_unit_test(test_file_of_blocks),
        cmocka_unit_test(test_damaged_file),
        cmocka_unit_test(test_file_over_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
