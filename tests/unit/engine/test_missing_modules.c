/* Which modules a report remembers as missing, and that it is never too many. */
#include "engine/missing_modules.h"

#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define MODULES 1000
#define MODULE_BYTES 0x10000
#define ID "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0"

struct made {
    struct arena *arena;
    struct crash_module modules[MODULES];
    char names[MODULES][8];
    struct crash crash;
};

/* Their bases fall. */
static int setup(void **state)
{
    struct made *m = calloc(1, sizeof *m);
    m->arena = arena_new(64u << 20);
    for (unsigned i = 0; i < MODULES; i++) {
        snprintf(m->names[i], sizeof m->names[i], "m%u", i);
        m->modules[i] = (struct crash_module){ .base = (uint64_t)(MODULES - i) * MODULE_BYTES,
                                               .size = MODULE_BYTES,
                                               .debug_file = str_from_c(m->names[i]),
                                               .debug_id = STR(ID),
                                               .code_file = str_from_c(m->names[i]),
                                               .code_id = STR("aa"),
                                               .missing = true };
    }
    m->crash.modules = m->modules;
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct made *m = *state;
    arena_free(m->arena);
    free(m);
    return 0;
}

static const struct stored_module *choose(struct made *m, size_t *count)
{
    const struct stored_module *out;
    struct err e = { 0 };
    assert_true(missing_modules(&m->crash, m->arena, &out, count, &e));
    return out;
}

static void which_are_worth_it(void **state)
{
    static char long_name[257], long_id[130];
    memset(long_name, 'n', sizeof long_name - 1);
    memset(long_id, 'A', sizeof long_id - 1);
    const struct {
        const char *name;
        struct crash_module module;
        size_t count;
    } cases[] = {
        { "plain", { .debug_file = STR("/a/b"), .debug_id = STR(ID), .missing = true }, 1 },
        { "not missing", { .debug_file = STR("b"), .debug_id = STR(ID) }, 0 },
        { "by code id", { .code_file = STR("b"), .code_id = STR("aa"), .missing = true }, 1 },
        { "a long debug id",
          { .debug_file = STR("b"), .debug_id = str_from_c(long_id), .missing = true },
          0 },
        { "a debug id as long as can be",
          { .debug_file = STR("b"), .debug_id = str_from_c(long_id + 1), .missing = true },
          1 },
        { "a long code id",
          { .code_file = STR("b"), .code_id = str_from_c(long_id), .missing = true },
          0 },
        { "a long debug file",
          { .debug_file = str_from_c(long_name), .debug_id = STR(ID), .missing = true },
          0 },
        { "a debug file as long as can be",
          { .debug_file = str_from_c(long_name + 1), .debug_id = STR(ID), .missing = true },
          1 },
        { "a long code file",
          { .code_file = str_from_c(long_name), .code_id = STR("aa"), .missing = true },
          0 },
    };
    struct made *m = *state;
    m->crash.module_count = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count;
        m->modules[0] = cases[i].module;
        const struct stored_module *got = choose(m, &count);
        if (count != cases[i].count)
            fail_msg("%s: %zu", cases[i].name, count);
        if (i == 0)
            assert_true(str_eq(got[0].debug_file, STR("b")) && got[0].code_file.len == 0);
    }
}

/* Those of the thread that crashed are among them, however many there are; none is there twice. */
static void not_too_many(void **state)
{
    struct made *m = *state;
    struct crash_frame frames[5];
    static const unsigned in[5] = { 3, 999, 500, 999, 4 };
    bool seen[MODULES] = { false };
    size_t count;
    for (unsigned i = 0; i < 5; i++)
        frames[i] = (struct crash_frame){ .has_address = true,
                                          .address = m->modules[in[i]].base + 0x77,
                                          .has_offset = true,
                                          .offset = 0x77 };
    frames[4].has_offset = false; /* in no module */
    const struct crash_thread threads[2] = { { .frames = NULL },
                                             { .frames = frames, .frame_count = 5 } };
    m->crash.threads = threads;
    m->crash.thread_count = 2;
    m->crash.main_thread = 1;
    m->crash.module_count = MODULES;
    const struct stored_module *got = choose(m, &count);
    assert_int_equal(count, MISSING_MODULES_MAX);
    assert_true(str_eq(got[0].debug_file, STR("m3")));
    assert_true(str_eq(got[1].debug_file, STR("m999")));
    assert_true(str_eq(got[2].debug_file, STR("m500")));
    for (size_t i = 0; i < count; i++) {
        unsigned n = (unsigned)strtoul(got[i].debug_file.ptr + 1, NULL, 10);
        assert_false(seen[n]);
        seen[n] = true;
    }
    m->crash.main_thread = 2; /* there is none */
    (void)choose(m, &count);
    assert_int_equal(count, MISSING_MODULES_MAX);
    m->crash.module_count = 200;
    (void)choose(m, &count);
    assert_int_equal(count, 200);
}

/* Scripts stand behind modules, in their order. */
static void scripts_too(void **state)
{
    struct made *m = *state;
    size_t count;
    const struct crash_module scripts[] = {
        { .debug_file = STR("a.min.js"), .debug_id = STR(ID), .missing = true },
        { .debug_file = STR("b.js"), .missing = false },
        { .debug_file = STR("c.js"), .code_id = STR(ID), .missing = true },
        { .debug_file = STR("d.bundle.js"), .missing = true },
    };
    m->crash.scripts = scripts;
    m->crash.script_count = 4;
    m->crash.module_count = 1;
    const struct stored_module *got = choose(m, &count);
    assert_int_equal(count, 4);
    assert_true(str_eq(got[1].debug_file, STR("a.min.js")) && str_eq(got[1].debug_id, STR(ID)));
    assert_true(str_eq(got[2].debug_file, STR("c.js")) && str_eq(got[2].code_id, STR(ID)));
    assert_true(str_eq(got[3].debug_file, STR("d.bundle.js")) && got[3].debug_id.len == 0);
    m->crash.module_count = MODULES;
    (void)choose(m, &count);
    assert_int_equal(count, MISSING_MODULES_MAX);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { CASE(which_are_worth_it), CASE(not_too_many),
                                        CASE(scripts_too) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
