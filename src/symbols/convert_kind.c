/* convert_kind.c - see the header. */
#include "symbols/convert_kind.h"

#include "sourcemap/mapcache.h"
#include "sourcemap/script.h"
#include "sourcemap/sourcemap.h"
#include "symbols/breakpad.h"
#include "symbols/elf_symbols.h"
#include "symbols/macho_symbols.h"
#include "symbols/symcache.h"

static const struct {
    struct str name;
    const char *advice;
} kinds[CONVERT_KINDS] = {
    [CONVERT_OTHER] = { STR_INIT("other"),
                        "it is no symbol file: neither Breakpad symbols nor an ELF or Mach-O file, "
                        "nor a source map" },
    [CONVERT_BREAKPAD] = { STR_INIT("breakpad"), NULL },
    [CONVERT_ELF] = { STR_INIT("elf"), NULL },
    [CONVERT_PDB] = { STR_INIT("pdb"),
                      "it is a PDB file, which is not read here: run dump_syms on it, and upload "
                      "the .sym file that comes out" },
    [CONVERT_PE] = { STR_INIT("pe"),
                     "it is a Windows program or library (PE), which is not read here: run "
                     "dump_syms on its PDB file, and upload the .sym file that comes out" },
    [CONVERT_MACHO] = { STR_INIT("macho"), NULL },
    [CONVERT_ARCHIVE] = { STR_INIT("archive"),
                          "it is an archive inside an archive inside an archive: only one level is "
                          "unpacked; upload it by itself" },
    [CONVERT_JSON] = { STR_INIT("json"), "it looks like JSON, but it is no source map" },
    [CONVERT_MINIDUMP] = { STR_INIT("minidump"),
                           "it is a minidump: upload it with the format minidump" },
    [CONVERT_EMPTY] = { STR_INIT("empty"), "it is empty" },
    [CONVERT_SOURCEMAP] = { STR_INIT("sourcemap"), NULL },
    [CONVERT_SCRIPT] = { STR_INIT("script"), NULL },
};

struct magic {
    struct str bytes;
    enum convert_kind kind;
};

static const struct magic magics[] = {
    { STR_INIT("Microsoft C/C++ MSF 7.00"), CONVERT_PDB },
    { STR_INIT("Microsoft C/C++ program database 2.00"), CONVERT_PDB },
    { STR_INIT("BSJB"), CONVERT_PDB }, /* of .NET */
    { STR_INIT("MZ"), CONVERT_PE },
    { STR_INIT("MDMP"), CONVERT_MINIDUMP },
    { STR_INIT("PMDM"), CONVERT_MINIDUMP },
    { STR_INIT("{"), CONVERT_JSON },
    { STR_INIT("PK\x03\x04"), CONVERT_ARCHIVE },
    { STR_INIT("PK\x05\x06"), CONVERT_ARCHIVE },
    { STR_INIT("7z\xbc\xaf\x27\x1c"), CONVERT_ARCHIVE },
    { STR_INIT("\x1f\x8b"), CONVERT_ARCHIVE },
    { STR_INIT("\x1f\x9d"), CONVERT_ARCHIVE },
    { STR_INIT("BZh"), CONVERT_ARCHIVE },
    { STR_INIT("\xfd"
               "7zXZ"),
      CONVERT_ARCHIVE },
    { STR_INIT("\x28\xb5\x2f\xfd"), CONVERT_ARCHIVE },
    { STR_INIT("\x04\x22\x4d\x18"), CONVERT_ARCHIVE },
    { STR_INIT("LZIP"), CONVERT_ARCHIVE },
    { STR_INIT("\x5d\0\0"), CONVERT_ARCHIVE }, /* .lzma */
    { STR_INIT("Rar!"), CONVERT_ARCHIVE },
    { STR_INIT("MSCF"), CONVERT_ARCHIVE },
    { STR_INIT("xar!"), CONVERT_ARCHIVE },
    { STR_INIT("!<arch>\n"), CONVERT_ARCHIVE },
    { STR_INIT("070701"), CONVERT_ARCHIVE },
    { STR_INIT("070702"), CONVERT_ARCHIVE },
    { STR_INIT("070707"), CONVERT_ARCHIVE },
};
#define TAR_MAGIC_AT 257

/* A front that takes all that is seen is that of a source map, too. */
static bool is_json_behind_blanks(struct str first)
{
    struct str s = sourcemap_skip_front(first);
    size_t at = 0;
    if (s.len == 0)
        return true;
    while (at < s.len && memchr(" \t\r\n", s.ptr[at], 4))
        at++;
    return at < s.len && s.ptr[at] == '{';
}

enum convert_kind convert_kind_find(struct bytes first)
{
    struct str s = { (const char *)first.ptr, first.len };
    if (s.len == 0)
        return CONVERT_EMPTY;
    if (breakpad_is(first))
        return CONVERT_BREAKPAD;
    if (elf_is(first))
        return CONVERT_ELF;
    if (macho_is(first)) /* class files of Java begin as some do */
        return CONVERT_MACHO;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (str_starts(s, magics[i].bytes))
            return magics[i].kind;
    if (is_json_behind_blanks(s))
        return CONVERT_JSON;
    if (s.len > TAR_MAGIC_AT &&
        str_starts((struct str){ s.ptr + TAR_MAGIC_AT, s.len - TAR_MAGIC_AT }, STR("ustar")))
        return CONVERT_ARCHIVE;
    return CONVERT_OTHER;
}

bool convert_kind_is_open(enum convert_kind by_first, struct str path)
{
    return by_first == CONVERT_JSON || (by_first == CONVERT_OTHER && script_is_name(path));
}

enum convert_kind convert_kind_find_script(enum convert_kind by_first, struct bytes file,
                                           struct str path)
{
    if (!convert_kind_is_open(by_first, path))
        return by_first;
    if (by_first == CONVERT_JSON && sourcemap_could_be(file))
        return CONVERT_SOURCEMAP;
    return script_is_name(path) ? CONVERT_SCRIPT : by_first;
}

bool convert_kind_is_map(enum convert_kind kind)
{
    return kind == CONVERT_SOURCEMAP || kind == CONVERT_SCRIPT;
}

uint32_t convert_kind_version(enum convert_kind kind)
{
    return convert_kind_is_map(kind) ? MAPCACHE_VERSION : SYMCACHE_VERSION;
}

struct str convert_kind_name(enum convert_kind kind)
{
    return kind < CONVERT_KINDS ? kinds[kind].name : kinds[CONVERT_OTHER].name;
}

bool convert_kind_find_name(struct str name, enum convert_kind *out)
{
    for (unsigned i = 0; i < CONVERT_KINDS; i++)
        if (str_eq(name, kinds[i].name)) {
            *out = (enum convert_kind)i;
            return true;
        }
    return false;
}

const char *convert_kind_advice(enum convert_kind kind)
{
    return kind < CONVERT_KINDS ? kinds[kind].advice : kinds[CONVERT_OTHER].advice;
}
