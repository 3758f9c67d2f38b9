/* folder: where files are looked for, which one is taken, and what the next process finds. */
#include "symbols/folder.h"

#include "../cmocka_all.h"
#include "../remove_tree.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "0123456789ABCDEF0123456789ABCDEF1"
#define OTHER_ID "FEDCBA9876543210FEDCBA98765432100"
#define PATH_BYTES 300

static char root[64], symbols[PATH_BYTES], kept[PATH_BYTES];

static void write_at(const char *path, const char *text)
{
    char full[PATH_BYTES * 2];
    snprintf(full, sizeof full, "%s/%s", symbols, path);
    for (char *p = full + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(full, 0777);
            *p = '/';
        }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/crumple-folder-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(symbols, sizeof symbols, "%s/symbols", root);
    snprintf(kept, sizeof kept, "%s/made/of/several", root);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    return remove_tree(root);
}

static struct symbol_folders *open_folders(const char *cache_dir)
{
    const char *dirs[] = { root, symbols };
    struct symbol_folders *f = NULL;
    struct err e = { 0 };
    assert_true(symbol_folders_open(&f, dirs, 2, cache_dir, &e));
    return f;
}

/* What the function at 0x100 is called by the names of a module; "" when there are none. */
static struct str name_of(struct symbol_folders *f, const struct module_id *id, bool *unwinds)
{
    static char text[100];
    struct symbol_source s = symbol_folders_source(f);
    struct symbols_found found = { NULL, NULL, NULL };
    struct symcache_frame frame;
    struct bytes program;
    *unwinds = false;
    if (!s.find(s.ctx, id, &found))
        return STR("");
    *unwinds = found.unwind && symcache_cfi(found.unwind, 0x100, &program);
    text[0] = '\0';
    if (found.names && symcache_find(found.names, 0x100, &frame, 1) == 1)
        snprintf(text, sizeof text, "%.*s", STR_ARG(frame.function));
    s.release(s.ctx, &found);
    return str_from_c(text);
}

#define SYM(id, name) "MODULE Linux x86_64 " id " x\nFUNC 100 10 0 " name "\n"
#define RULES "STACK CFI INIT 100 10 .cfa: $rsp 8 + .ra: .cfa 8 - ^\n"

static const struct {
    const char *name;
    struct {
        const char *path, *text;
    } files[3];
    struct module_id id;
    const char *want;
    bool unwinds;
} cases[] = {
    { "where Breakpad has it",
      { { "x.so/" ID "/x.so.sym", SYM(ID, "f") RULES } },
      { .debug_file = STR_INIT("x.so"), .debug_id = STR_INIT(ID) },
      "f",
      true },
    { "of a PDB",
      { { "x.pdb/" ID "/x.sym", SYM(ID, "f") RULES } },
      { .debug_file = STR_INIT("x.pdb"), .debug_id = STR_INIT(ID) },
      "f",
      true },
    { "by its build id",
      { { ".build-id/ab/cdef.debug", SYM(ID, "f") RULES } },
      { .debug_file = STR_INIT("x"), .code_id = STR_INIT("abcdef") },
      "f",
      true },
    { "in the folder by its id",
      { { "anything", SYM(ID, "f") RULES } },
      { .debug_file = STR_INIT("x"), .debug_id = STR_INIT(ID) },
      "f",
      true },
    { "by its code id",
      { { "x.sym", SYM(ID, "f") } },
      { .debug_file = STR_INIT("x"), .debug_id = STR_INIT(OTHER_ID), .code_id = STR_INIT("AbC") },
      "",
      false },
    { "by its code id, in whatever case",
      { { "x.sym", "MODULE Linux x86_64 " ID " x\nINFO CODE_ID aBc\nFUNC 100 10 0 f\n" } },
      { .debug_file = STR_INIT("x"), .debug_id = STR_INIT(OTHER_ID), .code_id = STR_INIT("AbC") },
      "f",
      false },
    { "another module's name over it",
      { { "y.so.sym", SYM(ID, "f") RULES } },
      { .debug_file = STR_INIT("x.so"), .debug_id = STR_INIT(ID) },
      "f",
      true },
    { "below a folder in it",
      { { "y.so/" ID "/y.so.sym", SYM(ID, "f") RULES } },
      { .debug_file = STR_INIT("x.so"), .debug_id = STR_INIT(ID) },
      "",
      false },
    { "another id",
      { { "x.so/" ID "/x.so.sym", SYM(ID, "f") } },
      { .debug_file = STR_INIT("x.so"), .debug_id = STR_INIT(OTHER_ID) },
      "",
      false },
    { "an id of zeros",
      { { "x.sym", SYM("000000000000000000000000000000000", "f") } },
      { .debug_file = STR_INIT("x"), .debug_id = STR_INIT("000000000000000000000000000000000") },
      "",
      false },
    { "a name that leads out",
      { { "x.so/" ID "/x.so.sym", SYM(ID, "f") } },
      { .debug_file = STR_INIT("../symbols/x.so"), .debug_id = STR_INIT(OTHER_ID) },
      "",
      false },
    { "names here, rules there",
      { { "x.so/" ID "/x.so.sym", SYM(ID, "f") }, { "y", "MODULE Linux x86_64 " ID " x\n" RULES } },
      { .debug_file = STR_INIT("x.so"), .debug_id = STR_INIT(ID) },
      "f",
      true },
    { "functions are better than public symbols",
      { { "a", "MODULE Linux x86_64 " ID " x\nPUBLIC 100 0 p\n" }, { "b", SYM(ID, "f") } },
      { .debug_file = STR_INIT("x.so"), .debug_id = STR_INIT(ID) },
      "f",
      false },
    { "neither symbols nor ELF",
      { { "x.so/" ID "/x.so.sym", "what?\n" } },
      { .debug_file = STR_INIT("x.so"), .debug_id = STR_INIT(ID) },
      "",
      false },
    { "nothing at all",
      { { "empty", "" } },
      { .debug_file = STR_INIT(""), .debug_id = STR_INIT(""), .code_id = STR_INIT("") },
      "",
      false },
};

static void finding(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool unwinds;
        for (size_t k = 0; k < COUNT_OF(cases[i].files) && cases[i].files[k].path; k++)
            write_at(cases[i].files[k].path, cases[i].files[k].text);
        for (int round = 0; round < 3; round++) { /* converted, found again, in memory */
            struct symbol_folders *f = open_folders(round < 2 ? kept : NULL);
            for (int again = 0; again < 2; again++) {
                struct str name = name_of(f, &cases[i].id, &unwinds);
                if (!str_eq(name, str_from_c(cases[i].want)) || unwinds != cases[i].unwinds)
                    fail_msg("%s: \"%.*s\", %s rules", cases[i].name, STR_ARG(name),
                             unwinds ? "has" : "no");
            }
            symbol_folders_close(f);
        }
        assert_int_equal(remove_tree(symbols), 0);
    }
}

static size_t count_kept(void)
{
    size_t n = 0;
    DIR *dir = opendir(kept);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

/* A changed file is converted once more; an unchanged one is not. */
static void changing(void **state)
{
    (void)state;
    const struct module_id id = { .debug_file = STR("x"), .debug_id = STR(ID) };
    bool unwinds;
    write_at("x/" ID "/x.sym", SYM(ID, "before") RULES);
    struct symbol_folders *f = open_folders(kept);
    assert_true(str_eq(name_of(f, &id, &unwinds), STR("before")));
    symbol_folders_close(f);
    size_t n = count_kept();
    f = open_folders(kept);
    assert_true(str_eq(name_of(f, &id, &unwinds), STR("before")));
    symbol_folders_close(f);
    assert_int_equal(count_kept(), n);
    write_at("x/" ID "/x.sym", SYM(ID, "afterwards") RULES);
    f = open_folders(kept);
    assert_true(str_eq(name_of(f, &id, &unwinds), STR("afterwards")));
    symbol_folders_close(f);
    assert_int_equal(count_kept(), n + 1);
}

static void no_folders(void **state)
{
    const char *missing = "/nowhere/at/all", *file = "/proc/self/exe";
    struct symbol_folders *f = NULL;
    struct err e = { 0 };
    (void)state;
    assert_false(symbol_folders_open(&f, &missing, 1, NULL, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(symbol_folders_open(&f, &file, 1, NULL, &e));
    assert_int_equal(e.code, ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(finding), cmocka_unit_test(changing),
                                        cmocka_unit_test(no_folders) };
    return cmocka_run_group_tests(tests, make, unmake);
}
