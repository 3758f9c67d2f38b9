/* request.c - what a handler may ask about the request. */
#include "http/internal.h"

#include <arpa/inet.h>
#include <netdb.h>

struct arena *http_arena(struct http_exchange *x)
{
    return x->arena;
}

struct str http_path(const struct http_exchange *x)
{
    return x->path;
}

struct str http_query(const struct http_exchange *x)
{
    return x->query;
}

void *http_sink_of(const struct http_exchange *x)
{
    return x->sink;
}

void http_set_body_max(struct http_exchange *x, uint64_t bytes)
{
    x->body_max = bytes;
}

struct str http_body(const struct http_exchange *x)
{
    return buf_view(&x->body.bytes);
}

struct str http_segment(const struct http_exchange *x, const char *name)
{
    struct str s = STR("");
    if (x->route)
        (void)route_segment(x->route, x->segments, name, &s);
    return s;
}

bool http_param(const struct http_exchange *x, const char *name, struct str *out)
{
    struct str want = str_from_c(name);
    for (size_t i = 0; i < x->param_count; i++) {
        if (str_eq(x->params[i].name, want)) {
            *out = x->params[i].value;
            return true;
        }
    }
    return false;
}

bool http_header(const struct http_exchange *x, const char *name, struct str *out)
{
    const char *value;
    size_t len;
    if (dl_MHD_lookup_connection_value_n(x->mhd, MHD_HEADER_KIND, name, strlen(name), &value,
                                         &len) != MHD_YES)
        return false;
    *out = value ? (struct str){ value, len } : STR("");
    return true;
}

/* A header that may stand there several times: all its values, by commas. */
struct values {
    struct arena *arena;
    const char *name;
    struct str joined;
    bool failed;
};

static enum MHD_Result join_value(void *cls, enum MHD_ValueKind kind, const char *key,
                                  size_t key_len, const char *value, size_t value_len)
{
    (void)kind, (void)key_len;
    struct values *v = cls;
    struct str more = value ? (struct str){ value, value_len } : STR("");
    if (strcasecmp(key, v->name) != 0)
        return MHD_YES;
    if (v->joined.len == 0)
        v->joined = more;
    else if (!arena_printf(v->arena, &v->joined, "%.*s,%.*s", STR_ARG(v->joined), STR_ARG(more)))
        v->failed = true;
    return v->failed ? MHD_NO : MHD_YES;
}

static struct str joined_header(const struct http_exchange *x, const char *name)
{
    struct values v = { .arena = x->arena, .name = name, .joined = STR("") };
    dl_MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, join_value, &v);
    return v.failed ? STR("") : v.joined;
}

struct str http_client(const struct http_exchange *x)
{
    const struct networks *trusted = &x->server->proxies;
    struct str client = str_from_c(x->conn->peer);
    char said[PROXY_ADDRESS_MAX];
    if (!x->conn->trusted)
        return client;
    if ((forwarded_client(joined_header(x, "X-Forwarded-For"), false, trusted, x->arena, said) ||
         forwarded_client(joined_header(x, "Forwarded"), true, trusted, x->arena, said)) &&
        !arena_str(x->arena, str_from_c(said), &client))
        client = str_from_c(x->conn->peer);
    return client;
}

/* For HTTP/1.0 without a Host header: the address that the client has reached. */
static struct str own_address(struct http_exchange *x)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    struct str out = STR("localhost");
    if (getsockname(x->conn->fd, (struct sockaddr *)&own, &len) == 0 &&
        getnameinfo((struct sockaddr *)&own, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        bool ipv6 = strchr(host, ':') != NULL;
        if (!arena_printf(x->arena, &out, "%s%s%s:%s", ipv6 ? "[" : "", host, ipv6 ? "]" : "",
                          port))
            out = STR("localhost");
    }
    return out;
}

static struct forwarded from_proxy(struct http_exchange *x)
{
    struct str header, host = STR(""), proto = STR("");
    if (!x->conn->trusted)
        return forwarded_legacy(STR(""), STR(""));
    if (http_header(x, "Forwarded", &header))
        return forwarded_parse(header, x->arena);
    (void)http_header(x, "X-Forwarded-Host", &host);
    if (!http_header(x, "X-Forwarded-Proto", &proto))
        (void)http_header(x, "X-Forwarded-Protocol", &proto);
    return forwarded_legacy(host, proto);
}

struct str http_base(struct http_exchange *x)
{
    if (x->base.len > 0)
        return x->base;
    struct forwarded said = from_proxy(x);
    struct str host = said.host;
    if (host.len == 0)
        host = x->authority;
    if (host.len == 0 && !http_header(x, "Host", &host))
        host = own_address(x);
    if (said.proto.len == 0)
        said.proto = x->conn->tls ? STR("https") : STR("http");
    if (!arena_printf(x->arena, &x->base, "%.*s://%.*s", STR_ARG(said.proto), STR_ARG(host)))
        x->base = STR("http://localhost");
    return x->base;
}
