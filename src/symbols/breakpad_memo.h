/* breakpad_memo.h - numbers for byte strings that were seen before.
 *
 * The bytes are not copied: they belong to the file, or to whoever owns the memo. Threads: one at a
 * time. */
#ifndef CRUMPLE_SYMBOLS_BREAKPAD_MEMO_H
#define CRUMPLE_SYMBOLS_BREAKPAD_MEMO_H

#include "base/idmap.h"
#include "base/vec.h"

struct memo {
    VEC(struct str) keys;
    struct idmap map;
};
MUST_CHECK bool memo_init(struct memo *m);
void memo_done(struct memo *m);
/* The number of the key; *fresh: it is new, and must stay where it is. False: no memory. */
MUST_CHECK bool memo_number(struct memo *m, struct str key, uint32_t *number, bool *fresh);

#endif
