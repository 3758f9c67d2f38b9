/* The JSON error format of Backtrace: what is read of it, and that nothing in it is relied on. */
#include "decode/decode.h"

#include "../cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 30)

static struct crash decode(const char *text, struct arena *a)
{
    struct err e = { 0 };
    struct crash c;
    if (!decode_upload(UPLOAD_JSON, str_from_c(text), NULL, &c, a, &e))
        fail_msg("%.500s: %s", text, e.msg);
    return c;
}

/* All sentences, one a line. */
static char *errors_of(const struct crash *c)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < c->error_count; i++)
        buf_printf(&b, "%.*s\n", STR_ARG(c->errors[i]));
    buf_char(&b, '\0');
    assert_true(buf_ok(&b));
    return b.ptr;
}

static void check_error(const char *name, const struct crash *c, const char *want)
{
    char *errors = errors_of(c);
    if (want ? !strstr(errors, want) : c->error_count > 0)
        fail_msg("%s: %s", name, errors);
    free(errors);
}

static void test_main_thread(void **state)
{
    (void)state;
    static const struct {
        const char *name, *report, *id, *error; /* id: NULL: no threads */
    } cases[] = {
        { "named", "{\"mainThread\":\"b\",\"threads\":{\"a\":{\"fault\":true},\"b\":{}}}", "b",
          NULL },
        { "named by a number", "{\"mainThread\":7,\"threads\":{\"a\":{},\"7\":{}}}", "7", NULL },
        { "not named", "{\"threads\":{\"a\":{},\"b\":{\"fault\":true}}}", "b", NULL },
        { "not named, two with fault",
          "{\"threads\":{\"a\":{},\"b\":{\"fault\":true},\"c\":{\"fault\":true}}}", "b", NULL },
        { "not named, no fault", "{\"threads\":{\"a\":{},\"b\":{}}}", "a", NULL },
        { "unknown", "{\"mainThread\":\"z\",\"threads\":{\"a\":{},\"b\":{\"fault\":true}}}", "b",
          "mainThread: there is no thread z" },
        { "no text", "{\"mainThread\":{},\"threads\":{\"a\":{}}}", "a", "mainThread is no text" },
        { "null", "{\"mainThread\":null,\"threads\":{\"a\":{}}}", "a", NULL },
        { "a list", "{\"mainThread\":\"1\",\"threads\":[{},{\"name\":\"x\"}]}", "1", NULL },
        { "none", "{\"mainThread\":\"a\"}", NULL, "the report has no threads" },
        { "no object", "{\"threads\":\"a\"}", NULL, "threads is no object" },
        { "a thread that is none", "{\"threads\":{\"a\":5}}", "a", "thread a is no object" },
        { "a stack that is none", "{\"threads\":{\"a\":{\"stack\":{}}}}", "a",
          "thread a: stack is no list" },
        { "a frame that is none", "{\"threads\":{\"a\":{\"stack\":[{},7]}}}", "a",
          "thread a, frame 1 is no object" },
        { "chosen by an attribute",
          "{\"attributes\":{\"_mod_faulting_tid\":7},\"threads\":{\"a\":{},\"7\":{}}}", "7", NULL },
        { "an empty name", "{\"threads\":{\"\":{}}}", "", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct crash c = decode(cases[i].report, a);
        check_error(cases[i].name, &c, cases[i].error);
        assert_int_equal(c.thread_count > 0, cases[i].id != NULL);
        if (cases[i].id && !str_eq(c.threads[c.main_thread].id, str_from_c(cases[i].id)))
            fail_msg("%s: %.*s", cases[i].name, STR_ARG(c.threads[c.main_thread].id));
    }
}

/* "function module file line:column address offset debug_id source", and marks. */
static void print_frame(const struct crash_frame *f, char out[512])
{
    int n = snprintf(out, 512, "%.*s|%.*s|%.*s|%" PRIu64 ":%" PRIu64 "|", STR_ARG(f->function),
                     STR_ARG(f->module), STR_ARG(f->file), f->line, f->column);
    if (f->has_address)
        n += snprintf(out + n, 512 - (size_t)n, "%" PRIx64, f->address);
    if (f->has_offset)
        n += snprintf(out + n, 512 - (size_t)n, "=+%" PRIx64, f->offset);
    snprintf(out + n, 512 - (size_t)n, "|%.*s|%.*s|%s%s", STR_ARG(f->debug_id), STR_ARG(f->source),
             f->guessed ? "guessed" : "", f->faulted ? "faulted" : "");
}

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        const char *name, *frame, *want, *error;
    } cases[] = {
        { "node", "{\"funcName\":\"f\",\"library\":\"file:///x.mjs\",\"column\":26,\"line\":10}",
          "f|file:///x.mjs||10:26||||", NULL },
        { "the older one for node",
          "{\"funcName\":\"f\",\"path\":\"x.cjs\",\"line\":12,\"column\":1,\"sourceCode\":\"s\"}",
          "f||x.cjs|12:1|||\tthree|", NULL },
        { "native",
          "{\"address\":\"0x7f0010\",\"library\":\"libx.so\",\"guessed_frame\":true,\"faulted\":"
          "true}",
          "|libx.so||0:0|7f0010|||guessedfaulted", NULL },
        { "in a module", "{\"address\":4198416}", "|/bin/app||0:0|401010=+1010|ABC1||", NULL },
        { "in a module that has a name",
          "{\"address\":\"0x401010\",\"library\":\"l\","
          "\"debug_identifier\":\"D\"}",
          "|l||0:0|401010=+1010|D||", NULL },
        { "at its end", "{\"address\":\"0x402000\"}", "|||0:0|402000|||", NULL },
        { "in the second", "{\"address\":\"0x500000\"}", "|b.so||0:0|500000=+0|||", NULL },
        { "before all", "{\"address\":\"0x1\"}", "|||0:0|1|||", NULL },
        { "decimal", "{\"address\":\"16\"}", "|||0:0|10|||", NULL },
        { "hex without 0x", "{\"address\":\"00ff\"}", "|||0:0|ff|||", NULL },
        { "the last address", "{\"address\":18446744073709551615}", "|||0:0|ffffffffffffffff|||",
          NULL },
        { "too large", "{\"address\":18446744073709551616}", "|||0:0||||",
          "thread main, frame 0: address is no number" },
        { "no address", "{\"address\":\"here\"}", "|||0:0||||", "address is no number" },
        { "null address", "{\"address\":null}", "|||0:0||||", NULL },
        { "numbers as text", "{\"line\":\"7\",\"column\":8.0}", "|||7:8||||", NULL },
        { "not known", "{\"line\":-1,\"column\":0}", "|||0:0||||", NULL },
        { "no numbers", "{\"line\":\"x\",\"column\":2}", "|||0:2||||", "line is no number" },
        { "a fraction", "{\"line\":1.5}", "|||0:0||||", "line is no number" },
        { "an object", "{\"line\":{},\"funcName\":[],\"library\":{}}", "|||0:0||||",
          "line is no number" },
        { "names as numbers", "{\"funcName\":5,\"library\":true}", "5|true||0:0||||", NULL },
        { "a source that is not there", "{\"sourceCode\":\"t\",\"line\":11}", "|||11:0||||", NULL },
        { "a line that is not there", "{\"sourceCode\":\"s\",\"line\":99}", "||s.c|99:0||||",
          NULL },
        { "no line", "{\"sourceCode\":\"s\"}", "||s.c|0:0||||", NULL },
        { "a source without text", "{\"sourceCode\":\"p\",\"line\":1}", "||p.c|1:0||||", NULL },
        { "a source that is text", "{\"sourceCode\":\"q\",\"line\":2}", "|||2:0|||y|", NULL },
        { "nothing", "{}", "|||0:0||||", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str report = { 0 };
        char got[512];
        assert_true(arena_printf(
            a, &report,
            "{\"sourceCode\":{\"s\":{\"startLine\":10,\"text\":\"one\\ntwo\\n\\tthree\\r\\nfour\","
            "\"path\":\"s.c\"},\"p\":{\"path\":\"p.c\"},\"q\":\"x\\ny\\nz\"},"
            "\"modules\":[{\"start\":\"0x500000\",\"size\":1,\"debug_file\":\"b.so\"},{},7,"
            "{\"start\":4194304,\"size\":\"8192\",\"code_file\":\"/bin/app\","
            "\"debug_identifier\":\"ABC1\"}],"
            "\"threads\":{\"main\":{\"stack\":[%s]}}}",
            cases[i].frame));
        struct crash c = decode(report.ptr, a);
        check_error(cases[i].name, &c, cases[i].error);
        assert_int_equal(c.threads[0].frame_count, 1);
        print_frame(&c.threads[0].frames[0], got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, got);
        assert_int_equal(c.threads[0].frames[0].rest->type, JSON_OBJECT);
    }
}

static void test_timestamps(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t ms; /* -1: none */
    } cases[] = {
        { "1795200227", 1795200227000 },
        { "1795200227.5", 1795200227500 },
        { "1795200227123", 1795200227123 },
        { "1795200227123456", 1795200227123 },
        { "1795200227123456789", 1795200227123 },
        { "1.795200227e9", 1795200227000 },
        { "\"1795200227\"", 1795200227000 },
        { "\"2026-11-20T18:43:47Z\"", 1795200227000 },
        { "0", 0 },
        { "-1", -1 },
        { "1e400", -1 },
        { "1e30", -1 },
        { "\"\"", -1 },
        { "\"nan\"", -1 },
        { "\"soon\"", -1 },
        { "{}", -1 },
        { "true", -1 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str report = { 0 };
        assert_true(arena_printf(a, &report, "{\"threads\":{},\"timestamp\":%s}", cases[i].json));
        struct crash c = decode(report.ptr, a);
        check_error(cases[i].json, &c, cases[i].ms < 0 ? "timestamp is no time" : NULL);
        if (c.has_timestamp != (cases[i].ms >= 0) ||
            (c.has_timestamp && c.timestamp_ms != cases[i].ms))
            fail_msg("%s: %" PRId64, cases[i].json, c.timestamp_ms);
    }
}

static void test_fingerprints(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        { "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", true },
        { "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", true },
        { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true },
        { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", true },
        { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", false },
        { "000102", false },
        { "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g", false },
        { "", false },
        { "================", false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str report = { 0 };
        assert_true(
            arena_printf(a, &report, "{\"threads\":{},\"fingerprint\":\"%s\"}", cases[i].text));
        struct crash c = decode(report.ptr, a);
        check_error(cases[i].text, &c, cases[i].ok ? NULL : "fingerprint is not 32 bytes");
        assert_int_equal(c.has_fingerprint, cases[i].ok);
        for (size_t k = 0; cases[i].ok && k < 32; k++)
            assert_int_equal(c.fingerprint[k], k);
    }
}

static void test_members(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct crash c = decode("\xef\xbb\xbf{\"uuid\":\"u-1\",\"lang\":\"nodejs\",\"langVersion\":20,"
                            "\"agent\":\"x\",\"agentVersion\":\"0.8.3\",\"classifiers\":[\"A\",5],"
                            "\"annotations\":{\"k\":[]},\"threads\":{\"m\":{\"name\":\"n\","
                            "\"fault\":true,\"stack\":[]}},\"attributes\":{\"a\":null,\"b.c\":1.5,"
                            "\"d\":{\"e\":[]},\"_mod_sync\":1,\"_mod_fingerprint\":\"f\"},"
                            "\"extra\":1}",
                            a);
    check_error("all", &c, NULL);
    assert_true(str_eq(c.uuid, STR("u-1")) && str_eq(c.language, STR("nodejs")));
    assert_true(str_eq(c.language_version, STR("20")) && str_eq(c.agent, STR("x")));
    assert_true(str_eq(c.agent_version, STR("0.8.3")));
    assert_int_equal(c.classifier_count, 2);
    assert_true(str_eq(c.classifiers[1], STR("5")));
    assert_non_null(json_get(c.annotations, STR("k")));
    assert_non_null(json_get(c.rest, STR("extra")));
    assert_true(c.threads[0].fault && str_eq(c.threads[0].name, STR("n")));
    assert_int_equal(c.attributes.count, 3);
    assert_int_equal(attributes_find(&c.attributes, STR("b.c"))->type, ATTRIBUTE_DOUBLE);
    assert_int_equal(attributes_find(&c.attributes, STR("d"))->type, ATTRIBUTE_DICTIONARY);
    assert_non_null(attributes_find(&c.attributes, STR("_mod_fingerprint")));
}

/* Each with threads beside it, so that there is at most the one error. */
static void test_wrong_types(void **state)
{
    (void)state;
    static const struct {
        const char *member, *error;
    } cases[] = {
        { "\"uuid\":5", "uuid is no text" },
        { "\"uuid\":\"\"", "uuid is no text" },
        { "\"uuid\":\"a\\u0000b\"", "uuid is no text" },
        { "\"uuid\":null", NULL },
        { "\"lang\":[]", "lang is no text" },
        { "\"langVersion\":{}", "langVersion is no text" },
        { "\"agent\":[1]", "agent is no text" },
        { "\"agentVersion\":{}", "agentVersion is no text" },
        { "\"classifiers\":\"A\"", NULL },
        { "\"classifiers\":{}", "classifiers is no list" },
        { "\"classifiers\":[[]]", "a classifier is no text" },
        { "\"annotations\":[]", "annotations is no object" },
        { "\"attributes\":[]", "attributes is no object" },
        { "\"sourceCode\":[]", "sourceCode is no object" },
        { "\"sourceCode\":{\"s\":5}", NULL },
        { "\"sourceCode\":{\"s\":{\"startLine\":\"x\"}}", "startLine of source s is no number" },
        { "\"modules\":{}", "modules is no list" },
        { "\"modules\":[[],null,{\"start\":[]}]", NULL },
        { "\"attributes\":{\"_mod_faulting_tid\":\"9\"}", "there is no thread 9" },
        { "\"memory\":5,\"arch\":7,\"entryThread\":{}", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str report = { 0 };
        assert_true(arena_printf(a, &report, "{\"threads\":{\"t\":{}},%s}", cases[i].member));
        struct crash c = decode(report.ptr, a);
        check_error(cases[i].member, &c, cases[i].error);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_code code;
    } cases[] = {
        { "", ERR_INPUT },  { "[]", ERR_INPUT },         { "\"x\"", ERR_INPUT },
        { "{", ERR_INPUT }, { "{\"a\":1}x", ERR_INPUT }, { "{\"a\":1,\"a\":2}", ERR_INPUT },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct err e = { 0 };
        struct crash c;
        struct str uuid;
        assert_false(decode_upload(UPLOAD_JSON, str_from_c(cases[i].text), NULL, &c, a, &e));
        assert_int_equal(e.code, cases[i].code);
        assert_false(decode_check_json(str_from_c(cases[i].text), a, &uuid, &e));
        assert_int_equal(e.code, cases[i].code);
    }
}

/* --- limits -------------------------------------------------------------------------------- */

/* begin, then `item` so many times by commas, then end. */
static struct str repeat(const char *begin, const char *item, size_t times, const char *end,
                         struct arena *a)
{
    struct buf b;
    struct str text = { 0 };
    buf_init(&b, (size_t)1 << 28);
    buf_str(&b, str_from_c(begin));
    for (size_t i = 0; i < times; i++)
        buf_printf(&b, "%s%s", i ? "," : "", item);
    buf_str(&b, str_from_c(end));
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &text));
    buf_done(&b);
    return text;
}

static void test_many(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct crash c =
        decode(repeat("{\"threads\":{},\"classifiers\":[", "\"A\"", 1001, "]}", a).ptr, a);
    assert_int_equal(c.classifier_count, 1000);
    check_error("classifiers", &c, "1001 classifiers, of which the first 1000 are kept");
    c = decode(repeat("{\"threads\":[", "{}", CRASH_THREADS_MAX + 1, "]}", a).ptr, a);
    assert_int_equal(c.thread_count, CRASH_THREADS_MAX);
    check_error("threads", &c, "10001 threads, of which the first 10000 are kept");
}

/* The failing thread's frames are taken first, wherever it stands. */
static void test_many_frames(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct str other = repeat("{\"stack\":[", "{}", 150000, "]}", a), report = { 0 };
    assert_true(arena_printf(a, &report, "{\"threads\":[%s,%s,{\"fault\":true,%s]}", other.ptr,
                             other.ptr, other.ptr + 1));
    struct crash c = decode(report.ptr, a);
    assert_int_equal(c.main_thread, 2);
    assert_int_equal(c.threads[2].frame_count, 150000);
    assert_int_equal(c.threads[0].frame_count, 50000);
    assert_int_equal(c.threads[1].frame_count, 0);
    check_error("frames", &c, "more than 200000 frames");
}

static void test_depth(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    char text[4096] = "{\"a\":";
    size_t deep = DECODE_JSON_DEPTH; /* one more with the object around it */
    memset(text + 5, '[', deep);
    memset(text + 5 + deep, ']', deep);
    text[5 + 2 * deep] = '}';
    struct err e = { 0 };
    struct crash c;
    assert_false(decode_upload(UPLOAD_JSON, str_from_c(text), NULL, &c, a, &e));
    assert_int_equal(e.code, ERR_LIMIT);
}

/* Many frames in many sources and modules: what each refers to is found without a walk. */
static void test_many_references(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    enum { MANY = 50000 };
    struct buf b;
    buf_init(&b, 1 << 28);
    buf_str(&b, STR("{\"sourceCode\":{"));
    for (int i = 0; i < MANY; i++)
        buf_printf(&b, "%s\"s%d\":{\"startLine\":%d,\"text\":\"line %d\"}", i ? "," : "", i, i, i);
    buf_str(&b, STR("},\"modules\":["));
    for (int i = 0; i < MANY; i++)
        buf_printf(&b, "%s{\"start\":%d,\"size\":100,\"code_file\":\"m%d\"}", i ? "," : "", i * 100,
                   i);
    buf_str(&b, STR("],\"threads\":{\"t\":{\"stack\":["));
    for (int i = 0; i < MANY; i++)
        buf_printf(&b, "%s{\"sourceCode\":\"s%d\",\"line\":%d,\"address\":%d}", i ? "," : "", i, i,
                   i * 100 + 7);
    buf_str(&b, STR("]}}}"));
    buf_char(&b, '\0');
    assert_true(buf_ok(&b));
    struct crash c = decode(b.ptr, a);
    check_error("references", &c, NULL);
    for (size_t i = 1; i < MANY; i++) {
        char source[32], module[32];
        snprintf(source, sizeof source, "line %zu", i);
        snprintf(module, sizeof module, "m%zu", i);
        const struct crash_frame *f = &c.threads[0].frames[i];
        assert_true(str_eq(f->source, str_from_c(source)));
        assert_true(str_eq(f->module, str_from_c(module)) && f->offset == 7);
    }
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_main_thread),     cmocka_unit_test(test_frames),
        cmocka_unit_test(test_timestamps),      cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_members),         cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_many),
        cmocka_unit_test(test_many_frames),     cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
