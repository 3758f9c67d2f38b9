/* gen_reports.c - makes crash reports for measuring: JSON lines that have the shape of real ones.
 *
 *     gen-reports COUNT [--backtrace] [--seed N] [--labels FILE] > reports.jsonl
 *
 * The same seed gives the same bytes, and a larger COUNT only adds to the end. --backtrace writes
 * the same reports as Backtrace clients submit them (format json), each with a uuid of its own.
 * --labels writes database_id<TAB>bug, what a perfect grouping would find. 100,000 reports take
 * about a second.
 *
 * The shape follows what was measured on crash reports of a Linux distribution:
 *
 * - Names of functions follow Zipf's law: the most common one stands in every second report, rank
 *   64 in one of ten to twenty, rank 2048 in about one of a thousand.
 * - Bugs are heavy-tailed and come in bursts: 12 % of the reports open a new bug, 66 % repeat one
 *   that was seen lately, 22 % an older one. Most bugs are seen once or twice, some thousands of
 *   times.
 * - One bug reaches the server along several call paths, now and then with a frame more or less, a
 *   recursion, noise on top (raise, abort), and partly without symbols (12 %).
 *
 * It is for speed and size. How good the grouping is must be judged by real reports. */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP_MAX 5
#define MIDDLE_MAX 13
#define LOW_MAX 6
#define PATHS_MAX 4
#define RECURSION_MAX 40
#define FRAMES_MAX (TOP_MAX + 1 + MIDDLE_MAX + RECURSION_MAX + LOW_MAX)
#define NAMED_MAX 16 /* frames of noise and tail */
#define RECENT 2000  /* reports whose bugs are a burst */
#define NEW_BUG .12
#define OLD_BUG .25 /* of the others */
#define SECONDS_BETWEEN 60
#define FIRST_DAY 18262 /* 2020-01-01, in days since 1970 */
#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

static const char *const words[] = {
    "get",    "set",   "make",   "free",    "init",   "load",   "read",   "write",  "open",
    "close",  "find",  "push",   "pop",     "node",   "list",   "tree",   "hash",   "map",
    "page",   "cache", "index",  "frame",   "event",  "signal", "widget", "window", "loop",
    "queue",  "lock",  "task",   "timer",   "draw",   "paint",  "render", "text",   "font",
    "glyph",  "image", "pixel",  "buffer",  "stream", "file",   "path",   "socket", "parse",
    "token",  "expr",  "eval",   "call",    "type",   "class",  "object", "string", "array",
    "slot",   "value", "key",    "entry",   "state",  "mode",   "flag",   "size",   "count",
    "offset", "begin", "insert", "remove",  "update", "commit", "sync",   "alloc",  "copy",
    "move",   "merge", "split",  "sort",    "scan",   "walk",   "visit",  "emit",   "handle",
    "run",    "plan",  "row",    "request", "reply",  "layout", "menu",   "theme",  "codec",
};
static const char *const libraries[] = {
    "libc.so.6",          "libglib-2.0.so.0",  "libgobject-2.0.so.0",     "libgtk-3.so.0",
    "libgdk-3.so.0",      "libQt5Core.so.5",   "libQt5Gui.so.5",          "libX11.so.6",
    "libcairo.so.2",      "libpango-1.0.so.0", "libsqlite3.so.0",         "libxml2.so.2",
    "libssl.so.3",        "libcurl.so.4",      "libpython3.11.so.1.0",    "libavcodec.so.59",
    "libQt5Widgets.so.5", "libnss3.so",        "libwebkit2gtk-4.0.so.37",
};
/* Bottoms of stacks; the last NULL ends one. */
static const char *const tails[][8] = {
    { "g_main_context_dispatch", "g_main_context_iterate", "g_main_loop_run", "gtk_main", "main",
      "__libc_start_main", "_start" },
    { "QCoreApplication::notifyInternal2", "QEventLoop::exec", "QCoreApplication::exec", "main",
      "__libc_start_main", "_start" },
    { "g_thread_proxy", "start_thread", "clone" },
    { "start_thread", "clone" },
    { "main", "__libc_start_main", "_start" },
};
/* Tops of stacks that say nothing about the bug. */
static const char *const noises[][5] = {
    { "raise", "abort" },
    { "raise", "abort", "__assert_fail_base", "__assert_fail" },
    { "__kernel_vsyscall", "raise", "abort", "g_assertion_message" },
    { "malloc_printerr", "_int_free", "free" },
};

/* Random numbers: splitmix64, whose whole state is one number. */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((next_random(state) >> 32) * n >> 32);
}

static bool chance(uint64_t *state, double p)
{
    return (double)(next_random(state) >> 11) * 0x1p-53 < p;
}

/* Log-uniform: density 1/rank, which is Zipf's law with exponent one. */
static uint32_t zipf(uint64_t *state, double low, double high)
{
    double u = (double)(next_random(state) >> 11) * 0x1p-53;
    return (uint32_t)(low * exp(u * log(high / low)));
}

/* Functions: all about one is a pure function of its rank. */

struct function {
    char name[96], file[64];
    const char *library; /* NULL: the program's own code, which has a file and a line */
    unsigned line;
};

static void capitalise(char *out, size_t room, const char *word)
{
    snprintf(out, room, "%c%s", word[0] - 'a' + 'A', word + 1);
}

static void function_of_rank(struct function *f, uint32_t rank)
{
    static const uint8_t counts[] = { 2, 2, 3, 3, 4 };
    uint64_t state = (uint64_t)rank * 0xd1342543de82ef95u + 1;
    const char *word[4] = { 0 };
    char capital[4][16] = { 0 };
    size_t count = counts[below(&state, COUNT_OF(counts))];
    for (size_t i = 0; i < count; i++) {
        word[i] = words[below(&state, COUNT_OF(words))];
        capitalise(capital[i], sizeof capital[i], word[i]);
    }
    char number[16] = "";
    uint32_t style = below(&state, 100);
    if (rank > 400)
        snprintf(number, sizeof number, style < 45 ? "_%x" : "%u", style < 45 ? rank : rank % 9973);
    if (style < 45)
        snprintf(f->name, sizeof f->name, "%s_%s%s%s%s%s%s", word[0], word[1], word[2] ? "_" : "",
                 word[2] ? word[2] : "", word[3] ? "_" : "", word[3] ? word[3] : "", number);
    else
        snprintf(f->name, sizeof f->name, "%s%s%s%s%s%s%s%s", style < 75 ? capital[0] : "",
                 style < 75 ? capital[count - 1] : "", style < 75 ? "::" : "", word[0], capital[1],
                 capital[2], capital[3], number);
    f->library = chance(&state, .6) ? libraries[rank % COUNT_OF(libraries)] : NULL;
    snprintf(f->file, sizeof f->file, "%s/%s_%s.c", word[0], word[0], word[1]);
    f->line = 20 + below(&state, 3980);
}

/* Bugs. */

struct bug {
    uint32_t top[TOP_MAX], paths[PATHS_MAX][MIDDLE_MAX], low[LOW_MAX];
    uint32_t app;
    uint8_t top_count, path_count, middle_count, low_count;
    uint8_t tail, noise; /* noise: COUNT_OF(noises) for none */
    uint8_t signal;
};

static void ranks(uint64_t *state, uint32_t *out, size_t count, double low, double high)
{
    for (size_t i = 0; i < count; i++)
        out[i] = zipf(state, low, high);
}

static struct bug bug_new(uint64_t *state)
{
    static const uint8_t more_paths[] = { 0, 1, 1, 2, 3 }, signals[] = { 11, 11, 11, 6, 6, 8, 4 };
    struct bug b = {
        .top_count = (uint8_t)(1 + below(state, TOP_MAX)),
        .middle_count = (uint8_t)(2 + below(state, MIDDLE_MAX - 1)),
        .low_count = (uint8_t)(1 + below(state, LOW_MAX)),
        .path_count = (uint8_t)(1 + more_paths[below(state, COUNT_OF(more_paths))]),
        .tail = (uint8_t)below(state, COUNT_OF(tails)),
        .noise = COUNT_OF(noises),
        .signal = signals[below(state, COUNT_OF(signals))],
        .app = zipf(state, 1, 400),
    };
    if (chance(state, .3))
        b.noise = (uint8_t)below(state, COUNT_OF(noises));
    ranks(state, b.top, b.top_count, 200, 2e6);
    ranks(state, b.paths[0], b.middle_count, 20, 20000);
    ranks(state, b.low, b.low_count, 5, 300);
    for (size_t p = 1; p < b.path_count; p++) {
        memcpy(b.paths[p], b.paths[0], sizeof b.paths[0]);
        for (size_t n = 1 + below(state, 3); n > 0; n--)
            b.paths[p][below(state, b.middle_count)] = zipf(state, 20, 20000);
    }
    return b;
}

struct bugs {
    uint64_t state;
    struct bug *at;
    size_t count, room;
    uint32_t recent[RECENT]; /* bugs of the last reports, a ring */
    uint64_t reports;
};

/* Which bug the next report is of; may be one that was not there before. */
static uint32_t bugs_next(struct bugs *b)
{
    uint64_t *s = &b->state;
    size_t recent = b->reports < RECENT ? (size_t)b->reports : RECENT;
    uint32_t which;
    if (b->count == 0 || chance(s, NEW_BUG)) {
        if (b->count == b->room) {
            b->room = b->room ? 2 * b->room : 1024;
            b->at = reallocarray(b->at, b->room, sizeof *b->at);
            if (!b->at) {
                fputs("gen-reports: no memory\n", stderr);
                exit(1);
            }
        }
        which = (uint32_t)b->count;
        b->at[b->count++] = bug_new(s);
    } else if (chance(s, OLD_BUG)) {
        which = zipf(s, 1, (double)b->count + 1) - 1;
    } else {
        which = b->recent[below(s, (uint32_t)recent)];
    }
    b->recent[b->reports++ % RECENT] = which;
    return which;
}

/* Reports. */

/* The frames between noise and tail, as ranks. */
static size_t choose_frames(uint64_t *state, const struct bug *b, uint32_t *out)
{
    size_t n = 0, extra = SIZE_MAX, dropped = SIZE_MAX, repeats = 0;
    const uint32_t *path = b->paths[chance(state, .6) ? 0 : below(state, b->path_count)];
    if (b->top_count > 1 && chance(state, .15))
        extra = 1 + below(state, b->top_count - 1u);
    if (b->middle_count > 2 && chance(state, .2))
        dropped = below(state, b->middle_count);
    if (chance(state, .05))
        repeats = 1 + below(state, RECURSION_MAX - 1);
    for (size_t i = 0; i < b->top_count; i++) {
        if (i == extra)
            out[n++] = zipf(state, 200, 100000);
        out[n++] = b->top[i];
    }
    for (size_t i = 0; i < b->middle_count; i++) {
        if (i == dropped)
            continue;
        out[n++] = path[i];
        for (; repeats > 0; repeats--)
            out[n++] = path[i];
    }
    memcpy(out + n, b->low, b->low_count * sizeof *out);
    return n + b->low_count;
}

/* One report, before it is written in one form or the other. All that is drawn by chance is drawn
 * here, so that both forms are of the same reports. */

struct frame {
    const char *name;             /* NULL: without symbols */
    const char *folder, *library; /* NULL: the program itself, or not known */
    const char *file;             /* NULL: not known; line goes with it */
    unsigned line;
    uint64_t address;
};

struct report {
    uint64_t number, second;
    const struct bug *bug;
    bool has_project;
    const char *cpu;
    uint32_t year, month, major, minor, patch, build;
    struct frame frames[FRAMES_MAX + NAMED_MAX];
    size_t frame_count;
    struct function functions[FRAMES_MAX]; /* what names and files of the frames point into */
    struct function first;                 /* of the bug, whatever came above it */
};

struct stack {
    struct report *report;
    uint64_t *state;
    uint64_t base;
};

static void push_frame(struct stack *k, struct frame f)
{
    size_t depth = k->report->frame_count++;
    f.address = k->base + depth * 4096u + below(k->state, 4096);
    k->report->frames[depth] = f;
}

/* Frames that are known by name. */
static void push_named(struct stack *k, const char *const *names, const char *library)
{
    for (; *names; names++)
        push_frame(k, (struct frame){ .name = *names, .folder = "/lib", .library = library });
}

static void push_function(struct stack *k, const struct function *fn, bool stripped)
{
    struct frame f = { .name = fn->name, .folder = "/usr/lib", .library = fn->library };
    if (stripped && fn->library && chance(k->state, .7))
        f.name = NULL;
    if (!fn->library) {
        f.file = fn->file;
        f.line = fn->line;
    }
    push_frame(k, f);
}

static void draw_stack(struct report *r, uint64_t *state, const uint32_t *chosen, size_t count)
{
    const struct bug *b = r->bug;
    struct stack k = { r, state, 0x7f0000000000 + (next_random(state) & 0xffffff0000) };
    bool stripped = chance(state, .12);
    if (b->noise < COUNT_OF(noises))
        push_named(&k, noises[b->noise], "libc.so.6");
    for (size_t i = 0; i < count; i++) {
        function_of_rank(&r->functions[i], chosen[i]);
        push_function(&k, &r->functions[i], stripped);
    }
    push_named(&k, tails[b->tail], NULL);
}

static void draw_report(struct report *r, struct bugs *bugs, uint32_t which, uint64_t second)
{
    static const char *const cpus[] = { "amd64", "amd64", "amd64", "i386", "arm64" };
    uint64_t *s = &bugs->state;
    uint32_t chosen[FRAMES_MAX];
    r->bug = &bugs->at[which];
    r->number = bugs->reports - 1;
    r->second = second;
    r->frame_count = 0;
    size_t count = choose_frames(s, r->bug, chosen);
    function_of_rank(&r->first, r->bug->top[0]);
    r->has_project = chance(s, .97);
    r->cpu = cpus[below(s, COUNT_OF(cpus))];
    r->year = 18 + below(s, 7);
    r->month = below(s, 2) ? 4 : 10;
    r->major = 1 + which % 4;
    r->minor = below(s, 12);
    r->patch = below(s, 4);
    r->build = below(s, 3);
    draw_stack(r, s, chosen, count);
}

/* As it is posted to the PartyCrasher API. */

static void write_date(uint64_t second)
{
    time_t t = (time_t)FIRST_DAY * 86400 + (time_t)second;
    struct tm tm;
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
    printf("\"date\":\"%s\",", text);
}

static void write_frame(const struct frame *f, size_t depth)
{
    fputs(depth ? ",{" : "{", stdout);
    if (f->name)
        printf("\"function\":\"%s\",", f->name);
    else
        fputs("\"function\":null,", stdout);
    if (f->library)
        printf("\"dylib\":\"%s/x86_64-linux-gnu/%s\",", f->folder, f->library);
    else if (f->file)
        printf("\"file\":\"%s\",\"fileline\":\"%u\",", f->file, f->line);
    printf("\"depth\":\"%zu\",\"address\":\"0x%" PRIx64 "\"}", depth, f->address);
}

static const char *signal_name(const struct report *r)
{
    return r->bug->signal == 11 ? "SIGSEGV" : "SIGABRT";
}

static void write_report(const struct report *r)
{
    uint32_t app = r->bug->app;
    printf("{\"database_id\":\"made:%010" PRIu64 "\",", r->number);
    if (r->has_project)
        printf("\"project\":\"app-%u\",", app);
    else
        fputs("\"project\":\"Unknown\",", stdout);
    write_date(r->second);
    printf("\"Signal\":\"%u\",\"cpu\":\"%s\",\"os\":\"Ubuntu %u.%02u\",", r->bug->signal, r->cpu,
           r->year, r->month);
    printf("\"Package\":\"app-%u %u.%u-%uubuntu%u\",\"ExecutablePath\":\"/usr/bin/app-%u\",", app,
           r->major, r->minor, r->patch, r->build, app);
    printf("\"Title\":\"app-%u crashed with %s in %s()\",\"stacktrace\":[", app, signal_name(r),
           r->first.name);
    for (size_t i = 0; i < r->frame_count; i++)
        write_frame(&r->frames[i], i);
    fputs("]}\n", stdout);
}

/* As a Backtrace client would submit it in the format json. */

static void write_backtrace_frame(const struct frame *f, bool first, uint32_t app)
{
    fputs(first ? "{" : ",{", stdout);
    if (f->name)
        printf("\"funcName\":\"%s\",", f->name);
    if (f->library)
        printf("\"library\":\"%s/x86_64-linux-gnu/%s\",", f->folder, f->library);
    else
        printf("\"library\":\"/usr/bin/app-%u\",", app);
    if (f->file)
        printf("\"path\":\"%s\",\"line\":%u,", f->file, f->line);
    printf("\"address\":\"0x%" PRIx64 "\"}", f->address);
}

static void write_backtrace(const struct report *r, uint64_t seed)
{
    uint32_t app = r->bug->app;
    uint64_t state = seed * 0x9e3779b97f4a7c15u ^ r->number; /* not the reports' own */
    uint64_t high = next_random(&state), low = next_random(&state);
    printf("{\"uuid\":\"%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64 "\",",
           high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffffffffffff);
    printf("\"timestamp\":%" PRIu64 ",\"lang\":\"c\",\"langVersion\":\"11\",",
           FIRST_DAY * (uint64_t)86400 + r->second);
    fputs("\"agent\":\"gen-reports\",\"agentVersion\":\"1.0\",", stdout);
    printf("\"classifiers\":[\"%s\"],\"attributes\":{\"application\":\"app-%u\",", signal_name(r),
           app);
    printf("\"application.version\":\"%u.%u-%uubuntu%u\",", r->major, r->minor, r->patch, r->build);
    printf("\"error.message\":\"app-%u crashed with %s in %s()\",", app, signal_name(r),
           r->first.name);
    printf("\"uname.sysname\":\"Linux\",\"uname.machine\":\"%s\",\"uname.version\":\"%u.%02u\",",
           r->cpu, r->year, r->month);
    printf("\"process.age\":%" PRIu64 ",\"signal\":%u},", high % 86400, r->bug->signal);
    fputs("\"mainThread\":\"main\",\"threads\":{\"main\":{\"name\":\"main\",\"fault\":true,"
          "\"stack\":[",
          stdout);
    for (size_t i = 0; i < r->frame_count; i++)
        write_backtrace_frame(&r->frames[i], i == 0, app);
    fputs("]}}}\n", stdout);
}

static int generate(uint64_t count, uint64_t seed, bool backtrace, FILE *labels)
{
    static struct bugs bugs;
    static struct report report;
    uint64_t second = 0;
    bugs.state = seed;
    for (uint64_t i = 0; i < count && !ferror(stdout); i++) {
        uint32_t which = bugs_next(&bugs);
        second += below(&bugs.state, SECONDS_BETWEEN);
        draw_report(&report, &bugs, which, second);
        if (backtrace)
            write_backtrace(&report, seed);
        else
            write_report(&report);
        if (labels)
            fprintf(labels, "made:%010" PRIu64 "\tbug%" PRIu32 "\n", i, which);
    }
    free(bugs.at);
    bool ok = fflush(stdout) == 0 && !ferror(stdout);
    if (labels)
        ok = fclose(labels) == 0 && ok;
    if (!ok)
        perror("gen-reports");
    return ok ? 0 : 1;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "seed", required_argument, NULL, 's' },
        { "labels", required_argument, NULL, 'l' },
        { "backtrace", no_argument, NULL, 'b' },
        { 0 },
    };
    static char buffer[1 << 20];
    const char *labels_path = NULL;
    uint64_t count, seed = 1;
    bool right = true, backtrace = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 's')
            right &= read_number(optarg, &seed);
        else if (c == 'l')
            labels_path = optarg;
        else if (c == 'b')
            backtrace = true;
        else
            right = false;
    }
    if (!right || argc - optind != 1 || !read_number(argv[optind], &count)) {
        fputs("usage: gen-reports COUNT [--backtrace] [--seed N] [--labels FILE] > reports.jsonl\n",
              stderr);
        return 2;
    }
    FILE *labels = labels_path ? fopen(labels_path, "we") : NULL;
    if (labels_path && !labels) {
        perror(labels_path);
        return 1;
    }
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    return generate(count, seed, backtrace, labels);
}
