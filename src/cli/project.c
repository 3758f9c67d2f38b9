/* project.c - `crumple project create` and `project list`. */
#include "cli/admin.h"

#include <stdio.h>

/* --- create ----------------------------------------------------------------------------------- */

static bool create(const char *name, const char *universe, const char *dir, struct err *e)
{
    CLEANUP(store_close_p) struct store *s = NULL;
    return project_check(str_from_c(name), e) && universe_check(str_from_c(universe), e) &&
           store_open(&s, dir, NULL, e) &&
           store_project_create(s, str_from_c(name), str_from_c(universe), e);
}

static int run_create(const struct command *c, int argc, char **argv)
{
    const char *name = NULL, *dir = NULL, *universe = "default";
    const struct arg args[] = {
        { "NAME", ARG_OPERAND, &name },
        { "--universe", ARG_TEXT, &universe },
        { "--data", ARG_NEEDED, &dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    if (!create(name, universe, dir, &e))
        return admin_fail(c, &e);
    printf("project %s is there\n", name);
    return CLI_OK;
}

const struct command command_project_create = {
    .name = "project create",
    .summary = "make a project before its first report comes",
    .help =
        "Usage: crumple project create NAME --data DIR [--universe U]\n\n"
        "Makes the project NAME in the data directory DIR, which is made when it is not there. A\n"
        "project is also made by `crumple token create` and by the first PartyCrasher report that\n"
        "names it; this is for those who want it listed before, or in a universe of its own. A\n"
        "server that runs on DIR sees it at once.\n\n"
        "NAME is 1 to 256 bytes without control characters, and none of the words that stand in\n"
        "its place in URLs: api, post, reports, buckets, config, search, ui, metrics, health. No\n"
        "two projects of a server have the same name, whatever their universes.\n\n"
        "  --data DIR      where reports are kept\n"
        "  --universe U    the tenant that it belongs to, made when it is not there (default:\n"
        "                  default); it stands in URLs: POST /U/TOKEN/json\n\n"
        "Examples:\n\n"
        "  crumple project create Ubuntu --data /var/lib/crumple\n"
        "  crumple project create shop --universe acme --data /var/lib/crumple\n",
    .run = run_create,
};

/* --- list ------------------------------------------------------------------------------------- */

static size_t count_tokens(const struct admin *a, struct str project)
{
    size_t n = 0;
    for (size_t i = 0; i < a->rows.token_count; i++)
        n += str_eq(a->rows.tokens[i].project, project);
    return n;
}

static bool list(struct admin *a, struct err *e)
{
    static const char *const headings[] = { "PROJECT", "UNIVERSE", "TOKENS" };
    struct admin_table t;
    admin_table_init(&t, headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < a->rows.project_count; i++) {
        const struct stored_project *p = &a->rows.projects[i];
        struct str tokens = STR("");
        t.failed |= !arena_printf(a->arena, &tokens, "%zu", count_tokens(a, p->name));
        admin_table_cell(&t, p->name);
        admin_table_cell(&t, p->universe);
        admin_table_cell(&t, tokens);
    }
    return admin_table_print(&t, e);
}

static int run_list(const struct command *c, int argc, char **argv)
{
    const char *dir = NULL;
    const struct arg args[] = { { "--data", ARG_NEEDED, &dir } };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    struct admin a;
    bool ok = admin_open(&a, dir, &e) && list(&a, &e);
    admin_done(&a);
    return ok ? CLI_OK : admin_fail(c, &e);
}

const struct command command_project_list = {
    .name = "project list",
    .summary = "show the projects and their universes",
    .help =
        "Usage: crumple project list --data DIR\n\n"
        "Prints a line for each project: its name, its universe, and how many tokens it has.\n\n"
        "Example:\n\n"
        "  crumple project list --data /var/lib/crumple\n",
    .run = run_list,
};
