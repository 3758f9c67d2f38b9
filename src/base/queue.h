/* queue.h - a bounded queue of pointers between threads; ownership travels with the item.
 *
 * queue_put takes the item on success and leaves it with the caller on failure. Threads: any. */
#ifndef CRUMPLE_BASE_QUEUE_H
#define CRUMPLE_BASE_QUEUE_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stddef.h>

struct queue;

struct queue *queue_new(size_t limit); /* NULL when memory is short */
void queue_free(struct queue *q);      /* must be empty: its items had owners */
DEFINE_CLEANUP(struct queue, queue_free)

/* Does not wait: false when it is full or closed. */
MUST_CHECK bool queue_put(struct queue *q, void *item);
/* Waits while it is full; false only when it is closed. For threads inside the engine. */
MUST_CHECK bool queue_put_wait(struct queue *q, void *item);
/* Waits for at least one item, then takes up to n in order. 0 means closed and empty. */
size_t queue_take(struct queue *q, void **items, size_t n);
/* No more puts; takers get what is left and then 0. */
void queue_close(struct queue *q);
size_t queue_count(struct queue *q);

#endif
