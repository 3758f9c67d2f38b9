/* run_print.c - prints outcomes. */
#include "run_print.h"

static void print_cell(struct buf *out, const struct cell *c)
{
    switch (c->type) {
    case CELL_UNSET:
        buf_char(out, '-');
        break;
    case CELL_UINT:
        buf_printf(out, "%llu", (unsigned long long)c->u);
        break;
    case CELL_INT:
        buf_printf(out, "%lldi", (long long)c->i);
        break;
    case CELL_DOUBLE:
        buf_printf(out, "%.17gd", c->d);
        break;
    case CELL_BOOL:
        buf_str(out, c->b ? STR("true") : STR("false"));
        break;
    case CELL_STRING:
        buf_printf(out, "'%.*s'", STR_ARG(c->s));
        break;
    }
}

static void print_folded(struct buf *out, enum fold_op op, const struct folded *f)
{
    bool counts = op == FOLD_HISTOGRAM || op == FOLD_DISTRIBUTION || op == FOLD_BIN;
    for (size_t i = 0; i < f->count; i++) {
        buf_char(out, ' ');
        print_cell(out, &f->values[i].value);
        if (op == FOLD_BIN) {
            buf_str(out, STR(".."));
            print_cell(out, &f->values[i].to);
        }
        if (counts)
            buf_printf(out, "*%llu", (unsigned long long)f->values[i].count);
    }
    if (op == FOLD_DISTRIBUTION)
        buf_printf(out, " (%llu+%llu)", (unsigned long long)f->distinct,
                   (unsigned long long)f->rest);
    buf_char(out, ',');
}

static void print_rows(const struct outcome *o, struct buf *out)
{
    for (size_t r = 0; r < o->row_count; r++) {
        buf_printf(out, "%s%llu:", r ? " | " : "", (unsigned long long)o->keys[r]);
        for (size_t c = 0; c < o->column_count; c++) {
            buf_char(out, ' ');
            print_cell(out, &o->cells[c * o->row_count + r]);
        }
    }
}

void run_print(const struct ask *q, const struct outcome *o, struct buf *out)
{
    if (q->kind == ASK_SELECT) {
        print_rows(o, out);
        return;
    }
    for (size_t g = 0; g < o->group_count; g++) {
        buf_str(out, g ? STR(" | ") : STR(""));
        print_cell(out, &o->groups[g].key);
        buf_printf(out, " x%llu", (unsigned long long)o->groups[g].rows);
        for (size_t f = 0; f < q->fold_count; f++) {
            if (f == 0)
                buf_char(out, ':');
            print_folded(out, q->folds[f].op, &o->groups[g].folds[f]);
        }
    }
}
