/* door.c - what the door asks before an upload is let in: what its first bytes say it is, and
 * whether that is taken under the format that the sender says.
 *
 * The bytes count. A format that they contradict is a mistake of the sender's, who hears of it at
 * once; but where clients are known to rely on it, another format is let in: core files as
 * minidumps, and anything that can be a report as btt. */
#include "decode/core.h"
#include "decode/formats.h"
#include "decode/minidump.h"
#include "decode/plcrash.h"
#include "symbols/elf_symbols.h"
#include "symbols/macho_symbols.h"

#define ELF_TYPE_END 18 /* the bytes that tell a core file from a program */

struct str decode_skip_bom(struct str text)
{
    const struct str bom = STR("\xef\xbb\xbf");
    return str_starts(text, bom) ? (struct str){ text.ptr + bom.len, text.len - bom.len } : text;
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

enum decode_kind decode_kind_of(struct bytes first, const char **words)
{
    static const struct {
        struct str magic;
        enum decode_kind kind;
        const char *words;
    } known[] = {
        { STR_INIT("\x7f"
                   "ELF"),
          KIND_SYMBOLS, "an ELF program or library" },
        { STR_INIT("MODULE "), KIND_SYMBOLS, "a Breakpad symbol file" },
        { STR_INIT("Microsoft C/C++ "), KIND_SYMBOLS, "a PDB file" },
        { STR_INIT("MZ"), KIND_SYMBOLS, "a Windows program or library" },
        { STR_INIT("\x1f\x8b"), KIND_PACKED, "gzip data (say so with Content-Encoding: gzip)" },
        { STR_INIT("\x28\xb5\x2f\xfd"), KIND_PACKED, "zstd data" },
        { STR_INIT("PK\x03\x04"), KIND_PACKED, "a zip file" },
        { STR_INIT("\xfd"
                   "7zXZ"),
          KIND_PACKED, "xz data" },
        { STR_INIT("--"), KIND_MULTIPART, "a multipart body (say so with Content-Type)" },
    };
    struct str s = { (const char *)first.ptr, first.len };
    *words = "a minidump";
    if (minidump_is(first))
        return KIND_MINIDUMP;
    *words = "a PLCrashReporter report";
    if (plcrash_is(first))
        return KIND_PLCRASH;
    *words = "a core file";
    if (core_is(first))
        return KIND_CORE;
    *words = "JSON";
    if (could_be_json(s))
        return KIND_JSON;
    *words = "a Mach-O file";
    if (macho_is(first))
        return KIND_SYMBOLS;
    *words = "an ELF file that ends within its header";
    if (elf_is(first) && first.len < ELF_TYPE_END)
        return KIND_SYMBOLS;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_starts(s, known[i].magic)) {
            *words = known[i].words;
            return known[i].kind;
        }
    *words = "something else";
    return KIND_UNKNOWN;
}

bool decode_format_of(enum decode_kind kind, enum upload_format *out)
{
    switch (kind) {
    case KIND_JSON:
        *out = UPLOAD_JSON;
        return true;
    case KIND_MINIDUMP:
        *out = UPLOAD_MINIDUMP;
        return true;
    case KIND_PLCRASH:
        *out = UPLOAD_PLCRASH;
        return true;
    case KIND_CORE:
        *out = UPLOAD_CORE;
        return true;
    case KIND_UNKNOWN:
    case KIND_SYMBOLS:
    case KIND_PACKED:
    case KIND_MULTIPART:
        break;
    }
    return false;
}

/* What goes through which door. */
static const struct {
    const char *what; /* is expected there */
    unsigned kinds;   /* bit k: decode_kind k is let in */
} doors[UPLOAD_FORMATS] = {
    [UPLOAD_JSON] = { "a JSON report begins with {", 1u << KIND_JSON },
    [UPLOAD_MINIDUMP] = { "a minidump begins with MDMP", 1u << KIND_MINIDUMP | 1u << KIND_CORE },
    [UPLOAD_PLCRASH] = { "a PLCrashReporter report begins with plcrash", 1u << KIND_PLCRASH },
    [UPLOAD_BTT] = { "btt is for snapshots and other reports",
                     1u << KIND_UNKNOWN | 1u << KIND_JSON | 1u << KIND_MINIDUMP |
                         1u << KIND_PLCRASH | 1u << KIND_CORE | 1u << KIND_PACKED },
    [UPLOAD_SYMBOLS] = { "symbols are symbol files, or an archive of such (a source map is sent "
                         "with the format sourcemap)",
                         1u << KIND_UNKNOWN | 1u << KIND_SYMBOLS | 1u << KIND_PACKED },
    [UPLOAD_SOURCEMAP] = { "a source map is JSON, or comes in an archive",
                           1u << KIND_UNKNOWN | 1u << KIND_JSON | 1u << KIND_PACKED },
    [UPLOAD_CORE] = { "a core file is an ELF file of the type ET_CORE", 1u << KIND_CORE },
    [UPLOAD_PROGUARD] = { "a mapping of ProGuard is text", 1u << KIND_UNKNOWN | 1u << KIND_PACKED },
};

bool decode_check_magic(enum upload_format format, struct bytes first, struct err *e)
{
    const char *words;
    if (first.len == 0)
        return err_set(e, ERR_INPUT, 0, "the upload is empty");
    enum decode_kind kind = decode_kind_of(first, &words);
    if (!(doors[format].kinds >> kind & 1))
        return err_set(e, ERR_INPUT, 0, "%s; this is %s", doors[format].what, words);
    return kind != KIND_PLCRASH || plcrash_check_header(first, e);
}

/* A JSON object, and whether it is a source map: these have mappings, or sections of such, and no
 * threads. */
static bool read_object(struct str text, struct arena *a, const struct json **out, bool *is_map,
                        struct err *e)
{
    const struct json_limits limits = { DECODE_JSON_DEPTH, DECODE_JSON_NODES };
    const struct json *mappings, *sections;
    if (!json_parse(out, decode_skip_bom(text), limits, a, e))
        return false;
    mappings = json_get(*out, STR("mappings"));
    sections = json_get(*out, STR("sections"));
    *is_map =
        json_get(*out, STR("version")) && !json_get(*out, STR("threads")) &&
        ((mappings && mappings->type == JSON_STRING) || (sections && sections->type == JSON_LIST));
    return true;
}

bool decode_check_json(struct str text, struct arena *a, struct str *uuid, struct err *e)
{
    const struct json *j;
    bool is_map;
    if (!read_object(text, a, &j, &is_map, e))
        return false;
    if (j->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "a report must be a JSON object");
    if (is_map)
        return err_set(e, ERR_INPUT, 0,
                       "this is a source map, and no JSON report: send it with the format "
                       "sourcemap");
    *uuid = backtrace_json_uuid(j);
    return true;
}

bool decode_check_sourcemap(struct str text, struct arena *a, struct err *e)
{
    const struct json *j;
    bool is_map;
    return read_object(text, a, &j, &is_map, e) &&
           (!json_get(j, STR("threads")) ||
            err_set(e, ERR_INPUT, 0,
                    "this is a JSON report, and no source map: send it with the format json"));
}
