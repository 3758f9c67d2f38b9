/* search.c - the search over all reports, or over those of a project: a page of whole reports. */
#include "api/shared.h"

static bool param_order(struct http_exchange *x, struct search_request *rq)
{
    struct str order;
    (void)http_param(x, "sort", &rq->sort);
    if (!http_param(x, "order", &order) || order.len == 0 || str_eq(order, STR("desc")))
        return true;
    rq->ascending = true;
    return str_eq(order, STR("asc")) ||
           param_refuse(x, "order", "bad_order", "order must be asc or desc");
}

static bool answer_hits(struct reading *r, const struct search_request *rq, struct err *e)
{
    struct search_hit *hits = NULL;
    size_t count = 0, total;
    struct json_writer w;
    if (!reading_is_empty(r) && !search_run(r->c, rq, &hits, &count, &total, r->arena, e))
        return false;
    json_writer_init(&w, http_out(r->x));
    json_list(&w);
    for (size_t i = 0; i < count && buf_ok(http_out(r->x)); i++)
        if (!render_report(&w, r, hits[i].report, NULL, e) && e->code != ERR_NOT_FOUND)
            return false;
    json_list_end(&w);
    reading_answer(r, 200);
    return true;
}

void api_search(struct http_exchange *x, void *ctx)
{
    struct reading r;
    struct search_request rq;
    struct str q;
    struct page page;
    struct err e = { 0 };
    if (reading_begin(&r, x, ctx) && param_search(&r, NULL, &rq, &q) && param_order(x, &rq) &&
        param_page(x, &page)) {
        rq.from = page.from;
        rq.size = page.size;
        rq.need_scores = rq.sort.len == 0;
        if (!answer_hits(&r, &rq, &e))
            search_refuse(x, &e);
    }
    reading_done(&r);
}
