/* minidump_modules.c - what was loaded, sorted and without overlaps, as the walker wants it.
 *
 * What is hard: lists hold modules twice, one within another (the Android linker and its memory
 * files), and ids in several forms. As Breakpad, of two modules that overlap the one that begins
 * lower ends where the other begins. */
#include "decode/minidump_parts.h"

#include <stdlib.h>

#define MODULE_SIZE 108
#define VERSION_SIZE 52
#define VERSION_SIGNATURE UINT32_C(0xfeef04bd)
#define UNLOADED_SIZE 24 /* of an entry, at least */

#define CODEVIEW_RSDS UINT32_C(0x53445352)     /* PDB 7.0, and a UUID on systems without PDBs */
#define CODEVIEW_NB10 UINT32_C(0x3031424e)     /* PDB 2.0 */
#define CODEVIEW_BUILD_ID UINT32_C(0x4270454c) /* the build id of an ELF file */
#define GUID_SIZE 16

struct guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

/* --- ids ----------------------------------------------------------------------------------- */

static struct guid read_guid(struct reader *r)
{
    struct guid g = { .a = reader_u32(r), .b = reader_u16(r), .c = reader_u16(r) };
    for (size_t i = 0; i < sizeof g.d; i++)
        g.d[i] = reader_u8(r);
    return g;
}

/* Digits written by hand: a dump of a Mac has 400 modules, and printf was half of reading it. */
static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static char *put_hex(char *at, const char *digits, uint32_t n, unsigned width)
{
    for (unsigned i = width; i > 0; i--, n >>= 4)
        at[i - 1] = digits[n & 15];
    return at + width;
}

/* Without zeros in front; at least one digit. */
static char *put_short_hex(char *at, const char *digits, uint32_t n)
{
    unsigned width = 1;
    while (width < 8 && n >> (4 * width))
        width++;
    return put_hex(at, digits, n, width);
}

static char *put_guid(char *at, const char *digits, const struct guid *g)
{
    at = put_hex(at, digits, g->a, 8);
    at = put_hex(at, digits, g->b, 4);
    at = put_hex(at, digits, g->c, 4);
    for (size_t i = 0; i < sizeof g->d; i++)
        at = put_hex(at, digits, g->d[i], 2);
    return at;
}

#define ID_MAX 40 /* a GUID and 8 digits */

static bool take_id(struct minidump *m, const char *text, const char *end, struct str *out)
{
    return arena_str(m->arena, (struct str){ text, (size_t)(end - text) }, out);
}

static bool set_debug_id(struct minidump *m, const struct guid *g, uint32_t age, struct str *out)
{
    char text[ID_MAX];
    return take_id(m, text, put_short_hex(put_guid(text, upper, g), lower, age), out);
}

static bool set_uuid(struct minidump *m, const struct guid *g, struct str *out)
{
    char text[ID_MAX];
    return take_id(m, text, put_guid(text, lower, g), out);
}

/* A number of 8 digits and another, as Windows' symbol servers name files. */
static bool set_pair(struct minidump *m, uint32_t first, uint32_t second, struct str *out)
{
    char text[ID_MAX];
    return take_id(m, text, put_short_hex(put_hex(text, upper, first, 8), lower, second), out);
}

static bool set_hex(struct minidump *m, struct bytes raw, struct str *out)
{
    char text[2 * MINIDUMP_BUILD_ID_MAX], *at = text;
    for (size_t i = 0; i < raw.len; i++)
        at = put_hex(at, lower, raw.ptr[i], 2);
    return take_id(m, text, at, out);
}

static bool is_windows(const struct minidump *m)
{
    return m->dump->os == WALK_OS_WINDOWS;
}

static bool is_apple(const struct minidump *m)
{
    return m->dump->os == WALK_OS_MAC || m->dump->os == WALK_OS_IOS;
}

static struct bytes rest_of(const struct reader *r)
{
    return (struct bytes){ r->in.ptr + r->pos, r->in.len - r->pos };
}

/* Apple's UUID is the GUID's bytes in the order in which they are read. */
static bool read_rsds(struct minidump *m, struct reader *r, struct dump_module *out)
{
    struct guid g = read_guid(r);
    uint32_t age = reader_u32(r);
    if (r->failed)
        return true;
    return set_debug_id(m, &g, age, &out->debug_id) &&
           dump_utf8(&m->make, rest_of(r), &out->debug_file) &&
           (!is_apple(m) || set_uuid(m, &g, &out->code_id));
}

static bool read_nb10(struct minidump *m, struct reader *r, struct dump_module *out)
{
    reader_skip(r, 4); /* an offset */
    uint32_t signature = reader_u32(r), age = reader_u32(r);
    if (r->failed)
        return true;
    return set_pair(m, signature, age, &out->debug_id) &&
           dump_utf8(&m->make, rest_of(r), &out->debug_file);
}

/* The first 16 bytes stand for a GUID; a shorter id is filled up with zeros. */
static bool read_build_id(struct minidump *m, struct reader *r, struct dump_module *out)
{
    struct bytes id = rest_of(r);
    uint8_t padded[GUID_SIZE] = { 0 };
    if (id.len > MINIDUMP_BUILD_ID_MAX)
        id.len = MINIDUMP_BUILD_ID_MAX;
    if (id.len == 0)
        return true;
    memcpy(padded, id.ptr, id.len < GUID_SIZE ? id.len : GUID_SIZE);
    struct reader guid_reader = { .in = { padded, GUID_SIZE } };
    struct guid g = read_guid(&guid_reader);
    out->debug_file = out->code_file;
    return set_debug_id(m, &g, 0, &out->debug_id) && set_hex(m, id, &out->code_id);
}

static bool read_codeview(struct minidump *m, struct bytes record, struct dump_module *out)
{
    struct reader r = minidump_reader(m, record);
    uint32_t signature = reader_u32(&r);
    if (r.failed)
        return true;
    switch (signature) {
    case CODEVIEW_RSDS:
        return read_rsds(m, &r, out);
    case CODEVIEW_NB10:
        return read_nb10(m, &r, out);
    case CODEVIEW_BUILD_ID:
        return read_build_id(m, &r, out);
    default:
        return true;
    }
}

/* --- a module ------------------------------------------------------------------------------ */

static bool read_version(struct minidump *m, struct reader *r, struct str *out)
{
    uint32_t signature = reader_u32(r), layout = reader_u32(r);
    uint32_t high = reader_u32(r), low = reader_u32(r);
    reader_skip(r, VERSION_SIZE - 16);
    *out = STR("");
    if (signature != VERSION_SIGNATURE || !(layout & 0x10000))
        return true;
    return arena_printf(m->arena, out, "%u.%u.%u.%u", high >> 16, high & 0xffff, low >> 16,
                        low & 0xffff);
}

static bool read_module(struct minidump *m, struct reader *r, struct dump_module *out)
{
    *out = (struct dump_module){ .base = reader_u64(r) };
    out->size = reader_u32(r);
    reader_skip(r, 4); /* checksum */
    out->timestamp = reader_u32(r);
    uint32_t name = reader_u32(r);
    out->code_id = out->debug_file = out->debug_id = STR("");
    if (!read_version(m, r, &out->version) || !minidump_string(m, name, &out->code_file))
        return false;
    struct bytes codeview = minidump_location(m, r);
    reader_skip(r, 24); /* a record that compilers of the last century wrote; reserved */
    return read_codeview(m, codeview, out) &&
           (!is_windows(m) || set_pair(m, out->timestamp, (uint32_t)out->size, &out->code_id));
}

bool minidump_read_modules(struct minidump *m)
{
    size_t count;
    struct bytes entries =
        minidump_entries(m, STREAM_MODULES, "module list", MODULE_SIZE, DUMP_MODULES_MAX, &count);
    struct numbered_module *all = arena_array(m->arena, count + 1, sizeof *all);
    if (!all)
        return false;
    struct reader r = minidump_reader(m, entries);
    for (size_t i = 0; i < count; i++) {
        all[i].number = i;
        if (!read_module(m, &r, &all[i].module))
            return false;
    }
    return dump_set_modules(&m->make, all, count);
}

/* --- unloaded modules ---------------------------------------------------------------------- */

static int by_base_alone(const void *a, const void *b)
{
    const struct dump_module *x = a, *y = b;
    return (x->base > y->base) - (x->base < y->base);
}

static bool read_unloaded(struct minidump *m, struct reader *r, size_t size,
                          struct dump_module *out)
{
    *out = (struct dump_module){ .base = reader_u64(r) };
    out->size = reader_u32(r);
    reader_skip(r, 4); /* checksum */
    out->timestamp = reader_u32(r);
    uint32_t name = reader_u32(r);
    reader_skip(r, size - UNLOADED_SIZE);
    out->debug_file = out->debug_id = out->version = STR("");
    return minidump_string(m, name, &out->code_file) &&
           set_pair(m, out->timestamp, (uint32_t)out->size, &out->code_id);
}

bool minidump_read_unloaded(struct minidump *m)
{
    struct dump *d = m->dump;
    size_t size, count;
    struct bytes entries =
        minidump_sized_entries(m, STREAM_UNLOADED_MODULES, "unloaded modules", false, UNLOADED_SIZE,
                               DUMP_MODULES_MAX, &size, &count);
    struct reader r = minidump_reader(m, entries);
    m->unloaded = arena_array(m->arena, count + 1, sizeof *m->unloaded);
    d->unloaded = arena_array(m->arena, count + 1, sizeof *d->unloaded);
    if (!m->unloaded || !d->unloaded)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_unloaded(m, &r, size, &d->unloaded[i]))
            return false;
    qsort(d->unloaded, count, sizeof *d->unloaded, by_base_alone);
    for (size_t i = 0; i < count; i++)
        m->unloaded[i] =
            (struct walk_region){ d->unloaded[i].base, { NULL, (size_t)d->unloaded[i].size } };
    d->unloaded_count = count;
    return true;
}
