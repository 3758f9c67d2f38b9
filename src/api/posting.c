/* posting.c - reports come in: one, a list, or a dry run. The exchange is parked while the engine
 * works on the job; done() wakes it, and the answer is written on a thread of the HTTP server.
 *
 * The post and its job live in arenas that stay until the answer has been sent: the exchange's, and
 * one of its own for what the engine makes, whose limit bounds the work on one request. */
#include "api/shared.h"

struct post {
    struct api *api;
    struct http_exchange *x;
    struct engine_job job;
};

static void free_arena(void *arena)
{
    arena_free(arena);
}

/* Line and column, from 1, of a byte of the text; columns in bytes. */
static void find_line(struct str text, size_t offset, size_t *line, size_t *column)
{
    size_t begin = 0;
    *line = 1;
    if (offset > text.len)
        offset = text.len;
    for (size_t i = 0; i < offset; i++)
        if (text.ptr[i] == '\n') {
            ++*line;
            begin = i + 1;
        }
    *column = offset - begin + 1;
}

static void refuse_json(const struct post *p)
{
    const struct err *e = &p->job.err;
    struct json_writer w;
    size_t line, column;
    find_line(p->job.body, e->offset, &line, &column);
    error_begin(&w, p->x, e->code == ERR_LIMIT ? "limit_exceeded" : "bad_json", e->msg);
    json_key(&w, STR("line"));
    json_int(&w, (int64_t)line);
    json_key(&w, STR("column"));
    json_int(&w, (int64_t)column);
    error_end(&w, p->x, 400);
}

/* With tokens, reports of other projects are not for the sender of this one. */
static bool is_hidden(const struct post *p, struct str project)
{
    return p->api->partycrasher_needs_token && !str_eq(project, p->job.project);
}

static void write_stored_href(struct json_writer *w, const struct post *p)
{
    if (is_hidden(p, p->job.err_project))
        return;
    struct links l;
    links_init(&l, p->x);
    struct str href = link_report(&l, p->job.err_project, p->job.err_id);
    json_member(w, "href", href);
    if (!p->job.is_list)
        http_set_header(p->x, "Location", href);
    links_done(&l);
}

/* The senders' mistakes. All of them are 400, whatever limit they pass (the size of the body has
 * been looked at before), except a conflict. In a list one bad item is a bad list. */
static void refuse_report(const struct post *p)
{
    const struct engine_job *job = &p->job;
    const char *word = job->err.word ? job->err.word : "too_large";
    bool conflict = job->err.code == ERR_CONFLICT;
    bool mismatch = strcmp(word, "name_mismatch") == 0;
    struct json_writer w;
    error_begin(&w, p->x, word, job->err.msg);
    if (job->is_list) {
        json_key(&w, STR("index"));
        json_int(&w, (int64_t)job->err_index);
    }
    if (conflict) {
        json_member(&w, "database_id", job->err_id);
        write_stored_href(&w, p);
    }
    if (mismatch) {
        json_member(&w, "expected", job->project);
        json_member(&w, "actual", job->err_project);
    }
    unsigned status = conflict && !job->is_list ? 409 : 400;
    error_end(&w, p->x, mismatch && p->api->partycrasher_needs_token ? 403 : status);
}

/* It ran out of memory, and not because of the others. */
static bool is_too_large(const struct post *p)
{
    return p->job.err.code == ERR_NOMEM &&
           arena_used(p->job.arena) > p->api->memory.limit_bytes / 2;
}

static void refuse(const struct post *p)
{
    const struct err *e = &p->job.err;
    struct json_writer w;
    if (!e->word && (e->code == ERR_INPUT || (e->code == ERR_LIMIT && e->offset > 0))) {
        refuse_json(p);
    } else if (is_too_large(p)) {
        error_begin(&w, p->x, "report_too_large", "the report takes more memory than there is");
        error_end(&w, p->x, 413);
    } else if (e->code == ERR_INPUT || e->code == ERR_LIMIT || e->code == ERR_CONFLICT) {
        refuse_report(p);
    } else {
        http_answer_err(p->x, e);
    }
}

static struct assignment assignment_of_result(const struct engine_result *r)
{
    return (struct assignment){
        .database_id = r->database_id,
        .project = r->project,
        .date_ms = r->date_ms,
        .buckets = r->buckets,
        .has_match = r->has_match,
        .match_id = r->match_id,
        .match_project = r->match_project,
        .score = r->score,
    };
}

static void write_explanation(struct json_writer *w, const struct post *p,
                              const struct engine_result *r)
{
    const struct engine_view *view = engine_view_acquire(p->api->engine);
    const char *similarity = bucket_index_similarity(view->index, r->project);
    render_explanation(w, similarity, "explanation", EXPLAINED_POSTED, r->explanation);
    engine_view_release(p->api->engine, view);
}

static void write_result(struct json_writer *w, const struct post *p, struct links *l,
                         const struct engine_result *r)
{
    struct assignment a = assignment_of_result(r);
    json_object(w);
    if (is_hidden(p, r->project)) { /* the id is taken there, by the same report */
        json_member(w, "error", STR("conflict"));
        json_member(w, "database_id", r->database_id);
        json_object_end(w);
        return;
    }
    render_assignment(w, p->api, l, &a);
    if (p->job.explain)
        write_explanation(w, p, r);
    json_object_end(w);
}

static void answer_one(struct post *p)
{
    const struct engine_result *r = &p->job.results[0];
    struct links l;
    struct json_writer w;
    links_init(&l, p->x);
    json_writer_init(&w, http_out(p->x));
    write_result(&w, p, &l, r);
    bool hidden = is_hidden(p, r->project);
    if (!p->job.dry_run && !hidden)
        http_set_header(p->x, "Location", link_report(&l, r->project, r->database_id));
    links_done(&l);
    http_answer(p->x, hidden ? 409 : p->job.dry_run ? 200 : r->same ? 303 : 201);
}

/* The reports are stored by now, so that an answer which got too large cannot be an error: then the
 * buckets are left out of it, and in the end all but the number. */
static void answer_list(struct post *p)
{
    const struct engine_job *job = &p->job;
    struct buf *out = http_out(p->x);
    struct links l;
    struct json_writer w;
    links_init(&l, p->x);
    json_writer_init(&w, out);
    json_list(&w);
    for (size_t i = 0; i < job->result_count && buf_ok(out); i++)
        write_result(&w, p, &l, &job->results[i]);
    json_list_end(&w);
    if (!buf_ok(out)) {
        buf_reset(out);
        json_writer_init(&w, out);
        json_list(&w);
        for (size_t i = 0; i < job->result_count && buf_ok(out); i++) {
            const struct engine_result *r = &job->results[i];
            json_object(&w);
            json_member(&w, "database_id", r->database_id);
            if (!is_hidden(p, r->project)) {
                json_member(&w, "project", r->project);
                json_member(&w, "href", link_report(&l, r->project, r->database_id));
            }
            json_object_end(&w);
        }
        json_list_end(&w);
    }
    if (!buf_ok(out)) {
        buf_reset(out);
        json_writer_init(&w, out);
        json_object(&w);
        json_key(&w, STR("stored"));
        json_int(&w, (int64_t)job->result_count);
        json_object_end(&w);
    }
    links_done(&l);
    http_answer(p->x, 201);
}

static void finish(struct http_exchange *x, void *arg)
{
    struct post *p = arg;
    (void)x;
    if (!p->job.ok)
        refuse(p);
    else if (p->job.is_list)
        answer_list(p);
    else
        answer_one(p);
}

static void job_done(struct engine_job *job)
{
    struct post *p = job->owner;
    http_wake(p->x, finish, p);
}

static bool wants_explanation(const struct http_exchange *x)
{
    struct str s;
    return http_param(x, "explain", &s) && (str_eq(s, STR("true")) || str_eq(s, STR("1")));
}

static bool post_new(struct post **out, struct http_exchange *x, struct api *api,
                     struct str project, bool dry_run)
{
    struct post *p = arena_zalloc(http_arena(x), sizeof *p);
    struct arena *arena = arena_new_in(&api->memory, api->memory.limit_bytes);
    if (!p || !arena || !arena_defer(http_arena(x), free_arena, arena)) {
        arena_free(arena);
        return false;
    }
    p->api = api;
    p->x = x;
    p->job = (struct engine_job){
        .arena = arena,
        .body = http_body(x),
        .project = project,
        .dry_run = dry_run,
        .explain = wants_explanation(x),
        .done = job_done,
        .owner = p,
    };
    *out = p;
    return true;
}

static void submit(struct http_exchange *x, struct api *api, bool dry_run)
{
    struct post *p;
    struct str project;
    struct err e = { 0 };
    if (!guard_pass(x, api, GUARD_POST, &project))
        return;
    if (!post_new(&p, x, api, project, dry_run)) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
        http_answer_err(x, &e);
        return;
    }
    http_park(x);
    if (!engine_submit(api->engine, &p->job, &e)) {
        p->job.err = e;
        http_wake(x, finish, p);
    }
}

void api_post(struct http_exchange *x, void *ctx)
{
    submit(x, ctx, false);
}

void api_dry_run(struct http_exchange *x, void *ctx)
{
    submit(x, ctx, true);
}
