/* desk.c - see the header. */
#include "api/desk.h"

#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

struct desk {
    struct queue *waiting;
    const char *too_many;
    pthread_t *threads;
    size_t thread_count;
};

static void *work(void *arg)
{
    struct desk *d = arg;
    void *item;
    while (queue_take(d->waiting, &item, 1) == 1) {
        struct desk_job *j = item;
        j->work(j);
    }
    return NULL;
}

bool desk_open(struct desk **out, size_t threads, size_t waiting_max, const char *too_many,
               struct err *e)
{
    struct desk *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, ERR_NOMEM, 0, "no memory for requests that wait");
    d->too_many = too_many;
    d->waiting = queue_new(waiting_max);
    d->threads = calloc(threads, sizeof *d->threads);
    while (d->waiting && d->threads && d->thread_count < threads &&
           pthread_create(&d->threads[d->thread_count], NULL, work, d) == 0)
        d->thread_count++;
    if (d->thread_count == threads) {
        *out = d;
        return true;
    }
    desk_close(d);
    return err_set(e, ERR_NOMEM, 0, "no threads for requests that wait");
}

void desk_close(struct desk *d)
{
    if (!d)
        return;
    if (d->waiting)
        queue_close(d->waiting);
    for (size_t i = 0; i < d->thread_count; i++)
        pthread_join(d->threads[i], NULL);
    queue_free(d->waiting);
    free(d->threads);
    free(d);
}

static void busy(struct http_exchange *x, void *arg)
{
    struct err e = { 0 };
    (void)err_set(&e, ERR_BUSY, 0, "%s", (const char *)arg);
    backtrace_refuse(x, 503, &e);
}

void desk_put(struct desk *d, struct desk_job *j, struct http_exchange *x)
{
    http_park(x);
    if (!queue_put(d->waiting, j))
        http_wake(x, busy, (char *)(uintptr_t)d->too_many);
}
