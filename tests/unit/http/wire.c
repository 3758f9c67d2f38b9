/* wire.c - see wire.h. */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void echo(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    http_set_type(x, "application/octet-stream");
    buf_str(http_out(x), http_body(x));
    http_answer(x, 200);
}

static void size(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    buf_printf(http_out(x), "%zu", http_body(x).len);
    http_answer(x, 200);
}

static void parts(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct str value = STR("none");
    (void)http_param(x, "v", &value);
    struct str first = http_segment(x, "first"), second = http_segment(x, "second");
    buf_printf(http_out(x), "%.*s|%.*s|%.*s", STR_ARG(first), STR_ARG(second), STR_ARG(value));
    http_answer(x, 200);
}

static void base(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    buf_str(http_out(x), http_base(x));
    http_answer(x, 200);
}

static void too_much(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 100000; i++)
        buf_str(http_out(x), STR("more than the limit of an answer allows"));
    http_answer(x, 200);
}

static void conflict(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct err e;
    err_word(&e, ERR_CONFLICT, "taken", "it is taken");
    http_set_header(x, "Location", STR("/elsewhere"));
    http_answer_err(x, &e);
}

static void park(struct http_exchange *x, void *ctx)
{
    struct wire *w = ctx;
    http_park(x);
    atomic_store(&w->parked.x, x);
}

static void *wake_soon(void *x)
{
    static struct parked unused;
    http_wake(x, wire_answer_woken, &unused);
    return NULL;
}

/* Woken by another thread before the handler has returned. */
static void wake_first(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    pthread_t t;
    http_park(x);
    assert_int_equal(pthread_create(&t, NULL, wake_soon, x), 0);
    pthread_join(t, NULL);
}

static void wake_soon_after(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    pthread_t t;
    http_park(x);
    assert_int_equal(pthread_create(&t, NULL, wake_soon, x), 0);
    pthread_detach(t);
}

static void answer_busy(struct http_exchange *x, void *arg)
{
    (void)arg;
    struct err e;
    err_set(&e, ERR_BUSY, 0, "the queue is full");
    http_answer_err(x, &e);
}

/* As when the queue is full: parked, and then woken by the handler itself. */
static void take_back(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    http_park(x);
    http_wake(x, answer_busy, NULL);
}

void wire_answer_file(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct str s = STR("0");
    char name[] = "/tmp/crumple-http-XXXXXX", digits[20];
    (void)http_param(x, "bytes", &s);
    snprintf(digits, sizeof digits, "%.*s", STR_ARG(s));
    long n = strtol(digits, NULL, 10);
    int fd = mkostemp(name, O_CLOEXEC);
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(ftruncate(fd, n), 0);
    if (n > 1)
        assert_true(pwrite(fd, "first", 5, 0) == 5 && pwrite(fd, "last", 4, n - 4) == 4);
    http_set_type(x, "application/octet-stream");
    http_set_header(x, "Content-Disposition", STR("attachment; filename=\"f\""));
    http_answer_file(x, 200, fd, (uint64_t)n);
}

static const struct http_route routes[] = {
    HTTP_ROUTE("POST PUT", "echo", echo),
    HTTP_ROUTE("POST", "size", size),
    HTTP_ROUTE("GET", "base", base),
    HTTP_ROUTE("GET", "too-much", too_much),
    HTTP_ROUTE("GET", "conflict", conflict),
    HTTP_ROUTE("GET POST", "park", park),
    HTTP_ROUTE("GET POST", "wake-first", wake_first),
    HTTP_ROUTE("GET POST", "wake-soon", wake_soon_after),
    HTTP_ROUTE("GET", "take-back", take_back),
    HTTP_ROUTE("GET", "file", wire_answer_file),
    HTTP_ROUTE("GET", "", parts),
    HTTP_ROUTE("GET", ":first/parts", parts),
    HTTP_ROUTE("GET DELETE", ":first/parts/:second", parts),
};

struct http_config wire_config(void)
{
    static const struct http_listen loopback = { .address = "127.0.0.1", .port = 0 };
    struct http_config c = http_defaults();
    c.listen = &loopback;
    c.threads = 2;
    c.body_max_bytes = 1 << 20;
    c.bodies_max_bytes = 4 << 20;
    c.answer_max_bytes = 1 << 20;
    c.header_max_bytes = 8192;
    return c;
}

void wire_start_routes(struct wire *w, const struct http_config *config,
                       const struct http_route *table, size_t count)
{
    struct err e = { 0 };
    *w = (struct wire){ 0 };
    if (!http_start(&w->server, config, table, count, w, &e))
        fail_msg("http_start: %s", e.msg);
    w->port = http_port(w->server, 0);
}

void wire_start(struct wire *w, const struct http_config *config)
{
    wire_start_routes(w, config, routes, COUNT_OF(routes));
}

void wire_stop(struct wire *w)
{
    http_stop(w->server);
}

void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

struct http_exchange *wire_wait_parked(struct wire *w)
{
    struct http_exchange *x;
    while (!(x = atomic_exchange(&w->parked.x, NULL)))
        sleep_ms(1);
    return x;
}

void wire_answer_woken(struct http_exchange *x, void *arg)
{
    struct parked *p = arg;
    atomic_fetch_add(&p->handled, 1);
    buf_str(http_out(x), STR("woken"));
    http_answer(x, 200);
}

int wire_connect(const struct wire *w)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(w->port) };
    struct timeval patience = { .tv_sec = 20 };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

bool wire_send(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool wire_text(int fd, const char *s)
{
    return wire_send(fd, s, strlen(s));
}

bool wire_chunk(int fd, const void *p, size_t n)
{
    char size[20];
    snprintf(size, sizeof size, "%zx\r\n", n);
    return wire_text(fd, size) && wire_send(fd, p, n) && wire_text(fd, "\r\n");
}

static size_t content_length(const char *head)
{
    const char *p = strcasestr(head, "\r\nContent-Length:");
    return p ? strtoul(p + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

struct answer wire_answer_by(bool (*read)(void *from, void *p, size_t n), void *from, bool is_head)
{
    struct answer a = { 0, calloc(1, WIRE_ANSWER_MAX), NULL, 0 };
    size_t n = 0;
    assert_non_null(a.head);
    while (!(n >= 4 && memcmp(a.head + n - 4, "\r\n\r\n", 4) == 0)) { /* slow, but stops exactly */
        if (n == WIRE_ANSWER_MAX - 1 || !read(from, a.head + n, 1))
            return a;
        n++;
    }
    a.status = (unsigned)strtoul(a.head + strlen("HTTP/1.1 "), NULL, 10);
    a.body_len = is_head ? 0 : content_length(a.head);
    a.body = calloc(1, a.body_len + 1);
    assert_non_null(a.body);
    if (a.body_len > 0 && !read(from, a.body, a.body_len))
        a.status = 0;
    return a;
}

static bool read_socket(void *from, void *p, size_t n)
{
    return recv(*(int *)from, p, n, MSG_WAITALL) == (ssize_t)n;
}

struct answer wire_answer(int fd, bool is_head)
{
    return wire_answer_by(read_socket, &fd, is_head);
}

struct answer wire_ask(const struct wire *w, const char *request)
{
    int fd = wire_connect(w);
    (void)wire_text(fd, request);
    struct answer a = wire_answer(fd, strncmp(request, "HEAD ", 5) == 0);
    close(fd);
    return a;
}

size_t wire_count_fds(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

bool wire_closed(int fd)
{
    char sink[4096];
    ssize_t n;
    do
        n = recv(fd, sink, sizeof sink, 0);
    while (n > 0);
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

bool answer_is_file(const struct answer *a, size_t n)
{
    if (a->status != 200 || a->body_len != n || memcmp(a->body, "first", 5) != 0 ||
        memcmp(a->body + n - 4, "last", 4) != 0)
        return false;
    for (size_t i = 5; i < n - 4; i++)
        if (a->body[i] != '\0')
            return false;
    return true;
}

bool answer_has(const struct answer *a, const char *header_line)
{
    const char *p = strcasestr(a->head, header_line);
    return p && p[-1] == '\n' && p[strlen(header_line)] == '\r';
}

void answer_free(struct answer *a)
{
    free(a->head);
    free(a->body);
    *a = (struct answer){ 0 };
}
