/* Any text: read as a report, written as JSON and read again, it must be the same report. */
#include "report/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = { REPORT_DEPTH_MAX + 8, 1000000 };

static bool read_report(struct report *out, const struct json **json, struct str text,
                        struct arena *a)
{
    struct err e = { 0 };
    if (json_parse(json, text, limits, a, &e) && report_from_json(out, *json, text, a, &e))
        return true;
    assert(e.code != ERR_NONE && e.msg[0] != '\0'); /* a refusal always says why */
    return false;
}

static bool half(void *ctx, struct str function, double *out)
{
    (void)ctx;
    *out = 1.0;
    return function.len % 2;
}

static void assert_same_trace(const struct trace *a, const struct trace *b)
{
    assert(a->count == b->count && a->count <= TRACE_FRAMES_MAX);
    assert(str_eq(a->build, b->build) && str_eq(a->death, b->death));
    for (size_t i = 0; i < a->count; i++) {
        const struct trace_frame *f = &a->frames[i], *g = &b->frames[i];
        assert(str_eq(f->function, g->function) && str_eq(f->module, g->module));
        assert(str_eq(f->build, g->build) && f->site == g->site);
        assert(f->has_site == g->has_site && f->inlined == g->inlined && f->index == g->index);
        assert(f->index < REPORT_FRAMES_MAX && (i == 0 || f->index > f[-1].index));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(64u << 20);
    struct str text;
    const struct json *json;
    struct report r, again;
    struct err e = { 0 };
    if (!a || !arena_str(a, (struct str){ (const char *)data, size }, &text) ||
        !read_report(&r, &json, text, a))
        return 0;
    bool named = report_set_project(&r, r.project.len ? STR("") : STR("P"), &e);
    assert(named);
    struct buf b;
    struct json_writer w;
    buf_init(&b, 64u << 20);
    json_writer_init(&w, &b);
    const struct report_extra x = { .logdf = half, .project = r.project, .date_ms = r.date_ms };
    report_write(&w, json, &x);
    assert(buf_ok(&b));
    bool ok = read_report(&again, &json, buf_view(&b), a);
    assert(ok);
    assert(memcmp(r.content_hash, again.content_hash, sizeof r.content_hash) == 0);
    assert(str_eq(r.project, again.project));
    assert_same_trace(&r.trace, &again.trace);
    buf_done(&b);
    return 0;
}
