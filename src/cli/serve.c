/* serve.c - `crumple serve`: puts the parts together, says where it listens, waits for a signal. */
#include "api/api.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "engine/retention.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define FILES_A_CONNECTION 2         /* itself, and an upload on its way to the disk */
#define FILES_BESIDE_CONNECTIONS 256 /* database, listeners, log, and some more */
#define FILES_PLENTY 65536           /* asked for: there are also uploads on their way inside */

struct options {
    const char *config, *data, *similarity, *tls_cert, *tls_key;
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
    if (o->tls_cert)
        c->http.tls_cert = o->tls_cert;
    if (o->tls_key)
        c->http.tls_key = o->tls_key;
    c->engine.allow_delete_all |= o->allow_delete_all;
    c->open_partycrasher |= o->open_partycrasher;
    if (o->listen.count > 0)
        c->http.listen_count = 0; /* options override the file */
    for (size_t i = 0; i < o->listen.count; i++)
        if (!config_add_listen(c, o->listen.at[i], e))
            return false;
    return config_finish(c, e);
}

/* As many open files as connections need, and plenty beside, as far as the system allows. */
static void raise_file_limit(const struct config *c)
{
    struct rlimit r;
    rlim_t need = FILES_A_CONNECTION * c->http.connections_max + FILES_BESIDE_CONNECTIONS;
    rlim_t want = need > FILES_PLENTY ? need : FILES_PLENTY;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= want)
        return;
    struct rlimit more = { want < r.rlim_max ? want : r.rlim_max, r.rlim_max };
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        r = more;
    if (r.rlim_cur < need)
        log_line(LOG_WARN, "few_files",
                 "limit=%llu wanted=%llu message=\"raise the limit on open files, or lower "
                 "connections\"",
                 (unsigned long long)r.rlim_cur, (unsigned long long)need);
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

/* From when requests can come until all of them are answered. */
static bool serve_api(const struct config *c, const struct api_config *config,
                      const sigset_t *signals, struct err *e)
{
    struct api *api;
    if (!api_start(&api, config, e))
        return false;
    for (size_t i = 0; i < c->http.listen_count; i++)
        printf("listening on %s://%s:%u\n", c->listen[i].tls ? "https" : "http",
               c->listen[i].address, api_port(api, i));
    fflush(stdout);
    wait_for_end(signals);
    engine_stop_converting(config->engine);
    api_stop(api);
    return true;
}

static bool serve(struct config *c, struct err *e)
{
    sigset_t signals;
    block_signals(&signals);
    raise_file_limit(c);
    /* Closed from the last to the first. */
    CLEANUP(engine_close_p) struct engine *en = NULL;
    CLEANUP(access_close_p) struct access *access = NULL;
    CLEANUP(attempts_free_p)
    struct attempts *attempts = attempts_new(c->failed_tokens_burst, c->failed_tokens_per_minute);
    if (!attempts)
        return err_set(e, ERR_NOMEM, 0, "no memory to count failed attempts");
    if (!engine_open(&en, &c->engine, e) || !access_open(&access, engine_store(en), e))
        return false;
    const struct retention_config rules = { .engine = en,
                                            .access = access,
                                            .interval_ms = (int64_t)c->retention_interval_s * 1000,
                                            .sweep_interval_ms =
                                                (int64_t)c->sweep_interval_s * 1000 };
    const struct api_config config = {
        .engine = en,
        .access = access,
        .attempts = attempts,
        .limits = c->upload,
        .partycrasher_needs_token = !c->open_partycrasher && !config_all_loopback(c),
        .http = &c->http,
        .default_threshold = c->default_threshold,
        .job_max_bytes = c->job_max_bytes,
    };
    CLEANUP(retention_stop_p) struct retention *retention = NULL;
    return retention_start(&retention, &rules, e) && serve_api(c, &config, &signals, e);
}

static int run(const struct command *command, int argc, char **argv)
{
    struct options o = { 0 };
    const struct arg args[] = {
        { "--data", ARG_TEXT, &o.data },
        { "--listen", ARG_TEXTS, &o.listen },
        { "--config", ARG_TEXT, &o.config },
        { "--tls-cert", ARG_TEXT, &o.tls_cert },
        { "--tls-key", ARG_TEXT, &o.tls_key },
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
        "its log on standard error. SIGTERM or SIGINT end it when all that it has taken whole is\n"
        "safely kept and answered; uploads that nobody waits for may be processed only after the\n"
        "next start. A second signal ends it at once, and nothing that was answered is lost.\n\n"
        "  --data DIR           where reports are kept\n"
        "  --listen ADDR:PORT   where to listen; may be given again (default: 127.0.0.1:8081);\n"
        "                       port 0 takes any free one; IPv6 as [::1]:8081;\n"
        "                       https://ADDR:PORT speaks TLS\n"
        "  --tls-cert FILE      the certificate, with its chain, as PEM, and\n"
        "  --tls-key FILE       its key, for all that is https\n"
        "  --config FILE        read FILE first; options here override it; crumple.sample.ini\n"
        "                       explains every key\n"
        "  --allow-delete-all   let DELETE /reports delete every report\n"
        "  --similarity NAME    how alike two reports are: culprit (default), by the function "
        "that\n"
        "                       is to blame, or classic, by the words of the whole report, as in\n"
        "                       PartyCrasher; of all projects but those for which the file that\n"
        "                       --config names has another\n"
        "  --open-partycrasher  let the PartyCrasher API be used without a token, though other\n"
        "                       machines can reach the server\n\n"
        "Clients of the Backtrace API always need a token (`crumple token create`). The\n"
        "PartyCrasher API needs one when any address can be reached from other machines.\n\n"
        "Examples:\n\n"
        "  crumple serve --data /var/lib/crumple\n"
        "  crumple serve --data /tmp/crashes --listen 127.0.0.1:0 --allow-delete-all\n"
        "  crumple serve --data /var/lib/crumple --listen 127.0.0.1:8081 --listen 0.0.0.0:6097 \\\n"
        "      --listen https://0.0.0.0:6098 --tls-cert cert.pem --tls-key key.pem\n",
    .run = run,
};
