/* hits.c - see hits.h. */
#include "query/hits.h"

#include "query/weights.h"

bool hits_init(struct hits *h, const struct plan *p, const struct search_request *rq, size_t most,
               struct arena *scratch, struct err *e)
{
    size_t end = rq->from > SIZE_MAX - rq->size ? SIZE_MAX : rq->from + rq->size;
    *h = (struct hits){ .plan = p, .rq = rq, .scratch = scratch, .by = HITS_BY_SCORE };
    h->cap = end < most ? end : most;
    h->heap = arena_array(p->arena, h->cap, sizeof *h->heap);
    if (!h->heap || !plan_field_name(rq->sort, p->arena, &h->field))
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu hits", h->cap);
    if (h->field.len == 0)
        return true;
    h->by = HITS_BY_FIELD;
    if (str_eq(h->field, STR("date")))
        h->by = HITS_BY_DATE;
    else if (str_eq(h->field, STR("database_id")))
        h->by = HITS_BY_ID;
    else if (str_eq(h->field, STR("project")))
        h->by = HITS_BY_PROJECT;
    else if (collection_is_cold(p->collection, h->field))
        h->by = HITS_COLD;
    h->number = lexicon_find_field(p->lexicon, h->field);
    return true;
}

static bool find_value(const struct lexicon *lx, struct values v, uint32_t field, struct str *out)
{
    for (uint32_t i = 0; i < v.count; i++) {
        const struct lexicon_value *value = lexicon_value(lx, v.at[i]);
        if (value->field == field) {
            *out = lexicon_value_text(value);
            return true;
        }
    }
    return false;
}

static bool find_in_payload(struct hits *h, struct hit *hit, struct err *e)
{
    const struct report_text *texts = NULL;
    size_t count;
    if (!deadline_check(h->plan->deadline, DEADLINE_STEPS, e))
        return false;
    if (!weights_payload_texts(h->rq, hit->report, h->scratch, &texts, &count, e))
        return false;
    for (size_t i = 0; i < count && hit->missing; i++) {
        if (str_eq(texts[i].field, h->field)) {
            hit->key = texts[i].text;
            hit->missing = false;
        }
    }
    return true;
}

static bool find_key(struct hits *h, struct hit *hit, const struct collected *r, struct err *e)
{
    const struct collection *c = h->plan->collection;
    const struct lexicon *lx = h->plan->lexicon;
    if (!deadline_check(h->plan->deadline, 1 + r->other.count, e))
        return false;
    switch (h->by) {
    case HITS_BY_SCORE:
    case HITS_BY_DATE:
        return true;
    case HITS_BY_ID:
        hit->key = collection_name(c, r->name);
        return true;
    case HITS_BY_PROJECT:
        hit->key = collection_project(c, r->project);
        return true;
    case HITS_BY_FIELD:
        hit->missing = h->number == LEXICON_NONE ||
                       (!find_value(lx, r->other, h->number, &hit->key) &&
                        !find_value(lx, collection_stack(c, r->stack), h->number, &hit->key));
        return true;
    case HITS_COLD:
        hit->missing = true;
        return find_in_payload(h, hit, e);
    }
    return true;
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

/* Whether a stands before b on the page. */
static bool is_before(const struct hits *h, const struct hit *a, const struct hit *b)
{
    int c = 0;
    if (a->missing != b->missing)
        return b->missing;
    if (h->by == HITS_BY_SCORE)
        c = compare_numbers((double)a->score, (double)b->score);
    else if (h->by == HITS_BY_DATE)
        c = (a->date_ms > b->date_ms) - (a->date_ms < b->date_ms);
    else if (!a->missing)
        c = str_cmp(a->key, b->key);
    if (c != 0)
        return h->rq->ascending ? c < 0 : c > 0;
    if (a->date_ms != b->date_ms)
        return a->date_ms > b->date_ms;
    return a->report < b->report;
}

static void sift_down(struct hits *h, size_t i, size_t count)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1, right = left + 1;
        if (left < count && is_before(h, &h->heap[worst], &h->heap[left]))
            worst = left;
        if (right < count && is_before(h, &h->heap[worst], &h->heap[right]))
            worst = right;
        if (worst == i)
            return;
        struct hit swap = h->heap[i];
        h->heap[i] = h->heap[worst];
        h->heap[worst] = swap;
        i = worst;
    }
}

static void sift_up(struct hits *h, size_t i)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!is_before(h, &h->heap[parent], &h->heap[i]))
            return;
        struct hit swap = h->heap[i];
        h->heap[i] = h->heap[parent];
        h->heap[parent] = swap;
        i = parent;
    }
}

bool hits_add(struct hits *h, uint32_t report, float score, struct err *e)
{
    struct collected r = collection_report(h->plan->collection, report);
    struct hit hit = { .report = report, .score = score, .date_ms = r.date_ms };
    if (!find_key(h, &hit, &r, e))
        return false;
    if (h->cap == 0 || (h->count == h->cap && !is_before(h, &hit, &h->heap[0])))
        return true;
    if (h->by == HITS_COLD && !arena_str(h->plan->arena, hit.key, &hit.key))
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu hits", h->cap);
    if (h->count < h->cap) {
        h->heap[h->count] = hit;
        sift_up(h, h->count++);
    } else {
        h->heap[0] = hit;
        sift_down(h, 0, h->count);
    }
    return true;
}

bool hits_page(struct hits *h, struct search_hit **out, size_t *count, struct err *e)
{
    *count = h->count > h->rq->from ? h->count - h->rq->from : 0;
    *out = arena_array(h->plan->arena, *count, sizeof **out);
    if (!*out)
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu hits", *count);
    for (size_t left = h->count; left > h->rq->from; left--) {
        struct hit worst = h->heap[0];
        h->heap[0] = h->heap[left - 1];
        sift_down(h, 0, left - 1);
        (*out)[left - 1 - h->rq->from] = (struct search_hit){ worst.report, worst.score };
    }
    return true;
}
