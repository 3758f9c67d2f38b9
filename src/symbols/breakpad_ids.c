/* breakpad_ids.c - numbers to numbers. */
#include "symbols/breakpad_ids.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 6
#define FIRST_ROOM 256

static bool resize(struct id_map *m, unsigned bits)
{
    struct id_map old = *m;
    m->slots = calloc((size_t)1 << bits, sizeof *m->slots);
    if (!m->slots) {
        *m = old;
        return false;
    }
    m->shift = 64 - bits;
    for (size_t i = 0; old.slots && i < (size_t)1 << (64 - old.shift); i++) {
        if (old.slots[i].id == 0)
            continue;
        size_t at = (size_t)(old.slots[i].id * m->factor >> m->shift);
        while (m->slots[at].id != 0)
            at = (at + 1) & (((size_t)1 << bits) - 1);
        m->slots[at] = old.slots[i];
    }
    free(old.slots);
    return true;
}

bool id_map_init(struct id_map *m)
{
    *m = (struct id_map){ .slots = NULL };
    randombytes_buf(&m->factor, sizeof m->factor);
    m->factor |= 1;
    return resize(m, FIRST_BITS);
}

void id_map_done(struct id_map *m)
{
    free(m->small);
    free(m->slots);
    m->small = NULL;
    m->slots = NULL;
}

/* Makes room for `id`, which is below ID_MAP_SMALL. */
static bool grow_small(struct id_map *m, size_t id)
{
    size_t room = m->room ? m->room : FIRST_ROOM;
    while (room <= id)
        room *= 2;
    uint32_t *small = realloc(m->small, room * sizeof *small);
    if (!small)
        return false;
    memset(small + m->room, 0, (room - m->room) * sizeof *small);
    m->small = small;
    m->room = room;
    return true;
}

/* Where `id` is, or else belongs. */
static struct id_slot *find_slot(const struct id_map *m, uint64_t id)
{
    size_t at = (size_t)((id + 1) * m->factor >> m->shift);
    while (m->slots[at].id != 0 && m->slots[at].id != id + 1)
        at = (at + 1) & (((size_t)1 << (64 - m->shift)) - 1);
    return &m->slots[at];
}

bool id_map_get(const struct id_map *m, uint64_t id, uint32_t *number)
{
    if (id < m->room) {
        *number = m->small[id] - 1;
        return m->small[id] != 0;
    }
    if (id < ID_MAP_SMALL)
        return false;
    const struct id_slot *slot = find_slot(m, id);
    *number = slot->number;
    return slot->id != 0;
}

bool id_map_set(struct id_map *m, uint64_t id, uint32_t number)
{
    if (id < ID_MAP_SMALL) {
        if (id >= m->room && !grow_small(m, (size_t)id))
            return false;
        m->small[id] = number + 1;
        return true;
    }
    unsigned bits = 64 - m->shift;
    if (m->count > ((size_t)1 << bits) / 2 && !resize(m, bits + 1))
        return false;
    m->count++;
    *find_slot(m, id) = (struct id_slot){ id + 1, number };
    return true;
}
