/* minidump_process.c - the process beside its stacks: ids and times (misc info), handles, times of
 * threads, what kind of memory the crash touched. */
#include "decode/minidump_parts.h"

#include <inttypes.h>

/* --- misc info ----------------------------------------------------------------------------- */

#define MISC_HAS_PID 0x1
#define MISC_HAS_TIMES 0x2
#define MISC_HAS_POWER 0x4
#define MISC_HAS_INTEGRITY 0x10
#define MISC_HAS_BUILD 0x100
#define MISC_BUILD_AT 232 /* where later versions have the build of the system */
#define MISC_BUILD_SIZE 520

static bool read_times(struct minidump *m, uint32_t created, uint32_t user, uint32_t kernel)
{
    struct dump *d = m->dump;
    d->has_uptime = created != 0 && d->has_time && created <= d->time_s;
    d->uptime_s = d->has_uptime ? d->time_s - created : 0;
    return dump_number(&m->make, "process.cpu.user", user) &&
           dump_number(&m->make, "process.cpu.system", kernel);
}

/* What versions 2 to 5 of the stream have behind the first 24 bytes. */
static bool read_later_misc(struct minidump *m, struct reader *r, uint32_t flags)
{
    struct bytes build;
    struct str text;
    reader_skip(r, 4); /* the highest frequency */
    uint32_t mhz = reader_u32(r);
    reader_skip(r, 12);
    if (!r->failed && (flags & MISC_HAS_POWER) && mhz &&
        !dump_number(&m->make, "cpu.frequency", mhz))
        return false;
    uint32_t integrity = reader_u32(r);
    if (!r->failed && (flags & MISC_HAS_INTEGRITY) &&
        !dump_number(&m->make, "process.integrity", integrity))
        return false;
    if (!(flags & MISC_HAS_BUILD) || !bytes_slice(r->in, MISC_BUILD_AT, MISC_BUILD_SIZE, &build))
        return true;
    return minidump_utf16(m, build, &text) && dump_attribute(&m->make, "os.build", text);
}

bool minidump_read_misc(struct minidump *m)
{
    struct bytes stream;
    if (!minidump_find(m, STREAM_MISC, &stream))
        return true;
    struct reader r = minidump_reader(m, stream);
    reader_skip(&r, 4); /* its size */
    uint32_t flags = reader_u32(&r), pid = reader_u32(&r), created = reader_u32(&r);
    uint32_t user = reader_u32(&r), kernel = reader_u32(&r);
    if (r.failed) {
        dump_error(&m->make, "misc info: the stream is too short");
        return true;
    }
    m->dump->has_pid = flags & MISC_HAS_PID;
    m->dump->pid = pid;
    if ((flags & MISC_HAS_TIMES) && !read_times(m, created, user, kernel))
        return false;
    return read_later_misc(m, &r, flags);
}

/* --- handles ------------------------------------------------------------------------------- */

#define HANDLE_SIZE 32 /* of an entry, at least */
#define HANDLE_TYPES_MAX 64
#define HANDLES_MAX 100000 /* whose types are counted */

struct handle_types {
    struct str names[HANDLE_TYPES_MAX];
    uint32_t offsets[HANDLE_TYPES_MAX]; /* where the name stands: handles of a type may share it */
    uint64_t counts[HANDLE_TYPES_MAX];
    size_t count;
};

static bool count_type(struct minidump *m, struct handle_types *t, uint32_t offset)
{
    struct str name;
    for (size_t i = 0; i < t->count; i++)
        if (t->offsets[i] == offset) {
            t->counts[i]++;
            return true;
        }
    if (!minidump_string(m, offset, &name))
        return false;
    for (size_t i = 0; i < t->count; i++)
        if (str_eq(t->names[i], name)) {
            t->offsets[i] = offset;
            t->counts[i]++;
            return true;
        }
    if (name.len == 0 || t->count == HANDLE_TYPES_MAX)
        return true;
    t->names[t->count] = name;
    t->offsets[t->count] = offset;
    t->counts[t->count++] = 1;
    return true;
}

static void note_types(struct minidump *m, const struct handle_types *t)
{
    if (t->count == 0)
        return;
    struct json_writer *w = dump_note(&m->make, "handles");
    json_object(w);
    for (size_t i = 0; i < t->count; i++) {
        json_key(w, t->names[i]);
        json_int(w, (int64_t)t->counts[i]);
    }
    json_object_end(w);
}

/* How many there are, of each type: leaks show. */
bool minidump_read_handles(struct minidump *m)
{
    struct bytes stream, rest;
    struct handle_types types = { .count = 0 };
    size_t there;
    if (!minidump_find(m, STREAM_HANDLES, &stream))
        return true;
    struct reader r = minidump_reader(m, stream);
    uint32_t header = reader_u32(&r), size = reader_u32(&r), count = reader_u32(&r);
    if (r.failed || size < HANDLE_SIZE || header > stream.len) {
        dump_error(&m->make, "handles: the stream is damaged");
        return true;
    }
    rest = (struct bytes){ stream.ptr + header, stream.len - header };
    struct bytes entries = minidump_cut(m, "handles", rest, count, size, HANDLES_MAX, &there);
    struct reader entry = minidump_reader(m, entries);
    for (size_t i = 0; i < there; i++) {
        reader_skip(&entry, 8); /* the handle */
        uint32_t type = reader_u32(&entry);
        reader_skip(&entry, size - 12);
        if (type && !count_type(m, &types, type))
            return false;
    }
    note_types(m, &types);
    return dump_number(&m->make, "process.handle.count", count);
}

/* --- threads ------------------------------------------------------------------------------- */

#define THREAD_INFO_SIZE 64

static void note_thread(struct json_writer *w, struct reader *r, size_t size)
{
    uint32_t id = reader_u32(r);
    reader_skip(r, 12); /* what of it could not be dumped, exit status */
    uint64_t created = reader_u64(r);
    reader_skip(r, 8); /* when it ended */
    uint64_t kernel = reader_u64(r), user = reader_u64(r), start = reader_u64(r);
    reader_skip(r, size - 56);
    json_object(w);
    json_key(w, STR("id"));
    json_int(w, id);
    dump_note_hex(w, "start_address", start);
    dump_note_hex(w, "created", created); /* 100 ns since 1601, as Windows counts */
    json_key(w, STR("user_ms"));
    json_int(w, (int64_t)(user / 10000));
    json_key(w, STR("kernel_ms"));
    json_int(w, (int64_t)(kernel / 10000));
    json_object_end(w);
}

bool minidump_read_thread_info(struct minidump *m)
{
    size_t size, count;
    struct bytes entries = minidump_sized_entries(m, STREAM_THREAD_INFO, "thread info", false,
                                                  THREAD_INFO_SIZE, DUMP_NOTES_MAX, &size, &count);
    struct reader r = minidump_reader(m, entries);
    if (count == 0)
        return true;
    struct json_writer *w = dump_note(&m->make, "thread_info");
    json_list(w);
    for (size_t i = 0; i < count; i++)
        note_thread(w, &r, size);
    json_list_end(w);
    return true;
}

/* --- memory -------------------------------------------------------------------------------- */

#define MEMORY_INFO_SIZE 48

struct bit_name {
    uint32_t bit;
    const char *name;
};

static const struct bit_name states[] = { { 0x1000, "committed" },
                                          { 0x2000, "reserved" },
                                          { 0x10000, "free" } };
static const struct bit_name protections[] = {
    { 0x01, "no access" },
    { 0x02, "read" },
    { 0x04, "read, write" },
    { 0x08, "read, copy on write" },
    { 0x10, "execute" },
    { 0x20, "execute, read" },
    { 0x40, "execute, read, write" },
    { 0x80, "execute, read, copy on write" },
};
static const struct bit_name types[] = { { 0x20000, "private" },
                                         { 0x40000, "mapped" },
                                         { 0x1000000, "image" } };

static void note_bit(struct json_writer *w, const char *key, const struct bit_name *names,
                     size_t count, uint32_t bits)
{
    for (size_t i = 0; i < count; i++)
        if (bits & names[i].bit) {
            json_member(w, key, str_from_c(names[i].name));
            return;
        }
}

/* The region that holds the address of the crash: was it there, and what was allowed? */
bool minidump_read_memory_info(struct minidump *m)
{
    size_t size, count;
    uint64_t address = m->dump->address;
    struct bytes entries =
        minidump_sized_entries(m, STREAM_MEMORY_INFO, "memory info", true, MEMORY_INFO_SIZE,
                               MINIDUMP_REGIONS_MAX, &size, &count);
    struct reader r = minidump_reader(m, entries);
    for (size_t i = 0; m->dump->has_address && i < count; i++) {
        uint64_t base = reader_u64(&r);
        reader_skip(&r, 16); /* the allocation that it is part of */
        uint64_t length = reader_u64(&r);
        uint32_t state = reader_u32(&r), protection = reader_u32(&r), type = reader_u32(&r);
        reader_skip(&r, size - 44);
        if (address < base || address - base >= length)
            continue;
        struct json_writer *w = dump_note(&m->make, "fault_memory");
        json_object(w);
        dump_note_hex(w, "base", base);
        dump_note_hex(w, "size", length);
        note_bit(w, "state", states, sizeof states / sizeof *states, state);
        note_bit(w, "access", protections, sizeof protections / sizeof *protections, protection);
        note_bit(w, "type", types, sizeof types / sizeof *types, type);
        json_object_end(w);
        return true;
    }
    return true;
}
