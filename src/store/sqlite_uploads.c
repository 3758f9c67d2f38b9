/* sqlite_uploads.c - uploads of the Backtrace API and attachments in the SQLite store. The tables
 * are described in sqlite_schema.c.
 *
 * Ids rise but for a little, so rows are mostly appended. A list of uploads walks the rowids
 * backwards from the newest and takes those of its project. That costs a page every few rows, but
 * only when somebody asks; an index would cost each commit.
 *
 * Everything in a row is checked before it is believed: the file may be damaged. */
#include "store/sqlite.h"

#include "report/report.h"

#include <assert.h>
#include <inttypes.h>

/* Columns of uploads in all their statements, and, from 1, the parameters of SQL_UPLOAD_PUT. */
enum upload_column {
    UPLOAD_OBJECT,
    UPLOAD_PROJECT,
    UPLOAD_FORMAT,
    UPLOAD_STATE,
    UPLOAD_RECEIVED,
    UPLOAD_REPORT,
    UPLOAD_FINGERPRINT,
    UPLOAD_TYPE,
    UPLOAD_UUID,
    UPLOAD_ERROR,
    UPLOAD_BODY_SIZE,
    UPLOAD_BODY_HASH,
    UPLOAD_BODY_IN_FILE,
    UPLOAD_ATTRIBUTES, /* from here on not in SQL_UPLOAD_SCAN */
    UPLOAD_FIELDS,     /* from here on not in SQL_UPLOAD_LIST */
    UPLOAD_BODY,
    UPLOAD_AMENDED /* of SQL_UPLOAD_READ alone */
};

/* The same for attachments. */
enum attachment_column {
    ATTACHMENT_ID,
    ATTACHMENT_OBJECT,
    ATTACHMENT_RECEIVED,
    ATTACHMENT_NAME,
    ATTACHMENT_TYPE,
    ATTACHMENT_SIZE,
    ATTACHMENT_HASH,
    ATTACHMENT_IN_FILE,
    ATTACHMENT_BYTES /* not in SQL_ATTACHMENT_LIST */
};

/* Writing. */

static void bind_report(sqlite3_stmt *st, int at, const struct stored_upload *u)
{
    if (u->report == STORE_NONE)
        sqlite3_bind_null(st, at);
    else
        sqlite3_bind_int64(st, at, u->report);
}

static void bind_fingerprint(sqlite3_stmt *st, int at, const struct stored_upload *u)
{
    if (u->has_fingerprint)
        bind_hash(st, at, u->fingerprint);
    else
        sqlite3_bind_null(st, at);
}

/* What was made of an upload that is there, made again. */
static bool upload_remake(struct writing *w, const struct stored_upload *u, struct err *e)
{
    sqlite3_stmt *st = connection_statement(w->c, SQL_UPLOAD_REMAKE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, (sqlite3_int64)u->object);
    sqlite3_bind_int(st, 2, (int)u->state);
    bind_report(st, 3, u);
    bind_fingerprint(st, 4, u);
    bind_str(st, 5, u->error);
    bind_str(st, 6, u->attributes);
    if (!connection_run(w->c, SQL_UPLOAD_REMAKE, e))
        return false;
    return sqlite3_changes(w->c->db) > 0 ||
           err_set(e, ERR_NOT_FOUND, 0, "there is no upload %" PRIu64 " to make again", u->object);
}

static bool upload_insert(struct writing *w, const struct stored_upload *u, sqlite3_int64 project,
                          struct err *e)
{
    sqlite3_stmt *st = connection_statement(w->c, SQL_UPLOAD_PUT, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1 + UPLOAD_OBJECT, (sqlite3_int64)u->object);
    sqlite3_bind_int64(st, 1 + UPLOAD_PROJECT, project);
    sqlite3_bind_int(st, 1 + UPLOAD_FORMAT, (int)u->format);
    sqlite3_bind_int(st, 1 + UPLOAD_STATE, (int)u->state);
    sqlite3_bind_int64(st, 1 + UPLOAD_RECEIVED, u->received_ms);
    bind_report(st, 1 + UPLOAD_REPORT, u);
    bind_fingerprint(st, 1 + UPLOAD_FINGERPRINT, u);
    bind_str(st, 1 + UPLOAD_TYPE, u->type);
    bind_str(st, 1 + UPLOAD_UUID, u->uuid);
    bind_str(st, 1 + UPLOAD_ERROR, u->error);
    sqlite3_bind_int64(st, 1 + UPLOAD_BODY_SIZE, (sqlite3_int64)u->body.size);
    bind_hash(st, 1 + UPLOAD_BODY_HASH, u->body.hash);
    sqlite3_bind_int(st, 1 + UPLOAD_BODY_IN_FILE, u->body.in_file);
    bind_str(st, 1 + UPLOAD_ATTRIBUTES, u->attributes);
    bind_str(st, 1 + UPLOAD_FIELDS, u->fields);
    bind_blob(st, 1 + UPLOAD_BODY, u->body.in_file ? STR("") : u->packed_body);
    return connection_run(w->c, SQL_UPLOAD_PUT, e);
}

static bool upload_put(struct writing *w, const struct stored_upload *u, struct err *e)
{
    sqlite3_int64 project;
    assert(u->object > 0 && u->object <= OBJECT_MAX && u->body.size <= INT64_MAX);
    assert(u->state != UPLOAD_DECODED || u->report != STORE_NONE);
    return writing_project(w, u->project, &project, e) &&
           (u->remade ? upload_remake(w, u, e) : upload_insert(w, u, project, e)) &&
           symbols_put(w, u, project, e);
}

bool uploads_put(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->upload_count; i++) {
        const struct stored_upload *u = &b->uploads[i];
        if (!upload_put(w, u, e))
            return false;
        if (u->object > w->object)
            w->object = u->object;
    }
    return true;
}

static bool attachment_add(struct connection *c, const struct stored_attachment *t, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_ATTACHMENT_ADD, e);
    if (!st)
        return false;
    assert(t->id > 0 && t->id <= OBJECT_MAX && t->object > 0 && t->object <= OBJECT_MAX);
    assert(t->content.in_file || t->content.size == t->content.bytes.len);
    sqlite3_bind_int64(st, 1 + ATTACHMENT_ID, (sqlite3_int64)t->id);
    sqlite3_bind_int64(st, 1 + ATTACHMENT_OBJECT, (sqlite3_int64)t->object);
    sqlite3_bind_int64(st, 1 + ATTACHMENT_RECEIVED, t->received_ms);
    bind_str(st, 1 + ATTACHMENT_NAME, t->name);
    bind_str(st, 1 + ATTACHMENT_TYPE, t->type);
    sqlite3_bind_int64(st, 1 + ATTACHMENT_SIZE, (sqlite3_int64)t->content.size);
    bind_hash(st, 1 + ATTACHMENT_HASH, t->content.hash);
    sqlite3_bind_int(st, 1 + ATTACHMENT_IN_FILE, t->content.in_file);
    bind_blob(st, 1 + ATTACHMENT_BYTES, t->content.in_file ? STR("") : t->content.bytes);
    return connection_run(c, SQL_ATTACHMENT_ADD, e);
}

bool attachments_add(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->attachment_count; i++) {
        if (!attachment_add(w->c, &b->attachments[i], e))
            return false;
        if (b->attachments[i].id > w->attachment)
            w->attachment = b->attachments[i].id;
    }
    return true;
}

/* Reading. */

/* Of *out, its size, hash and place. */
static bool content_row(sqlite3_stmt *st, int size, int hash, int in_file, struct content *out)
{
    sqlite3_int64 bytes = sqlite3_column_int64(st, size);
    *out = (struct content){ .size = (uint64_t)bytes,
                             .in_file = sqlite3_column_int(st, in_file) != 0 };
    return bytes >= 0 && column_hash(st, hash, out->hash);
}

/* The columns of SQL_UPLOAD_SCAN, as views into the row. */
static bool upload_row(sqlite3_stmt *st, struct stored_upload *out, struct err *e)
{
    sqlite3_int64 object = sqlite3_column_int64(st, UPLOAD_OBJECT);
    sqlite3_int64 format = sqlite3_column_int64(st, UPLOAD_FORMAT);
    sqlite3_int64 state = sqlite3_column_int64(st, UPLOAD_STATE);
    if (object <= 0)
        return row_damaged(e, "upload", object, "object");
    if (format < UPLOAD_JSON || format >= UPLOAD_FORMATS)
        return row_damaged(e, "upload", object, "format");
    if (state < UPLOAD_DECODED || state > UPLOAD_REMOVED)
        return row_damaged(e, "upload", object, "state");
    *out = (struct stored_upload){
        .object = (uint64_t)object,
        .project = column_str(st, UPLOAD_PROJECT),
        .format = (enum upload_format)format,
        .state = (enum upload_state)state,
        .received_ms = sqlite3_column_int64(st, UPLOAD_RECEIVED),
        .report = STORE_NONE,
        .type = column_str(st, UPLOAD_TYPE),
        .uuid = column_str(st, UPLOAD_UUID),
        .error = column_str(st, UPLOAD_ERROR),
        .has_fingerprint = sqlite3_column_type(st, UPLOAD_FINGERPRINT) != SQLITE_NULL,
    };
    if (out->project.len == 0 || out->project.len > REPORT_NAME_MAX)
        return row_damaged(e, "upload", object, "project");
    bool has_report = sqlite3_column_type(st, UPLOAD_REPORT) != SQLITE_NULL;
    if (has_report ? !column_u32(st, UPLOAD_REPORT, &out->report) : state == UPLOAD_DECODED)
        return row_damaged(e, "upload", object, "report");
    if (out->has_fingerprint && !column_hash(st, UPLOAD_FINGERPRINT, out->fingerprint))
        return row_damaged(e, "upload", object, "fingerprint");
    return content_row(st, UPLOAD_BODY_SIZE, UPLOAD_BODY_HASH, UPLOAD_BODY_IN_FILE, &out->body) ||
           row_damaged(e, "upload", object, "body");
}

/* Makes what *u borrows from the row the arena's. */
static bool upload_keep(struct stored_upload *u, struct arena *a, struct err *e)
{
    struct str *const views[] = { &u->project,    &u->type,   &u->uuid,   &u->error,
                                  &u->attributes, &u->fields, &u->amended };
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (!arena_str(a, *views[i], views[i]))
            return err_set(e, ERR_NOMEM, 0, "reading an upload");
    return true;
}

static bool upload_read(struct connection *c, uint64_t object, bool with_body, struct arena *a,
                        struct stored_upload *out, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_UPLOAD_READ, e);
    bool row;
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, object <= OBJECT_MAX ? (sqlite3_int64)object : 0);
    if (!connection_step(c, st, &row, e))
        return false;
    if (!row)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no upload %" PRIu64, object);
    if (!upload_row(st, out, e))
        return false;
    out->attributes = column_str(st, UPLOAD_ATTRIBUTES);
    out->fields = with_body ? column_str(st, UPLOAD_FIELDS) : STR("");
    out->amended = column_str(st, UPLOAD_AMENDED);
    struct str packed = column_str(st, UPLOAD_BODY);
    if (!upload_keep(out, a, e))
        return false;
    if (out->body.in_file || !with_body || out->state == UPLOAD_REMOVED)
        return true;
    return store_unpack(packed, a, &out->body.bytes, e) &&
           (out->body.bytes.len == out->body.size ||
            row_damaged(e, "upload", (sqlite3_int64)object, "body"));
}

static bool read_one(struct store *s, uint64_t object, bool with_body, struct arena *a,
                     struct stored_upload *out, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = upload_read(c, object, with_body, a, out, e);
    connection_end(c, SQL_UPLOAD_READ);
    store_reader_give(s, c);
    return ok;
}

bool store_upload_read(struct store *s, uint64_t object, struct arena *a, struct stored_upload *out,
                       struct err *e)
{
    return read_one(s, object, true, a, out, e);
}

bool store_upload_head(struct store *s, uint64_t object, struct arena *a, struct stored_upload *out,
                       struct err *e)
{
    return read_one(s, object, false, a, out, e);
}

struct uploads_scan {
    bool (*each)(void *ctx, const struct stored_upload *u, struct err *e);
    void *ctx;
};

static bool each_upload(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct uploads_scan *to = ctx;
    struct stored_upload u;
    return upload_row(st, &u, e) && to->each(to->ctx, &u, e);
}

bool store_scan_uploads(struct store *s,
                        bool (*each)(void *ctx, const struct stored_upload *u, struct err *e),
                        void *ctx, struct err *e)
{
    struct uploads_scan to = { each, ctx };
    return store_rows(s, SQL_UPLOAD_SCAN, each_upload, &to, e);
}

static bool each_with_attributes(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct uploads_scan *to = ctx;
    struct stored_upload u;
    if (!upload_row(st, &u, e))
        return false;
    u.attributes = column_str(st, UPLOAD_ATTRIBUTES);
    return to->each(to->ctx, &u, e);
}

bool store_scan_attributes(struct store *s,
                           bool (*each)(void *ctx, const struct stored_upload *u, struct err *e),
                           void *ctx, struct err *e)
{
    struct uploads_scan to = { each, ctx };
    return store_rows(s, SQL_ATTRIBUTES_SCAN, each_with_attributes, &to, e);
}

struct files_scan {
    bool (*each)(void *ctx, const uint8_t hash[CONTENT_HASH_BYTES], struct err *e);
    void *ctx;
};

static bool each_file(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct files_scan *to = ctx;
    uint8_t hash[CONTENT_HASH_BYTES];
    if (!column_hash(st, 0, hash))
        return err_set(e, ERR_IO, 0, "the database is damaged: a file has no good hash");
    return to->each(to->ctx, hash, e);
}

bool store_scan_files(struct store *s,
                      bool (*each)(void *ctx, const uint8_t hash[CONTENT_HASH_BYTES],
                                   struct err *e),
                      void *ctx, struct err *e)
{
    struct files_scan to = { each, ctx };
    return store_rows(s, SQL_FILES_SCAN, each_file, &to, e);
}

static void bind_filter(sqlite3_stmt *st, const struct upload_filter *f)
{
    bool all = f->before == 0 || f->before > OBJECT_MAX;
    sqlite3_bind_int64(st, 1, all ? OBJECT_MAX : (sqlite3_int64)f->before);
    bind_str(st, 2, f->project);
    if (f->has_format)
        sqlite3_bind_int(st, 3, (int)f->format);
    else
        sqlite3_bind_null(st, 3);
    if (f->has_state)
        sqlite3_bind_int(st, 4, (int)f->state);
    else
        sqlite3_bind_null(st, 4);
    sqlite3_bind_int64(st, 5, f->limit < INT32_MAX ? (int)f->limit : INT32_MAX);
    sqlite3_bind_int(st, 6, (int)f->or_format);
}

static bool upload_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_upload *u = to;
    if (!upload_row(st, u, e))
        return false;
    u->attributes = column_str(st, UPLOAD_ATTRIBUTES);
    return upload_keep(u, a, e);
}

bool store_upload_list(struct store *s, const struct upload_filter *f, struct arena *a,
                       struct stored_upload **out, size_t *count, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    void *rows = NULL;
    sqlite3_stmt *st = connection_statement(c, SQL_UPLOAD_LIST, e);
    if (st)
        bind_filter(st, f);
    bool ok = st && connection_collect(c, st, upload_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    connection_end(c, SQL_UPLOAD_LIST);
    store_reader_give(s, c);
    return ok;
}

/* Views into the row, without the bytes. */
static bool attachment_row(sqlite3_stmt *st, struct stored_attachment *out, struct err *e)
{
    sqlite3_int64 id = sqlite3_column_int64(st, ATTACHMENT_ID);
    sqlite3_int64 object = sqlite3_column_int64(st, ATTACHMENT_OBJECT);
    if (id <= 0)
        return row_damaged(e, "attachment", id, "id");
    if (object <= 0)
        return row_damaged(e, "attachment", id, "object");
    *out = (struct stored_attachment){
        .id = (uint64_t)id,
        .object = (uint64_t)object,
        .received_ms = sqlite3_column_int64(st, ATTACHMENT_RECEIVED),
        .name = column_str(st, ATTACHMENT_NAME),
        .type = column_str(st, ATTACHMENT_TYPE),
    };
    return content_row(st, ATTACHMENT_SIZE, ATTACHMENT_HASH, ATTACHMENT_IN_FILE, &out->content) ||
           row_damaged(e, "attachment", id, "content");
}

static bool attachment_keep(struct stored_attachment *t, struct arena *a, struct err *e)
{
    return (arena_str(a, t->name, &t->name) && arena_str(a, t->type, &t->type)) ||
           err_set(e, ERR_NOMEM, 0, "reading an attachment");
}

static bool attachment_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_attachment *t = to;
    return attachment_row(st, t, e) && attachment_keep(t, a, e);
}

bool store_attachments(struct store *s, uint64_t object, struct arena *a,
                       struct stored_attachment **out, size_t *count, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    void *rows = NULL;
    sqlite3_stmt *st = connection_statement(c, SQL_ATTACHMENT_LIST, e);
    if (st)
        sqlite3_bind_int64(st, 1, object <= OBJECT_MAX ? (sqlite3_int64)object : 0);
    bool ok = st && connection_collect(c, st, attachment_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    connection_end(c, SQL_ATTACHMENT_LIST);
    store_reader_give(s, c);
    return ok;
}

static bool attachment_read(struct connection *c, uint64_t id, struct arena *a,
                            struct stored_attachment *out, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_ATTACHMENT_READ, e);
    bool row;
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, id <= OBJECT_MAX ? (sqlite3_int64)id : 0);
    if (!connection_step(c, st, &row, e))
        return false;
    if (!row)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no attachment %" PRIu64, id);
    if (!attachment_row(st, out, e) || !attachment_keep(out, a, e))
        return false;
    struct str bytes = column_str(st, ATTACHMENT_BYTES);
    if (out->content.in_file)
        return true;
    if (bytes.len != out->content.size)
        return row_damaged(e, "attachment", (sqlite3_int64)id, "content");
    return arena_str(a, bytes, &out->content.bytes) ||
           err_set(e, ERR_NOMEM, 0, "reading an attachment");
}

bool store_attachment_read(struct store *s, uint64_t id, struct arena *a,
                           struct stored_attachment *out, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = attachment_read(c, id, a, out, e);
    connection_end(c, SQL_ATTACHMENT_READ);
    store_reader_give(s, c);
    return ok;
}
