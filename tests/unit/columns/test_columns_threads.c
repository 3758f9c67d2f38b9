/* One writer and readers at once, also under the thread sanitizer. All cells of a row are made from
 * one number, so a reader sees at once when cells of different times are mixed. */
#include "columns/columns.h"

#include "../cmocka_all.h"
#include "../group/dice.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define READERS 3
#define ROWS 3000
#define STEPS 12000

struct shared {
    struct columns *columns;
    _Atomic bool done;
    _Atomic unsigned looks;
};

static struct str text_of(uint64_t n, char room[64])
{
    int len = n % 2 ? snprintf(room, 64, "text %llu", (unsigned long long)n)
                    : snprintf(room, 64, "%032llx", (unsigned long long)n);
    return (struct str){ room, (size_t)len };
}

static size_t cells_of(uint64_t n, struct named_cell cells[4], char room[64])
{
    cells[0] = (struct named_cell){ STR("number"), { .type = CELL_UINT, .u = n } };
    cells[1] = (struct named_cell){ STR("text"), { .type = CELL_STRING, .s = text_of(n, room) } };
    cells[2] = (struct named_cell){ STR("half"), { .type = CELL_DOUBLE, .d = (double)n / 2 } };
    cells[3] = (struct named_cell){ STR("odd"), { .type = CELL_BOOL, .b = n % 2 } };
    return 4;
}

static void put(struct columns *c, uint64_t key, uint64_t n)
{
    struct named_cell cells[4];
    char room[64];
    struct err e = { 0 };
    size_t count = cells_of(n, cells, room);
    assert_true(columns_put(c, STR("p"), TABLE_OBJECTS, key, cells, count, NULL, &e));
}

static void *writer_main(void *arg)
{
    struct shared *s = arg;
    struct dice d = { 7 };
    struct err e = { 0 };
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t key = 1 + dice(&d, ROWS), n = dice_bits(&d) >> (dice(&d, 3) ? 50 : 12);
        uint32_t what = dice(&d, 1000);
        if (what < 900)
            put(s->columns, key, n);
        else if (what < 970)
            assert_true(columns_remove(s->columns, STR("p"), TABLE_OBJECTS, &key, 1, &e));
        else if (what < 998)
            put(s->columns, STEPS + step, n);
        else
            assert_true(columns_clear(s->columns, &e));
        if (dice_percent(&d, 30))
            columns_publish(s->columns);
    }
    columns_publish(s->columns);
    atomic_store(&s->done, true);
    return NULL;
}

static void check_row(const struct table *t, const struct column *const columns[4], uint32_t row,
                      uint64_t number, uint32_t code)
{
    char room[64];
    struct text_room text_room;
    struct str want = text_of(number, room);
    assert_true(str_eq(column_text(columns[1], code - 1, &text_room), want));
    assert_int_equal(column_code(columns[1], want), code - 1);
    struct cell half = column_cell(t, columns[2], row, &text_room);
    struct cell odd = column_cell(t, columns[3], row, &text_room);
    assert_true(half.type == CELL_DOUBLE && half.d == (double)number / 2);
    assert_true(odd.type == CELL_BOOL && odd.b == number % 2);
}

static uint64_t look(const struct table *t)
{
    static const char *const names[] = { "number", "text", "half", "odd" };
    const struct column *columns[4];
    uint64_t numbers_seen = 0;
    for (size_t i = 0; i < 4; i++)
        columns[i] = table_column(t, str_from_c(names[i]));
    if (t->rows == 0)
        return 0;
    uint64_t *numbers = calloc(COLUMNS_BLOCK_ROWS, sizeof *numbers);
    uint64_t *keys = calloc(COLUMNS_BLOCK_ROWS, sizeof *keys);
    uint32_t *codes = calloc(COLUMNS_BLOCK_ROWS, sizeof *codes);
    uint64_t live[COLUMNS_BLOCK_ROWS / 64], set[COLUMNS_BLOCK_ROWS / 64];
    assert_true(numbers && keys && codes && columns[0] && columns[1] && columns[2] && columns[3]);
    table_live(t, 0, live);
    table_keys(t, 0, keys);
    column_numbers(t, columns[0], 0, numbers, set);
    column_codes(t, columns[1], 0, codes);
    for (uint32_t i = 0; i < table_block_rows(t, 0); i++) {
        if ((live[i / 64] >> i % 64 & 1) == 0)
            continue;
        assert_true((set[i / 64] >> i % 64 & 1) != 0);
        check_row(t, columns, i, numbers[i], codes[i]);
        assert_int_equal(table_row(t, keys[i]), i);
        numbers_seen += numbers[i];
    }
    free(numbers);
    free(keys);
    free(codes);
    return numbers_seen;
}

static void *reader_main(void *arg)
{
    struct shared *s = arg;
    do {
        const struct columns_view *v = columns_acquire(s->columns);
        struct table t;
        if (columns_table(v, STR("p"), TABLE_OBJECTS, &t)) {
            uint64_t before = look(&t);
            assert_true(look(&t) == before); /* nothing moves under a view */
        }
        assert_true(columns_bytes(s->columns) > 0);
        columns_release(s->columns, v);
        atomic_fetch_add(&s->looks, 1);
    } while (!atomic_load(&s->done));
    return NULL;
}

static void test_writer_and_readers(void **state)
{
    (void)state;
    struct shared s = { 0 };
    struct err e = { 0 };
    pthread_t writer, readers[READERS];
    assert_true(columns_new(&s.columns, 100, &e));
    assert_int_equal(pthread_create(&writer, NULL, writer_main, &s), 0);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reader_main, &s), 0);
    pthread_join(writer, NULL);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_true(atomic_load(&s.looks) >= READERS);
    columns_free(s.columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_writer_and_readers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
