/* elf_dwarf.c - gives the builder what the units of a file hold.
 *
 * For each unit: its tree is read (elf_unit.c), then its line table (elf_lines.c); all its
 * functions get their names before the calls that were inlined, so that these find the better names
 * of functions that have a symbol; then functions, lines and calls are added, range by range. */
#include "symbols/elf_dwarf.h"

#include "symbols/elf_lines.h"
#include "symbols/elf_names.h"

#include <dwarf.h>

struct dwarf_job {
    const struct elf_image *image;
    struct elf_symtab *symtab;
    struct symcache_builder *builder;
    struct elf_counts *counts;
    struct elf_names names;
    struct elf_unit unit;
    struct elf_lines lines;
    VEC(uint32_t) function_names; /* of the functions of the unit */
    uint64_t functions, work;
};

static bool builder_full(struct err *e)
{
    return err_set(e, ERR_LIMIT, 0, "more symbols than a symbol cache can take");
}

static bool work(struct dwarf_job *j, size_t amount, struct err *e)
{
    j->work += amount;
    return j->work <= ELF_WORK_MAX ||
           err_set(e, ERR_LIMIT, 0, "debug information that takes too much work");
}

static bool is_present(const struct dwarf_job *j, struct elf_span span)
{
    return span.start >= j->image->load_address && elf_is_code(j->image, span.start);
}

static bool name_functions(struct dwarf_job *j, struct err *e)
{
    j->function_names.len = 0;
    if (!VEC_RESERVE(&j->function_names, j->unit.functions.len))
        return err_set(e, ERR_NOMEM, 0, "DWARF names");
    for (size_t i = 0; i < j->unit.functions.len; i++) {
        const struct elf_function *f = &j->unit.functions.at[i];
        struct elf_span span = j->unit.spans.at[f->first_span];
        struct elf_symbol *symbol = elf_symtab_at(j->symtab, span.start);
        uint32_t name;
        if (symbol && is_present(j, span))
            symbol->taken = true;
        if (!elf_names_find(&j->names, &j->unit, &f->die, symbol, &name))
            return builder_full(e);
        j->function_names.at[j->function_names.len++] = name;
    }
    return true;
}

static bool add_calls(struct dwarf_job *j, const struct elf_function *f, struct elf_span span,
                      struct err *e)
{
    size_t steps = 0;
    for (uint32_t i = f->first_call; i != ELF_NONE; i = j->unit.calls.at[i].next, steps++) {
        const struct elf_call *call = &j->unit.calls.at[i];
        uint64_t start = call->span.start > span.start ? call->span.start : span.start;
        uint64_t end = call->span.end < span.end ? call->span.end : span.end;
        uint32_t name, file;
        if (start >= end)
            continue;
        if (!elf_names_find(&j->names, &j->unit, &call->die, NULL, &name) ||
            !elf_lines_file(&j->lines, call->file, j->builder, &file) ||
            !symcache_add_inline(j->builder, call->depth, start - j->image->load_address,
                                 end - start, name, call->line, file))
            return builder_full(e);
    }
    return work(j, steps, e);
}

static bool add_function(struct dwarf_job *j, const struct elf_function *f, uint32_t name,
                         struct err *e)
{
    uint64_t load = j->image->load_address;
    for (uint32_t i = 0; i < f->span_count; i++) {
        struct elf_span span = j->unit.spans.at[f->first_span + i];
        if (!is_present(j, span)) {
            j->counts->elsewhere++;
            continue;
        }
        if (++j->functions > ELF_FUNCTIONS_MAX)
            return err_set(e, ERR_LIMIT, 0, "more than %d functions", ELF_FUNCTIONS_MAX);
        size_t rows;
        if (!symcache_add_function(j->builder, span.start - load, span.end - span.start, 0, name) ||
            !elf_lines_add(&j->lines, span.start, span.end, load, j->builder, &rows))
            return builder_full(e);
        if (!work(j, rows, e) || !add_calls(j, f, span, e))
            return false;
    }
    return true;
}

static bool read_unit(struct dwarf_job *j, Dwarf_Die *root, struct err *e)
{
    j->counts->units++;
    if (!elf_unit_read(&j->unit, root, e))
        return false;
    j->counts->damaged_units += j->unit.damaged;
    if (!work(j, j->unit.spans.len + j->unit.calls.len, e))
        return false;
    if (j->unit.functions.len == 0)
        return true;
    if (!elf_lines_read(&j->lines, root))
        return err_set(e, ERR_NOMEM, 0, "DWARF lines");
    if (!work(j, j->lines.rows.len + j->lines.file_count, e) || !name_functions(j, e))
        return false;
    for (size_t i = 0; i < j->unit.functions.len; i++)
        if (!add_function(j, &j->unit.functions.at[i], j->function_names.at[i], e))
            return false;
    return true;
}

static bool read_units(struct dwarf_job *j, const struct elf_debug *d, struct err *e)
{
    Dwarf_CU *unit = NULL;
    for (;;) {
        Dwarf_Die root;
        Dwarf_Half version;
        uint8_t type;
        int found = d->dw->dwarf_get_units(d->dwarf, unit, &unit, &version, &type, &root, NULL);
        if (found != 0) {
            j->counts->damaged_units += found < 0;
            return true;
        }
        if (type == DW_UT_skeleton)
            j->counts->elsewhere_units++;
        if ((type == DW_UT_compile || type == DW_UT_skeleton) && root.addr &&
            !read_unit(j, &root, e))
            return false;
    }
}

bool elf_dwarf_read(const struct elf_debug *d, const struct elf_image *m, struct elf_symtab *symtab,
                    struct symcache_builder *b, struct elf_counts *counts, struct err *e)
{
    struct dwarf_job j = { .image = m, .symtab = symtab, .builder = b, .counts = counts };
    j.unit.dw = d->dw;
    elf_lines_init(&j.lines, d->dw);
    bool ok = elf_names_init(&j.names, d->dw, b, symtab) || err_set(e, ERR_NOMEM, 0, "DWARF names");
    ok = ok && read_units(&j, d, e);
    counts->elsewhere_names += j.names.elsewhere;
    elf_names_done(&j.names);
    elf_unit_done(&j.unit);
    elf_lines_done(&j.lines);
    VEC_FREE(&j.function_names);
    return ok;
}
