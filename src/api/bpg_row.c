/* bpg_row.c - rows of the configuration store: from JSON and back, and by their keys. */
#include "api/bpg.h"

#include <sodium.h>

#define NUMBER_DIGITS_MAX 15 /* so that a double holds it exactly, as clients have them */
#define SHOWN_BYTES 60
#define SHOW_ARG(s) (int)((s).len < SHOWN_BYTES ? (s).len : SHOWN_BYTES), (s).ptr

/* --- from JSON -------------------------------------------------------------------------------- */

static bool read_number(struct str text, int64_t *out)
{
    bool negative = text.len > 0 && *text.ptr == '-';
    struct str digits = { text.ptr + negative, text.len - negative };
    int64_t n = 0;
    if (digits.len == 0 || digits.len > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        n = n * 10 + (digits.ptr[i] - '0');
    }
    *out = negative ? -n : n;
    return true;
}

static bool read_value(const struct bpg_field *f, const struct json *j, struct bpg_value *out,
                       struct err *e)
{
    *out = (struct bpg_value){ .is = BPG_GIVEN };
    if (j->type == JSON_NULL) {
        out->is = BPG_NULL;
        return true;
    }
    if (f->kind == BPG_INTEGER)
        return (j->type == JSON_NUMBER && read_number(j->text, &out->number)) ||
               err_set(e, ERR_INPUT, 0, "%.*s must be a whole number of at most %d digits",
                       STR_ARG(f->name), NUMBER_DIGITS_MAX);
    out->text = j->text;
    if (j->type != JSON_STRING)
        return err_set(e, ERR_INPUT, 0, "%.*s must be a string", STR_ARG(f->name));
    return j->text.len <= BPG_TEXT_MAX ||
           err_set(e, ERR_INPUT, 0, "%.*s has %zu bytes, at most %d are taken", STR_ARG(f->name),
                   j->text.len, BPG_TEXT_MAX);
}

bool bpg_read_row(const struct bpg_type *t, const struct json *object, struct bpg_row *out,
                  struct err *e)
{
    if (!object || object->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "the fields must be an object");
    for (const struct json *m = object->first; m; m = m->next) {
        size_t at = bpg_field_find(t, m->key);
        if (str_starts(m->key, STR("__")))
            continue; /* of the client's own */
        if (at == BPG_FIELDS_MAX)
            return err_set(e, ERR_INPUT, 0, "%.*s has no field \"%.*s\"", STR_ARG(t->name),
                           SHOW_ARG(m->key));
        if (!read_value(&t->fields[at], m, &out->at[at], e))
            return false;
    }
    return true;
}

bool bpg_check_needed(const struct bpg_type *t, const struct bpg_row *row, struct err *e)
{
    for (size_t i = 0; i < t->field_count; i++)
        if (t->fields[i].needed && !bpg_has(row, i))
            return err_set(e, ERR_INPUT, 0, "%.*s needs the field %.*s", STR_ARG(t->name),
                           STR_ARG(t->fields[i].name));
    return true;
}

/* --- to JSON ---------------------------------------------------------------------------------- */

void bpg_write_row(struct json_writer *w, const struct bpg_type *t, const struct bpg_row *row)
{
    json_object(w);
    for (size_t i = 0; i < t->field_count; i++) {
        json_key(w, t->fields[i].name);
        if (!bpg_has(row, i))
            json_null(w);
        else if (t->fields[i].kind == BPG_INTEGER)
            json_int(w, row->at[i].number);
        else
            json_str(w, row->at[i].text);
    }
    json_object_end(w);
}

struct bpg_row *bpg_add_row(struct bpg *b, struct bpg_rows *rows, struct err *e)
{
    if (rows->count == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 16;
        struct bpg_row *at = arena_array(b->arena, room, sizeof *at);
        if (!at) {
            (void)err_set(e, ERR_NOMEM, 0, "no memory for this request");
            return NULL;
        }
        if (rows->count > 0)
            memcpy(at, rows->at, rows->count * sizeof *at);
        rows->at = at;
        rows->room = room;
    }
    struct bpg_row *row = &rows->at[rows->count++];
    *row = (struct bpg_row){ .alias = STR("") };
    for (size_t i = 0; i < BPG_FIELDS_MAX; i++)
        row->at[i].is = BPG_NULL;
    return row;
}

/* --- by key ----------------------------------------------------------------------------------- */

bool bpg_same(const struct bpg_value *a, const struct bpg_value *b)
{
    bool given = a->is == BPG_GIVEN;
    return given == (b->is == BPG_GIVEN) &&
           (!given || (a->number == b->number && str_eq(a->text, b->text)));
}

/* A key, and what else its first field may stand for. What stands for a secret is its hash: a key
 * may be the secret itself, too. */
struct bpg_key {
    struct bpg_row row;
    char hash[2 * crypto_hash_sha256_BYTES + 1]; /* in hex; empty: the field is no secret's */
};

static void hash_key(struct bpg_key *key)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    struct str text = bpg_text(&key->row, 0);
    key->hash[0] = '\0';
    if (text.len != TOKEN_TEXT_BYTES)
        return;
    crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
    sodium_bin2hex(key->hash, sizeof key->hash, hash, sizeof hash);
}

static bool is_alias(struct str alias, const struct bpg_key *key)
{
    return alias.len > 0 && bpg_has(&key->row, 0) &&
           (str_eq(alias, key->row.at[0].text) || str_eq(alias, str_from_c(key->hash)));
}

static bool fits(const struct bpg_type *t, const struct bpg_row *row, const struct bpg_key *key)
{
    for (size_t i = 0; i < t->field_count; i++)
        if (key->row.at[i].is != BPG_ABSENT && !bpg_same(&key->row.at[i], &row->at[i]) &&
            !(i == 0 && is_alias(row->alias, key)))
            return false;
    return true;
}

bool bpg_find_row(struct bpg *b, const struct bpg_type *t, const struct json *key,
                  struct bpg_row *out, struct err *e)
{
    struct bpg_key wanted = { .row = { .number = 0 } };
    struct bpg_rows rows = { .at = NULL };
    const struct bpg_row *found = NULL;
    bool given = false;
    if (!bpg_read_row(t, key, &wanted.row, e))
        return err_prefix(e, "key: ");
    for (size_t i = 0; i < t->field_count; i++)
        given |= wanted.row.at[i].is != BPG_ABSENT;
    if (!given)
        return err_set(e, ERR_INPUT, 0, "key: it has no field of %.*s", STR_ARG(t->name));
    if (!t->list(b, t, &rows, e))
        return false;
    hash_key(&wanted);
    for (size_t i = 0; i < rows.count; i++) {
        if (!fits(t, &rows.at[i], &wanted))
            continue;
        if (found)
            return err_set(e, ERR_CONFLICT, 0, "the key fits more than one %.*s", STR_ARG(t->name));
        found = &rows.at[i];
    }
    if (!found)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no such %.*s", STR_ARG(t->name));
    *out = *found;
    return true;
}

bool bpg_keeps(const struct bpg_type *t, const struct bpg_row *was, const struct bpg_row *now,
               size_t at, struct err *e)
{
    return bpg_same(&was->at[at], &now->at[at]) ||
           err_set(e, ERR_INPUT, 0, "%.*s of %.*s cannot be changed", STR_ARG(t->fields[at].name),
                   STR_ARG(t->name));
}
