/* query.c - POST /api/query: questions in the Backtrace query language, answered from the columns
 * on a thread of the desk for queries; and `describe`, which tells what attributes there are. */
#include "api/query.h"

#define QUERY_DEPTH_MAX 16
#define QUERY_NODES_MAX 200000

void query_refuse(struct query *q, const struct err *e)
{
    /* What a query asks too much of is the query's fault. */
    backtrace_refuse(
        q->x, e->code == ERR_LIMIT || e->code == ERR_INPUT ? 400 : http_status_of(e->code), e);
}

struct answer_about query_about(const struct query *q)
{
    return (struct answer_about){ .user = q->token->user,
                                  .universe = q->token->universe,
                                  .project = q->project,
                                  .total_us = metric_clock_us() - q->began_us,
                                  .notes = q->notes };
}

struct run_limits query_limits(const struct query *q)
{
    return (struct run_limits){ .until_us = q->began_us + (int64_t)QUERY_TIMEOUT_MS * 1000 };
}

static struct str note_text(const struct configuration *c, struct str member)
{
    const struct json *j = json_get(c->object, member);
    return j && j->type == JSON_STRING ? j->text : STR("");
}

/* They are kept by number of project and name, so they come in the order of their names. */
static bool read_notes(struct query *q, struct err *e)
{
    const struct access_view *v = backtrace_view(q->x, q->api, e);
    const struct stored_project *p = v ? access_find_project(v, q->project) : NULL;
    const struct configuration *all;
    struct str prefix;
    if (!p)
        return v;
    size_t count = access_configuration(v, STR("attribute"), &all);
    struct attribute_note *notes = arena_array(q->arena, count + 1, sizeof *notes);
    if (!notes || !arena_printf(q->arena, &prefix, "%u/", p->number))
        return err_set(e, ERR_NOMEM, 0, "no memory for this query");
    for (size_t i = 0; i < count; i++)
        if (str_starts(all[i].key, prefix))
            notes[q->notes.count++] = (struct attribute_note){
                .name = note_text(&all[i], STR("name")),
                .type = note_text(&all[i], STR("type")),
                .format = note_text(&all[i], STR("format")),
                .description = note_text(&all[i], STR("description")),
            };
    q->notes.at = notes;
    return true;
}

/* False: it has been answered. */
static bool begin(struct query *q)
{
    struct err e = { 0 };
    q->token = backtrace_let_in(q->x, q->api, SCOPE_QUERY_POST);
    if (!q->token)
        return false;
    q->project = q->token->project;
    q->arena = backtrace_arena(q->x, q->api);
    if (!q->arena)
        return false;
    if (read_notes(q, &e))
        return true;
    query_refuse(q, &e);
    return false;
}

/* Answers with what has been written to http_out, or says that it got too large. */
static void finish(struct http_exchange *x, void *arg)
{
    struct query *q = arg;
    if (q->err.code == ERR_NONE && !buf_ok(http_out(x)))
        (void)err_word(
            &q->err, ERR_LIMIT, "answer_too_large",
            "the answer would be larger than the server makes them: ask for less with limit");
    if (q->err.code == ERR_NONE)
        http_answer(x, 200);
    else
        query_refuse(q, &q->err);
}

static void describe(struct query *q)
{
    struct columns *columns = engine_columns(q->api->engine);
    struct answer_about about = query_about(q);
    struct json_writer w;
    struct str table = STR("");
    (void)http_param(q->x, "table", &table);
    const struct columns_view *v = columns_acquire(columns);
    json_writer_init(&w, http_out(q->x));
    answer_write_description(&w, v, q->project,
                             str_eq(table, STR("issues")) ? TABLE_ISSUES : TABLE_OBJECTS,
                             &about.notes);
    columns_release(columns, v);
}

static void answer(struct query *q)
{
    struct columns *columns = engine_columns(q->api->engine);
    const struct columns_view *v = columns_acquire(columns);
    const struct run_limits limits = query_limits(q);
    struct outcome outcome;
    struct json_writer w;
    if (run_ask(&q->ask, v, q->project, &limits, q->arena, &outcome, &q->err)) {
        struct answer_about about = query_about(q);
        json_writer_init(&w, http_out(q->x));
        answer_write(&w, &q->ask, &outcome, &about);
    }
    columns_release(columns, v);
}

/* On a thread of the desk. */
static void work(struct desk_job *job)
{
    struct query *q = (struct query *)job;
    if (q->ask.set || q->ask.actions) {
        if (query_change(q))
            return;
    } else if (q->describes) {
        describe(q);
    } else {
        answer(q);
    }
    http_wake(q->x, finish, q);
}

bool query_check_rows(const struct ask *ask, struct err *e)
{
    if (ask->any_count == 0)
        return err_word(e, ERR_INPUT, "no_filter",
                        "filter: a query that changes or removes rows needs a filter that says "
                        "which; [{}] is all of them");
    return (ask->limit == 0 && ask->offset == 0) ||
           err_word(e, ERR_INPUT, "bad_limit",
                    "a query that changes or removes rows has no limit and no offset");
}

static bool wants_description(const struct query *q, const struct json *body)
{
    struct str action;
    const struct json *said = json_get(body, STR("action"));
    return (http_param(q->x, "action", &action) && str_eq(action, STR("describe"))) ||
           (said && said->type == JSON_STRING && str_eq(said->text, STR("describe")));
}

void api_query(struct http_exchange *x, void *ctx)
{
    const struct json_limits limits = { QUERY_DEPTH_MAX, QUERY_NODES_MAX };
    struct query *q = arena_zalloc(http_arena(x), sizeof *q);
    const struct json *body;
    struct err e = { 0 };
    if (!q) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for this query");
        backtrace_refuse_err(x, &e);
        return;
    }
    *q = (struct query){ .job.work = work, .api = ctx, .x = x, .began_us = metric_clock_us() };
    if (!begin(q))
        return;
    if (!json_parse(&body, http_body(x), limits, q->arena, &e)) {
        query_refuse(q, &e);
        return;
    }
    q->describes = wants_description(q, body);
    if (!q->describes && !ask_read(&q->ask, body, q->arena, &e)) {
        query_refuse(q, &e);
        return;
    }
    bool changes = q->ask.set || q->ask.actions;
    unsigned status = changes ? backtrace_check_scopes(q->token, SCOPE_CHANGE, &e) : 0;
    if (status) /* guests only ask */
        backtrace_refuse(x, status, &e);
    else
        desk_put(q->api->queries, &q->job, x);
}
