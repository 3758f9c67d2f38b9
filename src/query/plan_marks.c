/* plan_marks.c - which values mean something to the query: every token is compared with its
 * patterns once, then every value is looked at once.
 *
 * Most of the time goes into the values, of which there are millions: a bit for each term says
 * whether it is worth a second look. */
#include "query/plan.h"

struct marking {
    struct plan *p;
    struct err *err;
    struct marks tokens; /* which slots a token belongs to, whatever the field */
    uint64_t *terms;     /* a bit for each term whose token is marked for its field */
    float *weight;       /* of each slot in the value that is being looked at; 0 elsewhere */
    uint32_t *touched;   /* slots with a weight */
    uint32_t touched_count;
    /* For phrases: room for the words of the longest one, and for those of the longest value. */
    struct phrase_seat *seats;
    struct phrase_place *places;
    size_t place_cap;
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for the search");
}

static bool in_lexicon(const struct slot *s)
{
    return s->scope == SCOPE_ALL || (s->scope == SCOPE_FIELD && s->field != PLAN_NONE);
}

static bool covers(const struct slot *s, uint32_t field)
{
    return s->scope == SCOPE_ALL || s->field == field;
}

static bool mark_token(struct marking *m, uint32_t token)
{
    struct plan *p = m->p;
    struct str text = lexicon_token(p->lexicon, token);
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const struct slot *s = &p->slots[i];
        float weight = 0;
        if (!in_lexicon(s))
            continue;
        if (!deadline_check(p->deadline, 1 + text.len / PLAN_TOKEN_BYTES_A_STEP, m->err))
            return false;
        if (s->type == SLOT_WORD)
            weight = s->token == token;
        if (s->type == SLOT_SET)
            weight = pattern_match(&s->match, text);
        if (weight > 0 && !marks_add(&m->tokens, token, (struct mark){ i, weight }, p->arena))
            return no_memory(m->err);
    }
    return true;
}

/* A word's token is known; only patterns need to be tried on all tokens. */
static bool mark_tokens(struct marking *m)
{
    struct plan *p = m->p;
    uint64_t *wanted = arena_zalloc(p->arena, (p->tokens / 64 + 1) * sizeof *wanted);
    if (!wanted || !marks_init(&m->tokens, p->tokens, p->arena))
        return no_memory(m->err);
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const struct slot *s = &p->slots[i];
        if (s->type == SLOT_SET && in_lexicon(s))
            memset(wanted, 0xff, (p->tokens / 64 + 1) * sizeof *wanted);
        if (s->type == SLOT_WORD && in_lexicon(s) && s->token != LEXICON_NONE)
            wanted[s->token / 64] |= UINT64_C(1) << s->token % 64;
    }
    for (uint32_t w = 0; w <= p->tokens / 64; w++) {
        for (uint64_t left = wanted[w]; left; left &= left - 1) {
            uint32_t token = w * 64 + (uint32_t)__builtin_ctzll(left);
            if (token < p->tokens && !mark_token(m, token))
                return false;
        }
    }
    return marks_close(&m->tokens, p->arena) || no_memory(m->err);
}

static bool mark_terms(struct marking *m)
{
    struct plan *p = m->p;
    m->terms = arena_zalloc(p->arena, (p->terms / 64 + 1) * sizeof *m->terms);
    if (!m->terms)
        return no_memory(m->err);
    for (uint32_t t = 0; t < p->terms && m->tokens.marked; t++) {
        const struct lexicon_term *term = lexicon_term(p->lexicon, t);
        if (!deadline_check(p->deadline, 1, m->err))
            return false;
        if (term->token >= p->tokens || !marks_has(&m->tokens, term->token))
            continue;
        const struct mark *at, *end = marks_of(&m->tokens, term->token, &at);
        for (; at < end; at++)
            if (covers(&p->slots[at->slot], term->field))
                m->terms[t / 64] |= UINT64_C(1) << t % 64;
    }
    return true;
}

static bool is_marked(const struct marking *m, uint32_t term)
{
    return term < m->p->terms && m->terms[term / 64] >> term % 64 & 1;
}

/* One term of the value more: a word comes once more, a pattern matches at least this well. */
static bool weigh_term(struct marking *m, uint32_t term)
{
    const struct lexicon_term *t = lexicon_term(m->p->lexicon, term);
    const struct mark *at, *end = marks_of(&m->tokens, t->token, &at);
    if (!deadline_check(m->p->deadline, (size_t)(end - at), m->err))
        return false;
    for (; at < end; at++) {
        const struct slot *s = &m->p->slots[at->slot];
        float *weight = &m->weight[at->slot];
        if (!covers(s, t->field))
            continue;
        if (*weight == 0)
            m->touched[m->touched_count++] = at->slot;
        if (s->type == SLOT_WORD)
            *weight += 1;
        else if (at->weight > *weight)
            *weight = at->weight;
    }
    return true;
}

static bool reserve_places(struct marking *m, uint32_t count)
{
    if (count <= m->place_cap)
        return true;
    m->place_cap = 2 * (size_t)count;
    m->places = arena_array(m->p->arena, m->place_cap, sizeof *m->places);
    return m->places || no_memory(m->err);
}

/* How often a phrase stands within this value. */
static float weigh_phrase(struct marking *m, const struct slot *s, const struct lexicon_value *v)
{
    size_t count = 0;
    for (uint32_t i = 0; i < s->word_count; i++) {
        if (m->weight[s->words[i]] == 0)
            return 0;
        m->seats[i].word = m->p->slots[s->words[i]].token;
    }
    for (uint32_t i = 0; i < v->term_count; i++)
        if (is_marked(m, v->terms[i]))
            m->places[count++] =
                (struct phrase_place){ lexicon_term(m->p->lexicon, v->terms[i])->token, i };
    return phrase_frequency(m->seats, s->word_count, m->places, count, s->slop, m->p->deadline);
}

static bool mark_phrases(struct marking *m, uint32_t value, const struct lexicon_value *v)
{
    struct plan *p = m->p;
    if (!reserve_places(m, v->term_count))
        return false;
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const struct slot *s = &p->slots[i];
        if (s->type != SLOT_PHRASE || s->far || !in_lexicon(s) || !covers(s, v->field))
            continue;
        if (!deadline_check(p->deadline, v->term_count, m->err))
            return false;
        float weight = weigh_phrase(m, s, v);
        if (weight > 0 && !marks_add(&p->marks, value, (struct mark){ i, weight }, p->arena))
            return no_memory(m->err);
    }
    return true;
}

static bool mark_value(struct marking *m, uint32_t value, const struct lexicon_value *v,
                       bool phrases)
{
    struct plan *p = m->p;
    for (uint32_t i = 0; i < v->term_count; i++)
        if (is_marked(m, v->terms[i]) && !weigh_term(m, v->terms[i]))
            return false;
    if (m->touched_count == 0)
        return true;
    for (uint32_t i = 0; i < m->touched_count; i++) {
        struct mark mark = { m->touched[i], m->weight[m->touched[i]] };
        if (!marks_add(&p->marks, value, mark, p->arena))
            return no_memory(m->err);
    }
    if (phrases && !mark_phrases(m, value, v))
        return false;
    while (m->touched_count > 0)
        m->weight[m->touched[--m->touched_count]] = 0;
    return true;
}

static bool mark_has(struct marking *m, uint32_t value, uint32_t field)
{
    struct plan *p = m->p;
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].type == SLOT_HAS && p->slots[i].scope == SCOPE_FIELD && field < p->fields &&
            p->slots[i].has[field] && !marks_add(&p->marks, value, (struct mark){ i, 1 }, p->arena))
            return no_memory(m->err);
    return true;
}

static bool mark_all_values(struct marking *m)
{
    struct plan *p = m->p;
    bool phrases = false, has = false, words = m->tokens.marked > 0;
    for (uint32_t i = 0; i < p->slot_count; i++) {
        phrases |= p->slots[i].type == SLOT_PHRASE;
        has |= p->slots[i].type == SLOT_HAS;
    }
    for (uint32_t v = 0; v < p->values && (has || words); v++) {
        const struct lexicon_value *value = lexicon_value(p->lexicon, v);
        size_t steps = 1 + (words ? value->term_count : 0) + (has ? p->slot_count : 0);
        if (!deadline_check(p->deadline, steps, m->err))
            return false;
        if ((has && !mark_has(m, v, value->field)) || (words && !mark_value(m, v, value, phrases)))
            return false;
    }
    return marks_close(&p->marks, p->arena) || no_memory(m->err);
}

/* For each value its tokens, and which length they count for. */
static bool measure_values(struct plan *p, struct err *e)
{
    uint32_t *length_of = arena_array(p->arena, (size_t)p->values + 1, sizeof *length_of);
    uint32_t *of_field = arena_zalloc(p->arena, (p->fields + 1) * sizeof *of_field);
    if (!length_of || !of_field)
        return no_memory(e);
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].length > 0 && p->slots[i].field != PLAN_NONE)
            of_field[p->slots[i].field] = p->slots[i].length;
    const uint32_t most = UINT32_MAX >> LENGTH_BITS; /* far past where the norm tells them apart */
    for (uint32_t v = 0; v < p->values; v++) {
        const struct lexicon_value *value = lexicon_value(p->lexicon, v);
        uint32_t tokens = value->term_count < most ? value->term_count : most;
        length_of[v] =
            tokens << LENGTH_BITS | (value->field < p->fields ? of_field[value->field] : 0);
    }
    p->length_of = length_of;
    return true;
}

bool plan_mark_values(struct plan *p, struct err *e)
{
    struct marking m = { .p = p, .err = e };
    bool scores_words = false;
    if (!marks_init(&p->marks, p->values, p->arena))
        return no_memory(e);
    for (uint32_t i = 0; i < p->slot_count; i++)
        scores_words |= p->slots[i].type == SLOT_WORD && in_lexicon(&p->slots[i]);
    m.weight = arena_zalloc(p->arena, (p->slot_count + 1) * sizeof *m.weight);
    m.touched = arena_array(p->arena, p->slot_count + 1, sizeof *m.touched);
    m.seats = arena_array(p->arena, p->longest_phrase, sizeof *m.seats);
    if (!m.weight || !m.touched || !m.seats)
        return no_memory(e);
    return mark_tokens(&m) && mark_terms(&m) && mark_all_values(&m) &&
           (!p->scored || !scores_words || measure_values(p, e));
}
