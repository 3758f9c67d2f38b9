/* checkpoint.h - the rows of all objects in a file, so that a start need not make them all from the
 * store. Inside src/engine only.
 *
 *     store:  row log   ... 7 8 9 10 11      objects whose rows changed, in the order of commit
 *                             ▲
 *             checkpoint: token, number ──── DIR/columns.ckp: the token; rows as they were
 *                                            after entry 8, or later
 *
 * At start the file is read, and the rows of the objects behind its number are made anew. The file
 * is a shortcut, never believed: when its token is not the store's, or anything is wrong with it,
 * all rows are made from the store. The store learns of a file when that is durable, so a store
 * that knows a token has all commits that the file has. The file holds no rows of issues, and the
 * fingerprints that objects were shown with then: both are settled at start.
 *
 * Threads: the writer's, or at start and end the opener's; the file is read and written by a thread
 * of its own, one at a time. checkpoint_lacks: the writer's. */
#ifndef CRUMPLE_ENGINE_CHECKPOINT_H
#define CRUMPLE_ENGINE_CHECKPOINT_H

#include "columns/columns.h"

#include <pthread.h>
#include <stdatomic.h>

struct engine;

struct checkpoint {
    /* The writer's. */
    size_t rows;  /* how many there are, more or less */
    size_t since; /* changes of rows since the last one was begun */
    bool lacks;   /* a row is not as the store has it: no file is written any more */
    bool started; /* the thread, which is to be joined */
    /* The thread's, until it has been joined. */
    pthread_t thread;
    const struct columns_view *view;
    uint64_t number; /* of the row log */
    bool loaded;     /* at start: there are the file's rows */
    /* The number that the present file has; 0: there is none. */
    _Atomic uint64_t good;
    _Atomic bool is_writing;
};

/* At start, when the columns are empty: begins to read the file, beside what else a start does. Up
 * to checkpoint_loaded, or checkpoint_end, the columns are for nobody else. */
void checkpoint_load(struct engine *en);
/* Waits until it is read. True: there are rows, not published as far as the caller knows, and
 * *after is the number whose later changes are to be made. False: the columns may hold anything. */
MUST_CHECK bool checkpoint_loaded(struct engine *en, uint64_t *after);
/* New, empty columns. Nobody else has them yet. ERR_NOMEM. */
MUST_CHECK bool checkpoint_columns_anew(struct engine *en, struct err *e);
/* The changed rows have been put in, too; `gone` objects have none any more. Shows all with the
 * fingerprints of today. Issues have no rows yet. ERR_NOMEM, and of the store. */
MUST_CHECK bool checkpoint_settle(struct engine *en, const uint64_t *gone, size_t gone_count,
                                  struct err *e);
/* The start is over. */
void checkpoint_began(struct engine *en, size_t changes, uint64_t number);

/* So many rows have changed, and are published: perhaps it is time for a file. */
void checkpoint_note(struct engine *en, size_t changes);
/* A row could not be put or changed. */
void checkpoint_lacks(struct engine *en);
/* All is deleted. */
void checkpoint_forget(struct engine *en);
/* The writer has ended: waits for the thread, and writes what has changed since. */
void checkpoint_end(struct engine *en);

#endif
