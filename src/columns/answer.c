/* answer.c - the answer of a query: what it is about and how long it took, the columns, and the
 * values in runs. Called by src/api for each POST /api/query. What is hard: shapes are fixed by
 * what morgue and the query library unpack. */
#include "columns/answer_internal.h"
#include "columns/attribute_formats.h"

#include <inttypes.h>
#include <stdio.h>

static void member_uint(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, str_from_c(key));
    json_uint(w, n);
}

/* --- how it went --------------------------------------------------------------------------- */

static void write_time(struct json_writer *w, const char *step, int64_t us)
{
    json_key(w, str_from_c(step));
    json_object(w);
    json_key(w, STR("time"));
    json_int(w, us);
    json_object_end(w);
}

static void write_counted_time(struct json_writer *w, const char *step, const char *what,
                               uint64_t count, int64_t us)
{
    json_key(w, str_from_c(step));
    json_object(w);
    member_uint(w, what, count);
    json_key(w, STR("time"));
    json_int(w, us);
    json_object_end(w);
}

static void write_about(struct json_writer *w, const struct outcome *o,
                        const struct answer_about *about)
{
    char latency[40];
    int len = snprintf(latency, sizeof latency, "%" PRId64 " us", about->total_us);
    json_key(w, STR("_"));
    json_object(w);
    json_member(w, "user", about->user);
    json_member(w, "universe", about->universe);
    json_member(w, "project", about->project);
    member_uint(w, "tx", o->newest);
    json_member(w, "latency", (struct str){ latency, (size_t)len });
    json_key(w, STR("runtime"));
    json_object(w);
    write_counted_time(w, "filter", "rows", o->matched, o->filter_us);
    write_counted_time(w, "group_by", "groups", o->groups_found, o->group_us);
    write_time(w, "aggregate", o->fold_us);
    write_time(w, "sort", o->sort_us);
    write_time(w, "set", 0);
    json_key(w, STR("total_time"));
    json_int(w, about->total_us);
    json_object_end(w);
    json_object_end(w);
}

/* --- columns ------------------------------------------------------------------------------- */

/* The column whose format a column's values have: a virtual one's is that of what it is made of. */
static struct str formatted_as(const struct ask *q, struct str name)
{
    for (size_t i = 0; i < q->virtual_count; i++)
        if (str_eq(q->virtuals[i].name, name))
            return q->virtuals[i].backing;
    return name;
}

static struct str format_of(const struct ask *q, struct str name, const struct answer_about *about)
{
    return answer_format(q->table, formatted_as(q, name), &about->notes);
}

/* "range(timestamp)" */
static void write_fold_name(struct json_writer *w, const struct ask_fold *f)
{
    struct buf name;
    buf_init(&name, w->out->max_bytes);
    buf_str(&name, fold_op_name(f->op));
    buf_char(&name, '(');
    buf_str(&name, f->column);
    buf_char(&name, ')');
    json_str(w, buf_view(&name));
    w->out->failed |= !buf_ok(&name);
    buf_done(&name);
}

/* [["hostname","hostname"],...] */
static void write_columns(struct json_writer *w, const struct ask *q, const struct outcome *o,
                          const struct answer_about *about)
{
    json_key(w, STR("columns"));
    json_list(w);
    for (size_t i = 0; i < o->column_count; i++) {
        json_list(w);
        if (q->kind == ASK_FOLD)
            write_fold_name(w, &q->folds[i]);
        else
            json_str(w, o->columns[i].name);
        json_str(w, format_of(q, o->columns[i].name, about));
        json_list_end(w);
    }
    json_list_end(w);
}

/* {"name":"timestamp","format":"unix_timestamp","type":"uint64","op":"range"} */
static void write_column_desc(struct json_writer *w, const struct ask *q,
                              const struct outcome_column *c, const struct ask_fold *f,
                              const struct answer_about *about)
{
    json_object(w);
    json_member(w, "name", c->name);
    json_member(w, "format", format_of(q, c->name, about));
    json_member(w, "type", answer_type(q->table, c->name, c->type, &about->notes));
    if (f)
        json_member(w, "op", fold_op_name(f->op));
    json_object_end(w);
}

static void write_columns_desc(struct json_writer *w, const struct ask *q, const struct outcome *o,
                               const struct answer_about *about)
{
    json_key(w, STR("columns_desc"));
    json_list(w);
    for (size_t i = 0; i < o->column_count; i++)
        write_column_desc(w, q, &o->columns[i], q->kind == ASK_FOLD ? &q->folds[i] : NULL, about);
    json_list_end(w);
}

/* --- values -------------------------------------------------------------------------------- */

static void write_rows(struct json_writer *w, const struct outcome *o)
{
    json_key(w, STR("objects"));
    json_list(w);
    json_list(w);
    json_str(w, STR("*"));
    answer_write_keys(w, o->keys, o->row_count);
    json_list_end(w);
    json_list_end(w);
    json_key(w, STR("values"));
    json_list(w);
    for (size_t i = 0; i < o->column_count; i++) {
        json_list(w);
        json_str(w, STR("*"));
        answer_write_runs(w, o->cells + i * o->row_count, o->row_count);
        json_list_end(w);
    }
    json_list_end(w);
}

/* [key,[fold,...],rows] */
static void write_group(struct json_writer *w, const struct ask *q, const struct outcome_group *g)
{
    json_list(w);
    if (g->key.type == CELL_UNSET)
        json_str(w, STR("*"));
    else
        answer_write_cell(w, &g->key);
    json_list(w);
    for (size_t i = 0; i < q->fold_count; i++)
        answer_write_folded(w, q->folds[i].op, &g->folds[i]);
    json_list_end(w);
    json_uint(w, g->rows);
    json_list_end(w);
}

static void write_cardinality(struct json_writer *w, const char *when, uint64_t rows,
                              uint64_t groups)
{
    json_key(w, str_from_c(when));
    json_object(w);
    member_uint(w, "rows", rows);
    member_uint(w, "groups", groups);
    json_object_end(w);
}

static void write_groups(struct json_writer *w, const struct ask *q, const struct outcome *o,
                         const struct answer_about *about)
{
    if (q->has_group) {
        json_key(w, STR("factors_desc"));
        json_list(w);
        write_column_desc(w, q, &o->group, NULL, about);
        json_list_end(w);
    }
    json_key(w, STR("values"));
    json_list(w);
    for (size_t i = 0; i < o->group_count; i++)
        write_group(w, q, &o->groups[i]);
    json_list_end(w);
    json_key(w, STR("cardinalities"));
    json_object(w);
    write_cardinality(w, "initial", o->matched, o->groups_found);
    write_cardinality(w, "having", o->rows_had, o->groups_had);
    /* The query library takes it for the number of groups on all pages together. */
    write_cardinality(w, "pagination", o->rows_had, o->groups_had);
    json_object_end(w);
}

/* --- the whole ----------------------------------------------------------------------------- */

void answer_write(struct json_writer *w, const struct ask *q, const struct outcome *o,
                  const struct answer_about *about)
{
    json_object(w);
    json_key(w, STR("response"));
    json_object(w);
    json_member(w, "version", STR("1.2.0"));
    member_uint(w, "seq", 1); /* an answer comes in one piece */
    json_member(w, "encoding", STR("rle"));
    json_key(w, STR("pagination"));
    json_object(w);
    member_uint(w, "limit", q->limit);
    member_uint(w, "offset", q->offset);
    json_object_end(w);
    write_columns(w, q, o, about);
    write_columns_desc(w, q, o, about);
    if (q->kind == ASK_SELECT)
        write_rows(w, o);
    else
        write_groups(w, q, o, about);
    json_object_end(w);
    write_about(w, o, about);
    json_object_end(w);
}

void answer_write_changed(struct json_writer *w, uint64_t rows, uint64_t newest,
                          const struct answer_about *about)
{
    const struct outcome o = { .matched = rows, .newest = newest };
    json_object(w);
    json_key(w, STR("response"));
    json_object(w);
    json_member(w, "result", STR("success"));
    json_object_end(w);
    write_about(w, &o, about);
    json_object_end(w);
}
