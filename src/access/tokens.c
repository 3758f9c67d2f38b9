/* tokens.c - makes API tokens: checks what they are for, draws 256 random bits, stores the row.
 *
 * The hash is always kept, since tokens are found by it. The text is kept only of tokens that can
 * merely send: they stand in every program that was shipped, so whoever reads the database learns
 * little, and the owner can look them up. One that can read is shown once, and then nobody has it
 * but its owner. */
#include "access/access.h"
#include "base/date.h"

#include <assert.h>
#include <sodium.h>

#define TOKEN_BYTES (TOKEN_TEXT_BYTES / 2)
#define CHECK_BYTES_MAX ((size_t)16 << 20) /* memory to check the metadata */

static bool check_metadata(const struct new_token *t, struct err *e)
{
    struct token token = { 0 };
    CLEANUP(arena_free_p) struct arena *a = arena_new(CHECK_BYTES_MAX);
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory for a token's metadata");
    return token_read_metadata(&token, t->metadata, t->scopes, a, e);
}

bool token_check(const struct new_token *t, struct err *e)
{
    if (t->scopes == 0)
        return err_set(e, ERR_INPUT, 0,
                       "a token needs at least one capability, such as error:post");
    return project_check(t->project, e) && check_metadata(t, e);
}

/* An owner who is no user is a slip of the pen. */
static bool check_owner(const struct stored_access *rows, struct str owner, struct err *e)
{
    for (size_t i = 0; i < rows->user_count; i++)
        if (str_eq(rows->users[i].name, owner))
            return true;
    if (owner.len == 0)
        return true;
    return err_set(e, ERR_NOT_FOUND, 0,
                   "there is no user \"%.*s\"; `crumple user create` makes one",
                   owner.len < 60 ? (int)owner.len : 60, owner.ptr);
}

static bool check_project(const struct stored_access *rows, struct str project, struct err *e)
{
    for (size_t i = 0; i < rows->project_count; i++)
        if (rows->projects[i].deleted && str_eq(rows->projects[i].name, project))
            return err_set(e, ERR_CONFLICT, 0, "the project \"%.*s\" was deleted",
                           project.len < 60 ? (int)project.len : 60, project.ptr);
    return true;
}

static bool check_rows(struct store *s, const struct new_token *t, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(SIZE_MAX / 2);
    struct stored_access rows;
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory for the list of users");
    return store_access_read(s, a, &rows, e) && check_owner(&rows, t->owner, e) &&
           check_project(&rows, t->project, e);
}

static bool make_project(struct store *s, struct str name, struct err *e)
{
    struct err why = { 0 };
    if (store_project_create(s, name, STR("default"), &why) || why.code == ERR_CONFLICT)
        return true; /* in whichever universe it is */
    *e = why;
    return false;
}

bool token_draw(char text[TOKEN_TEXT_BYTES + 1], uint8_t hash[32], struct err *e)
{
    uint8_t raw[TOKEN_BYTES];
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium finds no source of random numbers");
    randombytes_buf(raw, sizeof raw);
    sodium_bin2hex(text, TOKEN_TEXT_BYTES + 1, raw, sizeof raw);
    sodium_memzero(raw, sizeof raw);
    static_assert(crypto_hash_sha256_BYTES == 32, "hash is a SHA-256");
    crypto_hash_sha256(hash, (const unsigned char *)text, TOKEN_TEXT_BYTES);
    return true;
}

bool token_create(struct store *s, const struct new_token *t, char text[TOKEN_TEXT_BYTES + 1],
                  uint32_t *number, struct err *e)
{
    struct stored_token row = {
        .project = t->project,
        .owner = t->owner,
        .scopes = t->scopes,
        .metadata = t->metadata,
        .created_ms = date_now_ms(),
    };
    if (!token_check(t, e) || !check_rows(s, t, e) || !make_project(s, t->project, e) ||
        !token_draw(text, row.hash, e))
        return false;
    if (!(t->scopes & SCOPES_READING))
        row.text = (struct str){ text, TOKEN_TEXT_BYTES };
    return store_token_add(s, &row, number, e);
}
