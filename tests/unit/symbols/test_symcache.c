/* symcache: what is no image, or a damaged one, and an image in a file; tables of registers. */
#include "image.h"

#include "symbols/cpu.h"

#include "../cmocka_all.h"

#include <unistd.h>

static struct image made;

static int make(void **state)
{
    (void)state;
    image_make(&made, STR("MODULE Linux x86_64 AB x\nFILE 0 a.c\nFUNC 100 10 0 f\n100 10 1 0\n"));
    return 0;
}
static int unmake(void **state)
{
    (void)state;
    image_done(&made);
    return 0;
}

static const struct {
    const char *name;
    size_t at, bytes; /* a byte that is changed; bytes at the end that are cut off */
    const char *word; /* of the error */
} damages[] = {
    { "magic", 0, 0, NULL },
    { "version", 8, 0, "symcache_version" },
    { "size of the header", 12, 0, NULL },
    { "size of the image", 16, 0, NULL },
    { "a count", 40, 0, NULL },
    { "a section", 300, 0, NULL },
    { "cut off", SIZE_MAX, 1, NULL },
    { "cut in the header", SIZE_MAX, 2000, NULL },
};

static void damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        struct err e = { 0 };
        struct symcache *c = NULL;
        size_t cut = damages[i].bytes < made.bytes.len ? damages[i].bytes : made.bytes.len;
        uint8_t *copy = malloc(made.bytes.len);
        assert_non_null(copy);
        memcpy(copy, made.bytes.ptr, made.bytes.len);
        if (damages[i].at != SIZE_MAX)
            copy[damages[i].at] ^= 1;
        if (symcache_open(&c, (struct bytes){ copy, made.bytes.len - cut }, &e))
            fail_msg("%s: is opened", damages[i].name);
        assert_int_equal(e.code, ERR_INPUT);
        if (damages[i].word)
            assert_string_equal(e.word, damages[i].word);
        free(copy);
    }
}

/* Behind the header, symcache_verify finds what symcache_open does not look at. */
static void damaged_behind(void **state)
{
    (void)state;
    for (size_t at = 640; at < made.bytes.len; at += 97) {
        struct err e = { 0 };
        struct symcache *c = NULL;
        made.bytes.ptr[at] ^= 0x10;
        assert_true(symcache_open(
            &c, (struct bytes){ (const uint8_t *)made.bytes.ptr, made.bytes.len }, &e));
        assert_false(symcache_verify(c, &e));
        assert_int_equal(e.code, ERR_INPUT);
        symcache_free(c);
        made.bytes.ptr[at] ^= 0x10;
    }
}

static void in_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/symcache-XXXXXX";
    struct err e = { 0 };
    struct symcache *c = NULL;
    struct buf got;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_false(symcache_open_file(&c, path, &e)); /* empty */
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(write(fd, made.bytes.ptr, made.bytes.len), made.bytes.len);
    close(fd);
    assert_true(symcache_open_file(&c, path, &e));
    assert_true(symcache_verify(c, &e));
    buf_init(&got, 1000);
    image_print_find(&got, c, 0x105);
    assert_true(str_eq(buf_view(&got), STR("f|a.c:1|100|0\n")));
    buf_done(&got);
    symcache_free(c);
    unlink(path);
    assert_false(symcache_open_file(&c, path, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static const struct {
    enum cpu cpu;
    const char *name;
    int number;
} registers[] = {
    { CPU_AMD64, "$rax", 0 },  { CPU_AMD64, "rsp", 7 },     { CPU_AMD64, "$r15", 15 },
    { CPU_AMD64, "$rip", 16 }, { CPU_AMD64, "$xmm0", -1 },  { CPU_AMD64, "$eax", -1 },
    { CPU_X86, "$eax", 0 },    { CPU_X86, "$esp", 4 },      { CPU_X86, "$eip", 8 },
    { CPU_ARM, "r11", 11 },    { CPU_ARM, "fp", 11 },       { CPU_ARM, "sp", 13 },
    { CPU_ARM, "r15", 15 },    { CPU_ARM, "d8", -1 },       { CPU_ARM64, "x29", 29 },
    { CPU_ARM64, "fp", 29 },   { CPU_ARM64, "x30", 30 },    { CPU_ARM64, "lr", 30 },
    { CPU_ARM64, "sp", 31 },   { CPU_ARM64, "pc", 32 },     { CPU_ARM64, "x32", -1 },
    { CPU_ARM64, "", -1 },     { CPU_UNKNOWN, "$rax", -1 },
};

static void cpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(registers); i++)
        if (cpu_register(registers[i].cpu, str_from_c(registers[i].name)) != registers[i].number)
            fail_msg("%s", registers[i].name);
    for (int cpu = CPU_X86; cpu <= CPU_ARM64; cpu++) {
        const struct cpu_facts *f = cpu_facts((enum cpu)cpu);
        assert_true(f->registers <= CPU_REGISTERS_MAX && f->callee_saved >> f->registers == 0);
        assert_int_equal(f->callee_saved >> f->pc & 1, 0);
        assert_int_equal(f->callee_saved >> f->sp & 1, 0);
        for (int r = 0; r < f->registers; r++)
            assert_int_equal(cpu_register((enum cpu)cpu, str_from_c(f->names[r])), r);
        assert_int_equal(cpu_find(f->name), cpu);
    }
    assert_null(cpu_facts(CPU_UNKNOWN));
    assert_int_equal(cpu_find(STR("x86_64")), CPU_AMD64);
    assert_int_equal(cpu_find(STR("ppc")), CPU_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged),
        cmocka_unit_test(damaged_behind),
        cmocka_unit_test(in_a_file),
        cmocka_unit_test(cpus),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
