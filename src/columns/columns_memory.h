/* columns_memory.h - memory of the columns that readers may still see when the writer lets go of
 * it.
 *
 * The writer never changes what readers see: it makes a copy, shows that and retires the old one.
 * What it retires is collected until columns_publish, belongs to the generation that this ends, and
 * is freed when no reader is left in that generation or an older one. A reader enters the present
 * generation with memory_enter: it can come upon nothing that was retired before.
 *
 *     generations   oldest ─► ... ─► current        users: readers in it
 *                     │ retired at its end
 *                     ▼
 *                   memory ─► memory ─► NULL
 *
 * Threads: memory_enter and memory_leave: any; memory_bytes: any; all else: the writer. The lock is
 * held for a few instructions, and nothing is freed under it. */
#ifndef CRUMPLE_COLUMNS_MEMORY_H
#define CRUMPLE_COLUMNS_MEMORY_H

#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct columns;
struct columns_view; /* a generation */
struct memory;       /* what stands before each piece */

struct memory_pool {
    struct columns *owner; /* never changes */
    _Atomic size_t bytes;  /* of all pieces */
    /* The writer's. */
    uint64_t period;        /* counts columns_publish: what was made in this one, nobody sees yet */
    struct memory *retired; /* in this period */
    struct columns_view *next; /* the next generation, made before it is needed */
    /* Guarded by mu. */
    pthread_mutex_t mu;
    struct columns_view *oldest, *current;
};

MUST_CHECK bool memory_pool_init(struct memory_pool *p, struct columns *owner);
void memory_pool_done(struct memory_pool *p); /* frees what was retired; no reader is left */

/* Zeroed, aligned to 16 bytes. NULL: no memory. */
void *memory_new(struct memory_pool *p, size_t bytes);
void memory_free(struct memory_pool *p, void *piece);   /* which nobody ever saw; NULL is fine */
void memory_retire(struct memory_pool *p, void *piece); /* NULL is fine */
size_t memory_bytes(const struct memory_pool *p);

/* Makes sure that memory_turn can work. */
MUST_CHECK bool memory_turn_prepare(struct memory_pool *p);
/* The next generation: what was retired is no longer reached by readers that come from now on. */
void memory_turn(struct memory_pool *p);

const struct columns_view *memory_enter(struct memory_pool *p);
struct columns *memory_owner(const struct columns_view *v);
void memory_leave(struct memory_pool *p, const struct columns_view *v);

#endif
