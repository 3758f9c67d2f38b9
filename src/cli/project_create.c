/* project_create.c - `crumple project create`: a project before its first report. */
#include "cli/cli.h"
#include "report/report.h"
#include "store/store.h"

#include <stdio.h>

static int run(const struct command *c, int argc, char **argv)
{
    const char *name = NULL, *dir = NULL;
    const struct arg args[] = {
        { "NAME", ARG_OPERAND, &name },
        { "--data", ARG_NEEDED, &dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    if (!report_project_check(str_from_c(name), &e))
        return cli_wrong(c, &e);
    CLEANUP(store_close_p) struct store *s = NULL;
    if (!store_open(&s, dir, NULL, &e) ||
        !store_project_create(s, str_from_c(name), STR("default"), &e))
        return cli_fail(c, &e);
    printf("project %s is there\n", name);
    return CLI_OK;
}

const struct command command_project_create = {
    .name = "project create",
    .summary = "make a project before its first report comes",
    .help =
        "Usage: crumple project create NAME --data DIR\n\n"
        "Makes the project NAME in the data directory DIR. A project is also made by the first\n"
        "report that names it; this is for those who want it listed before. A server that runs\n"
        "on DIR sees it at once.\n\n"
        "NAME is 1 to 256 bytes without control characters, and none of the words that stand in\n"
        "its place in URLs: api, post, reports, buckets, config, search, ui, metrics, health.\n\n"
        "Example:\n\n"
        "  crumple project create Ubuntu --data /var/lib/crumple\n",
    .run = run,
};
