/* watch.c - one thread for what MHD does not do: deadlines for whole requests (MHD's timeouts start
 * again with every byte), clients that have left without MHD noticing, connections that it has
 * lost, and reading refused connections empty before they are closed. */
#include "http/internal.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINGER_MS 10000
#define LATE_ANSWER_MAX 4096
#define STOP_SENDING_MS 5000 /* so long an answer may take to send once the server stops */
#define LEFT_MS 500          /* so long MHD has time to notice by itself */
#define SCAN_MIN_MS 50
#define SCAN_MAX_MS 500
#define DRAIN_BYTES 65536 /* read from one socket at a time */

int64_t watch_now_ms(void)
{
    return metric_clock_us() / 1000;
}

static uint64_t phase_word(enum phase p, int64_t since_ms)
{
    return (uint64_t)since_ms << PHASE_BITS | p;
}

void conn_phase_set(struct conn *c, enum phase p, int64_t since_ms)
{
    atomic_store_explicit(&c->phase, phase_word(p, since_ms), memory_order_relaxed);
}

bool conn_phase_busy(struct conn *c)
{
    uint64_t old = atomic_load_explicit(&c->phase, memory_order_relaxed);
    return (old & PHASE_MASK) != PHASE_EXPIRED &&
           atomic_compare_exchange_strong_explicit(&c->phase, &old,
                                                   phase_word(PHASE_BUSY, watch_now_ms()),
                                                   memory_order_relaxed, memory_order_relaxed);
}

static void wake_watch(struct http_server *s)
{
    uint64_t one = 1;
    (void)!write(s->watch_wakes, &one, sizeof one); /* full only when it is awake anyway */
}

void watch_linger(struct http_server *s, int fd)
{
    if (fd < 0)
        return;
    (void)shutdown(fd, SHUT_WR); /* MHD does not with TLS, and the client would go on sending */
    pthread_mutex_lock(&s->conns_mu);
    bool room = s->linger_count < LINGER_MAX;
    if (room)
        s->lingers[s->linger_count++] = (struct lingering){ fd, watch_now_ms() + LINGER_MS };
    pthread_mutex_unlock(&s->conns_mu);
    if (room)
        wake_watch(s);
    else
        close(fd);
}

/* MHD 0.9.75 does not see the end of the stream when it comes together with the last bytes (edge
 * triggered epoll, and a short read counts as "no more"). Nothing unread, and no more to come. */
static bool has_left(int fd)
{
    char unread;
    return recv(fd, &unread, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* On a TLS connection only its own thread may write; there the client finds it closed. */
static void send_late(struct http_server *s, struct conn *c)
{
    struct refusal late = { .status = 408 };
    struct buf out;
    if (c->tls)
        return;
    err_word(&late.err, ERR_INPUT, "request_timeout",
             "the request is too slow: it has %u seconds, an upload has them for its next bytes",
             s->config.request_timeout_s);
    buf_init(&out, LATE_ANSWER_MAX);
    if (answer_raw(s, NULL, 0, &late, atomic_load_explicit(&c->error_writer, memory_order_relaxed),
                   true, &out))
        (void)!send(c->fd, out.ptr, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_done(&out);
}

/* The server stops: what has not come is not waited for, since none of it was acknowledged; what
 * goes out has a moment. */
static bool must_end(const struct http_server *s, enum phase p, int64_t since_ms, int64_t now)
{
    if (!atomic_load(&s->stopping))
        return false;
    int64_t stop_ms = atomic_load(&s->stop_ms);
    int64_t sending_ms = now - (since_ms > stop_ms ? since_ms : stop_ms);
    return p == PHASE_READING || (p == PHASE_SENDING && sending_ms > STOP_SENDING_MS);
}

/* Ends a connection from outside. MHD sees the socket shut down and closes it. True when its
 * request was too slow. */
static bool expire(struct http_server *s, struct conn *c, int64_t now)
{
    uint64_t word = atomic_load_explicit(&c->phase, memory_order_relaxed);
    enum phase p = (enum phase)(word & PHASE_MASK);
    int64_t since_ms = (int64_t)(word >> PHASE_BITS), age_ms = now - since_ms;
    bool stops = must_end(s, p, since_ms, now);
    bool slow = p == PHASE_READING && age_ms > (int64_t)s->config.request_timeout_s * 1000;
    bool idle = p == PHASE_IDLE && age_ms > (int64_t)s->config.idle_timeout_s * 1000;
    bool may_have_left = (p == PHASE_READING || p == PHASE_IDLE) && age_ms > LEFT_MS;
    if (!stops && !slow && !idle && !(may_have_left && has_left(c->fd)))
        return false;
    uint64_t expired = (word & ~PHASE_MASK) | PHASE_EXPIRED;
    if (!atomic_compare_exchange_strong_explicit(&c->phase, &word, expired, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    if (slow)
        send_late(s, c);
    shutdown(c->fd, SHUT_RDWR);
    return slow;
}

static void scan(struct http_server *s)
{
    int64_t now = watch_now_ms();
    unsigned too_slow = 0;
    pthread_mutex_lock(&s->conns_mu);
    for (struct conn *c = s->conns; c; c = c->next)
        too_slow += expire(s, c, now);
    conn_forget_lost(s);
    pthread_mutex_unlock(&s->conns_mu);
    for (unsigned i = 0; i < too_slow; i++) {
        metric_add(&http_timeouts, 1);
        log_line(LOG_WARN, "http_refused", "status=408 seconds=%u", s->config.request_timeout_s);
    }
}

/* True when there is nothing more to wait for. */
static bool drain(int fd)
{
    char unwanted[DRAIN_BYTES];
    ssize_t n = recv(fd, unwanted, sizeof unwanted, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Closes those that are done or too late. Only this thread takes entries out. */
static void drain_lingers(struct http_server *s, const struct pollfd *polled, size_t polled_count)
{
    int64_t now = watch_now_ms();
    int closing[LINGER_MAX];
    size_t closing_count = 0, kept = 0;
    bool done[LINGER_MAX] = { false };
    for (size_t i = 0; i < polled_count; i++)
        done[i] = polled[i].revents && drain(polled[i].fd);
    pthread_mutex_lock(&s->conns_mu);
    for (size_t i = 0; i < s->linger_count; i++) { /* new ones stand behind the polled ones */
        struct lingering l = s->lingers[i];
        if (done[i] || now > l.until_ms || s->watch_ends)
            closing[closing_count++] = l.fd;
        else
            s->lingers[kept++] = l;
    }
    s->linger_count = kept;
    pthread_mutex_unlock(&s->conns_mu);
    for (size_t i = 0; i < closing_count; i++)
        close(closing[i]);
}

static int scan_interval_ms(const struct http_server *s)
{
    unsigned shorter = s->config.idle_timeout_s < s->config.request_timeout_s
                           ? s->config.idle_timeout_s
                           : s->config.request_timeout_s;
    int64_t ms = (int64_t)shorter * 1000 / 8;
    if (atomic_load(&s->stopping))
        return SCAN_MIN_MS;
    return ms < SCAN_MIN_MS ? SCAN_MIN_MS : ms > SCAN_MAX_MS ? SCAN_MAX_MS : (int)ms;
}

static void *watch_run(void *arg)
{
    struct http_server *s = arg;
    int64_t next_scan = 0;
    for (;;) {
        struct pollfd polled[LINGER_MAX + 1];
        pthread_mutex_lock(&s->conns_mu);
        bool ends = s->watch_ends;
        size_t n = s->linger_count;
        for (size_t i = 0; i < n; i++)
            polled[i] = (struct pollfd){ .fd = s->lingers[i].fd, .events = POLLIN };
        pthread_mutex_unlock(&s->conns_mu);
        polled[n] = (struct pollfd){ .fd = s->watch_wakes, .events = POLLIN };
        if (!ends)
            (void)poll(polled, n + 1, scan_interval_ms(s));
        uint64_t wakes;
        if (!ends && polled[n].revents)
            (void)!read(s->watch_wakes, &wakes, sizeof wakes);
        drain_lingers(s, polled, ends ? 0 : n);
        if (ends)
            return NULL;
        if (watch_now_ms() >= next_scan) {
            scan(s);
            next_scan = watch_now_ms() + scan_interval_ms(s);
        }
    }
}

bool watch_start(struct http_server *s, struct err *e)
{
    s->watch_wakes = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->watch_wakes < 0)
        return err_set(e, ERR_IO, 0, "cannot make an eventfd: %s", strerror(errno));
    int rc = pthread_create(&s->watch, NULL, watch_run, s);
    if (rc == 0)
        return true;
    close(s->watch_wakes);
    s->watch_wakes = -1;
    return err_set(e, ERR_IO, 0, "cannot start a thread: %s", strerror(rc));
}

void watch_stop(struct http_server *s)
{
    if (s->watch_wakes < 0)
        return;
    pthread_mutex_lock(&s->conns_mu);
    s->watch_ends = true;
    pthread_mutex_unlock(&s->conns_mu);
    wake_watch(s);
    pthread_join(s->watch, NULL);
    close(s->watch_wakes);
}
