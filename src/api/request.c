/* request.c - one request that reads: the view it sees, the project of its route, its parameters.
 * What is wrong with a parameter is answered here, so that a handler only has to return. */
#include "api/shared.h"

#include <ctype.h>
#include <stdlib.h>

static struct str trim(struct str s)
{
    while (s.len > 0 && isspace((unsigned char)s.ptr[0]))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && isspace((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool reading_begin(struct reading *r, struct http_exchange *x, struct api *api)
{
    struct err e = { 0 };
    *r = (struct reading){ .api = api, .x = x, .project_number = COLLECTION_NONE };
    links_init(&r->links, x);
    if (!guard_pass(x, api, GUARD_READ, &r->project))
        return false;
    if (r->project.len > 0 && !report_project_check(r->project, &e)) {
        answer_no_route(x);
        return false;
    }
    r->arena = arena_new_in(&api->memory, api->memory.limit_bytes);
    r->scratch = arena_new_in(&api->memory, api->memory.limit_bytes);
    if (!r->arena || !r->scratch) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
        http_answer_err(x, &e);
        return false;
    }
    r->view = engine_view_acquire(api->engine);
    r->c = r->view->collection;
    r->count = collection_count(r->c);
    if (r->project.len > 0)
        r->project_number = collection_find_project(r->c, r->project);
    return true;
}

void reading_done(struct reading *r)
{
    if (r->view)
        engine_view_release(r->api->engine, r->view);
    arena_free(r->arena);
    arena_free(r->scratch);
    links_done(&r->links);
}

bool reading_sees(const struct reading *r, uint32_t project)
{
    return r->project.len == 0 || project == r->project_number;
}

bool reading_is_empty(const struct reading *r)
{
    return r->project.len > 0 && r->project_number == COLLECTION_NONE;
}

void reading_answer(struct reading *r, unsigned status)
{
    if (buf_ok(http_out(r->x))) {
        http_answer(r->x, status);
        return;
    }
    struct json_writer w;
    error_begin(&w, r->x, "answer_too_large",
                "the answer would be larger than the server makes them: ask for fewer with size");
    error_end(&w, r->x, 400);
}

bool reading_find(struct reading *r, const char *segment, bool any_project, uint32_t *report)
{
    struct str id = http_segment(r->x, segment);
    uint32_t name = collection_find_name(r->c, id);
    if (name != COLLECTION_NONE) {
        *report = collection_named_among(r->c, name, r->count);
        if (*report != COLLECTION_NONE &&
            ((any_project && !r->api->partycrasher_needs_token) ||
             reading_sees(r, collection_report(r->c, *report).project)))
            return true;
    }
    answer_not_found(r->x, "not_found", id,
                     r->project.len > 0 ? "there is no such report in this project"
                                        : "there is no such report");
    return false;
}

bool reading_payload(struct reading *r, uint32_t report, const struct json **out, struct err *e)
{
    /* It has passed the checks when it was posted. The arena is the limit that counts here. */
    const struct json_limits limits = { .depth = REPORT_DEPTH_MAX + 1, .nodes = SIZE_MAX };
    struct str text;
    arena_reset(r->scratch);
    return engine_payload(r->api->engine, r->view, report, r->scratch, &text, e) &&
           json_parse(out, text, limits, r->scratch, e);
}

bool param_refuse(struct http_exchange *x, const char *parameter, const char *word,
                  const char *message)
{
    struct json_writer w;
    error_begin(&w, x, word, message);
    json_member(&w, "parameter", str_from_c(parameter));
    error_end(&w, x, 400);
    return false;
}

/* Digits only, and not above `max`. */
static bool parse_count(struct str s, size_t max, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (size_t)(s.ptr[i] - '0');
        if (n > max)
            return false;
    }
    *out = n;
    return s.len > 0;
}

bool param_page(struct http_exchange *x, struct page *out)
{
    struct str s;
    *out = (struct page){ 0, API_PAGE_DEFAULT };
    if (http_param(x, "from", &s) && !parse_count(s, API_FROM_MAX, &out->from))
        return param_refuse(x, "from", "bad_number", "from must be a whole number, 0 or more");
    if (http_param(x, "size", &s) && !parse_count(s, API_PAGE_MAX, &out->size))
        return param_refuse(x, "size", "bad_number", "size must be a whole number from 0 to 1000");
    return true;
}

/* "4", "4.0" and "4.00" are one threshold: digits, and digits after a point. */
static bool parse_threshold(struct str s, double *out)
{
    char text[API_THRESHOLD_TEXT_MAX];
    size_t points = 0;
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        points += s.ptr[i] == '.';
        if (!isdigit((unsigned char)s.ptr[i]) && s.ptr[i] != '.')
            return false;
    }
    if (points > 1 || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    *out = strtod(text, NULL);
    return true;
}

bool param_threshold(struct http_exchange *x, const struct api *api, size_t *out)
{
    struct str s = http_segment(x, "threshold");
    double value;
    if (parse_threshold(s, &value))
        for (size_t t = 0; t < api->threshold_count; t++)
            if (api->threshold_values[t] == value) {
                *out = t;
                return true;
            }
    struct json_writer w;
    error_begin(&w, x, "not_found", "buckets are not made at this threshold");
    json_member(&w, "threshold", s);
    json_key(&w, STR("thresholds"));
    json_list(&w);
    for (size_t t = 0; t < api->threshold_count; t++)
        json_str(&w, api->thresholds[t]);
    json_list_end(&w);
    error_end(&w, x, 404);
    return false;
}

/* `by_default` (may be NULL) when the parameter is missing or empty. */
static bool param_date(struct http_exchange *x, const char *name, const char *by_default,
                       bool *given, int64_t *out_ms)
{
    struct str s = STR("");
    struct err e = { 0 };
    (void)http_param(x, name, &s);
    if (s.len == 0)
        s = str_from_c(by_default);
    *given = s.len > 0;
    if (!*given || date_parse_query(s, date_now_ms(), out_ms, &e))
        return true;
    return param_refuse(x, name, "bad_date", e.msg);
}

static bool read_payload(void *ctx, uint32_t report, struct arena *a, struct str *out,
                         struct err *e)
{
    const struct reading *r = ctx;
    return engine_payload(r->api->engine, r->view, report, a, out, e);
}

bool param_search(struct reading *r, const char *since_default, struct search_request *rq,
                  struct str *q)
{
    struct err e = { 0 };
    struct str text = STR("");
    *rq = (struct search_request){ .project = r->project_number,
                                   .timeout_ms = API_SEARCH_TIMEOUT_MS,
                                   .payload = read_payload,
                                   .ctx = r };
    if (!param_date(r->x, "since", since_default, &rq->has_since, &rq->since_ms) ||
        !param_date(r->x, "until", NULL, &rq->has_until, &rq->until_ms))
        return false;
    (void)http_param(r->x, "q", &text);
    *q = trim(text).len > 0 ? text : STR("");
    if (lucene_parse(&rq->query, q->len > 0 ? *q : STR("*"), r->arena, &e))
        return true;
    search_refuse(r->x, &e);
    return false;
}

void search_refuse(struct http_exchange *x, const struct err *e)
{
    struct json_writer w;
    if (!e->word || strcmp(e->word, "bad_query") != 0) {
        http_answer_err(x, e);
        return;
    }
    error_begin(&w, x, e->word, e->msg);
    json_member(&w, "parameter", STR("q"));
    json_key(&w, STR("position"));
    json_int(&w, (int64_t)e->offset);
    error_end(&w, x, 400);
}
