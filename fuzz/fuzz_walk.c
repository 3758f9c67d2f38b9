/* Whole walks over a stack, registers, modules and symbols that all come from the bytes. They end,
 * within their limits, with a stack pointer that rises, give back the symbols that they borrowed,
 * and go the same way again. */
#include "base/reader.h"
#include "symbols/symcache_builder.h"
#include "unwind/walk.h"

#include "touch.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STACK_BASE 0x10000000
#define OTHER_BASE 0x20000000
#define OTHER_SIZE 64
#define MODULES 3
#define RECORDS_MAX 6
#define STACK_SIZE_MAX 4096
#define FALLS_MAX 8 /* stack pointers that do not rise: around frames that a signal came to */

static const uint64_t bases[] = { 0x400000, 0x410000, 0x500000 };

struct cache {
    struct buf image;
    struct symcache *open;
    int lent;
};

static bool find(void *ctx, const struct module_id *id, struct symbols_found *out)
{
    struct cache *c = ctx;
    if (!c->open || id->debug_id.len == 0)
        return false;
    *out = (struct symbols_found){ .names = c->open, .unwind = c->open };
    c->lent++;
    return true;
}

static void release(void *ctx, struct symbols_found *found)
{
    struct cache *c = ctx;
    assert(found->names == c->open);
    c->lent--;
}

/* Numbers that mean something: small ones, and places in the stack, modules and memory. */
static uint64_t number(struct reader *r)
{
    const uint64_t places[] = { 0,
                                STACK_BASE,
                                bases[0],
                                bases[1],
                                bases[2],
                                OTHER_BASE,
                                (uint64_t)-0x8000,
                                0xffff8000,
                                (uint64_t)0x7f << 56 };
    uint8_t place = reader_u8(r);
    return places[place % (sizeof places / sizeof *places)] + reader_u16(r);
}

static struct bytes program(struct reader *r)
{
    size_t len = reader_u8(r);
    const uint8_t *p = reader_take(r, len);
    return (struct bytes){ p, p ? len : 0 };
}

static void add_records(struct symcache_builder *b, struct reader *r)
{
    for (unsigned n = reader_u8(r) % RECORDS_MAX; n > 0; n--) {
        uint32_t name = 0;
        uint64_t start = reader_u16(r), length = reader_u8(r);
        (void)symcache_add_name(b, STR("f"), &name);
        (void)symcache_add_function(b, start, length, reader_u8(r), name);
        (void)symcache_add_inline(b, 0, start, length / 2, name, 1, SYMCACHE_NO_FILE);
    }
    for (unsigned n = reader_u8(r) % RECORDS_MAX; n > 0; n--) {
        uint64_t start = reader_u16(r), length = reader_u16(r);
        (void)symcache_add_cfi(b, start, length, program(r));
    }
    for (unsigned n = reader_u8(r) % RECORDS_MAX; n > 0; n--) {
        struct symcache_win w = { .start = reader_u16(r), .size = reader_u16(r) };
        uint8_t how = reader_u8(r);
        w.parameter_bytes = reader_u8(r);
        w.saved_register_bytes = how & 1 ? reader_u32(r) : reader_u8(r);
        w.local_bytes = how & 2 ? reader_u32(r) : reader_u8(r);
        w.frame_data = w.has_program = how & 4;
        w.allocates_base_pointer = how & 8;
        if (w.has_program)
            w.program = program(r);
        (void)symcache_add_win(b, &w);
    }
}

static void convert(struct cache *c, struct reader *r)
{
    struct err e = { 0 };
    struct symcache_about about = { .kind = SYMCACHE_BREAKPAD, .cpu = CPU_X86 };
    CLEANUP(symcache_builder_free_p) struct symcache_builder *b = symcache_builder_new(1 << 20);
    if (!b)
        abort();
    (void)symcache_add_module(b, &about);
    add_records(b, r);
    if (!symcache_write_buf(b, &c->image, &e))
        return;
    struct bytes image = { (const uint8_t *)c->image.ptr, c->image.len };
    if (!symcache_open(&c->open, image, &e))
        abort();
}

static void check(const struct walk *w, const struct walk_frame *frames, size_t count)
{
    const struct cpu_facts *cpu = cpu_facts(w->cpu);
    uint64_t mask = UINT64_MAX >> (64 - cpu->word * 8), sp = 0;
    size_t machine = 0, falls = 0;
    for (size_t i = 0; i < count; i++) {
        const struct walk_frame *f = &frames[i];
        touch(f->function);
        touch(f->file);
        assert(f->module == WALK_NO_MODULE || f->module < w->module_count);
        assert(f->unloaded == WALK_NO_MODULE || f->unloaded < w->unloaded_count);
        assert(walk_trust_name(f->trust)[0] && f->address <= mask);
        if (f->inlined)
            continue;
        assert((f->registers.known >> cpu->registers) == 0);
        for (unsigned n = 0; n < cpu->registers; n++)
            assert(f->registers.at[n] <= mask &&
                   (f->registers.known >> n & 1 || !f->registers.at[n]));
        falls += machine >= 2 && f->registers.at[cpu->sp] <= sp;
        sp = f->registers.at[cpu->sp];
        machine++;
    }
    assert(falls <= FALLS_MAX);
    assert(machine <= WALK_FRAMES_MAX && count <= WALK_FRAMES_TOTAL_MAX + SYMCACHE_FRAMES_MAX);
    assert(count == 0 || !frames[count - 1].inlined);
}

static void walk_twice(struct walk *w, const struct registers *context,
                       const struct walk_region *stack)
{
    struct walk_frame *frames, *again;
    size_t count, count_again;
    struct err e = { 0 };
    if (!walk_thread(w, context, stack, &frames, &count, &e) ||
        !walk_thread(w, context, stack, &again, &count_again, &e))
        abort();
    check(w, frames, count);
    assert(count == count_again);
    assert(count == 0 || frames[count - 1].address == again[count - 1].address);
    walk_done(w);
    check(w, frames, count);
}

static void read_context(struct reader *r, struct registers *context)
{
    *context = (struct registers){ .known = ~reader_u64(r) };
    for (unsigned i = 0; i < 12; i++) {
        unsigned n = reader_u8(r) % CPU_REGISTERS_MAX;
        context->at[n] = number(r);
    }
}

static void read_modules(struct reader *r, struct walk_module *modules)
{
    for (size_t i = 0; i < MODULES; i++) {
        modules[i] = (struct walk_module){ .base = bases[i], .size = reader_u16(r) };
        if (reader_u8(r) % 2)
            modules[i].id.debug_id = STR("1");
    }
}

/* The rest. */
static struct bytes read_stack(struct reader *r, size_t word, uint8_t *room)
{
    size_t len = 0;
    while (!r->failed && r->pos < r->in.len && len + word <= STACK_SIZE_MAX) {
        uint64_t n = number(r);
        for (size_t i = 0; i < word; i++)
            room[len + i] = (uint8_t)(n >> (8 * i));
        len += word;
    }
    return (struct bytes){ room, len };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[STACK_SIZE_MAX];
    struct reader r = { .in = { data, size } };
    uint8_t how = reader_u8(&r), os = reader_u8(&r);
    enum cpu cpu = (enum cpu)(CPU_X86 + how % 4);
    struct cache cache = { 0 };
    struct walk_module modules[MODULES];
    struct registers context;
    buf_init(&cache.image, 1 << 20);
    read_modules(&r, modules);
    read_context(&r, &context);
    const uint8_t *other = reader_take(&r, OTHER_SIZE);
    convert(&cache, &r);
    struct walk_region regions[] = {
        { STACK_BASE, read_stack(&r, cpu_facts(cpu)->word, room) },
        { OTHER_BASE, { other, other ? OTHER_SIZE : 0 } },
    };
    struct walk_region unloaded = { 0x600000, { NULL, 0x1000 } };
    struct symbol_source source = { .ctx = &cache, .find = find, .release = release };
    CLEANUP(arena_free_p) struct arena *a = arena_new((size_t)1 << 26);
    struct walk w = { .cpu = cpu,
                      .os = (enum walk_os)(os % (WALK_OS_ANDROID + 1)),
                      .big_endian = how & 8,
                      .regions = regions,
                      .region_count = 2,
                      .modules = modules,
                      .module_count = MODULES,
                      .unloaded = &unloaded,
                      .unloaded_count = 1,
                      .symbols = &source,
                      .arena = a };
    if (!a)
        abort();
    walk_twice(&w, &context, how & 4 ? NULL : &regions[0]);
    assert(cache.lent == 0);
    symcache_free(cache.open);
    buf_done(&cache.image);
    return 0;
}
