/* The shared ELF files: identities, and the frames that a debugger has for the addresses of real
 * crashes (frames_dwarf.tsv), inlined calls among them. */
#include "../cmocka_all.h"
#include "elf_convert.h"
#include "elf_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS 9

struct row {
    char *at[COLUMNS];
};

/* Cuts a line at its tabs; the number of columns. */
static size_t columns(char *line, struct row *row)
{
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    while (line && count < COLUMNS) {
        char *tab = strchr(line, '\t');
        if (tab)
            *tab++ = '\0';
        row->at[count++] = line;
        line = tab;
    }
    return count;
}

struct fixture {
    const char *file, *debug_id;
    struct converted converted;
    size_t rows;
};

static bool same_text(struct str a, const char *b)
{
    return str_eq(a, str_from_c(b));
}

/* module_offset, inline_depth, function and file:line of a row against the cache. */
static void check_row(struct fixture *f, const struct row *row)
{
    struct symcache_frame frames[SYMCACHE_FRAMES_MAX];
    uint64_t address = strtoull(row->at[5], NULL, 16);
    size_t depth = (size_t)strtoul(row->at[6], NULL, 10);
    size_t count = symcache_find(f->converted.cache, address, frames, SYMCACHE_FRAMES_MAX);
    char place[4096] = "";
    if (depth >= count)
        fail_msg("%s %s: %zu frames, wanted number %zu, %s", f->file, row->at[5], count, depth,
                 row->at[7]);
    const struct symcache_frame *frame = &frames[depth];
    if (frame->file.len > 0)
        snprintf(place, sizeof place, "%.*s:%u", STR_ARG(frame->file), frame->line);
    if (!same_text(frame->function, row->at[7]) || strcmp(place, row->at[8]) != 0)
        fail_msg("%s %s depth %zu: %.*s at %s, wanted %s at %s", f->file, row->at[5], depth,
                 STR_ARG(frame->function), place, row->at[7], row->at[8]);
    f->rows++;
}

static void check_frames(struct fixture *f)
{
    char line[8192];
    const char *folder = shared_folder("minidump/golden/frames_dwarf.tsv");
    FILE *golden = folder ? fopen(folder, "r") : NULL;
    if (!golden)
        skip();
    while (fgets(line, sizeof line, golden)) {
        struct row row;
        if (columns(line, &row) == COLUMNS && strcmp(row.at[4], f->debug_id) == 0)
            check_row(f, &row);
    }
    fclose(golden);
}

static void check_identity(const struct fixture *f, const char *cpu)
{
    struct symcache_about about;
    symcache_about(f->converted.cache, &about);
    assert_true(same_text(about.debug_id, f->debug_id));
    assert_int_equal(about.cpu, cpu_find(str_from_c(cpu)));
    assert_int_equal(about.kind, SYMCACHE_ELF);
    assert_true(same_text(about.os, "Linux"));
    assert_true(about.code_id.len > 0 && about.code_id.len % 2 == 0);
    assert_true(about.functions > 0 && about.lines > 0 && about.cfi_rows > 0);
    assert_true(about.publics > 0);
    assert_int_equal(f->converted.counts.damaged_units, 0);
    assert_int_equal(f->converted.counts.cfi_damaged, 0);
    assert_int_equal(f->converted.counts.cfi_untold, 0);
}

static void all_files(void **state)
{
    (void)state;
    char line[4096], path[8192];
    size_t files = 0, rows = 0;
    if (!shared_folder("elf/manifest.tsv"))
        skip();
    FILE *manifest = fopen(shared_folder("elf/manifest.tsv"), "r");
    assert_non_null(manifest);
    assert_non_null(fgets(line, sizeof line, manifest)); /* the names of the columns */
    while (fgets(line, sizeof line, manifest)) {
        struct row row;
        assert_true(columns(line, &row) >= 4);
        struct fixture f = { .file = row.at[0], .debug_id = row.at[2] };
        snprintf(path, sizeof path, "%s/%s", shared_folder("elf"), f.file);
        convert_elf(&f.converted, path);
        check_identity(&f, row.at[1]);
        check_frames(&f);
        print_message("%s: %zu frames\n", f.file, f.rows);
        rows += f.rows;
        files++;
        converted_done(&f.converted);
    }
    fclose(manifest);
    assert_true(files >= 7 && rows >= 29);
}

/* Their names are those that dumps have. */
static void names(void **state)
{
    (void)state;
    static const struct {
        const char *file, *name;
    } cases[] = { { "x86_64_libalpha.so.2.1", "libalpha.so.2" },
                  { "x86_64_plugin.so", "plugin.so" },
                  { "arm_a_kinds", "arm_a_kinds" } };
    if (!shared_folder("elf"))
        skip();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char path[4096];
        struct symcache_about about;
        struct err e = { 0 };
        struct arena *a = arena_new(1 << 20);
        snprintf(path, sizeof path, "%s/%s", shared_folder("elf"), cases[i].file);
        struct bytes file = map_file(path);
        assert_true(elf_is(file));
        assert_true(elf_identify(file, str_from_c(path), a, &about, &e));
        assert_true(same_text(about.debug_file, cases[i].name));
        assert_true(same_text(about.code_file, cases[i].name));
        unmap_file(file);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_files),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
