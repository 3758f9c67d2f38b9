/* harness.c - see the header. */
#include "unit/engine/harness.h"

#include "base/buf.h"
#include "unit/remove_tree.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const double thresholds[] = { 0.0001, 1000 }; /* joins any match; never joins */

int place_setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    snprintf(p->dir, sizeof p->dir, "/tmp/crumple-engine-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    p->config = engine_defaults();
    p->config.data_dir = p->dir;
    p->config.grouping.thresholds = thresholds;
    p->config.grouping.threshold_count = 2;
    p->config.allow_delete_all = true;
    *state = p;
    return 0;
}

int place_teardown(void **state)
{
    struct place *p = *state;
    engine_close(p->engine);
    remove_tree(p->dir);
    free(p);
    return 0;
}

void place_open(struct place *p)
{
    struct err e = { 0 };
    if (!engine_open(&p->engine, &p->config, &e))
        fail_msg("engine_open: %s", e.msg);
}

void place_close(struct place *p)
{
    engine_close(p->engine);
    p->engine = NULL;
}

void place_reopen(struct place *p)
{
    place_close(p);
    place_open(p);
}

struct waiter {
    pthread_mutex_t mu;
    pthread_cond_t finished;
    bool is_finished; /* guarded by mu */
};

static void finish(struct engine_job *job)
{
    struct waiter *w = job->owner;
    pthread_mutex_lock(&w->mu);
    assert_false(w->is_finished);
    w->is_finished = true;
    pthread_cond_signal(&w->finished);
    pthread_mutex_unlock(&w->mu);
}

struct sent *sent_new(const char *project, struct str body)
{
    struct sent *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->waiter = calloc(1, sizeof *s->waiter);
    assert_non_null(s->waiter);
    pthread_mutex_init(&s->waiter->mu, NULL);
    pthread_cond_init(&s->waiter->finished, NULL);
    s->arena = arena_new(JOB_BYTES);
    s->job = (struct engine_job){
        .arena = s->arena, .project = str_from_c(project), .done = finish, .owner = s->waiter
    };
    assert_true(arena_str(s->arena, body, &s->job.body));
    return s;
}

bool sent_submit(struct place *p, struct sent *s, struct err *e)
{
    return engine_submit(p->engine, &s->job, e);
}

void sent_wait(struct sent *s)
{
    pthread_mutex_lock(&s->waiter->mu);
    while (!s->waiter->is_finished)
        pthread_cond_wait(&s->waiter->finished, &s->waiter->mu);
    pthread_mutex_unlock(&s->waiter->mu);
}

void sent_free(struct sent *s)
{
    pthread_cond_destroy(&s->waiter->finished);
    pthread_mutex_destroy(&s->waiter->mu);
    free(s->waiter);
    arena_free(s->arena);
    free(s);
}

PRINTF_LIKE(3, 0)
static struct sent *vpost(struct place *p, const char *project, const char *fmt, va_list args)
{
    char *body = NULL;
    assert_true(vasprintf(&body, fmt, args) >= 0);
    struct sent *s = sent_new(project, str_from_c(body));
    free(body);
    struct err e = { 0 };
    if (!sent_submit(p, s, &e))
        fail_msg("engine_submit: %s", e.msg);
    sent_wait(s);
    return s;
}

struct sent *post(struct place *p, const char *project, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct sent *s = vpost(p, project, fmt, args);
    va_end(args);
    return s;
}

void post_ok(struct place *p, const char *project, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct sent *s = vpost(p, project, fmt, args);
    va_end(args);
    if (!s->job.ok)
        fail_msg("%.*s: %s", STR_ARG(s->job.body), s->job.err.msg);
    sent_free(s);
}

void assert_str(struct str got, const char *want)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(got), want);
}

void assert_refused(const struct sent *s, enum err_code code, const char *word, size_t index)
{
    const struct engine_job *job = &s->job;
    const char *got = job->err.word ? job->err.word : "";
    if (job->ok || job->err.code != code || (word && strcmp(got, word) != 0) ||
        job->err_index != index || job->err.msg[0] == '\0')
        fail_msg("%.*s: ok %d, code %d, word \"%s\", index %zu: %s", STR_ARG(job->body), job->ok,
                 (int)job->err.code, got, job->err_index, job->err.msg);
}

void report_text(char *out, size_t room, const char *id, unsigned bug)
{
    snprintf(out, room,
             "{\"database_id\":\"%s\",\"project\":\"p%u\",\"date\":\"2020-01-%02u\",\"os\":\"o%u\","
             "\"stacktrace\":[{\"function\":\"alpha%u\"},{\"function\":\"beta%u\"},"
             "{\"function\":\"gamma%u\"},{\"function\":\"main\"}]}",
             id, bug % 3, bug % 28 + 1, bug % 5, bug, bug, bug / 4);
}

uint32_t report_count(struct place *p)
{
    const struct engine_view *v = engine_view_acquire(p->engine);
    uint32_t n = collection_count(v->collection);
    engine_view_release(p->engine, v);
    return n;
}

static void dump_values(struct buf *out, const struct lexicon *lx, struct values v)
{
    for (uint32_t i = 0; i < v.count; i++) {
        struct str text = lexicon_value_text(lexicon_value(lx, v.at[i]));
        buf_printf(out, " \"%.*s\"", STR_ARG(text));
    }
}

char *dump(struct place *p)
{
    const struct engine_view *v = engine_view_acquire(p->engine);
    const struct collection *c = v->collection;
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    for (uint32_t n = 0; n < collection_count(c); n++) {
        struct collected r = collection_report(c, n);
        buf_printf(&out, "%u %.*s in %.*s at %lld, match %u (%.9g), buckets", n,
                   STR_ARG(collection_name(c, r.name)), STR_ARG(collection_project(c, r.project)),
                   (long long)r.date_ms, r.top_match, (double)r.score);
        for (size_t t = 0; t < p->config.grouping.threshold_count; t++)
            buf_printf(&out, " %.*s", STR_ARG(collection_name(c, r.buckets[t])));
        if (r.superseded_by != COLLECTION_NONE)
            buf_printf(&out, ", superseded by %u", r.superseded_by);
        dump_values(&out, collection_lexicon(c), collection_stack(c, r.stack));
        dump_values(&out, collection_lexicon(c), r.other);
        buf_char(&out, '\n');
    }
    buf_char(&out, '\0');
    assert_true(buf_ok(&out));
    engine_view_release(p->engine, v);
    return out.ptr;
}
