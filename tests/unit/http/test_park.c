/* test_park.c - answers that come later, clients that go before, and the server's end. */
#include "wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: a\r\n"
#define GET_PARK "GET /park HTTP/1.1\r\n" HOST "\r\n"

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

static void expect_woken(int fd)
{
    struct answer a = wire_answer(fd, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "woken");
    answer_free(&a);
}

static void test_woken_later(void **state)
{
    (void)state;
    int fd = wire_connect(&server);
    for (int i = 0; i < 3; i++) {
        wire_text(fd, GET_PARK);
        struct http_exchange *x = wire_wait_parked(&server);
        sleep_ms(20);
        http_wake(x, wire_answer_woken, &server.parked);
        expect_woken(fd);
    }
    close(fd);
}

/* The wake overtakes the handler's return, or races with it. */
static void test_woken_at_once(void **state)
{
    (void)state;
    static const char *const requests[] = { "GET /wake-first HTTP/1.1\r\n" HOST "\r\n",
                                            "GET /wake-soon HTTP/1.1\r\n" HOST "\r\n" };
    int fd = wire_connect(&server);
    for (int i = 0; i < 300; i++) {
        wire_text(fd, requests[i % 2]);
        expect_woken(fd);
    }
    close(fd);
}

static void test_taken_back(void **state)
{
    (void)state;
    int fd = wire_connect(&server);
    for (int i = 0; i < 100; i++) {
        wire_text(fd, "GET /take-back HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = wire_answer(fd, false);
        assert_int_equal(a.status, 503);
        assert_true(answer_has(&a, "Retry-After: 1"));
        assert_string_equal(a.body, "{\"error\":\"busy\",\"message\":\"the queue is full\"}\n");
        answer_free(&a);
    }
    close(fd);
}

/* The woken function runs once, whether the client closed or reset the connection. */
static void test_client_gone_while_parked(void **state)
{
    (void)state;
    for (int reset = 0; reset <= 1; reset++) {
        int before = atomic_load(&server.parked.handled);
        int fd = wire_connect(&server);
        wire_text(fd, GET_PARK);
        struct http_exchange *x = wire_wait_parked(&server);
        struct linger now = { .l_onoff = reset };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
        sleep_ms(20);
        http_wake(x, wire_answer_woken, &server.parked);
        for (int i = 0; i < 500 && atomic_load(&server.parked.handled) == before; i++)
            sleep_ms(10);
        assert_int_equal(atomic_load(&server.parked.handled), before + 1);
    }
    struct answer a = wire_ask(&server, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(a.status, 200);
    answer_free(&a);
}

static void *ask_many(void *unused)
{
    (void)unused;
    int fd = wire_connect(&server);
    for (int i = 0; i < 100; i++) {
        wire_text(fd, "POST /wake-soon HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
        expect_woken(fd);
    }
    close(fd);
    return NULL;
}

static void test_many_at_once(void **state)
{
    (void)state;
    pthread_t t[8];
    for (size_t i = 0; i < COUNT_OF(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, ask_many, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(t); i++)
        pthread_join(t[i], NULL);
}

/* A client that sends no more waits for its answer all the same. */
static void test_half_closed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *request;
        bool parks, later; /* the end comes when it is parked */
    } rows[] = {
        { "GET", "GET / HTTP/1.1\r\n" HOST "\r\n", false, false },
        { "POST", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", false, false },
        { "POST, chunks",
          "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
          false, false },
        { "refused", "POST /echo HTTP/1.1\r\n" HOST HOST "\r\n", false, false },
        { "parked", GET_PARK, true, false },
        { "parked, later", GET_PARK, true, true },
        { "POST, parked", "POST /park HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", true,
          false },
        { "POST, parked, later", "POST /park HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
          true, true },
        { "woken at once", "POST /wake-soon HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
          false, false },
    };
    for (size_t i = 0; i < COUNT_OF(rows) * 10; i++) {
        size_t k = i % COUNT_OF(rows);
        int fd = wire_connect(&server);
        wire_text(fd, rows[k].request);
        if (!rows[k].later)
            shutdown(fd, SHUT_WR);
        if (rows[k].parks) {
            struct http_exchange *x = wire_wait_parked(&server);
            if (rows[k].later)
                shutdown(fd, SHUT_WR);
            sleep_ms(5);
            http_wake(x, wire_answer_woken, &server.parked);
        }
        struct answer a = wire_answer(fd, false);
        if (a.status == 0)
            fail_msg("%s: no answer", rows[k].name);
        answer_free(&a);
        close(fd);
    }
}

struct stopping {
    struct wire *w;
    _Atomic bool stopped;
};

static void *stop(void *arg)
{
    struct stopping *s = arg;
    wire_stop(s->w);
    atomic_store(&s->stopped, true);
    return NULL;
}

/* http_stop waits for the parked one, which gets its answer; a body that is on its way is cut, idle
 * connections are closed, new ones refused. */
static void test_stop_answers_what_is_there(void **state)
{
    (void)state;
    struct wire w;
    struct stopping s = { .w = &w };
    struct http_config c = wire_config();
    pthread_t t;
    wire_start(&w, &c);
    int idle = wire_connect(&w), parked = wire_connect(&w), sending = wire_connect(&w);
    wire_text(idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
    struct answer a = wire_answer(idle, false);
    answer_free(&a);
    wire_text(sending, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nabc");
    wire_text(parked, GET_PARK);
    struct http_exchange *x = wire_wait_parked(&w);
    sleep_ms(50);
    assert_int_equal(pthread_create(&t, NULL, stop, &s), 0);
    assert_true(wire_closed(sending));
    int late = wire_connect(&w);
    wire_text(late, "GET / HTTP/1.1\r\n" HOST "\r\n");
    assert_true(wire_closed(late));
    assert_false(atomic_load(&s.stopped));
    http_wake(x, wire_answer_woken, &w.parked);
    expect_woken(parked);
    pthread_join(t, NULL);
    assert_true(wire_closed(idle));
    close(idle), close(parked), close(sending), close(late);
}

/* One reads nothing of a large answer, one reads slowly; both are cut after five seconds. */
static void test_stop_does_not_wait_for_readers(void **state)
{
    (void)state;
    struct wire w;
    struct stopping s = { .w = &w };
    struct http_config c = wire_config();
    pthread_t t;
    char piece[4096];
    wire_start(&w, &c);
    int none = wire_connect(&w), slow = wire_connect(&w);
    wire_text(none, "GET /file?bytes=200000000 HTTP/1.1\r\n" HOST "\r\n");
    wire_text(slow, "GET /file?bytes=200000000 HTTP/1.1\r\n" HOST "\r\n");
    sleep_ms(100);
    assert_int_equal(pthread_create(&t, NULL, stop, &s), 0);
    int64_t start_us = metric_clock_us();
    while (!atomic_load(&s.stopped) && metric_clock_us() - start_us < 20000000) {
        assert_true(read(slow, piece, sizeof piece) > 0);
        sleep_ms(20);
    }
    assert_in_range(metric_clock_us() - start_us, 4000000, 8000000);
    pthread_join(t, NULL);
    close(none), close(slow);
}

static void *hammer(void *arg)
{
    struct wire *w = arg;
    for (;;) {
        int fd = wire_connect(w);
        struct answer a = { 0 };
        do {
            answer_free(&a);
            wire_text(fd, "POST /wake-soon HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
            a = wire_answer(fd, false);
        } while (a.status == 200 && !answer_has(&a, "Connection: close"));
        bool ended = a.status == 0 || answer_has(&a, "Connection: close");
        answer_free(&a);
        close(fd);
        if (ended)
            return NULL;
    }
}

/* Stopped in the middle of a storm: every request is answered or its connection closed. */
static void test_stop_under_load(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct wire w;
        struct http_config c = wire_config();
        pthread_t t[6];
        wire_start(&w, &c);
        for (size_t i = 0; i < COUNT_OF(t); i++)
            assert_int_equal(pthread_create(&t[i], NULL, hammer, &w), 0);
        sleep_ms(100);
        wire_stop(&w);
        for (size_t i = 0; i < COUNT_OF(t); i++)
            pthread_join(t[i], NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_woken_later),
        cmocka_unit_test(test_woken_at_once),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_client_gone_while_parked),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_stop_answers_what_is_there),
        cmocka_unit_test(test_stop_does_not_wait_for_readers),
        cmocka_unit_test(test_stop_under_load),
        cmocka_unit_test(test_half_closed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
