/* words.h - slots against text that is not in the lexicon: database_ids and payloads.
 *
 * Threads: pure. */
#ifndef CRUMPLE_QUERY_WORDS_H
#define CRUMPLE_QUERY_WORDS_H

#include "query/plan.h"

/* A token and its place in the field. */
struct word {
    struct str text;
    uint32_t position;
};

/* Memory for weighing words; as much as the longest phrase and the longest list of words need. */
struct word_room {
    struct phrase_seat *seats;
    struct phrase_place *places;
};

/* How many tokens a text has. */
size_t words_count(struct str text);
/* Cuts a text up, positions from `position` on; the number of words. words: room for all. */
size_t words_cut(struct str text, uint32_t position, struct word *words);

/* Adds the places of the words of phrase `s`, as numbers of slots, to the n that are there; how
 * many there are then; not all when the deadline passes. */
size_t words_place(const struct plan *p, const struct slot *s, const struct word *words,
                   size_t count, struct phrase_place *places, size_t n);

/* What slot `s` weighs in these words; when the deadline passes, anything. */
float words_weigh(const struct plan *p, const struct slot *s, const struct word *words,
                  size_t count, struct word_room room);

#endif
