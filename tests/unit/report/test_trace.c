/* The stack trace of a report as grouping sees it: what senders call things, recursion, inlining,
 * and how programs die. */
#include "report/report.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/cmocka_all.h"

#define ARENA_BYTES (256u << 20)

static struct trace trace_of(struct str text, struct arena *a)
{
    struct err e = { 0 };
    const struct json *j = NULL;
    struct report r = { 0 };
    if (!json_parse(&j, text, (struct json_limits){ 100, 1000000 }, a, &e) ||
        !report_from_json(&r, j, text, a, &e))
        fail_msg("%.*s: %s", (int)(text.len < 2000 ? text.len : 2000), text.ptr, e.msg);
    return r.trace;
}

/* Of a report with these members behind its id. */
static struct trace trace_with(const char *members, struct arena *a)
{
    struct str text;
    assert_true(
        arena_printf(a, &text, "{\"database_id\":\"r\"%s%s}", *members ? "," : "", members));
    return trace_of(text, a);
}

/* "function(module)+site[build]^#index|...": what is not known is left out, and of the build
 * what is the report's; '^' is inlined. */
static struct str listing(const struct trace *t, struct arena *a)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < t->count; i++) {
        const struct trace_frame *f = &t->frames[i];
        buf_printf(&b, "%s%.*s", i ? "|" : "", STR_ARG(f->function));
        if (f->module.len > 0)
            buf_printf(&b, "(%.*s)", STR_ARG(f->module));
        if (f->has_site)
            buf_printf(&b, "+%x", f->site);
        if (!str_eq(f->build, t->build))
            buf_printf(&b, "[%.*s]", STR_ARG(f->build));
        buf_printf(&b, "%s#%u", f->inlined ? "^" : "", f->index);
        assert_true(f->has_site || f->site == 0);
    }
    struct str out = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void assert_text(const char *name, struct str got, const char *want)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("%s: \"%.*s\" is not \"%s\"", name, STR_ARG(got), want);
}

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        const char *name, *stacktrace, *want;
    } cases[] = {
        { "none", "[]", "" },
        { "null", "null", "" },
        { "PartyCrasher",
          "{\"depth\":\"0\",\"function\":\"f\",\"address\":\"0x00007fafcba82eec\","
          "\"dylib\":\"/lib/libc.so.6\",\"file\":\"f.c\",\"fileline\":\"928\"}",
          "f(/lib/libc.so.6)+eec#0" },
        { "a decoded report",
          "{\"function\":\"f\",\"module\":\"m\",\"line\":41,\"address\":\"0x400200\","
          "\"offset\":\"0x200\",\"debug_id\":\"FF0\"}",
          "f(m)+200[FF0]#0" },
        { "Backtrace's own names",
          "{\"function\":\"f\",\"library\":\"m\",\"debug_identifier\":\"D\"}", "f(m)[D]#0" },
        { "Sentry's names",
          "{\"function\":\"f\",\"package\":\"m\",\"instruction_addr\":\"0x1f2c\",\"lineno\":7}",
          "f(m)+f2c#0" },
        { "stack walkers' names",
          "{\"function\":\"f\",\"object\":\"m\",\"module_offset\":\"0x1f2c\",\"build_id\":\"B\"}",
          "f(m)+f2c[B]#0" },
        { "image, pc", "{\"image\":\"m\",\"pc\":4097}", "(m)+1#0" },
        { "the first of many names",
          "{\"image\":\"5\",\"object\":\"4\",\"library\":\"3\",\"dylib\":\"2\",\"module\":\"1\","
          "\"offset\":\"0x2\",\"address\":\"0x1\"}",
          "(1)+1#0" },
        { "empty ones do not count", "{\"module\":\"\",\"dylib\":\"m\",\"function\":\"\"}",
          "(m)#0" },
        { "other members", "{\"Function\":\"f\",\"logdf\":\"1\",\"args\":\"x\"}", "#0" },
        { "an empty frame", "{},{\"function\":\"f\"}", "#0|f#1" },

        { "functions that are not known",
          "{\"function\":null,\"pc\":1},{\"function\":\"??\",\"pc\":2},"
          "{\"function\":\"<unknown>\",\"pc\":3},{\"function\":\"unknown\",\"pc\":4},"
          "{\"function\":\"(null)\",\"pc\":5},{\"function\":\"0x7f00\",\"pc\":6},"
          "{\"function\":\"[unknown]\",\"pc\":7},{\"function\":\" \",\"pc\":8}",
          "+1#0|+2#1|+3#2|+4#3|+5#4|+6#5|+7#6|+8#7" },
        { "functions that only look so",
          "{\"function\":\"<anonymous>\"},{\"function\":\"(*T).f\"},{\"function\":\"unknown_f\"},"
          "{\"function\":\"?f@@YAXXZ\"},{\"function\":\"[NSFoo bar]\"},{\"function\":\"null_f\"}",
          "<anonymous>#0|(*T).f#1|unknown_f#2|?f@@YAXXZ#3|[NSFoo bar]#4|null_f#5" },
        { "functions that are scalars", "{\"function\":12},{\"function\":true}", "12#0|true#1" },

        { "decimal addresses", "{\"address\":4096},{\"address\":\"4097\"}", "+0#0|+1#1" },
        { "hex in upper case", "{\"address\":\"0XABCDEF\"}", "+def#0" },
        { "hex that a letter tells", "{\"address\":\"7fafcba82eec\"}", "+eec#0" },
        { "hex that a zero tells", "{\"address\":\"0000555512345678\"}", "+678#0" },
        { "the highest address", "{\"address\":\"0xffffffffffffffff\"}", "+fff#0" },
        { "the highest address, in decimal", "{\"address\":18446744073709551615}", "+fff#0" },
        { "no address", "{\"address\":\"0x0\"}", "#0" },
        { "no address, but an offset", "{\"address\":\"0\",\"offset\":\"0x12\"}", "+12#0" },
        { "what is no address",
          "{\"function\":\"a\",\"address\":\"0x\"},{\"function\":\"b\",\"address\":\"\"},"
          "{\"function\":\"c\",\"address\":\"0x10000000000000000\"},"
          "{\"function\":\"d\",\"address\":\"18446744073709551616\"},"
          "{\"function\":\"e\",\"address\":\"-1\"},{\"function\":\"f\",\"address\":1.5},"
          "{\"function\":\"g\",\"address\":\"0x12 \"},{\"function\":\"h\",\"address\":null},"
          "{\"function\":\"i\",\"address\":[1]},{\"function\":\"j\",\"address\":{\"pc\":1}},"
          "{\"function\":\"k\",\"address\":true}",
          "a#0|b#1|c#2|d#3|e#4|f#5|g#6|h#7|i#8|j#9|k#10" },

        { "inlined",
          "{\"function\":\"a\",\"address\":\"0x1f0\"},{\"function\":\"b\",\"address\":\"0x01f0\"},"
          "{\"function\":\"c\",\"address\":\"0x2f0\"},{\"function\":\"d\",\"address\":\"0x12f0\"}",
          "a+1f0^#0|b+1f0#1|c+2f0#2|d+2f0#3" },
        { "inlined into a frame of another module's name",
          "{\"function\":\"a\",\"address\":496,\"module\":\"m\"},"
          "{\"function\":\"b\",\"address\":\"0x1f0\"}",
          "a(m)+1f0^#0|b+1f0#1" },
        { "inlined, by offsets",
          "{\"function\":\"a\",\"offset\":\"0x1\",\"module\":\"m\"},"
          "{\"function\":\"b\",\"offset\":\"0x1\",\"module\":\"m\"},"
          "{\"function\":\"c\",\"offset\":\"0x1\",\"module\":\"n\"},"
          "{\"function\":\"d\",\"address\":\"0x1\",\"module\":\"n\"}",
          "a(m)+1^#0|b(m)+1#1|c(n)+1#2|d(n)+1#3" },
        { "not inlined: no addresses", "{\"function\":\"a\"},{\"function\":\"b\"}", "a#0|b#1" },
        { "not inlined: null addresses",
          "{\"function\":\"a\",\"address\":\"0x0\"},{\"function\":\"b\",\"address\":\"0x0\"}",
          "a#0|b#1" },
        { "a recursion is not inlined",
          "{\"function\":\"a\",\"pc\":9},{\"function\":\"a\",\"pc\":9},{\"function\":\"b\",\"pc\":"
          "8}",
          "a+9#0|b+8#2" },
        { "a recursion of a function with another inlined into it",
          "{\"function\":\"a\",\"pc\":9},{\"function\":\"b\",\"pc\":9},{\"function\":\"a\",\"pc\":"
          "9},"
          "{\"function\":\"b\",\"pc\":9},{\"function\":\"c\",\"pc\":7}",
          "a+9^#0|b+9#1|c+7#4" },
        { "the same function in a huge unlike place, in another module",
          "{\"function\":\"a\",\"pc\":9},{\"function\":\"a\",\"pc\":8},"
          "{\"function\":\"a\",\"pc\":8,\"module\":\"m\"},{\"function\":\"a\",\"module\":\"m\"}",
          "a+9#0|a+8#1|a(m)+8#2|a(m)#3" },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str members;
        bool list = cases[i].stacktrace[0] != '{';
        assert_true(arena_printf(a, &members, "\"stacktrace\":%s%s%s", list ? "" : "[",
                                 cases[i].stacktrace, list ? "" : "]"));
        struct trace t = trace_with(members.ptr, a);
        assert_text(cases[i].name, listing(&t, a), cases[i].want);
    }
}

static void test_builds(void **state)
{
    (void)state;
    static const struct {
        const char *members, *want;
    } cases[] = {
        { "", "" },
        { "\"Package\":\"gedit 43.2-1\"", "gedit 43.2-1" },
        { "\"Package\":\"gedit 43.2-1\",\"version\":\"7\"", "gedit 43.2-1" },
        { "\"package\":\"gedit-3.10.4-1.fc20\"", "gedit-3.10.4-1.fc20" },
        { "\"Version\":\"7\",\"Package\":\"gedit\"", "gedit 7" },
        { "\"application\":\"my app\",\"application.version\":\"1.2\"", "my app 1.2" },
        { "\"application\":\"app\",\"version\":\"3\"", "app 3" },
        { "\"application\":\"app\",\"version\":\"3\",\"application.version\":\"1.2\"", "app 1.2" },
        { "\"application\":\"app\"", "" },
        { "\"name\":\"app\",\"release\":\"2026-1\"", "app 2026-1" },
        { "\"version\":\"3\"", "3" },
        { "\"version\":3", "3" },
        { "\"application\":\"app\",\"numbers\":{\"version\":3}", "app 3" },
        { "\"numbers\":{\"version\":3},\"version\":\"4\"", "4" },
        { "\"ids\":{\"version\":\"0f8fad5bd9cb469fa16570867728950e\"}",
          "0f8fad5bd9cb469fa16570867728950e" },
        { "\"more\":{\"ver\":\"9\",\"prod\":\"Chromium\"}", "Chromium 9" },
        { "\"annotations\":{\"version\":3}", "" },
        { "\"numbers\":{\"more\":{\"version\":3}}", "" },
        { "\"ProductName\":\"Firefox\",\"Version\":\"102\",\"BuildID\":\"20220101\"",
          "Firefox 20220101" },
        { "\"_productName\":\"e\",\"_version\":\"1\"", "e 1" },
        { "\"PACKAGE_NAME\":\"org.x\",\"APP_VERSION_NAME\":\"1\"", "org.x 1" },
        { "\"COREDUMP_PACKAGE_NAME\":\"x\",\"COREDUMP_PACKAGE_VERSION\":\"1-2\"", "x 1-2" },
        { "\"package_name\":\"x\",\"package_version\":\"1-2\"", "x 1-2" },
        { "\"Package\":null,\"version\":{\"a\":1},\"release\":[]", "" },
        { "\"Package\":\"\",\"version\":\"\",\"release\":\"1\"", "1" },
        { "\"uname.version\":\"1\",\"language_version\":\"2\"", "" },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str members;
        assert_true(arena_printf(a, &members,
                                 "\"stacktrace\":[{\"function\":\"f\"},{\"debug_id\":\"D\"}]%s%s",
                                 *cases[i].members ? "," : "", cases[i].members));
        struct trace t = trace_with(members.ptr, a);
        assert_text(cases[i].members, t.build, cases[i].want);
        assert_int_equal(t.count, 2);
        assert_text(cases[i].members, t.frames[0].build, cases[i].want);
        assert_text(cases[i].members, t.frames[1].build, "D");
    }
}

static void test_deaths(void **state)
{
    (void)state;
    static const struct {
        const char *members, *want;
    } cases[] = {
        { "", "" },
        /* Signals. */
        { "\"Signal\":\"11\"", "SIGSEGV" },
        { "\"Signal\":11", "SIGSEGV" },
        { "\"Signal\":\"6\"", TRACE_ABORT },
        { "\"signal\":\"SIGABRT\"", TRACE_ABORT },
        { "\"signal\":\"abrt\"", TRACE_ABORT },
        { "\"signal\":\"SIGIOT\"", TRACE_ABORT },
        { "\"signal\":\"Aborted\"", TRACE_ABORT },
        { "\"signal\":\"Abort trap: 6\"", TRACE_ABORT },
        { "\"classifiers\":[\"abort\"]", TRACE_ABORT },
        { "\"signal\":\"segv\"", "SIGSEGV" },
        { "\"signal\":\"SigSegv\"", "SIGSEGV" },
        { "\"signal\":\" SIGSEGV \"", "SIGSEGV" },
        { "\"signal\":\"Segmentation fault\"", "SIGSEGV" },
        { "\"signal\":\"Segmentation fault (core dumped)\"", "SIGSEGV" },
        { "\"signal\":\"Segmentation fault: 11\"", "SIGSEGV" },
        { "\"signal\":\"SIGSEGV, Segmentation fault.\"", "SIGSEGV" },
        { "\"signal\":\"SIGSEGV /SEGV_MAPERR\"", "SIGSEGV" },
        { "\"signal\":\"SIGSEGV / SEGV_MAPERR\"", "SIGSEGV" },
        { "\"signal\":\"SIGSEGV 0x10\"", "SIGSEGV" },
        { "\"signal\":\"SIGSEGV SEGV_MAPERR\"", "SIGSEGV" },
        { "\"signal\":\"11 (SIGSEGV)\"", "SIGSEGV" },
        { "\"signal\":\"signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0\"", "SIGSEGV" },
        { "\"signal\":\"SIGNAL\"", "SIGNAL" },
        { "\"signal\":\"1\"", "SIGHUP" },
        { "\"signal\":\"31\"", "SIGSYS" },
        { "\"signal\":\"0\"", "" },
        { "\"signal\":\"32\"", "" },
        { "\"signal\":\"-11\"", "-11" },
        { "\"signal\":\"99999999999999999999\"", "99999999999999999999" },
        { "\"signal\":true", "" },
        { "\"signal\":\"unknown\"", "" },
        { "\"signal\":null", "" },
        { "\"signal\":{\"number\":11}", "" },
        { "\"numbers\":{\"signal\":8}", "SIGFPE" },
        { "\"numbers\":{\"signal\":8},\"signal\":\"7\"", "SIGBUS" },
        { "\"SignalName\":\"SIGILL\"", "SIGILL" },
        { "\"signal_name\":\"ill\"", "SIGILL" },
        { "\"COREDUMP_SIGNAL\":\"5\"", "SIGTRAP" },
        { "\"COREDUMP_SIGNAL_NAME\":\"SIGTRAP\"", "SIGTRAP" },
        { "\"signal\":\"0\",\"crash_reason\":\"SIGBUS\"", "SIGBUS" },
        { "\"crash_reason\":\"SIGBUS\",\"Signal\":\"11\"", "SIGSEGV" },
        { "\"signals\":\"11\",\"number\":11", "" },
        /* Reasons of dumps. */
        { "\"crash_reason\":\"SIGSEGV /SEGV_MAPERR\"", "SIGSEGV" },
        { "\"crash.reason\":\"EXC_CRASH (SIGABRT)\"", TRACE_ABORT },
        { "\"CrashReason\":\"EXC_BAD_ACCESS / KERN_INVALID_ADDRESS\"", "EXC_BAD_ACCESS" },
        { "\"crash_reason\":\"EXCEPTION_ACCESS_VIOLATION_READ\"",
          "EXCEPTION_ACCESS_VIOLATION_READ" },
        { "\"crash_reason\":\"EXCEPTION_ACCESS_VIOLATION_READ @ 0xffff\"",
          "EXCEPTION_ACCESS_VIOLATION_READ" },
        { "\"crash_reason\":\"EXC_BAD_ACCESS at 0x10\"", "EXC_BAD_ACCESS" },
        { "\"crash_reason\":\"11\"", "" },
        { "\"crash_reason\":\"0xc0000005\"", "EXCEPTION_ACCESS_VIOLATION" },
        { "\"crash_reason\":\"0xC0000005 / 0x00000001\"", "EXCEPTION_ACCESS_VIOLATION" },
        { "\"crash_reason\":\"STATUS_STACK_OVERFLOW\"", "EXCEPTION_STACK_OVERFLOW" },
        { "\"crash_reason\":\"STATUS_NEW_ONE\"", "STATUS_NEW_ONE" },
        { "\"exception_code\":3221225477", "EXCEPTION_ACCESS_VIOLATION" },
        { "\"numbers\":{\"exception.code\":3221225725}", "EXCEPTION_STACK_OVERFLOW" },
        { "\"ExceptionCode\":\"0xE06D7363\"", "0xe06d7363" },
        { "\"ExceptionCode\":\"0x1\"", "" },
        /* Classes of errors. */
        { "\"classifiers\":[\"TypeError\"]", "TypeError" },
        { "\"classifiers\":[\"TypeError\",\"b\"],\"error.type\":\"Unhandled exception\"",
          "TypeError" },
        { "\"classifiers\":\"TypeError\"", "TypeError" },
        { "\"classifiers\":[]", "" },
        { "\"classifiers\":[null,\"b\"]", "" },
        { "\"classifiers\":[\"5\"]", "" },
        { "\"classifiers\":[\"SIGSEGV\",\"invalid-read\"]", "SIGSEGV" },
        { "\"error.type\":\"Exception\"", "" },
        { "\"error.type\":\"Unhandled rejection\"", "" },
        { "\"error.type\":\"Crash\"", "" },
        { "\"error.type\":\"Message\"", "" },
        { "\"error.type\":\"Hang\"", "Hang" },
        { "\"error.type\":\"OOMException\"", "OOMException" },
        { "\"exception.type\":\"java.lang.NullPointerException: Attempt to invoke\"",
          "java.lang.NullPointerException" },
        { "\"exception.type\":\"Exception\"", "Exception" },
        { "\"exception_type\":\"KeyError('x')\"", "KeyError" },
        { "\"exception\":\"ValueError: bad SIGSEGV\"", "ValueError" },
        { "\"exception\":\"Uncaught TypeError: x is not a function\"", "TypeError" },
        { "\"exception\":\"std::out_of_range\"", "std::out_of_range" },
        { "\"exception\":\"std::bad_alloc: no\"", "std::bad_alloc" },
        { "\"exception\":\"Error [ERR_X]: no\"", "Error" },
        { "\"exception\":\"Error:\"", "Error" },
        { "\"exception\":\"NSRangeException\\nat x\"", "NSRangeException" },
        { "\"exception.name\":\"E1\",\"error.name\":\"E2\",\"errorClass\":\"E3\"", "E1" },
        { "\"errorClass\":\"E3\",\"error.name\":\"E2\"", "E2" },
        { "\"ExceptionType\":\"System.Exception\"", "System.Exception" },
        { "\"exception\":\": message\"", "" },
        { "\"exception\":{\"type\":\"X\"},\"classifiers\":[\"Y\"]", "Y" },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_text(cases[i].members, trace_with(cases[i].members, a).death, cases[i].want);
}

/* All numbers of signals, with and without SIG, in any case, say the same. */
static void test_signal_spellings(void **state)
{
    (void)state;
    static const char *const names[] = {
        "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1", "SEGV",
        "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN", "TTOU",
        "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS",
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    assert_int_equal(COUNT_OF(names), 31);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char want[16], spellings[4][16], members[128];
        snprintf(want, sizeof want, "SIG%s", names[i]);
        snprintf(spellings[0], sizeof spellings[0], "%zu", i + 1);
        snprintf(spellings[1], sizeof spellings[1], "%s", names[i]);
        snprintf(spellings[2], sizeof spellings[2], "%s", want);
        snprintf(spellings[3], sizeof spellings[3], "%s", want);
        for (char *c = spellings[3]; *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        for (size_t k = 0; k < COUNT_OF(spellings); k++) {
            snprintf(members, sizeof members, "\"signal\":\"%s\"", spellings[k]);
            assert_text(members, trace_with(members, a).death, want);
        }
    }
}

static void test_long_deaths(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    char members[TRACE_DEATH_MAX + 64];
    for (int len = TRACE_DEATH_MAX; len <= TRACE_DEATH_MAX + 1; len++) {
        snprintf(members, sizeof members, "\"signal\":\"%0*d\"", len, 11);
        members[10] = 'E'; /* no number, but a name */
        assert_int_equal(trace_with(members, a).death.len, len <= TRACE_DEATH_MAX ? len : 0);
    }
}

/* --- recursion ----------------------------------------------------------------------------- */

/* A report with frames by a pattern: function i of it is letter(i). */
static struct trace trace_by(size_t count, unsigned (*letter)(size_t i, const void *ctx),
                             const void *ctx, struct arena *a)
{
    struct buf b;
    buf_init(&b, 4u << 20);
    buf_printf(&b, "{\"database_id\":\"r\",\"stacktrace\":[");
    for (size_t i = 0; i < count; i++) {
        unsigned n = letter(i, ctx);
        buf_printf(&b, "%s{\"function\":\"f%u\",\"dylib\":\"lib%u\",\"address\":\"0x%x\"}",
                   i ? "," : "", n / 2, n % 2, 0x7000 + n * 64);
    }
    buf_printf(&b, "]}");
    struct str text = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &text));
    buf_done(&b);
    return trace_of(text, a);
}

static unsigned in_turns(size_t i, const void *ctx)
{
    const size_t *turn = ctx;
    return i < 3 ? 100 + (unsigned)i : (unsigned)((i - 3) % *turn);
}

static void test_recursion(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t turn = 1; turn <= TRACE_CYCLE_MAX; turn++)
        for (size_t count = REPORT_FRAMES_MAX - turn + 1; count <= REPORT_FRAMES_MAX; count++) {
            struct trace t = trace_by(count, in_turns, &turn, a);
            assert_int_equal(t.count, 3 + turn + (count - 3) % turn); /* and a turn cut short */
            for (size_t i = 0; i < 3 + turn; i++)
                assert_int_equal(t.frames[i].index, i); /* the first turn is kept */
            arena_reset(a);
        }
    size_t longer = TRACE_CYCLE_MAX + 1;
    assert_int_equal(trace_by(REPORT_FRAMES_MAX, in_turns, &longer, a).count, TRACE_FRAMES_MAX);
}

static unsigned rising(size_t i, const void *ctx)
{
    (void)ctx;
    return (unsigned)i;
}

static void test_topmost(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    assert_int_equal(trace_by(TRACE_FRAMES_MAX, rising, NULL, a).count, TRACE_FRAMES_MAX);
    struct trace t = trace_by(TRACE_FRAMES_MAX + 1, rising, NULL, a);
    assert_int_equal(t.count, TRACE_FRAMES_MAX);
    assert_int_equal(t.frames[TRACE_FRAMES_MAX - 1].index, TRACE_FRAMES_MAX - 1);
}

static unsigned drawn(size_t i, const void *ctx)
{
    const uint64_t *seed = ctx;
    uint64_t x = (*seed + i) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned)((x >> 40) % (2 + *seed % 3)); /* few functions, so that turns come about */
}

static bool same(const struct trace_frame *a, const struct trace_frame *b)
{
    return a->site == b->site && str_eq(a->function, b->function) && str_eq(a->module, b->module);
}

/* Whether the frames in front of `end` repeat those before them. */
static bool repeats(const struct trace *t, size_t end, size_t turn)
{
    if (end < 2 * turn)
        return false;
    for (size_t i = 1; i <= turn; i++)
        if (!same(&t->frames[end - i], &t->frames[end - i - turn]))
            return false;
    return true;
}

/* Of any stack: no turn stands twice, and no function is lost. */
static void test_one_turn_is_kept(void **state)
{
    (void)state;
    const char *set = getenv("CRUMPLE_SEED");
    uint64_t first = set ? strtoull(set, NULL, 10) : 1;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (uint64_t seed = first; seed < first + 300; seed++) {
        struct trace t = trace_by(200, drawn, &seed, a);
        unsigned before = 0, after = 0;
        for (size_t i = 0; i < 200; i++)
            before |= 1u << drawn(i, &seed);
        for (size_t i = 0; i < t.count; i++) {
            after |= 1u << ((t.frames[i].site & 0xff) / 64);
            for (size_t turn = 1; turn <= TRACE_CYCLE_MAX; turn++)
                if (repeats(&t, i + 1, turn))
                    fail_msg("seed %llu: a turn of %zu frames before frame %zu",
                             (unsigned long long)seed, turn, i + 1);
            if (i > 0)
                assert_true(t.frames[i].index > t.frames[i - 1].index);
        }
        if (before != after)
            fail_msg("seed %llu: functions %x became %x", (unsigned long long)seed, before, after);
        arena_reset(a);
    }
}

/* --- overflows of the stack ---------------------------------------------------------------- */

/* `count` frames of the turn, one letter a function, from letter `from` on, then those of `outer`.
 * A function called x, y or z is inlined into the next one. stopped: the topmost frames stand where
 * the stack was used up, which is no call. */
static struct trace overflow(const char *turn, size_t from, size_t count, const char *outer,
                             bool stopped, struct arena *a)
{
    struct buf b;
    size_t turns = strlen(turn), total = count + strlen(outer);
    bool top = stopped;
    buf_init(&b, 4u << 20);
    buf_printf(&b, "{\"database_id\":\"r\",\"stacktrace\":[");
    for (size_t i = 0; i < total; i++) {
        const char *c = i < count ? &turn[(from + i) % turns] : &outer[i - count];
        const char *body = c; /* the function that it is inlined into */
        while (*body >= 'x')
            body++;
        buf_printf(&b, "%s{\"function\":\"%c\",\"address\":%d}", i ? "," : "", *c,
                   *body + (top ? 0x800 : 0));
        top = top && *c >= 'x';
    }
    buf_printf(&b, "]}");
    struct str text = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &text));
    buf_done(&b);
    return trace_of(text, a);
}

/* The functions; '^' behind one that is inlined. */
static struct str letters(const struct trace *t, struct arena *a)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < t->count; i++) {
        buf_str(&b, t->frames[i].function);
        buf_str(&b, t->frames[i].inlined ? STR("^") : STR(""));
        if (i > 0)
            assert_true(t->frames[i].index > t->frames[i - 1].index);
    }
    struct str out = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void test_overflows(void **state)
{
    (void)state;
    static const struct {
        const char *name, *turn;
        size_t from, count;
        const char *outer, *want;
    } cases[] = {
        { "begins as it sorts", "ab", 0, 16, "", "ab" },
        { "begins elsewhere", "ba", 0, 16, "", "ab" },
        { "one frame short of so many turns", "ba", 0, 15, "", "bab" },
        { "and of longer ones", "cba", 0, 23, "", "cbacb" },
        { "so many turns of three", "cba", 0, 24, "", "acb" },
        { "a turn is cut short", "cba", 0, 25, "", "acb" },
        { "another place in it", "cba", 1, 25, "", "acb" },
        { "very long", "cba", 2, REPORT_FRAMES_MAX, "", "acb" },
        { "callers", "cba", 0, 24, "mn", "acbamn" },
        { "callers, another top", "cba", 1, 26, "mn", "acbamn" },
        { "callers of a whole turn", "cba", 0, 26, "mn", "acbmn" },
        { "callers of few turns", "cba", 0, 9, "mn", "cbamn" },
        { "a function twice in a turn", "acab", 0, 40, "", "abac" },
        { "the longest turn", "hgfedcba", 3, 70, "", "ahgfedcb" },
        { "one function", "b", 0, 40, "", "b" },
        { "one function, with callers", "b", 0, 40, "a", "ba" },
        { "a function in a loop", "bbbbbbba", 0, 70, "", "ab" },
        { "with an inlined one", "xbca", 0, 40, "", "ax^bc" },
        { "inlined into what sorts first", "zac", 0, 30, "", "cz^a" },
        { "the same, another top", "zac", 2, 30, "", "cz^a" },
        { "two inlined into what sorts first", "czya", 1, 39, "m", "cz^y^am" },
        { "all of it inlined", "zya", 0, 30, "", "z^y^a" },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct trace t =
            overflow(cases[i].turn, cases[i].from, cases[i].count, cases[i].outer, false, a);
        assert_text(cases[i].name, letters(&t, a), cases[i].want);
        arena_reset(a);
    }
}

/* Wherever it stopped and was cut, an overflow is the same frames; with callers, too. */
static void test_any_cut_of_an_overflow(void **state)
{
    (void)state;
    const char *set = getenv("CRUMPLE_SEED");
    uint64_t first = set ? strtoull(set, NULL, 10) : 1;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (uint64_t seed = first; seed < first + 400; seed++) {
        char turn[TRACE_CYCLE_MAX + 1] = "ab";
        size_t turns = 2 + seed % (TRACE_CYCLE_MAX - 1), least = TRACE_OVERFLOW_TURNS * turns;
        for (size_t i = 2; i < turns; i++)
            turn[i] = (char)('a' + drawn(i, &seed));
        const char *outer = seed & 8 ? "m" : "";
        struct trace want = overflow(turn, 0, least, outer, false, a);
        for (size_t cut = 0; cut < 3 * turns; cut++) {
            /* What is called by the callers is called by them always; else the end is chance. */
            size_t from = cut % turns, whole = least + turns + (*outer ? 0 : cut / 2);
            struct trace t = overflow(turn, from, whole - from, outer, cut % 2, a);
            bool equal = t.count == want.count;
            for (size_t i = 0; equal && i < t.count; i++)
                equal = same(&t.frames[i], &want.frames[i]);
            if (!equal)
                fail_msg("seed %llu: %s from %zu: %.*s is not %.*s", (unsigned long long)seed, turn,
                         from, STR_ARG(letters(&t, a)), STR_ARG(letters(&want, a)));
        }
        arena_reset(a);
    }
}

/* How a tool spells the functions does not matter. */
static void test_spellings_of_an_overflow(void **state)
{
    (void)state;
    static const char *const spellings[][2] = {
        { "ui::walk", "tree::visit" },
        { "ui::walk(int)", "tree::visit(char const*)" },
        { "_ZN2ui4walkEi", "_ZN4tree5visitEPKc" },
        { "int ui::walk<int>(int)", "void tree::visit<b>(b)" },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(spellings); i++)
        for (size_t cut = 0; cut < 2; cut++) {
            struct buf b;
            struct str members = { 0 };
            buf_init(&b, 1 << 16);
            buf_printf(&b, "\"stacktrace\":[");
            for (size_t k = 0; k < 100 + cut; k++)
                buf_printf(&b, "%s{\"function\":\"%s\"}", k ? "," : "",
                           spellings[i][(k + cut) % 2]);
            buf_printf(&b, "]");
            assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &members));
            buf_done(&b);
            struct trace t = trace_with(members.ptr, a);
            assert_int_equal(t.count, 2);
            assert_text("first", t.frames[0].function, spellings[i][1]);
            assert_text("second", t.frames[1].function, spellings[i][0]);
        }
}

static void test_sites_of_an_overflow(void **state)
{
    (void)state;
    static const struct {
        const char *name, *function; /* of all frames */
        unsigned modules, sites;     /* in turn */
        const char *want;            /* its first frames */
    } cases[] = {
        { "unknown functions", "??", 1, 2, "(m1)+100#2|(m1)+101#3" },
        { "unknown functions in two modules", "??", 2, 2, "(m0)+100#2|(m1)+101#3" },
        { "unknown functions at many sites", "??", 2, 99, "(m0)+100#0|(m1)+101#1|" },
        { "a function of two modules at many sites", "f", 2, 99, "f(m0)+102#2|f(m1)+103#3|" },
        { "one function stays as it is", "f", 1, 99, "f(m1)+100#0|f(m1)+101#1|" },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf b;
        buf_init(&b, 1 << 16);
        for (unsigned k = 0; k < 40; k++)
            buf_printf(&b, "%s{\"function\":\"%s\",\"module\":\"m%u\",\"pc\":%u}",
                       k ? "," : "{\"database_id\":\"r\",\"stacktrace\":[", cases[i].function,
                       cases[i].modules == 1 ? 1 : k % 2, 0x100 + k % cases[i].sites);
        buf_printf(&b, "]}");
        struct str text = { 0 };
        assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &text));
        buf_done(&b);
        struct trace t = trace_of(text, a);
        struct str got = listing(&t, a);
        size_t len = strlen(cases[i].want);
        if (cases[i].want[len - 1] == '|' && got.len > len)
            got.len = len;
        assert_text(cases[i].name, got, cases[i].want);
    }
}

/* --- hostile ------------------------------------------------------------------------------- */

static void test_any_shape(void **state)
{
    (void)state;
    static const char *const keys[] = { "function", "module",  "dylib",       "address",
                                        "offset",   "line",    "fileline",    "debug_id",
                                        "Package",  "version", "classifiers", "signal",
                                        "numbers",  "more",    "error.type",  "exception_code" };
    static const char *const values[] = {
        "null",
        "true",
        "false",
        "\"\"",
        "\"\\u0000\"",
        "\" \"",
        "\"0x\"",
        "\":\"",
        "\"::1:\"",
        "0",
        "-0",
        "1e400",
        "-1",
        "0.5",
        "123456789012345678901234567890",
        "[]",
        "[[]]",
        "[null]",
        "{}",
        "{\"signal\":{}}",
        "\"\\ud800\"",
        "\"SIG\"",
        "\"(\"",
        "\"Uncaught \"",
        "\"STATUS_\"",
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t k = 0; k < COUNT_OF(keys); k++)
        for (size_t v = 0; v < COUNT_OF(values); v++) {
            char members[256];
            bool fine = k > 0 || strchr("[{", values[v][0]) == NULL; /* a function is no list */
            snprintf(members, sizeof members, "\"%s\":%s,\"stacktrace\":[{\"%s\":%s},{}]", keys[k],
                     values[v], keys[fine ? k : 1], values[v]);
            struct trace t = trace_with(members, a);
            assert_true(t.count == 1 || t.count == 2);
            for (size_t i = 0; i < t.count; i++)
                assert_true(t.frames[i].has_site || t.frames[i].site == 0);
        }
}

/* With ever more memory, until it is enough. */
static void starve(struct str text, size_t frames)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct err e = { 0 };
    const struct json *j;
    unsigned failed = 0;
    assert_true(json_parse(&j, text, (struct json_limits){ 100, 1000 }, a, &e));
    for (size_t limit = 1; limit < 20000; limit += 16) {
        struct arena *tight = arena_new(limit);
        struct trace t;
        if (tight && trace_collect(&t, j, tight)) {
            assert_text("build", t.build, "a 1");
            assert_int_equal(t.count, frames);
        } else {
            failed++;
        }
        arena_free(tight);
    }
    assert_true(failed > 1 && failed < 20000 / 16);
}

#define TURN "{\"function\":\"f<a>\"},{\"function\":\"g(b)\"},"
#define TURNS TURN TURN TURN TURN /* four */

static void test_no_memory(void **state)
{
    (void)state;
    starve(STR("{\"database_id\":\"r\",\"application\":\"a\",\"version\":\"1\","
               "\"exception_code\":4294967295,\"stacktrace\":[{\"function\":\"<f<a>>\"},"
               "{\"function\":\"??\"},{\"function\":\"g\"}]}"),
           3);
    starve(
        STR("{\"database_id\":\"r\",\"application\":\"a\",\"version\":\"1\",\"stacktrace\":[" TURNS
                TURNS "{\"function\":\"f<a>\"}]}"),
        2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_builds),
        cmocka_unit_test(test_deaths),
        cmocka_unit_test(test_signal_spellings),
        cmocka_unit_test(test_long_deaths),
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_topmost),
        cmocka_unit_test(test_one_turn_is_kept),
        cmocka_unit_test(test_overflows),
        cmocka_unit_test(test_any_cut_of_an_overflow),
        cmocka_unit_test(test_spellings_of_an_overflow),
        cmocka_unit_test(test_sites_of_an_overflow),
        cmocka_unit_test(test_any_shape),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
