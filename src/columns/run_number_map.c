/* run_number_map.c - open addressing, at most half full; slots of an earlier filling count as
 * empty. */
#include "columns/run_number_map.h"

#include "columns/run_pace.h"

#include <sodium.h>

__extension__ typedef unsigned __int128 uint128;

#define FIRST_SLOTS 64u
#define FIRST_GUESS 1024u /* of a large group it is not known how many of its numbers differ */

void run_number_map_init(struct run_number_map *m, struct arena *a)
{
    *m = (struct run_number_map){ .arena = a };
    randombytes_buf(&m->key, sizeof m->key);
}

static size_t slot_of(const struct run_number_map *m, uint64_t number)
{
    uint128 product = (uint128)(number ^ m->key) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);
    product = (uint128)(folded ^ m->key) * UINT64_C(0xd6e8feb86659fd93);
    return ((uint64_t)product ^ (uint64_t)(product >> 64)) & m->mask;
}

/* Takes `slots` of them, a power of two, into use, all empty. */
static bool use_slots(struct run_number_map *m, size_t slots, struct err *e)
{
    if (slots > m->slot_room || m->stamp == UINT32_MAX) {
        size_t room = slots > m->slot_room ? slots : m->slot_room;
        struct number_slot *at = arena_large(m->arena, room, sizeof *at);
        if (!at)
            return run_no_memory(e);
        memset(at, 0, room * sizeof *at);
        m->slots = at;
        m->slot_room = room;
        m->stamp = 0;
    }
    m->stamp++;
    m->mask = slots - 1;
    return true;
}

bool run_number_map_reset(struct run_number_map *m, size_t most, struct err *e)
{
    size_t slots = FIRST_SLOTS;
    while (slots < 2 * (most < FIRST_GUESS ? most : FIRST_GUESS))
        slots *= 2;
    m->count = 0;
    return use_slots(m, slots, e);
}

/* The slot that has the number, or the empty one where it would be. */
static struct number_slot *find_slot(const struct run_number_map *m, uint64_t number)
{
    size_t i = slot_of(m, number);
    while (m->slots[i].stamp == m->stamp && m->slots[i].number != number)
        i = (i + 1) & m->mask;
    return &m->slots[i];
}

static bool grow_slots(struct run_number_map *m, struct err *e)
{
    if (!use_slots(m, (m->mask + 1) * 2, e))
        return false;
    for (uint32_t place = 0; place < m->count; place++)
        *find_slot(m, m->numbers[place]) =
            (struct number_slot){ m->numbers[place], place, m->stamp };
    return true;
}

static bool grow_numbers(struct run_number_map *m, struct err *e)
{
    size_t room = m->room ? m->room * 2 : FIRST_GUESS;
    uint64_t *numbers = arena_large(m->arena, room, sizeof *numbers);
    uint32_t *counts = arena_large(m->arena, room, sizeof *counts);
    if (!numbers || !counts)
        return run_no_memory(e);
    if (m->count > 0) {
        memcpy(numbers, m->numbers, m->count * sizeof *numbers);
        memcpy(counts, m->counts, m->count * sizeof *counts);
    }
    m->numbers = numbers;
    m->counts = counts;
    m->room = room;
    return true;
}

bool run_number_map_add(struct run_number_map *m, uint64_t number, uint32_t *place, struct err *e)
{
    struct number_slot *slot = find_slot(m, number);
    if (slot->stamp == m->stamp) {
        *place = slot->place;
        m->counts[slot->place]++;
        return true;
    }
    if (m->count == m->room && !grow_numbers(m, e))
        return false;
    if ((size_t)m->count * 2 >= m->mask) {
        if (!grow_slots(m, e))
            return false;
        slot = find_slot(m, number);
    }
    *place = m->count++;
    *slot = (struct number_slot){ number, *place, m->stamp };
    m->numbers[*place] = number;
    m->counts[*place] = 1;
    return true;
}
