/* sqlite_symbols.c - symbol files, and the symbols that reports miss, in the SQLite store. The
 * tables are described in sqlite_schema.c.
 *
 * Everything in a row is checked before it is believed: the file may be damaged. */
#include "store/sqlite.h"

#include "report/report.h"

#include <assert.h>
#include <inttypes.h>

/* Columns of symbol files in all their statements; without the first, and from 0, the parameters of
 * SQL_SYMBOL_FILE_ADD. */
enum symbol_column {
    SYMBOL_NUMBER,
    SYMBOL_OBJECT,
    SYMBOL_PROJECT,
    SYMBOL_ENTRY,
    SYMBOL_KIND,
    SYMBOL_CPU,
    SYMBOL_DEBUG_FILE,
    SYMBOL_DEBUG_ID,
    SYMBOL_CODE_FILE,
    SYMBOL_CODE_ID,
    SYMBOL_PARTS,
    SYMBOL_SIZE,
    SYMBOL_HASH,
    SYMBOL_SOURCE,
    SYMBOL_VERSION,
    SYMBOL_DUPLICATE,
    SYMBOL_TAG,
    SYMBOL_ERROR,
    SYMBOL_CONVERTED,
    SYMBOL_RECEIVED /* when read */
};

/* Columns of SQL_MISSING_LIST. */
enum missing_column {
    MISSING_PROJECT,
    MISSING_DEBUG_FILE,
    MISSING_DEBUG_ID,
    MISSING_CODE_FILE,
    MISSING_CODE_ID,
    MISSING_REPORTS,
    MISSING_FIRST,
    MISSING_LAST
};

/* Writing. */

static struct str hash_or_none(bool has, const uint8_t hash[CONTENT_HASH_BYTES])
{
    return has ? (struct str){ (const char *)hash, CONTENT_HASH_BYTES } : STR("");
}

static bool symbol_file_add(struct connection *c, const struct stored_symbol_file *f,
                            sqlite3_int64 object, sqlite3_int64 project, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_SYMBOL_FILE_ADD, e);
    if (!st)
        return false;
    assert(f->size <= INT64_MAX && (f->has_cache || f->error.len > 0));
    sqlite3_bind_int64(st, SYMBOL_OBJECT, object);
    sqlite3_bind_int64(st, SYMBOL_PROJECT, project);
    bind_str(st, SYMBOL_ENTRY, f->entry);
    sqlite3_bind_int64(st, SYMBOL_KIND, f->kind);
    sqlite3_bind_int64(st, SYMBOL_CPU, f->cpu);
    bind_str(st, SYMBOL_DEBUG_FILE, f->debug_file);
    bind_str(st, SYMBOL_DEBUG_ID, f->debug_id);
    bind_str(st, SYMBOL_CODE_FILE, f->code_file);
    bind_str(st, SYMBOL_CODE_ID, f->code_id);
    sqlite3_bind_int64(st, SYMBOL_PARTS, f->parts);
    sqlite3_bind_int64(st, SYMBOL_SIZE, (sqlite3_int64)f->size);
    bind_blob(st, SYMBOL_HASH, hash_or_none(f->has_cache, f->hash));
    bind_blob(st, SYMBOL_SOURCE, hash_or_none(f->has_source, f->source));
    sqlite3_bind_int64(st, SYMBOL_VERSION, f->version);
    sqlite3_bind_int(st, SYMBOL_DUPLICATE, f->duplicate);
    bind_str(st, SYMBOL_TAG, f->tag);
    bind_str(st, SYMBOL_ERROR, f->error);
    sqlite3_bind_int64(st, SYMBOL_CONVERTED, f->converted_ms);
    return connection_run(c, SQL_SYMBOL_FILE_ADD, e);
}

static bool missing_add(struct connection *c, const struct stored_module *m,
                        const struct stored_upload *u, sqlite3_int64 project, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_MISSING_ADD, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, (sqlite3_int64)u->object);
    sqlite3_bind_int64(st, 2, project);
    bind_str(st, 3, m->debug_file);
    bind_str(st, 4, m->debug_id);
    bind_str(st, 5, m->code_file);
    bind_str(st, 6, m->code_id);
    sqlite3_bind_int64(st, 7, u->received_ms);
    return connection_run(c, SQL_MISSING_ADD, e);
}

static bool delete_of(struct connection *c, enum sql which, uint64_t object, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, (sqlite3_int64)object);
    return connection_run(c, which, e);
}

bool symbols_put(struct writing *w, const struct stored_upload *u, sqlite3_int64 project,
                 struct err *e)
{
    if (u->remade && (!delete_of(w->c, SQL_SYMBOL_FILES_OF_OBJECT_DELETE, u->object, e) ||
                      !delete_of(w->c, SQL_MISSING_OF_OBJECT_DELETE, u->object, e)))
        return false;
    for (size_t i = 0; i < u->symbol_file_count; i++)
        if (!symbol_file_add(w->c, &u->symbol_files[i], (sqlite3_int64)u->object, project, e))
            return false;
    for (size_t i = 0; i < u->missing_count; i++)
        if (!missing_add(w->c, &u->missing[i], u, project, e))
            return false;
    return true;
}

/* Reading. */

/* A hash, or none. */
static bool column_maybe_hash(sqlite3_stmt *st, int at, bool *has, uint8_t out[CONTENT_HASH_BYTES])
{
    *has = sqlite3_column_bytes(st, at) > 0;
    return !*has || column_hash(st, at, out);
}

/* Views into the row. */
static bool symbol_row(sqlite3_stmt *st, struct stored_symbol_file *f, struct err *e)
{
    sqlite3_int64 number = sqlite3_column_int64(st, SYMBOL_NUMBER);
    sqlite3_int64 object = sqlite3_column_int64(st, SYMBOL_OBJECT);
    sqlite3_int64 size = sqlite3_column_int64(st, SYMBOL_SIZE);
    *f = (struct stored_symbol_file){
        .object = (uint64_t)object,
        .project = column_str(st, SYMBOL_PROJECT),
        .entry = column_str(st, SYMBOL_ENTRY),
        .debug_file = column_str(st, SYMBOL_DEBUG_FILE),
        .debug_id = column_str(st, SYMBOL_DEBUG_ID),
        .code_file = column_str(st, SYMBOL_CODE_FILE),
        .code_id = column_str(st, SYMBOL_CODE_ID),
        .size = (uint64_t)size,
        .duplicate = sqlite3_column_int(st, SYMBOL_DUPLICATE) != 0,
        .tag = column_str(st, SYMBOL_TAG),
        .error = column_str(st, SYMBOL_ERROR),
        .converted_ms = sqlite3_column_int64(st, SYMBOL_CONVERTED),
        .received_ms = sqlite3_column_int64(st, SYMBOL_RECEIVED),
    };
    if (object <= 0 || size < 0 || f->project.len == 0 || f->project.len > REPORT_NAME_MAX ||
        !column_u32(st, SYMBOL_NUMBER, &f->number))
        return row_damaged(e, "symbol file", number, "place");
    if (!column_u32(st, SYMBOL_KIND, &f->kind) || !column_u32(st, SYMBOL_CPU, &f->cpu) ||
        !column_u32(st, SYMBOL_PARTS, &f->parts) || !column_u32(st, SYMBOL_VERSION, &f->version))
        return row_damaged(e, "symbol file", number, "kind");
    return (column_maybe_hash(st, SYMBOL_HASH, &f->has_cache, f->hash) &&
            column_maybe_hash(st, SYMBOL_SOURCE, &f->has_source, f->source) &&
            (f->has_cache || f->error.len > 0)) ||
           row_damaged(e, "symbol file", number, "hash");
}

static bool symbol_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_symbol_file *f = to;
    if (!symbol_row(st, f, e))
        return false;
    struct str *const views[] = { &f->project,   &f->entry,   &f->debug_file, &f->debug_id,
                                  &f->code_file, &f->code_id, &f->tag,        &f->error };
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (!arena_str(a, *views[i], views[i]))
            return err_set(e, ERR_NOMEM, 0, "reading symbol files");
    return true;
}

static bool symbols_scan(struct connection *c,
                         bool (*each)(void *ctx, const struct stored_symbol_file *f, struct err *e),
                         void *ctx, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_SYMBOL_FILE_SCAN, e);
    bool row = st;
    while (row) {
        struct stored_symbol_file f;
        if (!connection_step(c, st, &row, e))
            return false;
        if (row && (!symbol_row(st, &f, e) || !each(ctx, &f, e)))
            return false;
    }
    return st;
}

bool store_scan_symbol_files(struct store *s,
                             bool (*each)(void *ctx, const struct stored_symbol_file *f,
                                          struct err *e),
                             void *ctx, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = symbols_scan(c, each, ctx, e);
    connection_end(c, SQL_SYMBOL_FILE_SCAN);
    store_reader_give(s, c);
    return ok;
}

/* A question with its parameters: bind() gives them to the statement. */
struct question {
    enum sql which;
    void (*bind)(sqlite3_stmt *st, const void *arg);
    const void *arg;
};

/* All rows of its answer. */
static bool collect(struct store *s, const struct question *q,
                    bool (*fill)(void *to, sqlite3_stmt *st, struct arena *a, struct err *e),
                    size_t size, struct arena *a, void **out, size_t *count, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    sqlite3_stmt *st = connection_statement(c, q->which, e);
    if (st)
        q->bind(st, q->arg);
    bool ok = st && connection_collect(c, st, fill, size, a, out, count, e);
    connection_end(c, q->which);
    store_reader_give(s, c);
    return ok;
}

/* Its one row; read() is not called, and *found false, when there is none. */
static bool ask(struct store *s, const struct question *q, void (*read)(void *to, sqlite3_stmt *st),
                void *to, bool *found, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    sqlite3_stmt *st = connection_statement(c, q->which, e);
    if (st)
        q->bind(st, q->arg);
    bool ok = st && connection_step(c, st, found, e);
    if (ok && *found)
        read(to, st);
    connection_end(c, q->which);
    store_reader_give(s, c);
    return ok;
}

static int limit_int(size_t n)
{
    return n < INT32_MAX ? (int)n : INT32_MAX;
}

static sqlite3_int64 object_int(uint64_t object)
{
    return object <= OBJECT_MAX ? (sqlite3_int64)object : OBJECT_MAX;
}

static void bind_list(sqlite3_stmt *st, const void *arg)
{
    const struct symbol_filter *f = arg;
    sqlite3_bind_int64(st, 1, f->before == 0 ? INT64_MAX : f->before);
    bind_str(st, 2, f->project);
    sqlite3_bind_int(st, 3, f->all);
    sqlite3_bind_int(st, 4, limit_int(f->limit));
}

bool store_symbol_list(struct store *s, const struct symbol_filter *f, struct arena *a,
                       struct stored_symbol_file **out, size_t *count, struct err *e)
{
    const struct question q = { SQL_SYMBOL_FILE_LIST, bind_list, f };
    void *rows = NULL;
    bool ok = collect(s, &q, symbol_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    return ok;
}

static void bind_object(sqlite3_stmt *st, const void *arg)
{
    sqlite3_bind_int64(st, 1, object_int(*(const uint64_t *)arg));
}

bool store_symbols_of(struct store *s, uint64_t object, struct arena *a,
                      struct stored_symbol_file **out, size_t *count, struct err *e)
{
    const struct question q = { SQL_SYMBOL_FILES_OF_OBJECT, bind_object, &object };
    void *rows = NULL;
    bool ok = collect(s, &q, symbol_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    return ok;
}

/* Bytes of a project. */
struct known {
    struct str project;
    const uint8_t *hash;
    uint32_t version;
    uint64_t object;
};

static void bind_known(sqlite3_stmt *st, const void *arg)
{
    const struct known *k = arg;
    bind_str(st, 1, k->project);
    bind_hash(st, 2, k->hash);
    sqlite3_bind_int64(st, 3, k->version);
}

bool store_symbol_known(struct store *s, struct str project,
                        const uint8_t source[CONTENT_HASH_BYTES], uint32_t version, struct arena *a,
                        struct stored_symbol_file *out, struct err *e)
{
    const struct known k = { .project = project, .hash = source, .version = version };
    const struct question q = { SQL_SYMBOL_FILE_KNOWN, bind_known, &k };
    void *rows = NULL;
    size_t count;
    if (!collect(s, &q, symbol_fill, sizeof *out, a, &rows, &count, e))
        return false;
    if (count == 0)
        return err_set(e, ERR_NOT_FOUND, 0, "no such symbol file has come before");
    *out = *(struct stored_symbol_file *)rows;
    return true;
}

static void bind_upload(sqlite3_stmt *st, const void *arg)
{
    const struct known *k = arg;
    bind_str(st, 1, k->project);
    bind_hash(st, 2, k->hash);
    sqlite3_bind_int64(st, 3, object_int(k->object));
}

static void read_object(void *to, sqlite3_stmt *st)
{
    sqlite3_int64 object = sqlite3_column_int64(st, 0);
    *(uint64_t *)to = object > 0 ? (uint64_t)object : 0;
}

bool store_symbol_upload_find(struct store *s, struct str project,
                              const uint8_t body[CONTENT_HASH_BYTES], uint64_t object,
                              uint64_t *out, struct err *e)
{
    const struct known k = { .project = project, .hash = body, .object = object };
    const struct question q = { SQL_SYMBOL_UPLOAD_FIND, bind_upload, &k };
    bool found;
    *out = 0;
    return ask(s, &q, read_object, out, &found, e);
}

static uint64_t column_count(sqlite3_stmt *st, int at)
{
    sqlite3_int64 n = sqlite3_column_int64(st, at);
    return n > 0 ? (uint64_t)n : 0;
}

static bool counts_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct symbol_counts *n = to;
    n->fresh = column_count(st, 0);
    n->duplicate = column_count(st, 1);
    n->invalid = column_count(st, 2);
    return arena_str(a, column_str(st, 3), &n->tag) ||
           err_set(e, ERR_NOMEM, 0, "reading symbol files");
}

bool store_symbol_counts(struct store *s, uint64_t object, struct arena *a,
                         struct symbol_counts *out, struct err *e)
{
    const struct question q = { SQL_SYMBOL_COUNTS, bind_object, &object };
    void *rows = NULL;
    size_t count;
    *out = (struct symbol_counts){ .tag = STR("") };
    if (!collect(s, &q, counts_fill, sizeof *out, a, &rows, &count, e))
        return false;
    if (count > 0)
        *out = *(struct symbol_counts *)rows;
    return true;
}

static void bind_project(sqlite3_stmt *st, const void *arg)
{
    bind_str(st, 1, *(const struct str *)arg);
}

static void read_summary(void *to, sqlite3_stmt *st)
{
    struct symbol_summary *sum = to;
    sum->uploads.count = column_count(st, 0);
    sum->uploads.first_ms = sqlite3_column_int64(st, 1);
    sum->uploads.last_ms = sqlite3_column_int64(st, 2);
    sum->files.count = column_count(st, 3);
    sum->files.first_ms = sqlite3_column_int64(st, 4);
    sum->files.last_ms = sqlite3_column_int64(st, 5);
}

static void read_missing_summary(void *to, sqlite3_stmt *st)
{
    struct symbol_summary *sum = to;
    sum->missing.count = column_count(st, 0);
    sum->missing.first_ms = sqlite3_column_int64(st, 1);
    sum->missing.last_ms = sqlite3_column_int64(st, 2);
}

bool store_symbol_summary(struct store *s, struct str project, struct symbol_summary *out,
                          struct err *e)
{
    const struct question there = { SQL_SYMBOL_SUMMARY, bind_project, &project };
    const struct question missing = { SQL_MISSING_SUMMARY, bind_project, &project };
    bool found;
    *out = (struct symbol_summary){ 0 };
    return ask(s, &there, read_summary, out, &found, e) &&
           ask(s, &missing, read_missing_summary, out, &found, e);
}

struct ids_page {
    uint64_t object;
    const struct symbol_id *after;
    size_t limit;
};

static void bind_ids(sqlite3_stmt *st, const void *arg)
{
    const struct ids_page *p = arg;
    sqlite3_bind_int64(st, 1, object_int(p->object));
    sqlite3_bind_int(st, 2, p->after ? (int)p->after->way : 0);
    bind_str(st, 3, p->after ? p->after->id : STR(""));
    sqlite3_bind_int(st, 4, limit_int(p->limit));
}

static bool id_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct symbol_id *id = to;
    id->way = (enum symbol_way)sqlite3_column_int(st, 1); /* the statement's own numbers */
    return (arena_str(a, column_str(st, 0), &id->project) &&
            arena_str(a, column_str(st, 2), &id->id)) ||
           err_set(e, ERR_NOMEM, 0, "reading symbol files");
}

bool store_symbol_ids(struct store *s, uint64_t object, const struct symbol_id *after, size_t limit,
                      struct arena *a, struct symbol_id **out, size_t *count, struct err *e)
{
    const struct ids_page page = { object, after, limit };
    const struct question q = { SQL_SYMBOL_IDS, bind_ids, &page };
    void *rows = NULL;
    bool ok = collect(s, &q, id_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    return ok;
}

/* What is missing. */

struct missing_page {
    struct str project;
    size_t from, limit;
};

static void bind_missing(sqlite3_stmt *st, const void *arg)
{
    const struct missing_page *m = arg;
    bind_str(st, 1, m->project);
    sqlite3_bind_int(st, 2, limit_int(m->limit));
    sqlite3_bind_int(st, 3, limit_int(m->from));
}

static bool missing_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct missing_module *m = to;
    *m = (struct missing_module){ .reports = column_count(st, MISSING_REPORTS),
                                  .first_ms = sqlite3_column_int64(st, MISSING_FIRST),
                                  .last_ms = sqlite3_column_int64(st, MISSING_LAST) };
    return (arena_str(a, column_str(st, MISSING_PROJECT), &m->project) &&
            arena_str(a, column_str(st, MISSING_DEBUG_FILE), &m->module.debug_file) &&
            arena_str(a, column_str(st, MISSING_DEBUG_ID), &m->module.debug_id) &&
            arena_str(a, column_str(st, MISSING_CODE_FILE), &m->module.code_file) &&
            arena_str(a, column_str(st, MISSING_CODE_ID), &m->module.code_id)) ||
           err_set(e, ERR_NOMEM, 0, "reading missing symbols");
}

bool store_missing_list(struct store *s, struct str project, size_t from, size_t limit,
                        struct arena *a, struct missing_module **out, size_t *count, struct err *e)
{
    const struct missing_page page = { project, from, limit };
    const struct question q = { SQL_MISSING_LIST, bind_missing, &page };
    void *rows = NULL;
    bool ok = collect(s, &q, missing_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    return ok;
}

struct wanted {
    struct str project;
    const struct stored_module *module;
    uint64_t after;
    size_t limit;
};

static void bind_wanted(sqlite3_stmt *st, const void *arg)
{
    const struct wanted *w = arg;
    bind_str(st, 1, w->project);
    bind_str(st, 2, w->module->debug_id);
    bind_str(st, 3, w->module->debug_file);
    bind_str(st, 4, w->module->code_id);
    bind_str(st, 5, w->module->code_file);
    sqlite3_bind_int64(st, 6, object_int(w->after));
    sqlite3_bind_int(st, 7, limit_int(w->limit));
}

static bool object_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    (void)a, (void)e;
    read_object(to, st);
    return true;
}

bool store_missing_objects(struct store *s, struct str project, const struct stored_module *m,
                           uint64_t after, size_t limit, struct arena *a, uint64_t **out,
                           size_t *count, struct err *e)
{
    const struct wanted w = { project, m, after, limit };
    const struct question q = { SQL_MISSING_OBJECTS, bind_wanted, &w };
    void *rows = NULL;
    bool ok = collect(s, &q, object_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    return ok;
}

struct wants_page {
    const struct missing_range *range;
    const struct missing_want *after;
    size_t limit;
};

/* The end of a range: the text, or any, since a blob is behind all texts. */
static void bind_last(sqlite3_stmt *st, int at, bool bounded, struct str text)
{
    if (bounded)
        bind_str(st, at, text);
    else
        bind_blob(st, at, STR(""));
}

static void bind_wants(sqlite3_stmt *st, const void *arg)
{
    const struct wants_page *w = arg;
    const struct missing_range *r = w->range;
    bool by_code = r->debug_id.len == 0 && r->code_id.len > 0;
    bool by_name = r->debug_id.len == 0 && !by_code && r->debug_file.len > 0;
    const struct missing_want first = { .module = { by_name ? r->debug_file : STR(""), r->debug_id,
                                                    STR(""), by_code ? r->code_id : STR("") } };
    const struct missing_want *after = w->after ? w->after : &first;
    bind_str(st, 1, r->project);
    bind_str(st, 2, after->module.debug_id);
    bind_str(st, 3, after->module.code_id);
    bind_str(st, 4, after->module.debug_file);
    bind_str(st, 5, after->module.code_file);
    sqlite3_bind_int64(st, 6, object_int(after->object));
    bind_last(st, 7, r->debug_id.len > 0 || by_code || by_name, r->debug_id);
    bind_last(st, 8, by_code || by_name, by_code ? r->code_id : STR(""));
    bind_last(st, 9, by_name, r->debug_file);
    sqlite3_bind_int(st, 10, limit_int(w->limit));
}

static bool want_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct missing_want *w = to;
    sqlite3_int64 object = sqlite3_column_int64(st, 4);
    w->object = object > 0 ? (uint64_t)object : 0;
    return (arena_str(a, column_str(st, 0), &w->module.debug_file) &&
            arena_str(a, column_str(st, 1), &w->module.debug_id) &&
            arena_str(a, column_str(st, 2), &w->module.code_file) &&
            arena_str(a, column_str(st, 3), &w->module.code_id)) ||
           err_set(e, ERR_NOMEM, 0, "reading missing symbols");
}

bool store_missing_wants(struct store *s, const struct missing_range *range,
                         const struct missing_want *after, size_t limit, struct arena *a,
                         struct missing_want **out, size_t *count, struct err *e)
{
    const struct wants_page page = { range, after, limit };
    const struct question q = { SQL_MISSING_WANTS, bind_wants, &page };
    void *rows = NULL;
    bool ok = collect(s, &q, want_fill, sizeof **out, a, &rows, count, e);
    *out = rows;
    return ok;
}
