/* Caches of source maps: random maps, written by an encoder of the test's own, against a search
 * that looks at everything; lines of sources; damaged images. */
#include "maps.h"

#include "sourcemap/mapcache_layout.h"
#include "sourcemap/scopes.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t random_state, current_seed; /* told when a test fails */

static uint32_t chance(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 11) % below;
}

/* ---- a map, and its JSON ---- */

#define MAPPINGS_MAX 3000
#define SOURCES_MAX 30
#define NAMES_MAX 40
#define NONE UINT32_MAX

struct row { /* from 0 */
    uint32_t line, column, source, old_line, old_column, name;
};
struct model {
    struct row rows[MAPPINGS_MAX]; /* in the order in which they stand in the map */
    uint32_t count, sources, names;
    bool has_text[SOURCES_MAX], has_name[SOURCES_MAX], ignored[SOURCES_MAX];
};

static const char *const texts[] = {
    "function charge(cart) {\n  return cart.items.map(function (item) {\n    throw item;\n  });\n}",
    "class Cart {\r\n  total() {\r\n    const add = (a, b) => a + b;\r\n  }\r\n}\r\n",
    "top();\n(() => {\n  inner(function named() { here; });\n})();\n",
    "",
};
static const char *text_of(uint32_t source)
{
    return texts[source % COUNT_OF(texts)];
}

static void put_vlq(struct buf *out, int64_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t rest = n < 0 ? (uint64_t)-n << 1 | 1 : (uint64_t)n << 1;
    do {
        uint32_t digit = rest & 31;
        rest >>= 5;
        buf_char(out, digits[digit | (rest ? 32 : 0)]);
    } while (rest);
}

/* The rows [from, to) as `mappings`, of a section that begins at the line and column. Its sources
 * and names are told from the given ones on. */
static void put_mappings(struct buf *out, const struct model *m, uint32_t from, uint32_t to,
                         struct row base)
{
    struct row before = { .line = base.line, .source = base.source, .name = base.name };
    before.column = base.column;
    for (uint32_t i = from; i < to; i++) {
        const struct row *r = &m->rows[i];
        bool first = i == from || r->line != before.line;
        if (r->line != before.line)
            before.column = 0;
        for (; before.line < r->line; before.line++)
            buf_char(out, ';');
        if (!first)
            buf_char(out, ',');
        put_vlq(out, (int64_t)r->column - before.column);
        before.column = r->column;
        if (r->source == NONE)
            continue;
        put_vlq(out, (int64_t)r->source - before.source);
        put_vlq(out, (int64_t)r->old_line - before.old_line);
        put_vlq(out, (int64_t)r->old_column - before.old_column);
        before.source = r->source;
        before.old_line = r->old_line;
        before.old_column = r->old_column;
        if (r->name == NONE)
            continue;
        put_vlq(out, (int64_t)r->name - before.name);
        before.name = r->name;
    }
}

static void put_text(struct buf *out, const char *text)
{
    buf_char(out, '"');
    for (const char *p = text; *p; p++)
        if (*p == '\n' || *p == '\r')
            buf_str(out, *p == '\n' ? STR("\\n") : STR("\\r"));
        else
            buf_char(out, *p);
    buf_char(out, '"');
}

static void put_sources(struct buf *out, const struct model *m, uint32_t from, uint32_t to)
{
    buf_str(out, STR("\"sources\":["));
    for (uint32_t i = from; i < to; i++)
        buf_printf(out, m->has_name[i] ? "%s\"source%u.js\"" : "%snull", i > from ? "," : "", i);
    buf_str(out, STR("],\"sourcesContent\":["));
    for (uint32_t i = from; i < to; i++) {
        buf_str(out, i > from ? STR(",") : STR(""));
        if (m->has_text[i])
            put_text(out, text_of(i));
        else
            buf_str(out, STR("null"));
    }
    buf_str(out, STR("],\"ignoreList\":["));
    for (uint32_t i = from, n = 0; i < to; i++)
        if (m->ignored[i])
            buf_printf(out, "%s%u", n++ ? "," : "", i - from);
    buf_str(out, STR("],"));
}

static void put_map(struct buf *out, const struct model *m, uint32_t from, uint32_t to,
                    uint32_t first_source, uint32_t last_source, struct row base)
{
    buf_str(out, STR("{\"version\":3,"));
    put_sources(out, m, first_source, last_source);
    buf_str(out, STR("\"names\":["));
    for (uint32_t i = 0; i < m->names; i++)
        buf_printf(out, "%s\"name%u\"", i ? "," : "", i);
    buf_str(out, STR("],\"mappings\":\""));
    put_mappings(out, m, from, to, base);
    buf_str(out, STR("\"}"));
}

/* In sections, each of which has one of the sources. Rows must come sorted, and by source. */
static void put_index(struct buf *out, const struct model *m)
{
    uint32_t from = 0;
    buf_str(out, STR("{\"version\":3,\"sections\":["));
    for (uint32_t s = 0; s < m->sources; s++) {
        uint32_t to = from;
        while (to < m->count && m->rows[to].source == s)
            to++;
        if (to == from)
            continue;
        struct row base = { .line = m->rows[from].line, .column = m->rows[from].column, s };
        buf_printf(out, "%s{\"offset\":{\"line\":%u,\"column\":%u},\"map\":", from ? "," : "",
                   base.line, base.column);
        put_map(out, m, from, to, s, s + 1, base);
        buf_char(out, '}');
        from = to;
    }
    buf_str(out, STR("]}"));
}

/* ---- random ones ---- */

struct shape {
    uint32_t lines, columns, sources, names, old_lines, none; /* `none` in 100 have no source */
    bool unsorted;
};

static void make_sources(struct model *m, const struct shape *s)
{
    m->sources = 1 + chance(s->sources);
    m->names = 1 + chance(s->names);
    for (uint32_t i = 0; i < m->sources; i++) {
        m->has_text[i] = chance(2);
        m->has_name[i] = chance(8) > 0;
        m->ignored[i] = chance(3) == 0;
    }
}

static void make_model(struct model *m, const struct shape *s)
{
    struct row at = { 0 };
    make_sources(m, s);
    m->count = chance(4) ? chance(200) : chance(MAPPINGS_MAX);
    for (uint32_t i = 0; i < m->count; i++) {
        uint32_t skip = chance(s->lines);
        at.column = skip ? chance(s->columns) : at.column + chance(s->columns);
        at.line += skip;
        if (s->unsorted && chance(4) == 0)
            at.column = chance(s->columns);
        struct row *r = &m->rows[i];
        *r = at;
        r->source = chance(100) < s->none ? NONE : chance(m->sources);
        r->old_line = chance(s->old_lines);
        r->old_column = chance(30);
        r->name = chance(2) ? NONE : chance(m->names);
    }
}

/* One that sections can tell. */
static void make_sectioned(struct model *m, const struct shape *s)
{
    make_model(m, s);
    for (uint32_t i = 0; i < m->count; i++) {
        m->rows[i].source = i * m->sources / m->count;
        if (i > 0 && m->rows[i].line == m->rows[i - 1].line &&
            m->rows[i].column <= m->rows[i - 1].column)
            m->rows[i].column = m->rows[i - 1].column + 1;
    }
}

/* ---- what is right ---- */

static const struct row *find_row(const struct model *m, uint32_t line, uint32_t column)
{
    const struct row *best = NULL;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct row *r = &m->rows[i];
        if (r->line == line && r->column <= column && (!best || r->column >= best->column))
            best = r;
    }
    return best && best->source != NONE ? best : NULL;
}

static bool covers(const struct scope *s, uint32_t line, uint32_t column)
{
    bool begun = line > s->line || (line == s->line && column >= s->column);
    return begun && (line < s->end_line || (line == s->end_line && column < s->end_column));
}

static void find_function(const char *text, uint32_t line, uint32_t column, char out[100])
{
    struct scope *scopes;
    size_t count;
    struct err e = { 0 };
    struct str named = { "", 0 };
    bool anonymous = false;
    struct arena *a = arena_new((size_t)1 << 20);
    assert_true(scopes_find(str_from_c(text), a, &scopes, &count, &e));
    for (size_t i = 0; i < count; i++) {
        if (!covers(&scopes[i], line, column))
            continue;
        anonymous = scopes[i].name.len == 0;
        if (!anonymous)
            named = scopes[i].name;
    }
    snprintf(out, 100, "%.*s%s%s", STR_ARG(named), anonymous && named.len ? "." : "",
             anonymous ? "<anonymous>" : "");
    arena_free(a);
}

static void compare(const struct model *m, const struct made *made, uint32_t line, uint32_t column)
{
    const struct row *want = find_row(m, line, column);
    struct mapcache_spot got;
    char file[40] = "", name[40] = "", function[100] = "";
    bool is = mapcache_find(made->cache, line + 1, column + 1, &got);
    if (is != !!want)
        fail_msg("seed %llu, at %u:%u: %s", (unsigned long long)current_seed, line, column,
                 is ? "found" : "not found");
    if (!want)
        return;
    if (m->has_name[want->source])
        snprintf(file, sizeof file, "source%u.js", want->source);
    if (want->name != NONE)
        snprintf(name, sizeof name, "name%u", want->name);
    if (m->has_text[want->source])
        find_function(text_of(want->source), want->old_line + 1, want->old_column + 1, function);
    if (got.line != want->old_line + 1 || got.column != want->old_column + 1 ||
        got.source != want->source || got.ignored != m->ignored[want->source] ||
        !str_eq(got.file, str_from_c(file)) || !str_eq(got.name, str_from_c(name)) ||
        !str_eq(got.function, str_from_c(function)))
        fail_msg("seed %llu, at %u:%u: %.*s:%u:%u %.*s in %.*s, not %s:%u:%u %s in %s",
                 (unsigned long long)current_seed, line, column, STR_ARG(got.file), got.line,
                 got.column, STR_ARG(got.name), STR_ARG(got.function), file, want->old_line + 1,
                 want->old_column + 1, name, function);
}

static void check(const struct model *m, const struct shape *s, const struct buf *json)
{
    struct made made;
    if (!made_from(&made, buf_view(json), NULL))
        fail_msg("seed %llu: %s", (unsigned long long)current_seed, made.e.msg);
    uint32_t last = m->count ? m->rows[m->count - 1].line : 0;
    for (int i = 0; i < 100; i++)
        compare(m, &made, chance(last + 2), chance(s->columns * 2));
    for (int i = 0; i < 100 && m->count; i++) {
        const struct row *r = &m->rows[chance(m->count)];
        compare(m, &made, r->line, r->column + chance(2));
        if (r->column > 0)
            compare(m, &made, r->line, r->column - 1);
    }
    made_done(&made);
}

static const struct shape shapes[] = {
    { 1, 12, 3, 10, 8, 10, false },
    { 1, 12, 30, 40, 8, 0, false },
    { 2, 200, 30, 40, 8, 30, true },
    { 3, 4, 5, 3, 8, 50, true },
    { 100, 100000, 30, 40, 8, 5, true },
    { 300, 400000, 30, 40, 2000000000, 5, false },
    { 1, 600000, 3, 10, 2000000000, 0, true },
};

static void random_maps(void **state)
{
    (void)state;
    struct model *m = malloc(sizeof *m);
    struct buf json;
    assert_non_null(m);
    buf_init(&json, (size_t)1 << 30);
    for (uint64_t seed = 1; seed <= 56; seed++) {
        const struct shape *s = &shapes[seed % COUNT_OF(shapes)];
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        current_seed = seed;
        make_model(m, s);
        buf_reset(&json);
        put_map(&json, m, 0, m->count, 0, m->sources, (struct row){ 0 });
        check(m, s, &json);
    }
    buf_done(&json);
    free(m);
}

static void random_sections(void **state)
{
    (void)state;
    struct model *m = malloc(sizeof *m);
    struct buf json;
    assert_non_null(m);
    buf_init(&json, (size_t)1 << 30);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const struct shape s = { (uint32_t)seed % 3 + 1, 20, 30, 40, 8, 0, false };
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        current_seed = seed;
        make_sectioned(m, &s);
        if (m->count < m->sources)
            continue;
        buf_reset(&json);
        put_index(&json, m);
        check(m, &s, &json);
    }
    buf_done(&json);
    free(m);
}

/* ---- lines ---- */

static const struct {
    const char *name, *text; /* of the source, as it stands in JSON */
    const char *lines[5];
} lined[] = {
    { "none", "", { NULL } },
    { "one", "a", { "a" } },
    { "one that ends", "a\\n", { "a" } },
    { "empty ones", "\\n\\n", { "", "" } },
    { "all ends", "a\\rb\\r\\nc\\u2028d\\u2029", { "a", "b", "c", "d" } },
    { "the end alone", "\\r\\n\\u2029b", { "", "", "b" } },
    { "what looks like an end", "\\u2027\\u202a", { "\xe2\x80\xa7\xe2\x80\xaa" } },
};

static void lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lined); i++) {
        char json[300];
        struct made m;
        struct str line;
        snprintf(json, sizeof json,
                 "{\"version\":3,\"sources\":[\"a\",\"b\",\"c\"],"
                 "\"sourcesContent\":[null,\"x\",\"%s\"],\"mappings\":\"\"}",
                 lined[i].text);
        assert_true(made_from(&m, str_from_c(json), NULL));
        uint32_t n = 0;
        for (; lined[i].lines[n]; n++)
            if (!mapcache_line(m.cache, 2, n + 1, &line) ||
                !str_eq(line, str_from_c(lined[i].lines[n])))
                fail_msg("%s: line %u", lined[i].name, n + 1);
        assert_false(mapcache_line(m.cache, 2, n + 1, &line));
        assert_false(mapcache_line(m.cache, 2, 0, &line));
        assert_false(mapcache_line(m.cache, 0, 1, &line));
        assert_false(mapcache_line(m.cache, 3, 1, &line));
        made_done(&m);
    }
}

/* What is there several times is kept once. */
static void texts_once(void **state)
{
    (void)state;
    struct buf json[2];
    struct made m[2];
    for (int k = 0; k < 2; k++) {
        buf_init(&json[k], (size_t)1 << 20);
        buf_str(&json[k], STR("{\"version\":3,\"sources\":[\"a\",\"b\"],\"mappings\":\"\","
                              "\"sourcesContent\":["));
        for (int i = 0; i < 2; i++) {
            buf_str(&json[k], i ? STR(",\"") : STR("\""));
            for (int n = 0; n < 1000; n++)
                buf_printf(&json[k], "line %d\\n", k ? n + i : n);
            buf_char(&json[k], '"');
        }
        buf_str(&json[k], STR("]}"));
        assert_true(made_from(&m[k], buf_view(&json[k]), NULL));
    }
    assert_true(m[0].image.len * 18 / 10 < m[1].image.len);
    for (int k = 0; k < 2; k++) {
        made_done(&m[k]);
        buf_done(&json[k]);
    }
}

/* ---- damage ---- */

static void put_number(uint8_t *p, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(n >> (8 * i));
}

static void ask_everything(const struct mapcache *c)
{
    struct mapcache_spot spot;
    struct str text;
    uint64_t sum = 0;
    for (uint32_t line = 1; line < 6; line++)
        for (uint32_t column = 1; column < 30; column++)
            if (mapcache_find(c, line, column, &spot)) {
                for (size_t i = 0; i < spot.file.len; i++)
                    sum += (uint8_t)spot.file.ptr[i];
                for (size_t i = 0; i < spot.function.len; i++)
                    sum += (uint8_t)spot.function.ptr[i];
                if (mapcache_line(c, spot.source, spot.line, &text) && text.len > 0)
                    sum += (uint8_t)text.ptr[text.len - 1];
            }
    assert_true(sum < UINT64_MAX);
}

/* Opens a copy of `size` bytes, so that what lies behind them is watched, with one byte changed.
 * The header is put right when it is told so. */
static bool open_copy(const struct made *m, size_t size, size_t changed, bool right)
{
    struct mapcache *c = NULL;
    struct err e = { 0 };
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, m->image.ptr, size);
    if (changed < size)
        copy[changed] ^= 0xff;
    if (right && size >= MAPCACHE_HEADER_BYTES) {
        put_number(copy + 16, size, 8);
        put_number(copy + MAPCACHE_HEADER_BYTES - 8,
                   cache_image_sum((struct bytes){ copy, MAPCACHE_HEADER_BYTES - 32 }), 8);
    }
    bool ok = mapcache_open(&c, (struct bytes){ copy, size }, &e);
    if (ok) {
        ask_everything(c);
        assert_true(changed >= size || changed < MAPCACHE_HEADER_BYTES || !mapcache_verify(c, &e));
        mapcache_free(c);
    }
    assert_true(ok || e.code == ERR_INPUT);
    free(copy);
    return ok;
}

static void make_some(struct made *m)
{
    struct model *model = malloc(sizeof *model);
    struct buf json;
    assert_non_null(model);
    random_state = 7;
    buf_init(&json, (size_t)1 << 20);
    make_model(model, &(struct shape){ 2, 12, 5, 10, 4, 10, false });
    model->count = model->count < 150 ? model->count : 150;
    put_map(&json, model, 0, model->count, 0, model->sources, (struct row){ 0 });
    assert_true(made_from(m, buf_view(&json), NULL));
    buf_done(&json);
    free(model);
}

static void damaged(void **state)
{
    (void)state;
    struct made m;
    make_some(&m);
    for (size_t size = 0; size < m.image.len; size++) {
        assert_false(open_copy(&m, size, SIZE_MAX, false));
        if (size % 8 != 0)
            continue;
        (void)open_copy(&m, size, SIZE_MAX, true);
    }
    for (size_t i = 0; i < m.image.len; i++) {
        bool in_sum = i < MAPCACHE_HEADER_BYTES - 32 || i >= MAPCACHE_HEADER_BYTES - 8;
        bool opened = open_copy(&m, m.image.len, i, false);
        if (opened == (i < MAPCACHE_HEADER_BYTES && in_sum))
            fail_msg("byte %zu", i);
        (void)open_copy(&m, m.image.len, i, true);
    }
    made_done(&m);
}

static void other_versions(void **state)
{
    (void)state;
    struct made m;
    struct mapcache *c;
    struct err e = { 0 };
    make_some(&m);
    m.image.ptr[8]++;
    assert_true(mapcache_is((struct bytes){ (const uint8_t *)m.image.ptr, m.image.len }));
    assert_false(
        mapcache_open(&c, (struct bytes){ (const uint8_t *)m.image.ptr, m.image.len }, &e));
    assert_string_equal(e.word, "mapcache_version");
    assert_false(mapcache_is((struct bytes){ (const uint8_t *)"CRMPLMAX", 8 }));
    assert_false(mapcache_is((struct bytes){ (const uint8_t *)"CRMPL", 5 }));
    made_done(&m);
}

static void files(void **state)
{
    (void)state;
    char path[] = "/tmp/crumple-mapcache-XXXXXX";
    struct made m;
    struct mapcache *c;
    struct err e = { 0 };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    make_some(&m);
    assert_true(write(fd, m.image.ptr, m.image.len) == (ssize_t)m.image.len);
    assert_true(mapcache_open_file(&c, path, &e));
    ask_everything(c);
    mapcache_free(c);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_false(mapcache_open_file(&c, path, &e));
    assert_int_equal(e.code, ERR_INPUT);
    close(fd);
    unlink(path);
    assert_false(mapcache_open_file(&c, path, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    made_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_maps), cmocka_unit_test(random_sections),
        cmocka_unit_test(lines),       cmocka_unit_test(texts_once),
        cmocka_unit_test(damaged),     cmocka_unit_test(other_versions),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
