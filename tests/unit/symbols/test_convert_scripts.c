/* Which script a source map in an archive is for. */
#include "symbols/convert_scripts.h"

#include "unit/cmocka_all.h"

#include <stdio.h>

#define ID "0b3c9d1e-0000-4000-8000-00000000000a"

static const struct {
    const char *what;
    struct {
        const char *path, *map_name;
    } scripts[3];
    const char *map;
    int want; /* script; -1: none */
} cases[] = {
    { "named", { { "d/a.js", "out.map" } }, "d/out.map", 0 },
    { "named, elsewhere", { { "d/a.js", "out.map" } }, "maps/out.map", 0 },
    { "called alike", { { "d/a.js", "" } }, "d/a.js.map", 0 },
    { "called alike, elsewhere", { { "d/a.js", "" } }, "a.js.map", 0 },
    { "called alike, and names another", { { "a.js", "b.map" } }, "a.js.map", 0 },
    { "called otherwise", { { "d/a.js", "b.map" } }, "d/c.map", -1 },
    { "behind a debug id", { { "d/a.js", "" } }, ID "-a.js.map", 0 },
    { "the name goes before", { { "a.js", "" }, { "b.js", "a.js.map" } }, "a.js.map", 1 },
    { "beside it", { { "1/a.js", "a.js.map" }, { "2/a.js", "a.js.map" } }, "2/a.js.map", 1 },
    { "neither beside it", { { "1/a.js", "a.js.map" }, { "2/a.js", "" } }, "3/a.js.map", 0 },
    { "two, and neither beside it",
      { { "1/a.js", "a.js.map" }, { "2/a.js", "a.js.map" } },
      "3/a.js.map",
      -1 },
    { "two beside it that name it",
      { { "a.js", "out.map" }, { "b.js", "out.map" } },
      "out.map",
      -1 },
    { "one script twice", { { "a.js", "a.js.map" } }, "a.js.map", 0 },
    { "no scripts", { { NULL, NULL } }, "a.js.map", -1 },
    { "no name", { { "a.js", "" } }, "", -1 },
    { "a folder of Windows", { { "d\\a.js", "" } }, "d\\a.js.map", 0 },
};

static void add(struct convert_scripts *s, const char *path, const char *map_name, struct str text)
{
    struct err e = { 0 };
    const struct script_about about = { .debug_id = STR(""), .map_name = str_from_c(map_name) };
    assert_true(convert_scripts_add(s, str_from_c(path), text, &about, &e));
}

static void pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct convert_scripts s;
        assert_true(convert_scripts_init(&s, (size_t)1 << 20));
        for (size_t k = 0; k < 3 && cases[i].scripts[k].path; k++)
            add(&s, cases[i].scripts[k].path, cases[i].scripts[k].map_name, STR("x"));
        const struct convert_script *got = convert_scripts_find(&s, str_from_c(cases[i].map));
        int number = got ? (int)(got - s.list.at) : -1;
        if (number != cases[i].want)
            fail_msg("%s: %d", cases[i].what, number);
        convert_scripts_done(&s);
    }
}

/* A script with a map beside it is no other map's, whichever is asked for first. */
static void maps_of_others(void **state)
{
    (void)state;
    static const char *const maps[] = { "a/main.js.map", "b/main.js.map" };
    for (unsigned first = 0; first < 2; first++) {
        struct convert_scripts s;
        struct err e = { 0 };
        assert_true(convert_scripts_init(&s, (size_t)1 << 20));
        assert_true(convert_scripts_note_map(&s, str_from_c(maps[first]), &e));
        add(&s, "b/main.js", "main.js.map", STR("x"));
        assert_true(convert_scripts_note_map(&s, str_from_c(maps[1 - first]), &e));
        for (unsigned i = 0; i < 2; i++) {
            const char *map = maps[first ^ i];
            const struct convert_script *got = convert_scripts_find(&s, str_from_c(map));
            assert_int_equal(got != NULL, map[0] == 'b');
        }
        convert_scripts_done(&s);
    }
}

/* Scripts whose map came, but which others claim as well. */
static const struct {
    const char *what;
    struct {
        const char *path, *map_name;
        bool contested;
    } scripts[3];
    const char *map;
} contests[] = {
    { "two that name it",
      { { "a.js", "out.map", true }, { "b.js", "out.map", true }, { "c.js", "c.map", false } },
      "out.map" },
    { "two elsewhere that name it",
      { { "1/a.js", "out.map", true }, { "2/a.js", "out.map", true } },
      "3/out.map" },
    { "two elsewhere that are called so",
      { { "1/a.js", "", true }, { "2/a.js", "", true } },
      "3/a.js.map" },
    { "one that is called so",
      { { "a.js", "o.js.map", true }, { "b.js", "o.js.map", true }, { "o.js", "", false } },
      "o.js.map" },
    { "another map", { { "a.js", "out.map", false }, { "b.js", "out.map", false } }, "a.map" },
    { "one beside it", { { "1/a.js", "o", false }, { "2/a.js", "o", false } }, "2/o" },
    { "no name", { { "a.js", "", false }, { "b.js", "", false } }, "c.map" },
};

static void contested(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof contests / sizeof *contests; i++)
        for (int back = 0; back < 2; back++) { /* in both orders */
            struct convert_scripts s;
            uint32_t n = 0;
            assert_true(convert_scripts_init(&s, (size_t)1 << 20));
            while (n < 3 && contests[i].scripts[n].path)
                n++;
            for (uint32_t k = 0; k < n; k++) {
                uint32_t from = back ? n - 1 - k : k;
                add(&s, contests[i].scripts[from].path, contests[i].scripts[from].map_name,
                    STR(""));
            }
            (void)convert_scripts_find(&s, str_from_c(contests[i].map));
            for (uint32_t k = 0; k < n; k++)
                if (convert_scripts_is_contested(&s, back ? n - 1 - k : k) !=
                    contests[i].scripts[k].contested)
                    fail_msg("%s: %s", contests[i].what, contests[i].scripts[k].path);
            convert_scripts_done(&s);
        }
}

/* Texts are kept as far as there is room for them, and scripts as far as there is for those. */
static void limits(void **state)
{
    (void)state;
    static char text[40000];
    struct convert_scripts s;
    char path[32], map[40];
    memset(text, 'x', sizeof text);
    assert_true(convert_scripts_init(&s, (size_t)1 << 18));
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "%d.js", i);
        add(&s, path, "", (struct str){ text, sizeof text });
    }
    for (int i = 0; i < 10; i++) {
        snprintf(map, sizeof map, "%d.js.map", i);
        const struct convert_script *got = convert_scripts_find(&s, str_from_c(map));
        assert_non_null(got);
        assert_int_equal(got->text.len, i < 3 ? sizeof text : 0);
        assert_true(got->size == sizeof text);
    }
    const struct script_about about = { .debug_id = STR(""), .map_name = STR("") };
    struct err e = { 0 };
    bool ok = true;
    for (int i = 10; ok && i < 100000; i++) {
        snprintf(path, sizeof path, "%d.js", i);
        ok = convert_scripts_add(&s, str_from_c(path), STR(""), &about, &e);
    }
    assert_false(ok);
    assert_int_equal(e.code, ERR_NOMEM);
    assert_non_null(convert_scripts_find(&s, STR("9.js.map")));
    convert_scripts_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),
        cmocka_unit_test(maps_of_others),
        cmocka_unit_test(contested),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
