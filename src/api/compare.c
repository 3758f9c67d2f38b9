/* compare.c - two reports side by side: how alike they are in the eyes of the grouping, both ways,
 * and why; the frames that both stacks have in the same order; the thresholds at which they share a
 * bucket.
 *
 * The frames are aligned by a longest common subsequence of function names, which costs the product
 * of the lengths: only the COMPARE_FRAMES topmost frames are looked at. */
#include "api/shared.h"

#define COMPARE_FRAMES 500

struct frames {
    size_t count;
    struct str functions[COMPARE_FRAMES]; /* empty: no name, equal to nothing */
};

static struct frames *frames_of(const struct json *payload, struct arena *a)
{
    struct frames *f = arena_zalloc(a, sizeof *f);
    const struct json *stack = json_get(payload, STR("stacktrace"));
    if (!f || !stack)
        return f;
    for (const struct json *j = stack->first; j && f->count < COMPARE_FRAMES; j = j->next) {
        const struct json *function = json_get(j, STR("function"));
        f->functions[f->count] = STR("");
        if (function && (function->type == JSON_STRING || function->type == JSON_NUMBER) &&
            !arena_str(a, function->text, &f->functions[f->count]))
            return NULL;
        f->count++;
    }
    return f;
}

static bool same_function(const struct frames *a, size_t i, const struct frames *b, size_t j)
{
    return a->functions[i].len > 0 && str_eq(a->functions[i], b->functions[j]);
}

static void write_common(struct json_writer *w, const struct frames *a, const struct frames *b,
                         uint16_t (*best)[COMPARE_FRAMES + 1])
{
    json_list(w);
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        if (same_function(a, i, b, j)) {
            json_object(w);
            json_member(w, "function", a->functions[i]);
            json_key(w, STR("index"));
            json_int(w, (int64_t)i++);
            json_key(w, STR("other_index"));
            json_int(w, (int64_t)j++);
            json_object_end(w);
        } else if (best[i + 1][j] >= best[i][j + 1]) {
            i++;
        } else {
            j++;
        }
    }
    json_list_end(w);
}

/* best[i][j]: how many frames can be aligned of a's from i on and b's from j on. */
static bool render_common(struct json_writer *w, const struct frames *a, const struct frames *b,
                          struct arena *arena)
{
    uint16_t(*best)[COMPARE_FRAMES + 1] = arena_zalloc(arena, (COMPARE_FRAMES + 1) * sizeof *best);
    if (!best)
        return false;
    for (size_t i = a->count; i-- > 0;)
        for (size_t j = b->count; j-- > 0;) {
            uint16_t skip = best[i + 1][j] > best[i][j + 1] ? best[i + 1][j] : best[i][j + 1];
            best[i][j] = same_function(a, i, b, j) ? (uint16_t)(best[i + 1][j + 1] + 1) : skip;
        }
    write_common(w, a, b, best);
    return true;
}

/* A report of the two. */
struct side {
    uint32_t report;
    struct frames *frames;
    struct trace trace;
};

static bool side_load(struct side *s, struct reading *r, uint32_t report, struct err *e)
{
    const struct json *payload;
    s->report = report;
    if (!reading_payload(r, report, &payload, e) || !reading_trace(r, payload, &s->trace, e))
        return false;
    s->frames = frames_of(payload, r->arena);
    return s->frames || err_set(e, ERR_NOMEM, 0, "no memory for the frames");
}

static void render_shared(struct json_writer *w, const struct reading *r, const uint32_t *a,
                          const uint32_t *b)
{
    json_object(w);
    for (size_t t = 0; t < r->api->threshold_count; t++) {
        json_key(w, r->api->thresholds[t]);
        json_bool(w, a[t] == b[t]);
    }
    json_object_end(w);
}

static bool side_compare(const struct reading *r, const struct side *query,
                         const struct side *other, struct explanation *out, struct err *e)
{
    return bucket_index_compare(r->view->index, query->report, other->report, &query->trace,
                                &other->trace, out, r->arena, e);
}

static bool compare(struct reading *r, uint32_t report, uint32_t other, struct err *e)
{
    struct explanation there, back;
    struct side a, b;
    struct json_writer w;
    if (!side_load(&a, r, report, e) || !side_load(&b, r, other, e) ||
        !side_compare(r, &a, &b, &there, e) || !side_compare(r, &b, &a, &back, e))
        return false;
    struct collected one = collection_report(r->c, report);
    struct collected two = collection_report(r->c, other);
    json_writer_init(&w, http_out(r->x));
    json_object(&w);
    json_member(&w, "database_id", collection_name(r->c, one.name));
    json_member(&w, "other_id", collection_name(r->c, two.name));
    json_key(&w, STR("score"));
    json_double(&w, there.score);
    json_key(&w, STR("reverse_score"));
    json_double(&w, back.score);
    render_explanation(&w, reading_similarity(r, report), "terms", EXPLAINED_BOTH, &there);
    json_key(&w, STR("common"));
    if (!render_common(&w, a.frames, b.frames, r->arena))
        return err_set(e, ERR_NOMEM, 0, "no memory to align the frames");
    json_key(&w, STR("buckets"));
    render_shared(&w, r, one.buckets, two.buckets);
    json_object_end(&w);
    return true;
}

/* The other report may be in any project: the nearest report, which one wants to compare with
 * most, often is. */
void api_compare(struct http_exchange *x, void *ctx)
{
    struct reading r;
    uint32_t report, other;
    struct err e = { 0 };
    if (reading_begin(&r, x, ctx) && reading_find(&r, "id", false, &report) &&
        reading_find(&r, "other", true, &other)) {
        if (compare(&r, report, other, &e))
            reading_answer(&r, 200);
        else
            http_answer_err(x, &e);
    }
    reading_done(&r);
}
