/* plcrash_wire.c - is this the wire format, and does it fit our fields? Called before protobuf-c
 * unpacks a message: that says only yes or no, and takes fifty times the memory of small fields.
 *
 * A cursor goes over the bytes with the descriptors that protoc-c made, and keeps the path to where
 * it is. A message is nothing but a chain of fields, each a tag (number and wire type) and a value,
 * so the walk is a loop, and as deep as the messages of plcrash.proto are nested. */
#include "decode/plcrash_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define FIELDS_MAX 1000000 /* in all messages together */
#define MERGED_MAX 16      /* parts of one message: each merge copies what there is so far */
#define DEPTH_MAX 5
#define MEMBERS_MAX 10 /* of a message in plcrash.proto */
#define VARINT_BYTES_MAX 10
#define TAG_BYTES_MAX 5 /* of tags and lengths */
#define NUMBER_MAX ((UINT32_C(1) << 29) - 1)
#define PATH_MAX_BYTES 100

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

struct level {
    const char *name;
    bool repeated;
    size_t index;
};

struct check {
    size_t fields, threads, frames, images, registers;
    struct level path[DEPTH_MAX];
    size_t depth;
    struct err *e;
};

/* The bytes of one message. */
struct piece {
    struct reader r;
    uint64_t start; /* where it begins in the file */
};

/* --- errors -------------------------------------------------------------------------------- */

static void print_path(const struct check *c, char out[PATH_MAX_BYTES])
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->depth; i++) {
        const struct level *l = &c->path[i];
        char index[24] = "";
        if (l->repeated)
            (void)snprintf(index, sizeof index, "[%zu]", l->index);
        int len = snprintf(out + n, PATH_MAX_BYTES - n, "%s%s%s", i > 0 ? "." : "", l->name, index);
        n += (size_t)len;
        assert(n < PATH_MAX_BYTES); /* our own names */
    }
}

PRINTF_LIKE(4, 5)
static bool wrong(const struct check *c, enum err_code code, uint64_t at, const char *fmt, ...)
{
    char path[PATH_MAX_BYTES], what[128];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    print_path(c, path);
    return err_set(c->e, code, at, "%s%sat byte %" PRIu64 ": %s", path, path[0] ? ", " : "", at,
                   what);
}

/* --- values -------------------------------------------------------------------------------- */

static uint64_t place(const struct piece *p)
{
    return p->start + p->r.pos;
}

static bool take_varint(const struct check *c, struct piece *p, size_t bytes, const char *what,
                        uint64_t *out)
{
    uint64_t at = place(p);
    *out = 0;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = reader_u8(&p->r);
        if (p->r.failed)
            return wrong(c, ERR_INPUT, at, "%s is cut off", what);
        *out |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return true;
    }
    return wrong(c, ERR_INPUT, at, "%s has more than %zu bytes", what, bytes);
}

static bool take_length(const struct check *c, struct piece *p, struct piece *inner)
{
    uint64_t at = place(p), len;
    if (!take_varint(c, p, TAG_BYTES_MAX, "the length", &len))
        return false;
    size_t left = p->r.in.len - p->r.pos;
    if (len > left)
        return wrong(c, ERR_INPUT, at, "a length of %" PRIu64 ", of which %zu bytes are there", len,
                     left);
    *inner = (struct piece){ .start = place(p) };
    inner->r.in = (struct bytes){ p->r.in.ptr + p->r.pos, (size_t)len };
    reader_skip(&p->r, (size_t)len);
    return true;
}

static bool skip_fixed(const struct check *c, struct piece *p, size_t bytes)
{
    uint64_t at = place(p);
    reader_skip(&p->r, bytes);
    return !p->r.failed || wrong(c, ERR_INPUT, at, "a number of %zu bytes is cut off", bytes);
}

/* A field that we do not know may have any value. */
static bool skip_value(const struct check *c, struct piece *p, uint64_t at, unsigned type)
{
    struct piece inner;
    uint64_t n;
    switch (type) {
    case WIRE_VARINT:
        return take_varint(c, p, VARINT_BYTES_MAX, "the number", &n);
    case WIRE_FIXED64:
        return skip_fixed(c, p, 8);
    case WIRE_LENGTH:
        return take_length(c, p, &inner);
    case WIRE_FIXED32:
        return skip_fixed(c, p, 4);
    default:
        return wrong(c, ERR_INPUT, at, "there is no wire type %u (groups are not read)", type);
    }
}

static bool check_packed(const struct check *c, struct piece *p)
{
    struct piece inner;
    uint64_t n;
    if (!take_length(c, p, &inner))
        return false;
    while (inner.r.pos < inner.r.in.len)
        if (!take_varint(c, &inner, VARINT_BYTES_MAX, "the number", &n))
            return false;
    return true;
}

/* --- how many ------------------------------------------------------------------------------ */

static bool count(const struct check *c, uint64_t at, size_t *n, size_t max, const char *what)
{
    return ++*n <= max || wrong(c, ERR_LIMIT, at, "more than %zu %s", max, what);
}

static bool count_message(struct check *c, uint64_t at, const ProtobufCMessageDescriptor *message)
{
    if (message == &plcrash__thread__descriptor)
        return count(c, at, &c->threads, PLCRASH_THREADS_MAX, "threads");
    if (message == &plcrash__stack_frame__descriptor)
        return count(c, at, &c->frames, PLCRASH_FRAMES_MAX, "frames");
    if (message == &plcrash__binary_image__descriptor)
        return count(c, at, &c->images, DUMP_MODULES_MAX, "images");
    if (message == &plcrash__register_value__descriptor)
        return count(c, at, &c->registers, PLCRASH_REGISTERS_MAX, "registers");
    return true;
}

/* --- messages ------------------------------------------------------------------------------ */

static bool check_message(struct check *c, struct piece p,
                          const ProtobufCMessageDescriptor *message);

static bool is_message(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_MESSAGE;
}

static enum wire_type wire_type_of(const ProtobufCFieldDescriptor *f)
{
    bool sized =
        is_message(f) || f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES;
    return sized ? WIRE_LENGTH : WIRE_VARINT;
}

static bool check_value(struct check *c, struct piece *p, uint64_t at,
                        const ProtobufCFieldDescriptor *f, unsigned type)
{
    struct piece inner;
    enum wire_type wanted = wire_type_of(f);
    bool packed = f->label == PROTOBUF_C_LABEL_REPEATED && wanted == WIRE_VARINT;
    if (packed && type == WIRE_LENGTH)
        return check_packed(c, p);
    if (type != (unsigned)wanted)
        return wrong(c, ERR_INPUT, at, "wire type %u, where %u belongs", type, (unsigned)wanted);
    if (!is_message(f))
        return skip_value(c, p, at, type);
    const ProtobufCMessageDescriptor *message = f->descriptor;
    return take_length(c, p, &inner) && count_message(c, at, message) &&
           check_message(c, inner, message);
}

/* A field that we know. `seen` counts how often the message has had it so far. */
static bool check_member(struct check *c, struct piece *p, uint64_t at,
                         const ProtobufCFieldDescriptor *f, unsigned type, size_t *seen)
{
    bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
    assert(c->depth < DEPTH_MAX);
    c->path[c->depth++] = (struct level){ f->name, repeated, (*seen)++ };
    if (!repeated && is_message(f) && *seen > MERGED_MAX)
        return wrong(c, ERR_LIMIT, at, "more than %d parts of one message", MERGED_MAX);
    if (!check_value(c, p, at, f, type))
        return false;
    c->depth--;
    return true;
}

static bool check_field(struct check *c, struct piece *p, const ProtobufCMessageDescriptor *message,
                        size_t *seen)
{
    uint64_t at = place(p), tag;
    if (!count(c, at, &c->fields, FIELDS_MAX, "fields") ||
        !take_varint(c, p, TAG_BYTES_MAX, "the tag of a field", &tag))
        return false;
    if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
        return wrong(c, ERR_INPUT, at, "there is no field of number %" PRIu64, tag >> 3);
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(message, (unsigned)(tag >> 3));
    unsigned type = tag & 7;
    return f ? check_member(c, p, at, f, type, &seen[f - message->fields])
             : skip_value(c, p, at, type);
}

static bool check_message(struct check *c, struct piece p,
                          const ProtobufCMessageDescriptor *message)
{
    size_t seen[MEMBERS_MAX] = { 0 };
    assert(message->n_fields <= MEMBERS_MAX);
    while (p.r.pos < p.r.in.len)
        if (!check_field(c, &p, message, seen))
            return false;
    return true;
}

bool plcrash_check_wire(struct bytes message, uint64_t start, struct err *e)
{
    struct check c = { .e = e };
    return check_message(&c, (struct piece){ { .in = message }, start },
                         &plcrash__crash_report__descriptor);
}
