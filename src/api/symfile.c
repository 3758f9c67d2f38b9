/* symfile.c - POST /api/symfile: what there is of symbols in a project, and what is missing.
 *
 *     {"action":"symbols","form":{"tags":["1.2"],"values":["app.pdb"],"limit":100,"before":"..."}}
 *
 * Answers are pages: `limit` items that `tags` and `values` let through, and `next` when there may
 * be more: what to give as `before` (of missing symbols: `from`) for them. To fill its page a
 * request reads on, piece after piece, through a number of rows that is limited; what it keeps is
 * copied, so that a piece's memory serves the next. docs/backtrace-api.md tells the members. */
#include "access/receipt.h"
#include "api/backtrace.h"
#include "api/measures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 4
#define NODES_MAX 10000
#define PAGE_DEFAULT 1000
#define PAGE_MAX 1000
/* Looked through in one request, for what tags and values let through. */
#define FILES_LOOKED_MAX 200000
#define MISSING_LOOKED_MAX 100000
#define UPLOADS_LOOKED_MAX 20000
#define FILES_PIECE 1000
#define UPLOADS_PIECE 1000
#define MISSING_PIECE 50000 /* the store goes through all that is missing for each */
#define FROM_MAX 1000000
#define ID_TEXT_MAX 20

struct texts {
    struct str *at; /* sorted */
    size_t count;   /* 0: all texts are wanted */
};

struct symfile {
    struct http_exchange *x;
    struct api *api;
    struct arena *arena; /* goes with the exchange, as does: */
    struct arena *piece; /* of the rows that are looked through, and emptied between */
    struct str project;  /* the token's */
    struct texts tags, values;
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

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for this request");
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* A member of the form that is a list of texts. */
static bool read_texts(struct symfile *s, const struct json *form, struct str key,
                       struct texts *out, struct err *e)
{
    const struct json *list = json_get(form, key);
    *out = (struct texts){ .at = NULL };
    if (!list || list->type == JSON_NULL)
        return true;
    if (list->type != JSON_LIST)
        return bad(e, "tags and values must be lists of texts");
    out->at = arena_array(s->arena, list->count + 1, sizeof *out->at);
    if (!out->at)
        return no_memory(e);
    for (const struct json *item = list->first; item; item = item->next) {
        if (item->type != JSON_STRING)
            return bad(e, "tags and values must be lists of texts");
        out->at[out->count++] = item->text;
    }
    qsort(out->at, out->count, sizeof *out->at, by_text);
    return true;
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
    return read_texts(s, form, STR("tags"), &s->tags, e) &&
           read_texts(s, form, STR("values"), &s->values, e) &&
           read_number(form, STR("limit"), PAGE_MAX, &s->limit, e) &&
           read_number(form, STR("from"), FROM_MAX, &s->from, e) &&
           read_before(form, &s->before, e) &&
           (s->limit > 0 || bad(e, "limit must be a whole number from 1 to 1000"));
}

/* --- what is told of ------------------------------------------------------------------------ */

static bool is_wanted(const struct texts *texts, struct str text)
{
    return texts->count == 0 ||
           bsearch(&text, texts->at, texts->count, sizeof text, by_text) != NULL;
}

/* Copies texts of a row into the memory of the answer. */
static bool keep(struct symfile *s, struct str *const *texts, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (!arena_str(s->arena, *texts[i], texts[i]))
            return no_memory(e);
    return true;
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
 * items. */
struct grouping {
    size_t count;
    const void *items;
    struct str (*tag_of)(const void *items, size_t i);
    void (*write)(struct json_writer *w, const void *items, size_t i);
};

static bool write_groups(struct symfile *s, const char *key, const struct grouping *g,
                         struct err *e)
{
    bool *told = arena_zalloc(s->arena, g->count + 1);
    if (!told)
        return no_memory(e);
    json_key(&s->w, str_from_c(key));
    json_list(&s->w);
    for (size_t i = 0; i < g->count; i++) {
        struct str tag = g->tag_of(g->items, i);
        if (told[i])
            continue;
        json_object(&s->w);
        json_member(&s->w, "tag", tag);
        json_key(&s->w, STR("files"));
        json_list(&s->w);
        for (size_t k = i; k < g->count; k++)
            if (!told[k] && str_eq(g->tag_of(g->items, k), tag)) {
                told[k] = true;
                g->write(&s->w, g->items, k);
            }
        json_list_end(&s->w);
        json_object_end(&s->w);
    }
    json_list_end(&s->w);
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
    struct stored_upload upload;
    struct symbol_counts counts;
};

static struct str archive_tag(const void *items, size_t i)
{
    return ((const struct archive *)items)[i].counts.tag;
}

static void write_archive(struct json_writer *w, const void *items, size_t i)
{
    const struct archive *a = (const struct archive *)items + i;
    uint64_t all = a->counts.fresh + a->counts.duplicate + a->counts.invalid;
    json_object(w);
    write_archive_id(w, a->upload.object);
    write_seconds(w, "upload_time", a->upload.received_ms);
    write_int(w, "file_size", a->upload.body.size);
    json_member(w, "status", all > 0 ? STR("processed") : STR("waiting"));
    write_int(w, "new_symbols", a->counts.fresh);
    write_int(w, "duplicate_symbols", a->counts.duplicate);
    write_int(w, "invalid_symbols", a->counts.invalid);
    backtrace_write_errors(w, a->upload.error);
    json_object_end(w);
}

/* Archives of a page, and where it ends. */
struct archive_page {
    struct archive *at;
    size_t count, looked;
    uint64_t before; /* of the last that was looked at */
    bool more;       /* there may be others behind it */
};

static bool add_archive(struct symfile *s, struct archive_page *p, const struct stored_upload *u,
                        struct err *e)
{
    struct archive *a = &p->at[p->count];
    p->looked++;
    p->before = u->object;
    if (!store_symbol_counts(engine_store(s->api->engine), u->object, s->piece, &a->counts, e))
        return false;
    if (!is_wanted(&s->tags, a->counts.tag))
        return true;
    a->upload = *u;
    struct str *const texts[] = { &a->upload.error, &a->counts.tag };
    p->count++;
    return keep(s, texts, sizeof texts / sizeof *texts, e);
}

static bool find_archives(struct symfile *s, struct archive_page *p, struct err *e)
{
    struct upload_filter f = { .project = s->project,
                               .has_format = true,
                               .format = UPLOAD_SYMBOLS,
                               .or_format = UPLOAD_SOURCEMAP,
                               .limit = s->tags.count > 0 ? UPLOADS_PIECE : s->limit };
    struct stored_upload *uploads;
    size_t count, i;
    do {
        f.before = p->before;
        arena_reset(s->piece);
        if (!store_upload_list(engine_store(s->api->engine), &f, s->piece, &uploads, &count, e))
            return false;
        for (i = 0; i < count && p->count < s->limit; i++)
            if (!add_archive(s, p, &uploads[i], e))
                return false;
        p->more = i < count || count == f.limit;
    } while (p->more && p->count < s->limit && p->looked < UPLOADS_LOOKED_MAX);
    return true;
}

static bool answer_archives(struct symfile *s, struct err *e)
{
    struct archive_page p = { .before = s->before };
    p.at = arena_array(s->arena, s->limit, sizeof *p.at);
    if (!p.at)
        return no_memory(e);
    if (!find_archives(s, &p, e))
        return false;
    const struct grouping g = { p.count, p.at, archive_tag, write_archive };
    if (!write_groups(s, "archives", &g, e))
        return false;
    if (p.more)
        write_next(&s->w, p.before);
    return true;
}

/* --- symbols -------------------------------------------------------------------------------- */

static struct str file_tag(const void *items, size_t i)
{
    return ((const struct stored_symbol_file *)items)[i].tag;
}

static bool file_wanted(const struct symfile *s, const struct stored_symbol_file *f)
{
    return is_wanted(&s->tags, f->tag) &&
           (is_wanted(&s->values, f->debug_file) || is_wanted(&s->values, f->debug_id));
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

/* Files of a page, and where it ends. */
struct file_page {
    struct stored_symbol_file *at;
    size_t count, looked;
    uint32_t before; /* of the last that was looked at */
    bool more;       /* there may be others behind it */
};

static bool add_file(struct symfile *s, struct file_page *p, const struct stored_symbol_file *from,
                     struct err *e)
{
    p->looked++;
    p->before = from->number;
    if (!file_wanted(s, from))
        return true;
    struct stored_symbol_file *f = &p->at[p->count++];
    *f = *from;
    struct str *const texts[] = { &f->tag, &f->debug_file, &f->debug_id, &f->code_file,
                                  &f->code_id };
    return keep(s, texts, sizeof texts / sizeof *texts, e);
}

static bool find_files(struct symfile *s, struct file_page *p, struct err *e)
{
    bool all = s->tags.count == 0 && s->values.count == 0;
    struct symbol_filter f = { .project = s->project, .limit = all ? s->limit : FILES_PIECE };
    struct stored_symbol_file *files;
    size_t count, i;
    do {
        f.before = p->before;
        arena_reset(s->piece);
        if (!store_symbol_list(engine_store(s->api->engine), &f, s->piece, &files, &count, e))
            return false;
        for (i = 0; i < count && p->count < s->limit; i++)
            if (!add_file(s, p, &files[i], e))
                return false;
        p->more = i < count || count == f.limit;
    } while (p->more && p->count < s->limit && p->looked < FILES_LOOKED_MAX);
    return true;
}

static bool answer_symbols(struct symfile *s, struct err *e)
{
    struct file_page p = { .before = s->before < UINT32_MAX ? (uint32_t)s->before : 0 };
    p.at = arena_array(s->arena, s->limit, sizeof *p.at);
    if (!p.at)
        return no_memory(e);
    if (!find_files(s, &p, e))
        return false;
    const struct grouping g = { p.count, p.at, file_tag, write_file };
    if (!write_groups(s, "symbols", &g, e))
        return false;
    if (p.more)
        write_next(&s->w, p.before);
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

static bool missing_wanted(const struct symfile *s, const struct missing_module *m)
{
    return is_wanted(&s->values, m->module.debug_file) || is_wanted(&s->values, m->module.debug_id);
}

/* They stand in no groups, so each is written as it is found. */
static bool answer_missing(struct symfile *s, struct err *e)
{
    size_t piece = s->values.count > 0 ? MISSING_PIECE : s->limit;
    size_t from = s->from, told = 0, count, i;
    struct missing_module *all;
    bool more;
    json_key(&s->w, STR("missing_symbols"));
    json_list(&s->w);
    do {
        arena_reset(s->piece);
        if (!store_missing_list(engine_store(s->api->engine), s->project, from, piece, s->piece,
                                &all, &count, e))
            return false;
        for (i = 0; i < count && told < s->limit; i++)
            if (missing_wanted(s, &all[i])) {
                write_missing(&s->w, &all[i]);
                told++;
            }
        from += i;
        more = i < count || count == piece;
    } while (more && told < s->limit && from - s->from < MISSING_LOOKED_MAX);
    json_list_end(&s->w);
    if (more)
        write_int(&s->w, "next", from);
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

static bool make_arena(struct symfile *s, struct arena **out, struct err *e)
{
    *out = arena_new_in(&s->api->memory, s->api->memory.limit_bytes);
    if (*out && arena_defer(http_arena(s->x), free_arena, *out))
        return true;
    arena_free(*out);
    return no_memory(e);
}

static bool answer(struct symfile *s, struct err *e)
{
    const struct json_limits limits = { DEPTH_MAX, NODES_MAX };
    const struct json *body;
    if (!make_arena(s, &s->arena, e) || !make_arena(s, &s->piece, e))
        return false;
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
