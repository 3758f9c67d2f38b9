/* number_map.c - see the header. Linear probing; what follows a removed slot moves up, so that no
 * search ends too early. */
#include "group/number_map.h"

#include "base/idmap.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SLOTS_FIRST 64
#define LARGE_PAGE ((size_t)2 << 20)

uint64_t number_secret(void)
{
    return idmap_hash(STR("numbers"), 0); /* keyed */
}

void *number_slots_alloc(size_t count, size_t slot_bytes)
{
    char *slots = calloc(count, slot_bytes);
    size_t bytes = count * slot_bytes; /* calloc has looked at this */
    if (!slots || bytes < 2 * LARGE_PAGE)
        return slots;
    size_t before = -(uintptr_t)slots % LARGE_PAGE;
    (void)madvise(slots + before, (bytes - before) / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
    return slots;
}

bool number_map_init(struct number_map *m)
{
    *m = (struct number_map){ .slot_count = SLOTS_FIRST, .secret = number_secret() };
    m->slots = number_slots_alloc(m->slot_count, sizeof *m->slots);
    return m->slots;
}

void number_map_done(struct number_map *m)
{
    free(m->slots);
    m->slots = NULL;
}

static size_t first_slot(const struct number_map *m, struct number_key key)
{
    return (size_t)number_hash(m->secret, key) & (m->slot_count - 1);
}

/* The slot of the key, or the free one where it would go. */
static struct number_slot *slot_of(const struct number_map *m, struct number_key key)
{
    for (size_t i = first_slot(m, key);; i = (i + 1) & (m->slot_count - 1)) {
        struct number_slot *s = &m->slots[i];
        if (s->number == 0 || (s->key.a == key.a && s->key.b == key.b && s->key.c == key.c))
            return s;
    }
}

uint32_t number_map_find(const struct number_map *m, struct number_key key)
{
    return slot_of(m, key)->number - 1; /* 0 - 1 is NUMBER_MAP_NONE */
}

void number_map_expect(const struct number_map *m, struct number_key key)
{
    __builtin_prefetch(&m->slots[first_slot(m, key)]);
}

static bool grow(struct number_map *m)
{
    struct number_map next = { .slot_count = 2 * m->slot_count, .secret = m->secret };
    next.slots = number_slots_alloc(next.slot_count, sizeof *next.slots);
    if (!next.slots)
        return false;
    for (size_t i = 0; i < m->slot_count; i++)
        if (m->slots[i].number != 0)
            *slot_of(&next, m->slots[i].key) = m->slots[i];
    free(m->slots);
    m->slots = next.slots;
    m->slot_count = next.slot_count;
    return true;
}

bool number_map_insert(struct number_map *m, struct number_key key, uint32_t number)
{
    assert(number != NUMBER_MAP_NONE);
    if (m->used >= m->slot_count / 8 * 5 && !grow(m))
        return false;
    struct number_slot *s = slot_of(m, key);
    assert(s->number == 0);
    *s = (struct number_slot){ key, number + 1 };
    m->used++;
    return true;
}

void number_map_remove(struct number_map *m, struct number_key key)
{
    size_t mask = m->slot_count - 1, free_one = (size_t)(slot_of(m, key) - m->slots);
    assert(m->slots[free_one].number != 0);
    for (size_t i = (free_one + 1) & mask; m->slots[i].number != 0; i = (i + 1) & mask) {
        size_t first = first_slot(m, m->slots[i].key);
        if (((i - first) & mask) < ((i - free_one) & mask))
            continue; /* its search begins behind the free one */
        m->slots[free_one] = m->slots[i];
        free_one = i;
    }
    m->slots[free_one].number = 0;
    m->used--;
}

size_t number_map_bytes(const struct number_map *m)
{
    return m->slot_count * sizeof *m->slots;
}
