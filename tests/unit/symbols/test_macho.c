/* Mach-O files written by hand: what compilers and linkers here do not make, and what nobody
 * should. test_macho_programs.c has files of real tools. */
#include "../cmocka_all.h"
#include "elf_convert.h"
#include "elf_files.h"
#include "image.h"
#include "macho_make.h"
#include "symbols/elf_image.h"
#include "symbols/macho_symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY ((size_t)64 << 20)
#define BYTES(array) ((struct bytes){ (const uint8_t *)(array), sizeof(array) })

/* --- who a file is --- */

static struct make_macho plain(void)
{
    return (struct make_macho){ .is_64 = true, .cpu = MAKE_ARM64 };
}

/* NULL: it is good; else a word of the refusal. */
static void check_identity(const char *row, struct bytes file, const char *refusal)
{
    struct err e = { 0 };
    struct symcache_about about;
    struct arena *a = arena_new(MEMORY);
    bool ok = macho_identify(file, STR("dir/name"), a, &about, &e);
    if (ok != !refusal || (refusal && !strstr(e.msg, refusal)))
        fail_msg("%s: %s", row, ok ? "no refusal" : e.msg);
    if (ok) {
        assert_true(str_eq(about.debug_id, STR("00112233445566778899AABBCCDDEEFF0")));
        assert_true(str_eq(about.code_id, STR("00112233445566778899aabbccddeeff")));
        assert_true(str_eq(about.os, STR("mac")));
    }
    arena_free(a);
}

static void identities(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct make_macho m;
        const char *refusal;
    } cases[] = {
        { "x86-64", { .is_64 = true, .cpu = MAKE_AMD64 }, NULL },
        { "x86", { .cpu = MAKE_X86 }, NULL },
        { "ARM", { .cpu = MAKE_ARM, .subtype = 9 }, NULL },
        { "ARM64 of 32 bits", { .cpu = 0x0200000c }, NULL },
        { "dSYM", { .is_64 = true, .cpu = MAKE_ARM64, .type = 10 }, NULL },
        { "object file", { .is_64 = true, .cpu = MAKE_ARM64, .type = 1 }, "an object file" },
        { "core", { .is_64 = true, .cpu = MAKE_ARM64, .type = 4 }, "a core dump" },
        { "PowerPC", { .cpu = 18, .big_endian = true }, "(ppc)" },
        { "no such", { .cpu = 99 }, "(unknown)" },
        { "big endian", { .cpu = MAKE_ARM, .big_endian = true }, "not supported" },
        { "no UUID", { .is_64 = true, .cpu = MAKE_ARM64, .no_uuid = true }, "LC_UUID" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf file;
        make_macho(&file, &cases[i].m);
        assert_true(macho_is(made_bytes(&file)));
        check_identity(cases[i].name, made_bytes(&file), cases[i].refusal);
        buf_done(&file);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *install, *want;
    } cases[] = { { NULL, "name" },
                  { "@rpath/A.framework/Versions/A/Kit", "Kit" },
                  { "libz.1.dylib", "libz.1.dylib" },
                  { "/ends/with/", "name" } };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct make_macho m = plain();
        struct symcache_about about;
        struct err e = { 0 };
        struct buf file;
        struct arena *a = arena_new(MEMORY);
        m.install_name = cases[i].install;
        make_macho(&file, &m);
        assert_true(macho_identify(made_bytes(&file), STR("dir/name"), a, &about, &e));
        assert_true(str_eq(about.debug_file, str_from_c(cases[i].want)));
        assert_true(str_eq(about.code_file, about.debug_file));
        arena_free(a);
        buf_done(&file);
    }
}

/* Each cut, and each four bytes of header and commands replaced, is refused with words or read. */
static void damaged(void **state)
{
    (void)state;
    static const uint8_t code[16];
    static const uint32_t evil[] = { 0, 1, 7, 0x7fffffff, 0xfffffff0, 0xffffffff };
    const struct make_section sections[] = { { "__TEXT", "__text", 0x100, MAKE_CODE,
                                               BYTES(code) } };
    const struct make_symbol symbols[] = { { "_main", 0xf, 1, 0, 0x100 } };
    struct make_macho m = plain();
    struct buf file;
    m.install_name = "lib";
    m.encrypted_size = 3;
    m.sections = sections, m.section_count = 1;
    m.symbols = symbols, m.symbol_count = 1;
    make_macho(&file, &m);
    for (size_t len = 0; len < file.len; len++) {
        struct symcache_builder *b = symcache_builder_new(MEMORY);
        struct err e = { 0 };
        if (!macho_read((struct bytes){ (const uint8_t *)file.ptr, len }, STR("x"), b, &e))
            assert_true(e.code != ERR_NONE && e.msg[0] != '\0');
        symcache_builder_free(b);
    }
    for (size_t at = 0; at + 4 <= file.len; at += 4)
        for (size_t i = 0; i < COUNT_OF(evil); i++) {
            char kept[4];
            struct symcache_builder *b = symcache_builder_new(MEMORY);
            struct err e = { 0 };
            memcpy(kept, file.ptr + at, 4);
            memcpy(file.ptr + at, &evil[i], 4);
            if (!macho_read(made_bytes(&file), STR("x"), b, &e))
                assert_true(e.code != ERR_NONE && e.msg[0] != '\0');
            memcpy(file.ptr + at, kept, 4);
            symcache_builder_free(b);
        }
    buf_done(&file);
}

/* --- fat files --- */

static void put_fat(struct buf *out, uint32_t magic, uint32_t count, uint32_t offset, uint32_t size)
{
    buf_init(out, MEMORY);
    make_number(out, magic, 4, true);
    make_number(out, count, 4, true);
    for (uint32_t i = 0; i < count && i < 64; i++) {
        size_t word = magic == 0xcafebabf ? 8 : 4;
        make_number(out, i % 2 ? MAKE_ARM64 : 18, 4, true);
        make_number(out, i % 2 ? 2 : 0, 4, true);
        make_number(out, offset, word, true);
        make_number(out, size, word, true);
        make_number(out, 0, word, true);
    }
}

static void fat(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t magic, count, offset, size;
        bool is, ok;
    } cases[] = {
        { "two", 0xcafebabe, 2, 8, 40, true, true },
        { "of 64 bits", 0xcafebabf, 2, 8, 40, true, true },
        { "most", 0xcafebabe, 32, 0, 648, true, true },
        { "none", 0xcafebabe, 0, 0, 0, false, false },
        { "too many", 0xcafebabe, 33, 0, 0, false, false },
        { "Java 1.1", 0xcafebabe, 3 << 16 | 45, 0, 0, false, false },
        { "Java 8", 0xcafebabe, 52, 0, 0, false, false },
        { "past the end", 0xcafebabe, 2, 40, 40, true, false },
        { "far past the end", 0xcafebabe, 2, 0xffffffff, 0xffffffff, true, false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct macho_part parts[MACHO_PARTS_MAX];
        struct err e = { 0 };
        struct buf file;
        size_t count = 0;
        put_fat(&file, cases[i].magic, cases[i].count, cases[i].offset, cases[i].size);
        if (macho_is(made_bytes(&file)) != cases[i].is ||
            macho_parts(made_bytes(&file), parts, &count, &e) != cases[i].ok)
            fail_msg("%s: %s", cases[i].name, e.msg);
        if (cases[i].ok) {
            assert_int_equal(count, cases[i].count);
            assert_true(str_eq(parts[0].name, STR("ppc")) && parts[0].cpu == CPU_UNKNOWN);
            assert_true(str_eq(parts[1].name, STR("arm64e")) && parts[1].cpu == CPU_ARM64);
            assert_true(parts[1].file.ptr == (const uint8_t *)file.ptr + cases[i].offset);
        } else {
            assert_true(e.code == ERR_INPUT && e.msg[0] != '\0');
        }
        buf_done(&file);
    }
}

/* --- contents --- */

static void convert(struct converted *out, const struct make_macho *m)
{
    struct buf file;
    FILE *f = fopen(made_path("made"), "w");
    make_macho(&file, m);
    assert_true(f && fwrite(file.ptr, 1, file.len, f) == file.len && fclose(f) == 0);
    buf_done(&file);
    convert_macho(out, made_path("made"));
}

static void symbols(void **state)
{
    (void)state;
    static const uint8_t code[0x100];
    static const struct make_symbol list[] = {
        { "_main", 0xf, 1, 0, 0x1000 },           { "__Z3foov", 0xf, 1, 0, 0x1010 },
        { "-[Cat purr:]", 0xe, 1, 0, 0x1020 },    { "_main_stab", 0x24, 1, 0, 0x1008 },
        { "_weak", 0xf, 1, 0x80, 0x1030 },        { "_strong", 0xf, 1, 0, 0x1030 },
        { "_undefined", 0x1, 0, 0, 0x1048 },      { "_absolute", 0x3, 0, 0, 0x1058 },
        { "_data", 0xf, 2, 0, 0x2000 },           { "_", 0xf, 1, 0, 0x1068 },
        { "__mh_header", 0xf, 1, 0, 0x0 },        { "_local", 0xe, 1, 0, 0x1040 },
        { "_$s4main3fooyyF", 0xf, 1, 0, 0x1050 }, { "_thumb", 0xf, 1, 8, 0x1070 },
    };
    static const struct {
        uint64_t at;
        const char *want;
    } cases[] = {
        { 0x1000, "main :0\n" },           { 0x100c, "main :0\n" },
        { 0x1010, "foo() :0\n" },          { 0x1020, "-[Cat purr:] :0\n" },
        { 0x1030, "strong :0\n" },         { 0x1040, "local :0\n" },
        { 0x1050, "$s4main3fooyyF :0\n" }, { 0x1068, "$s4main3fooyyF :0\n" },
        { 0x1070, "thumb :0\n" },
    };
    const struct make_section sections[] = {
        { "__TEXT", "__text", 0x5000, MAKE_CODE, BYTES(code) },
        { "__TEXT", "__const", 0x6000, 0, BYTES(code) },
    };
    for (int is_64 = 0; is_64 < 2; is_64++) {
        struct make_symbol moved[COUNT_OF(list)];
        struct make_macho m = { .is_64 = is_64, .cpu = is_64 ? MAKE_AMD64 : MAKE_ARM };
        struct converted c;
        struct symcache_about about;
        for (size_t i = 0; i < COUNT_OF(list); i++) {
            moved[i] = list[i];
            moved[i].value += 0x4000;
        }
        m.load_address = 0x4000;
        m.sections = sections, m.section_count = 2;
        m.symbols = moved, m.symbol_count = COUNT_OF(moved);
        convert(&c, &m);
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            if (strcmp(frames_at(&c, cases[i].at), cases[i].want) != 0)
                fail_msg("%#" PRIx64 ": %s", cases[i].at, frames_at(&c, cases[i].at));
        symcache_about(c.cache, &about);
        assert_int_equal(about.publics, 7);
        converted_done(&c);
    }
}

static const struct {
    const char *elf, *segment, *macho;
} renamed[] = {
    { ".text", "__TEXT", "__text" },
    { ".eh_frame", "__TEXT", "__eh_frame" },
    { ".debug_info", "__DWARF", "__debug_info" },
    { ".debug_abbrev", "__DWARF", "__debug_abbrev" },
    { ".debug_str", "__DWARF", "__debug_str" },
    { ".debug_line", "__DWARF", "__debug_line" },
    { ".debug_line_str", "__DWARF", "__debug_line_str" },
    { ".debug_ranges", "__DWARF", "__debug_ranges" },
    { ".debug_rnglists", "__DWARF", "__debug_rnglists" },
    { ".debug_addr", "__DWARF", "__debug_addr" },
    { ".debug_str_offsets", "__DWARF", "__debug_str_offs" },
    { ".zdebug_info", "__DWARF", "__zdebug_info" },
    { ".zdebug_abbrev", "__DWARF", "__zdebug_abbrev" },
    { ".zdebug_str", "__DWARF", "__zdebug_str" },
    { ".zdebug_line", "__DWARF", "__zdebug_line" },
    { ".zdebug_ranges", "__DWARF", "__zdebug_ranges" },
};

/* The sections of an ELF file, as a Mach-O file of the same addresses. */
static void convert_as_macho(struct converted *out, const char *path)
{
    struct make_section sections[COUNT_OF(renamed)];
    struct make_macho m = { .is_64 = true, .cpu = MAKE_AMD64, .sections = sections };
    struct bytes file = map_file(path);
    struct arena *a = arena_new(MEMORY);
    struct elf_image elf;
    struct err e = { 0 };
    assert_true(elf_image_read(&elf, file, a, &e));
    for (size_t i = 0; i < COUNT_OF(renamed); i++) {
        const struct elf_section *s = elf_section_find(&elf, renamed[i].elf);
        if (s)
            sections[m.section_count++] =
                (struct make_section){ renamed[i].segment, renamed[i].macho, s->address,
                                       i == 0 ? MAKE_CODE : 0, s->content };
    }
    convert(out, &m);
    arena_free(a);
    unmap_file(file);
}

/* DWARF 5 with all its sections, and packed sections: no tool here writes them into Mach-O. */
static void dwarf(void **state)
{
    (void)state;
    static const char *const ways[] = { "clang -gdwarf-5", "gcc -gdwarf-5", "gcc -gdwarf-4",
                                        "gcc -gdwarf-4 -gz=zlib-gnu" };
    size_t done = 0;
    made_text("twice.c",
              "extern int other(int);\n"
              "static inline __attribute__((always_inline)) int one(int a)\n"
              "{\n"
              "    return other(a) + a;\n"
              "}\n"
              "static inline __attribute__((always_inline)) int two(int a)\n"
              "{\n"
              "    return one(a) * one(a + 1);\n"
              "}\n"
              "int first(int a) { return two(a) + other(two(a)); }\n"
              "__attribute__((section(\".text\"))) int second(int a) { return one(a); }\n");
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct converted elf, macho;
        char command[256], want[8192];
        size_t inlined = 0;
        snprintf(command, sizeof command, "%s -O2 -shared -fPIC -nostdlib twice.c -o twice.so",
                 ways[i]);
        if (!made_run(command))
            continue;
        convert_elf(&elf, made_path("twice.so"));
        convert_as_macho(&macho, made_path("twice.so"));
        for (uint64_t at = 0; at < 0x4000; at++) {
            struct bytes x = { 0 }, y = { 0 };
            struct symcache_frame frame;
            if (symcache_find(elf.cache, at, &frame, 1) == 0 || frame.is_public)
                continue;
            snprintf(want, sizeof want, "%s", frames_at(&elf, at));
            if (strcmp(frames_at(&macho, at), want) != 0)
                fail_msg("%s: at %#" PRIx64 " %swanted %s", ways[i], at, frames_at(&macho, at),
                         want);
            inlined += strstr(want, "one") && strstr(want, "two");
            assert_true(symcache_cfi(elf.cache, at, &x) && symcache_cfi(macho.cache, at, &y));
            assert_true(x.len == y.len && memcmp(x.ptr, y.ptr, x.len) == 0);
        }
        assert_true(inlined > 0);
        converted_done(&elf);
        converted_done(&macho);
        done++;
    }
    if (done == 0)
        skip();
}

/* --- rules --- */

static void check_rule(const struct converted *c, uint64_t at, const char *want)
{
    struct bytes program;
    struct buf text;
    buf_init(&text, MEMORY);
    if (symcache_cfi(c->cache, at, &program))
        image_print_program(&text, program);
    else
        buf_printf(&text, "none");
    if (!str_eq(buf_view(&text), str_from_c(want)))
        fail_msg("at %#" PRIx64 ": %.*s, wanted %s", at, STR_ARG(buf_view(&text)), want);
    buf_done(&text);
}

struct compact {
    uint32_t start, encoding;
};

/* A table of one regular page. */
static void make_table(struct buf *out, const struct compact *entries, uint16_t count, uint32_t end)
{
    const uint32_t header[] = { 1, 28, 0, 28, 0, 28, 2, entries[0].start, 52, 0, end, 0, 0, 2 };
    buf_init(out, MEMORY);
    for (size_t i = 0; i < COUNT_OF(header); i++)
        make_number(out, header[i], 4, false);
    make_number(out, 8, 2, false);
    make_number(out, count, 2, false);
    for (uint16_t i = 0; i < count; i++) {
        make_number(out, entries[i].start, 4, false);
        make_number(out, entries[i].encoding, 4, false);
    }
}

static void convert_table(struct converted *out, struct make_macho *m, struct bytes table)
{
    static const uint8_t code[0x100] = { [0x40] = 0x81, 0xec, 0x00, 0x10 };
    const struct make_section sections[] = {
        { "__TEXT", "__text", 0x5000, MAKE_CODE, BYTES(code) },
        { "__TEXT", "__unwind_info", 0x6000, 0, table },
    };
    m->load_address = 0x4000;
    m->sections = sections;
    m->section_count = 2;
    convert(out, m);
}

static void x86_table(void **state)
{
    (void)state;
    static const struct compact entries[] = {
        { 0x1000, 0x01020023 }, /* frame, edx and edi from 8 bytes below on */
        { 0x1010, 0x02030800 }, /* 12 bytes, 2 registers */
        { 0x1020, 0x04000000 }, /* DWARF */
        { 0x1030, 0 },
        { 0x1040, 0x0302a400 }, /* size in the code at +2, 5 words more, 1 register */
        { 0x1050, 0x8302a400 }, /* the same, not at the start of its function */
        { 0x1060, 0x02011c00 }, /* 7 registers */
        { 0x1070, 0x020103ff }, /* no register, whatever the order */
        { 0x1080, 0x020207ff }, /* one, but none of the six */
        { 0x1090, 0x02000000 }, /* no room for the return address */
        { 0x10a0, 0x01000007 }, /* no such register */
        { 0x10b0, 0x0f000000 }, /* no such mode */
    };
    struct make_macho m = { .cpu = MAKE_X86 };
    struct converted c;
    struct buf table;
    make_table(&table, entries, COUNT_OF(entries), 0x1100);
    convert_table(&c, &m, made_bytes(&table));
    check_rule(&c, 0x0fff, "none");
    check_rule(&c, 0x1000,
               "reg 5 push 8 add cfa! cfa push -16 add deref reg! 2 cfa push -8 add deref reg! 5 "
               "cfa push -12 add deref reg! 7 cfa push -4 add deref reg! 8");
    check_rule(&c, 0x101f,
               "reg 4 push 12 add cfa! cfa push -8 add deref reg! 1 cfa push -12 add deref reg! 3 "
               "cfa push -4 add deref reg! 8");
    check_rule(&c, 0x1020, "none");
    check_rule(&c, 0x1030, "none");
    check_rule(&c, 0x1040,
               "reg 4 push 4116 add cfa! cfa push -8 add deref reg! 3 "
               "cfa push -4 add deref reg! 8");
    check_rule(&c, 0x1050, "none");
    check_rule(&c, 0x1060, "none");
    check_rule(&c, 0x1070, "reg 4 push 4 add cfa! cfa push -4 add deref reg! 8");
    for (uint64_t at = 0x1080; at < 0x1100; at += 0x10)
        check_rule(&c, at, "none");
    assert_int_equal(c.counts.cfi_entries, COUNT_OF(entries));
    assert_int_equal(c.counts.cfi_untold, 6);
    assert_int_equal(c.counts.cfi_damaged, 0);
    converted_done(&c);
    buf_done(&table);
}

/* Return addresses of arm64e are signed. */
static void arm64_table(void **state)
{
    (void)state;
    static const struct compact entries[] = { { 0x1000, 0x04000102 }, { 0x1010, 0x02002001 } };
    for (uint32_t subtype = 0; subtype <= 2; subtype += 2) {
        struct make_macho m = plain();
        struct converted c;
        struct buf table;
        char want[256];
        const char *pc = subtype == 2 ? "push 281474976710655 and reg! 32" : "reg! 32";
        m.subtype = subtype;
        make_table(&table, entries, COUNT_OF(entries), 0x1020);
        convert_table(&c, &m, made_bytes(&table));
        snprintf(want, sizeof want,
                 "reg 29 push 16 add cfa! cfa push -24 add deref reg! 21 cfa push -32 add deref "
                 "reg! 22 cfa push -16 add deref reg! 29 cfa push -8 add deref reg! 30 cfa push -8 "
                 "add deref %s",
                 pc);
        check_rule(&c, 0x1000, want);
        snprintf(want, sizeof want,
                 "reg 31 push 32 add cfa! cfa push -8 add deref reg! 19 cfa push -16 add deref "
                 "reg! 20 reg 30 %s",
                 pc);
        check_rule(&c, 0x1010, want);
        check_rule(&c, 0x1020, "none");
        converted_done(&c);
        buf_done(&table);
    }
}

/* Pages that are not there, that are of no kind, and that are listed so often that reading them
 * would take for ever. */
static void damaged_tables(void **state)
{
    (void)state;
    static const struct compact entries[] = { { 0x1000, 0x04000000 }, { 0x1010, 0x04000000 } };
    static const struct {
        size_t at;
        uint32_t value;
        uint64_t rows, damaged;
    } cases[] = {
        { 0, 1, 2, 0 },           { 0, 2, 0, 1 },           { 8, 0x7fffffff, 0, 1 },
        { 20, 0xffffffff, 0, 1 }, { 24, 0xffffffff, 0, 1 }, { 24, 1, 0, 0 },
        { 32, 0xffffffff, 0, 1 }, { 32, 0, 0, 0 },          { 52, 3, 0, 1 },
        { 52, 4, 0, 1 },          { 56, 0xffff0008, 0, 1 }, { 56, 0x0002ffff, 0, 1 },
        { 40, 0x0fff, 0, 0 },     { 40, 0x1008, 1, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct make_macho m = plain();
        struct converted c;
        struct buf table;
        make_table(&table, entries, COUNT_OF(entries), 0x1020);
        for (size_t k = 0; k < 4; k++)
            table.ptr[cases[i].at + k] = (char)(cases[i].value >> (8 * k));
        convert_table(&c, &m, made_bytes(&table));
        if (c.counts.cfi_rows != cases[i].rows || c.counts.cfi_damaged != cases[i].damaged)
            fail_msg("row %zu: %" PRIu64 " rows, %" PRIu64 " damaged", i, c.counts.cfi_rows,
                     c.counts.cfi_damaged);
        converted_done(&c);
        buf_done(&table);
    }
}

static void pages_listed_often(void **state)
{
    (void)state;
    enum { PAGES = 1000, ENTRIES = 1000 };
    struct make_macho m = plain();
    struct converted c;
    struct buf table;
    const uint32_t header[] = { 1, 28, 0, 28, 0, 28, PAGES };
    buf_init(&table, MEMORY);
    for (size_t i = 0; i < COUNT_OF(header); i++)
        make_number(&table, header[i], 4, false);
    for (uint32_t i = 0; i < PAGES; i++) {
        make_number(&table, i, 4, false);
        make_number(&table, 28 + 12 * PAGES, 4, false);
        make_number(&table, 0, 4, false);
    }
    make_number(&table, 2, 4, false);
    make_number(&table, 8, 2, false);
    make_number(&table, ENTRIES, 2, false);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        make_number(&table, i, 4, false);
        make_number(&table, 0x04000000, 4, false);
    }
    convert_table(&c, &m, made_bytes(&table));
    assert_true(c.counts.cfi_entries < table.len / 4);
    assert_true(c.counts.cfi_damaged > PAGES / 2);
    converted_done(&c);
    buf_done(&table);
}

/* Apple's x86 has other numbers for esp and ebp, in .eh_frame and nowhere else. */
static void x86_eh_frame(void **state)
{
    (void)state;
    static const uint8_t code[0x100];
    static const uint8_t frames[] = {
        0x14, 0,    0, 0, 0,    0,    0, 0,    1,    'z',  'R',  0,
        1,    0x7c, 8, 1, 0x10, 0x0c, 5, 4,    0x88, 1,    0,    0, /* CFA = 5 + 4, pc at CFA - 4 */
        0x14, 0,    0, 0, 0x1c, 0,    0, 0,    0xe0, 0xef, 0xff, 0xff,
        0x10, 0,    0, 0, 0,    0x0e, 8, 0x84, 2,    0x0d, 4,    0, /* 4 at CFA - 8, CFA = 4 + 8 */
    };
    const struct make_section sections[] = {
        { "__TEXT", "__text", 0x5000, MAKE_CODE, BYTES(code) },
        { "__TEXT", "__eh_frame", 0x6000, 0, BYTES(frames) },
    };
    struct make_macho m = { .cpu = MAKE_X86, .load_address = 0x4000 };
    struct converted c;
    m.sections = sections, m.section_count = 2;
    convert(&c, &m);
    check_rule(&c, 0x1000,
               "reg 5 push 8 add cfa! cfa push -8 add deref reg! 5 cfa push -4 add deref reg! 8");
    converted_done(&c);
}

/* What is encrypted, and what lies outside of its segment, is not looked at. */
static void out_of_reach(void **state)
{
    (void)state;
    static const struct compact entries[] = { { 0x1000, 0x04000000 } };
    struct make_macho m = plain();
    struct converted c;
    struct buf table;
    make_table(&table, entries, 1, 0x1020);
    m.encrypted_size = 0x10000;
    convert_table(&c, &m, made_bytes(&table));
    assert_int_equal(c.counts.cfi_rows, 0);
    converted_done(&c);
    buf_done(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities),     cmocka_unit_test(names),
        cmocka_unit_test(damaged),        cmocka_unit_test(fat),
        cmocka_unit_test(symbols),        cmocka_unit_test(dwarf),
        cmocka_unit_test(x86_table),      cmocka_unit_test(arm64_table),
        cmocka_unit_test(damaged_tables), cmocka_unit_test(pages_listed_often),
        cmocka_unit_test(x86_eh_frame),   cmocka_unit_test(out_of_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
