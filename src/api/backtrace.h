/* backtrace.h - what the handlers of the Backtrace API share: how their errors look, and how a
 * request is let in; and the handlers of submissions, for the table of routes.
 *
 * Threads: any; what is given out belongs to the one exchange. */
#ifndef CRUMPLE_API_BACKTRACE_H
#define CRUMPLE_API_BACKTRACE_H

#include "api/shared.h"

/* {"error":{"code":<status>,"message":"<sentence>"}}: the error_writer of these routes. */
void backtrace_error(struct buf *out, unsigned status, const struct err *e);
/* Answers so: with this status, or with that of the error's code. */
void backtrace_refuse(struct http_exchange *x, unsigned status, const struct err *e);
void backtrace_refuse_err(struct http_exchange *x, const struct err *e);
/* The member "errors": a list of sentences, one for each line of `lines`. */
void backtrace_write_errors(struct json_writer *w, struct str lines);

/* An arena for one request that goes with the exchange; NULL: 503 has been answered. */
struct arena *backtrace_arena(struct http_exchange *x, struct api *api);

/* Who asks, as the request says: any of these may be empty. */
struct claim {
    struct str universe;
    struct str token; /* of the URL; empty: X-Coroner-Token, then Authorization: Bearer */
    struct str project;
    struct str session_project; /* when `project` is empty: what a session would be for */
    bool no_session; /* only a token will do: the text stands in a path, which gets into logs */
};
/* Lets a request in: *out is its token, which has all of `scopes` and stays until the exchange
 * ends. Else the status to refuse with, and *e: 503 an unknown universe, 403 a token that is
 * unknown, or of another universe or project, or lacks a scope; 429 (Retry-After is set) when the
 * address has sent too many unknown tokens; 500, 503 when we fail.
 *
 * A session is as good as a token: *out is then one for the project that the claim names, with what
 * the user may do there. 400 without a project, 404 when the user sees none of that name. */
MUST_CHECK unsigned backtrace_admit(struct http_exchange *x, struct api *a,
                                    const struct claim *claim, uint32_t scopes,
                                    const struct token **out, struct err *e);
/* Before the body is read: whether the token that the URL or a header names (*named: there is one)
 * is known and has the scopes; of which project it is shows later. 0 when none is named. */
MUST_CHECK unsigned backtrace_admit_early(struct http_exchange *x, struct api *a, struct str token,
                                          uint32_t scopes, bool *named, struct err *e);
/* The same as backtrace_admit for requests that say all in their URL: the token, or NULL when the
 * request has been refused. */
const struct token *backtrace_let_in(struct http_exchange *x, struct api *a, uint32_t scopes);
/* The same for what people do, whatever the project: only a session will do. */
MUST_CHECK unsigned backtrace_admit_person(struct http_exchange *x, struct api *a, struct str token,
                                           const struct access_view **view,
                                           const struct session **out, struct err *e);
/* Who may do what, as of now, until the exchange ends; NULL with *e. */
const struct access_view *backtrace_view(struct http_exchange *x, struct api *a, struct err *e);
/* Counts a bad token, or a bad password, of the sender's address: the status, and *e. */
MUST_CHECK unsigned backtrace_refuse_token(struct http_exchange *x, struct api *a, struct err *e);
/* 403 and *e when the token lacks one of `scopes`, else 0. */
MUST_CHECK unsigned backtrace_check_scopes(const struct token *t, uint32_t scopes, struct err *e);

/* Submissions: POST of "post", "api/post" and "**" alike; ctx is the api. */
extern const struct http_sink submission_sink;
void api_submission(struct http_exchange *x, void *ctx);
#define SUBMISSION_ROUTE(pattern_)                                                                 \
    {                                                                                              \
        .methods = "POST", .pattern = (pattern_), .handler = api_submission, .loose = true,        \
        .sink = &submission_sink, .error_writer = backtrace_error                                  \
    }

/* Reading objects: GET of "api/get" and "api/list". What SDKs send for their metrics: POST of
 * "api/unique-events/submit" and "api/summed-events/submit". What operators ask: POST of
 * "api/control". */
void api_object_get(struct http_exchange *x, void *ctx);
void api_object_list(struct http_exchange *x, void *ctx);
/* Questions in the Backtrace query language: POST of "api/query". */
void api_query(struct http_exchange *x, void *ctx);
/* What there is of symbols, and what is missing: POST of "api/symfile". */
void api_symfile(struct http_exchange *x, void *ctx);
void api_unique_events(struct http_exchange *x, void *ctx);
void api_summed_events(struct http_exchange *x, void *ctx);
void api_control(struct http_exchange *x, void *ctx);
/* What sampling has counted: POST of "api/sampling". */
void api_sampling(struct http_exchange *x, void *ctx);
/* Removing objects and attachments: POST of "api/delete". */
void api_delete(struct http_exchange *x, void *ctx);
/* What is said of issues: POST of "api/issue". */
void api_issue(struct http_exchange *x, void *ctx);
/* What people do: see console.h. */
void api_login(struct http_exchange *x, void *ctx);
void api_logout(struct http_exchange *x, void *ctx);
void api_session_get(struct http_exchange *x, void *ctx);
void api_session_post(struct http_exchange *x, void *ctx);
void api_is_configured(struct http_exchange *x, void *ctx);
void api_console_config(struct http_exchange *x, void *ctx);
void api_limits(struct http_exchange *x, void *ctx);
void api_bpg(struct http_exchange *x, void *ctx);
void api_callstack_evaluate(struct http_exchange *x, void *ctx);
void api_callstack_get(struct http_exchange *x, void *ctx);
#define BACKTRACE_ROUTE(methods_, pattern_, handler_)                                              \
    {                                                                                              \
        .methods = (methods_), .pattern = (pattern_), .handler = (handler_), .loose = true,        \
        .error_writer = backtrace_error                                                            \
    }

#endif
