/* http_nothing.c - a server whose handler does nothing: what src/http costs by itself.
 *
 * Answers 201 to any POST, of any path of up to three segments, after reading the body. It is the
 * ceiling that `crumple bench ingest` is held against. Usage: http_nothing [ADDRESS [PORT]] */
#include "http/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void nothing(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    buf_str(http_out(x), STR("{}\n"));
    http_answer(x, 201);
}

int main(int argc, char **argv)
{
    static const struct http_route routes[] = {
        { "POST", "", nothing },
        { "POST", ":a", nothing },
        { "POST", ":a/:b", nothing },
        { "POST", ":a/:b/:c", nothing },
    };
    struct http_listen listen = { argc > 1 ? argv[1] : "127.0.0.1", 0 };
    struct http_config config = http_defaults();
    struct http_server *server;
    struct err e;
    sigset_t ends;
    int which;
    if (argc > 2)
        listen.port = (uint16_t)strtoul(argv[2], NULL, 10);
    config.listen = &listen;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (!http_start(&server, &config, routes, sizeof routes / sizeof *routes, NULL, &e)) {
        fprintf(stderr, "http_nothing: %s\n", e.msg);
        return 1;
    }
    printf("listening on http://%s:%u\n", listen.address, (unsigned)http_port(server, 0));
    fflush(stdout);
    sigwait(&ends, &which);
    http_stop(server);
    return 0;
}
