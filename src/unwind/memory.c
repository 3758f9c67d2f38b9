/* memory.c - numbers from the memory of a dump. */
#include "unwind/walk_internal.h"

#include "base/reader.h"

void region_index_init(struct region_index *x, const struct walk_region *regions, size_t count,
                       uint64_t *ends)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t end;
        if (__builtin_add_overflow(regions[i].base, regions[i].bytes.len, &end))
            end = UINT64_MAX; /* its last byte is lost */
        highest = end > highest ? end : highest;
        ends[i] = highest;
    }
    *x = (struct region_index){ regions, ends, count };
}

const struct walk_region *region_index_find(const struct region_index *x, uint64_t address)
{
    size_t low = 0, high = x->count; /* the first whose end lies behind the address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->ends[middle] > address)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == x->count || x->regions[low].base > address)
        return NULL;
    return &x->regions[low];
}

static bool region_number(const struct walk_region *r, bool big_endian, uint64_t address,
                          size_t bytes, uint64_t *value)
{
    struct bytes at;
    if (address < r->base || !bytes_slice(r->bytes, address - r->base, bytes, &at))
        return false;
    struct reader reader = { .in = at, .big_endian = big_endian };
    *value = reader_number(&reader, bytes);
    return true;
}

bool stack_word(const struct thread_walk *t, uint64_t address, uint64_t *value)
{
    return region_number(&t->stack, t->walk->big_endian, address & t->mask, t->cpu->word, value);
}

bool memory_number(const void *thread_walk, uint64_t address, size_t bytes, uint64_t *value)
{
    const struct thread_walk *t = thread_walk;
    address &= t->mask;
    if (region_number(&t->stack, t->walk->big_endian, address, bytes, value))
        return true;
    const struct walk_region *r = region_index_find(t->memory, address);
    return r && region_number(r, t->walk->big_endian, address, bytes, value);
}
