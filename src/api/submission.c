/* submission.c - errors, symbols and attachments come in by the Backtrace API.
 *
 *     begin: URL, token, scopes, format, limits ─► add: intake ─► handler: checks, park ─► engine
 *                                                                  done(): http_wake ─► answer
 *
 * All that can be refused from the headers is refused before the body. What is hard are the things
 * that turn out later: the format, when only the first bytes tell it, and _mod_sync in a form. */
#include "api/submission.h"

#include "api/attachment_name.h"
#include "base/date.h"
#include "http/multipart.h"

#define MISSING_FORMAT "missing_format"

static unsigned refuse(struct err *e, unsigned status, enum err_code code, const char *word,
                       const char *message)
{
    (void)err_word(e, code, word, "%s", message);
    return status;
}

static unsigned out_of_memory(struct err *e)
{
    (void)err_set(e, ERR_NOMEM, 0, "no memory for this upload");
    return http_status_of(ERR_NOMEM);
}

/* --- the door ------------------------------------------------------------------------------ */

static unsigned read_url(struct submission *s, struct err *e)
{
    if (target_read(http_path(s->x), http_query(s->x), s->arena, &s->target, e))
        return 0;
    return http_status_of(e->code);
}

static unsigned let_in(struct submission *s, struct err *e)
{
    const struct claim claim = { s->target.universe, s->target.token, s->target.project,
                                 .no_session = s->target.hosted };
    return backtrace_admit(s->x, s->api, &claim, 0, &s->token, e);
}

static uint32_t scope_of(enum upload_format format)
{
    return upload_format_is_error(format) ? SCOPE_ERROR_POST : SCOPE_SYMBOL_POST;
}

/* The format as far as the URL says it; a form that has no place for it in the path may leave it to
 * the first bytes, and then it can only be an error. */
static unsigned read_format(struct submission *s, struct err *e)
{
    struct str word = s->target.format;
    if (word.len == 0)
        return s->target.hosted
                   ? refuse(e, 503, ERR_INPUT, "missing_format", "the URL names no format")
                   : backtrace_check_scopes(s->token, SCOPE_ERROR_POST, e);
    if (!upload_format_find(word, &s->in.format)) {
        (void)err_word(e, ERR_INPUT, "unknown_format", "unknown format '%.*s'", STR_ARG(word));
        return 503;
    }
    s->in.has_format = true;
    return backtrace_check_scopes(s->token, scope_of(s->in.format), e);
}

static unsigned read_object(struct submission *s, struct err *e)
{
    if (!submission_is_attachment(s))
        return s->target.attachment_name.len == 0
                   ? 0
                   : refuse(e, 400, ERR_INPUT, "no_object",
                            "attachment_name without object: which one is it for?");
    if (s->target.attachment_name.len == 0 && !submission_is_values(s))
        return refuse(e, 400, ERR_INPUT, "no_attachment_name",
                      "an attachment needs attachment_name in the URL");
    if (!object_parse(engine_secret(s->api->engine), s->target.object, &s->object))
        return refuse(e, 400, ERR_NOT_FOUND, "no_such_object", SUBMISSION_NO_OBJECT);
    s->in.is_attachment = true;
    return backtrace_check_scopes(s->token,
                                  submission_is_values(s) ? SCOPE_CHANGE : SCOPE_ERROR_POST, e);
}

static void read_bucket_token(struct submission *s)
{
    const struct token *t = s->token;
    struct str text;
    bool for_symbols = s->in.has_format && !upload_format_is_error(s->in.format);
    s->has_bucket_token = !for_symbols && http_header(s->x, "X-Submission-Bucket", &text);
    if (!s->has_bucket_token)
        return;
    s->bucket_token = bucket_token_check(engine_secret(s->api->engine), t->number, date_now_ms(),
                                         t->bucket_ttl_ms, text);
    if (s->bucket_token == BUCKET_TOKEN_GOOD && t->bucket.name.len == 0)
        s->bucket_token = BUCKET_TOKEN_UNKNOWN; /* it had one when that was made */
}

static uint64_t lower(uint64_t server, uint64_t token)
{
    return token > 0 && token < server ? token : server;
}

static void set_limits(struct submission *s, bool is_multipart)
{
    const struct upload_limits *server = &s->api->limits;
    const struct token_limits *token = &s->token->limits;
    struct intake *in = &s->in;
    bool for_symbols = in->has_format && !upload_format_is_error(in->format);
    uint64_t body =
        lower(for_symbols ? server->symbols_bytes : server->body_bytes, token->body_bytes);
    in->limits = (struct intake_limits){
        .json_bytes = lower(s->api->json_bytes, body),
        .attachment_bytes = lower(server->attachment_bytes, token->attachment_bytes),
        .parts = lower(server->parts, token->parts),
        .fields = UPLOAD_FIELDS_MAX - s->target.field_count,
    };
    if (!is_multipart && in->is_attachment)
        body = lower(body, in->limits.attachment_bytes);
    if (!is_multipart && in->has_format && in->format == UPLOAD_JSON)
        body = lower(body, in->limits.json_bytes);
    if (submission_is_values(s))
        body = lower(body, SUBMISSION_VALUES_BYTES);
    http_set_body_max(s->x, body);
}

static unsigned open_body(struct submission *s, struct err *e)
{
    struct str type, ignored;
    if (!http_header(s->x, "Content-Type", &type))
        type = STR("");
    set_limits(s, multipart_boundary(type, s->arena, &ignored));
    s->in.arena = s->arena;
    s->in.blobs = engine_blobs(s->api->engine);
    return intake_begin(&s->in, type, e) ? 0 : http_status_of(e->code);
}

static unsigned submission_begin(struct http_exchange *x, void *ctx, void **sink, struct err *e)
{
    struct submission *s = arena_zalloc(http_arena(x), sizeof *s);
    unsigned status;
    if (!s)
        return out_of_memory(e);
    *sink = s;
    s->api = ctx;
    s->x = x;
    s->arena = http_arena(x);
    if ((status = read_url(s, e)) != 0 || (status = let_in(s, e)) != 0 ||
        (status = read_object(s, e)) != 0)
        return status;
    if (!s->in.is_attachment && (status = read_format(s, e)) != 0)
        return status;
    s->sync = s->target.sync;
    if (s->sync && (status = backtrace_check_scopes(s->token, SCOPE_SYNC_POST, e)) != 0)
        return status;
    read_bucket_token(s);
    return open_body(s, e);
}

/* --- the body ------------------------------------------------------------------------------ */

static bool submission_add(void *sink, struct bytes piece, struct err *e)
{
    struct submission *s = sink;
    if (s->refused_status != 0)
        return true;
    if (!intake_add(&s->in, piece, e))
        return false;
    if (s->in.wants_sync && !s->sync) {
        s->sync = true;
        s->refused_status = backtrace_check_scopes(s->token, SCOPE_SYNC_POST, &s->refused);
    }
    return true;
}

const struct http_sink submission_sink = { .begin = submission_begin, .add = submission_add };

/* --- the hand-over ------------------------------------------------------------------------- */

static void refuse_body(struct submission *s, const struct err *e)
{
    backtrace_refuse(s->x, e->code == ERR_LIMIT ? 413 : http_status_of(e->code), e);
}

/* What the URL did not say, a field `format` may, or the first bytes; and which of the formats that
 * come by one door it is, these say. */
static bool settle_format(struct submission *s, struct err *e)
{
    struct intake *in = &s->in;
    const struct bytes first = { in->first, in->first_len };
    enum upload_format by_bytes;
    const char *words;
    bool is_report = decode_format_of(decode_kind_of(first, &words), &by_bytes);
    if (!in->has_format && upload_format_find(in->format_word, &in->format) &&
        upload_format_is_error(in->format)) {
        in->has_format = true;
        if (!decode_check_magic(in->format, first, e))
            return false;
    }
    if (is_report && (!in->has_format || upload_format_is_error(in->format))) {
        in->format = by_bytes;
        in->has_format = true;
    }
    return in->has_format ||
           err_word(e, ERR_INPUT, MISSING_FORMAT,
                    "the URL names no format, and the body does not show what it is");
}

static void free_arena(void *arena)
{
    arena_free(arena);
}

static struct arena *work_arena(struct submission *s)
{
    struct arena *a = arena_new_in(&s->api->memory, s->api->memory.limit_bytes);
    if (a && !arena_defer(s->arena, free_arena, a)) {
        arena_free(a);
        return NULL;
    }
    return a;
}

/* A JSON report must be JSON before it is taken; its uuid is copied, the rest is read again when
 * it is processed. */
static bool check_json(struct submission *s, struct arena *work, struct str *uuid, struct err *e)
{
    struct str text, found = STR("");
    if (s->in.file_content.size > s->in.limits.json_bytes)
        return err_word(e, ERR_LIMIT, "body_too_large", "the JSON report is larger than %llu bytes",
                        (unsigned long long)s->in.limits.json_bytes);
    if (!spool_view(s->in.file, &text, e))
        return false;
    bool ok = decode_check_json(text, work, &found, e) && arena_str(s->arena, found, uuid);
    if (!ok && e->code == ERR_LIMIT)
        e->code = ERR_INPUT; /* too deep, too many values: another body would be taken */
    if (!ok && e->code == ERR_NOMEM && arena_used(work) > s->api->memory.limit_bytes / 2)
        (void)err_word(e, ERR_LIMIT, "body_too_large",
                       "the report takes more memory than there is");
    arena_reset(work);
    return ok;
}

/* A source map that is no JSON, or a report that was taken for one: the sender hears of it at once.
 * One that is too large to be looked at now is read later, as all are. */
static bool check_sourcemap(struct submission *s, struct arena *work, struct err *e)
{
    const char *words;
    struct str text;
    if (decode_kind_of((struct bytes){ s->in.first, s->in.first_len }, &words) != KIND_JSON ||
        s->in.file_content.size > s->in.limits.json_bytes)
        return true;
    if (!spool_view(s->in.file, &text, e))
        return false;
    bool ok = decode_check_sourcemap(text, work, e) || e->code != ERR_INPUT;
    arena_reset(work);
    return ok;
}

/* The query's parameters, then the form's. */
static bool join_fields(struct submission *s, struct upload *u)
{
    const struct target *t = &s->target;
    struct upload_field *all =
        arena_array(s->arena, t->field_count + s->in.fields.len + 1, sizeof *all);
    const struct upload_field file = { STR("file"), s->in.file_name, UPLOAD_FROM_FORM };
    size_t n = 0;
    if (!all)
        return false;
    for (size_t i = 0; i < t->field_count; i++)
        if (!upload_format_is_error(s->in.format) || !target_is_for_symbols(t->fields[i].name))
            all[n++] = t->fields[i];
    for (size_t i = 0; i < s->in.fields.len; i++)
        all[n++] = s->in.fields.at[i];
    if (upload_format_is_symbols(s->in.format) && file.value.len > 0)
        all[n++] = file; /* behind what else says it: the first counts */
    u->fields = all;
    u->field_count = n;
    return true;
}

static struct upload_bucket bucket_of(const struct submission *s)
{
    struct upload_bucket b = s->token->bucket;
    b.use = s->has_bucket_token && s->bucket_token == BUCKET_TOKEN_GOOD;
    return b;
}

static void finish_upload(struct http_exchange *x, void *arg)
{
    (void)x;
    submission_answer_upload(arg);
}

static void upload_done(struct engine_upload *u)
{
    struct submission *s = u->owner;
    http_wake(s->x, finish_upload, s);
}

static bool make_upload(struct submission *s, struct err *e)
{
    struct engine_upload *u = &s->upload;
    const struct intake *in = &s->in;
    u->arena = work_arena(s);
    u->upload = (struct upload){ .project = s->token->project,
                                 .format = in->format,
                                 .type = in->file_type,
                                 .uuid = STR(""),
                                 .body = in->file_content,
                                 .attachments = in->attachments,
                                 .attachment_count = in->attachment_count };
    if (!u->arena || !join_fields(s, &u->upload))
        return err_set(e, ERR_NOMEM, 0, "no memory for this upload");
    if (upload_format_is_error(in->format))
        u->upload.bucket = bucket_of(s);
    u->spools = in->spools.at;
    u->spool_count = in->spools.len;
    u->sync = s->sync;
    u->done = upload_done;
    u->owner = s;
    if (in->format == UPLOAD_SOURCEMAP)
        return check_sourcemap(s, u->arena, e);
    return in->format != UPLOAD_JSON || check_json(s, u->arena, &u->upload.uuid, e);
}

static void hand_over_upload(struct submission *s)
{
    struct err e = { 0 };
    bool ok = settle_format(s, &e);
    if (!ok && e.word && !strcmp(e.word, MISSING_FORMAT)) {
        backtrace_refuse(s->x, 503, &e);
        return;
    }
    if (!ok || !make_upload(s, &e)) {
        refuse_body(s, &e);
        return;
    }
    http_park(s->x);
    if (!engine_accept(s->api->engine, &s->upload, &e)) {
        s->upload.ok = false;
        s->upload.err = e;
        http_wake(s->x, finish_upload, s);
    }
}

static void finish_attachment(struct http_exchange *x, void *arg)
{
    (void)x;
    submission_answer_attachment(arg);
}

static void attachment_done(struct engine_attachment *t)
{
    struct submission *s = t->owner;
    http_wake(s->x, finish_attachment, s);
}

static void hand_over_attachment(struct submission *s)
{
    struct err e = { 0 };
    struct engine_attachment *t = &s->attachment;
    *t = (struct engine_attachment){
        .arena = work_arena(s),
        .object = s->object,
        .project = s->token->project,
        .attachment = { .type = s->in.file_type, .content = s->in.file_content },
        .spool = s->in.file,
        .bucket = bucket_of(s),
        .done = attachment_done,
        .owner = s,
    };
    if (!t->arena || !attachment_name(s->target.attachment_name, s->arena, &t->attachment.name)) {
        (void)out_of_memory(&e);
        refuse_body(s, &e);
        return;
    }
    http_park(s->x);
    if (!engine_attach(s->api->engine, t, &e)) {
        t->ok = false;
        t->err = e;
        http_wake(s->x, finish_attachment, s);
    }
}

void api_submission(struct http_exchange *x, void *ctx)
{
    struct submission *s = http_sink_of(x);
    struct err e = { 0 };
    (void)ctx;
    if (s->refused_status != 0)
        backtrace_refuse(x, s->refused_status, &s->refused);
    else if (!intake_end(&s->in, &e))
        refuse_body(s, &e);
    else if (submission_is_values(s) && submission_is_attachment(s))
        submission_hand_over_values(s);
    else if (submission_is_attachment(s))
        hand_over_attachment(s);
    else
        hand_over_upload(s);
}
