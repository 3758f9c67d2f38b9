/* http_client.h - one keep-alive connection of a lean HTTP/1.1 client, for measuring.
 *
 * The caller has the event loop (sockets do not block) and the requests; a connection has one
 * request in flight at a time:
 *
 *     client_begin(c, request);            // then, whenever poll says readable or writable:
 *     switch (client_step(c, e)) { ... }   // until CLIENT_ANSWERED or CLIENT_FAILED
 *
 * Understands what our own server sends: answers with Content-Length, not chunked ones.
 * Threads: one at a time. */
#ifndef CRUMPLE_CLI_HTTP_CLIENT_H
#define CRUMPLE_CLI_HTTP_CLIENT_H

#include "base/err.h"
#include "base/str.h"

#include <sys/socket.h>

#define CLIENT_HEAD_MAX 16384 /* bytes of an answer's head, and of its body that are kept */
#define CLIENT_OUT_MAX 1024   /* bytes of a request's head: those of a target fit */

/* Where to: "http://HOST[:PORT][/PATH[?QUERY]]". */
struct client_target {
    char host[256]; /* as it stands in the Host header, with the port */
    char path[512]; /* with the query; without a slash at the end */
    struct sockaddr_storage address;
    socklen_t address_len;
};
MUST_CHECK bool client_resolve(struct client_target *t, const char *url, struct err *e);

struct client {
    int fd;                   /* -1: not connected */
    char out[CLIENT_OUT_MAX]; /* the request's head */
    size_t out_len;
    struct str body;              /* the caller's */
    size_t sent;                  /* of both */
    char in[CLIENT_HEAD_MAX + 1]; /* the answer's beginning, NUL-terminated */
    size_t have;
    size_t head_len;  /* 0 until the whole head is there */
    size_t body_left; /* still to come, when the head is there */
    unsigned status;  /* of the answer */
    bool last;        /* the server closes after this answer */
};

void client_init(struct client *c);
void client_done(struct client *c);
/* Anew if it was connected. Waits until the server has taken it. */
MUST_CHECK bool client_connect(struct client *c, const struct client_target *t, struct err *e);

/* POSTs JSON to <target>/<name>, or to the target itself when the name is NULL. The body is
 * borrowed until the answer is there. */
void client_begin(struct client *c, const struct client_target *t, const char *name,
                  struct str body);

enum client_outcome {
    CLIENT_WANTS_READ,
    CLIENT_WANTS_WRITE,
    CLIENT_ANSWERED, /* status is set, client_body may be asked */
    CLIENT_FAILED    /* *e says why; connect again */
};
enum client_outcome client_step(struct client *c, struct err *e);

/* The first bytes of the answer's body. */
struct str client_body(const struct client *c);

#endif
