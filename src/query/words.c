/* words.c - see words.h. */
#include "query/words.h"

#include "group/tokens.h"

size_t words_count(struct str text)
{
    struct tokens t = tokens_of(text);
    struct str word;
    size_t n = 0;
    while (tokens_next(&t, &word))
        n++;
    return n;
}

size_t words_cut(struct str text, uint32_t position, struct word *words)
{
    struct tokens t = tokens_of(text);
    struct str word;
    size_t n = 0;
    while (tokens_next(&t, &word))
        words[n++] = (struct word){ word, position++ };
    return n;
}

size_t words_place(const struct plan *p, const struct slot *s, const struct word *words,
                   size_t count, struct phrase_place *places, size_t n)
{
    for (size_t w = 0; w < count && !deadline_passed(p->deadline, s->word_count); w++) {
        for (uint32_t i = 0; i < s->word_count; i++) {
            if (str_eq(p->slots[s->words[i]].match.text, words[w].text)) {
                places[n++] = (struct phrase_place){ s->words[i], words[w].position };
                break; /* the same word further on has the same number */
            }
        }
    }
    return n;
}

float words_weigh(const struct plan *p, const struct slot *s, const struct word *words,
                  size_t count, struct word_room room)
{
    float weight = 0;
    if (s->type == SLOT_HAS)
        return 1;
    if (s->type == SLOT_PHRASE) {
        size_t n = words_place(p, s, words, count, room.places, 0);
        for (uint32_t i = 0; i < s->word_count; i++)
            room.seats[i].word = s->words[i];
        return phrase_frequency(room.seats, s->word_count, room.places, n, s->slop, p->deadline);
    }
    for (size_t w = 0; w < count; w++) {
        if (deadline_passed(p->deadline, 1 + words[w].text.len / PLAN_TOKEN_BYTES_A_STEP))
            break;
        float match = pattern_match(&s->match, words[w].text);
        if (s->type == SLOT_WORD)
            weight += match;
        else if (match > weight)
            weight = match;
    }
    return weight;
}
