/* backlog.h - uploads that are durable and not yet processed, and the thread that feeds them to the
 * workers. Inside src/engine only.
 *
 * Only a ticket of each waits in memory; the upload itself is in the inbox (or, if an earlier
 * version could not read it, in the store). Few are in work at the same time, so that a burst of
 * any length costs little memory and leaves the workers to those who wait for an answer: urgent
 * tickets (synchronous submissions, objects that somebody wants to read) go first. And while
 * uploads keep coming in, the others are worked on for a part of the time only: a sender has to be
 * answered now, what was taken in can wait.
 *
 * Objects that are processed again wait in a line of their own, behind all tickets.
 *
 * Threads: any, and several may take; one lock, held for some instructions (backlog_hurry: a look
 * through all). */
#ifndef CRUMPLE_ENGINE_BACKLOG_H
#define CRUMPLE_ENGINE_BACKLOG_H

#include "base/err.h"
#include "base/vec.h"
#include "store/inbox.h"

#include <pthread.h>

#define BACKLOG_IN_WORK 128     /* tickets at the workers and the writer; urgent ones come on top */
#define BACKLOG_AGAIN_IN_WORK 8 /* no object is processed again while so many are */

struct engine_upload;

struct ticket {
    uint64_t object;
    struct inbox_place place;     /* unless from_store */
    struct engine_upload *waiter; /* who gets done() when it is committed; NULL */
    bool from_store;              /* a waiting upload whose decoder has come, or: */
    bool again;                   /* it was processed before, and is once more; from_store */
    bool alone;                   /* memory was short: once more with no other at work */
    bool undecoded;               /* it was short even then: keep it without looking inside */
};

struct backlog {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    /* Guarded by mu. */
    VEC(struct ticket) urgent, tickets; /* tickets: from `first` on; in the order of their ids */
    size_t first;
    VEC(uint64_t) again; /* objects, from again_first on */
    size_t again_first;
    size_t in_work;
    bool alone_in_work; /* the one in work is to be alone */
    int64_t added_us;   /* when the latest came, by metric_clock_us */
    size_t burst;       /* tickets of this burst, and the rest after it: see backlog.c */
    int64_t burst_began_us, rest_until_us;
    int64_t paused_until_us; /* metric_clock_us; after a failed write */
    bool closed;
};

void backlog_init(struct backlog *b);
void backlog_done(struct backlog *b);

MUST_CHECK bool backlog_reserve(struct backlog *b, size_t n); /* that many adds cannot fail */
void backlog_add(struct backlog *b, const struct ticket *t, bool urgent);
/* An object that is to be processed again. False: no memory. */
MUST_CHECK bool backlog_add_again(struct backlog *b, uint64_t object);
/* Whether a ticket may be taken now; if not, *until_us is when to look again, 0: when something has
 * changed. One that has to be alone keeps the others waiting. The caller holds mu. */
bool backlog_may_take(const struct backlog *b, int64_t now_us, int64_t *until_us);
/* Waits for a ticket that may be worked on and counts it as in work. False: closed. */
MUST_CHECK bool backlog_take(struct backlog *b, struct ticket *out);
/* The work on one ticket has ended. */
void backlog_finished(struct backlog *b);
/* It could not be stored: comes back in front, and all wait a while. */
void backlog_return(struct backlog *b, const struct ticket *t, int64_t pause_us);
/* Makes the ticket of an object urgent, when it still waits. */
void backlog_hurry(struct backlog *b, uint64_t object);
void backlog_close(struct backlog *b); /* what waits stays in the inbox for the next start */
/* After backlog_close: those who would wait for ever, one after the other; then NULL. */
struct engine_upload *backlog_next_waiter(struct backlog *b);
size_t backlog_count(struct backlog *b); /* those that wait to be processed again left out */

#endif
