/* desk.h - a queue and some threads, for requests whose answers take their time: those of HTTP stay
 * free for all others meanwhile. Inside src/api only.
 *
 *     handler ─► desk_put: parked ─► a thread of the desk: work() ─► http_wake(x, finish, ...)
 *
 * Threads: desk_put from any; open and close by the owner. */
#ifndef CRUMPLE_API_DESK_H
#define CRUMPLE_API_DESK_H

#include "api/backtrace.h"

struct desk;
struct desk_job {
    void (*work)(struct desk_job *j); /* on a thread of the desk; it wakes the exchange */
};
/* More than `waiting_max` that wait are told to come back, with this sentence (a literal). */
MUST_CHECK bool desk_open(struct desk **out, size_t threads, size_t waiting_max,
                          const char *too_many, struct err *e);
/* Nobody may wait at it any more. NULL is fine. */
void desk_close(struct desk *d);
/* Parks the exchange and has the work done, or has it answered with 503. The job lives as long as
 * the exchange. */
void desk_put(struct desk *d, struct desk_job *j, struct http_exchange *x);

#endif
