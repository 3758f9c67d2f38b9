/* journal.c - see the header. */
#include "group/journal.h"

#include <string.h>

enum { NOTE_U32, NOTE_U64, NOTE_INSERT };

bool journal_u32(struct journal *j, void *at)
{
    uint32_t old;
    memcpy(&old, at, sizeof old);
    return VEC_PUSH(&j->notes, ((struct journal_note){ at, old, 0, NOTE_U32 }));
}

bool journal_u64(struct journal *j, void *at)
{
    uint64_t old;
    memcpy(&old, at, sizeof old);
    return VEC_PUSH(&j->notes, ((struct journal_note){ at, old, 0, NOTE_U64 }));
}

bool journal_insert(struct journal *j, struct idmap *map, uint64_t hash, uint32_t id)
{
    if (!VEC_RESERVE(&j->notes, 1) || !idmap_insert(map, hash, id))
        return false;
    j->notes.at[j->notes.len++] = (struct journal_note){ map, hash, id, NOTE_INSERT };
    return true;
}

size_t journal_mark(const struct journal *j)
{
    return j->notes.len;
}

void journal_undo(struct journal *j, size_t mark)
{
    while (j->notes.len > mark) {
        struct journal_note *n = &j->notes.at[--j->notes.len];
        if (n->kind == NOTE_U32)
            __atomic_store_n((uint32_t *)n->at, (uint32_t)n->old, __ATOMIC_RELAXED);
        else if (n->kind == NOTE_U64)
            memcpy(n->at, &n->old, sizeof n->old);
        else
            idmap_remove(n->at, n->old, n->id);
    }
}

void journal_forget(struct journal *j)
{
    j->notes.len = 0;
}

void journal_done(struct journal *j)
{
    VEC_FREE(&j->notes);
}
