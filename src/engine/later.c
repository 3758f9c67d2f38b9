/* later.c - see the header. Few objects wait at a time; they stand in the order of their ids. */
#include "engine/later.h"

#include "base/log.h"
#include "base/metrics.h"
#include "engine/inside.h"

#include <stdlib.h>
#include <time.h>

#define WAIT_MAX_MS (INT64_C(3600) * 1000)
#define DUE_MAX 64 /* handed over at once */

struct unconverted {
    uint64_t object;
    int64_t due_us; /* 0: it is in work, or in the backlog */
    unsigned tries; /* that did not get all of it */
    unsigned killed;
};

struct later {
    struct engine *engine;
    pthread_t thread;

    /* Guards all that follows. */
    pthread_mutex_t mu;
    pthread_cond_t changed;
    VEC(struct unconverted) objects;
    int64_t poke_us; /* 0: need not be */
    bool closed;
};

/* --- what waits ---------------------------------------------------------------------------- */

/* Where the object is, or should be. The caller holds mu. */
static size_t place_of(const struct later *l, uint64_t object)
{
    size_t low = 0, high = l->objects.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->objects.at[middle].object < object)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct later *l, size_t at, uint64_t object)
{
    return at < l->objects.len && l->objects.at[at].object == object;
}

/* NULL: no memory; then it is tried again at the next start. The caller holds mu. */
static struct unconverted *entry_make(struct later *l, uint64_t object)
{
    const struct unconverted fresh = { .object = object };
    size_t at = place_of(l, object);
    if (is_at(l, at, object))
        return &l->objects.at[at];
    if (!VEC_PUSH(&l->objects, fresh))
        return NULL;
    memmove(l->objects.at + at + 1, l->objects.at + at,
            (l->objects.len - 1 - at) * sizeof *l->objects.at);
    l->objects.at[at] = fresh;
    return &l->objects.at[at];
}

static int64_t wait_ms(const struct later *l, unsigned tries)
{
    int64_t ms = l->engine->config.helper_retry_ms;
    while (--tries > 0 && ms < WAIT_MAX_MS)
        ms *= 2;
    return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

void later_convert(struct later *l, uint64_t object)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mu);
    struct unconverted *u = entry_make(l, object);
    if (u)
        u->due_us = metric_clock_us() + wait_ms(l, ++u->tries) * 1000;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mu);
}

void later_forget(struct later *l, uint64_t object)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mu);
    size_t at = place_of(l, object);
    if (is_at(l, at, object)) {
        l->objects.len--;
        memmove(l->objects.at + at, l->objects.at + at + 1,
                (l->objects.len - at) * sizeof *l->objects.at);
    }
    pthread_mutex_unlock(&l->mu);
}

unsigned later_killed(struct later *l, uint64_t object)
{
    if (!l)
        return 1;
    pthread_mutex_lock(&l->mu);
    struct unconverted *u = entry_make(l, object);
    unsigned times = u ? ++u->killed : 1;
    pthread_mutex_unlock(&l->mu);
    return times;
}

void later_poke(struct later *l, int64_t at_us)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mu);
    if (l->poke_us == 0 || at_us < l->poke_us) {
        l->poke_us = at_us;
        pthread_cond_signal(&l->changed);
    }
    pthread_mutex_unlock(&l->mu);
}

/* --- the thread ---------------------------------------------------------------------------- */

/* When the next is due; 0: nothing waits. The caller holds mu. */
static int64_t next_us(const struct later *l)
{
    int64_t next = l->poke_us;
    for (size_t i = 0; i < l->objects.len; i++) {
        int64_t due_us = l->objects.at[i].due_us;
        if (due_us > 0 && (next == 0 || due_us < next))
            next = due_us;
    }
    return next;
}

static void wait_until(struct later *l, int64_t until_us)
{
    const struct timespec t = { .tv_sec = until_us / 1000000,
                                .tv_nsec = until_us % 1000000 * 1000 };
    if (until_us > 0)
        pthread_cond_timedwait(&l->changed, &l->mu, &t);
    else
        pthread_cond_wait(&l->changed, &l->mu);
}

struct due {
    uint64_t objects[DUE_MAX];
    size_t count;
    bool poke;
};

/* Waits for something that is due, and takes it. False: closed. */
static bool take_due(struct later *l, struct due *d)
{
    int64_t until_us, now_us = 0;
    *d = (struct due){ 0 };
    pthread_mutex_lock(&l->mu);
    while (!l->closed && ((until_us = next_us(l)) == 0 || until_us > (now_us = metric_clock_us())))
        wait_until(l, until_us);
    for (size_t i = 0; i < l->objects.len && d->count < DUE_MAX; i++) {
        struct unconverted *u = &l->objects.at[i];
        if (u->due_us > 0 && u->due_us <= now_us) {
            d->objects[d->count++] = u->object;
            u->due_us = 0;
        }
    }
    d->poke = l->poke_us > 0 && l->poke_us <= now_us;
    if (d->poke)
        l->poke_us = 0;
    bool closed = l->closed;
    pthread_mutex_unlock(&l->mu);
    return !closed;
}

static void *run(void *arg)
{
    struct later *l = arg;
    struct due d;
    struct err e = { 0 };
    while (take_due(l, &d)) {
        if (d.poke)
            poke_writer(l->engine);
        if (d.count > 0)
            log_line(LOG_INFO, "symbols_to_convert", "uploads=%zu", d.count);
        if (!engine_reprocess(l->engine, d.objects, d.count, &e)) /* then at the next start */
            log_line(LOG_ERROR, "not_reprocessed", "reason=%s", log_str(str_from_c(e.msg)));
    }
    return NULL;
}

bool later_start(struct later **out, struct engine *en, struct err *e)
{
    struct later *l = calloc(1, sizeof *l);
    pthread_condattr_t monotonic;
    if (!l)
        return err_set(e, ERR_NOMEM, 0, "what is done later");
    l->engine = en;
    pthread_mutex_init(&l->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&l->thread, NULL, run, l) == 0) {
        *out = l;
        return true;
    }
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mu);
    free(l);
    return err_set(e, ERR_NOMEM, 0, "cannot start a thread of the engine");
}

void later_stop(struct later *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mu);
    l->closed = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mu);
    pthread_join(l->thread, NULL);
}

void later_free(struct later *l)
{
    if (!l)
        return;
    VEC_FREE(&l->objects);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mu);
    free(l);
}
