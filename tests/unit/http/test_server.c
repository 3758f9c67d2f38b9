/* test_server.c - the server over real sockets: what well-behaved clients see. */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define HOST "Host: example.com:81\r\n"

static struct wire server;

static int set_up(void **state)
{
    (void)state;
    struct http_config c = wire_config();
    wire_start(&server, &c);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_stop(&server);
    return 0;
}

static const struct {
    const char *request;
    unsigned status;
    const char *body;   /* NULL: any */
    const char *header; /* a line of the answer, or NULL */
} asks[] = {
    { "GET / HTTP/1.1\r\n" HOST "\r\n", 200, "||none", "Content-Type: application/json" },
    { "GET /?v=a+b%26 HTTP/1.1\r\n" HOST "\r\n", 200, "||a b&", NULL },
    { "GET /?v=1&v=2 HTTP/1.1\r\n" HOST "\r\n", 200, "||1", NULL },
    { "GET /a%20b/parts/c%2Fd/ HTTP/1.1\r\n" HOST "\r\n", 200, "a b|c/d|none", NULL },
    { "GET http://other/x/parts HTTP/1.1\r\n" HOST "\r\n", 200, "x||none", NULL },
    { "GET / HTTP/1.0\r\n\r\n", 200, "||none", "Connection: close" },
    { "HEAD /?v=abc HTTP/1.1\r\n" HOST "\r\n", 200, "", "Content-Length: 5" },
    { "HEAD /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, "", "Content-Type: application/json" },
    { "GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404,
      "{\"error\":\"not_found\",\"message\":\"there is nothing at /nowhere\"}\n",
      "Access-Control-Allow-Origin: *" },
    { "DELETE /x/parts HTTP/1.1\r\n" HOST "\r\n", 405,
      "{\"error\":\"method_not_allowed\",\"message\":\"DELETE cannot be used here\"}\n",
      "Allow: GET, HEAD, OPTIONS" },
    { "OPTIONS /x/parts/y HTTP/1.1\r\n" HOST "\r\n", 200, "", "Allow: GET, HEAD, DELETE, OPTIONS" },
    { "OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n", 200, "",
      "Access-Control-Allow-Methods: POST, PUT, OPTIONS" },
    { "OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n", 200, "",
      "Access-Control-Allow-Headers: Authorization, Content-Encoding, Content-Type, "
      "X-Coroner-Token, "
      "X-Submission-Bucket" },
    { "OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n", 200, "", "Access-Control-Max-Age: 86400" },
    { "OPTIONS /echo HTTP/1.1\r\n" HOST "\r\n", 200, "", "Access-Control-Allow-Origin: *" },
    { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 200, "", NULL },
    { "OPTIONS /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, NULL, NULL },
    { "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, "abc",
      "Content-Type: application/octet-stream" },
    { "PUT /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, "", NULL },
    { "POST /echo HTTP/1.1\r\n" HOST "\r\n", 200, "", NULL },
    { "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
      200, "abcde", NULL },
    { "POST /echo HTTP/1.1\r\n" HOST "Content-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
      200, "abc", NULL },
    { "POST /echo HTTP/1.1\r\n" HOST "Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", 415,
      NULL, "Accept-Encoding: gzip, deflate" },
    { "POST /echo HTTP/1.1\r\n" HOST "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 400,
      "{\"error\":\"bad_encoding\",\"message\":\"the compressed body is damaged\"}\n", NULL },
    { "GET /conflict HTTP/1.1\r\n" HOST "\r\n", 409,
      "{\"error\":\"taken\",\"message\":\"it is taken\"}\n", "Location: /elsewhere" },
    { "GET /too-much HTTP/1.1\r\n" HOST "\r\n", 500,
      "{\"error\":\"answer_too_large\",\"message\":\"the answer is too large, or memory is "
      "short\"}\n",
      NULL },
    { "GET /base HTTP/1.1\r\n" HOST "\r\n", 200, "http://example.com:81", NULL },
    { "GET http://other:5/base HTTP/1.1\r\n" HOST "\r\n", 200, "http://other:5", NULL },
    { "GET /base HTTP/1.1\r\n" HOST "X-Forwarded-Proto: https\r\n\r\n", 200,
      "https://example.com:81", NULL },
    { "GET /base HTTP/1.1\r\n" HOST "X-Forwarded-Host: a, b\r\nX-Forwarded-Protocol: https\r\n\r\n",
      200, "https://a", NULL },
    { "GET /base HTTP/1.1\r\n" HOST "X-Forwarded-Host: a\r\n"
      "Forwarded: host=\"c.d:9\";proto=https, host=e\r\n\r\n",
      200, "https://c.d:9", NULL },
    { "GET /base HTTP/1.1\r\n" HOST "X-Forwarded-Host: a/b\r\n\r\n", 200, "http://example.com:81",
      NULL },
    { "GET /base HTTP/1.1\r\n" HOST "Forwarded: host=\"a\\\"b\"\r\n\r\n", 200,
      "http://example.com:81", NULL },
};

static void test_asks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        struct answer a = wire_ask(&server, asks[i].request);
        if (a.status != asks[i].status || (asks[i].body && strcmp(a.body, asks[i].body) != 0) ||
            (asks[i].header && !answer_has(&a, asks[i].header)))
            fail_msg("%s\ngot: %s%s", asks[i].request, a.head, a.body ? a.body : "");
        answer_free(&a);
    }
}

static void test_base_without_host(void **state)
{
    (void)state;
    char want[64];
    struct answer a = wire_ask(&server, "GET /base HTTP/1.0\r\n\r\n");
    snprintf(want, sizeof want, "http://127.0.0.1:%u", server.port);
    assert_string_equal(a.body, want);
    answer_free(&a);
}

static void test_keep_alive_and_pipelining(void **state)
{
    (void)state;
    int fd = wire_connect(&server);
    for (int round = 0; round < 3; round++) {
        wire_text(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
                      "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\ntwo"
                      "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                      "5\r\nthree\r\n0\r\n\r\n"
                      "GET /wake-first HTTP/1.1\r\n" HOST "\r\n"
                      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nfour");
        static const char *const want[] = { "one", NULL, "three", "woken", "four" };
        for (size_t i = 0; i < COUNT_OF(want); i++) {
            struct answer a = wire_answer(fd, false);
            assert_int_equal(a.status, want[i] ? 200 : 404);
            if (want[i])
                assert_string_equal(a.body, want[i]);
            answer_free(&a);
        }
    }
    close(fd);
}

static void test_expect_continue(void **state)
{
    (void)state;
    int fd = wire_connect(&server);
    wire_text(fd,
              "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    struct answer a = wire_answer(fd, false);
    assert_int_equal(a.status, 100);
    answer_free(&a);
    wire_text(fd, "abc");
    a = wire_answer(fd, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "abc");
    answer_free(&a);
    /* What will be refused is refused before the body is sent. */
    wire_text(fd, "POST /nowhere HTTP/1.1\r\n" HOST
                  "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    a = wire_answer(fd, false);
    assert_int_equal(a.status, 404);
    answer_free(&a);
    assert_true(wire_closed(fd));
    close(fd);
}

static void test_compressed(void **state)
{
    (void)state;
    static char text[300000], packed[300000], head[256];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 7);
    uLongf n = sizeof packed;
    assert_int_equal(compress((Bytef *)packed, &n, (const Bytef *)text, sizeof text), Z_OK);
    int fd = wire_connect(&server);
    snprintf(head, sizeof head,
             "POST /echo HTTP/1.1\r\n" HOST
             "Content-Encoding: deflate\r\nContent-Length: %lu\r\n\r\n",
             n);
    wire_text(fd, head);
    wire_send(fd, packed, n);
    struct answer a = wire_answer(fd, false);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, sizeof text);
    assert_memory_equal(a.body, text, sizeof text);
    answer_free(&a);
    close(fd);
}

/* The largest body that is allowed, in both ways to send it. */
static void test_largest_body(void **state)
{
    (void)state;
    size_t n = 1 << 20;
    char *body = calloc(1, n);
    assert_non_null(body);
    int fd = wire_connect(&server);
    wire_text(fd, "POST /size HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n");
    wire_send(fd, body, n);
    struct answer a = wire_answer(fd, false);
    assert_string_equal(a.body, "1048576");
    answer_free(&a);
    wire_text(fd, "POST /size HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n100000\r\n");
    wire_send(fd, body, n);
    wire_text(fd, "\r\n0\r\n\r\n");
    a = wire_answer(fd, false);
    assert_string_equal(a.body, "1048576");
    answer_free(&a);
    close(fd);
    free(body);
}

static void test_untrusted_proxy(void **state)
{
    (void)state;
    struct wire w;
    struct http_config c = wire_config();
    c.trusted_proxies = "10.0.0.0/8";
    c.cors_origin = "";
    wire_start(&w, &c);
    struct answer a =
        wire_ask(&w, "GET /base HTTP/1.1\r\n" HOST "Forwarded: host=evil;proto=https\r\n\r\n");
    assert_string_equal(a.body, "http://example.com:81");
    assert_null(strstr(a.head, "Access-Control"));
    answer_free(&a);
    wire_stop(&w);
}

static void test_several_listeners(void **state)
{
    (void)state;
    static const struct http_listen listen[] = { { .address = "127.0.0.1", .port = 0 },
                                                 { .address = "127.0.0.2", .port = 0 } };
    size_t fds = wire_count_fds();
    struct wire w;
    struct http_config c = wire_config();
    c.listen = listen;
    c.listen_count = 2;
    c.threads = 1;
    wire_start(&w, &c);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(http_port(w.server, 1)) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    wire_text(fd, "GET /base HTTP/1.1\r\n" HOST "\r\n");
    struct answer a = wire_answer(fd, false);
    assert_string_equal(a.body, "http://example.com:81");
    answer_free(&a);
    close(fd);
    wire_stop(&w);
    assert_int_equal(wire_count_fds(), fds);
}

static void test_ipv6(void **state)
{
    (void)state;
    static const struct http_listen listen = { .address = "[::1]", .port = 0 };
    struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has_ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    if (!has_ipv6)
        skip();
    struct wire w;
    struct http_config c = wire_config();
    c.listen = &listen;
    wire_start(&w, &c);
    to.sin6_port = htons(w.port);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    wire_text(fd, "GET /base HTTP/1.0\r\nX-Forwarded-Proto: https\r\n\r\n");
    struct answer a = wire_answer(fd, false);
    char want[64];
    snprintf(want, sizeof want, "https://[::1]:%u", w.port);
    assert_string_equal(a.body, want);
    answer_free(&a);
    close(fd);
    wire_stop(&w);
}

static void test_taken_port(void **state)
{
    (void)state;
    struct http_listen listen[] = { { .address = "127.0.0.1", .port = 0 },
                                    { .address = "127.0.0.1", .port = server.port } };
    struct http_config c = wire_config();
    struct http_server *s = NULL;
    struct err e = { 0 };
    size_t fds = wire_count_fds();
    c.listen = listen;
    c.listen_count = 2; /* the first one is open when the second one fails */
    assert_false(http_start(&s, &c, NULL, 0, NULL, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_non_null(strstr(e.msg, "in use"));
    assert_null(s);
    listen[0].address = "no address";
    assert_false(http_start(&s, &c, NULL, 0, NULL, &e));
    assert_int_equal(e.code, ERR_INPUT);
    c.trusted_proxies = "10.0.0.0/99";
    assert_false(http_start(&s, &c, NULL, 0, NULL, &e));
    assert_non_null(strstr(e.msg, "10.0.0.0/99"));
    assert_int_equal(wire_count_fds(), fds);
}

static int64_t metric_named(const char *name, const char *label)
{
    size_t count;
    struct metric *const *all = http_metrics(server.server, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->name, name) == 0 && (!label || strcmp(all[i]->label, label) == 0))
            return all[i]->value;
    fail_msg("no metric %s", name);
    return -1;
}

static void test_metrics(void **state)
{
    (void)state;
    int64_t good = metric_named("crumple_http_requests_total", "class=\"2xx\"");
    int64_t bad = metric_named("crumple_http_requests_total", "class=\"4xx\"");
    int64_t timed = metric_named("crumple_http_request_seconds", NULL);
    int fd = wire_connect(&server);
    for (int i = 0; i < 3; i++) {
        wire_text(fd, i < 2 ? "GET / HTTP/1.1\r\n" HOST "\r\n" : "GET /x HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = wire_answer(fd, false);
        answer_free(&a);
    }
    assert_true(metric_named("crumple_http_connections", NULL) >= 1);
    /* An answer is counted after its last byte, so the next one makes sure of it. */
    wire_text(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    struct answer a = wire_answer(fd, false);
    answer_free(&a);
    assert_true(metric_named("crumple_http_requests_total", "class=\"2xx\"") >= good + 2);
    assert_true(metric_named("crumple_http_requests_total", "class=\"4xx\"") == bad + 1);
    assert_true(metric_named("crumple_http_request_seconds", NULL) >= timed + 3);
    assert_int_equal(metric_named("crumple_http_bodies_bytes", NULL), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First those that count descriptors, before `server` has any connection. */
        cmocka_unit_test(test_several_listeners),
        cmocka_unit_test(test_taken_port),
        cmocka_unit_test(test_asks),
        cmocka_unit_test(test_base_without_host),
        cmocka_unit_test(test_keep_alive_and_pipelining),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_largest_body),
        cmocka_unit_test(test_untrusted_proxy),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
