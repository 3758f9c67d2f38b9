/* edit.c - see the header: requests, portions, and the table of kinds. */
#include "engine/edit.h"

#include "engine/measures.h"
#include "engine/place.h"

/* No limit for one object: what was taken once is taken again. Of many: edit_end_if_full. */
#define ARENA_BYTES ((size_t)4 << 30)

/* The steps of a kind; NULL when there is no such kind. */
static const struct edit_steps *steps_of(enum edit_kind kind)
{
    static const struct edit_steps *const kinds[] = {
        [EDIT_SET] = &edit_set,     [EDIT_REMOVE] = &edit_remove,   [EDIT_DETACH] = &edit_detach,
        [EDIT_MERGE] = &edit_merge, [EDIT_UNMERGE] = &edit_unmerge, [EDIT_ISSUES] = &edit_issues,
    };
    return (size_t)kind < sizeof kinds / sizeof *kinds ? kinds[kind] : NULL;
}

static size_t portion_end(const struct edit *d)
{
    const struct edit_steps *steps = steps_of(d->request->kind);
    size_t left = steps->count(d->request) - d->at;
    return d->at + (left < steps->portion ? left : steps->portion);
}

bool edit_end_if_full(struct edit *d, size_t at)
{
    bool is_full = arena_used(d->arena) >= d->engine->config.edit_bytes;
    if (is_full)
        d->end = at + 1;
    return is_full;
}

static void free_arenas(struct edit *d)
{
    arena_free(d->arena);
    arena_free(d->one);
}

static void edit_done(struct engine_job *job)
{
    struct edit *d = job->owner;
    struct engine_edit *t = d->request;
    t->ok = job->ok;
    t->err = job->err;
    free_arenas(d);
    t->done(t); /* and d is gone */
}

bool engine_edit(struct engine *en, struct engine_edit *t, struct err *e)
{
    const struct edit_steps *steps = steps_of(t->kind);
    t->ok = false;
    t->err = (struct err){ 0 };
    t->changed = 0;
    if (!steps)
        return err_set(e, ERR_INPUT, 0, "there is no such change");
    if (steps->check && !steps->check(en, t, e))
        return false;
    struct edit *d = arena_zalloc(t->arena, sizeof *d);
    if (!d)
        return err_set(e, ERR_NOMEM, 0, "no memory for this request");
    struct engine_job *job = request_new(t->arena, JOB_EDIT, d, edit_done, e);
    if (!job)
        return false;
    *d = (struct edit){ .engine = en,
                        .request = t,
                        .job = job,
                        .arena = arena_new(ARENA_BYTES),
                        .one = arena_new(ARENA_BYTES) };
    if (!d->arena || !d->one) {
        free_arenas(d);
        return err_set(e, ERR_NOMEM, 0, "no memory for this request");
    }
    d->end = portion_end(d);
    job->work->edit = d;
    if (request_submit(en->ready, job, e))
        return true;
    free_arenas(d);
    return false;
}

bool edit_prepare(struct batch *b, struct engine_job *job)
{
    struct edit *d = job->work->edit;
    arena_reset(d->arena);
    arena_reset(d->one);
    d->changed = 0;
    d->made = NULL;
    return steps_of(d->request->kind)->prepare(b, d, &job->err);
}

void edit_stored(struct batch *b, struct engine_job *job)
{
    struct edit *d = job->work->edit;
    const struct edit_steps *steps = steps_of(d->request->kind);
    d->request->changed += d->changed;
    metric_add(&measures.edited, (int64_t)d->changed);
    if (steps->stored)
        steps->stored(b, d);
}

uint64_t edit_needs(const struct engine_job *job)
{
    const struct edit *d = job->work->edit;
    const struct engine_edit *t = d->request;
    for (size_t i = d->at; i < d->end && i < t->object_count; i++)
        if (objects_find(&d->engine->objects, t->objects[i], t->project).state == OBJECT_ACCEPTED)
            return t->objects[i];
    return OBJECT_NONE;
}

bool edit_goes_on(struct engine_job *job)
{
    struct edit *d = job->work->edit;
    if (!job->ok || d->end == steps_of(d->request->kind)->count(d->request))
        return false;
    d->at = d->end;
    d->end = portion_end(d);
    return true;
}
