/* test_tls.c - TLS listeners: starting with certificates good and bad, requests, and all that the
 * room does past the HTTP library. */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: example.com:81\r\n"

/* Certificates. */

static char folder[] = "/tmp/crumple-tls-XXXXXX";
static char cert_path[64], key_path[64], other_key_path[64], garbage_path[64];

static void write_file(char path[64], const char *name, const void *p, size_t n)
{
    snprintf(path, 64, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void write_key(char path[64], const char *name, gnutls_x509_privkey_t key)
{
    char pem[4096];
    size_t n = sizeof pem;
    assert_int_equal(gnutls_x509_privkey_generate(
                         key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    assert_int_equal(gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, pem, &n), 0);
    write_file(path, name, pem, n);
}

static void write_cert(gnutls_x509_privkey_t key)
{
    gnutls_x509_crt_t cert;
    char pem[8192];
    size_t n = sizeof pem;
    assert_int_equal(gnutls_x509_crt_init(&cert), 0);
    gnutls_x509_crt_set_version(cert, 3);
    gnutls_x509_crt_set_serial(cert, "\1", 1);
    gnutls_x509_crt_set_activation_time(cert, time(NULL) - 1000);
    gnutls_x509_crt_set_expiration_time(cert, time(NULL) + 100000);
    gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, "localhost", 9);
    assert_int_equal(gnutls_x509_crt_set_key(cert, key), 0);
    assert_int_equal(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export(cert, GNUTLS_X509_FMT_PEM, pem, &n), 0);
    write_file(cert_path, "cert.pem", pem, n);
    gnutls_x509_crt_deinit(cert);
}

static void write_files(void)
{
    gnutls_x509_privkey_t key, other;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_init(&other), 0);
    write_key(other_key_path, "other.pem", other);
    write_key(key_path, "key.pem", key);
    write_cert(key);
    write_file(garbage_path, "garbage.pem", "no PEM", 6);
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_privkey_deinit(other);
}

/* The client. */

struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static bool read_exactly(void *from, void *p, size_t n)
{
    struct client *c = from;
    char *to = p;
    while (n > 0) {
        ssize_t got = gnutls_record_recv(c->session, to, n);
        if (got == GNUTLS_E_INTERRUPTED)
            continue;
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

static bool send_all(struct client *c, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t sent = gnutls_record_send(c->session, at, n);
        if (sent == GNUTLS_E_INTERRUPTED || sent == GNUTLS_E_AGAIN)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool say(struct client *c, const char *text)
{
    return send_all(c, text, strlen(text));
}

static struct answer hear(struct client *c)
{
    return wire_answer_by(read_exactly, c, false);
}

static bool connect_with(struct client *c, const struct wire *w, const char *priorities)
{
    c->fd = wire_connect(w);
    assert_int_equal(gnutls_certificate_allocate_credentials(&c->credentials), 0);
    assert_int_equal(gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_priority_set_direct(c->session, priorities, NULL), 0);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    gnutls_transport_set_int(c->session, c->fd);
    gnutls_handshake_set_timeout(c->session, 5000);
    int rc;
    do
        rc = gnutls_handshake(c->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc == 0;
}

static struct client client_connect(const struct wire *w)
{
    struct client c;
    assert_true(connect_with(&c, w, "NORMAL"));
    return c;
}

static void client_close(struct client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
}

/* The server: one listener with TLS, one without. */

static struct wire server;

static struct http_config secure_config(void)
{
    static const struct http_listen listen[] = {
        { .address = "127.0.0.1", .port = 0, .tls = true },
        { .address = "127.0.0.1", .port = 0 },
    };
    struct http_config c = wire_config();
    c.listen = listen;
    c.listen_count = COUNT_OF(listen);
    c.tls_cert = cert_path;
    c.tls_key = key_path;
    return c;
}

static int set_up(void **state)
{
    (void)state;
    write_files();
    struct http_config c = secure_config();
    wire_start(&server, &c);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_stop(&server);
    unlink(cert_path), unlink(key_path), unlink(other_key_path), unlink(garbage_path);
    rmdir(folder);
    return 0;
}

static void expect(struct client *c, unsigned status, const char *body)
{
    struct answer a = hear(c);
    if (a.status != status || (body && strcmp(a.body, body) != 0))
        fail_msg("wanted %u %s\ngot: %s%s", status, body ? body : "", a.head, a.body ? a.body : "");
    answer_free(&a);
}

/* Ended in order: TLS's own goodbye has come. */
static bool ended_in_order(struct client *c)
{
    char byte;
    ssize_t n;
    do
        n = gnutls_record_recv(c->session, &byte, 1);
    while (n > 0 || n == GNUTLS_E_INTERRUPTED);
    return n == 0;
}

/* Closed or reset, but nothing has come that is no TLS. */
static bool ended_without_a_word(struct client *c)
{
    char byte;
    ssize_t n = gnutls_record_recv(c->session, &byte, 1);
    return n == GNUTLS_E_PREMATURE_TERMINATION || n == GNUTLS_E_PULL_ERROR;
}

static void test_bad_files(void **state)
{
    (void)state;
    const struct {
        const char *cert, *key;
        enum err_code code;
        const char *says;
    } cases[] = {
        { NULL, key_path, ERR_INPUT, "no certificate file is given" },
        { "", key_path, ERR_INPUT, "no certificate file is given" },
        { cert_path, NULL, ERR_INPUT, "no key file is given" },
        { "/nowhere.pem", key_path, ERR_NOT_FOUND, "certificate file /nowhere.pem: No such file" },
        { cert_path, "/nowhere.pem", ERR_NOT_FOUND, "key file /nowhere.pem: No such file" },
        { folder, key_path, ERR_INPUT, "it is no file" },
        { "/dev/zero", key_path, ERR_INPUT, "it is no file" },
        { garbage_path, key_path, ERR_INPUT, "cannot be used" },
        { cert_path, garbage_path, ERR_INPUT, "cannot be used" },
        { key_path, cert_path, ERR_INPUT, "cannot be used" },
        { cert_path, other_key_path, ERR_INPUT, "the key does not belong to the certificate" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_config c = secure_config();
        struct http_server *s = NULL;
        struct err e = { 0 };
        c.tls_cert = cases[i].cert;
        c.tls_key = cases[i].key;
        assert_false(http_start(&s, &c, NULL, 0, NULL, &e));
        if (e.code != cases[i].code || !strstr(e.msg, cases[i].says))
            fail_msg("case %zu: %d %s", i, e.code, e.msg);
        c.listen++; /* without TLS nobody looks at them */
        c.listen_count = 1;
        assert_true(http_start(&s, &c, NULL, 0, NULL, &e));
        http_stop(s);
    }
}

static void test_requests(void **state)
{
    (void)state;
    struct client c = client_connect(&server);
    for (int round = 0; round < 2; round++) {
        say(&c, "GET /base HTTP/1.1\r\n" HOST "\r\n"
                "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                "GET /base HTTP/1.1\r\n" HOST "X-Forwarded-Proto: http\r\n\r\n"
                "GET /wake-soon HTTP/1.1\r\n" HOST "\r\n"
                "GET /nowhere HTTP/1.1\r\n" HOST "\r\n");
        expect(&c, 200, "https://example.com:81");
        expect(&c, 200, "abc");
        expect(&c, 200, "http://example.com:81");
        expect(&c, 200, "woken");
        expect(&c, 404, NULL);
    }
    client_close(&c);
    struct wire plain = { .server = server.server, .port = http_port(server.server, 1) };
    struct answer a = wire_ask(&plain, "GET /base HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(a.body, "http://example.com:81");
    answer_free(&a);
}

/* Records and pieces of the body are not cut at the same bytes. */
static void test_bodies(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 16383, 16384, 16385, 100000, 1 << 20 };
    char *body = malloc(1 << 20);
    assert_non_null(body);
    for (size_t i = 0; i < 1 << 20; i++)
        body[i] = (char)(i * i >> 7);
    struct client c = client_connect(&server);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char head[128];
        snprintf(head, sizeof head,
                 "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n"
                 "Expect: 100-continue\r\n\r\n",
                 sizes[i]);
        say(&c, head);
        expect(&c, 100, NULL);
        assert_true(send_all(&c, body, sizes[i]));
        struct answer a = hear(&c);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body_len, sizes[i]);
        assert_memory_equal(a.body, body, sizes[i]);
        answer_free(&a);
    }
    client_close(&c);
    free(body);
}

/* The answer goes past the HTTP library, but not past TLS. */
static void test_refused_while_it_comes(void **state)
{
    (void)state;
    static char piece[65536 + 10] = "10000\r\n";
    memset(piece + 7, 'x', 65536);
    memcpy(piece + 7 + 65536, "\r\n", 3);
    struct client c = client_connect(&server);
    say(&c, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t sent = 0; sent < 64 << 20 && say(&c, piece); sent += 65536)
        ;
    struct answer a = hear(&c);
    assert_int_equal(a.status, 413);
    assert_true(answer_has(&a, "Connection: close"));
    assert_non_null(strstr(a.body, "body_too_large"));
    answer_free(&a);
    assert_true(ended_in_order(&c));
    client_close(&c);
    c = client_connect(&server);
    say(&c, "POST /nowhere HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    expect(&c, 404, NULL);
    assert_true(ended_in_order(&c));
    client_close(&c);
}

static void test_file(void **state)
{
    (void)state;
    struct client c = client_connect(&server);
    for (int round = 0; round < 2; round++) {
        say(&c, "GET /file?bytes=3000000 HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = hear(&c);
        assert_true(answer_is_file(&a, 3000000));
        answer_free(&a);
    }
    client_close(&c);
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *priorities;
        bool fits;
    } cases[] = { { "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
                  { "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
                  { "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", false },
                  { "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT", false } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct client c;
        assert_int_equal(connect_with(&c, &server, cases[i].priorities), cases[i].fits);
        if (cases[i].fits) {
            say(&c, "GET / HTTP/1.1\r\n" HOST "\r\n");
            expect(&c, 200, "||none");
        }
        client_close(&c);
    }
}

/* Nothing but TLS may be written to a connection that is too slow: it is closed. */
static void test_slow(void **state)
{
    (void)state;
    struct wire w;
    struct http_config config = secure_config();
    config.request_timeout_s = config.idle_timeout_s = 1;
    wire_start(&w, &config);
    struct client slow = client_connect(&w), idle = client_connect(&w);
    say(&slow, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
    int silent = wire_connect(&w), plain = wire_connect(&w);
    wire_text(plain, "GET / HTTP/1.1\r\n" HOST "\r\n");
    for (int step = 0; step < 5; step++) {
        sleep_ms(100);
        (void)say(&slow, "a");
    }
    assert_true(ended_without_a_word(&slow));
    assert_true(ended_without_a_word(&idle));
    assert_true(wire_closed(silent));
    assert_true(wire_closed(plain));
    client_close(&slow);
    client_close(&idle);
    close(silent), close(plain);
    wire_stop(&w);
}

/* Gone at any point, with and without a goodbye; also in the middle of a handshake. */
static void test_gone(void **state)
{
    (void)state;
    for (int i = 0; i < 24; i++) {
        struct client c = client_connect(&server);
        struct linger now = { .l_onoff = i % 2 };
        setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (i % 3 > 0)
            say(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 30\r\n\r\n");
        if (i % 3 > 1)
            say(&c, "abc");
        if (i % 4 < 2)
            gnutls_bye(c.session, GNUTLS_SHUT_WR);
        client_close(&c);
        int fd = wire_connect(&server);
        wire_send(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (size_t)i % 12);
        close(fd);
    }
    struct client c = client_connect(&server);
    say(&c, "GET / HTTP/1.1\r\n" HOST "\r\n");
    expect(&c, 200, "||none");
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files), cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bodies),    cmocka_unit_test(test_refused_while_it_comes),
        cmocka_unit_test(test_file),      cmocka_unit_test(test_versions),
        cmocka_unit_test(test_slow),      cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
