/* questions.c - chooses the terms of a query. Sorting compares first bytes as numbers, and whole
 * tokens only where these are equal, for this is done for every report that comes in. */
#include "group/questions.h"

#include "group/similarity.h"

#include <string.h>

void question_done(struct question *q)
{
    VEC_FREE(&q->asked);
    VEC_FREE(&q->terms);
    VEC_FREE(&q->fields);
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
    return by_token(a, b, ctx);
}

static int by_name(const void *a, const void *b)
{
    const struct question_field *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

static int by_field(const void *a, const void *b)
{
    const struct question_term *x = a, *y = b;
    return (x->field > y->field) - (x->field < y->field);
}

/* The terms that some report has, with what they weigh; those of one field together. */
static bool terms_weigh(struct question *q, const struct lexicon *lx, const struct term_counts *tc,
                        uint32_t reports)
{
    q->terms.len = 0;
    if (!VEC_RESERVE(&q->terms, tc->terms.len))
        return false;
    for (size_t i = 0; i < tc->terms.len; i++) {
        const struct term_count *t = &tc->terms.at[i];
        struct lexicon_term *term = lexicon_term(lx, t->term);
        uint32_t df = atomic_load_explicit(&term->df, memory_order_relaxed);
        if (df == 0)
            continue;
        double idf = similarity_idf(reports, df);
        q->terms.at[q->terms.len++] =
            (struct question_term){ .key = first_bytes(lexicon_token(lx, term->token)),
                                    .term = t->term,
                                    .field = t->field,
                                    .choice = similarity_choice(t->tf, idf),
                                    .idf = idf };
    }
    if (q->terms.len)
        qsort(q->terms.at, q->terms.len, sizeof *q->terms.at, by_field);
    return true;
}

/* Finds where each field's terms begin, and puts the fields in the order of their names. */
static bool fields_find(struct question *q, const struct lexicon *lx)
{
    q->fields.len = 0;
    for (uint32_t i = 0; i < q->terms.len; i++) {
        uint32_t field = q->terms.at[i].field;
        if (i > 0 && field == q->terms.at[i - 1].field)
            q->fields.at[q->fields.len - 1].count++;
        else if (!VEC_PUSH(&q->fields,
                           ((struct question_field){
                               .name = lexicon_field(lx, field)->name, .first = i, .count = 1 })))
            return false;
    }
    if (q->fields.len)
        qsort(q->fields.at, q->fields.len, sizeof *q->fields.at, by_name);
    return true;
}

bool question_make(struct question *q, const struct lexicon *lx, const struct term_counts *tc,
                   uint32_t reports, uint32_t max_query_terms)
{
    q->asked.len = 0;
    if (!terms_weigh(q, lx, tc, reports) || !fields_find(q, lx) ||
        !VEC_RESERVE(&q->asked, q->terms.len))
        return false;
    double squares = 0;
    for (size_t f = 0; f < q->fields.len; f++) {
        struct question_term *terms = q->terms.at + q->fields.at[f].first;
        size_t count = q->fields.at[f].count;
        if (count > max_query_terms) {
            qsort_r(terms, count, sizeof *terms, by_choice, (void *)(uintptr_t)lx);
            count = max_query_terms;
        }
        qsort_r(terms, count, sizeof *terms, by_token, (void *)(uintptr_t)lx);
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
