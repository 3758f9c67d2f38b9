/* cli.h - the commands of the crumple program, one file each.
 *
 * A command gets the arguments behind its name and gives the exit status: 0, 1 (it failed) or 2 (it
 * was used in a wrong way). Errors go to standard error and say what to do about it.
 * Threads: commands run on the main thread. */
#ifndef CRUMPLE_CLI_CLI_H
#define CRUMPLE_CLI_CLI_H

#include "base/err.h"
#include "cli/args.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_WRONG_USE = 2 };

struct command {
    const char *name;    /* "serve", "bench group" */
    const char *summary; /* one line of the overview */
    const char *help;    /* what --help prints */
    int (*run)(const struct command *c, int argc, char **argv);
};

extern const struct command command_serve, command_import, command_project_create,
    command_project_list, command_user_create, command_user_list, command_user_remove,
    command_token_create, command_token_list, command_token_revoke, command_bench_group,
    command_bench_ingest, command_bench_maps, command_bench_quality, command_bench_query,
    command_bench_symbols, command_symbols_add, command_symbols_list, command_symbols_missing,
    command_symbols_convert, command_stackwalk, command_reprocess;

/* Reads the arguments. False when the command is over already: help was printed, or a complaint;
 * then *status is what it returns. */
MUST_CHECK bool cli_args(const struct command *c, int argc, char **argv, const struct arg *args,
                         size_t count, int *status);

/* "crumple serve: <message of e>" on standard error; returns CLI_FAILED. */
int cli_fail(const struct command *c, const struct err *e);
/* The same with a pointer to --help; returns CLI_WRONG_USE. */
int cli_wrong(const struct command *c, const struct err *e);

#endif
