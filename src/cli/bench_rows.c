/* bench_rows.c - see the header. Everything comes of a hash of the row's number, so that any row
 * can be made by itself. */
#include "cli/bench_rows.h"
#include "cli/bench_stats.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define FIRST_SECOND 1780000000u
#define SECONDS_A_ROW 3 /* on the average */
#define FINGERPRINTS 20000
#define HOSTS 50000
#define USERS 200000
#define MESSAGES 5000
#define VERSIONS 60
#define KERNELS 200
#define STACK_FRAMES 12

/* A number that looks random, always the same for the same x. */
static uint64_t mix(uint64_t x)
{
    return bench_random(&x);
}

/* One of n, the first ones far more often: half of all draws fall on an eighth of them. */
static uint64_t skewed(uint64_t random, uint64_t n)
{
    double u = (double)(random >> 11) / (double)(UINT64_C(1) << 53);
    return (uint64_t)((double)n * u * u * u);
}

struct filling {
    struct bench_row *row;
    uint64_t state;
    size_t count;
};

static uint64_t draw(struct filling *f)
{
    return f->state = mix(f->state);
}

static struct cell *next_cell(struct filling *f, const char *name)
{
    struct named_cell *n = &f->row->cells[f->count++];
    n->name = str_from_c(name);
    return &n->value;
}

static void put_uint(struct filling *f, const char *name, uint64_t value)
{
    struct cell *c = next_cell(f, name);
    c->type = CELL_UINT;
    c->u = value;
}

PRINTF_LIKE(3, 4) static void put_text(struct filling *f, const char *name, const char *fmt, ...)
{
    char *text = f->row->texts[f->count];
    struct cell *c = next_cell(f, name);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, BENCH_ROW_TEXT, fmt, args);
    va_end(args);
    c->type = CELL_STRING;
    c->s = (struct str){ text, n < BENCH_ROW_TEXT ? (size_t)n : BENCH_ROW_TEXT - 1 };
}

static void put_stack(struct filling *f, uint64_t which)
{
    char *text = f->row->texts[f->count];
    size_t len = 0;
    struct cell *c = next_cell(f, "callstack");
    len += (size_t)snprintf(text, BENCH_ROW_TEXT, "{\"frame\":[");
    for (uint64_t i = 0; i < STACK_FRAMES; i++) {
        uint64_t function = mix(which * STACK_FRAMES + i) % 9000;
        len +=
            (size_t)snprintf(text + len, BENCH_ROW_TEXT - len,
                             "%s\"app::module_%" PRIu64 "::Class%" PRIu64 "::method_%" PRIu64 "\"",
                             i ? "," : "", function % 40, function % 700, function);
    }
    len += (size_t)snprintf(text + len, BENCH_ROW_TEXT - len, "]}");
    c->type = CELL_STRING;
    c->s = (struct str){ text, len };
}

static void put_uuid(struct filling *f, const char *name, uint64_t which)
{
    uint64_t a = mix(which), b = mix(a);
    put_text(f, name, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
             b & 0xffffffffffff);
}

static const char *one_of(uint64_t random, const char *const *words, size_t count)
{
    return words[skewed(random, count)];
}
#define ONE_OF(random_, words_) one_of((random_), (words_), sizeof(words_) / sizeof *(words_))

static void put_system(struct filling *f)
{
    static const char *const systems[] = { "Linux", "Windows NT", "Android", "Mac OS X" };
    static const char *const machines[] = { "x86_64", "aarch64", "arm", "i686" };
    put_text(f, "uname.sysname", "%s", ONE_OF(draw(f), systems));
    put_text(f, "uname.release", "5.%" PRIu64 ".0-generic", skewed(draw(f), KERNELS));
    put_text(f, "uname.machine", "%s", ONE_OF(draw(f), machines));
    put_text(f, "cpu.brand", "Processor %" PRIu64, skewed(draw(f), 40));
    put_uint(f, "cpu.count", UINT64_C(2) << draw(f) % 6);
    put_uint(f, "system.memory.total", UINT64_C(1) << (32 + draw(f) % 5));
    put_uint(f, "system.memory.free", draw(f) % (UINT64_C(1) << 32));
}

static void put_process(struct filling *f)
{
    put_uint(f, "pid", 300 + draw(f) % 65000);
    put_uint(f, "process.age", skewed(draw(f), 1000000));
    put_uint(f, "process.thread.count", 1 + draw(f) % 120);
    put_uint(f, "vm.rss.size", (draw(f) % (UINT64_C(1) << 22)) << 12);
    put_uint(f, "gc.heap.used", draw(f) % (UINT64_C(1) << 30));
}

static void put_error(struct filling *f, uint64_t which)
{
    static const char *const types[] = { "Crash", "TypeError", "Hang", "RangeError", "Message" };
    static const char *const classes[] = { "segv read", "abort", "segv write", "uncaught", "oom" };
    put_text(f, "error.type", "%s", ONE_OF(mix(which), types));
    put_text(f, "error.message", "cannot read property %" PRIu64 " of undefined",
             skewed(mix(which + 1), MESSAGES));
    put_text(f, "classifiers", "%s", ONE_OF(mix(which + 2), classes));
}

void bench_row_make(struct bench_row *row, uint64_t i)
{
    static const char *const environments[] = { "production", "staging", "development" };
    struct filling f = { .row = row, .state = mix(i) };
    uint64_t which = skewed(draw(&f), FINGERPRINTS);
    put_uint(&f, "timestamp", FIRST_SECOND + i * SECONDS_A_ROW + draw(&f) % 60);
    put_text(&f, "fingerprint", "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64, mix(which),
             mix(which + 1), mix(which + 2), mix(which + 3));
    put_stack(&f, which);
    put_text(&f, "hostname", "host-%05" PRIu64 ".example.com", draw(&f) % HOSTS);
    put_text(&f, "version", "%u.%u.%u", (unsigned)(draw(&f) % 3), (unsigned)(f.state >> 8) % 5,
             (unsigned)(f.state >> 16) % (VERSIONS / 15));
    put_text(&f, "application", "app-%" PRIu64, skewed(draw(&f), 12));
    put_text(&f, "environment", "%s", ONE_OF(draw(&f), environments));
    put_uuid(&f, "application.session", i);
    put_uuid(&f, "guid", UINT64_C(1) << 40 | draw(&f) % USERS);
    put_text(&f, "backtrace.version", "1.%" PRIu64, skewed(draw(&f), 9));
    put_error(&f, which);
    put_system(&f);
    put_process(&f);
}
