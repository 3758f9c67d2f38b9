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

struct options {
    const char *name, *role, *email, *universe, *password_file, *dir;
    struct arg_texts projects;
};

/* Those of the command's projects; ERR_NOT_FOUND names one that is not there. */
static bool find_projects(const struct admin *a, const struct arg_texts *names,
                          uint32_t numbers[ARG_TEXTS_MAX], struct err *e)
{
    for (size_t i = 0; i < names->count; i++) {
        struct str name = str_from_c(names->at[i]);
        const struct stored_project *p = admin_find_project(a, name);
        if (!p)
            return err_set(e, ERR_NOT_FOUND, 0,
                           "there is no project \"%.80s\"; `crumple project list` shows all",
                           names->at[i]);
        numbers[i] = p->number;
    }
    return true;
}

static bool bind_projects(struct admin *a, uint32_t user, const uint32_t *projects, size_t count,
                          struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const struct stored_binding b = { .user = user, .project = projects[i] };
        struct err why = { 0 };
        if (!store_binding_add(a->store, b, &why) && why.code != ERR_CONFLICT) {
            *e = why;
            return false;
        }
    }
    return true;
}

/* Nobody is asked for a password before the name is known to be free. */
static bool create(struct admin *a, const void *arg, struct err *e)
{
    const struct options *o = arg;
    struct new_user u = { .name = str_from_c(o->name),
                          .role = str_from_c(o->role),
                          .email = str_from_c(o->email),
                          .universe = str_from_c(o->universe) };
    uint32_t projects[ARG_TEXTS_MAX], number;
    if (find_user(a, u.name))
        return err_set(e, ERR_CONFLICT, 0, "there is a user \"%.60s\" already", o->name);
    if (!find_projects(a, &o->projects, projects, e))
        return false;
    struct password p;
    bool ok = o->password_file ? password_read(&p, o->password_file, e) : password_ask(&p, e);
    u.password = (struct str){ p.text, p.len };
    ok = ok && user_create(a->store, &u, &number, e);
    password_done(&p);
    if (!ok || !bind_projects(a, number, projects, o->projects.count, e))
        return false;
    printf("user %s is there, as %s\n", o->name, o->role);
    return true;
}

static int run_create(const struct command *c, int argc, char **argv)
{
    struct options o = { .role = "member" };
    const struct arg args[] = {
        { "NAME", ARG_OPERAND, &o.name },  { "--password-file", ARG_TEXT, &o.password_file },
        { "--role", ARG_TEXT, &o.role },   { "--project", ARG_TEXTS, &o.projects },
        { "--email", ARG_TEXT, &o.email }, { "--universe", ARG_TEXT, &o.universe },
        { "--data", ARG_NEEDED, &o.dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    if (!user_check(str_from_c(o.name), &e) || !role_check(str_from_c(o.role), &e) ||
        !email_check(str_from_c(o.email), &e))
        return admin_fail(c, &e);
    return admin_run(c, o.dir, ADMIN_MAKES, create, &o);
}

const struct command command_user_create = {
    .name = "user create",
    .summary = "make a user who can log in",
    .help =
        "Usage: crumple user create NAME --data DIR [OPTION]...\n\n"
        "Makes the user NAME, who can log in with a password, in the data directory DIR, which is\n"
        "made when it is not there. A server that runs on DIR sees it at once. Programs need no\n"
        "user: they have tokens (`crumple token create`).\n\n"
        "The password is at least 8 bytes. Only its argon2id is kept.\n\n"
        "  --data DIR             where reports are kept\n"
        "  --password-file FILE   read it from FILE, one line; - is standard input. Without this\n"
        "                         it is asked for on the terminal, twice\n"
        "  --role ROLE            admin, who may do everything; member, who sees and changes the\n"
        "                         projects that the user is bound to; or guest, who only sees\n"
        "                         them (default: member)\n"
        "  --project P            bind the user to the project P; may be given again\n"
        "  --email ADDRESS        shown to other users\n"
        "  --universe U           the tenant that is meant when none is named (default: "
        "default)\n\n"
        "Examples:\n\n"
        "  crumple user create ada --data /var/lib/crumple --role admin\n"
        "  pwgen 20 1 | crumple user create bob --data /var/lib/crumple --project shop \\\n"
        "      --password-file -\n",
    .run = run_create,
};

/* --- list ------------------------------------------------------------------------------------- */

/* "shop cart", the projects that a user is bound to; "-": none. */
static bool name_projects(struct admin *a, const struct stored_user *u, struct str *out)
{
    *out = STR("");
    for (size_t i = 0; i < a->rows.binding_count; i++) {
        if (a->rows.bindings[i].user != u->number)
            continue;
        for (size_t k = 0; k < a->rows.project_count; k++)
            if (a->rows.projects[k].number == a->rows.bindings[i].project &&
                !arena_printf(a->arena, out, "%.*s%s%.*s", STR_ARG(*out), out->len ? " " : "",
                              STR_ARG(a->rows.projects[k].name)))
                return false;
    }
    if (out->len == 0)
        *out = str_eq(u->role, STR("admin")) ? STR("(all)") : STR("-");
    return true;
}

static bool list(struct admin *a, const void *arg, struct err *e)
{
    (void)arg;
    static const char *const headings[] = { "USER", "ROLE", "CREATED", "E-MAIL", "PROJECTS" };
    struct admin_table t;
    admin_table_init(&t, headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < a->rows.user_count; i++) {
        const struct stored_user *u = &a->rows.users[i];
        char date[DATE_TEXT_MAX];
        struct str created = STR(""), projects = STR("");
        t.failed |= !arena_str(a->arena, date_format(u->created_ms, false, date), &created) ||
                    !name_projects(a, u, &projects);
        admin_table_cell(&t, u->name);
        admin_table_cell(&t, u->role);
        admin_table_cell(&t, created);
        admin_table_cell(&t, u->email.len > 0 ? u->email : STR("-"));
        admin_table_cell(&t, projects);
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
            "Prints a line for each user: the name, the role, when it was made (UTC), the e-mail\n"
            "address and the projects that the user is bound to.\n\n"
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
        "NAME can no longer log in, and NAME's sessions end; a server that runs on DIR sees it at\n"
        "once. Tokens that the user owned stay good, since programs use them: `crumple token\n"
        "revoke` ends one.\n\n"
        "Example:\n\n"
        "  crumple user remove bob --data /var/lib/crumple\n",
    .run = run_remove,
};
