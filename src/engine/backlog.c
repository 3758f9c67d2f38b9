/* backlog.c - see the header.
 *
 * Tickets are handed out in bursts. While uploads press, each burst is followed by a rest of
 * REST_SHARES times its length; the rest ends when none has come for PRESS_US. */
#include "engine/backlog.h"

#include "base/metrics.h"

#include <time.h>

#define PRESS_US 5000   /* uploads press when the latest came no longer ago */
#define REST_SHARES 2   /* a third of the time is left for the backlog then */
#define COMPACT_AT 4096 /* taken tickets at the front before the others move down */

void backlog_init(struct backlog *b)
{
    pthread_condattr_t monotonic;
    *b = (struct backlog){ 0 };
    pthread_mutex_init(&b->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void backlog_done(struct backlog *b)
{
    VEC_FREE(&b->urgent);
    VEC_FREE(&b->tickets);
    VEC_FREE(&b->again);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->mu);
}

/* Every ticket there is may become urgent, or come back as such, those of objects that are
 * processed again too: there is always room for that. The caller holds mu. */
static bool reserve_urgent(struct backlog *b, size_t n)
{
    return VEC_RESERVE(&b->urgent,
                       n + b->tickets.len - b->first + b->in_work + BACKLOG_AGAIN_IN_WORK);
}

bool backlog_reserve(struct backlog *b, size_t n)
{
    pthread_mutex_lock(&b->mu);
    bool ok = VEC_RESERVE(&b->tickets, n) && reserve_urgent(b, n);
    pthread_mutex_unlock(&b->mu);
    return ok;
}

bool backlog_add_again(struct backlog *b, uint64_t object)
{
    pthread_mutex_lock(&b->mu);
    bool ok = reserve_urgent(b, 0) && VEC_PUSH(&b->again, object);
    if (ok)
        pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->mu);
    return ok;
}

void backlog_add(struct backlog *b, const struct ticket *t, bool urgent)
{
    pthread_mutex_lock(&b->mu);
    bool was_empty = b->first == b->tickets.len;
    if (urgent)
        (void)!VEC_PUSH(&b->urgent, *t); /* there is room: backlog_reserve */
    else
        (void)!VEC_PUSH(&b->tickets, *t);
    b->added_us = metric_clock_us();
    if (urgent || was_empty) /* else those who wait, wait for something else */
        pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->mu);
}

static struct ticket take_urgent(struct backlog *b)
{
    struct ticket t = b->urgent.at[0];
    b->urgent.len--;
    memmove(b->urgent.at, b->urgent.at + 1, b->urgent.len * sizeof t);
    return t;
}

static void count_burst(struct backlog *b, int64_t now_us)
{
    if (b->burst == 0)
        b->burst_began_us = now_us;
    if (++b->burst < BACKLOG_IN_WORK)
        return;
    b->burst = 0;
    b->rest_until_us = now_us + REST_SHARES * (now_us - b->burst_began_us);
}

static struct ticket take_again(struct backlog *b)
{
    const struct ticket t = {
        .object = b->again.at[b->again_first++],
        .from_store = true,
        .again = true,
    };
    if (b->again_first == b->again.len ||
        (b->again_first >= COMPACT_AT && b->again_first >= b->again.len / 2)) {
        b->again.len -= b->again_first;
        memmove(b->again.at, b->again.at + b->again_first, b->again.len * sizeof t.object);
        b->again_first = 0;
    }
    return t;
}

static struct ticket take_next(struct backlog *b)
{
    count_burst(b, metric_clock_us());
    if (b->first == b->tickets.len)
        return take_again(b);
    struct ticket t = b->tickets.at[b->first++];
    if (b->first >= COMPACT_AT && b->first >= b->tickets.len / 2) {
        b->tickets.len -= b->first;
        memmove(b->tickets.at, b->tickets.at + b->first, b->tickets.len * sizeof t);
        b->first = 0;
    }
    return t;
}

bool backlog_may_take(const struct backlog *b, int64_t now_us, int64_t *until_us)
{
    *until_us = b->paused_until_us > now_us ? b->paused_until_us : 0;
    if (*until_us > 0 || b->alone_in_work)
        return false;
    if (b->urgent.len > 0)
        return !b->urgent.at[0].alone || b->in_work == 0;
    bool only_again = b->first == b->tickets.len;
    if (only_again && b->again_first == b->again.len)
        return false;
    if (b->in_work >= (only_again ? BACKLOG_AGAIN_IN_WORK : BACKLOG_IN_WORK))
        return false;
    int64_t pressed_until_us = b->added_us + PRESS_US;
    int64_t rest_us = b->rest_until_us < pressed_until_us ? b->rest_until_us : pressed_until_us;
    if (rest_us > now_us)
        *until_us = rest_us;
    return rest_us <= now_us;
}

static void wait_change(struct backlog *b, int64_t until_us)
{
    struct timespec t = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
    if (until_us > 0)
        pthread_cond_timedwait(&b->changed, &b->mu, &t);
    else
        pthread_cond_wait(&b->changed, &b->mu);
}

bool backlog_take(struct backlog *b, struct ticket *out)
{
    pthread_mutex_lock(&b->mu);
    int64_t until_us;
    while (!b->closed && !backlog_may_take(b, metric_clock_us(), &until_us))
        wait_change(b, until_us);
    bool ok = !b->closed;
    if (ok) {
        *out = b->urgent.len > 0 ? take_urgent(b) : take_next(b);
        b->in_work++;
        b->alone_in_work = out->alone;
        /* Of several that came at once only the first wakes somebody; whoever takes one wakes the
         * next, if there are more. */
        if (backlog_may_take(b, metric_clock_us(), &until_us))
            pthread_cond_signal(&b->changed);
    }
    pthread_mutex_unlock(&b->mu);
    return ok;
}

void backlog_finished(struct backlog *b)
{
    pthread_mutex_lock(&b->mu);
    b->in_work--;
    b->alone_in_work = false;
    pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->mu);
}

void backlog_return(struct backlog *b, const struct ticket *t, int64_t pause_us)
{
    pthread_mutex_lock(&b->mu);
    (void)!VEC_PUSH(&b->urgent, *t); /* there is room: backlog_reserve */
    b->in_work--;
    b->alone_in_work = false;
    if (pause_us > 0)
        b->paused_until_us = metric_clock_us() + pause_us;
    pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->mu);
}

void backlog_hurry(struct backlog *b, uint64_t object)
{
    pthread_mutex_lock(&b->mu);
    for (size_t i = b->first; i < b->tickets.len; i++) {
        if (b->tickets.at[i].object != object)
            continue;
        struct ticket t = b->tickets.at[i];
        b->tickets.len--;
        memmove(b->tickets.at + i, b->tickets.at + i + 1, (b->tickets.len - i) * sizeof t);
        (void)!VEC_PUSH(&b->urgent, t); /* there is room: backlog_reserve */
        pthread_cond_signal(&b->changed);
        break;
    }
    pthread_mutex_unlock(&b->mu);
}

void backlog_close(struct backlog *b)
{
    pthread_mutex_lock(&b->mu);
    b->closed = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->mu);
}

struct engine_upload *backlog_next_waiter(struct backlog *b)
{
    struct engine_upload *waiter = NULL;
    pthread_mutex_lock(&b->mu);
    while (!waiter && b->urgent.len > 0)
        waiter = b->urgent.at[--b->urgent.len].waiter;
    while (!waiter && b->tickets.len > b->first)
        waiter = b->tickets.at[--b->tickets.len].waiter;
    pthread_mutex_unlock(&b->mu);
    return waiter;
}

size_t backlog_count(struct backlog *b)
{
    pthread_mutex_lock(&b->mu);
    size_t n = b->urgent.len + b->tickets.len - b->first + b->in_work;
    pthread_mutex_unlock(&b->mu);
    return n;
}
