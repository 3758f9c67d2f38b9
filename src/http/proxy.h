/* proxy.h - who a request came through, the host that its sender sees, and the sender's address.
 *
 * Behind a proxy the Host header may name a machine that clients cannot reach. Forwarded and the
 * X-Forwarded headers say what the client saw; they are believed only from the networks that the
 * operator trusts, since any client can write them.
 * Threads: pure, but for networks_parse, which is called once at the start. */
#ifndef CRUMPLE_HTTP_PROXY_H
#define CRUMPLE_HTTP_PROXY_H

#include "base/arena.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define PROXY_NETWORKS_MAX 64
#define PROXY_ADDRESS_MAX INET6_ADDRSTRLEN /* bytes of an address as text, with its NUL */
#define PROXY_HOST_MAX 261                 /* a DNS name of 255, a colon and a port */

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

/* The address as text without port, an IPv4-mapped one as IPv4; "unknown" for other families. */
void address_text(const struct sockaddr *peer, char out[PROXY_ADDRESS_MAX]);

/* A host with or without a port that may stand in a URL: a name, an IPv4 address or an IPv6 address
 * in brackets. */
bool host_is_valid(struct str host);

/* What a proxy says; empty where it says nothing that can be used. */
struct forwarded {
    struct str host;
    struct str proto; /* "http" or "https" */
    struct str node;  /* for=, as it stands there; may be no address ("unknown") */
};

/* The first element of a Forwarded header (RFC 7239): for=1.2.3.4;host="a:8443";proto=https. What
 * is malformed counts as not said. */
struct forwarded forwarded_parse(struct str header, struct arena *a);
/* X-Forwarded-Host and X-Forwarded-Proto, each empty when missing; the first of a list counts. */
struct forwarded forwarded_legacy(struct str host, struct str proto);

/* The sender's address in a list to which each proxy on the way has added whom it got the request
 * from: the last one that is not trusted itself, since all before it may be invented; the first one
 * when all are trusted. Nothing is believed in front of an element without an address. False, with
 * *out untouched, when the list says nothing that can be used.
 * The list is X-Forwarded-For ("1.2.3.4, [::1]:80, ::2") or, with `is_rfc7239`, Forwarded. */
bool forwarded_client(struct str list, bool is_rfc7239, const struct networks *trusted,
                      struct arena *a, char out[PROXY_ADDRESS_MAX]);

#endif
