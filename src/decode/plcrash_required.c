/* plcrash_required.c - what a report must have, asked for when all parts of its messages are
 * together: an error names the first that is missing. */
#include "decode/plcrash_parts.h"

#include <assert.h>
#include <stdio.h>

#define PATH_MAX_BYTES 100

#define BIT(number) (UINT32_C(1) << (number))

/* By the numbers of the fields. Messages without such fields are left out. */
static const struct {
    const ProtobufCMessageDescriptor *message;
    uint32_t required;
} messages[] = {
    { &plcrash__crash_report__descriptor, BIT(1) | BIT(2) | BIT(6) },
    { &plcrash__system_info__descriptor, BIT(2) | BIT(3) | BIT(4) },
    { &plcrash__processor__descriptor, BIT(2) | BIT(3) },
    { &plcrash__machine_info__descriptor, BIT(2) | BIT(3) | BIT(4) },
    { &plcrash__application_info__descriptor, BIT(1) | BIT(2) },
    { &plcrash__process_info__descriptor, BIT(2) | BIT(5) | BIT(6) },
    { &plcrash__thread__descriptor, BIT(1) | BIT(3) },
    { &plcrash__stack_frame__descriptor, BIT(3) },
    { &plcrash__symbol__descriptor, BIT(1) | BIT(2) },
    { &plcrash__register_value__descriptor, BIT(1) | BIT(2) },
    { &plcrash__binary_image__descriptor, BIT(1) | BIT(2) | BIT(3) },
    { &plcrash__exception__descriptor, BIT(1) | BIT(2) },
    { &plcrash__signal__descriptor, BIT(1) | BIT(2) | BIT(3) },
    { &plcrash__mach_exception__descriptor, BIT(1) },
    { &plcrash__report_info__descriptor, BIT(1) },
};

static uint32_t required_of(const ProtobufCMessageDescriptor *message)
{
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        if (messages[i].message == message)
            return messages[i].required;
    assert(false); /* the table has all messages of plcrash.proto */
    return 0;
}

/* --- members of an unpacked message, where the descriptors say that they are ---------------- */

static const void *member_at(const ProtobufCMessage *m, unsigned offset)
{
    return (const char *)m + offset;
}

/* Messages and texts are pointers, of which NULL is none; all else says whether it is there. */
static bool has(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(ProtobufCMessage *const *)member_at(m, f->offset);
    if (f->type == PROTOBUF_C_TYPE_STRING)
        return *(char *const *)member_at(m, f->offset);
    return *(const protobuf_c_boolean *)member_at(m, f->quantifier_offset);
}

/* How many messages the member holds; *at is the first of them. */
static size_t inner_messages(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
                             ProtobufCMessage *const **at)
{
    if (f->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        *at = *(ProtobufCMessage * *const *)member_at(m, f->offset);
        return *(const size_t *)member_at(m, f->quantifier_offset);
    }
    *at = (ProtobufCMessage *const *)member_at(m, f->offset);
    return **at ? 1 : 0;
}

/* --- the walk ------------------------------------------------------------------------------ */

static bool is_missing(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
                       uint32_t required)
{
    return required >> f->id & 1 && !has(m, f);
}

/* Where the walk is; printed only when something is missing. */
struct level {
    const struct level *outer; /* NULL: the report itself */
    const ProtobufCFieldDescriptor *field;
    size_t index;
};

static size_t print_path(const struct level *l, char *out, size_t room)
{
    if (!l->outer)
        return 0;
    size_t n = print_path(l->outer, out, room);
    char index[24] = "";
    if (l->field->label == PROTOBUF_C_LABEL_REPEATED)
        (void)snprintf(index, sizeof index, "[%zu]", l->index);
    int len = snprintf(out + n, room - n, "%s%s.", l->field->name, index);
    assert(len > 0 && n + (size_t)len < room); /* our own names */
    return n + (size_t)len;
}

static bool missing(const struct level *l, const ProtobufCFieldDescriptor *f, struct err *e)
{
    char path[PATH_MAX_BYTES] = "";
    (void)print_path(l, path, sizeof path);
    return err_set(e, ERR_INPUT, 0, "%s%s is missing", path, f->name);
}

/* As deep as the messages of plcrash.proto are nested. */
static bool check(const ProtobufCMessage *m, const struct level *l, struct err *e)
{
    uint32_t required = required_of(m->descriptor);
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        ProtobufCMessage *const *inner = NULL;
        if (is_missing(m, f, required))
            return missing(l, f, e);
        size_t n = inner_messages(m, f, &inner);
        for (size_t k = 0; k < n; k++)
            if (!check(inner[k], &(struct level){ l, f, k }, e))
                return false;
    }
    return true;
}

bool plcrash_check_required(const Plcrash__CrashReport *report, struct err *e)
{
    return check(&report->base, &(struct level){ NULL, NULL, 0 }, e);
}
