/* library_latest.c - the source maps of a key, of which only the latest is asked for: a binary
 * heap. Every build has another for a script of the same name, so there are many, and an upload may
 * bring or take thousands of them while others wait for the lock. */
#include "symbols/library_internal.h"

/* Whether a is to be found rather than b. */
static bool goes_before(const struct library *l, uint32_t a, uint32_t b)
{
    const struct file *x = &l->files.at[a], *y = &l->files.at[b];
    if (x->lost != y->lost)
        return y->lost;
    return library_is_later(l, a, b);
}

static void put(struct library *l, struct key *k, unsigned way, uint32_t at, uint32_t file)
{
    k->maps.at[at] = file;
    l->files.at[file].place[way] = at;
}

static void rise(struct library *l, struct key *k, unsigned way, uint32_t at)
{
    uint32_t file = k->maps.at[at];
    for (; at > 0 && goes_before(l, file, k->maps.at[(at - 1) / 2]); at = (at - 1) / 2)
        put(l, k, way, at, k->maps.at[(at - 1) / 2]);
    put(l, k, way, at, file);
}

static void sink(struct library *l, struct key *k, unsigned way, uint32_t at)
{
    uint32_t file = k->maps.at[at], below;
    for (; (below = 2 * at + 1) < k->maps.len; at = below) {
        if (below + 1 < k->maps.len && goes_before(l, k->maps.at[below + 1], k->maps.at[below]))
            below++;
        if (!goes_before(l, k->maps.at[below], file))
            break;
        put(l, k, way, at, k->maps.at[below]);
    }
    put(l, k, way, at, file);
}

bool library_latest_reserve(struct library *l, uint32_t key)
{
    return l->keys.at[key].maps.len < NONE / 2 && VEC_RESERVE(&l->keys.at[key].maps, 1);
}

void library_latest_place(struct library *l, uint32_t number)
{
    struct file *f = &l->files.at[number];
    f->lost = f->cache->state == CACHE_LOST;
    for (unsigned way = 0; way < OF_CACHE; way++) {
        if (f->key[way] == NONE)
            continue;
        struct key *k = &l->keys.at[f->key[way]];
        if (f->place[way] == NONE) {
            (void)!VEC_PUSH(&k->maps, number); /* there is room */
            put(l, k, way, (uint32_t)k->maps.len - 1, number);
        }
        rise(l, k, way, f->place[way]);
        sink(l, k, way, f->place[way]);
    }
}

void library_latest_remove(struct library *l, uint32_t number)
{
    struct file *f = &l->files.at[number];
    for (unsigned way = 0; way < OF_CACHE; way++) {
        if (f->key[way] == NONE)
            continue;
        struct key *k = &l->keys.at[f->key[way]];
        uint32_t at = f->place[way], last = k->maps.at[--k->maps.len];
        f->place[way] = NONE;
        if (last == number)
            continue;
        put(l, k, way, at, last);
        rise(l, k, way, at);
        sink(l, k, way, l->files.at[last].place[way]);
    }
}

uint32_t library_latest(const struct library *l, uint32_t key)
{
    const struct key *k = &l->keys.at[key];
    return k->maps.len == 0 || l->files.at[k->maps.at[0]].lost ? NONE : k->maps.at[0];
}
