/* server.c - configuration, the loops, starting and stopping.
 *
 * A loop is an MHD daemon without a listening socket, and its one thread (epoll). All listeners
 * share them, but for those with TLS, which have loops of their own. */
#include "http/internal.h"

#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of a connection's memory: header records and the headers of the answer. MHD clears all of that
 * memory after each request, so it should not be larger than it must. */
#define POOL_SPARE 12288
#define WRITE_TIMEOUT_SPARE_S 5u /* MHD's own timeout comes after the watch's */
#define CLOSED (INT64_MIN / 2)   /* in server->active */
#define STOP_POLL_NS 2000000

struct http_config http_defaults(void)
{
    static const struct http_listen loopback = { .address = "127.0.0.1", .port = 8081 };
    return (struct http_config){
        .listen = &loopback,
        .listen_count = 1,
        .connections_max = 512,
        .body_max_bytes = (size_t)64 << 20,
        .bodies_max_bytes = (size_t)256 << 20,
        .arena_max_bytes = (size_t)256 << 20,
        .answer_max_bytes = (size_t)256 << 20,
        .header_max_bytes = 16384,
        .idle_timeout_s = 60,
        .request_timeout_s = 120,
        .cors_origin = "*",
        .trusted_proxies = "127.0.0.0/8, ::1",
    };
}

/* Loops. */

PRINTF_LIKE(2, 0) static void log_mhd(void *cls, const char *fmt, va_list args)
{
    (void)cls;
    char line[256];
    int n = vsnprintf(line, sizeof line, fmt, args);
    if (n <= 0)
        return;
    struct str s = str_from_c(line);
    while (s.len > 0 && s.ptr[s.len - 1] == '\n')
        s.len--;
    log_line(LOG_DEBUG, "http_library", "says=%s", log_masked(s));
}

/* Requests are decoded by url.c, which refuses what is malformed; MHD would let it pass. */
static size_t leave_encoded(void *cls, struct MHD_Connection *mhd, char *s)
{
    (void)cls, (void)mhd;
    return strlen(s);
}

static unsigned thread_count(const struct http_config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return c->threads ? (unsigned)c->threads : cores > 0 ? (unsigned)cores : 1;
}

static bool start_loop(struct http_server *s, bool tls, struct loop *l, struct err *e)
{
    const struct http_config *c = &s->config;
    unsigned timeout_s =
        WRITE_TIMEOUT_SPARE_S +
        (c->idle_timeout_s > c->request_timeout_s ? c->idle_timeout_s : c->request_timeout_s);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
                     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem end = { MHD_OPTION_END, 0, NULL };
    struct MHD_OptionItem secure[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, s->tls.cert },
                                       { MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls.key },
                                       { MHD_OPTION_HTTPS_PRIORITIES, 0,
                                         (char *)(uintptr_t)tls_priorities },
                                       end };
    l->server = s;
    l->daemon = dl_MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_step, s, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
        MHD_OPTION_CONNECTION_LIMIT, UINT_MAX /* conn_admit has ours */,
        MHD_OPTION_CONNECTION_TIMEOUT, timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        c->header_max_bytes + POOL_SPARE, MHD_OPTION_NOTIFY_COMPLETED, exchange_ended, s,
        MHD_OPTION_NOTIFY_CONNECTION, conn_changed, l, MHD_OPTION_URI_LOG_CALLBACK, exchange_line,
        s, MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_ARRAY, tls ? secure : &end,
        MHD_OPTION_END);
    return l->daemon || err_set(e, ERR_IO, 0, "cannot start the HTTP library: %s", strerror(errno));
}

static bool start_loops(struct http_server *s, bool tls, struct err *e)
{
    struct loops *l = tls ? &s->secure : &s->plain;
    unsigned threads = thread_count(&s->config);
    l->loops = calloc(threads, sizeof *l->loops);
    if (!l->loops)
        return err_set(e, ERR_NOMEM, 0, "no memory to start");
    for (; l->count < threads; l->count++)
        if (!start_loop(s, tls, &l->loops[l->count], e))
            return false;
    return true;
}

static void stop_loops(struct loops *l)
{
    for (size_t i = 0; i < l->count; i++)
        dl_MHD_stop_daemon(l->loops[i].daemon);
}

/* Starting. */

static void server_free(struct http_server *s)
{
    accept_stop(s);
    stop_loops(&s->plain);
    stop_loops(&s->secure);
    conn_free_handed(s);
    watch_stop(s);
    pthread_mutex_destroy(&s->conns_mu);
    routes_done(&s->routes);
    tls_unload(&s->tls);
    free(s->plain.loops);
    free(s->secure.loops);
    free(s->listeners);
    free(s);
}

static bool has_listener(const struct http_config *c, bool tls)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listen[i].tls == tls)
            return true;
    return false;
}

/* The port is taken first, and nothing is accepted before all is there. */
static bool start_serving(struct http_server *s, struct err *e)
{
    const struct http_config *c = &s->config;
    while (s->listener_count < c->listen_count)
        if (!listener_open(s, e))
            return false;
    return (!has_listener(c, false) || start_loops(s, false, e)) &&
           (!has_listener(c, true) || start_loops(s, true, e)) && accept_start(s, e);
}

static bool server_fill(struct http_server *s, const struct http_route *routes, size_t route_count,
                        struct err *e)
{
    struct http_config *c = &s->config;
    if (c->cors_origin && c->cors_origin[0] == '\0')
        c->cors_origin = NULL;
    s->bodies.limit_bytes = c->bodies_max_bytes;
    s->listeners = calloc(c->listen_count + 1, sizeof *s->listeners);
    if (!s->listeners)
        return err_set(e, ERR_NOMEM, 0, "no memory to start");
    return http_library_load(e) && networks_parse(&s->proxies, str_from_c(c->trusted_proxies), e) &&
           routes_init(&s->routes, routes, route_count, e) &&
           (!has_listener(c, true) || tls_load(&s->tls, c->tls_cert, c->tls_key, e)) &&
           watch_start(s, e) && start_serving(s, e);
}

bool http_start(struct http_server **out, const struct http_config *config,
                const struct http_route *routes, size_t route_count, void *ctx, struct err *e)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NOMEM, 0, "no memory to start");
    s->config = *config;
    s->ctx = ctx;
    s->watch_wakes = -1;
    s->acceptor_ends = -1;
    pthread_mutex_init(&s->conns_mu, NULL);
    if (!server_fill(s, routes, route_count, e)) {
        server_free(s);
        return false;
    }
    *out = s;
    return true;
}

/* Stopping. */

static void pause_shortly(void)
{
    struct timespec t = { .tv_nsec = STOP_POLL_NS };
    nanosleep(&t, NULL);
}

void http_stop(struct http_server *s)
{
    int64_t none = 0;
    if (!s)
        return;
    atomic_store(&s->stop_ms, watch_now_ms());
    atomic_store(&s->stopping, true);
    while (!atomic_compare_exchange_strong(&s->active, &none, CLOSED)) {
        none = 0;
        pause_shortly();
    }
    while (atomic_load(&s->waking) > 0)
        pause_shortly();
    server_free(s);
}

uint16_t http_port(const struct http_server *s, size_t listen_index)
{
    return s->listeners[listen_index].port;
}
