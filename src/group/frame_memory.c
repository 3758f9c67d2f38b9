/* frame_memory.c - see the header. */
#include "group/frame_memory.h"

#include <string.h>

struct remembered {
    struct frame_place at;
    uint32_t count; /* of names */
    uint32_t contradicted;
    uint32_t *names;
};

bool frame_memory_init(struct frame_memory *m)
{
    seglist_init(&m->places, sizeof(struct remembered));
    return idmap_init(&m->map);
}

void frame_memory_done(struct frame_memory *m)
{
    seglist_done(&m->places);
    idmap_done(&m->map);
}

static uint64_t place_hash(struct frame_place at)
{
    uint32_t key[4] = { at.project, at.build, at.module, at.site };
    return idmap_hash((struct str){ (const char *)key, sizeof key }, 0);
}

struct sought_place {
    const struct frame_memory *memory;
    struct frame_place at;
};

static bool is_place(const void *ctx, uint32_t id)
{
    const struct sought_place *s = ctx;
    const struct remembered *r = seglist_at(&s->memory->places, id);
    return r->at.site == s->at.site && r->at.build == s->at.build && r->at.module == s->at.module &&
           r->at.project == s->at.project;
}

static struct remembered *find(const struct frame_memory *m, struct frame_place at, uint64_t hash)
{
    struct sought_place sought = { m, at };
    uint32_t id = idmap_find(&m->map, hash, is_place, &sought);
    return id == IDMAP_NONE ? NULL : seglist_at(&m->places, id);
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

struct frame_chain frame_memory_recall(const struct frame_memory *m, struct frame_place at,
                                       struct frame_chain known)
{
    const struct remembered *r = find(m, at, place_hash(at));
    if (!r || r->contradicted)
        return (struct frame_chain){ NULL, 0 };
    struct frame_chain chain = { r->names, r->count };
    return is_part(known, chain) ? chain : (struct frame_chain){ NULL, 0 };
}

static bool set_chain(struct remembered *r, struct frame_chain chain, struct journal *j,
                      struct pool *p)
{
    uint32_t *names = pool_alloc(p, chain.count * sizeof *names, sizeof *names);
    if (!names || !journal_u64(j, &r->names) || !journal_u32(j, &r->count))
        return false;
    memcpy(names, chain.names, chain.count * sizeof *names);
    r->names = names;
    r->count = chain.count;
    return true;
}

bool frame_memory_learn(struct frame_memory *m, struct frame_place at, struct frame_chain chain,
                        struct journal *j, struct pool *p)
{
    uint64_t hash = place_hash(at);
    struct remembered *r = find(m, at, hash);
    if (!r) {
        if (!seglist_grow(&m->places, 1))
            return false;
        uint32_t id = (uint32_t)(m->places.len - 1);
        r = seglist_at(&m->places, id);
        r->at = at;
        return set_chain(r, chain, j, p) && journal_insert(j, &m->map, hash, id);
    }
    struct frame_chain before = { r->names, r->count };
    if (r->contradicted || is_part(chain, before))
        return true;
    if (is_part(before, chain))
        return set_chain(r, chain, j, p);
    if (!journal_u32(j, &r->contradicted))
        return false;
    r->contradicted = 1;
    return true;
}
