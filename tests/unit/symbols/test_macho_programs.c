/* Libraries and dSYMs that the test itself makes with LLVM's tools, for the processors that their
 * linker knows: functions, lines and inlined calls must be those that llvm-symbolizer gives, and
 * what compact unwind tables say those that DWARF's tables say of the same code. */
#include "../cmocka_all.h"
#include "elf_convert.h"
#include "elf_files.h"
#include "symbols/elf_rules.h"
#include "symbols/macho_symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] =
    "extern \"C\" int other(int), others(int, int, int, int, int, int);\n"
    "namespace space {\n"
    "static inline __attribute__((always_inline)) int twice(int x) { return other(x) * 2; }\n"
    "static inline __attribute__((always_inline)) int thrice(int x)\n"
    "{\n"
    "    int y = twice(x);\n"
    "    return y + other(y + 1);\n"
    "}\n"
    "struct shape {\n"
    "    int sides;\n"
    "    int area(int n);\n"
    "};\n"
    "int shape::area(int n)\n"
    "{\n"
    "    int a[8], sum = 0;\n"
    "    for (int i = 0; i < 8; i++)\n"
    "        a[i] = thrice(i + n);\n"
    "    for (int i = 0; i < 8; i++)\n"
    "        sum += a[(i * n) & 7];\n"
    "    return sum + sides;\n"
    "}\n"
    "template <class T> T generic(T a, T b) { return (T)(a + thrice((int)b)); }\n"
    "}\n"
    "extern \"C\" int leaf(int x) { return x * 3; }\n"
    "extern \"C\" int few(int a, int b) { return other(a) + b; }\n"
    "extern \"C\" int more(int a, int b, int c) { return other(a) + other(b) + other(c) + a; }\n"
    "extern \"C\" int many(int a, int b, int c, int d, int e, int f)\n"
    "{\n"
    "    return others(a, b, c, d, e, f) + others(b, c, d, e, f, a) + a * b + c * d + e * f;\n"
    "}\n"
    "extern \"C\" int room(int x)\n"
    "{\n"
    "    volatile char bytes[200];\n"
    "    bytes[x] = 1;\n"
    "    return other(bytes[x + 1]);\n"
    "}\n"
    "extern \"C\" int large(int x, int y)\n"
    "{\n"
    "    volatile char bytes[3000];\n"
    "    bytes[x] = 1;\n"
    "    return other(bytes[x + 1]) + y;\n"
    "}\n"
    "extern \"C\" int keeps(int x)\n"
    "{\n"
    "#ifdef __aarch64__\n"
    "    asm volatile(\"\" : : : \"x19\", \"x20\", \"x21\", \"x22\", \"d8\", \"d9\");\n"
    "#else\n"
    "    asm volatile(\"\" : : : \"rbx\", \"r12\", \"r15\");\n"
    "#endif\n"
    "    return x + 7;\n"
    "}\n"
    "extern \"C\" int start(int n)\n"
    "{\n"
    "    space::shape s;\n"
    "    s.sides = n;\n"
    "    return s.area(n) + leaf(n) + (int)space::generic<long>(n, 3);\n"
    "}\n";

/* By which names the tools go here. */
static const char tools[] =
    "find() { for end in '' -14 -15 -16 -17 -18 -19 -20; do\n"
    "  if command -v $1$end >/dev/null; then echo $1$end; return; fi; done; echo no-$1; }\n"
    "LLD=$(find ld64.lld); DSYMUTIL=$(find dsymutil); SYMBOLIZER=$(find llvm-symbolizer)\n"
    "LIPO=$(find llvm-lipo)\n";

static const struct way {
    const char *arch, *target, *platform, *options;
    unsigned step; /* bytes of the shortest instruction */
} ways[] = {
    { "x86_64", "x86_64-apple-macos11", "macos", "-O1 -fno-omit-frame-pointer", 1 },
    { "x86_64", "x86_64-apple-macos11", "macos", "-O2 -fomit-frame-pointer", 1 },
    { "arm64", "arm64-apple-macos11", "macos", "-O1", 4 },
    { "arm64", "arm64-apple-macos11", "macos", "-O2", 4 },
    { "arm64_32", "arm64_32-apple-watchos7", "watchos", "-O1", 4 },
};

/* LIBRARY, and LIBRARY.dSYM. more: further options. */
static bool build(const struct way *w, const char *more, const char *library)
{
    char command[2048];
    made_text("program.cpp", source);
    made_text("tools.sh", tools);
    snprintf(command, sizeof command,
             ". ./tools.sh; clang++ -target %s -g %s %s -fno-exceptions -fno-rtti -c program.cpp "
             "-o program.o && $LLD -arch %s -platform_version %s 14.0 14.0 -undefined "
             "dynamic_lookup -dylib -install_name @rpath/lib%s -o %s program.o && $DSYMUTIL %s",
             w->target, w->options, more, w->arch, w->platform, library, library, library);
    if (made_run(command))
        return true;
    print_message("not here: %s\n", command);
    return false;
}

static const char *in_dsym(const char *library)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s.dSYM/Contents/Resources/DWARF/%s", made_path(library), library);
    return path;
}

/* --- names and places --- */

#define ADDRESSES_END 0x5000

/* What llvm-symbolizer says of all addresses, in the form of frames_at. */
static FILE *ask_judge(const struct way *w, const char *file)
{
    char command[8192];
    FILE *addresses = fopen(made_path("addresses"), "w");
    assert_non_null(addresses);
    for (unsigned at = 0; at < ADDRESSES_END; at += w->step)
        fprintf(addresses, "0x%x\n", at);
    fclose(addresses);
    snprintf(command, sizeof command,
             "cd %s && . ./tools.sh && unset LD_PRELOAD; $SYMBOLIZER --inlines --basenames "
             "--obj=%s < addresses",
             made_folder(), file);
    return popen(command, "r");
}

/* Takes an answer: function and place, a line each, until an empty line. */
static void read_answer(FILE *judge, char *out, size_t size)
{
    char function[2048], place[2048];
    size_t used = 0;
    out[0] = '\0';
    while (fgets(function, sizeof function, judge) && function[0] != '\n') {
        assert_non_null(fgets(place, sizeof place, judge));
        function[strcspn(function, "\n")] = '\0';
        *strrchr(place, ':') = '\0'; /* the column */
        if (strcmp(function, "??") != 0)
            used += (size_t)snprintf(out + used, size - used, "%s %s\n", function, place);
        assert_true(used < size);
    }
}

static void check_places(const struct way *w, const struct converted *c, const char *file)
{
    size_t compared = 0, inlined = 0;
    FILE *judge = ask_judge(w, file);
    assert_non_null(judge);
    for (unsigned at = 0; at < ADDRESSES_END; at += w->step) {
        char want[4096];
        read_answer(judge, want, sizeof want);
        const char *have = frames_at(c, at);
        if (!strchr(want, ':') || strstr(want, "??:")) /* a symbol only */
            continue;
        if (strcmp(have, want) != 0)
            fail_msg("%s %s: at %#x\n%swanted\n%s", w->arch, w->options, at, have, want);
        compared++;
        inlined += strchr(strchr(want, '\n') + 1, '\n') != NULL;
    }
    pclose(judge);
    print_message("%s %s: %zu addresses, %zu inlined\n", w->arch, w->options, compared, inlined);
    assert_true(compared > 100 && inlined > 10);
}

static void places(void **state)
{
    (void)state;
    size_t done = 0;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct converted c;
        struct symcache_about about;
        if (!build(&ways[i], "", "program"))
            continue;
        convert_macho(&c, in_dsym("program"));
        symcache_about(c.cache, &about);
        assert_int_equal(about.kind, SYMCACHE_MACHO);
        assert_int_equal(c.counts.damaged_units, 0);
        check_places(&ways[i], &c, in_dsym("program"));
        converted_done(&c);
        done++;
    }
    if (done == 0)
        skip();
}

/* --- rules --- */

static bool same_rules(const struct converted *a, uint64_t in_a, const struct converted *b,
                       uint64_t in_b)
{
    struct bytes x, y;
    return symcache_cfi(a->cache, in_a, &x) && symcache_cfi(b->cache, in_b, &y) && x.len == y.len &&
           memcmp(x.ptr, y.ptr, x.len) == 0;
}

/* The headers of the two are not of the same size. */
static uint64_t first_code(const struct converted *c)
{
    struct symcache_frame frame;
    uint64_t at = 0;
    while (symcache_find(c->cache, at, &frame, 1) == 0 && at < ADDRESSES_END)
        at++;
    return at;
}

/* Where a function begins that covers the address; false: none does. */
static bool function_at(const struct converted *c, uint64_t address, uint64_t *start)
{
    struct symcache_frame frames[SYMCACHE_FRAMES_MAX];
    size_t count = symcache_find(c->cache, address, frames, SYMCACHE_FRAMES_MAX);
    if (count == 0 || frames[count - 1].is_public)
        return false;
    *start = frames[count - 1].start;
    return true;
}

/* DWARF's rules follow every instruction, those of the compact table hold behind the first few: so
 * they must agree at the last instructions of each function, as long as no epilogue has rules. For
 * what leaves the stack alone, compilers may write an encoding that says nothing. */
static size_t check_rules(const struct way *w, const struct converted *compact,
                          const struct converted *dwarf)
{
    size_t functions = 0;
    uint64_t shift = first_code(compact) - first_code(dwarf);
    for (uint64_t at = 0, start, next; at < ADDRESSES_END; at += w->step) {
        if (!function_at(dwarf, at, &start))
            continue;
        if (function_at(dwarf, at + w->step, &next) && next == start)
            continue;
        functions++;
        if (str_starts(str_from_c(frames_at(dwarf, at)), STR("leaf ")))
            continue;
        if (!same_rules(compact, at + shift, dwarf, at))
            fail_msg("%s %s: other rules at %#" PRIx64 " in\n%s", w->arch, w->options, at,
                     frames_at(dwarf, at));
    }
    return functions;
}

/* The same code, once with unwind tables, which the linker makes compact (where it leaves
 * .eh_frame besides, that is hidden), and once with the rules in .debug_frame. */
static void rules(void **state)
{
    (void)state;
    size_t done = 0;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct converted compact, dwarf;
        if (ways[i].step == 4) /* LLVM does not write .debug_frame for these */
            continue;
        if (!build(&ways[i], "-funwind-tables", "tables") ||
            !build(&ways[i], "-fno-asynchronous-unwind-tables -fno-unwind-tables", "plain"))
            continue;
        assert_true(made_run("LC_ALL=C sed -i s/__eh_frame/__no_frame/ tables"));
        convert_macho(&compact, made_path("tables"));
        convert_macho(&dwarf, in_dsym("plain"));
        assert_int_equal(compact.counts.cfi_untold, 0);
        assert_int_equal(compact.counts.cfi_damaged, 0);
        size_t functions = check_rules(&ways[i], &compact, &dwarf);
        print_message("%s %s: %zu functions, %" PRIu64 " rows\n", ways[i].arch, ways[i].options,
                      functions, compact.counts.cfi_rows);
        assert_true(functions >= 9);
        converted_done(&compact);
        converted_done(&dwarf);
        done++;
    }
    if (done == 0)
        skip();
}

/* The rules at the end of a function, which hold behind its first instructions. */
static struct bytes last_rules(const struct converted *c, struct str function)
{
    struct symcache_frame frame;
    struct bytes program = { 0 };
    for (uint64_t at = 0; at < ADDRESSES_END; at += 4)
        if (symcache_find(c->cache, at, &frame, 1) == 1 && str_eq(frame.function, function))
            (void)symcache_cfi(c->cache, at, &program);
    return program;
}

/* "x19", "w19", "wsp": its number. */
static unsigned arm64_register(const char *name)
{
    return strcmp(name + 1, "sp") == 0 ? ARM64_SP : (unsigned)strtoul(name + 1, NULL, 10);
}

/* Takes one directive for the row. */
static void take_directive(struct elf_row *row, const char *line)
{
    char name[8];
    int number;
    if (sscanf(line, " .cfi_def_cfa %7[a-z0-9], %d", name, &number) == 2)
        row->cfa = (struct elf_rule){ .kind = ELF_RULE_REGISTER,
                                      .value = arm64_register(name),
                                      .offset = number };
    else if (sscanf(line, " .cfi_def_cfa_offset %d", &number) == 1)
        row->cfa.offset = number;
    else if (sscanf(line, " .cfi_offset %7[a-z0-9], %d", name, &number) == 2 && name[0] != 'b')
        row->registers[arm64_register(name)] =
            (struct elf_rule){ .kind = ELF_RULE_AT, .value = number };
}

static void check_directives(const struct way *w, const struct converted *c, const char *name,
                             const struct elf_row *row)
{
    struct buf want;
    struct bytes have = last_rules(c, str_from_c(name));
    buf_init(&want, UNWIND_PROGRAM_MAX);
    assert_true(elf_rules_program(&want, row, cpu_facts(CPU_ARM64), ARM64_LR, false));
    if (have.len != want.len || memcmp(have.ptr, want.ptr, want.len) != 0)
        fail_msg("%s %s: other rules for %s", w->arch, w->options, name);
    buf_done(&want);
}

/* What the assembler is told of each function, in the end, is what the table says of it. */
static size_t check_assembly(const struct way *w, const struct converted *c)
{
    char line[1024], name[128] = "";
    size_t functions = 0;
    struct elf_row row = { 0 };
    FILE *assembly = fopen(made_path("program.s"), "r");
    assert_non_null(assembly);
    while (fgets(line, sizeof line, assembly)) {
        char word[128];
        if (sscanf(line, "_%127[a-z]:", word) == 1 && strchr(line, ':'))
            snprintf(name, sizeof name, "%s", word);
        if (strstr(line, ".cfi_startproc")) {
            row = (struct elf_row){ 0 };
            row.cfa = (struct elf_rule){ .kind = ELF_RULE_REGISTER, .value = ARM64_SP };
        }
        take_directive(&row, line);
        if (strstr(line, ".cfi_endproc") && name[0]) {
            check_directives(w, c, name, &row);
            functions++;
            name[0] = '\0';
        }
    }
    fclose(assembly);
    return functions;
}

static void arm64_rules(void **state)
{
    (void)state;
    size_t done = 0;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct converted c;
        char command[512];
        snprintf(command, sizeof command,
                 "clang++ -target %s %s -funwind-tables -fno-exceptions -fno-rtti -S program.cpp",
                 ways[i].target, ways[i].options);
        if (ways[i].step != 4 || !build(&ways[i], "-funwind-tables", "tables") ||
            !made_run(command))
            continue;
        convert_macho(&c, made_path("tables"));
        assert_int_equal(c.counts.cfi_damaged + c.counts.cfi_untold, 0);
        assert_int_equal(check_assembly(&ways[i], &c), 8); /* one has no plain name */
        converted_done(&c);
        done++;
    }
    if (done == 0)
        skip();
}

/* --- who it is --- */

/* A library and its dSYM are one module; the one has rules, the other lines. */
static void two_files(void **state)
{
    (void)state;
    struct converted library, dsym;
    struct symcache_about a, b;
    if (!build(&ways[0], "", "program"))
        skip();
    convert_macho(&library, made_path("program"));
    convert_macho(&dsym, in_dsym("program"));
    symcache_about(library.cache, &a);
    symcache_about(dsym.cache, &b);
    assert_true(str_eq(a.debug_id, b.debug_id) && a.debug_id.len == 33);
    assert_true(str_eq(a.code_id, b.code_id) && a.code_id.len == 32);
    assert_true(str_eq(a.debug_file, STR("libprogram")));
    assert_true(str_eq(b.debug_file, STR("program")));
    assert_true(a.cfi_rows > 0 && a.functions == 0 && a.publics > 5);
    assert_true(b.cfi_rows == 0 && b.functions > 5 && b.lines > 10 && b.inlines > 2);
    converted_done(&library);
    converted_done(&dsym);
}

static void fat(void **state)
{
    (void)state;
    static const char *const forms[] = { "", "-fat64" };
    if (!build(&ways[0], "", "first") || !build(&ways[2], "", "second"))
        skip();
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        char command[256];
        struct macho_part parts[MACHO_PARTS_MAX];
        struct err e = { 0 };
        size_t count;
        snprintf(command, sizeof command,
                 ". ./tools.sh; $LIPO -create first second %s -output both", forms[i]);
        if (!made_run(command)) {
            print_message("not here: %s\n", command);
            continue;
        }
        struct bytes both = map_file(made_path("both"));
        struct bytes second = map_file(made_path("second"));
        assert_true(macho_is(both));
        assert_true(macho_parts(both, parts, &count, &e));
        assert_int_equal(count, 2);
        assert_true(parts[0].cpu == CPU_AMD64 && str_eq(parts[0].name, STR("x86_64")));
        assert_true(parts[1].cpu == CPU_ARM64 && str_eq(parts[1].name, STR("arm64")));
        assert_int_equal(parts[1].file.len, second.len);
        assert_memory_equal(parts[1].file.ptr, second.ptr, second.len);
        unmap_file(both);
        unmap_file(second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),    cmocka_unit_test(rules), cmocka_unit_test(arm64_rules),
        cmocka_unit_test(two_files), cmocka_unit_test(fat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
