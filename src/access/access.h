/* access.h - who may do what: universes, projects, tokens and their scopes, people and what they
 * configure.
 *
 * A server asks for every request; `crumple token ...` changes the rows in another process, and the
 * server sees it with the next request: each question compares the store's version number with
 * that of what is in memory, and reads all rows again when it has changed.
 *
 * Threads: any. What access_ functions give out is a snapshot, held until access_release. */
#ifndef CRUMPLE_ACCESS_ACCESS_H
#define CRUMPLE_ACCESS_ACCESS_H

#include "base/json.h"
#include "report/upload.h"
#include "store/store.h"

#define TOKEN_TEXT_BYTES 64            /* hex digits */
#define TOKEN_METADATA_MAX 65536       /* bytes */
#define TOKEN_BUCKET_ATTRIBUTES_MAX 32 /* of a submission bucket; as many in its `set` */

/* Bits; stored: never renumber. */
enum scope {
    SCOPE_ERROR_POST = 1,
    SCOPE_SYMBOL_POST = 2,
    SCOPE_OBJECT_GET = 4,
    SCOPE_QUERY_POST = 8,
    SCOPE_SYNC_POST = 16,
    SCOPE_CHANGE = 1 << 16 /* to change or delete what is there. No row holds it: tokens that may
                            * query have it, and sessions of members and admins */
};
#define SCOPES_READING (SCOPE_OBJECT_GET | SCOPE_QUERY_POST)
#define SCOPES_STORED (SCOPES_READING | SCOPE_ERROR_POST | SCOPE_SYMBOL_POST | SCOPE_SYNC_POST)
/* "error:post sync:post" and "error:post,sync:post" alike. ERR_INPUT names the word. */
MUST_CHECK bool scopes_parse(struct str text, uint32_t *out, struct err *e);
/* Joined by single spaces. */
MUST_CHECK bool scopes_write(uint32_t scopes, struct arena *a, struct str *out);

/* Limits of one token, from its metadata {"limits":{"body_bytes":n,"parts":n,
 * "attachment_bytes":n}}; 0: only the server's. */
struct token_limits {
    uint64_t body_bytes, attachment_bytes;
    size_t parts;
};

/* A token of a snapshot; or what a session may do in one project, looking like one. */
struct token {
    uint32_t number; /* 0: of a session */
    uint32_t scopes;
    bool project_deleted; /* it may do nothing any more */
    struct str project, universe;
    struct str user; /* whose it is: the owner's name; may be empty. Of a session, the user's */
    struct token_limits limits;
    struct upload_bucket bucket; /* bucket.name is empty when there is none; .use is false */
    int64_t bucket_ttl_ms;       /* {"buckets":{"cts":{...,"ttl":60}}}, seconds; 60 s by default */
    struct str metadata;
};

/* Checks a token's metadata against its scopes, as at creation: one bucket at most, with the scopes
 * error:post and sync:post, known members of known types. Fills the parts of *out that come of it,
 * in the arena. ERR_INPUT with a sentence. */
MUST_CHECK bool token_read_metadata(struct token *out, struct str metadata, uint32_t scopes,
                                    struct arena *a, struct err *e);

struct access;
MUST_CHECK bool access_open(struct access **out, struct store *s, struct err *e);
void access_close(struct access *a); /* no snapshot may be held; NULL is fine */
DEFINE_CLEANUP(struct access, access_close)

struct access_view; /* a snapshot */
/* As of now. NULL with *e when the store cannot be read. */
const struct access_view *access_acquire(struct access *a, struct err *e);
void access_release(struct access *a, const struct access_view *v);
bool access_has_universe(const struct access_view *v, struct str name);
/* By the text that a client sent, in constant time as far as the text goes: what is compared are
 * hashes. NULL: no such token. */
const struct token *access_find_token(const struct access_view *v, struct str text);

/* All rows; names sorted by bytes. */
const struct stored_access *access_rows(const struct access_view *v);
/* NULL: no such project; deleted ones are there. */
const struct stored_project *access_find_project(const struct access_view *v, struct str name);
const struct stored_project *access_project(const struct access_view *v, uint32_t number);
/* NULL: no such universe. */
const struct stored_universe *access_universe(const struct access_view *v, struct str name);

/* People. An admin may do everything; a member sees the projects that the user is bound to and
 * changes what is in them; a guest sees them. */
enum role { ROLE_GUEST, ROLE_MEMBER, ROLE_ADMIN };
struct user {
    const struct stored_user *row;
    enum role role;
    const struct stored_binding *bindings; /* by project */
    size_t binding_count;
};
size_t access_users(const struct access_view *v, const struct user **out);         /* by name */
const struct user *access_find_user(const struct access_view *v, struct str name); /* or NULL */
const struct user *access_user(const struct access_view *v, uint32_t number);      /* or NULL */
/* Nobody sees a deleted project. */
bool user_sees(const struct user *u, const struct stored_project *p);
/* What the user's sessions may do in a project that the user sees. */
uint32_t user_scopes(const struct user *u);

/* Sessions: somebody has logged in, and has the 64 hex digits of a session to show for it. */
#define SESSION_LIFE_MS ((int64_t)365 * 86400000) /* after which one must log in again */
#define SESSION_IDLE_MS ((int64_t)30 * 86400000)  /* without use, the same */
#define SESSION_TOUCH_MS 3600000                  /* how exactly its last use is kept */
#define SESSION_RESOURCES_MAX 4096                /* bytes */
struct session {
    const struct stored_session *row;
    const struct user *user;
};
/* NULL: no such session, or it is over. */
const struct session *access_find_session(const struct access_view *v, struct str text,
                                          int64_t now_ms);
MUST_CHECK bool session_start(struct store *s, const struct user *u, int64_t now_ms,
                              char text[TOKEN_TEXT_BYTES + 1], struct err *e);
/* It has been used: kept when the last time is long ago. */
MUST_CHECK bool session_touch(struct store *s, const struct session *session, int64_t now_ms,
                              struct err *e);
/* About 0.1 s of processor time and 64 MiB, also when there is no such user (NULL), so that nobody
 * learns who is one. */
bool user_has_password(const struct user *u, struct str password);

/* What clients keep in the configuration store: docs/console-api.md has the types, and what stands
 * in their keys. The number of the project, in decimal, is the key of project_sampling,
 * project_retention and server_side_actions; of attribute it is the number, '/' and the name. */
struct configuration {
    uint32_t number;
    struct str type, key;
    const struct json *object;
};
/* All of one type, by key; how many. */
size_t access_configuration(const struct access_view *v, struct str type,
                            const struct configuration **out);
/* NULL: there is none. */
const struct configuration *access_find_configuration(const struct access_view *v, struct str type,
                                                      struct str key);

/* Failed attempts, by address. At most `burst` at once and `per_minute` in the long run are told
 * that the token is bad; more are told to wait. */
struct attempts;
struct attempts *attempts_new(unsigned burst, unsigned per_minute); /* NULL: no memory */
void attempts_free(struct attempts *t);
DEFINE_CLEANUP(struct attempts, attempts_free)
/* Counts one failure; false when the address has had too many. */
bool attempts_failed(struct attempts *t, struct str address, int64_t now_ms);
/* Whether the next failure would be one too many; counts nothing. */
bool attempts_spent(struct attempts *t, struct str address, int64_t now_ms);

/* Names of users and universes: 1 to ACCESS_NAME_MAX bytes of UTF-8 without control characters; a
 * universe, which stands in the same place of URLs as a project, none of the reserved names, nor
 * "submit.backtrace.io", and without spaces and / ? # & %. */
#define ACCESS_NAME_MAX 256
MUST_CHECK bool user_check(struct str name, struct err *e);
MUST_CHECK bool project_check(struct str name, struct err *e); /* report_project_check, and UTF-8 */
MUST_CHECK bool universe_check(struct str name, struct err *e);

/* Administration, for the command line: makes the rows, with all checks. */
struct new_token {
    struct str project, owner, metadata;
    uint32_t scopes;
};
/* 64 hex digits that nobody can guess, and the hash that they are kept as. */
MUST_CHECK bool token_draw(char text[TOKEN_TEXT_BYTES + 1], uint8_t hash[32], struct err *e);
/* All that can be said of it without the store. ERR_INPUT. */
MUST_CHECK bool token_check(const struct new_token *t, struct err *e);
/* text: the 64 digits, shown once. The project is made when it is not there. */
MUST_CHECK bool token_create(struct store *s, const struct new_token *t,
                             char text[TOKEN_TEXT_BYTES + 1], uint32_t *number, struct err *e);

#define USER_PASSWORD_MIN 8 /* bytes */
#define USER_PASSWORD_MAX 1024
MUST_CHECK bool role_parse(struct str text, enum role *out); /* "admin", "member", "guest" */
MUST_CHECK bool role_check(struct str role, struct err *e);
struct str role_name(enum role role);
MUST_CHECK bool email_check(struct str email, struct err *e); /* may be empty */
/* The password's argon2id, as it is stored. ERR_INPUT: too short or too long. */
MUST_CHECK bool password_hash(struct str password, struct arena *a, struct str *out, struct err *e);
struct new_user {
    struct str name, password, role;
    struct str email, universe; /* may be empty */
    struct str hash;            /* of the password, when password_hash has been asked already */
};
/* Keeps the password's argon2id. ERR_CONFLICT: there is one of that name. */
MUST_CHECK bool user_create(struct store *s, const struct new_user *u, uint32_t *number,
                            struct err *e);

#endif
