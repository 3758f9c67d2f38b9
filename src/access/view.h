/* view.h - a moment of who may do what, in memory: all of store_access_read, and ways to find in
 * it. Inside the room only: others see access_view through access.h.
 *
 * Threads: one fills it, then it never changes but for `holders`. Memory: one arena. */
#ifndef CRUMPLE_ACCESS_VIEW_H
#define CRUMPLE_ACCESS_VIEW_H

#include "access/access.h"

#define VIEW_HASH_BYTES 32 /* of SHA-256 */

/* Places of things by the hashes that they are known by. Open addressing; a slot is a place + 1, 0
 * when free; at most half are taken. */
struct hash_table {
    uint8_t (*hashes)[VIEW_HASH_BYTES];
    size_t count;
    uint32_t *slots;
    size_t slot_count;
};

struct access_view {
    struct arena *arena; /* the view itself is in it, too */
    uint64_t version;
    size_t holders; /* guarded by access.mu; access itself is one while the view is the newest */
    struct stored_access rows;
    struct token *tokens; /* at the places of token_table */
    struct hash_table token_table;
    struct user *users; /* by name, as the rows are */
    size_t user_count;
    struct session *sessions; /* at the places of session_table */
    struct hash_table session_table;
    struct configuration *configuration; /* by type, then key */
    size_t configuration_count;
};

/* As the store has it now. NULL with *e. */
struct access_view *access_view_new(struct store *s, struct err *e);
/* The place of what a client sent; UINT32_MAX: nothing is known by it. In constant time as far as
 * the text goes: what is compared are hashes. */
uint32_t hash_table_find(const struct hash_table *t, struct str text);

#endif
