/* buckets.c - the buckets at a threshold, largest first, and the reports of one bucket.
 *
 * Nothing is kept for these lists: the reports that the filters let through are counted anew, by
 * the numbers of their buckets' names, which are small enough to index an array with. */
#include "api/shared.h"

#include <stdlib.h>

#define TOP_REPORTS 3     /* shown with each bucket of a list */
#define LOCATION_MAX 8192 /* in an answer's headers, which have little room */

struct bucket {
    uint32_t name;
    uint32_t total;
    int64_t first_ms, last_ms;
    uint32_t project;             /* COLLECTION_NONE: of several */
    uint32_t newest[TOP_REPORTS]; /* newest first; min(total, TOP_REPORTS) of them */
};

struct bucket_list {
    struct bucket *at;
    size_t count;
};

static bool is_newer(const struct collection *c, uint32_t a, uint32_t b)
{
    int64_t x = collection_report(c, a).date_ms, y = collection_report(c, b).date_ms;
    return x != y ? x > y : a > b;
}

static void bucket_count(struct bucket *b, const struct collection *c, uint32_t report,
                         const struct collected *r)
{
    if (b->total == 0) {
        b->first_ms = b->last_ms = r->date_ms;
        b->project = r->project;
    }
    if (r->date_ms < b->first_ms)
        b->first_ms = r->date_ms;
    if (r->date_ms > b->last_ms)
        b->last_ms = r->date_ms;
    if (r->project != b->project)
        b->project = COLLECTION_NONE;
    size_t have = b->total < TOP_REPORTS ? b->total : TOP_REPORTS;
    size_t at = have;
    while (at > 0 && is_newer(c, report, b->newest[at - 1]))
        at--;
    for (size_t i = have < TOP_REPORTS ? have : TOP_REPORTS - 1; i > at; i--)
        b->newest[i] = b->newest[i - 1];
    if (at < TOP_REPORTS)
        b->newest[at] = report;
    b->total++;
}

static bool bit(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

/* Counts the reports in `bits` by their buckets at threshold `t`. */
static bool count_buckets(const struct reading *r, const uint64_t *bits, uint32_t reports, size_t t,
                          struct bucket_list *out, struct err *e)
{
    uint32_t names = 0;
    for (uint32_t i = 0; i < reports; i++)
        if (bit(bits, i) && collection_report(r->c, i).buckets[t] >= names)
            names = collection_report(r->c, i).buckets[t] + 1;
    uint32_t *slots = arena_zalloc(r->arena, (names + (size_t)1) * sizeof *slots); /* 0: none yet */
    if (!slots)
        return err_set(e, ERR_NOMEM, 0, "too many buckets to count");
    *out = (struct bucket_list){ 0 };
    for (uint32_t i = 0; i < reports; i++)
        if (bit(bits, i) && slots[collection_report(r->c, i).buckets[t]] == 0)
            slots[collection_report(r->c, i).buckets[t]] = (uint32_t)++out->count;
    out->at = arena_zalloc(r->arena, (out->count + 1) * sizeof *out->at);
    if (!out->at)
        return err_set(e, ERR_NOMEM, 0, "too many buckets to count");
    for (uint32_t i = 0; i < reports; i++) {
        if (!bit(bits, i))
            continue;
        struct collected report = collection_report(r->c, i);
        struct bucket *b = &out->at[slots[report.buckets[t]] - 1];
        b->name = report.buckets[t];
        bucket_count(b, r->c, i, &report);
    }
    return true;
}

/* Largest first, then the most recent, then the one that came up last. */
static int by_size(const void *x, const void *y)
{
    const struct bucket *a = x, *b = y;
    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    if (a->last_ms != b->last_ms)
        return a->last_ms > b->last_ms ? -1 : 1;
    return a->name > b->name ? -1 : 1;
}

/* What a bucket calls its project: the route's, or that of all its reports. A bucket of several
 * projects has the project of the report that it is called after, or else of its newest. */
static struct str bucket_project(const struct reading *r, const struct bucket *b)
{
    if (r->project.len > 0)
        return r->project;
    uint32_t project = b->project;
    if (project == COLLECTION_NONE) {
        uint32_t founder = collection_named_among(r->c, b->name, r->count);
        bool known = founder != COLLECTION_NONE;
        project = collection_report(r->c, known ? founder : b->newest[0]).project;
    }
    return collection_project(r->c, project);
}

/* The members id, project, href, threshold and total. The href shows what was counted: only a
 * bucket whose reports are all of one project is shown as part of that. */
static void write_bucket(struct json_writer *w, struct reading *r, size_t t, const struct bucket *b)
{
    struct str id = collection_name(r->c, b->name);
    struct str project = bucket_project(r, b);
    bool mixed = r->project.len == 0 && b->project == COLLECTION_NONE;
    char date[DATE_TEXT_MAX];
    json_member(w, "id", id);
    json_member(w, "project", project);
    json_member(w, "href",
                link_bucket(&r->links, mixed ? STR("") : project, r->api->thresholds[t], id));
    json_member(w, "threshold", r->api->thresholds[t]);
    json_key(w, STR("total"));
    json_int(w, b->total);
    json_member(w, "first_seen", date_format(b->first_ms, true, date));
    json_member(w, "last_seen", date_format(b->last_ms, true, date));
}

static void write_listed(struct json_writer *w, struct reading *r, size_t t, const struct bucket *b)
{
    json_object(w);
    write_bucket(w, r, t, b);
    json_key(w, STR("top_reports"));
    json_list(w);
    for (size_t i = 0; i < b->total && i < TOP_REPORTS; i++) {
        struct str names[COLLECTION_THRESHOLDS_MAX];
        struct assignment a;
        assignment_of(&a, r->c, b->newest[i], r->api->threshold_count, names);
        json_object(w);
        render_assignment(w, r->api, &r->links, &a);
        json_object_end(w);
    }
    json_list_end(w);
    json_object_end(w);
}

static void write_date_or_null(struct json_writer *w, const char *key, bool given, int64_t ms)
{
    char date[DATE_TEXT_MAX];
    json_key(w, str_from_c(key));
    if (given)
        json_str(w, date_format(ms, false, date));
    else
        json_null(w);
}

static void answer_list(struct reading *r, const struct search_request *rq, struct str q, size_t t,
                        const struct bucket_list *list, struct page page)
{
    struct json_writer w;
    json_writer_init(&w, http_out(r->x));
    json_object(&w);
    write_date_or_null(&w, "since", rq->has_since, rq->since_ms);
    write_date_or_null(&w, "until", rq->has_until, rq->until_ms);
    json_member(&w, "threshold", r->api->thresholds[t]);
    json_key(&w, STR("q"));
    if (q.len > 0)
        json_str(&w, q);
    else
        json_null(&w);
    json_key(&w, STR("top_buckets"));
    json_list(&w);
    for (size_t i = page.from; i < list->count && i - page.from < page.size; i++)
        write_listed(&w, r, t, &list->at[i]);
    json_list_end(&w);
    json_object_end(&w);
    reading_answer(r, 200);
}

static bool find_buckets(struct reading *r, const struct search_request *rq, size_t t,
                         struct bucket_list *out, struct err *e)
{
    uint64_t *bits;
    uint32_t reports;
    *out = (struct bucket_list){ 0 };
    if (reading_is_empty(r))
        return true;
    if (!search_matches(r->c, rq, &bits, &reports, r->arena, e) ||
        !count_buckets(r, bits, reports, t, out, e))
        return false;
    qsort(out->at, out->count, sizeof *out->at, by_size);
    return true;
}

void api_buckets(struct http_exchange *x, void *ctx)
{
    struct reading r;
    struct search_request rq;
    struct str q;
    struct page page;
    size_t t;
    struct bucket_list list;
    struct err e = { 0 };
    if (reading_begin(&r, x, ctx) && param_threshold(x, r.api, &t) &&
        param_search(&r, "3-days-ago", &rq, &q) && param_page(x, &page)) {
        if (find_buckets(&r, &rq, t, &list, &e))
            answer_list(&r, &rq, q, t, &list, page);
        else
            search_refuse(x, &e);
    }
    reading_done(&r);
}

static void refuse_location(struct http_exchange *x)
{
    struct json_writer w;
    error_begin(&w, x, "url_too_long",
                "the URL is too long to be sent on: ask for the buckets at a threshold");
    error_end(&w, x, 414);
}

void api_buckets_default(struct http_exchange *x, void *ctx)
{
    struct reading r;
    if (reading_begin(&r, x, ctx)) {
        struct str threshold = r.api->thresholds[r.api->default_threshold];
        struct str location = link_buckets(&r.links, r.project, threshold, http_query(x));
        if (location.len > LOCATION_MAX) {
            refuse_location(x);
        } else {
            http_set_header(x, "Location", location);
            http_answer(x, 302);
        }
    }
    reading_done(&r);
}

/* One bucket. */

struct dated {
    int64_t date_ms;
    uint32_t report;
};

static int newest_first(const void *x, const void *y)
{
    const struct dated *a = x, *b = y;
    if (a->date_ms != b->date_ms)
        return a->date_ms > b->date_ms ? -1 : 1;
    return a->report > b->report ? -1 : 1;
}

static bool is_member(const struct reading *r, const struct collected *report, size_t t,
                      uint32_t name)
{
    return report->buckets[t] == name && report->superseded_by >= r->count &&
           reading_sees(r, report->project);
}

/* The reports of the bucket that the route may show, newest first. */
static bool collect_members(const struct reading *r, size_t t, struct bucket *b, struct dated **out,
                            struct err *e)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct collected report = collection_report(r->c, i);
        if (is_member(r, &report, t, b->name))
            bucket_count(b, r->c, i, &report);
    }
    struct dated *members = arena_array(r->arena, b->total + (size_t)1, sizeof *members);
    if (!members)
        return err_set(e, ERR_NOMEM, 0, "the bucket has too many reports to sort");
    size_t n = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        struct collected report = collection_report(r->c, i);
        if (is_member(r, &report, t, b->name))
            members[n++] = (struct dated){ report.date_ms, i };
    }
    qsort(members, n, sizeof *members, newest_first);
    *out = members;
    return true;
}

static bool answer_bucket(struct reading *r, size_t t, const struct bucket *b,
                          const struct dated *members, struct page page, struct err *e)
{
    struct json_writer w;
    json_writer_init(&w, http_out(r->x));
    json_object(&w);
    write_bucket(&w, r, t, b);
    json_key(&w, STR("top_reports"));
    json_list(&w);
    for (size_t i = page.from; i < b->total && i - page.from < page.size && buf_ok(http_out(r->x));
         i++)
        if (!render_report(&w, r, members[i].report, NULL, e) && e->code != ERR_NOT_FOUND)
            return false;
    json_list_end(&w);
    json_object_end(&w);
    reading_answer(r, 200);
    return true;
}

static void bucket_page(struct reading *r)
{
    size_t t;
    struct page page;
    struct err e = { 0 };
    struct dated *members = NULL;
    if (!param_threshold(r->x, r->api, &t) || !param_page(r->x, &page))
        return;
    struct str id = http_segment(r->x, "bucket");
    struct bucket b = { .name = collection_find_name(r->c, id) };
    if (b.name != COLLECTION_NONE && !collect_members(r, t, &b, &members, &e)) {
        http_answer_err(r->x, &e);
        return;
    }
    if (b.total == 0) {
        answer_not_found(r->x, "bucket_id", id,
                         r->project.len > 0
                             ? "no report of this project is in such a bucket at this threshold"
                             : "there is no such bucket at this threshold");
        return;
    }
    if (!answer_bucket(r, t, &b, members, page, &e))
        http_answer_err(r->x, &e);
}

void api_bucket(struct http_exchange *x, void *ctx)
{
    struct reading r;
    if (reading_begin(&r, x, ctx))
        bucket_page(&r);
    reading_done(&r);
}
