/* elf_libdw.c - loads libelf and libdw, and asks them for attributes with care. */
#include "symbols/elf_libdw.h"

#include "base/dynlib.h"
#include "symbols/elf_image.h"

#include <dwarf.h>

static struct libdw library;

#define LIBDW_SYMBOL(f)                                                                            \
    {                                                                                              \
#f, (void **)(void *)&library.f                                                            \
    }

static const struct dynlib_symbol libelf_symbols[] = {
    LIBDW_SYMBOL(elf_compress), LIBDW_SYMBOL(elf_compress_gnu), LIBDW_SYMBOL(elf_end),
    LIBDW_SYMBOL(elf_getdata),  LIBDW_SYMBOL(elf_getscn),       LIBDW_SYMBOL(elf_memory),
    LIBDW_SYMBOL(elf_version),
};

static const struct dynlib_symbol libdw_symbols[] = {
    LIBDW_SYMBOL(dwarf_attr),        LIBDW_SYMBOL(dwarf_begin_elf),
    LIBDW_SYMBOL(dwarf_child),       LIBDW_SYMBOL(dwarf_dieoffset),
    LIBDW_SYMBOL(dwarf_end),         LIBDW_SYMBOL(dwarf_filesrc),
    LIBDW_SYMBOL(dwarf_formref_die), LIBDW_SYMBOL(dwarf_formstring),
    LIBDW_SYMBOL(dwarf_formudata),   LIBDW_SYMBOL(dwarf_get_units),
    LIBDW_SYMBOL(dwarf_getsrcfiles), LIBDW_SYMBOL(dwarf_getsrclines),
    LIBDW_SYMBOL(dwarf_line_file),   LIBDW_SYMBOL(dwarf_lineaddr),
    LIBDW_SYMBOL(dwarf_lineno),      LIBDW_SYMBOL(dwarf_lineendsequence),
    LIBDW_SYMBOL(dwarf_onesrcline),  LIBDW_SYMBOL(dwarf_ranges),
    LIBDW_SYMBOL(dwarf_siblingof),   LIBDW_SYMBOL(dwarf_tag),
};

const struct libdw *libdw_load(struct err *e)
{
    static bool loaded;
    if (loaded)
        return &library;
    if (!dynlib_load("libelf.so.1", libelf_symbols, sizeof libelf_symbols / sizeof *libelf_symbols,
                     e) ||
        !dynlib_load("libdw.so.1", libdw_symbols, sizeof libdw_symbols / sizeof *libdw_symbols, e))
        return NULL;
    if (library.elf_version(EV_CURRENT) == EV_NONE) {
        err_set(e, ERR_NOT_FOUND, 0, "libelf.so.1 is of another version");
        return NULL;
    }
    loaded = true;
    return &library;
}

bool elf_debug_open(struct elf_debug *out, struct bytes file, bool unpacks, struct err *e)
{
    struct elf_debug d = { .dw = libdw_load(e) };
    if (!d.dw)
        return false;
    if (unpacks) {
        d.copy = malloc(file.len);
        if (!d.copy)
            return err_set(e, ERR_NOMEM, 0, "ELF file with compressed sections");
        memcpy(d.copy, file.ptr, file.len);
        file.ptr = d.copy;
    }
    /* Without compressed sections it is only read: elf_memory has no const for the sake of others.
     */
    d.elf = d.dw->elf_memory((char *)(uintptr_t)file.ptr, file.len);
    if (!d.elf) {
        free(d.copy);
        return err_set(e, ERR_INPUT, 0, "ELF file that elfutils does not read");
    }
    d.dwarf = d.dw->dwarf_begin_elf(d.elf, DWARF_C_READ, NULL);
    *out = d;
    return true;
}

void elf_debug_close(struct elf_debug *d)
{
    if (d->dwarf)
        d->dw->dwarf_end(d->dwarf);
    if (d->elf)
        d->dw->elf_end(d->elf);
    free(d->copy);
    *d = (struct elf_debug){ 0 };
}

bool elf_debug_section(const struct elf_debug *d, size_t number, struct bytes *out)
{
    Elf_Scn *section = d->dw->elf_getscn(d->elf, number);
    if (!section || !d->copy)
        return false;
    /* Each fails, and does no harm, when the section is not compressed in its way, or no longer:
     * dwarf_begin_elf has decompressed those that it knows. */
    if (d->dw->elf_compress(section, 0, 0) < 0)
        (void)d->dw->elf_compress_gnu(section, 0, 0);
    Elf_Data *content = d->dw->elf_getdata(section, NULL);
    if (!content || !content->d_buf)
        return false;
    *out = (struct bytes){ content->d_buf, content->d_size };
    return true;
}

static bool is_elsewhere(unsigned form)
{
    return form == DW_FORM_GNU_ref_alt || form == DW_FORM_GNU_strp_alt ||
           form == DW_FORM_ref_sup4 || form == DW_FORM_ref_sup8 || form == DW_FORM_strp_sup;
}

bool elf_attr_number(const struct libdw *dw, Dwarf_Die *die, unsigned name, uint64_t *out)
{
    Dwarf_Attribute a;
    Dwarf_Word n;
    if (!dw->dwarf_attr(die, name, &a) || dw->dwarf_formudata(&a, &n) != 0)
        return false;
    *out = n;
    return true;
}

bool elf_attr_text(const struct libdw *dw, Dwarf_Die *die, unsigned name, struct str *out)
{
    Dwarf_Attribute a;
    if (!dw->dwarf_attr(die, name, &a) || is_elsewhere(a.form))
        return false;
    const char *text = dw->dwarf_formstring(&a);
    if (!text)
        return false;
    *out = (struct str){ text, strnlen(text, ELF_NAME_MAX) };
    return true;
}

bool elf_attr_die(const struct libdw *dw, Dwarf_Die *die, unsigned name, Dwarf_Die *out,
                  bool *elsewhere)
{
    Dwarf_Attribute a;
    if (!dw->dwarf_attr(die, name, &a))
        return false;
    if (is_elsewhere(a.form)) {
        *elsewhere = true;
        return false;
    }
    /* A reference into a type unit would be looked for in all of them. */
    return a.form != DW_FORM_ref_sig8 && dw->dwarf_formref_die(&a, out) != NULL;
}
