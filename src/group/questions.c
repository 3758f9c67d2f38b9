/* questions.c - chooses the terms of a query. This is done for every report that comes in, so terms
 * are counted into their fields instead of sorted, and tokens are compared by their first bytes as
 * a number, and whole only where these are equal. */
#include "group/questions.h"

#include "group/similarity.h"

#include <string.h>

#define FEW 64 /* so many are sorted by insertion: no calls, and they lie close together */

void question_done(struct question *q)
{
    VEC_FREE(&q->asked);
    VEC_FREE(&q->terms);
    VEC_FREE(&q->fields);
    VEC_FREE(&q->places);
}

static uint64_t first_bytes(struct str token)
{
    unsigned char bytes[8] = { 0 };
    memcpy(bytes, token.ptr, token.len < 8 ? token.len : 8);
    uint64_t key = 0;
    for (int i = 0; i < 8; i++)
        key = key << 8 | bytes[i];
    return key;
}

static struct str token_of(const struct lexicon *lx, uint32_t term)
{
    return lexicon_token(lx, lexicon_term(lx, term)->token);
}

static int by_token(const void *a, const void *b, void *ctx)
{
    const struct question_term *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return str_cmp(token_of(ctx, x->term), token_of(ctx, y->term));
}

static int by_choice(const void *a, const void *b, void *ctx)
{
    const struct question_term *x = a, *y = b;
    if (x->choice != y->choice)
        return x->choice < y->choice ? 1 : -1;
    return str_cmp(token_of(ctx, x->term), token_of(ctx, y->term));
}

static int by_name(const void *a, const void *b)
{
    const struct question_field *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

/* Puts the first `keep` of `count` terms in order; the others are left behind in any order. */
static void terms_sort(struct question_term *terms, size_t count, size_t keep,
                       int (*order)(const void *, const void *, void *), void *lx)
{
    if (keep > FEW) {
        qsort_r(terms, count, sizeof *terms, order, lx);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        size_t j = i < keep ? i : keep;
        struct question_term t = terms[i];
        if (j == keep) { /* the last one kept gives way, or stays */
            if (order(&terms[keep - 1], &t, lx) <= 0)
                continue;
            terms[i] = terms[keep - 1];
            j = keep - 1;
        }
        for (; j > 0 && order(&terms[j - 1], &t, lx) > 0; j--)
            terms[j] = terms[j - 1];
        terms[j] = t;
    }
}

/* The fields of the report in the order of their names, each with room for its terms. */
static bool fields_find(struct question *q, const struct lexicon *lx, const struct term_counts *tc)
{
    q->fields.len = 0;
    uint32_t fields = lexicon_field_count(lx), first = 0;
    if (!VEC_RESERVE(&q->fields, tc->fields.len) || !VEC_RESERVE(&q->places, fields))
        return false;
    for (size_t i = 0; i < tc->fields.len; i++) {
        uint32_t field = tc->fields.at[i];
        q->fields.at[q->fields.len++] =
            (struct question_field){ .name = lexicon_field(lx, field)->name, .field = field };
        q->places.at[field] = 0;
    }
    for (size_t i = 0; i < tc->terms.len; i++)
        q->places.at[tc->terms.at[i].field]++;
    if (q->fields.len)
        qsort(q->fields.at, q->fields.len, sizeof *q->fields.at, by_name);
    for (size_t i = 0; i < q->fields.len; i++) {
        struct question_field *f = &q->fields.at[i];
        uint32_t room = q->places.at[f->field];
        f->first = q->places.at[f->field] = first;
        first += room;
    }
    return true;
}

/* The terms that some report has, with what they weigh, each in its field. */
static bool terms_weigh(struct question *q, const struct lexicon *lx, const struct term_counts *tc,
                        uint32_t reports)
{
    if (!VEC_RESERVE(&q->terms, tc->terms.len))
        return false;
    for (size_t i = 0; i < tc->terms.len; i++) {
        const struct term_count *t = &tc->terms.at[i];
        uint32_t df = atomic_load_explicit(&lexicon_term(lx, t->term)->df, memory_order_relaxed);
        if (df == 0)
            continue;
        double idf = similarity_idf(reports, df);
        q->terms.at[q->places.at[t->field]++] = (struct question_term){
            .term = t->term, .choice = similarity_choice(t->tf, idf), .idf = idf
        };
    }
    for (size_t i = 0; i < q->fields.len; i++)
        q->fields.at[i].count = q->places.at[q->fields.at[i].field] - q->fields.at[i].first;
    return true;
}

bool question_make(struct question *q, const struct lexicon *lx, const struct term_counts *tc,
                   uint32_t reports, uint32_t max_query_terms)
{
    void *ctx = (void *)(uintptr_t)lx;
    double squares = 0;
    q->asked.len = 0;
    if (!fields_find(q, lx, tc) || !terms_weigh(q, lx, tc, reports) ||
        !VEC_RESERVE(&q->asked, tc->terms.len))
        return false;
    for (size_t f = 0; f < q->fields.len; f++) {
        size_t count = q->fields.at[f].count;
        if (count == 0)
            continue; /* and without any terms there is no array */
        struct question_term *terms = q->terms.at + q->fields.at[f].first;
        if (count > max_query_terms) {
            terms_sort(terms, count, max_query_terms, by_choice, ctx);
            count = max_query_terms;
        }
        for (size_t i = 0; i < count; i++)
            terms[i].key = first_bytes(token_of(lx, terms[i].term));
        terms_sort(terms, count, count, by_token, ctx);
        for (size_t i = 0; i < count; i++) {
            q->asked.at[q->asked.len++] = (struct query_term){ terms[i].term, terms[i].idf };
            squares += terms[i].idf * terms[i].idf;
        }
    }
    q->query = (struct query){ .at = q->asked.at,
                               .count = (uint32_t)q->asked.len,
                               .norm = q->asked.len ? 1.0 / sqrt(squares) : 0 };
    return true;
}
