/* ask_print.c - prints every member of a struct ask, and reads all memory that it points to. */
#include "ask_print.h"

#include <inttypes.h>

static void print_cell(const struct cell *c, struct buf *out)
{
    switch (c->type) {
    case CELL_UNSET:
        return;
    case CELL_UINT:
        buf_printf(out, " %" PRIu64, c->u);
        return;
    case CELL_INT:
        buf_printf(out, " %" PRId64, c->i);
        return;
    case CELL_DOUBLE:
        buf_printf(out, " %.17gd", c->d);
        return;
    case CELL_BOOL:
        buf_printf(out, " %s", c->b ? "true" : "false");
        return;
    case CELL_STRING:
        buf_str(out, STR(" '"));
        buf_str(out, c->s);
        buf_char(out, '\'');
        return;
    }
}

static void print_filter(const struct ask *q, struct buf *out)
{
    for (size_t i = 0; i < q->any_count; i++) {
        buf_str(out, i ? STR(" or (") : STR(" where ("));
        for (size_t k = 0; k < q->any[i].count; k++) {
            const struct ask_term *t = &q->any[i].terms[k];
            buf_str(out, k ? STR(", ") : STR(""));
            buf_str(out, t->column);
            buf_char(out, ' ');
            buf_str(out, ask_op_name(t->op));
            print_cell(&t->value, out);
            if (t->digits.len > 0) {
                buf_str(out, STR("="));
                buf_str(out, t->digits);
            }
            if (t->index > 0)
                buf_printf(out, " #%" PRIu32, t->index);
            buf_str(out, t->ignore_case ? STR(" i") : STR(""));
        }
        buf_char(out, ')');
    }
}

static void print_fold_place(const struct ask *q, size_t fold, struct buf *out)
{
    const struct ask_fold *f = &q->folds[fold];
    buf_str(out, fold_op_name(f->op));
    buf_char(out, '(');
    buf_str(out, f->column);
    buf_printf(out, ";%" PRIu32 ")", f->index);
}

static void print_columns(const struct ask *q, struct buf *out)
{
    for (size_t i = 0; i < q->select_count; i++) {
        buf_char(out, i ? ',' : ' ');
        buf_str(out, q->select[i]);
    }
    buf_str(out, q->all.physical ? STR(" *physical") : STR(""));
    buf_str(out, q->all.derived ? STR(" *derived") : STR(""));
    buf_str(out, q->all.virtual_ ? STR(" *virtual") : STR(""));
    if (q->has_group) {
        buf_str(out, STR(" by "));
        buf_str(out, q->group);
    }
    for (size_t i = 0; i < q->fold_count; i++) {
        const struct ask_fold *f = &q->folds[i];
        buf_char(out, ' ');
        print_fold_place(q, i, out);
        if (f->op == FOLD_DISTRIBUTION)
            buf_printf(out, "%" PRIu32, f->kept);
        if (f->op == FOLD_BIN)
            buf_printf(out, "%" PRIu32, f->bins);
        if (f->has_bounds) {
            buf_str(out, STR(" from"));
            print_cell(&f->start, out);
            buf_str(out, STR(" to"));
            print_cell(&f->end, out);
        }
    }
}

static void print_virtuals(const struct ask *q, struct buf *out)
{
    static const char *const granularities[] = { "day", "month", "quarter", "year" };
    for (size_t i = 0; i < q->virtual_count; i++) {
        const struct ask_virtual *v = &q->virtuals[i];
        buf_str(out, i ? STR(", ") : STR(" with "));
        buf_str(out, v->name);
        buf_char(out, '=');
        buf_str(out, v->backing);
        if (v->type == VIRTUAL_QUANTIZE)
            buf_printf(out, "/%" PRId64 "%+" PRId64, v->size, v->offset);
        else
            buf_printf(out, "/%s", granularities[v->granularity]);
    }
}

static void print_order(const struct ask *q, struct buf *out)
{
    for (size_t i = 0; i < q->order_count; i++) {
        const struct ask_order *o = &q->order[i];
        buf_str(out, i ? STR(", ") : STR(" order "));
        buf_str(out, o->descends ? STR("-") : STR(""));
        if (o->by == ORDER_COLUMN)
            buf_str(out, o->column);
        else if (o->by == ORDER_FOLD)
            print_fold_place(q, o->fold, out);
        else
            buf_str(out, o->by == ORDER_GROUP ? STR(";group") : STR(";count"));
    }
}

static void print_having(const struct ask *q, struct buf *out)
{
    static const char *const operators[] = { "==", "!=", "<", ">", ">=", "<=" };
    for (size_t i = 0; i < q->having_count; i++) {
        const struct ask_having *h = &q->having[i];
        buf_str(out, i ? STR(", ") : STR(" having "));
        if (h->is_count)
            buf_str(out, STR(";count"));
        else
            print_fold_place(q, h->fold, out);
        if (h->value_at)
            buf_printf(out, "[%" PRIu32 "]", h->value_at);
        buf_printf(out, " %s", operators[h->op]);
        print_cell(&h->value, out);
    }
}

void ask_print(const struct ask *q, struct buf *out)
{
    buf_str(out, q->kind == ASK_SELECT ? STR("select") : STR("fold"));
    print_columns(q, out);
    buf_str(out, q->table == TABLE_ISSUES ? STR(" from issues") : STR(""));
    print_virtuals(q, out);
    print_filter(q, out);
    print_order(q, out);
    print_having(q, out);
    if (q->limit)
        buf_printf(out, " limit %" PRIu64, q->limit);
    if (q->offset)
        buf_printf(out, " offset %" PRIu64, q->offset);
    if (q->set)
        buf_printf(out, " set %zu", q->set->count);
    if (q->actions)
        buf_printf(out, " actions %zu", q->actions->count);
}
