/* decode.c - the table of decoders. */
#include "decode/core.h"
#include "decode/formats.h"
#include "decode/minidump.h"
#include "decode/plcrash.h"

bool decode_can(enum upload_format format)
{
    return upload_format_is_error(format) && format != UPLOAD_BTT;
}

bool decode_can_read(enum upload_format format, struct bytes first)
{
    const char *words;
    enum decode_kind kind = decode_kind_of(first, &words);
    return decode_can(format) || (format == UPLOAD_BTT && decode_is_report(kind));
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

/* What the sender called it counts where the bytes do not say. */
static enum decode_kind kind_of(enum upload_format format, struct bytes file)
{
    static const enum decode_kind named[UPLOAD_FORMATS] = { [UPLOAD_JSON] = KIND_JSON,
                                                            [UPLOAD_MINIDUMP] = KIND_MINIDUMP,
                                                            [UPLOAD_PLCRASH] = KIND_PLCRASH };
    const char *words;
    enum decode_kind kind = decode_kind_of(file, &words);
    return decode_is_report(kind) ? kind : named[format];
}

bool decode_upload(enum upload_format format, struct str bytes, const struct symbol_source *symbols,
                   struct crash *out, struct arena *a, struct err *e)
{
    const struct bytes file = { (const uint8_t *)bytes.ptr, bytes.len };
    decode_nothing(out, a);
    switch (kind_of(format, file)) {
    case KIND_JSON:
        return decode_json(bytes, symbols, out, a, e);
    case KIND_MINIDUMP:
        return decode_dump(minidump_read, file, symbols, out, a, e);
    case KIND_PLCRASH:
        return decode_dump(plcrash_read, file, symbols, out, a, e);
    case KIND_CORE:
        return decode_dump(core_read, file, symbols, out, a, e);
    case KIND_UNKNOWN:
    case KIND_SYMBOLS:
    case KIND_PACKED:
    case KIND_MULTIPART:
        break;
    }
    struct str name = upload_format_name(format);
    return err_set(e, ERR_INPUT, 0, "there is no decoder for %.*s", STR_ARG(name));
}
