/* reprocess.c - `crumple reprocess`: has uploads that are stored processed again, as this version
 * and the symbols that there are now make them. No server may run on the directory: a server does
 * it by itself when symbols arrive. */
#include "access/receipt.h"
#include "base/vec.h"
#include "cli/admin.h"
#include "cli/config.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ARENA_BYTES ((size_t)1 << 30) /* for lists of what is missing */
#define MISSING_PAGE 1000
#define POLL_NS 20000000

struct options {
    const char *data, *project, *config;
    struct arg_texts objects;
    bool missing_symbols;
};

struct reprocess {
    const struct command *command;
    const struct options *options;
    struct config config;
    struct engine *engine;
    struct arena *arena;
    VEC(uint64_t) objects;
};

/* Which. */

static bool add(struct reprocess *r, uint64_t object, struct err *e)
{
    return VEC_PUSH(&r->objects, object) || err_set(e, ERR_NOMEM, 0, "no memory for the list");
}

static bool is_of_project(const struct reprocess *r, struct str project)
{
    return !r->options->project || str_eq(project, str_from_c(r->options->project));
}

static bool each_upload(void *ctx, const struct stored_upload *u, struct err *e)
{
    struct reprocess *r = ctx;
    if (!upload_format_is_error(u->format) || !is_of_project(r, u->project))
        return true;
    return add(r, u->object, e);
}

/* Those that are named, which must be there. */
static bool add_named(struct reprocess *r, struct err *e)
{
    for (size_t i = 0; i < r->options->objects.count; i++) {
        const char *text = r->options->objects.at[i];
        struct stored_upload u;
        uint64_t object;
        if (!object_parse(engine_secret(r->engine), str_from_c(text), &object))
            return err_set(e, ERR_INPUT, 0, "\"%.80s\" is not the id of an object", text);
        if (!store_upload_head(engine_store(r->engine), object, r->arena, &u, e))
            return e->code == ERR_NOT_FOUND
                       ? err_set(e, ERR_NOT_FOUND, 0, "there is no upload %.80s", text)
                       : false;
        if (!is_of_project(r, u.project))
            return err_set(e, ERR_NOT_FOUND, 0, "the upload %.80s is not of this project", text);
        if (!add(r, object, e))
            return false;
    }
    return true;
}

/* Those that want one module. */
static bool add_wanting(struct reprocess *r, const struct missing_module *m, struct arena *a,
                        struct err *e)
{
    uint64_t *page, after = 0;
    size_t count;
    do {
        if (!store_missing_objects(engine_store(r->engine), m->project, &m->module, after,
                                   MISSING_PAGE, a, &page, &count, e))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!add(r, page[i], e))
                return false;
        after = count > 0 ? page[count - 1] : after;
    } while (count == MISSING_PAGE);
    return true;
}

/* One that wants several is in the list as often. */
static bool add_missing(struct reprocess *r, struct err *e)
{
    struct missing_module *all;
    size_t count;
    if (!store_missing_list(engine_store(r->engine), str_from_c(r->options->project), 0, SIZE_MAX,
                            r->arena, &all, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!add_wanting(r, &all[i], r->arena, e))
            return false;
    return true;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Each once. */
static void sort(struct reprocess *r)
{
    size_t n = 0;
    if (r->objects.len > 0)
        qsort(r->objects.at, r->objects.len, sizeof *r->objects.at, by_id);
    for (size_t i = 0; i < r->objects.len; i++)
        if (n == 0 || r->objects.at[i] != r->objects.at[n - 1])
            r->objects.at[n++] = r->objects.at[i];
    r->objects.len = n;
}

static bool check_project(const struct reprocess *r, struct err *e)
{
    struct admin a = { .store = engine_store(r->engine), .arena = r->arena };
    return store_access_read(a.store, a.arena, &a.rows, e) &&
           admin_check_project(&a, str_from_c(r->options->project), e);
}

static bool choose(struct reprocess *r, struct err *e)
{
    bool ok;
    if (!check_project(r, e))
        return false;
    if (r->options->objects.count > 0)
        ok = add_named(r, e);
    else if (r->options->missing_symbols)
        ok = add_missing(r, e);
    else
        ok = store_scan_uploads(engine_store(r->engine), each_upload, r, e);
    sort(r);
    return ok;
}

/* Doing it. */

static uint64_t done_of(const struct engine_reprocessed *now)
{
    return now->made_again + now->unchanged + now->failed;
}

static bool do_all(struct reprocess *r, struct engine_reprocessed *now, struct err *e)
{
    const struct timespec poll = { .tv_nsec = POLL_NS };
    struct progress progress;
    progress_begin(&progress);
    bool ok = engine_reprocess(r->engine, r->objects.at, r->objects.len, e);
    for (*now = engine_reprocessed(r->engine); now->waiting > 0;
         *now = engine_reprocessed(r->engine)) {
        uint64_t done = done_of(now);
        progress_update(&progress, &(struct progress_state){ done, done + now->waiting, done });
        (void)nanosleep(&poll, NULL);
    }
    progress_clear(&progress);
    printf("%" PRIu64 " made again, %" PRIu64 " unchanged, %" PRIu64 " failed; %.1f s\n",
           now->made_again, now->unchanged, now->failed, progress_seconds(&progress));
    if (ok && fflush(stdout) != 0)
        return err_set(e, ERR_IO, 0, "standard output cannot be written: %m");
    return ok;
}

static bool configure(struct reprocess *r, struct err *e)
{
    const struct options *o = r->options;
    if (o->objects.count > 0 && o->missing_symbols)
        return err_set(e, ERR_INPUT, 0, "--object and --missing-symbols do not go together");
    if (o->config && !config_read(&r->config, o->config, e))
        return false;
    if (o->data)
        r->config.engine.data_dir = o->data;
    return config_finish(&r->config, e) && admin_check_dir(r->config.engine.data_dir, r->arena, e);
}

static int work(struct reprocess *r)
{
    struct err e = { 0 };
    struct engine_reprocessed now;
    bool ok = configure(r, &e);
    log_set_level(LOG_WARN); /* the progress is told here */
    ok = ok && engine_open(&r->engine, &r->config.engine, &e) && choose(r, &e);
    if (!ok)
        return e.code == ERR_INPUT ? cli_wrong(r->command, &e) : cli_fail(r->command, &e);
    if (!do_all(r, &now, &e))
        return cli_fail(r->command, &e);
    return now.failed > 0 ? CLI_FAILED : CLI_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct options o = { .data = NULL };
    const struct arg args[] = {
        { "--data", ARG_TEXT, &o.data },
        { "--project", ARG_TEXT, &o.project },
        { "--object", ARG_TEXTS, &o.objects },
        { "--missing-symbols", ARG_FLAG, &o.missing_symbols },
        { "--config", ARG_TEXT, &o.config },
    };
    int status;
    if (!cli_args(command, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    static struct reprocess r;
    r = (struct reprocess){ .command = command, .options = &o, .arena = arena_new(ARENA_BYTES) };
    if (!r.arena) {
        fputs("crumple reprocess: no memory\n", stderr);
        return CLI_FAILED;
    }
    config_init(&r.config, r.arena);
    status = work(&r);
    engine_close(r.engine);
    VEC_FREE(&r.objects);
    arena_free(r.arena);
    return status;
}

const struct command command_reprocess = {
    .name = "reprocess",
    .summary = "make reports again from their uploads",
    .help =
        "Usage: crumple reprocess --data DIR [OPTION]...\n\n"
        "Processes uploads that are stored once more, with the symbols that there are now. A\n"
        "report that comes out otherwise takes the place of what it was: stack trace,\n"
        "fingerprint, attributes and buckets are new; its ids, its date and its attachments\n"
        "stay. One that comes out the same stays as it is, and so does one that cannot be read\n"
        "any more. No server may run on DIR meanwhile; a server does the same by itself when\n"
        "symbols arrive.\n\n"
        "  --data DIR         where reports are kept\n"
        "  --project P        only those of this project\n"
        "  --object ID        only this one; may be given again\n"
        "  --missing-symbols  only those that lack symbols of some module\n"
        "  --config FILE      the server's configuration, when it says how to group\n\n"
        "Prints how many were made again, were unchanged, and failed; the exit status is 1 when\n"
        "one failed.\n\n"
        "Example:\n\n"
        "  crumple symbols add libfoo.sym --data /var/lib/crumple\n"
        "  crumple reprocess --data /var/lib/crumple --missing-symbols\n",
    .run = run,
};
