/* user.c - `crumple user create`, `user list` and `user remove`. */
#include "base/date.h"
#include "cli/admin.h"
#include "cli/password.h"

#include <stdio.h>

static const struct stored_user *find_user(const struct admin *a, struct str name)
{
    for (size_t i = 0; i < a->rows.user_count; i++)
        if (str_eq(a->rows.users[i].name, name))
            return &a->rows.users[i];
    return NULL;
}

/* --- create ----------------------------------------------------------------------------------- */

struct new_user {
    const char *name, *role, *password_file, *dir;
};

/* Nobody is asked for a password before the name is known to be free. */
static bool create(struct admin *a, const void *arg, struct err *e)
{
    const struct new_user *u = arg;
    struct str name = str_from_c(u->name);
    if (find_user(a, name))
        return err_set(e, ERR_CONFLICT, 0, "there is a user \"%.60s\" already", u->name);
    struct password p;
    bool ok = (u->password_file ? password_read(&p, u->password_file, e) : password_ask(&p, e)) &&
              user_create(a->store, name, (struct str){ p.text, p.len }, str_from_c(u->role), e);
    password_done(&p);
    if (ok)
        printf("user %s is there, as %s\n", u->name, u->role);
    return ok;
}

static int run_create(const struct command *c, int argc, char **argv)
{
    struct new_user u = { .role = "member" };
    const struct arg args[] = {
        { "NAME", ARG_OPERAND, &u.name },
        { "--password-file", ARG_TEXT, &u.password_file },
        { "--role", ARG_TEXT, &u.role },
        { "--data", ARG_NEEDED, &u.dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    if (!user_check(str_from_c(u.name), &e) || !role_check(str_from_c(u.role), &e))
        return admin_fail(c, &e);
    return admin_run(c, u.dir, ADMIN_MAKES, create, &u);
}

const struct command command_user_create = {
    .name = "user create",
    .summary = "make a user who can log in",
    .help =
        "Usage: crumple user create NAME --data DIR [--password-file FILE] [--role ROLE]\n\n"
        "Makes the user NAME, who can log in with a password, in the data directory DIR, which is\n"
        "made when it is not there. A server that runs on DIR sees it at once. Programs need no\n"
        "user: they have tokens (`crumple token create`).\n\n"
        "The password is at least 8 bytes. Only its argon2id is kept.\n\n"
        "  --data DIR             where reports are kept\n"
        "  --password-file FILE   read it from FILE, one line; - is standard input. Without this\n"
        "                         it is asked for on the terminal, twice\n"
        "  --role ROLE            admin, who may do everything, or member (default: member)\n\n"
        "Examples:\n\n"
        "  crumple user create ada --data /var/lib/crumple --role admin\n"
        "  pwgen 20 1 | crumple user create bob --data /var/lib/crumple --password-file -\n",
    .run = run_create,
};

/* --- list ------------------------------------------------------------------------------------- */

static bool list(struct admin *a, const void *arg, struct err *e)
{
    (void)arg;
    static const char *const headings[] = { "USER", "ROLE", "CREATED" };
    struct admin_table t;
    admin_table_init(&t, headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < a->rows.user_count; i++) {
        const struct stored_user *u = &a->rows.users[i];
        char date[DATE_TEXT_MAX];
        struct str created = STR("");
        t.failed |= !arena_str(a->arena, date_format(u->created_ms, false, date), &created);
        admin_table_cell(&t, u->name);
        admin_table_cell(&t, u->role);
        admin_table_cell(&t, created);
    }
    return admin_table_print(&t, e);
}

static int run_list(const struct command *c, int argc, char **argv)
{
    return admin_run_list(c, argc, argv, list);
}

const struct command command_user_list = {
    .name = "user list",
    .summary = "show the users and their roles",
    .help = "Usage: crumple user list --data DIR\n\n"
            "Prints a line for each user: the name, the role, and when it was made (UTC).\n\n"
            "Example:\n\n"
            "  crumple user list --data /var/lib/crumple\n",
    .run = run_list,
};

/* --- remove ----------------------------------------------------------------------------------- */

static bool remove_user(struct admin *a, const void *arg, struct err *e)
{
    struct str name = str_from_c(arg);
    size_t tokens = 0;
    if (!find_user(a, name))
        return err_set(e, ERR_NOT_FOUND, 0,
                       "there is no user \"%.*s\"; `crumple user list` shows all",
                       name.len < 60 ? (int)name.len : 60, name.ptr);
    if (!store_user_remove(a->store, name, e))
        return false;
    for (size_t i = 0; i < a->rows.token_count; i++)
        tokens += str_eq(a->rows.tokens[i].owner, name);
    if (tokens > 0)
        fprintf(stderr, "%zu token%s that this user owned stay good: see `crumple token list`\n",
                tokens, tokens == 1 ? "" : "s");
    printf("user %.*s is gone\n", STR_ARG(name));
    return true;
}

static int run_remove(const struct command *c, int argc, char **argv)
{
    const char *name = NULL, *dir = NULL;
    const struct arg args[] = {
        { "NAME", ARG_OPERAND, &name },
        { "--data", ARG_NEEDED, &dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    return admin_run(c, dir, ADMIN_NEEDS, remove_user, name);
}

const struct command command_user_remove = {
    .name = "user remove",
    .summary = "take a user away",
    .help =
        "Usage: crumple user remove NAME --data DIR\n\n"
        "NAME can no longer log in; a server that runs on DIR sees it at once. Tokens that the\n"
        "user owned stay good, since programs use them: `crumple token revoke` ends one.\n\n"
        "Example:\n\n"
        "  crumple user remove bob --data /var/lib/crumple\n",
    .run = run_remove,
};
