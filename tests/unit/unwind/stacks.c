/* stacks.c - see stacks.h. */
#include "stacks.h"

#include "../cmocka_all.h"
#include "base/buf.h"
#include "symbols/breakpad.h"

#include <inttypes.h>
#include <stdlib.h>

#define PLACE_SIZE 0x10000
#define STACK_MAX 0x10000
#define TEXT_MAX ((size_t)1 << 20)

static const struct place {
    char name;
    uint64_t base, size;
} places[] = {
    { 'a', 0x400000, PLACE_SIZE },  { 'b', 0x500000, PLACE_SIZE },   { 'u', 0x600000, 0x1000 },
    { 's', 0x10000000, STACK_MAX }, { 'h', 0x20000000, PLACE_SIZE },
};

static const struct place *place_named(char name)
{
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (places[i].name == name)
            return &places[i];
    }
    fail_msg("no place %c", name);
    return NULL;
}

/* "a+10", "1f0", "ff00|a+10" */
static uint64_t read_number(const char **text)
{
    char *end;
    uint64_t n = 0;
    bool named =
        **text >= 'a' && (*text)[0] != '\0' && strchr("abush", **text) &&
        ((*text)[1] == '+' || (*text)[1] == '-' || !(*text)[1] || strchr(" ;", (*text)[1]));
    if (named) {
        n = place_named(**text)->base;
        *text += 1;
        if (**text != '+' && **text != '-')
            return n;
        bool minus = **text == '-';
        uint64_t more = strtoull(*text + 1, &end, 16);
        *text = end;
        return minus ? n - more : n + more;
    }
    n = strtoull(*text, &end, 16);
    if (end == *text)
        fail_msg("no number: %s", *text);
    *text = end;
    if (**text != '|')
        return n;
    *text += 1;
    return n | read_number(text);
}

static void write_word(uint8_t *at, uint64_t n, size_t bytes, bool big_endian)
{
    for (size_t i = 0; i < bytes; i++)
        at[big_endian ? bytes - 1 - i : i] = (uint8_t)(n >> (8 * i));
}

static struct bytes read_words(const char *text, size_t word, bool big_endian, uint8_t *room)
{
    size_t len = 0;
    for (const char *p = text ? text : ""; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        uint64_t n = read_number(&p);
        unsigned long times = 1;
        if (*p == '*') {
            char *end;
            times = strtoul(p + 1, &end, 10);
            p = end;
        }
        for (; times > 0; times--, len += word) {
            assert_true(len + word <= STACK_MAX);
            write_word(room + len, n, word, big_endian);
        }
    }
    return (struct bytes){ room, len };
}

static struct registers read_registers(enum cpu cpu, const char *text)
{
    struct registers r = { 0 };
    for (const char *p = text; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        size_t len = strcspn(p, "=");
        int number = cpu_register(cpu, (struct str){ p, len });
        if (number < 0 || p[len] != '=')
            fail_msg("no register: %s", p);
        p += len + 1;
        r.at[number] = read_number(&p);
        r.known |= (uint64_t)1 << number;
    }
    return r;
}

static void write_number(struct buf *out, uint64_t n)
{
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (n - places[i].base < places[i].size) {
            buf_char(out, places[i].name);
            if (n != places[i].base)
                buf_printf(out, "+%" PRIx64, n - places[i].base);
            return;
        }
    }
    buf_printf(out, "%" PRIx64, n);
}

static void write_frame(struct buf *out, enum cpu cpu, const char *show, const struct walk_frame *f)
{
    buf_printf(out, "%s ", f->inlined ? "inline" : walk_trust_name(f->trust));
    write_number(out, f->address);
    if (f->unloaded != WALK_NO_MODULE)
        buf_printf(out, " unloaded%u", f->unloaded);
    if (f->function.len)
        buf_printf(out, " %.*s", STR_ARG(f->function));
    if (f->line)
        buf_printf(out, " %.*s:%u", STR_ARG(f->file), f->line);
    for (const char *p = show; *p;) {
        size_t len = strcspn(p, " ");
        int number = cpu_register(cpu, (struct str){ p, len });
        assert_true(number >= 0);
        if (f->registers.known >> number & 1) {
            buf_printf(out, " %.*s=", (int)len, p);
            write_number(out, f->registers.at[number]);
        } else if (f->registers.at[number] != 0) {
            buf_printf(out, " %.*s: not known, but not 0", (int)len, p);
        }
        p += len + (p[len] == ' ');
    }
}

static size_t read_addresses(const char *text, uint64_t *out, size_t room)
{
    size_t n = 0;
    for (const char *p = text; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        assert_true(n < room);
        out[n++] = read_number(&p);
    }
    return n;
}

static bool walk_case(struct walk *w, const struct stack_case *c, struct walk_frame **frames,
                      size_t *count, struct err *e)
{
    uint64_t addresses[16];
    if (c->addresses)
        return walk_addresses(w, addresses, read_addresses(c->addresses, addresses, 16), frames,
                              count, e);
    struct registers context = read_registers(w->cpu, c->registers);
    return walk_thread(w, &context, c->no_stack ? NULL : &w->regions[0], frames, count, e);
}

/* The cache of one .sym file is the whole source. */
struct one_cache {
    struct buf image;
    struct symcache *cache;
    unsigned lent;
};

static bool find_one(void *ctx, const struct module_id *id, struct symbols_found *out)
{
    struct one_cache *c = ctx;
    if (!c->cache || !str_eq(id->debug_file, STR("a")))
        return false;
    *out = (struct symbols_found){ .names = c->cache, .unwind = c->cache, .lease = c };
    c->lent++;
    return true;
}

static void release_one(void *ctx, struct symbols_found *found)
{
    struct one_cache *c = ctx;
    assert_ptr_equal(found->lease, c);
    c->lent--;
}

static void convert(struct one_cache *c, enum cpu cpu, const char *lines, struct bytes rules)
{
    struct buf text;
    struct err e = { 0 };
    CLEANUP(symcache_builder_free_p) struct symcache_builder *b = symcache_builder_new(1 << 24);
    buf_init(&text, TEXT_MAX);
    buf_init(&c->image, 1 << 24);
    buf_printf(&text, "MODULE Linux %s 000000000000000000000000000000000 a\n%s\n",
               cpu == CPU_AMD64 ? "x86_64" : cpu_facts(cpu)->name.ptr, lines);
    struct bytes file = { (const uint8_t *)text.ptr, text.len };
    if (!b || !breakpad_read(file, b, &e) ||
        (rules.len && !symcache_add_cfi(b, 0x800, 0x100, rules)) ||
        !symcache_write_buf(b, &c->image, &e) ||
        !symcache_open(&c->cache, (struct bytes){ (const uint8_t *)c->image.ptr, c->image.len },
                       &e))
        fail_msg("symbols: %s", e.msg);
    buf_done(&text);
}

static void run_case(enum cpu cpu, const char *show, const struct stack_case *c)
{
    static uint8_t stack_room[STACK_MAX], other_room[STACK_MAX];
    size_t word = cpu_facts(cpu) ? cpu_facts(cpu)->word : 8;
    struct one_cache symbols = { 0 };
    struct symbol_source source = { .ctx = &symbols, .find = find_one, .release = release_one };
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 26);
    struct walk_region regions[] = {
        { place_named('s')->base, read_words(c->stack, word, c->big_endian, stack_room) },
        { place_named('h')->base, read_words(c->other, word, c->big_endian, other_room) },
    };
    struct walk_module modules[] = {
        { .base = place_named('a')->base, .size = PLACE_SIZE, .id = { .debug_file = STR("a") } },
        { .base = place_named('b')->base, .size = PLACE_SIZE, .id = { .debug_file = STR("b") } },
    };
    struct walk_region unloaded = { place_named('u')->base, { NULL, place_named('u')->size } };
    struct walk w = { .cpu = cpu,
                      .os = c->os,
                      .big_endian = c->big_endian,
                      .regions = regions,
                      .region_count = COUNT_OF(regions),
                      .modules = modules,
                      .module_count = COUNT_OF(modules),
                      .unloaded = &unloaded,
                      .unloaded_count = 1,
                      .symbols = &source,
                      .arena = a };
    struct walk_frame *frames;
    size_t count;
    struct err e = { 0 };
    struct buf got;
    buf_init(&got, TEXT_MAX);
    if (c->symbols)
        convert(&symbols, cpu, c->symbols, c->rules);
    assert_non_null(a);
    if (!walk_case(&w, c, &frames, &count, &e))
        fail_msg("%s: %s", c->name, e.msg);
    walk_done(&w);
    assert_int_equal(symbols.lent, 0);
    symcache_free(symbols.cache); /* names must not point into it any more */
    if (c->symbols)
        buf_done(&symbols.image);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&got, "%s", i ? "; " : "");
        write_frame(&got, cpu, show, &frames[i]);
    }
    if (!str_eq(buf_view(&got), str_from_c(c->want)))
        fail_msg("%s:\n  got  %.*s\n  want %s", c->name, STR_ARG(buf_view(&got)), c->want);
    buf_done(&got);
}

void stack_cases_run(enum cpu cpu, const char *show, const struct stack_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run_case(cpu, show, &cases[i]);
}
