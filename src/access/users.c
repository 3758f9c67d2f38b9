/* users.c - people who log in: a name, a role, and a password that only its argon2id is kept of. */
#include "access/access.h"
#include "base/date.h"

#include <assert.h>
#include <sodium.h>

#define WORK_BYTES_MAX 4096 /* for what is made of a password */
#define EMAIL_MAX 320       /* bytes */

static const struct {
    struct str name;
    enum role role;
} roles[] = {
    { STR_INIT("guest"), ROLE_GUEST },
    { STR_INIT("member"), ROLE_MEMBER },
    { STR_INIT("admin"), ROLE_ADMIN },
};

bool role_parse(struct str text, enum role *out)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (str_eq(roles[i].name, text)) {
            *out = roles[i].role;
            return true;
        }
    return false;
}

struct str role_name(enum role role)
{
    return roles[role].name;
}

bool role_check(struct str role, struct err *e)
{
    enum role found;
    return role_parse(role, &found) ||
           err_set(e, ERR_INPUT, 0, "a user's role is admin, member or guest, not \"%.*s\"",
                   role.len < 40 ? (int)role.len : 40, role.ptr);
}

bool email_check(struct str email, struct err *e)
{
    bool ok = email.len <= EMAIL_MAX;
    for (size_t i = 0; i < email.len && ok; i++)
        ok = (unsigned char)email.ptr[i] > 0x20 && (unsigned char)email.ptr[i] < 0x7f;
    return (ok && (email.len == 0 || memchr(email.ptr, '@', email.len))) ||
           err_set(e, ERR_INPUT, 0, "the e-mail address needs an @, and at most %d bytes of ASCII",
                   EMAIL_MAX);
}

static bool check_password(struct str password, struct err *e)
{
    if (password.len < USER_PASSWORD_MIN)
        return err_set(e, ERR_INPUT, 0, "the password has %zu bytes, it needs at least %d",
                       password.len, USER_PASSWORD_MIN);
    if (password.len > USER_PASSWORD_MAX)
        return err_set(e, ERR_INPUT, 0, "the password has more than %d bytes", USER_PASSWORD_MAX);
    return true;
}

bool password_hash(struct str password, struct arena *a, struct str *out, struct err *e)
{
    char hashed[crypto_pwhash_STRBYTES];
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium finds no source of random numbers");
    if (!check_password(password, e))
        return false;
    /* 64 MiB and three passes: about 0.2 s for each guess, and logins do not need much memory. */
    if (crypto_pwhash_str_alg(hashed, password.ptr, password.len, crypto_pwhash_OPSLIMIT_MODERATE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return err_set(e, ERR_NOMEM, 0, "no memory to hash a password (64 MiB)");
    return arena_str(a, str_from_c(hashed), out) ||
           err_set(e, ERR_NOMEM, 0, "no memory for a password");
}

/* Of a password that nobody knows: 32 random bytes, thrown away. */
static const char nobodys[] = "$argon2id$v=19$m=65536,t=3,p=1$J9euXRQfn0k6chfMnqbnFA$"
                              "0XKCooCHFcdGR1CB8XL+cAhJ9a/kjriwRpBdYKVrXr8";

bool user_has_password(const struct user *u, struct str password)
{
    char stored[crypto_pwhash_STRBYTES] = { 0 };
    struct str text = u ? u->row->password : str_from_c(nobodys);
    if (text.len >= sizeof stored || password.len > USER_PASSWORD_MAX)
        return false;
    memcpy(stored, text.ptr, text.len);
    const char *given = password.len > 0 ? password.ptr : ""; /* none at all is hashed, too */
    bool same = crypto_pwhash_str_verify(stored, given, password.len) == 0;
    sodium_memzero(stored, sizeof stored);
    return same && u;
}

bool user_create(struct store *s, const struct new_user *u, uint32_t *number, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(WORK_BYTES_MAX);
    struct stored_user row = {
        .name = u->name,
        .role = u->role,
        .created_ms = date_now_ms(),
        .email = u->email,
        .universe = u->universe,
        .password = u->hash,
    };
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory for a user");
    return user_check(u->name, e) && role_check(u->role, e) && email_check(u->email, e) &&
           (u->hash.len > 0 || password_hash(u->password, a, &row.password, e)) &&
           store_user_add(s, &row, number, e);
}
