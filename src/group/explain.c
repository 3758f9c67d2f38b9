/* explain.c - the readers' side: why two reports are alike, and what weighs in one.
 *
 * An explanation is made anew from the values of both reports; it is not what the search left
 * behind, so it also checks it: the lines add up to the score. */
#include "group/bucket_index.h"

#include "group/bucket_index_internal.h"
#include "group/similarity.h"

static int by_value(const void *a, const void *b)
{
    const struct term_weight *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    int c = str_cmp(x->field, y->field);
    return c ? c : str_cmp(x->token, y->token);
}

/* What each term of the question gives to the score of the counted report. */
static bool weigh(const struct lexicon *lx, const struct query *q, const struct term_counts *found,
                  struct explanation *out, struct arena *a)
{
    struct term_weight *terms = arena_array(a, q->count ? q->count : 1, sizeof *terms);
    if (!terms)
        return false;
    double sum = 0;
    uint32_t matching = 0;
    for (uint32_t i = 0; i < q->count; i++) {
        uint32_t tf = term_counts_find(found, q->at[i].term);
        if (tf == 0)
            continue;
        const struct lexicon_term *t = lexicon_term(lx, q->at[i].term);
        uint8_t norm = similarity_norm_byte(found->tokens.at[t->field]);
        double part = similarity_part(tf, q->at[i].idf, norm);
        terms[matching++] = (struct term_weight){ lexicon_field(lx, t->field)->name,
                                                  lexicon_token(lx, t->token), part };
        sum += part;
    }
    double share = q->count ? (double)matching / (double)q->count * q->norm : 0;
    for (uint32_t i = 0; i < matching; i++)
        terms[i].value *= share;
    if (matching)
        qsort(terms, matching, sizeof *terms, by_value);
    *out =
        (struct explanation){ .score =
                                  matching ? similarity_score(sum, q->norm, matching, q->count) : 0,
                              .count = matching,
                              .terms = terms };
    return true;
}

static bool compare_classic(const struct bucket_index *ix, uint32_t query, uint32_t other,
                            struct explanation *out, struct arena *a, struct err *e)
{
    const struct collection *c = ix->collection;
    const struct lexicon *lx = collection_lexicon(c);
    struct term_counts counts = { 0 };
    struct question question = { 0 };
    bool ok =
        term_counts_report(&counts, c, query) &&
        question_make(&question, lx, &counts, collection_count(c), ix->config.max_query_terms) &&
        term_counts_report(&counts, c, other) && weigh(lx, &question.query, &counts, out, a);
    term_counts_done(&counts);
    question_done(&question);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory to compare two reports");
}

/* A culprit's explanation in the common form. */
static bool fill_terms(struct explanation *out, struct arena *a, struct err *e)
{
    const struct culprit_explanation *x = out->culprit;
    struct term_weight *terms = arena_array(a, x->count ? x->count : 1, sizeof *terms);
    if (!terms)
        return err_set(e, ERR_NOMEM, 0, "no memory for an explanation");
    for (size_t i = 0; i < x->count; i++)
        if (x->lines[i].value > 0)
            terms[out->count++] = (struct term_weight){ STR("stacktrace.function"),
                                                        x->lines[i].function, x->lines[i].value };
    out->score = x->score;
    out->terms = terms;
    return true;
}

static bool compare_culprit(const struct bucket_index *ix, uint32_t query, uint32_t other,
                            const struct trace *query_trace, const struct trace *other_trace,
                            struct explanation *out, struct arena *a, struct err *e)
{
    struct culprit_explanation *x = arena_zalloc(a, sizeof *x);
    *out = (struct explanation){ .culprit = x };
    if (!x)
        return err_set(e, ERR_NOMEM, 0, "no memory for an explanation");
    return culprit_explain(ix->culprit, query, other, query_trace, other_trace, x, a, e) &&
           fill_terms(out, a, e);
}

bool bucket_index_compare(const struct bucket_index *ix, uint32_t query, uint32_t other,
                          const struct trace *query_trace, const struct trace *other_trace,
                          struct explanation *out, struct arena *a, struct err *e)
{
    const struct collection *c = ix->collection;
    struct str project = collection_project(c, collection_report(c, query).project);
    if (bucket_index_by_culprit(ix, project))
        return compare_culprit(ix, query, other, query_trace, other_trace, out, a, e);
    return compare_classic(ix, query, other, out, a, e);
}

bool bucket_index_summary(const struct bucket_index *ix, uint32_t report, const struct trace *trace,
                          struct explanation *out, struct arena *a, struct err *e)
{
    return bucket_index_compare(ix, report, report, trace, trace, out, a, e);
}

bool bucket_index_explain(struct bucket_index *ix, const struct report *r,
                          const struct placement *p, struct explanation *out, struct arena *a,
                          struct err *e)
{
    struct term_counts counts = { 0 };
    if (bucket_index_by_culprit(ix, r->project)) {
        struct culprit_explanation *x = arena_zalloc(a, sizeof *x);
        *out = (struct explanation){ .culprit = x };
        if (!x)
            return err_set(e, ERR_NOMEM, 0, "no memory for an explanation");
        return culprit_explain_new(ix->culprit, r, p->top_match, x, a, e) && fill_terms(out, a, e);
    }
    if (!bucket_index_ask(ix, r, e))
        return false;
    bool ok = term_counts_report(&counts, ix->collection, p->top_match) &&
              weigh(ix->lexicon, &ix->question.query, &counts, out, a);
    term_counts_done(&counts);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory for an explanation");
}

bool bucket_index_logdf(const struct bucket_index *ix, struct str function, double *out)
{
    const struct lexicon *lx = collection_lexicon(ix->collection);
    uint32_t field = lexicon_find_field(lx, STR("stacktrace.function"));
    uint32_t value = field == LEXICON_NONE ? LEXICON_NONE : lexicon_find_value(lx, field, function);
    uint32_t count = collection_count(ix->collection);
    if (value == LEXICON_NONE || count == 0)
        return false;
    uint32_t df = atomic_load_explicit(&lexicon_value(lx, value)->df, memory_order_relaxed);
    if (df == 0)
        return false;
    /* The count of reports may lag behind what the writer has counted already. */
    *out = df >= count ? 0 : log2((double)count / (double)df);
    return true;
}
