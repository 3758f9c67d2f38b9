/* objects.c - GET /api/get: the bytes of an upload, of an attachment, or the report made of it.
 *
 * What is asked for may have been accepted a moment ago and not be processed yet: the exchange is
 * parked until it is. What goes out is what strangers sent in: see download.h. */
#include "api/objects.h"

#include "api/download.h"

#include <inttypes.h>
#include <unistd.h>

#define GZIP_TEXT_MAX ((size_t)512 << 20)

static void refuse(struct http_exchange *x, unsigned status, enum err_code code, const char *word,
                   const char *message)
{
    struct err e = { 0 };
    (void)err_word(&e, code, word, "%s", message);
    backtrace_refuse(x, status, &e);
}

static void refuse_no_object(struct http_exchange *x)
{
    refuse(x, 404, ERR_NOT_FOUND, "not_found", "there is no such object in this project");
}

/* The door. */

static void begin(struct http_exchange *x, struct api *api, struct lookup **out)
{
    *out = NULL;
    const struct token *t = backtrace_let_in(x, api, SCOPE_OBJECT_GET);
    struct arena *arena = t ? backtrace_arena(x, api) : NULL;
    if (!arena)
        return;
    struct lookup *l = arena_zalloc(arena, sizeof *l);
    if (!l) {
        refuse(x, 503, ERR_NOMEM, "out_of_memory", "no memory for this request");
        return;
    }
    *l = (struct lookup){ .api = api, .x = x, .arena = arena, .project = t->project };
    *out = l;
}

/* The parameter `object`; false when it has been refused. */
static bool read_object(struct lookup *l)
{
    struct str s;
    if (!http_param(l->x, "object", &s) || s.len == 0) {
        refuse(l->x, 400, ERR_INPUT, "no_object", "the parameter object is missing");
        return false;
    }
    if (object_parse(engine_secret(l->api->engine), s, &l->object))
        return true;
    refuse_no_object(l->x);
    return false;
}

static void settled(struct http_exchange *x, void *arg)
{
    struct lookup *l = arg;
    if (l->err.code != ERR_NONE)
        backtrace_refuse_err(x, &l->err);
    else if (!l->wait.ok && l->wait.err.code == ERR_NOT_FOUND)
        refuse_no_object(x);
    else if (!l->wait.ok)
        backtrace_refuse_err(x, &l->wait.err);
    else
        l->answer(l);
}

static void wait_done(struct engine_wait *w)
{
    struct lookup *l = w->owner;
    http_wake(l->x, settled, l);
}

static void answer_when_settled(struct lookup *l, void (*answer)(struct lookup *l))
{
    struct err e = { 0 };
    l->answer = answer;
    l->wait = (struct engine_wait){
        .arena = l->arena,
        .object = l->object,
        .project = l->project,
        .done = wait_done,
        .owner = l,
    };
    http_park(l->x);
    if (!engine_settle(l->api->engine, &l->wait, &e)) {
        l->err = e;
        http_wake(l->x, settled, l);
    }
}

/* What is sent. */

static bool set_headers(struct lookup *l, struct str name, const char *type)
{
    struct str disposition;
    struct err e = { 0 };
    if (!download_disposition(name, http_arena(l->x), &disposition)) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for the answer");
        backtrace_refuse_err(l->x, &e);
        return false;
    }
    http_set_header(l->x, "Content-Disposition", disposition);
    http_set_header(l->x, "X-Content-Type-Options", STR("nosniff"));
    http_set_header(l->x, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
    http_set_header(l->x, "Cache-Control", STR("private"));
    http_set_type(l->x, type);
    return true;
}

static void send_text(struct lookup *l, struct str text, struct str name, const char *type)
{
    if (!set_headers(l, name, type))
        return;
    buf_str(http_out(l->x), text);
    http_answer(l->x, 200);
}

static void send_content(struct lookup *l, const struct content *c, struct str name,
                         const char *type)
{
    struct err e = { 0 };
    int fd;
    if (!c->in_file) {
        send_text(l, c->bytes, name, type);
        return;
    }
    if (!blobs_open_file(engine_blobs(l->api->engine), c, &fd, &e)) {
        /* The object is there, so a missing file is our loss and not the client's mistake. */
        refuse(l->x, 500, ERR_IO, "content_lost", "the content cannot be read");
        return;
    }
    if (set_headers(l, name, type))
        http_answer_file(l->x, 200, fd, c->size);
    else
        close(fd);
}

static struct str object_name(struct lookup *l, const char *ending)
{
    struct str s;
    return arena_printf(l->arena, &s, "%" PRIx64 "%s", l->object, ending) ? s : STR("object");
}

static const char *ending_of(enum upload_format format)
{
    static const char *const endings[UPLOAD_FORMATS] = {
        [UPLOAD_JSON] = ".json",    [UPLOAD_MINIDUMP] = ".dmp",    [UPLOAD_PLCRASH] = ".plcrash",
        [UPLOAD_BTT] = ".btt",      [UPLOAD_SYMBOLS] = ".symbols", [UPLOAD_SOURCEMAP] = ".map",
        [UPLOAD_PROGUARD] = ".txt", [UPLOAD_CORE] = ".core",
    };
    return endings[format];
}

/* The upload as it came. What came over the PartyCrasher API is a report and no upload. */
static void answer_upload(struct lookup *l)
{
    struct stored_upload u;
    struct str json;
    struct err e = { 0 };
    struct engine *en = l->api->engine;
    if (engine_upload_read(en, l->object, l->project, l->arena, &u, &e)) {
        bool is_json = u.format == UPLOAD_JSON;
        send_content(l, &u.body, object_name(l, ending_of(u.format)),
                     is_json ? "application/json" : "application/octet-stream");
    } else if (e.code == ERR_NOT_FOUND &&
               engine_object_report(en, l->object, l->project, l->arena, &json, &e)) {
        send_text(l, json, object_name(l, ".json"), "application/json");
    } else {
        backtrace_refuse_err(l->x, &e);
    }
}

static void answer_report(struct lookup *l)
{
    struct str json;
    struct err e = { 0 };
    if (engine_object_report(l->api->engine, l->object, l->project, l->arena, &json, &e))
        send_text(l, json, object_name(l, ".json"), "application/json");
    else
        backtrace_refuse_err(l->x, &e);
}

/* What a JSON report was sent as; else the report that was made of it. */
static bool find_json(struct lookup *l, struct str *json, struct err *e)
{
    struct stored_upload u;
    struct engine *en = l->api->engine;
    if (engine_upload_read(en, l->object, l->project, l->arena, &u, e) && u.format == UPLOAD_JSON)
        return blobs_view(engine_blobs(en), &u.body, l->arena, json, e);
    return engine_object_report(en, l->object, l->project, l->arena, json, e);
}

/* Resources that are gzip by name are so for those who keep them. morgue, which says nothing of
 * encodings, unpacks what is said to be encoded, and would keep anything else as it is. */
static void say_encoding(struct lookup *l)
{
    struct str accepted;
    if (!http_header(l->x, "Accept-Encoding", &accepted))
        http_set_header(l->x, "Content-Encoding", STR("gzip"));
}

static void answer_gzip(struct lookup *l)
{
    struct str json;
    struct err e = { 0 };
    if (!find_json(l, &json, &e) || !download_gzip(json, http_out(l->x), &e)) {
        backtrace_refuse_err(l->x, &e);
        return;
    }
    if (!set_headers(l, object_name(l, ".json.gz"), "application/gzip"))
        return;
    say_encoding(l);
    http_answer(l->x, 200);
}

/* The report as lines to read: a field and its text each, in the order of the report. */
static bool write_text(struct lookup *l, struct str json, struct str *out, struct err *e)
{
    const struct json_limits limits = { .depth = REPORT_DEPTH_MAX + 1, .nodes = SIZE_MAX };
    const struct json *parsed;
    struct report r;
    struct buf text;
    if (!json_parse(&parsed, json, limits, l->arena, e) ||
        !report_from_json(&r, parsed, json, l->arena, e))
        return false;
    buf_init(&text, GZIP_TEXT_MAX);
    for (size_t i = 0; i < r.text_count; i++) {
        buf_str(&text, r.texts[i].field);
        buf_str(&text, STR(": "));
        buf_str(&text, r.texts[i].text);
        buf_char(&text, '\n');
    }
    bool ok = buf_ok(&text) && arena_str(l->arena, buf_view(&text), out);
    buf_done(&text);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory for the answer");
}

static void answer_text_gzip(struct lookup *l)
{
    struct str json, text;
    struct err e = { 0 };
    if (!engine_object_report(l->api->engine, l->object, l->project, l->arena, &json, &e) ||
        !write_text(l, json, &text, &e) || !download_gzip(text, http_out(l->x), &e)) {
        backtrace_refuse_err(l->x, &e);
        return;
    }
    if (!set_headers(l, object_name(l, ".txt.gz"), "application/gzip"))
        return;
    say_encoding(l);
    http_answer(l->x, 200);
}

/* Attachments. */

bool attachment_id_parse(struct str s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || __builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (unsigned)(s.ptr[i] - '0'), &n))
            return false;
    *out = n;
    return s.len > 0;
}

/* The newest of that name. */
static bool find_named(struct lookup *l, struct str name, uint64_t *id, struct err *e)
{
    struct stored_attachment *all;
    size_t count;
    if (!engine_attachments(l->api->engine, l->object, l->project, l->arena, &all, &count, e))
        return false;
    for (size_t i = count; i > 0; i--)
        if (str_eq(all[i - 1].name, name)) {
            *id = all[i - 1].id;
            return true;
        }
    return err_word(e, ERR_NOT_FOUND, "not_found", "the object has no attachment of this name");
}

static bool find_attachment(struct lookup *l, struct stored_attachment *out, struct err *e)
{
    struct str s;
    uint64_t id = 0;
    if (http_param(l->x, "attachment_id", &s)) {
        if (!attachment_id_parse(s, &id))
            return err_word(e, ERR_NOT_FOUND, "not_found", "the object has no such attachment");
    } else if (!http_param(l->x, "attachment_name", &s) || !find_named(l, s, &id, e)) {
        return false;
    }
    return engine_attachment_read(l->api->engine, l->object, l->project, id, l->arena, out, e);
}

static void answer_attachment(struct lookup *l)
{
    struct stored_attachment t;
    struct err e = { 0 };
    if (find_attachment(l, &t, &e))
        send_content(l, &t.content, t.name, download_type(t.type));
    else
        backtrace_refuse_err(l->x, &e);
}

void api_object_get(struct http_exchange *x, void *ctx)
{
    struct lookup *l;
    struct str s = STR("");
    begin(x, ctx, &l);
    if (!l || !read_object(l))
        return;
    if (http_param(x, "attachment_id", &s) || http_param(x, "attachment_name", &s)) {
        answer_when_settled(l, answer_attachment);
        return;
    }
    (void)http_param(x, "resource", &s);
    if (s.len == 0 || str_eq(s, STR("raw")))
        answer_when_settled(l, answer_upload);
    else if (str_eq(s, STR("json")))
        answer_when_settled(l, answer_report);
    else if (str_eq(s, STR("json.gz")))
        answer_when_settled(l, answer_gzip);
    else if (str_eq(s, STR("txt.gz")))
        answer_when_settled(l, answer_text_gzip);
    else
        refuse(x, 404, ERR_NOT_FOUND, "not_found",
               "objects have the resources raw, json, json.gz and txt.gz");
}

void api_object_list(struct http_exchange *x, void *ctx)
{
    struct lookup *l;
    struct str view = STR(""), object;
    bool has_object = http_param(x, "object", &object);
    (void)http_param(x, "view", &view);
    begin(x, ctx, &l);
    if (!l)
        return;
    if (view.len == 0)
        view = has_object ? STR("attachments") : STR("objects");
    if (str_eq(view, STR("objects"))) {
        object_list_uploads(l);
    } else if (str_eq(view, STR("attachments"))) {
        if (read_object(l))
            answer_when_settled(l, object_list_attachments);
    } else {
        refuse(x, 400, ERR_INPUT, "bad_view", "view must be attachments or objects");
    }
}
