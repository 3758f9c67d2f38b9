/* The configuration file: what it may say, and that the sample says what is the default. */
#include "cli/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads `text` as a file, over the defaults. */
static bool read_text(struct config *c, struct arena *a, const char *text, struct err *e)
{
    char path[] = "/tmp/crumple-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    config_init(c, a);
    bool ok = config_read(c, path, e);
    unlink(path);
    return ok;
}

static void test_sample_has_the_defaults(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    static struct config sample, plain;
    struct err e = { 0 };
    config_init(&sample, a);
    config_init(&plain, a);
    if (!config_read(&sample, SAMPLE_CONFIG, &e))
        fail_msg("%s", e.msg);
    plain.engine.data_dir = "/var/lib/crumple";
    assert_true(config_finish(&sample, &e));
    assert_true(config_finish(&plain, &e));

    assert_string_equal(sample.engine.data_dir, plain.engine.data_dir);
    assert_int_equal(sample.engine.workers, plain.engine.workers);
    assert_int_equal(sample.engine.queue_limit, plain.engine.queue_limit);
    assert_int_equal(sample.engine.batch_reports, plain.engine.batch_reports);
    assert_int_equal(sample.engine.columns_max, plain.engine.columns_max);
    assert_int_equal(sample.engine.allow_delete_all, plain.engine.allow_delete_all);
    assert_int_equal(sample.http.listen_count, plain.http.listen_count);
    assert_string_equal(sample.listen[0].address, plain.listen[0].address);
    assert_int_equal(sample.listen[0].port, plain.listen[0].port);
    assert_int_equal(sample.http.threads, plain.http.threads);
    assert_int_equal(sample.http.connections_max, plain.http.connections_max);
    assert_int_equal(sample.http.body_max_bytes, plain.http.body_max_bytes);
    assert_int_equal(sample.http.bodies_max_bytes, plain.http.bodies_max_bytes);
    assert_int_equal(sample.http.header_max_bytes, plain.http.header_max_bytes);
    assert_int_equal(sample.http.answer_max_bytes, plain.http.answer_max_bytes);
    assert_int_equal(sample.http.idle_timeout_s, plain.http.idle_timeout_s);
    assert_int_equal(sample.http.request_timeout_s, plain.http.request_timeout_s);
    assert_string_equal(sample.http.cors_origin, plain.http.cors_origin);
    assert_string_equal(sample.http.trusted_proxies, plain.http.trusted_proxies);
    assert_string_equal(sample.http.tls_cert, "");
    assert_string_equal(sample.http.tls_key, "");
    assert_int_equal(sample.job_max_bytes, plain.job_max_bytes);
    assert_int_equal(sample.upload.body_bytes, plain.upload.body_bytes);
    assert_int_equal(sample.upload.symbols_bytes, plain.upload.symbols_bytes);
    assert_int_equal(sample.upload.attachment_bytes, plain.upload.attachment_bytes);
    assert_int_equal(sample.upload.parts, plain.upload.parts);
    assert_int_equal(sample.engine.inbox_max_bytes, plain.engine.inbox_max_bytes);
    assert_int_equal(sample.engine.work_max_bytes, plain.engine.work_max_bytes);
    assert_int_equal(sample.failed_tokens_burst, plain.failed_tokens_burst);
    assert_int_equal(sample.failed_tokens_per_minute, plain.failed_tokens_per_minute);
    assert_int_equal(sample.log_level, plain.log_level);
    assert_int_equal(sample.open_partycrasher, plain.open_partycrasher);
    assert_true(sample.default_threshold == plain.default_threshold);

    const struct bucket_index_config *s = &sample.engine.grouping, *p = &plain.engine.grouping;
    assert_string_equal(s->similarity, p->similarity);
    assert_int_equal(s->project_count, 0);
    assert_int_equal(s->max_query_terms, p->max_query_terms);
    assert_int_equal(s->threshold_count, p->threshold_count);
    for (size_t i = 0; i < s->threshold_count; i++)
        assert_true(s->thresholds[i] == p->thresholds[i]);
    assert_int_equal(s->ignored_count, p->ignored_count);
    for (size_t i = 0; i < s->ignored_count; i++)
        assert_true(str_eq(s->ignored[i], p->ignored[i]));
}

static void test_values(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    static struct config c;
    struct err e = { 0 };
    if (!read_text(&c, a,
                   "[server]\ndata=/d\nlisten = 127.0.0.1:1 [::1]:2\nallow_delete_all = yes\n"
                   "log_level=debug\ncors_origin =\n"
                   "tls_cert = /c.pem\ntls_key = /k.pem\n"
                   "[grouping]\nthresholds = 0.5, 2 3.25\ndefault_threshold=2\n"
                   "ignore_fields = a.b\n    c\n"
                   "[limits]\nbody_bytes=3M ; inline\nidle_timeout_s = 7\nqueue_jobs = 12\n"
                   "upload_bytes = 1G\nupload_parts = 9\ninbox_bytes = 2M\n"
                   "failed_tokens_burst = 5\n",
                   &e) ||
        !config_finish(&c, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(c.engine.data_dir, "/d");
    assert_int_equal(c.http.listen_count, 2);
    assert_string_equal(c.http.listen[1].address, "[::1]");
    assert_int_equal(c.http.listen[1].port, 2);
    assert_true(c.engine.allow_delete_all);
    assert_int_equal(c.log_level, LOG_DEBUG);
    assert_string_equal(c.http.cors_origin, "");
    assert_int_equal(c.engine.grouping.threshold_count, 3);
    assert_true(c.engine.grouping.thresholds[2] == 3.25);
    assert_int_equal(c.engine.grouping.ignored_count, 2);
    assert_true(str_eq(c.engine.grouping.ignored[0], STR("a.b")));
    assert_int_equal(c.http.body_max_bytes, 3 << 20);
    assert_int_equal(c.http.idle_timeout_s, 7);
    assert_int_equal(c.engine.queue_limit, 12);
    assert_string_equal(c.http.tls_cert, "/c.pem");
    assert_string_equal(c.http.tls_key, "/k.pem");
    assert_int_equal(c.upload.body_bytes, 1 << 30);
    assert_int_equal(c.upload.parts, 9);
    assert_int_equal(c.engine.inbox_max_bytes, 2 << 20);
    assert_int_equal(c.failed_tokens_burst, 5);
    assert_int_equal(c.failed_tokens_per_minute, 60);

    size_t at = 77;
    assert_true(config_find_threshold(&c, 3.25, &at, &e));
    assert_int_equal(at, 2);
    assert_false(config_find_threshold(&c, 4, &at, &e));
    assert_non_null(strstr(e.msg, "0.5 2 3.25"));
}

static void test_similarities(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    static struct config c;
    struct err e = { 0 };
    if (!read_text(&c, a,
                   "[server]\ndata=/d\n[grouping]\nsimilarity = culprit\n"
                   "[similarity]\nMy Project = classic\nmy project=culprit ; inline\n"
                   "Übung;1 [x]  =  classic\n[similarity]\nlast = culprit\n",
                   &e) ||
        !config_finish(&c, &e))
        fail_msg("%s", e.msg);
    static const struct {
        const char *project, *similarity;
    } want[] = {
        { "My Project", "classic" },
        { "my project", "culprit" },
        { "Übung;1 [x]", "classic" },
        { "last", "culprit" },
    };
    struct bucket_index_config *g = &c.engine.grouping;
    assert_string_equal(g->similarity, "culprit");
    assert_int_equal(g->project_count, sizeof want / sizeof *want);
    for (size_t i = 0; i < g->project_count; i++) {
        assert_true(str_eq(g->projects[i].project, str_from_c(want[i].project)));
        assert_string_equal(g->projects[i].similarity, want[i].similarity);
    }
    g->similarity = "bm25"; /* as an option may have it */
    assert_false(config_finish(&c, &e));
    assert_string_equal(e.msg, "--similarity must be culprit or classic, not \"bm25\"");
}

static void test_many_projects(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    static struct config c;
    struct err e = { 0 };
    static char text[20000];
    size_t len = (size_t)snprintf(text, sizeof text, "[similarity]\n");
    for (int i = 0; i < CONFIG_PROJECTS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "p%d = classic\n", i);
    assert_true(read_text(&c, a, text, &e));
    assert_int_equal(c.engine.grouping.project_count, CONFIG_PROJECTS_MAX);
    snprintf(text + len, sizeof text - len, "one more = classic\n");
    assert_false(read_text(&c, a, text, &e));
    assert_non_null(strstr(e.msg, "line 258: at most 256 projects"));
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line, *part; /* line NULL: found by config_finish */
    } cases[] = {
        { "[server]\ndta = x\n", "line 2:", "no key dta in [server]" },
        { "[sever]\ndata = x\n", "line 2:", "no section [sever]" },
        { "data = x\n", "line 1:", "no section []" },
        { "[server]\n\n; x\njust text\n", "line 4:", "neither" },
        { "[server]\nthreads = -1\n", "line 2:", "from 0 to 1024" },
        { "[server]\nthreads = x\nnonsense = 1\n", "line 2:", "threads" },
        { "[limits]\nbody_bytes = 64X\n", "line 2:", "not \"64X\"" },
        { "[limits]\nbody_bytes = 99999999999999G\n", "line 2:", "body_bytes must be" },
        { "[limits]\nbody_bytes = M\n", "line 2:", "body_bytes must be" },
        { "[limits]\nidle_timeout_s = 0\n", "line 2:", "from 1" },
        { "[limits]\nconnections =\n", "line 2:", "from 1" },
        { "[server]\nallow_delete_all = maybe\n", "line 2:", "yes or no" },
        { "[server]\nlog_level = loud\n", "line 2:", "debug" },
        { "[server]\nlisten = 8081\n", "line 2:", "ADDR:PORT" },
        { "[server]\nlisten = :8081\n", "line 2:", "ADDR:PORT" },
        { "[server]\nlisten = 127.0.0.1:65536\n", "line 2:", "ADDR:PORT" },
        { "[server]\ndata = a\ndata = b\n", "line 3:", "second time" },
        { "[server]\nlisten = ftp://h\n", "line 2:", "ADDR:PORT" },
        { "[server]\nlisten = https://\n", "line 2:", "ADDR:PORT" },
        { "[server]\nlisten = https://:1\n", "line 2:", "ADDR:PORT" },
        { "[server]\nlisten = https://127.0.0.1\n", "line 2:", "ADDR:PORT" },
        { "[limits]\nfailed_tokens_burst = 0\n", "line 2:", "from 1" },
        { "[limits]\nupload_parts = 4097\n", "line 2:", "to 4096" },
        { "[server]\ndata = d\nlisten = https://[::]:2\n", NULL,
          "https://[::]:2 needs --tls-cert FILE and --tls-key FILE" },
        { "[server]\ndata = d\ntls_cert = c\n", NULL, "--tls-key is missing" },
        { "[server]\ndata = d\ntls_key = k\n", NULL, "--tls-cert is missing" },
        { "[grouping]\nthresholds = 1 two\n", "line 2:", "\"two\"" },
        { "[grouping]\nthresholds = 1 -2\n", "line 2:", "\"-2\"" },
        { "[grouping]\nmax_query_terms = 0\n", "line 2:", "from 1" },
        { "[grouping]\nsimilarity = bm25\n",
          "line 2:", "similarity must be culprit or classic, not \"bm25\"" },
        { "[grouping]\nsimilarity =\n", "line 2:", "must be culprit or classic" },
        { "[similarity]\np = Classic\n",
          "line 2:", "p must have culprit or classic, not \"Classic\"" },
        { "[similarity]\np = classic\nq = classic\np = culprit\n",
          "line 4:", "p stands here for the second time" },
        { "[similarity]\np = classic\n  q = classic\n", "line 3:", "second time" },
        { "[similarity]\np:q = classic\n", "line 2:", "not \"q = classic\"" },
        { "[similarity]\nreports = classic\n", "line 2:", "meaning in URLs" },
        { "[similarity]\n= classic\n", "line 2:", "must not be empty" },
        { "[similarity]\nM\xfcll = classic\n", "line 2:", "not UTF-8" },
        { "[server]\ndata = d\n[grouping]\nthresholds = 1 4 3\n", NULL, "must rise" },
        { "[server]\ndata = d\n[grouping]\nthresholds = 1 2\n", NULL, "default_threshold: 4" },
        { "[server]\ndata = d\n[grouping]\nthresholds =\n", NULL, "at least one" },
        { "", NULL, "--data is missing" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        static struct config c;
        struct err e = { 0 };
        bool read_ok = read_text(&c, a, cases[i].text, &e);
        if (read_ok != (cases[i].line == NULL) || (read_ok && config_finish(&c, &e)))
            fail_msg("%s: %s", cases[i].text, read_ok ? "taken" : e.msg);
        if ((cases[i].line && !strstr(e.msg, cases[i].line)) || !strstr(e.msg, cases[i].part))
            fail_msg("%s: %s", cases[i].text, e.msg);
    }
}

static void test_no_file(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    static struct config c;
    struct err e = { 0 };
    config_init(&c, a);
    assert_false(config_read(&c, "/nonexistent/crumple.ini", &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "/nonexistent/crumple.ini"));
}

static void test_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool loopback;
    } cases[] = {
        { "127.0.0.1", true },    { "127.9.8.7", true },
        { "[::1]", true },        { "0.0.0.0", false },
        { "[::]", false },        { "192.168.1.1", false },
        { "::1", false },         { "127.0.0.1.evil", false },
        { "example.org", false }, { "128.0.0.1", false },
        { "[", false },           { "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (config_is_loopback(cases[i].address) != cases[i].loopback)
            fail_msg("%s", cases[i].address);
}

static void test_listeners(void **state)
{
    (void)state;
    static const struct {
        const char *text, *address;
        uint16_t port;
        bool tls;
    } cases[] = {
        { "127.0.0.1:8081", "127.0.0.1", 8081, false },
        { "http://127.0.0.1:8081", "127.0.0.1", 8081, false },
        { "https://127.0.0.1:6098", "127.0.0.1", 6098, true },
        { "https://[::]:0", "[::]", 0, true },
        { "https://localhost:443", "127.0.0.1", 443, true },
        { "localhost:443", "127.0.0.1", 443, false },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    static struct config c;
    struct err e = { 0 };
    config_init(&c, a);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!config_add_listen(&c, cases[i].text, &e))
            fail_msg("%s: %s", cases[i].text, e.msg);
        assert_int_equal(c.http.listen_count, i + 1);
        assert_string_equal(c.listen[i].address, cases[i].address);
        assert_int_equal(c.listen[i].port, cases[i].port);
        assert_int_equal(c.listen[i].tls, cases[i].tls);
        assert_int_equal(config_all_loopback(&c), i < 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_has_the_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_similarities),
        cmocka_unit_test(test_many_projects),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_listeners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
