/* api.c - the table of routes, and starting and stopping what serves them.
 *
 * What is hard here is the order: `:project` takes any segment, so the routes without a project
 * come first, and "/reports/x/summary" can never be the report "summary" of a project "reports"
 * (which cannot exist: the names of routes are reserved). */
#include "api/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOGINS_WAITING_MAX 64
#define QUERIES_WAITING_MAX 256

static const struct http_route routes[] = {
    HTTP_ROUTE("GET", "", api_root),
    HTTP_ROUTE("GET", "health", api_health),
    HTTP_ROUTE("GET", "metrics", api_metrics),
    HTTP_ROUTE("GET", "config", api_config_get),
    HTTP_ROUTE("POST", "reports", api_post),
    HTTP_ROUTE("DELETE", "reports", api_delete_all),
    HTTP_ROUTE("POST", "reports/dry-run", api_dry_run),
    HTTP_ROUTE("POST", "reports/dry_run", api_dry_run),
    HTTP_ROUTE("GET", "reports/:id", api_report),
    HTTP_ROUTE("GET", "reports/:id/summary", api_summary),
    HTTP_ROUTE("GET", "reports/:id/compare/:other", api_compare),
    HTTP_ROUTE("GET", "buckets", api_buckets_default),
    HTTP_ROUTE("GET", "buckets/:threshold", api_buckets),
    HTTP_ROUTE("GET", "buckets/:threshold/:bucket", api_bucket),
    HTTP_ROUTE("GET", "search", api_search),

    SUBMISSION_ROUTE("post"),
    SUBMISSION_ROUTE("api/post"),
    BACKTRACE_ROUTE("GET", "api/get", api_object_get),
    BACKTRACE_ROUTE("GET", "api/list", api_object_list),
    BACKTRACE_ROUTE("POST", "api/query", api_query),
    BACKTRACE_ROUTE("POST", "api/symfile", api_symfile),
    BACKTRACE_ROUTE("POST", "api/unique-events/submit", api_unique_events),
    BACKTRACE_ROUTE("POST", "api/summed-events/submit", api_summed_events),
    BACKTRACE_ROUTE("POST", "api/control", api_control),
    BACKTRACE_ROUTE("POST", "api/sampling", api_sampling),
    BACKTRACE_ROUTE("POST", "api/login", api_login),
    BACKTRACE_ROUTE("GET POST", "api/logout", api_logout),
    BACKTRACE_ROUTE("GET", "api/session", api_session_get),
    BACKTRACE_ROUTE("POST", "api/session", api_session_post),
    BACKTRACE_ROUTE("GET", "api/is_configured", api_is_configured),
    BACKTRACE_ROUTE("GET", "api/config", api_console_config),
    BACKTRACE_ROUTE("GET", "api/limits", api_limits),
    BACKTRACE_ROUTE("POST", "api/bpg", api_bpg),
    BACKTRACE_ROUTE("POST", "api/callstack", api_callstack_evaluate),
    BACKTRACE_ROUTE("GET", "api/callstack", api_callstack_get),
    BACKTRACE_ROUTE("POST", "api/delete", api_delete),
    BACKTRACE_ROUTE("POST", "api/issue", api_issue),

    HTTP_ROUTE("GET", ":project", api_project),
    HTTP_ROUTE("GET", ":project/config", api_config_get),
    HTTP_ROUTE("POST", ":project/reports", api_post),
    HTTP_ROUTE("POST", ":project/reports/dry-run", api_dry_run),
    HTTP_ROUTE("POST", ":project/reports/dry_run", api_dry_run),
    HTTP_ROUTE("GET", ":project/reports/:id", api_report),
    HTTP_ROUTE("GET", ":project/reports/:id/summary", api_summary),
    HTTP_ROUTE("GET", ":project/reports/:id/compare/:other", api_compare),
    HTTP_ROUTE("GET", ":project/buckets", api_buckets_default),
    HTTP_ROUTE("GET", ":project/buckets/:threshold", api_buckets),
    HTTP_ROUTE("GET", ":project/buckets/:threshold/:bucket", api_bucket),
    HTTP_ROUTE("GET", ":project/search", api_search),

    SUBMISSION_ROUTE("**"),
};

/* One decimal as the documentation has it, more only where thresholds would look alike. */
static struct str threshold_text(double value, char out[API_THRESHOLD_TEXT_MAX])
{
    int n = 0;
    for (int decimals = 1; decimals <= 15; decimals++) {
        n = snprintf(out, API_THRESHOLD_TEXT_MAX, "%.*f", decimals, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (struct str){ out, (size_t)n < API_THRESHOLD_TEXT_MAX ? (size_t)n
                                                                 : API_THRESHOLD_TEXT_MAX - 1 };
}

static bool settle_thresholds(struct api *a, double default_threshold, struct err *e)
{
    const struct bucket_index_config *grouping = &engine_config_of(a->engine)->grouping;
    a->threshold_count = grouping->threshold_count;
    a->threshold_values = grouping->thresholds;
    a->default_threshold = SIZE_MAX;
    for (size_t i = 0; i < a->threshold_count; i++) {
        a->thresholds[i] = threshold_text(a->threshold_values[i], a->threshold_texts[i]);
        if (a->threshold_values[i] == default_threshold)
            a->default_threshold = i;
    }
    if (a->default_threshold == SIZE_MAX)
        return err_set(e, ERR_INPUT, 0, "the default threshold %g is none of the thresholds",
                       default_threshold);
    return true;
}

static bool open_desks(struct api *a, struct err *e)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return desk_open(&a->logins, 1, LOGINS_WAITING_MAX, "too many passwords wait", e) &&
           desk_open(&a->queries, cores > 1 ? (size_t)cores : 1, QUERIES_WAITING_MAX,
                     "too many queries wait", e);
}

static void close_desks(struct api *a)
{
    desk_close(a->logins);
    desk_close(a->queries);
}

bool api_start(struct api **out, const struct api_config *config, struct err *e)
{
    struct api *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory for the API");
    a->engine = config->engine;
    a->access = config->access;
    a->attempts = config->attempts;
    a->limits = config->limits;
    a->json_bytes = config->http->body_max_bytes;
    a->partycrasher_needs_token = config->partycrasher_needs_token;
    a->memory.limit_bytes = config->job_max_bytes;
    struct http_server *http;
    if (!settle_thresholds(a, config->default_threshold, e) || !open_desks(a, e) ||
        !http_start(&http, config->http, routes, sizeof routes / sizeof *routes, a, e)) {
        close_desks(a);
        free(a);
        return false;
    }
    atomic_store(&a->http, http);
    *out = a;
    return true;
}

void api_stop(struct api *a)
{
    if (!a)
        return;
    http_stop(a->http);
    close_desks(a); /* whoever waited at them has been answered */
    free(a);
}

uint16_t api_port(const struct api *a, size_t listen)
{
    return http_port(a->http, listen);
}
