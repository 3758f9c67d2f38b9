/* bench_query.c - `crumple bench query`: how fast queries are answered, and what the columns cost.
 *
 * The columns are filled with made-up rows (bench_rows.h), without a store. Each query is read,
 * run and written as JSON, as for POST /api/query, on one thread. */
#include "cli/bench_rows.h"
#include "cli/bench_stats.h"
#include "cli/cli.h"

#include "base/metrics.h"
#include "columns/answer.h"

#include <stdio.h>
#include <stdlib.h>

#define PROJECT "bench"
#define ROWS_MAX 100000000
#define BATCH_ROWS 64 /* between two times of publishing, as the engine does under load */
#define QUERY_ARENA ((size_t)4 << 30)
#define ANSWER_MAX ((size_t)1 << 30)

struct bench {
    size_t rows, runs;
    const char *csv; /* NULL: not wanted */
    struct arg_operands queries;
    struct columns *columns;
};

/* The rows as lines of values; no text of theirs holds what would have to be quoted but stacks. */
static void write_csv(FILE *out, const struct bench_row *row, uint64_t key)
{
    fprintf(out, "%llu", (unsigned long long)key);
    for (size_t i = 0; i < BENCH_ROW_CELLS; i++) {
        const struct cell *c = &row->cells[i].value;
        fputc(',', out);
        if (c->type == CELL_UINT) {
            fprintf(out, "%llu", (unsigned long long)c->u);
            continue;
        }
        fputc('"', out);
        for (size_t k = 0; k < c->s.len; k++) {
            if (c->s.ptr[k] == '"')
                fputc('"', out);
            fputc(c->s.ptr[k], out);
        }
        fputc('"', out);
    }
    fputc('\n', out);
}

static void write_head(FILE *out, const struct bench_row *row)
{
    fputs("_tx", out);
    for (size_t i = 0; i < BENCH_ROW_CELLS; i++)
        fprintf(out, ",%.*s", STR_ARG(row->cells[i].name));
    fputc('\n', out);
}

static bool write_rows(const struct bench *b, struct err *e)
{
    struct bench_row *row = malloc(sizeof *row);
    FILE *out = row ? fopen(b->csv, "w") : NULL;
    if (!out) {
        free(row);
        return err_set(e, ERR_IO, 0, "%s: cannot be written", b->csv);
    }
    for (uint64_t i = 0; i < b->rows; i++) {
        bench_row_make(row, i);
        if (i == 0)
            write_head(out, row);
        write_csv(out, row, i + 1);
    }
    free(row);
    return fclose(out) == 0 || err_set(e, ERR_IO, 0, "%s: cannot be written", b->csv);
}

/* Making a row takes longer than putting it in: only the latter is measured. */
static bool fill(struct bench *b, struct err *e)
{
    struct bench_row *rows = malloc(BATCH_ROWS * sizeof *rows);
    uint64_t rss = bench_rss_bytes();
    int64_t ns = 0;
    bool ok = rows || err_set(e, ERR_NOMEM, 0, "no memory");
    for (uint64_t i = 0; i < b->rows && ok; i += BATCH_ROWS) {
        for (uint64_t k = 0; k < BATCH_ROWS; k++)
            bench_row_make(&rows[k], i + k);
        int64_t began = bench_thread_ns();
        for (uint64_t k = 0; k < BATCH_ROWS && i + k < b->rows && ok; k++)
            ok = columns_put(b->columns, STR(PROJECT), TABLE_OBJECTS, i + k + 1, rows[k].cells,
                             BENCH_ROW_CELLS, NULL, e);
        columns_publish(b->columns);
        ns += bench_thread_ns() - began;
    }
    free(rows);
    if (ok)
        printf("{\"rows\": %zu, \"attributes\": %d, \"bytes\": %zu, \"rss_bytes\": %llu, "
               "\"bytes_per_row\": %.1f, \"rows_per_second\": %.0f}\n",
               b->rows, BENCH_ROW_CELLS, columns_bytes(b->columns),
               (unsigned long long)(bench_rss_bytes() - rss),
               (double)columns_bytes(b->columns) / (double)b->rows,
               (double)b->rows * 1e9 / (double)ns);
    return ok;
}

/* One answer, into `out`. */
static bool answer(const struct bench *b, struct str query, struct buf *out, uint64_t *matched,
                   struct err *e)
{
    const struct json_limits limits = { 16, 100000 };
    const struct run_limits run = { .until_us = INT64_MAX };
    const struct answer_about about = { .user = STR("bench"), .project = STR(PROJECT) };
    struct arena *a = arena_new(QUERY_ARENA);
    const struct columns_view *v = columns_acquire(b->columns);
    const struct json *body;
    struct ask ask;
    struct outcome outcome;
    struct json_writer w;
    bool ok = a ? json_parse(&body, query, limits, a, e) && ask_read(&ask, body, a, e) &&
                      run_ask(&ask, v, STR(PROJECT), &run, a, &outcome, e)
                : err_set(e, ERR_NOMEM, 0, "no memory");
    if (ok) {
        buf_reset(out);
        json_writer_init(&w, out);
        answer_write(&w, &ask, &outcome, &about);
        *matched = outcome.matched;
    }
    columns_release(b->columns, v);
    arena_free(a);
    return ok;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool ask_often(const struct bench *b, const char *query, struct err *e)
{
    struct buf out;
    int64_t *each = malloc(b->runs * sizeof *each);
    uint64_t matched = 0;
    bool ok = each || err_set(e, ERR_NOMEM, 0, "no memory");
    buf_init(&out, ANSWER_MAX);
    for (size_t i = 0; i < b->runs && ok; i++) {
        int64_t began = bench_thread_ns();
        ok = answer(b, str_from_c(query), &out, &matched, e);
        each[i] = bench_thread_ns() - began;
    }
    if (ok) {
        qsort(each, b->runs, sizeof *each, compare);
        printf("{\"ms\": %.3f, \"least_ms\": %.3f, \"matched\": %llu, \"answer_bytes\": %zu}\n",
               (double)each[b->runs / 2] / 1e6, (double)each[0] / 1e6, (unsigned long long)matched,
               out.len);
    }
    buf_done(&out);
    free(each);
    return ok;
}

static bool measure(struct bench *b, struct err *e)
{
    if (b->csv && !write_rows(b, e))
        return false;
    if (!columns_new(&b->columns, COLUMNS_MAX_DEFAULT, e) || !fill(b, e))
        return false;
    for (size_t i = 0; i < b->queries.count; i++) {
        if (!ask_often(b, b->queries.at[i], e))
            return err_prefix(e, "query %zu: ", i + 1);
        fflush(stdout);
    }
    return true;
}

#define QUERIES_MAX 64

static int run(const struct command *c, int argc, char **argv)
{
    const char *room[QUERIES_MAX];
    struct bench b = { .rows = 1000000, .runs = 9, .queries = { .at = room, .room = QUERIES_MAX } };
    struct err e = { 0 };
    int status;
    const struct arg args[] = {
        { "QUERY", ARG_OPERANDS, &b.queries },
        { "--rows", ARG_COUNT, &b.rows },
        { "--runs", ARG_COUNT, &b.runs },
        { "--csv", ARG_TEXT, &b.csv },
    };
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    if (b.rows == 0 || b.rows > ROWS_MAX || b.runs == 0) {
        (void)err_set(&e, ERR_INPUT, 0, "--rows must be from 1 to %d, --runs at least 1", ROWS_MAX);
        return cli_wrong(c, &e);
    }
    status = measure(&b, &e) ? CLI_OK : cli_fail(c, &e);
    columns_free(b.columns);
    return status;
}

const struct command command_bench_query = {
    .name = "bench query",
    .summary = "measure how fast queries are answered",
    .help =
        "Usage: crumple bench query QUERY... [--rows N] [--runs N] [--csv FILE]\n\n"
        "Fills columns with N (1,000,000) made-up rows of 25 attributes, as crash reports have\n"
        "them, and answers each QUERY (a body of POST /api/query) on one core. Prints a line of\n"
        "JSON about the columns, and one for each query.\n\n"
        "  bytes_per_row     of the columns, with all texts\n"
        "  rows_per_second   rows put in, by the time on the core\n"
        "  ms, least_ms      reading a query, running it and writing its answer: the median of\n"
        "                    the runs (9), and the least; by the time on the core\n"
        "  matched           rows that the filter let through\n\n"
        "  --csv FILE        writes the rows down first, for other databases\n",
    .run = run,
};
