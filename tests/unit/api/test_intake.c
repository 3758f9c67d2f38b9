/* test_intake.c - bodies of submissions: what is the file, what are attachments and fields, and the
 * limits; cut at every place. */
#include "../cmocka_all.h"
#include "api/intake.h"

#include <stdio.h>
#include <unistd.h>

#define ARENA_BYTES (64 << 20)
#define MULTI "multipart/form-data; boundary=b"

static char dir[] = "/tmp/crumple-intake-XXXXXX";
static struct blobs *blobs;

static int set_up(void **state)
{
    (void)state;
    static const uint8_t secret[BLOBS_SECRET_BYTES];
    struct err e = { 0 };
    if (!mkdtemp(dir) || !blobs_open(&blobs, dir, secret, &e))
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[sizeof dir + 16];
    blobs_close(blobs);
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* How the case is taken in. */
enum how { JSON, DUMP, UNKNOWN, ATTACHMENT };

static const struct intake_limits small = {
    .json_bytes = 40, .attachment_bytes = 30, .parts = 10, .fields = 4
};

static struct intake *begin(struct arena *a, enum how how, const struct intake_limits *limits)
{
    struct intake *in = arena_zalloc(a, sizeof *in);
    assert_non_null(in);
    in->arena = a;
    in->blobs = blobs;
    in->limits = *limits;
    in->is_attachment = how == ATTACHMENT;
    in->has_format = how == JSON || how == DUMP;
    in->format = how == DUMP ? UPLOAD_MINIDUMP : UPLOAD_JSON;
    return in;
}

/* "type[content]", then "+name|type[content]" for attachments, then "<field=value>". */
static void describe(struct intake *in, struct buf *out)
{
    struct str text;
    struct err e = { 0 };
    assert_true(spool_view(in->file, &text, &e));
    buf_printf(out, "%.*s[%.*s]", STR_ARG(in->file_type), STR_ARG(text));
    for (size_t i = 0; i < in->attachment_count; i++) {
        const struct upload_attachment *t = &in->attachments[i];
        assert_false(t->content.in_file);
        buf_printf(out, "+%.*s|%.*s[%.*s]", STR_ARG(t->name), STR_ARG(t->type),
                   STR_ARG(t->content.bytes));
    }
    for (size_t i = 0; i < in->fields.len; i++)
        buf_printf(out, "<%.*s=%.*s>", STR_ARG(in->fields.at[i].name),
                   STR_ARG(in->fields.at[i].value));
    if (in->wants_sync)
        buf_str(out, STR(" sync"));
    if (in->format_word.len > 0)
        buf_printf(out, " format=%.*s", STR_ARG(in->format_word));
}

static bool add_in_two(struct intake *in, struct str body, size_t cut, struct err *e)
{
    const uint8_t *p = (const uint8_t *)body.ptr;
    return (cut == 0 || intake_add(in, (struct bytes){ p, cut }, e)) &&
           (cut == body.len || intake_add(in, (struct bytes){ p + cut, body.len - cut }, e)) &&
           intake_end(in, e);
}

#define PART(name, content)                                                                        \
    "--b\r\nContent-Disposition: form-data; name=" name "\r\n\r\n" content "\r\n"
#define FILE_PART PART("upload_file; filename=x.json\r\nContent-Type: application/json", "{}")
#define END "--b--\r\n"

static const struct {
    const char *name;
    enum how how;
    const char *type, *body;
    const char *want; /* "!<word>": refused; "!": without a word of its own */
} cases[] = {
    { "a raw report", JSON, "application/json", "{\"a\":1}", "application/json[{\"a\":1}]" },
    { "a raw report without a type", JSON, "", "{}", "[{}]" },
    { "curl's type for anything", JSON, "application/x-www-form-urlencoded", "{}",
      "application/x-www-form-urlencoded[{}]" },
    { "a raw dump", DUMP, "", "MDMP and so on and on", "[MDMP and so on and on]" },
    { "a short dump", DUMP, "", "MDMP", "[MDMP]" },
    { "anything, when the format is not known", UNKNOWN, "", "xyz", "[xyz]" },
    { "a raw attachment", ATTACHMENT, "text/plain", "log", "text/plain[log]" },
    { "an empty attachment", ATTACHMENT, "", "", "[]" },
    { "a type that cannot be sent back", JSON, "a/b\x01", "{}", "[{}]" },

    { "file, field, attachments", JSON, MULTI,
      PART("version", "1.0")
          FILE_PART PART("\"attachment_a.txt\"; filename=z\r\nContent-Type: t/u", "A")
              PART("attachment.log; filename=b.log", "B") PART("other; filename=c", "C") END,
      "application/json[{}]+a.txt|t/u[A]+b.log|[B]+c|[C]<version=1.0>" },
    { "the name of Breakpad", DUMP, MULTI, PART("upload_file_minidump; filename=d", "MDMP") END,
      "[MDMP]" },
    { "a file without a filename", JSON, MULTI, PART("upload_file", "{}") END, "[{}]" },
    { "attachments without filenames", JSON, MULTI,
      FILE_PART PART("attachment_x", "1") PART("attachment.txt", "2") END,
      "application/json[{}]+x|[1]+attachment.txt|[2]" },
    { "an attachment without a name", JSON, MULTI,
      FILE_PART PART("attachment_; filename=\"\"", "1") END,
      "application/json[{}]+attachment_|[1]" },
    { "paths and control characters in names", JSON, MULTI,
      FILE_PART PART("\"attachment_../../x\ty\"", "1") PART("attachment_..", "2") END,
      "application/json[{}]+x_y|[1]+attachment|[2]" },
    { "an empty attachment in a form", JSON, MULTI, FILE_PART PART("attachment_e", "") END,
      "application/json[{}]+e|[]" },
    { "an empty field", JSON, MULTI, FILE_PART PART("e", "") END, "application/json[{}]<e=>" },
    { "a field that is no UTF-8", JSON, MULTI, FILE_PART PART("e", "a\xff") END,
      "application/json[{}]<e=a\xef\xbf\xbd>" },
    { "the token and the format are no attributes", JSON, MULTI,
      PART("token", "secret") PART("format", "minidump") FILE_PART END,
      "application/json[{}] format=minidump" },
    { "_mod_sync", JSON, MULTI, FILE_PART PART("_mod_sync", "1") END,
      "application/json[{}]<_mod_sync=1> sync" },
    { "an attachment as a form", ATTACHMENT, MULTI,
      PART("a", "1") PART("x; filename=f\r\nContent-Type: t/u", "F") PART("y; filename=g", "G") END,
      "t/u[F]" },
    { "as much JSON as may be", JSON, "", "{                                      }",
      "[{                                      }]" },
    { "as large an attachment as may be", ATTACHMENT, "", "123456789012345678901234567890",
      "[123456789012345678901234567890]" },

    { "an empty body", JSON, "", "", "!empty_body" },
    { "an empty body of any format", UNKNOWN, "", "", "!empty_body" },
    { "an empty file", JSON, MULTI, PART("upload_file", "") END, "!empty_body" },
    { "no file", JSON, MULTI, PART("a", "1") PART("f; filename=f", "2") END, "!no_file" },
    { "two files", JSON, MULTI, FILE_PART FILE_PART END, "!two_files" },
    { "two files of two names", JSON, MULTI, FILE_PART PART("upload_file_minidump", "MDMP") END,
      "!two_files" },
    { "no parts", JSON, MULTI, END, "!no_file" },
    { "no file in an attachment's form", ATTACHMENT, MULTI, PART("a", "1") END, "!no_file" },
    { "no boundary", JSON, "multipart/form-data", FILE_PART END, "!bad_multipart" },
    { "broken multipart", JSON, MULTI, FILE_PART, "!bad_multipart" },
    { "a dump without its magic", DUMP, "", "this is no dump at all", "!" },
    { "a short one", DUMP, "", "MDM", "!" },
    { "a dump's file without its magic", DUMP, MULTI, FILE_PART END, "!" },
    { "too much JSON", JSON, "", "{                                       }", "!body_too_large" },
    { "too large an attachment", ATTACHMENT, "", "1234567890123456789012345678901",
      "!body_too_large" },
    { "too large an attachment in a form", JSON, MULTI,
      FILE_PART PART("attachment_e", "1234567890123456789012345678901") END, "!body_too_large" },
    { "too many fields", JSON, MULTI,
      PART("a", "1") PART("b", "1") PART("c", "1") PART("d", "1") PART("e", "1") FILE_PART END,
      "!too_many_fields" },
    { "too many parts", JSON, MULTI,
      PART("attachment_1", "") PART("attachment_1", "") PART("attachment_1", "")
          PART("attachment_1", "") PART("attachment_1", "") PART("attachment_1", "")
              PART("attachment_1", "") PART("attachment_1", "") PART("attachment_1", "")
                  FILE_PART FILE_PART END,
      "!too_many_parts" },
};

static void test_cases_cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str body = str_from_c(cases[i].body);
        for (size_t cut = 0; cut <= body.len; cut++) {
            CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
            struct intake *in = begin(a, cases[i].how, &small);
            struct err e = { 0 };
            struct buf got;
            buf_init(&got, 1 << 16);
            if (intake_begin(in, str_from_c(cases[i].type), &e) && add_in_two(in, body, cut, &e))
                describe(in, &got);
            else
                buf_printf(&got, "!%s", e.word ? e.word : "");
            if (!str_eq(buf_view(&got), str_from_c(cases[i].want)))
                fail_msg("%s, cut at %zu: got '%.*s' (%s)", cases[i].name, cut,
                         STR_ARG(buf_view(&got)), e.msg);
            buf_done(&got);
        }
    }
}

static const struct intake_limits large = {
    .json_bytes = 1 << 30, .attachment_bytes = 1 << 30, .parts = 1000, .fields = UPLOAD_FIELDS_MAX
};

static bool add_text(struct intake *in, const char *text, struct err *e)
{
    return intake_add(in, (struct bytes){ (const uint8_t *)text, strlen(text) }, e);
}

static bool add_many(struct intake *in, char c, size_t n, struct err *e)
{
    uint8_t piece[1000];
    memset(piece, c, sizeof piece);
    for (size_t left = n; left > 0;) {
        size_t now = left < sizeof piece ? left : sizeof piece;
        if (!intake_add(in, (struct bytes){ piece, now }, e))
            return false;
        left -= now;
    }
    return true;
}

static void test_long_field(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct intake *in = begin(a, JSON, &large);
        struct err e = { 0 };
        assert_true(intake_begin(in, STR(MULTI), &e));
        assert_true(add_text(in, "--b\r\nContent-Disposition: form-data; name=long\r\n\r\n", &e));
        assert_int_equal(add_many(in, 'x', UPLOAD_VALUE_MAX + extra, &e), extra == 0);
        if (extra) {
            assert_int_equal(e.code, ERR_LIMIT);
            continue;
        }
        assert_true(add_text(in, "\r\n" FILE_PART END, &e));
        assert_true(intake_end(in, &e));
        assert_int_equal(in->fields.len, 1);
        assert_int_equal(in->fields.at[0].value.len, UPLOAD_VALUE_MAX);
    }
}

static void test_all_fields_together(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct intake *in = begin(a, JSON, &large);
    struct err e = { 0 };
    bool ok = true;
    size_t fields = 0;
    assert_true(intake_begin(in, STR(MULTI), &e));
    for (; ok && fields < UPLOAD_FIELDS_MAX; fields++)
        ok = add_text(in, "--b\r\nContent-Disposition: form-data; name=n\r\n\r\n", &e) &&
             add_many(in, 'x', 60000, &e) && add_text(in, "\r\n", &e);
    assert_false(ok);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_in_range(fields, INTAKE_FIELD_BYTES_MAX / 60001, INTAKE_FIELD_BYTES_MAX / 60001 + 2);
}

static void test_long_name(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct intake *in = begin(a, JSON, &large);
        struct err e = { 0 };
        assert_true(intake_begin(in, STR(MULTI), &e));
        assert_true(add_text(in, "--b\r\nContent-Disposition: form-data; name=", &e));
        assert_true(add_many(in, 'n', UPLOAD_NAME_MAX + extra, &e));
        assert_int_equal(add_text(in, "\r\n\r\nv\r\n", &e), extra == 0);
        assert_int_equal(e.code, extra ? ERR_LIMIT : ERR_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases_cut_everywhere),
        cmocka_unit_test(test_long_field),
        cmocka_unit_test(test_all_fields_together),
        cmocka_unit_test(test_long_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
