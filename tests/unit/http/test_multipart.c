/* test_multipart.c - multipart bodies: what clients send, what is refused, and that it does not
 * matter where the pieces are cut. */
#include "../cmocka_all.h"
#include "base/buf.h"
#include "http/multipart.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES (1 << 20)
#define PARTS_MAX 100
#define GENERATED 3000

/* Events are written down as text: "<name|filename|type>content;" with '-' for no filename. */
static bool note_begin(void *ctx, const struct multipart_part *p, struct err *e)
{
    (void)e;
    buf_printf(ctx, "<%.*s|%s%.*s|%.*s>", STR_ARG(p->name), p->has_filename ? "" : "-",
               STR_ARG(p->filename), STR_ARG(p->type));
    return true;
}

static bool note_add(void *ctx, struct bytes piece, struct err *e)
{
    (void)e;
    assert_true(piece.len > 0);
    buf_add(ctx, piece.ptr, piece.len);
    return true;
}

static bool note_end(void *ctx, struct err *e)
{
    (void)e;
    buf_char(ctx, ';');
    return true;
}

static const struct multipart_events notes = { note_begin, note_add, note_end };

/* The body in two cuts; each piece a copy of its own, so that reading past its end shows. */
static bool feed(struct multipart *m, struct str body, size_t from, size_t to, struct err *e)
{
    if (from == to)
        return true;
    uint8_t *copy = malloc(to - from);
    assert_non_null(copy);
    memcpy(copy, body.ptr + from, to - from);
    bool ok = multipart_add(m, (struct bytes){ copy, to - from }, e);
    free(copy);
    return ok;
}

/* What happened, as text; a refusal is "!" and its sentence behind the events. */
static void parse(struct str body, struct str boundary, size_t cut1, size_t cut2, struct buf *out)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct multipart *m = multipart_new(a, boundary, PARTS_MAX, &notes, out);
    struct err e = { 0 };
    assert_non_null(m);
    bool ok = feed(m, body, 0, cut1, &e) && feed(m, body, cut1, cut2, &e) &&
              feed(m, body, cut2, body.len, &e) && multipart_end(m, &e);
    if (!ok) {
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.word, "bad_multipart");
        assert_true(e.offset <= body.len);
        buf_printf(out, "!%s", e.msg);
    }
    assert_true(buf_ok(out));
}

#define HEAD "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n"
#define PART(headers, content) "--b\r\n" headers "\r\n\r\n" content "\r\n"
#define NAMED(disposition) PART("Content-Disposition: form-data; " disposition, "x") "--b--\r\n"

static const struct {
    const char *name, *body;
    const char *want; /* events; "!" and a part of the sentence: refused */
} cases[] = {
    { "one field", HEAD "v\r\n--b--\r\n", "<n|-|>v;" },
    { "no line end behind the last boundary", HEAD "v\r\n--b--", "<n|-|>v;" },
    { "preamble and epilogue", "hello\r\n" HEAD "v\r\n--b--\r\nbye\r\n--b\r\n", "<n|-|>v;" },
    { "an empty field", HEAD "\r\n--b--\r\n", "<n|-|>;" },
    { "an empty field, no line between", HEAD "--b--\r\n", "<n|-|>;" },
    { "no parts", "--b--\r\n", "" },
    { "white space behind boundaries",
      "--b \t\r\n"
      "Content-Disposition: form-data; name=n\r\n\r\nv\r\n--b-- \r\n",
      "<n|-|>v;" },
    { "content like a boundary", HEAD "\r\n--a\r\n--\r\r\n-b\r\n--b--",
      "<n|-|>\r\n--a\r\n--\r\r\n-b;" },
    { "content of line ends", HEAD "\r\n\r\n\r\r\n\r\n--b--", "<n|-|>\r\n\r\n\r\r\n;" },
    { "content of dashes", HEAD "--\r\n--b--", "<n|-|>--;" },
    { "bare line feeds", "--b\nContent-Disposition: form-data; name=\"n\"\n\nv\n\n--b--\n",
      "<n|-|>v\n;" },
    { "bare line feeds in headers",
      "--b\r\nContent-Disposition: form-data; name=\"n\"\nContent-Type: t/u\n\nv\r\n--b--",
      "<n|-|t/u>v;" },
    { "a file", NAMED("name=\"f\"; filename=\"a.dmp\""), "<f|a.dmp|>x;" },
    { "no name of the file", NAMED("name=\"f\"; filename=\"\""), "<f||>x;" },
    { "a path of Windows", NAMED("name=f; filename=\"C:\\tmp\\a.dmp\""), "<f|a.dmp|>x;" },
    { "a path", NAMED("name=f; filename=\"/tmp/a.dmp\""), "<f|a.dmp|>x;" },
    { "quoted pairs", NAMED("name=\"a\\\"b\\\\\"; filename=\"c\\\"d\""), "<a\"b\\|c\"d|>x;" },
    { "a quote as browsers write it", NAMED("name=\"a%22b%41\""), "<a\"b%41|-|>x;" },
    { "a name of UTF-8", NAMED("name=\"\xc3\xa4\""), "<\xc3\xa4|-|>x;" },
    { "a name of Latin-1", NAMED("name=\"\xe4\""), "<\xef\xbf\xbd|-|>x;" },
    { "filename* wins", NAMED("name=n; filename=\"a\"; filename*=UTF-8''b%C3%A4%2F.c"),
      "<n|.c|>x;" },
    { "filename* first", NAMED("name=n; filename*=utf-8'en'b; filename=\"a\""), "<n|b|>x;" },
    { "a semicolon in a name", NAMED("name=\"a;b\"; x=y; filename=\"c;d\";"), "<a;b|c;d|>x;" },
    { "case and order of headers",
      PART("CONTENT-TYPE:  text/plain; charset=utf-8 \r\ncontent-disposition:FORM-DATA;NAME=n",
           "x") "--b--",
      "<n|-|text/plain; charset=utf-8>x;" },
    { "a folded header",
      PART("Content-Disposition: form-data;\r\n name=n;\r\n\tfilename=f", "x") "--b--",
      "<n|f|>x;" },
    { "unknown headers",
      PART("Content-Disposition: form-data; name=n\r\nContent-Length: "
           "1\r\nContent-Transfer-Encoding: binary\r\nX:y",
           "x") "--b--",
      "<n|-|>x;" },
    { "two parts",
      PART("Content-Disposition: form-data; name=a", "1") PART(
          "Content-Disposition: form-data; name=b; filename=c\r\nContent-Type: d", "2") "--b--",
      "<a|-|>1;<b|c|d>2;" },

    { "empty body", "", "!ends before its first boundary" },
    { "another boundary", "--c\r\n\r\n--c--\r\n", "!ends before its first boundary" },
    { "cut in the headers", "--b\r\nContent-Dispo", "!byte 18: the body ends before its last" },
    { "cut in the content", HEAD "v", "<n|-|>v!ends before its last" },
    { "cut in the last boundary", HEAD "v\r\n--b-", "<n|-|>v;!ends before its last" },
    { "text behind a boundary", "--bc\r\n", "!something else than a line end" },
    { "one dash", "--b-\r\n", "!something else than a line end" },
    { "CR alone behind a boundary", "--b\rx", "!something else than a line end" },
    { "another kind of line end", HEAD "v\n--b--\r\n", "<n|-|>v!another kind of line end" },
    { "the same the other way", "--b\nContent-Disposition: form-data; name=n\n\nv\r\n--b--\n",
      "<n|-|>v!another kind of line end" },
    { "no headers", "--b\r\n\r\nv\r\n--b--\r\n", "!no Content-Disposition with a name" },
    { "no name", NAMED("filename=\"a\""), "!no Content-Disposition with a name" },
    { "an empty name", NAMED("name=\"\""), "!no Content-Disposition with a name" },
    { "not form-data", PART("Content-Disposition: attachment; name=n", "x") "--b--",
      "!is not form-data" },
    { "two names", NAMED("name=a; name=b"), "!stands twice" },
    { "two filenames", NAMED("name=a; filename=b; filename=c"), "!stands twice" },
    { "two filename*s", NAMED("name=a; filename*=UTF-8''b; filename*=UTF-8''c"), "!stands twice" },
    { "two dispositions",
      PART("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
           "x") "--b--",
      "!two Content-Dispositions" },
    { "two types",
      PART("Content-Disposition: form-data; name=a\r\nContent-Type: a\r\nContent-Type: b",
           "x") "--b--",
      "!two Content-Types" },
    { "an open quote", NAMED("name=\"a"), "!is malformed" },
    { "text behind a quote", NAMED("name=\"a\"b"), "!is malformed" },
    { "a quote in the middle", NAMED("name=a\"b"), "!is malformed" },
    { "no equals sign", NAMED("name"), "!is malformed" },
    { "nothing before the equals sign", NAMED("=a"), "!is malformed" },
    { "filename* of another charset", NAMED("name=a; filename*=koi8-r''b"), "!filename*" },
    { "filename* of bad percent codes", NAMED("name=a; filename*=utf-8''b%4"), "!filename*" },
    { "filename* without quotes", NAMED("name=a; filename*=utf-8"), "!filename*" },
    { "no colon", PART("Content-Disposition", "x") "--b--", "!no name and colon" },
    { "nothing before the colon", PART(":x", "x") "--b--", "!no name and colon" },
    { "CR in a header", PART("X: a\rb", "x") "--b--", "!control character" },
    { "white space before the first header", PART(" X: a", "x") "--b--",
      "!begin with white space" },
    { "base64",
      PART("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
           "x") "--b--",
      "!Content-Transfer-Encoding" },
};

/* A refusal is the same wherever it was cut, and its sentence holds what is wanted. */
static bool is_wanted(const char *got, const char *want)
{
    size_t events = strcspn(want, "!");
    if (want[events] == '\0')
        return strcmp(got, want) == 0;
    return strncmp(got, want, events + 1) == 0 && strstr(got + events + 1, want + events + 1);
}

static void test_cases_cut_everywhere(void **state)
{
    (void)state;
    struct buf got;
    buf_init(&got, 1 << 16);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str body = str_from_c(cases[i].body);
        for (size_t cut1 = 0; cut1 <= body.len; cut1++)
            for (size_t cut2 = cut1; cut2 <= body.len; cut2++) {
                buf_reset(&got);
                parse(body, STR("b"), cut1, cut2, &got);
                buf_char(&got, '\0');
                if (!is_wanted(got.ptr, cases[i].want))
                    fail_msg("%s, cut at %zu and %zu: got '%s'", cases[i].name, cut1, cut2,
                             got.ptr);
            }
    }
    buf_done(&got);
}

static uint32_t dice(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

/* Content of the bytes that make delimiters, but without one. */
static void add_content(struct buf *body, struct buf *want, uint64_t *seed)
{
    static const char *const bits[] = { "\r", "\n", "\r\n", "-", "--", "b", "--b", "xyz" };
    char content[128] = "";
    size_t n = 0;
    for (uint32_t left = dice(seed, 12); left > 0; left--)
        n += (size_t)snprintf(content + n, sizeof content - n, "%s", bits[dice(seed, 8)]);
    if (strstr(content, "\n--b") || strncmp(content, "--b", 3) == 0 || content[0] == '\0')
        n = (size_t)snprintf(content, sizeof content, "\r\n--");
    buf_add(body, content, n);
    buf_add(want, content, n);
}

static void generate(struct buf *body, struct buf *want, uint64_t *seed)
{
    uint32_t parts = dice(seed, 4);
    for (uint32_t i = 0; i < parts; i++) {
        buf_printf(body, "--b\r\nContent-Disposition: form-data; name=\"n%u\"\r\n\r\n", i);
        buf_printf(want, "<n%u|-|>", i);
        add_content(body, want, seed);
        buf_str(body, STR("\r\n"));
        buf_char(want, ';');
    }
    buf_str(body, STR("--b--"));
}

/* Bodies made of parts give back these parts, whole and cut at every place. */
static void test_generated_bodies(void **state)
{
    (void)state;
    uint64_t seed = 20260102;
    struct buf body, want, got;
    buf_init(&body, 1 << 16);
    buf_init(&want, 1 << 16);
    buf_init(&got, 1 << 16);
    for (int round = 0; round < GENERATED; round++) {
        buf_reset(&body);
        buf_reset(&want);
        generate(&body, &want, &seed);
        size_t step = 1 + dice(&seed, 7);
        for (size_t cut = 0; cut <= body.len; cut += step) {
            buf_reset(&got);
            parse(buf_view(&body), STR("b"), cut, cut + dice(&seed, (uint32_t)(body.len - cut) + 1),
                  &got);
            if (!str_eq(buf_view(&got), buf_view(&want)))
                fail_msg("round %d, cut at %zu: '%.*s' gave '%.*s', not '%.*s'", round, cut,
                         STR_ARG(buf_view(&body)), STR_ARG(buf_view(&got)),
                         STR_ARG(buf_view(&want)));
        }
    }
    buf_done(&body);
    buf_done(&want);
    buf_done(&got);
}

static const struct {
    const char *type;
    const char *want; /* the boundary; NULL: no multipart */
} types[] = {
    { "multipart/form-data; boundary=abc", "abc" },
    { "multipart/form-data; boundary=\"a b\"", "a b" },
    { "Multipart/Form-Data;charset=utf-8;BOUNDARY=abc;", "abc" },
    { "multipart/form-data; boundary=----=_Part_1:2/3?", "----=_Part_1:2/3?" },
    { "multipart/form-data", "" },
    { "multipart/form-data; boundary=", "" },
    { "multipart/form-data; boundary=\"\"", "" },
    { "multipart/form-data; boundary=\"a \"", "" },
    { "multipart/form-data; boundary=a; boundary=b", "" },
    { "multipart/form-data; boundary=\"a\\\"b\"", "" },
    { "multipart/form-data; boundary=a\xc3\xa4", "" },
    { "multipart/form-data; boundary=\"a", "" },
    { "multipart/mixed; boundary=abc", NULL },
    { "application/json", NULL },
    { "", NULL },
};

static void test_boundary(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct str boundary;
        bool is = multipart_boundary(str_from_c(types[i].type), a, &boundary);
        if (is != (types[i].want != NULL) || (is && !str_eq(boundary, str_from_c(types[i].want))))
            fail_msg("%s: %s", types[i].type, is ? boundary.ptr : "no multipart");
    }
    char longest[300] = "multipart/form-data; boundary=";
    struct str boundary, type = str_from_c(longest);
    memset(longest + type.len, 'a', MULTIPART_BOUNDARY_MAX + 1);
    type.len += MULTIPART_BOUNDARY_MAX;
    assert_true(multipart_boundary(type, a, &boundary));
    assert_int_equal(boundary.len, MULTIPART_BOUNDARY_MAX);
    type.len++;
    assert_true(multipart_boundary(type, a, &boundary));
    assert_int_equal(boundary.len, 0);
}

static bool add_text(struct multipart *m, const char *text, struct err *e)
{
    return multipart_add(m, (struct bytes){ (const uint8_t *)text, strlen(text) }, e);
}

static void test_too_many_parts(void **state)
{
    (void)state;
    struct buf out;
    struct err e = { 0 };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    buf_init(&out, 1 << 16);
    struct multipart *m = multipart_new(a, STR("b"), 2, &notes, &out);
    assert_true(add_text(m, HEAD "1\r\n" HEAD "2\r\n", &e));
    assert_false(add_text(m, HEAD "3\r\n", &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.word, "too_many_parts");
    buf_done(&out);
}

/* The limit is on the bytes of the headers, wherever they are cut. */
static void test_long_headers(void **state)
{
    (void)state;
    static const char disposition[] = "Content-Disposition: form-data; name=n\n";
    for (size_t extra = 0; extra < 2; extra++)
        for (size_t step = 1; step < 5000; step = step * 3 + 1) {
            struct buf out, body;
            buf_init(&out, 1 << 16);
            buf_init(&body, 1 << 16);
            buf_printf(&body, "--b\r\n%sX:", disposition);
            while (body.len < 5 + MULTIPART_HEADERS_MAX - 2 + extra)
                buf_char(&body, 'x');
            buf_str(&body, STR("\n\nv\r\n--b--"));
            CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
            struct multipart *m = multipart_new(a, STR("b"), PARTS_MAX, &notes, &out);
            struct err e = { 0 };
            bool ok = true;
            for (size_t at = 0; ok && at < body.len; at += step)
                ok = feed(m, buf_view(&body), at, at + step < body.len ? at + step : body.len, &e);
            assert_int_equal(ok, extra == 0);
            if (!ok) {
                assert_non_null(strstr(e.msg, "too long"));
                assert_int_equal(e.offset, 5 + MULTIPART_HEADERS_MAX);
            }
            buf_done(&out);
            buf_done(&body);
        }
}

static bool refuse_begin(void *ctx, const struct multipart_part *p, struct err *e)
{
    (void)ctx;
    (void)p;
    return err_set(e, ERR_FULL, 0, "no");
}

static bool refuse_add(void *ctx, struct bytes piece, struct err *e)
{
    (void)ctx;
    (void)piece;
    return err_set(e, ERR_FULL, 0, "no");
}

static bool refuse_end(void *ctx, struct err *e)
{
    (void)ctx;
    return err_set(e, ERR_FULL, 0, "no");
}

static void test_refusing_events(void **state)
{
    (void)state;
    const struct multipart_events refusing[] = { { refuse_begin, note_add, note_end },
                                                 { note_begin, refuse_add, note_end },
                                                 { note_begin, note_add, refuse_end } };
    for (size_t i = 0; i < COUNT_OF(refusing); i++) {
        struct buf out;
        struct err e = { 0 };
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        buf_init(&out, 1 << 16);
        struct multipart *m = multipart_new(a, STR("b"), 2, &refusing[i], &out);
        assert_false(add_text(m, HEAD "1\r\n--b--", &e));
        assert_int_equal(e.code, ERR_FULL);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases_cut_everywhere),
        cmocka_unit_test(test_generated_bodies),
        cmocka_unit_test(test_boundary),
        cmocka_unit_test(test_too_many_parts),
        cmocka_unit_test(test_long_headers),
        cmocka_unit_test(test_refusing_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
