/* users.c - people who log in: a name, a role, and a password that only its argon2id is kept of. */
#include "access/access.h"
#include "base/date.h"

#include <sodium.h>

bool role_check(struct str role, struct err *e)
{
    if (str_eq(role, STR("admin")) || str_eq(role, STR("member")))
        return true;
    return err_set(e, ERR_INPUT, 0, "a user's role is admin or member, not \"%.*s\"",
                   role.len < 40 ? (int)role.len : 40, role.ptr);
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

bool user_create(struct store *s, struct str name, struct str password, struct str role,
                 struct err *e)
{
    char hashed[crypto_pwhash_STRBYTES];
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium finds no source of random numbers");
    if (!user_check(name, e) || !check_password(password, e) || !role_check(role, e))
        return false;
    /* 64 MiB and three passes: about 0.2 s for each guess, and logins do not need much memory. */
    if (crypto_pwhash_str_alg(hashed, password.ptr, password.len, crypto_pwhash_OPSLIMIT_MODERATE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return err_set(e, ERR_NOMEM, 0, "no memory to hash a password (64 MiB)");
    const struct stored_user row = {
        .name = name,
        .role = role,
        .password = str_from_c(hashed),
        .created_ms = date_now_ms(),
    };
    return store_user_add(s, &row, e);
}
