/* edit.h - changes of stored objects that somebody asks for (engine_edit), on their way through the
 * writer. Inside src/engine only.
 *
 *     engine_edit: check ──► ready ──► writer: prepare a portion ──► store ──► stored ──┐
 *                              ▲                                                        │
 *                              └────────── not the last one: at the end of the queue ───┘
 *
 * A portion is a batch of its own, so that nothing else changes what it looks at. What it adds to
 * the batch is written in one transaction; when that fails, the request ends with the error, and
 * the portions before it stay done.
 *
 * Each kind is an edit_steps in a file of its own; edit.c has the table. */
#ifndef CRUMPLE_ENGINE_EDIT_H
#define CRUMPLE_ENGINE_EDIT_H

#include "engine/inside.h"

struct batch;

/* A request on its way; in its sender's arena. */
struct edit {
    struct engine *engine;
    struct engine_edit *request;
    struct engine_job *job;
    struct arena *arena; /* of the portion: what is put into the batch may live here */
    struct arena *one;   /* for one thing of it; who is done with that empties it */
    size_t at, end;      /* the portion: things from `at` to before `end` */
    size_t changed;      /* by the portion; counts once it is stored */
    void *made;          /* the kind's own, from prepare to stored */
};

struct edit_steps {
    size_t portion; /* things in one transaction */
    /* Any thread, before anything is taken: ERR_INPUT, ERR_NOT_FOUND ... NULL: all is well. */
    bool (*check)(struct engine *en, const struct engine_edit *t, struct err *e);
    /* How many things there are to do, objects for example; the same each time. */
    size_t (*count)(const struct engine_edit *t);
    /* The writer: adds what the portion changes to the batch, and sets d->changed. It may end the
     * portion earlier (edit_end_if_full). On failure nothing of the batch is stored. */
    bool (*prepare)(struct batch *b, struct edit *d, struct err *e);
    /* The writer: it is stored; the engine's own structures follow. NULL: nothing but what
     * batch_uploads_stored does. */
    void (*stored)(struct batch *b, struct edit *d);
};
extern const struct edit_steps edit_set;                 /* edit_set.c */
extern const struct edit_steps edit_remove, edit_detach; /* remove.c */
extern const struct edit_steps edit_merge, edit_unmerge; /* merge.c */
extern const struct edit_steps edit_issues;              /* issues.c */

/* For prepare(): things up to `at` are in the batch. Ends the portion there when they take much
 * memory; then it returns true. */
bool edit_end_if_full(struct edit *d, size_t at);

/* For the writer. */

MUST_CHECK bool edit_prepare(struct batch *b, struct engine_job *job);
void edit_stored(struct batch *b, struct engine_job *job);
/* An object of the next portion that is accepted and not yet committed; OBJECT_NONE. */
uint64_t edit_needs(const struct engine_job *job);
/* After its commit: whether another portion is to come. The next one is ready then. */
bool edit_goes_on(struct engine_job *job);

#endif
