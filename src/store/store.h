/* store.h - what survives: reports in the order of their commit, uploads, and who may do what.
 *
 * Place in the story: the writer hands it a batch of placed reports, with the uploads that they
 * were made of, which become durable together; at start the engine reads all of them back to build
 * its views. No SQL and no type of SQLite leaves the store's own files: this header is all that the
 * rest knows.
 *
 * Ids of objects and attachments are below 2^63 and come from the engine; 0 is none. They rise, but
 * rows need not come in their order.
 *
 * Threads: store_write, store_delete_all: one thread, the writer. The others: any thread; those
 * that change rows of access may run in another process beside a server. Errors: ERR_FULL when the
 * disk is full (nothing of the batch is stored, and a later batch may succeed), ERR_BUSY when
 * another process has been writing for ten seconds, ERR_IO for other failures, with what the system
 * said, and for a damaged row, which the message names. */
#ifndef CRUMPLE_STORE_STORE_H
#define CRUMPLE_STORE_STORE_H

#include "base/arena.h"
#include "report/upload.h"

#define STORE_CONTENT_HASH_BYTES 32
#define STORE_NONE UINT32_MAX
#define STORE_PAYLOAD_MAX (512 * 1024 * 1024) /* bytes of one report */
#define STORE_THRESHOLDS_MAX 64
#define STORE_FINGERPRINT_BYTES 32
#define STORE_SECRET_BYTES 32

struct store;

/* One report as it is kept. Views borrow: on writing from the caller, on reading from the arena. */
struct stored_report {
    uint32_t number; /* the order of commit, from 0, without gaps */
    uint64_t object; /* its object id; 0: stored before there were any */
    struct str database_id, project;
    int64_t date_ms, received_ms;
    uint32_t top_match; /* number of the nearest report, or STORE_NONE */
    float score;
    const struct str *buckets; /* names, one for each threshold of the collection */
    size_t bucket_count;
    uint8_t content_hash[STORE_CONTENT_HASH_BYTES];
    uint8_t fingerprint[STORE_FINGERPRINT_BYTES]; /* zeros: stored before there were any */
    bool has_date;                                /* whether the sender gave the date */
    struct str shorthand;                         /* the engine's, kept as it is; may be empty */
    struct str payload; /* as it came; compressed only inside the store; empty: removed */
    struct str packed;  /* on writing: what store_pack made of payload */
};

/* What became of an upload. Stored as numbers: never renumber. */
enum upload_state {
    UPLOAD_DECODED = 0, /* there is a report of it */
    UPLOAD_WAITING = 1, /* this version cannot read the format: processed when one can */
    UPLOAD_FAILED = 2,  /* it could not be read; `error` says why */
    UPLOAD_KEPT = 3,    /* symbols, source maps: kept, nothing else to do */
    UPLOAD_REMOVED = 4  /* its bytes were removed: attributes are left, for queries */
};

/* What one entry of an upload of symbols was, and what was made of it. Kind, cpu, parts and version
 * are numbers of src/symbols, which the store does not look into. */
struct stored_symbol_file {
    uint32_t number; /* given by the store */
    uint64_t object; /* the upload */
    struct str project;
    struct str entry; /* its path in the archive; empty: the upload itself */
    uint32_t kind, cpu, parts, version;
    struct str debug_file, debug_id, code_file, code_id;
    uint64_t size;
    bool has_cache;
    uint8_t hash[CONTENT_HASH_BYTES]; /* of the symbol cache */
    bool has_source;
    uint8_t source[CONTENT_HASH_BYTES]; /* of the entry's bytes */
    bool duplicate;                     /* another row of the project had it already */
    struct str tag;
    struct str error; /* empty: there is a cache */
    int64_t converted_ms;
    int64_t received_ms; /* when the upload came; ignored on writing */
};

/* A module that a report's stacks lie in, and that there were no symbols for. */
struct stored_module {
    struct str debug_file, debug_id, code_file, code_id;
};

/* One upload of the Backtrace API, processed. */
struct stored_upload {
    uint64_t object;
    struct str project;
    enum upload_format format;
    enum upload_state state;
    int64_t received_ms;
    uint32_t report;       /* its number; never STORE_NONE when UPLOAD_DECODED */
    struct str type;       /* Content-Type of the body */
    struct str uuid;       /* may be empty */
    struct str attributes; /* JSON object, merged and typed (attributes_write), `set`s applied */
    struct str amended;    /* what was set and cleared since: JSON object; may be empty; ignored on
                              writing, so that a replaced upload keeps it */
    struct str fields;     /* JSON list of [name, value, origin], as they came */
    struct str error;      /* may be empty; one sentence a line */
    bool has_fingerprint;  /* of errors */
    uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
    struct content body;    /* read: bytes in the arena */
    struct str packed_body; /* on writing, when not in a file: what store_pack made of the bytes */
    /* On writing; these replace what was stored of the object. Their object and project are the
     * upload's. */
    const struct stored_symbol_file *symbol_files;
    size_t symbol_file_count;
    const struct stored_module *missing;
    size_t missing_count;
    /* On writing: it is there, and of its row only state, report, fingerprint, error and attributes
     * are replaced. ERR_NOT_FOUND when it is not. */
    bool remade;
};

/* A report that was made again: `by` took the place of `number`, which stays under its number. */
struct stored_superseding {
    uint32_t number, by; /* number < by, both of the same database_id */
};

struct stored_attachment {
    uint64_t id, object;
    int64_t received_ms;
    struct str name, type;
    struct content content; /* bytes are kept as they are, files by hash */
};

/* One combination of a submission bucket: its count after the batch. */
struct stored_count {
    uint8_t key[32]; /* of token, bucket and values */
    uint32_t token;
    struct str bucket;
    struct str combination; /* JSON object, for people: {"fingerprint":"..","uname.sysname":null} */
    uint64_t count;
};

/* What is set and cleared in an object that is stored already, by submission buckets or by people.
 */
struct stored_change {
    uint64_t object;
    bool no_upload;            /* it came over the PartyCrasher API, and has no attributes there */
    struct str attributes;     /* replaces stored_upload.attributes */
    struct str amended;        /* JSON object of all that was ever set: {"has_advanced_log":"1"};
                                  null for what was cleared */
    uint32_t report;           /* whose payload is replaced, or STORE_NONE */
    struct str packed_payload; /* by this */
};

/* An object that is removed, or a part of it. What is not there is passed over. */
enum stored_part {
    /* Body, type, fields, attachments, modules that are missing, and what reports were made of; the
     * upload's row stays, as UPLOAD_REMOVED, with its attributes. */
    STORED_BYTES,
    STORED_ALL /* and its row */
};
struct stored_removal {
    uint64_t object;
    enum stored_part part;
    /* The numbers of all reports that were ever made of it, and are not removed yet, rising; the
     * last is the one that is not superseded. Their rows keep what later reports lean on: number,
     * database_id, project, dates, buckets, fingerprint, shorthand. */
    const uint32_t *reports;
    size_t report_count;
    uint32_t since; /* how many reports there are */
};
/* A report that was removed when there were `since` of them. */
struct stored_removed {
    uint32_t number, since; /* number < since */
};

/* A fingerprint (of objects, or of a group of such) that is merged into a group, or parted from it.
 */
struct stored_merge {
    struct str project;
    uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
    bool is_parted; /* and `into` does not count */
    uint8_t into[STORE_FINGERPRINT_BYTES];
};
/* What people have said of the bug that a fingerprint stands for. */
struct stored_issue {
    struct str project;
    uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
    struct str attributes; /* JSON object, the engine's; replaces what there was */
};

/* All that one commit brings; durable together. Written in this order. */
struct store_batch {
    const struct stored_report *reports;
    size_t report_count;
    /* Each number once and for all. */
    const struct stored_superseding *superseded;
    size_t superseded_count;
    /* An object that is there already (a waiting one that has been processed) is replaced. */
    const struct stored_upload *uploads;
    size_t upload_count;
    const struct stored_attachment *attachments;
    size_t attachment_count;
    const struct stored_count *counts; /* the latest of each key last */
    size_t count_count;
    /* ERR_NOT_FOUND when there is no such upload, or no such report. */
    const struct stored_change *changes;
    size_t change_count;
    const struct stored_removal *removals;
    size_t removal_count;
    const uint64_t *detached; /* ids of attachments, which are removed */
    size_t detached_count;
    const struct stored_merge *merges; /* in this order */
    size_t merge_count;
    const struct stored_issue *issues;
    size_t issue_count;
};

/* What the whole collection was grouped with; a store is opened only with the same. */
struct store_settings {
    const double *thresholds;
    size_t threshold_count;
};

/* Opens DIR/crumple.db, made when it is not there (DIR too), for its owner alone. One of an older
 * version is brought up to date where it is, or stays as it was. settings NULL: for administration,
 * without reports. ERR_CONFLICT when it was made with other thresholds, or by a newer version; the
 * message says which. ERR_IO for a damaged one. */
MUST_CHECK bool store_open(struct store **out, const char *dir,
                           const struct store_settings *settings, struct err *e);
void store_close(struct store *s); /* NULL is fine */
DEFINE_CLEANUP(struct store, store_close)

/* Makes DIR and takes it for one server; held until the process ends or store_unlock.
 * ERR_CONFLICT names the process that has it. */
MUST_CHECK bool store_lock(const char *dir, int *lock, struct err *e);
void store_unlock(int lock);

/* Compresses a payload for store_write: any thread, so that the writer need not. */
MUST_CHECK bool store_pack(struct str payload, struct arena *a, struct str *packed, struct err *e);

/* All or nothing, durable on return. Numbers of reports go on from what is stored. Projects that
 * are new are added, to the universe "default": a change of access. */
MUST_CHECK bool store_write(struct store *s, const struct store_batch *batch, struct err *e);
/* All reports, uploads, attachments, counts, merges and issues; projects and tokens stay, as do
 * uploads that are no errors (symbols), with all that belongs to them. Files stay until the next
 * blobs_sweep. Durable with it: that all other objects with ids below this are gone, also those
 * that are not in the store. */
MUST_CHECK bool store_delete_all(struct store *s, uint64_t gone_below, struct err *e);
/* The highest gone_below that a deletion was made with; 0: there was none. */
MUST_CHECK bool store_gone_below(struct store *s, uint64_t *out, struct err *e);

/* One report by its number, all of it in the arena, packed left empty; ERR_NOT_FOUND. */
MUST_CHECK bool store_read(struct store *s, uint32_t number, struct arena *a,
                           struct stored_report *out, struct err *e);
/* All reports from `first` on in order; stops when each() returns false, and then fails with what
 * it put into *e. What each() is given is only lent for the call; payload is empty and packed set:
 * unpack it with store_unpack on another thread. ERR_IO when a number is missing. */
MUST_CHECK bool store_scan(struct store *s, uint32_t first,
                           bool (*each)(void *ctx, const struct stored_report *r, struct err *e),
                           void *ctx, struct err *e);
MUST_CHECK bool store_unpack(struct str packed, struct arena *a, struct str *payload,
                             struct err *e);
/* How many there are, and so the number that comes next. */
MUST_CHECK bool store_count(struct store *s, uint32_t *out, struct err *e);

/* Which reports are superseded, in the order of `by`; stops as store_scan does. */
MUST_CHECK bool store_scan_superseded(struct store *s,
                                      bool (*each)(void *ctx, const struct stored_superseding *r,
                                                   struct err *e),
                                      void *ctx, struct err *e);

/* Which reports were removed, by rising `since` and number; stops as store_scan does. */
MUST_CHECK bool store_scan_removed(struct store *s,
                                   bool (*each)(void *ctx, const struct stored_removed *r,
                                                struct err *e),
                                   void *ctx, struct err *e);
/* All that are merged, and all issues that something was ever said of; in no order; stop as
 * store_scan does. */
MUST_CHECK bool store_scan_merges(struct store *s,
                                  bool (*each)(void *ctx, const struct stored_merge *m,
                                               struct err *e),
                                  void *ctx, struct err *e);
MUST_CHECK bool store_scan_issues(struct store *s,
                                  bool (*each)(void *ctx, const struct stored_issue *i,
                                               struct err *e),
                                  void *ctx, struct err *e);
/* Whether an object was removed with its row. This is kept for good, so that an upload that comes
 * from the inbox again is known to be done. */
MUST_CHECK bool store_is_removed(struct store *s, uint64_t object, bool *out, struct err *e);

/* Uploads. At start: all of them in the order of their ids; `attributes`, `fields`, `amended` and
 * the body's bytes are left empty. The scans stop when each() returns false, and lend what they
 * give it for the call, as store_scan does. */
MUST_CHECK bool store_scan_uploads(struct store *s,
                                   bool (*each)(void *ctx, const struct stored_upload *u,
                                                struct err *e),
                                   void *ctx, struct err *e);
/* The same for queries: those of errors alone, with their attributes. */
MUST_CHECK bool store_scan_attributes(struct store *s,
                                      bool (*each)(void *ctx, const struct stored_upload *u,
                                                   struct err *e),
                                      void *ctx, struct err *e);
/* For queries, too: the reports whose objects have no upload, in order, payloads packed; and what
 * was set and cleared in them (amended), or empty. */
MUST_CHECK bool store_scan_posts(struct store *s,
                                 bool (*each)(void *ctx, const struct stored_report *r,
                                              struct str amended, struct err *e),
                                 void *ctx, struct err *e);
/* The same for one report, whatever its object; each() is called once. ERR_NOT_FOUND. */
MUST_CHECK bool store_post_read(struct store *s, uint32_t number,
                                bool (*each)(void *ctx, const struct stored_report *r,
                                             struct str amended, struct err *e),
                                void *ctx, struct err *e);
/* The hashes of all files (blobs.h) that uploads and attachments have; in no order, and one may
 * come again. Looks at all rows: a microsecond for each. */
MUST_CHECK bool store_scan_files(struct store *s,
                                 bool (*each)(void *ctx, const uint8_t hash[CONTENT_HASH_BYTES],
                                              struct err *e),
                                 void *ctx, struct err *e);
/* In no order. */
MUST_CHECK bool store_scan_counts(struct store *s,
                                  bool (*each)(void *ctx, const struct stored_count *c,
                                               struct err *e),
                                  void *ctx, struct err *e);
/* `amended` of all objects that have it, and of uploads the `report` that they have now; the rest
 * empty. */
MUST_CHECK bool store_scan_changes(struct store *s,
                                   bool (*each)(void *ctx, const struct stored_change *c,
                                                struct err *e),
                                   void *ctx, struct err *e);
/* That of one object; empty when it has none, also when there is no such object. */
MUST_CHECK bool store_amended(struct store *s, uint64_t object, struct arena *a, struct str *out,
                              struct err *e);
/* One with everything, in the arena; ERR_NOT_FOUND. */
MUST_CHECK bool store_upload_read(struct store *s, uint64_t object, struct arena *a,
                                  struct stored_upload *out, struct err *e);
/* The same without the bytes of the body, and without the fields. */
MUST_CHECK bool store_upload_head(struct store *s, uint64_t object, struct arena *a,
                                  struct stored_upload *out, struct err *e);
/* Which uploads: those of one project, newest first. */
struct upload_filter {
    struct str project;
    bool has_format, has_state;
    enum upload_format format, or_format; /* or_format: another one that will do; 0: none */
    enum upload_state state;
    uint64_t before; /* object ids below this; 0: all */
    size_t limit;
};
/* `fields`, `amended` and the body's bytes are left empty. Walks back over the uploads of all
 * projects until it has found enough: a microsecond for each. */
MUST_CHECK bool store_upload_list(struct store *s, const struct upload_filter *f, struct arena *a,
                                  struct stored_upload **out, size_t *count, struct err *e);
/* Of one object, oldest first; contents without bytes. */
MUST_CHECK bool store_attachments(struct store *s, uint64_t object, struct arena *a,
                                  struct stored_attachment **out, size_t *count, struct err *e);
/* One with its bytes; ERR_NOT_FOUND. */
MUST_CHECK bool store_attachment_read(struct store *s, uint64_t id, struct arena *a,
                                      struct stored_attachment *out, struct err *e);
/* The highest ids that were ever stored, also of what has been deleted since; 0: none. */
MUST_CHECK bool store_last_ids(struct store *s, uint64_t *object, uint64_t *attachment,
                               struct err *e);
/* A secret of this data directory, made when it was and kept for good; for receipts and bucket
 * tokens. */
MUST_CHECK bool store_secret(struct store *s, uint8_t out[STORE_SECRET_BYTES], struct err *e);

/* Which objects' rows (in the engine's columns) changed, in the order of commit: store_write logs
 * the object of each report, upload, change and removal under a number that rises and is never
 * given twice. Merges are not logged. The number of the last entry; there is always one. */
MUST_CHECK bool store_row_log_last(struct store *s, uint64_t *out, struct err *e);
/* The objects behind this number, rising, each once; stops as store_scan does. */
MUST_CHECK bool store_scan_row_log(struct store *s, uint64_t after,
                                   bool (*each)(void *ctx, uint64_t object, struct err *e),
                                   void *ctx, struct err *e);
/* A file with all rows as they were after this number, or later. Of the file the store knows a
 * token alone, which stands in it, too: another file, or one of another history, has another token.
 */
struct stored_checkpoint {
    uint64_t token, number;
    uint64_t made_with; /* the engine's: what else the rows depend on */
};
/* The one that is there; ERR_NOT_FOUND. A deletion of all takes it away. */
MUST_CHECK bool store_checkpoint_read(struct store *s, struct stored_checkpoint *out,
                                      struct err *e);
/* Takes the place of the one before. ERR_CONFLICT: the log does not go back to its number, because
 * all was deleted meanwhile. Any thread. */
MUST_CHECK bool store_checkpoint_put(struct store *s, const struct stored_checkpoint *c,
                                     struct err *e);
/* Forgets a portion of the log before the checkpoint's number; *more: there is another. Any thread,
 * after store_checkpoint_put. */
MUST_CHECK bool store_row_log_prune(struct store *s, uint64_t before, bool *more, struct err *e);

/* Symbols. All of them in the order of their numbers; the texts are lent for the call. */
MUST_CHECK bool store_scan_symbol_files(struct store *s,
                                        bool (*each)(void *ctx, const struct stored_symbol_file *f,
                                                     struct err *e),
                                        void *ctx, struct err *e);
/* Newest first. */
struct symbol_filter {
    struct str project; /* empty: all */
    bool all;           /* also duplicates, and what could not be converted */
    uint32_t before;    /* numbers below this; 0: all */
    size_t limit;
};
MUST_CHECK bool store_symbol_list(struct store *s, const struct symbol_filter *f, struct arena *a,
                                  struct stored_symbol_file **out, size_t *count, struct err *e);
/* All rows of one upload, in order. */
MUST_CHECK bool store_symbols_of(struct store *s, uint64_t object, struct arena *a,
                                 struct stored_symbol_file **out, size_t *count, struct err *e);
/* The first row of the project for these bytes and this version; ERR_NOT_FOUND. */
MUST_CHECK bool store_symbol_known(struct store *s, struct str project,
                                   const uint8_t source[CONTENT_HASH_BYTES], uint32_t version,
                                   struct arena *a, struct stored_symbol_file *out, struct err *e);
/* The first upload of symbols (source maps are none) of the project with this file as its body,
 * before `object`; 0: none. */
MUST_CHECK bool store_symbol_upload_find(struct store *s, struct str project,
                                         const uint8_t body[CONTENT_HASH_BYTES], uint64_t object,
                                         uint64_t *out, struct err *e);
struct symbol_counts {
    uint64_t fresh, duplicate, invalid; /* entries of one upload */
    struct str tag;
};
MUST_CHECK bool store_symbol_counts(struct store *s, uint64_t object, struct arena *a,
                                    struct symbol_counts *out, struct err *e);
/* Of one project; times are 0 where there is nothing. */
struct symbol_summary {
    struct {
        uint64_t count;
        int64_t first_ms, last_ms;
    } uploads, files, missing;
};
MUST_CHECK bool store_symbol_summary(struct store *s, struct str project,
                                     struct symbol_summary *out, struct err *e);

/* What can be used of one upload is found by these: first the debug ids, then the code ids, both in
 * upper case, then the names of scripts that there are source maps for; each once, in order, and
 * none that is empty; a page of those behind `after` (NULL: from the first). */
enum symbol_way { SYMBOL_BY_DEBUG_ID = 0, SYMBOL_BY_CODE_ID = 1, SYMBOL_BY_NAME = 2 };
struct symbol_id {
    struct str project;
    enum symbol_way way;
    struct str id;
};
MUST_CHECK bool store_symbol_ids(struct store *s, uint64_t object, const struct symbol_id *after,
                                 size_t limit, struct arena *a, struct symbol_id **out,
                                 size_t *count, struct err *e);

/* What is missing, by how many reports want it; looks at all such rows of the project. */
struct missing_module {
    struct str project;
    struct stored_module module;
    uint64_t reports;
    int64_t first_ms, last_ms; /* when such reports came */
};
/* project empty: all. */
MUST_CHECK bool store_missing_list(struct store *s, struct str project, size_t from, size_t limit,
                                   struct arena *a, struct missing_module **out, size_t *count,
                                   struct err *e);
/* Which object wants which module, a page of those behind `after` (NULL: from the first), by debug
 * id, code id, files, object. A page costs as much as it holds, wherever it is. */
struct missing_want {
    struct stored_module module;
    uint64_t object;
};
struct missing_range {
    struct str project;
    /* One of them, or none: modules with this debug id; modules without, with this code id; without
     * both, with this debug file; all. */
    struct str debug_id, code_id, debug_file;
};
MUST_CHECK bool store_missing_wants(struct store *s, const struct missing_range *range,
                                    const struct missing_want *after, size_t limit, struct arena *a,
                                    struct missing_want **out, size_t *count, struct err *e);
/* The objects that want a module, above `after`, in order. */
MUST_CHECK bool store_missing_objects(struct store *s, struct str project,
                                      const struct stored_module *m, uint64_t after, size_t limit,
                                      struct arena *a, uint64_t **out, size_t *count,
                                      struct err *e);

/* Projects. ERR_CONFLICT when there is one of that name, in whichever universe: names of projects
 * are unique on a server. The universe is made when it is not there. Here and below, names are of 1
 * to REPORT_NAME_MAX bytes: ERR_INPUT, ERR_LIMIT. */
MUST_CHECK bool store_project_create(struct store *s, struct str name, struct str universe,
                                     struct err *e);
/* The names of those that are not deleted, sorted by bytes, in the arena. */
MUST_CHECK bool store_projects(struct store *s, struct arena *a, struct str **out, size_t *count,
                               struct err *e);

/* Who may do what: see src/access. These rows change by hand, and often in another process. */
struct stored_universe {
    uint32_t number;
    struct str name;
};
struct stored_project {
    uint32_t number;
    struct str name, universe;
    uint32_t owner; /* a user's number; 0: nobody's */
    bool deleted;   /* hidden, and nothing is taken in for it */
};
struct stored_token {
    uint32_t number;
    uint8_t hash[32]; /* SHA-256 of the token's text */
    struct str text;  /* the token itself; empty when it can read, then only the hash is kept */
    struct str project;
    struct str owner;    /* a user's name; may be empty */
    uint32_t scopes;     /* bits of enum scope */
    struct str metadata; /* JSON object, or empty */
    int64_t created_ms;
};
struct stored_user {
    uint32_t number;
    struct str name, role; /* role: admin, member or guest */
    struct str password;   /* argon2id, as libsodium writes it */
    int64_t created_ms;
    struct str email;    /* may be empty */
    struct str universe; /* the one that is meant when none is named */
};
/* A user may see a project. */
struct stored_binding {
    uint32_t user, project;
};
/* Somebody has logged in. */
struct stored_session {
    uint8_t hash[32]; /* SHA-256 of the session's text */
    uint32_t user;
    int64_t created_ms, used_ms, expires_ms;
    struct str resources; /* a JSON object of the user's making, or empty */
};
/* What clients keep in the configuration store (docs/console-api.md), one object each. */
struct stored_configuration {
    uint32_t number;      /* never given twice, whatever the type */
    struct str type, key; /* there is one of each */
    struct str object;    /* JSON */
};
struct stored_access {
    uint64_t version;
    struct stored_universe *universes;
    size_t universe_count;
    struct stored_project *projects;
    size_t project_count;
    struct stored_token *tokens;
    size_t token_count;
    struct stored_user *users;
    size_t user_count;
    struct stored_binding *bindings; /* by user, then project */
    size_t binding_count;
    struct stored_session *sessions;
    size_t session_count;
    struct stored_configuration *configuration; /* by type, then key */
    size_t configuration_count;
};
/* Grows with each change of these rows, by whichever process: two microseconds. */
MUST_CHECK bool store_access_version(struct store *s, uint64_t *out, struct err *e);
/* All of it, of one moment, in the arena: names sorted by bytes, tokens by number. */
MUST_CHECK bool store_access_read(struct store *s, struct arena *a, struct stored_access *out,
                                  struct err *e);

/* Numbers are given by the store, and those of tokens, users and configuration never again.
 * ERR_CONFLICT: there is one of that name, or with that hash or key. ERR_NOT_FOUND: it is not
 * there, or what it names. */
MUST_CHECK bool store_universe_add(struct store *s, struct str name, uint32_t *number,
                                   struct err *e);
/* ERR_CONFLICT: projects or users are in it (deleted projects count), or it is the first. */
MUST_CHECK bool store_universe_remove(struct store *s, uint32_t number, struct err *e);
/* As store_project_create, with the owner, in a universe that is there. */
MUST_CHECK bool store_project_add(struct store *s, const struct stored_project *p, uint32_t *number,
                                  struct err *e);
/* Owner and deleted of the project with p->number. */
MUST_CHECK bool store_project_change(struct store *s, const struct stored_project *p,
                                     struct err *e);
MUST_CHECK bool store_token_add(struct store *s, const struct stored_token *t, uint32_t *number,
                                struct err *e);
/* Text, owner, scopes and metadata of the token with t->number. */
MUST_CHECK bool store_token_change(struct store *s, const struct stored_token *t, struct err *e);
MUST_CHECK bool store_token_remove(struct store *s, uint32_t number, struct err *e);
/* The universe must be there; empty means the first. */
MUST_CHECK bool store_user_add(struct store *s, const struct stored_user *u, uint32_t *number,
                               struct err *e);
/* All of the user with u->number but its name and when it was made. Another password ends the
 * user's sessions. */
MUST_CHECK bool store_user_change(struct store *s, const struct stored_user *u, struct err *e);
/* With its bindings and sessions. */
MUST_CHECK bool store_user_remove(struct store *s, struct str name, struct err *e);
/* ERR_CONFLICT: it is there, or not. */
MUST_CHECK bool store_binding_add(struct store *s, struct stored_binding b, struct err *e);
MUST_CHECK bool store_binding_remove(struct store *s, struct stored_binding b, struct err *e);

#define STORE_USER_SESSIONS_MAX 100 /* of one user; the one used longest ago goes */
/* Those that have expired by now->created_ms, or were last used before `unused_since_ms`, go. */
MUST_CHECK bool store_session_add(struct store *s, const struct stored_session *now,
                                  int64_t unused_since_ms, struct err *e);
/* used_ms and resources of the session with this hash. */
MUST_CHECK bool store_session_change(struct store *s, const struct stored_session *session,
                                     struct err *e);
MUST_CHECK bool store_session_remove(struct store *s, const uint8_t hash[32], struct err *e);

/* All rows together. ERR_LIMIT. */
#define STORE_CONFIGURATION_MAX 20000
#define STORE_CONFIGURATION_BYTES 16777216 /* of their objects */
MUST_CHECK bool store_configuration_add(struct store *s, const struct stored_configuration *c,
                                        uint32_t *number, struct err *e);
/* Key and object of the row with c->number. */
MUST_CHECK bool store_configuration_change(struct store *s, const struct stored_configuration *c,
                                           struct err *e);
MUST_CHECK bool store_configuration_remove(struct store *s, uint32_t number, struct err *e);

#endif
