/* store_rows.c - how many reports the store makes durable in a second: one thread, no HTTP, no
 * grouping, payloads compressed before the clock runs.
 *
 *     store_rows FILE DIR BATCH [uploads [PROJECTS]]
 *
 * Each line of FILE becomes a report, BATCH of them a transaction; with `uploads`, each report has
 * its upload, whose body is the same line. They are of PROJECTS projects, or of one, in turn.
 * Prints one line of JSON. DIR is a new directory. */
#include "cli/bench_stats.h"
#include "cli/text.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

#define THRESHOLDS 11
#define ARENA_BYTES ((size_t)8 << 30)

struct rows {
    struct stored_report *reports;
    struct stored_upload *uploads; /* NULL: reports alone */
    size_t count;
    size_t projects;
};

/* Its own bucket at the upper half of the thresholds, an older one below: as most reports are. */
static bool make_report(struct stored_report *r, uint32_t n, size_t projects, struct str line,
                        struct arena *a, struct err *e)
{
    struct str *names = arena_array(a, THRESHOLDS, sizeof *names), older;
    if (!names || !arena_printf(a, &r->database_id, "report-%08x-%08x", n * 2654435761u, n) ||
        !arena_printf(a, &older, "report-%08x-%08x", (n / 8) * 2654435761u, n / 8) ||
        !arena_printf(a, &r->project, "bench %zu", n % projects))
        return err_set(e, ERR_NOMEM, 0, "no memory");
    for (size_t i = 0; i < THRESHOLDS; i++)
        names[i] = i < THRESHOLDS / 2 ? older : r->database_id;
    r->number = n;
    r->object = n + 1;
    r->received_ms = 1700000000000 + n;
    r->top_match = n > 0 ? n / 8 : STORE_NONE;
    r->buckets = names;
    r->bucket_count = THRESHOLDS;
    memset(r->fingerprint, 1 + (int)(n & 0x7f), sizeof r->fingerprint);
    r->shorthand = (struct str){ line.ptr, line.len < 300 ? line.len : 300 };
    return store_pack(line, a, &r->packed, e);
}

static void make_upload(struct stored_upload *u, const struct stored_report *r, struct str line)
{
    *u = (struct stored_upload){
        .object = r->object,
        .project = r->project,
        .format = UPLOAD_JSON,
        .received_ms = r->received_ms,
        .report = r->number,
        .type = STR("application/json"),
        .uuid = STR("5e1a8ad8-1f4c-4b6f-8d1c-0f3f64d1a001"),
        .attributes =
            STR("{\"hostname\":\"web-17\",\"uname.sysname\":\"Linux\",\"version\":\"1\"}"),
        .fields = STR("[[\"hostname\",\"web-17\",0]]"),
        .has_fingerprint = true,
        .body = { .size = line.len },
        .packed_body = r->packed,
    };
    memcpy(u->fingerprint, r->fingerprint, sizeof u->fingerprint);
}

static bool make_rows(struct rows *rows, const struct text *t, bool uploads, struct arena *a,
                      struct err *e)
{
    rows->count = t->lines.len;
    rows->reports = arena_zalloc(a, rows->count * sizeof *rows->reports);
    rows->uploads = uploads ? arena_array(a, rows->count, sizeof *rows->uploads) : NULL;
    if (!rows->reports || (uploads && !rows->uploads))
        return err_set(e, ERR_NOMEM, 0, "no memory");
    for (size_t i = 0; i < rows->count; i++) {
        if (!make_report(&rows->reports[i], (uint32_t)i, rows->projects, t->lines.at[i], a, e))
            return false;
        if (uploads)
            make_upload(&rows->uploads[i], &rows->reports[i], t->lines.at[i]);
    }
    return true;
}

static bool write_rows(struct store *s, const struct rows *rows, size_t batch, struct err *e)
{
    for (size_t i = 0; i < rows->count; i += batch) {
        size_t n = rows->count - i < batch ? rows->count - i : batch;
        struct store_batch b = { .reports = rows->reports + i, .report_count = n };
        if (rows->uploads) {
            b.uploads = rows->uploads + i;
            b.upload_count = n;
        }
        if (!store_write(s, &b, e))
            return false;
    }
    return true;
}

static bool measure(const struct rows *rows, const char *dir, size_t batch, struct err *e)
{
    static const double thresholds[THRESHOLDS] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    const struct store_settings settings = { thresholds, THRESHOLDS };
    CLEANUP(store_close_p) struct store *s = NULL;
    uint32_t have;
    if (!store_open(&s, dir, &settings, e) || !store_count(s, &have, e))
        return false;
    if (have > 0)
        return err_set(e, ERR_CONFLICT, 0, "there are reports in %.120s already", dir);
    int64_t begin_ns = bench_clock_ns(), cpu_ns = bench_thread_ns();
    if (!write_rows(s, rows, batch, e))
        return false;
    double seconds = (double)(bench_clock_ns() - begin_ns) / 1e9;
    double cpu_us = (double)(bench_thread_ns() - cpu_ns) / 1e3;
    printf("{\"rows_per_second\": %.1f, \"cpu_us_per_row\": %.2f, \"rows\": %zu, \"batch\": %zu, "
           "\"uploads\": %s, \"projects\": %zu, \"seconds\": %.3f}\n",
           (double)rows->count / seconds, cpu_us / (double)rows->count, rows->count, batch,
           rows->uploads ? "true" : "false", rows->projects, seconds);
    return true;
}

int main(int argc, char **argv)
{
    size_t batch = argc >= 4 && argc <= 6 ? strtoul(argv[3], NULL, 10) : 0;
    size_t projects = argc == 6 ? strtoul(argv[5], NULL, 10) : 1;
    bool uploads = argc >= 5 && strcmp(argv[4], "uploads") == 0;
    if (batch == 0 || projects == 0 || (argc >= 5 && !uploads)) {
        fputs("usage: store_rows FILE DIR BATCH [uploads [PROJECTS]]\n", stderr);
        return 2;
    }
    struct err e = { 0 };
    struct text t = { 0 };
    struct rows rows = { .projects = projects };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    bool ok = a ? text_read(&t, argv[1], &e) && make_rows(&rows, &t, uploads, a, &e) &&
                      measure(&rows, argv[2], batch, &e)
                : err_set(&e, ERR_NOMEM, 0, "no memory");
    if (!ok)
        fprintf(stderr, "store_rows: %s\n", e.msg);
    text_free(&t);
    return ok ? 0 : 1;
}
