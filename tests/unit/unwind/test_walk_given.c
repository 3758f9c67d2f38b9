/* Stacks that come walked: addresses get modules, functions, lines and inlined calls. */
#include "stacks.h"

#include "../cmocka_all.h"

#define SYMBOLS                                                                                    \
    "FILE 0 f.c\nINLINE_ORIGIN 0 inner\nFUNC 100 100 0 outer\nINLINE 0 44 0 0 120 10\n"            \
    "100 100 7 0\nFUNC 200 100 0 next\n200 100 9 0\n"

static void names(void **state)
{
    (void)state;
    static const struct stack_case cases[] = {
        { .name = "nothing", .addresses = "", .want = "" },
        { .name = "the first as it is, the others by their calls",
          .symbols = SYMBOLS,
          .addresses = "a+200 a+200 a+201 b+10",
          .want = "context a+200 next f.c:9; prewalked a+200 outer f.c:7; "
                  "prewalked a+201 next f.c:9; prewalked b+10" },
        { .name = "inlined calls",
          .symbols = SYMBOLS,
          .addresses = "a+125 a+130",
          .want = "inline a+125 inner f.c:7; context a+125 outer f.c:44; "
                  "inline a+130 inner f.c:7; prewalked a+130 outer f.c:44" },
        { .name = "behind the end of a module is the call at its end",
          .addresses = "a+0 a+10000 b+10000",
          .want = "context a; prewalked 410000; prewalked 510000" },
        { .name = "in none, and one that is gone",
          .addresses = "0 0 1 ffffffffffffffff u+10",
          .want = "context 0; prewalked 0; prewalked 1; prewalked ffffffffffffffff; "
                  "prewalked u+10 unloaded0" },
        { .name = "no symbols", .addresses = "b+1 b+2", .want = "context b+1; prewalked b+2" },
    };
    stack_cases_run(CPU_AMD64, "", cases, COUNT_OF(cases));
}

/* From a return address to its call it is two bytes on ARM, four on ARM64, one if nobody knows. */
static void processors(void **state)
{
    (void)state;
    static const struct stack_case arm = { .name = "arm",
                                           .symbols = SYMBOLS,
                                           .addresses = "a+201 a+201 a+202",
                                           .want = "context a+201 next f.c:9 pc=a+201; "
                                                   "prewalked a+201 outer f.c:7 pc=a+201; "
                                                   "prewalked a+202 next f.c:9 pc=a+202" };
    static const struct stack_case arm64[] = {
        { .name = "arm64",
          .symbols = SYMBOLS,
          .addresses = "a+203 a+203 a+204",
          .want = "context a+203 next f.c:9; prewalked a+203 outer f.c:7; "
                  "prewalked a+204 next f.c:9" },
        { .name = "authentication codes",
          .symbols = SYMBOLS,
          .addresses = "ab00000000000000|a+203 ab00000000000000|a+204 ab00000000000000|10",
          .want = "context a+203 next f.c:9; prewalked a+204 next f.c:9; "
                  "prewalked ab00000000000010" },
    };
    static const struct stack_case unknown = { .name = "unknown",
                                               .addresses = "a+10 b+0 b+1",
                                               .want = "context a+10; prewalked b; "
                                                       "prewalked b+1" };
    static const struct stack_case x86 = { .name = "32 bits",
                                           .addresses = "ff00000000|a+10",
                                           .want = "context a+10" };
    stack_cases_run(CPU_ARM, "pc", &arm, 1);
    stack_cases_run(CPU_ARM64, "", arm64, COUNT_OF(arm64));
    stack_cases_run(CPU_UNKNOWN, "", &unknown, 1);
    stack_cases_run(CPU_X86, "", &x86, 1);
}

/* Missing symbols are told for modules with frames in them; too many frames are left out. */
static void modules(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 26);
    struct walk_module at[] = { { .base = 0x1000, .size = 0x1000 },
                                { .base = 0x2000, .size = 0x1000 } };
    struct walk w = { .cpu = CPU_AMD64, .modules = at, .module_count = 2, .arena = a };
    static uint64_t addresses[WALK_FRAMES_MAX + 1];
    struct walk_frame *frames;
    size_t count;
    struct err e = { 0 };
    for (size_t i = 0; i < COUNT_OF(addresses); i++)
        addresses[i] = 0x2001;
    assert_non_null(a);
    assert_true(walk_addresses(&w, addresses, COUNT_OF(addresses), &frames, &count, &e));
    assert_int_equal(count, WALK_FRAMES_MAX);
    assert_int_equal(frames[count - 1].module, 1);
    assert_false(at[0].asked || at[0].missing);
    assert_true(at[1].asked && at[1].missing);
    walk_done(&w);
}

static void no_memory(void **state)
{
    (void)state;
    static uint64_t addresses[200];
    bool ok = false;
    size_t refused = 0;
    for (size_t limit = 64; !ok && limit < 1 << 24; limit *= 2) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(limit);
        struct walk w = { .cpu = CPU_AMD64, .arena = a };
        struct walk_frame *frames;
        size_t count;
        struct err e = { 0 };
        ok = a && walk_addresses(&w, addresses, COUNT_OF(addresses), &frames, &count, &e);
        if (a && !ok)
            assert_int_equal(e.code, ERR_NOMEM);
        refused += a && !ok;
        walk_done(&w);
    }
    assert_true(ok && refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(processors),
        cmocka_unit_test(modules),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
