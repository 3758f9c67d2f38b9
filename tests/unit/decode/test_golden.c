/* Whole uploads as reports: golden/<case>.json must become golden/<case>.report.json, to the byte.
 *
 *     test_decode_golden --update    writes what comes out now; read the diff like code */
#include "decode/decode.h"
#include "report/crash_report.h"

#include "../cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES (64u << 20)
#define FILE_MAX (1 << 20)

static bool update;

static struct str read_file(const char *path, struct arena *a)
{
    char *text = arena_alloc(a, FILE_MAX);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s is not there; --update makes it", path);
    size_t len = fread(text, 1, FILE_MAX, f);
    fclose(f);
    return (struct str){ text, len };
}

/* A member of the report a line, so that a diff can be read. */
static struct str by_lines(struct str json, struct arena *a)
{
    struct err e;
    const struct json *j = NULL;
    struct buf b;
    struct str out = { 0 };
    assert_true(json_parse(&j, json, (struct json_limits){ 100, 1000000 }, a, &e));
    buf_init(&b, FILE_MAX);
    for (const struct json *m = j->first; m; m = m->next) {
        struct json_writer w;
        struct buf key;
        buf_init(&key, FILE_MAX);
        json_writer_init(&w, &key);
        json_str(&w, m->key);
        buf_str(&b, m == j->first ? STR("{\n ") : STR(",\n "));
        buf_str(&b, buf_view(&key));
        buf_str(&b, STR(": "));
        buf_add(&b, json.ptr + m->begin, m->end - m->begin);
        buf_done(&key);
    }
    buf_str(&b, STR("\n}\n"));
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

/* As if it had come with one attribute in the query and one in the form. */
static struct str make_report(struct str text, struct arena *a)
{
    static const struct upload_field fields[] = {
        { STR_INIT("version"), STR_INIT("1.0"), UPLOAD_FROM_QUERY },
        { STR_INIT("build"), STR_INIT("77"), UPLOAD_FROM_FORM },
    };
    const struct upload u = { .format = UPLOAD_JSON,
                              .received_ms = 1795200230456,
                              .fields = fields,
                              .field_count = COUNT_OF(fields),
                              .body = { .size = text.len } };
    const struct crash_names names = { STR("01000000-7e23-7a1e-0000-000000000000"), STR("demo"),
                                       u.received_ms };
    struct err e = { 0 };
    struct crash c;
    struct str json = { 0 };
    const struct json *j;
    struct report r;
    if (!decode_upload(UPLOAD_JSON, text, NULL, &c, a, &e) || !decode_merge(&c, &u, &e) ||
        !crash_report_write(&c, &names, a, &json, &e) ||
        !json_parse(&j, json, (struct json_limits){ 100, 1000000 }, a, &e) ||
        !report_from_json(&r, j, json, a, &e))
        fail_msg("%s", e.msg);
    return by_lines(json, a);
}

static void check_case(const char *name)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct str in = { 0 }, expected = { 0 };
    assert_true(arena_printf(a, &in, "%s/%s.json", GOLDEN, name) &&
                arena_printf(a, &expected, "%s/%s.report.json", GOLDEN, name));
    struct str got = make_report(read_file(in.ptr, a), a);
    if (update) {
        FILE *f = fopen(expected.ptr, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got.ptr, 1, got.len, f), got.len);
        fclose(f);
    }
    struct str want = read_file(expected.ptr, a);
    if (!str_eq(got, want))
        fail_msg("%s: got\n%.*s", name, STR_ARG(got));
}

static void test_golden(void **state)
{
    (void)state;
    size_t cases = 0;
    DIR *folder = opendir(GOLDEN);
    assert_non_null(folder);
    for (struct dirent *d = readdir(folder); d; d = readdir(folder)) {
        char name[256];
        struct str file = str_from_c(d->d_name), end = STR(".json");
        if (file.ptr[0] == '.' || strstr(file.ptr, ".report.json") || file.len <= end.len)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(file.len - end.len), file.ptr);
        check_case(name);
        cases++;
    }
    closedir(folder);
    assert_in_range(cases, 3, 100);
}

int main(int argc, char **argv)
{
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_golden) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
