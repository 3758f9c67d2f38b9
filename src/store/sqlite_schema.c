/* sqlite_schema.c - the tables of the SQLite store, and how those of older versions become these.
 *
 *     reports      number (rowid: the order of commit)   one row a report
 *                  database_id, project -> projects.number, date_ms, received_ms, has_date,
 *                  top_match (NULL: none), score,
 *                  buckets (see bucket_names.h), content_hash (32 bytes),
 *                  shorthand (the engine's), payload (one zstd frame, see pack.c),
 *                  object (0: none), fingerprint (NULL: none)
 *     uploads      object (rowid)                        one row an upload of the Backtrace API
 *                  project, format, state, received_ms, report -> reports.number (NULL: none),
 *                  fingerprint (NULL: none), type, uuid, error,
 *                  body_size, body_hash, body_in_file, attributes, fields,
 *                  body (one zstd frame; empty when in a file)
 *     attachments  id (rowid), object, received_ms, name, type, size, hash, in_file,
 *                  bytes (as they came; empty when in a file)
 *     symbol_files number (rowid), object -> uploads.object, project, entry (its path in the
 *                  archive), kind, cpu, debug_file, debug_id, code_file, code_id, parts (what it
 *                  has), size, hash (of the symbol cache; empty: none), source (hash of the
 *                  entry's bytes; empty: not known), version (of the cache), duplicate, tag,
 *                  error, converted_ms
 *     missing_symbols  object, project, debug_file, debug_id, code_file, code_id, since_ms
 *     superseded   number -> reports.number, by          a report that was made again as another
 *     removed      number -> reports.number, since       a report that was removed when there were
 *                  `since`
 *     gone         object                                one that was removed with its row
 *     merges       project, fingerprint, merged (the group's)
 *     issues       project, fingerprint, attributes (JSON)
 *     counts       key, token, bucket, combination, count     one row a combination of attributes
 *     amendments   object, amended                       what was set and cleared since
 *     universes    number, name                          1 is "default"
 *     projects     number, name, universe -> universes.number, owner -> users.number (0: nobody's),
 *                  deleted
 *     tokens       number, hash, text, project, owner, scopes, metadata, created_ms
 *     users        number, name, role, password, created_ms, email, universe -> universes.number
 *     bindings     user -> users.number, project -> projects.number: who sees what
 *     sessions     hash, user -> users.number, created_ms, used_ms, expires_ms, resources
 *     configuration  number, type, key, object: what the console API keeps for its clients
 *     row_log      number, object (0: none): whose row in the columns changed, in the order of
 *                  commit
 *     row_checkpoint  token, number -> row_log.number, made_with: the file that rows are read from
 *     settings     name, value: "thresholds" -> "1,2,3", "secret" -> 64 hex digits
 *     marks        name, value: numbers that only grow; see MARK_ in sqlite.h
 *
 * What is small and read at start stands before what is large: a row that does not fit on its page
 * goes on elsewhere, and what is not asked for is not read.
 *
 * Beside the rowids' there are few indexes, since each costs every commit a random page: the engine
 * knows all ids, and a row is read by its number, or all of them in order. attachments has one by
 * object, which rises with the rows. Names have theirs, as do the hashes of tokens: few rows. So do
 * symbol files, and uploads as far as they are symbols; missing symbols have one by ids, module and
 * object, since they are asked for in this order when symbols arrive. Ids of symbols and modules
 * are the same in any case. Numbers of tokens, users and configuration are never given twice
 * (AUTOINCREMENT), since tokens of submission buckets and their counts hold a token's.
 *
 * A file of an older version is brought up to date when it is opened, one step a version, all in
 * one transaction. A new file goes the same way from nothing. */
#include "store/sqlite.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLICATION_ID 0x4372706c /* "Crpl", for file(1) */
#define SECRET_HEX_BYTES (2 * STORE_SECRET_BYTES)

/* Step i makes version i + 1 of version i. Never change one that has been in a release. */
static const char *const steps[] = {
    "CREATE TABLE reports("
    " number INTEGER PRIMARY KEY, database_id TEXT NOT NULL, project INTEGER NOT NULL,"
    " date_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, has_date INTEGER NOT NULL,"
    " top_match INTEGER, score REAL NOT NULL, buckets BLOB NOT NULL, content_hash BLOB NOT NULL,"
    " shorthand BLOB NOT NULL, payload BLOB NOT NULL) STRICT;"
    "CREATE TABLE projects(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;",

    "ALTER TABLE reports ADD COLUMN object INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE reports ADD COLUMN fingerprint BLOB;"
    "CREATE TABLE uploads("
    " object INTEGER PRIMARY KEY, project INTEGER NOT NULL, format INTEGER NOT NULL,"
    " state INTEGER NOT NULL, received_ms INTEGER NOT NULL, report INTEGER, fingerprint BLOB,"
    " type TEXT NOT NULL, uuid TEXT NOT NULL, error TEXT NOT NULL, body_size INTEGER NOT NULL,"
    " body_hash BLOB NOT NULL, body_in_file INTEGER NOT NULL, attributes TEXT NOT NULL,"
    " fields TEXT NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE attachments("
    " id INTEGER PRIMARY KEY, object INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
    " name TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, hash BLOB NOT NULL,"
    " in_file INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;"
    "CREATE INDEX attachments_of_object ON attachments(object);"
    "CREATE TABLE counts("
    " key BLOB PRIMARY KEY, token INTEGER NOT NULL, bucket TEXT NOT NULL,"
    " combination TEXT NOT NULL, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE amendments(object INTEGER PRIMARY KEY, amended TEXT NOT NULL) STRICT;"
    "CREATE TABLE universes(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "INSERT INTO universes VALUES (1, 'default');"
    "ALTER TABLE projects ADD COLUMN universe INTEGER NOT NULL DEFAULT 1;"
    "CREATE TABLE tokens("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, text TEXT NOT NULL,"
    " project INTEGER NOT NULL, owner TEXT NOT NULL, scopes INTEGER NOT NULL,"
    " metadata TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE users("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL,"
    " password TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO marks VALUES ('" MARK_OBJECT "', 0), ('" MARK_ATTACHMENT "', 0), ('" MARK_GONE
    "', 0),"
    " ('" MARK_ACCESS "', 1);",

    "CREATE TABLE symbol_files("
    " number INTEGER PRIMARY KEY, object INTEGER NOT NULL, project INTEGER NOT NULL,"
    " entry TEXT NOT NULL, kind INTEGER NOT NULL, cpu INTEGER NOT NULL, debug_file TEXT NOT NULL,"
    " debug_id TEXT NOT NULL COLLATE NOCASE, code_file TEXT NOT NULL,"
    " code_id TEXT NOT NULL COLLATE NOCASE,"
    " parts INTEGER NOT NULL, size INTEGER NOT NULL, hash BLOB NOT NULL,"
    " source BLOB NOT NULL, version INTEGER NOT NULL, duplicate INTEGER NOT NULL,"
    " tag TEXT NOT NULL, error TEXT NOT NULL, converted_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX symbol_files_of_object ON symbol_files(object);"
    "CREATE INDEX symbol_files_of_source ON symbol_files(source);"
    "CREATE INDEX uploads_of_symbols ON uploads(project, body_hash) WHERE format = 5;"
    "CREATE TABLE missing_symbols("
    " object INTEGER NOT NULL, project INTEGER NOT NULL, debug_file TEXT NOT NULL,"
    " debug_id TEXT NOT NULL COLLATE NOCASE, code_file TEXT NOT NULL,"
    " code_id TEXT NOT NULL COLLATE NOCASE,"
    " since_ms INTEGER NOT NULL,"
    " PRIMARY KEY (object, debug_id, debug_file, code_id, code_file)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX missing_of_project ON missing_symbols"
    "(project, debug_id, code_id, debug_file, code_file, object, since_ms);"
    "CREATE TABLE superseded(number INTEGER PRIMARY KEY, by INTEGER NOT NULL) STRICT;",

    "CREATE TABLE removed(number INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;"
    "CREATE TABLE gone(object INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE merges("
    " project INTEGER NOT NULL, fingerprint BLOB NOT NULL, merged BLOB NOT NULL,"
    " PRIMARY KEY (project, fingerprint)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE issues("
    " project INTEGER NOT NULL, fingerprint BLOB NOT NULL, attributes TEXT NOT NULL,"
    " PRIMARY KEY (project, fingerprint)) STRICT, WITHOUT ROWID;"
    /* People and what they configure. */
    "ALTER TABLE projects ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE projects ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE users ADD COLUMN universe INTEGER NOT NULL DEFAULT 1;"
    "CREATE TABLE bindings("
    " user INTEGER NOT NULL, project INTEGER NOT NULL,"
    " PRIMARY KEY (user, project)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sessions("
    " hash BLOB PRIMARY KEY, user INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " used_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " resources TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE configuration("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, key TEXT NOT NULL,"
    " object TEXT NOT NULL, UNIQUE (type, key)) STRICT;"
    /* The log is never empty, so that no number comes twice. */
    "CREATE TABLE row_log(number INTEGER PRIMARY KEY, object INTEGER NOT NULL) STRICT;"
    "INSERT INTO row_log VALUES (1, 0);"
    "CREATE TABLE row_checkpoint("
    " one INTEGER PRIMARY KEY, token INTEGER NOT NULL, number INTEGER NOT NULL,"
    " made_with INTEGER NOT NULL) STRICT;",
};
#define SCHEMA_VERSION (int64_t)(sizeof steps / sizeof *steps)
#define SCHEMA_WITH_SECRET 2

static bool number_read(struct connection *c, const char *sql, int64_t *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    bool ok = rc == SQLITE_ROW || connection_failed(c, rc, e);
    if (ok)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return ok;
}

static bool setting_add(struct connection *c, const char *name, struct str value, struct err *e)
{
    sqlite3_stmt *add = connection_statement(c, SQL_SETTING_ADD, e);
    if (!add)
        return false;
    bind_str(add, 1, str_from_c(name));
    bind_str(add, 2, value);
    return connection_run(c, SQL_SETTING_ADD, e);
}

static bool secret_make(struct connection *c, struct err *e)
{
    uint8_t secret[STORE_SECRET_BYTES];
    char hex[SECRET_HEX_BYTES + 1];
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium finds no random numbers");
    randombytes_buf(secret, sizeof secret);
    sodium_bin2hex(hex, sizeof hex, secret, sizeof secret);
    bool ok = setting_add(c, "secret", (struct str){ hex, SECRET_HEX_BYTES }, e);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(hex, sizeof hex);
    return ok;
}

/* A file without tables is new; one with tables of version 0 is not ours. */
static bool schema_is_new(struct connection *c, struct err *e)
{
    int64_t tables;
    return number_read(c, "SELECT count(*) FROM sqlite_schema", &tables, e) &&
           (tables == 0 ||
            err_set(e, ERR_CONFLICT, 0, "the file is a database, but not one of Crumple"));
}

/* Inside a transaction: the steps that are missing, when no other process was faster. */
static bool schema_raise(struct connection *c, struct err *e)
{
    int64_t version;
    if (!number_read(c, "PRAGMA user_version", &version, e))
        return false;
    if (version >= SCHEMA_VERSION)
        return true;
    if (version == 0 && !schema_is_new(c, e))
        return false;
    for (int64_t i = version; i < SCHEMA_VERSION; i++)
        if (!connection_exec(c, steps[i], e))
            return false;
    char marks[128];
    snprintf(marks, sizeof marks, "PRAGMA user_version=%d; PRAGMA application_id=%d",
             (int)SCHEMA_VERSION, APPLICATION_ID);
    return (version >= SCHEMA_WITH_SECRET || secret_make(c, e)) && connection_exec(c, marks, e);
}

bool schema_check(struct connection *c, struct err *e)
{
    int64_t version;
    if (!number_read(c, "PRAGMA user_version", &version, e))
        return false;
    if (version == SCHEMA_VERSION)
        return true;
    if (version < 0 || version > SCHEMA_VERSION)
        return err_set(
            e, ERR_CONFLICT, 0,
            "the database was made by a newer Crumple (schema %lld; this one knows %lld)",
            (long long)version, (long long)SCHEMA_VERSION);
    bool ok =
        connection_run(c, SQL_BEGIN, e) && schema_raise(c, e) && connection_run(c, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(c);
    return ok;
}

/* "1,2.5,3": each in the fewest digits that read back as the same number. */
static void thresholds_format(char *out, size_t room, const struct store_settings *settings)
{
    size_t used = 0;
    for (size_t i = 0; i < settings->threshold_count; i++) {
        char text[32];
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, settings->thresholds[i]);
            if (strtod(text, NULL) == settings->thresholds[i])
                break;
        }
        used += (size_t)snprintf(out + used, room - used, "%s%s", i ? "," : "", text);
        assert(used < room);
    }
}

bool schema_check_thresholds(struct connection *c, const struct store_settings *settings,
                             struct err *e)
{
    char want[STORE_THRESHOLDS_MAX * 32] = "";
    thresholds_format(want, sizeof want, settings);
    sqlite3_stmt *get = connection_statement(c, SQL_SETTING_GET, e);
    bool row;
    if (!get)
        return false;
    bind_str(get, 1, STR("thresholds"));
    if (!connection_step(c, get, &row, e))
        return false;
    if (!row)
        return setting_add(c, "thresholds", str_from_c(want), e);
    struct str have = column_str(get, 0);
    bool same = str_eq(have, str_from_c(want));
    if (!same)
        err_set(e, ERR_CONFLICT, 0,
                "the database was made with the thresholds %.*s, and not with %s", STR_ARG(have),
                want);
    sqlite3_reset(get);
    return same;
}

static bool secret_read(struct connection *c, uint8_t out[STORE_SECRET_BYTES], struct err *e)
{
    sqlite3_stmt *get = connection_statement(c, SQL_SETTING_GET, e);
    bool row;
    if (!get)
        return false;
    bind_str(get, 1, STR("secret"));
    bool ok = connection_step(c, get, &row, e);
    if (ok) {
        struct str hex = row ? column_str(get, 0) : STR("");
        size_t n = 0;
        ok = (hex.len == SECRET_HEX_BYTES &&
              sodium_hex2bin(out, STORE_SECRET_BYTES, hex.ptr, hex.len, NULL, &n, NULL) == 0 &&
              n == STORE_SECRET_BYTES) ||
             err_set(e, ERR_IO, 0, "the database is damaged: it has no good secret");
    }
    sqlite3_reset(get);
    return ok;
}

bool store_secret(struct store *s, uint8_t out[STORE_SECRET_BYTES], struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = secret_read(c, out, e);
    store_reader_give(s, c);
    return ok;
}
