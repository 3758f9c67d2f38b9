/* bench_ingest.c - `crumple bench ingest`: how fast a server takes reports in.
 *
 * One thread with epoll over keep-alive connections, each with one request in flight. It shares the
 * machine with the server that it measures, so it does as little as it can: the file is in memory
 * before the clock runs, and what is sent is sent from there. */
#include "base/buf.h"
#include "cli/bench_stats.h"
#include "cli/cli.h"
#include "cli/http_client.h"
#include "cli/text.h"
#include "report/upload.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define LIST_MAX 100000
#define LIST_BYTES_MAX ((size_t)1 << 30)
#define PATIENCE_MS 60000 /* with no answer at all for so long, it gives up */
#define COMPLAINTS_MAX 5  /* refused requests that are told; the others are counted */

struct connection {
    struct client client;
    struct buf list;  /* the body in flight, when it is a list */
    bool wants_write; /* what epoll was told */
    bool idle;        /* there was nothing left to send */
    int64_t begin_ns;
    size_t reports; /* in the request in flight */
};

struct bench {
    const struct command *command;
    struct client_target target;
    struct text text;
    size_t next; /* of its lines */
    bool submit; /* to the URL as it is; otherwise to its /reports */
    size_t list; /* reports in a request; 0: each alone, not in a list */
    struct connection *connections;
    size_t connection_count, active;
    int epoll;
    struct bench_times times; /* in us, of requests that were taken */
    size_t requests, reports, errors;
};

/* Whether a path is one that Backtrace clients submit to: /UNIVERSE/TOKEN/FORMAT, or any that has a
 * query, as /api/post?format=json&token=... Else it is that of a server or of a project. */
static bool is_submission(const char *path)
{
    size_t slashes = 0;
    enum upload_format format;
    if (strchr(path, '?'))
        return true;
    for (const char *c = path; *c; c++)
        slashes += *c == '/';
    const char *last = strrchr(path, '/');
    return slashes >= 3 && upload_format_find(str_from_c(last + 1), &format);
}

/* The body of the next request; c->reports 0 when there are no lines left. */
static struct str next_body(struct bench *b, struct connection *c)
{
    size_t left = b->text.lines.len - b->next, want = b->list ? b->list : 1;
    const struct str *lines = b->text.lines.at + b->next;
    c->reports = want < left ? want : left;
    b->next += c->reports;
    if (!b->list)
        return c->reports ? *lines : STR("");
    buf_reset(&c->list);
    for (size_t i = 0; i < c->reports; i++) {
        buf_char(&c->list, i ? ',' : '[');
        buf_str(&c->list, lines[i]);
    }
    buf_char(&c->list, ']');
    return buf_view(&c->list);
}

static bool watch(struct bench *b, struct connection *c, int op, bool wants_write, struct err *e)
{
    struct epoll_event ev = { .events = wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c };
    c->wants_write = wants_write;
    if (epoll_ctl(b->epoll, op, c->client.fd, &ev) != 0)
        return err_set(e, ERR_IO, 0, "epoll: %s", strerror(errno));
    return true;
}

static bool connect_one(struct bench *b, struct connection *c, struct err *e)
{
    return client_connect(&c->client, &b->target, e) && watch(b, c, EPOLL_CTL_ADD, false, e);
}

/* A refused request, or one whose connection broke. */
static void complain(struct bench *b, const char *why, struct str more)
{
    if (b->errors++ < COMPLAINTS_MAX)
        fprintf(stderr, "crumple bench ingest: %s %.*s\n", why,
                (int)(more.len < 300 ? more.len : 300), more.ptr);
}

static void count_answer(struct bench *b, struct connection *c)
{
    int64_t us = (bench_clock_ns() - c->begin_ns) / 1000;
    b->requests++;
    if (c->client.status / 100 != 2) {
        char why[32];
        snprintf(why, sizeof why, "status %u:", c->client.status);
        complain(b, why, client_body(&c->client));
    } else if (!VEC_PUSH(&b->times.each, us < UINT32_MAX ? (uint32_t)us : UINT32_MAX)) {
        complain(b, "no memory for the times", STR(""));
    } else {
        b->reports += c->reports;
    }
}

static bool begin_next(struct bench *b, struct connection *c, struct err *e)
{
    struct str body = next_body(b, c);
    if (c->reports == 0) {
        c->idle = true;
        b->active--;
        return true;
    }
    if (!buf_ok(&c->list))
        return err_set(e, ERR_LIMIT, 0, "a list is too long for one request");
    c->begin_ns = bench_clock_ns();
    client_begin(&c->client, &b->target, b->submit ? NULL : "reports", body);
    return true;
}

/* Goes on with a connection until it must wait. */
static bool drive(struct bench *b, struct connection *c, struct err *e)
{
    struct err why = { 0 };
    while (!c->idle) {
        enum client_outcome o = client_step(&c->client, &why);
        if (o == CLIENT_WANTS_READ || o == CLIENT_WANTS_WRITE) {
            bool wants_write = o == CLIENT_WANTS_WRITE;
            return wants_write == c->wants_write || watch(b, c, EPOLL_CTL_MOD, wants_write, e);
        }
        if (o == CLIENT_ANSWERED)
            count_answer(b, c);
        else
            complain(b, why.msg, STR(""));
        if ((o == CLIENT_FAILED || c->client.last) && !connect_one(b, c, e))
            return false;
        if (!begin_next(b, c, e))
            return false;
    }
    return true;
}

static bool loop(struct bench *b, struct err *e)
{
    struct epoll_event events[256];
    for (size_t i = 0; i < b->connection_count; i++)
        if (!begin_next(b, &b->connections[i], e) || !drive(b, &b->connections[i], e))
            return false;
    while (b->active > 0) {
        int n = epoll_wait(b->epoll, events, sizeof events / sizeof *events, PATIENCE_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, ERR_IO, 0, "no answer for %d s", PATIENCE_MS / 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c->idle && !drive(b, c, e))
                return false;
        }
    }
    return true;
}

static bool connect_all(struct bench *b, struct err *e)
{
    b->connections = calloc(b->connection_count, sizeof *b->connections);
    if (!b->connections)
        return err_set(e, ERR_NOMEM, 0, "no memory for connections");
    for (size_t i = 0; i < b->connection_count; i++) {
        client_init(&b->connections[i].client);
        buf_init(&b->connections[i].list, LIST_BYTES_MAX);
    }
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (b->epoll < 0)
        return err_set(e, ERR_IO, 0, "epoll: %s", strerror(errno));
    for (size_t i = 0; i < b->connection_count; i++)
        if (!connect_one(b, &b->connections[i], e))
            return false;
    b->active = b->connection_count;
    return true;
}

static int measure(struct bench *b)
{
    struct err e = { 0 };
    if (!connect_all(b, &e))
        return cli_fail(b->command, &e);
    int64_t begin_ns = bench_clock_ns(), cpu_begin_ns = bench_process_ns();
    bool ok = loop(b, &e);
    double seconds = (double)(bench_clock_ns() - begin_ns) / 1e9;
    double cpu_seconds = (double)(bench_process_ns() - cpu_begin_ns) / 1e9;
    if (!ok)
        return cli_fail(b->command, &e);
    printf(
        "{\"reports_per_second\": %.1f, \"reports\": %zu, \"requests\": %zu, \"errors\": %zu, "
        "\"median_ms\": %.3f, \"p99_ms\": %.3f, \"seconds\": %.3f, \"client_cpu_seconds\": %.3f, "
        "\"connections\": %zu, \"list\": %zu}\n",
        (double)b->reports / seconds, b->reports, b->requests, b->errors,
        (double)bench_percentile(&b->times, 0.5) / 1e3,
        (double)bench_percentile(&b->times, 0.99) / 1e3, seconds, cpu_seconds, b->connection_count,
        b->list);
    return b->errors ? CLI_FAILED : CLI_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct bench b = { .command = command, .connection_count = 64, .epoll = -1 };
    const char *url = NULL, *file = NULL;
    const struct arg args[] = {
        { "URL", ARG_OPERAND, &url },
        { "FILE", ARG_OPERAND, &file },
        { "--connections", ARG_COUNT, &b.connection_count },
        { "--list", ARG_COUNT, &b.list },
    };
    int status;
    if (!cli_args(command, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    if (b.connection_count < 1 || b.connection_count > CONNECTIONS_MAX || b.list > LIST_MAX) {
        err_set(&e, ERR_INPUT, 0, "connections are 1 to %d, reports in a list at most %d",
                CONNECTIONS_MAX, LIST_MAX);
        return cli_wrong(command, &e);
    }
    if (!client_resolve(&b.target, url, &e))
        return e.code == ERR_INPUT ? cli_wrong(command, &e) : cli_fail(command, &e);
    b.submit = is_submission(b.target.path);
    if (b.submit && b.list > 0) {
        err_set(&e, ERR_INPUT, 0, "a submission has one report: --list is for URLs of projects");
        return cli_wrong(command, &e);
    }
    status = text_read(&b.text, file, &e) ? measure(&b) : cli_fail(command, &e);
    for (size_t i = 0; b.connections && i < b.connection_count; i++) {
        client_done(&b.connections[i].client);
        buf_done(&b.connections[i].list);
    }
    free(b.connections);
    if (b.epoll >= 0)
        close(b.epoll);
    text_free(&b.text);
    VEC_FREE(&b.times.each);
    return status;
}

const struct command command_bench_ingest = {
    .name = "bench ingest",
    .summary = "measure how fast a server takes reports in",
    .help =
        "Usage: crumple bench ingest URL FILE [--connections N] [--list N]\n\n"
        "Posts the lines of FILE (\"-\": standard input), JSON reports, as fast as the server\n"
        "answers, and prints one line of JSON. Every answer must be 2xx; others are counted as\n"
        "errors, and the exit status is then 1.\n\n"
        "URL is that of a server or a project, and reports are posted to URL/reports; or one that\n"
        "Backtrace clients submit to (/UNIVERSE/TOKEN/FORMAT, or one with a query), and each line\n"
        "is submitted to it as it stands.\n\n"
        "  --connections N  keep-alive connections, each with one request in flight (default: 64)\n"
        "  --list N         post lists of N reports (default: each report alone)\n\n"
        "Examples:\n\n"
        "  crumple bench ingest http://127.0.0.1:8081 reports.jsonl\n"
        "  crumple bench ingest http://127.0.0.1:8081/Ubuntu reports.jsonl --list 100\n"
        "  crumple bench ingest 'http://127.0.0.1:8081/api/post?format=json&token=...' b.jsonl\n",
    .run = run,
};
