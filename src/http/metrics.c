/* metrics.c - what the room counts, over all servers of the process. */
#include "http/internal.h"

#define REQUESTS "crumple_http_requests_total"
#define REQUESTS_HELP "HTTP requests answered, by class of status"

static struct metric answered[] = {
    { .type = METRIC_COUNTER, .name = REQUESTS, .label = "class=\"2xx\"", .help = REQUESTS_HELP },
    { .type = METRIC_COUNTER, .name = REQUESTS, .label = "class=\"3xx\"", .help = REQUESTS_HELP },
    { .type = METRIC_COUNTER, .name = REQUESTS, .label = "class=\"4xx\"", .help = REQUESTS_HELP },
    { .type = METRIC_COUNTER, .name = REQUESTS, .label = "class=\"5xx\"", .help = REQUESTS_HELP },
};
static struct metric latency = { .type = METRIC_HISTOGRAM,
                                 .name = "crumple_http_request_seconds",
                                 .help = "From the request line to the end of the answer" };
static struct metric connections = { .type = METRIC_GAUGE,
                                     .name = "crumple_http_connections",
                                     .help = "Open connections" };
static struct metric bodies = { .type = METRIC_GAUGE,
                                .name = "crumple_http_bodies_bytes",
                                .help = "Memory that request bodies take now" };
struct metric http_connections_refused = { .type = METRIC_COUNTER,
                                           .name = "crumple_http_connections_refused_total",
                                           .help = "Connections closed because of the limit" };
struct metric http_timeouts = { .type = METRIC_COUNTER,
                                .name = "crumple_http_timeouts_total",
                                .help = "Requests that were sent too slowly" };

static struct metric *const all[] = { &answered[0], &answered[1],   &answered[2],
                                      &answered[3], &latency,       &connections,
                                      &bodies,      &http_timeouts, &http_connections_refused };

void metrics_answered(unsigned status, int64_t us)
{
    unsigned class = status / 100;
    if (class >= 2 && class <= 5)
        metric_add(&answered[class - 2], 1);
    metric_observe_us(&latency, us);
}

struct metric *const *http_metrics(struct http_server *s, size_t *count)
{
    metric_set(&connections, (int64_t)atomic_load(&s->connections));
    metric_set(&bodies, (int64_t)atomic_load(&s->bodies.used_bytes));
    *count = sizeof all / sizeof *all;
    return all;
}
