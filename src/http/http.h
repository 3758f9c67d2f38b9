/* http.h - HTTP for the rest of Crumple, on libmicrohttpd. Knows nothing of reports.
 *
 * A handler is called once the whole request is there (body decoded from chunks, gzip or deflate,
 * within the limits; in memory, or already in the route's sink). It answers at once, or parks the
 * exchange and answers later:
 *
 *     static void post(struct http_exchange *x, void *ctx)
 *     {
 *         ... http_park(x);           // from now on another thread may wake it
 *         engine_submit(...)          // its done() calls http_wake(x, finish, job)
 *     }
 *     static void finish(struct http_exchange *x, void *job) { ... http_answer(x, 201); }
 *
 * Everything from the exchange's arena lives until the answer has been sent.
 * Threads: handlers run on several threads at once, one per exchange; http_wake: any thread. */
#ifndef CRUMPLE_HTTP_HTTP_H
#define CRUMPLE_HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/metrics.h"

struct http_server;
struct http_exchange;
typedef void (*http_handler)(struct http_exchange *x, void *ctx);

struct http_listen {
    const char *address; /* "127.0.0.1", "0.0.0.0", "[::1]" */
    uint16_t port;       /* 0: any free one */
    bool tls;            /* with the certificate and the key of the configuration */
};

struct http_config {
    const struct http_listen *listen;
    size_t listen_count;
    const char *tls_cert, *tls_key; /* PEM files, read by http_start; for listeners with tls */
    size_t threads;                 /* 0: one a core; as many again for TLS, where there is */
    size_t connections_max;         /* a further one is closed at once */
    size_t body_max_bytes;          /* after decoding; over it 413; see http_set_body_max */
    size_t bodies_max_bytes; /* of all bodies and large answers in memory together; over it 503 */
    size_t arena_max_bytes;  /* what the handler of one request may take from its arena */
    size_t answer_max_bytes; /* of one answer; over it 500 */
    size_t header_max_bytes; /* request line and headers; over it 431 (414: the line alone) */
    unsigned idle_timeout_s; /* for the next request's line to be there; then it is closed */
    unsigned request_timeout_s;  /* from the request's line to its last byte; over it 408. With a
                                  * sink: to each next byte of the body */
    const char *cors_origin;     /* "*"; NULL or "" turns CORS off */
    const char *trusted_proxies; /* addresses and networks, by commas; believed when they say
                                  * Forwarded, X-Forwarded-Host, -Proto, -For */
};
struct http_config http_defaults(void);

/* A body that goes somewhere else piece by piece instead of into memory: for uploads of any size.
 * All on one thread at a time; `sink` is what begin made, in the exchange's arena. Whatever begin
 * takes it lets go of by arena_defer. */
struct http_sink {
    /* The headers are there, the body is not, and a client that waits for 100 Continue has not got
     * it: 0 to go on, or the status to refuse with, and *e. Headers of that answer may be set here,
     * http_set_body_max be called, and all be asked but http_body. Called for requests without a
     * body, too. */
    unsigned (*begin)(struct http_exchange *x, void *ctx, void **sink, struct err *e);
    /* The next piece, decoded, never empty, at most some 30 KB. False refuses: as http_status_of
     * says, 413 for ERR_LIMIT. It may take its time (a disk): this is not held against the client.
     * But the other connections of its thread wait. */
    bool (*add)(void *sink, struct bytes piece, struct err *e);
};

/* How errors look on some routes: writes JSON, with the `status` that is answered. Used for all
 * that is wrong with a request whose route is known, also by the room itself (400, 408, 413, 415,
 * 431, 500, 501, 503). From several threads at once. */
typedef void (*http_error_writer)(struct buf *out, unsigned status, const struct err *e);

/* Routes are tried in order. A pattern is segments after the first slash: "reports", ":project"
 * (takes any one segment), e.g. ":project/reports/:id". A pattern of names alone (":project") is
 * only for paths that no other one matches. A trailing slash in a request is ignored. `methods` is
 * one or more, by spaces; HEAD comes with GET, OPTIONS by itself (200 with Allow and the CORS
 * headers), and any other method on a path that some route has gets 405 with Allow. The pattern
 * "**" takes every path that no other route has, for its methods and OPTIONS alone (other methods
 * there: 404), even one that is no good URL path in our eyes ("//a", "/%zz"); its handler looks at
 * http_path.
 *
 * A route that is `loose`, of a pattern without names, takes its path also with slashes doubled
 * anywhere, and with '&' in the place of '?': "//api/get&token=t". Of "**" it says nothing. */
struct http_route {
    const char *methods;
    const char *pattern;
    http_handler handler;
    bool loose;
    const struct http_sink *sink;   /* NULL: the body is in memory, http_body */
    http_error_writer error_writer; /* NULL: {"error": word, "message": sentence} */
};
/* A route with these alone. */
#define HTTP_ROUTE(methods_, pattern_, handler_)                                                   \
    {                                                                                              \
        .methods = (methods_), .pattern = (pattern_), .handler = (handler_)                        \
    }

/* ERR_CONFLICT when a port is taken. Routes and the strings of the configuration stay borrowed. */
MUST_CHECK bool http_start(struct http_server **out, const struct http_config *config,
                           const struct http_route *routes, size_t route_count, void *ctx,
                           struct err *e);
/* Takes no new connections, cuts requests that are not there whole (nothing of them has been
 * acknowledged), waits until all others are answered, and at most 5 s for each answer to be sent;
 * closes. NULL is fine. Not from a handler. */
void http_stop(struct http_server *s);
/* Requests by status class, connections, bytes of bodies in memory, latency. */
struct metric *const *http_metrics(struct http_server *s, size_t *count);
uint16_t http_port(const struct http_server *s, size_t listen);

/* The request. */
struct arena *http_arena(struct http_exchange *x);
/* A named segment of the route, percent-decoded; valid UTF-8 (else 400 before the handler). */
struct str http_segment(const struct http_exchange *x, const char *name);
/* A query parameter, percent-decoded, '+' a space; false when it is not given. At most 64 are
 * taken, and invalid UTF-8 is 400 before the handler. Not on routes with a sink: there nobody has
 * read the query, see http_query. */
bool http_param(const struct http_exchange *x, const char *name, struct str *out);
/* The path as it came, still percent-encoded, with its slashes. */
struct str http_path(const struct http_exchange *x);
/* What the sink's begin made; NULL on routes without. */
void *http_sink_of(const struct http_exchange *x);
/* In begin: another limit on the decoded body than the configuration's. */
void http_set_body_max(struct http_exchange *x, uint64_t bytes);
/* The sender's address as text, without port, in one form only (it may be compared as text). The
 * peer's; when that is a trusted proxy, the last address in X-Forwarded-For, or without it in
 * Forwarded, that is not trusted itself. A proxy must write to the first of these two that it lets
 * pass. */
struct str http_client(const struct http_exchange *x);
/* The query string as it came, without '?'. */
struct str http_query(const struct http_exchange *x);
bool http_header(const struct http_exchange *x, const char *name, struct str *out);
struct str http_body(const struct http_exchange *x);
/* "https://host:port", what the client sees in front of the first slash; no slash at the end.
 * "https" as a trusted proxy says, or else on listeners with TLS. */
struct str http_base(struct http_exchange *x);

/* The answer: fill http_out (JSON by default), set headers, then http_answer once. */
struct buf *http_out(struct http_exchange *x);
void http_set_header(struct http_exchange *x, const char *name, struct str value);
void http_set_type(struct http_exchange *x, const char *content_type); /* a literal */
void http_answer(struct http_exchange *x, unsigned status);
/* Instead of http_out: the first `size` bytes of an open file, which is closed afterwards, whatever
 * happens. Set the type; it takes no memory, however large. */
void http_answer_file(struct http_exchange *x, unsigned status, int fd, uint64_t size);
/* {"error": word, "message": sentence} (or as the route's error_writer has it) with the status of
 * the code; `word` of e or of the code. */
void http_answer_err(struct http_exchange *x, const struct err *e);
unsigned http_status_of(enum err_code code);
/* Percent-encodes for one path segment (all but unreserved, ':' and '@'; "." and ".." whole). */
void http_encode_segment(struct buf *out, struct str s);

/* Later answers. An exchange can be parked once, by its handler, who sees to it that it is woken:
 * when nobody else will (a full queue), it wakes it itself. The client may go away meanwhile: fn is
 * called all the same, exactly once for each http_wake, so that it can let go of `arg`; its answer
 * then goes nowhere. */
void http_park(struct http_exchange *x);
/* Has fn(x, arg) run on a thread of the server, where it must answer; once for each park, even
 * before the handler that parked has returned. The caller may not touch x after that. */
void http_wake(struct http_exchange *x, http_handler fn, void *arg);

#endif
