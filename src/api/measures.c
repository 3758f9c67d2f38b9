/* measures.c - the API's metrics and their names. */
#include "api/measures.h"

#define COUNTER(name_, label_, help_)                                                              \
    {                                                                                              \
        .type = METRIC_COUNTER, .name = "crumple_" name_, .label = label_, .help = help_           \
    }
#define REFUSED(reason_)                                                                           \
    COUNTER(                                                                                       \
        "requests_not_let_in_total", "reason=\"" reason_ "\"",                                     \
        "Requests without the token that they need: none at all (none), an unknown or foreign "    \
        "one (unknown), one without the scope (scope), and those that were told to wait after "    \
        "too many unknown ones (waiting).")
#define EVENTS(kind_)                                                                              \
    COUNTER("events_total", "kind=\"" kind_ "\"", "Events that SDKs sent for their metrics.")

struct api_measures api_measures = {
    .no_token = REFUSED("none"),
    .bad_token = REFUSED("unknown"),
    .no_scope = REFUSED("scope"),
    .too_many = REFUSED("waiting"),
    .unique_events = EVENTS("unique"),
    .summed_events = EVENTS("summed"),
};

static struct metric *const all[] = {
    &api_measures.no_token, &api_measures.bad_token,     &api_measures.no_scope,
    &api_measures.too_many, &api_measures.unique_events, &api_measures.summed_events,
};

struct metric *const *api_metrics_all(size_t *count)
{
    *count = sizeof all / sizeof *all;
    return all;
}
