/* plcrash.c - the header of a report, and its message: checked, unpacked, and asked subject by
 * subject (plcrash_<subject>.c). */
#include "decode/plcrash_parts.h"

#include "base/digits.h"

#define MAGIC "plcrash"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define HEADER_BYTES (MAGIC_BYTES + 1)
#define VERSION 1

bool plcrash_is(struct bytes first)
{
    return first.len >= MAGIC_BYTES && !memcmp(first.ptr, MAGIC, MAGIC_BYTES);
}

bool plcrash_check_header(struct bytes first, struct err *e)
{
    if (!plcrash_is(first))
        return err_set(e, ERR_INPUT, 0, "a PLCrashReporter report begins with %s", MAGIC);
    if (first.len < HEADER_BYTES)
        return err_set(e, ERR_INPUT, first.len, "the report ends within its header, at byte %zu",
                       first.len);
    if (first.ptr[MAGIC_BYTES] != VERSION)
        return err_set(e, ERR_INPUT, MAGIC_BYTES,
                       "this report has version %u (byte %zu), and only version %d is known",
                       first.ptr[MAGIC_BYTES], MAGIC_BYTES, VERSION);
    return true;
}

/* --- texts --------------------------------------------------------------------------------- */

bool plcrash_text(struct plcrash *p, const char *text, struct str *out)
{
    struct str s = str_from_c(text);
    return dump_utf8(&p->make, (struct bytes){ (const uint8_t *)s.ptr, s.len }, out);
}

bool plcrash_attribute(struct plcrash *p, const char *name, const char *text)
{
    struct str s;
    return plcrash_text(p, text, &s) && dump_attribute(&p->make, name, s);
}

void plcrash_write_hex(struct json_writer *w, uint64_t n)
{
    char text[2 + DIGITS_ROOM] = "0x";
    json_str(w, (struct str){ text, 2 + digits_hex(text + 2, n, 0) });
}

/* --- the message --------------------------------------------------------------------------- */

static void *take(void *arena, size_t n)
{
    return arena_alloc(arena, n);
}

static void leave(void *arena, void *p)
{
    (void)arena, (void)p; /* it goes with the arena */
}

static bool unpack(struct plcrash *p, struct bytes file, struct arena *a, struct err *e)
{
    ProtobufCAllocator allocator = { take, leave, a };
    struct bytes message = { file.ptr + HEADER_BYTES, file.len - HEADER_BYTES };
    if (file.len > PLCRASH_BYTES_MAX)
        return err_set(e, ERR_LIMIT, 0, "the report has more than %zu bytes", PLCRASH_BYTES_MAX);
    if (!plcrash_check_wire(message, HEADER_BYTES, e))
        return false;
    p->report = plcrash__crash_report__unpack(&allocator, message.len, message.ptr);
    if (!p->report) /* it was checked: all that it can lack is memory */
        return err_set(e, ERR_NOMEM, 0, "no memory to unpack a PLCrashReporter report");
    return plcrash_check_required(p->report, e);
}

bool plcrash_read(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                  struct arena *a, struct err *e)
{
    struct plcrash p = { .dump = out };
    if (!plcrash_check_header(file, e) || !unpack(&p, file, a, e))
        return false;
    dump_make(&p.make, out, a);
    bool ok = plcrash_read_system(&p) && plcrash_read_images(&p) && plcrash_read_crash(&p);
    if (!ok)
        err_set(e, ERR_NOMEM, 0, "no memory to read a PLCrashReporter report");
    ok = ok && plcrash_read_threads(&p, symbols, e);
    if (ok && !dump_take_notes(&p.make))
        ok = err_set(e, ERR_NOMEM, 0, "no memory for the annotations of a report");
    dump_made(&p.make);
    return ok;
}
