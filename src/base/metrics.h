/* metrics.h - counters, gauges and histograms, written as Prometheus text.
 *
 * A metric is a static variable of the file that counts; metrics_write lists the known ones.
 * Threads: any; relaxed atomics, so a reading is no snapshot. */
#ifndef CRUMPLE_BASE_METRICS_H
#define CRUMPLE_BASE_METRICS_H

#include "base/buf.h"

#include <stdatomic.h>

#define METRIC_BUCKETS 20 /* upper bounds 50 us * 2^i, then +Inf */

struct metric {
    enum { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } type;
    const char *name;  /* crumple_reports_total */
    const char *label; /* reason="conflict", or NULL; those of one name stand together */
    const char *help;
    _Atomic int64_t value; /* histogram: count */
    _Atomic int64_t sum_us;
    _Atomic int64_t buckets[METRIC_BUCKETS + 1];
};

void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t n);
void metric_observe_us(struct metric *m, int64_t us);
int64_t metric_clock_us(void); /* monotonic */
void metrics_write(struct metric *const *metrics, size_t count, struct buf *out);

#endif
