/* bench_maps.c - `crumple bench maps`: how fast a source map is converted, how large its cache is,
 * and how long a lookup takes.
 *
 * Beside it, what cannot be beaten by much in the same run: a binary search in a plain array of the
 * same mappings, which gives a record and no texts. */
#include "cli/bench_stats.h"
#include "cli/cli.h"

#include "sourcemap/mapcache.h"
#include "sourcemap/sourcemap_internal.h"
#include "symbols/folder_cache.h"

#include <stdio.h>

#define MEMORY_MAX ((size_t)16 << 30)
#define PLACES ((size_t)1 << 20)
#define LOOKUPS_MIN_NS INT64_C(500000000)

struct place {
    uint32_t line, column; /* from 0 */
};

struct bench {
    const char *path;
    struct bytes file;
    struct buf image;
    struct arena *arena; /* of `map` */
    struct map map;      /* the peer, and where places are drawn from */
    struct mapcache *cache;
    struct place *places; /* PLACES of them */
    int64_t convert_ns, convert_cpu_ns;
    size_t memory_bytes;
    double lookup_ns, array_ns, functions_found;
};

static bool convert(struct bench *b, struct err *e)
{
    const struct sourcemap_from from = { .name = str_from_c(b->path) };
    int64_t wall_ns = bench_clock_ns(), cpu_ns = bench_process_ns();
    struct arena *a = arena_new(MEMORY_MAX);
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    bool ok = sourcemap_convert(b->file, &from, a, &b->image, e);
    b->memory_bytes = arena_used(a);
    arena_free(a);
    b->convert_ns = bench_clock_ns() - wall_ns;
    b->convert_cpu_ns = bench_process_ns() - cpu_ns;
    struct bytes image = { (const uint8_t *)b->image.ptr, b->image.len };
    return ok && mapcache_open(&b->cache, image, e) && mapcache_verify(b->cache, e);
}

/* Random mappings, and within what each of them covers. */
static bool draw_places(struct bench *b, struct err *e)
{
    const struct map *m = &b->map;
    uint64_t state = 1;
    struct str json = { (const char *)b->file.ptr, b->file.len };
    if (!map_read(&b->map, json, b->arena, e))
        return false;
    if (m->mappings_count == 0)
        return err_set(e, ERR_INPUT, 0, "%s: no mappings in it", b->path);
    for (size_t i = 0; i < PLACES; i++) {
        size_t k = bench_random(&state) % m->mappings_count;
        const struct mapping *at = &m->mappings[k];
        b->places[i] = (struct place){ at->line, at->column };
        if (k + 1 < m->mappings_count && at[1].line == at->line && at[1].column > at->column)
            b->places[i].column += (uint32_t)(bench_random(&state) % (at[1].column - at->column));
    }
    return true;
}

static void look_up(struct bench *b)
{
    uint64_t lookups = 0, seen = 0, functions = 0;
    int64_t began = bench_thread_ns(), ns;
    do {
        for (size_t i = 0; i < PLACES; i++) {
            struct mapcache_spot spot;
            if (!mapcache_find(b->cache, b->places[i].line + 1, b->places[i].column + 1, &spot))
                continue;
            seen += spot.line + spot.column + spot.file.len + spot.name.len;
            functions += spot.function.len > 0;
        }
        lookups += PLACES;
        ns = bench_thread_ns() - began;
    } while (ns < LOOKUPS_MIN_NS);
    b->functions_found = (double)functions / (double)lookups;
    b->lookup_ns = seen ? (double)ns / (double)lookups : 0; /* `seen`: it cannot be left out */
}

static const struct mapping *find_in_array(const struct map *m, struct place p)
{
    size_t low = 0, high = m->mappings_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct mapping *at = &m->mappings[middle];
        if (at->line < p.line || (at->line == p.line && at->column <= p.column))
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &m->mappings[low - 1] : NULL;
}

static void look_up_in_array(struct bench *b)
{
    uint64_t lookups = 0, seen = 0;
    int64_t began = bench_thread_ns(), ns;
    do {
        for (size_t i = 0; i < PLACES; i++) {
            const struct mapping *m = find_in_array(&b->map, b->places[i]);
            seen += m ? m->old_line + 1 : 0;
        }
        lookups += PLACES;
        ns = bench_thread_ns() - began;
    } while (ns < LOOKUPS_MIN_NS);
    b->array_ns = seen ? (double)ns / (double)lookups : 0;
}

static size_t contents_bytes(const struct map *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->sources_count; i++)
        n += m->sources[i].text.len;
    return n;
}

static void print_result(const struct bench *b)
{
    struct mapcache_about about;
    mapcache_about(b->cache, &about);
    printf("{\"convert_ms\": %.1f, \"convert_cpu_ms\": %.1f, \"mb_per_second\": %.1f, "
           "\"convert_bytes\": %zu, \"map_bytes\": %zu, \"contents_bytes\": %zu, "
           "\"image_bytes\": %zu, \"mappings\": %u, \"sources\": %u, \"names\": %u, "
           "\"functions\": %u, \"lookups_per_second\": %.0f, \"lookup_ns\": %.1f, "
           "\"functions_found\": %.3f, \"array_bytes\": %zu, \"array_ns\": %.1f, "
           "\"rss_bytes\": %llu}\n",
           (double)b->convert_ns / 1e6, (double)b->convert_cpu_ns / 1e6,
           (double)b->file.len / 1e6 / ((double)b->convert_cpu_ns / 1e9), b->memory_bytes,
           b->file.len, contents_bytes(&b->map), b->image.len, about.mappings, about.sources,
           about.names, about.functions, 1e9 / b->lookup_ns, b->lookup_ns, b->functions_found,
           b->map.mappings_count * sizeof *b->map.mappings, b->array_ns,
           (unsigned long long)bench_rss_bytes());
}

static bool measure(struct bench *b, struct err *e)
{
    if (!folder_map(b->path, &b->file))
        return err_set(e, ERR_IO, 0, "%s: cannot be read", b->path);
    b->places = malloc(PLACES * sizeof *b->places);
    b->arena = arena_new(MEMORY_MAX);
    if (!b->places || !b->arena)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    if (!convert(b, e) || !draw_places(b, e))
        return false;
    look_up(b);
    look_up_in_array(b);
    print_result(b);
    return true;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct bench b = { 0 };
    struct err e = { 0 };
    int status;
    const struct arg args[] = { { "FILE", ARG_OPERAND, &b.path } };
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    buf_init(&b.image, MEMORY_MAX);
    status = measure(&b, &e) ? CLI_OK : cli_fail(c, &e);
    mapcache_free(b.cache);
    folder_unmap(b.file);
    buf_done(&b.image);
    arena_free(b.arena);
    free(b.places);
    return status;
}

const struct command command_bench_maps = {
    .name = "bench maps",
    .summary = "measure how fast source maps are converted and looked up",
    .help = "Usage: crumple bench maps FILE\n\n"
            "Converts a source map to its cache and looks random places up in it, all in memory\n"
            "and on one core. Prints one line of JSON.\n\n"
            "  convert_ms, convert_cpu_ms   from the file to the cache\n"
            "  mb_per_second                of the map, by the time on the core\n"
            "  convert_bytes                memory that it took beside the map and the cache\n"
            "  map_bytes, contents_bytes    of the map; of these, texts of sources\n"
            "  image_bytes                  of the cache\n"
            "  mappings, sources, names, functions\n"
            "  lookups_per_second, lookup_ns   places to files, lines, names and functions, one\n"
            "                               by one, by the time on the core\n"
            "  functions_found              the part of these that have a function's name\n"
            "  array_bytes, array_ns        a binary search in an array of the mappings, which\n"
            "                               gives a record and no texts\n"
            "  rss_bytes                    memory of the process at the end\n",
    .run = run,
};
