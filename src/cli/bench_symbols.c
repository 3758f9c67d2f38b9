/* bench_symbols.c - `crumple bench symbols`: how fast a symbol file is converted, how large its
 * symbol cache is, and how many addresses a second it answers.
 *
 * Converting is measured from the mapped file to the written image. Addresses are random, drawn
 * before the clock starts from where the module has functions. */
#include "cli/bench_stats.h"
#include "cli/cli.h"

#include "symbols/breakpad.h"
#include "symbols/elf_symbols.h"
#include "symbols/folder_cache.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)16 << 30)
#define ADDRESSES ((size_t)1 << 20)
#define LOOKUPS_MIN_NS INT64_C(500000000)
#define FRAMES_MAX 16

struct bench {
    const char *path;
    struct bytes file;
    int image; /* a file in memory */
    struct symcache *cache;
    uint32_t *addresses; /* ADDRESSES of them */
    int64_t convert_ns, convert_cpu_ns;
    uint64_t cache_bytes;
    double lookups_per_second, single_lookups_per_second, rules_per_second, frames_per_lookup;
};

static bool read_symbols(const struct bench *b, struct symcache_builder *to, struct err *e)
{
    if (elf_is(b->file))
        return elf_read(b->file, str_from_c(b->path), to, e);
    return breakpad_read(b->file, to, e);
}

static bool convert(struct bench *b, struct err *e)
{
    int64_t wall_ns = bench_clock_ns(), cpu_ns = bench_process_ns();
    struct symcache_builder *builder = symcache_builder_new(MEMORY_MAX);
    if (!builder)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    bool ok = read_symbols(b, builder, e) && symcache_write_file(builder, b->image, e);
    symcache_builder_free(builder);
    b->convert_ns = bench_clock_ns() - wall_ns;
    b->convert_cpu_ns = bench_process_ns() - cpu_ns;
    return ok;
}

static bool open_image(struct bench *b, struct err *e)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", b->image);
    b->cache_bytes = (uint64_t)lseek(b->image, 0, SEEK_END);
    return symcache_open_file(&b->cache, path, e) && symcache_verify(b->cache, e);
}

/* Random addresses at which there is a function, not only a public symbol that reaches on and on,
 * as far as the module has any. */
static bool draw_addresses(struct bench *b, struct err *e)
{
    struct symcache_frame frame[1];
    struct symcache_about about;
    uint64_t state = 1, end = UINT32_MAX;
    symcache_about(b->cache, &about);
    if (about.functions + about.publics == 0)
        return err_set(e, ERR_INPUT, 0, "%s: no functions in it", b->path);
    /* Halve what is looked at as long as its upper half is empty. */
    for (bool empty = true; empty && end > 1; end = empty ? end / 2 : end) {
        for (int i = 0; i < 1000 && empty; i++) {
            uint64_t at = end / 2 + bench_random(&state) % (end / 2 + 1);
            empty = symcache_find(b->cache, at, frame, 1) == 0 ||
                    (frame->is_public && about.functions > 0);
        }
    }
    for (size_t i = 0, tries = 0; i < ADDRESSES; tries++) {
        uint64_t at = bench_random(&state) % (end + 1);
        bool good = symcache_find(b->cache, at, frame, 1) > 0 &&
                    (!frame->is_public || about.functions == 0);
        if (good || tries > 100 * ADDRESSES)
            b->addresses[i++] = (uint32_t)at;
    }
    return true;
}

/* Makes sure that the compiler does not leave out what nobody reads. */
static uint64_t sum_up(const struct symcache_frame *frames, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += frames[i].function.len + frames[i].file.len + frames[i].line;
    return sum;
}

/* As the stack walk does: some addresses at a time. */
static void look_up(struct bench *b)
{
    struct symcache_frame frames[FRAMES_MAX];
    struct symcache_spot spots[SYMCACHE_TOGETHER];
    uint64_t lookups = 0, found = 0, seen = 0;
    int64_t began = bench_thread_ns(), ns;
    do {
        for (size_t i = 0; i < ADDRESSES; i += SYMCACHE_TOGETHER) {
            for (size_t k = 0; k < SYMCACHE_TOGETHER; k++)
                spots[k] = (struct symcache_spot){ b->cache, .address = b->addresses[i + k] };
            symcache_find_many(spots, SYMCACHE_TOGETHER);
            for (size_t k = 0; k < SYMCACHE_TOGETHER; k++) {
                size_t n = symcache_frames(&spots[k], frames, FRAMES_MAX);
                found += n;
                seen += sum_up(frames, n);
            }
        }
        lookups += ADDRESSES;
        ns = bench_thread_ns() - began;
    } while (ns < LOOKUPS_MIN_NS);
    b->frames_per_lookup = (double)found / (double)lookups;
    b->lookups_per_second = seen ? (double)lookups * 1e9 / (double)ns : 0;
}

static void look_up_singly(struct bench *b)
{
    struct symcache_frame frames[FRAMES_MAX];
    uint64_t lookups = 0, seen = 0;
    int64_t began = bench_thread_ns(), ns;
    do {
        for (size_t i = 0; i < ADDRESSES; i++)
            seen += sum_up(frames, symcache_find(b->cache, b->addresses[i], frames, FRAMES_MAX));
        lookups += ADDRESSES;
        ns = bench_thread_ns() - began;
    } while (ns < LOOKUPS_MIN_NS);
    b->single_lookups_per_second = seen ? (double)lookups * 1e9 / (double)ns : 0;
}

static void look_up_rules(struct bench *b)
{
    uint64_t lookups = 0, seen = 0;
    int64_t began = bench_thread_ns(), ns;
    do {
        for (size_t i = 0; i < ADDRESSES; i++) {
            struct bytes program;
            if (symcache_cfi(b->cache, b->addresses[i], &program))
                seen += program.len;
        }
        lookups += ADDRESSES;
        ns = bench_thread_ns() - began;
    } while (ns < LOOKUPS_MIN_NS);
    b->rules_per_second = seen ? (double)lookups * 1e9 / (double)ns : 0;
}

static void print_result(const struct bench *b)
{
    double megabytes = (double)b->file.len / 1e6;
    struct symcache_about about;
    symcache_about(b->cache, &about);
    printf("{\"convert_ms\": %.1f, \"convert_cpu_ms\": %.1f, \"mb_per_second\": %.1f, "
           "\"sym_bytes\": %zu, \"cache_bytes\": %llu, \"ratio\": %.4f, "
           "\"lookups_per_second\": %.0f, \"single_lookups_per_second\": %.0f, "
           "\"frames_per_lookup\": %.2f, "
           "\"rules_per_second\": %.0f, \"functions\": %u, \"publics\": %u, \"lines\": %u, "
           "\"inlines\": %u, \"cfi_rows\": %u, \"win_rows\": %u, \"skipped\": %u, "
           "\"rss_bytes\": %llu}\n",
           (double)b->convert_ns / 1e6, (double)b->convert_cpu_ns / 1e6,
           megabytes / ((double)b->convert_cpu_ns / 1e9), b->file.len,
           (unsigned long long)b->cache_bytes, (double)b->cache_bytes / (double)b->file.len,
           b->lookups_per_second, b->single_lookups_per_second, b->frames_per_lookup,
           b->rules_per_second, about.functions, about.publics, about.lines, about.inlines,
           about.cfi_rows, about.win_rows, about.skipped, (unsigned long long)bench_rss_bytes());
}

static bool measure(struct bench *b, struct err *e)
{
    if (!folder_map(b->path, &b->file))
        return err_set(e, ERR_IO, 0, "%s: cannot be read", b->path);
    b->image = memfd_create("symcache", MFD_CLOEXEC);
    b->addresses = malloc(ADDRESSES * sizeof *b->addresses);
    if (b->image < 0 || !b->addresses)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    if (!convert(b, e) || !open_image(b, e) || !draw_addresses(b, e))
        return false;
    look_up(b);
    look_up_singly(b);
    look_up_rules(b);
    print_result(b);
    return true;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct bench b = { .image = -1 };
    struct err e = { 0 };
    int status;
    const struct arg args[] = { { "FILE", ARG_OPERAND, &b.path } };
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    status = measure(&b, &e) ? CLI_OK : cli_fail(c, &e);
    symcache_free(b.cache);
    folder_unmap(b.file);
    if (b.image >= 0)
        close(b.image);
    free(b.addresses);
    return status;
}

const struct command command_bench_symbols = {
    .name = "bench symbols",
    .summary = "measure how fast symbols are converted and looked up",
    .help =
        "Usage: crumple bench symbols FILE\n\n"
        "Converts a Breakpad symbol file (or an ELF file) to a symbol cache and looks random\n"
        "addresses up in it, all in memory and on one core. Prints one line of JSON.\n\n"
        "  convert_ms, convert_cpu_ms   from the file to the written cache\n"
        "  mb_per_second                of the symbol file, by the time on the core\n"
        "  sym_bytes, cache_bytes, ratio\n"
        "  lookups_per_second           addresses to functions, files and lines, inlined calls\n"
        "                               included, by the time on the core; 16 at a time, as\n"
        "                               when stacks are walked\n"
        "  single_lookups_per_second    the same one by one\n"
        "  frames_per_lookup            how many there were at an address\n"
        "  rules_per_second             addresses to unwind rules; 0: it has none\n"
        "  functions, publics, lines, inlines, cfi_rows, win_rows, skipped   what it holds\n"
        "  rss_bytes                    memory of the process at the end\n",
    .run = run,
};
