/* test_proxy.c - trusted networks, host names, and what proxies say. */
#include "../cmocka_all.h"
#include "http/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const struct {
    const char *networks, *peer;
    bool want;
} peers[] = {
    { "127.0.0.0/8, ::1", "127.0.0.1", true },
    { "127.0.0.0/8, ::1", "127.255.0.9", true },
    { "127.0.0.0/8, ::1", "128.0.0.1", false },
    { "127.0.0.0/8, ::1", "::1", true },
    { "127.0.0.0/8, ::1", "::2", false },
    { "127.0.0.0/8", "::ffff:127.0.0.1", true },
    { "::ffff:10.0.0.0/104", "10.1.2.3", true },
    { "10.1.2.3", "10.1.2.3", true },
    { "10.1.2.3", "10.1.2.4", false },
    { "10.1.2.0/23", "10.1.3.255", true },
    { "10.1.2.0/23", "10.1.4.0", false },
    { "10.1.2.3/31", "10.1.2.2", true },
    { "0.0.0.0/0", "1.2.3.4", true },
    { "0.0.0.0/0", "2001:db8::1", false },
    { "::/0", "2001:db8::1", true },
    { "2001:db8::/33", "2001:db8:7fff::1", true },
    { "2001:db8::/33", "2001:db8:8000::1", false },
    { " , 10.0.0.1 ,,", "10.0.0.1", true },
    { "", "127.0.0.1", false },
};

static void peer_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(out, &in, sizeof in);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(out, &in6, sizeof in6);
    }
}

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        struct networks n;
        struct sockaddr_storage peer;
        struct err e;
        peer_address(peers[i].peer, &peer);
        assert_true(networks_parse(&n, str_from_c(peers[i].networks), &e));
        if (networks_hold(&n, (struct sockaddr *)&peer) != peers[i].want)
            fail_msg("%s in %s", peers[i].peer, peers[i].networks);
    }
}

static void test_networks_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "localhost", "10.0.0.0/33", "::1/129",
                                       "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x",
                                       "10.0.0",    "/8",          "1.2.3.4 5.6.7.8" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct networks n;
        struct err e = { 0 };
        if (networks_parse(&n, str_from_c(bad[i]), &e))
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.msg, bad[i]));
    }
}

static const struct {
    const char *host;
    bool want;
} hosts[] = {
    { "example.com", true }, { "example.com:8080", true },
    { "127.0.0.1:1", true }, { "[::1]", true },
    { "[::1]:65535", true }, { "a_b-c~d.e", true },
    { "", false },           { ":80", false },
    { "a:", false },         { "a:65536", false },
    { "a:123456", false },   { "a:8o", false },
    { "a:80:80", false },    { "[::1", false },
    { "[]", false },         { "[::1]x", false },
    { "[a.b]", false },      { "::1", false },
    { "a b", false },        { "a/b", false },
    { "a@b", false },        { "a\"b", false },
    { "a<b>", false },       { "a%2e", false },
    { "a\r\nX: y", false },  { "\xc3\xa9.fr", false },
};

static void test_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hosts); i++)
        if (host_is_valid(str_from_c(hosts[i].host)) != hosts[i].want)
            fail_msg("%s", hosts[i].host);
    char longest[PROXY_HOST_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(host_is_valid((struct str){ longest, PROXY_HOST_MAX }));
    assert_false(host_is_valid((struct str){ longest, PROXY_HOST_MAX + 1 }));
    assert_false(host_is_valid((struct str){ "[::1\0]", 6 }));
}

static const struct {
    const char *header, *host, *proto;
} forwarded[] = {
    { "for=1.2.3.4;host=example.com;proto=https", "example.com", "https" },
    { "host=\"example.com:8443\";proto=https", "example.com:8443", "https" },
    { "Host=a;PROTO=HTTPS", "a", "https" },
    { "host=a, host=b", "a", "" },
    { "for=x , host=b;proto=https", "", "" },
    { "for=\"[::1]:99\";host=\"[::2]:1\"", "[::2]:1", "" },
    { "for=\"a,b;host=c\";host=d", "d", "" },
    { "host=\"a\\.b\"", "a.b", "" },
    { " host=a ; proto=http ", "a", "http" },
    { ";;host=a;", "a", "" },
    { "proto=https", "", "https" },
    { "proto=ftp;host=a", "a", "" },
    { "host=\"a b\";proto=https", "", "https" },
    { "host=\"a", "", "" },
    { "host=\"a\\", "", "" },
    { "host=a\"b\"", "", "" },
    { "host=", "", "" },
    { "host", "", "" },
    { "=a", "", "" },
    { "\"host\"=a", "", "" },
    { "host=a b", "", "" },
    { "host = a", "", "" },
    { "", "", "" },
};

static void test_forwarded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forwarded); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        struct forwarded f = forwarded_parse(str_from_c(forwarded[i].header), a);
        if (!str_eq(f.host, str_from_c(forwarded[i].host)) ||
            !str_eq(f.proto, str_from_c(forwarded[i].proto)))
            fail_msg("%s: '%.*s' '%.*s'", forwarded[i].header, STR_ARG(f.host), STR_ARG(f.proto));
    }
}

static void test_legacy(void **state)
{
    (void)state;
    struct forwarded f = forwarded_legacy(STR(" a:1 , b"), STR("https,http"));
    assert_true(str_eq(f.host, STR("a:1")) && str_eq(f.proto, STR("https")));
    f = forwarded_legacy(STR("a/b"), STR("gopher"));
    assert_true(f.host.len == 0 && f.proto.len == 0);
    f = forwarded_legacy(STR(""), STR("HTTPS"));
    assert_true(f.host.len == 0 && str_eq(f.proto, STR("https")));
}

static const struct {
    const char *list;
    bool is_rfc7239;
    const char *want; /* NULL: nothing that can be used */
} clients[] = {
    { "1.2.3.4", false, "1.2.3.4" },
    { "6.6.6.6, 1.2.3.4", false, "1.2.3.4" }, /* the first one may be invented */
    { "1.2.3.4, 10.0.0.1,10.9.9.9", false, "1.2.3.4" },
    { "10.0.0.1, 10.9.9.9", false, "10.0.0.1" }, /* from inside */
    { "6.6.6.6, 10.0.0.1, 1.2.3.4, 10.9.9.9", false, "1.2.3.4" },
    { "6.6.6.6, unknown, 10.9.9.9", false, "10.9.9.9" },
    { "6.6.6.6, , 10.8.8.8, 10.9.9.9", false, "10.8.8.8" },
    { "6.6.6.6, unknown", false, NULL },
    { "1.2.3.4:567", false, "1.2.3.4" },
    { "[2001:db8::1]:567", false, "2001:db8::1" },
    { "[2001:db8::1]", false, "2001:db8::1" },
    { "2001:DB8:0::1", false, "2001:db8::1" },
    { "::ffff:1.2.3.4", false, "1.2.3.4" },
    { "1.2.3.4, ::ffff:10.1.1.1", false, "1.2.3.4" },
    { "1.2.3", false, NULL },
    { "1.2.3.4.5", false, NULL },
    { "example.com", false, NULL },
    { "[", false, NULL },
    { ":", false, NULL },
    { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", false, NULL },
    { ",", false, NULL },
    { "", false, NULL },
    { "for=6.6.6.6, for=1.2.3.4;proto=https", true, "1.2.3.4" },
    { "for=1.2.3.4;by=x , For=10.0.0.1", true, "1.2.3.4" },
    { "for=\"[2001:db8::1]:567\"", true, "2001:db8::1" },
    { "for=\"1.2.3.4, 5.6.7.8\"", true, NULL },
    { "for=1.2.3.4, proto=https", true, NULL },
    { "for=6.6.6.6, for=_hidden, for=10.1.1.1", true, "10.1.1.1" },
    { "for=1.2.3.4, for=\"", true, NULL },
    { "1.2.3.4", true, NULL },
    { "", true, NULL },
};

static void test_clients(void **state)
{
    (void)state;
    struct networks trusted;
    struct err e;
    assert_true(networks_parse(&trusted, STR("10.0.0.0/8"), &e));
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        char got[PROXY_ADDRESS_MAX] = "nobody";
        bool found =
            forwarded_client(str_from_c(clients[i].list), clients[i].is_rfc7239, &trusted, a, got);
        const char *want = clients[i].want ? clients[i].want : "nobody";
        if (found != (clients[i].want != NULL) || strcmp(got, want) != 0)
            fail_msg("%s: %s, not %s", clients[i].list, got, want);
    }
}

/* Any list of up to six, against reading it from its end. */
static void test_clients_from_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_address, is_proxy;
    } nodes[] = { { "1.1.1.1", true, false },
                  { "2.2.2.2", true, false },
                  { "10.0.0.1", true, true },
                  { "10.0.0.2", true, true },
                  { "unknown", false, false } };
    struct networks trusted;
    struct err e;
    assert_true(networks_parse(&trusted, STR("10.0.0.0/8"), &e));
    CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
    for (unsigned n = 0; n < 5 * 5 * 5 * 5 * 5 * 5; n++) {
        char list[128] = "", got[PROXY_ADDRESS_MAX] = "";
        const char *want = "";
        bool open = true;
        unsigned digits = n;
        for (int i = 0; i < 6; i++, digits /= 5) { /* the last one first */
            char longer[128];
            snprintf(longer, sizeof longer, "%s%s%s", nodes[digits % 5].text, i ? ", " : "", list);
            snprintf(list, sizeof list, "%s", longer);
            open = open && nodes[digits % 5].is_address;
            if (open)
                want = nodes[digits % 5].text;
            open = open && nodes[digits % 5].is_proxy;
        }
        (void)forwarded_client(str_from_c(list), false, &trusted, a, got);
        if (strcmp(got, want) != 0)
            fail_msg("%s: %s, not %s", list, got, want);
    }
}

static void test_address_text(void **state)
{
    (void)state;
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    char text[PROXY_ADDRESS_MAX];
    in.sin_addr.s_addr = htonl(0x7f000001);
    address_text((struct sockaddr *)&in, text);
    assert_string_equal(text, "127.0.0.1");
    address_text((struct sockaddr *)&in6, text);
    assert_string_equal(text, "::1");
    address_text(&none, text);
    assert_string_equal(text, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_networks_refused),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_clients_from_the_end),
        cmocka_unit_test(test_address_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
