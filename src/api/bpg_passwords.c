/* bpg_passwords.c - new passwords in the actions of one request.
 *
 * To hash one takes 64 MiB and a good part of a second. So it is done before the actions, at the
 * desk, and not while changes wait for one another; the actions find the hash by where in the body
 * the password stands. */
#include "api/bpg.h"

#include <sodium.h>

static bool sets_user(const struct json *action)
{
    const struct json *type = json_get(action, STR("type"));
    const struct json *name = json_get(action, STR("action"));
    const struct bpg_type *t = type && type->type == JSON_STRING ? bpg_type_find(type->text) : NULL;
    return t && t->create == bpg_user_create && name && name->type == JSON_STRING &&
           (str_eq(name->text, STR("create")) || str_eq(name->text, STR("modify")));
}

static bool is_password(const struct json *field)
{
    return field->type == JSON_STRING && str_eq(field->key, STR("password"));
}

/* Puts those of one action into the list; only counts them when there is none yet. */
static void find_in(struct bpg *b, const struct json *action)
{
    for (const struct json *m = sets_user(action) ? action->first : NULL; m; m = m->next) {
        bool has_fields = str_eq(m->key, STR("object")) || str_eq(m->key, STR("fields"));
        if (!has_fields || m->type != JSON_OBJECT)
            continue;
        for (const struct json *field = m->first; field; field = field->next) {
            if (!is_password(field))
                continue;
            if (b->passwords)
                b->passwords[b->password_count] = (struct bpg_password){ .hex = field->text };
            b->password_count++;
        }
    }
}

static size_t find_all(struct bpg *b)
{
    b->password_count = 0;
    for (const struct json *j = b->actions->first; j; j = j->next)
        find_in(b, j);
    return b->password_count;
}

bool bpg_passwords_find(struct bpg *b, struct err *e)
{
    size_t most = b->c->user->role == ROLE_ADMIN ? BPG_PASSWORDS_MAX : 1, count = find_all(b);
    if (count > most)
        return err_word(e, ERR_LIMIT, "too_many_passwords",
                        "one request can set at most %zu passwords", most);
    if (count == 0)
        return true;
    b->passwords = arena_array(b->c->arena, count, sizeof *b->passwords);
    if (!b->passwords)
        return err_set(e, ERR_NOMEM, 0, "no memory for passwords");
    (void)find_all(b);
    return true;
}

/* Hex of its bytes. */
static bool read_password(struct arena *a, struct str hex, struct str *out, struct err *e)
{
    char *bytes = arena_alloc(a, hex.len / 2 + 1);
    const char *end;
    size_t len = 0;
    if (!bytes)
        return err_set(e, ERR_NOMEM, 0, "no memory for a password");
    if (hex.len % 2 != 0 ||
        sodium_hex2bin((unsigned char *)bytes, hex.len / 2 + 1, hex.ptr, hex.len, NULL, &len,
                       &end) != 0 ||
        end != hex.ptr + hex.len)
        return err_set(e, ERR_INPUT, 0, "password must be the hex digits of its bytes");
    *out = (struct str){ bytes, len };
    return true;
}

void bpg_passwords_hash(struct bpg *b)
{
    for (size_t i = 0; i < b->password_count; i++) {
        struct bpg_password *p = &b->passwords[i];
        struct str password;
        if (read_password(b->c->arena, p->hex, &password, &p->err) &&
            !password_hash(password, b->c->arena, &p->hash, &p->err))
            p->hash = STR("");
    }
}

bool bpg_password(const struct bpg *b, struct str hex, struct str *out, struct err *e)
{
    for (size_t i = 0; i < b->password_count; i++) {
        const struct bpg_password *p = &b->passwords[i];
        if (p->hex.ptr != hex.ptr || p->hex.len != hex.len)
            continue;
        *out = p->hash;
        if (p->hash.len == 0)
            *e = p->err;
        return p->hash.len > 0;
    }
    return err_set(e, ERR_INPUT, 0, "the password must be one of this request");
}
