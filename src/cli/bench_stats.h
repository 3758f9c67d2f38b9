/* bench_stats.h - times of many operations, and what is typical among them; random numbers
 * for what is measured. */
#ifndef CRUMPLE_CLI_BENCH_STATS_H
#define CRUMPLE_CLI_BENCH_STATS_H

#include "base/vec.h"

#include <stdint.h>

struct bench_times {
    VEC(uint32_t) each; /* in whatever unit the caller chose */
};

/* Sorts. The value that the part p (0 to 1) of all do not exceed; 0 when there are none. */
uint32_t bench_percentile(struct bench_times *t, double p);

/* A random number, the next one from *state: the same from the same state on every machine. */
uint64_t bench_random(uint64_t *state);

/* Resident memory of this process in bytes; 0 when the system does not tell. */
uint64_t bench_rss_bytes(void);
int64_t bench_clock_ns(void); /* monotonic */
/* The processor's time that the calling thread has had: what is left when others use the machine,
 * but for colder caches. */
int64_t bench_thread_ns(void);
int64_t bench_process_ns(void); /* of all threads of this process */

#endif
