/* run_order.h - puts rows or groups into order and cuts the page.
 *
 * What is ordered are numbers 0, 1, 2, ... of things that stand in their natural order, in which
 * things stay that the keys do not tell apart. Unset values come last, whichever way a key goes.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_ORDER_H
#define CRUMPLE_COLUMNS_RUN_ORDER_H

#include "columns/run_rows.h"

struct order_key {
    bool descends;
    /* By number: less is earlier, whichever way the key goes; where unset, the greatest. */
    uint64_t *words;
    const uint8_t *set; /* NULL: all have a value */
    /* What decides between equal words, if one of them is given: texts by their codes, or cells. */
    const struct source *texts;
    const uint32_t *codes;
    const struct cell *cells;
};

/* The word of a value: equal values have equal words. */
uint64_t order_word(const struct cell *c, bool descends);
uint64_t order_word_of_text(struct str text, bool descends);
static inline uint64_t order_word_of_bits(enum column_type t, uint64_t bits, bool descends)
{
    uint64_t rank = value_rank(t, bits);
    return descends ? ~rank : rank;
}

/* The things from place `offset` on in the order, at most `limit` (0: all of them). */
MUST_CHECK bool order_pick(struct source_list *l, const struct order_key *keys, size_t key_count,
                           uint32_t things, uint64_t offset, uint64_t limit, uint32_t **out,
                           uint32_t *count, struct err *e);

#endif
