/* queue.c - a ring of pointers under one lock. */
#include "base/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct queue {
    size_t limit; /* set by queue_new, then never changed */
    pthread_mutex_t mu;
    pthread_cond_t not_empty, not_full;
    /* Guarded by mu. Invariant: count <= limit, head < limit; closed never goes back to false. */
    size_t head, count;
    bool closed;
    void *ring[];
};

struct queue *queue_new(size_t limit)
{
    assert(limit > 0 && limit < SIZE_MAX / (2 * sizeof(void *)));
    struct queue *q = calloc(1, sizeof *q + limit * sizeof q->ring[0]);
    if (!q)
        return NULL;
    q->limit = limit;
    pthread_mutex_init(&q->mu, NULL); /* these three cannot fail with default attributes */
    pthread_cond_init(&q->not_empty, NULL);
    pthread_cond_init(&q->not_full, NULL);
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    assert(q->count == 0);
    pthread_cond_destroy(&q->not_full);
    pthread_cond_destroy(&q->not_empty);
    pthread_mutex_destroy(&q->mu);
    free(q);
}

static bool put(struct queue *q, void *item, bool wait)
{
    pthread_mutex_lock(&q->mu);
    while (wait && !q->closed && q->count == q->limit)
        pthread_cond_wait(&q->not_full, &q->mu);
    bool fits = !q->closed && q->count < q->limit;
    if (fits) {
        size_t tail = q->head + q->count;
        q->ring[tail < q->limit ? tail : tail - q->limit] = item;
        q->count++;
        pthread_cond_signal(&q->not_empty); /* under mu: afterwards the queue may be freed */
    }
    pthread_mutex_unlock(&q->mu);
    return fits;
}

bool queue_put(struct queue *q, void *item)
{
    return put(q, item, false);
}

bool queue_put_wait(struct queue *q, void *item)
{
    return put(q, item, true);
}

size_t queue_take(struct queue *q, void **items, size_t n)
{
    assert(n > 0);
    pthread_mutex_lock(&q->mu);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->not_empty, &q->mu);
    size_t taken = q->count < n ? q->count : n;
    for (size_t i = 0; i < taken; i++) {
        items[i] = q->ring[q->head];
        q->head = q->head + 1 < q->limit ? q->head + 1 : 0;
    }
    q->count -= taken;
    if (taken == 1)
        pthread_cond_signal(&q->not_full);
    else if (taken > 1)
        pthread_cond_broadcast(&q->not_full);
    pthread_mutex_unlock(&q->mu);
    return taken;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->mu);
    q->closed = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_cond_broadcast(&q->not_full);
    pthread_mutex_unlock(&q->mu);
}

size_t queue_count(struct queue *q)
{
    pthread_mutex_lock(&q->mu);
    size_t count = q->count;
    pthread_mutex_unlock(&q->mu);
    return count;
}
