/* wire.h - a server with handlers for tests, and a client that writes bytes as it is told. */
#ifndef CRUMPLE_TESTS_HTTP_WIRE_H
#define CRUMPLE_TESTS_HTTP_WIRE_H

#include "../cmocka_all.h"
#include "http/http.h"

#include <stdatomic.h>

#define WIRE_ANSWER_MAX (1 << 20)

/* An exchange that was parked by the route "park" and that the test wakes when it likes. */
struct parked {
    _Atomic(struct http_exchange *) x;
    _Atomic int handled; /* calls of the woken function */
};

struct wire {
    struct http_server *server;
    uint16_t port;
    struct parked parked;
};

/* Small limits: bodies 1 MiB, all bodies 4 MiB, headers 8 KiB. Listens on 127.0.0.1. */
struct http_config wire_config(void);
void wire_start(struct wire *w, const struct http_config *config);
/* The same with routes of the test's own; their ctx is w. */
void wire_start_routes(struct wire *w, const struct http_config *config,
                       const struct http_route *routes, size_t count);
void wire_stop(struct wire *w);

/* Waits until the route "park" has parked. */
struct http_exchange *wire_wait_parked(struct wire *w);
/* Answers 200 "woken"; arg is the struct parked. */
void wire_answer_woken(struct http_exchange *x, void *arg);

/* A handler, also at "file": answers with a file of ?bytes, "first" and "last" with NULs between.
 */
void wire_answer_file(struct http_exchange *x, void *ctx);

struct answer {
    unsigned status; /* 0: none came */
    char *head;      /* status line and headers, NUL-terminated */
    char *body;      /* NUL-terminated */
    size_t body_len;
};

int wire_connect(const struct wire *w);
/* False when the server has closed. */
bool wire_send(int fd, const void *p, size_t n);
bool wire_text(int fd, const char *s);
/* One chunk of a chunked body. */
bool wire_chunk(int fd, const void *p, size_t n);
/* Reads one answer; give the method HEAD when no body follows. */
struct answer wire_answer(int fd, bool is_head);
/* The same by another way to read exactly n bytes. */
struct answer wire_answer_by(bool (*read)(void *from, void *p, size_t n), void *from, bool is_head);
/* One request on a connection of its own. */
struct answer wire_ask(const struct wire *w, const char *request);
bool wire_closed(int fd); /* waits for the end of the stream; false after twenty seconds */
size_t wire_count_fds(void);
bool answer_is_file(const struct answer *a, size_t n);
bool answer_has(const struct answer *a, const char *header_line);
void answer_free(struct answer *a);
void sleep_ms(long ms);

#endif
