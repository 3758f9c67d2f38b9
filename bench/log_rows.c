/* log_rows.c - how many bodies a log on this disk makes durable in a second: one thread, no HTTP.
 *
 *     log_rows FILE LOG BATCH
 *
 * Each line of FILE is appended to LOG, BATCH of them with one fdatasync. FILE is read before the
 * clock runs. Prints one line of JSON. LOG is a new file, removed at the end. */
#include "bench/raw_log.h"
#include "cli/bench_stats.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool measure(const struct text *t, const char *path, size_t batch, struct err *e)
{
    struct raw_log *l;
    if (!raw_log_open(&l, path, e))
        return false;
    int64_t begin_ns = bench_clock_ns();
    bool ok = true;
    for (size_t i = 0; i < t->lines.len && ok; i += batch) {
        size_t n = t->lines.len - i < batch ? t->lines.len - i : batch;
        ok = raw_log_write(l, t->lines.at + i, n, e);
    }
    double seconds = (double)(bench_clock_ns() - begin_ns) / 1e9;
    raw_log_close(l);
    (void)unlink(path);
    if (ok)
        printf("{\"rows_per_second\": %.1f, \"rows\": %zu, \"batch\": %zu, \"seconds\": %.3f}\n",
               (double)t->lines.len / seconds, t->lines.len, batch, seconds);
    return ok;
}

int main(int argc, char **argv)
{
    size_t batch = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (batch == 0) {
        fputs("usage: log_rows FILE LOG BATCH\n", stderr);
        return 2;
    }
    struct err e = { 0 };
    struct text t = { 0 };
    bool ok = text_read(&t, argv[1], &e) && measure(&t, argv[2], batch, &e);
    if (!ok)
        fprintf(stderr, "log_rows: %s\n", e.msg);
    text_free(&t);
    return ok ? 0 : 1;
}
