/* start_pipeline.c - see the header. A chunk is in two queues while it is made: the maker's work
 * is done on it, and the taker, who has it already, waits for that. Each queue has room for all the
 * chunks there are, so nobody waits but for an empty one. */
#include "engine/start_pipeline.h"

#include "base/queue.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_ITEMS 128
#define CHUNK_ARENA ((size_t)16 << 30) /* no limit: what was taken once is taken again */
#define CHUNK_KEPT (1u << 20)          /* memory that a chunk keeps from round to round */

/* --- chunks --------------------------------------------------------------------------------- */

static void chunk_free(struct start_chunk *c)
{
    if (!c)
        return;
    arena_free(c->arena);
    free(c->items);
    free(c);
}

/* The first block of an arena stays when it is emptied. */
static bool keep_room(struct arena *a)
{
    bool ok = a && arena_alloc(a, CHUNK_KEPT);
    if (ok)
        arena_reset(a);
    return ok;
}

static struct start_chunk *chunk_new(size_t item_bytes)
{
    struct start_chunk *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->arena = arena_new(CHUNK_ARENA);
    c->items = calloc(CHUNK_ITEMS, item_bytes);
    if (c->items && keep_room(c->arena))
        return c;
    chunk_free(c);
    return NULL;
}

static bool add_chunks(struct start_pipeline *p, size_t count)
{
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        struct start_chunk *c = chunk_new(p->config.item_bytes);
        ok = c && queue_put(p->empty, c);
        if (!ok)
            chunk_free(c);
    }
    return ok;
}

void start_pipeline_give_back(struct start_pipeline *p, struct start_chunk *c)
{
    arena_reset(c->arena);
    c->count = c->bytes = 0;
    c->is_made = false;
    if (!queue_put(p->empty, c)) /* closed */
        chunk_free(c);
}

/* --- the scanner ---------------------------------------------------------------------------- */

static void pass_on(struct start_pipeline *p)
{
    if (p->filling && queue_put_wait(p->in_order, p->filling) &&
        queue_put_wait(p->to_make, p->filling))
        p->filling = NULL;
}

void *start_pipeline_next(struct start_pipeline *p, struct arena **a, struct err *e)
{
    void *empty;
    if (!p->filling) {
        if (queue_take(p->empty, &empty, 1) == 0) { /* closed */
            err_set(e, ERR_IO, 0, "the start was given up");
            return NULL;
        }
        p->filling = empty;
    }
    *a = p->filling->arena;
    return (char *)p->filling->items + p->filling->count * p->config.item_bytes;
}

void start_pipeline_add(struct start_pipeline *p, size_t bytes)
{
    struct start_chunk *c = p->filling;
    c->bytes += bytes;
    if (++c->count == CHUNK_ITEMS || c->bytes > p->config.chunk_bytes)
        pass_on(p);
}

static void *scanner_run(void *arg)
{
    struct start_pipeline *p = arg;
    p->scan_ok = p->config.scan(p->config.ctx, &p->scan_err);
    pass_on(p);
    queue_close(p->to_make);
    queue_close(p->in_order);
    return NULL;
}

/* --- the makers ----------------------------------------------------------------------------- */

static void *maker_run(void *arg)
{
    struct start_pipeline *p = arg;
    void *taken;
    while (queue_take(p->to_make, &taken, 1) > 0) {
        struct start_chunk *c = taken;
        p->config.make(p->config.ctx, c);
        pthread_mutex_lock(&p->mu);
        c->is_made = true;
        pthread_cond_signal(&p->some_made); /* only the taker waits for it */
        pthread_mutex_unlock(&p->mu);
    }
    return NULL;
}

/* --- the taker ------------------------------------------------------------------------------ */

struct start_chunk *start_pipeline_take(struct start_pipeline *p)
{
    void *taken;
    while (queue_take(p->in_order, &taken, 1) > 0) {
        struct start_chunk *c = taken;
        pthread_mutex_lock(&p->mu);
        while (!c->is_made)
            pthread_cond_wait(&p->some_made, &p->mu);
        pthread_mutex_unlock(&p->mu);
        if (!start_pipeline_is_given_up(p))
            return c;
        start_pipeline_give_back(p, c);
    }
    return NULL;
}

void start_pipeline_give_up(struct start_pipeline *p)
{
    atomic_store_explicit(&p->given_up, true, memory_order_relaxed);
    queue_close(p->empty);
}

bool start_pipeline_is_given_up(const struct start_pipeline *p)
{
    return atomic_load_explicit(&p->given_up, memory_order_relaxed);
}

/* --- all of it ------------------------------------------------------------------------------ */

/* The scanner, if there was one, has ended. */
static void end_makers(struct start_pipeline *p)
{
    queue_close(p->to_make);
    for (size_t i = 0; i < p->makers_started; i++)
        pthread_join(p->makers[i], NULL);
}

static bool start_threads(struct start_pipeline *p, struct err *e)
{
    p->makers = calloc(p->config.makers, sizeof *p->makers);
    while (p->makers && p->makers_started < p->config.makers &&
           pthread_create(&p->makers[p->makers_started], NULL, maker_run, p) == 0)
        p->makers_started++;
    if (p->makers_started > 0 && pthread_create(&p->scanner, NULL, scanner_run, p) == 0)
        return true;
    end_makers(p);
    return err_set(e, ERR_NOMEM, 0, "cannot start the threads that read the store");
}

/* No thread runs. */
static void release(struct start_pipeline *p)
{
    void *taken;
    if (p->empty) {
        queue_close(p->empty);
        while (queue_take(p->empty, &taken, 1) > 0)
            chunk_free(taken);
    }
    queue_free(p->empty);
    queue_free(p->to_make);
    queue_free(p->in_order);
    free(p->makers);
    pthread_cond_destroy(&p->some_made);
    pthread_mutex_destroy(&p->mu);
}

bool start_pipeline_begin(struct start_pipeline *p, const struct start_pipeline_config *c,
                          struct err *e)
{
    size_t chunks = c->chunks_per_maker * c->makers;
    *p = (struct start_pipeline){ .config = *c };
    pthread_mutex_init(&p->mu, NULL);
    pthread_cond_init(&p->some_made, NULL);
    p->empty = queue_new(chunks);
    p->to_make = queue_new(chunks);
    p->in_order = queue_new(chunks);
    bool ok = (p->empty && p->to_make && p->in_order && add_chunks(p, chunks)) ||
              err_set(e, ERR_NOMEM, 0, "reading the store");
    ok = ok && start_threads(p, e);
    if (!ok)
        release(p);
    return ok;
}

bool start_pipeline_end(struct start_pipeline *p, bool ok, struct err *e)
{
    if (!ok)
        start_pipeline_give_up(p);
    struct start_chunk *left = start_pipeline_take(p);
    assert(!left);
    pthread_join(p->scanner, NULL);
    end_makers(p);
    release(p);
    if (ok && !p->scan_ok)
        *e = p->scan_err;
    return ok && p->scan_ok;
}
