/* bpg.h - the configuration store that clients talk to by POST /api/bpg: what the files of it
 * share. Inside src/api only.
 *
 *     bpg.c             the request, its actions one after the other, their results
 *     bpg_types.c       which types there are, with their fields
 *     bpg_row.c         rows: from JSON, checked, and to JSON; finding one by a key
 *     bpg_projects.c    universes, projects, listeners: rows of access
 *     bpg_users.c       users and what they are bound to
 *     bpg_passwords.c   their new passwords
 *     bpg_tokens.c      tokens
 *     bpg_kept.c        all other types, which are kept as they came;
 *     bpg_kept_check.c  what must hold of them
 *
 * Every type gives its rows as the user sees them; a row that a key names is found among these. So
 * what one does not see one cannot change either. Clients take it amiss when a field is missing, is
 * none of the schema's, or has another type: all rows are written by bpg_write_row.
 *
 * Threads: one at a time, as the exchange; changes of all exchanges one after the other. */
#ifndef CRUMPLE_API_BPG_H
#define CRUMPLE_API_BPG_H

#include "api/console.h"

#define BPG_ACTIONS_MAX 256
#define BPG_PASSWORDS_MAX 8 /* new ones in one request of an admin; others set one */
#define BPG_FIELDS_MAX 9
#define BPG_TEXT_MAX 65536 /* bytes in one field */

enum bpg_kind { BPG_INTEGER, BPG_TEXT, BPG_BLOB };
struct bpg_field {
    struct str name;
    enum bpg_kind kind;
    const char *constraints[2]; /* as clients know them; NULL: none */
    bool needed;                /* to create one */
};

struct bpg_value {
    enum { BPG_ABSENT, BPG_NULL, BPG_GIVEN } is;
    int64_t number;
    struct str text;
};
/* Values by the places of the type's fields. */
struct bpg_row {
    struct bpg_value at[BPG_FIELDS_MAX];
    uint32_t number;  /* of what it is in the store */
    bool hidden;      /* known by its key, but not listed */
    struct str alias; /* another text of the first field that a key may have: see bpg_tokens.c */
};
struct bpg_rows {
    struct bpg_row *at; /* in the arena */
    size_t count, room;
};

/* A new password, hashed before the actions are done: see bpg_passwords.c. */
struct bpg_password {
    struct str hex;  /* as the action has it, and where */
    struct str hash; /* empty: err says why */
    struct err err;
};

/* The actions of one request. */
struct bpg {
    struct desk_job job; /* the first member */
    struct console *c;
    const struct json *actions;
    struct bpg_password *passwords;
    size_t password_count;
    struct arena *arena;            /* for one action */
    const struct access_view *view; /* as of that action */
    const struct user *user;        /* in that view */
    struct json_writer w;
};

struct bpg_type {
    struct str name;
    struct bpg_field fields[BPG_FIELDS_MAX];
    size_t field_count;
    /* What the user sees. */
    bool (*list)(struct bpg *b, const struct bpg_type *t, struct bpg_rows *out, struct err *e);
    /* Checks and stores; fills in what the server makes of *now. NULL: it cannot be done. */
    bool (*create)(struct bpg *b, const struct bpg_type *t, struct bpg_row *now, struct err *e);
    bool (*modify)(struct bpg *b, const struct bpg_type *t, const struct bpg_row *was,
                   struct bpg_row *now, struct err *e);
    bool (*remove)(struct bpg *b, const struct bpg_type *t, const struct bpg_row *was,
                   struct err *e);
    /* Of those that are kept: */
    const char *key; /* which fields are another than any other's: places, "01" */
    bool (*check)(const struct bpg_type *t, const struct bpg_row *row, struct arena *a,
                  struct err *e);
};
extern const struct bpg_type bpg_types[];
extern const size_t bpg_type_count;
/* "configuration/project"; NULL: there is none. */
const struct bpg_type *bpg_type_find(struct str name);
/* The place of a field; BPG_FIELDS_MAX: it has none of that name. */
size_t bpg_field_find(const struct bpg_type *t, struct str name);

/* The members of an object into the row, those that are given. ERR_INPUT: one that the type does
 * not have, or of another type. */
MUST_CHECK bool bpg_read_row(const struct bpg_type *t, const struct json *object,
                             struct bpg_row *out, struct err *e);
/* ERR_INPUT: a field that is needed is not there. */
MUST_CHECK bool bpg_check_needed(const struct bpg_type *t, const struct bpg_row *row,
                                 struct err *e);
void bpg_write_row(struct json_writer *w, const struct bpg_type *t, const struct bpg_row *row);
/* The one row that the members of `key` fit; ERR_NOT_FOUND, ERR_CONFLICT when there are more. */
MUST_CHECK bool bpg_find_row(struct bpg *b, const struct bpg_type *t, const struct json *key,
                             struct bpg_row *out, struct err *e);
/* One more row, all of whose fields are null; NULL with *e. */
struct bpg_row *bpg_add_row(struct bpg *b, struct bpg_rows *rows, struct err *e);

static inline void bpg_set_number(struct bpg_row *row, size_t at, int64_t n)
{
    row->at[at] = (struct bpg_value){ .is = BPG_GIVEN, .number = n };
}
static inline void bpg_set_text(struct bpg_row *row, size_t at, struct str s)
{
    row->at[at] = (struct bpg_value){ .is = BPG_GIVEN, .text = s };
}
static inline bool bpg_has(const struct bpg_row *row, size_t at)
{
    return row->at[at].is == BPG_GIVEN;
}
/* Empty when it is null. */
static inline struct str bpg_text(const struct bpg_row *row, size_t at)
{
    return bpg_has(row, at) ? row->at[at].text : STR("");
}
bool bpg_same(const struct bpg_value *a, const struct bpg_value *b);

/* Finds the new passwords that the actions set. ERR_LIMIT: too many. */
MUST_CHECK bool bpg_passwords_find(struct bpg *b, struct err *e);
/* Hashes them; on the desk's thread. */
void bpg_passwords_hash(struct bpg *b);
/* The hash of one, which is as long as the request; false with a sentence. */
MUST_CHECK bool bpg_password(const struct bpg *b, struct str hex, struct str *out, struct err *e);

/* Who may: false with a sentence. */
MUST_CHECK bool bpg_need_admin(const struct bpg *b, struct err *e);
/* The project with this number, which the user sees and may change things in; NULL. */
const struct stored_project *bpg_project(const struct bpg *b, const struct bpg_value *number,
                                         struct err *e);
/* The universe with this number, or the user's when it is null or 0; NULL. */
const struct stored_universe *bpg_universe(const struct bpg *b, const struct bpg_value *number,
                                           struct err *e);
/* The user with this number; NULL. */
const struct user *bpg_user(const struct bpg *b, const struct bpg_value *number, struct err *e);
/* The number to show for an owner who may be gone: then the first admin's. */
int64_t bpg_owner(const struct bpg *b, const struct user *owner);
/* A value that may not be changed: false with a sentence when it was. */
MUST_CHECK bool bpg_keeps(const struct bpg_type *t, const struct bpg_row *was,
                          const struct bpg_row *now, size_t at, struct err *e);

/* The functions of bpg_types. */
#define BPG_LIST(name)                                                                             \
    bool name(struct bpg *b, const struct bpg_type *t, struct bpg_rows *out, struct err *e)
#define BPG_CREATE(name)                                                                           \
    bool name(struct bpg *b, const struct bpg_type *t, struct bpg_row *now, struct err *e)
#define BPG_MODIFY(name)                                                                           \
    bool name(struct bpg *b, const struct bpg_type *t, const struct bpg_row *was,                  \
              struct bpg_row *now, struct err *e)
#define BPG_REMOVE(name)                                                                           \
    bool name(struct bpg *b, const struct bpg_type *t, const struct bpg_row *was, struct err *e)
#define BPG_CHECK(name)                                                                            \
    bool name(const struct bpg_type *t, const struct bpg_row *row, struct arena *a, struct err *e)

BPG_LIST(bpg_universe_list);
BPG_CREATE(bpg_universe_create);
BPG_REMOVE(bpg_universe_remove);
BPG_LIST(bpg_project_list);
BPG_CREATE(bpg_project_create);
BPG_MODIFY(bpg_project_modify);
BPG_REMOVE(bpg_project_remove);
BPG_LIST(bpg_listener_list);

BPG_LIST(bpg_user_list);
BPG_CREATE(bpg_user_create);
BPG_MODIFY(bpg_user_modify);
BPG_REMOVE(bpg_user_remove);
BPG_LIST(bpg_member_list);
BPG_CREATE(bpg_member_create);
BPG_REMOVE(bpg_member_remove);

BPG_LIST(bpg_token_list);
BPG_CREATE(bpg_token_create);
BPG_MODIFY(bpg_token_modify);
BPG_REMOVE(bpg_token_remove);
BPG_LIST(bpg_old_token_list);
BPG_CREATE(bpg_old_token_create);

BPG_LIST(bpg_kept_list);
BPG_LIST(bpg_deduplication_list);
BPG_CREATE(bpg_kept_create);
BPG_MODIFY(bpg_kept_modify);
BPG_REMOVE(bpg_kept_remove);
BPG_CHECK(bpg_check_sampling);
BPG_CHECK(bpg_check_retention);
BPG_CHECK(bpg_check_attribute);
BPG_CHECK(bpg_check_deduplication);
BPG_CHECK(bpg_check_limits);
BPG_CHECK(bpg_check_actions);
BPG_CHECK(bpg_check_scrubber);
BPG_CHECK(bpg_check_query);
BPG_CHECK(bpg_check_override);

#endif
