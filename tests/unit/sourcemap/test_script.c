/* script: which map a script names, or holds, and by which ids it goes. */
#include "sourcemap/script.h"

#include "../cmocka_all.h"

#include <stdlib.h>

#define MEMORY ((size_t)64 << 20)

static void comments(void **state)
{
    (void)state;
    static const struct {
        const char *text, *debug_id, *map_name, *map;
    } cases[] = {
        { "", "", "", "" },
        { "a();", "", "", "" },
        { "a();\n//# sourceMappingURL=app.js.map", "", "app.js.map", "" },
        { "a();//# sourceMappingURL=app.js.map\r\n", "", "app.js.map", "" },
        { "//@ sourceMappingURL=app.js.map\na();", "", "app.js.map", "" },
        { "/*# sourceMappingURL=app.css.map */", "", "app.css.map", "" },
        { "/*@ sourceMappingURL=app.css.map*/b", "", "app.css.map", "" },
        { "//#sourceMappingURL=app.js.map \t\n", "", "app.js.map", "" },
        { "//# sourceMappingURL=a.map\nb()\n//# sourceMappingURL=b.map\n", "", "b.map", "" },
        { "//# sourceMappingURL=\n//# debugId=\n", "", "", "" },
        { "//# sourceMappingURL=a.map b\n", "", "", "" },
        { "/*# sourceMappingURL=a.map b */", "", "", "" },
        { "// sourceMappingURL=a.map\n# sourceMappingURL=b.map\n/# sourceMappingURL=c", "", "",
          "" },
        { "eval(\"//# sourceMappingURL=a.map\");\neval('//# sourceMappingURL=a.map');", "", "",
          "" },
        { "//# sourceMappingURL=a.map\nx = `//# sourceMappingURL=${y}`", "", "a.map", "" },
        { "//# sourceMappingURL=//# sourceMappingURL=a.map", "", "a.map", "" },
        /* URLs */
        { "//# sourceMappingURL=https://cdn.example/js/app.js.map?v=1/2#x", "", "app.js.map", "" },
        { "//# sourceMappingURL=..\\maps\\app.js.map", "", "app.js.map", "" },
        { "//# sourceMappingURL=app%20%c3%a4.map%zz%2", "", "app \xc3\xa4.map%zz%2", "" },
        { "//# sourceMappingURL=maps/", "", "", "" },
        /* ids, as the tools of Backtrace and others write them */
        { "a();\n//# debugId=0b3c9d1e-2f00-4a6b-8c1d-7e5f9a3b2c1d\n//# sourceMappingURL=a.map",
          "0b3c9d1e-2f00-4a6b-8c1d-7e5f9a3b2c1d", "a.map", "" },
        { "//# debugId=a\n//# debugId=b\n", "b", "", "" },
        { "x = '//# debugId=a'", "", "", "" },
        /* maps within */
        { "//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozfQ==", "", "",
          "{\"version\":3}" },
        { "//# sourceMappingURL=data:application/json;charset=utf-8;base64,eyJ2ZXJzaW9uIjozfQ", "",
          "", "{\"version\":3}" },
        { "//# sourceMappingURL=DATA:;BASE64,eyJ2ZXJzaW9uIjozfQ%3D%3D", "", "", "{\"version\":3}" },
        { "/*# sourceMappingURL=data:application/json,%7B%22version%22:3%7D */", "", "",
          "{\"version\":3}" },
        { "//# sourceMappingURL=data:,", "", "", "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(MEMORY);
        struct script_about got;
        struct err e = { 0 };
        assert_non_null(a);
        if (!script_read(str_from_c(cases[i].text), a, &got, &e))
            fail_msg("%s: %s", cases[i].text, e.msg);
        if (!str_eq(got.debug_id, str_from_c(cases[i].debug_id)) ||
            !str_eq(got.map_name, str_from_c(cases[i].map_name)) ||
            !str_eq(got.map, str_from_c(cases[i].map)))
            fail_msg("%s: \"%.*s\", \"%.*s\", \"%.*s\"", cases[i].text, STR_ARG(got.debug_id),
                     STR_ARG(got.map_name), STR_ARG(got.map));
        arena_free(a);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t offset;
    } cases[] = {
        { "//# sourceMappingURL=data:application/json;base64,eyJ2Z!XJz", 50 },
        { "a\n//# sourceMappingURL=data:application/json", 23 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(MEMORY);
        struct script_about got;
        struct err e = { 0 };
        assert_non_null(a);
        if (script_read(str_from_c(cases[i].text), a, &got, &e) || e.code != ERR_INPUT ||
            e.offset != cases[i].offset)
            fail_msg("%s: %s at %llu", cases[i].text, e.msg, (unsigned long long)e.offset);
        arena_free(a);
    }
}

/* Known digests: RFC 1321. */
static void uuids(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "D41D8CD98F00B204E9800998ECF8427E" },
        { "abc", "900150983CD24FB0D6963F7D28E17F72" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57EDF4A22BE3C955AC49DA2E2107B67A" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(MEMORY);
        struct script_about got;
        struct err e = { 0 };
        assert_non_null(a);
        assert_true(script_read(str_from_c(cases[i].text), a, &got, &e));
        assert_string_equal(got.uuid, cases[i].want);
        arena_free(a);
    }
}

static void ids_and_names(void **state)
{
    (void)state;
    static const struct {
        const char *id, *want;
    } ids[] = {
        { "0b3c9d1e-2f00-4a6b-8c1d-7e5f9a3b2c1d", "0B3C9D1E2F004A6B8C1D7E5F9A3B2C1D" },
        { "", "" },
        { "---", "" },
        { "1234567890123456789012345678901234567890123456789012345678901234",
          "1234567890123456789012345678901234567890123456789012345678901234" },
        { "12345678901234567890123456789012345678901234567890123456789012345", "" },
    };
    static const struct {
        const char *path;
        bool is_script;
    } paths[] = {
        { "app.js", true },
        { "dist/app.MJS", true },
        { "main.jsbundle", true },
        { "index.bundle", true },
        { "a.cjs", true },
        { "a.jsx", true },
        { "app.js.map", false },
        { ".js", false },
        { "js", false },
        { "app.json", false },
        { "", false },
    };
    struct arena *a = arena_new(MEMORY);
    struct str got;
    assert_non_null(a);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        if (!script_id(str_from_c(ids[i].id), a, &got) || !str_eq(got, str_from_c(ids[i].want)))
            fail_msg("%s: %.*s", ids[i].id, STR_ARG(got));
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (script_is_name(str_from_c(paths[i].path)) != paths[i].is_script)
            fail_msg("%s", paths[i].path);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments),
        cmocka_unit_test(refused),
        cmocka_unit_test(uuids),
        cmocka_unit_test(ids_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
