/* serve.c - `crumple serve`: puts the parts together, says where it listens, waits for a signal. */
#include "api/api.h"
#include "cli/cli.h"
#include "cli/config.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define FILES_BESIDE_CONNECTIONS 256 /* database, listeners, log, and some more */

struct options {
    const char *config, *data, *similarity;
    struct arg_texts listen;
    bool allow_delete_all, open_partycrasher;
};

static bool configure(struct config *c, const struct options *o, struct err *e)
{
    if (o->config && !config_read(c, o->config, e))
        return false;
    if (o->data)
        c->engine.data_dir = o->data;
    if (o->similarity)
        c->engine.grouping.similarity = o->similarity;
    c->engine.allow_delete_all |= o->allow_delete_all;
    c->open_partycrasher |= o->open_partycrasher;
    if (o->listen.count > 0)
        c->http.listen_count = 0; /* options override the file */
    for (size_t i = 0; i < o->listen.count; i++)
        if (!config_add_listen(c, o->listen.at[i], e))
            return false;
    if (!config_finish(c, e))
        return false;
    for (size_t i = 0; i < c->http.listen_count; i++)
        if (!c->open_partycrasher && !config_is_loopback(c->listen[i].address))
            return err_set(e, ERR_INPUT, 0,
                           "%.60s can be reached from other machines, and anyone there could read "
                           "and post reports; say --open-partycrasher if that is meant",
                           c->listen[i].address);
    return true;
}

/* As many open files as connections need, if the system allows. */
static void raise_file_limit(const struct config *c)
{
    struct rlimit r;
    rlim_t want = c->http.connections_max + FILES_BESIDE_CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= want)
        return;
    r.rlim_cur = want < r.rlim_max ? want : r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur < want)
        log_line(LOG_WARN, "few_files",
                 "limit=%llu wanted=%llu message=\"raise the limit on open files, or lower "
                 "connections\"",
                 (unsigned long long)r.rlim_cur, (unsigned long long)want);
}

/* Blocked here, before there are other threads, so that only wait_for_end ever gets them. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Unblocks the signals afterwards: a second one ends the program at once. */
static void wait_for_end(const sigset_t *set)
{
    int number = 0;
    while (sigwait(set, &number) != 0)
        continue;
    log_line(LOG_INFO, "stopping", "signal=%d", number);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static bool serve(struct config *c, struct err *e)
{
    sigset_t signals;
    block_signals(&signals);
    raise_file_limit(c);
    CLEANUP(engine_close_p) struct engine *en = NULL;
    if (!engine_open(&en, &c->engine, e))
        return false;
    const struct api_config config = {
        .engine = en,
        .http = &c->http,
        .default_threshold = c->default_threshold,
        .job_max_bytes = c->job_max_bytes,
    };
    struct api *api;
    if (!api_start(&api, &config, e))
        return false;
    for (size_t i = 0; i < c->http.listen_count; i++)
        printf("listening on http://%s:%u\n", c->listen[i].address, api_port(api, i));
    fflush(stdout);
    wait_for_end(&signals);
    api_stop(api);
    return true;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct options o = { 0 };
    const struct arg args[] = {
        { "--data", ARG_TEXT, &o.data },
        { "--listen", ARG_TEXTS, &o.listen },
        { "--config", ARG_TEXT, &o.config },
        { "--similarity", ARG_TEXT, &o.similarity },
        { "--allow-delete-all", ARG_FLAG, &o.allow_delete_all },
        { "--open-partycrasher", ARG_FLAG, &o.open_partycrasher },
    };
    int status;
    if (!cli_args(command, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    struct err e = { 0 };
    static struct config c;
    CLEANUP(arena_free_p) struct arena *a = arena_new((size_t)1 << 20);
    if (!a) {
        err_set(&e, ERR_NOMEM, 0, "no memory");
        return cli_fail(command, &e);
    }
    config_init(&c, a);
    if (!configure(&c, &o, &e))
        return e.code == ERR_INPUT ? cli_wrong(command, &e) : cli_fail(command, &e);
    log_set_level(c.log_level);
    if (!serve(&c, &e))
        return e.code == ERR_INPUT ? cli_wrong(command, &e) : cli_fail(command, &e);
    return CLI_OK;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "take in reports over HTTP and answer for them",
    .help =
        "Usage: crumple serve --data DIR [OPTION]...\n\n"
        "Runs the server on the data directory DIR, which is made when it is not there. Prints\n"
        "`listening on http://ADDR:PORT` on standard output for each address once it accepts, and\n"
        "its log on standard error. SIGTERM or SIGINT end it when all that it accepted is stored; "
        "a\n"
        "second signal ends it at once.\n\n"
        "  --data DIR           where reports are kept\n"
        "  --listen ADDR:PORT   where to listen; may be given again (default: 127.0.0.1:8081);\n"
        "                       port 0 takes any free one; IPv6 as [::1]:8081\n"
        "  --config FILE        read FILE first; options here override it; crumple.sample.ini\n"
        "                       explains every key\n"
        "  --allow-delete-all   let DELETE /reports delete every report\n"
        "  --similarity NAME    how alike two reports are (default: classic)\n"
        "  --open-partycrasher  listen also on addresses that other machines can reach, though\n"
        "                       anyone there can then read and post reports\n\n"
        "Examples:\n\n"
        "  crumple serve --data /var/lib/crumple\n"
        "  crumple serve --data /tmp/crashes --listen 127.0.0.1:0 --allow-delete-all\n",
    .run = run,
};
