/* console_desk.c - the desk: a queue and one thread, for all that has to do with passwords. */
#include "api/console.h"

#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>

#define WAITING_MAX 64 /* requests; more are told to come back */

struct login_desk {
    struct queue *waiting;
    pthread_t thread;
};

static void *work(void *arg)
{
    struct login_desk *d = arg;
    void *item;
    while (queue_take(d->waiting, &item, 1) == 1) {
        struct desk_job *j = item;
        j->work(j);
    }
    return NULL;
}

bool login_desk_open(struct login_desk **out, struct err *e)
{
    struct login_desk *d = calloc(1, sizeof *d);
    if (d && (d->waiting = queue_new(WAITING_MAX)) &&
        pthread_create(&d->thread, NULL, work, d) == 0) {
        *out = d;
        return true;
    }
    if (d)
        queue_free(d->waiting);
    free(d);
    return err_set(e, ERR_NOMEM, 0, "no thread for logins");
}

void login_desk_close(struct login_desk *d)
{
    if (!d)
        return;
    queue_close(d->waiting);
    pthread_join(d->thread, NULL);
    queue_free(d->waiting);
    free(d);
}

static void busy(struct http_exchange *x, void *arg)
{
    struct err e = { 0 };
    (void)arg;
    (void)err_set(&e, ERR_BUSY, 0, "too many passwords wait");
    backtrace_refuse(x, 503, &e);
}

void login_desk_put(struct login_desk *d, struct desk_job *j, struct http_exchange *x)
{
    http_park(x);
    if (!queue_put(d->waiting, j))
        http_wake(x, busy, j);
}
