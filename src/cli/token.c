/* token.c - `crumple token create`, `token list` and `token revoke`. */
#include "cli/admin.h"

#include <stdio.h>

/* --- create ----------------------------------------------------------------------------------- */

struct options {
    const char *project, *metadata, *owner, *dir;
    struct arg_texts capabilities;
};

/* --capability may be given again, and each may be a list. */
static bool read_capabilities(const struct arg_texts *texts, uint32_t *scopes, struct err *e)
{
    if (texts->count == 0)
        return err_set(e, ERR_INPUT, 0, "--capability is missing: what the token may do");
    *scopes = 0;
    for (size_t i = 0; i < texts->count; i++) {
        uint32_t more;
        if (!scopes_parse(str_from_c(texts->at[i]), &more, e))
            return err_prefix(e, "--capability: ");
        *scopes |= more;
    }
    return true;
}

/* Standard output has the token alone, for scripts; what people should know goes beside it. */
static bool tell(const struct admin *a, const struct new_token *t, const char *text,
                 uint32_t number, struct err *e)
{
    if (!admin_find_project(a, t->project))
        fprintf(stderr, "The project %.*s was not there: it is now, in the universe default.\n",
                STR_ARG(t->project));
    fprintf(stderr, "This is token %u of the project %.*s.%s\n", number, STR_ARG(t->project),
            t->scopes & SCOPES_READING
                ? " It can read, so only its hash is kept: write it down now."
                : "");
    puts(text);
    if (fflush(stdout) != 0)
        return err_set(e, ERR_IO, 0, "token %u was made, but cannot be written: %m", number);
    return true;
}

static bool create(struct admin *a, const void *arg, struct err *e)
{
    const struct new_token *t = arg;
    char text[TOKEN_TEXT_BYTES + 1];
    uint32_t number;
    return token_create(a->store, t, text, &number, e) && tell(a, t, text, number, e);
}

static int run_create(const struct command *c, int argc, char **argv)
{
    struct options o = { 0 };
    const struct arg args[] = {
        { "--project", ARG_NEEDED, &o.project }, { "--capability", ARG_TEXTS, &o.capabilities },
        { "--metadata", ARG_TEXT, &o.metadata }, { "--owner", ARG_TEXT, &o.owner },
        { "--data", ARG_NEEDED, &o.dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    struct new_token t = { .project = str_from_c(o.project),
                           .metadata = str_from_c(o.metadata),
                           .owner = str_from_c(o.owner) };
    if (!read_capabilities(&o.capabilities, &t.scopes, &e) || !token_check(&t, &e))
        return admin_fail(c, &e);
    return admin_run(c, o.dir, ADMIN_MAKES, create, &t);
}

const struct command command_token_create = {
    .name = "token create",
    .summary = "make a token, with which programs submit and read",
    .help =
        "Usage: crumple token create --project P --capability C... --data DIR [OPTION]...\n\n"
        "Makes a token of the project P in the data directory DIR and prints its 64 hex digits on\n"
        "standard output, and nothing else there. P and DIR are made when they are not there. A\n"
        "server that runs on DIR takes the token at once.\n\n"
        "A token that can read (object:get, query:post) is shown now and never again: only its\n"
        "hash is kept. Others `crumple token list` shows again.\n\n"
        "  --data DIR        where reports are kept\n"
        "  --project P       the project that it is for\n"
        "  --capability C    what it may do; may be given again, or hold a list by spaces or\n"
        "                    commas:\n"
        "                      error:post   send errors and attachments\n"
        "                      symbol:post  send symbols and source maps\n"
        "                      sync:post    wait for the answer of processing (_mod_sync)\n"
        "                      object:get   read what was sent\n"
        "                      query:post   search; change what is found, and with\n"
        "                                   object:get delete it\n"
        "  --metadata JSON   an object: a submission bucket, limits, notes (docs/access.md)\n"
        "  --owner U         the user that it belongs to\n\n"
        "Examples:\n\n"
        "  crumple token create --project shop --capability error:post --data /var/lib/crumple\n"
        "  crumple token create --project cts --capability error:post --capability sync:post \\\n"
        "      "
        "--metadata='{\"buckets\":{\"cts\":{\"attributes\":[\"fingerprint\",\"uname.sysname\"],\n"
        "                  \"set\":{\"has_advanced_log\":\"1\"}}}}' --data /var/lib/crumple\n",
    .run = run_create,
};

/* --- list ------------------------------------------------------------------------------------- */

static struct str or_dash(struct str text)
{
    return text.len > 0 ? text : STR("-");
}

static void list_token(struct admin_table *table, struct admin *a, const struct stored_token *t)
{
    struct str number = STR(""), scopes = STR("");
    table->failed |= !arena_printf(a->arena, &number, "%u", t->number) ||
                     !scopes_write(t->scopes, a->arena, &scopes);
    admin_table_cell(table, number);
    admin_table_cell(table, t->project);
    admin_table_cell(table, scopes);
    admin_table_cell(table, t->text.len > 0 ? t->text : STR("(hashed)"));
    admin_table_cell(table, or_dash(t->owner));
    admin_table_cell(table, or_dash(t->metadata));
}

static bool list(struct admin *a, const void *arg, struct err *e)
{
    const char *project = arg; /* NULL: all */
    static const char *const headings[] = { "NUMBER", "PROJECT", "CAPABILITIES",
                                            "TOKEN",  "OWNER",   "METADATA" };
    struct str wanted = str_from_c(project);
    struct admin_table t;
    if (project && !admin_find_project(a, wanted))
        return err_set(e, ERR_NOT_FOUND, 0,
                       "there is no project \"%.60s\"; `crumple project list` shows all", project);
    admin_table_init(&t, headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < a->rows.token_count; i++)
        if (!project || str_eq(a->rows.tokens[i].project, wanted))
            list_token(&t, a, &a->rows.tokens[i]);
    return admin_table_print(&t, e);
}

static int run_list(const struct command *c, int argc, char **argv)
{
    const char *dir = NULL, *project = NULL;
    const struct arg args[] = {
        { "--project", ARG_TEXT, &project },
        { "--data", ARG_NEEDED, &dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    return admin_run(c, dir, ADMIN_NEEDS, list, project);
}

const struct command command_token_list = {
    .name = "token list",
    .summary = "show the tokens and what they may do",
    .help =
        "Usage: crumple token list --data DIR [--project P]\n\n"
        "Prints a line for each token: its number, its project, what it may do, its digits (or\n"
        "\"(hashed)\" for one that can read), its owner and its metadata.\n\n"
        "  --data DIR     where reports are kept\n"
        "  --project P    only those of this project\n\n"
        "Example:\n\n"
        "  crumple token list --data /var/lib/crumple --project shop\n",
    .run = run_list,
};

/* --- revoke ----------------------------------------------------------------------------------- */

static bool revoke(struct admin *a, const void *arg, struct err *e)
{
    const struct stored_token *t = admin_find_token(a, str_from_c(arg), e);
    if (!t || !store_token_remove(a->store, t->number, e))
        return false;
    printf("token %u of the project %.*s is revoked\n", t->number, STR_ARG(t->project));
    return true;
}

static int run_revoke(const struct command *c, int argc, char **argv)
{
    const char *text = NULL, *dir = NULL;
    const struct arg args[] = {
        { "TOKEN", ARG_OPERAND, &text },
        { "--data", ARG_NEEDED, &dir },
    };
    int status;
    if (!cli_args(c, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    return admin_run(c, dir, ADMIN_NEEDS, revoke, text);
}

const struct command command_token_revoke = {
    .name = "token revoke",
    .summary = "end a token",
    .help =
        "Usage: crumple token revoke TOKEN --data DIR\n\n"
        "TOKEN is the 64 digits of a token, or its number in `crumple token list`. Nothing can\n"
        "be sent or read with it from now on; a server that runs on DIR refuses it at once. What\n"
        "was sent with it stays.\n\n"
        "Example:\n\n"
        "  crumple token revoke 3 --data /var/lib/crumple\n",
    .run = run_revoke,
};
