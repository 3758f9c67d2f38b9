/* Frames of scripts by source maps: which map is asked for, what becomes of a frame, and that no
 * report makes it expensive. The maps are made here, by a small encoder. */
#include "decode/decode.h"

#include "report/fingerprint.h"
#include "sourcemap/sourcemap.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define MAP_BYTES_MAX ((size_t)64 << 20)

/* --- maps ---------------------------------------------------------------------------------- */

/* Lines and columns from 1; no source: -1, no name: -1. */
struct mapping {
    int line, column, source, source_line, source_column, name;
};

static void put_vlq(struct buf *out, int n)
{
    unsigned u = n < 0 ? (unsigned)-n << 1 | 1 : (unsigned)n << 1;
    do {
        unsigned digit = u & 31;
        u >>= 5;
        buf_char(out,
                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[digit |
                                                                                    (u ? 32 : 0)]);
    } while (u);
}

static void put_mappings(struct buf *out, const struct mapping *m, size_t count)
{
    int line = 1, column = 1, source = 0, source_line = 1, source_column = 1, name = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && m[i].line == line)
            buf_char(out, ',');
        for (; line < m[i].line; line++, column = 1)
            buf_char(out, ';');
        put_vlq(out, m[i].column - column);
        column = m[i].column;
        if (m[i].source < 0)
            continue;
        put_vlq(out, m[i].source - source);
        put_vlq(out, m[i].source_line - source_line);
        put_vlq(out, m[i].source_column - source_column);
        source = m[i].source;
        source_line = m[i].source_line;
        source_column = m[i].source_column;
        if (m[i].name >= 0) {
            put_vlq(out, m[i].name - name);
            name = m[i].name;
        }
    }
}

/* The cache of a map; `members`: further ones of its JSON. */
static struct mapcache *make_map(const struct mapping *m, size_t count, const char *members,
                                 struct arena *a)
{
    struct buf json, image;
    struct err e = { 0 };
    struct str kept = { 0 };
    struct mapcache *cache = NULL;
    const struct sourcemap_from from = { STR(""), STR(""), STR(""), STR("") };
    buf_init(&json, MAP_BYTES_MAX);
    buf_init(&image, MAP_BYTES_MAX);
    buf_printf(&json, "{\"version\":3,%s,\"mappings\":\"", members);
    put_mappings(&json, m, count);
    buf_str(&json, STR("\"}"));
    struct bytes text = { (const uint8_t *)buf_view(&json).ptr, buf_view(&json).len };
    if (!sourcemap_convert(text, &from, a, &image, &e))
        fail_msg("%s", e.msg);
    assert_true(arena_str(a, buf_view(&image), &kept));
    if (!mapcache_open(&cache, (struct bytes){ (const uint8_t *)kept.ptr, kept.len }, &e))
        fail_msg("%s", e.msg);
    buf_done(&json);
    buf_done(&image);
    return cache;
}

/* --- a source of symbols --------------------------------------------------------------------- */

#define MAPS_MAX 4

/* Notes what it was asked for: "debug_id/uuid/name " of each. */
struct maps {
    struct {
        const char *id; /* of either kind, without dashes, in upper case; or a name */
        struct mapcache *cache;
    } at[MAPS_MAX];
    size_t count, finds, lent;
    char asked[4096];
};

static bool same_id(const char *id, struct str asked)
{
    size_t n = strlen(id), k = 0;
    for (size_t i = 0; i < asked.len; i++) {
        if (asked.ptr[i] == '-')
            continue;
        if (k == n || strncasecmp(&asked.ptr[i], &id[k++], 1) != 0)
            return false;
    }
    return n == k;
}

static bool find_map(void *ctx, const struct script_id *id, struct map_found *out)
{
    struct maps *m = ctx;
    struct str by = id->debug_id.len > 0 ? id->debug_id : id->uuid.len > 0 ? id->uuid : id->name;
    size_t len = strlen(m->asked);
    m->finds++;
    snprintf(m->asked + len, sizeof m->asked - len, "%.*s/%.*s/%.*s ", STR_ARG(id->debug_id),
             STR_ARG(id->uuid), STR_ARG(id->name));
    for (size_t i = 0; i < m->count; i++)
        if (same_id(m->at[i].id, by)) {
            *out = (struct map_found){ m->at[i].cache, m };
            m->lent++;
            return true;
        }
    return false;
}

static void release_map(void *ctx, struct map_found *found)
{
    struct maps *m = ctx;
    assert_ptr_equal(found->lease, m);
    m->lent--;
}

static struct symbol_source source_of(struct maps *m)
{
    return (struct symbol_source){ .ctx = m, .find_map = find_map, .release_map = release_map };
}

/* --- reports ------------------------------------------------------------------------------- */

static struct crash read_report(struct str json, struct maps *maps, struct arena *a)
{
    struct crash c;
    struct err e = { 0 };
    const struct symbol_source source = source_of(maps);
    if (!decode_upload(UPLOAD_JSON, json, &source, &c, a, &e))
        fail_msg("%.*s: %s", json.len > 500 ? 500 : (int)json.len, json.ptr, e.msg);
    assert_int_equal(maps->lent, 0);
    return c;
}

/* `head`: members of the report; `frames`: of one thread. */
static struct crash read_frames(const char *head, const char *frames, struct maps *maps,
                                struct arena *a)
{
    struct str json;
    assert_true(arena_printf(a, &json, "{%s\"threads\":{\"t\":{\"stack\":[%s]}}}", head, frames));
    return read_report(json, maps, a);
}

/* "function file:line:column" */
static void check_frame(const char *name, const struct crash *c, size_t i, const char *want)
{
    char got[512];
    const struct crash_frame *f = &c->threads[0].frames[i];
    snprintf(got, sizeof got, "%.*s %.*s:%llu:%llu", STR_ARG(f->function), STR_ARG(f->file),
             (unsigned long long)f->line, (unsigned long long)f->column);
    if (strcmp(got, want) != 0)
        fail_msg("%s, frame %zu: %s, not %s", name, i, got, want);
}

/* A map of line 1, column 10 on: src/cart.ts, from line 3, column 5 on. */
static const struct mapping one[] = { { 1, 10, 0, 3, 5, -1 } };
#define ONE_MEMBERS "\"sources\":[\"src/cart.ts\"],\"names\":[]"

#define ID "0B3C9D1E000040008000123456789ABC"
#define ID_DASHES "0b3c9d1e-0000-4000-8000-123456789abc"
#define FRAME(more) "{\"funcName\":\"t\",\"line\":1,\"column\":12," more "}"
#define LISTED "{\"file\":\"/srv/app/dist/a.js\",\"uuid\":\"u1\"},"

/* Whether it is found, and by what it was asked for. */
static void test_which_map(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head, *frame, *asked;
        bool missing; /* remembered, when there is no map */
    } cases[] = {
        { "debug id", "\"lang\":\"nodejs\",",
          FRAME("\"library\":\"/a.js\",\"debug_identifier\":\"" ID_DASHES "\""),
          ID_DASHES "//a.js ", true },
        { "debug id, in whatever language", "",
          FRAME("\"library\":\"/a.js\",\"debug_identifier\":\"" ID "\""), ID "//a.js ", true },
        { "debug id that is too long", "",
          FRAME("\"library\":\"/a.js\",\"debug_identifier\":\"" ID ID ID "\""), ID ID ID "//a.js ",
          false },
        { "debug id of a native library", "",
          FRAME("\"library\":\"a.so\",\"address\":\"0x10\",\"debug_identifier\":\"" ID "\""), "",
          false },
        { "before all else", "\"symbolication_maps\":[{\"file\":\"/a.js\",\"uuid\":\"u\"}],",
          FRAME("\"library\":\"/a.js\",\"debug_identifier\":\"" ID "\""), ID "//a.js ", true },
        { "list, same path",
          "\"symbolication_maps\":[{\"file\":\"/b/a.js\",\"uuid\":\"u0\"}," LISTED
          "{\"file\":\"/z/a.js\",\"uuid\":\"u2\"}],",
          FRAME("\"path\":\"/srv/app/dist/a.js\""), "/u1/a.js ", true },
        { "list, end of path",
          "\"symbolication_maps\":[{\"file\":\"/b/a.js\",\"uuid\":\"u0\"}," LISTED
          "{\"file\":\"/z/a.js\",\"uuid\":\"u2\"}],",
          FRAME("\"path\":\"../dist/a.js\""), "/u1/a.js ", true },
        { "list, only one of the name", "\"symbolication_maps\":[" LISTED "{}],",
          FRAME("\"path\":\"other/a.js\""), "/u1/a.js ", true },
        { "list, several of the name",
          "\"symbolication_maps\":[" LISTED "{\"file\":\"/z/a.js\",\"uuid\":\"u2\"}],",
          FRAME("\"path\":\"other/a.js\""), "", false },
        { "list, several of the name, and names count",
          "\"lang\":\"nodejs\",\"symbolication_maps\":[" LISTED
          "{\"file\":\"/z/a.js\",\"uuid\":\"u2\"}],",
          FRAME("\"path\":\"other/a.js\""), "", false },
        { "list, of a package",
          "\"symbolication_maps\":[{\"file\":\"/x/node_modules/p/a.js\",\"uuid\":\"u\"}],",
          FRAME("\"path\":\"node_modules/p/a.js\""), "/u/a.js ", false },
        { "one id for all",
          "\"lang\":\"nodejs\",\"attributes\":{\"symbolication_id\":\"" ID_DASHES "\"},",
          FRAME("\"path\":\"dist/a.js\""), "/" ID_DASHES "/a.js ", true },
        { "but not for packages",
          "\"lang\":\"nodejs\",\"attributes\":{\"symbolication_id\":\"" ID_DASHES "\"},",
          FRAME("\"path\":\"node_modules/p/a.js\""), "", false },
        { "one id for all, of ProGuard",
          "\"lang\":\"java\",\"symbolication\":\"proguard\",\"attributes\":{\"symbolication_id\":"
          "\"" ID_DASHES "\"},",
          FRAME("\"path\":\"A.java\""), "", false },
        { "name, URL", "\"lang\":\"js\",", FRAME("\"library\":\"https://x.org/js/a.js?v=1#/cart\""),
          "//a.js ", false },
        { "name, Windows", "\"agent\":\"@backtrace/electron\",",
          FRAME("\"library\":\"C:\\\\app\\\\a.js\""), "//a.js ", false },
        { "name, told to be bundled", "\"symbolication\":\"sourcemap\",",
          FRAME("\"library\":\"/a.js\""), "//a.js ", true },
        { "name, told to be bundled, others have ids",
          "\"symbolication\":\"sourcemap\",\"symbolication_maps\":[" LISTED "{}],",
          FRAME("\"library\":\"/x.js\""), "//x.js ", false },
        { "name that bundlers give", "\"lang\":\"nodejs\",", FRAME("\"library\":\"/a.min.js\""),
          "//a.min.js ", true },
        { "name with a hash", "\"lang\":\"nodejs\",", FRAME("\"library\":\"/index-4f3a9b21.js\""),
          "//index-4f3a9b21.js ", true },
        { "name without one", "\"lang\":\"nodejs\",", FRAME("\"library\":\"/deadbeefs.facade.js\""),
          "//deadbeefs.facade.js ", false },
        { "name of a package", "\"lang\":\"nodejs\",",
          FRAME("\"library\":\"/srv/node_modules/p/a.min.js\""), "", false },
        { "another language", "\"lang\":\"python\",", FRAME("\"path\":\"a.py\""), "", false },
        { "Node's own", "\"symbolication\":\"sourcemap\",",
          FRAME("\"library\":\"node:internal/modules/cjs/loader\""), "", false },
        { "no script", "\"lang\":\"nodejs\",", FRAME("\"funcName_\":1"), "", false },
        { "no file", "\"lang\":\"nodejs\",", FRAME("\"library\":\"evalmachine.<anonymous>\""), "",
          false },
        { "not known", "\"lang\":\"nodejs\",", FRAME("\"library\":\"unknown\""), "", false },
        { "no column", "\"symbolication\":\"sourcemap\",",
          "{\"funcName\":\"t\",\"library\":\"/a.js\",\"line\":1}", "", false },
        { "no line", "\"symbolication\":\"sourcemap\",",
          "{\"funcName\":\"t\",\"library\":\"/a.js\",\"column\":1}", "", false },
        { "lists that are none",
          "\"symbolication\":\"sourcemap\",\"symbolication_maps\":[1,null,{\"file\":5,\"uuid\":[]},"
          "{\"file\":\"/\",\"uuid\":\"u\"}],",
          FRAME("\"library\":\"/a.js\""), "//a.js ", true },
    };
    static const char *const ids[] = { ID, "U1", "A.JS", "X.JS" };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        CLEANUP(mapcache_free_p) struct mapcache *map = make_map(one, 1, ONE_MEMBERS, a);
        struct maps none = { .count = 0 }, maps = { .count = COUNT_OF(ids) };
        for (size_t k = 0; k < COUNT_OF(ids); k++)
            maps.at[k].id = ids[k], maps.at[k].cache = map;
        struct crash c = read_frames(cases[i].head, cases[i].frame, &none, a);
        if (strcmp(none.asked, cases[i].asked) != 0)
            fail_msg("%s: asked for %s", cases[i].name, none.asked);
        assert_null(c.threads[0].frames[0].generated);
        assert_int_equal(c.script_count, none.finds);
        if (none.finds > 0 && c.scripts[0].missing != cases[i].missing)
            fail_msg("%s: missing %d", cases[i].name, c.scripts[0].missing);
        c = read_frames(cases[i].head, cases[i].frame, &maps, a);
        assert_true(c.script_count == 0 || c.threads[0].frames[0].generated == NULL ||
                    !c.scripts[0].missing);
    }
}

/* However many scripts of one name are listed, the same path is found; and when none is, a map of
 * that name is not asked for. */
static void test_many_of_one_name(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct buf head;
    buf_init(&head, 1 << 20);
    buf_str(&head, STR("\"lang\":\"nodejs\",\"symbolication_maps\":["));
    for (int i = 0; i < 300; i++)
        buf_printf(&head, "%s{\"file\":\"/srv/%03d/index.js\",\"uuid\":\"u%d\"}", i ? "," : "", i,
                   i);
    buf_str(&head, STR("],"));
    buf_char(&head, '\0');
    assert_true(buf_ok(&head));
    static const struct {
        const char *frame, *asked;
    } cases[] = {
        { FRAME("\"path\":\"/srv/000/index.js\""), "/u0/index.js " },
        { FRAME("\"path\":\"/srv/299/index.js\""), "/u299/index.js " },
        { FRAME("\"path\":\"/srv/400/index.js\""), "" },
        { FRAME("\"path\":\"/srv/400/other.js\""), "//other.js " },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct maps none = { .count = 0 };
        (void)read_frames(head.ptr, cases[i].frame, &none, a);
        assert_string_equal(none.asked, cases[i].asked);
    }
    buf_done(&head);
}

/* Ids are remembered in one spelling. */
static void test_scripts_told(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct maps none = { .count = 0 };
    struct crash c = read_frames(
        "\"symbolication_maps\":[" LISTED "{}],",
        FRAME("\"library\":\"/x/b.js\",\"debug_identifier\":\"" ID_DASHES "\"") "," FRAME(
            "\"path\":\"dist/a.js\"") "," FRAME("\"library\":\"/y/b.js\",\"debug_identifier\":"
                                                "\"" ID_DASHES "\""),
        &none, a);
    assert_int_equal(none.finds, 2);
    assert_int_equal(c.script_count, 2);
    assert_true(str_eq(c.scripts[0].debug_file, STR("b.js")));
    assert_true(str_eq(c.scripts[0].debug_id, STR(ID)) && c.scripts[0].code_id.len == 0);
    assert_true(str_eq(c.scripts[1].debug_file, STR("a.js")));
    assert_true(str_eq(c.scripts[1].code_id, STR("U1")) && c.scripts[1].debug_id.len == 0);
}

/* --- frames -------------------------------------------------------------------------------- */

static const char cart_members[] =
    "\"file\":\"cart.min.js\",\"sources\":[\"src/cart.ts\",\"lib/vendor.js\"],\"ignoreList\":[1],"
    "\"names\":[\"total\",\"check this\",\"Cart\"],\"sourcesContent\":["
    "\"class Cart {\\n  constructor(n) {\\n    this.n = n.length;\\n  }\\n  total(x) {\\n"
    "    return check(x);\\n  }\\n}\\nfunction check(x) {\\n  throw new Error(x);\\n}\\n"
    "new Cart(null).total(1);\\n\",null]";
/* Line 1: places in the source. Line 2: without a function, the vendor's. */
static const struct mapping cart[] = {
    { 1, 1, 0, 10, 9, -1 },   { 1, 20, 0, 6, 12, 1 }, { 1, 40, 0, 12, 16, 0 },
    { 1, 60, 0, 3, 14, -1 },  { 1, 80, 0, 12, 1, 2 }, { 1, 100, -1, 0, 0, -1 },
    { 2, 1, 1, 50, 1, -1 },   { 2, 20, 1, 60, 1, 0 }, { 2, 40, 1, 70, 1, 1 },
    { 2, 60, 0, 999, 1, -1 },
};

#define AT(function, line, column)                                                                 \
    "{\"funcName\":\"" function "\",\"library\":\"/srv/cart.min.js\",\"line\":" line               \
    ",\"column\":" column "}"

static void test_frames(void **state)
{
    (void)state;
    static const struct {
        const char *name, *frames, *want[3];
    } cases[] = {
        { "functions of the source",
          AT("e", "1", "5") "," AT("t.r", "1", "20") "," AT("", "1", "41"),
          { "check src/cart.ts:10:9", "Cart.total src/cart.ts:6:12", " src/cart.ts:12:16" } },
        { "a constructor",
          AT("new t", "1", "60") "," AT("Object.<anonymous>", "1", "80"),
          { "new Cart src/cart.ts:3:14", "Object.<anonymous> src/cart.ts:12:1" } },
        { "async", AT("async e", "1", "5"), { "async check src/cart.ts:10:9" } },
        { "what the caller calls it",
          AT("e", "2", "1") "," AT("r", "2", "20") "," AT("o", "2", "1"),
          { "total lib/vendor.js:50:1", "r lib/vendor.js:60:1", "o lib/vendor.js:50:1" } },
        { "unless it calls it by no name",
          AT("e", "2", "1") "," AT("r", "2", "40"),
          { "e lib/vendor.js:50:1", "r lib/vendor.js:70:1" } },
        { "from no source",
          AT("e", "1", "5") "," AT("r", "1", "101") "," AT("o", "3", "1"),
          { "check src/cart.ts:10:9", "r :1:101", "o :3:1" } },
        { "past the end of the source", AT("e", "2", "60"), { "e src/cart.ts:999:1" } },
        { "a line past all numbers", AT("e", "4294967297", "1"), { "e :4294967297:1" } },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct arena *of_map = arena_new(ARENA_BYTES);
        struct mapcache *map = make_map(cart, COUNT_OF(cart), cart_members, of_map);
        struct maps maps = { .at = { { "CART.MIN.JS", map } }, .count = 1 };
        struct crash c = read_frames("\"lang\":\"nodejs\",", cases[i].frames, &maps, a);
        mapcache_free(map);
        arena_free(of_map); /* nothing borrows it */
        for (size_t k = 0; k < 3 && cases[i].want[k]; k++)
            check_frame(cases[i].name, &c, k, cases[i].want[k]);
    }
}

static void test_what_a_frame_has(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    CLEANUP(mapcache_free_p) struct mapcache *map = make_map(cart, COUNT_OF(cart), cart_members, a);
    struct maps maps = { .at = { { "CART.MIN.JS", map } }, .count = 1 };
    struct crash c =
        read_frames("\"lang\":\"nodejs\",",
                    AT("e", "1", "5") "," AT("r", "2", "1") "," AT("o", "1", "80"), &maps, a);
    const struct crash_frame *f = c.threads[0].frames;
    assert_true(str_eq(f[0].module, STR("/srv/cart.min.js")));
    assert_true(str_eq(f[0].source, STR("  throw new Error(x);")));
    assert_int_equal(f[0].first_line, 5);
    assert_int_equal(f[0].line_count, 8);
    assert_true(str_eq(f[0].lines[0], STR("  total(x) {")));
    assert_true(str_eq(f[0].lines[5], f[0].source));
    assert_true(str_eq(f[0].generated->function, STR("e")));
    assert_true(str_eq(f[0].generated->file, STR("/srv/cart.min.js")));
    assert_int_equal(f[0].generated->line, 1);
    assert_int_equal(f[0].generated->column, 5);
    assert_false(f[0].ignored);
    assert_true(f[1].ignored && f[1].source.len == 0 && f[1].line_count == 0);
    assert_int_equal(f[2].first_line, 7);
    assert_int_equal(f[2].line_count, 6);
}

/* --- limits -------------------------------------------------------------------------------- */

/* A report of so many frames, alternately of two scripts. */
static struct str many_frames(size_t n, const char *first, const char *second, struct arena *a)
{
    struct buf b;
    struct str out = { 0 };
    buf_init(&b, MAP_BYTES_MAX);
    buf_str(&b, STR("{\"lang\":\"nodejs\",\"threads\":{\"t\":{\"stack\":["));
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? "," : "", i & 1 ? second : first);
    buf_str(&b, STR("]}}}"));
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void test_many_frames(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new((size_t)2 << 30);
    CLEANUP(mapcache_free_p) struct mapcache *map = make_map(cart, COUNT_OF(cart), cart_members, a);
    struct maps maps = { .at = { { "CART.MIN.JS", map } }, .count = 1 };
    struct str json =
        many_frames(CRASH_FRAMES_MAX, AT("e", "1", "5"), FRAME("\"library\":\"/b.js\""), a);
    struct crash c = read_report(json, &maps, a);
    const struct crash_frame *f = c.threads[0].frames;
    size_t windows = 0;
    assert_int_equal(maps.finds, 2);
    assert_int_equal(c.threads[0].frame_count, CRASH_FRAMES_MAX);
    for (size_t i = 0; i < CRASH_FRAMES_MAX; i++)
        windows += f[i].line_count > 0;
    assert_int_equal(windows, 100);
    assert_true(f[198].line_count > 0 && f[200].line_count == 0);
    check_frame("the last", &c, CRASH_FRAMES_MAX - 2, "check src/cart.ts:10:9");
    assert_true(f[198].lines[0].ptr == f[0].lines[0].ptr); /* copied once */
}

/* Long lines, of characters that must stay whole. */
static void test_long_lines(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct buf b;
    buf_init(&b, MAP_BYTES_MAX);
    buf_str(&b, STR("\"sources\":[\"a.ts\"],\"names\":[],\"sourcesContent\":[\""));
    for (size_t line = 0; line < 11; line++)
        for (size_t i = 0; i < 700; i++)
            buf_str(&b, i == 699 ? STR("\\n") : STR("\xe2\x82\xac"));
    buf_str(&b, STR("\"]"));
    const struct mapping m = { 1, 1, 0, 6, 1, -1 };
    CLEANUP(mapcache_free_p) struct mapcache *map = make_map(&m, 1, buf_view(&b).ptr, a);
    buf_done(&b);
    struct maps maps = { .at = { { "A.JS", map } }, .count = 1 };
    struct crash c = read_report(
        many_frames(2000, FRAME("\"library\":\"a.js\""), FRAME("\"library\":\"a.js\""), a), &maps,
        a);
    const struct crash_frame *f = c.threads[0].frames;
    assert_int_equal(f[0].line_count, 11);
    for (size_t i = 0; i < 11; i++)
        assert_int_equal(f[0].lines[i].len, 498);
    assert_int_equal(f[0].source.len, 999);
    assert_int_equal(f[99].line_count, 11);
    assert_int_equal(f[1999].source.len, 999);
    c = read_report(
        many_frames(10000, FRAME("\"library\":\"a.js\""), FRAME("\"library\":\"a.js\""), a), &maps,
        a);
    f = c.threads[0].frames;
    assert_int_equal(f[9999].source.len, 0); /* 4 MB in all */
    check_frame("the last", &c, 9999, "t a.ts:6:1");
}

static void test_many_scripts(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    static struct maps maps;
    struct buf b;
    maps = (struct maps){ .count = 0 };
    buf_init(&b, MAP_BYTES_MAX);
    buf_str(&b, STR("{\"lang\":\"nodejs\",\"threads\":{\"t\":{\"stack\":["));
    for (size_t i = 0; i < 1500; i++)
        buf_printf(&b, "%s{\"line\":1,\"column\":1,\"library\":\"%zu.js\"}", i ? "," : "", i);
    buf_str(&b, STR("]}}}"));
    struct crash c = read_report(buf_view(&b), &maps, a);
    assert_int_equal(maps.finds, 1000);
    assert_int_equal(c.script_count, 1000);
    assert_int_equal(c.error_count, 1);
    buf_done(&b);
}

/* All that was lent is given back, however little memory there is. */
static void test_no_memory(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *of_map = arena_new(ARENA_BYTES);
    CLEANUP(mapcache_free_p)
    struct mapcache *map = make_map(cart, COUNT_OF(cart), cart_members, of_map);
    struct maps maps = { .at = { { "CART.MIN.JS", map } }, .count = 1 };
    const struct symbol_source source = source_of(&maps);
    struct str json = many_frames(500, AT("e", "1", "5"), AT("r", "1", "20"), of_map);
    bool ok = false;
    for (size_t limit = 1000; !ok; limit += 10000) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(limit);
        struct err e = { 0 };
        struct crash c;
        ok = a && decode_upload(UPLOAD_JSON, json, &source, &c, a, &e);
        assert_true(ok || !a || e.code == ERR_NOMEM);
        assert_int_equal(maps.lent, 0);
    }
    assert_true(maps.finds > 2); /* it failed behind them, too */
}

/* --- grouping ------------------------------------------------------------------------------ */

static void fingerprint_of(const struct mapping *m, size_t count, const char *frames,
                           const char *script, char out[65], struct arena *a)
{
    uint8_t fp[FINGERPRINT_BYTES];
    struct callstack stack;
    struct err e = { 0 };
    CLEANUP(mapcache_free_p) struct mapcache *map = make_map(m, count, cart_members, a);
    struct maps maps = { .at = { { script, map } }, .count = 1 };
    struct crash c = read_frames("\"lang\":\"nodejs\",", frames, &maps, a);
    assert_true(fingerprint_crash(&c, STR("json"), a, fp, &stack, &e));
    fingerprint_hex(fp, out);
}

/* The same bug in two builds, which have other names and other places: one fingerprint. */
static void test_builds_are_alike(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    static const struct mapping other[] = { { 3, 1, 0, 10, 9, -1 },
                                            { 3, 33, 0, 6, 12, -1 },
                                            { 4, 1, 0, 12, 16, -1 } };
    char one_hex[65], other_hex[65], bare_hex[65];
    fingerprint_of(
        cart, COUNT_OF(cart),
        AT("e", "1", "5") "," AT("t.r", "1", "20") "," AT("Object.<anonymous>", "1", "41"),
        "CART.MIN.JS", one_hex, a);
#define OTHER(function, line, column)                                                              \
    "{\"funcName\":\"" function "\",\"library\":\"/srv/cart-77aa88bb.js\",\"line\":" line          \
    ",\"column\":" column "}"
    static const char frames[] =
        OTHER("_", "3", "9") "," OTHER("n.o", "3", "34") "," OTHER("anonymous", "4", "2");
    fingerprint_of(other, COUNT_OF(other), frames, "CART77AA88BB.JS", other_hex, a);
    assert_string_equal(one_hex, other_hex);
    fingerprint_of(other, COUNT_OF(other), frames, "NONE", bare_hex, a);
    assert_string_not_equal(one_hex, bare_hex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_map),        cmocka_unit_test(test_scripts_told),
        cmocka_unit_test(test_many_of_one_name), cmocka_unit_test(test_frames),
        cmocka_unit_test(test_what_a_frame_has), cmocka_unit_test(test_many_frames),
        cmocka_unit_test(test_long_lines),       cmocka_unit_test(test_many_scripts),
        cmocka_unit_test(test_no_memory),        cmocka_unit_test(test_builds_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
