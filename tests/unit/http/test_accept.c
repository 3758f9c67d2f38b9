/* test_accept.c - which loop a connection comes to, how many there may be, and what happens when
 * one cannot be accepted. */
#include "wire.h"

#include "http/library.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/* MHD may say that it has taken a connection and then have no memory for it on its own thread: it
 * closes the socket and tells nobody. This stands in for MHD's. */
enum adding { ADD, LOSE, FAIL };
static _Atomic int adding;

static __typeof__(MHD_add_connection) *real_add;

static enum MHD_Result stand_in(struct MHD_Daemon *d, int fd, const struct sockaddr *a, socklen_t n)
{
    if (adding == ADD)
        return real_add(d, fd, a, n);
    close(fd);
    return adding == LOSE;
}

static int stand_in_for_add(void **state)
{
    struct err e;
    (void)state;
    if (!http_library_load(&e))
        return -1;
    real_add = dl_MHD_add_connection;
    dl_MHD_add_connection = stand_in;
    return 0;
}

static void which_thread(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    buf_printf(http_out(x), "%d", gettid());
    http_answer(x, 200);
}

static void start_config(struct wire *w, const struct http_config *c)
{
    static const struct http_route routes[] = { HTTP_ROUTE("GET", "", which_thread) };
    adding = ADD;
    wire_start_routes(w, c, routes, COUNT_OF(routes));
}

static void start(struct wire *w, size_t threads, size_t connections_max)
{
    struct http_config c = wire_config();
    c.threads = threads;
    c.connections_max = connections_max;
    start_config(w, &c);
}

/* The number of the thread that runs the connection; 0: the server has closed it. */
static long thread_of(int fd)
{
    wire_text(fd, GET);
    struct answer a = wire_answer(fd, false);
    long thread = a.status == 200 ? strtol(a.body, NULL, 10) : 0;
    answer_free(&a);
    return thread;
}

static int64_t metric_named(const struct wire *w, const char *name)
{
    size_t count;
    struct metric *const *all = http_metrics(w->server, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i]->value;
    fail_msg("no metric %s", name);
    return -1;
}

static void wait_for_connections(const struct wire *w, int64_t n)
{
    for (int i = 0; i < 2000 && metric_named(w, "crumple_http_connections") != n; i++)
        sleep_ms(5);
    assert_int_equal(metric_named(w, "crumple_http_connections"), n);
}

struct tally {
    long threads[THREADS];
    size_t connections[THREADS], count;
};

static void tally_add(struct tally *t, long thread)
{
    size_t i = 0;
    while (i < t->count && t->threads[i] != thread)
        i++;
    assert_true(thread != 0 && i < THREADS);
    t->threads[i] = thread;
    t->connections[i]++;
    t->count += i == t->count;
}

/* Many connections at once, none of which has said anything yet. */
static void test_spread(void **state)
{
    (void)state;
    static const size_t counts[] = { THREADS, 8, 64, 256 };
    for (size_t k = 0; k < COUNT_OF(counts); k++) {
        struct wire w;
        struct tally t = { 0 };
        int fds[256];
        start(&w, THREADS, 256);
        for (size_t i = 0; i < counts[k]; i++)
            fds[i] = wire_connect(&w);
        for (size_t i = 0; i < counts[k]; i++)
            tally_add(&t, thread_of(fds[i]));
        assert_int_equal(t.count, THREADS);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(t.connections[i], counts[k] / THREADS);
        for (size_t i = 0; i < counts[k]; i++)
            close(fds[i]);
        wire_stop(&w);
    }
}

/* Listeners share the threads, and the counting. */
static void test_two_listeners(void **state)
{
    (void)state;
    static const struct http_listen listen[] = { { .address = "127.0.0.1" },
                                                 { .address = "127.0.0.1" } };
    struct wire w;
    struct tally t = { 0 };
    int fds[6 * THREADS];
    struct http_config c = wire_config();
    c.threads = THREADS;
    c.listen = listen;
    c.listen_count = COUNT_OF(listen);
    start_config(&w, &c);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        w.port = http_port(w.server, i % 3 == 0);
        fds[i] = wire_connect(&w);
        tally_add(&t, thread_of(fds[i]));
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(t.connections[i], 6);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    wire_stop(&w);
}

/* When one thread has lost all of its connections, it gets the next ones. */
static void test_fewest(void **state)
{
    (void)state;
    struct wire w;
    int fds[4 * THREADS];
    long first = 0;
    size_t closed = 0;
    start(&w, THREADS, 256);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = wire_connect(&w);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        long thread = thread_of(fds[i]);
        if (i == 0)
            first = thread;
        if (thread == first) {
            close(fds[i]);
            fds[i] = -1;
            closed++;
        }
    }
    assert_int_equal(closed, 4);
    wait_for_connections(&w, 3 * THREADS);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] < 0) {
            fds[i] = wire_connect(&w);
            assert_int_equal(thread_of(fds[i]), first);
        }
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    wire_stop(&w);
}

/* One after the other, each closed before the next: the threads take turns. */
static void test_turns(void **state)
{
    (void)state;
    struct wire w;
    struct tally t = { 0 };
    start(&w, THREADS, 256);
    for (int i = 0; i < 3 * THREADS; i++) {
        int fd = wire_connect(&w);
        tally_add(&t, thread_of(fd));
        close(fd);
        wait_for_connections(&w, 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(t.connections[i], 3);
    wire_stop(&w);
}

/* The limit holds to the one when all come at once. */
static void test_limit(void **state)
{
    (void)state;
    struct wire w;
    int fds[40];
    size_t served = 0;
    start(&w, 3, 10);
    int64_t refused = metric_named(&w, "crumple_http_connections_refused_total");
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = wire_connect(&w);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        served += thread_of(fds[i]) != 0;
    assert_int_equal(served, 10);
    assert_int_equal(metric_named(&w, "crumple_http_connections"), 10);
    assert_int_equal(metric_named(&w, "crumple_http_connections_refused_total") - refused, 30);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    wait_for_connections(&w, 0);
    wire_stop(&w);
}

/* Connections that MHD has lost, or refused at once, do not count for ever. */
static void test_lost(void **state)
{
    (void)state;
    struct wire w;
    start(&w, 2, 3);
    for (int how = LOSE; how <= FAIL; how++) {
        adding = how;
        for (int i = 0; i < 20; i++) {
            int fd = wire_connect(&w);
            assert_true(wire_closed(fd));
            close(fd);
        }
        wait_for_connections(&w, 0);
        adding = ADD;
        int fds[3];
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
            fds[i] = wire_connect(&w);
            assert_true(thread_of(fds[i]) != 0);
        }
        assert_int_equal(metric_named(&w, "crumple_http_connections"), 3);
        for (size_t i = 0; i < COUNT_OF(fds); i++)
            close(fds[i]);
        wait_for_connections(&w, 0);
    }
    wire_stop(&w);
}

static int64_t processor_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Without descriptors nothing is accepted, nothing spins, and it goes on when there are some. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct wire w;
    struct rlimit before;
    int taken[128], count = 0;
    start(&w, 2, 10);
    int fd = wire_connect(&w);
    assert_true(thread_of(fd) != 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = { .rlim_cur = COUNT_OF(taken), .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while ((taken[count] = dup(fd)) >= 0)
        count++;
    assert_int_equal(errno, EMFILE);
    close(taken[--count]); /* for the client's side of the next one */
    int waiting = wire_connect(&w);
    wire_text(waiting, GET);
    int64_t used_ms = processor_ms();
    sleep_ms(500);
    assert_true(processor_ms() - used_ms < 250);
    assert_true(thread_of(fd) != 0); /* the others are served */
    close(taken[--count]);
    struct answer a = wire_answer(waiting, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    while (count > 0)
        close(taken[--count]);
    close(waiting), close(fd);
    wire_stop(&w);
}

/* Stopped while a connection counts that no loop has taken. */
static void test_stop_with_lost(void **state)
{
    (void)state;
    struct wire w;
    start(&w, 2, 10);
    adding = LOSE;
    int fd = wire_connect(&w);
    assert_true(wire_closed(fd));
    close(fd);
    wire_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),         cmocka_unit_test(test_two_listeners),
        cmocka_unit_test(test_fewest),         cmocka_unit_test(test_turns),
        cmocka_unit_test(test_limit),          cmocka_unit_test(test_lost),
        cmocka_unit_test(test_no_descriptors), cmocka_unit_test(test_stop_with_lost),
    };
    return cmocka_run_group_tests(tests, stand_in_for_add, NULL);
}
