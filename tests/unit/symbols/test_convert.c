/* What the helper process and the server say to each other, and what a file is by its content. */
#include "symbols/convert_line.h"

#include "unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define MD5 "00112233445566778899AABBCCDDEEFF"
#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct arena *arena;

static bool read_line(const char *text, struct convert_line *out)
{
    struct err e = { 0 };
    bool ok = convert_line_read(out, str_from_c(text), arena, &e);
    if (!ok && (e.code != ERR_INPUT || e.msg[0] == '\0'))
        fail_msg("%s: code %d, \"%s\"", text, (int)e.code, e.msg);
    return ok;
}

static void assert_same(const struct convert_line *a, const struct convert_line *b)
{
    assert_int_equal(a->say, b->say);
    assert_true(str_eq(a->entry, b->entry));
    assert_int_equal(a->kind, b->kind);
    assert_true(a->size == b->size);
    assert_memory_equal(a->source, b->source, sizeof a->source);
    assert_int_equal(a->image, b->image);
    assert_true(str_eq(a->error, b->error));
    assert_true(str_eq(a->script, b->script));
}

static void round_trip(void **state)
{
    (void)state;
    struct convert_line lines[] = {
        { .say = CONVERT_ASK,
          .entry = STR("a/b \"c\"\n.sym"),
          .kind = CONVERT_ELF,
          .size = INT64_MAX,
          .error = STR("") },
        { .say = CONVERT_ASK, .entry = STR(""), .kind = CONVERT_BREAKPAD, .error = STR("") },
        { .say = CONVERT_ASK,
          .entry = STR("app.js.map"),
          .kind = CONVERT_SOURCEMAP,
          .script = STR("00112233445566778899AABBCCDDEEFF"),
          .error = STR("") },
        { .say = CONVERT_MADE, .entry = STR(""), .image = 4294967295u, .error = STR("") },
        { .say = CONVERT_FAILED, .entry = STR(""), .error = STR("line 3 is wrong") },
        { .say = CONVERT_NOT_READ,
          .entry = STR("x.pdb"),
          .kind = CONVERT_PDB,
          .size = 7,
          .error = STR("run dump_syms") },
        { .say = CONVERT_END, .entry = STR(""), .error = STR("") },
        { .say = CONVERT_END, .entry = STR(""), .error = STR("too large") },
    };
    for (size_t i = 0; i < 32; i++)
        lines[0].source[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct buf b;
        struct convert_line got;
        struct err e = { 0 };
        buf_init(&b, CONVERT_LINE_MAX);
        convert_line_write(&b, &lines[i]);
        assert_true(buf_ok(&b) && b.ptr[b.len - 1] == '\n');
        assert_null(memchr(b.ptr, '\n', b.len - 1));
        assert_true(convert_line_read(&got, (struct str){ b.ptr, b.len - 1 }, arena, &e));
        assert_same(&got, &lines[i]);
        buf_done(&b);
    }
}

/* The longest there are, of bytes that take most room, fit into a line. */
static void long_texts(void **state)
{
    (void)state;
    static const char bytes[] = { 'x', '\x01', '"', (char)0xff };
    char entry[5000], error[5000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        struct buf b;
        struct convert_line got;
        struct err e = { 0 };
        memset(entry, bytes[i], sizeof entry);
        memset(error, bytes[i], sizeof error);
        error[0] = 'e'; /* something is left, whatever is cut */
        memcpy(entry + sizeof entry - 4, ".sym", 4);
        const struct convert_line line = { .say = CONVERT_NOT_READ,
                                           .entry = { entry, sizeof entry },
                                           .kind = CONVERT_PE,
                                           .error = { error, sizeof error } };
        buf_init(&b, CONVERT_LINE_MAX);
        convert_line_write(&b, &line);
        assert_true(buf_ok(&b));
        if (!convert_line_read(&got, (struct str){ b.ptr, b.len - 1 }, arena, &e))
            fail_msg("byte %zu: %s", i, e.msg);
        assert_true(got.entry.len >= 4);
        assert_memory_equal(got.entry.ptr + got.entry.len - 4, ".sym", 4); /* the end is kept */
        buf_done(&b);
    }
}

static const struct {
    const char *name, *text;
} refused[] = {
    { "nothing", "" },
    { "no JSON", "hello" },
    { "a list", "[]" },
    { "nothing in it", "{}" },
    { "an unknown word", "{\"say\":\"shout\"}" },
    { "say is a number", "{\"say\":1}" },
    { "ask without a hash", "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"elf\",\"size\":1}" },
    { "a short hash",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"elf\",\"size\":1,\"source\":\"00\"}" },
    { "a hash that is none",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"elf\",\"size\":1,\"source\":"
      "\"zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}" },
    { "ask for what cannot be read",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"pdb\",\"size\":1,\"source\":\"" HASH "\"}" },
    { "a script of what is no source map",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"elf\",\"size\":1,\"source\":\"" HASH
      "\",\"script\":\"" MD5 "\"}" },
    { "a short script", "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"sourcemap\",\"size\":1,"
                        "\"source\":\"" HASH "\",\"script\":\"00\"}" },
    { "a script that is no MD5",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"sourcemap\",\"size\":1,\"source\":\"" HASH
      "\",\"script\":\"../../../../../../../etc/passwd00\"}" },
    { "a script in lower case",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"sourcemap\",\"size\":1,\"source\":\"" HASH
      "\",\"script\":\"00112233445566778899aabbccddeeff\"}" },
    { "an unknown kind",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"x\",\"size\":1,\"source\":\"" HASH "\"}" },
    { "a negative size",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"elf\",\"size\":-1,\"source\":\"" HASH "\"}" },
    { "a size over the limit", "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"elf\",\"size\":"
                               "9223372036854775808,\"source\":\"" HASH "\"}" },
    { "a broken size",
      "{\"say\":\"ask\",\"entry\":\"\",\"kind\":\"elf\",\"size\":1.5,\"source\":\"" HASH "\"}" },
    { "made without a number", "{\"say\":\"made\"}" },
    { "a path for a number", "{\"say\":\"made\",\"image\":\"../../x\"}" },
    { "a number over the limit", "{\"say\":\"made\",\"image\":4294967296}" },
    { "failed without a reason", "{\"say\":\"failed\",\"error\":\"\"}" },
    { "other without a reason",
      "{\"say\":\"other\",\"entry\":\"\",\"kind\":\"pe\",\"size\":1,\"error\":\"\"}" },
    { "end without an error", "{\"say\":\"end\"}" },
    { "deep", "{\"say\":\"end\",\"error\":\"\",\"x\":{}}" },
};

static void bad_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct convert_line got;
        if (read_line(refused[i].text, &got))
            fail_msg("%s: it was taken", refused[i].name);
    }
}

static const struct {
    const char *name;
    struct str first;
    enum convert_kind want;
} kinds[] = {
    { "nothing", STR_INIT(""), CONVERT_EMPTY },
    { "text", STR_INIT("hello"), CONVERT_OTHER },
    { "Breakpad", STR_INIT("MODULE Linux x86_64 0 app\n"), CONVERT_BREAKPAD },
    { "ELF",
      STR_INIT("\x7f"
               "ELF\x02\x01\x01"),
      CONVERT_ELF },
    { "PDB", STR_INIT("Microsoft C/C++ MSF 7.00\r\n"), CONVERT_PDB },
    { "portable PDB", STR_INIT("BSJB\1\0"), CONVERT_PDB },
    { "PE", STR_INIT("MZ\x90"), CONVERT_PE },
    { "Mach-O", STR_INIT("\xcf\xfa\xed\xfe\7"), CONVERT_MACHO },
    { "fat Mach-O", STR_INIT("\xca\xfe\xba\xbe\0\0\0\2"), CONVERT_MACHO },
    { "a Java class", STR_INIT("\xca\xfe\xba\xbe\0\1\0\2"), CONVERT_OTHER },
    { "zip", STR_INIT("PK\3\4"), CONVERT_ARCHIVE },
    { "gzip", STR_INIT("\x1f\x8b\x08"), CONVERT_ARCHIVE },
    { "deb", STR_INIT("!<arch>\ndebian-binary"), CONVERT_ARCHIVE },
    { "JSON", STR_INIT("{\"version\":3}"), CONVERT_JSON },
    { "JSON behind a mark and blanks", STR_INIT("\xef\xbb\xbf\r\n {"), CONVERT_JSON },
    { "JSON that is no script", STR_INIT(")]}'\n{\"version\":3}"), CONVERT_JSON },
    { "that without the quote", STR_INIT(")]}\n {\"version\":3}"), CONVERT_JSON },
    { "that behind a mark", STR_INIT("\xef\xbb\xbf)]},x\n{\"version\":3}"), CONVERT_JSON },
    { "that without an end, so far", STR_INIT("\xef\xbb\xbf)]}'"), CONVERT_JSON },
    { "no JSON behind it", STR_INIT(")]}'\nx"), CONVERT_OTHER },
    { "blanks", STR_INIT("  \n"), CONVERT_OTHER },
    { "fat Mach-O of 64 bits", STR_INIT("\xca\xfe\xba\xbf\0\0\0\2"), CONVERT_MACHO },
    { "minidump", STR_INIT("MDMP"), CONVERT_MINIDUMP },
};

static const struct {
    const char *name;
    struct str path, file;
    enum convert_kind want;
} scripts[] = {
    { "a map", STR_INIT("x/app.js.map"), STR_INIT("{\"version\":3,\"mappings\":\"\"}"),
      CONVERT_SOURCEMAP },
    { "a map with the name of a script", STR_INIT("app.js"), STR_INIT("{\"sections\":[]}"),
      CONVERT_SOURCEMAP },
    { "a map of no name", STR_INIT(""), STR_INIT("{\"mappings\":\"\"}"), CONVERT_SOURCEMAP },
    { "JSON", STR_INIT("package.json"), STR_INIT("{\"name\":\"\"}"), CONVERT_JSON },
    { "a script that begins with a block", STR_INIT("app.js"), STR_INIT("{let a=1}"),
      CONVERT_SCRIPT },
    { "a script", STR_INIT("x/app.mjs"), STR_INIT("let a=1"), CONVERT_SCRIPT },
    { "text", STR_INIT("app.txt"), STR_INIT("let a=1"), CONVERT_OTHER },
    { "a program with the name of a script", STR_INIT("app.js"), STR_INIT("MZ\x90"), CONVERT_PE },
};

static void maps_and_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        const struct bytes file = { (const uint8_t *)scripts[i].file.ptr, scripts[i].file.len };
        enum convert_kind first = convert_kind_find(file);
        enum convert_kind got = convert_kind_find_script(first, file, scripts[i].path);
        if (got != scripts[i].want)
            fail_msg("%s: %.*s", scripts[i].name, STR_ARG(convert_kind_name(got)));
        bool is_map = got == CONVERT_SOURCEMAP || got == CONVERT_SCRIPT;
        assert_int_equal(convert_kind_is_map(got), is_map);
    }
}

static void what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct bytes first = { (const uint8_t *)kinds[i].first.ptr, kinds[i].first.len };
        enum convert_kind got = convert_kind_find(first), back;
        if (got != kinds[i].want)
            fail_msg("%s: %.*s", kinds[i].name, STR_ARG(convert_kind_name(got)));
        assert_true(convert_kind_find_name(convert_kind_name(got), &back));
        assert_int_equal(got, back);
        bool is_read = got == CONVERT_BREAKPAD || got == CONVERT_ELF || got == CONVERT_MACHO;
        assert_int_equal(convert_kind_advice(got) == NULL, is_read);
    }
    uint8_t tar[512] = { 'x' };
    memcpy(tar + 257, "ustar", 5);
    assert_int_equal(convert_kind_find((struct bytes){ tar, sizeof tar }), CONVERT_ARCHIVE);
    assert_int_equal(convert_kind_find((struct bytes){ tar, 260 }), CONVERT_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),       cmocka_unit_test(long_texts),
        cmocka_unit_test(bad_lines),        cmocka_unit_test(what_it_is),
        cmocka_unit_test(maps_and_scripts),
    };
    arena = arena_new((size_t)16 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
