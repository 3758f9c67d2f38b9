/* A crash as a report: where everything goes, that nothing a sender does makes a report that is
 * refused, and that attributes set later end up where they would have been. */
#include "report/crash_report.h"

#include "report/upload.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define ROUNDS 8

static const struct crash_names names = { STR_INIT("r-1"), STR_INIT("demo"), 1795200227123 };

static struct crash empty_crash(struct arena *a)
{
    struct crash c = { .uuid = STR("") };
    attributes_init(&c.attributes, a);
    return c;
}

static const struct json *parse(struct str text, struct arena *a)
{
    struct err e = { 0 };
    const struct json *j = NULL;
    if (!json_parse(&j, text, (struct json_limits){ 2000, 4000000 }, a, &e))
        fail_msg("%.*s: %s", STR_ARG(text), e.msg);
    return j;
}

static struct str write_crash(const struct crash *c, struct arena *a)
{
    struct err e = { 0 };
    struct str json = { 0 };
    if (!crash_report_write(c, &names, a, &json, &e))
        fail_msg("%s", e.msg);
    return json;
}

/* As the engine reads what was written. */
static struct report read_report(struct str text, struct arena *a)
{
    struct err e = { 0 };
    const struct json *j = NULL;
    struct report r = { 0 };
    const struct json_limits limits = { REPORT_DEPTH_MAX, 2 * (size_t)REPORT_TEXTS_MAX };
    if (!json_parse(&j, text, limits, a, &e) || !report_from_json(&r, j, text, a, &e))
        fail_msg("%s in %.2000s", e.msg, text.ptr);
    return r;
}

static void check_json(const char *name, struct str got, const char *want)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("%s: got\n%.*s, not\n%s", name, STR_ARG(got), want);
}

#define HEAD "{\"database_id\":\"r-1\",\"project\":\"demo\",\"date\":\"2026-11-20T18:43:47.123\""

static void test_attributes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *attributes, *want; /* want: behind HEAD */
    } cases[] = {
        { "none", "{}", "}" },
        { "a string", "{\"uname.sysname\":\"Linux\"}", ",\"uname.sysname\":\"Linux\"}" },
        { "numbers", "{\"n\":5,\"m\":-1,\"x\":1.50,\"y\":1e400,\"b\":true}",
          ",\"numbers\":{\"n\":5,\"m\":-1,\"x\":1.50,\"y\":1e400,\"b\":true}}" },
        { "a uuid", "{\"guid\":\"3d1219c7c4c5404aaa1f6d2a48adfda4\"}",
          ",\"ids\":{\"guid\":\"3d1219c7c4c5404aaa1f6d2a48adfda4\"}}" },
        { "an object", "{\"o\":{\"a\":[1,{\"b\":null}]}}",
          ",\"objects\":{\"o\":{\"a\":[1,{\"b\":null}]}}}" },
        { "names that mean something",
          "{\"project\":\"a\",\"date\":\"b\",\"buckets\":\"c\",\"project_\":\"d\",\"projec\":"
          "\"e\"}",
          ",\"project_\":\"a\",\"date_\":\"b\",\"buckets_\":\"c\",\"project__\":\"d\","
          "\"projec\":\"e\"}" },
        { "but not in groups", "{\"project\":1,\"o\":2,\"project_\":3}",
          ",\"numbers\":{\"project\":1,\"o\":2,\"project_\":3}}" },
        { "names of our own ids",
          "{\"uuid\":\"3d1219c7c4c5404aaa1f6d2a48adfda4\",\"thread_\":"
          "\"3d1219c7c4c5404aaa1f6d2a48adfda4\"}",
          ",\"ids\":{\"uuid_\":\"3d1219c7c4c5404aaa1f6d2a48adfda4\",\"thread__\":"
          "\"3d1219c7c4c5404aaa1f6d2a48adfda4\"}}" },
        { "the server's own", "{\"timestamp\":5,\"callstack\":\"x\",\"fingerprint\":\"y\"}", "}" },
        { "classifiers", "{\"classifiers\":\" a  b \"}", ",\"classifiers\":[\"a\",\"b\"]}" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct crash c = empty_crash(a);
        struct err e = { 0 };
        struct str want = { 0 };
        assert_true(attributes_read(&c.attributes, str_from_c(cases[i].attributes), &e));
        assert_true(arena_printf(a, &want, HEAD "%s", cases[i].want));
        check_json(cases[i].name, write_crash(&c, a), want.ptr);
        read_report(write_crash(&c, a), a);
    }
}

static void test_threads(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct json *rest =
        parse(STR("{\"funcName\":\"f\",\"line\":1,\"inlined\":true,\"depth\":7,"
                  "\"function\":\"g\",\"registers\":{\"rax\":\"0x1\"}}"),
              a);
    const struct crash_frame frames[] = {
        { .function = STR("f"),
          .module = STR("libc.so"),
          .file = STR("f.c"),
          .line = 12,
          .column = 3,
          .has_address = true,
          .address = 0x7fff0010,
          .has_offset = true,
          .offset = 0x10,
          .debug_id = STR("ABC0"),
          .source = STR("\tf();"),
          .guessed = true,
          .faulted = true,
          .rest = rest },
        { .has_address = true, .address = 0 },
    };
    const struct crash_thread threads[] = {
        { .id = STR("1"), .name = STR("worker"), .frames = frames + 1, .frame_count = 1 },
        { .id = STR("2"), .name = STR("main"), .fault = true, .frames = frames, .frame_count = 2 },
        { .id = STR("1"), .fault = true },
    };
    struct crash c = empty_crash(a);
    c.threads = threads;
    c.thread_count = 3;
    c.main_thread = 1;
    c.uuid = STR("u-1");
    check_json("threads", write_crash(&c, a),
               HEAD ",\"thread\":\"main\",\"stacktrace\":["
                    "{\"function\":\"f\",\"module\":\"libc.so\",\"file\":\"f.c\",\"line\":12,"
                    "\"column\":3,\"address\":\"0x7fff0010\",\"offset\":\"0x10\","
                    "\"debug_id\":\"ABC0\",\"source\":\"\\tf();\",\"guessed\":true,"
                    "\"faulted\":true,\"inlined\":true,\"depth_\":7,\"function_\":\"g\","
                    "\"registers\":{\"rax\":\"0x1\"}},{\"address\":\"0x0\"}],"
                    "\"ids\":{\"uuid\":\"u-1\",\"thread\":\"2\"},"
                    "\"threads\":[{\"id\":\"1\",\"name\":\"worker\",\"stacktrace\":"
                    "[{\"address\":\"0x0\"}]},{\"id\":\"1\",\"fault\":true}]}");
    read_report(write_crash(&c, a), a);
}

/* A frame that a source map was applied to; and members of the sender's of such names. */
static void test_generated(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct crash_generated generated = { STR("t"), STR("/srv/app.min.js"), 1, 817 };
    const struct crash_generated empty = { STR(""), STR("a.js"), 2, 3 };
    const struct str lines[] = { STR("{"), STR(""), STR("  fail();") };
    const struct json *rest = parse(STR("{\"generated\":5,\"ignored\":6,\"source_lines\":[7]}"), a);
    const struct crash_frame frames[] = {
        { .function = STR("total"),
          .module = STR("/srv/app.min.js"),
          .file = STR("src/cart.ts"),
          .line = 3,
          .column = 3,
          .source = STR("  fail();"),
          .lines = lines,
          .line_count = 3,
          .first_line = 1,
          .generated = &generated,
          .rest = rest },
        { .file = STR("b.ts"), .line = 1, .ignored = true, .generated = &empty },
    };
    const struct crash_thread thread = { .frames = frames, .frame_count = 2 };
    struct crash c = empty_crash(a);
    c.threads = &thread;
    c.thread_count = 1;
    check_json("generated", write_crash(&c, a),
               HEAD ",\"stacktrace\":[{\"function\":\"total\",\"module\":\"/srv/app.min.js\","
                    "\"file\":\"src/cart.ts\",\"line\":3,\"column\":3,\"source\":\"  fail();\","
                    "\"source_lines\":{\"first\":1,\"lines\":[\"{\",\"\",\"  fail();\"]},"
                    "\"generated\":{\"function\":\"t\",\"file\":\"/srv/app.min.js\",\"line\":1,"
                    "\"column\":817},\"generated_\":5,\"ignored_\":6,\"source_lines_\":[7]},"
                    "{\"file\":\"b.ts\",\"line\":1,\"ignored\":true,"
                    "\"generated\":{\"file\":\"a.js\",\"line\":2,\"column\":3}}]}");
    read_report(write_crash(&c, a), a);
}

static void test_the_rest(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct crash c = empty_crash(a);
    static const struct str classifiers[] = { STR_INIT("TypeError"), STR_INIT("two words") };
    c.language = STR("nodejs");
    c.language_version = STR("v20");
    c.agent = STR("a");
    c.agent_version = STR("1");
    c.has_timestamp = true;
    c.timestamp_ms = 0;
    c.classifiers = classifiers;
    c.classifier_count = 2;
    crash_error(&c, "thread %d is odd", 7);
    c.annotations = parse(STR("{\"a\":{\"b\":[1,null]}}"), a);
    c.rest = parse(STR("{\"uuid\":\"u\",\"threads\":{},\"symbolication\":\"sourcemap\",\"same\":1,"
                       "\"numbers\":2,\"arch\":{\"name\":\"amd64\"},\"memory\":[]}"),
                   a);
    assert_true(attributes_set_text(&c.attributes, STR("same"), STR("x")));
    const char *want =
        "{\"database_id\":\"r-1\",\"project\":\"demo\",\"date\":\"1970-01-01T00:00:00\","
        "\"language\":\"nodejs\",\"language_version\":\"v20\",\"agent\":\"a\","
        "\"agent_version\":\"1\",\"classifiers\":[\"TypeError\",\"two words\"],\"same\":\"x\","
        "\"processing_errors\":[\"thread 7 is odd\"],\"symbolication\":\"sourcemap\","
        "\"numbers_\":2,\"arch\":{\"name\":\"amd64\"},\"annotations\":{\"a\":{\"b\":[1,null]}}}";
    check_json("all", write_crash(&c, a), want);
    /* The attribute that says the same as the list changes nothing; another one is obeyed. */
    assert_true(attributes_set_text(&c.attributes, STR("classifiers"), STR("TypeError two words")));
    check_json("same classifiers", write_crash(&c, a), want);
    assert_true(attributes_set_text(&c.attributes, STR("classifiers"), STR("TypeError two")));
    assert_non_null(strstr(write_crash(&c, a).ptr, "\"classifiers\":[\"TypeError\",\"two\"]"));
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        { 1795200227000, "2026-11-20T18:43:47" },
        { 1795200227001, "2026-11-20T18:43:47.001" },
        { -62135596800000, "0001-01-01T00:00:00" },
        { -62135596800001, "2026-11-20T18:43:47.123" },
        { 253402300799999, "9999-12-31T23:59:59.999" },
        { 253402300800000, "2026-11-20T18:43:47.123" },
        { INT64_MAX, "2026-11-20T18:43:47.123" },
        { INT64_MIN, "2026-11-20T18:43:47.123" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct crash c = empty_crash(a);
        c.has_timestamp = true;
        c.timestamp_ms = cases[i].ms;
        struct str json = write_crash(&c, a);
        const struct json *date = json_get(parse(json, a), STR("date"));
        assert_true(str_eq(date->text, str_from_c(cases[i].want)));
        read_report(json, a);
    }
}

/* --- limits -------------------------------------------------------------------------------- */

static struct str nested(size_t depth, struct arena *a)
{
    char *p = arena_alloc(a, 2 * depth + 8);
    size_t n = 0;
    memcpy(p, "{\"x\":", 5);
    n = 5;
    memset(p + n, '[', depth);
    memset(p + n + depth, ']', depth);
    p[n + 2 * depth] = '}';
    return (struct str){ p, n + 2 * depth + 1 };
}

static void test_depth(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct json *deep = parse(nested(300, a), a);
    const struct crash_frame frame = { .function = STR("f"), .rest = deep };
    const struct crash_thread threads[] = { { .frames = &frame, .frame_count = 1 },
                                            { .frames = &frame, .frame_count = 1 } };
    struct crash c = empty_crash(a);
    c.threads = threads;
    c.thread_count = 2;
    c.annotations = c.rest = deep;
    assert_true(attributes_set_json(&c.attributes, deep->first));
    read_report(write_crash(&c, a), a);
}

static void test_many_frames_and_values(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    enum { FRAMES = 20000 };
    struct crash_frame *frames = arena_zalloc(a, FRAMES * sizeof *frames);
    const struct json *rest = parse(STR("{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,"
                                        "6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,"
                                        "5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,"
                                        "4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]}"),
                                    a);
    for (size_t i = 0; i < FRAMES; i++)
        frames[i] = (struct crash_frame){ .function = STR("f"), .line = i + 1, .rest = rest };
    const struct crash_thread thread = { .frames = frames, .frame_count = FRAMES };
    struct crash c = empty_crash(a);
    c.threads = &thread;
    c.thread_count = 1;
    assert_true(attributes_set_text(&c.attributes, STR("n"), STR("5")));
    struct str json = write_crash(&c, a);
    const struct json *j = parse(json, a);
    read_report(json, a);
    size_t kept = json_get(j, STR("stacktrace"))->count;
    assert_in_range(kept, 5000, REPORT_FRAMES_MAX);
    assert_non_null(json_get(json_get(j, STR("numbers")), STR("n"))); /* it kept its place */
    for (size_t i = 0; i < FRAMES; i++)
        frames[i].rest = NULL;
    j = parse(write_crash(&c, a), a);
    assert_int_equal(json_get(j, STR("stacktrace"))->count, REPORT_FRAMES_MAX);
}

/* --- properties ---------------------------------------------------------------------------- */

static struct str odd_name(struct dice *d)
{
    static const char *const some[] = {
        "project",     "project_", "project__",      "date",       "database_id", "buckets",
        "stacktrace",  "href",     "force_bucket",   "numbers",    "numbers_",    "ids",
        "objects",     "threads",  "annotations",    "arch",       "arch_",       "modules",
        "classifiers", "thread",   "thread_",        "uuid",       "uuid_",       "a",
        "a.b",         "a_b",      "error.message",  "_",          "__",          "\xc3\xa4",
        "timestamp",   "language", "agent_version_", "callstack",  "fingerprint", "lang",
        "logdf",       "function", "function_",      "funcName",   "depth",       "line_",
        "agent",       "memory",   "entryThread",    "sourceCode", ":",           ".",
    };
    return str_from_c(some[dice(d, COUNT_OF(some))]);
}

static struct str odd_text(struct dice *d)
{
    static const char *const some[] = {
        "",           "0",        "-5",     "18446744073709551616",
        "true",       "x",        "a b c",  " ",
        "1795200227", "\xff\xfe", "\"\\\n", "3d1219c7c4c5404aaa1f6d2a48adfda4",
        "2026-01-01", "\xc3\xa4",
    };
    return dice(d, 20) ? str_from_c(some[dice(d, COUNT_OF(some))]) : STR("a\0b");
}

static void odd_tree(struct dice *d, struct json_writer *w, unsigned depth)
{
    unsigned kind = depth ? dice(d, 8) : dice(d, 4);
    if (kind >= 6) { /* names may not come twice */
        json_object(w);
        struct str first = odd_name(d), second = odd_name(d);
        json_key(w, first);
        odd_tree(d, w, depth - 1);
        if (!str_eq(first, second)) {
            json_key(w, second);
            odd_tree(d, w, depth - 1);
        }
        json_object_end(w);
    } else if (kind >= 4) {
        json_list(w);
        for (unsigned n = dice(d, 4); n > 0; n--)
            odd_tree(d, w, depth - 1);
        json_list_end(w);
    } else if (kind == 3) {
        json_null(w);
    } else if (kind == 2) {
        json_raw(w, dice(d, 2) ? STR("1e400") : STR("-0"));
    } else {
        json_str(w, odd_text(d));
    }
}

/* Of a report or a frame: some members, without two of one name. */
static const struct json *odd_object(struct dice *d, const char *prefix, struct arena *a)
{
    struct buf b;
    struct json_writer w;
    struct str text = { 0 };
    struct attributes seen;
    attributes_init(&seen, a);
    buf_init(&b, 1 << 24);
    json_writer_init(&w, &b);
    json_object(&w);
    for (unsigned n = dice(d, 12); n > 0; n--) {
        struct str name = odd_name(d);
        assert_true(arena_printf(a, &name, "%s%.*s", prefix, STR_ARG(name)));
        if (attributes_find(&seen, name))
            continue;
        assert_true(attributes_set_text(&seen, name, STR("")));
        json_key(&w, name);
        odd_tree(d, &w, dice(d, 10) ? 4 : 100);
    }
    json_object_end(&w);
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &text));
    buf_done(&b);
    return parse(text, a);
}

static const struct crash_frame *odd_frames(struct dice *d, size_t n, struct arena *a)
{
    struct crash_frame *frames = arena_zalloc(a, (n + 1) * sizeof *frames);
    for (size_t i = 0; i < n; i++)
        frames[i] = (struct crash_frame){ .function = odd_text(d),
                                          .module = odd_text(d),
                                          .file = odd_text(d),
                                          .line = dice_bits(d),
                                          .has_address = dice(d, 2),
                                          .address = dice_bits(d),
                                          .has_offset = dice(d, 2),
                                          .offset = dice_bits(d),
                                          .source = odd_text(d),
                                          .guessed = dice(d, 2),
                                          .rest = dice(d, 2) ? odd_object(d, "", a) : NULL };
    return frames;
}

static void odd_attributes(struct dice *d, struct attributes *to, unsigned n, struct arena *a)
{
    while (n-- > 0) {
        if (dice(d, 8) == 0) {
            const struct json *tree = odd_object(d, "", a);
            if (tree->first)
                assert_true(attributes_set_json(to, tree->first));
        } else {
            assert_true(attributes_set_text(to, odd_name(d), odd_text(d)));
        }
    }
}

/* rest_prefix: before the names of members that nobody knows. */
static struct crash odd_crash(struct dice *d, const char *rest_prefix, struct arena *a)
{
    struct crash c = empty_crash(a);
    size_t n = dice(d, 4);
    struct crash_thread *threads = arena_zalloc(a, (n + 1) * sizeof *threads);
    for (size_t i = 0; i < n; i++) {
        threads[i] =
            (struct crash_thread){ odd_text(d), odd_text(d), dice(d, 2), NULL, dice(d, 6) };
        threads[i].frames = odd_frames(d, threads[i].frame_count, a);
    }
    struct str *classifiers = arena_zalloc(a, 4 * sizeof *classifiers);
    for (size_t i = 0; i < 4; i++)
        classifiers[i] = odd_text(d);
    c.classifiers = classifiers;
    c.classifier_count = dice(d, 5);
    c.threads = threads;
    c.thread_count = n;
    c.main_thread = dice(d, 4);
    c.language = odd_text(d);
    c.agent_version = odd_text(d);
    c.uuid = odd_text(d);
    c.has_timestamp = dice(d, 2);
    c.timestamp_ms = (int64_t)dice_bits(d) >> dice(d, 40);
    c.annotations = dice(d, 2) ? odd_object(d, "", a) : NULL;
    c.rest = dice(d, 2) ? odd_object(d, rest_prefix, a) : NULL;
    for (unsigned k = dice(d, 30); k > 0; k--)
        crash_error(&c, "%s", odd_text(d).ptr);
    odd_attributes(d, &c.attributes, dice(d, 40), a);
    return c;
}

/* Strings a0, a1 ..., but for numbers at every tenth place. */
static void many_attributes(struct attributes *to, unsigned count, struct arena *a)
{
    for (unsigned i = 0; i < count; i++) {
        struct str name = { 0 };
        assert_true(arena_printf(a, &name, "a%u", i));
        assert_true(attributes_set_text(to, name, i % 10 == 0 ? STR("5") : STR("x")));
    }
}

static size_t texts_below(const struct report *r, struct str prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < r->text_count; i++)
        n += str_starts(r->texts[i].field, prefix);
    return n;
}

static bool has_text(const struct report *r, struct str field, struct str text)
{
    for (size_t i = 0; i < r->text_count; i++)
        if (str_eq(r->texts[i].field, field) && str_eq(r->texts[i].text, text))
            return true;
    return false;
}

/* Set as text, the later ones winning. */
static struct amended changes_of(const struct attribute *set, size_t count, struct arena *a)
{
    struct amended m;
    amended_init(&m, a);
    for (size_t i = 0; i < count; i++)
        assert_true(amended_set(&m, set[i].name, attribute_type_of(set[i].text), set[i].text));
    return m;
}

/* The first 256 strings are at the top, the others in `more`; and so they stay. */
static void test_many_strings(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct crash c = empty_crash(a);
    many_attributes(&c.attributes, 284, a); /* 29 numbers and 255 strings */
    assert_true(attributes_set_text(&c.attributes, STR("more"), STR("y")));
    struct report r = read_report(write_crash(&c, a), a);
    assert_int_equal(texts_below(&r, STR("numbers.")), 29);
    assert_int_equal(texts_below(&r, STR("more.")), 0);
    assert_true(has_text(&r, STR("more_"), STR("y")));
    assert_true(attributes_set_text(&c.attributes, STR("ids"), STR("z")));
    assert_true(attributes_set_text(&c.attributes, STR("thing"), STR("z")));
    struct str json = write_crash(&c, a);
    r = read_report(json, a);
    assert_int_equal(texts_below(&r, STR("a")), 255);
    assert_int_equal(texts_below(&r, STR("more.")), 2);
    assert_true(has_text(&r, STR("more.ids"), STR("z")));
    const struct attribute set[] = {
        { STR("a1"), ATTRIBUTE_STRING, STR("at the top") },
        { STR("ids"), ATTRIBUTE_STRING, STR("in more") },
        { STR("thing"), ATTRIBUTE_UNSIGNED, STR("7") },
        { STR("new"), ATTRIBUTE_STRING, STR("in more") },
    };
    struct report_text *texts;
    size_t count;
    struct str amended;
    struct err e = { 0 };
    struct amended m = changes_of(set, 4, a);
    assert_true(crash_report_amend(json, &m, a, &amended, &texts, &count, &e));
    struct report after = read_report(amended, a);
    assert_true(has_text(&after, STR("a1"), STR("at the top")));
    assert_true(has_text(&after, STR("more.ids"), STR("in more")));
    assert_true(has_text(&after, STR("numbers.thing"), STR("7")));
    assert_true(has_text(&after, STR("more.new"), STR("in more")));
    assert_int_equal(texts_below(&after, STR("more.")), 2);
    const struct report changed = { .texts = texts, .text_count = count };
    assert_true(has_text(&changed, STR("more.thing"), STR(""))); /* it is no more */
    assert_true(has_text(&changed, STR("more.ids"), STR("in more")));
    assert_int_equal(count, 5);
}

static void test_many_members(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct crash c = empty_crash(a);
        struct buf b;
        struct str text = { 0 };
        buf_init(&b, 1 << 24);
        buf_printf(&b, "{\"uuid\":\"understood\"");
        for (unsigned i = 0; i < 4096 + over; i++)
            buf_printf(&b, ",\"m%u\":%u", i, i);
        buf_printf(&b, "}");
        assert_true(arena_str(a, buf_view(&b), &text));
        buf_done(&b);
        c.rest = parse(text, a);
        struct report r = read_report(write_crash(&c, a), a);
        assert_int_equal(texts_below(&r, STR("m")), 4096);
        assert_int_equal(has_text(&r, STR("processing_errors"),
                                  STR("unknown members of the report were left out (1): at most "
                                      "4096 are kept")),
                         over);
    }
}

static void test_always_accepted(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++)
        for (int k = 0; k < 200; k++) {
            CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
            struct crash c = odd_crash(&d, "", a);
            struct report r = read_report(write_crash(&c, a), a);
            assert_true(str_eq(r.database_id, names.database_id));
            assert_true(str_eq(r.project, names.project));
            assert_true(r.has_date);
        }
}

/* --- amendments ---------------------------------------------------------------------------- */

static struct str amend(struct str json, const struct attribute *set, size_t count,
                        struct report_text **texts, size_t *text_count, struct arena *a)
{
    struct err e = { 0 };
    struct str out = { 0 };
    struct amended m = changes_of(set, count, a);
    if (!crash_report_amend(json, &m, a, &out, texts, text_count, &e))
        fail_msg("%s", e.msg);
    return out;
}

static void test_amend(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before, *attribute, *text, *after, *texts;
    } cases[] = {
        { "a new string", "", "a.b", "x", ",\"a.b\":\"x\"", "a_b=x|" },
        { "another string", ",\"a\":\"x\",\"b\":\"y\"", "a", "z", ",\"b\":\"y\",\"a\":\"z\"",
          "a=z|" },
        { "a new number", "", "n", "5", ",\"numbers\":{\"n\":5}", "numbers.n=5|" },
        { "beside another", ",\"numbers\":{\"m\":1}", "n", "5", ",\"numbers\":{\"m\":1,\"n\":5}",
          "numbers.n=5|" },
        { "a number was a string", ",\"n\":\"x\"", "n", "5", ",\"numbers\":{\"n\":5}",
          "n=|numbers.n=5|" },
        { "a string was a number", ",\"numbers\":{\"n\":5}", "n", "x", ",\"n\":\"x\"",
          "n=x|numbers.n=|" },
        { "a name that means something", ",\"date_\":\"old\"", "date", "new", ",\"date_\":\"new\"",
          "date_=new|" },
        { "a field with two keys", ",\"a.b\":\"x\",\"a_b\":\"y\"", "a_b", "z",
          ",\"a.b\":\"x\",\"a_b\":\"z\"", "a_b=x|a_b=z|" },
        { "classifiers", ",\"classifiers\":[\"a\"]", "classifiers", "b c",
          ",\"classifiers\":[\"b\",\"c\"]", "classifiers=b|classifiers=c|" },
        { "the same classifiers", ",\"classifiers\":[\"a b\",\"c\"]", "classifiers", "a b c",
          ",\"classifiers\":[\"a b\",\"c\"]", "classifiers=a b|classifiers=c|" },
        { "an object that was", ",\"objects\":{\"o\":{\"x\":1}}", "o", "s", ",\"o\":\"s\"",
          "o=s|objects.o.x=|" },
        { "what the server makes", "", "timestamp", "5", "", "" },
        { "an id", ",\"ids\":{\"thread\":\"1\"}", "thread", "3d1219c7c4c5404aaa1f6d2a48adfda4",
          ",\"ids\":{\"thread\":\"1\",\"thread_\":\"3d1219c7c4c5404aaa1f6d2a48adfda4\"}",
          "ids.thread_=3d1219c7c4c5404aaa1f6d2a48adfda4|" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str before = { 0 }, after = { 0 }, got;
        struct report_text *texts = NULL;
        size_t count = 0;
        const struct attribute set = { str_from_c(cases[i].attribute), ATTRIBUTE_STRING,
                                       str_from_c(cases[i].text) };
        assert_true(arena_printf(a, &before, "{\"database_id\":\"i\"%s}", cases[i].before));
        assert_true(arena_printf(a, &after, "{\"database_id\":\"i\"%s}", cases[i].after));
        got = amend(before, &set, 1, &texts, &count, a);
        check_json(cases[i].name, got, after.ptr);
        struct buf b;
        buf_init(&b, 1 << 20);
        for (size_t k = 0; k < count; k++)
            buf_printf(&b, "%.*s=%.*s|", STR_ARG(texts[k].field), STR_ARG(texts[k].text));
        check_json(cases[i].name, buf_view(&b), cases[i].texts);
        buf_done(&b);
    }
}

/* How often a report has this text, by what collection_amend makes of the old one: the texts of a
 * changed field replace those that were there; empty ones are as good as none. */
static size_t times(const struct report_text *texts, size_t count, const struct report_text *t)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += str_eq(texts[i].field, t->field) && str_eq(texts[i].text, t->text);
    return n;
}

static bool has_field(const struct report_text *texts, size_t count, struct str field)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(texts[i].field, field))
            return true;
    return false;
}

static size_t times_amended(const struct report *before, const struct report_text *texts,
                            size_t count, const struct report_text *t)
{
    return has_field(texts, count, t->field) ? times(texts, count, t)
                                             : times(before->texts, before->text_count, t);
}

static void check_texts(const struct report *before, const struct report *after,
                        const struct report_text *texts, size_t count)
{
    for (size_t i = 0; i < after->text_count; i++) {
        const struct report_text *t = &after->texts[i];
        if (times_amended(before, texts, count, t) != times(after->texts, after->text_count, t))
            fail_msg("%.*s=%.*s after", STR_ARG(t->field), STR_ARG(t->text));
    }
    for (size_t i = 0; i < before->text_count; i++) {
        const struct report_text *t = &before->texts[i];
        if (t->text.len > 0 &&
            times_amended(before, texts, count, t) != times(after->texts, after->text_count, t))
            fail_msg("%.*s=%.*s before", STR_ARG(t->field), STR_ARG(t->text));
    }
}

static void test_amend_is_as_if_set_before(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++)
        for (int k = 0; k < 100; k++) {
            CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
            struct crash c = odd_crash(&d, "r", a);
            if (attributes_find(&c.attributes, STR("classifiers")))
                c.classifier_count = 0; /* the report has one of both, and the other is forgotten */
            struct str before = write_crash(&c, a), got;
            struct attribute set[5];
            size_t count = dice(&d, 5), text_count = 0;
            struct report_text *texts = NULL;
            for (size_t n = 0; n < count; n++) {
                set[n] = (struct attribute){ odd_name(&d), ATTRIBUTE_STRING, odd_text(&d) };
                assert_true(attributes_set_text(&c.attributes, set[n].name, set[n].text));
            }
            got = amend(before, set, count, &texts, &text_count, a);
            struct str direct = write_crash(&c, a);
            struct report x = read_report(before, a), y = read_report(got, a),
                          z = read_report(direct, a);
            if (memcmp(y.content_hash, z.content_hash, sizeof y.content_hash) != 0)
                fail_msg("%.*s\nnot\n%.*s\nfrom\n%.*s", STR_ARG(got), STR_ARG(direct),
                         STR_ARG(before));
            check_texts(&x, &y, texts, text_count);
        }
}

static void test_amend_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = { "", "[]", "{}", "{\"a\":1}" };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str json;
        struct report_text *texts;
        size_t count;
        struct err e = { 0 };
        struct amended m = changes_of(NULL, 0, a);
        assert_false(crash_report_amend(str_from_c(cases[i]), &m, a, &json, &texts, &count, &e));
        assert_int_equal(e.code, ERR_INPUT);
    }
}

/* Those of a dump; what is not known of one is left out. */
static void test_modules(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct crash_module modules[] = {
        { .base = 0x400000,
          .size = 0x1000,
          .code_file = STR("/opt/app"),
          .code_id = STR("abcd"),
          .debug_file = STR("app"),
          .debug_id = STR("ABCD0"),
          .version = STR("1.2"),
          .missing = true },
        { .base = UINT64_MAX, .size = 1 },
    };
    struct crash c = empty_crash(a);
    c.modules = modules;
    c.module_count = COUNT_OF(modules);
    struct str json = write_crash(&c, a);
    check_json("modules", json,
               HEAD ",\"modules\":[{\"code_file\":\"/opt/app\",\"code_id\":\"abcd\",\"debug_file\":"
                    "\"app\",\"debug_id\":\"ABCD0\",\"version\":\"1.2\",\"base\":\"0x400000\","
                    "\"size\":\"0x1000\",\"missing\":true},"
                    "{\"base\":\"0xffffffffffffffff\",\"size\":\"0x1\"}]}");
    read_report(json, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_frames_and_values),
        cmocka_unit_test(test_many_strings),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_always_accepted),
        cmocka_unit_test(test_amend),
        cmocka_unit_test(test_amend_is_as_if_set_before),
        cmocka_unit_test(test_amend_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
