/* accept.c - the listening sockets, and the one thread that accepts connections on all of them.
 *
 * MHD could accept by itself, but then whichever of its threads wakes first takes up to ten
 * connections in a row: a client that opens all of its connections at once would have one thread
 * to itself, and the others would do nothing. */
#include "http/internal.h"

#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ADDRESS_MAX 256
#define ACCEPT_RUN 64      /* connections in a row, before the other listeners have their turn */
#define ACCEPT_PAUSE_MS 50 /* when there are no descriptors or no memory left */
#define LOG_EVERY_MS 1000

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

bool listener_open(struct http_server *s, struct err *e)
{
    const struct http_listen *wanted = &s->config.listen[s->listener_count];
    struct listener *l = &s->listeners[s->listener_count];
    if (!open_socket(wanted, &l->fd, e))
        return false;
    l->port = port_of(l->fd);
    l->loops = wanted->tls ? &s->secure : &s->plain;
    s->listener_count++;
    return true;
}

/* Accepting. */

static bool may_log(int64_t *logged_ms)
{
    int64_t now = watch_now_ms();
    if (now - *logged_ms < LOG_EVERY_MS)
        return false;
    *logged_ms = now;
    return true;
}

static void take_connection(struct http_server *s, struct loops *loops, int fd,
                            const struct sockaddr *peer, socklen_t peer_len)
{
    bool stopping = atomic_load(&s->stopping);
    if (!stopping && conn_admit(s, loops, fd, peer, peer_len))
        return;
    close(fd);
    if (stopping)
        return;
    metric_add(&http_connections_refused, 1);
    if (may_log(&s->limit_logged_ms))
        log_line(LOG_WARN, "http_connection_refused", "limit=%zu", s->config.connections_max);
}

/* Of one connection only, which its client has given up or a firewall does not want. */
static bool is_passing(int why)
{
    return why == ECONNABORTED || why == EINTR || why == EPERM || why == EPROTO;
}

/* There are no descriptors left, or no memory. The connection stays in the kernel's queue, so
 * trying again at once would fail at once. */
static void wait_for_better(struct http_server *s, int why)
{
    struct pollfd ends = { .fd = s->acceptor_ends, .events = POLLIN };
    if (may_log(&s->failure_logged_ms))
        log_line(LOG_WARN, "http_accept_failed", "error=%s", log_str(str_from_c(strerror(why))));
    (void)poll(&ends, 1, ACCEPT_PAUSE_MS);
}

static void accept_some(struct http_server *s, struct listener *l)
{
    for (int i = 0; i < ACCEPT_RUN; i++) {
        struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof peer;
        int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            take_connection(s, l->loops, fd, (struct sockaddr *)&peer, len);
        } else if (errno == EAGAIN) {
            return;
        } else if (!is_passing(errno)) {
            wait_for_better(s, errno);
            return;
        }
    }
}

static void *accept_run(void *arg)
{
    struct http_server *s = arg;
    size_t n = s->listener_count;
    for (;;) {
        int ready = poll(s->accept_on, n + 1, -1);
        if (ready > 0 && s->accept_on[n].revents)
            return NULL;
        for (size_t i = 0; i < n && ready > 0; i++)
            if (s->accept_on[i].revents)
                accept_some(s, &s->listeners[i]);
    }
}

static bool start_thread(struct http_server *s, struct err *e)
{
    size_t n = s->listener_count;
    s->accept_on = calloc(n + 1, sizeof *s->accept_on);
    if (!s->accept_on)
        return err_set(e, ERR_NOMEM, 0, "no memory to listen");
    for (size_t i = 0; i < n; i++)
        s->accept_on[i] = (struct pollfd){ .fd = s->listeners[i].fd, .events = POLLIN };
    s->accept_on[n] = (struct pollfd){ .fd = s->acceptor_ends, .events = POLLIN };
    int rc = pthread_create(&s->acceptor, NULL, accept_run, s);
    return rc == 0 || err_set(e, ERR_IO, 0, "cannot start a thread: %s", strerror(rc));
}

bool accept_start(struct http_server *s, struct err *e)
{
    s->acceptor_ends = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->acceptor_ends < 0)
        return err_set(e, ERR_IO, 0, "cannot make an eventfd: %s", strerror(errno));
    if (start_thread(s, e))
        return true;
    close(s->acceptor_ends);
    s->acceptor_ends = -1;
    return false;
}

void accept_stop(struct http_server *s)
{
    if (s->acceptor_ends >= 0) {
        uint64_t one = 1;
        (void)!write(s->acceptor_ends, &one, sizeof one);
        pthread_join(s->acceptor, NULL);
        close(s->acceptor_ends);
        s->acceptor_ends = -1;
    }
    for (size_t i = 0; i < s->listener_count; i++)
        close(s->listeners[i].fd);
    s->listener_count = 0;
    free(s->accept_on);
    s->accept_on = NULL;
}
