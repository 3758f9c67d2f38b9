/* decode.c - the table of decoders. */
#include "decode/core.h"
#include "decode/formats.h"
#include "decode/minidump.h"
#include "decode/plcrash.h"

bool decode_can(enum upload_format format)
{
    return upload_format_is_error(format) && format != UPLOAD_BTT;
}

void decode_nothing(struct crash *out, struct arena *a)
{
    *out = (struct crash){ .uuid = STR(""),
                           .language = STR(""),
                           .language_version = STR(""),
                           .agent = STR(""),
                           .agent_version = STR("") };
    attributes_init(&out->attributes, a);
}

typedef bool read_dump(struct bytes file, const struct symbol_source *symbols, struct dump *out,
                       struct arena *a, struct err *e);

static bool decode_dump(read_dump *read, struct bytes file, const struct symbol_source *symbols,
                        struct crash *out, struct arena *a, struct err *e)
{
    struct dump *d = arena_alloc(a, sizeof *d);
    if (!d)
        return err_set(e, ERR_NOMEM, 0, "no memory to read a dump");
    return read(file, symbols, d, a, e) && dump_crash(d, out, a, e);
}

static bool decode_json(struct str text, const struct symbol_source *symbols, struct crash *out,
                        struct arena *a, struct err *e)
{
    return backtrace_json_decode(text, out, a, e) &&
           (!symbols || javascript_map(out, symbols, a, e));
}

/* The door stores a report as what its bytes are; earlier ones stored core files as minidumps. */
static enum upload_format by_bytes(enum upload_format format, struct bytes file)
{
    const char *words;
    enum upload_format found;
    bool report = decode_format_of(decode_kind_of(file, &words), &found);
    return report && upload_format_is_error(format) ? found : format;
}

bool decode_upload(enum upload_format format, struct str bytes, const struct symbol_source *symbols,
                   struct crash *out, struct arena *a, struct err *e)
{
    const struct bytes file = { (const uint8_t *)bytes.ptr, bytes.len };
    decode_nothing(out, a);
    switch (by_bytes(format, file)) {
    case UPLOAD_JSON:
        return decode_json(bytes, symbols, out, a, e);
    case UPLOAD_MINIDUMP:
        return decode_dump(minidump_read, file, symbols, out, a, e);
    case UPLOAD_PLCRASH:
        return decode_dump(plcrash_read, file, symbols, out, a, e);
    case UPLOAD_CORE:
        return decode_dump(core_read, file, symbols, out, a, e);
    case UPLOAD_BTT:
    case UPLOAD_SYMBOLS:
    case UPLOAD_SOURCEMAP:
    case UPLOAD_PROGUARD:
        break;
    }
    struct str name = upload_format_name(format);
    return err_set(e, ERR_INPUT, 0, "there is no decoder for %.*s", STR_ARG(name));
}
