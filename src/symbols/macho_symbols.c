/* macho_symbols.c - which module a Mach-O file is, and the whole of it into a builder: shown as an
 * ELF file it goes the way of one, and Apple's own unwind table comes behind. */
#include "symbols/macho_symbols.h"

#include "base/utf8.h"
#include "symbols/elf_view.h"
#include "symbols/macho_unwind.h"
#include "symbols/macho_view.h"

#define TABLES_MAX (16 << 20) /* bytes of section tables */
#define FILE_NAME_MAX 255     /* bytes */
#define FAT_HEADER_BYTES 8

static uint32_t first_number(struct bytes in)
{
    struct reader r = { .in = in, .big_endian = true };
    return reader_u32(&r);
}

/* Class files of Java begin alike; where the number of processors stands they have their version,
 * which began at 45. */
static bool is_fat(struct bytes first)
{
    struct reader r = { .in = first, .big_endian = true };
    uint32_t magic = reader_u32(&r), count = reader_u32(&r);
    return (magic == MACHO_MAGIC_FAT || magic == MACHO_MAGIC_FAT_64) && count > 0 &&
           count <= MACHO_PARTS_MAX;
}

bool macho_is(struct bytes first)
{
    uint32_t big = first_number(first), little = __builtin_bswap32(big);
    return big == MACHO_MAGIC_32 || big == MACHO_MAGIC_64 || little == MACHO_MAGIC_32 ||
           little == MACHO_MAGIC_64 || is_fat(first);
}

static bool fat_parts(struct bytes file, struct macho_part out[MACHO_PARTS_MAX], size_t *count,
                      struct err *e)
{
    struct reader r = { .in = file, .big_endian = true };
    size_t word = reader_u32(&r) == MACHO_MAGIC_FAT_64 ? 8 : 4;
    uint32_t parts = reader_u32(&r);
    for (uint32_t i = 0; i < parts; i++) {
        uint32_t type = reader_u32(&r), subtype = reader_u32(&r);
        uint64_t offset = reader_number(&r, word), size = reader_number(&r, word);
        reader_skip(&r, word); /* alignment, and nothing */
        if (r.failed || !bytes_slice(file, offset, size, &out[i].file))
            return err_set(e, ERR_INPUT, r.pos, "Mach-O file whose part %u of %u lies past its end",
                           i + 1, parts);
        out[i].cpu = macho_cpu(type, subtype, &out[i].name);
    }
    *count = parts;
    return true;
}

bool macho_parts(struct bytes file, struct macho_part out[MACHO_PARTS_MAX], size_t *count,
                 struct err *e)
{
    if (is_fat(file))
        return fat_parts(file, out, count, e);
    struct reader r = { .in = file, .big_endian = macho_is(file) && file.ptr[0] == 0xfe };
    if (!macho_is(file))
        return err_set(e, ERR_INPUT, 0, "not a Mach-O file");
    (void)reader_u32(&r);
    uint32_t type = reader_u32(&r), subtype = reader_u32(&r);
    if (r.failed)
        return err_set(e, ERR_INPUT, r.pos, "Mach-O file that ends within its header");
    out[0].file = file;
    out[0].cpu = macho_cpu(type, subtype, &out[0].name);
    *count = 1;
    return true;
}

/* --- identity --- */

static bool set_ids(const struct macho_image *m, struct arena *a, struct symcache_about *out,
                    struct err *e)
{
    static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";
    const size_t digits = 2 * MACHO_ID_BYTES;
    char *debug_id = arena_alloc(a, digits + 1), *code_id = arena_alloc(a, digits);
    if (!debug_id || !code_id)
        return err_set(e, ERR_NOMEM, 0, "Mach-O identity");
    for (size_t i = 0; i < digits; i++) {
        unsigned digit = m->uuid.ptr[i / 2] >> (i % 2 ? 0 : 4) & 15;
        debug_id[i] = upper[digit];
        code_id[i] = lower[digit];
    }
    debug_id[digits] = '0'; /* the age */
    out->debug_id = (struct str){ debug_id, digits + 1 };
    out->code_id = (struct str){ code_id, digits };
    return true;
}

/* The last part of a path, of UTF-8 and not too long. */
static struct str file_name(struct str path)
{
    const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
    struct str name = path;
    if (slash)
        name = (struct str){ slash + 1, path.len - (size_t)(slash + 1 - path.ptr) };
    if (name.len > FILE_NAME_MAX)
        name.len = FILE_NAME_MAX;
    name.len = utf8_valid_prefix(name);
    return name;
}

static bool identify(const struct macho_image *m, struct str name, struct arena *a,
                     struct symcache_about *out, struct err *e)
{
    struct symcache_about about = { .kind = SYMCACHE_MACHO, .cpu = m->cpu, .os = STR("mac") };
    if (m->type == MACHO_TYPE_OBJECT || m->type == MACHO_TYPE_CORE)
        return err_set(e, ERR_INPUT, 12, "Mach-O file that is neither a program nor a library (%s)",
                       m->type == MACHO_TYPE_OBJECT ? "an object file" : "a core dump");
    if (m->cpu == CPU_UNKNOWN || m->big_endian)
        return err_set(e, ERR_INPUT, 4,
                       "Mach-O file for a processor that is not supported (%.*s): x86, x86-64, ARM "
                       "and ARM64 are",
                       STR_ARG(m->cpu_name));
    if (m->uuid.len == 0)
        return err_set(e, ERR_INPUT, 0,
                       "Mach-O file without an LC_UUID, by which it would be found: link it with "
                       "one");
    if (!set_ids(m, a, &about, e))
        return false;
    struct str own = file_name(m->install_name);
    if (!arena_str(a, own.len > 0 ? own : file_name(name), &about.debug_file))
        return err_set(e, ERR_NOMEM, 0, "Mach-O identity");
    about.code_file = about.debug_file;
    *out = about;
    return true;
}

bool macho_identify(struct bytes file, struct str name, struct arena *a, struct symcache_about *out,
                    struct err *e)
{
    struct macho_image m;
    return macho_image_read(&m, file, a, e) && identify(&m, name, a, out, e);
}

/* --- the whole --- */

static bool more_rules(void *ctx, elf_cfi_take *take, void *take_ctx, struct elf_cfi_counts *counts,
                       struct err *e)
{
    const struct macho_image *m = ctx;
    return macho_unwind_read(m, take, take_ctx, counts, e);
}

bool macho_read_counted(struct bytes file, struct str name, struct symcache_builder *b,
                        struct elf_counts *counts, struct err *e)
{
    struct macho_image m;
    struct symcache_about about;
    struct buf elf;
    *counts = (struct elf_counts){ 0 };
    CLEANUP(arena_free_p) struct arena *a = arena_new(TABLES_MAX);
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "Mach-O file");
    if (!macho_image_read(&m, file, a, e) || !identify(&m, name, a, &about, e))
        return false;
    bool ok = macho_view_write(&m, &elf, e);
    if (ok) {
        struct str bytes = buf_view(&elf);
        const struct elf_view view = { .file = { (const uint8_t *)bytes.ptr, bytes.len },
                                       .about = &about,
                                       .swaps_ebp_esp = m.cpu == CPU_X86,
                                       .more_rules = more_rules,
                                       .ctx = &m };
        ok = elf_read_view(&view, b, counts, e);
    }
    buf_done(&elf);
    return ok;
}

bool macho_read(struct bytes file, struct str name, struct symcache_builder *b, struct err *e)
{
    struct elf_counts counts;
    return macho_read_counted(file, name, b, &counts, e);
}
