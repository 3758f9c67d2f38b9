/* plcrash_crash.c - what ended the process: the signal, the Mach exception behind it, and the
 * exception that nobody caught. A report that somebody asked for is about no crash. */
#include "decode/plcrash_parts.h"

#include <sodium.h>

/* --- the reason ---------------------------------------------------------------------------- */

static enum mac_processor processor_of(const struct plcrash *p)
{
    switch (p->cpu_type & 0xffffff) { /* without the bits that tell the size of addresses */
    case 7:
        return MAC_X86;
    case 12:
        return MAC_ARM;
    case 18:
        return MAC_PPC;
    default:
        return MAC_OTHER;
    }
}

/* "SIGBUS / BUS_ADRERR"; a code without a name, such as "#0", is left out. */
static bool signal_text(struct plcrash *p, struct str *out)
{
    struct str name, code;
    if (!plcrash_text(p, p->report->signal->name, &name) ||
        !plcrash_text(p, p->report->signal->code, &code))
        return false;
    *out = name;
    return code.len == 0 || code.ptr[0] == '#' ||
           arena_printf(p->make.arena, out, "%.*s / %.*s", STR_ARG(name), STR_ARG(code));
}

static bool read_reason(struct plcrash *p)
{
    const Plcrash__MachException *mach = p->report->signal->mach_exception;
    struct dump *d = p->dump;
    d->has_crash = d->has_address = true;
    d->address = p->report->signal->address;
    return mach ? mac_exception_text(processor_of(p), mach->type,
                                     mach->n_codes > 0 ? mach->codes[0] : 0, p->make.arena,
                                     &d->reason)
                : signal_text(p, &d->reason);
}

static void note_mach(struct plcrash *p)
{
    const Plcrash__MachException *mach = p->report->signal->mach_exception;
    if (!mach)
        return;
    struct json_writer *w = dump_note(&p->make, "mach_exception");
    json_object(w);
    json_key(w, STR("type"));
    json_uint(w, mach->type);
    json_key(w, STR("codes"));
    json_list(w);
    for (size_t i = 0; i < mach->n_codes && i < PLCRASH_CODES_MAX; i++)
        plcrash_write_hex(w, mach->codes[i]);
    json_list_end(w);
    json_object_end(w);
}

/* --- the exception ------------------------------------------------------------------------- */

/* An exception that nobody caught says more than the signal that it ends in. */
static bool read_exception(struct plcrash *p)
{
    const Plcrash__Exception *x = p->report->exception;
    struct str reason;
    if (!x)
        return true;
    if (!plcrash_text(p, x->name, &p->dump->classifier) || !plcrash_text(p, x->reason, &reason))
        return false;
    return dump_attribute(&p->make, "exception.name", p->dump->classifier) &&
           dump_attribute(&p->make, "error.message", reason.len > 0 ? reason : p->dump->classifier);
}

/* --- the report itself --------------------------------------------------------------------- */

static bool read_uuid(struct plcrash *p, const uint8_t *u, size_t len)
{
    if (len != PLCRASH_UUID_BYTES) {
        dump_error(&p->make, "report_info.uuid has %zu bytes, not %d", len, PLCRASH_UUID_BYTES);
        return true;
    }
    return arena_printf(p->make.arena, &p->dump->uuid,
                        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                        u[12], u[13], u[14], u[15]);
}

/* What the program wanted to have with the report: any bytes. */
static bool note_custom(struct plcrash *p)
{
    const ProtobufCBinaryData *data = &p->report->custom_data;
    if (!p->report->has_custom_data || data->len == 0)
        return true;
    if (data->len > PLCRASH_CUSTOM_MAX) {
        dump_error(&p->make, "custom_data has %zu bytes, more than %d: it is in the upload only",
                   data->len, PLCRASH_CUSTOM_MAX);
        return true;
    }
    size_t room = sodium_base64_ENCODED_LEN(data->len, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(p->make.arena, room);
    if (!text)
        return false;
    sodium_bin2base64(text, room, data->data, data->len, sodium_base64_VARIANT_ORIGINAL);
    json_str(dump_note(&p->make, "custom_data"), str_from_c(text));
    return true;
}

bool plcrash_read_crash(struct plcrash *p)
{
    const Plcrash__CrashReport *r = p->report;
    const Plcrash__ReportInfo *info = r->report_info;
    bool asked_for = info && info->user_requested;
    note_mach(p);
    if (asked_for && !plcrash_attribute(p, "error.type", r->exception ? "Exception" : "Message"))
        return false;
    return (asked_for || read_reason(p)) && plcrash_attribute(p, "signal.name", r->signal->name) &&
           plcrash_attribute(p, "signal.code", r->signal->code) && read_exception(p) &&
           (!info || !info->has_uuid || read_uuid(p, info->uuid.data, info->uuid.len)) &&
           note_custom(p);
}
