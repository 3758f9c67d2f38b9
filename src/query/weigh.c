/* weigh.c - see weigh.h. What matches follows Lucene's BooleanQuery: all required clauses and no
 * forbidden one; if none is required, at least one optional. */
#include "query/weigh.h"

#include "base/date.h"
#include "group/similarity.h"

#include <math.h>

/* Whether a slot is scored by how often it comes and how rare it is. */
static bool by_frequency(const struct slot *s)
{
    return (s->type == SLOT_WORD || s->type == SLOT_PHRASE) &&
           (s->scope == SCOPE_ALL || s->scope == SCOPE_FIELD);
}

static double idf_of(const struct plan *p, const struct slot *s)
{
    if (s->type == SLOT_WORD)
        return similarity_idf(p->reports, s->reports);
    double sum = 0;
    for (uint32_t i = 0; i < s->word_count; i++)
        sum += similarity_idf(p->reports, p->slots[s->words[i]].reports);
    return sum;
}

/* The sum of the squares of the leaves' weights. */
static double square_sum(const struct plan *p, const struct node *n)
{
    double sum = 0;
    if (n->type == NODE_NOTHING)
        return 0;
    if (n->type == NODE_SLOT && by_frequency(&p->slots[n->slot]))
        sum = pow(idf_of(p, &p->slots[n->slot]), 2);
    else if (n->type != NODE_BOOLEAN)
        sum = 1;
    for (const struct node *c = n->first; c; c = c->next)
        if (c->occur != LUCENE_MUST_NOT)
            sum += square_sum(p, c);
    return sum * n->boost * n->boost;
}

static void set_weights(const struct plan *p, struct node *n, double factor)
{
    n->weight = factor * n->boost;
    if (n->type == NODE_SLOT && by_frequency(&p->slots[n->slot]))
        n->weight *= pow(idf_of(p, &p->slots[n->slot]), 2);
    for (struct node *c = n->first; c; c = c->next)
        set_weights(p, c, factor * n->boost);
}

void weigh_prepare(struct plan *p)
{
    double norm = 1 / sqrt(square_sum(p, p->root));
    set_weights(p, p->root, isfinite(norm) ? norm : 1);
}

static bool weigh_slot(struct weights *w, const struct node *n, enum verdict *out, float *score,
                       struct err *e)
{
    const struct slot *s = &w->plan->slots[n->slot];
    float weight = w->of[n->slot];
    if (s->scope == SCOPE_PAYLOAD && !w->payload_read) {
        *out = VERDICT_MAYBE;
        return true;
    }
    if (s->far && (s->scope == SCOPE_ALL || s->scope == SCOPE_FIELD) &&
        !weights_far_phrase(w, n->slot, &weight, e))
        return false;
    *out = weight > 0 ? VERDICT_YES : VERDICT_NO;
    if (!score || weight <= 0)
        return true;
    if (by_frequency(s)) {
        float norm = similarity_norm(similarity_norm_byte(w->length[s->length]));
        *score = (float)(n->weight * sqrt((double)weight) * (double)norm);
    } else {
        bool fuzzy = s->type == SLOT_SET;
        *score = (float)n->weight * (fuzzy ? weight : 1);
    }
    return true;
}

static bool date_matches(const struct weights *w, const struct node *n)
{
    int64_t date = w->seen.date_ms;
    if (n->type == NODE_DATE)
        return date >= n->span.begin_ms && date < n->span.end_ms;
    char text[DATE_TEXT_MAX];
    return pattern_match(&n->pattern, date_format(date, true, text)) > 0;
}

/* What has been learnt about the clauses of a BOOLEAN. */
struct tally {
    bool required, missing, unsure; /* there is a MUST; one is NO; one, or a MUST_NOT, is MAYBE */
    enum verdict optional;          /* the best of them */
    uint32_t matching;
    float sum;
};

static void tally_clause(struct tally *t, enum lucene_occur occur, enum verdict v, float score)
{
    if (occur == LUCENE_MUST_NOT) {
        t->missing |= v == VERDICT_YES;
        t->unsure |= v == VERDICT_MAYBE;
        return;
    }
    if (occur == LUCENE_MUST) {
        t->required = true;
        t->missing |= v == VERDICT_NO;
        t->unsure |= v == VERDICT_MAYBE;
    } else if (v > t->optional) {
        t->optional = v;
    }
    if (v == VERDICT_YES) {
        t->matching++;
        t->sum += score;
    }
}

static bool weigh_clauses(struct weights *w, const struct node *n, enum verdict *out, float *score,
                          struct err *e)
{
    struct tally t = { .optional = VERDICT_NO };
    *out = VERDICT_NO;
    for (const struct node *c = n->first; c && !t.missing; c = c->next) {
        enum verdict v;
        float part = 0;
        if (!weigh(w, c, &v, score ? &part : NULL, e))
            return false;
        tally_clause(&t, c->occur, v, part);
    }
    if (t.missing || (!t.required && t.optional == VERDICT_NO))
        return true;
    if (t.unsure || (!t.required && t.optional == VERDICT_MAYBE))
        *out = VERDICT_MAYBE;
    else
        *out = VERDICT_YES;
    if (score)
        *score = n->scoring > 1 ? t.sum * ((float)t.matching / (float)n->scoring) : t.sum;
    return true;
}

bool weigh(struct weights *w, const struct node *n, enum verdict *out, float *score, struct err *e)
{
    if (!deadline_check(w->plan->deadline, 1, e))
        return false;
    switch (n->type) {
    case NODE_BOOLEAN:
        return weigh_clauses(w, n, out, score, e);
    case NODE_SLOT:
        return weigh_slot(w, n, out, score, e);
    case NODE_NOTHING:
        *out = VERDICT_NO;
        return true;
    case NODE_DATE:
    case NODE_DATE_TEXT:
        *out = date_matches(w, n) ? VERDICT_YES : VERDICT_NO;
        break;
    case NODE_ALL:
        *out = VERDICT_YES;
        break;
    }
    if (score)
        *score = (float)n->weight;
    return true;
}
