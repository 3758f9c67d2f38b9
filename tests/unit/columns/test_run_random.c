/* test_run_random.c - random queries over random tables against run_model.h, every value compared.
 *
 * Tables have all types, unset cells, rows that were removed or changed, keys in and out of order,
 * and columns whose type changed while they filled. */
#include "columns/run.h"
#include "run_model.h"
#include "unit/group/dice.h"

#include "unit/cmocka_all.h"

#include <math.h>

#define ROUNDS 150
#define ASKS 40
#define ROWS_MAX 300
#define ARENA_BYTES ((size_t)1 << 30)
#define STORED 10

struct made {
    struct columns *columns;
    const struct columns_view *view;
    struct table table;
    struct model model;
    struct arena *arena;
    const struct ask_virtual *virtuals;
    size_t virtual_count;
};

static const char *const stored_names[STORED] = { "few",         "many",     "small", "large",
                                                  "whole",       "real",     "flag",  "mixed",
                                                  "fingerprint", "timestamp" };
static const char *const words[] = {
    "alpha", "Alpha", "beta", "ab", "ba", "", "alphabet", "b", "12"
};
static const char *const patterns[] = { "^a", "b", "a.*b", "(al|be)", "^$", "[0-9]+", "a$" };

PRINTF_LIKE(2, 3) static struct str text_of(struct arena *a, const char *fmt, ...)
{
    char text[128];
    struct str out;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    assert_true(arena_str(a, (struct str){ text, (size_t)n }, &out));
    return out;
}

/* --- tables ---------------------------------------------------------------------------------- */

static struct cell uint_cell(uint64_t u)
{
    return (struct cell){ .type = CELL_UINT, .u = u };
}
static struct cell double_cell(double d)
{
    return (struct cell){ .type = CELL_DOUBLE, .d = d };
}
static struct cell string_cell(struct str s)
{
    return (struct cell){ .type = CELL_STRING, .s = s };
}

static struct cell random_number(struct dice *d)
{
    switch (dice(d, 6)) {
    case 0:
        return uint_cell(dice(d, 10));
    case 1:
        return uint_cell(dice_bits(d) >> dice(d, 64));
    case 2:
        return (struct cell){ .type = CELL_INT,
                              .i = -(int64_t)(dice_bits(d) >> (1 + dice(d, 62))) };
    case 3:
        return double_cell(((double)dice(d, 2000) - 1000) / 8);
    case 4:
        return double_cell(-0.0);
    default:
        return double_cell(ldexp(dice_fraction(d), (int)dice(d, 60)));
    }
}

static struct cell random_cell(struct dice *d, struct arena *a, size_t column, unsigned mix)
{
    switch (column) {
    case 0:
        return string_cell(str_from_c(words[dice(d, COUNT_OF(words))]));
    case 1:
        return string_cell(text_of(a, dice_percent(d, 50) ? "text %u" : "%032x", dice(d, 200)));
    case 2:
        return uint_cell(dice(d, 8));
    case 3:
        return uint_cell(dice_bits(d) >> dice(d, 64));
    case 4:
        return (struct cell){ .type = CELL_INT,
                              .i = (int64_t)(dice_bits(d) >> dice(d, 64)) *
                                   (dice_percent(d, 50) ? 1 : -1) };
    case 5:
        return double_cell(((double)dice(d, 400) - 200) / 16);
    case 6:
        return (struct cell){ .type = CELL_BOOL, .b = dice_percent(d, 50) };
    case 7: /* first one kind, then another */
        if (mix == 0)
            return random_number(d);
        if (mix == 1)
            return dice_percent(d, 70) ? uint_cell(dice(d, 50)) : random_number(d);
        return dice_percent(d, 90) ? uint_cell(dice(d, 9))
                                   : string_cell(str_from_c(words[dice(d, COUNT_OF(words))]));
    case 8:
        return string_cell(text_of(
            a, "%08x0123456789abcdef0123456789abcdef0123456789abcdef01234567", dice_word(d, 40)));
    default:
        return uint_cell(1700000000 + dice(d, 100000000));
    }
}

static void random_rows(struct dice *d, struct made *m, uint32_t rows)
{
    struct err e;
    unsigned mix = dice(d, 3);
    bool in_order = dice_percent(d, 60);
    uint64_t key = 0;
    for (uint32_t i = 0; i < rows; i++) {
        struct named_cell cells[STORED];
        size_t count = 0;
        key = in_order ? key + 1 + dice(d, 3) : 1 + dice(d, 2 * rows);
        for (size_t c = 0; c < STORED; c++)
            if (dice_percent(d, c == 8 ? 90 : 75))
                cells[count++] = (struct named_cell){ str_from_c(stored_names[c]),
                                                      random_cell(d, m->arena, c, mix) };
        assert_true(columns_put(m->columns, STR("p"), TABLE_OBJECTS, key, cells, count, NULL, &e));
        if (dice_percent(d, 20)) {
            uint64_t gone = 1 + dice(d, (uint32_t)key);
            assert_true(columns_remove(m->columns, STR("p"), TABLE_OBJECTS, &gone, 1, &e));
        }
    }
}

static void random_issues(struct dice *d, struct made *m)
{
    struct err e;
    for (uint64_t key = 1; key < 30; key++) {
        const struct named_cell cells[] = {
            { STR("fingerprint"), random_cell(d, m->arena, 8, 0) },
            { STR("state"), string_cell(str_from_c(words[dice(d, 4)])) },
            { STR("votes"), random_number(d) },
        };
        assert_true(columns_put(m->columns, STR("p"), TABLE_ISSUES, key, cells,
                                dice_percent(d, 50) ? 3 : 2, NULL, &e));
    }
}

/* --- the model of it ------------------------------------------------------------------------- */

static struct cell copied_cell(struct made *m, const struct table *t, const struct column *c,
                               uint32_t row)
{
    struct text_room room;
    struct cell cell = column_cell(t, c, row, &room);
    if (cell.type == CELL_STRING)
        assert_true(arena_str(m->arena, cell.s, &cell.s));
    return cell;
}

static size_t add_name(struct made *m, struct str name, enum column_type type)
{
    assert_true(m->model.name_count < MODEL_NAMES);
    m->model.names[m->model.name_count] = name;
    m->model.types[m->model.name_count] = type;
    return m->model.name_count++;
}

static int by_key(const void *a, const void *b)
{
    const struct model_row *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static void copy_rows(struct made *m)
{
    struct model *o = &m->model;
    uint64_t live[COLUMNS_BLOCK_ROWS / 64];
    const struct column *columns[STORED];
    for (size_t c = 0; c < STORED; c++) {
        columns[c] = table_column(&m->table, str_from_c(stored_names[c]));
        if (columns[c])
            add_name(m, str_from_c(stored_names[c]), column_type(columns[c]));
    }
    size_t key_name = add_name(m, STR("_tx"), COLUMN_UINT);
    o->rows = arena_array(m->arena, m->table.rows + 1, sizeof *o->rows);
    assert_non_null(o->rows);
    memset(o->rows, 0, (m->table.rows + 1) * sizeof *o->rows);
    if (m->table.rows)
        table_live(&m->table, 0, live);
    for (uint32_t r = 0; r < m->table.rows; r++) {
        if (!(live[r / 64] >> r % 64 & 1))
            continue;
        struct model_row *row = &o->rows[o->row_count++];
        row->key = table_key(&m->table, r);
        for (size_t c = 0, n = 0; c < STORED; c++)
            if (columns[c])
                row->cells[n++] = copied_cell(m, &m->table, columns[c], r);
        row->cells[key_name] = uint_cell(row->key);
    }
    qsort(o->rows, o->row_count, sizeof *o->rows, by_key);
}

static bool has_name(const struct made *m, const char *name)
{
    return table_column(&m->table, str_from_c(name)) != NULL;
}

static void add_first_seen(struct made *m)
{
    struct model *o = &m->model;
    if (!has_name(m, "fingerprint") || !has_name(m, "timestamp"))
        return;
    size_t name = add_name(m, STR("fingerprint;first_seen"), COLUMN_UINT);
    size_t fp = model_name(o, STR("fingerprint")), time = model_name(o, STR("timestamp"));
    for (size_t i = 0; i < o->row_count; i++) {
        const struct cell *mine = &o->rows[i].cells[fp];
        struct cell least = { .type = CELL_UNSET };
        for (size_t j = 0; mine->type != CELL_UNSET && j < o->row_count; j++)
            if (model_compare(&o->rows[j].cells[fp], mine) == 0 &&
                model_compare(&o->rows[j].cells[time], &least) < 0)
                least = o->rows[j].cells[time];
        o->rows[i].cells[name] = least;
    }
}

static void add_issue_column(struct made *m, const char *name, const char *full)
{
    struct model *o = &m->model;
    struct table issues;
    assert_true(columns_table(m->view, STR("p"), TABLE_ISSUES, &issues));
    const struct column *c = table_column(&issues, str_from_c(name));
    const struct column *theirs = table_column(&issues, STR("fingerprint"));
    if (!c || !has_name(m, "fingerprint"))
        return;
    size_t at = add_name(m, str_from_c(full), column_type(c));
    size_t fp = model_name(o, STR("fingerprint"));
    for (size_t i = 0; i < o->row_count; i++) {
        o->rows[i].cells[at].type = CELL_UNSET;
        for (uint32_t r = 0; o->rows[i].cells[fp].type != CELL_UNSET && r < issues.rows; r++) {
            struct cell its = copied_cell(m, &issues, theirs, r);
            if (model_compare(&its, &o->rows[i].cells[fp]) == 0)
                o->rows[i].cells[at] = copied_cell(m, &issues, c, r);
        }
    }
}

static void add_virtual(struct dice *d, struct made *m, struct ask_virtual *v, const char *name,
                        const char *backing)
{
    struct model *o = &m->model;
    if (!has_name(m, backing))
        return;
    size_t from = model_name(o, str_from_c(backing));
    bool quantizes = dice_percent(d, 50) || strcmp(backing, "timestamp") != 0;
    *v = (struct ask_virtual){ .name = str_from_c(name),
                               .backing = str_from_c(backing),
                               .type = quantizes ? VIRTUAL_QUANTIZE : VIRTUAL_TRUNCATE,
                               .size = 1 + (int64_t)(dice_bits(d) >> (1 + dice(d, 62))),
                               .offset = (int64_t)(dice_bits(d) >> dice(d, 64)),
                               .granularity = (enum granularity)dice(d, 4) };
    size_t at = add_name(m, v->name, model_virtual_type(v, o->types[from]));
    for (size_t i = 0; i < o->row_count; i++)
        o->rows[i].cells[at] = model_virtual(v, o->rows[i].cells[from], o->types[from]);
    m->virtual_count++;
}

static void make(struct dice *d, struct made *m)
{
    struct err e;
    *m = (struct made){ .arena = arena_new(ARENA_BYTES) };
    assert_non_null(m->arena);
    assert_true(columns_new(&m->columns, COLUMNS_MAX_DEFAULT, &e));
    random_rows(d, m, 1 + dice_word(d, ROWS_MAX));
    random_issues(d, m);
    columns_publish(m->columns);
    m->view = columns_acquire(m->columns);
    assert_true(columns_table(m->view, STR("p"), TABLE_OBJECTS, &m->table));
    m->model.arena = m->arena;
    copy_rows(m);
    add_first_seen(m);
    add_issue_column(m, "state", "fingerprint;issues;state");
    add_issue_column(m, "votes", "fingerprint;issues;votes");
    struct ask_virtual *virtuals = arena_array(m->arena, 3, sizeof *virtuals);
    assert_non_null(virtuals);
    m->virtuals = virtuals;
    add_virtual(d, m, &virtuals[m->virtual_count], "v1", "large");
    add_virtual(d, m, &virtuals[m->virtual_count], "v2", "timestamp");
    add_virtual(d, m, &virtuals[m->virtual_count], "v3", dice_percent(d, 50) ? "whole" : "real");
}

static void unmake(struct made *m)
{
    columns_release(m->columns, m->view);
    columns_free(m->columns);
    arena_free(m->arena);
}

/* --- queries --------------------------------------------------------------------------------- */

static size_t random_name(struct dice *d, const struct made *m)
{
    return dice(d, (uint32_t)m->model.name_count);
}

/* A value that some row has, often; as its text, sometimes. */
static struct cell random_value(struct dice *d, const struct made *m, size_t name)
{
    const struct model *o = &m->model;
    struct cell c = { .type = CELL_UNSET };
    if (o->row_count)
        c = o->rows[dice(d, (uint32_t)o->row_count)].cells[name];
    if (c.type == CELL_UNSET || dice_percent(d, 20))
        c = o->types[name] == COLUMN_STRING
                ? string_cell(str_from_c(words[dice(d, COUNT_OF(words))]))
            : o->types[name] == COLUMN_BOOL ? (struct cell){ .type = CELL_BOOL, .b = true }
                                            : random_number(d);
    if (c.type == CELL_BOOL)
        return string_cell(c.b ? STR("true") : STR("false"));
    if (c.type == CELL_UINT && dice_percent(d, 30)) {
        struct str s;
        assert_true(arena_printf(m->arena, &s, "%llu%s", (unsigned long long)c.u,
                                 dice_percent(d, 30) ? "." : ""));
        return string_cell(s);
    }
    return c;
}

static struct ask_term random_term(struct dice *d, const struct made *m)
{
    static const enum ask_op equality[] = { ASK_EQUAL, ASK_NOT_EQUAL, ASK_IS_SET, ASK_IS_NOT_SET };
    size_t name = random_name(d, m);
    enum column_type type = m->model.types[name];
    struct ask_term t = { .column = m->model.names[name] };
    if (type == COLUMN_STRING)
        t.op = (enum ask_op)dice(d, ASK_IS_NOT_SET + 1);
    else if (type == COLUMN_BOOL)
        t.op = equality[dice(d, 4)];
    else
        t.op = dice_percent(d, 20) ? equality[dice(d, 4)] : (enum ask_op)dice(d, ASK_LESS + 1);
    t.ignore_case = type == COLUMN_STRING && dice_percent(d, 30);
    if (t.op == ASK_MATCHES || t.op == ASK_NOT_MATCHES)
        t.value = string_cell(str_from_c(patterns[dice(d, COUNT_OF(patterns))]));
    else if (t.op < ASK_IS_SET)
        t.value = random_value(d, m, name);
    if (type == COLUMN_STRING && t.op < ASK_IS_SET && t.value.type != CELL_STRING)
        t.value = string_cell(STR("12"));
    return t;
}

static const struct ask_all *random_filter(struct dice *d, const struct made *m, size_t *count)
{
    *count = dice(d, 4);
    struct ask_all *any = arena_array(m->arena, *count + 1, sizeof *any);
    assert_non_null(any);
    for (size_t a = 0; a < *count; a++) {
        size_t terms = dice(d, 4);
        struct ask_term *at = arena_array(m->arena, terms + 1, sizeof *at);
        assert_non_null(at);
        for (size_t i = 0; i < terms; i++)
            at[i] = random_term(d, m);
        any[a] = (struct ask_all){ at, terms };
    }
    return any;
}

/* At least one whole number lies between them. */
static void random_bounds(struct dice *d, struct ask_fold *f)
{
    uint64_t from = dice(d, 100), distance = 1 + (uint64_t)dice(d, 2000000000);
    f->start = uint_cell(from);
    f->end = uint_cell(from + distance);
    switch (dice(d, 5)) {
    case 0:
        f->start = (struct cell){ .type = CELL_INT, .i = -(int64_t)distance };
        break;
    case 1:
        f->start = (struct cell){ .type = CELL_INT, .i = INT64_MIN + (int64_t)from };
        f->end = uint_cell(dice_percent(d, 50) ? UINT64_MAX - from : INT64_MAX - from);
        break;
    case 2:
        f->start = (struct cell){ .type = CELL_DOUBLE, .d = (double)from - 50.5 };
        f->end = (struct cell){ .type = CELL_DOUBLE, .d = (double)(from + distance) + 0.25 };
        break;
    case 3:
        f->start = uint_cell(UINT64_MAX - distance);
        f->end = uint_cell(UINT64_MAX - from % distance);
        break;
    default:
        break;
    }
}

static struct ask_fold random_fold(struct dice *d, const struct made *m)
{
    struct ask_fold f = { .column = m->model.names[random_name(d, m)],
                          .op = (enum fold_op)dice(d, FOLD_BIN + 1),
                          .kept = dice(d, 5),
                          .bins = 1 + dice(d, 12) };
    f.has_bounds = dice_percent(d, 40);
    random_bounds(d, &f);
    return f;
}

static const struct ask_having *random_having(struct dice *d, const struct made *m,
                                              const struct ask *q, size_t count)
{
    struct ask_having *at = arena_array(m->arena, count + 1, sizeof *at);
    assert_non_null(at);
    for (size_t i = 0; i < count; i++) {
        at[i] = (struct ask_having){ .op = (enum having_op)dice(d, HAVING_AT_MOST + 1),
                                     .value = uint_cell(dice(d, 6)) };
        at[i].is_count = q->fold_count == 0 || dice_percent(d, 30);
        if (at[i].is_count)
            continue;
        at[i].fold = dice(d, (uint32_t)q->fold_count);
        enum fold_op op = q->folds[at[i].fold].op;
        if (op == FOLD_RANGE || op == FOLD_DISTRIBUTION)
            at[i].value_at = dice(d, 2);
        enum column_type type = m->model.types[model_name(&m->model, q->folds[at[i].fold].column)];
        bool gives_number = op == FOLD_UNIQUE || op == FOLD_COUNT || op == FOLD_OBJECT ||
                            op == FOLD_DISTRIBUTION || op == FOLD_SUM || op == FOLD_MEAN;
        if (type == COLUMN_STRING && !gives_number)
            at[i].value = string_cell(str_from_c(words[dice(d, COUNT_OF(words))]));
        if (type == COLUMN_BOOL && !gives_number)
            at[i].value = (struct cell){ .type = CELL_BOOL, .b = dice_percent(d, 50) };
    }
    return at;
}

static struct ask random_ask(struct dice *d, const struct made *m)
{
    struct ask q = { .kind = dice_percent(d, 30) ? ASK_SELECT : ASK_FOLD,
                     .table = TABLE_OBJECTS,
                     .virtuals = m->virtuals,
                     .virtual_count = m->virtual_count };
    q.any = random_filter(d, m, &q.any_count);
    q.limit = dice_percent(d, 50) ? 0 : 1 + dice_word(d, 200);
    q.offset = dice_percent(d, 70) ? 0 : dice(d, 20);
    q.order_count = dice(d, 3);
    struct ask_order *order = arena_array(m->arena, 3, sizeof *order);
    assert_non_null(order);
    if (q.kind == ASK_SELECT) {
        q.select_count = 1 + dice(d, 4);
        struct str *select = arena_array(m->arena, q.select_count, sizeof *select);
        assert_non_null(select);
        for (size_t i = 0; i < q.select_count; i++)
            select[i] = m->model.names[random_name(d, m)];
        q.select = select;
    } else {
        q.has_group = dice_percent(d, 80);
        q.group = m->model.names[random_name(d, m)];
        q.fold_count = dice(d, 5);
        struct ask_fold *folds = arena_array(m->arena, q.fold_count + 1, sizeof *folds);
        assert_non_null(folds);
        for (size_t i = 0; i < q.fold_count; i++)
            folds[i] = random_fold(d, m);
        q.folds = folds;
        q.having_count = dice_percent(d, 30) ? 1 + dice(d, 2) : 0;
        q.having = random_having(d, m, &q, q.having_count);
    }
    for (size_t i = 0; i < q.order_count; i++) {
        order[i] = (struct ask_order){ .by = ORDER_COLUMN, .descends = dice_percent(d, 50) };
        order[i].column = m->model.names[random_name(d, m)];
        if (q.kind == ASK_FOLD)
            order[i].by = q.fold_count && dice_percent(d, 50) ? ORDER_FOLD
                          : dice_percent(d, 50)               ? ORDER_GROUP
                                                              : ORDER_COUNT;
        if (order[i].by == ORDER_FOLD)
            order[i].fold = dice(d, (uint32_t)q.fold_count);
    }
    q.order = order;
    return q;
}

/* --- comparing ------------------------------------------------------------------------------- */

static void same_cell(const struct cell *got, const struct cell *want)
{
    assert_int_equal(got->type, want->type);
    if (got->type == CELL_DOUBLE) {
        double off = fabs(got->d - want->d);
        if (!(off <= 1e-9 * fabs(want->d) || off <= 1e-12))
            fail_msg("%.17g, but %.17g is wanted", got->d, want->d);
    } else if (model_compare(got, want) != 0) {
        if (got->type == CELL_STRING)
            fail_msg("'%.*s', but '%.*s' is wanted", STR_ARG(got->s), STR_ARG(want->s));
        fail_msg("%llx, but %llx is wanted", (unsigned long long)got->u,
                 (unsigned long long)want->u);
    }
}

static void same_folded(const struct folded *got, const struct folded *want)
{
    assert_int_equal(got->count, want->count);
    assert_int_equal(got->distinct, want->distinct);
    assert_int_equal(got->rest, want->rest);
    for (size_t i = 0; i < got->count; i++) {
        same_cell(&got->values[i].value, &want->values[i].value);
        same_cell(&got->values[i].to, &want->values[i].to);
        assert_int_equal(got->values[i].count, want->values[i].count);
    }
}

/* What is being ordered. */
static struct {
    const struct made *made;
    const struct ask *ask;
} ordering;

static int by_cells(const struct cell *a, const struct cell *b, bool descends)
{
    int c = model_compare(a, b);
    bool unset = a->type == CELL_UNSET || b->type == CELL_UNSET;
    return descends && !unset ? -c : c;
}

static int row_order(const void *a, const void *b)
{
    const struct model_row *x = *(const struct model_row *const *)a;
    const struct model_row *y = *(const struct model_row *const *)b;
    for (size_t i = 0; i < ordering.ask->order_count; i++) {
        size_t name = model_name(&ordering.made->model, ordering.ask->order[i].column);
        int c = by_cells(&x->cells[name], &y->cells[name], ordering.ask->order[i].descends);
        if (c != 0)
            return c;
    }
    return (x->key > y->key) - (x->key < y->key);
}

struct ordered_group {
    struct model_group group;
    struct cell cells[3];
    size_t place;
};

static int group_order(const void *a, const void *b)
{
    const struct ordered_group *x = a, *y = b;
    for (size_t i = 0; i < ordering.ask->order_count; i++) {
        int c = by_cells(&x->cells[i], &y->cells[i], ordering.ask->order[i].descends);
        if (c != 0)
            return c;
    }
    return (x->place > y->place) - (x->place < y->place);
}

static size_t page_end(const struct ask *q, size_t things)
{
    return q->limit == 0 || q->offset + q->limit > things ? things : q->offset + q->limit;
}

static void check_select(const struct made *m, const struct ask *q, const struct model_row **rows,
                         size_t count, const struct outcome *o)
{
    ordering.made = m;
    ordering.ask = q;
    qsort(rows, count, sizeof *rows, row_order);
    size_t end = page_end(q, count), shown = end > q->offset ? end - q->offset : 0;
    assert_int_equal(o->row_count, shown);
    assert_int_equal(o->column_count, q->select_count);
    for (size_t c = 0; c < q->select_count; c++) {
        size_t name = model_name(&m->model, q->select[c]);
        assert_int_equal(o->columns[c].type, m->model.types[name]);
        for (size_t i = 0; i < shown; i++) {
            const struct model_row *row = rows[q->offset + i];
            assert_int_equal(o->keys[i], row->key);
            same_cell(&o->cells[c * shown + i], &row->cells[name]);
        }
    }
}

static size_t part_into_groups(const struct made *m, const struct ask *q,
                               const struct model_row **rows, size_t count,
                               struct ordered_group *groups)
{
    size_t name = q->has_group ? model_name(&m->model, q->group) : 0, found = 0;
    static const struct cell unset = { .type = CELL_UNSET };
    for (size_t i = 0; i < count; i++) {
        const struct cell *key = q->has_group ? &rows[i]->cells[name] : &unset;
        size_t g = 0;
        while (g < found && model_compare(&groups[g].group.key, key) != 0)
            g++;
        if (g == found) {
            groups[found++] = (struct ordered_group){ .group = { .key = *key }, .place = g };
            groups[g].group.rows = arena_array(m->arena, count, sizeof *groups[g].group.rows);
            assert_non_null(groups[g].group.rows);
        }
        groups[g].group.rows[groups[g].group.count++] = rows[i];
    }
    return found;
}

static void check_groups(const struct made *m, const struct ask *q, const struct model_row **rows,
                         size_t count, const struct outcome *o)
{
    struct ordered_group *groups = arena_array(m->arena, count + 1, sizeof *groups);
    assert_non_null(groups);
    size_t found = part_into_groups(m, q, rows, count, groups), kept = 0;
    uint64_t rows_had = 0;
    assert_int_equal(o->groups_found, found);
    for (size_t g = 0; g < found; g++) {
        if (!model_having(&m->model, q, &groups[g].group))
            continue;
        groups[kept] = groups[g];
        rows_had += groups[g].group.count;
        for (size_t i = 0; i < q->order_count; i++)
            groups[kept].cells[i] = model_order_cell(&m->model, q, &q->order[i], &groups[g].group);
        kept++;
    }
    assert_int_equal(o->groups_had, kept);
    assert_int_equal(o->rows_had, rows_had);
    ordering.ask = q;
    qsort(groups, kept, sizeof *groups, group_order);
    size_t end = page_end(q, kept), shown = end > q->offset ? end - q->offset : 0;
    assert_int_equal(o->group_count, shown);
    for (size_t i = 0; i < shown; i++) {
        const struct model_group *g = &groups[q->offset + i].group;
        same_cell(&o->groups[i].key, &g->key);
        assert_int_equal(o->groups[i].rows, g->count);
        for (size_t f = 0; f < q->fold_count; f++) {
            struct folded want = model_fold(&m->model, &q->folds[f], g);
            same_folded(&o->groups[i].folds[f], &want);
        }
    }
}

static void check_match(const struct made *m, const struct ask *q, const struct model_row **rows,
                        size_t count, struct arena *a)
{
    const struct run_limits limits = { .until_us = INT64_MAX };
    const uint64_t *keys;
    size_t got;
    struct err e;
    assert_true(run_match(q, m->view, STR("p"), &limits, a, &keys, &got, &e));
    assert_int_equal(got, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(keys[i], rows[i]->key);
}

static void check_ask(const struct made *m, const struct ask *q)
{
    const struct run_limits limits = { .until_us = INT64_MAX };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct outcome o;
    struct err e = { 0 };
    size_t count = 0;
    const struct model_row **rows = arena_array(m->arena, m->model.row_count + 1, sizeof *rows);
    assert_true(a && rows);
    for (size_t i = 0; i < m->model.row_count; i++)
        if (model_matches(&m->model, q, &m->model.rows[i]))
            rows[count++] = &m->model.rows[i];
    if (!run_ask(q, m->view, STR("p"), &limits, a, &o, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(o.matched, count);
    check_match(m, q, rows, count, a);
    if (q->kind == ASK_SELECT)
        check_select(m, q, rows, count, &o);
    else
        check_groups(m, q, rows, count, &o);
}

static void test_random(void **state)
{
    struct dice d;
    (void)state;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++) {
        struct made m;
        make(&d, &m);
        for (int a = 0; a < ASKS; a++) {
            struct ask q = random_ask(&d, &m);
            check_ask(&m, &q);
        }
        unmake(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
