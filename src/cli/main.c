/* main.c - finds the command and runs it. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_serve,           &command_import,         &command_stackwalk,
    &command_symbols_add,     &command_symbols_list,   &command_symbols_missing,
    &command_reprocess,       &command_project_create, &command_project_list,
    &command_token_create,    &command_token_list,     &command_token_revoke,
    &command_user_create,     &command_user_list,      &command_user_remove,
    &command_bench_group,     &command_bench_ingest,   &command_bench_maps,
    &command_bench_quality,   &command_bench_query,    &command_bench_symbols,
    &command_symbols_convert, /* which no person calls */
};
#define COMMANDS (sizeof commands / sizeof *commands)

bool cli_args(const struct command *c, int argc, char **argv, const struct arg *args, size_t count,
              int *status)
{
    struct err e = { 0 };
    switch (args_read(argc, argv, args, count, &e)) {
    case ARGS_OK:
        return true;
    case ARGS_HELP:
        fputs(c->help, stdout);
        *status = CLI_OK;
        return false;
    case ARGS_WRONG:
        break;
    }
    *status = cli_wrong(c, &e);
    return false;
}

int cli_fail(const struct command *c, const struct err *e)
{
    fprintf(stderr, "crumple %s: %s\n", c->name, e->msg);
    return CLI_FAILED;
}

int cli_wrong(const struct command *c, const struct err *e)
{
    fprintf(stderr, "crumple %s: %s\nSee `crumple %s --help`.\n", c->name, e->msg, c->name);
    return CLI_WRONG_USE;
}

static void list_commands(FILE *to, const char *first_word)
{
    size_t len = strlen(first_word);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!len || (!strncmp(commands[i]->name, first_word, len) && commands[i]->name[len] == ' '))
            fprintf(to, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
}

static void overview(FILE *to)
{
    fputs("crumple: a server that takes in crash reports and groups them into bugs.\n\n"
          "Usage: crumple COMMAND [OPTION]...\n\n",
          to);
    list_commands(to, "");
    fputs(
        "\n  --version        which one this is\n"
        "  --help           this page; `crumple COMMAND --help` tells more of a command\n\n"
        "A first look:\n\n"
        "  crumple import data/sample-reports.jsonl --data /tmp/crashes\n"
        "  crumple serve --data /tmp/crashes\n"
        "  curl 'http://127.0.0.1:8081/buckets/4.0?since=2026-01-01'\n\n"
        "The exit status is 0, 1 when the command failed, or 2 when it was used in a wrong way.\n",
        to);
}

/* Commands are one word or two; `words` says how many were taken. */
static const struct command *find(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *name = commands[i]->name;
        size_t len = strlen(argv[1]);
        *words = 1;
        if (!strcmp(name, argv[1]))
            return commands[i];
        *words = 2;
        if (argc > 2 && !strncmp(name, argv[1], len) && name[len] == ' ' &&
            !strcmp(name + len + 1, argv[2]))
            return commands[i];
    }
    return NULL;
}

static bool is_first_word(const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strncmp(commands[i]->name, word, len) && commands[i]->name[len] == ' ')
            return true;
    return false;
}

static int unknown(int argc, char **argv)
{
    if (!is_first_word(argv[1])) {
        fprintf(stderr, "crumple: there is no command \"%s\". There are:\n\n", argv[1]);
        list_commands(stderr, "");
        return CLI_WRONG_USE;
    }
    bool help = argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"));
    FILE *to = help ? stdout : stderr;
    fprintf(to, help ? "crumple %s: one of\n\n" : "crumple %s: needs one of these behind it:\n\n",
            argv[1]);
    list_commands(to, argv[1]);
    return help ? CLI_OK : CLI_WRONG_USE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        overview(stderr);
        return CLI_WRONG_USE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        overview(stdout);
        return CLI_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("crumple " CRUMPLE_VERSION);
        return CLI_OK;
    }
    int words;
    const struct command *c = find(argc, argv, &words);
    if (!c)
        return unknown(argc, argv);
    return c->run(c, argc - 1 - words, argv + 1 + words);
}
