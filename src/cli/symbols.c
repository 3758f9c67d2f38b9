/* symbols.c - `crumple symbols list` and `symbols missing`: what there is, and what is wanted. They
 * read the store beside a server. */
#include "base/date.h"
#include "base/json.h"
#include "cli/admin.h"
#include "symbols/convert_kind.h"
#include "symbols/cpu.h"
#include "symbols/library.h"

#include <stdio.h>

#define JSON_MAX ((size_t)1 << 30)
#define MISSING_MAX 100000

struct wanted {
    struct str project; /* empty: all */
    bool json, all;
};

/* --- both ------------------------------------------------------------------------------------- */

static int run_command(const struct command *c, int argc, char **argv, admin_work work,
                       bool with_all)
{
    const char *dir = NULL, *project = NULL;
    struct wanted w = { .json = false };
    const struct arg args[] = {
        { "--data", ARG_NEEDED, &dir },
        { "--project", ARG_TEXT, &project },
        { "--json", ARG_FLAG, &w.json },
        { "--all", ARG_FLAG, &w.all },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args - !with_all, &status))
        return status;
    w.project = str_from_c(project);
    return admin_run(c, dir, ADMIN_NEEDS, work, &w);
}

static bool print_json(struct buf *out, struct err *e)
{
    buf_char(out, '\n');
    bool ok = buf_ok(out) || err_set(e, ERR_NOMEM, 0, "no memory for the list");
    if (ok && (fwrite(out->ptr, 1, out->len, stdout) != out->len || fflush(stdout) != 0))
        ok = err_set(e, ERR_IO, 0, "standard output cannot be written: %m");
    buf_done(out);
    return ok;
}

static bool date_cell(struct admin *a, struct admin_table *t, int64_t ms)
{
    char text[DATE_TEXT_MAX];
    struct str cell;
    bool ok = arena_str(a->arena, date_format(ms, false, text), &cell);
    if (ok)
        admin_table_cell(t, cell);
    return ok;
}

static void date_member(struct json_writer *w, const char *key, int64_t ms)
{
    char text[DATE_TEXT_MAX];
    json_member(w, key, date_format(ms, false, text));
}

static void module_members(struct json_writer *w, const struct stored_module *m)
{
    json_member(w, "debug_file", m->debug_file);
    json_member(w, "debug_id", m->debug_id);
    json_member(w, "code_file", m->code_file);
    json_member(w, "code_id", m->code_id);
}

/* --- list ------------------------------------------------------------------------------------- */

static struct str cpu_text(uint32_t cpu)
{
    const struct cpu_facts *facts = cpu <= CPU_ARM64 ? cpu_facts((enum cpu)cpu) : NULL;
    return facts ? facts->name : STR("");
}

static struct str kind_text(uint32_t kind)
{
    return convert_kind_name(kind < CONVERT_KINDS ? (enum convert_kind)kind : CONVERT_OTHER);
}

static bool list_table(struct admin *a, const struct stored_symbol_file *files, size_t count,
                       struct err *e)
{
    static const char *const headings[] = { "PROJECT", "MODULE", "ID",  "CPU",
                                            "KIND",    "HAS",    "TAG", "CONVERTED" };
    struct admin_table t;
    admin_table_init(&t, headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < count; i++) {
        const struct stored_symbol_file *f = &files[i];
        char parts[LIBRARY_PARTS_TEXT_MAX];
        struct str has;
        t.failed |= !arena_str(a->arena, library_parts_text(f->parts, parts), &has);
        admin_table_cell(&t, f->project);
        admin_table_cell(&t, f->debug_file.len ? f->debug_file : f->entry);
        admin_table_cell(&t, f->debug_id.len ? f->debug_id : f->code_id);
        admin_table_cell(&t, cpu_text(f->cpu));
        admin_table_cell(&t, kind_text(f->kind));
        admin_table_cell(&t, !f->has_cache ? f->error : f->duplicate ? STR("a duplicate") : has);
        admin_table_cell(&t, f->tag);
        t.failed |= !date_cell(a, &t, f->converted_ms);
    }
    return admin_table_print(&t, e);
}

static bool list_json(const struct stored_symbol_file *files, size_t count, struct err *e)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, JSON_MAX);
    json_writer_init(&w, &out);
    json_list(&w);
    for (size_t i = 0; i < count; i++) {
        const struct stored_symbol_file *f = &files[i];
        const struct stored_module m = { f->debug_file, f->debug_id, f->code_file, f->code_id };
        char text[LIBRARY_PARTS_TEXT_MAX];
        (void)snprintf(text, sizeof text, "%llx", (unsigned long long)f->object);
        json_object(&w);
        json_member(&w, "project", f->project);
        json_member(&w, "object", str_from_c(text));
        json_member(&w, "entry", f->entry);
        json_member(&w, "kind", kind_text(f->kind));
        json_member(&w, "cpu", cpu_text(f->cpu));
        module_members(&w, &m);
        json_member(&w, "parts", library_parts_text(f->parts, text));
        json_key(&w, STR("size"));
        json_int(&w, (int64_t)f->size);
        json_key(&w, STR("duplicate"));
        json_bool(&w, f->duplicate);
        json_member(&w, "tag", f->tag);
        json_member(&w, "error", f->error);
        date_member(&w, "converted", f->converted_ms);
        json_object_end(&w);
    }
    json_list_end(&w);
    return print_json(&out, e);
}

static bool list(struct admin *a, const void *arg, struct err *e)
{
    const struct wanted *w = arg;
    const struct symbol_filter filter = { .project = w->project,
                                          .all = w->all,
                                          .limit = INT32_MAX };
    struct stored_symbol_file *files;
    size_t count;
    if (!admin_check_project(a, w->project, e) ||
        !store_symbol_list(a->store, &filter, a->arena, &files, &count, e))
        return false;
    return w->json ? list_json(files, count, e) : list_table(a, files, count, e);
}

static int run_list(const struct command *c, int argc, char **argv)
{
    return run_command(c, argc, argv, list, true);
}

const struct command command_symbols_list = {
    .name = "symbols list",
    .summary = "show the symbols that there are",
    .help =
        "Usage: crumple symbols list --data DIR [--project P] [--all] [--json]\n\n"
        "Prints a line for each symbol file and source map that can be used, the newest first:\n"
        "its project, the module or script that it is of, its debug id (or code id; of a script,\n"
        "the id that older tools use), processor, kind of file, what is in it (functions, lines,\n"
        "inlines, publics; cfi and win are for unwinding; of source maps mappings, names, texts\n"
        "and functions), tag, and when it was converted. A server may run on DIR.\n\n"
        "  --data DIR    where reports and symbols are kept\n"
        "  --project P   only those of P\n"
        "  --all         also duplicates, and what could not be converted, with the reason\n"
        "  --json        one JSON list, with more of each\n\n"
        "Examples:\n\n"
        "  crumple symbols list --data /var/lib/crumple\n"
        "  crumple symbols list --data /var/lib/crumple --project app --json\n",
    .run = run_list,
};

/* --- missing ---------------------------------------------------------------------------------- */

static bool missing_table(struct admin *a, const struct missing_module *all, size_t count,
                          struct err *e)
{
    static const char *const headings[] = { "REPORTS", "PROJECT", "MODULE", "ID", "FIRST", "LAST" };
    struct admin_table t;
    admin_table_init(&t, headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < count; i++) {
        const struct stored_module *m = &all[i].module;
        struct str reports;
        t.failed |= !arena_printf(a->arena, &reports, "%llu", (unsigned long long)all[i].reports);
        admin_table_cell(&t, reports);
        admin_table_cell(&t, all[i].project);
        admin_table_cell(&t, m->debug_file.len ? m->debug_file : m->code_file);
        admin_table_cell(&t, m->debug_id.len ? m->debug_id : m->code_id);
        t.failed |= !date_cell(a, &t, all[i].first_ms) || !date_cell(a, &t, all[i].last_ms);
    }
    return admin_table_print(&t, e);
}

static bool missing_json(const struct missing_module *all, size_t count, struct err *e)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, JSON_MAX);
    json_writer_init(&w, &out);
    json_list(&w);
    for (size_t i = 0; i < count; i++) {
        json_object(&w);
        json_member(&w, "project", all[i].project);
        module_members(&w, &all[i].module);
        json_key(&w, STR("reports"));
        json_int(&w, (int64_t)all[i].reports);
        date_member(&w, "first", all[i].first_ms);
        date_member(&w, "last", all[i].last_ms);
        json_object_end(&w);
    }
    json_list_end(&w);
    return print_json(&out, e);
}

static bool missing(struct admin *a, const void *arg, struct err *e)
{
    const struct wanted *w = arg;
    struct missing_module *all;
    size_t count;
    if (!admin_check_project(a, w->project, e) ||
        !store_missing_list(a->store, w->project, 0, MISSING_MAX, a->arena, &all, &count, e))
        return false;
    return w->json ? missing_json(all, count, e) : missing_table(a, all, count, e);
}

static int run_missing(const struct command *c, int argc, char **argv)
{
    return run_command(c, argc, argv, missing, false);
}

const struct command command_symbols_missing = {
    .name = "symbols missing",
    .summary = "show the symbols that reports would need",
    .help =
        "Usage: crumple symbols missing --data DIR [--project P] [--json]\n\n"
        "Prints a line for each module or script in which stack frames of reports lie and for\n"
        "which there are no symbols or source map: how many reports want it, project, name, debug\n"
        "id (or code id; a script may have neither, and is found by its name), and when the\n"
        "first and the last of these reports came. What most reports want stands first. When\n"
        "the symbols arrive (`crumple symbols add`, or an upload), the server makes those stacks\n"
        "again by itself. A server may run on DIR.\n\n"
        "  --data DIR    where reports and symbols are kept\n"
        "  --project P   only those of P\n"
        "  --json        one JSON list\n\n"
        "Examples:\n\n"
        "  crumple symbols missing --data /var/lib/crumple\n"
        "  crumple symbols missing --data /var/lib/crumple --project app --json\n",
    .run = run_missing,
};
