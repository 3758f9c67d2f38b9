/* minidump_exception.c - what ended the process, and in which thread. */
#include "decode/minidump_parts.h"

/* The registers at the time of the crash replace those of the thread, which is in the handler by
 * the time that the dump is written. */
static void use_context(struct minidump *m, size_t i)
{
    struct dump_thread *t = &m->dump->threads[i];
    if (m->has_exception_context) {
        t->registers = m->exception_context;
        t->has_registers = true;
    }
}

static void find_crash_thread(struct minidump *m)
{
    struct dump *d = m->dump;
    if (!m->has_requesting_thread)
        return;
    for (size_t i = 0; i < d->thread_count; i++)
        if (d->threads[i].id == m->requesting_thread) {
            d->crash_thread = i;
            use_context(m, i);
            return;
        }
    dump_error(&m->make, "there is no thread %u, which the dump is about", m->requesting_thread);
}

/* A record that is there. False: it is not, or not whole. */
static bool read_record(struct minidump *m)
{
    struct bytes stream;
    struct minidump_exception *x = &m->exception;
    if (!minidump_find(m, STREAM_EXCEPTION, &stream))
        return false;
    struct reader r = minidump_reader(m, stream);
    uint32_t thread = reader_u32(&r);
    reader_skip(&r, 4);
    x->code = reader_u32(&r);
    x->flags = reader_u32(&r);
    reader_skip(&r, 8); /* the exception before this one */
    x->address = reader_u64(&r);
    x->parameter_count = reader_u32(&r);
    reader_skip(&r, 4);
    for (size_t i = 0; i < MINIDUMP_PARAMETERS_MAX; i++)
        x->parameters[i] = reader_u64(&r);
    if (x->parameter_count > MINIDUMP_PARAMETERS_MAX)
        x->parameter_count = MINIDUMP_PARAMETERS_MAX;
    struct bytes context = minidump_location(m, &r);
    if (r.failed) {
        dump_error(&m->make, "exception: the stream is too short");
        return false;
    }
    m->requesting_thread = thread;
    m->has_requesting_thread = true;
    m->has_exception_context =
        context.len > 0 && minidump_context(m, context, &m->exception_context);
    return true;
}

bool minidump_read_exception(struct minidump *m)
{
    struct dump *d = m->dump;
    m->has_exception = read_record(m);
    d->reason = STR("");
    find_crash_thread(m);
    d->has_crash = d->has_address = m->has_exception;
    return !m->has_exception || minidump_reason(m, &d->reason, &d->address);
}

/* --- assertions ---------------------------------------------------------------------------- */

#define ASSERTION_TEXT_SIZE 256 /* bytes of each of its three texts */

static const char *assertion_kind(uint32_t type)
{
    switch (type) {
    case 1:
        return "Invalid parameter passed to library function";
    case 2:
        return "Pure virtual function called";
    default:
        return NULL;
    }
}

static bool set_assertion(struct minidump *m, const struct str *texts, uint32_t line, uint32_t type)
{
    static const char *const before[] = { " ", " in function ", ", in file " };
    const char *kind = assertion_kind(type);
    struct buf b;
    buf_init(&b, 4096);
    if (kind)
        buf_printf(&b, "%s", kind);
    else
        buf_printf(&b, "Unknown assertion type 0x%08x", type);
    for (size_t i = 0; i < 3; i++)
        if (texts[i].len > 0)
            buf_printf(&b, "%s%.*s", before[i], STR_ARG(texts[i]));
    if (line)
        buf_printf(&b, " at line %u", line);
    bool ok = buf_ok(&b) && arena_str(m->arena, buf_view(&b), &m->dump->assertion);
    buf_done(&b);
    return ok;
}

bool minidump_read_assertion(struct minidump *m)
{
    struct bytes stream;
    struct str texts[3];
    m->dump->assertion = STR("");
    if (!minidump_find(m, STREAM_ASSERTION, &stream))
        return true;
    struct reader r = minidump_reader(m, stream);
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *raw = reader_take(&r, ASSERTION_TEXT_SIZE);
        struct bytes text = { raw, raw ? ASSERTION_TEXT_SIZE : 0 };
        if (!minidump_utf16(m, text, &texts[i]))
            return false;
    }
    uint32_t line = reader_u32(&r), type = reader_u32(&r);
    if (r.failed) {
        dump_error(&m->make, "assertion: the stream is too short");
        return true;
    }
    return set_assertion(m, texts, line, type);
}
