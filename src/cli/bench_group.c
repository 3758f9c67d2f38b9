/* bench_group.c - `crumple bench group`: how fast reports are placed in their buckets.
 *
 * Parsing is not part of what is measured. Since the parsed forms of a million reports would not
 * fit into memory, a chunk is parsed with the clock stopped, and then placed with it running. */
#include "cli/bench_stats.h"
#include "cli/cli.h"
#include "cli/lines.h"

#include "group/bucket_index.h"
#include "report/report.h"

#include <stdio.h>

#define CHUNK_REPORTS 500
#define CHUNK_BYTES ((size_t)4 << 30) /* limit of the arena for a chunk */
#define JSON_NODES_MAX 10000000
#define PROGRESS_REPORTS 50000

struct bench {
    struct lines *lines;
    struct bucket_index *index;
    struct arena *arena; /* of the present chunk */
    struct report reports[CHUNK_REPORTS];
    size_t count; /* in the present chunk */
    size_t warm, measure, done;
    struct bench_times wall, cpu;       /* in ns, of the reports after the warm ones */
    struct bucket_index_cost warm_cost; /* when the last warm one was in */
    int64_t began_ns;
};

static bool parse_line(struct bench *b, struct str line, struct err *e)
{
    const struct json_limits limits = { REPORT_DEPTH_MAX + 1, JSON_NODES_MAX };
    struct report *r = &b->reports[b->count];
    const struct json *json;
    struct str text;
    if (!arena_str(b->arena, line, &text))
        return err_set(e, ERR_NOMEM, 0, "no memory for a chunk of reports");
    if (!json_parse(&json, text, limits, b->arena, e) ||
        !report_from_json(r, json, text, b->arena, e) ||
        !report_set_project(r, r->project.len ? STR("") : STR("bench"), e))
        return err_prefix(e, "line %llu: ", (unsigned long long)lines_number(b->lines));
    b->count++;
    return true;
}

/* Untimed. An empty chunk means the end of the file. */
static bool read_chunk(struct bench *b, struct err *e)
{
    size_t left = b->measure ? b->warm + b->measure - b->done : SIZE_MAX;
    arena_reset(b->arena);
    b->count = 0;
    while (b->count < CHUNK_REPORTS && b->count < left) {
        struct str line;
        switch (lines_next(b->lines, &line, e)) {
        case LINES_LINE:
            if (!parse_line(b, line, e))
                return false;
            break;
        case LINES_TOO_LONG:
            return err_set(e, ERR_LIMIT, 0, "line %llu is longer than %zu bytes",
                           (unsigned long long)lines_number(b->lines), LINES_LENGTH_MAX);
        case LINES_END:
            return true;
        case LINES_FAILED:
            return false;
        }
    }
    return true;
}

static bool push_ns(struct bench_times *t, int64_t ns)
{
    return VEC_PUSH(&t->each, ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX);
}

/* All that grouping costs a report: tokens, the nearest one, buckets, adding, publishing. */
static bool place_one(struct bench *b, const struct report *r, struct err *e)
{
    struct placement p;
    int64_t wall_ns = bench_clock_ns(), cpu_ns = bench_thread_ns();
    if (!bucket_index_place(b->index, r, &p, e) || !bucket_index_add(b->index, r, &p, NULL, e))
        return err_prefix(e, "%.*s: ", STR_ARG(r->database_id));
    bucket_index_publish(b->index);
    cpu_ns = bench_thread_ns() - cpu_ns;
    wall_ns = bench_clock_ns() - wall_ns;
    if (b->done++ < b->warm || (push_ns(&b->wall, wall_ns) && push_ns(&b->cpu, cpu_ns)))
        return true;
    return err_set(e, ERR_NOMEM, 0, "no memory for the times");
}

static void say_progress(const struct bench *b)
{
    double seconds = (double)(bench_clock_ns() - b->began_ns) / 1e9;
    fprintf(stderr, "%zu reports in the index after %.0f s\n", b->done, seconds);
}

static bool place_chunk(struct bench *b, struct err *e)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->done == b->warm)
            b->warm_cost = bucket_index_cost(b->index);
        if (!place_one(b, &b->reports[i], e))
            return false;
        if (b->done % PROGRESS_REPORTS == 0)
            say_progress(b);
    }
    return true;
}

static double sum_seconds(const struct bench_times *t)
{
    uint64_t ns = 0;
    for (size_t i = 0; i < t->each.len; i++)
        ns += t->each.at[i];
    return (double)ns / 1e9;
}

static void print_result(struct bench *b)
{
    double n = (double)(b->done - b->warm);
    struct bucket_index_cost cost = bucket_index_cost(b->index);
    printf("{\"reports_per_second\": %.1f, \"reports_per_cpu_second\": %.1f, \"reports\": %zu, "
           "\"warm\": %zu, \"median_us\": %.1f, \"p99_us\": %.1f, \"median_cpu_us\": %.1f, "
           "\"p99_cpu_us\": %.1f, \"postings_touched\": %.1f, \"candidates_checked\": %.1f, "
           "\"cut_short\": %.5f, "
           "\"bytes_per_report\": %.1f, \"rss_bytes\": %llu}\n",
           n / sum_seconds(&b->wall), n / sum_seconds(&b->cpu), b->done, b->warm,
           (double)bench_percentile(&b->wall, 0.5) / 1e3,
           (double)bench_percentile(&b->wall, 0.99) / 1e3,
           (double)bench_percentile(&b->cpu, 0.5) / 1e3,
           (double)bench_percentile(&b->cpu, 0.99) / 1e3,
           (double)(cost.postings_touched - b->warm_cost.postings_touched) / n,
           (double)(cost.candidates_checked - b->warm_cost.candidates_checked) / n,
           (double)(cost.cut_short - b->warm_cost.cut_short) / n,
           (double)bucket_index_bytes(b->index) / (double)b->done,
           (unsigned long long)bench_rss_bytes());
}

static bool measure(struct bench *b, struct err *e)
{
    b->began_ns = bench_clock_ns();
    do {
        if (!read_chunk(b, e) || !place_chunk(b, e))
            return false;
    } while (b->count > 0);
    if (b->done <= b->warm)
        return err_set(e, ERR_INPUT, 0, "%zu reports are not more than the %zu that are warm",
                       b->done, b->warm);
    print_result(b);
    return true;
}

static int run(const struct command *c, int argc, char **argv)
{
    static struct bench b;
    struct bucket_index_config config = bucket_index_defaults();
    const char *file = NULL;
    const struct arg args[] = {
        { "FILE", ARG_OPERAND, &file },
        { "--warm", ARG_COUNT, &b.warm },
        { "--measure", ARG_COUNT, &b.measure },
        { "--similarity", ARG_TEXT, &config.similarity },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    if (!bucket_index_new(&b.index, &config, &e))
        return e.code == ERR_INPUT ? cli_wrong(c, &e) : cli_fail(c, &e);
    b.arena = arena_new(CHUNK_BYTES);
    status = CLI_OK;
    if (!b.arena) {
        fputs("crumple bench group: no memory\n", stderr);
        status = CLI_FAILED;
    } else if (!lines_open(&b.lines, file, &e) || !measure(&b, &e)) {
        status = cli_fail(c, &e);
    }
    lines_close(b.lines);
    arena_free(b.arena);
    bucket_index_free(b.index);
    VEC_FREE(&b.wall.each);
    VEC_FREE(&b.cpu.each);
    return status;
}

const struct command command_bench_group = {
    .name = "bench group",
    .summary = "measure how fast reports are grouped",
    .help =
        "Usage: crumple bench group FILE [--warm N] [--measure N] [--similarity NAME]\n\n"
        "Reads reports as JSON lines from FILE (\"-\": standard input), finds the nearest earlier\n"
        "report of each, gives it its buckets and adds it to the index, all in memory and on one\n"
        "core. Reading and parsing are not counted. Prints one line of JSON.\n\n"
        "  --warm N           the first N reports fill the index and are not measured\n"
        "  --measure N        stop when N more are measured (default: all that there are)\n"
        "  --similarity NAME  how alike two reports are: culprit (default) or classic\n\n"
        "  reports_per_second       over the measured reports, by the clock on the wall\n"
        "  reports_per_cpu_second   the same by the time that the thread had a core: on a busy\n"
        "                           machine the better figure\n"
        "  reports, warm            how many, and of those warm\n"
        "  median_us, p99_us        time of one report; median_cpu_us, p99_cpu_us: on the core\n"
        "  postings_touched, candidates_checked   work of the search, per report\n"
        "  cut_short   share of searches that a limit ended: only they can have missed the "
        "nearest\n"
        "  bytes_per_report         memory of the index\n"
        "  rss_bytes                memory of the process at the end\n\n"
        "Example:\n\n"
        "  crumple bench group reports.jsonl --warm 100000\n",
    .run = run,
};
