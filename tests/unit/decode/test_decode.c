/* What the door asks of an upload, and how the attributes of a request are merged into a report's.
 */
#include "decode/decode.h"

#include "../cmocka_all.h"

#include <stdlib.h>

#define ARENA_BYTES (64u << 20)

static void test_magic(void **state)
{
    (void)state;
    static const struct {
        enum upload_format format;
        const char *bytes;
        size_t len;
        const char *error; /* NULL: taken */
    } cases[] = {
#define BYTES(s) (s), sizeof(s) - 1
#define BLANKS16 "                "
#define BLANKS BLANKS16 BLANKS16 BLANKS16 BLANKS16
#define CORE                                                                                       \
    "\x7f"                                                                                         \
    "ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0\x3e\0"
#define PROGRAM                                                                                    \
    "\x7f"                                                                                         \
    "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3e\0"
        { UPLOAD_JSON, BYTES("{\"uuid\":\"x\"}"), NULL },
        { UPLOAD_JSON, BYTES(" \r\n\t{"), NULL },
        { UPLOAD_JSON, BYTES("\xef\xbb\xbf{"), NULL },
        { UPLOAD_JSON, BYTES(BLANKS), NULL }, /* it may come yet */
        { UPLOAD_JSON, BYTES("    "), "begins with {" },
        { UPLOAD_JSON, BYTES("[1]"), "begins with {" },
        { UPLOAD_JSON, BYTES("\x1f\x8b\x08"), "this is gzip data" },
        { UPLOAD_JSON, BYTES("MDMP\x93\xa7"), "this is a minidump" },
        { UPLOAD_JSON, BYTES("--boundary"), "this is a multipart body" },
        { UPLOAD_JSON, BYTES(""), "empty" },
        { UPLOAD_MINIDUMP, BYTES("MDMP\x93\xa7\0\0"), NULL },
        { UPLOAD_MINIDUMP, BYTES("PMDM\0\0\xa7\x93"), NULL },
        { UPLOAD_MINIDUMP, BYTES(CORE), NULL }, /* clients send them so */
        { UPLOAD_MINIDUMP, BYTES(PROGRAM), "this is an ELF program or library" },
        { UPLOAD_MINIDUMP, BYTES("MDM"), "begins with MDMP; this is something else" },
        { UPLOAD_MINIDUMP, BYTES("\x1f\x8b\x08"), "this is gzip data" },
        { UPLOAD_MINIDUMP, BYTES("PK\3\4"), "this is a zip file" },
        { UPLOAD_MINIDUMP, BYTES("\x28\xb5\x2f\xfd"), "this is zstd data" },
        { UPLOAD_MINIDUMP, BYTES("{\"a\":1}"), "this is JSON" },
        { UPLOAD_MINIDUMP, BYTES(""), "empty" },
        { UPLOAD_PLCRASH, BYTES("plcrash\1"), NULL },
        { UPLOAD_PLCRASH, BYTES("plcras"), "begins with plcrash" },
        { UPLOAD_PLCRASH, BYTES("MDMP\x93\xa7\0\0"), "this is a minidump" },
        { UPLOAD_CORE, BYTES(CORE), NULL },
        { UPLOAD_CORE, BYTES(PROGRAM), "this is an ELF program or library" },
        { UPLOAD_CORE, BYTES("MDMP\x93\xa7\0\0"), "this is a minidump" },
        { UPLOAD_BTT, BYTES("x"), NULL },
        { UPLOAD_BTT, BYTES("MDMP\x93\xa7\0\0"), NULL }, /* and is read as one */
        { UPLOAD_BTT, BYTES("plcrash\1"), NULL },
        { UPLOAD_BTT, BYTES(CORE), NULL },
        { UPLOAD_BTT, BYTES("{\"a\":1}"), NULL },
        { UPLOAD_BTT, BYTES("\x1f\x8b\x08"), NULL },
        { UPLOAD_BTT, BYTES(PROGRAM), "this is an ELF program or library" },
        { UPLOAD_BTT, BYTES(""), "empty" },
        { UPLOAD_SYMBOLS, BYTES("\x1f\x8b"), NULL },
        { UPLOAD_SYMBOLS, BYTES(PROGRAM), NULL },
        { UPLOAD_SYMBOLS, BYTES("MODULE Linux x86_64 0 a\n"), NULL },
        { UPLOAD_SYMBOLS, BYTES("\xcf\xfa\xed\xfe"), NULL },
        { UPLOAD_SYMBOLS, BYTES("MDMP\x93\xa7\0\0"),
          "symbol files, or an archive of such (a source map is sent with the format sourcemap); "
          "this is a minidump" },
        { UPLOAD_SYMBOLS, BYTES(CORE), "this is a core file" },
        { UPLOAD_SYMBOLS, BYTES("plcrash\1"), "this is a PLCrashReporter report" },
        { UPLOAD_SYMBOLS, BYTES("{\"version\":3"), "this is JSON" },
        { UPLOAD_SOURCEMAP, BYTES("{"), NULL },
        { UPLOAD_SOURCEMAP, BYTES(")]}'\n{"), NULL },
        { UPLOAD_SOURCEMAP, BYTES("PK\3\4"), NULL },
        { UPLOAD_SOURCEMAP, BYTES(PROGRAM),
          "a source map is JSON, or comes in an archive; this is an ELF" },
        { UPLOAD_SOURCEMAP, BYTES("MDMP\x93\xa7\0\0"), "this is a minidump" },
        { UPLOAD_PROGUARD, BYTES("{\"version\":3"), "this is JSON" },
        { UPLOAD_PROGUARD, BYTES("a"), NULL },
        { UPLOAD_PROGUARD, BYTES(""), "empty" },
#undef BYTES
#undef BLANKS
#undef BLANKS16
#undef CORE
#undef PROGRAM
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = { 0 };
        struct bytes first = { (const uint8_t *)cases[i].bytes, cases[i].len };
        bool ok = decode_check_magic(cases[i].format, first, &e);
        if (ok != !cases[i].error || (!ok && !strstr(e.msg, cases[i].error)))
            fail_msg("case %zu: %s", i, e.msg);
        assert_true(ok || e.code == ERR_INPUT);
    }
}

static void test_formats(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (int f = UPLOAD_JSON; f < UPLOAD_FORMATS; f++) {
        struct err e = { 0 };
        struct crash c;
        assert_int_equal(decode_can((enum upload_format)f),
                         upload_format_is_error((enum upload_format)f) && f != UPLOAD_BTT);
        bool ok = decode_upload((enum upload_format)f, STR("{}"), NULL, &c, a, &e);
        assert_int_equal(ok,
                         upload_format_is_error((enum upload_format)f)); /* whatever it is called */
        assert_int_equal(c.thread_count, 0);
        assert_int_equal(c.attributes.count, 0);
    }
}

/* A source map is no report, and the other way round; what is no JSON is neither. */
static void test_sourcemaps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *report, *map; /* errors; NULL: taken */
    } cases[] = {
        { "{\"version\":3,\"sources\":[],\"mappings\":\"\"}", "with the format sourcemap", NULL },
        { "{\"version\":3,\"sections\":[]}", "with the format sourcemap", NULL },
        { "{\"threads\":{},\"uuid\":\"x\"}", NULL, "with the format json" },
        { "{\"version\":\"2\",\"mappings\":\"x\",\"threads\":{}}", NULL, "with the format json" },
        { "{\"version\":3,\"mappings\":7}", NULL, NULL }, /* said when it is read */
        { "{\"version\":3,\n\"mappings\":", "line 2", "line 2" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct err report = { 0 }, map = { 0 };
        struct str uuid, text = str_from_c(cases[i].text);
        assert_int_equal(decode_check_json(text, a, &uuid, &report), !cases[i].report);
        assert_int_equal(decode_check_sourcemap(text, a, &map), !cases[i].map);
        if ((cases[i].report && !strstr(report.msg, cases[i].report)) ||
            (cases[i].map && !strstr(map.msg, cases[i].map)))
            fail_msg("%s: %s, %s", cases[i].text, report.msg, map.msg);
    }
}

static void test_uuids(void **state)
{
    (void)state;
    static const struct {
        const char *text, *uuid;
    } cases[] = {
        { "{\"uuid\":\"c781fa6b-1cab\"}", "c781fa6b-1cab" },
        { "\xef\xbb\xbf {\"a\":{\"uuid\":\"no\"},\"uuid\":\"\\u0041\"}", "A" },
        { "{}", "" },
        { "{\"uuid\":null}", "" },
        { "{\"uuid\":7}", "" },
        { "{\"uuid\":\"\"}", "" },
        { "{\"uuid\":\"a\\nb\"}", "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct err e = { 0 };
        struct str uuid = { 0 };
        if (!decode_check_json(str_from_c(cases[i].text), a, &uuid, &e) ||
            !str_eq(uuid, str_from_c(cases[i].uuid)))
            fail_msg("%s: %.*s %s", cases[i].text, STR_ARG(uuid), e.msg);
    }
}

static void test_long_uuids(void **state)
{
    (void)state;
    for (size_t len = 128; len < 130; len++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct err e = { 0 };
        struct str text = { 0 }, uuid = { 0 };
        assert_true(arena_printf(a, &text, "{\"uuid\":\"%0*d\"}", (int)len, 7));
        assert_true(decode_check_json(text, a, &uuid, &e));
        assert_int_equal(uuid.len, len == 128 ? 128 : 0);
    }
}

/* --- merging ------------------------------------------------------------------------------- */

static struct str merged(const char *report, const struct upload *u, struct crash *c,
                         struct arena *a)
{
    struct err e = { 0 };
    struct buf b;
    struct json_writer w;
    struct str out = { 0 };
    if (!decode_upload(UPLOAD_JSON, str_from_c(report), NULL, c, a, &e) || !decode_merge(c, u, &e))
        fail_msg("%s: %s", report, e.msg);
    buf_init(&b, 1 << 24);
    json_writer_init(&w, &b);
    attributes_write(&w, &c->attributes);
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void check_merged(const char *name, struct str got, const char *want)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("%s: %.*s", name, STR_ARG(got));
}

static void test_precedence(void **state)
{
    (void)state;
    static const struct upload_field fields[] = {
        { STR_INIT("c"), STR_INIT("form"), UPLOAD_FROM_FORM },
        { STR_INIT("d"), STR_INIT("form"), UPLOAD_FROM_FORM },
        { STR_INIT("b"), STR_INIT("query"), UPLOAD_FROM_QUERY },
        { STR_INIT("c"), STR_INIT("query"), UPLOAD_FROM_QUERY },
        { STR_INIT("b"), STR_INIT("query again"), UPLOAD_FROM_QUERY },
        { STR_INIT("object.size"), STR_INIT("1"), UPLOAD_FROM_QUERY },
        { STR_INIT("n"), STR_INIT("5"), UPLOAD_FROM_QUERY },
    };
    static const struct bucket_value set[] = { { STR_INIT("d"), STR_INIT("true") } };
    struct upload u = { .received_ms = 1795200227999,
                        .fields = fields,
                        .field_count = COUNT_OF(fields),
                        .body = { .size = 99 },
                        .bucket = { .name = STR("b"), .set = set, .set_count = 1, .use = true } };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct crash c;
    const char *report =
        "{\"threads\":{},\"attributes\":{\"a\":\"report\",\"b\":\"report\",\"c\":\"report\"}}";
    check_merged("all", merged(report, &u, &c, a),
                 "{\"a\":\"report\",\"b\":\"query again\",\"c\":\"form\",\"object.size\":99,"
                 "\"n\":5,\"d\":true,\"timestamp\":1795200227}");
    u.bucket.use = false;
    check_merged("a bucket that is not used", merged(report, &u, &c, a),
                 "{\"a\":\"report\",\"b\":\"query again\",\"c\":\"form\",\"object.size\":99,"
                 "\"n\":5,\"d\":\"form\",\"timestamp\":1795200227}");
}

static void test_server_attributes(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct upload u = { .received_ms = 5000, .body = { .size = UINT64_MAX } };
    struct crash c;
    check_merged("from the report",
                 merged("{\"threads\":{},\"timestamp\":7,\"agent\":\"a\",\"agentVersion\":\"1.0\","
                        "\"classifiers\":[\"x\",\"y z\"]}",
                        &u, &c, a),
                 "{\"classifiers\":\"x y z\",\"backtrace.agent\":\"a\","
                 "\"backtrace.version\":\"1.0\",\"object.size\":18446744073709551615,"
                 "\"timestamp\":7}");
    check_merged("its own attributes stay",
                 merged("{\"threads\":{},\"agent\":\"a\",\"attributes\":{\"backtrace.agent\":\"b\","
                        "\"classifiers\":\"q\",\"timestamp\":\"soon\"}}",
                        &u, &c, a),
                 "{\"backtrace.agent\":\"b\",\"classifiers\":\"q\",\"timestamp\":5,"
                 "\"object.size\":18446744073709551615}");
    decode_nothing(&c, a);
    struct err e = { 0 };
    assert_true(decode_merge(&c, &u, &e));
    assert_int_equal(c.attributes.count, 2);
}

static void test_modifiers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        size_t main;
        const char *error;
        bool kept;
    } cases[] = {
        { "_mod_faulting_tid", "16", 1, NULL, false },
        { "_mod_faulting_tid", "0x10", 1, NULL, false },
        { "_mod_faulting_tid", "b", 2, NULL, false },
        { "_mod_faulting_tid", "z", 0, "there is no thread z", false },
        { "_mod_sync", "1", 0, NULL, false },
        { "_mod_log", "", 0, NULL, false },
        { "_mod_what", "x", 0, NULL, false },
        { "_mod_fingerprint", "sha256", 0, NULL, true },
        { "_modern", "x", 0, NULL, true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        const struct upload_field field = { str_from_c(cases[i].name), str_from_c(cases[i].value),
                                            UPLOAD_FROM_QUERY };
        struct upload u = { .fields = &field, .field_count = 1 };
        struct crash c;
        merged("{\"threads\":{\"a\":{},\"16\":{},\"b\":{}}}", &u, &c, a);
        assert_int_equal(c.main_thread, cases[i].main);
        assert_int_equal(attributes_find(&c.attributes, field.name) != NULL, cases[i].kept);
        assert_int_equal(c.error_count, cases[i].error != NULL);
        if (cases[i].error)
            assert_non_null(strstr(c.errors[0].ptr, cases[i].error));
    }
}

static void test_losses_are_told(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    char *value = calloc(UPLOAD_VALUE_MAX + 1, 1);
    const struct upload_field fields[] = {
        { STR(""), STR("x"), UPLOAD_FROM_QUERY },
        { STR("long"), { value, UPLOAD_VALUE_MAX + 1 }, UPLOAD_FROM_QUERY },
    };
    struct upload u = { .fields = fields, .field_count = 2 };
    struct crash c;
    merged("{\"threads\":{}}", &u, &c, a);
    assert_int_equal(c.error_count, 2);
    assert_non_null(strstr(c.errors[0].ptr, "attributes were left out (1)"));
    assert_non_null(strstr(c.errors[1].ptr, "1 values of attributes were cut"));
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_sourcemaps),
        cmocka_unit_test(test_uuids),
        cmocka_unit_test(test_long_uuids),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_server_attributes),
        cmocka_unit_test(test_modifiers),
        cmocka_unit_test(test_losses_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
