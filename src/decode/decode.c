/* decode.c - the table of decoders, and what the door asks before an upload is let in. */
#include "decode/formats.h"
#include "decode/minidump.h"

bool decode_can(enum upload_format format)
{
    return format == UPLOAD_JSON || format == UPLOAD_MINIDUMP;
}

bool decode_can_read(enum upload_format format, struct bytes first)
{
    /* Core files come by the door of minidumps. */
    return decode_can(format) && (format != UPLOAD_MINIDUMP || minidump_is(first));
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

static bool decode_minidump(struct bytes file, const struct symbol_source *symbols,
                            struct crash *out, struct arena *a, struct err *e)
{
    struct dump *d = arena_alloc(a, sizeof *d);
    if (!d)
        return err_set(e, ERR_NOMEM, 0, "no memory to read a minidump");
    return minidump_read(file, symbols, d, a, e) && dump_crash(d, out, a, e);
}

bool decode_upload(enum upload_format format, struct str bytes, const struct symbol_source *symbols,
                   struct crash *out, struct arena *a, struct err *e)
{
    decode_nothing(out, a);
    if (format == UPLOAD_JSON)
        return backtrace_json_decode(bytes, out, a, e);
    if (format == UPLOAD_MINIDUMP)
        return decode_minidump((struct bytes){ (const uint8_t *)bytes.ptr, bytes.len }, symbols,
                               out, a, e);
    struct str name = upload_format_name(format);
    return err_set(e, ERR_INPUT, 0, "there is no decoder for %.*s", STR_ARG(name));
}

/* --- at the door --------------------------------------------------------------------------- */

struct str decode_skip_bom(struct str text)
{
    const struct str bom = STR("\xef\xbb\xbf");
    return str_starts(text, bom) ? (struct str){ text.ptr + bom.len, text.len - bom.len } : text;
}

/* What the first bytes say that an upload is; for sentences. */
static const char *looks_like(struct str first)
{
    static const struct {
        struct str magic;
        const char *name;
    } known[] = {
        { STR_INIT("MDMP"), "a minidump" },
        { STR_INIT("PMDM"), "a minidump" },
        { STR_INIT("\x7f"
                   "ELF"),
          "an ELF file" },
        { STR_INIT("plcrash"), "a PLCrashReporter report" },
        { STR_INIT("\x1f\x8b"), "gzip data (say so with Content-Encoding: gzip)" },
        { STR_INIT("\x28\xb5\x2f\xfd"), "zstd data" },
        { STR_INIT("PK\x03\x04"), "a zip file" },
        { STR_INIT("\xfd"
                   "7zXZ"),
          "xz data" },
        { STR_INIT("{"), "JSON" },
        { STR_INIT("--"), "a multipart body (say so with Content-Type)" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_starts(first, known[i].magic))
            return known[i].name;
    return "something else";
}

static struct str skip_blanks(struct str s)
{
    while (s.len > 0 && memchr(" \t\r\n", s.ptr[0], 4))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    return s;
}

/* Blanks only, and more bytes may follow: it could be. */
static bool could_be_json(struct str first)
{
    struct str text = skip_blanks(decode_skip_bom(first));
    return text.len > 0 ? text.ptr[0] == '{' : first.len >= DECODE_MAGIC_BYTES;
}

/* A minidump of either byte order. Core files (ELF) come by the same door. */
static bool could_be_dump(struct str first)
{
    return str_starts(first, STR("MDMP")) || str_starts(first, STR("PMDM")) ||
           str_starts(first, STR("\x7f"
                                 "ELF"));
}

bool decode_check_magic(enum upload_format format, struct bytes first, struct err *e)
{
    struct str s = { (const char *)first.ptr, first.len };
    if (s.len == 0)
        return err_set(e, ERR_INPUT, 0, "the upload is empty");
    switch (format) {
    case UPLOAD_JSON:
        return could_be_json(s) ||
               err_set(e, ERR_INPUT, 0, "a JSON report begins with {; this is %s", looks_like(s));
    case UPLOAD_MINIDUMP:
        return could_be_dump(s) ||
               err_set(e, ERR_INPUT, 0, "a minidump begins with MDMP; this is %s", looks_like(s));
    case UPLOAD_PLCRASH:
        return str_starts(s, STR("plcrash")) ||
               err_set(e, ERR_INPUT, 0, "a PLCrashReporter report begins with plcrash; this is %s",
                       looks_like(s));
    case UPLOAD_BTT:
    case UPLOAD_SYMBOLS:
    case UPLOAD_SOURCEMAP:
    case UPLOAD_PROGUARD:
        break;
    }
    return true;
}

bool decode_check_json(struct str text, struct arena *a, struct str *uuid, struct err *e)
{
    const struct json_limits limits = { DECODE_JSON_DEPTH, DECODE_JSON_NODES };
    const struct json *j;
    if (!json_parse(&j, decode_skip_bom(text), limits, a, e))
        return false;
    if (j->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "a report must be a JSON object");
    *uuid = backtrace_json_uuid(j);
    return true;
}
