/* test_hostile.c - broken requests, endless ones, slow ones, and too many. */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: a\r\n"

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

#define R(literal) literal, sizeof(literal) - 1

static const struct {
    const char *name;
    const char *request;
    size_t len;
    unsigned status;  /* 0: closed without an answer */
    const char *word; /* in the answer; NULL: made by libmicrohttpd */
} broken[] = {
    { "no words", R("hello\r\n\r\n"), 0, NULL },
    { "no version", R("GET /\r\n\r\n"), 400, NULL },
    { "version of nothing", R("GET / HTTX/1.1\r\n\r\n"), 400, NULL },
    { "version to come", R("GET / HTTP/2.0\r\n" HOST "\r\n"), 505, NULL },
    { "TLS", R("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 0, NULL },
    { "header without colon", R("GET / HTTP/1.1\r\nHost\r\n\r\n"), 400, NULL },
    { "no host", R("GET / HTTP/1.1\r\n\r\n"), 400, "bad_host" },
    { "two hosts", R("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), 400, "bad_host" },
    { "empty host", R("GET / HTTP/1.1\r\nHost: \r\n\r\n"), 400, "bad_host" },
    { "markup as host", R("GET / HTTP/1.1\r\nHost: <b>\r\n\r\n"), 400, "bad_host" },
    { "markup in URL", R("GET http://<b>/ HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_host" },
    { "percent", R("GET /% HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "percent in query", R("GET /?a=%zz HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "encoded NUL", R("GET /%00 HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "NUL", R("GET /\0x HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "NUL in query", R("GET /?a=\0x HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "not UTF-8", R("GET /\xff HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "not UTF-8 in query", R("GET /?a=%ff HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "space in URL", R("GET /a b HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "no slash", R("GET x HTTP/1.1\r\n" HOST "\r\n"), 400, "bad_url" },
    { "path tricks", R("GET /../../etc/passwd HTTP/1.1\r\n" HOST "\r\n"), 404, "not_found" },
    { "encoded tricks", R("GET /..%2f..%2fetc HTTP/1.1\r\n" HOST "\r\n"), 404, "not_found" },
    { "space after header name", R("GET / HTTP/1.1\r\n" HOST "X : y\r\n\r\n"), 400, "bad_request" },
    { "length no number", R("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\n"), 400,
      NULL },
    { "negative length", R("POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"), 400,
      NULL },
    { "length over 64 bits",
      R("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n"), 413,
      NULL },
    { "length over the limit",
      R("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551614\r\n\r\n"), 413,
      "body_too_large" },
    { "two lengths",
      R("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 400,
      "bad_request" },
    { "length and chunks",
      R("POST /echo HTTP/1.1\r\n" HOST
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      400, "bad_request" },
    { "two codings",
      R("POST /echo HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      501, "bad_transfer_encoding" },
    { "unknown transfer coding",
      R("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501,
      "bad_transfer_encoding" },
    { "chunk of no size",
      R("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400, NULL },
    { "chunk without end",
      R("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"), 400,
      NULL },
    { "unknown method", R("BREW / HTTP/1.1\r\n" HOST "\r\n"), 405, "method_not_allowed" },
    { "gzip cut off",
      R("POST /echo HTTP/1.1\r\n" HOST "Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n"
        "\x1f\x8b\x08\0\0\0\0\0\0\x03"),
      400, "bad_encoding" },
};

static void test_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        int fd = wire_connect(&server);
        wire_send(fd, broken[i].request, broken[i].len);
        struct answer a = wire_answer(fd, false);
        char word[64];
        snprintf(word, sizeof word, "{\"error\":\"%s\"", broken[i].word ? broken[i].word : "");
        bool word_fits = !broken[i].word || (a.body && strstr(a.body, word) &&
                                             answer_has(&a, "Access-Control-Allow-Origin: *"));
        if (a.status != broken[i].status || !word_fits)
            fail_msg("%s: %s%s", broken[i].name, a.head, a.body ? a.body : "");
        answer_free(&a);
        close(fd);
    }
}

/* Sends `piece` again and again, up to 64 MB, until the server has had enough. */
static struct answer send_endlessly(const char *start, const char *piece)
{
    int fd = wire_connect(&server);
    size_t n = strlen(piece);
    (void)wire_text(fd, start);
    for (size_t sent = 0; sent < 64 << 20 && wire_send(fd, piece, n); sent += n)
        ;
    struct answer a = wire_answer(fd, false);
    close(fd);
    return a;
}

static void test_endless_body(void **state)
{
    (void)state;
    static char piece[65536 + 10] = "10000\r\n";
    memset(piece + 7, 'x', 65536);
    memcpy(piece + 7 + 65536, "\r\n", 3);
    struct answer a =
        send_endlessly("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", piece);
    assert_int_equal(a.status, 413);
    assert_non_null(strstr(a.body, "body_too_large"));
    answer_free(&a);
}

/* The whole body is on its way when the refusal comes; the answer must get through. */
static void test_long_body_from_its_length(void **state)
{
    (void)state;
    static char piece[65537];
    memset(piece, 'x', 65536);
    struct answer a =
        send_endlessly("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 67108864\r\n\r\n", piece);
    assert_int_equal(a.status, 413);
    assert_true(answer_has(&a, "Connection: close"));
    assert_true(answer_has(&a, "Access-Control-Allow-Origin: *"));
    answer_free(&a);
    a = send_endlessly("POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 67108864\r\n\r\n", piece);
    assert_int_equal(a.status, 404);
    answer_free(&a);
}

static void test_large_headers(void **state)
{
    (void)state;
    static const struct {
        const char *start, *piece;
        size_t times;
        unsigned status;
    } cases[] = {
        { "GET /", "aaaaaaaaaa", 8300 / 10, 431 }, /* ours: over 8 KiB */
        { "GET /", "aaaaaaaaaa", 3000, 414 },      /* MHD's: over what it has memory for */
        { "GET /?", "a&", 3000, 400 },             /* many parameters in little room */
        { "GET / HTTP/1.1\r\n" HOST "X: ", "aaaaaaaaaa", 900, 431 },
        { "GET / HTTP/1.1\r\n" HOST "X: ", "aaaaaaaaaa", 3000, 431 },
        { "GET / HTTP/1.1\r\n" HOST "X: y", "\r\na:b", 2000, 431 },
        { "GET / HTTP/1.1\r\n" HOST "X: y", "\r\n folded", 3000, 431 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = wire_connect(&server);
        struct buf b;
        buf_init(&b, 1 << 20);
        buf_str(&b, str_from_c(cases[i].start));
        for (size_t n = 0; n < cases[i].times; n++)
            buf_str(&b, str_from_c(cases[i].piece));
        if (!strstr(cases[i].start, "HTTP"))
            buf_str(&b, STR(" HTTP/1.1\r\n" HOST));
        buf_str(&b, STR("\r\n\r\n"));
        wire_send(fd, b.ptr, b.len);
        struct answer a = wire_answer(fd, false);
        if (a.status != cases[i].status)
            fail_msg("%s%s...: %s", cases[i].start, cases[i].piece, a.head);
        answer_free(&a);
        buf_done(&b);
        close(fd);
    }
}

/* Four requests that take their time; then each way to be slow, all at once. */
static void test_slow_senders(void **state)
{
    (void)state;
    static const struct {
        const char *start, *piece;
        unsigned status;
    } slow[] = {
        { "", "", 0 },
        { "G", "E", 0 },
        { "GET / HTTP/1.1\r\n" HOST, "X: y\r\n", 408 },
        { "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", "a", 408 },
        { "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", 408 },
    };
    struct wire w;
    struct http_config c = wire_config();
    int fds[COUNT_OF(slow)];
    c.request_timeout_s = 1;
    c.idle_timeout_s = 1;
    wire_start(&w, &c);
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        fds[i] = wire_connect(&w);
        wire_text(fds[i], slow[i].start);
    }
    for (int step = 0; step < 8; step++) { /* each byte would start MHD's timeout again */
        sleep_ms(100);
        for (size_t i = 0; i < COUNT_OF(slow); i++)
            assert_true(wire_text(fds[i], slow[i].piece));
    }
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        struct answer a = wire_answer(fds[i], false);
        if (a.status != slow[i].status)
            fail_msg("%s: %u", slow[i].start, a.status);
        answer_free(&a);
        assert_true(wire_closed(fds[i]));
        close(fds[i]);
    }
    wire_stop(&w);
}

/* A parked request may take longer than any timeout. */
static void test_parked_is_not_slow(void **state)
{
    (void)state;
    struct wire w;
    struct http_config c = wire_config();
    c.request_timeout_s = 1;
    c.idle_timeout_s = 1;
    wire_start(&w, &c);
    int fd = wire_connect(&w);
    wire_text(fd, "GET /park HTTP/1.1\r\n" HOST "\r\n");
    struct http_exchange *x = wire_wait_parked(&w);
    sleep_ms(1500);
    http_wake(x, wire_answer_woken, &w.parked);
    struct answer a = wire_answer(fd, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    close(fd);
    wire_stop(&w);
}

static void test_too_many_connections(void **state)
{
    (void)state;
    struct wire w;
    struct http_config c = wire_config();
    int fds[4];
    c.connections_max = COUNT_OF(fds);
    wire_start(&w, &c);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_connect(&w);
        wire_text(fds[i], "GET / HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = wire_answer(fds[i], false);
        assert_int_equal(a.status, 200);
        answer_free(&a);
    }
    int more = wire_connect(&w);
    assert_true(wire_closed(more));
    close(more);
    close(fds[0]);
    unsigned status = 0;
    for (int i = 0; i < 100 && status == 0; i++) { /* until the server has noticed */
        struct answer a = wire_ask(&w, "GET / HTTP/1.1\r\n" HOST "\r\n");
        status = a.status;
        answer_free(&a);
        sleep_ms(10);
    }
    assert_int_equal(status, 200);
    for (size_t i = 1; i < COUNT_OF(fds); i++)
        close(fds[i]);
    wire_stop(&w);
}

/* Each sender is within its limit, but together they are over the budget. */
static void test_too_many_bodies(void **state)
{
    (void)state;
    struct wire w;
    struct http_config c = wire_config();
    static char piece[600000];
    int fds[2];
    c.bodies_max_bytes = 1200000;
    wire_start(&w, &c);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_connect(&w);
        wire_text(fds[i], "POST /size HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
    }
    wire_send(fds[0], piece, sizeof piece);
    sleep_ms(100);
    (void)wire_send(fds[1], piece, sizeof piece);
    struct answer a = wire_answer(fds[1], false);
    assert_int_equal(a.status, 503);
    assert_true(answer_has(&a, "Retry-After: 1"));
    assert_non_null(strstr(a.body, "too_many_bodies"));
    answer_free(&a);
    wire_send(fds[0], piece, 400000);
    a = wire_answer(fds[0], false);
    assert_string_equal(a.body, "1000000");
    answer_free(&a);
    close(fds[0]), close(fds[1]);
    wire_stop(&w);
}

/* Clients that vanish at any point leave nothing behind (the sanitizers watch). */
static void test_cut_anywhere(void **state)
{
    (void)state;
    static const char request[] = "POST /echo?a=b HTTP/1.1\r\n" HOST
                                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (size_t n = 0; n < sizeof request; n++) {
        int fd = wire_connect(&server);
        struct linger now = { .l_onoff = n % 2 };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        wire_send(fd, request, n);
        close(fd);
    }
    struct answer a = wire_ask(&server, request);
    assert_int_equal(a.status, 200);
    answer_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_endless_body),
        cmocka_unit_test(test_long_body_from_its_length),
        cmocka_unit_test(test_large_headers),
        cmocka_unit_test(test_slow_senders),
        cmocka_unit_test(test_parked_is_not_slow),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_too_many_bodies),
        cmocka_unit_test(test_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
