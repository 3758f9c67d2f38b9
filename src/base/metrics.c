/* metrics.c - counting with relaxed atomics, and the Prometheus text format (version 0.0.4). */
#include "base/metrics.h"

#include <inttypes.h>
#include <time.h>

#define FIRST_BOUND_US 50

void metric_add(struct metric *m, int64_t n)
{
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t n)
{
    atomic_store_explicit(&m->value, n, memory_order_relaxed);
}

void metric_observe_us(struct metric *m, int64_t us)
{
    size_t i = 0;
    int64_t bound = FIRST_BOUND_US;
    while (i < METRIC_BUCKETS && us > bound) {
        bound *= 2;
        i++;
    }
    atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->sum_us, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->value, 1, memory_order_relaxed);
}

int64_t metric_clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The count is the sum of the buckets that were read, so that the two agree in one text. */
static void histogram_write(struct metric *m, struct buf *out)
{
    const char *label = m->label ? m->label : "";
    const char *comma = m->label ? "," : "";
    int64_t count = 0;
    int64_t bound = FIRST_BOUND_US;
    for (size_t i = 0; i < METRIC_BUCKETS; i++, bound *= 2) {
        count += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
        buf_printf(out, "%s_bucket{%s%sle=\"%.9g\"} %" PRId64 "\n", m->name, label, comma,
                   (double)bound / 1e6, count);
    }
    count += atomic_load_explicit(&m->buckets[METRIC_BUCKETS], memory_order_relaxed);
    int64_t sum_us = atomic_load_explicit(&m->sum_us, memory_order_relaxed);
    const char *open = m->label ? "{" : "", *close = m->label ? "}" : "";
    buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", m->name, label, comma, count);
    buf_printf(out, "%s_sum%s%s%s %.6f\n", m->name, open, label, close, (double)sum_us / 1e6);
    buf_printf(out, "%s_count%s%s%s %" PRId64 "\n", m->name, open, label, close, count);
}

void metrics_write(struct metric *const *metrics, size_t count, struct buf *out)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    for (size_t i = 0; i < count; i++) {
        struct metric *m = metrics[i];
        if (i == 0 || strcmp(m->name, metrics[i - 1]->name) != 0)
            buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
                       types[m->type]);
        if (m->type == METRIC_HISTOGRAM) {
            histogram_write(m, out);
            continue;
        }
        int64_t value = atomic_load_explicit(&m->value, memory_order_relaxed);
        if (m->label)
            buf_printf(out, "%s{%s} %" PRId64 "\n", m->name, m->label, value);
        else
            buf_printf(out, "%s %" PRId64 "\n", m->name, value);
    }
}
