/* elf_symbols.c - a whole ELF file into a builder: identity, symbols, DWARF, unwind rules, in this
 * order. Symbols come before DWARF, which looks for names in them, and go to the builder last, when
 * it is known which of them are DWARF functions. */
#include "symbols/elf_cfi.h"
#include "symbols/elf_dwarf.h"
#include "symbols/elf_exidx.h"
#include "symbols/elf_identity.h"
#include "symbols/elf_minidebug.h"
#include "symbols/elf_view.h"

#define TABLES_MAX (16 << 20)                /* bytes of segment and section tables */
#define DECOMPRESSED_MAX (UINT64_C(8) << 30) /* bytes of all compressed sections */

struct elf_job {
    struct elf_image image;
    struct elf_debug debug; /* not open: debug.dw is NULL */
    struct elf_symtab symtab;
    struct bytes mini;           /* on the heap; names of symtab may point into it */
    const struct elf_view *view; /* NULL: the file is ELF itself */
    struct symcache_builder *builder;
    struct elf_counts *counts;
};

static bool is_packed(const struct elf_section *s)
{
    return s->flags & SHF_COMPRESSED || str_starts(s->name, STR(".zdebug_"));
}

/* How large a compressed section says that it is. */
static uint64_t unpacked_size(const struct elf_image *m, const struct elf_section *s)
{
    struct reader r = elf_reader(m, s->content);
    if (s->flags & SHF_COMPRESSED) {
        reader_skip(&r, m->is_64 ? 8 : 4);
        return elf_word(m, &r);
    }
    r.big_endian = true;
    reader_skip(&r, 4);
    return reader_u64(&r);
}

/* elfutils is needed for DWARF, and to decompress an unwind table. */
static bool open_debug(struct elf_job *j, struct err *e)
{
    const struct elf_image *m = &j->image;
    uint64_t unpacked = 0;
    bool wanted = false, packed = false;
    for (size_t i = 0; i < m->section_count; i++) {
        const struct elf_section *s = &m->sections[i];
        if (s->content.len == 0)
            continue;
        wanted |= str_eq(s->name, STR(".debug_info"));
        if (!is_packed(s))
            continue;
        packed = true;
        wanted |= str_starts(s->name, STR(".zdebug_")) || str_starts(s->name, STR(".debug_"));
        if (__builtin_add_overflow(unpacked, unpacked_size(m, s), &unpacked) ||
            unpacked > DECOMPRESSED_MAX)
            return err_set(e, ERR_LIMIT, 0, "compressed debug information of more than %llu bytes",
                           (unsigned long long)DECOMPRESSED_MAX);
    }
    if (!wanted)
        return true;
    if (!elf_debug_open(&j->debug, m->file, packed, e))
        return false;
    j->counts->damaged_units += !j->debug.dwarf;
    return true;
}

static bool take_cfi(void *ctx, uint64_t address, uint64_t size, struct bytes program)
{
    struct elf_job *j = ctx;
    return address < j->image.load_address ||
           symcache_add_cfi(j->builder, address - j->image.load_address, size, program);
}

/* Adds up what a reader of unwind tables counted; ok: what it gave back. */
static bool count_cfi(struct elf_job *j, const struct elf_cfi_counts *counts, bool ok,
                      struct err *e)
{
    j->counts->cfi_entries += counts->entries;
    j->counts->cfi_rows += counts->rows;
    j->counts->cfi_untold += counts->untold;
    j->counts->cfi_damaged += counts->damaged;
    if (!ok && e->code == ERR_NONE)
        return err_set(e, ERR_LIMIT, 0, "more unwind rules than a symbol cache can take");
    return ok;
}

static bool read_cfi_section(struct elf_job *j, size_t number, struct err *e)
{
    const struct elf_section *s = &j->image.sections[number];
    bool is_eh = str_eq(s->name, STR(".eh_frame"));
    struct elf_cfi_section section = { s->content, is_eh ? s->address : 0, is_eh };
    struct elf_cfi_counts counts = { 0 };
    if (s->content.len == 0)
        return true;
    if (is_packed(s) && !(j->debug.elf && elf_debug_section(&j->debug, number, &section.content)))
        return true;
    bool ok = elf_cfi_read(&j->image, &section, take_cfi, j, &counts, e);
    return count_cfi(j, &counts, ok, e);
}

/* What is neither .eh_frame nor .debug_frame. */
static bool read_other_rules(struct elf_job *j, struct err *e)
{
    struct elf_cfi_counts counts = { 0 };
    const struct elf_view *v = j->view;
    bool ok = v ? v->more_rules(v->ctx, take_cfi, j, &counts, e)
                : elf_exidx_read(&j->image, take_cfi, j, &counts, e);
    return count_cfi(j, &counts, ok, e);
}

/* Where several have rules, the first wins: those that the program itself goes by; then those that
 * are exact; last those that hold in the middle of functions only. */
static bool read_cfi(struct elf_job *j, struct err *e)
{
    static const char *const names[] = { ".eh_frame", ".debug_frame", ".zdebug_frame" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct elf_section *s = elf_section_find(&j->image, names[i]);
        if (s && !read_cfi_section(j, (size_t)(s - j->image.sections), e))
            return false;
    }
    return read_other_rules(j, e);
}

/* Of the file itself, and of the small one that may be in it. */
static bool read_symbols(struct elf_job *j, struct arena *a, struct err *e)
{
    struct elf_image mini;
    struct err ignored;
    j->mini = elf_minidebug(&j->image);
    if (j->mini.len > 0 && elf_image_read(&mini, j->mini, a, &ignored) &&
        mini.cpu == j->image.cpu && !elf_symtab_add(&j->symtab, &mini, e))
        return false;
    return elf_symtab_add(&j->symtab, &j->image, e);
}

static bool read_all(struct elf_job *j, struct arena *a, struct err *e)
{
    if (!read_symbols(j, a, e) || !open_debug(j, e))
        return false;
    elf_symtab_sort(&j->symtab);
    if (j->debug.dwarf &&
        !elf_dwarf_read(&j->debug, &j->image, &j->symtab, j->builder, j->counts, e))
        return false;
    if (!read_cfi(j, e))
        return false;
    return elf_symtab_publish(&j->symtab, j->image.load_address, j->builder) ||
           err_set(e, ERR_LIMIT, 0, "more symbols than a symbol cache can take");
}

static bool identify(struct elf_job *j, struct str name, struct arena *a,
                     struct symcache_about *out, struct err *e)
{
    if (!j->view)
        return elf_identify_image(&j->image, name, a, out, e);
    j->image.swaps_ebp_esp = j->view->swaps_ebp_esp;
    *out = *j->view->about;
    return true;
}

static bool read_file(struct elf_job *j, struct bytes file, struct str name, struct err *e)
{
    struct symcache_about about;
    *j->counts = (struct elf_counts){ 0 };
    CLEANUP(arena_free_p) struct arena *a = arena_new(TABLES_MAX);
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "ELF file");
    if (!elf_image_read(&j->image, file, a, e) || !identify(j, name, a, &about, e))
        return false;
    bool ok = symcache_add_module(j->builder, &about) || err_set(e, ERR_NOMEM, 0, "ELF file");
    ok = ok && read_all(j, a, e);
    elf_symtab_done(&j->symtab);
    elf_debug_close(&j->debug);
    free((void *)(uintptr_t)j->mini.ptr);
    return ok;
}

bool elf_read_counted(struct bytes file, struct str name, struct symcache_builder *b,
                      struct elf_counts *counts, struct err *e)
{
    struct elf_job j = { .builder = b, .counts = counts };
    return read_file(&j, file, name, e);
}

bool elf_read_view(const struct elf_view *v, struct symcache_builder *b, struct elf_counts *counts,
                   struct err *e)
{
    struct elf_job j = { .builder = b, .counts = counts, .view = v };
    return read_file(&j, v->file, STR(""), e);
}

bool elf_read(struct bytes file, struct str name, struct symcache_builder *b, struct err *e)
{
    struct elf_counts counts;
    return elf_read_counted(file, name, b, &counts, e);
}
