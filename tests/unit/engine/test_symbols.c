/* Uploads of symbols, with helper processes that do what a damaged file could make one do. They are
 * shell scripts; what the real one does is tested over HTTP. */
#include "symbols/symcache.h"
#include "unit/engine/uploads.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_HASH "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define QUESTION(entry, hash)                                                                      \
    "echo '{\"say\":\"ask\",\"entry\":\"" entry                                                    \
    "\",\"kind\":\"elf\",\"size\":5,\"source\":\"" hash "\"}';"
#define ANSWER "answer=$(head -c 1);"
#define ASK(entry) QUESTION(entry, HASH) ANSWER
#define MADE "echo '{\"say\":\"made\",\"image\":0}';"
#define FAILED "echo '{\"say\":\"failed\",\"error\":\"too odd\"}';"
#define OTHER                                                                                      \
    "echo '{\"say\":\"other\",\"entry\":\"x\",\"kind\":\"pe\",\"size\":1,\"error\":\"no\"}';"
#define END "echo '{\"say\":\"end\",\"error\":\"\"}'"

static void write_helper(struct place *p, const char *script, char path[128])
{
    snprintf(path, 128, "%s/helper", p->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static void open_with(struct place *p, const char *script, int64_t timeout_ms)
{
    static char path[128];
    write_helper(p, script, path);
    p->config.helper = path;
    p->config.helper_timeout_ms = timeout_ms;
    place_open(p);
}

/* Sends symbols and waits; what the sender was told stays until the arena goes. */
static struct given *send(struct place *p, const char *body)
{
    struct given *g = given_new(p, UPLOAD_SYMBOLS, str_from_c(body));
    g->u.sync = true;
    given_field(g, "tag", "1.2");
    given_send(p, g);
    assert_true(g->u.ok);
    return g;
}

/* The same, and forgets it; its object. */
static uint64_t send_one(struct place *p, const char *body)
{
    struct given *g = send(p, body);
    uint64_t object = g->u.object;
    given_free(g);
    return object;
}

static struct arena *arena;

static struct stored_symbol_file *rows_of(struct place *p, uint64_t object, struct arena *a,
                                          size_t *count)
{
    struct stored_symbol_file *rows;
    struct err e = { 0 };
    assert_true(store_symbols_of(engine_store(p->engine), object, a, &rows, count, &e));
    return rows;
}

/* --- helpers that do wrong ----------------------------------------------------------------------
 */

static const struct {
    const char *name, *script;
    const char *part; /* of what the sender is told */
    size_t rows;      /* 0: many */
    bool once_more;   /* after a while */
} cases[] = {
    { "ends well, with nothing", END, "there is no file in it", 1, false },
    { "ends without a word", "exit 0", "ended too early", 1, false },
    { "cannot work now", "exit 1", "exit status 1", 1, true },
    { "cannot work at all", "exit 2", "exit status 2", 1, false },
    { "dies", "kill -11 $$", "signal 11", 1, false },
    { "dies in the middle", OTHER "kill -11 $$", "signal 11", 2, false },
    { "dies of SIGBUS", "kill -BUS $$", "Bus", 1, false },
    { "dies of SIGILL", "kill -ILL $$", "Illegal", 1, false },
    { "dies of SIGFPE", "kill -FPE $$", "ended with signal", 1, false },
    { "dies of SIGABRT", "kill -ABRT $$", "Abort", 1, false },
    { "dies of SIGSYS", "kill -SYS $$", "ended with signal", 1, false },
    { "dies of SIGTRAP", "kill -TRAP $$", "ended with signal", 1, false },
    { "dies of SIGXCPU", "kill -XCPU $$", "processor time", 1, false },
    { "dies of SIGXFSZ", "kill -XFSZ $$", "a larger file", 1, false },
    { "is killed", "kill -9 $$", "signal 9", 1, true },
    { "is killed in the middle", OTHER "kill -9 $$", "signal 9", 2, true },
    { "is interrupted", "kill -INT $$", "signal 2", 1, true },
    { "is terminated", "kill -TERM $$", "signal 15", 1, true },
    { "is hung up on", "kill -HUP $$", "signal 1", 1, true },
    { "lets go and hangs", "exec <&- >&-; exec sleep 60", "did not end", 1, false },
    { "hangs", "exec sleep 60", "longer than is allowed", 1, false },
    { "hangs in the middle", OTHER "exec sleep 60", "longer than is allowed", 2, false },
    { "hangs while it is asked", ASK("a") "exec sleep 60", "longer than is allowed", 1, false },
    { "ends, and hangs", OTHER END "; exec sleep 60", "x: no", 1, false },
    { "says nonsense", "echo hello; exec sleep 60", "makes no sense", 1, false },
    { "says nonsense without end", "exec cat /dev/zero", "makes no sense", 1, false },
    { "made without being asked", MADE "exec sleep 60", "order", 1, false },
    { "failed without being asked", FAILED END, "order", 1, false },
    { "asks twice", ASK("a") ASK("b") END, "order", 1, false },
    { "ends while it is asked", ASK("a") END, "order", 1, false },
    { "made nothing", ASK("a") MADE END, "made no symbol cache", 1, false },
    { "made a folder", ASK("a") "mkdir /proc/self/fd/4/0;" MADE END, "made no symbol cache", 1,
      false },
    { "made a link", ASK("a") "ln -s /etc/passwd /proc/self/fd/4/0;" MADE END,
      "made no symbol cache", 1, false },
    { "made no cache", ASK("a") "echo hello > /proc/self/fd/4/0;" MADE END, "", 1, false },
    { "made a short one", ASK("a") "head -c 100000 /dev/zero > /proc/self/fd/4/0;" MADE END, "", 1,
      false },
    { "counts wrongly", ASK("a") "echo '{\"say\":\"made\",\"image\":1}';" END, "counts wrongly", 1,
      false },
    { "one that failed, twice", ASK("a") FAILED ASK("b") END, "b: too odd", 2, false },
    { "one that has failed before", ASK("c") END, "c: too odd", 1, false },
    { "floods", "while :; do " OTHER " done", "too many files", 30001, false },
    { "asks for what is known, and does not read", "while :; do " QUESTION("a", HASH) " done",
      "does not read", 0, false },
    { "could not do one now",
      QUESTION("a", OTHER_HASH) ANSWER
      "echo '{\"say\":\"failed\",\"error\":\"no elfutils\",\"later\":true}';" END,
      "no elfutils", 1, true },
};

static void expect_outcome(struct place *p, size_t i)
{
    struct given *g = send(p, "the body");
    struct arena *a = arena;
    size_t count;
    bool once_more = false;
    struct stored_symbol_file *rows = rows_of(p, g->u.object, a, &count);
    if (!g->u.settled || g->u.errors.len == 0)
        fail_msg("%s: settled %d, wrong: \"%.*s\"", cases[i].name, g->u.settled,
                 STR_ARG(g->u.errors));
    struct str last = g->u.errors;
    if (cases[i].part[0] && !memmem(last.ptr, last.len, cases[i].part, strlen(cases[i].part)))
        fail_msg("%s: %.*s", cases[i].name, STR_ARG(last));
    if (cases[i].rows > 0 && count != cases[i].rows)
        fail_msg("%s: %zu rows", cases[i].name, count);
    for (size_t k = 0; k < count; k++) {
        assert_false(rows[k].has_cache);
        assert_true(rows[k].error.len > 0);
        assert_true(str_eq(rows[k].tag, STR("1.2")));
        once_more |= rows[k].version != SYMCACHE_VERSION;
    }
    if (once_more != cases[i].once_more)
        fail_msg("%s: version", cases[i].name);
    assert_int_equal(state_of(p, g->u.object), UPLOAD_KEPT);
    arena_reset(a);
    given_free(g);
}

static void wrong_helpers(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_with(p, cases[i].script, 1500);
        expect_outcome(p, i);
        place_close(p);
    }
}

static void no_helper(void **state)
{
    struct place *p = *state;
    p->config.helper = "/no/such/program";
    p->config.helper_timeout_ms = 1000;
    place_open(p);
    /* It is kept, and tried again and again: a process may be had later. */
    struct given *g = send(p, "the body");
    assert_false(g->u.settled);
    assert_holds(g->u.errors, "processed later");
    given_free(g);
}

static void nap(long ms)
{
    (void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 },
                    NULL);
}

/* Until the first row is of this version. */
static struct stored_symbol_file *wait_for_rows(struct place *p, uint64_t object)
{
    for (int i = 0; i < 4000; i++) {
        size_t count;
        struct stored_symbol_file *rows = rows_of(p, object, arena, &count);
        if (count > 0 && rows[0].version == SYMCACHE_VERSION)
            return rows;
        nap(5);
    }
    fail_msg("it is not converted");
    return NULL;
}

/* How often a helper has written a line into the file beside it. */
static size_t times_run(struct place *p)
{
    char path[140];
    size_t lines = 0;
    snprintf(path, sizeof path, "%s/helper.ran", p->dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF;)
        lines += c == '\n';
    assert_int_equal(fclose(f), 0);
    return lines;
}

static void without_looking(void **state)
{
    struct place *p = *state;
    size_t count;
    place_open(p);
    uint64_t object = send_one(p, "the body");
    (void)rows_of(p, object, arena, &count);
    assert_int_equal(count, 0);
    place_close(p);
    /* A server that can looks into it later. */
    open_with(p, ASK("a") FAILED END, 5000);
    assert_true(str_eq(wait_for_rows(p, object)->error, STR("too odd")));
}

/* What could not be done is done at the next start; what could, is not done again. */
static void next_start(void **state)
{
    struct place *p = *state;
    char ran[140];
    open_with(p, "exit 1", 5000);
    uint64_t object = send_one(p, "the body");
    place_close(p);
    open_with(p, ASK("a") FAILED END, 5000);
    assert_true(str_eq(wait_for_rows(p, object)->error, STR("too odd")));
    place_close(p);
    open_with(p, "echo again >> \"$0.ran\";" END, 5000);
    settle(p, object);
    nap(200);
    snprintf(ran, sizeof ran, "%s/helper.ran", p->dir);
    assert_int_not_equal(access(ran, F_OK), 0);
}

/* A server that closes does not wait for a helper, and goes on with the upload at the next start.
 */
static void closing(void **state)
{
    struct place *p = *state;
    struct timespec before, after;
    open_with(p, "exec sleep 60", 60000);
    struct given *g = given_new(p, UPLOAD_SYMBOLS, STR("the body"));
    given_send(p, g);
    uint64_t object = g->u.object;
    given_free(g);
    nap(100);
    clock_gettime(CLOCK_MONOTONIC, &before);
    place_close(p);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 10);
    open_with(p, OTHER END, 5000);
    settle(p, object);
    assert_true(str_eq(wait_for_rows(p, object)->error, STR("no")));
}

/* What could not be done is tried again by the server that runs, until it is done. */
static void tried_again(void **state)
{
    struct place *p = *state;
    p->config.helper_retry_ms = 20;
    open_with(
        p, "echo x >> \"$0.ran\"; [ $(wc -l < \"$0.ran\") -ge 4 ] || exit 1;" ASK("a") FAILED END,
        5000);
    uint64_t object = send_one(p, "the body");
    assert_true(str_eq(wait_for_rows(p, object)->error, STR("too odd")));
    nap(300);
    assert_int_equal(times_run(p), 4); /* and then no more */
}

/* One that takes too much memory each time must not be read for ever. */
static void killed_again_and_again(void **state)
{
    struct place *p = *state;
    p->config.helper_retry_ms = 5;
    open_with(p, "echo x >> \"$0.ran\"; kill -9 $$", 5000);
    uint64_t object = send_one(p, "the body");
    assert_holds(wait_for_rows(p, object)->error, "signal 9");
    nap(200);
    assert_int_equal(times_run(p), 5);
}

/* Signals to the group of the server are not for its helpers. */
static void own_group(void **state)
{
    struct place *p = *state;
    char want[64];
    open_with(p, "read -r a b c d group e < /proc/$$/stat; echo $group $$ > \"$0.ran\";" END, 5000);
    (void)send_one(p, "the body");
    char path[140];
    long group = 0, pid = -1;
    snprintf(path, sizeof path, "%s/helper.ran", p->dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(want, sizeof want, f));
    assert_int_equal(fclose(f), 0);
    char *rest;
    group = strtol(want, &rest, 10);
    pid = strtol(rest, NULL, 10);
    assert_int_equal(group, pid);
}

/* What ended the reading is told first, however much else is wrong. */
static void the_end_is_told(void **state)
{
    struct place *p = *state;
    open_with(p,
              "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do " OTHER
              "done; echo '{\"say\":\"end\",\"error\":\"too many\"}'",
              5000);
    struct given *g = send(p, "the body");
    assert_true(str_starts(g->u.errors, STR("too many\n")));
    assert_holds(g->u.errors, "and 3 more");
    given_free(g);
}

struct reader {
    struct engine_wait wait;
    struct arena *arena;
    _Atomic bool done;
};

static void reader_done(struct engine_wait *w)
{
    struct reader *r = w->owner;
    atomic_store(&r->done, true);
}

static void read_begins(struct place *p, struct reader *r, uint64_t object)
{
    struct err e = { 0 };
    *r = (struct reader){ .arena = arena_new(1 << 20) };
    r->wait = (struct engine_wait){
        .arena = r->arena, .object = object, .project = STR("p"), .done = reader_done, .owner = r
    };
    assert_true(engine_settle(p->engine, &r->wait, &e));
}

static void expect_refused(struct reader *r)
{
    for (int i = 0; i < 1000 && !atomic_load(&r->done); i++)
        nap(5);
    assert_true(atomic_load(&r->done));
    assert_false(r->wait.ok);
    assert_int_equal(r->wait.err.code, ERR_BUSY);
    arena_free(r->arena);
}

static uint64_t send_slow(struct place *p)
{
    struct given *g = given_new(p, UPLOAD_SYMBOLS, STR("the body"));
    given_send(p, g); /* until it is durable */
    uint64_t object = g->u.object;
    given_free(g);
    return object;
}

/* Who wants to read what is being converted waits a while, and not until it is done. */
static void readers_do_not_wait_long(void **state)
{
    struct place *p = *state;
    struct reader r;
    p->config.helper_patience_ms = 300;
    open_with(p, "exec sleep 60", 60000);
    for (size_t i = 0; i < 4; i++) { /* two are in work, two wait */
        uint64_t object = send_slow(p);
        read_begins(p, &r, object);
        nap(50);
        assert_false(atomic_load(&r.done));
        expect_refused(&r);
    }
    place_close(p);
    p->config.helper_patience_ms = 20000;
    open_with(p, "sleep 0.1;" END, 5000); /* in time */
    uint64_t object = send_slow(p);
    read_begins(p, &r, object);
    for (int i = 0; i < 1000 && !atomic_load(&r.done); i++)
        nap(5);
    assert_true(atomic_load(&r.done) && r.wait.ok);
    arena_free(r.arena);
}

/* And a server that stops waits for none of them. */
static void readers_at_the_end(void **state)
{
    struct place *p = *state;
    struct reader early, late;
    p->config.helper_patience_ms = 60000;
    open_with(p, "exec sleep 60", 60000);
    uint64_t object = send_slow(p);
    read_begins(p, &early, object);
    nap(100);
    assert_false(atomic_load(&early.done));
    engine_stop_converting(p->engine);
    expect_refused(&early);
    object = send_slow(p);
    read_begins(p, &late, object);
    expect_refused(&late);
}

/* A deletion of all reports leaves symbols, those that are on their way, too. */
static void symbols_outlive_reports(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    open_with(p, "sleep 0.3;" ASK("a") FAILED END, 5000);
    uint64_t stored = send_one(p, "the body"), coming = send_slow(p);
    assert_true(engine_delete_all(p->engine, &e));
    assert_int_equal(state_of(p, stored), UPLOAD_KEPT);
    assert_true(str_eq(wait_for_rows(p, coming)->error, STR("too odd")));
    uint64_t waits = send_slow(p);
    assert_true(engine_delete_all(p->engine, &e));
    place_close(p); /* while it waits, or is in work */
    open_with(p, ASK("a") FAILED END, 5000);
    settle(p, waits);
    assert_true(str_eq(wait_for_rows(p, stored)->error, STR("too odd")));
    assert_true(str_eq(wait_for_rows(p, coming)->error, STR("too odd")));
    assert_true(str_eq(wait_for_rows(p, waits)->error, STR("too odd")));
}

/* Hundreds that wait do not keep a report waiting. */
static void reports_go_on(void **state)
{
    struct place *p = *state;
    uint64_t last = 0;
    size_t count;
    open_with(p, "sleep 0.2;" END, 5000);
    for (size_t i = 0; i < 300; i++) {
        struct given *g = given_new(p, UPLOAD_SYMBOLS, STR("the body"));
        given_send(p, g); /* until it is durable */
        last = g->u.object;
        given_free(g);
    }
    struct given *report = json_new(p, "crash", NULL, true);
    given_send(p, report);
    assert_true(report->u.ok && report->u.settled);
    (void)rows_of(p, last, arena, &count);
    assert_int_equal(count, 0); /* that would take half a minute */
    given_free(report);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(wrong_helpers),
        CASE(no_helper),
        CASE(without_looking),
        CASE(next_start),
        CASE(closing),
        CASE(reports_go_on),
        CASE(tried_again),
        CASE(killed_again_and_again),
        CASE(own_group),
        CASE(the_end_is_told),
        CASE(readers_do_not_wait_long),
        CASE(readers_at_the_end),
        CASE(symbols_outlive_reports),
    };
    arena = arena_new((size_t)256 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
