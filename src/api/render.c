/* render.c - how things look from outside: URLs, errors, and the JSON of reports and assignments.
 * Every route writes through this file, so that a report looks the same wherever it stands. */
#include "api/shared.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LINK_MAX_BYTES ((size_t)1 << 20) /* base and three names, percent-encoded */
#define SCORE_TEXT_MAX 64

void links_init(struct links *l, struct http_exchange *x)
{
    l->base = http_base(x);
    buf_init(&l->text, LINK_MAX_BYTES);
}

void links_done(struct links *l)
{
    buf_done(&l->text);
}

/* "<base>/<project>", or "<base>" when there is none. */
static void link_begin(struct links *l, struct str project)
{
    buf_reset(&l->text);
    buf_str(&l->text, l->base);
    if (project.len > 0) {
        buf_char(&l->text, '/');
        http_encode_segment(&l->text, project);
    }
}

static void link_step(struct links *l, struct str segment)
{
    buf_char(&l->text, '/');
    http_encode_segment(&l->text, segment);
}

struct str link_root(struct links *l)
{
    link_begin(l, STR(""));
    buf_char(&l->text, '/');
    return buf_view(&l->text);
}

struct str link_project(struct links *l, struct str project)
{
    link_begin(l, project);
    return buf_view(&l->text);
}

struct str link_report(struct links *l, struct str project, struct str id)
{
    link_begin(l, project);
    link_step(l, STR("reports"));
    link_step(l, id);
    return buf_view(&l->text);
}

struct str link_bucket(struct links *l, struct str project, struct str threshold, struct str id)
{
    link_begin(l, project);
    link_step(l, STR("buckets"));
    link_step(l, threshold);
    link_step(l, id);
    return buf_view(&l->text);
}

struct str link_buckets(struct links *l, struct str project, struct str threshold, struct str query)
{
    link_begin(l, project);
    link_step(l, STR("buckets"));
    link_step(l, threshold);
    if (query.len > 0) {
        buf_char(&l->text, '?');
        buf_str(&l->text, query);
    }
    return buf_view(&l->text);
}

void error_begin(struct json_writer *w, struct http_exchange *x, const char *word,
                 const char *message)
{
    struct buf *out = http_out(x);
    buf_reset(out);
    json_writer_init(w, out);
    json_object(w);
    json_member(w, "error", str_from_c(word));
    json_member(w, "message", str_from_c(message));
}

void error_end(struct json_writer *w, struct http_exchange *x, unsigned status)
{
    json_object_end(w);
    http_answer(x, status);
}

void answer_not_found(struct http_exchange *x, const char *name, struct str what,
                      const char *message)
{
    struct json_writer w;
    error_begin(&w, x, "not_found", message);
    json_member(&w, name, what);
    error_end(&w, x, 404);
}

void answer_no_route(struct http_exchange *x)
{
    struct err e = { 0 };
    (void)err_word(&e, ERR_NOT_FOUND, "not_found", "there is nothing at this address");
    http_answer_err(x, &e);
}

/* The shortest decimal fraction that reads back as the same float, never with an exponent. */
static struct str score_text(float score, char out[SCORE_TEXT_MAX])
{
    int n = 0;
    for (int decimals = 1; decimals <= 15; decimals++) {
        n = snprintf(out, SCORE_TEXT_MAX, "%.*f", decimals, (double)score);
        if (strtof(out, NULL) == score)
            break;
    }
    return (struct str){ out, (size_t)n };
}

static void render_match(struct json_writer *w, const struct api *api, struct links *l,
                         const struct assignment *a)
{
    /* With tokens, what is in other projects is not for the reader of this one. */
    bool hidden = api->partycrasher_needs_token && !str_eq(a->match_project, a->project);
    json_key(w, STR("top_match"));
    if (!a->has_match || hidden) {
        json_null(w);
        return;
    }
    char score[SCORE_TEXT_MAX];
    json_object(w);
    json_member(w, "report_id", a->match_id);
    json_member(w, "project", a->match_project);
    json_member(w, "href", link_report(l, a->match_project, a->match_id));
    json_member(w, "score", score_text(a->score, score));
    json_object_end(w);
}

static void render_buckets(struct json_writer *w, const struct api *api, struct links *l,
                           const struct assignment *a)
{
    json_key(w, STR("buckets"));
    json_object(w);
    for (size_t t = 0; t < api->threshold_count; t++) {
        struct str id = a->buckets[t];
        json_key(w, api->thresholds[t]);
        if (id.len == 0) {
            json_null(w);
            continue;
        }
        json_object(w);
        json_member(w, "id", id);
        json_member(w, "bucket_id", id);
        json_member(w, "href", link_bucket(l, a->project, api->thresholds[t], id));
        json_member(w, "project", a->project);
        json_member(w, "threshold", api->thresholds[t]);
        json_key(w, STR("total"));
        if (a->totals)
            json_int(w, (int64_t)a->totals[t]);
        else
            json_null(w);
        json_object_end(w);
    }
    render_match(w, api, l, a);
    json_object_end(w);
}

void render_assignment(struct json_writer *w, const struct api *api, struct links *l,
                       const struct assignment *a)
{
    char date[DATE_TEXT_MAX];
    json_member(w, "database_id", a->database_id);
    json_member(w, "project", a->project);
    json_member(w, "href", link_report(l, a->project, a->database_id));
    json_member(w, "date", date_format(a->date_ms, true, date));
    render_buckets(w, api, l, a);
}

void assignment_of(struct assignment *out, const struct collection *c, uint32_t report,
                   size_t threshold_count, struct str *buckets)
{
    struct collected r = collection_report(c, report);
    for (size_t t = 0; t < threshold_count; t++)
        buckets[t] = collection_name(c, r.buckets[t]);
    *out = (struct assignment){
        .database_id = collection_name(c, r.name),
        .project = collection_project(c, r.project),
        .date_ms = r.date_ms,
        .buckets = buckets,
        .has_match = r.top_match != COLLECTION_NONE && !collection_is_removed(c, r.top_match),
        .score = r.score,
    };
    if (out->has_match) {
        struct collected match = collection_report(c, r.top_match);
        out->match_id = collection_name(c, match.name);
        out->match_project = collection_project(c, match.project);
    }
}

struct report_context {
    struct reading *r;
    const struct assignment *assignment;
};

static void report_members(void *ctx, struct json_writer *w)
{
    struct report_context *rc = ctx;
    const struct assignment *a = rc->assignment;
    json_member(w, "href", link_report(&rc->r->links, a->project, a->database_id));
    render_buckets(w, rc->r->api, &rc->r->links, a);
}

static bool report_logdf(void *ctx, struct str function, double *out)
{
    struct report_context *rc = ctx;
    return bucket_index_logdf(rc->r->view->index, function, out);
}

bool render_report(struct json_writer *w, struct reading *r, uint32_t report, const size_t *totals,
                   struct err *e)
{
    const struct json *payload;
    if (!reading_payload(r, report, &payload, e))
        return false;
    struct str buckets[COLLECTION_THRESHOLDS_MAX];
    struct assignment a;
    assignment_of(&a, r->c, report, r->api->threshold_count, buckets);
    a.totals = totals;
    struct report_context rc = { r, &a };
    struct report_extra extra = {
        .ctx = &rc,
        .members = report_members,
        .logdf = report_logdf,
        .project = a.project,
        .date_ms = a.date_ms,
    };
    report_write(w, payload, &extra);
    return true;
}

static void render_terms(struct json_writer *w, const struct explanation *x)
{
    json_list(w);
    for (size_t i = 0; x && i < x->count; i++) {
        json_object(w);
        json_member(w, "field", x->terms[i].field);
        json_member(w, "term", x->terms[i].token);
        json_key(w, STR("value"));
        json_double(w, x->terms[i].value);
        json_object_end(w);
    }
    json_list_end(w);
}

/* To four decimals: people read these. */
static void member_rounded(struct json_writer *w, struct str name, double value)
{
    json_key(w, name);
    json_double(w, round(value * 1e4) / 1e4);
}

static void member_or_null(struct json_writer *w, struct str name, struct str text)
{
    json_key(w, name);
    if (text.len > 0)
        json_str(w, text);
    else
        json_null(w);
}

static void render_functions(struct json_writer *w, enum explained of,
                             const struct culprit_explanation *x)
{
    json_key(w, STR("functions"));
    json_list(w);
    for (size_t i = 0; i < x->count; i++) {
        const struct culprit_line *l = &x->lines[i];
        json_object(w);
        json_member(w, "function", l->function);
        member_rounded(w, STR("helper"), l->helper);
        member_rounded(w, STR("blame"), l->query_blame);
        if (of != EXPLAINED_ALONE)
            member_rounded(w, STR("other_blame"), l->other_blame);
        member_rounded(w, STR("value"), l->value);
        json_object_end(w);
    }
    json_list_end(w);
}

static void render_frames(struct json_writer *w, struct str name,
                          const struct culprit_frame *frames, size_t count)
{
    json_key(w, name);
    json_list(w);
    for (size_t i = 0; i < count; i++) {
        json_object(w);
        json_key(w, STR("index"));
        json_int(w, frames[i].index);
        member_or_null(w, STR("function"), frames[i].function);
        json_member(w, "why", str_from_c(frames[i].why));
        json_object_end(w);
    }
    json_list_end(w);
}

static void render_culprit(struct json_writer *w, enum explained of,
                           const struct culprit_explanation *x)
{
    render_functions(w, of, x);
    if (of != EXPLAINED_ALONE)
        member_rounded(w, STR("rest"), x->rest);
    member_or_null(w, STR("death"), x->query_death);
    if (of != EXPLAINED_ALONE) {
        member_or_null(w, STR("other_death"), x->other_death);
        json_key(w, STR("deaths_differ"));
        json_bool(w, x->deaths_differ);
    }
    render_frames(w, STR("frames"), x->query_frames, x->query_frame_count);
    if (of == EXPLAINED_BOTH)
        render_frames(w, STR("other_frames"), x->other_frames, x->other_frame_count);
}

void render_explanation(struct json_writer *w, const char *similarity, const char *terms,
                        enum explained of, const struct explanation *x)
{
    json_member(w, "similarity", str_from_c(similarity));
    json_key(w, str_from_c(terms));
    render_terms(w, x);
    if (x && x->culprit)
        render_culprit(w, of, x->culprit);
}

void render_config(struct json_writer *w, const struct api *api, bool thresholds)
{
    /* As text, so that clients which look at it closely see 4.0 and not 4. */
    const struct json number = { .type = JSON_NUMBER,
                                 .text = api->thresholds[api->default_threshold] };
    json_object(w);
    json_key(w, STR("default_threshold"));
    json_tree(w, &number);
    if (thresholds) {
        json_key(w, STR("thresholds"));
        json_list(w);
        for (size_t t = 0; t < api->threshold_count; t++)
            json_str(w, api->thresholds[t]);
        json_list_end(w);
    }
    json_object_end(w);
}
