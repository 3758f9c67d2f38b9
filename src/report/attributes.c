/* attributes.c - a list in the order of first appearance, and a table that finds names in it.
 *
 * Every submission passes here with some sixty attributes, so the table is made for a report in one
 * go and hashes each name once. Its hash is keyed (idmap_hash): names come from outside, and may be
 * chosen to collide. */
#include "report/attributes.h"

#include "base/idmap.h"
#include "base/utf8.h"
#include "report/upload.h"

#include <assert.h>

#define LIST_FIRST 64   /* attributes there is room for at first */
#define TABLE_FIRST 256 /* slots; a power of two, and at most half of them are used */
#define READ_DEPTH 1024 /* of stored attributes: deeper than any that a decoder lets in */
#define READ_NODES 10000000
#define U64_DIGITS 20 /* in 2^64 - 1 */

static_assert(LIST_FIRST <= TABLE_FIRST / 2, "the table must take what the list takes");

struct str attribute_type_name(enum attribute_type t)
{
    static const struct str names[] = {
        [ATTRIBUTE_STRING] = STR_INIT("string"),
        [ATTRIBUTE_UNSIGNED] = STR_INIT("unsigned"),
        [ATTRIBUTE_SIGNED] = STR_INIT("signed"),
        [ATTRIBUTE_BOOLEAN] = STR_INIT("boolean"),
        [ATTRIBUTE_DOUBLE] = STR_INIT("double"),
        [ATTRIBUTE_UUID] = STR_INIT("uuid"),
        [ATTRIBUTE_DICTIONARY] = STR_INIT("dictionary"),
    };
    return names[t];
}

/* --- what a text looks like ---------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Digits without leading zeros, not above `most` (which is written the same way). */
static bool is_number_up_to(struct str s, struct str most)
{
    if (s.len == 0 || s.len > most.len || (s.ptr[0] == '0' && s.len > 1))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_digit(s.ptr[i]))
            return false;
    return s.len < most.len || memcmp(s.ptr, most.ptr, s.len) <= 0;
}

static bool is_unsigned(struct str s)
{
    return is_number_up_to(s, STR("18446744073709551615"));
}

static bool is_signed(struct str s)
{
    return s.len > 1 && s.ptr[0] == '-' && s.ptr[1] != '0' &&
           is_number_up_to((struct str){ s.ptr + 1, s.len - 1 }, STR("9223372036854775808"));
}

static bool is_boolean(struct str s)
{
    return str_eq(s, STR("true")) || str_eq(s, STR("false"));
}

static bool is_uuid(struct str s)
{
    if (s.len != 36 && s.len != 32)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool dash = s.len == 36 && (i == 8 || i == 13 || i == 18 || i == 23);
        if (dash ? s.ptr[i] != '-' : !is_hex(s.ptr[i]))
            return false;
    }
    return true;
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.len && is_digit(s.ptr[at]))
        at++;
    return at;
}

/* By the grammar of JSON. */
static bool is_json_number(struct str s)
{
    size_t at = s.len > 0 && s.ptr[0] == '-';
    size_t whole = at;
    at = skip_digits(s, at);
    if (at == whole || (s.ptr[whole] == '0' && at > whole + 1))
        return false;
    if (at < s.len && s.ptr[at] == '.') {
        size_t fraction = ++at;
        at = skip_digits(s, at);
        if (at == fraction)
            return false;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at++;
        at += at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-');
        size_t exponent = at;
        at = skip_digits(s, at);
        if (at == exponent)
            return false;
    }
    return at == s.len;
}

enum attribute_type attribute_type_of(struct str text)
{
    if (text.len <= U64_DIGITS && is_unsigned(text))
        return ATTRIBUTE_UNSIGNED;
    if (text.len <= U64_DIGITS && is_signed(text))
        return ATTRIBUTE_SIGNED;
    if (is_boolean(text))
        return ATTRIBUTE_BOOLEAN;
    return is_uuid(text) ? ATTRIBUTE_UUID : ATTRIBUTE_STRING;
}

/* The type that a text said to be of this type has: each text has one type within JSON's types, so
 * that what is written comes back the same. */
static enum attribute_type settle_type(enum attribute_type type, struct str text)
{
    switch (type) {
    case ATTRIBUTE_UNSIGNED:
    case ATTRIBUTE_SIGNED:
    case ATTRIBUTE_DOUBLE:
        if (is_unsigned(text))
            return ATTRIBUTE_UNSIGNED;
        if (is_signed(text))
            return ATTRIBUTE_SIGNED;
        if (is_json_number(text))
            return ATTRIBUTE_DOUBLE;
        break;
    case ATTRIBUTE_BOOLEAN:
        if (is_boolean(text))
            return ATTRIBUTE_BOOLEAN;
        break;
    case ATTRIBUTE_DICTIONARY:
        return ATTRIBUTE_DICTIONARY;
    case ATTRIBUTE_STRING:
    case ATTRIBUTE_UUID:
        break;
    }
    return is_uuid(text) ? ATTRIBUTE_UUID : ATTRIBUTE_STRING;
}

/* --- the list and its table ---------------------------------------------------------------- */

void attributes_init(struct attributes *a, struct arena *arena)
{
    *a = (struct attributes){ .arena = arena };
}

/* The slot that names it, or the free one where it would stand. */
static uint32_t *slot_of(const struct attributes *a, struct str name)
{
    size_t mask = a->table_size - 1;
    size_t i = (size_t)idmap_hash(name, 0) & mask;
    while (a->table[i] && !str_eq(a->at[a->table[i] - 1].name, name))
        i = (i + 1) & mask;
    return &a->table[i];
}

const struct attribute *attributes_find(const struct attributes *a, struct str name)
{
    if (a->count == 0)
        return NULL;
    uint32_t slot = *slot_of(a, name);
    return slot ? &a->at[slot - 1] : NULL;
}

void attributes_remove(struct attributes *a, struct str name)
{
    uint32_t *slot = a->count > 0 ? slot_of(a, name) : NULL;
    if (!slot || *slot == 0)
        return;
    size_t at = *slot - 1;
    a->count--;
    memmove(&a->at[at], &a->at[at + 1], (a->count - at) * sizeof *a->at);
    memset(a->table, 0, a->table_size * sizeof *a->table);
    for (size_t i = 0; i < a->count; i++)
        *slot_of(a, a->at[i].name) = (uint32_t)(i + 1);
}

/* Room for one more, in the list and in the table; false when memory is short. */
static bool make_room(struct attributes *a)
{
    if (a->count < a->cap)
        return true;
    size_t cap = a->cap ? 2 * a->cap : LIST_FIRST;
    size_t slots = a->cap ? 2 * a->table_size : TABLE_FIRST;
    struct attribute *at = arena_array(a->arena, cap, sizeof *at);
    uint32_t *table = arena_zalloc(a->arena, slots * sizeof *table);
    if (!at || !table)
        return false;
    if (a->count)
        memcpy(at, a->at, a->count * sizeof *at);
    a->at = at;
    a->cap = cap;
    a->table = table;
    a->table_size = slots;
    for (size_t i = 0; i < a->count; i++)
        *slot_of(a, at[i].name) = (uint32_t)(i + 1);
    return true;
}

static bool is_name(struct str name)
{
    return name.len > 0 && name.len <= UPLOAD_NAME_MAX && utf8_valid_prefix(name) == name.len;
}

/* At most UPLOAD_VALUE_MAX bytes, cut where a character ends. */
static struct str cut_value(struct str text)
{
    size_t len = UPLOAD_VALUE_MAX;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return (struct str){ text.ptr, len };
}

bool attributes_set(struct attributes *a, struct str name, enum attribute_type type,
                    struct str text)
{
    if (!is_name(name)) {
        a->dropped++;
        return true;
    }
    if (text.len > UPLOAD_VALUE_MAX) {
        text = cut_value(text);
        type = ATTRIBUTE_STRING;
        a->cut++;
    }
    if (a->count < ATTRIBUTES_MAX && !make_room(a))
        return false;
    struct attribute made = { name, settle_type(type, text), text };
    uint32_t *slot = slot_of(a, name);
    if (*slot) {
        a->at[*slot - 1] = made;
    } else if (a->count == ATTRIBUTES_MAX) {
        a->dropped++;
    } else {
        a->at[a->count++] = made;
        *slot = (uint32_t)a->count;
    }
    return true;
}

bool attributes_set_text(struct attributes *a, struct str name, struct str text)
{
    return attributes_set(a, name, attribute_type_of(text), text);
}

/* A list or an object: its text is written anew, for it has to be JSON without what stands around
 * it. One that is too long becomes a string, the beginning of that text. */
static bool set_dictionary(struct attributes *a, const struct json *value)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, UPLOAD_VALUE_MAX);
    json_writer_init(&w, &b);
    json_tree(&w, value);
    struct str text = buf_view(&b), kept;
    enum attribute_type type = ATTRIBUTE_DICTIONARY;
    if (!buf_ok(&b)) {
        type = ATTRIBUTE_STRING;
        text.len = utf8_valid_prefix(text);
        a->cut++;
    }
    bool ok = arena_str(a->arena, text, &kept) && attributes_set(a, value->key, type, kept);
    buf_done(&b);
    return ok;
}

bool attributes_set_json(struct attributes *a, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        return true;
    case JSON_FALSE:
        return attributes_set(a, value->key, ATTRIBUTE_BOOLEAN, STR("false"));
    case JSON_TRUE:
        return attributes_set(a, value->key, ATTRIBUTE_BOOLEAN, STR("true"));
    case JSON_NUMBER:
        return attributes_set(a, value->key, ATTRIBUTE_DOUBLE, value->text);
    case JSON_STRING:
        return attributes_set(a, value->key, ATTRIBUTE_STRING, value->text);
    case JSON_LIST:
    case JSON_OBJECT:
        break;
    }
    return set_dictionary(a, value);
}

/* --- as JSON ------------------------------------------------------------------------------- */

void attribute_write(struct json_writer *w, const struct attribute *a)
{
    json_key(w, a->name);
    if (a->type == ATTRIBUTE_STRING || a->type == ATTRIBUTE_UUID)
        json_str(w, a->text);
    else
        json_raw(w, a->text);
}

void attributes_write(struct json_writer *w, const struct attributes *a)
{
    json_object(w);
    for (size_t i = 0; i < a->count; i++)
        attribute_write(w, &a->at[i]);
    json_object_end(w);
}

bool attributes_parse(struct arena *a, struct str json, const struct json **out, struct err *e)
{
    const struct json_limits limits = { READ_DEPTH, READ_NODES };
    return json_parse(out, json, limits, a, e) &&
           ((*out)->type == JSON_OBJECT ||
            err_set(e, ERR_INPUT, 0, "attributes must be a JSON object"));
}

bool attributes_read(struct attributes *a, struct str json, struct err *e)
{
    const struct json *j;
    if (!attributes_parse(a->arena, json, &j, e))
        return false;
    for (const struct json *value = j->first; value; value = value->next)
        if (!attributes_set_json(a, value))
            return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    return true;
}
