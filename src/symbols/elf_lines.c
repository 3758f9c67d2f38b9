/* elf_lines.c - elfutils runs the line programs and joins the parts of paths; here its rows are
 * taken over once a unit, and cut to functions. */
#include "symbols/elf_lines.h"

#include <dwarf.h>

#define NOT_ASKED (UINT32_MAX - 2) /* in elf_lines.numbers; no number of the builder */

#define PATH_MAX_BYTES 16384

void elf_lines_init(struct elf_lines *lines, const struct libdw *dw)
{
    *lines = (struct elf_lines){ .dw = dw };
    buf_init(&lines->path, PATH_MAX_BYTES);
}

static bool take_rows(struct elf_lines *lines, Dwarf_Lines *table, size_t count)
{
    const struct libdw *dw = lines->dw;
    if (!VEC_RESERVE(&lines->rows, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        Dwarf_Line *row = dw->dwarf_onesrcline(table, i);
        struct elf_line l = { 0 };
        Dwarf_Addr address;
        Dwarf_Files *files;
        int line = 0;
        size_t file = 0;
        if (!row || dw->dwarf_lineaddr(row, &address) != 0 ||
            dw->dwarf_lineendsequence(row, &l.ends) != 0)
            continue;
        if (dw->dwarf_lineno(row, &line) == 0 && line > 0)
            l.line = (uint32_t)line;
        if (dw->dwarf_line_file(row, &files, &file) != 0 || file > UINT32_MAX)
            file = UINT32_MAX;
        l.address = address;
        l.file = (uint32_t)file;
        lines->rows.at[lines->rows.len++] = l;
    }
    return true;
}

bool elf_lines_read(struct elf_lines *lines, Dwarf_Die *unit)
{
    const struct libdw *dw = lines->dw;
    Dwarf_Lines *table;
    size_t count;
    lines->rows.len = lines->numbers.len = lines->file_count = 0;
    lines->files = NULL;
    lines->directory = (struct str){ "", 0 };
    (void)elf_attr_text(dw, unit, DW_AT_comp_dir, &lines->directory);
    if (dw->dwarf_getsrcfiles(unit, &lines->files, &lines->file_count) != 0) {
        lines->files = NULL;
        lines->file_count = 0;
    }
    if (!VEC_RESERVE(&lines->numbers, lines->file_count))
        return false;
    for (size_t i = 0; i < lines->file_count; i++)
        lines->numbers.at[lines->numbers.len++] = NOT_ASKED;
    return dw->dwarf_getsrclines(unit, &table, &count) != 0 || take_rows(lines, table, count);
}

/* elfutils joins a file name with the directory that the table has for it. Where that is relative,
 * it begins at the directory of the compiler (which can be relative, too, and is there already when
 * the table names it itself). */
static struct str full_path(struct elf_lines *lines, struct str path)
{
    struct str dir = lines->directory;
    if (dir.len == 0 || str_starts(path, STR("/")) ||
        (str_starts(path, dir) && path.len > dir.len && path.ptr[dir.len] == '/'))
        return path;
    buf_reset(&lines->path);
    buf_str(&lines->path, dir);
    if (dir.ptr[dir.len - 1] != '/')
        buf_char(&lines->path, '/');
    buf_str(&lines->path, path);
    return buf_ok(&lines->path) ? buf_view(&lines->path) : path;
}

bool elf_lines_file(struct elf_lines *lines, uint64_t place, struct symcache_builder *b,
                    uint32_t *number)
{
    *number = SYMCACHE_NO_FILE;
    if (place >= lines->file_count)
        return true;
    uint32_t *known = &lines->numbers.at[place];
    if (*known == NOT_ASKED) {
        const char *path = lines->dw->dwarf_filesrc(lines->files, (size_t)place, NULL, NULL);
        *known = SYMCACHE_NO_FILE;
        if (path && path[0] != '\0' && strcmp(path, "???") != 0 &&
            !symcache_add_file(b, full_path(lines, str_from_c(path)), known))
            return false;
    }
    *number = *known;
    return true;
}

/* The last row at or before the address; the first when the table begins behind it. */
static size_t find_row(const struct elf_lines *lines, uint64_t address)
{
    size_t low = 0, high = lines->rows.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lines->rows.at[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : low - 1;
}

bool elf_lines_add(struct elf_lines *lines, uint64_t start, uint64_t end, uint64_t load_address,
                   struct symcache_builder *b, size_t *rows)
{
    size_t count = lines->rows.len, first = find_row(lines, start), i = first;
    *rows = 0;
    while (i < count && lines->rows.at[i].address < end) {
        const struct elf_line *row = &lines->rows.at[i];
        uint64_t from = row->address > start ? row->address : start;
        uint32_t file;
        for (i++; i < count && lines->rows.at[i].address < end; i++) {
            const struct elf_line *next = &lines->rows.at[i];
            if (next->address > row->address &&
                (next->line != row->line || next->file != row->file || next->ends != row->ends))
                break; /* equal lines that follow each other become one */
            if (next->address == row->address)
                row = next; /* the last of several for one address is the one that holds */
        }
        uint64_t to =
            i < count && lines->rows.at[i].address < end ? lines->rows.at[i].address : end;
        *rows = i - first;
        if (row->ends || to <= from)
            continue;
        if (!elf_lines_file(lines, row->file, b, &file))
            return false;
        if (file != SYMCACHE_NO_FILE &&
            !symcache_add_line(b, from - load_address, to - from, row->line, file))
            return false;
    }
    return true;
}

void elf_lines_done(struct elf_lines *lines)
{
    VEC_FREE(&lines->rows);
    VEC_FREE(&lines->numbers);
    buf_done(&lines->path);
}
