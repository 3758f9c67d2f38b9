/* project.c - `crumple project create` and `project list`. */
#include "cli/admin.h"

#include <stdio.h>

/* --- create ----------------------------------------------------------------------------------- */

struct new_project {
    const char *name, *universe;
};

static bool create(struct admin *a, const void *arg, struct err *e)
{
    const struct new_project *p = arg;
    if (!store_project_create(a->store, str_from_c(p->name), str_from_c(p->universe), e))
        return false;
    printf("project %s is there\n", p->name);
    return true;
}

static int run_create(const struct command *c, int argc, char **argv)
{
    const char *dir = NULL;
    struct new_project p = { .universe = "default" };
    const struct arg args[] = {
        { "NAME", ARG_OPERAND, &p.name },
        { "--universe", ARG_TEXT, &p.universe },
        { "--data", ARG_NEEDED, &dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    if (!project_check(str_from_c(p.name), &e) || !universe_check(str_from_c(p.universe), &e))
        return admin_fail(c, &e);
    return admin_run(c, dir, ADMIN_MAKES, create, &p);
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
        "                  default); it stands in URLs, POST /U/TOKEN/json, so it holds no spaces\n"
        "                  and none of / ? # & %\n\n"
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

static bool list(struct admin *a, const void *arg, struct err *e)
{
    (void)arg;
    static const char *const headings[] = { "PROJECT", "UNIVERSE", "TOKENS", "DELETED" };
    struct admin_table t;
    admin_table_init(&t, headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < a->rows.project_count; i++) {
        const struct stored_project *p = &a->rows.projects[i];
        struct str tokens = STR("");
        t.failed |= !arena_printf(a->arena, &tokens, "%zu", count_tokens(a, p->name));
        admin_table_cell(&t, p->name);
        admin_table_cell(&t, p->universe);
        admin_table_cell(&t, tokens);
        admin_table_cell(&t, p->deleted ? STR("yes") : STR("-"));
    }
    return admin_table_print(&t, e);
}

static int run_list(const struct command *c, int argc, char **argv)
{
    return admin_run_list(c, argc, argv, list);
}

const struct command command_project_list = {
    .name = "project list",
    .summary = "show the projects and their universes",
    .help = "Usage: crumple project list --data DIR\n\n"
            "Prints a line for each project: its name, its universe, how many tokens it has, and\n"
            "whether it was deleted (docs/console-api.md).\n\n"
            "Example:\n\n"
            "  crumple project list --data /var/lib/crumple\n",
    .run = run_list,
};
