/* measures.h - what the API counts, over all servers of the process. Inside src/api only.
 *
 * Threads: any. */
#ifndef CRUMPLE_API_MEASURES_H
#define CRUMPLE_API_MEASURES_H

#include "base/metrics.h"

struct api_measures {
    struct metric no_token, bad_token, no_scope, too_many; /* requests not let in */
    struct metric unique_events, summed_events;
};
extern struct api_measures api_measures;

struct metric *const *api_metrics_all(size_t *count);

#endif
