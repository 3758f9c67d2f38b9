/* admin.h - what the commands of administration share: all rows of access, and tables of them.
 *
 * These commands open the store beside a server, if one runs, and change rows that it reads again
 * with the next request. Threads: one at a time. */
#ifndef CRUMPLE_CLI_ADMIN_H
#define CRUMPLE_CLI_ADMIN_H

#include "access/access.h"
#include "cli/cli.h"
#include "store/store.h"

/* The open store of a data directory, and what it knows of projects, tokens and users. */
struct admin {
    struct store *store;
    struct arena *arena; /* rows are in it */
    struct stored_access rows;
};
/* What a command does with it. */
typedef bool (*admin_work)(struct admin *a, const void *arg, struct err *e);
enum admin_dir {
    ADMIN_MAKES, /* the data directory, when it is not there */
    ADMIN_NEEDS  /* the database, or fails */
};
/* Opens, works, closes; gives the status of the command. */
int admin_run(const struct command *c, const char *dir, enum admin_dir how, admin_work work,
              const void *arg);
/* The same for a command whose only argument is --data DIR, which it needs. */
int admin_run_list(const struct command *c, int argc, char **argv, admin_work work);

/* Fails when no database is in the directory: what only reads or changes one must not make it. */
MUST_CHECK bool admin_check_dir(const char *dir, struct arena *a, struct err *e);

const struct stored_project *admin_find_project(const struct admin *a, struct str name);
/* Fails when there is no such project; an empty name means all of them. */
MUST_CHECK bool admin_check_project(const struct admin *a, struct str name, struct err *e);
/* By its number, or by its 64 digits. NULL, with *e saying what there is to do. */
const struct stored_token *admin_find_token(const struct admin *a, struct str text, struct err *e);

/* Wrong use for what the user should have said otherwise, failure for the rest. */
int admin_fail(const struct command *c, const struct err *e);

/* A table on standard output: headings and rows, as wide as they need to be. Cells are one line
 * each: control characters in them become spaces. */
#define ADMIN_COLUMNS_MAX 8
struct admin_table {
    size_t columns;
    struct str *cells; /* rows one after another, the headings first */
    size_t count, cap;
    bool failed; /* memory was short */
};
void admin_table_init(struct admin_table *t, const char *const *headings, size_t columns);
/* Borrowed until the table is printed. */
void admin_table_cell(struct admin_table *t, struct str text);
/* Prints and frees. False when memory was short on the way, or standard output failed. */
MUST_CHECK bool admin_table_print(struct admin_table *t, struct err *e);

#endif
