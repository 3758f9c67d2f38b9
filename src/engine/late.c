/* late.c - see the header.
 *
 * What is looked at are the modules that are missing, not the symbols that came: so the rules of
 * the library alone decide, and what came while the last look went on is seen by the next. */
#include "engine/late.h"

#include "base/log.h"
#include "engine/inside.h"

#include <stdlib.h>

#define MODULES_MAX 100000 /* looked at for one project; those that most reports want */
#define OBJECTS_PAGE 256   /* handed over at once */
#define WAITING_MAX 1024   /* objects that wait; then it waits, too */
#define LOOK_MS 200        /* whether they still do */
#define ARENA_BYTES ((size_t)1 << 30)

struct late {
    struct engine *engine;
    pthread_t thread;

    /* Guards all that follows. */
    pthread_mutex_t mu;
    pthread_cond_t changed;
    VEC(char *) projects; /* heap; "": all */
    bool all;             /* there was no memory to name one */
    bool closed;
    char everything[1]; /* the name that take_project gives for all of them */
};

void late_notify(struct late *l, struct str project)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mu);
    bool known = l->all;
    for (size_t i = 0; i < l->projects.len; i++)
        known |= str_eq(str_from_c(l->projects.at[i]), project);
    char *name = known ? NULL : strndup(project.ptr, project.len);
    if (!known && (!name || !VEC_PUSH(&l->projects, name))) {
        free(name);
        l->all = true;
    }
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mu);
}

/* Waits for a project to look at; leave_project lets go of its name. NULL: closed. */
static char *take_project(struct late *l)
{
    char *name = NULL;
    pthread_mutex_lock(&l->mu);
    while (!l->closed && !l->all && l->projects.len == 0)
        pthread_cond_wait(&l->changed, &l->mu);
    if (!l->closed && l->projects.len > 0) {
        name = l->projects.at[--l->projects.len];
    } else if (!l->closed) {
        name = l->everything;
        l->all = false;
    }
    pthread_mutex_unlock(&l->mu);
    return name;
}

static void leave_project(struct late *l, char *name)
{
    if (name != l->everything)
        free(name);
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

static bool has_room(struct late *l)
{
    while (engine_reprocessed(l->engine).waiting > WAITING_MAX)
        if (wait_a_while(l))
            return false;
    return true;
}

struct objects_found {
    VEC(uint64_t) objects;
};

/* All reports that miss the module, which is there now. */
static bool collect(struct late *l, const struct missing_module *m, struct objects_found *found,
                    struct err *e)
{
    uint64_t after = 0, *objects;
    size_t count = OBJECTS_PAGE;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    while (a && count == OBJECTS_PAGE) {
        arena_reset(a);
        if (!store_missing_objects(l->engine->store, m->project, &m->module, after, OBJECTS_PAGE, a,
                                   &objects, &count, e))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!VEC_PUSH(&found->objects, objects[i]))
                return err_set(e, ERR_NOMEM, 0, "late symbols");
        after = count > 0 ? objects[count - 1] : after;
    }
    return a || err_set(e, ERR_NOMEM, 0, "late symbols");
}

static bool collect_all(struct late *l, struct str project, struct objects_found *found,
                        struct err *e)
{
    struct missing_module *missing;
    size_t count;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "late symbols");
    if (!store_missing_list(l->engine->store, project, 0, MODULES_MAX, a, &missing, &count, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct stored_module *m = &missing[i].module;
        const struct module_id id = { m->debug_file, m->debug_id, m->code_file, m->code_id };
        if (library_has(l->engine->library, missing[i].project, &id) &&
            !collect(l, &missing[i], found, e))
            return false;
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* One report can miss many modules. */
static size_t sort_unique(uint64_t *at, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(at, count, sizeof *at, by_number);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || at[i] != at[kept - 1])
            at[kept++] = at[i];
    return kept;
}

/* Some at a time, so that the line of those that wait stays short. */
static bool hand_over(struct late *l, const uint64_t *objects, size_t count, struct err *e)
{
    for (size_t at = 0; at < count && has_room(l); at += OBJECTS_PAGE) {
        size_t n = count - at < OBJECTS_PAGE ? count - at : OBJECTS_PAGE;
        if (!engine_reprocess(l->engine, objects + at, n, e))
            return false;
    }
    return true;
}

static bool look(struct late *l, struct str project, size_t *handed, struct err *e)
{
    struct objects_found found = { 0 };
    bool ok = collect_all(l, project, &found, e);
    *handed = ok ? sort_unique(found.objects.at, found.objects.len) : 0;
    ok = ok && hand_over(l, found.objects.at, *handed, e);
    VEC_FREE(&found.objects);
    return ok;
}

static void *run(void *arg)
{
    struct late *l = arg;
    char *project;
    while ((project = take_project(l))) {
        struct err e = { 0 };
        size_t handed = 0;
        if (!look(l, str_from_c(project), &handed, &e))
            log_line(LOG_ERROR, "late_symbols_failed", "project=%s reason=%s",
                     log_str(str_from_c(project)), log_str(str_from_c(e.msg)));
        if (handed > 0)
            log_line(LOG_INFO, "late_symbols", "project=%s reports=%zu",
                     log_str(str_from_c(project)), handed);
        leave_project(l, project);
    }
    return NULL;
}

bool late_start(struct late **out, struct engine *en, struct err *e)
{
    struct late *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, 0, "late symbols");
    l->engine = en;
    l->all = true;
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
    for (size_t i = 0; i < l->projects.len; i++)
        free(l->projects.at[i]);
    VEC_FREE(&l->projects);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mu);
    free(l);
}
