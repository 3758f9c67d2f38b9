/* breakpad_memo.c - an idmap of borrowed strings. */
#include "symbols/breakpad_memo.h"

bool memo_init(struct memo *m)
{
    *m = (struct memo){ 0 };
    return idmap_init(&m->map);
}

void memo_done(struct memo *m)
{
    VEC_FREE(&m->keys);
    idmap_done(&m->map);
}

struct same {
    const struct memo *memo;
    struct str key;
};
static bool is_same(const void *ctx, uint32_t id)
{
    const struct same *s = ctx;
    return str_eq(s->memo->keys.at[id], s->key);
}

bool memo_number(struct memo *m, struct str key, uint32_t *number, bool *fresh)
{
    struct same same = { m, key };
    uint64_t hash = idmap_hash(key, 0);
    *number = idmap_find(&m->map, hash, is_same, &same);
    *fresh = *number == IDMAP_NONE;
    if (!*fresh)
        return true;
    *number = (uint32_t)m->keys.len;
    return m->keys.len < IDMAP_NONE && VEC_PUSH(&m->keys, key) &&
           idmap_insert(&m->map, hash, *number);
}
