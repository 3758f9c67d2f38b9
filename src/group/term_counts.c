/* term_counts.c - a small hash table from terms to counts. */
#include "group/term_counts.h"

#include "group/tokens.h"

#include <string.h>

#define SLOTS_AT_LEAST 1024u

static uint32_t slot_of(const struct term_counts *tc, uint32_t term)
{
    return (term * 2654435761u >> 7) & tc->mask;
}

void term_counts_done(struct term_counts *tc)
{
    VEC_FREE(&tc->terms);
    VEC_FREE(&tc->tokens);
    VEC_FREE(&tc->fields);
    free(tc->slots);
    *tc = (struct term_counts){ 0 };
}

bool term_counts_reset(struct term_counts *tc)
{
    for (size_t i = 0; i < tc->fields.len; i++)
        tc->tokens.at[tc->fields.at[i]] = 0;
    tc->fields.len = 0;
    tc->terms.len = 0;
    if (!tc->slots) {
        tc->slots = malloc(SLOTS_AT_LEAST * sizeof *tc->slots);
        if (!tc->slots)
            return false;
        tc->mask = SLOTS_AT_LEAST - 1;
    }
    memset(tc->slots, 0, ((size_t)tc->mask + 1) * sizeof *tc->slots);
    return true;
}

static bool slots_double(struct term_counts *tc)
{
    uint32_t count = (tc->mask + 1) * 2;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (!slots)
        return false;
    free(tc->slots);
    tc->slots = slots;
    tc->mask = count - 1;
    for (size_t i = 0; i < tc->terms.len; i++) {
        uint32_t s = slot_of(tc, tc->terms.at[i].term);
        while (slots[s])
            s = (s + 1) & tc->mask;
        slots[s] = (uint32_t)i + 1;
    }
    return true;
}

static bool count_term(struct term_counts *tc, uint32_t field, uint32_t term)
{
    uint32_t s = slot_of(tc, term);
    for (; tc->slots[s]; s = (s + 1) & tc->mask) {
        struct term_count *t = &tc->terms.at[tc->slots[s] - 1];
        if (t->term == term) {
            t->tf++;
            return true;
        }
    }
    if (tc->terms.len >= TERM_COUNTS_MAX)
        return true;
    if (!VEC_PUSH(&tc->terms, ((struct term_count){ .term = term, .field = field, .tf = 1 })))
        return false;
    tc->slots[s] = (uint32_t)tc->terms.len;
    return tc->terms.len * 2 <= tc->mask || slots_double(tc);
}

static bool count_tokens(struct term_counts *tc, uint32_t field, uint32_t tokens)
{
    while (tc->tokens.len <= field)
        if (!VEC_PUSH(&tc->tokens, 0))
            return false;
    if (tokens && tc->tokens.at[field] == 0 && !VEC_PUSH(&tc->fields, field))
        return false;
    tc->tokens.at[field] += tokens;
    return true;
}

bool term_counts_value(struct term_counts *tc, const struct lexicon *lx, uint32_t value)
{
    const struct lexicon_value *v = lexicon_value(lx, value);
    if (!lexicon_field(lx, v->field)->grouped)
        return true;
    if (!count_tokens(tc, v->field, v->term_count))
        return false;
    for (uint32_t i = 0; i < v->term_count; i++)
        if (!count_term(tc, v->field, v->terms[i]))
            return false;
    return true;
}

bool term_counts_text(struct term_counts *tc, const struct lexicon *lx, uint32_t field,
                      struct str text)
{
    if (!lexicon_field(lx, field)->grouped)
        return true;
    struct tokens tokens = tokens_of(text);
    struct str token;
    uint32_t count = 0;
    for (; tokens_next(&tokens, &token); count++) {
        uint32_t number = lexicon_find_token(lx, token);
        uint32_t term =
            number == LEXICON_NONE ? LEXICON_NONE : lexicon_find_term(lx, field, number);
        if (term != LEXICON_NONE && !count_term(tc, field, term))
            return false;
    }
    return count_tokens(tc, field, count);
}

bool term_counts_report(struct term_counts *tc, const struct collection *c, uint32_t report)
{
    const struct lexicon *lx = collection_lexicon(c);
    struct collected r = collection_report(c, report);
    struct values stack = collection_stack(c, r.stack);
    if (!term_counts_reset(tc))
        return false;
    for (uint32_t i = 0; i < stack.count; i++)
        if (!term_counts_value(tc, lx, stack.at[i]))
            return false;
    for (uint32_t i = 0; i < r.other.count; i++)
        if (!term_counts_value(tc, lx, r.other.at[i]))
            return false;
    return true;
}

uint32_t term_counts_find(const struct term_counts *tc, uint32_t term)
{
    for (uint32_t s = slot_of(tc, term); tc->slots[s]; s = (s + 1) & tc->mask)
        if (tc->terms.at[tc->slots[s] - 1].term == term)
            return tc->terms.at[tc->slots[s] - 1].tf;
    return 0;
}
