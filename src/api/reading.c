/* reading.c - one report: as it was posted, with what the server adds; and what weighs most in it.
 */
#include "api/shared.h"

/* How many reports of the report's own project share each of its buckets: one pass over all. */
static void count_totals(const struct reading *r, uint32_t report, size_t *totals)
{
    struct collected own = collection_report(r->c, report);
    uint32_t count = collection_count(r->c);
    memset(totals, 0, r->api->threshold_count * sizeof *totals);
    for (uint32_t i = 0; i < count; i++) {
        struct collected other = collection_report(r->c, i);
        if (other.project != own.project)
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

static void answer_summary(struct reading *r)
{
    uint32_t report;
    struct err e = { 0 };
    struct explanation summary;
    if (!reading_find(r, "id", false, &report))
        return;
    if (!bucket_index_summary(r->view->index, report, NULL, &summary, r->arena, &e)) {
        http_answer_err(r->x, &e);
        return;
    }
    struct collected own = collection_report(r->c, report);
    struct json_writer w;
    json_writer_init(&w, http_out(r->x));
    json_object(&w);
    json_member(&w, "database_id", collection_name(r->c, own.name));
    json_member(&w, "project", collection_project(r->c, own.project));
    json_key(&w, STR("summary"));
    render_terms(&w, &summary);
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
