/* phrase.h - how often a phrase stands in a text, words perhaps out of their places.
 *
 * Each word of the phrase is given a place in the text. For each, how far is it from where the
 * phrase would have it? The difference between the largest and the smallest of these shifts is the
 * distance, which may be at most the slop: so a word between two costs 1, two words swapped 2.
 * This is Lucene's SloppyPhraseScorer; unlike it, a phrase in which a word comes twice is always
 * found when it is there.
 * Threads: pure. */
#ifndef CRUMPLE_QUERY_PHRASE_H
#define CRUMPLE_QUERY_PHRASE_H

#include "query/deadline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PHRASE_GAP 100 /* positions between one value of a field and the next */

/* A place where a word of the phrase stands. */
struct phrase_place {
    uint32_t word;     /* equal words have equal numbers */
    uint32_t position; /* counted in words */
};

struct phrase_seat {
    uint32_t word;
    size_t at;     /* index of its place */
    int64_t shift; /* position less the seat's own number */
};

/* seats[0 .. n): the words of the phrase in order; only .word needs to be set. places: by rising
 * position, words that are not in the phrase left out. The sum of 1 / (1 + distance) over the
 * closest fits, one for each place that the first of them can take; 0: no fit. When the deadline
 * passes, what has been found till then. */
float phrase_frequency(struct phrase_seat *seats, size_t n, const struct phrase_place *places,
                       size_t place_count, uint32_t slop, struct deadline *d);

#endif
