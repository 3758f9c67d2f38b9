/* walk: what overlaps or lies at the end of all addresses; very long stacks; little memory. */
#include "base/buf.h"
#include "symbols/symcache_builder.h"
#include "unwind/walk_internal.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#define STACK 0x10000000
#define CODE 0x400000
#define FRAMES 3000

/* Regions */

static void regions_that_overlap(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, 40); round++) {
        struct walk_region regions[12];
        uint64_t ends[COUNT_OF(regions)], base = 0;
        size_t count = dice(&d, COUNT_OF(regions) + 1);
        for (size_t i = 0; i < count; i++) {
            base += dice(&d, 6);
            regions[i] = (struct walk_region){ base, { NULL, dice(&d, 12) } };
        }
        struct region_index x;
        region_index_init(&x, regions, count, ends);
        for (uint64_t a = 0; a < 100; a++) {
            const struct walk_region *want = NULL;
            for (size_t i = 0; i < count && !want; i++) {
                if (a >= regions[i].base && a - regions[i].base < regions[i].bytes.len)
                    want = &regions[i];
            }
            assert_ptr_equal(region_index_find(&x, a), want);
        }
    }
}

static void regions_at_the_end(void **state)
{
    (void)state;
    static const uint8_t bytes[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const struct walk_region regions[] = { { 0, { bytes, 16 } },
                                           { UINT64_MAX - 15, { bytes, 16 } } };
    uint64_t ends[2], value = 0;
    struct region_index x;
    struct walk w = { .cpu = CPU_AMD64 };
    region_index_init(&x, regions, 2, ends);
    struct thread_walk t = { .walk = &w,
                             .cpu = cpu_facts(CPU_AMD64),
                             .mask = UINT64_MAX,
                             .stack = regions[1],
                             .memory = &x };
    assert_true(stack_word(&t, UINT64_MAX - 15, &value));
    assert_int_equal(value, 0x0807060504030201);
    assert_true(stack_word(&t, UINT64_MAX - 7, &value));
    assert_false(stack_word(&t, UINT64_MAX - 6, &value)); /* does not go on at 0 */
    assert_false(stack_word(&t, 0, &value));
    assert_true(memory_number(&t, 0, 8, &value));
    assert_true(memory_number(&t, 15, 1, &value));
    assert_false(memory_number(&t, 15, 2, &value));
    assert_false(memory_number(&t, 16, 1, &value));
}

static void modules_at_the_end(void **state)
{
    (void)state;
    struct walk_module modules[] = { { .base = 0x1000, .size = 0x1000 },
                                     { .base = 0x2000, .size = 0 },
                                     { .base = 0x3000, .size = 1 },
                                     { .base = UINT64_MAX - 0xfff, .size = 0x1000 } };
    const struct walk w = { .modules = modules, .module_count = COUNT_OF(modules) };
    static const struct {
        uint64_t address;
        int module; /* -1: none */
    } cases[] = {
        { 0, -1 },
        { 0xfff, -1 },
        { 0x1000, 0 },
        { 0x1fff, 0 },
        { 0x2000, -1 },
        { 0x3000, 2 },
        { 0x3001, -1 },
        { UINT64_MAX - 0x1000, -1 },
        { UINT64_MAX - 0xfff, 3 },
        { UINT64_MAX, 3 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct walk_module *m = module_at(&w, cases[i].address);
        if ((m ? (int)(m - modules) : -1) != cases[i].module)
            fail_msg("%lx", (unsigned long)cases[i].address);
    }
    const struct walk none = { 0 };
    assert_null(module_at(&none, 0));
}

/* Long stacks: a chain of frame pointers, each frame in the same function, which has inlined calls.
 */

struct long_stack {
    uint8_t bytes[(FRAMES + 1) * 16];
    struct walk_region region;
    struct walk_module module;
    struct registers context;
    struct buf image;
    struct symcache *cache;
};

static bool find(void *ctx, const struct module_id *id, struct symbols_found *out)
{
    (void)id;
    *out = (struct symbols_found){ .names = ctx };
    return true;
}

static void release(void *ctx, struct symbols_found *found)
{
    assert_ptr_equal(found->names, ctx);
}

static void put(struct long_stack *s, size_t word, uint64_t value)
{
    for (size_t i = 0; i < 8; i++)
        s->bytes[word * 8 + i] = (uint8_t)(value >> (8 * i));
}

static struct long_stack *long_stack_new(unsigned inlined)
{
    struct long_stack *s = calloc(1, sizeof *s);
    struct err e = { 0 };
    struct symcache_about about = { .kind = SYMCACHE_BREAKPAD, .cpu = CPU_AMD64 };
    CLEANUP(symcache_builder_free_p) struct symcache_builder *b = symcache_builder_new(1 << 24);
    uint32_t name;
    assert_true(s && b);
    assert_true(symcache_add_module(b, &about) && symcache_add_name(b, STR("again"), &name) &&
                symcache_add_function(b, 0x100, 0x100, 0, name));
    for (unsigned depth = 0; depth < inlined; depth++)
        assert_true(symcache_add_inline(b, depth, 0x100, 0x100, name, depth + 1, SYMCACHE_NO_FILE));
    buf_init(&s->image, 1 << 20);
    if (!symcache_write_buf(b, &s->image, &e) ||
        !symcache_open(&s->cache, (struct bytes){ (const uint8_t *)s->image.ptr, s->image.len },
                       &e))
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < FRAMES; i++) {
        put(s, i * 2, STACK + (i + 1) * 16);
        put(s, i * 2 + 1, CODE + 0x110);
    }
    s->region = (struct walk_region){ STACK, { s->bytes, sizeof s->bytes } };
    s->module = (struct walk_module){ .base = CODE, .size = 0x1000 };
    s->context.at[AMD64_RIP] = CODE + 0x110;
    s->context.at[AMD64_RSP] = s->context.at[AMD64_RBP] = STACK;
    s->context.known = bit(AMD64_RIP) | bit(AMD64_RSP) | bit(AMD64_RBP);
    return s;
}

static void long_stack_free(struct long_stack *s)
{
    symcache_free(s->cache);
    buf_done(&s->image);
    free(s);
}

static bool walk_long(struct long_stack *s, struct arena *a, struct walk_frame **frames,
                      size_t *count, struct err *e)
{
    struct symbol_source source = { .ctx = s->cache, .find = find, .release = release };
    struct walk w = { .cpu = CPU_AMD64,
                      .regions = &s->region,
                      .region_count = 1,
                      .modules = &s->module,
                      .module_count = 1,
                      .symbols = &source,
                      .arena = a };
    s->module.looked_up = false;
    bool ok = walk_thread(&w, &s->context, &s->region, frames, count, e);
    walk_done(&w);
    return ok;
}

static void many_frames(void **state)
{
    (void)state;
    static const struct {
        unsigned inlined;
        size_t want;
    } cases[] = { { 0, WALK_FRAMES_MAX },
                  { 2, WALK_FRAMES_MAX * 3 },
                  { 31, WALK_FRAMES_TOTAL_MAX },
                  { 40, (WALK_FRAMES_TOTAL_MAX / 41 + 1) * 41 } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct long_stack *s = long_stack_new(cases[i].inlined);
        CLEANUP(arena_free_p) struct arena *a = arena_new((size_t)1 << 28);
        struct walk_frame *frames;
        size_t count;
        struct err e = { 0 };
        assert_true(walk_long(s, a, &frames, &count, &e));
        assert_int_equal(count, cases[i].want);
        assert_int_equal(frames[0].inlined, cases[i].inlined > 0);
        assert_false(frames[count - 1].inlined);
        /* Equal names are kept once. */
        assert_true(str_eq(frames[0].function, STR("again")));
        assert_ptr_equal(frames[0].function.ptr, frames[count - 1].function.ptr);
        long_stack_free(s);
    }
}

static void little_memory(void **state)
{
    (void)state;
    struct long_stack *s = long_stack_new(1);
    size_t failed = 0;
    for (size_t limit = 64;; limit += limit / 4) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(limit);
        struct walk_frame *frames = NULL;
        size_t count = 0;
        struct err e = { 0 };
        if (!a)
            continue;
        if (walk_long(s, a, &frames, &count, &e)) {
            assert_int_equal(count, WALK_FRAMES_MAX * 2);
            break;
        }
        assert_int_equal(e.code, ERR_NOMEM);
        assert_true(e.msg[0] != '\0' && count == 0);
        failed++;
    }
    assert_true(failed > 10);
    long_stack_free(s);
}

static void trust_names(void **state)
{
    (void)state;
    assert_string_equal(walk_trust_name(TRUST_NONE), "none");
    assert_string_equal(walk_trust_name(TRUST_CFI_SCAN), "cfi_scan");
    assert_string_equal(walk_trust_name(TRUST_LEAF), "leaf");
    assert_string_equal(walk_trust_name(TRUST_CONTEXT), "context");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_that_overlap), cmocka_unit_test(regions_at_the_end),
        cmocka_unit_test(modules_at_the_end),   cmocka_unit_test(many_frames),
        cmocka_unit_test(little_memory),        cmocka_unit_test(trust_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
