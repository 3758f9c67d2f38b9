/* run_model.c - see the header. Numbers are compared as long doubles, which hold all of them. */
#include "run_model.h"

#include "unit/cmocka_all.h"

#include <math.h>
#include <regex.h>

__extension__ typedef __int128 int128;

size_t model_name(const struct model *m, struct str name)
{
    for (size_t i = 0; i < m->name_count; i++)
        if (str_eq(m->names[i], name))
            return i;
    fail_msg("no name '%.*s'", STR_ARG(name));
    return 0;
}

static bool is_number(const struct cell *c)
{
    return c->type == CELL_UINT || c->type == CELL_INT || c->type == CELL_DOUBLE;
}

static long double as_real(const struct cell *c)
{
    return c->type == CELL_UINT  ? (long double)c->u
           : c->type == CELL_INT ? (long double)c->i
                                 : (long double)c->d;
}

int model_compare(const struct cell *a, const struct cell *b)
{
    if (a->type == CELL_UNSET || b->type == CELL_UNSET)
        return (a->type == CELL_UNSET) - (b->type == CELL_UNSET);
    if (a->type == CELL_STRING)
        return str_cmp(a->s, b->s) < 0 ? -1 : str_cmp(a->s, b->s) > 0;
    if (a->type == CELL_BOOL)
        return (int)a->b - (int)b->b;
    return (as_real(a) > as_real(b)) - (as_real(a) < as_real(b));
}

/* --- filter ---------------------------------------------------------------------------------- */

static bool read_number(const struct cell *c, long double *out)
{
    char copy[64], *end;
    if (is_number(c)) {
        *out = as_real(c);
        return true;
    }
    if (c->type != CELL_STRING || c->s.len == 0 || c->s.len >= sizeof copy)
        return false;
    memcpy(copy, c->s.ptr, c->s.len);
    copy[c->s.len] = '\0';
    *out = strtold(copy, &end);
    return *end == '\0';
}

static bool holds(enum ask_op op, int order)
{
    switch (op) {
    case ASK_EQUAL:
    case ASK_NOT_EQUAL:
        return order == 0;
    case ASK_AT_LEAST:
        return order >= 0;
    case ASK_AT_MOST:
        return order <= 0;
    case ASK_GREATER:
        return order > 0;
    default:
        return order < 0;
    }
}

static bool text_holds(const struct ask_term *t, struct str s)
{
    char text[200], value[200];
    regex_t r;
    assert_true(s.len < sizeof text && t->value.s.len < sizeof value);
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    memcpy(value, t->value.s.ptr, t->value.s.len);
    value[t->value.s.len] = '\0';
    if (t->op == ASK_CONTAINS || t->op == ASK_NOT_CONTAINS)
        return (t->ignore_case ? strcasestr(text, value) : strstr(text, value)) != NULL;
    if (t->op == ASK_MATCHES || t->op == ASK_NOT_MATCHES) {
        assert_int_equal(
            regcomp(&r, value, REG_EXTENDED | REG_NOSUB | (t->ignore_case ? REG_ICASE : 0)), 0);
        bool found = regexec(&r, text, 0, NULL, 0) == 0;
        regfree(&r);
        return found;
    }
    if (t->ignore_case && (t->op == ASK_EQUAL || t->op == ASK_NOT_EQUAL))
        return strcasecmp(text, value) == 0;
    return holds(t->op, strcmp(text, value));
}

static bool positive_holds(const struct ask_term *t, const struct cell *c)
{
    struct cell value = t->value;
    long double number;
    if (t->op == ASK_IS_SET || t->op == ASK_IS_NOT_SET)
        return true;
    if (c->type == CELL_STRING)
        return text_holds(t, c->s);
    if (c->type == CELL_BOOL)
        return str_eq(value.s, STR("true")) == c->b;
    if (!read_number(&value, &number))
        return false;
    if (c->type == CELL_DOUBLE)
        number = (double)number;
    long double is = as_real(c);
    return holds(t->op, (is > number) - (is < number));
}

static bool term_holds(const struct model *m, const struct ask_term *t, const struct model_row *row)
{
    const struct cell *c = &row->cells[model_name(m, t->column)];
    bool negative = t->op == ASK_NOT_EQUAL || t->op == ASK_NOT_CONTAINS ||
                    t->op == ASK_NOT_MATCHES || t->op == ASK_IS_NOT_SET;
    return negative != (c->type != CELL_UNSET && positive_holds(t, c));
}

bool model_matches(const struct model *m, const struct ask *q, const struct model_row *row)
{
    if (q->any_count == 0)
        return true;
    for (size_t a = 0; a < q->any_count; a++) {
        bool all = true;
        for (size_t i = 0; i < q->any[a].count; i++)
            all = all && term_holds(m, &q->any[a].terms[i], row);
        if (all)
            return true;
    }
    return false;
}

/* --- virtual columns ------------------------------------------------------------------------- */

enum column_type model_virtual_type(const struct ask_virtual *v, enum column_type type)
{
    return v->type == VIRTUAL_QUANTIZE && type == COLUMN_UINT && v->offset % v->size ? COLUMN_INT
                                                                                     : type;
}

static struct cell whole_cell(int128 n, enum column_type type)
{
    if (type == COLUMN_INT)
        return (struct cell){ .type = CELL_INT,
                              .i = n < INT64_MIN   ? INT64_MIN
                                   : n > INT64_MAX ? INT64_MAX
                                                   : (int64_t)n };
    return (struct cell){ .type = CELL_UINT, .u = (uint64_t)n };
}

static struct cell quantized(const struct ask_virtual *v, struct cell c, enum column_type type)
{
    if (c.type == CELL_DOUBLE) {
        double size = (double)v->size, offset = (double)(v->offset % v->size);
        return (struct cell){ .type = CELL_DOUBLE,
                              .d = floor((c.d + offset) / size) * size - offset };
    }
    int128 n = (c.type == CELL_UINT ? (int128)c.u : (int128)c.i) + v->offset, begin = n / v->size;
    if (begin * v->size > n)
        begin--;
    return whole_cell(begin * v->size - v->offset, model_virtual_type(v, type));
}

static struct cell truncated(const struct ask_virtual *v, struct cell c, enum column_type type)
{
    time_t t = c.type == CELL_DOUBLE ? (time_t)floor(c.d)
               : c.type == CELL_UINT ? (time_t)c.u
                                     : (time_t)c.i;
    struct tm tm;
    assert_non_null(gmtime_r(&t, &tm));
    tm.tm_sec = tm.tm_min = tm.tm_hour = 0;
    if (v->granularity != BY_DAY)
        tm.tm_mday = 1;
    if (v->granularity == BY_QUARTER)
        tm.tm_mon -= tm.tm_mon % 3;
    if (v->granularity == BY_YEAR)
        tm.tm_mon = 0;
    t = timegm(&tm);
    if (c.type == CELL_DOUBLE)
        return (struct cell){ .type = CELL_DOUBLE, .d = (double)t };
    return whole_cell(t, type);
}

struct cell model_virtual(const struct ask_virtual *v, struct cell c, enum column_type type)
{
    if (c.type == CELL_UNSET)
        return c;
    return v->type == VIRTUAL_QUANTIZE ? quantized(v, c, type) : truncated(v, c, type);
}

/* --- folds ----------------------------------------------------------------------------------- */

struct fold_cells {
    const struct cell **at; /* those that are set, in the order of keys */
    size_t count;
};

static void add_value(struct folded *f, struct folded_value *room, struct folded_value v)
{
    room[f->count++] = v;
    f->values = room;
}

static void fold_different(const struct fold_cells *c, struct folded *f, struct folded_value *room)
{
    for (size_t i = 0; i < c->count; i++) {
        size_t j = 0;
        while (j < f->count && model_compare(&room[j].value, c->at[i]) != 0)
            j++;
        if (j == f->count)
            add_value(f, room, (struct folded_value){ .value = *c->at[i] });
        room[j].count++;
    }
}

static void sort_by_count(struct folded_value *at, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && at[j].count > at[j - 1].count; j--) {
            struct folded_value other = at[j];
            at[j] = at[j - 1];
            at[j - 1] = other;
        }
}

static struct cell cell_of_sum(int128 sum)
{
    if (sum >= 0 && sum <= UINT64_MAX)
        return (struct cell){ .type = CELL_UINT, .u = (uint64_t)sum };
    if (sum < 0 && sum >= INT64_MIN)
        return (struct cell){ .type = CELL_INT, .i = (int64_t)sum };
    return (struct cell){ .type = CELL_DOUBLE, .d = (double)sum };
}

static struct cell summed(const struct fold_cells *c, bool mean)
{
    int128 whole = 0;
    long double real = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct cell *v = c->at[i];
        whole += v->type == CELL_UINT   ? (int128)v->u
                 : v->type == CELL_INT  ? (int128)v->i
                 : v->type == CELL_BOOL ? v->b
                                        : 0;
        real += v->type == CELL_DOUBLE ? v->d : 0;
    }
    if (c->at[0]->type == CELL_DOUBLE)
        return (struct cell){ .type = CELL_DOUBLE,
                              .d = (double)(mean ? real / (long double)c->count : real) };
    if (!mean)
        return cell_of_sum(whole);
    return (struct cell){ .type = CELL_DOUBLE, .d = (double)whole / (double)c->count };
}

static const struct cell *extreme(const struct fold_cells *c, int sign)
{
    const struct cell *best = c->at[0];
    for (size_t i = 1; i < c->count; i++)
        if (sign * model_compare(c->at[i], best) > 0)
            best = c->at[i];
    return best;
}

/* A signed column shows edges up to its greatest number as its own. */
static struct cell edge_cell(int128 n, int128 most, enum column_type type)
{
    int128 edge = n < most ? n : most;
    bool has_sign = edge < 0 || (type == COLUMN_INT && edge <= INT64_MAX);
    return whole_cell(edge, has_sign ? COLUMN_INT : COLUMN_UINT);
}

/* Whole numbers: bin by bin over the edges. */
static void bin_wholes(const struct fold_cells *c, const struct ask_fold *fold,
                       enum column_type type, struct folded *f, struct folded_value *room)
{
    const struct cell *least = extreme(c, -1), *greatest = extreme(c, 1);
    int128 from = (int128)as_real(least), to = (int128)as_real(greatest);
    if (fold->has_bounds) {
        from = (int128)ceill(as_real(&fold->start));
        to = (int128)floorl(as_real(&fold->end));
        if (to < from)
            fail_msg("bounds without whole numbers are not made here");
    }
    int128 most = type == COLUMN_INT && to <= INT64_MAX ? INT64_MAX : (int128)UINT64_MAX;
    int128 width = (to - from + fold->bins - 1) / fold->bins;
    width = width > 0 ? width : 1;
    int128 bins = to > from ? (to - from + width - 1) / width : 1;
    for (int128 b = 0; b < bins; b++) {
        int128 begin = from + b * width, end = begin + width;
        struct folded_value v = { .value = edge_cell(begin, most, type),
                                  .to = edge_cell(end, most, type) };
        for (size_t i = 0; i < c->count; i++) {
            int128 n = (int128)as_real(c->at[i]);
            v.count += n >= begin && (n < end || (b == bins - 1 && n <= to)) && n <= to;
        }
        if (v.count > 0)
            add_value(f, room, v);
    }
    if (f->count == 0)
        add_value(f, room,
                  (struct folded_value){ edge_cell(from, most, type),
                                         edge_cell(from + width, most, type), 0 });
}

static void bin_reals(const struct fold_cells *c, const struct ask_fold *fold, struct folded *f,
                      struct folded_value *room)
{
    double from = fold->has_bounds ? (double)as_real(&fold->start) : extreme(c, -1)->d;
    double to = fold->has_bounds ? (double)as_real(&fold->end) : extreme(c, 1)->d;
    double width = to / fold->bins - from / fold->bins;
    uint32_t bins = width > 0 && from + width > from ? fold->bins : 1;
    struct folded_value first = { 0 };
    for (uint32_t b = 0; b < bins; b++) {
        double begin = bins == 1 ? from : from + b * width;
        double end = b + 1 == bins ? to : from + (b + 1) * width;
        struct folded_value v = { .value = { .type = CELL_DOUBLE, .d = begin },
                                  .to = { .type = CELL_DOUBLE, .d = end } };
        for (size_t i = 0; i < c->count; i++) {
            double d = c->at[i]->d;
            v.count += d >= begin && (d < end || (b + 1 == bins && d <= to));
        }
        if (b == 0)
            first = v;
        if (v.count > 0)
            add_value(f, room, v);
    }
    if (f->count == 0)
        add_value(f, room, first);
}

static void fold_bins(const struct fold_cells *c, const struct ask_fold *fold,
                      enum column_type type, struct folded *f, struct folded_value *room)
{
    if (type == COLUMN_DOUBLE)
        bin_reals(c, fold, f, room);
    else
        bin_wholes(c, fold, type, f, room);
}

static struct fold_cells set_cells(const struct model *m, size_t name, const struct model_group *g)
{
    struct fold_cells c = { .at = arena_array(m->arena, g->count + 1, sizeof *c.at) };
    assert_non_null(c.at);
    for (size_t i = 0; i < g->count; i++)
        if (g->rows[i]->cells[name].type != CELL_UNSET)
            c.at[c.count++] = &g->rows[i]->cells[name];
    return c;
}

struct folded model_fold(const struct model *m, const struct ask_fold *fold,
                         const struct model_group *g)
{
    size_t name = model_name(m, fold->column);
    enum column_type type = m->types[name];
    struct fold_cells c = set_cells(m, name, g);
    struct folded f = { 0 };
    struct folded_value *room = arena_zalloc(m->arena, (c.count + fold->bins + 2) * sizeof *room);
    assert_non_null(room);
    bool numbers = type != COLUMN_STRING && type != COLUMN_BOOL;
    switch (fold->op) {
    case FOLD_OBJECT:
        add_value(&f, room,
                  (struct folded_value){
                      .value = { .type = CELL_UINT, .u = g->rows[g->count - 1]->key } });
        break;
    case FOLD_COUNT:
        add_value(&f, room, (struct folded_value){ .value = { .type = CELL_UINT, .u = c.count } });
        break;
    case FOLD_UNIQUE:
        fold_different(&c, &f, room);
        room[0] = (struct folded_value){ .value = { .type = CELL_UINT, .u = f.count } };
        f.values = room;
        f.count = 1;
        break;
    case FOLD_HEAD:
    case FOLD_FIRST:
        if (c.count)
            add_value(&f, room, (struct folded_value){ .value = *c.at[0] });
        break;
    case FOLD_TAIL:
    case FOLD_LAST:
        if (c.count)
            add_value(&f, room, (struct folded_value){ .value = *c.at[c.count - 1] });
        break;
    case FOLD_SUM:
    case FOLD_MEAN:
        if (c.count && type != COLUMN_STRING)
            add_value(&f, room,
                      (struct folded_value){ .value = summed(&c, fold->op == FOLD_MEAN) });
        break;
    case FOLD_MIN:
    case FOLD_MAX:
    case FOLD_RANGE:
        if (c.count && fold->op != FOLD_MAX)
            add_value(&f, room, (struct folded_value){ .value = *extreme(&c, -1) });
        if (c.count && fold->op != FOLD_MIN)
            add_value(&f, room, (struct folded_value){ .value = *extreme(&c, 1) });
        break;
    case FOLD_HISTOGRAM:
        fold_different(&c, &f, room);
        break;
    case FOLD_DISTRIBUTION:
        fold_different(&c, &f, room);
        sort_by_count(room, f.count);
        f.distinct = f.count;
        f.count = f.count < fold->kept ? f.count : fold->kept;
        f.rest = c.count;
        for (size_t i = 0; i < f.count; i++)
            f.rest -= room[i].count;
        break;
    case FOLD_BIN:
        if (c.count && numbers)
            fold_bins(&c, fold, type, &f, room);
        break;
    }
    return f;
}

/* --- groups ---------------------------------------------------------------------------------- */

bool model_having(const struct model *m, const struct ask *q, const struct model_group *g)
{
    for (size_t i = 0; i < q->having_count; i++) {
        const struct ask_having *h = &q->having[i];
        struct cell is = { .type = CELL_UINT, .u = g->count };
        if (!h->is_count) {
            struct folded f = model_fold(m, &q->folds[h->fold], g);
            is.type = CELL_UNSET;
            if (q->folds[h->fold].op == FOLD_DISTRIBUTION)
                is = (struct cell){ .type = CELL_UINT, .u = h->value_at ? f.rest : f.distinct };
            else if (h->value_at < f.count)
                is = f.values[h->value_at].value;
        }
        bool fits = is_number(&is) || is.type == h->value.type;
        int order = fits ? model_compare(&is, &h->value) : 1;
        static const enum ask_op ops[] = { ASK_EQUAL,   ASK_EQUAL,    ASK_LESS,
                                           ASK_GREATER, ASK_AT_LEAST, ASK_AT_MOST };
        bool held = fits && holds(ops[h->op], order);
        if (held == (h->op == HAVING_NOT_EQUAL))
            return false;
    }
    return true;
}

struct cell model_order_cell(const struct model *m, const struct ask *q, const struct ask_order *o,
                             const struct model_group *g)
{
    if (o->by == ORDER_COUNT)
        return (struct cell){ .type = CELL_UINT, .u = g->count };
    if (o->by != ORDER_FOLD)
        return g->key;
    enum fold_op op = q->folds[o->fold].op;
    struct folded f = model_fold(m, &q->folds[o->fold], g);
    if (op == FOLD_DISTRIBUTION)
        return (struct cell){ .type = CELL_UINT, .u = f.distinct };
    if (op == FOLD_HISTOGRAM || op == FOLD_BIN)
        return (struct cell){ .type = CELL_UINT, .u = f.count };
    return f.count ? f.values[0].value : (struct cell){ .type = CELL_UNSET };
}
