/* answer.c - answers: bodies, headers, errors, CORS. */
#include "http/internal.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define CORS_HEADERS                                                                               \
    "Authorization, Content-Encoding, Content-Type, X-Coroner-Token, X-Submission-Bucket"
#define CORS_EXPOSED "Content-Disposition, Link, Location, Retry-After"
#define CORS_MAX_AGE "86400"
#define ANSWER_UNCOUNTED 65536 /* the memory of a smaller answer is not counted */

/* The one table from codes to statuses, and the words for errors that bring none. */
static const struct {
    unsigned status;
    const char *word;
} by_code[] = {
    [ERR_NONE] = { 500, "internal_error" },  [ERR_INPUT] = { 400, "bad_request" },
    [ERR_LIMIT] = { 400, "limit_exceeded" }, [ERR_NOT_FOUND] = { 404, "not_found" },
    [ERR_CONFLICT] = { 409, "conflict" },    [ERR_BUSY] = { 503, "busy" },
    [ERR_FULL] = { 507, "storage_full" },    [ERR_IO] = { 500, "internal_error" },
    [ERR_NOMEM] = { 503, "out_of_memory" },
};

unsigned http_status_of(enum err_code code)
{
    return by_code[code].status;
}

struct buf *http_out(struct http_exchange *x)
{
    return &x->out;
}

void http_set_type(struct http_exchange *x, const char *content_type)
{
    x->type = content_type;
}

static void set_header(struct http_exchange *x, const char *name, const char *value)
{
    assert(x->header_count < ANSWER_HEADERS_MAX);
    x->headers[x->header_count++] = (struct answer_header){ name, value };
}

void http_set_header(struct http_exchange *x, const char *name, struct str value)
{
    struct str copy;
    if (arena_str(x->arena, value, &copy))
        set_header(x, name, copy.ptr);
    else
        x->failed = true;
}

static bool has_header(const struct answer_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(headers[i].name, name) == 0)
            return true;
    return false;
}

static http_error_writer writer_of(const struct http_exchange *x)
{
    return x->route ? x->route->is->error_writer : NULL;
}

static void write_error(struct buf *out, http_error_writer writer, unsigned status,
                        const struct err *e)
{
    struct json_writer w;
    if (writer) {
        writer(out, status, e);
        return;
    }
    json_writer_init(&w, out);
    json_object(&w);
    json_member(&w, "error", str_from_c(e->word ? e->word : by_code[e->code].word));
    json_member(&w, "message", str_from_c(e->msg));
    json_object_end(&w);
    buf_char(out, '\n');
}

static void add(struct MHD_Response *r, const char *name, const char *value)
{
    if (dl_MHD_add_response_header(r, name, value) != MHD_YES)
        log_line(LOG_WARN, "http_header_dropped", "name=%s value=%s", name,
                 log_masked(str_from_c(value)));
}

static void add_headers(struct http_exchange *x, struct MHD_Response *r, bool has_body)
{
    const char *origin = x->server->config.cors_origin;
    if (has_body)
        add(r, "Content-Type", x->type ? x->type : "application/json");
    for (size_t i = 0; i < x->header_count; i++)
        add(r, x->headers[i].name, x->headers[i].value);
    if (origin) {
        add(r, "Access-Control-Allow-Origin", origin);
        if (x->header_count > 0)
            add(r, "Access-Control-Expose-Headers", CORS_EXPOSED);
    }
    if (atomic_load_explicit(&x->server->stopping, memory_order_relaxed))
        add(r, "Connection", "close");
}

/* The buffer goes to MHD, which frees it when the last byte has been sent. */
static struct MHD_Response *make_response(struct buf *out)
{
    static char nothing[1];
    if (out->len == 0)
        return dl_MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *r =
        dl_MHD_create_response_from_buffer_with_free_callback(out->len, out->ptr, free);
    if (r)
        buf_init(out, out->max_bytes);
    return r;
}

void answer_discharge(struct http_exchange *x)
{
    if (x->answer_charged)
        atomic_fetch_sub_explicit(&x->server->bodies.used_bytes, x->answer_charged,
                                  memory_order_relaxed);
    x->answer_charged = 0;
}

/* A client may take its time to read, so large answers share the budget of the bodies. */
static bool charge(struct http_exchange *x)
{
    struct body_budget *b = &x->server->bodies;
    if (x->out.cap <= ANSWER_UNCOUNTED)
        return true;
    x->answer_charged = x->out.cap;
    size_t before =
        atomic_fetch_add_explicit(&b->used_bytes, x->answer_charged, memory_order_relaxed);
    if (before + x->answer_charged <= b->limit_bytes)
        return true;
    answer_discharge(x);
    return false;
}

/* Puts an error in the place of an answer that cannot be sent. */
static unsigned replace(struct http_exchange *x, const struct err *e)
{
    log_line(LOG_WARN, "http_answer_dropped", "path=%s why=%s", log_masked(x->path),
             log_masked(str_from_c(e->msg)));
    buf_done(&x->out);
    buf_reset(&x->out);
    x->type = NULL;
    write_error(&x->out, writer_of(x), http_status_of(e->code), e);
    return http_status_of(e->code);
}

/* Takes the response; NULL when it could not be made. */
static void queue(struct http_exchange *x, unsigned status, struct MHD_Response *r)
{
    if (!r) {
        x->failed = true;
        return;
    }
    add_headers(x, r, x->answer_bytes > 0);
    conn_phase_set(x->conn, PHASE_SENDING, watch_now_ms());
    x->failed = dl_MHD_queue_response(x->mhd, status, r) != MHD_YES;
    dl_MHD_destroy_response(r);
}

void http_answer(struct http_exchange *x, unsigned status)
{
    struct err e;
    assert(x->status == 0 && !x->parked);
    if (!buf_ok(&x->out)) {
        err_word(&e, ERR_IO, "answer_too_large", "the answer is too large, or memory is short");
        status = replace(x, &e);
    } else if (!charge(x)) {
        err_word(&e, ERR_BUSY, "too_many_answers",
                 "too many large answers at once, try again later");
        status = replace(x, &e);
    }
    x->status = status;
    x->answer_bytes = x->out.len;
    if (!x->dead)
        queue(x, status, x->failed ? NULL : make_response(&x->out));
}

void http_answer_file(struct http_exchange *x, unsigned status, int fd, uint64_t size)
{
    assert(x->status == 0 && !x->parked);
    x->status = status;
    x->answer_bytes = size;
    struct MHD_Response *r =
        x->dead || x->failed || size == 0 ? NULL : dl_MHD_create_response_from_fd64(size, fd);
    if (!r) /* else it is closed with the response */
        close(fd);
    if (!r && size == 0 && !x->failed)
        r = make_response(&x->out);
    if (!x->dead)
        queue(x, status, r);
}

static void answer_err(struct http_exchange *x, unsigned status, const struct err *e)
{
    buf_reset(&x->out);
    x->type = NULL;
    if (status == 503 && !has_header(x->headers, x->header_count, "Retry-After"))
        set_header(x, "Retry-After", "1");
    write_error(&x->out, writer_of(x), status, e);
    http_answer(x, status);
}

void http_answer_err(struct http_exchange *x, const struct err *e)
{
    answer_err(x, http_status_of(e->code), e);
}

void answer_refusal(struct http_exchange *x, const struct refusal *r)
{
    answer_err(x, r->status, &r->err);
}

void answer_options(struct http_exchange *x, struct str allow)
{
    http_set_header(x, "Allow", allow);
    if (x->server->config.cors_origin) {
        http_set_header(x, "Access-Control-Allow-Methods", allow);
        set_header(x, "Access-Control-Allow-Headers", CORS_HEADERS);
        set_header(x, "Access-Control-Max-Age", CORS_MAX_AGE);
    }
    http_answer(x, 200);
}

bool answer_raw(const struct http_server *s, const struct answer_header *headers,
                size_t header_count, const struct refusal *r, http_error_writer writer,
                bool with_body, struct buf *out)
{
    struct buf body;
    buf_init(&body, 4096);
    write_error(&body, writer, r->status, &r->err);
    buf_printf(out,
               "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n",
               r->status, dl_MHD_get_reason_phrase_for(r->status), body.len);
    for (size_t i = 0; i < header_count; i++)
        buf_printf(out, "%s: %s\r\n", headers[i].name, headers[i].value);
    if (r->status == 503 && !has_header(headers, header_count, "Retry-After"))
        buf_str(out, STR("Retry-After: 1\r\n"));
    if (s->config.cors_origin)
        buf_printf(out, "Access-Control-Allow-Origin: %s\r\n", s->config.cors_origin);
    buf_str(out, STR("\r\n"));
    if (with_body)
        buf_str(out, buf_view(&body));
    bool ok = buf_ok(&body) && buf_ok(out);
    buf_done(&body);
    return ok;
}
