/* Source maps: the specification's own tests (tc39/source-map-tests), and maps of real tools. Both
 * are skipped where the folder of test data is not. */
#include "maps.h"

#include "base/json.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool read_shared(const char *folder, struct str name, struct str *out)
{
    char path[512];
    const char *data = getenv("CRUMPLE_TESTDATA");
    snprintf(path, sizeof path, "%s/sourcemap/%s%.*s", data ? data : SHARED, folder, STR_ARG(name));
    return read_whole(path, out);
}

static struct str text_of(const struct json *j, const char *key)
{
    const struct json *member = json_get(j, str_from_c(key));
    return member && member->type == JSON_STRING ? member->text : (struct str){ "", 0 };
}

static bool is_null(const struct json *j, const char *key)
{
    const struct json *member = json_get(j, str_from_c(key));
    return !member || member->type == JSON_NULL;
}

static uint32_t number_of(const struct json *j, const char *key)
{
    struct str digits = json_get(j, str_from_c(key))->text;
    uint32_t n = 0;
    for (size_t i = 0; i < digits.len; i++)
        n = n * 10 + (uint32_t)(digits.ptr[i] - '0');
    return n;
}

/* One step from a map in the folder; the place is from 0 in and out. */
static bool step(struct made *m, uint32_t *line, uint32_t *column, struct mapcache_spot *spot)
{
    if (!mapcache_find(m->cache, *line + 1, *column + 1, spot))
        return false;
    *line = spot->line - 1;
    *column = spot->column - 1;
    return true;
}

static void check_place(struct str test, const struct json *action, bool found,
                        const struct mapcache_spot *spot)
{
    if (is_null(action, "originalLine")) {
        if (found)
            fail_msg("%.*s: there is a mapping", STR_ARG(test));
        return;
    }
    if (!found)
        fail_msg("%.*s: there is no mapping", STR_ARG(test));
    if (!str_eq(spot->file, text_of(action, "originalSource")) ||
        spot->line - 1 != number_of(action, "originalLine") ||
        spot->column - 1 != number_of(action, "originalColumn") ||
        !str_eq(spot->name, text_of(action, "mappedName")))
        fail_msg("%.*s: %.*s:%u:%u %.*s", STR_ARG(test), STR_ARG(spot->file), spot->line - 1,
                 spot->column - 1, STR_ARG(spot->name));
}

static void check_mapping(struct str test, struct made *m, const struct json *action)
{
    uint32_t line = number_of(action, "generatedLine");
    uint32_t column = number_of(action, "generatedColumn");
    struct mapcache_spot spot;
    bool found = step(m, &line, &column, &spot);
    bool ends = !found;
    const struct json *more = json_get(action, STR("intermediateMaps"));
    for (const struct json *j = more ? more->first : NULL; j && found; j = j->next) {
        struct str json;
        struct made next;
        assert_true(read_shared("resources/", j->text, &json));
        assert_true(made_from(&next, json, NULL));
        found = step(&next, &line, &column, &spot);
        if (!found || !j->next)
            check_place(test, action, found, &spot);
        made_done(&next);
        free((char *)(uintptr_t)json.ptr);
    }
    if (!more || ends)
        check_place(test, action, found, &spot);
}

static bool is_listed(const struct json *list, struct str file)
{
    for (const struct json *j = list->first; j; j = j->next)
        if (str_eq(file, j->text))
            return true;
    return false;
}

/* These sources are ignored, and no others. */
static void check_ignored(struct str test, struct made *m, const struct json *action)
{
    struct mapcache_about about;
    const struct json *present = json_get(action, STR("present"));
    size_t ignored_ones = 0;
    mapcache_about(m->cache, &about);
    for (uint32_t i = 0; i < about.sources; i++) {
        struct str file;
        bool ignored;
        assert_true(mapcache_source(m->cache, i, &file, &ignored));
        if (ignored != is_listed(present, file))
            fail_msg("%.*s: %.*s is%s ignored", STR_ARG(test), STR_ARG(file),
                     ignored ? "" : " not");
        ignored_ones += ignored;
    }
    if (ignored_ones != present->count)
        fail_msg("%.*s: %zu sources are ignored", STR_ARG(test), ignored_ones);
}

static bool is_number_in(const struct json *list, uint32_t number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", number);
    return list && is_listed(list, str_from_c(digits));
}

/* Most tests do not ask which sources are ignored: those that the map's own list has, without one
 * none. */
static void check_flags(struct str test, struct made *m, struct str text)
{
    const struct json *map;
    struct mapcache_about about;
    struct arena *a = arena_new((size_t)16 << 20);
    assert_true(json_parse(&map, text, (struct json_limits){ 16, 100000 }, a, &m->e));
    mapcache_about(m->cache, &about);
    for (uint32_t i = 0; i < about.sources; i++) {
        struct str file;
        bool ignored;
        assert_true(mapcache_source(m->cache, i, &file, &ignored));
        if (ignored != is_number_in(json_get(map, STR("ignoreList")), i))
            fail_msg("%.*s: source %u is%s ignored", STR_ARG(test), i, ignored ? "" : " not");
    }
    arena_free(a);
}

static void check_test(const struct json *test)
{
    struct str name = text_of(test, "name"), json;
    struct made m;
    assert_true(read_shared("resources/", text_of(test, "sourceMapFile"), &json));
    bool ok = made_from(&m, json, NULL);
    bool valid = json_get(test, STR("sourceMapIsValid"))->type == JSON_TRUE;
    if (ok != valid)
        fail_msg("%.*s: %s", STR_ARG(name), ok ? "is read" : m.e.msg);
    if (!ok)
        assert_int_equal(m.e.code, ERR_INPUT);
    else
        check_flags(name, &m, json);
    const struct json *actions = json_get(test, STR("testActions"));
    for (const struct json *j = actions ? actions->first : NULL; ok && j; j = j->next) {
        if (str_eq(text_of(j, "actionType"), STR("checkIgnoreList")))
            check_ignored(name, &m, j);
        else
            check_mapping(name, &m, j);
    }
    made_done(&m);
    free((char *)(uintptr_t)json.ptr);
}

static void specification(void **state)
{
    (void)state;
    struct str text;
    const struct json *all;
    struct err e = { 0 };
    if (!read_shared("", STR("tests.json"), &text))
        skip();
    struct arena *a = arena_new((size_t)16 << 20);
    assert_true(json_parse(&all, text, (struct json_limits){ 16, 100000 }, a, &e));
    size_t count = 0;
    for (const struct json *j = json_get(all, STR("tests"))->first; j; j = j->next, count++)
        check_test(j);
    assert_true(count > 50);
    arena_free(a);
    free((char *)(uintptr_t)text.ptr);
}

static const struct {
    const char *map, *script;
    uint32_t line, column;
    const char *want; /* file:line:column name in function */
} reals[] = {
    { "jquery.min.map", "jquery.min.js", 1, 1000, "jquery.js:135:5 match in init" },
    { "jquery.min.map", "jquery.min.js", 1, 50000, "jquery.js:3434:4  in handle" },
    { "indexed.sourcemap.js", "indexed.min.js", 1, 20, "file1.js:2:2  in add" },
    { "indexed.sourcemap.js", "indexed.min.js", 2, 20, "file2.js:1:19 a in multiply" },
    { "module.js.map", "module.js", 1, 37, "../src/foo.js:2:9  in foo" },
    { "module.js.map", "module.js", 1, 160, "../src/app.js:6:53  in <anonymous>" },
};

static void real_tools(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(reals); i++) {
        struct str text, script;
        struct made m;
        struct mapcache_spot s;
        char got[300];
        if (!read_shared("real/", str_from_c(reals[i].map), &text))
            skip();
        assert_true(read_shared("real/", str_from_c(reals[i].script), &script));
        if (!made_from(&m, text, &(struct sourcemap_from){ .text = script }))
            fail_msg("%s: %s", reals[i].map, m.e.msg);
        assert_true(mapcache_find(m.cache, reals[i].line, reals[i].column, &s));
        snprintf(got, sizeof got, "%.*s:%u:%u %.*s in %.*s", STR_ARG(s.file), s.line, s.column,
                 STR_ARG(s.name), STR_ARG(s.function));
        if (strcmp(got, reals[i].want) != 0)
            fail_msg("%s: \"%s\"", reals[i].map, got);
        made_done(&m);
        free((char *)(uintptr_t)text.ptr);
        free((char *)(uintptr_t)script.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specification),
        cmocka_unit_test(real_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
