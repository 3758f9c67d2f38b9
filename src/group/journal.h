/* journal.h - how what was added since a mark is taken back: the old values of words that were
 * written, and the numbers that were put into maps.
 *
 * Words must not move: they stand in seglists and pools. What was allocated since the mark is let
 * go by its owner, once no word leads to it any more.
 * Threads: the writer's. Words of 32 bits are restored atomically, since readers may look at them.
 */
#ifndef CRUMPLE_GROUP_JOURNAL_H
#define CRUMPLE_GROUP_JOURNAL_H

#include "base/idmap.h"
#include "base/vec.h"

struct journal_note {
    void *at;     /* a word, or the map */
    uint64_t old; /* the word's value, or the hash */
    uint32_t id;  /* in the map */
    uint8_t kind;
};
struct journal {
    VEC(struct journal_note) notes;
};

/* The word is about to be written. False: no memory, and it must not be. */
MUST_CHECK bool journal_u32(struct journal *j, void *at);
MUST_CHECK bool journal_u64(struct journal *j, void *at); /* pointers, too */
/* Inserts and notes it. False: no memory, nothing changed. */
MUST_CHECK bool journal_insert(struct journal *j, struct idmap *map, uint64_t hash, uint32_t id);

size_t journal_mark(const struct journal *j);
void journal_undo(struct journal *j, size_t mark);
void journal_forget(struct journal *j); /* all of it stays */
void journal_done(struct journal *j);

#endif
