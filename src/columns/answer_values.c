/* answer_values.c - values in answers: each cell as plain JSON, ids and columns in runs, and what
 * folds make. What is hard: clients look into a distribution without asking whether it is there. */
#include "columns/answer_internal.h"

#include <inttypes.h>
#include <stdio.h>

void answer_write_cell(struct json_writer *w, const struct cell *c)
{
    switch (c->type) {
    case CELL_UNSET:
        json_null(w);
        return;
    case CELL_UINT:
        json_uint(w, c->u);
        return;
    case CELL_INT:
        json_int(w, c->i);
        return;
    case CELL_DOUBLE:
        json_double(w, c->d);
        return;
    case CELL_BOOL:
        json_bool(w, c->b);
        return;
    case CELL_STRING:
        json_str(w, c->s);
        return;
    }
}

/* --- runs ---------------------------------------------------------------------------------- */

void answer_write_keys(struct json_writer *w, const uint64_t *keys, size_t count)
{
    json_list(w);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && keys[end] > 0 && keys[end] - 1 == keys[end - 1];)
            end++;
        json_list(w);
        json_uint(w, keys[i]);
        if (end - i > 1)
            json_uint(w, end - i - 1);
        json_list_end(w);
    }
    json_list_end(w);
}

/* Whether they are written alike. */
static bool same(const struct cell *a, const struct cell *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case CELL_UNSET:
        return true;
    case CELL_BOOL:
        return a->b == b->b;
    case CELL_STRING:
        return str_eq(a->s, b->s);
    case CELL_DOUBLE:
        return memcmp(&a->d, &b->d, sizeof a->d) == 0; /* 0 and -0 are not */
    default:
        return a->u == b->u;
    }
}

void answer_write_runs(struct json_writer *w, const struct cell *cells, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && same(&cells[end], &cells[i]);)
            end++;
        json_list(w);
        answer_write_cell(w, &cells[i]);
        json_uint(w, end - i);
        json_list_end(w);
    }
}

/* --- folds --------------------------------------------------------------------------------- */

/* [[value,rows],...] */
static void write_histogram(struct json_writer *w, const struct folded *f)
{
    json_list(w);
    for (size_t i = 0; i < f->count; i++) {
        json_list(w);
        answer_write_cell(w, &f->values[i].value);
        json_uint(w, f->values[i].count);
        json_list_end(w);
    }
    json_list_end(w);
}

/* morgue and the query library look into the object without asking whether it is there. */
static void write_distribution(struct json_writer *w, const struct folded *f)
{
    json_list(w);
    json_object(w);
    json_key(w, STR("keys"));
    json_uint(w, f->distinct);
    json_key(w, STR("vals"));
    write_histogram(w, f);
    json_key(w, STR("tail"));
    json_uint(w, f->rest);
    json_object_end(w);
    json_list_end(w);
}

/* [[from,to,rows],...] */
static void write_bins(struct json_writer *w, const struct folded *f)
{
    json_list(w);
    for (size_t i = 0; i < f->count; i++) {
        json_list(w);
        answer_write_cell(w, &f->values[i].value);
        answer_write_cell(w, &f->values[i].to);
        json_uint(w, f->values[i].count);
        json_list_end(w);
    }
    json_list_end(w);
}

/* ["ce"] */
static void write_object(struct json_writer *w, const struct folded *f)
{
    char text[24];
    json_list(w);
    if (f->count > 0) {
        int len = snprintf(text, sizeof text, "%" PRIx64, f->values[0].value.u);
        json_str(w, (struct str){ text, (size_t)len });
    }
    json_list_end(w);
}

void answer_write_folded(struct json_writer *w, enum fold_op op, const struct folded *f)
{
    switch (op) {
    case FOLD_HISTOGRAM:
        write_histogram(w, f);
        return;
    case FOLD_DISTRIBUTION:
        write_distribution(w, f);
        return;
    case FOLD_BIN:
        write_bins(w, f);
        return;
    case FOLD_OBJECT:
        write_object(w, f);
        return;
    default:
        json_list(w);
        for (size_t i = 0; i < f->count; i++)
            answer_write_cell(w, &f->values[i].value);
        json_list_end(w);
        return;
    }
}
