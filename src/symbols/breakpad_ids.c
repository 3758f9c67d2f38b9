/* breakpad_ids.c - numbers to numbers. */
#include "symbols/breakpad_ids.h"

#include <sodium.h>
#include <stdlib.h>

#define FIRST_BITS 6

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
    *m = (struct id_map){ 0 };
    randombytes_buf(&m->factor, sizeof m->factor);
    m->factor |= 1;
    return resize(m, FIRST_BITS);
}

void id_map_done(struct id_map *m)
{
    free(m->slots);
    m->slots = NULL;
}

uint32_t *id_map_at(struct id_map *m, uint64_t id, bool *fresh)
{
    unsigned bits = 64 - m->shift;
    if (m->count > ((size_t)1 << bits) / 2 && !resize(m, ++bits))
        return NULL;
    size_t at = (size_t)((id + 1) * m->factor >> m->shift);
    while (m->slots[at].id != 0 && m->slots[at].id != id + 1)
        at = (at + 1) & (((size_t)1 << bits) - 1);
    *fresh = m->slots[at].id == 0;
    if (*fresh) {
        m->slots[at].id = id + 1;
        m->count++;
    }
    return &m->slots[at].number;
}
