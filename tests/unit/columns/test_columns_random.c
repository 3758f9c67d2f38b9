/* Random changes of a table, held against the model after each publish; and views that are held
 * meanwhile show what they showed at first. In some rounds memory is short now and then: the call
 * says so, and works when it is tried again. */
#include "columns/columns_file.h"
#include "columns_model.h"

#include "../cmocka_all.h"
#include "../group/dice.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROJECT STR("p")
#define HELD 6

static unsigned until_failure; /* allocations, this one counted; 0: none fails */

static bool fails(void)
{
    return until_failure > 0 && --until_failure == 0;
}

/* The linker sends all calls of the program here (--wrap). */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

struct held {
    const struct columns_view *view;
    struct table table;
    struct model model;
};

struct trial {
    struct columns *columns;
    struct model model;
    struct held held[HELD];
    struct dice dice;
    uint64_t next_key;
    unsigned disorder; /* of keys: 0 rise, 1 nearly, 2 at random */
    bool short_of_memory;
    unsigned failures;
    unsigned mixed; /* percent of values that are of another kind than the column's usual */
};

static uint64_t random_key(struct trial *t)
{
    if (t->disorder == 2)
        return dice_bits(&t->dice) >> dice(&t->dice, 64);
    t->next_key += 1 + dice(&t->dice, 3);
    if (t->disorder == 1 && t->next_key > 20 && dice_percent(&t->dice, 10))
        return t->next_key - dice(&t->dice, 20);
    return t->next_key;
}

static uint64_t random_bits(struct dice *d)
{
    return dice_bits(d) >> dice(d, 64);
}

static void random_text(struct dice *d, char out[MODEL_TEXT])
{
    unsigned long long a = dice_bits(d), b = dice_bits(d);
    switch (dice(d, 8)) {
    case 0:
        out[0] = '\0';
        return;
    case 1:
        snprintf(out, MODEL_TEXT, "%08llx-%04llx-%04llx-%04llx-%012llx", a >> 32, a >> 16 & 0xffff,
                 a & 0xffff, b >> 48, b & 0xffffffffffff);
        return;
    case 2:
        snprintf(out, MODEL_TEXT, "%016llx%016llx%016llx%016llx", a, b, a + b, a - b);
        return;
    case 3:
        snprintf(out, MODEL_TEXT, "%016llX%016llX", a, b);
        return;
    case 4:
        snprintf(out, MODEL_TEXT, "%08llx-%04llX-%04llx-%04llx-%012llx", a >> 32, a >> 16 & 0xffff,
                 a & 0xffff, b >> 48, b & 0xffffffffffff);
        return;
    default:
        snprintf(out, MODEL_TEXT, "%u", dice_word(d, 1000));
        return;
    }
}

static struct model_value random_value(struct trial *t, size_t column)
{
    struct dice *d = &t->dice;
    struct model_value v = { .type = CELL_UNSET };
    if (dice_percent(d, column < 6 ? 10 : 70))
        return v;
    switch (dice_percent(d, t->mixed) ? dice(d, 7) : column % 6) {
    case 0: /* like times */
        v.type = CELL_UINT;
        v.u = 1700000000 + t->model.count + dice(d, 10);
        break;
    case 1:
        v.type = CELL_UINT;
        v.u = random_bits(d);
        break;
    case 2:
        v.type = CELL_INT;
        v.u = random_bits(d) * (dice(d, 2) ? 1 : UINT64_MAX);
        break;
    case 3:
        v.type = CELL_DOUBLE;
        v.d = dice_percent(d, 30) ? dice(d, 3) : dice_fraction(d) * 1e6 - 10;
        break;
    case 4:
        v.type = CELL_BOOL;
        v.b = dice(d, 2) != 0;
        break;
    case 5:
        v.type = CELL_STRING;
        random_text(d, v.text);
        break;
    default: /* the same all the time */
        v.type = CELL_UINT;
        v.u = 7;
        break;
    }
    return v;
}

/* Some cells, in any order; how many. */
static size_t random_cells(struct trial *t, struct model_value values[MODEL_COLUMNS],
                           struct named_cell cells[MODEL_COLUMNS], char names[MODEL_COLUMNS][16],
                           bool unset_too)
{
    size_t count = 0, first = dice_percent(&t->dice, 80) ? 0 : dice(&t->dice, MODEL_COLUMNS);
    for (size_t i = 0; i < MODEL_COLUMNS; i++) {
        size_t column = (first + i) % MODEL_COLUMNS;
        values[column] = random_value(t, column);
        if (values[column].type == CELL_UNSET && !unset_too)
            continue;
        cells[count].name = model_name(column, names[column]);
        cells[count].value = model_cell(&values[column]);
        count++;
    }
    return count;
}

/* Before a call that may want memory. */
static void memory_gets_short(struct trial *t)
{
    until_failure = t->short_of_memory && dice_percent(&t->dice, 30) ? 1 + dice(&t->dice, 30) : 0;
}

/* After it: whether it is to be tried again. What it made ready may be shown meanwhile. */
static bool try_again(struct trial *t, bool ok, struct err *e)
{
    until_failure = 0;
    if (ok || e->code != ERR_NOMEM)
        return false;
    assert_true(t->short_of_memory);
    t->failures++;
    *e = (struct err){ 0 };
    if (dice_percent(&t->dice, 30))
        columns_publish(t->columns);
    return true;
}
/* Sets `ok` to what the call gives. */
#define TRY(t, ok, e, call)                                                                        \
    do {                                                                                           \
        memory_gets_short(t);                                                                      \
        ok = (call);                                                                               \
    } while (try_again(t, ok, e))

static void put(struct trial *t)
{
    bool ok;
    struct model_value values[MODEL_COLUMNS];
    struct named_cell cells[MODEL_COLUMNS];
    char names[MODEL_COLUMNS][16];
    struct err e = { 0 };
    size_t left_out = 1;
    uint64_t key = t->model.count > 0 && dice_percent(&t->dice, 10)
                       ? t->model.rows[dice(&t->dice, (uint32_t)t->model.count)].key
                       : random_key(t);
    size_t count = random_cells(t, values, cells, names, false);
    TRY(t, ok, &e,
        columns_put(t->columns, PROJECT, TABLE_OBJECTS, key, cells, count, &left_out, &e));
    assert_true(ok);
    assert_int_equal(left_out, 0);
    struct model_row *row = model_put(&t->model, key);
    for (size_t i = 0; i < MODEL_COLUMNS; i++)
        model_set(&t->model, row, i, &values[i]);
}

static uint64_t any_key(struct trial *t)
{
    if (t->model.count == 0 || dice_percent(&t->dice, 10))
        return random_key(t);
    return t->model.rows[dice(&t->dice, (uint32_t)t->model.count)].key;
}

static void change_model(struct trial *t, uint64_t key, const struct model_value *values,
                         unsigned chosen)
{
    struct model_row *row = model_find(&t->model, key);
    for (size_t i = 0; row && i < MODEL_COLUMNS; i++) {
        if (chosen >> i & 1)
            model_set(&t->model, row, i, &values[i]);
    }
}

#define KEYS_MAX 300

static void change(struct trial *t)
{
    struct model_value values[MODEL_COLUMNS];
    struct named_cell all[MODEL_COLUMNS], cells[MODEL_COLUMNS];
    char names[MODEL_COLUMNS][16];
    struct err e = { 0 };
    (void)random_cells(t, values, all, names, true);
    unsigned chosen = dice(&t->dice, 1u << MODEL_COLUMNS) & dice(&t->dice, 1u << MODEL_COLUMNS);
    size_t count = 0;
    for (size_t i = 0; i < MODEL_COLUMNS; i++) {
        if (chosen >> i & 1)
            cells[count++] = (struct named_cell){ model_name(i, names[i]), model_cell(&values[i]) };
    }
    bool ok;
    uint64_t keys[KEYS_MAX];
    size_t key_count = dice_percent(&t->dice, 50) ? 1 : dice(&t->dice, KEYS_MAX);
    for (size_t i = 0; i < key_count; i++)
        keys[i] = any_key(t);
    if (key_count == 1) {
        bool there = model_find(&t->model, keys[0]) != NULL;
        TRY(t, ok, &e,
            columns_change(t->columns, PROJECT, TABLE_OBJECTS, keys[0], cells, count, &e));
        assert_int_equal(ok, there);
        assert_int_equal(e.code, there ? ERR_NONE : ERR_NOT_FOUND);
    } else {
        TRY(t, ok, &e,
            columns_change_all(t->columns, PROJECT, TABLE_OBJECTS, keys, key_count, cells, count,
                               &e));
        assert_true(ok);
    }
    for (size_t i = 0; i < key_count; i++)
        change_model(t, keys[i], values, chosen);
}

static void remove_some(struct trial *t)
{
    uint64_t keys[KEYS_MAX];
    struct err e = { 0 };
    bool ok;
    size_t key_count = 1 + dice(&t->dice, 10);
    for (size_t i = 0; i < key_count; i++)
        keys[i] = any_key(t);
    TRY(t, ok, &e, columns_remove(t->columns, PROJECT, TABLE_OBJECTS, keys, key_count, &e));
    assert_true(ok);
    for (size_t i = 0; i < key_count; i++) {
        struct model_row *row = model_find(&t->model, keys[i]);
        if (row)
            row->live = false;
    }
}

static void clear(struct trial *t)
{
    struct err e = { 0 };
    bool ok;
    TRY(t, ok, &e, columns_clear(t->columns, &e));
    assert_true(ok);
    model_clear(&t->model);
}

static void let_go(struct trial *t, struct held *h)
{
    if (!h->view)
        return;
    model_compare(&h->model, &h->table);
    columns_release(t->columns, h->view);
    model_done(&h->model);
    h->view = NULL;
}

static void publish_and_compare(struct trial *t)
{
    columns_publish(t->columns);
    struct held *h = &t->held[dice(&t->dice, HELD)];
    let_go(t, h);
    h->view = columns_acquire(t->columns);
    (void)columns_table(h->view, PROJECT, TABLE_OBJECTS, &h->table);
    model_copy(&t->model, &h->model);
    model_compare(&h->model, &h->table);
    if (dice_percent(&t->dice, 30))
        let_go(t, h);
}

/* Through a file, and on with what was read from it. */
static void save_and_load(struct trial *t)
{
    struct columns *loaded;
    struct err e = { 0 };
    uint64_t mark = 0, wanted = dice_bits(&t->dice);
    bool ok;
    int fd = memfd_create("columns", 0);
    assert_true(fd >= 0);
    for (size_t i = 0; i < HELD; i++)
        let_go(t, &t->held[i]);
    const struct columns_view *v = columns_acquire(t->columns);
    TRY(t, ok, &e, columns_save(v, fd, wanted, COLUMNS_ALL_KINDS, &e));
    assert_true(ok);
    columns_release(t->columns, v);
    assert_true(columns_new(&loaded, 100, &e));
    columns_free(t->columns);
    t->columns = loaded;
    TRY(t, ok, &e, columns_load(loaded, fd, &mark, &e));
    if (!ok)
        print_message("%s\n", e.msg);
    assert_true(ok && mark == wanted);
    close(fd);
}

static void one_trial(struct trial *t)
{
    struct err e = { 0 };
    assert_true(columns_new(&t->columns, 100, &e));
    t->short_of_memory = dice_percent(&t->dice, 40);
    t->disorder = dice(&t->dice, 3);
    t->mixed = dice(&t->dice, 2) ? 0 : dice(&t->dice, 10);
    unsigned steps = 200 + dice(&t->dice, 3000), publish = 1 + dice(&t->dice, 20);
    for (unsigned i = 0; i < steps; i++) {
        uint32_t what = dice(&t->dice, 1000);
        if (what < 850)
            put(t);
        else if (what < 930)
            change(t);
        else if (what < 995)
            remove_some(t);
        else if (what < 996)
            clear(t);
        if (dice_percent(&t->dice, publish))
            publish_and_compare(t);
        if (dice(&t->dice, 500) == 0) {
            publish_and_compare(t);
            save_and_load(t);
        }
    }
    publish_and_compare(t);
    for (size_t i = 0; i < HELD; i++)
        let_go(t, &t->held[i]);
    assert_true(t->failures > 0 || !t->short_of_memory);
    columns_free(t->columns);
    model_done(&t->model);
}

static void test_random(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, 25); i++) {
        struct trial t = { .dice = d };
        one_trial(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
