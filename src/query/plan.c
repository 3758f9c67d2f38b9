/* plan.c - from the tree to nodes and slots. What is hard: which words are asked for is decided
 * here once, so that a phrase and a term that share a word share its slot, and so its count. */
#include "query/plan.h"

#include "base/date.h"

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for the search");
}

bool plan_field_name(struct str name, struct arena *a, struct str *out)
{
    *out = name;
    if (name.len == 0 || !memchr(name.ptr, ':', name.len))
        return true;
    char *p = arena_alloc(a, name.len);
    if (!p)
        return false;
    for (size_t i = 0; i < name.len; i++)
        p[i] = name.ptr[i] == ':' ? '_' : name.ptr[i];
    *out = (struct str){ p, name.len };
    return true;
}

/* Slots. */

static struct slot *new_slot(struct plan *p, const struct slot *like, uint32_t *number)
{
    if (p->slot_count == p->slot_cap) {
        uint32_t cap = p->slot_cap ? 2 * p->slot_cap : 16;
        struct slot *slots = arena_array(p->arena, cap, sizeof *slots);
        if (!slots)
            return NULL;
        if (p->slot_count)
            memcpy(slots, p->slots, p->slot_count * sizeof *slots);
        p->slots = slots;
        p->slot_cap = cap;
    }
    *number = p->slot_count++;
    p->slots[*number] = *like;
    return &p->slots[*number];
}

/* A slot that looks where this field is, and in which nothing else is set. */
static struct slot slot_in(const struct plan *p, struct str field)
{
    struct slot s = { .scope = SCOPE_FIELD, .name = field, .field = PLAN_NONE };
    if (field.len == 0)
        s.scope = SCOPE_ALL;
    else if (str_eq(field, STR("database_id")))
        s.scope = SCOPE_ID;
    else if (collection_is_cold(p->collection, field))
        s.scope = SCOPE_PAYLOAD;
    else
        s.field = lexicon_find_field(p->lexicon, field);
    if (s.field != PLAN_NONE && s.field >= p->fields)
        s.field = PLAN_NONE; /* newer than this search */
    return s;
}

/* The slot of a word; made when it is new. */
static bool word_slot(struct plan *p, struct str field, struct str word, uint32_t *number,
                      struct err *e)
{
    struct slot s = slot_in(p, field);
    s.type = SLOT_WORD;
    s.match = (struct pattern){ .type = PATTERN_WORD, .text = word };
    s.token = lexicon_find_token(p->lexicon, word);
    if (s.token != LEXICON_NONE && s.token >= p->tokens)
        s.token = LEXICON_NONE;
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const struct slot *o = &p->slots[i];
        if (o->type == SLOT_WORD && str_eq(o->name, field) && str_eq(o->match.text, word)) {
            *number = i;
            return true;
        }
    }
    return new_slot(p, &s, number) || no_memory(e);
}

static bool phrase_slot(struct plan *p, const struct lucene_query *q, struct str field,
                        uint32_t *number, struct err *e)
{
    struct slot s = slot_in(p, field);
    uint32_t *words = arena_array(p->arena, q->token_count, sizeof *words);
    if (!words)
        return no_memory(e);
    for (size_t i = 0; i < q->token_count; i++)
        if (!word_slot(p, field, q->tokens[i], &words[i], e))
            return false;
    s.type = SLOT_PHRASE;
    s.words = words;
    s.word_count = (uint32_t)q->token_count;
    s.slop = q->slop;
    /* Two words of a phrase that stand in different values are at least the gap away from where
     * the phrase would have them. */
    s.far = q->slop >= PHRASE_GAP;
    return new_slot(p, &s, number) || no_memory(e);
}

static bool has_slot(struct plan *p, struct str field, uint32_t *number, struct err *e)
{
    struct slot s = slot_in(p, field);
    bool *has = arena_zalloc(p->arena, p->fields + 1);
    if (!has)
        return no_memory(e);
    for (uint32_t i = 0; i < p->fields; i++) { /* the field, or one below it */
        struct str name = lexicon_field(p->lexicon, i)->name;
        has[i] = str_starts(name, field) && (name.len == field.len || name.ptr[field.len] == '.');
    }
    s.type = SLOT_HAS;
    s.has = has;
    return new_slot(p, &s, number) || no_memory(e);
}

static bool set_slot(struct plan *p, const struct lucene_query *q, struct str field,
                     uint32_t *number, struct err *e)
{
    struct slot s = slot_in(p, field);
    s.type = SLOT_SET;
    if (++p->pattern_count > PLAN_PATTERNS_MAX)
        return err_set(e, ERR_LIMIT, 0, "more than %d wildcards, fuzzy terms and ranges in a query",
                       PLAN_PATTERNS_MAX);
    if (!pattern_init(&s.match, q, p->arena, e))
        return false;
    return new_slot(p, &s, number) || no_memory(e);
}

/* Nodes. */

static bool make_date(struct plan *p, const struct lucene_query *q, struct node *n, struct err *e)
{
    if (q->type == LUCENE_TERM || q->type == LUCENE_RANGE) {
        n->type = NODE_DATE;
        return date_span_of_query(q, p->now_ms, &n->span, e);
    }
    n->type = NODE_DATE_TEXT;
    return pattern_init(&n->pattern, q, p->arena, e);
}

static bool make_leaf(struct plan *p, const struct lucene_query *q, struct node *n, struct err *e)
{
    struct str field;
    if (!plan_field_name(q->field, p->arena, &field))
        return no_memory(e);
    if (str_eq(field, STR("date")))
        return make_date(p, q, n, e);
    n->type = NODE_SLOT;
    if (q->type == LUCENE_TERM)
        return word_slot(p, field, q->text, &n->slot, e);
    if (q->type == LUCENE_PHRASE)
        return phrase_slot(p, q, field, &n->slot, e);
    if (q->type == LUCENE_WILDCARD && str_eq(q->text, STR("*")))
        return has_slot(p, field, &n->slot, e);
    return set_slot(p, q, field, &n->slot, e);
}

/* What the parser let through, and cannot be looked for all the same: says where it stands. */
static bool blame(const struct lucene_query *q, struct err *e)
{
    struct err why = *e;
    if (why.code != ERR_INPUT && why.code != ERR_LIMIT)
        return false;
    (void)err_word(e, why.code, "bad_query", "%s, at position %zu", why.msg, q->at);
    e->offset = q->at;
    return false;
}

static bool make_node(struct plan *p, const struct lucene_query *q, struct node **out,
                      struct err *e)
{
    struct node *n = arena_zalloc(p->arena, sizeof *n);
    if (!n)
        return no_memory(e);
    n->occur = q->occur;
    n->boost = q->boost;
    *out = n;
    switch (q->type) {
    case LUCENE_ALL:
        n->type = NODE_ALL;
        return true;
    case LUCENE_NOTHING:
        n->type = NODE_NOTHING;
        return true;
    case LUCENE_BOOLEAN:
        break;
    default:
        return make_leaf(p, q, n, e) || blame(q, e);
    }
    n->type = NODE_BOOLEAN;
    struct node **tail = &n->first;
    for (const struct lucene_query *c = q->first; c; c = c->next) {
        if (!make_node(p, c, tail, e))
            return false;
        n->scoring += c->occur != LUCENE_MUST_NOT;
        tail = &(*tail)->next;
    }
    return true;
}

static void note_place(struct plan *p, uint32_t field)
{
    bool in_stack = lexicon_field(p->lexicon, field)->in_stack;
    p->in_stack |= in_stack;
    p->in_other |= !in_stack;
}

/* Where the slots look, and what they need. */
static void survey_slots(struct plan *p)
{
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const struct slot *s = &p->slots[i];
        p->in_id |= s->scope == SCOPE_ID || s->scope == SCOPE_ALL;
        p->in_payload |= s->scope == SCOPE_PAYLOAD;
        if (s->word_count > p->longest_phrase)
            p->longest_phrase = s->word_count;
        if (s->scope == SCOPE_ALL)
            p->in_stack = p->in_other = true;
        if (s->scope != SCOPE_FIELD)
            continue;
        if (s->type != SLOT_HAS && s->field != PLAN_NONE)
            note_place(p, s->field);
        for (uint32_t f = 0; f < p->fields && s->type == SLOT_HAS; f++)
            if (s->has[f])
                note_place(p, f);
    }
}

/* Each field in which words are scored gets a length; all text has length 0. */
static void number_lengths(struct plan *p)
{
    p->length_count = 1;
    for (uint32_t i = 0; i < p->slot_count; i++) {
        struct slot *s = &p->slots[i];
        if (s->scope != SCOPE_FIELD || (s->type != SLOT_WORD && s->type != SLOT_PHRASE))
            continue;
        for (uint32_t j = 0; j < i && s->length == 0; j++)
            if (p->slots[j].scope == SCOPE_FIELD && p->slots[j].field == s->field)
                s->length = p->slots[j].length;
        if (s->length == 0)
            s->length = p->length_count++;
    }
}

bool plan_make(struct plan *p, const struct collection *c, const struct lucene_query *q,
               bool scored, struct deadline *d, struct arena *a, struct err *e)
{
    const struct lexicon *lx = collection_lexicon(c);
    *p = (struct plan){ .collection = c, .lexicon = lx, .arena = a, .now_ms = date_now_ms() };
    p->scored = scored;
    p->deadline = d;
    /* In this order: what a report names was there before it, and is so counted. */
    p->reports = collection_count(c);
    p->stacks = collection_stack_count(c);
    p->values = lexicon_value_count(lx);
    p->terms = lexicon_term_count(lx);
    p->tokens = lexicon_token_count(lx);
    p->fields = lexicon_field_count(lx);
    if (!make_node(p, q, &p->root, e))
        return false;
    survey_slots(p);
    number_lengths(p);
    return plan_mark_values(p, e) && (!p->in_id || plan_mark_ids(p, e));
}
