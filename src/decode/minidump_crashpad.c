/* minidump_crashpad.c - what programs noted by way of Crashpad: texts by name, of the process and
 * of each module, of three kinds. They become attributes under their own names, as the same notes
 * do when Crashpad sends them as form fields. */
#include "decode/minidump_parts.h"

#define LINK_SIZE 12
#define PAIR_SIZE 8
#define OBJECT_SIZE 12
#define OBJECT_STRING 1 /* type of an annotation object that holds text */

/* A count and that many entries, in any place of the file. */
static struct bytes list_at(struct minidump *m, struct bytes list, size_t size, size_t *count)
{
    struct reader r = minidump_reader(m, list);
    uint32_t n = reader_u32(&r);
    *count = 0;
    if (r.failed)
        return (struct bytes){ NULL, 0 };
    struct bytes rest = { list.ptr + r.pos, list.len - r.pos };
    return minidump_cut(m, "Crashpad annotations", rest, n, size, DUMP_NOTES_MAX, count);
}

/* --- three kinds of annotations ------------------------------------------------------------ */

static bool read_pairs(struct minidump *m, struct bytes list)
{
    size_t count;
    struct bytes entries = list_at(m, list, PAIR_SIZE, &count);
    struct reader r = minidump_reader(m, entries);
    for (size_t i = 0; i < count; i++) {
        struct str name, value;
        uint32_t name_at = reader_u32(&r), value_at = reader_u32(&r);
        if (!minidump_utf8_string(m, name_at, &name) ||
            !minidump_utf8_string(m, value_at, &value) ||
            !dump_attribute_new(&m->make, name, value))
            return false;
    }
    return true;
}

/* Objects hold any bytes; those that are text are attributes, others are left to the upload. */
static bool read_objects(struct minidump *m, struct bytes list)
{
    size_t count;
    struct bytes entries = list_at(m, list, OBJECT_SIZE, &count);
    struct reader r = minidump_reader(m, entries);
    for (size_t i = 0; i < count; i++) {
        struct str name, value;
        uint32_t name_at = reader_u32(&r);
        uint16_t type = reader_u16(&r);
        reader_skip(&r, 2);
        uint32_t value_at = reader_u32(&r);
        if (type != OBJECT_STRING)
            continue;
        if (!minidump_utf8_string(m, name_at, &name) ||
            !minidump_utf8_string(m, value_at, &value) ||
            !dump_attribute_new(&m->make, name, value))
            return false;
    }
    return true;
}

/* Lines without a name, such as what an assertion of a system library said. */
static bool read_lines(struct minidump *m, struct bytes list, struct json_writer *w)
{
    size_t count;
    struct bytes entries = list_at(m, list, 4, &count);
    struct reader r = minidump_reader(m, entries);
    for (size_t i = 0; i < count; i++) {
        struct str line;
        if (!minidump_utf8_string(m, reader_u32(&r), &line))
            return false;
        json_str(w, line);
    }
    return true;
}

/* --- modules ------------------------------------------------------------------------------- */

static struct json_writer *begin_lines(struct minidump *m, bool *begun)
{
    if (!*begun)
        json_list(dump_note(&m->make, "crashpad"));
    *begun = true;
    return &m->make.notes;
}

static bool read_module(struct minidump *m, struct bytes module, bool *begun)
{
    struct reader r = minidump_reader(m, module);
    reader_skip(&r, 4); /* version */
    struct bytes lines = minidump_location(m, &r), pairs = minidump_location(m, &r);
    struct bytes objects = minidump_location(m, &r);
    return read_pairs(m, pairs) && read_objects(m, objects) &&
           (lines.len <= 4 || read_lines(m, lines, begin_lines(m, begun)));
}

static bool read_modules(struct minidump *m, struct bytes list)
{
    size_t count;
    bool begun = false;
    struct bytes links = list_at(m, list, LINK_SIZE, &count);
    struct reader r = minidump_reader(m, links);
    for (size_t i = 0; i < count; i++) {
        reader_skip(&r, 4); /* its number in the module list */
        struct bytes module = minidump_location(m, &r);
        if (module.len > 0 && !read_module(m, module, &begun))
            return false;
    }
    if (begun)
        json_list_end(&m->make.notes);
    return true;
}

/* --- the stream ---------------------------------------------------------------------------- */

static bool read_uuid(struct minidump *m, struct reader *r, const char *name)
{
    struct str text;
    uint32_t a = reader_u32(r);
    uint16_t b = reader_u16(r), c = reader_u16(r);
    uint64_t any = a | b | c;
    uint8_t d[8];
    for (size_t i = 0; i < sizeof d; i++)
        any |= d[i] = reader_u8(r);
    if (any == 0)
        return true;
    return arena_printf(m->arena, &text, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", a, b,
                        c, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]) &&
           attributes_set(&m->dump->attributes, str_from_c(name), ATTRIBUTE_UUID, text);
}

bool minidump_read_crashpad(struct minidump *m)
{
    struct bytes stream;
    if (!minidump_find(m, STREAM_CRASHPAD, &stream))
        return true;
    struct reader r = minidump_reader(m, stream);
    reader_skip(&r, 4); /* version */
    if (!read_uuid(m, &r, "crashpad.report_id") || !read_uuid(m, &r, "guid"))
        return false;
    struct bytes pairs = minidump_location(m, &r), modules = minidump_location(m, &r);
    if (r.failed)
        dump_error(&m->make, "Crashpad info: the stream is too short");
    return read_pairs(m, pairs) && read_modules(m, modules);
}
