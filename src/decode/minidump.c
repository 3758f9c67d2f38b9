/* minidump.c - the header and the directory of a minidump, and the order in which the rest is read:
 * system, modules, memory, threads, exception; then the threads are walked, first the one that
 * crashed. Each subject has its own file minidump_<subject>.c. */
#include "decode/minidump_parts.h"

#define SIGNATURE UINT32_C(0x504d444d) /* MDMP */
#define SIGNATURE_SWAPPED UINT32_C(0x4d444d50)
#define VERSION 0xa793 /* of the lower half */
#define ENTRY_SIZE 12  /* of the directory: type, size, offset */

bool minidump_is(struct bytes first)
{
    return first.len >= 4 && (!memcmp(first.ptr, "MDMP", 4) || !memcmp(first.ptr, "PMDM", 4));
}

/* --- what all need ------------------------------------------------------------------------- */

struct reader minidump_reader(const struct minidump *m, struct bytes in)
{
    return (struct reader){ .in = in, .big_endian = m->big_endian };
}

struct bytes minidump_location(const struct minidump *m, struct reader *r)
{
    struct bytes out = { NULL, 0 };
    uint32_t size = reader_u32(r), offset = reader_u32(r);
    if (r->failed || !bytes_slice(m->file, offset, size, &out))
        return (struct bytes){ NULL, 0 };
    return out;
}

bool minidump_find(struct minidump *m, enum minidump_stream type, struct bytes *out)
{
    struct reader r = minidump_reader(m, m->directory);
    while (r.pos < r.in.len) {
        uint32_t t = reader_u32(&r);
        if (t != (uint32_t)type) {
            reader_skip(&r, ENTRY_SIZE - 4);
            continue;
        }
        uint32_t size = reader_u32(&r), offset = reader_u32(&r);
        if (bytes_slice(m->file, offset, size, out))
            return true;
        dump_error(&m->make, "stream 0x%x lies outside the file", t);
        return false;
    }
    return false;
}

struct bytes minidump_cut(struct minidump *m, const char *name, struct bytes rest, uint64_t want,
                          size_t size, size_t max, size_t *count)
{
    uint64_t n = want < rest.len / size ? want : rest.len / size;
    if (n < want)
        dump_error(&m->make, "%s: of %llu entries %llu are there", name, (unsigned long long)want,
                   (unsigned long long)n);
    if (n > max) {
        dump_error(&m->make, "%s: %llu entries, of which the first %zu are read", name,
                   (unsigned long long)n, max);
        n = max;
    }
    *count = (size_t)n;
    return (struct bytes){ rest.ptr, (size_t)n * size };
}

struct bytes minidump_entries(struct minidump *m, enum minidump_stream type, const char *name,
                              size_t size, size_t max, size_t *count)
{
    struct bytes stream;
    *count = 0;
    if (!minidump_find(m, type, &stream))
        return (struct bytes){ NULL, 0 };
    struct reader r = minidump_reader(m, stream);
    uint32_t n = reader_u32(&r);
    if (r.failed) {
        dump_error(&m->make, "%s: the stream is too short", name);
        return (struct bytes){ NULL, 0 };
    }
    /* Some writers align what follows the count to 8 bytes. */
    if (stream.len == 8 + (uint64_t)n * size)
        reader_skip(&r, 4);
    struct bytes rest = { stream.ptr + r.pos, stream.len - r.pos };
    return minidump_cut(m, name, rest, n, size, max, count);
}

struct bytes minidump_sized_entries(struct minidump *m, enum minidump_stream type, const char *name,
                                    bool wide_count, size_t size, size_t max, size_t *entry_size,
                                    size_t *count)
{
    struct bytes stream, rest;
    *count = 0;
    if (!minidump_find(m, type, &stream))
        return (struct bytes){ NULL, 0 };
    struct reader r = minidump_reader(m, stream);
    uint32_t header = reader_u32(&r), entry = reader_u32(&r);
    uint64_t n = reader_number(&r, wide_count ? 8 : 4);
    if (r.failed || header < r.pos || entry < size || header > stream.len ||
        !bytes_slice(stream, header, stream.len - header, &rest)) {
        dump_error(&m->make, "%s: the stream is damaged", name);
        return (struct bytes){ NULL, 0 };
    }
    *entry_size = entry;
    return minidump_cut(m, name, rest, n, entry, max, count);
}

/* --- header and directory ------------------------------------------------------------------ */

static bool read_header(struct minidump *m, struct err *e)
{
    struct reader r = { .in = m->file };
    uint32_t signature = reader_u32(&r);
    if (signature != SIGNATURE && signature != SIGNATURE_SWAPPED)
        return err_set(e, ERR_INPUT, 0, "this is no minidump: it does not begin with MDMP");
    r.big_endian = m->big_endian = signature == SIGNATURE_SWAPPED;
    uint32_t version = reader_u32(&r), count = reader_u32(&r), offset = reader_u32(&r);
    reader_skip(&r, 4); /* a checksum that nobody sets */
    uint32_t time = reader_u32(&r);
    reader_skip(&r, 8); /* flags: what the writer was asked for */
    if (r.failed)
        return err_set(e, ERR_INPUT, r.pos, "the minidump ends within its header");
    if ((version & 0xffff) != VERSION)
        return err_set(e, ERR_INPUT, 4, "minidumps have version 0x%x; this one has 0x%x", VERSION,
                       version & 0xffff);
    if (offset > m->file.len)
        return err_set(e, ERR_INPUT, 12, "the minidump ends before its directory");
    struct bytes rest = { m->file.ptr + offset, m->file.len - offset };
    size_t n;
    m->directory = minidump_cut(m, "directory", rest, count, ENTRY_SIZE, MINIDUMP_STREAMS_MAX, &n);
    m->dump->has_time = time != 0;
    m->dump->time_s = time;
    return true;
}

/* --- walking ------------------------------------------------------------------------------- */

static bool walk_all(struct minidump *m, const struct symbol_source *symbols, struct err *e)
{
    struct walk w = { .big_endian = m->big_endian,
                      .regions = m->regions,
                      .region_count = m->region_count,
                      .unloaded = m->unloaded,
                      .unloaded_count = m->dump->unloaded_count,
                      .symbols = symbols };
    return dump_walk(&m->make, &w, m->stacks, e);
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool read_streams(struct minidump *m)
{
    return minidump_read_system(m) && minidump_read_misc(m) && minidump_read_breakpad(m) &&
           minidump_read_modules(m) && minidump_read_unloaded(m) && minidump_read_memory(m) &&
           minidump_read_threads(m) && minidump_read_exception(m) && minidump_read_assertion(m) &&
           minidump_read_crashpad(m) && minidump_read_handles(m) && minidump_read_thread_info(m) &&
           minidump_read_memory_info(m) && minidump_read_linux(m) && dump_take_notes(&m->make);
}

bool minidump_read(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                   struct arena *a, struct err *e)
{
    struct minidump m = { .file = file, .arena = a, .dump = out };
    dump_make(&m.make, out, a);
    bool ok = read_header(&m, e);
    if (ok && !read_streams(&m))
        ok = err_set(e, ERR_NOMEM, 0, "no memory to read a minidump");
    dump_made(&m.make);
    return ok && walk_all(&m, symbols, e);
}
