/* proxy.c - trusted networks, and the headers that proxies add. */
#include "http/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define NETWORK_TEXT_MAX 64

static struct str trim(struct str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static struct str before(struct str s, char end)
{
    const char *p = s.len ? memchr(s.ptr, end, s.len) : NULL;
    return (struct str){ s.ptr, p ? (size_t)(p - s.ptr) : s.len };
}

static void map_ipv4(uint8_t out[16], const void *ipv4)
{
    memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, ipv4, 4);
}

static bool network_parse(struct network *out, struct str text)
{
    char s[NETWORK_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof s)
        return false;
    memcpy(s, text.ptr, text.len);
    s[text.len] = '\0';
    char *slash = strchr(s, '/');
    unsigned skip = 0;
    struct in_addr ipv4;
    if (slash)
        *slash = '\0';
    if (inet_pton(AF_INET, s, &ipv4) == 1) {
        map_ipv4(out->address, &ipv4);
        skip = 96;
    } else if (inet_pton(AF_INET6, s, out->address) != 1) {
        return false;
    }
    out->bits = 128;
    if (slash) {
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || bits > 128 - skip)
            return false;
        out->bits = skip + (unsigned)bits;
    }
    return true;
}

bool networks_parse(struct networks *out, struct str text, struct err *e)
{
    out->count = 0;
    while (text.len > 0) {
        struct str item = before(text, ',');
        size_t taken = item.len < text.len ? item.len + 1 : item.len;
        text = (struct str){ text.ptr + taken, text.len - taken };
        item = trim(item);
        if (item.len == 0)
            continue;
        if (out->count == PROXY_NETWORKS_MAX)
            return err_set(e, ERR_LIMIT, 0, "trusted proxies: at most %d networks",
                           PROXY_NETWORKS_MAX);
        if (!network_parse(&out->at[out->count], item))
            return err_set(e, ERR_INPUT, 0, "trusted proxies: '%.*s' is no address or network",
                           STR_ARG(item));
        out->count++;
    }
    return true;
}

static bool network_holds(const struct network *n, const uint8_t address[16])
{
    size_t whole = n->bits / 8;
    unsigned rest = n->bits % 8;
    if (memcmp(n->address, address, whole) != 0)
        return false;
    return rest == 0 || ((n->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool networks_hold(const struct networks *n, const struct sockaddr *peer)
{
    uint8_t address[16];
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        map_ipv4(address, &in.sin_addr);
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof in6);
        memcpy(address, &in6.sin6_addr, sizeof address);
    } else {
        return false;
    }
    for (size_t i = 0; i < n->count; i++)
        if (network_holds(&n->at[i], address))
            return true;
    return false;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool port_is_valid(struct str s)
{
    unsigned port = 0;
    if (s.len == 0 || s.len > 5)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        port = port * 10 + (unsigned)(s.ptr[i] - '0');
    }
    return port <= 65535;
}

bool host_is_valid(struct str host)
{
    if (host.len == 0 || host.len > PROXY_HOST_MAX)
        return false;
    size_t n = 0;
    if (host.ptr[0] == '[') {
        struct in6_addr unused;
        char s[INET6_ADDRSTRLEN];
        struct str inside = before((struct str){ host.ptr + 1, host.len - 1 }, ']');
        n = inside.len + 2;
        if (n > host.len || inside.len >= sizeof s)
            return false;
        memcpy(s, inside.ptr, inside.len);
        s[inside.len] = '\0';
        if (strlen(s) != inside.len || inet_pton(AF_INET6, s, &unused) != 1)
            return false;
    } else {
        while (n < host.len && (is_alnum(host.ptr[n]) || host.ptr[n] == '.' || host.ptr[n] == '-' ||
                                host.ptr[n] == '_' || host.ptr[n] == '~'))
            n++;
        if (n == 0)
            return false;
    }
    if (n == host.len)
        return true;
    return host.ptr[n] == ':' && port_is_valid((struct str){ host.ptr + n + 1, host.len - n - 1 });
}

static struct str known_proto(struct str s)
{
    return str_is_word(s, "https") ? STR("https") : str_is_word(s, "http") ? STR("http") : STR("");
}

/* Takes a token or a quoted string off the front; false at anything else. */
static bool take_value(struct str *rest, struct arena *a, struct str *out)
{
    if (rest->len == 0 || rest->ptr[0] != '"') {
        size_t n = 0;
        while (n < rest->len && !strchr(" \t;,=\"", rest->ptr[n]))
            n++;
        *out = (struct str){ rest->ptr, n };
        *rest = (struct str){ rest->ptr + n, rest->len - n };
        return n > 0;
    }
    char *to = arena_alloc(a, rest->len);
    size_t n = 0, i = 1;
    for (; to && i < rest->len && rest->ptr[i] != '"'; i++) {
        if (rest->ptr[i] == '\\' && ++i == rest->len)
            return false;
        to[n++] = rest->ptr[i];
    }
    if (!to || i >= rest->len)
        return false;
    *out = (struct str){ to, n };
    *rest = (struct str){ rest->ptr + i + 1, rest->len - i - 1 };
    return true;
}

struct forwarded forwarded_parse(struct str header, struct arena *a)
{
    static const struct forwarded nothing = { { "", 0 }, { "", 0 } };
    struct forwarded said = nothing;
    struct str rest = trim(header);
    for (;;) {
        struct str name, value;
        if (rest.len == 0 || rest.ptr[0] == ',')
            return said;
        if (rest.ptr[0] != ';') {
            if (rest.ptr[0] == '"' || !take_value(&rest, a, &name) || rest.len == 0 ||
                rest.ptr[0] != '=')
                return nothing;
            rest = (struct str){ rest.ptr + 1, rest.len - 1 };
            if (!take_value(&rest, a, &value))
                return nothing;
            if (str_is_word(name, "host") && host_is_valid(value))
                said.host = value;
            else if (str_is_word(name, "proto"))
                said.proto = known_proto(value);
            rest = trim(rest);
            if (rest.len > 0 && rest.ptr[0] != ';' && rest.ptr[0] != ',')
                return nothing;
        } else {
            rest = trim((struct str){ rest.ptr + 1, rest.len - 1 });
        }
    }
}

struct forwarded forwarded_legacy(struct str host, struct str proto)
{
    struct str first = trim(before(host, ','));
    return (struct forwarded){ host_is_valid(first) ? first : STR(""),
                               known_proto(trim(before(proto, ','))) };
}
