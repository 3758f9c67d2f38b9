/* model.c - follows DESIGN "Grouping" sentence by sentence. */
#include "model.h"

#include "../cmocka_all.h"

#include <ctype.h>

void model_begin(struct model *m, const struct bucket_index_config *config)
{
    memset(m, 0, sizeof *m);
    m->config = config;
}

void model_drop(struct model_report *r)
{
    VEC_FREE(&r->terms);
}

void model_done(struct model *m)
{
    model_undo(m, 0);
    VEC_FREE(&m->fields);
    VEC_FREE(&m->terms);
    VEC_FREE(&m->reports);
    VEC_FREE(&m->found);
}

/* Words. */

/* Whether a word ends between text[i - 1] and text[i]. */
static bool parts(struct str text, size_t i)
{
    unsigned char a = (unsigned char)text.ptr[i - 1], b = (unsigned char)text.ptr[i];
    unsigned char c = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : ' ';
    if (!isalnum(a) || !isalnum(b) || isdigit(a) != isdigit(b))
        return true;
    return (islower(a) && isupper(b)) || (isupper(a) && isupper(b) && islower(c));
}

static uint32_t field_number(struct model *m, struct str field)
{
    for (size_t i = 0; i < m->fields.len; i++)
        if (str_eq(m->fields.at[i], field))
            return (uint32_t)i;
    assert_true(m->fields.len < MODEL_FIELDS && VEC_PUSH(&m->fields, field));
    return (uint32_t)m->fields.len - 1;
}

static uint32_t term_number(struct model *m, struct str field, struct str token)
{
    uint32_t number = field_number(m, field), slot = number * 7919;
    for (size_t i = 0; i < token.len; i++)
        slot = slot * 31 + (unsigned char)token.ptr[i];
    for (slot %= MODEL_SLOTS; m->slots[slot]; slot = (slot + 1) % MODEL_SLOTS) {
        const struct model_term *t = &m->terms.at[m->slots[slot] - 1];
        if (t->field_number == number && str_eq(t->token, token))
            return m->slots[slot] - 1;
    }
    assert_true(m->terms.len < MODEL_SLOTS / 2);
    assert_true(VEC_PUSH(&m->terms, ((struct model_term){ field, token, number, 0 })));
    assert_true(VEC_PUSH(&m->found, 0));
    m->slots[slot] = (uint32_t)m->terms.len;
    return (uint32_t)m->terms.len - 1;
}

/* `ignored` may end in ".*": then all fields below are meant. */
static bool is_ignored(struct str field, struct str ignored)
{
    size_t len = ignored.len;
    if (len < 2 || ignored.ptr[len - 1] != '*' || ignored.ptr[len - 2] != '.')
        return str_eq(field, ignored);
    return field.len >= len - 1 && memcmp(field.ptr, ignored.ptr, len - 1) == 0;
}

static bool is_indexed(const struct model *m, struct str field)
{
    static const char *const never[] = { "database_id",     "date",  "buckets",
                                         "force_bucket",    "logdf", "stacktrace.depth",
                                         "stacktrace.logdf" };
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (str_eq(field, str_from_c(never[i])))
            return false;
    for (size_t i = 0; i < m->config->ignored_count; i++)
        if (is_ignored(field, m->config->ignored[i]))
            return false;
    return true;
}

static void count_text(struct model *m, struct model_report *r, struct str field, struct str text)
{
    if (!is_indexed(m, field))
        return;
    for (size_t i = 0; i < text.len;) {
        size_t end = i + 1;
        while (end < text.len && !parts(text, end))
            end++;
        if (isalnum((unsigned char)text.ptr[i])) {
            uint32_t term = term_number(m, field, (struct str){ text.ptr + i, end - i });
            r->tokens[m->terms.at[term].field_number]++;
            if (m->found.at[term]++ == 0)
                assert_true(VEC_PUSH(&r->terms, ((struct model_tf){ term, 0 })));
        }
        i = end;
    }
}

struct model_report model_count(struct model *m, const struct made *made)
{
    struct model_report r = { .id = made->id, .force = made->force, .superseded_by = SIZE_MAX };
    for (size_t i = 0; i < made->text_count; i++)
        count_text(m, &r, made->texts[i].field, made->texts[i].text);
    count_text(m, &r, STR("project"), made->project);
    for (size_t i = 0; i < r.terms.len; i++) {
        struct model_tf *t = &r.terms.at[i];
        t->tf = m->found.at[t->term];
        m->found.at[t->term] = 0;
    }
    return r;
}

/* Weights. */

/* 1/sqrt(tokens) in a float, of whose fraction only the two highest bits are kept. */
static double norm(uint32_t tokens)
{
    int exponent;
    double fraction = frexp((double)(float)(1 / sqrt((double)tokens)), &exponent);
    return ldexp(floor(fraction * 8) / 8, exponent);
}

static int compare_asked(const struct model *m, const struct model_asked *x,
                         const struct model_asked *y, bool by_choice)
{
    const struct model_term *a = &m->terms.at[x->term], *b = &m->terms.at[y->term];
    int c = str_cmp(a->field, b->field);
    if (c == 0 && by_choice && x->choice != y->choice)
        return x->choice > y->choice ? -1 : 1;
    return c ? c : str_cmp(a->token, b->token);
}

static int by_choice(const void *a, const void *b, void *m)
{
    return compare_asked(m, a, b, true);
}

static int by_token(const void *a, const void *b, void *m)
{
    return compare_asked(m, a, b, false);
}

/* The best terms of each field, by tf * idf in single precision. */
static struct model_question ask(struct model *m, const struct model_report *r)
{
    struct model_question q = { .query_norm = 0 };
    for (size_t i = 0; i < r->terms.len; i++) {
        const struct model_tf *t = &r->terms.at[i];
        uint32_t df = m->terms.at[t->term].df;
        if (df == 0)
            continue;
        double idf = 1 + log((double)m->reports.len / (double)(df + 1));
        assert_true(
            VEC_PUSH(&q.asked, ((struct model_asked){ t->term, (float)t->tf * (float)idf, idf })));
    }
    if (q.asked.len == 0)
        return q;
    qsort_r(q.asked.at, q.asked.len, sizeof *q.asked.at, by_choice, m);
    size_t kept = 0;
    uint32_t of_field = 0;
    for (size_t i = 0; i < q.asked.len; i++) {
        uint32_t field = m->terms.at[q.asked.at[i].term].field_number;
        if (i == 0 || field != m->terms.at[q.asked.at[i - 1].term].field_number)
            of_field = 0;
        if (of_field++ < m->config->max_query_terms)
            q.asked.at[kept++] = q.asked.at[i];
    }
    q.asked.len = kept;
    qsort_r(q.asked.at, q.asked.len, sizeof *q.asked.at, by_token, m);
    double squares = 0;
    for (size_t i = 0; i < q.asked.len; i++)
        squares += q.asked.at[i].idf * q.asked.at[i].idf;
    q.query_norm = 1 / sqrt(squares);
    return q;
}

/* The score of a report; 0 when it holds too few of the terms. Lines when there is room. */
static float score(struct model *m, const struct model_question *q,
                   const struct model_report *other, struct model_line *lines, size_t *line_count)
{
    double sum = 0;
    size_t matching = 0;
    for (size_t i = 0; i < other->terms.len; i++)
        m->found.at[other->terms.at[i].term] = other->terms.at[i].tf;
    for (size_t i = 0; i < q->asked.len; i++) {
        const struct model_asked *a = &q->asked.at[i];
        const struct model_term *t = &m->terms.at[a->term];
        uint32_t tf = m->found.at[a->term];
        if (tf == 0)
            continue;
        double part = sqrt((double)tf) * (a->idf * a->idf) * norm(other->tokens[t->field_number]);
        sum += part;
        if (lines)
            lines[matching] = (struct model_line){ t->field, t->token, part };
        matching++;
    }
    for (size_t i = 0; i < other->terms.len; i++)
        m->found.at[other->terms.at[i].term] = 0;
    double coord = q->asked.len ? (double)matching / (double)q->asked.len : 0;
    for (size_t i = 0; lines && i < matching; i++)
        lines[i].value *= coord * q->query_norm;
    if (line_count)
        *line_count = matching;
    if (!lines && (matching == 0 || matching < q->asked.len * 30 / 100))
        return 0;
    return (float)(coord * q->query_norm * sum);
}

struct model_place model_nearest(struct model *m, const struct model_report *r)
{
    struct model_question q = ask(m, r);
    struct model_place best = { .match = MODEL_NONE };
    for (size_t i = 0; i < m->reports.len; i++) {
        if (m->reports.at[i].superseded_by != SIZE_MAX)
            continue;
        float s = score(m, &q, &m->reports.at[i], NULL, NULL);
        if ((double)s >= m->config->thresholds[0] && s > best.score) {
            best.match = (uint32_t)i;
            best.score = s;
        }
    }
    for (size_t t = 0; t < m->config->threshold_count; t++)
        best.joins[t] = best.match != MODEL_NONE && (double)best.score >= m->config->thresholds[t];
    VEC_FREE(&q.asked);
    return best;
}

void model_supersede(struct model *m, uint32_t report)
{
    m->reports.at[report].superseded_by = m->reports.len;
}

void model_remove(struct model *m, uint32_t report)
{
    for (size_t i = report + 1; i-- > 0;) /* and all whose place it has taken */
        if (i == report || m->reports.at[i].superseded_by == report) {
            m->reports.at[i].superseded_by = i;
            report = (uint32_t)i;
        }
}

void model_add(struct model *m, struct model_report r, const struct model_place *place)
{
    for (size_t t = 0; t < m->config->threshold_count; t++)
        r.buckets[t] = r.force.len       ? r.force
                       : place->joins[t] ? m->reports.at[place->match].buckets[t]
                                         : r.id;
    for (size_t i = 0; i < r.terms.len; i++)
        m->terms.at[r.terms.at[i].term].df++;
    assert_true(VEC_PUSH(&m->reports, r));
}

void model_undo(struct model *m, size_t count)
{
    while (m->reports.len > count) {
        struct model_report *r = &m->reports.at[--m->reports.len];
        for (size_t i = 0; i < r->terms.len; i++)
            m->terms.at[r->terms.at[i].term].df--;
        model_drop(r);
    }
    for (size_t i = 0; i < m->reports.len; i++)
        if (m->reports.at[i].superseded_by >= count)
            m->reports.at[i].superseded_by = SIZE_MAX;
}

float model_compare(struct model *m, const struct model_report *r, uint32_t other,
                    struct model_line *lines, size_t lines_max, size_t *line_count)
{
    struct model_question q = ask(m, r);
    assert_true(q.asked.len <= lines_max);
    float s = score(m, &q, &m->reports.at[other], lines, line_count);
    VEC_FREE(&q.asked);
    return s;
}
