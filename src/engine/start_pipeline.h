/* start_pipeline.h - at start: what the store has, in its order, and made ready by all cores.
 * Inside src/engine only.
 *
 *     scanner ──► chunk of items ──► makers: make() ──┐
 *        │                                            ▼
 *        └───────── the same chunks, in order ───► taker: start_pipeline_take
 *        ▲                                            │
 *        └───────────── emptied chunks ◄──────────────┘ start_pipeline_give_back
 *
 * Chunks go round, so memory is bounded by their number.
 *
 * Threads: scanner and makers are the pipeline's; _begin, _take and _end are one thread's;
 * _give_up, _is_given_up and _give_back are anybody's. A chunk belongs to whoever has taken it
 * until it is given back. */
#ifndef CRUMPLE_ENGINE_START_PIPELINE_H
#define CRUMPLE_ENGINE_START_PIPELINE_H

#include "base/arena.h"
#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>

struct start_chunk {
    struct arena *arena; /* what its items point to; emptied when the chunk is given back */
    size_t count;
    void *items; /* count of them, each item_bytes */
    /* The pipeline's. */
    size_t bytes;
    bool is_made; /* guarded by mu */
};

struct start_pipeline_config {
    size_t makers; /* threads */
    size_t chunks_per_maker;
    size_t chunk_bytes; /* a chunk is passed on when it holds more */
    size_t item_bytes;
    /* The scanner: reads all, by _next and _add. False with *e: that is all there will be. */
    bool (*scan)(void *ctx, struct err *e);
    /* A maker, with a chunk that is nobody else's meanwhile. */
    void (*make)(void *ctx, struct start_chunk *c);
    void *ctx;
};

struct start_pipeline {
    struct start_pipeline_config config;
    struct queue *empty, *to_make, *in_order;
    _Atomic bool given_up;
    pthread_mutex_t mu;
    pthread_cond_t some_made;
    /* The scanner's, and _end's when it has ended. */
    struct start_chunk *filling;
    bool scan_ok;
    struct err scan_err;
    /* The taker's. */
    pthread_t scanner, *makers;
    size_t makers_started;
};

/* Begins to read. ERR_NOMEM: nothing is left of it. */
MUST_CHECK bool start_pipeline_begin(struct start_pipeline *p,
                                     const struct start_pipeline_config *c, struct err *e);
/* The next chunk, made; NULL: there are no more, or it was given up. */
struct start_chunk *start_pipeline_take(struct start_pipeline *p);
void start_pipeline_give_back(struct start_pipeline *p, struct start_chunk *c);
/* Ends the scanner; no chunk can be taken any more. */
void start_pipeline_give_up(struct start_pipeline *p);
bool start_pipeline_is_given_up(const struct start_pipeline *p);
/* All chunks have been given back; if `ok`, there are no more to take. Otherwise false, and *e
 * stays what it is. False, too, when the scanner failed: *e says why. */
MUST_CHECK bool start_pipeline_end(struct start_pipeline *p, bool ok, struct err *e);

/* In scan(): where the next item is to be (it is somebody's old one), and the arena for what it
 * points to. NULL with *e: it was given up. */
void *start_pipeline_next(struct start_pipeline *p, struct arena **a, struct err *e);
/* It is there; it holds so many bytes, about. */
void start_pipeline_add(struct start_pipeline *p, size_t bytes);

#endif
