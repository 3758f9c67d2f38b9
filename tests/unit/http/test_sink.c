/* test_sink.c - bodies that go to a sink piece by piece: of any size, refused at any point, slow,
 * and cut off. */
#include "wire.h"

#include "http/body.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: a\r\n"
#define POST_CHUNKED "POST /up HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* What a sink has seen, over all requests. */
static struct {
    _Atomic int begun, cleaned, finished;
    _Atomic uint64_t bytes;
    _Atomic size_t largest_piece;
    _Atomic size_t rss_max;
} seen;

struct counter {
    uint64_t bytes, fail_at;
    uint64_t sum;
};

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*s %zu", &pages), 1);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void clean(void *sink)
{
    struct counter *c = sink;
    c->bytes = 0; /* must still be there */
    atomic_fetch_add(&seen.cleaned, 1);
}

static uint64_t number(struct http_exchange *x, const char *name, uint64_t otherwise)
{
    char query[256], wanted[32];
    snprintf(query, sizeof query, "&%.*s", STR_ARG(http_query(x)));
    snprintf(wanted, sizeof wanted, "&%s=", name);
    const char *at = strstr(query, wanted);
    return at ? strtoull(at + strlen(wanted), NULL, 10) : otherwise;
}

/* ?refuse=STATUS&max=BYTES&fail=BYTES */
static unsigned begin(struct http_exchange *x, void *ctx, void **sink, struct err *e)
{
    (void)ctx;
    struct counter *c = arena_zalloc(http_arena(x), sizeof *c);
    unsigned status = (unsigned)number(x, "refuse", 0);
    if (!c || !arena_defer(http_arena(x), clean, c)) {
        err_set(e, ERR_NOMEM, 0, "no memory");
        return 503;
    }
    atomic_fetch_add(&seen.begun, 1);
    if (number(x, "max", 0) > 0)
        http_set_body_max(x, number(x, "max", 0));
    c->fail_at = number(x, "fail", UINT64_MAX);
    *sink = c;
    if (status == 429)
        http_set_header(x, "Retry-After", STR("7"));
    if (status != 0)
        err_word(e, ERR_INPUT, "not_you", "invalid token");
    return status;
}

static bool add(void *sink, struct bytes piece, struct err *e)
{
    struct counter *c = sink;
    for (size_t i = 0; i < piece.len; i += 512)
        c->sum += piece.ptr[i];
    c->bytes += piece.len;
    atomic_fetch_add(&seen.bytes, piece.len);
    if (piece.len > atomic_load(&seen.largest_piece))
        atomic_store(&seen.largest_piece, piece.len);
    if (c->bytes >> 20 != (c->bytes - piece.len) >> 20) { /* once in a MiB */
        size_t rss = resident_bytes();
        if (rss > atomic_load(&seen.rss_max))
            atomic_store(&seen.rss_max, rss);
    }
    return c->bytes < c->fail_at || err_word(e, ERR_INPUT, "bad_part", "no boundary");
}

static void up(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    const struct counter *c = http_sink_of(x);
    assert_int_equal(http_body(x).len, 0);
    atomic_fetch_add(&seen.finished, 1);
    buf_printf(http_out(x), "%llu", (unsigned long long)c->bytes);
    http_answer(x, 200);
}

static void write_error(struct buf *out, unsigned status, const struct err *e)
{
    buf_printf(out, "%u %s: %s", status, e->word ? e->word : "-", e->msg);
}

static const struct http_sink counting = { .begin = begin, .add = add };
static const struct http_route routes[] = {
    { .methods = "POST",
      .pattern = "up",
      .handler = up,
      .sink = &counting,
      .error_writer = write_error },
};

static struct wire server;

static void start(struct wire *w, unsigned timeout_s)
{
    struct http_config c = wire_config();
    if (timeout_s > 0)
        c.request_timeout_s = c.idle_timeout_s = timeout_s;
    wire_start_routes(w, &c, routes, COUNT_OF(routes));
}

static int set_up(void **state)
{
    (void)state;
    start(&server, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_stop(&server);
    return 0;
}

/* Whatever begin has made is let go of. */
static void expect_cleaned(void)
{
    for (int i = 0; i < 5000 && seen.cleaned != seen.begun; i++)
        sleep_ms(1);
    assert_int_equal(seen.cleaned, seen.begun);
}

static void expect(int fd, unsigned status, const char *body)
{
    struct answer a = wire_answer(fd, false);
    if (a.status != status || strcmp(a.body, body) != 0)
        fail_msg("wanted %u %s\ngot: %s%s", status, body, a.head, a.body ? a.body : "");
    answer_free(&a);
}

static void test_large_body_takes_no_memory(void **state)
{
    (void)state;
    static char piece[1 << 20];
    memset(piece, 'x', sizeof piece);
    int fd = wire_connect(&server);
    wire_text(fd, "POST /up?max=9223372036854775808 HTTP/1.1\r\n" HOST
                  "Transfer-Encoding: chunked\r\n\r\n");
    wire_chunk(fd, piece, sizeof piece);
    size_t before = resident_bytes();
    atomic_store(&seen.rss_max, 0);
    for (int i = 1; i < 200; i++)
        assert_true(wire_chunk(fd, piece, sizeof piece));
    wire_text(fd, "0\r\n\r\n");
    expect(fd, 200, "209715200");
    assert_true(seen.rss_max > 0 && seen.rss_max < before + (4 << 20));
    wire_text(fd, "POST /up HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"); /* kept alive */
    expect(fd, 200, "3");
    close(fd);
}

static size_t bomb(uint8_t **out, size_t megabytes)
{
    static uint8_t zeros[1 << 20];
    size_t room = megabytes << 12;
    z_stream z = { 0 };
    *out = malloc(room);
    assert_non_null(*out);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = *out;
    z.avail_out = (uInt)room;
    for (size_t i = 0; i < megabytes; i++) {
        z.next_in = zeros;
        z.avail_in = sizeof zeros;
        assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
    }
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = room - z.avail_out;
    deflateEnd(&z);
    return n;
}

static void test_gzip_bomb(void **state)
{
    (void)state;
    uint8_t *packed;
    char head[256];
    size_t n = bomb(&packed, 32);
    atomic_store(&seen.largest_piece, 0);
    atomic_store(&seen.bytes, 0);
    for (int all = 0; all < 2; all++) {
        int fd = wire_connect(&server);
        snprintf(head, sizeof head,
                 "POST /up?max=%s HTTP/1.1\r\n" HOST
                 "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                 all ? "33554432" : "1000000", n);
        wire_text(fd, head);
        (void)wire_send(fd, packed, n);
        if (all)
            expect(fd, 200, "33554432");
        else
            expect(fd, 413, "413 body_too_large: the body is larger than 1000000 bytes");
        close(fd);
        if (!all)
            assert_true(seen.bytes <= 1000000);
    }
    assert_true(seen.largest_piece <= BODY_PIECE_MAX);
    free(packed);
}

#define LINE(query) "POST /up" query " HTTP/1.1\r\n" HOST

/* One request each, in its answer what the error_writer writes. */
static const struct {
    const char *name, *request;
    unsigned status;
    const char *body;
    bool closes;
} refused[] = {
    { "length over the limit", LINE("") "Content-Length: 1048577\r\n\r\n", 413,
      "413 body_too_large: the body is larger than 1048576 bytes", true },
    { "length over begin's limit", LINE("?max=10") "Content-Length: 11\r\n\r\n01234567890", 413,
      "413 body_too_large: the body is larger than 10 bytes", false },
    { "chunks over the limit",
      LINE("?max=10") "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n", 413,
      "413 body_too_large: the body is larger than 10 bytes", false },
    { "by begin, no body", LINE("?refuse=403") "\r\n", 403, "403 not_you: invalid token", false },
    { "by begin, small body", LINE("?refuse=403") "Content-Length: 3\r\n\r\nabc", 403,
      "403 not_you: invalid token", false },
    { "by begin, large body", LINE("?refuse=503") "Content-Length: 1000000\r\n\r\nabc", 503,
      "503 not_you: invalid token", true },
    { "by begin, chunks",
      LINE("?refuse=400") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400,
      "400 not_you: invalid token", false },
    { "by begin, the client waits",
      LINE("?refuse=403") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", 403,
      "403 not_you: invalid token", true },
    { "by add, small rest", LINE("?fail=2") "Content-Length: 5\r\n\r\nabcde", 400,
      "400 bad_part: no boundary", false },
    { "by add, large rest", LINE("?fail=2") "Content-Length: 500000\r\n\r\nabcde", 400,
      "400 bad_part: no boundary", true },
    { "by add, chunks", LINE("?fail=2") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      400, "400 bad_part: no boundary", false },
    { "coding", LINE("") "Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", 415,
      "415 unknown_encoding: bodies are taken plain, as gzip or as deflate", false },
    { "gzip cut off", LINE("") "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n\x1f", 400,
      "400 bad_encoding: the compressed body is cut off", false },
    { "framing", LINE("") HOST "Content-Length: 3\r\n\r\nabc", 400,
      "400 bad_host: a request needs one Host header", true },
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        int fd = wire_connect(&server);
        wire_text(fd, refused[i].request);
        struct answer a = wire_answer(fd, false);
        if (a.status != refused[i].status || strcmp(a.body, refused[i].body) != 0 ||
            answer_has(&a, "Connection: close") != refused[i].closes)
            fail_msg("%s: %s%s", refused[i].name, a.head, a.body ? a.body : "");
        assert_int_equal(a.status == 503, answer_has(&a, "Retry-After: 1"));
        answer_free(&a);
        if (refused[i].closes) {
            assert_true(wire_closed(fd));
        } else {
            wire_text(fd, "POST /up HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
            expect(fd, 200, "3");
        }
        close(fd);
    }
    expect_cleaned();
}

static void test_own_retry_after(void **state)
{
    (void)state;
    struct answer a = wire_ask(&server, LINE("?refuse=429") "\r\n");
    assert_int_equal(a.status, 429);
    assert_true(answer_has(&a, "Retry-After: 7"));
    answer_free(&a);
}

/* A body far over the limit that keeps coming; the answer must get through. */
static void test_refused_while_it_comes(void **state)
{
    (void)state;
    static char piece[65536];
    static const char *const lines[] = { LINE("?fail=100000"), LINE("?max=100000") };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        int fd = wire_connect(&server);
        wire_text(fd, lines[i]);
        wire_text(fd, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t sent = 0; sent < 64 << 20 && wire_chunk(fd, piece, sizeof piece);
             sent += sizeof piece)
            ;
        struct answer a = wire_answer(fd, false);
        assert_int_equal(a.status, i == 0 ? 400 : 413);
        answer_free(&a);
        close(fd);
    }
    expect_cleaned();
}

static void test_expect(void **state)
{
    (void)state;
    static const char *const ignored[] = { "gzip", "", "100-continue, gzip" };
    int fd = wire_connect(&server);
    wire_text(fd, LINE("") "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
    struct answer a = wire_answer(fd, false);
    assert_int_equal(a.status, 100);
    answer_free(&a);
    wire_text(fd, "abc");
    expect(fd, 200, "3");
    for (size_t i = 0; i < COUNT_OF(ignored); i++) {
        char request[200];
        snprintf(request, sizeof request,
                 LINE("?refuse=%s") "Expect: %s\r\nContent-Length: 3\r\n\r\nabc", "0", ignored[i]);
        wire_text(fd, request);
        expect(fd, 200, "3");
        snprintf(request, sizeof request,
                 LINE("?refuse=%s") "Expect: %s\r\nContent-Length: 3\r\n\r\nabc", "403",
                 ignored[i]);
        wire_text(fd, request);
        expect(fd, 403, "403 not_you: invalid token");
    }
    close(fd);
}

/* Gone after some bytes of the body, in both ways; nothing of begin stays, the handler is not
 * called. */
static void test_gone(void **state)
{
    (void)state;
    int finished = seen.finished;
    for (int i = 0; i < 40; i++) {
        int fd = wire_connect(&server);
        struct linger now = { .l_onoff = i % 2 };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        wire_text(fd, POST_CHUNKED);
        if (i % 4 < 2)
            wire_chunk(fd, "abc", 3);
        if (i % 8 < 4)
            sleep_ms(5);
        close(fd);
    }
    struct answer a = wire_ask(&server, LINE("") "Content-Length: 3\r\n\r\nabc");
    assert_int_equal(a.status, 200);
    answer_free(&a);
    expect_cleaned();
    assert_int_equal(seen.finished, finished + 1);
}

/* Four ways to send at once: steadily for longer than the timeout, stopping in the middle, never
 * ending, and drop by drop. */
static void test_slow(void **state)
{
    (void)state;
    static char kilobytes[2048];
    struct wire w;
    int fds[4];
    start(&w, 1);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = wire_connect(&w);
        wire_text(fds[i], POST_CHUNKED);
    }
    wire_chunk(fds[1], kilobytes, sizeof kilobytes);
    wire_chunk(fds[2], kilobytes, sizeof kilobytes);
    for (int step = 0; step < 12; step++) {
        assert_true(wire_chunk(fds[0], kilobytes, sizeof kilobytes));
        (void)wire_chunk(fds[3], "a", 1);
        sleep_ms(200);
    }
    wire_text(fds[0], "0\r\n\r\n");
    expect(fds[0], 200, "24576");
    for (size_t i = 1; i < COUNT_OF(fds); i++) {
        struct answer a = wire_answer(fds[i], false);
        assert_int_equal(a.status, 408);
        assert_non_null(strstr(a.body, "408 request_timeout: "));
        if (i == 3)
            assert_non_null(strstr(a.body, "less than 1024 bytes a second"));
        answer_free(&a);
        assert_true(wire_closed(fds[i]));
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    expect_cleaned();
    wire_stop(&w);
}

/* A server that wants to stop gives an upload its time once, however steadily it comes. */
static void *stop(void *arg)
{
    wire_stop(arg);
    return NULL;
}

static void test_stop_does_not_wait_for_ever(void **state)
{
    (void)state;
    static char kilobytes[2048];
    struct wire w;
    pthread_t t;
    start(&w, 1);
    int fd = wire_connect(&w);
    wire_text(fd, POST_CHUNKED);
    assert_true(wire_chunk(fd, kilobytes, sizeof kilobytes));
    assert_int_equal(pthread_create(&t, NULL, stop, &w), 0);
    int steps = 0;
    while (steps < 40 && wire_chunk(fd, kilobytes, sizeof kilobytes)) {
        sleep_ms(50);
        steps++;
    }
    assert_true(steps < 40);
    pthread_join(t, NULL);
    close(fd);
    expect_cleaned();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_body_takes_no_memory),
        cmocka_unit_test(test_gzip_bomb),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_own_retry_after),
        cmocka_unit_test(test_refused_while_it_comes),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_stop_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
