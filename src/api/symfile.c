/* symfile.c - POST /api/symfile: what there is of symbols in a project, and what is missing.
 *
 *     {"action":"symbols","form":{"tags":["1.2"],"values":["app.pdb"],"limit":100,"before":"..."}}
 *
 * Answers are pages: `limit` items, and `next` when there are more: what to give as `before` (of
 * missing symbols: `from`) for them. docs/backtrace-api.md tells the members. */
#include "access/receipt.h"
#include "api/backtrace.h"
#include "api/measures.h"

#include <inttypes.h>
#include <stdio.h>

#define DEPTH_MAX 4
#define NODES_MAX 10000
#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000
#define FROM_MAX 1000000
#define ID_TEXT_MAX 20

struct symfile {
    struct http_exchange *x;
    struct api *api;
    struct arena *arena;              /* goes with the exchange */
    struct str project;               /* the token's */
    const struct json *tags, *values; /* lists of texts, or NULL: all */
    size_t limit, from;
    uint64_t before; /* 0: the newest */
    struct json_writer w;
};

static void free_arena(void *arena)
{
    arena_free(arena);
}

/* --- the door ------------------------------------------------------------------------------ */

/* Any of the scopes that read is enough. */
static bool let_in(struct symfile *s, struct err *e, unsigned *status)
{
    struct claim claim = { 0 };
    const struct token *t;
    (void)http_param(s->x, "universe", &claim.universe);
    (void)http_param(s->x, "token", &claim.token);
    (void)http_param(s->x, "project", &claim.project);
    *status = backtrace_admit(s->x, s->api, &claim, 0, &t, e);
    if (*status)
        return false;
    s->project = t->project;
    if (t->scopes & SCOPES_READING)
        return true;
    metric_add(&api_measures.no_scope, 1);
    *status = 403;
    return err_word(e, ERR_INPUT, "missing_scope",
                    "invalid token: it has neither the scope object:get nor query:post");
}

static bool bad(struct err *e, const char *what)
{
    return err_word(e, ERR_INPUT, "bad_parameter", "%s", what);
}

/* A member of the form that is a list of texts. */
static bool read_texts(const struct json *form, struct str key, const struct json **out,
                       struct err *e)
{
    const struct json *list = json_get(form, key);
    *out = NULL;
    if (!list || list->type == JSON_NULL)
        return true;
    bool ok = list->type == JSON_LIST;
    for (const struct json *item = ok ? list->first : NULL; item; item = item->next)
        ok &= item->type == JSON_STRING;
    if (list->count > 0)
        *out = list;
    return ok || bad(e, "tags and values must be lists of texts");
}

static bool read_number(const struct json *form, struct str key, size_t max, size_t *out,
                        struct err *e)
{
    const struct json *j = json_get(form, key);
    size_t n = 0;
    if (!j)
        return true;
    bool ok = j->type == JSON_NUMBER;
    for (size_t i = 0; ok && i < j->text.len; i++) {
        ok = j->text.ptr[i] >= '0' && j->text.ptr[i] <= '9';
        n = ok ? n * 10 + (size_t)(j->text.ptr[i] - '0') : n;
        ok = ok && n <= max;
    }
    *out = n;
    return ok || err_word(e, ERR_INPUT, "bad_parameter",
                          "%.*s must be a whole number from 0 to %zu", STR_ARG(key), max);
}

/* As it stood in `next`: hex digits. */
static bool read_before(const struct json *form, uint64_t *out, struct err *e)
{
    const struct json *j = json_get(form, STR("before"));
    *out = 0;
    if (!j)
        return true;
    bool ok = j->type == JSON_STRING && j->text.len > 0 && j->text.len <= 16;
    for (size_t i = 0; ok && i < j->text.len; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = j->text.ptr[i] ? strchr(digits, j->text.ptr[i]) : NULL;
        ok = at != NULL;
        *out = ok ? *out << 4 | (uint64_t)(at - digits) : 0;
    }
    return ok || bad(e, "before must be what an answer had as next");
}

static bool read_form(struct symfile *s, const struct json *form, struct err *e)
{
    s->limit = PAGE_DEFAULT;
    if (form && form->type != JSON_OBJECT && form->type != JSON_NULL)
        return bad(e, "form must be a JSON object");
    return read_texts(form, STR("tags"), &s->tags, e) &&
           read_texts(form, STR("values"), &s->values, e) &&
           read_number(form, STR("limit"), PAGE_MAX, &s->limit, e) &&
           read_number(form, STR("from"), FROM_MAX, &s->from, e) &&
           read_before(form, &s->before, e) &&
           (s->limit > 0 || bad(e, "limit must be a whole number from 1 to 1000"));
}

/* --- what is told of ------------------------------------------------------------------------ */

/* Among the texts; no list has all. */
static bool is_wanted(const struct json *list, struct str text)
{
    for (const struct json *j = list ? list->first : NULL; j; j = j->next)
        if (str_eq(j->text, text))
            return true;
    return !list;
}

static void write_int(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, str_from_c(key));
    json_int(w, n <= INT64_MAX ? (int64_t)n : INT64_MAX);
}

static void write_seconds(struct json_writer *w, const char *key, int64_t ms)
{
    json_key(w, str_from_c(key));
    json_int(w, ms / 1000);
}

/* Uploads are told by 16 digits. */
static void write_archive_id(struct json_writer *w, uint64_t object)
{
    char id[ID_TEXT_MAX];
    (void)snprintf(id, sizeof id, "%016" PRIx64, object);
    json_member(w, "archive_id", str_from_c(id));
}

static void write_next(struct json_writer *w, uint64_t before)
{
    char id[ID_TEXT_MAX];
    (void)snprintf(id, sizeof id, "%" PRIx64, before);
    json_member(w, "next", str_from_c(id));
}

/* Items of one tag stand together: {tag, files: [...]} for each. `tag_of` and `write` know the
 * items, `wanted` says which are told of. */
struct grouping {
    size_t count;
    const void *items;
    struct str (*tag_of)(const void *items, size_t i);
    bool (*wanted)(const struct symfile *s, const void *items, size_t i);
    void (*write)(struct json_writer *w, const void *items, size_t i);
};

static bool write_groups(struct symfile *s, const struct grouping *g, struct err *e)
{
    bool *told = arena_zalloc(s->arena, g->count + 1);
    if (!told)
        return err_set(e, ERR_NOMEM, 0, "no memory for this request");
    for (size_t i = 0; i < g->count; i++) {
        struct str tag = g->tag_of(g->items, i);
        if (told[i] || !g->wanted(s, g->items, i))
            continue;
        json_object(&s->w);
        json_member(&s->w, "tag", tag);
        json_key(&s->w, STR("files"));
        json_list(&s->w);
        for (size_t k = i; k < g->count; k++)
            if (!told[k] && str_eq(g->tag_of(g->items, k), tag) && g->wanted(s, g->items, k)) {
                told[k] = true;
                g->write(&s->w, g->items, k);
            }
        json_list_end(&s->w);
        json_object_end(&s->w);
    }
    return true;
}

/* --- summary ------------------------------------------------------------------------------- */

static bool answer_summary(struct symfile *s, struct err *e)
{
    struct symbol_summary sum;
    if (!store_symbol_summary(engine_store(s->api->engine), s->project, &sum, e))
        return false;
    json_key(&s->w, STR("summary"));
    json_object(&s->w);
    json_key(&s->w, STR("archives"));
    json_object(&s->w);
    write_int(&s->w, "count", sum.uploads.count);
    write_seconds(&s->w, "first_updated_time", sum.uploads.first_ms);
    write_seconds(&s->w, "last_updated_time", sum.uploads.last_ms);
    json_object_end(&s->w);
    json_key(&s->w, STR("symbols"));
    json_object(&s->w);
    write_int(&s->w, "count", sum.files.count);
    write_seconds(&s->w, "first_updated_time", sum.files.first_ms);
    write_seconds(&s->w, "last_updated_time", sum.files.last_ms);
    json_object_end(&s->w);
    json_key(&s->w, STR("missing_symbols"));
    json_object(&s->w);
    write_int(&s->w, "count", sum.missing.count);
    write_seconds(&s->w, "first_crash_time", sum.missing.first_ms);
    write_seconds(&s->w, "last_crash_time", sum.missing.last_ms);
    json_object_end(&s->w);
    json_object_end(&s->w);
    return true;
}

/* --- archives ------------------------------------------------------------------------------- */

struct archive {
    const struct stored_upload *upload;
    struct symbol_counts counts;
};

static struct str archive_tag(const void *items, size_t i)
{
    return ((const struct archive *)items)[i].counts.tag;
}

static bool archive_wanted(const struct symfile *s, const void *items, size_t i)
{
    return is_wanted(s->tags, archive_tag(items, i));
}

/* One sentence a line. */
static void write_errors(struct json_writer *w, struct str text)
{
    json_key(w, STR("errors"));
    json_list(w);
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = end ? (size_t)(end - text.ptr) : text.len;
        if (n > 0)
            json_str(w, (struct str){ text.ptr, n });
        n += end != NULL;
        text = (struct str){ text.ptr + n, text.len - n };
    }
    json_list_end(w);
}

static void write_archive(struct json_writer *w, const void *items, size_t i)
{
    const struct archive *a = (const struct archive *)items + i;
    uint64_t all = a->counts.fresh + a->counts.duplicate + a->counts.invalid;
    json_object(w);
    write_archive_id(w, a->upload->object);
    write_seconds(w, "upload_time", a->upload->received_ms);
    write_int(w, "file_size", a->upload->body.size);
    json_member(w, "status", all > 0 ? STR("processed") : STR("waiting"));
    write_int(w, "new_symbols", a->counts.fresh);
    write_int(w, "duplicate_symbols", a->counts.duplicate);
    write_int(w, "invalid_symbols", a->counts.invalid);
    write_errors(w, a->upload->error);
    json_object_end(w);
}

static bool answer_archives(struct symfile *s, struct err *e)
{
    const struct upload_filter f = { .project = s->project,
                                     .has_format = true,
                                     .format = UPLOAD_SYMBOLS,
                                     .before = s->before,
                                     .limit = s->limit };
    struct store *store = engine_store(s->api->engine);
    struct stored_upload *uploads;
    size_t count;
    if (!store_upload_list(store, &f, s->arena, &uploads, &count, e))
        return false;
    struct archive *archives = arena_array(s->arena, count + 1, sizeof *archives);
    if (!archives)
        return err_set(e, ERR_NOMEM, 0, "no memory for this request");
    for (size_t i = 0; i < count; i++) {
        archives[i].upload = &uploads[i];
        if (!store_symbol_counts(store, uploads[i].object, s->arena, &archives[i].counts, e))
            return false;
    }
    const struct grouping g = { count, archives, archive_tag, archive_wanted, write_archive };
    json_key(&s->w, STR("archives"));
    json_list(&s->w);
    if (!write_groups(s, &g, e))
        return false;
    json_list_end(&s->w);
    if (count == s->limit)
        write_next(&s->w, uploads[count - 1].object);
    return true;
}

/* --- symbols -------------------------------------------------------------------------------- */

static struct str file_tag(const void *items, size_t i)
{
    return ((const struct stored_symbol_file *)items)[i].tag;
}

static bool file_wanted(const struct symfile *s, const void *items, size_t i)
{
    const struct stored_symbol_file *f = (const struct stored_symbol_file *)items + i;
    return is_wanted(s->tags, f->tag) &&
           (is_wanted(s->values, f->debug_file) || is_wanted(s->values, f->debug_id));
}

static void write_file(struct json_writer *w, const void *items, size_t i)
{
    const struct stored_symbol_file *f = (const struct stored_symbol_file *)items + i;
    json_object(w);
    write_archive_id(w, f->object);
    write_seconds(w, "upload_time", f->received_ms);
    json_member(w, "debug_file", f->debug_file);
    json_member(w, "debug_identifier", f->debug_id);
    json_member(w, "code_file", f->code_file);
    json_member(w, "code_identifier", f->code_id);
    write_int(w, "file_size", f->size);
    write_seconds(w, "extract_time", f->converted_ms);
    write_seconds(w, "convert_time", f->converted_ms);
    json_object_end(w);
}

static bool answer_symbols(struct symfile *s, struct err *e)
{
    const struct symbol_filter f = {
        .project = s->project,
        .before = s->before < UINT32_MAX ? (uint32_t)s->before : 0,
        .limit = s->limit,
    };
    struct stored_symbol_file *files;
    size_t count;
    if (!store_symbol_list(engine_store(s->api->engine), &f, s->arena, &files, &count, e))
        return false;
    const struct grouping g = { count, files, file_tag, file_wanted, write_file };
    json_key(&s->w, STR("symbols"));
    json_list(&s->w);
    if (!write_groups(s, &g, e))
        return false;
    json_list_end(&s->w);
    if (count == s->limit)
        write_next(&s->w, files[count - 1].number);
    return true;
}

/* --- what is missing ------------------------------------------------------------------------- */

static void write_missing(struct json_writer *w, const struct missing_module *m)
{
    json_object(w);
    write_seconds(w, "timestamp", m->last_ms);
    json_member(w, "debug_file", m->module.debug_file);
    json_member(w, "debug_id", m->module.debug_id);
    json_member(w, "code_file", m->module.code_file);
    json_member(w, "code_id", m->module.code_id);
    write_int(w, "reports", m->reports);
    write_seconds(w, "first_crash_time", m->first_ms);
    json_object_end(w);
}

static bool answer_missing(struct symfile *s, struct err *e)
{
    struct missing_module *all;
    size_t count;
    if (!store_missing_list(engine_store(s->api->engine), s->project, s->from, s->limit, s->arena,
                            &all, &count, e))
        return false;
    json_key(&s->w, STR("missing_symbols"));
    json_list(&s->w);
    for (size_t i = 0; i < count; i++)
        if (is_wanted(s->values, all[i].module.debug_file) ||
            is_wanted(s->values, all[i].module.debug_id))
            write_missing(&s->w, &all[i]);
    json_list_end(&s->w);
    if (count == s->limit)
        write_int(&s->w, "next", s->from + count);
    return true;
}

/* --- the request ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool (*answer)(struct symfile *s, struct err *e);
} actions[] = {
    { "summary", answer_summary },
    { "archives", answer_archives },
    { "symbols", answer_symbols },
    { "missing_symbols", answer_missing },
};

static bool act(struct symfile *s, const struct json *body, struct err *e)
{
    const struct json *action = json_get(body, STR("action"));
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (action && action->type == JSON_STRING &&
            str_eq(action->text, str_from_c(actions[i].name)))
            return actions[i].answer(s, e);
    return bad(e, "action must be summary, archives, symbols or missing_symbols");
}

static bool answer(struct symfile *s, struct err *e)
{
    const struct json_limits limits = { DEPTH_MAX, NODES_MAX };
    const struct json *body;
    s->arena = arena_new_in(&s->api->memory, s->api->memory.limit_bytes);
    if (!s->arena || !arena_defer(http_arena(s->x), free_arena, s->arena)) {
        arena_free(s->arena);
        return err_set(e, ERR_NOMEM, 0, "no memory for this request");
    }
    if (!json_parse(&body, http_body(s->x), limits, s->arena, e))
        return false;
    if (body->type != JSON_OBJECT)
        return bad(e, "the body must be a JSON object");
    json_writer_init(&s->w, http_out(s->x));
    json_object(&s->w);
    json_key(&s->w, STR("response"));
    json_object(&s->w);
    if (!read_form(s, json_get(body, STR("form")), e) || !act(s, body, e))
        return false;
    json_object_end(&s->w);
    json_object_end(&s->w);
    return buf_ok(http_out(s->x)) ||
           err_word(e, ERR_INPUT, "answer_too_large",
                    "the answer would be larger than the server makes them: ask for fewer with "
                    "limit");
}

void api_symfile(struct http_exchange *x, void *ctx)
{
    struct symfile s = { .x = x, .api = ctx };
    struct err e = { 0 };
    unsigned status;
    if (!let_in(&s, &e, &status)) {
        backtrace_refuse(x, status, &e);
    } else if (!answer(&s, &e)) {
        bool theirs = e.code == ERR_INPUT || e.code == ERR_LIMIT;
        backtrace_refuse(x, theirs ? 400 : http_status_of(e.code), &e);
    } else {
        http_answer(x, 200);
    }
}
