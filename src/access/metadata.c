/* metadata.c - a token's metadata: a submission bucket, limits, and whatever its owner likes.
 *
 *     {"buckets": {"cts": {"attributes": ["fingerprint", "uname.sysname"],
 *                          "set": {"has_advanced_log": "1"},
 *                          "ttl": 60}},
 *      "limits": {"body_bytes": 1000000, "parts": 20, "attachment_bytes": 500000},
 *      "note": "kept and not looked at"}
 *
 * Inside `buckets` and `limits` an unknown member is an error: a misspelt one would be a bucket
 * that never counts, or a limit that never holds. */
#include "access/access.h"
#include "base/json.h"

#define METADATA_DEPTH_MAX 16
#define METADATA_NODES_MAX 10000
#define TTL_DEFAULT_S 60
#define TTL_MAX_S 86400
#define LIMIT_MAX ((uint64_t)1 << 40)

#define SHOWN_BYTES 40 /* of a name in a message */
#define SHOW_ARG(s) (int)((s).len < SHOWN_BYTES ? (s).len : SHOWN_BYTES), (s).ptr

static bool check_name(struct str name, const char *what, struct err *e)
{
    if (name.len == 0 || name.len > UPLOAD_NAME_MAX)
        return err_set(e, ERR_INPUT, 0, "%s must have 1 to %d bytes, not %zu", what,
                       UPLOAD_NAME_MAX, name.len);
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return err_set(e, ERR_INPUT, 0, "%s has a control character in it", what);
    return true;
}

/* A whole number from 1 to max, written in digits alone. */
static bool read_number(const struct json *j, uint64_t max, uint64_t *out, struct err *e)
{
    uint64_t n = 0;
    bool ok = j->type == JSON_NUMBER;
    for (size_t i = 0; ok && i < j->text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)j->text.ptr[i] - '0';
        ok = digit <= 9 && n <= (max - digit) / 10;
        n = n * 10 + digit;
    }
    if (!ok || n == 0)
        return err_set(e, ERR_INPUT, 0, "\"%.*s\" must be a whole number from 1 to %llu",
                       SHOW_ARG(j->key), (unsigned long long)max);
    *out = n;
    return true;
}

/* --- buckets ---------------------------------------------------------------------------------- */

static bool read_attributes(struct upload_bucket *b, const struct json *j, struct arena *a,
                            struct err *e)
{
    if (j->type != JSON_LIST || j->count == 0 || j->count > TOKEN_BUCKET_ATTRIBUTES_MAX)
        return err_set(e, ERR_INPUT, 0, "\"attributes\" must be a list of 1 to %d names",
                       TOKEN_BUCKET_ATTRIBUTES_MAX);
    struct str *names = arena_array(a, j->count, sizeof *names);
    if (!names)
        return err_set(e, ERR_NOMEM, 0, "no memory for a token's metadata");
    size_t n = 0;
    for (const struct json *item = j->first; item; item = item->next) {
        if (item->type != JSON_STRING)
            return err_set(e, ERR_INPUT, 0, "\"attributes\" must hold names, as strings");
        if (!check_name(item->text, "a name in \"attributes\"", e))
            return false;
        for (size_t i = 0; i < n; i++)
            if (str_eq(names[i], item->text))
                return err_set(e, ERR_INPUT, 0, "\"attributes\" has \"%.*s\" twice",
                               SHOW_ARG(item->text));
        names[n++] = item->text;
    }
    b->attributes = names;
    b->attribute_count = n;
    return true;
}

/* Strings, numbers and booleans, all as text. */
static bool set_value(const struct json *j, struct str *out, struct err *e)
{
    switch (j->type) {
    case JSON_STRING:
    case JSON_NUMBER:
        *out = j->text;
        break;
    case JSON_TRUE:
        *out = STR("true");
        break;
    case JSON_FALSE:
        *out = STR("false");
        break;
    case JSON_NULL:
    case JSON_LIST:
    case JSON_OBJECT:
        return err_set(e, ERR_INPUT, 0,
                       "\"set\": \"%.*s\" must be a string, a number, true or false",
                       SHOW_ARG(j->key));
    }
    if (out->len > UPLOAD_VALUE_MAX)
        return err_set(e, ERR_INPUT, 0, "\"set\": \"%.*s\" has %zu bytes, at most %d are taken",
                       SHOW_ARG(j->key), out->len, UPLOAD_VALUE_MAX);
    return true;
}

static bool read_set(struct upload_bucket *b, const struct json *j, struct arena *a, struct err *e)
{
    if (j->type != JSON_OBJECT || j->count > TOKEN_BUCKET_ATTRIBUTES_MAX)
        return err_set(e, ERR_INPUT, 0, "\"set\" must be an object of at most %d attributes",
                       TOKEN_BUCKET_ATTRIBUTES_MAX);
    struct bucket_value *values = arena_array(a, j->count, sizeof *values);
    if (!values)
        return err_set(e, ERR_NOMEM, 0, "no memory for a token's metadata");
    size_t n = 0;
    for (const struct json *member = j->first; member; member = member->next) {
        values[n].attribute = member->key;
        if (!check_name(member->key, "a name in \"set\"", e) ||
            !set_value(member, &values[n++].value, e))
            return false;
    }
    b->set = values;
    b->set_count = n;
    return true;
}

/* What is set may not change what is counted: else the combination that a use counts would depend
 * on whether it was looked at before or after. */
static bool check_set(const struct upload_bucket *b, struct err *e)
{
    for (size_t i = 0; i < b->set_count; i++)
        for (size_t k = 0; k < b->attribute_count; k++)
            if (str_eq(b->set[i].attribute, b->attributes[k]))
                return err_set(e, ERR_INPUT, 0, "\"set\" changes \"%.*s\", which is counted",
                               SHOW_ARG(b->attributes[k]));
    return true;
}

static bool read_bucket(struct token *out, const struct json *j, struct arena *a, struct err *e)
{
    uint64_t ttl_s = TTL_DEFAULT_S;
    out->bucket.name = j->key;
    if (!check_name(j->key, "its name", e))
        return false;
    if (j->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "it must be an object with the member \"attributes\"");
    for (const struct json *member = j->first; member; member = member->next) {
        bool ok;
        if (str_eq(member->key, STR("attributes")))
            ok = read_attributes(&out->bucket, member, a, e);
        else if (str_eq(member->key, STR("set")))
            ok = read_set(&out->bucket, member, a, e);
        else if (str_eq(member->key, STR("ttl")))
            ok = read_number(member, TTL_MAX_S, &ttl_s, e);
        else
            ok = err_set(e, ERR_INPUT, 0,
                         "there is no \"%.*s\" in a bucket, only \"attributes\", \"set\" and "
                         "\"ttl\"",
                         SHOW_ARG(member->key));
        if (!ok)
            return false;
    }
    if (out->bucket.attribute_count == 0)
        return err_set(e, ERR_INPUT, 0, "\"attributes\" is missing: what to count combinations of");
    out->bucket_ttl_ms = (int64_t)ttl_s * 1000;
    return check_set(&out->bucket, e);
}

static bool read_buckets(struct token *out, const struct json *j, uint32_t scopes, struct arena *a,
                         struct err *e)
{
    const uint32_t needed = SCOPE_ERROR_POST | SCOPE_SYNC_POST;
    if (j->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "\"buckets\" must be an object: name to settings");
    if (j->count == 0)
        return true;
    if (j->count > 1)
        return err_set(e, ERR_INPUT, 0,
                       "\"buckets\" has %zu submission buckets, but a token can have one only; "
                       "make a token for each",
                       j->count);
    if ((scopes & needed) != needed)
        return err_set(e, ERR_INPUT, 0,
                       "a token with a submission bucket needs the capabilities error:post and "
                       "sync:post");
    return read_bucket(out, j->first, a, e) ||
           err_prefix(e, "submission bucket \"%.*s\": ", SHOW_ARG(j->first->key));
}

/* --- limits ----------------------------------------------------------------------------------- */

static bool read_limits(struct token_limits *out, const struct json *j, struct err *e)
{
    uint64_t parts = 0;
    if (j->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "\"limits\" must be an object");
    for (const struct json *member = j->first; member; member = member->next) {
        bool ok;
        if (str_eq(member->key, STR("body_bytes")))
            ok = read_number(member, LIMIT_MAX, &out->body_bytes, e);
        else if (str_eq(member->key, STR("attachment_bytes")))
            ok = read_number(member, LIMIT_MAX, &out->attachment_bytes, e);
        else if (str_eq(member->key, STR("parts")))
            ok = read_number(member, LIMIT_MAX, &parts, e);
        else
            ok = err_set(e, ERR_INPUT, 0,
                         "there is no \"%.*s\", only \"body_bytes\", \"parts\" and "
                         "\"attachment_bytes\"",
                         SHOW_ARG(member->key));
        if (!ok)
            return err_prefix(e, "\"limits\": ");
    }
    out->parts = (size_t)parts;
    return true;
}

static bool read_members(struct token *out, const struct json *root, uint32_t scopes,
                         struct arena *a, struct err *e)
{
    if (root->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "it must be a JSON object");
    const struct json *buckets = json_get(root, STR("buckets"));
    const struct json *limits = json_get(root, STR("limits"));
    return (!buckets || read_buckets(out, buckets, scopes, a, e)) &&
           (!limits || read_limits(&out->limits, limits, e));
}

bool token_read_metadata(struct token *out, struct str metadata, uint32_t scopes, struct arena *a,
                         struct err *e)
{
    const struct json_limits limits = { METADATA_DEPTH_MAX, METADATA_NODES_MAX };
    const struct json *root;
    out->metadata = metadata;
    out->limits = (struct token_limits){ 0 };
    out->bucket = (struct upload_bucket){ .name = STR(""), .token = out->number };
    out->bucket_ttl_ms = TTL_DEFAULT_S * 1000;
    if (metadata.len == 0)
        return true;
    if (metadata.len > TOKEN_METADATA_MAX)
        return err_set(e, ERR_INPUT, 0, "the metadata has %zu bytes, at most %d are taken",
                       metadata.len, TOKEN_METADATA_MAX);
    if (json_parse(&root, metadata, limits, a, e) && read_members(out, root, scopes, a, e))
        return true;
    if (e->code == ERR_LIMIT)
        e->code = ERR_INPUT;
    return err_prefix(e, "metadata: ");
}
