/* A report of the format json, and behind a NUL a source map, or what should be one: frames of
 * every script are mapped by it. What is lent is given back, nothing borrows the map any more, and
 * the report that is made is taken without an error. */
#include "decode/decode.h"
#include "report/crash_report.h"
#include "report/fingerprint.h"
#include "sourcemap/sourcemap.h"

#include <assert.h>

#define ARENA_BYTES ((size_t)256 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct lender {
    struct mapcache *map; /* NULL: none is found */
    size_t lent;
};

static bool find_map(void *ctx, const struct script_id *id, struct map_found *out)
{
    struct lender *l = ctx;
    assert(id->name.len > 0);
    if (!l->map)
        return false;
    *out = (struct map_found){ l->map, l };
    l->lent++;
    return true;
}

static void release_map(void *ctx, struct map_found *found)
{
    struct lender *l = ctx;
    assert(found->lease == l && l->lent > 0);
    l->lent--;
}

static void check_report(const struct crash *c, struct arena *a)
{
    const struct crash_names names = { STR("id"), STR("P"), 1 };
    const struct json_limits limits = { REPORT_DEPTH_MAX, 2 * (size_t)REPORT_TEXTS_MAX };
    const struct json *j;
    struct report r;
    struct callstack stack;
    uint8_t fp[FINGERPRINT_BYTES];
    struct str json;
    struct err e = { 0 };
    bool ok = crash_report_write(c, &names, a, &json, &e) && json_parse(&j, json, limits, a, &e) &&
              report_from_json(&r, j, json, a, &e) &&
              fingerprint_crash(c, STR("json"), a, fp, &stack, &e);
    assert(ok || e.code == ERR_NOMEM);
}

static void check(const struct crash *c)
{
    for (size_t t = 0; t < c->thread_count; t++)
        for (size_t i = 0; i < c->threads[t].frame_count; i++) {
            const struct crash_frame *f = &c->threads[t].frames[i];
            assert(!f->generated || (f->line > 0 && f->column > 0 && f->generated->line > 0));
            assert(f->line_count == 0 || (f->generated && f->line >= f->first_line &&
                                          f->line - f->first_line < f->line_count));
        }
}

static void map(struct str report, struct bytes text, struct arena *a)
{
    const struct sourcemap_from from = { STR("a.map"), STR("a.js"), STR(""), STR("") };
    struct lender lender = { .map = NULL };
    const struct symbol_source source = { .ctx = &lender,
                                          .find_map = find_map,
                                          .release_map = release_map };
    struct buf image;
    struct crash c;
    struct err e = { 0 };
    buf_init(&image, ARENA_BYTES);
    if (sourcemap_convert(text, &from, a, &image, &e) && buf_ok(&image)) {
        const struct bytes b = { (const uint8_t *)image.ptr, image.len };
        bool ok = mapcache_open(&lender.map, b, &e);
        assert(ok || e.code == ERR_NOMEM);
    }
    bool ok = decode_upload(UPLOAD_JSON, report, &source, &c, a, &e);
    assert(lender.lent == 0);
    mapcache_free(lender.map);
    buf_done(&image);
    if (ok) {
        check(&c);
        check_report(&c, a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t n = nul ? (size_t)(nul - data) : size;
    struct str report;
    const struct bytes text = { data + (nul ? n + 1 : n), nul ? size - n - 1 : 0 };
    if (a && arena_str(a, (struct str){ (const char *)data, n }, &report))
        map(report, text, a);
    return 0;
}
