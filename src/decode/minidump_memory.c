/* minidump_memory.c - the memory that the dump has kept, from both kinds of lists, sorted. */
#include "decode/minidump_parts.h"

#include <stdlib.h>

#define DESCRIPTOR_SIZE 16
#define MEMORY64_HEADER 16

static int by_base(const void *a, const void *b)
{
    const struct walk_region *x = a, *y = b;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->bytes.ptr < y->bytes.ptr ? -1 : x->bytes.ptr > y->bytes.ptr;
}

/* Regions that are empty, or that pass the end of the address space, are none. */
static void add(struct minidump *m, uint64_t base, struct bytes bytes)
{
    if (bytes.len > 0 && bytes.len - 1 <= UINT64_MAX - base)
        m->regions[m->region_count++] = (struct walk_region){ base, bytes };
}

static void read_list(struct minidump *m, struct bytes entries)
{
    struct reader r = minidump_reader(m, entries);
    size_t outside = 0;
    while (r.pos < entries.len) {
        uint64_t base = reader_u64(&r);
        uint32_t size = reader_u32(&r), offset = reader_u32(&r);
        struct bytes bytes;
        if (bytes_slice(m->file, offset, size, &bytes))
            add(m, base, bytes);
        else
            outside++;
    }
    if (outside > 0)
        minidump_error(m, "memory list: %zu regions lie outside the file", outside);
}

/* The bytes of all regions stand one after another. */
static void read_list64(struct minidump *m, struct bytes entries, uint64_t offset)
{
    struct reader r = minidump_reader(m, entries);
    while (r.pos < entries.len) {
        uint64_t base = reader_u64(&r), size = reader_u64(&r);
        struct bytes bytes;
        if (!bytes_slice(m->file, offset, size, &bytes)) {
            minidump_error(m, "memory64 list: the file ends before its memory");
            return;
        }
        add(m, base, bytes);
        offset += size;
    }
}

static struct bytes find_list64(struct minidump *m, size_t *count, uint64_t *offset)
{
    struct bytes stream, none = { NULL, 0 };
    *count = 0;
    if (!minidump_find(m, STREAM_MEMORY64, &stream))
        return none;
    struct reader r = minidump_reader(m, stream);
    uint64_t n = reader_u64(&r);
    *offset = reader_u64(&r);
    if (r.failed) {
        minidump_error(m, "memory64 list: the stream is too short");
        return none;
    }
    struct bytes rest = { stream.ptr + MEMORY64_HEADER, stream.len - MEMORY64_HEADER };
    return minidump_cut(m, "memory64 list", rest, n, DESCRIPTOR_SIZE, MINIDUMP_REGIONS_MAX, count);
}

static bool is_sorted(const struct minidump *m)
{
    for (size_t i = 1; i < m->region_count; i++)
        if (by_base(&m->regions[i - 1], &m->regions[i]) > 0)
            return false;
    return true;
}

bool minidump_read_memory(struct minidump *m)
{
    size_t count, count64;
    uint64_t offset = 0;
    struct bytes list = minidump_entries(m, STREAM_MEMORY, "memory list", DESCRIPTOR_SIZE,
                                         MINIDUMP_REGIONS_MAX, &count);
    struct bytes list64 = find_list64(m, &count64, &offset);
    m->regions = arena_array(m->arena, count + count64 + 1, sizeof *m->regions);
    if (!m->regions)
        return false;
    read_list(m, list);
    read_list64(m, list64, offset);
    if (!is_sorted(m))
        qsort(m->regions, m->region_count, sizeof *m->regions, by_base);
    return true;
}

const struct walk_region *minidump_region(const struct minidump *m, uint64_t address)
{
    size_t low = 0, high = m->region_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->regions[middle].base <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct walk_region *region = &m->regions[low - 1];
    return address - region->base < region->bytes.len ? region : NULL;
}
