/* exchange.c - the life of a request, from MHD's callbacks to the handler and back.
 *
 * MHD calls, on the one thread that runs the connection: exchange_line with the request line;
 * exchange_step once with the headers, once for each piece of the body and twice at the end (and
 * again after http_wake); exchange_ended when the answer has been sent or the connection is lost.
 *
 * What is hard here: a request that is refused while its body is still on the way. MHD takes an
 * answer only before the body or after it. A short rest is read and thrown away, then answered as
 * usual; when it is long, the answer is written to the socket past MHD, and the connection closed
 * in a way that the client sees it (watch_linger). */
#include "http/internal.h"

#include "base/log.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define DISCARD_MAX 65536 /* so much of a refused body is read, to keep the connection */
/* Bytes a second, on average, once an upload takes longer than request_timeout_s. */
#define UPLOAD_RATE_MIN 1024
#define RAW_ANSWER_MAX 16384

PRINTF_LIKE(4, 5)
static bool refuse(struct http_exchange *x, unsigned status, const char *word, const char *fmt, ...)
{
    struct err *e = &x->refused.err;
    char msg[sizeof e->msg];
    va_list args;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    x->refused.status = status;
    return err_word(e, ERR_INPUT, word, "%s", msg); /* makes it whole UTF-8 again when cut */
}

static bool refuse_err(struct http_exchange *x, const struct err *e)
{
    bool body = e->code == ERR_LIMIT;
    x->refused = (struct refusal){ body ? 413 : http_status_of(e->code), *e };
    return false;
}

/* Beginning. */

static bool gate_enter(struct http_server *s)
{
    if (atomic_fetch_add(&s->active, 1) >= 0)
        return true;
    atomic_fetch_sub(&s->active, 1);
    return false;
}

/* Keeps MHD from cutting the query into records in the connection's memory. They are not needed,
 * and when thousands of them fill that memory, 0.9.75 never sends the error that it makes. The
 * target lies in MHD's read buffer, where MHD itself writes NULs right after this callback. */
static void hide_params_from_mhd(const char *target)
{
    const char *mark = strchr(target, '?');
    if (mark && mark[1] != '\0')
        ((char *)(uintptr_t)mark)[1] = '\0';
}

void *exchange_line(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *s = cls;
    const union MHD_ConnectionInfo *info =
        dl_MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info ? info->socket_context : NULL;
    if (!c)
        return NULL;
    struct http_exchange *x = &c->x;
    if (!x->arena && !(x->arena = arena_new(s->config.arena_max_bytes)))
        return NULL;
    if (!arena_str(x->arena, str_from_c(target), &x->target))
        return NULL;
    x->server = s;
    x->conn = c;
    x->mhd = mhd;
    x->raw_target = target;
    hide_params_from_mhd(target);
    x->started_us = metric_clock_us();
    buf_init(&x->out, s->config.answer_max_bytes);
    body_init(&x->body, BODY_PLAIN, s->config.body_max_bytes, &s->bodies);
    conn_phase_set(c, PHASE_READING, watch_now_ms());
    x->open = gate_enter(s);
    return x;
}

struct header_counts {
    unsigned hosts, lengths, codings;
    bool bad_name;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                    size_t key_len, const char *value, size_t value_len)
{
    (void)kind, (void)value, (void)value_len;
    struct header_counts *n = cls;
    struct str name = { key, key_len };
    n->hosts += name.len == 4 && strcasecmp(key, "Host") == 0;
    n->lengths += name.len == 14 && strcasecmp(key, "Content-Length") == 0;
    n->codings += name.len == 17 && strcasecmp(key, "Transfer-Encoding") == 0;
    n->bad_name |= name.len == 0 || strpbrk(key, " \t");
    return MHD_YES;
}

/* What MHD lets pass, but two programs may read in two ways: a proxy and we, say. */
static bool check_framing(struct http_exchange *x, const char *version)
{
    struct header_counts n = { 0 };
    dl_MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, count_header, &n);
    const union MHD_ConnectionInfo *info =
        dl_MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct str s;
    x->chunked = n.codings > 0;
    x->has_length = n.lengths > 0;
    x->expects_continue = http_header(x, "Expect", &s) && str_is_word(s, "100-continue");
    if (x->has_length && http_header(x, "Content-Length", &s))
        for (size_t i = 0; i < s.len; i++) /* MHD has checked that these are digits that fit */
            x->content_length = x->content_length * 10 + (uint64_t)(s.ptr[i] - '0');
    if (x->chunked && (!http_header(x, "Transfer-Encoding", &s) || s.len != 7 ||
                       strncasecmp(s.ptr, "chunked", 7) != 0 || n.codings > 1))
        return refuse(x, 501, "bad_transfer_encoding",
                      "the only known transfer encoding is chunked");
    if (info && info->header_size > x->server->config.header_max_bytes)
        return refuse(x, 431, "headers_too_large",
                      "request line and headers take more than %zu bytes",
                      x->server->config.header_max_bytes);
    if (n.lengths > 1 || (n.lengths > 0 && n.codings > 0))
        return refuse(x, 400, "bad_request", "the length of the body is given twice");
    if (n.bad_name)
        return refuse(x, 400, "bad_request", "a header has a name that cannot be");
    if (x->target.ptr && version != x->raw_target + x->target.len + 1)
        return refuse(x, 400, "bad_url", "the URL holds a NUL");
    if (n.hosts > 1 || (n.hosts == 0 && strcmp(version, "HTTP/1.0") != 0))
        return refuse(x, 400, "bad_host", "a request needs one Host header");
    if (n.hosts == 1 && (!http_header(x, "Host", &s) || !host_is_valid(s)))
        return refuse(x, 400, "bad_host", "the Host header holds no host name");
    return true;
}

/* Which route, as far as that can be told; *path_known: whether the path has any but "**". */
static bool look_up(struct http_exchange *x, bool *path_known, struct err *e)
{
    const struct routes *r = &x->server->routes;
    *path_known = false;
    if (!url_target(x->target, &x->authority, &x->path, &x->query, e))
        return false;
    x->segmented = url_path(x->path, x->arena, x->segments, &x->segment_count, e);
    x->route = x->segmented ? routes_find(r, x->segments, x->segment_count, x->method, path_known)
                            : routes_find_any(r, x->method);
    if (x->route)
        atomic_store_explicit(&x->conn->error_writer, x->route->is->error_writer,
                              memory_order_relaxed);
    return x->segmented || x->route || (x->options && r->has_any_path);
}

static bool find_allowed(struct http_exchange *x, struct str *allow)
{
    return routes_allow(&x->server->routes, x->segmented ? x->segments : NULL, x->segment_count,
                        x->arena, allow);
}

/* On a loose route those behind an '&' in the path come first. */
static bool read_params(struct http_exchange *x, struct err *e)
{
    struct str query = x->query;
    const char *more = x->route->is->loose ? memchr(x->path.ptr, '&', x->path.len) : NULL;
    if (more) {
        struct str in_path = { more, (size_t)(x->path.ptr + x->path.len - more) };
        if (!arena_printf(x->arena, &query, "%.*s&%.*s", STR_ARG(in_path), STR_ARG(x->query)))
            return err_set(e, ERR_NOMEM, 0, "no memory for the URL");
    }
    return url_params(query, x->arena, &x->params, &x->param_count, e);
}

static bool find_route(struct http_exchange *x)
{
    struct err e;
    bool path_known;
    struct str allow;
    x->options = str_eq(x->method, STR("OPTIONS"));
    if (x->options && str_eq(x->target, STR("*")))
        return true;
    if (!look_up(x, &path_known, &e))
        return refuse_err(x, &e);
    if (x->authority.len > 0 && !host_is_valid(x->authority))
        return refuse(x, 400, "bad_host", "the URL holds no host name");
    if (x->options && (path_known || x->server->routes.has_any_path))
        return true;
    if (x->route)
        return x->route->is->sink || read_params(x, &e) || refuse_err(x, &e);
    if (!path_known)
        return refuse(x, 404, "not_found", "there is nothing at %.*s", STR_ARG(x->path));
    if (find_allowed(x, &allow))
        http_set_header(x, "Allow", allow);
    return refuse(x, 405, "method_not_allowed", "%.*s cannot be used here", STR_ARG(x->method));
}

static bool begin_sink(struct http_exchange *x, const struct http_sink *sink)
{
    struct refusal r = { 0 };
    r.status = sink->begin(x, x->server->ctx, &x->sink, &r.err);
    if (r.status != 0)
        x->refused = r;
    return r.status == 0;
}

static bool prepare_body(struct http_exchange *x)
{
    struct str name = STR("");
    const struct http_sink *sink = x->route && !x->options ? x->route->is->sink : NULL;
    enum body_coding coding;
    (void)http_header(x, "Content-Encoding", &name);
    if (!body_coding_find(name, &coding)) {
        http_set_header(x, "Accept-Encoding", STR("gzip, deflate"));
        return refuse(x, 415, "unknown_encoding", "bodies are taken plain, as gzip or as deflate");
    }
    x->body_max = x->server->config.body_max_bytes;
    if (sink && !begin_sink(x, sink))
        return false;
    if (x->content_length > x->body_max)
        return refuse(x, 413, "body_too_large", "the body is larger than %" PRIu64 " bytes",
                      x->body_max);
    if (sink)
        body_init_sink(&x->body, coding, x->body_max, sink->add, x->sink);
    else
        body_init(&x->body, coding, x->server->config.body_max_bytes, &x->server->bodies);
    return true;
}

/* Refusing. */

static void log_refusal(const struct http_exchange *x)
{
    unsigned status = x->refused.status;
    bool by_limit = status == 408 || status == 413 || status == 431 || status == 500 ||
                    status == 503 || status == 507;
    log_line(by_limit ? LOG_WARN : LOG_DEBUG, "http_refused", "status=%u method=%s path=%s why=%s",
             status, log_masked(x->method), log_masked(x->path),
             log_masked(str_from_c(x->refused.err.msg)));
}

/* The socket's buffer is empty: earlier answers have gone. If it is not, the client has not read
 * those either. */
static void send_last_past_mhd(struct conn *c, struct str s)
{
    if (c->tls)
        tls_send_last(c->tls, s);
    else
        (void)!send(c->fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Writes the answer past MHD, whose false return value then closes the connection. */
static enum MHD_Result refuse_now(struct http_exchange *x)
{
    struct buf out;
    if (!conn_phase_busy(x->conn))
        return MHD_NO;
    buf_init(&out, RAW_ANSWER_MAX);
    if (answer_raw(x->server, x->headers, x->header_count, &x->refused,
                   x->route ? x->route->is->error_writer : NULL, !str_eq(x->method, STR("HEAD")),
                   &out)) {
        send_last_past_mhd(x->conn, buf_view(&out));
        x->status = x->refused.status;
        x->answer_bytes = out.len;
        x->linger = true;
    }
    buf_done(&out);
    return MHD_NO;
}

/* After a refusal with the body still on the way. */
static enum MHD_Result settle_refusal(struct http_exchange *x)
{
    log_refusal(x);
    body_done(&x->body); /* before the answer: its memory may be what others wait for */
    if (x->content_length == 0 && !x->chunked)
        return MHD_YES;
    bool long_rest = !x->chunked && x->content_length - x->received > DISCARD_MAX;
    bool waits = x->expects_continue && x->received == 0;
    return long_rest || waits ? refuse_now(x) : MHD_YES;
}

/* Where this request ends is not sure, so nothing behind it may be taken for the next one. How
 * errors of its route look must be known all the same. */
static enum MHD_Result refuse_framing(struct http_exchange *x)
{
    struct err unused;
    bool path_known;
    (void)look_up(x, &path_known, &unused);
    log_refusal(x);
    return refuse_now(x);
}

/* Nobody knows how long chunks go on. */
static enum MHD_Result discard_piece(struct http_exchange *x, size_t n)
{
    x->discarded += n;
    return x->discarded > DISCARD_MAX ? refuse_now(x) : MHD_YES;
}

/* The steps. */

static enum MHD_Result begin(struct http_exchange *x, const char *method, const char *version)
{
    x->begun = true;
    x->method = str_from_c(method);
    if (!x->open)
        return MHD_NO;
    if (!check_framing(x, version))
        return refuse_framing(x);
    return find_route(x) && prepare_body(x) ? MHD_YES : settle_refusal(x);
}

static bool is_slow_upload(const struct http_exchange *x, int64_t now_us)
{
    uint64_t s = (uint64_t)(now_us - x->started_us) / 1000000;
    return s > x->server->config.request_timeout_s && x->received / s < UPLOAD_RATE_MIN;
}

static enum MHD_Result refuse_slow_upload(struct http_exchange *x)
{
    refuse(x, 408, "request_timeout", "the body comes at less than %d bytes a second",
           UPLOAD_RATE_MIN);
    log_refusal(x);
    metric_add(&http_timeouts, 1);
    return refuse_now(x);
}

/* While the sink works, the watch leaves the connection alone; then the client has its time again.
 */
static enum MHD_Result stream_piece(struct http_exchange *x, struct bytes piece)
{
    struct err e = { 0 };
    if (!conn_phase_busy(x->conn))
        return MHD_NO;
    bool ok = body_add(&x->body, piece, &e) || refuse_err(x, &e);
    int64_t now_us = metric_clock_us();
    conn_phase_set(x->conn, PHASE_READING, now_us / 1000);
    if (!ok)
        return settle_refusal(x);
    return is_slow_upload(x, now_us) ? refuse_slow_upload(x) : MHD_YES;
}

static enum MHD_Result take_piece(struct http_exchange *x, struct bytes piece)
{
    struct err e;
    x->received += piece.len;
    if (x->refused.status)
        return discard_piece(x, piece.len);
    if (x->body.add)
        return stream_piece(x, piece);
    if (body_add(&x->body, piece, &e))
        return MHD_YES;
    refuse_err(x, &e);
    return settle_refusal(x);
}

static enum MHD_Result after_handler(struct http_exchange *x)
{
    assert(x->parked || x->status != 0);
    return x->failed ? MHD_NO : MHD_YES;
}

/* The whole request is there. MHD calls again at once; only then does it know that there is nothing
 * more to read. A request that parked before would lose a client that has said that it sends no
 * more (README.md, MHD). */
static enum MHD_Result arrive(struct http_exchange *x)
{
    x->arrived = true;
    return conn_phase_busy(x->conn) ? MHD_YES : MHD_NO;
}

static enum MHD_Result complete(struct http_exchange *x)
{
    struct err e;
    struct str allow = STR("GET, HEAD, POST, PUT, DELETE, OPTIONS");
    if (!x->refused.status && !body_end(&x->body, &e)) {
        refuse_err(x, &e);
        log_refusal(x);
    }
    if (x->refused.status) {
        answer_refusal(x, &x->refused);
    } else if (x->options) {
        if (x->path.len == 0 || find_allowed(x, &allow))
            answer_options(x, allow);
        else
            return MHD_NO;
    } else {
        x->route->is->handler(x, x->server->ctx);
    }
    return after_handler(x);
}

static enum MHD_Result woken(struct http_exchange *x)
{
    assert(x->wake_fn);
    x->parked = false;
    x->wake_fn(x, x->wake_arg);
    return after_handler(x);
}

enum MHD_Result exchange_step(void *cls, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *piece_len, void **context)
{
    (void)cls, (void)mhd, (void)url;
    struct http_exchange *x = *context;
    if (!x || x->failed)
        return MHD_NO;
    if (!x->begun)
        return begin(x, method, version);
    if (*piece_len > 0) {
        struct bytes bytes = { (const uint8_t *)piece, *piece_len };
        *piece_len = 0;
        return take_piece(x, bytes);
    }
    if (!x->arrived)
        return arrive(x);
    return x->parked ? woken(x) : complete(x);
}

void http_park(struct http_exchange *x)
{
    assert(!x->parked && !x->wake_fn && x->status == 0);
    x->parked = true;
    /* At once, so that a wake that comes before the handler has returned finds it suspended. */
    dl_MHD_suspend_connection(x->mhd);
}

void http_wake(struct http_exchange *x, http_handler fn, void *arg)
{
    struct http_server *s = x->server;
    /* http_stop may not take MHD away while we are inside it, though x may be gone by then. */
    atomic_fetch_add(&s->waking, 1);
    x->wake_fn = fn;
    x->wake_arg = arg;
    dl_MHD_resume_connection(x->mhd);
    atomic_fetch_sub(&s->waking, 1);
}

/* The end. */

static void log_exchange(const struct http_exchange *x)
{
    int64_t us = metric_clock_us() - x->started_us;
    if (x->status && !x->dead)
        metrics_answered(x->status, us);
    if (!log_is_on(LOG_DEBUG)) /* its texts would be made for nothing */
        return;
    log_line(LOG_DEBUG, "http_request", "method=%s target=%s status=%u bytes=%" PRIu64 " us=%lld%s",
             log_masked(x->method), log_masked(x->target), x->status, x->answer_bytes,
             (long long)us, x->dead ? " client=gone" : "");
}

void exchange_ended(void *cls, struct MHD_Connection *mhd, void **context,
                    enum MHD_RequestTerminationCode how)
{
    (void)mhd, (void)how;
    struct http_server *s = cls;
    struct http_exchange *x = *context;
    if (!x)
        return;
    *context = NULL;
    if (x->parked) { /* woken, but the client has gone before it could be answered */
        x->dead = true;
        (void)woken(x);
    }
    if (x->linger)
        watch_linger(s, fcntl(x->conn->fd, F_DUPFD_CLOEXEC, 3));
    log_exchange(x);
    struct arena *arena = x->arena;
    struct conn *c = x->conn;
    bool open = x->open;
    body_done(&x->body);
    buf_done(&x->out);
    answer_discharge(x);
    arena_reset(arena);
    *x = (struct http_exchange){ .arena = arena };
    atomic_store_explicit(&c->error_writer, NULL, memory_order_relaxed);
    conn_phase_set(c, PHASE_IDLE, watch_now_ms());
    if (open)
        atomic_fetch_sub(&s->active, 1);
}

void exchange_free(struct http_exchange *x)
{
    arena_free(x->arena);
}
