/* elf_identity.c - which module an ELF file is, or belongs to.
 *
 * Also asked of files that are not converted (`crumple stackwalk` looks through folders), so it is
 * quick and safe for any bytes: only our own cursor is used. The
 * debug id must be exactly what Breakpad's dump writers make of the same file. */
#include "symbols/elf_identity.h"

#include "base/utf8.h"
#include "symbols/elf_notes.h"

#include <stdio.h>

#define HASHED_BYTES 4096 /* of .text, when there is no build id */
#define ID_BYTES 16
#define FILE_NAME_MAX 255 /* bytes */

bool elf_is(struct bytes first)
{
    return first.len >= SELFMAG && memcmp(first.ptr, ELFMAG, SELFMAG) == 0;
}

/* As Breakpad: the first page of .text, folded. The last step reads beyond a .text whose size is
 * not divisible by 16. */
static bool hash_text(const struct elf_image *m, uint8_t id[ID_BYTES])
{
    const struct elf_section *text = elf_section_find(m, ".text");
    if (!text || text->content.len == 0)
        return false;
    size_t start = (size_t)(text->content.ptr - m->file.ptr);
    size_t size = text->content.len < HASHED_BYTES ? text->content.len : HASHED_BYTES;
    size_t end = start + (size + ID_BYTES - 1) / ID_BYTES * ID_BYTES;
    for (size_t i = start; i < end && i < m->file.len; i++)
        id[(i - start) % ID_BYTES] ^= m->file.ptr[i];
    return true;
}

static bool hex(struct arena *a, struct bytes raw, struct str *out)
{
    static const char digits[] = "0123456789abcdef";
    char *p = arena_alloc(a, 2 * raw.len);
    if (!p)
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        p[2 * i] = digits[raw.ptr[i] >> 4];
        p[2 * i + 1] = digits[raw.ptr[i] & 15];
    }
    *out = (struct str){ p, 2 * raw.len };
    return true;
}

/* 16 bytes as a GUID, whose first three fields are little endian in memory; then the age. */
static bool write_debug_id(const uint8_t id[ID_BYTES], struct arena *a, struct str *out)
{
    static const uint8_t order[ID_BYTES] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    static const char digits[] = "0123456789ABCDEF";
    char *p = arena_alloc(a, 2 * ID_BYTES + 1);
    if (!p)
        return false;
    for (size_t i = 0; i < ID_BYTES; i++) {
        p[2 * i] = digits[id[order[i]] >> 4];
        p[2 * i + 1] = digits[id[order[i]] & 15];
    }
    p[2 * ID_BYTES] = '0';
    *out = (struct str){ p, 2 * ID_BYTES + 1 };
    return true;
}

bool elf_ids(struct bytes build_id, struct arena *a, struct str *debug_id, struct str *code_id)
{
    uint8_t id[ID_BYTES] = { 0 };
    memcpy(id, build_id.ptr, build_id.len < ID_BYTES ? build_id.len : ID_BYTES);
    return write_debug_id(id, a, debug_id) && hex(a, build_id, code_id);
}

static bool find_ids(const struct elf_image *m, struct arena *a, struct symcache_about *out,
                     struct err *e)
{
    uint8_t id[ID_BYTES] = { 0 };
    struct bytes build_id;
    bool ok;
    if (elf_build_id(m, &build_id))
        ok = elf_ids(build_id, a, &out->debug_id, &out->code_id);
    else if (hash_text(m, id))
        ok = write_debug_id(id, a, &out->debug_id);
    else
        return err_set(e, ERR_INPUT, 0,
                       "ELF file with neither a build id nor code to make an id of");
    return ok || err_set(e, ERR_NOMEM, 0, "ELF identity");
}

static struct str find_soname(const struct elf_image *m)
{
    struct bytes dynamic = { 0 }, strings = { 0 };
    for (size_t i = 0; i < m->section_count && dynamic.len == 0; i++)
        if (m->sections[i].type == SHT_DYNAMIC) {
            const struct elf_section *texts = elf_section_link(m, &m->sections[i]);
            dynamic = m->sections[i].content;
            strings = texts ? texts->content : strings;
        }
    for (size_t i = 0; i < m->segment_count && m->section_count == 0 && dynamic.len == 0; i++)
        if (m->segments[i].type == PT_DYNAMIC)
            dynamic = m->segments[i].content;
    struct reader r = elf_reader(m, dynamic);
    uint64_t soname = 0;
    for (;;) {
        uint64_t tag = elf_word(m, &r), value = elf_word(m, &r);
        if (r.failed || tag == DT_NULL)
            break;
        if (tag == DT_SONAME)
            soname = value;
        else if (tag == DT_STRTAB && strings.len == 0)
            strings = elf_at(m, value); /* there are no sections to tell */
    }
    return soname ? elf_text(strings, soname) : (struct str){ "", 0 };
}

static struct str base_name(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/')
            return (struct str){ path.ptr + i, path.len - i };
    return path;
}

/* What is no UTF-8, and what would be no file name, is cut off. */
static struct str clean_name(struct str path)
{
    struct str name = base_name(path);
    if (name.len > FILE_NAME_MAX)
        name.len = FILE_NAME_MAX;
    name.len = utf8_valid_prefix(name);
    return name;
}

bool elf_identify_image(const struct elf_image *m, struct str name, struct arena *a,
                        struct symcache_about *out, struct err *e)
{
    if (m->type != ET_EXEC && m->type != ET_DYN)
        return err_set(e, ERR_INPUT, 16, "ELF file that is neither a program nor a library (%s)",
                       m->type == ET_REL    ? "an object file"
                       : m->type == ET_CORE ? "a core dump"
                                            : "unknown type");
    struct symcache_about about = { .kind = SYMCACHE_ELF, .cpu = m->cpu, .os = STR("Linux") };
    if (!find_ids(m, a, &about, e))
        return false;
    struct str own = clean_name(find_soname(m));
    if (!arena_str(a, own.len > 0 ? own : clean_name(name), &about.debug_file))
        return err_set(e, ERR_NOMEM, 0, "ELF identity");
    about.code_file = about.debug_file;
    if (about.code_id.len == 0)
        about.code_id = STR("");
    *out = about;
    return true;
}

bool elf_identify(struct bytes file, struct str name, struct arena *a, struct symcache_about *out,
                  struct err *e)
{
    struct elf_image m;
    return elf_image_read(&m, file, a, e) && elf_identify_image(&m, name, a, out, e);
}
