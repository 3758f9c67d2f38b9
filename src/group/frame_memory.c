/* frame_memory.c - see the header. A slot is never emptied: what is taken back stays as a place of
 * which nothing is known. */
#include "group/frame_memory.h"

#include <string.h>

#define SLOTS_FIRST 1024

bool frame_memory_init(struct frame_memory *m)
{
    *m = (struct frame_memory){ .slot_count = SLOTS_FIRST, .secret = number_secret() };
    m->slots = number_slots_alloc(m->slot_count, sizeof *m->slots);
    return number_map_init(&m->owners) && m->slots;
}

void frame_memory_done(struct frame_memory *m)
{
    number_map_done(&m->owners);
    VEC_FREE(&m->owner_keys);
    free(m->slots);
    VEC_FREE(&m->chains);
    VEC_FREE(&m->changed);
}

uint32_t frame_memory_owner(struct frame_memory *m, uint32_t project, uint32_t build,
                            uint32_t module)
{
    struct number_key key = { project, build, module };
    uint32_t owner = number_map_find(&m->owners, key);
    if (owner != NUMBER_MAP_NONE)
        return owner;
    if (m->owner_keys.len == FRAME_MEMORY_NONE || !VEC_RESERVE(&m->owner_keys, 1) ||
        !number_map_insert(&m->owners, key, (uint32_t)m->owner_keys.len))
        return FRAME_MEMORY_NONE;
    m->owner_keys.at[m->owner_keys.len] = key;
    return (uint32_t)m->owner_keys.len++;
}

void frame_memory_rewind_owners(struct frame_memory *m, size_t owners)
{
    while (m->owner_keys.len > owners)
        number_map_remove(&m->owners, m->owner_keys.at[--m->owner_keys.len]);
}

void frame_memory_expect_owner(const struct frame_memory *m, uint32_t project, uint32_t build,
                               uint32_t module)
{
    number_map_expect(&m->owners, (struct number_key){ project, build, module });
}

/* Senders choose sites, but of 4096, and owners only by their number. */
static size_t first_slot(const struct frame_memory *m, uint32_t owner, uint16_t site)
{
    const struct number_key key = { owner, site, 0 };
    return (size_t)number_hash(m->secret, key) & (m->slot_count - 1);
}

void frame_memory_expect(const struct frame_memory *m, uint32_t owner, uint16_t site)
{
    __builtin_prefetch(&m->slots[first_slot(m, owner, site)]);
}

/* The slot of the place, or the free one where it would go. */
static struct remembered *slot_of(const struct frame_memory *m, uint32_t owner, uint16_t site)
{
    size_t i = first_slot(m, owner, site);
    while (m->slots[i].owner != 0 && (m->slots[i].owner != owner + 1 || m->slots[i].site != site))
        i = (i + 1) & (m->slot_count - 1);
    return &m->slots[i];
}

static struct frame_chain chain_of(const struct frame_memory *m, const struct remembered *r)
{
    if (r->count <= 1) /* there may be no chains at all */
        return (struct frame_chain){ r->count ? &r->chain : NULL, r->count };
    return (struct frame_chain){ m->chains.at + r->chain, r->count };
}

static bool is_part(struct frame_chain part, struct frame_chain whole)
{
    uint32_t j = 0;
    for (uint32_t i = 0; i < part.count; i++, j++) {
        while (j < whole.count && whole.names[j] != part.names[i])
            j++;
        if (j == whole.count)
            return false;
    }
    return true;
}

struct frame_chain frame_memory_recall(const struct frame_memory *m, uint32_t owner, uint16_t site,
                                       struct frame_chain known)
{
    const struct remembered *r = slot_of(m, owner, site);
    if (r->owner == 0 || r->contradicted || r->count == 0 || !is_part(known, chain_of(m, r)))
        return (struct frame_chain){ NULL, 0 };
    return chain_of(m, r);
}

static bool grow(struct frame_memory *m)
{
    struct frame_memory next = { .slot_count = 2 * m->slot_count, .secret = m->secret };
    next.slots = number_slots_alloc(next.slot_count, sizeof *next.slots);
    if (!next.slots)
        return false;
    for (size_t i = 0; i < m->slot_count; i++)
        if (m->slots[i].owner != 0)
            *slot_of(&next, m->slots[i].owner - 1, m->slots[i].site) = m->slots[i];
    free(m->slots);
    m->slots = next.slots;
    m->slot_count = next.slot_count;
    return true;
}

static bool set_chain(struct frame_memory *m, struct remembered *r, struct frame_chain chain)
{
    if (chain.count > 1 && !VEC_RESERVE(&m->chains, chain.count))
        return false;
    r->chain = chain.count == 1 ? chain.names[0] : (uint32_t)m->chains.len;
    r->count = (uint8_t)chain.count;
    if (chain.count > 1) {
        memcpy(m->chains.at + m->chains.len, chain.names, chain.count * sizeof *chain.names);
        m->chains.len += chain.count;
    }
    return true;
}

bool frame_memory_learn(struct frame_memory *m, uint32_t owner, uint16_t site,
                        struct frame_chain chain)
{
    if (m->used >= m->slot_count / 4 * 3 && !grow(m))
        return false;
    struct remembered *r = slot_of(m, owner, site);
    struct frame_chain before = chain_of(m, r);
    if (r->contradicted || (r->count > 0 && is_part(chain, before)))
        return true;
    struct remembered old = {
        .owner = owner + 1, .chain = r->chain, .site = site, .count = r->count
    };
    if (!VEC_PUSH(&m->changed, old))
        return false;
    m->used += r->owner == 0;
    r->owner = owner + 1;
    r->site = site;
    if (is_part(before, chain))
        return set_chain(m, r, chain);
    r->contradicted = true;
    return true;
}

size_t frame_memory_mark(const struct frame_memory *m)
{
    return m->changed.len;
}

/* Whether the place has got a chain since, the latest one in `chains`. */
static bool has_new_chain(const struct remembered *now, const struct remembered *old)
{
    return now->count > 1 && !now->contradicted && (old->count < 2 || now->chain != old->chain);
}

void frame_memory_undo(struct frame_memory *m, size_t mark)
{
    while (m->changed.len > mark) {
        const struct remembered *old = &m->changed.at[--m->changed.len];
        struct remembered *now = slot_of(m, old->owner - 1, old->site);
        if (has_new_chain(now, old))
            m->chains.len = now->chain;
        *now = *old;
    }
}

void frame_memory_keep(struct frame_memory *m)
{
    m->changed.len = 0;
}

size_t frame_memory_bytes(const struct frame_memory *m)
{
    return m->slot_count * sizeof *m->slots + m->chains.cap * sizeof *m->chains.at +
           number_map_bytes(&m->owners) + m->owner_keys.cap * sizeof *m->owner_keys.at;
}
