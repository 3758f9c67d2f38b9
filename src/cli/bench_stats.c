/* bench_stats.c - see the header. */
#include "cli/bench_stats.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int by_value(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

uint32_t bench_percentile(struct bench_times *t, double p)
{
    if (t->each.len == 0)
        return 0;
    qsort(t->each.at, t->each.len, sizeof *t->each.at, by_value);
    size_t i = (size_t)(p * (double)t->each.len);
    return t->each.at[i < t->each.len ? i : t->each.len - 1];
}

/* splitmix64 */
uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t bench_rss_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    unsigned long long size, resident;
    if (fscanf(f, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int64_t clock_ns(clockid_t which)
{
    struct timespec ts;
    clock_gettime(which, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t bench_clock_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t bench_thread_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t bench_process_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
