/* http_ceiling.c - servers that do less than Crumple with each report: the ceilings that
 * `crumple bench ingest` is held against.
 *
 *     http_ceiling nothing             answers 201 once the body is there
 *     http_ceiling sqlite DATABASE N   answers 201 once the raw body is durable, with at most N
 *                                      bodies in one transaction
 *     http_ceiling log FILE N          the same, appended to a file, at most N with one fdatasync
 *
 * Any POST, of any path of up to three segments. Listens on a free port of 127.0.0.1 and says
 * which. The last two are built as Crumple is: requests are parked, one thread writes what has
 * come in, then wakes them. */
#include "base/queue.h"
#include "bench/raw_log.h"
#include "bench/rows.h"
#include "http/http.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 1024
#define WAITING_MAX 65536

struct ceiling {
    /* At most one of them; neither: nothing is written. */
    struct rows *rows;
    struct raw_log *log;
    struct queue *waiting;
    size_t batch;
};

static void answer(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    buf_str(http_out(x), STR("{}\n"));
    http_answer(x, 201);
}

static void answer_failed(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct err e = { 0 };
    (void)err_set(&e, ERR_IO, 0, "not stored");
    http_answer_err(x, &e);
}

static void post(struct http_exchange *x, void *ctx)
{
    struct ceiling *c = ctx;
    if (!c->rows && !c->log) {
        answer(x, NULL);
        return;
    }
    http_park(x);
    if (!queue_put(c->waiting, x))
        http_wake(x, answer_failed, NULL);
}

static void *write_bodies(void *arg)
{
    struct ceiling *c = arg;
    void *taken[BATCH_MAX];
    struct str bodies[BATCH_MAX];
    size_t n;
    while ((n = queue_take(c->waiting, taken, c->batch)) > 0) {
        struct err e = { 0 };
        for (size_t i = 0; i < n; i++)
            bodies[i] = http_body(taken[i]);
        bool ok =
            c->rows ? rows_write(c->rows, bodies, n, &e) : raw_log_write(c->log, bodies, n, &e);
        if (!ok)
            fprintf(stderr, "http_ceiling: %s\n", e.msg);
        for (size_t i = 0; i < n; i++)
            http_wake(taken[i], ok ? answer : answer_failed, NULL);
    }
    return NULL;
}

static bool serve(struct ceiling *c, struct err *e)
{
    static const struct http_route routes[] = {
        HTTP_ROUTE("POST", "", post),
        HTTP_ROUTE("POST", ":a", post),
        HTTP_ROUTE("POST", ":a/:b", post),
        HTTP_ROUTE("POST", ":a/:b/:c", post),
    };
    struct http_listen listen = { .address = "127.0.0.1", .port = 0 };
    struct http_config config = http_defaults();
    struct http_server *server;
    sigset_t ends;
    int which;
    config.listen = &listen;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    pthread_t writer;
    bool writes = c->rows || c->log;
    if (writes && pthread_create(&writer, NULL, write_bodies, c) != 0)
        return err_set(e, ERR_NOMEM, 0, "cannot start a thread");
    bool ok = http_start(&server, &config, routes, sizeof routes / sizeof *routes, c, e);
    if (ok) {
        printf("listening on http://127.0.0.1:%u\n", (unsigned)http_port(server, 0));
        fflush(stdout);
        sigwait(&ends, &which);
        http_stop(server);
    }
    queue_close(c->waiting);
    if (writes)
        pthread_join(writer, NULL);
    return ok;
}

int main(int argc, char **argv)
{
    struct ceiling c = { .waiting = queue_new(WAITING_MAX) };
    struct err e = { 0 };
    bool nothing = argc == 2 && !strcmp(argv[1], "nothing");
    bool sqlite = argc == 4 && !strcmp(argv[1], "sqlite");
    bool log = argc == 4 && !strcmp(argv[1], "log");
    c.batch = nothing ? 1 : strtoul(argc == 4 ? argv[3] : "", NULL, 10);
    if ((!nothing && !sqlite && !log) || c.batch < 1 || c.batch > BATCH_MAX) {
        fputs("usage: http_ceiling nothing | sqlite DATABASE BATCH | log FILE BATCH\n", stderr);
        queue_free(c.waiting);
        return 2;
    }
    bool ok = c.waiting && (!sqlite || rows_open(&c.rows, argv[2], &e)) &&
              (!log || raw_log_open(&c.log, argv[2], &e)) && serve(&c, &e);
    if (!ok)
        fprintf(stderr, "http_ceiling: %s\n", e.msg);
    rows_close(c.rows);
    raw_log_close(c.log);
    queue_free(c.waiting);
    return ok ? 0 : 1;
}
