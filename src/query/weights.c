/* weights.c - a report's numbers against the plan's marks. The loop in add_values is where a search
 * over many reports spends its time. */
#include "query/weights.h"

#include "query/words.h"

bool weights_init(struct weights *w, const struct plan *p, const struct search_request *rq,
                  struct arena *scratch, bool measured, struct err *e)
{
    size_t slots = p->slot_count + 1;
    struct arena *a = p->arena;
    *w = (struct weights){ .plan = p, .rq = rq, .scratch = scratch };
    w->measured = measured && p->length_of;
    w->of = arena_zalloc(a, slots * sizeof *w->of);
    w->touched = arena_array(a, slots, sizeof *w->touched);
    w->length = arena_zalloc(a, p->length_count * sizeof *w->length);
    w->stack_length = arena_zalloc(a, p->length_count * sizeof *w->stack_length);
    w->undo = arena_array(a, slots, sizeof *w->undo);
    w->entered = arena_zalloc(a, slots * sizeof *w->entered);
    w->seats = arena_array(a, p->longest_phrase, sizeof *w->seats);
    if (w->of && w->touched && w->length && w->stack_length && w->undo && w->entered && w->seats)
        return true;
    return err_set(e, ERR_NOMEM, 0, "no memory for the search");
}

static void leave_report(struct weights *w)
{
    while (w->undo_count > 0) {
        struct weight_before *u = &w->undo[--w->undo_count];
        w->of[u->slot] = u->weight;
    }
    if (w->in_report)
        w->touched_count = w->undo_touched;
    w->in_report = false;
}

/* More of a slot: words and phrases are counted, of the rest the best counts. */
static void add_weight(struct weights *w, uint32_t slot, float weight)
{
    enum slot_type type = w->plan->slots[slot].type;
    float *of = &w->of[slot];
    if (w->in_report && w->entered[slot] != w->round) {
        w->entered[slot] = w->round;
        w->undo[w->undo_count++] = (struct weight_before){ slot, *of };
    }
    if (*of == 0)
        w->touched[w->touched_count++] = slot;
    if (type == SLOT_WORD || type == SLOT_PHRASE)
        *of += weight;
    else if (weight > *of)
        *of = weight;
}

static void add_marks(struct weights *w, const struct marks *marks, uint32_t number)
{
    const struct mark *at, *end = marks_of(marks, number, &at);
    for (; at < end; at++)
        add_weight(w, at->slot, at->weight);
}

static void add_values(struct weights *w, struct values v)
{
    const struct marks *marks = &w->plan->marks;
    for (uint32_t i = 0; i < v.count; i++)
        if (marks_has(marks, v.at[i]))
            add_marks(w, marks, v.at[i]);
}

static void add_lengths(const struct weights *w, struct values v, uint32_t *length)
{
    for (uint32_t i = 0; i < v.count; i++) {
        uint32_t both = w->plan->length_of[v.at[i]];
        uint32_t which = both & ((1u << LENGTH_BITS) - 1);
        length[0] += both >> LENGTH_BITS;
        if (which)
            length[which] += both >> LENGTH_BITS;
    }
}

void weights_enter_stack(struct weights *w, uint32_t stack)
{
    struct values v = collection_stack(w->plan->collection, stack);
    leave_report(w);
    while (w->touched_count > 0)
        w->of[w->touched[--w->touched_count]] = 0;
    add_values(w, v);
    if (w->measured) {
        memset(w->stack_length, 0, w->plan->length_count * sizeof *w->stack_length);
        add_lengths(w, v, w->stack_length);
    }
}

void weights_enter_report(struct weights *w, uint32_t report)
{
    leave_report(w);
    w->report = report;
    w->seen = collection_report(w->plan->collection, report);
    if (w->seen.amended) /* perhaps with values that the plan has no room for */
        w->seen.other = collection_other_before(w->plan->collection, report, w->plan->values);
    w->payload_read = false;
    w->in_report = true;
    w->undo_touched = w->touched_count;
    w->round++;
    if (w->plan->in_other)
        add_values(w, w->seen.other);
    if (w->plan->in_id && marks_has(&w->plan->ids, report))
        add_marks(w, &w->plan->ids, report);
    if (w->measured) {
        memcpy(w->length, w->stack_length, w->plan->length_count * sizeof *w->length);
        add_lengths(w, w->seen.other, w->length);
        w->length[0] += (uint32_t)words_count(plan_id(w->plan, report));
    }
}

/* Payloads. */

bool weights_payload_texts(const struct search_request *rq, uint32_t report, struct arena *scratch,
                           const struct report_text **texts, size_t *count, struct err *e)
{
    const struct json_limits limits = { .depth = REPORT_DEPTH_MAX + 1, .nodes = SIZE_MAX };
    struct str payload;
    const struct json *json;
    struct report r;
    *count = 0;
    arena_reset(scratch);
    if (!rq->payload)
        return true;
    if (!rq->payload(rq->ctx, report, scratch, &payload, e))
        return e->code == ERR_NOT_FOUND;
    if (!json_parse(&json, payload, limits, scratch, e) ||
        !report_from_json(&r, json, payload, scratch, e))
        return err_prefix(e, "report %u, as stored: ", report);
    *texts = r.texts;
    *count = r.text_count;
    return true;
}

/* Whether a text belongs to a field; to look whether a field is there, those below it count. */
static bool is_of_field(const struct slot *s, struct str field)
{
    if (s->type == SLOT_HAS && field.len > s->name.len && field.ptr[s->name.len] == '.')
        field.len = s->name.len;
    return str_eq(s->name, field);
}

/* The words of a field, and whether it is there at all. */
static bool cut_field(const struct slot *s, const struct report_text *texts, size_t text_count,
                      struct arena *a, struct word **out, size_t *count, bool *there)
{
    size_t room = 0;
    uint32_t position = 0;
    *count = 0;
    *there = false;
    for (size_t i = 0; i < text_count; i++)
        if (is_of_field(s, texts[i].field))
            room += words_count(texts[i].text);
    *out = arena_array(a, room, sizeof **out);
    for (size_t i = 0; i < text_count && *out; i++) {
        if (!is_of_field(s, texts[i].field))
            continue;
        size_t n = words_cut(texts[i].text, position, *out + *count);
        position += (uint32_t)n + PHRASE_GAP;
        *count += n;
        *there = true;
    }
    return *out != NULL;
}

static bool no_memory(const struct weights *w, struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for the words of report %u", w->report);
}

bool weights_read_payload(struct weights *w, struct err *e)
{
    const struct report_text *texts = NULL;
    size_t text_count;
    if (!deadline_check(w->plan->deadline, DEADLINE_STEPS, e))
        return false;
    if (!weights_payload_texts(w->rq, w->report, w->scratch, &texts, &text_count, e))
        return false;
    for (uint32_t i = 0; i < w->plan->slot_count; i++) {
        const struct slot *s = &w->plan->slots[i];
        struct word *words;
        size_t count;
        bool there;
        if (s->scope != SCOPE_PAYLOAD)
            continue;
        if (!cut_field(s, texts, text_count, w->scratch, &words, &count, &there))
            return no_memory(w, e);
        struct word_room room = { w->seats, arena_array(w->scratch, count, sizeof *room.places) };
        if (!room.places)
            return no_memory(w, e);
        float weight = there ? words_weigh(w->plan, s, words, count, room) : 0;
        if (weight > 0)
            add_weight(w, i, weight);
    }
    w->payload_read = true;
    return true;
}

/* Far phrases. */

static size_t count_tokens(const struct lexicon *lx, struct values v)
{
    size_t n = 0;
    for (uint32_t i = 0; i < v.count; i++)
        n += lexicon_value(lx, v.at[i])->term_count;
    return n;
}

/* Adds the places of the words of phrase `s` in a list of values. */
static size_t place_values(const struct weights *w, const struct slot *s, struct values v,
                           uint32_t *position, struct phrase_place *places, size_t n)
{
    const struct lexicon *lx = w->plan->lexicon;
    for (uint32_t i = 0; i < v.count; i++) {
        const struct lexicon_value *value = lexicon_value(lx, v.at[i]);
        if (s->scope == SCOPE_FIELD && value->field != s->field)
            continue;
        for (uint32_t t = 0; t < value->term_count; t++, ++*position) {
            if (deadline_passed(w->plan->deadline, s->word_count))
                return n;
            uint32_t token = lexicon_term(lx, value->terms[t])->token;
            for (uint32_t k = 0; k < s->word_count; k++) {
                if (w->plan->slots[s->words[k]].token == token) {
                    places[n++] = (struct phrase_place){ s->words[k], *position };
                    break;
                }
            }
        }
        *position += PHRASE_GAP;
    }
    return n;
}

bool weights_far_phrase(struct weights *w, uint32_t slot, float *out, struct err *e)
{
    const struct slot *s = &w->plan->slots[slot];
    const struct lexicon *lx = w->plan->lexicon;
    uint32_t position = 0;
    *out = 0;
    for (uint32_t i = 0; i < s->word_count; i++) {
        if (w->of[s->words[i]] == 0)
            return true;
        w->seats[i].word = s->words[i];
    }
    struct values stack = collection_stack(w->plan->collection, w->seen.stack);
    struct str id = plan_id(w->plan, w->report);
    size_t id_count = words_count(id);
    arena_reset(w->scratch);
    size_t room = count_tokens(lx, stack) + count_tokens(lx, w->seen.other) + id_count;
    struct phrase_place *places = arena_array(w->scratch, room, sizeof *places);
    struct word *id_words = arena_array(w->scratch, id_count, sizeof *id_words);
    if (!places || !id_words)
        return no_memory(w, e);
    size_t n = place_values(w, s, stack, &position, places, 0);
    n = place_values(w, s, w->seen.other, &position, places, n);
    if (s->scope == SCOPE_ALL)
        n = words_place(w->plan, s, id_words, words_cut(id, position, id_words), places, n);
    *out = phrase_frequency(w->seats, s->word_count, places, n, s->slop, w->plan->deadline);
    return true;
}
