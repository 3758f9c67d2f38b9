/* Programs that the test itself compiles, in several versions of DWARF and forms of files: their
 * functions, lines and inlined calls must be those of the source, whose lines are marked below. */
#include "../cmocka_all.h"
#include "elf_convert.h"
#include "elf_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
static const char c_source[] =
    "extern volatile int sink;\n"                                               /* 1 */
    "volatile int sink;\n"                                                      /* 2 */
    "static inline __attribute__((always_inline)) int inner(int a)\n"           /* 3 */
    "{\n"                                                                       /* 4 */
    "    __asm__ volatile(\".globl at_inner_%=\\nat_inner_%=:\\nnop\" ::);\n"   /* 5 */
    "    return a + sink;\n"                                                    /* 6 */
    "}\n"                                                                       /* 7 */
    "static inline __attribute__((always_inline)) int middle(int a)\n"          /* 8 */
    "{\n"                                                                       /* 9 */
    "    return inner(a) * 3;\n"                                                /* 10 */
    "}\n"                                                                       /* 11 */
    "int outer(int a)\n"                                                        /* 12 */
    "{\n"                                                                       /* 13 */
    "    return middle(a) + 1;\n"                                               /* 14 */
    "}\n"                                                                       /* 15 */
    "static __attribute__((noinline)) int hidden(int a)\n"                      /* 16 */
    "{\n"                                                                       /* 17 */
    "    __asm__ volatile(\".globl at_hidden\\nat_hidden:\\nnop\" ::);\n"       /* 18 */
    "    return a * sink;\n"                                                    /* 19 */
    "}\n"                                                                       /* 20 */
    "int main(void)\n"                                                          /* 21 */
    "{\n"                                                                       /* 22 */
    "    return outer(sink) + hidden(sink) > 99999;\n"                          /* 23 */
    "}\n";                                                                      /* 24 */

static const char cc_source[] =
    "extern volatile int sink;\n"                                               /* 1 */
    "volatile int sink;\n"                                                      /* 2 */
    "namespace shop {\n"                                                        /* 3 */
    "struct Order {\n"                                                          /* 4 */
    "    int id;\n"                                                             /* 5 */
    "    __attribute__((noinline)) int total(int n) const;\n"                   /* 6 */
    "    __attribute__((always_inline)) int price() const\n"                    /* 7 */
    "    {\n"                                                                   /* 8 */
    "        __asm__ volatile(\".globl at_price\\nat_price:\\nnop\" ::);\n"     /* 9 */
    "        return id * sink;\n"                                               /* 10 */
    "    }\n"                                                                   /* 11 */
    "};\n"                                                                      /* 12 */
    "int Order::total(int n) const\n"                                           /* 13 */
    "{\n"                                                                       /* 14 */
    "    return price() + n;\n"                                                 /* 15 */
    "}\n"                                                                       /* 16 */
    "namespace {\n"                                                             /* 17 */
    "__attribute__((noinline)) int secret(int n)\n"                             /* 18 */
    "{\n"                                                                       /* 19 */
    "    __asm__ volatile(\".globl at_secret\\nat_secret:\\nnop\" ::);\n"       /* 20 */
    "    return n + sink;\n"                                                    /* 21 */
    "}\n"                                                                       /* 22 */
    "inline __attribute__((always_inline)) int whisper(int n)\n"                /* 23 */
    "{\n"                                                                       /* 24 */
    "    __asm__ volatile(\".globl at_whisper\\nat_whisper:\\nnop\" ::);\n"     /* 25 */
    "    return n ^ sink;\n"                                                    /* 26 */
    "}\n"                                                                       /* 27 */
    "}\n"                                                                       /* 28 */
    "extern \"C\" __attribute__((noinline)) int plain(int n)\n"                                /* 29 */
    "{\n"                                                                       /* 30 */
    "    return whisper(n) + secret(n);\n"                                      /* 31 */
    "}\n"                                                                       /* 32 */
    "}\n"                                                                       /* 33 */
    "int main(int argc, char **)\n"                                             /* 34 */
    "{\n"                                                                       /* 35 */
    "    shop::Order o{argc};\n"                                                /* 36 */
    "    return o.total(2) + shop::plain(3) > 99999;\n"                         /* 37 */
    "}\n";                                                                      /* 38 */
/* clang-format on */

/* The labels that the programs have in them, by nm. 0: there is none. */
static uint64_t label(const char *file, const char *name)
{
    char command[1024], line[1024];
    uint64_t address = 0;
    snprintf(command, sizeof command, "nm %s 2>/dev/null", made_path(file));
    FILE *nm = popen(command, "r");
    assert_non_null(nm);
    while (fgets(line, sizeof line, nm)) {
        char *kind = NULL;
        uint64_t value = strtoull(line, &kind, 16);
        line[strcspn(line, "\n")] = '\0';
        if (kind && strlen(kind) > 3 && strncmp(kind + 3, name, strlen(name)) == 0)
            address = value;
    }
    pclose(nm);
    return address;
}

static void check(const char *how, const struct converted *c, uint64_t address, const char *want)
{
    const char *have = frames_at(c, address);
    if (strcmp(have, want) != 0)
        fail_msg("%s: at %#" PRIx64 "\n%swanted\n%s", how, address, have, want);
}

static const struct way {
    const char *compiler, *options;
} c_ways[] = {
    { "gcc", "-O2 -gdwarf-2 -gno-strict-dwarf" },
    { "gcc", "-O2 -gdwarf-3" },
    { "gcc", "-O2 -gdwarf-4" },
    { "gcc", "-O2 -gdwarf-5" },
    { "gcc", "-O0 -gdwarf-5" },
    { "gcc", "-O2 -g -gz=zlib" },
    { "gcc", "-O2 -gdwarf-4 -gz=zlib-gnu" },
    { "gcc", "-O2 -g -ffunction-sections -Wl,--gc-sections" },
    { "gcc", "-O2 -g -no-pie -fno-pie" },
    { "gcc", "-O2 -g -flto" },
    { "clang", "-O2 -gdwarf-4" },
    { "clang", "-O2 -gdwarf-5" },
    { "clang", "-O2 -gdwarf-5 -no-pie -fno-pie" },
};

static bool compile(const struct way *w, const char *source, const char *out)
{
    char command[1024];
    snprintf(command, sizeof command, "%s %s %s -o %s", w->compiler, w->options, source, out);
    if (made_run(command))
        return true;
    print_message("not here: %s\n", command);
    return false;
}

/* no-pie programs are not loaded at 0. */
static uint64_t load_address(const char *options)
{
    return strstr(options, "-no-pie") ? UINT64_C(0x400000) : 0;
}

static void c_programs(void **state)
{
    (void)state;
    size_t done = 0;
    made_text("program.c", c_source);
    for (size_t i = 0; i < COUNT_OF(c_ways); i++) {
        struct converted c;
        char how[256];
        snprintf(how, sizeof how, "%s %s", c_ways[i].compiler, c_ways[i].options);
        if (!compile(&c_ways[i], "program.c", "program"))
            continue;
        convert_elf(&c, made_path("program"));
        uint64_t load = load_address(c_ways[i].options);
        uint64_t inner = label("program", "at_inner_"), hidden = label("program", "at_hidden");
        assert_true(inner > load && hidden > load);
        check(how, &c, hidden - load, "hidden program.c:18\n");
        const char *have = frames_at(&c, inner - load),
                   *want = "inner program.c:5\nmiddle program.c:10\nouter program.c:14\n";
        if (strncmp(have, want, strlen(want)) != 0) /* it may be inlined into main, too */
            fail_msg("%s: %swanted\n%s", how, have, want);
        assert_int_equal(c.counts.damaged_units, 0);
        assert_int_equal(c.counts.cfi_damaged, 0);
        assert_int_equal(c.counts.cfi_untold, 0);
        converted_done(&c);
        done++;
    }
    if (done == 0)
        skip();
}

static const struct way cc_ways[] = {
    { "g++", "-O2 -gdwarf-4" },     { "g++", "-O2 -gdwarf-5" },     { "g++", "-O0 -gdwarf-5" },
    { "clang++", "-O2 -gdwarf-4" }, { "clang++", "-O2 -gdwarf-5" },
};

static void cc_programs(void **state)
{
    (void)state;
    size_t done = 0;
    made_text("program.cc", cc_source);
    for (size_t i = 0; i < COUNT_OF(cc_ways); i++) {
        struct converted c;
        char how[256];
        snprintf(how, sizeof how, "%s %s", cc_ways[i].compiler, cc_ways[i].options);
        if (!compile(&cc_ways[i], "program.cc", "program"))
            continue;
        convert_elf(&c, made_path("program"));
        check(how, &c, label("program", "at_price"),
              "shop::Order::price() const program.cc:9\n"
              "shop::Order::total(int) const program.cc:15\n");
        check(how, &c, label("program", "at_secret"),
              "shop::(anonymous namespace)::secret(int) program.cc:20\n");
        /* What was inlined and has no symbol: qualified, and clang has a linkage name for it. */
        const char *have = frames_at(&c, label("program", "at_whisper"));
        const char *want[] = { "shop::(anonymous namespace)::whisper", " program.cc:25\n",
                               "plain program.cc:31\n" };
        for (size_t w = 0; w < COUNT_OF(want); w++)
            if (!strstr(have, want[w]))
                fail_msg("%s: %swanted %s", how, have, want[w]);
        converted_done(&c);
        done++;
    }
    if (done == 0)
        skip();
}

/* --- a program and its debug information in two files --- */

static struct str debug_id(const struct converted *c, struct symcache_about *about)
{
    symcache_about(c->cache, about);
    return about->debug_id;
}

static void separate(void **state)
{
    (void)state;
    static const struct way way = { "gcc", "-O2 -gdwarf-5 -Wl,--build-id=sha1" };
    struct converted debug, stripped;
    struct symcache_about of_debug, of_stripped;
    made_text("program.c", c_source);
    if (!compile(&way, "program.c", "program") ||
        !made_run("objcopy --only-keep-debug program program.debug && "
                  "objcopy --strip-all --add-gnu-debuglink=program.debug program stripped"))
        skip();
    uint64_t hidden = label("program", "at_hidden");
    convert_elf(&debug, made_path("program.debug"));
    convert_elf(&stripped, made_path("stripped"));
    assert_true(str_eq(debug_id(&debug, &of_debug), debug_id(&stripped, &of_stripped)));
    assert_true(str_eq(of_debug.code_id, of_stripped.code_id));
    assert_int_equal(of_debug.code_id.len, 40);

    check("separate", &debug, hidden, "hidden program.c:18\n");
    struct bytes rules;
    assert_false(symcache_cfi(debug.cache, hidden, &rules)); /* .eh_frame is in the other one */
    assert_true(symcache_cfi(stripped.cache, hidden, &rules));
    assert_int_equal(of_stripped.functions, 0);
    assert_true(of_stripped.cfi_rows > 0);

    converted_done(&debug);
    converted_done(&stripped);
}

/* A library without DWARF: what it exports. */
static void exported(void **state)
{
    (void)state;
    struct converted c;
    made_text("library.c", "int first(int a) { return a + 1; }\n"
                           "int __second(int a) { return a + 2; }\n"
                           "int second(int a) __attribute__((alias(\"__second\")));\n"
                           "int third(int a) __attribute__((weak, alias(\"__second\")));\n"
                           "int variable = 7;\n");
    if (!made_run("gcc -O1 -shared -fPIC library.c -o library.so && "
                  "cp library.so whole.so && strip library.so"))
        skip();
    convert_elf(&c, made_path("library.so"));
    check("exported", &c, label("whole.so", "first"), "first :0\n");
    check("exported", &c, label("whole.so", "second"), "second :0\n");
    struct symcache_about about;
    symcache_about(c.cache, &about);
    assert_int_equal(about.functions, 0);
    assert_int_equal(about.lines, 0);
    converted_done(&c);
}

/* SONAMEs are of the sender: no UTF-8, paths, and names without end are cut. */
static void odd_names(void **state)
{
    (void)state;
    static const struct {
        const char *option, *want;
    } cases[] = {
        { "-Wl,-soname,libgood.so.3", "libgood.so.3" },
        { "-Wl,-soname,/a/b/libpath.so", "libpath.so" },
        { "-Wl,-soname,$(printf 'lib\\303\\244\\377x')", "lib\303\244" },
        { "-Wl,-soname,$(printf '\\377')", "odd.so" },
        { "-Wl,-soname,$(printf '%0300d' 7)", NULL },
        { "", "odd.so" },
    };
    made_text("odd.c", "int odd(int a) { return a; }\n");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char command[512];
        struct converted c;
        struct symcache_about about;
        snprintf(command, sizeof command, "gcc -shared -nostdlib -fPIC %s odd.c -o odd.so",
                 cases[i].option);
        if (!made_run(command))
            skip();
        convert_elf(&c, made_path("odd.so"));
        symcache_about(c.cache, &about);
        if (cases[i].want && !str_eq(about.debug_file, str_from_c(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].option, STR_ARG(about.debug_file));
        assert_true(about.debug_file.len <= 255);
        converted_done(&c);
    }
}

/* A stripped program that has a small compressed file with the names of what it does not export. */
static void minidebug(void **state)
{
    (void)state;
    struct converted c;
    made_text("program.c", c_source);
    if (!made_run("gcc -O2 program.c -o program && objcopy --strip-all program stripped && "
                  "objcopy --only-keep-debug program mini && rm -f mini.xz && xz mini && "
                  "objcopy --add-section .gnu_debugdata=mini.xz stripped with-mini"))
        skip();
    uint64_t hidden = label("program", "hidden");
    convert_elf(&c, made_path("stripped"));
    assert_null(strstr(frames_at(&c, hidden), "hidden"));
    converted_done(&c);
    convert_elf(&c, made_path("with-mini"));
    check("minidebug", &c, hidden, "hidden :0\n");
    converted_done(&c);
}

/* A range that was split off (.cold) belongs to its function. */
static void cold_part(void **state)
{
    (void)state;
    struct converted c;
    made_text("cold.c", "__attribute__((cold)) extern int leave(int);\n"
                        "extern int other(int);\n"
                        "int hot(int a)\n"
                        "{\n"
                        "    if (__builtin_expect(a == 7, 0)) {\n"
                        "        leave(1); leave(2); leave(3);\n"
                        "        __builtin_trap();\n"
                        "    }\n"
                        "    return other(a);\n"
                        "}\n");
    if (!made_run("gcc -O2 -g -shared -fPIC cold.c -o cold.so"))
        skip();
    uint64_t cold = label("cold.so", "hot.cold");
    if (cold == 0)
        skip();
    convert_elf(&c, made_path("cold.so"));
    check("cold", &c, cold + 6, "hot cold.c:6\n");
    converted_done(&c);
}

/* Two units that dwz would join, and split DWARF: not followed, counted, no harm. */
static void elsewhere(void **state)
{
    (void)state;
    struct converted c;
    made_text("program.c", c_source);
    if (!made_run("gcc -O2 -gdwarf-5 -gsplit-dwarf program.c -o split"))
        skip();
    convert_elf(&c, made_path("split"));
    assert_int_equal(c.counts.elsewhere_units, 1);
    check("split", &c, label("split", "outer"), "outer :0\n"); /* of the symbol table */
    converted_done(&c);
}

/* What does not fit, and what is cut off, is refused with words. */
static void refused(void **state)
{
    (void)state;
    struct err e = { 0 };
    made_text("program.cc", cc_source);
    if (!made_run("g++ -O1 -gdwarf-5 program.cc -o program"))
        skip();
    struct bytes file = map_file(made_path("program"));
    struct symcache_builder *tiny = symcache_builder_new(256);
    assert_false(elf_read(file, STR("program"), tiny, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    symcache_builder_free(tiny);
    size_t refusals = 0;
    for (size_t part = 0; part < 64; part++) {
        struct bytes cut = { file.ptr, file.len * part / 64 };
        struct symcache_builder *b = symcache_builder_new((size_t)64 << 20);
        e = (struct err){ 0 };
        if (!elf_read(cut, STR("program"), b, &e)) {
            assert_true(e.code != ERR_NONE && e.msg[0] != '\0');
            refusals++;
        }
        symcache_builder_free(b);
    }
    assert_int_equal(refusals, 64); /* the table of sections is at the end */
    unmap_file(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c_programs), cmocka_unit_test(cc_programs), cmocka_unit_test(separate),
        cmocka_unit_test(exported),   cmocka_unit_test(cold_part),   cmocka_unit_test(elsewhere),
        cmocka_unit_test(odd_names),  cmocka_unit_test(minidebug),   cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
