/* shared.h - what the routes share: the server they answer for, one request that reads, its
 * parameters, and how things are written. Nobody outside this folder includes it.
 *
 * Threads: an api never changes once api_start has filled it in (but for `http`, which is atomic);
 * everything else here belongs to one request. */
#ifndef CRUMPLE_API_SHARED_H
#define CRUMPLE_API_SHARED_H

#include "api/api.h"
#include "base/date.h"
#include "group/collection.h"
#include "query/search.h"

#include <stdatomic.h>

#define API_PAGE_DEFAULT 10
#define API_PAGE_MAX 1000
#define API_FROM_MAX 1000000000
#define API_SEARCH_TIMEOUT_MS 10000
#define API_THRESHOLD_TEXT_MAX 32

struct api {
    struct engine *engine;
    struct access *access;
    struct attempts *attempts;
    struct desk *logins;  /* passwords: one at a time, so that they take 64 MiB and one processor */
    struct desk *queries; /* questions of the Backtrace query language: as many as processors */
    struct upload_limits limits;
    uint64_t json_bytes; /* of one JSON report: it is parsed in memory, as other bodies are */
    bool partycrasher_needs_token;
    _Atomic(struct http_server *) http; /* NULL while http_start has not returned yet */
    struct arena_budget memory;         /* of all requests; the one thing here that changes */
    size_t threshold_count, default_threshold;        /* the default as an index */
    const double *threshold_values;                   /* the engine's */
    struct str thresholds[COLLECTION_THRESHOLDS_MAX]; /* as they stand in URLs and answers: "4.0" */
    char threshold_texts[COLLECTION_THRESHOLDS_MAX][API_THRESHOLD_TEXT_MAX];
};

/* URLs. What a link_ function gives is good until the next one is called. */
struct links {
    struct str base; /* what the client sees in front of the first slash */
    struct buf text;
};
void links_init(struct links *l, struct http_exchange *x);
void links_done(struct links *l);
struct str link_root(struct links *l);
struct str link_project(struct links *l, struct str project);
struct str link_report(struct links *l, struct str project, struct str id);
/* An empty project: the bucket as all projects see it. */
struct str link_bucket(struct links *l, struct str project, struct str threshold, struct str id);
/* The list of buckets at a threshold, with the query string, which may be empty. */
struct str link_buckets(struct links *l, struct str project, struct str threshold,
                        struct str query);

/* Errors that say more than http_answer_err: begin, write members, end. `word` and the status are
 * the caller's. */
void error_begin(struct json_writer *w, struct http_exchange *x, const char *word,
                 const char *message);
void error_end(struct json_writer *w, struct http_exchange *x, unsigned status);
/* 404 in the words of the protocol: `name` is "not_found", "bucket_id", ... */
void answer_not_found(struct http_exchange *x, const char *name, struct str what,
                      const char *message);
void answer_no_route(struct http_exchange *x);

/* The PartyCrasher API when it asks for tokens. False: 401, 403, 404 or 429 has been answered.
 * *project is what the request is about, and stays as long as the exchange: the route's; or the
 * token's, which is the only one it may see; or none. */
enum guard_need { GUARD_READ, GUARD_POST };
MUST_CHECK bool guard_pass(struct http_exchange *x, struct api *a, enum guard_need need,
                           struct str *project);

/* One request that reads: it sees the reports that there were when it began. */
struct reading {
    struct api *api;
    struct http_exchange *x;
    const struct engine_view *view;
    const struct collection *c;
    uint32_t count;        /* the reports that it sees: of c, the first so many */
    struct arena *arena;   /* lives as long as the request */
    struct arena *scratch; /* for one report after the other */
    struct links links;
    struct str project;      /* of the route or the token; empty when it sees all */
    uint32_t project_number; /* COLLECTION_NONE: no project, or one without reports */
};
/* False when it has answered already: not let in, a project that cannot be, no memory. reading_done
 * is called in any case. */
MUST_CHECK bool reading_begin(struct reading *r, struct http_exchange *x, struct api *api);
void reading_done(struct reading *r);
/* Whether reports of this project are on this route. */
bool reading_sees(const struct reading *r, uint32_t project);
/* A project that no report belongs to has nothing to show, whatever is asked. */
bool reading_is_empty(const struct reading *r);
/* Sends what has been written to http_out, or says that it got too large. */
void reading_answer(struct reading *r, unsigned status);
/* The report that a segment of the route names; false when 404 has been answered. `any_project`:
 * also of another project, for those who may see them all. */
MUST_CHECK bool reading_find(struct reading *r, const char *segment, bool any_project,
                             uint32_t *report);
/* The stored report, parsed; in r->scratch, which is emptied first. */
MUST_CHECK bool reading_payload(struct reading *r, uint32_t report, const struct json **out,
                                struct err *e);
/* The stack trace of a payload, in r->arena: it stays when the payload goes. */
MUST_CHECK bool reading_trace(struct reading *r, const struct json *payload, struct trace *out,
                              struct err *e);
/* The name of the similarity that groups the report's project. */
const char *reading_similarity(const struct reading *r, uint32_t report);

/* Parameters. False: 400 (or 404) has been answered. */
struct page {
    size_t from, size;
};
/* Answers 400 with the parameter's name; returns false. */
bool param_refuse(struct http_exchange *x, const char *parameter, const char *word,
                  const char *message);
MUST_CHECK bool param_page(struct http_exchange *x, struct page *out);
/* The threshold that the route names, as an index. */
MUST_CHECK bool param_threshold(struct http_exchange *x, const struct api *api, size_t *out);
/* q, since and until into a search; since_default may be NULL. `q` is empty when it is not given.
 */
MUST_CHECK bool param_search(struct reading *r, const char *since_default,
                             struct search_request *rq, struct str *q);
/* An error of a search: 400 with the position when the query is to blame. */
void search_refuse(struct http_exchange *x, const struct err *e);

/* Writing reports. */

/* Where a report belongs, from the engine (just posted) or from the collection. */
struct assignment {
    struct str database_id, project;
    int64_t date_ms;
    const struct str *buckets; /* by threshold; empty: it would found one */
    const size_t *totals;      /* NULL: not counted */
    bool has_match;
    struct str match_id, match_project;
    float score;
};
/* Fills in everything but totals; the names go to `buckets`, which has room for all thresholds. */
void assignment_of(struct assignment *out, const struct collection *c, uint32_t report,
                   size_t threshold_count, struct str *buckets);
/* The members database_id, project, href, date and buckets; the caller makes the object. */
void render_assignment(struct json_writer *w, const struct api *api, struct links *l,
                       const struct assignment *a);
/* The whole report as an object. `totals` as in struct assignment. ERR_NOT_FOUND, and then nothing
 * is written: it was deleted meanwhile. */
MUST_CHECK bool render_report(struct json_writer *w, struct reading *r, uint32_t report,
                              const size_t *totals, struct err *e);
/* What an explanation is of. */
enum explained {
    EXPLAINED_ALONE,  /* one report, against itself */
    EXPLAINED_POSTED, /* a report and its nearest one, of whose frames nothing is known here */
    EXPLAINED_BOTH    /* two reports */
};
/* The name of the similarity as a member, the terms as a list of {field, term, value} under
 * `terms`, and what `culprit` has to say; the caller makes the object. x NULL: nothing was
 * compared. */
void render_explanation(struct json_writer *w, const char *similarity, const char *terms,
                        enum explained of, const struct explanation *x);
/* {default_threshold}, and the thresholds when asked for, as an object. */
void render_config(struct json_writer *w, const struct api *api, bool thresholds);

/* The routes' handlers; ctx is the api. */
void api_root(struct http_exchange *x, void *ctx);
void api_project(struct http_exchange *x, void *ctx);
void api_config_get(struct http_exchange *x, void *ctx);
void api_health(struct http_exchange *x, void *ctx);
void api_metrics(struct http_exchange *x, void *ctx);
void api_delete_all(struct http_exchange *x, void *ctx);
void api_post(struct http_exchange *x, void *ctx);
void api_dry_run(struct http_exchange *x, void *ctx);
void api_report(struct http_exchange *x, void *ctx);
void api_summary(struct http_exchange *x, void *ctx);
void api_compare(struct http_exchange *x, void *ctx);
void api_buckets_default(struct http_exchange *x, void *ctx);
void api_buckets(struct http_exchange *x, void *ctx);
void api_bucket(struct http_exchange *x, void *ctx);
void api_search(struct http_exchange *x, void *ctx);

#endif
