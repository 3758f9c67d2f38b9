/* minidump_memory.c - the memory that the dump has kept, from both kinds of lists, sorted. */
#include "decode/minidump_parts.h"

#define DESCRIPTOR_SIZE 16
#define MEMORY64_HEADER 16

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
        dump_error(&m->make, "memory list: %zu regions lie outside the file", outside);
}

/* The bytes of all regions stand one after another. */
static void read_list64(struct minidump *m, struct bytes entries, uint64_t offset)
{
    struct reader r = minidump_reader(m, entries);
    while (r.pos < entries.len) {
        uint64_t base = reader_u64(&r), size = reader_u64(&r);
        struct bytes bytes;
        if (!bytes_slice(m->file, offset, size, &bytes)) {
            dump_error(&m->make, "memory64 list: the file ends before its memory");
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
        dump_error(&m->make, "memory64 list: the stream is too short");
        return none;
    }
    struct bytes rest = { stream.ptr + MEMORY64_HEADER, stream.len - MEMORY64_HEADER };
    return minidump_cut(m, "memory64 list", rest, n, DESCRIPTOR_SIZE, MINIDUMP_REGIONS_MAX, count);
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
    dump_sort_regions(m->regions, m->region_count);
    return true;
}
