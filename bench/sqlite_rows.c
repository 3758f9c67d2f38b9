/* sqlite_rows.c - how many rows SQLite makes durable in a second: one process, one thread, no HTTP.
 *
 *     sqlite_rows FILE DATABASE BATCH
 *
 * Each line of FILE becomes a row, BATCH of them a transaction. The file is read before the clock
 * runs. Prints one line of JSON. DATABASE is a new file, removed at the end. */
#include "bench/rows.h"
#include "cli/bench_stats.h"

#include <stdio.h>
#include <unistd.h>

struct text {
    char *ptr;
    VEC(struct str) lines;
};

static bool read_lines(struct text *t, const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_IO, 0, "cannot open %.120s: %m", path);
    size_t room = 0;
    ssize_t len = getdelim(&t->ptr, &room, '\0', f); /* JSON holds no NUL: this is the whole file */
    fclose(f);
    const char *end = len > 0 ? t->ptr + len : NULL;
    for (const char *at = t->ptr; end && at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct str line = { at, (size_t)((stop ? stop : end) - at) };
        if (line.len > 0 && !VEC_PUSH(&t->lines, line))
            return err_set(e, ERR_NOMEM, 0, "no memory");
        at += line.len + 1;
    }
    return t->lines.len > 0 || err_set(e, ERR_INPUT, 0, "%.120s is empty", path);
}

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
    bool ok = read_lines(&t, argv[1], &e) && measure(&t, argv[2], batch, &e);
    if (!ok)
        fprintf(stderr, "sqlite_rows: %s\n", e.msg);
    VEC_FREE(&t.lines);
    free(t.ptr);
    return ok ? 0 : 1;
}
