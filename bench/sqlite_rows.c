/* sqlite_rows.c - how many rows SQLite makes durable in a second: one process, one thread, no HTTP.
 *
 *     sqlite_rows FILE DATABASE BATCH
 *
 * Each line of FILE becomes a row, BATCH of them a transaction. The file is read before the clock
 * runs. Prints one line of JSON. DATABASE is a new file, removed at the end. */
#include "bench/rows.h"
#include "cli/bench_stats.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool measure(const struct text *t, const char *database, size_t batch, struct err *e)
{
    struct rows *r;
    if (!rows_open(&r, database, e))
        return false;
    int64_t begin_ns = bench_clock_ns();
    bool ok = true;
    for (size_t i = 0; i < t->lines.len && ok; i += batch) {
        size_t n = t->lines.len - i < batch ? t->lines.len - i : batch;
        ok = rows_write(r, t->lines.at + i, n, e);
    }
    double seconds = (double)(bench_clock_ns() - begin_ns) / 1e9;
    rows_close(r);
    (void)unlink(database);
    if (ok)
        printf("{\"rows_per_second\": %.1f, \"rows\": %zu, \"batch\": %zu, \"seconds\": %.3f}\n",
               (double)t->lines.len / seconds, t->lines.len, batch, seconds);
    return ok;
}

int main(int argc, char **argv)
{
    size_t batch = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (batch == 0) {
        fputs("usage: sqlite_rows FILE DATABASE BATCH\n", stderr);
        return 2;
    }
    struct err e = { 0 };
    struct text t = { 0 };
    bool ok = text_read(&t, argv[1], &e) && measure(&t, argv[2], batch, &e);
    if (!ok)
        fprintf(stderr, "sqlite_rows: %s\n", e.msg);
    text_free(&t);
    return ok ? 0 : 1;
}
