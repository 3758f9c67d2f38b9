/* server.c - listening sockets, starting and stopping, and connections as they come and go.
 *
 * One MHD daemon for each listener, each with its threads (epoll). The sockets are made here, so
 * that a taken port gives a clear error and port 0 can be asked for what it became. */
#include "http/internal.h"

#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
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
#define ADDRESS_MAX 256

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

/* Connections. */

static void log_connection_limit(struct http_server *s)
{
    int64_t now = metric_clock_us() / 1000;
    int64_t last = atomic_load(&s->last_limit_ms);
    if (now - last >= 1000 && atomic_compare_exchange_strong(&s->last_limit_ms, &last, now))
        log_line(LOG_WARN, "http_connection_refused", "limit=%zu", s->config.connections_max);
}

static enum MHD_Result accept_policy(void *cls, const struct sockaddr *addr, socklen_t len)
{
    (void)addr, (void)len;
    struct http_server *s = cls;
    if (atomic_load(&s->stopping))
        return MHD_NO;
    if (atomic_load(&s->connections) < s->config.connections_max)
        return MHD_YES;
    metric_add(&http_connections_refused, 1);
    log_connection_limit(s);
    return MHD_NO;
}

static void connection_opened(struct http_server *s, struct MHD_Connection *mhd, void **context)
{
    struct conn *c = calloc(1, sizeof *c);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!c || !fd) { /* its first request will be refused */
        free(c);
        return;
    }
    c->fd = fd->connect_fd;
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    c->tls = tls ? tls->tls_session : NULL;
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    const struct sockaddr *address = peer && peer->client_addr ? peer->client_addr : &none;
    c->trusted = networks_hold(&s->proxies, address);
    address_text(address, c->peer);
    watch_add(s, c);
    atomic_fetch_add(&s->connections, 1);
    *context = c;
}

static void connection_closed(struct http_server *s, void **context)
{
    struct conn *c = *context;
    if (!c)
        return;
    *context = NULL;
    watch_remove(s, c);
    exchange_free(&c->x);
    free(c);
    atomic_fetch_sub(&s->connections, 1);
}

static void connection_changed(void *cls, struct MHD_Connection *mhd, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        connection_opened(cls, mhd, context);
    else
        connection_closed(cls, context);
}

/* Listening. */

/* "[::1]" without its brackets, as getaddrinfo wants it. */
static bool bare_address(const char *address, char out[ADDRESS_MAX])
{
    struct str s = str_from_c(address);
    if (s.len > 1 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
        s = (struct str){ s.ptr + 1, s.len - 2 };
    if (s.len >= ADDRESS_MAX)
        return false;
    memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

static int bind_socket(const struct addrinfo *ai)
{
    int one = 1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (ai->ai_family == AF_INET6) /* so that 0.0.0.0 and [::] may have the same port */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (getsockname(fd, (struct sockaddr *)&own, &len) != 0)
        return 0;
    memcpy(&in, &own, sizeof in);
    memcpy(&in6, &own, sizeof in6);
    return ntohs(own.ss_family == AF_INET6 ? in6.sin6_port : in.sin_port);
}

static bool open_socket(const struct http_listen *l, int *fd, struct err *e)
{
    char host[ADDRESS_MAX], port[8];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found;
    if (!bare_address(l->address, host))
        return err_set(e, ERR_INPUT, 0, "the address to listen on is too long");
    snprintf(port, sizeof port, "%u", (unsigned)l->port);
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0)
        return err_set(e, ERR_INPUT, 0, "cannot listen on '%s': %s", l->address, gai_strerror(rc));
    *fd = bind_socket(found);
    freeaddrinfo(found);
    if (*fd >= 0)
        return true;
    if (errno == EADDRINUSE)
        return err_set(e, ERR_CONFLICT, 0, "cannot listen on %s:%u: the port is in use", l->address,
                       (unsigned)l->port);
    return err_set(e, ERR_IO, 0, "cannot listen on %s:%u: %s", l->address, (unsigned)l->port,
                   strerror(errno));
}

/* Starting. */

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
    log_line(LOG_DEBUG, "http_library", "says=%s", log_str(s));
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

static bool start_daemon(struct http_server *s, int fd, bool tls, struct MHD_Daemon **out,
                         struct err *e)
{
    const struct http_config *c = &s->config;
    unsigned threads = thread_count(c);
    unsigned timeout_s =
        WRITE_TIMEOUT_SPARE_S +
        (c->idle_timeout_s > c->request_timeout_s ? c->idle_timeout_s : c->request_timeout_s);
    /* MHD shares its limit out among the threads and stops accepting at it. Ours is accept_policy;
     * MHD's is only so high that it never comes first. */
    unsigned limit = ((unsigned)c->connections_max + 64) * threads;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem end = { MHD_OPTION_END, 0, NULL };
    struct MHD_OptionItem pool[] = { { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL },
                                     end };
    struct MHD_OptionItem secure[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, s->tls.cert },
                                       { MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls.key },
                                       { MHD_OPTION_HTTPS_PRIORITIES, 0,
                                         (char *)(uintptr_t)tls_priorities },
                                       end };
    *out = MHD_start_daemon(
        flags, 0, accept_policy, s, exchange_step, s, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, limit,
        MHD_OPTION_CONNECTION_TIMEOUT, timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        c->header_max_bytes + POOL_SPARE, MHD_OPTION_NOTIFY_COMPLETED, exchange_ended, s,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s, MHD_OPTION_URI_LOG_CALLBACK,
        exchange_line, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_ARRAY,
        threads > 1 ? pool : &end, MHD_OPTION_ARRAY, tls ? secure : &end, MHD_OPTION_END);
    return *out || err_set(e, ERR_IO, 0, "cannot start the HTTP library: %s", strerror(errno));
}

static bool start_listener(struct http_server *s, size_t i, struct err *e)
{
    int fd;
    if (!open_socket(&s->config.listen[i], &fd, e))
        return false;
    s->ports[i] = port_of(fd);
    return start_daemon(s, fd, s->config.listen[i].tls, &s->daemons[i],
                        e); /* MHD closes fd, also when it fails */
}

static void server_free(struct http_server *s)
{
    for (size_t i = 0; i < s->config.listen_count && s->daemons; i++)
        if (s->daemons[i])
            MHD_stop_daemon(s->daemons[i]);
    watch_stop(s);
    pthread_mutex_destroy(&s->conns_mu);
    routes_done(&s->routes);
    tls_unload(&s->tls);
    free(s->daemons);
    free(s->ports);
    free(s);
}

static bool load_tls(struct http_server *s, struct err *e)
{
    const struct http_config *c = &s->config;
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listen[i].tls)
            return tls_load(&s->tls, c->tls_cert, c->tls_key, e);
    return true;
}

static bool server_fill(struct http_server *s, const struct http_route *routes, size_t route_count,
                        struct err *e)
{
    struct http_config *c = &s->config;
    if (c->cors_origin && c->cors_origin[0] == '\0')
        c->cors_origin = NULL;
    s->bodies.limit_bytes = c->bodies_max_bytes;
    s->daemons = calloc(c->listen_count + 1, sizeof *s->daemons);
    s->ports = calloc(c->listen_count + 1, sizeof *s->ports);
    if (!s->daemons || !s->ports)
        return err_set(e, ERR_NOMEM, 0, "no memory to start");
    if (!networks_parse(&s->proxies, str_from_c(c->trusted_proxies), e) ||
        !routes_init(&s->routes, routes, route_count, e) || !load_tls(s, e) || !watch_start(s, e))
        return false;
    for (size_t i = 0; i < c->listen_count; i++)
        if (!start_listener(s, i, e))
            return false;
    return true;
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
    pthread_mutex_init(&s->conns_mu, NULL);
    if (!server_fill(s, routes, route_count, e)) {
        http_stop(s); /* an earlier listener may have requests already */
        return false;
    }
    *out = s;
    return true;
}

/* Stopping. MHD could stop listening without stopping (MHD_quiesce_daemon), but in 0.9.75 that
 * races with its own threads and aborts; refusing in accept_policy does the same. */

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
    return s->ports[listen_index];
}
