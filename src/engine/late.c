/* late.c - see the header.
 *
 * Only ids, and the names of scripts, lead from symbols to the modules that are missing; whether
 * what came is for a module the library alone decides. All lists are read in pages, in the order of
 * an index, so that a look costs what it finds; and a stop waits for one page at most. */
#include "engine/late.h"

#include "base/log.h"
#include "engine/inside.h"

#include <stdlib.h>

#define PAGE 256         /* rows; objects handed over at once */
#define WAITING_MAX 1024 /* objects that wait; then it waits, too */
#define LOOK_MS 200      /* whether they still do */
#define JOBS_MAX 65536   /* beyond, it looks at all */
#define SORTED_FIRST 65536
#define ARENA_BYTES ((size_t)64 << 20) /* of a page */

/* What it was notified of. */
struct late_job {
    uint64_t object;
    bool is_report; /* it wants symbols; else it has brought some */
};
struct late_jobs {
    VEC(struct late_job) list;
    bool all; /* look at everything */
};

struct late {
    struct engine *engine;
    pthread_t thread;

    /* Guards all that follows. */
    pthread_mutex_t mu;
    pthread_cond_t changed;
    struct late_jobs jobs;
    bool closed;
};

static void notify(struct late *l, struct late_job job)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mu);
    if (l->jobs.list.len >= JOBS_MAX || !VEC_PUSH(&l->jobs.list, job))
        l->jobs.all = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mu);
}

void late_symbols(struct late *l, uint64_t object)
{
    notify(l, (struct late_job){ object, false });
}

void late_report(struct late *l, uint64_t object)
{
    notify(l, (struct late_job){ object, true });
}

/* Waits for something to do; the caller frees the list. False: closed. */
static bool take_jobs(struct late *l, struct late_jobs *out)
{
    pthread_mutex_lock(&l->mu);
    while (!l->closed && !l->jobs.all && l->jobs.list.len == 0)
        pthread_cond_wait(&l->changed, &l->mu);
    bool ok = !l->closed;
    if (ok) {
        *out = l->jobs;
        l->jobs = (struct late_jobs){ .all = false };
    }
    pthread_mutex_unlock(&l->mu);
    return ok;
}

static bool is_closed(struct late *l)
{
    pthread_mutex_lock(&l->mu);
    bool closed = l->closed;
    pthread_mutex_unlock(&l->mu);
    return closed;
}

/* True: closed. */
static bool wait_a_while(struct late *l)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += LOOK_MS * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&l->mu);
    if (!l->closed)
        pthread_cond_timedwait(&l->changed, &l->mu, &t);
    bool closed = l->closed;
    pthread_mutex_unlock(&l->mu);
    return closed;
}

/* False: closed. */
static bool has_room(struct late *l)
{
    while (engine_reprocessed(l->engine).waiting > WAITING_MAX)
        if (wait_a_while(l))
            return false;
    return !is_closed(l);
}

/* One look: the reports that want what is there now. */
struct look {
    struct late *late;
    /* This page and the one before, which says where this one begins. */
    struct arena *wants[2], *ids[2];
    VEC(uint64_t) objects;
    size_t sort_at; /* when there are so many, those that are there twice go */
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory to look who misses symbols");
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* One report can miss many modules. */
static void sort_unique(struct look *k)
{
    size_t kept = 0;
    uint64_t *at = k->objects.at;
    if (k->objects.len > 0)
        qsort(at, k->objects.len, sizeof *at, by_number);
    for (size_t i = 0; i < k->objects.len; i++)
        if (kept == 0 || at[i] != at[kept - 1])
            at[kept++] = at[i];
    k->objects.len = kept;
    k->sort_at = kept < SORTED_FIRST / 2 ? SORTED_FIRST : 2 * kept;
}

static bool add_object(struct look *k, uint64_t object, struct err *e)
{
    if (k->objects.len >= k->sort_at)
        sort_unique(k);
    return VEC_PUSH(&k->objects, object) || no_memory(e);
}

static bool same_module(const struct stored_module *a, const struct stored_module *b)
{
    return str_eq(a->debug_id, b->debug_id) && str_eq(a->code_id, b->code_id) &&
           str_eq(a->debug_file, b->debug_file) && str_eq(a->code_file, b->code_file);
}

/* Those of a page that want what is there. *last is the one before them, or has no object; then the
 * last of them, and *there whether its module is. */
static bool add_wants(struct look *k, struct str project, const struct missing_want *wants,
                      size_t count, struct missing_want *last, bool *there, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        if (last->object == 0 || !same_module(&last->module, &wants[i].module))
            *there = symbols_have(k->late->engine, project, &wants[i].module);
        *last = wants[i];
        if (*there && !add_object(k, wants[i].object, e))
            return false;
    }
    return true;
}

/* Whoever wants something of the range that is there. What is not there is passed over, however
 * many want it. */
static bool look_at(struct look *k, const struct missing_range *range, struct err *e)
{
    struct store *store = k->late->engine->store;
    struct missing_want *wants, last = { .object = 0 };
    size_t count = PAGE;
    bool there = false;
    for (size_t turn = 0; count == PAGE && !is_closed(k->late); turn++) {
        struct arena *a = k->wants[turn % 2];
        arena_reset(a);
        if (!store_missing_wants(store, range, turn > 0 ? &last : NULL, PAGE, a, &wants, &count,
                                 e) ||
            !add_wants(k, range->project, wants, count, &last, &there, e))
            return false;
        if (!there)
            last.object = UINT64_MAX;
    }
    return true;
}

/* Some at a time, so that the line of those that wait stays short. */
static bool hand_over(struct look *k, struct str for_what, struct err *e)
{
    sort_unique(k);
    size_t count = k->objects.len;
    if (count > 0)
        log_line(LOG_INFO, "late_symbols", "for=%s reports=%zu", log_str(for_what), count);
    bool ok = true;
    for (size_t at = 0; ok && at < count && has_room(k->late); at += PAGE) {
        size_t n = count - at < PAGE ? count - at : PAGE;
        ok = engine_reprocess(k->late->engine, k->objects.at + at, n, e);
    }
    k->objects.len = 0;
    return ok;
}

static bool look_for_ids(struct look *k, const struct symbol_id *ids, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        struct missing_range range = { .project = ids[i].project };
        *(ids[i].way == SYMBOL_BY_DEBUG_ID  ? &range.debug_id
          : ids[i].way == SYMBOL_BY_CODE_ID ? &range.code_id
                                            : &range.debug_file) = ids[i].id;
        if (!look_at(k, &range, e))
            return false;
    }
    return true;
}

/* The symbols of one upload. */
static bool look_for_upload(struct look *k, uint64_t object, struct err *e)
{
    struct symbol_id *ids, last;
    size_t count = PAGE;
    char text[32];
    for (size_t turn = 0; count == PAGE && !is_closed(k->late); turn++) {
        struct arena *a = k->ids[turn % 2];
        arena_reset(a);
        if (!store_symbol_ids(k->late->engine->store, object, turn > 0 ? &last : NULL, PAGE, a,
                              &ids, &count, e) ||
            !look_for_ids(k, ids, count, e))
            return false;
        if (count > 0)
            last = ids[count - 1];
    }
    (void)snprintf(text, sizeof text, "%llx", (unsigned long long)object);
    return hand_over(k, str_from_c(text), e);
}

static bool look_everywhere(struct look *k, struct err *e)
{
    struct str *projects;
    size_t count;
    arena_reset(k->ids[0]);
    if (!store_projects(k->late->engine->store, k->ids[0], &projects, &count, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct missing_range range = { .project = projects[i] };
        if (!look_at(k, &range, e) || !hand_over(k, projects[i], e))
            return false;
    }
    return true;
}

static void done(bool ok, const struct err *e)
{
    if (!ok)
        log_line(LOG_ERROR, "late_symbols_failed", "reason=%s", log_str(str_from_c(e->msg)));
}

static void do_jobs(struct look *k, const struct late_jobs *jobs)
{
    struct engine *en = k->late->engine;
    for (size_t i = 0; i < jobs->list.len && has_room(k->late); i++) {
        const struct late_job *job = &jobs->list.at[i];
        struct err e = { 0 };
        if (job->is_report)
            done(engine_reprocess(en, &job->object, 1, &e), &e);
        else if (!jobs->all)
            done(look_for_upload(k, job->object, &e), &e);
        k->objects.len = 0;
    }
    struct err e = { 0 };
    if (jobs->all)
        done(look_everywhere(k, &e), &e);
    k->objects.len = 0;
}

static bool look_init(struct look *k, struct late *l)
{
    *k = (struct look){ .late = l, .sort_at = SORTED_FIRST };
    for (size_t i = 0; i < 2; i++) {
        k->wants[i] = arena_new(ARENA_BYTES);
        k->ids[i] = arena_new(ARENA_BYTES);
    }
    return k->wants[0] && k->wants[1] && k->ids[0] && k->ids[1];
}

static void look_done(struct look *k)
{
    for (size_t i = 0; i < 2; i++) {
        arena_free(k->wants[i]);
        arena_free(k->ids[i]);
    }
    VEC_FREE(&k->objects);
}

static void *run(void *arg)
{
    struct late *l = arg;
    struct late_jobs jobs;
    while (take_jobs(l, &jobs)) {
        struct look k;
        struct err e = { 0 };
        if (look_init(&k, l))
            do_jobs(&k, &jobs);
        else
            done(no_memory(&e), &e);
        look_done(&k);
        VEC_FREE(&jobs.list);
    }
    return NULL;
}

bool late_start(struct late **out, struct engine *en, struct err *e)
{
    struct late *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, 0, "late symbols");
    l->engine = en;
    l->jobs.all = true;
    pthread_mutex_init(&l->mu, NULL);
    pthread_cond_init(&l->changed, NULL);
    *out = l; /* before it runs */
    if (pthread_create(&l->thread, NULL, run, l) == 0)
        return true;
    *out = NULL;
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mu);
    free(l);
    return err_set(e, ERR_NOMEM, 0, "cannot start a thread of the engine");
}

void late_stop(struct late *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mu);
    l->closed = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mu);
    pthread_join(l->thread, NULL);
}

void late_free(struct late *l)
{
    if (!l)
        return;
    VEC_FREE(&l->jobs.list);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mu);
    free(l);
}
