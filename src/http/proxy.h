/* proxy.h - who a request came through, and the host that its sender sees.
 *
 * Behind a proxy the Host header may name a machine that clients cannot reach. Forwarded and the
 * X-Forwarded headers say what the client saw; they are believed only from the networks that the
 * operator trusts, since any client can write them.
 * Threads: pure, but for networks_parse, which is called once at the start. */
#ifndef CRUMPLE_HTTP_PROXY_H
#define CRUMPLE_HTTP_PROXY_H

#include "base/arena.h"

#include <sys/socket.h>

#define PROXY_NETWORKS_MAX 64
#define PROXY_HOST_MAX 261 /* a DNS name of 255, a colon and a port */

/* IPv4 addresses are kept as IPv4-mapped IPv6. */
struct network {
    uint8_t address[16];
    unsigned bits;
};
struct networks {
    struct network at[PROXY_NETWORKS_MAX];
    size_t count;
};

/* "127.0.0.0/8, ::1, 10.1.2.3". Bits after the prefix are ignored. */
MUST_CHECK bool networks_parse(struct networks *out, struct str text, struct err *e);
bool networks_hold(const struct networks *n, const struct sockaddr *peer);

/* A host with or without a port that may stand in a URL: a name, an IPv4 address or an IPv6 address
 * in brackets. */
bool host_is_valid(struct str host);

/* What a proxy says; empty where it says nothing that can be used. */
struct forwarded {
    struct str host;
    struct str proto; /* "http" or "https" */
};

/* The first element of a Forwarded header (RFC 7239): for=1.2.3.4;host="a:8443";proto=https. What
 * is malformed counts as not said. */
struct forwarded forwarded_parse(struct str header, struct arena *a);
/* X-Forwarded-Host and X-Forwarded-Proto, each empty when missing; the first of a list counts. */
struct forwarded forwarded_legacy(struct str host, struct str proto);

#endif
