/* proxy.c - trusted networks, and the headers that proxies add. */
#include "http/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>

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

static bool any_holds(const struct networks *n, const uint8_t address[16])
{
    for (size_t i = 0; i < n->count; i++)
        if (network_holds(&n->at[i], address))
            return true;
    return false;
}

static bool socket_address(const struct sockaddr *peer, uint8_t out[16])
{
    if (peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        map_ipv4(out, &in.sin_addr);
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof in6);
        memcpy(out, &in6.sin6_addr, 16);
    } else {
        return false;
    }
    return true;
}

bool networks_hold(const struct networks *n, const struct sockaddr *peer)
{
    uint8_t address[16];
    return socket_address(peer, address) && any_holds(n, address);
}

static void write_address(const uint8_t address[16], char out[PROXY_ADDRESS_MAX])
{
    uint8_t mapped[16];
    map_ipv4(mapped, address + 12);
    bool is_ipv4 = memcmp(mapped, address, sizeof mapped) == 0;
    (void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? address + 12 : address, out,
                    PROXY_ADDRESS_MAX);
}

void address_text(const struct sockaddr *peer, char out[PROXY_ADDRESS_MAX])
{
    uint8_t address[16];
    if (socket_address(peer, address))
        write_address(address, out);
    else
        snprintf(out, PROXY_ADDRESS_MAX, "unknown");
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
    size_t n = 0, i = 1, end = 1;
    while (end < rest->len && rest->ptr[end] != '"')
        end += rest->ptr[end] == '\\' ? 2 : 1;
    char *to = end < rest->len ? arena_alloc(a, end) : NULL;
    if (!to)
        return false;
    for (; i < end; i++) {
        i += rest->ptr[i] == '\\';
        to[n++] = rest->ptr[i];
    }
    *out = (struct str){ to, n };
    *rest = (struct str){ rest->ptr + i + 1, rest->len - i - 1 };
    return true;
}

/* Takes one pair off the front, and what ends it (but for a comma): for=1.2.3.4; */
static bool take_pair(struct str *rest, struct arena *a, struct forwarded *said)
{
    struct str name, value;
    if (rest->ptr[0] == '"' || !take_value(rest, a, &name) || rest->len == 0 || rest->ptr[0] != '=')
        return false;
    *rest = (struct str){ rest->ptr + 1, rest->len - 1 };
    if (!take_value(rest, a, &value))
        return false;
    if (str_is_word(name, "host") && host_is_valid(value))
        said->host = value;
    else if (str_is_word(name, "proto"))
        said->proto = known_proto(value);
    else if (str_is_word(name, "for"))
        said->node = value;
    *rest = trim(*rest);
    return rest->len == 0 || rest->ptr[0] == ';' || rest->ptr[0] == ',';
}

static const struct forwarded nothing_said = { STR_INIT(""), STR_INIT(""), STR_INIT("") };

/* One element, up to its comma or the end; the comma stays. */
static bool take_element(struct str *rest, struct arena *a, struct forwarded *said)
{
    *said = nothing_said;
    *rest = trim(*rest);
    while (rest->len > 0 && rest->ptr[0] != ',') {
        if (rest->ptr[0] == ';')
            *rest = trim((struct str){ rest->ptr + 1, rest->len - 1 });
        else if (!take_pair(rest, a, said))
            return false;
    }
    return true;
}

struct forwarded forwarded_parse(struct str header, struct arena *a)
{
    struct forwarded said;
    return take_element(&header, a, &said) ? said : nothing_said;
}

struct forwarded forwarded_legacy(struct str host, struct str proto)
{
    struct str first = trim(before(host, ','));
    return (struct forwarded){ .host = host_is_valid(first) ? first : STR(""),
                               .proto = known_proto(trim(before(proto, ','))),
                               .node = STR("") };
}

/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80". */
static bool node_address(struct str node, uint8_t out[16])
{
    char s[PROXY_ADDRESS_MAX];
    struct in_addr ipv4;
    struct str host = before(node, ':');
    bool is_ipv4 =
        host.len + 1 >= node.len || !memchr(host.ptr + host.len + 1, ':', node.len - host.len - 1);
    if (node.len > 0 && node.ptr[0] == '[')
        host = before((struct str){ node.ptr + 1, node.len - 1 }, ']');
    else if (!is_ipv4)
        host = node;
    if (host.len >= sizeof s)
        return false;
    memcpy(s, host.ptr, host.len);
    s[host.len] = '\0';
    if (inet_pton(AF_INET6, s, out) == 1)
        return true;
    if (inet_pton(AF_INET, s, &ipv4) != 1)
        return false;
    map_ipv4(out, &ipv4);
    return true;
}

/* The next element of either kind of list, with its comma; an empty node when it has none. */
static bool take_node(struct str *list, bool is_rfc7239, struct arena *a, struct str *node)
{
    struct forwarded said;
    if (is_rfc7239) {
        if (!take_element(list, a, &said))
            return false;
        *node = said.node;
    } else {
        *node = before(*list, ',');
        *list = (struct str){ list->ptr + node->len, list->len - node->len };
        *node = trim(*node);
    }
    if (list->len > 0) /* the comma */
        *list = (struct str){ list->ptr + 1, list->len - 1 };
    return true;
}

bool forwarded_client(struct str list, bool is_rfc7239, const struct networks *trusted,
                      struct arena *a, char out[PROXY_ADDRESS_MAX])
{
    uint8_t client[16], address[16];
    enum { NOBODY, PROXY, SENDER } found = NOBODY;
    while (list.len > 0) {
        struct str node;
        if (!take_node(&list, is_rfc7239, a, &node))
            return false;
        if (!node_address(node, address)) {
            found = NOBODY;
            continue;
        }
        bool is_proxy = any_holds(trusted, address);
        if (is_proxy && found != NOBODY)
            continue;
        found = is_proxy ? PROXY : SENDER;
        memcpy(client, address, sizeof client);
    }
    if (found != NOBODY)
        write_address(client, out);
    return found != NOBODY;
}
