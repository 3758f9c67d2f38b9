/* import.c - `crumple import`: a file of reports straight into the store.
 *
 * The way is that of a POST: each line is a job for the engine. Jobs are kept in a ring: the main
 * thread reads lines and submits at its head, and takes what is done from its tail, so that output
 * is in the order of the file, however far the engine has run ahead. The engine has one worker
 * here: with one, jobs reach the writer in the order in which they were submitted, and the same
 * file gives the same buckets each time. The writer is what takes the time, so nothing is lost. */
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/lines.h"
#include "cli/progress.h"

#include <pthread.h>
#include <stdio.h>

#define RING 1024                          /* jobs in flight */
#define RING_BYTES ((size_t)64 << 20)      /* bytes of their bodies; a longer one goes alone */
#define COMPLAINTS_MAX 20                  /* bad lines that are named; the others are counted */
#define JOB_BYTES_MAX ((size_t)4 << 30)    /* memory for the work on one line */
#define JOB_BYTES_KEPT ((size_t)256 << 10) /* an arena that grew beyond is made anew */

struct import;
struct slot {
    struct import *import;
    struct engine_job job;
    uint64_t line;
    bool finished; /* guarded by import->mu */
};

struct import {
    const struct command *command;
    struct config config;
    struct engine *engine;
    struct lines *lines;
    FILE *assignments; /* NULL when not asked for */
    bool scores;
    size_t threshold; /* index of the one that assignments are for */
    struct str project;
    struct progress progress;

    /* Invariant: tail <= head <= tail + RING; slots from tail to head are in flight. */
    struct slot ring[RING];
    uint64_t head, tail;
    size_t bytes; /* of bodies in flight */

    uint64_t stored, same, bad;

    pthread_mutex_t mu;
    pthread_cond_t one_finished;
};

struct options {
    const char *file, *data, *project, *assignments, *similarity, *config;
    double threshold;
    bool scores;
};

/* On a thread of the engine. */
static void job_done(struct engine_job *job)
{
    struct slot *s = job->owner;
    pthread_mutex_lock(&s->import->mu);
    s->finished = true;
    pthread_cond_signal(&s->import->one_finished);
    pthread_mutex_unlock(&s->import->mu);
}

static void complain(struct import *im, uint64_t line, const char *why)
{
    static const char in_the_text[] =
        "line 1, "; /* what the JSON parser, given a line, begins with */
    if (!strncmp(why, in_the_text, sizeof in_the_text - 1))
        why += sizeof in_the_text - 1;
    progress_clear(&im->progress);
    if (im->bad++ < COMPLAINTS_MAX)
        fprintf(stderr, "line %llu: %s\n", (unsigned long long)line, why);
    else if (im->bad == COMPLAINTS_MAX + 1)
        fprintf(stderr, "more bad lines follow; they are only counted\n");
}

static void write_assignment(struct import *im, const struct engine_result *r)
{
    fprintf(im->assignments, "%.*s\t%.*s", STR_ARG(r->database_id),
            STR_ARG(r->buckets[im->threshold]));
    if (im->scores && r->has_match)
        fprintf(im->assignments, "\t%.*s\t%.9g", STR_ARG(r->match_id), (double)r->score);
    else if (im->scores)
        fputs("\t\t", im->assignments);
    putc('\n', im->assignments);
}

/* Whether the sender of a line can do something about it; otherwise there is no point in going on.
 */
static bool is_bad_line(const struct err *e)
{
    return e->code == ERR_INPUT || e->code == ERR_LIMIT || e->code == ERR_CONFLICT;
}

static bool take_result(struct import *im, struct slot *s, struct err *e)
{
    const struct engine_job *job = &s->job;
    if (job->ok) {
        for (size_t i = 0; i < job->result_count; i++) {
            const struct engine_result *r = &job->results[i];
            ++*(r->same ? &im->same : &im->stored);
            if (im->assignments)
                write_assignment(im, r);
        }
        return true;
    }
    if (is_bad_line(&job->err)) {
        complain(im, s->line, job->err.msg);
        return true;
    }
    *e = job->err;
    return err_prefix(e, "line %llu: ", (unsigned long long)s->line);
}

/* The oldest job in flight, as soon as it is done. */
static bool take_oldest(struct import *im, struct err *e)
{
    struct slot *s = &im->ring[im->tail % RING];
    pthread_mutex_lock(&im->mu);
    while (!s->finished)
        pthread_cond_wait(&im->one_finished, &im->mu);
    pthread_mutex_unlock(&im->mu);
    im->tail++;
    im->bytes -= s->job.body.len;
    bool ok = take_result(im, s, e);
    if (arena_used(s->job.arena) > JOB_BYTES_KEPT) {
        arena_free(s->job.arena);
        s->job.arena = NULL;
    } else {
        arena_reset(s->job.arena);
    }
    return ok;
}

static bool submit_line(struct import *im, struct str line, struct err *e)
{
    while (im->head - im->tail == RING ||
           (im->head > im->tail && im->bytes + line.len > RING_BYTES))
        if (!take_oldest(im, e))
            return false;
    struct slot *s = &im->ring[im->head % RING];
    struct arena *a = s->job.arena ? s->job.arena : arena_new(JOB_BYTES_MAX);
    *s = (struct slot){ .import = im, .line = lines_number(im->lines) };
    s->job =
        (struct engine_job){ .arena = a, .project = im->project, .done = job_done, .owner = s };
    if (!a || !arena_str(a, line, &s->job.body))
        return err_set(e, ERR_NOMEM, 0, "no memory for a line of %zu bytes", line.len);
    if (!engine_submit(im->engine, &s->job, e))
        return false;
    im->head++;
    im->bytes += line.len;
    return true;
}

static void show_progress(struct import *im)
{
    const struct progress_state state = { .bytes = lines_read(im->lines),
                                          .bytes_total = lines_size(im->lines),
                                          .reports = im->stored + im->same };
    progress_update(&im->progress, &state);
}

static bool submit_all(struct import *im, struct err *e)
{
    char why[80];
    for (;;) {
        struct str line;
        switch (lines_next(im->lines, &line, e)) {
        case LINES_LINE:
            if (!submit_line(im, line, e))
                return false;
            break;
        case LINES_TOO_LONG:
            snprintf(why, sizeof why, "longer than %zu bytes", LINES_LENGTH_MAX);
            complain(im, lines_number(im->lines), why);
            break;
        case LINES_END:
            return true;
        case LINES_FAILED:
            return false;
        }
        show_progress(im);
    }
}

/* Whatever happens, no job may be in flight when the ring goes. */
static bool import_all(struct import *im, struct err *e)
{
    bool ok = submit_all(im, e);
    while (im->tail < im->head) {
        struct err later = { 0 };
        if (!take_oldest(im, &later) && ok) {
            ok = false;
            *e = later;
        }
        show_progress(im);
    }
    return ok;
}

static void sum_up(struct import *im)
{
    double seconds = progress_seconds(&im->progress);
    progress_clear(&im->progress);
    fprintf(stderr,
            "%llu reports stored, %llu were there already, %llu lines were bad; %.1f s, "
            "%.0f reports/s\n",
            (unsigned long long)im->stored, (unsigned long long)im->same,
            (unsigned long long)im->bad, seconds,
            seconds > 0 ? (double)(im->stored + im->same) / seconds : 0.0);
}

static bool configure(struct import *im, const struct options *o, struct err *e)
{
    struct config *c = &im->config;
    if (o->config && !config_read(c, o->config, e))
        return false;
    if (o->data)
        c->engine.data_dir = o->data;
    if (o->similarity)
        c->engine.grouping.similarity = o->similarity;
    c->engine.workers = 1;
    c->engine.queue_limit = RING;
    if (!config_finish(c, e))
        return false;
    double threshold = o->threshold >= 0 ? o->threshold : c->default_threshold;
    if (!config_find_threshold(c, threshold, &im->threshold, e))
        return false;
    if (o->scores && !o->assignments)
        return err_set(e, ERR_INPUT, 0, "--scores goes with --assignments OUT");
    im->scores = o->scores;
    im->project = str_from_c(o->project);
    return !o->project || report_project_check(im->project, e);
}

static bool open_files(struct import *im, const struct options *o, struct err *e)
{
    if (!lines_open(&im->lines, o->file, e))
        return false;
    if (o->assignments && !(im->assignments = fopen(o->assignments, "we")))
        return err_set(e, ERR_IO, 0, "cannot write %.120s: %m", o->assignments);
    return engine_open(&im->engine, &im->config.engine, e);
}

static bool close_assignments(struct import *im, struct err *e)
{
    FILE *f = im->assignments;
    im->assignments = NULL;
    if (!f)
        return true;
    bool failed = ferror(f);
    if (fclose(f) != 0 || failed)
        return err_set(e, ERR_IO, 0, "cannot write all of the assignments: %m");
    return true;
}

static int work(struct import *im, const struct options *o)
{
    struct err e = { 0 };
    if (!configure(im, o, &e))
        return e.code == ERR_INPUT ? cli_wrong(im->command, &e) : cli_fail(im->command, &e);
    log_set_level(LOG_WARN); /* the progress is told here */
    if (!open_files(im, o, &e))
        return e.code == ERR_INPUT ? cli_wrong(im->command, &e) : cli_fail(im->command, &e);
    progress_begin(&im->progress);
    bool ok = import_all(im, &e);
    sum_up(im);
    struct err closing = { 0 };
    if (!close_assignments(im, &closing) && ok) {
        ok = false;
        e = closing;
    }
    if (!ok)
        return cli_fail(im->command, &e);
    return im->bad ? CLI_FAILED : CLI_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct options o = { .threshold = -1 };
    const struct arg args[] = {
        { "FILE", ARG_OPERAND, &o.file },
        { "--data", ARG_TEXT, &o.data },
        { "--project", ARG_TEXT, &o.project },
        { "--assignments", ARG_TEXT, &o.assignments },
        { "--scores", ARG_FLAG, &o.scores },
        { "--threshold", ARG_REAL, &o.threshold },
        { "--similarity", ARG_TEXT, &o.similarity },
        { "--config", ARG_TEXT, &o.config },
    };
    int status;
    if (!cli_args(command, argc, argv, args, sizeof args / sizeof *args, &status))
        return status;
    static struct import im = { .mu = PTHREAD_MUTEX_INITIALIZER,
                                .one_finished = PTHREAD_COND_INITIALIZER };
    CLEANUP(arena_free_p) struct arena *a = arena_new((size_t)1 << 20);
    if (!a) {
        fputs("crumple import: no memory\n", stderr);
        return CLI_FAILED;
    }
    im.command = command;
    config_init(&im.config, a);
    status = work(&im, &o);
    engine_close(im.engine);
    lines_close(im.lines);
    if (im.assignments)
        fclose(im.assignments);
    for (size_t i = 0; i < RING; i++)
        arena_free(im.ring[i].job.arena);
    return status;
}

const struct command command_import = {
    .name = "import",
    .summary = "put a file of reports into the store",
    .help =
        "Usage: crumple import FILE --data DIR [OPTION]...\n\n"
        "Reads reports as JSON lines from FILE (\"-\": standard input) and stores them in the "
        "data\n"
        "directory DIR, in order, grouped as if they had been posted one by one. No server may "
        "run\n"
        "on DIR meanwhile. Lines that are bad are named with their number and left out; the "
        "others\n"
        "are stored, and the exit status is 1. A report that is there already, with the same\n"
        "content, is counted and not stored again: an import that was broken off can be "
        "repeated.\n\n"
        "  --data DIR         where reports are kept\n"
        "  --project P        the project of reports that name none; one that names another is "
        "bad\n"
        "  --assignments OUT  write a line for each report to OUT: database_id<TAB>bucket id\n"
        "  --scores           and behind it <TAB>nearest report<TAB>score, both empty when there "
        "is\n"
        "                     none\n"
        "  --threshold T      the threshold of the buckets in OUT (default: the default "
        "threshold)\n"
        "  --similarity NAME  how alike two reports are: culprit (default) or classic; of all\n"
        "                     projects but those for which FILE has another\n"
        "  --config FILE      the server's configuration, when it says how to group\n\n"
        "Examples:\n\n"
        "  crumple import reports.jsonl --data /var/lib/crumple --project Ubuntu\n"
        "  xzcat reports.jsonl.xz | crumple import - --data /tmp/crashes --assignments out.tsv\n",
    .run = run,
};
