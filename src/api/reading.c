/* reading.c - one report: as it was posted, with what the server adds; and what weighs most in it.
 */
#include "api/shared.h"

/* How many reports of the report's own project share each of its buckets: one pass over all. */
static void count_totals(const struct reading *r, uint32_t report, size_t *totals)
{
    struct collected own = collection_report(r->c, report);
    memset(totals, 0, r->api->threshold_count * sizeof *totals);
    for (uint32_t i = 0; i < r->count; i++) {
        struct collected other = collection_report(r->c, i);
        if (other.project != own.project || other.superseded_by < r->count)
            continue;
        for (size_t t = 0; t < r->api->threshold_count; t++)
            totals[t] += other.buckets[t] == own.buckets[t];
    }
}

static void set_related(struct reading *r, uint32_t report)
{
    struct collected own = collection_report(r->c, report);
    size_t t = r->api->default_threshold;
    struct str href = link_bucket(&r->links, collection_project(r->c, own.project),
                                  r->api->thresholds[t], collection_name(r->c, own.buckets[t]));
    struct str link;
    if (arena_printf(http_arena(r->x), &link, "<%.*s>; rel=\"related\"", STR_ARG(href)))
        http_set_header(r->x, "Link", link);
}

static void answer_report(struct reading *r)
{
    uint32_t report;
    struct err e = { 0 };
    struct json_writer w;
    size_t totals[COLLECTION_THRESHOLDS_MAX];
    if (!reading_find(r, "id", false, &report))
        return;
    count_totals(r, report, totals);
    json_writer_init(&w, http_out(r->x));
    if (!render_report(&w, r, report, totals, &e)) {
        http_answer_err(r->x, &e);
        return;
    }
    set_related(r, report);
    reading_answer(r, 200);
}

void api_report(struct http_exchange *x, void *ctx)
{
    struct reading r;
    if (reading_begin(&r, x, ctx))
        answer_report(&r);
    reading_done(&r);
}

static bool trace_keep(struct trace *t, struct arena *a)
{
    struct trace_frame *frames = arena_array(a, t->count ? t->count : 1, sizeof *frames);
    bool ok = frames && arena_str(a, t->build, &t->build) && arena_str(a, t->death, &t->death);
    for (size_t i = 0; i < t->count && ok; i++) {
        frames[i] = t->frames[i];
        ok = arena_str(a, frames[i].function, &frames[i].function) &&
             arena_str(a, frames[i].module, &frames[i].module) &&
             arena_str(a, frames[i].build, &frames[i].build);
    }
    t->frames = frames;
    return ok;
}

bool reading_trace(struct reading *r, const struct json *payload, struct trace *out, struct err *e)
{
    return (trace_collect(out, payload, r->arena) && trace_keep(out, r->arena)) ||
           err_set(e, ERR_NOMEM, 0, "no memory for the stack trace");
}

const char *reading_similarity(const struct reading *r, uint32_t report)
{
    struct collected own = collection_report(r->c, report);
    return bucket_index_similarity(r->view->index, collection_project(r->c, own.project));
}

static bool summarize(struct reading *r, uint32_t report, struct explanation *out, struct err *e)
{
    const struct json *payload;
    struct trace trace;
    return reading_payload(r, report, &payload, e) && reading_trace(r, payload, &trace, e) &&
           bucket_index_summary(r->view->index, report, &trace, out, r->arena, e);
}

static void answer_summary(struct reading *r)
{
    uint32_t report;
    struct err e = { 0 };
    struct explanation summary;
    if (!reading_find(r, "id", false, &report))
        return;
    if (!summarize(r, report, &summary, &e)) {
        http_answer_err(r->x, &e);
        return;
    }
    struct collected own = collection_report(r->c, report);
    struct json_writer w;
    json_writer_init(&w, http_out(r->x));
    json_object(&w);
    json_member(&w, "database_id", collection_name(r->c, own.name));
    json_member(&w, "project", collection_project(r->c, own.project));
    render_explanation(&w, reading_similarity(r, report), "summary", EXPLAINED_ALONE, &summary);
    json_object_end(&w);
    reading_answer(r, 200);
}

void api_summary(struct http_exchange *x, void *ctx)
{
    struct reading r;
    if (reading_begin(&r, x, ctx))
        answer_summary(&r);
    reading_done(&r);
}
