/* internal.h - the structures that the files of this room share. Nobody outside includes it.
 *
 * server.c starts and stops; accept.c listens; conn.c lets connections in and spreads them over the
 * loops; exchange.c takes a request from MHD and calls the handler; request.c is what handlers ask
 * about it; answer.c is what they say; watch.c ends what takes too long; tls.c is all that is
 * different on encrypted connections.
 *
 * Memory: one struct conn for each connection, with the exchange of its present request inside
 * (HTTP/1.1 has one at a time); it belongs to the MHD thread that runs the connection, but for the
 * fields marked otherwise. Between requests it keeps the first block of its arena, no more. */
#ifndef CRUMPLE_HTTP_INTERNAL_H
#define CRUMPLE_HTTP_INTERNAL_H

#include "http/body.h"
#include "http/http.h"
#include "http/library.h"
#include "http/proxy.h"
#include "http/route.h"
#include "http/url.h"

#include <pthread.h>

#define ANSWER_HEADERS_MAX 8
#define LINGER_MAX 64 /* sockets that are drained at the same time */

/* What a connection is doing, and since when: both in one word, so that the watch sees them
 * together and only one side can end a request (the MHD thread by answering, the watch by 408). */
enum phase {
    PHASE_IDLE,    /* no request line yet */
    PHASE_READING, /* headers and body; since the request line, or since the sink's last piece */
    PHASE_BUSY,    /* the request is there: handled, parked; or the sink takes a piece */
    PHASE_SENDING, /* the answer goes out */
    PHASE_EXPIRED  /* the watch has ended it */
};

#define PHASE_BITS 3
#define PHASE_MASK (((uint64_t)1 << PHASE_BITS) - 1)

struct refusal {
    unsigned status; /* 0: not refused */
    struct err err;
};

struct answer_header {
    const char *name;
    const char *value;
};

struct http_exchange {
    struct http_server *server;
    struct conn *conn;
    struct MHD_Connection *mhd;
    struct arena *arena; /* NULL before the first request of the connection */
    int64_t started_us;

    /* The request. */
    struct str target; /* as it came; a copy */
    struct str method, authority, path, query;
    const char *raw_target; /* MHD's, only to compare addresses with */
    struct str segments[URL_SEGMENTS_MAX];
    size_t segment_count;
    bool segmented; /* false: the path cannot be cut, only "**" takes it */
    const struct route *route;
    const struct url_param *params;
    size_t param_count;
    struct str base; /* empty until asked for */
    bool has_length, chunked, expects_continue;
    uint64_t content_length, received; /* bytes of the body, still compressed */
    uint64_t discarded;                /* of these, after the refusal */
    uint64_t body_max;                 /* decoded */
    struct body body;
    void *sink; /* of the route's begin */
    struct refusal refused;

    /* The answer. */
    struct buf out;
    const char *type; /* NULL: JSON */
    struct answer_header headers[ANSWER_HEADERS_MAX];
    size_t header_count;
    unsigned status; /* of the answer; 0 when there is none yet */
    uint64_t answer_bytes;
    size_t answer_charged; /* what the budget of the bodies counts for it */

    /* Where it stands. */
    bool open;    /* counted in server->active */
    bool begun;   /* the headers have been looked at */
    bool arrived; /* all of it is there */
    bool parked;  /* http_park, until woken */
    bool dead;    /* the client has gone: answering does nothing */
    bool failed;  /* the answer could not be handed to MHD: nothing is left but to close */
    bool options; /* OPTIONS, answered by the room itself */
    bool linger;  /* drain the socket before it is closed */

    /* Written by http_wake before MHD_resume_connection, read after MHD has resumed: MHD's lock is
     * between them. */
    http_handler wake_fn;
    void *wake_arg;
};

/* One MHD daemon with its one thread: it runs some of the connections. */
struct loop {
    struct http_server *server;
    struct MHD_Daemon *daemon;
    size_t open; /* its connections, with those that it has not taken yet; guarded by conns_mu */
};

/* The loops that are alike: those for plain connections, or those for TLS. */
struct loops {
    struct loop *loops; /* NULL when no listener needs them */
    size_t count;
    size_t turn; /* which is asked first when several have as few connections; the acceptor's */
};

struct listener {
    int fd;
    uint16_t port;
    struct loops *loops; /* that its connections go to */
};

struct conn {
    struct loop *loop;
    int fd;
    dev_t device; /* which socket fd was when it was handed to the loop */
    ino_t inode;
    void *tls;    /* GnuTLS's session, owned by MHD; NULL on a plain connection */
    bool trusted; /* the peer is a proxy that we believe */
    char peer[PROXY_ADDRESS_MAX];
    _Atomic uint64_t phase; /* time in ms << PHASE_BITS | enum phase; also read by the watch */
    _Atomic(http_error_writer) error_writer; /* of the request's route; also read by the watch */
    struct http_exchange x;
    struct conn *prev, *next; /* guarded by server->conns_mu */
};

/* PEM, NUL-terminated; empty when no listener wants TLS. */
struct tls_files {
    char *cert, *key;
};

struct http_server {
    struct http_config config;
    void *ctx;
    struct routes routes;
    struct networks proxies;
    struct tls_files tls;
    struct loops plain, secure;
    struct listener *listeners; /* as many as the configuration has */
    size_t listener_count;      /* open ones */
    struct body_budget bodies;

    _Atomic bool stopping;      /* no new connections; answers close theirs */
    _Atomic int64_t stop_ms;    /* since when; set before stopping */
    _Atomic int64_t active;     /* requests from the request line to the last byte of the answer;
                                 * far below zero once closed: nothing may begin any more */
    _Atomic int64_t waking;     /* threads inside http_wake */
    _Atomic size_t connections; /* open now, in both lists; changed under conns_mu */

    /* Guarded by conns_mu: the lists, the sockets to drain, closing. Held while the watch looks at
     * a conn, so that its socket cannot be closed meanwhile. */
    pthread_mutex_t conns_mu;
    struct conn *handed; /* given to a loop, which has not taken them yet */
    struct conn *conns;  /* taken: each has its thread, and the watch looks at them */
    struct lingering {
        int fd;
        int64_t until_ms;
    } lingers[LINGER_MAX];
    size_t linger_count;
    bool watch_ends;

    pthread_t watch; /* the thread; woken by a write to watch_wakes */
    int watch_wakes; /* an eventfd */

    pthread_t acceptor;        /* the thread; ends after a write to acceptor_ends */
    int acceptor_ends;         /* an eventfd */
    struct pollfd *accept_on;  /* the listeners', and acceptor_ends */
    int64_t limit_logged_ms;   /* the acceptor's: when it said so last */
    int64_t failure_logged_ms; /* the acceptor's: when it said so last */
};

/* accept.c */
/* Opens the socket of config.listen[listener_count] and counts it. */
MUST_CHECK bool listener_open(struct http_server *s, struct err *e);
MUST_CHECK bool accept_start(struct http_server *s, struct err *e);
void accept_stop(struct http_server *s); /* and closes the listening sockets; also not started */

/* conn.c */
/* Gives the socket to the loop with the fewest connections. False when there are too many, or no
 * memory for one more: then it still belongs to the caller. Only on the acceptor. */
MUST_CHECK bool conn_admit(struct http_server *s, struct loops *loops, int fd,
                           const struct sockaddr *peer, socklen_t peer_len);
/* For MHD, on the loop's thread; cls is the loop. */
void conn_changed(void *cls, struct MHD_Connection *mhd, void **context,
                  enum MHD_ConnectionNotificationCode what);
/* Those whose socket was closed before a loop had taken them. Under conns_mu. */
void conn_forget_lost(struct http_server *s);
/* Those that no loop has taken; all loops have ended. */
void conn_free_handed(struct http_server *s);

/* exchange.c: MHD's callbacks. */
void *exchange_line(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_step(void *cls, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *piece_len, void **context);
void exchange_ended(void *cls, struct MHD_Connection *mhd, void **context,
                    enum MHD_RequestTerminationCode how);
void exchange_free(struct http_exchange *x); /* with the connection */

/* answer.c */
/* Answers with the status and the message of *r. */
void answer_refusal(struct http_exchange *x, const struct refusal *r);
/* Gives back to the budget what the answer took; once it has been sent. */
void answer_discharge(struct http_exchange *x);
/* OPTIONS, for a route or for "*". */
void answer_options(struct http_exchange *x, struct str allow);
/* A whole answer as it goes over the wire, with Connection: close; for when MHD would still read
 * the request and cannot answer. False when memory is short. */
MUST_CHECK bool answer_raw(const struct http_server *s, const struct answer_header *headers,
                           size_t header_count, const struct refusal *r, http_error_writer writer,
                           bool with_body, struct buf *out);

/* watch.c */
MUST_CHECK bool watch_start(struct http_server *s, struct err *e);
void watch_stop(struct http_server *s); /* all connections are closed already */
/* Takes a duplicate of the socket and reads it empty before closing it: closed with unread bytes,
 * TCP would reset it, and the client might never see the answer. */
void watch_linger(struct http_server *s, int fd);
int64_t watch_now_ms(void);
void conn_phase_set(struct conn *c, enum phase p, int64_t since_ms);
/* From reading to busy; false when the watch was first. */
MUST_CHECK bool conn_phase_busy(struct conn *c);

/* tls.c */
/* Reads certificate and key, and checks that they belong together. */
MUST_CHECK bool tls_load(struct tls_files *out, const char *cert_path, const char *key_path,
                         struct err *e);
void tls_unload(struct tls_files *f);
extern const char tls_priorities[];
/* Sends past MHD, on MHD's thread: what there is room for at once, and TLS's goodbye, for which it
 * would be too late when MHD closes. */
void tls_send_last(void *session, struct str s);

/* metrics.c */
extern struct metric http_connections_refused, http_timeouts;
void metrics_answered(unsigned status, int64_t us);

#endif
