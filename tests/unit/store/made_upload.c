/* made_upload.c - see the header. */
#include "made_upload.h"

#include "../cmocka_all.h"
#include "store/blobs.h"

static struct str made_bytes(struct dice *d, struct arena *a, size_t n)
{
    char *p = arena_alloc(a, n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)dice_bits(d);
    return (struct str){ p, n };
}

/* Mostly short, often empty, now and then at a power of two where lengths take one byte more. */
static struct str made_text(struct dice *d, struct arena *a)
{
    static const size_t sizes[] = { 0, 0, 1, 10, 20, 127, 128, 129, 300 };
    if (dice(d, 200) == 0)
        return made_bytes(d, a, 16383 + dice(d, 3));
    return made_bytes(d, a, sizes[dice(d, COUNT_OF(sizes))]);
}

static struct content made_content(struct dice *d, struct arena *a)
{
    struct content c = { .in_file = dice_percent(d, 30) };
    memcpy(c.hash, made_bytes(d, a, sizeof c.hash).ptr, sizeof c.hash);
    if (c.in_file)
        c.size = dice_bits(d);
    else
        c.bytes = dice(d, 50) == 0 ? made_bytes(d, a, BLOB_INLINE_MAX) : made_text(d, a);
    if (!c.in_file)
        c.size = c.bytes.len;
    return c;
}

static size_t made_count(struct dice *d, size_t most)
{
    return dice(d, 100) == 0 ? most : dice(d, 4);
}

static struct upload_bucket made_bucket(struct dice *d, struct arena *a)
{
    struct upload_bucket b = { .name = made_text(d, a) };
    if (b.name.len == 0)
        return b;
    b.token = (uint32_t)dice_bits(d);
    b.use = dice_percent(d, 50);
    b.attribute_count = made_count(d, 100);
    b.set_count = made_count(d, 100);
    struct str *attributes = arena_array(a, b.attribute_count + 1, sizeof *attributes);
    struct bucket_value *set = arena_array(a, b.set_count + 1, sizeof *set);
    assert_true(attributes && set);
    for (size_t i = 0; i < b.attribute_count; i++)
        attributes[i] = made_text(d, a);
    for (size_t i = 0; i < b.set_count; i++)
        set[i] = (struct bucket_value){ made_text(d, a), made_text(d, a) };
    b.attributes = attributes;
    b.set = set;
    return b;
}

static const struct upload_field *made_fields(struct dice *d, struct arena *a, size_t count)
{
    struct upload_field *fields = arena_array(a, count + 1, sizeof *fields);
    assert_non_null(fields);
    for (size_t i = 0; i < count; i++)
        fields[i] = (struct upload_field){ made_text(d, a), made_text(d, a),
                                           (enum upload_origin)dice(d, 2) };
    return fields;
}

static const struct upload_attachment *made_attachments(struct dice *d, struct arena *a,
                                                        size_t count)
{
    struct upload_attachment *t = arena_array(a, count + 1, sizeof *t);
    assert_non_null(t);
    for (size_t i = 0; i < count; i++)
        t[i] = (struct upload_attachment){ made_text(d, a), made_text(d, a), made_content(d, a) };
    return t;
}

struct upload made_upload(struct dice *d, struct arena *a, uint64_t object)
{
    struct upload u = {
        .object = object,
        .project = made_text(d, a),
        .format = (enum upload_format)(1 + dice(d, UPLOAD_FORMATS - 1)),
        .received_ms = (int64_t)dice_bits(d),
        .type = made_text(d, a),
        .uuid = made_text(d, a),
        .field_count = made_count(d, 500),
        .body = made_content(d, a),
        .attachment_count = made_count(d, 50),
        .bucket = made_bucket(d, a),
    };
    u.fields = made_fields(d, a, u.field_count);
    u.attachments = made_attachments(d, a, u.attachment_count);
    return u;
}

struct upload made_report(struct dice *d, struct arena *a, uint64_t object, size_t body_bytes)
{
    struct upload u = {
        .object = object,
        .project = STR("paintbox"),
        .format = UPLOAD_JSON,
        .received_ms = 1700000000000 + (int64_t)object,
        .type = STR("application/json"),
        .uuid = STR("01234567-89ab-cdef-0123-456789abcdef"),
        .body = { .size = body_bytes, .bytes = made_bytes(d, a, body_bytes) },
    };
    return u;
}

static void same_str(const char *what, struct str got, struct str want)
{
    if (!str_eq(got, want))
        fail_msg("%s: %zu bytes, not the same as %zu", what, got.len, want.len);
}

static void same_number(const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        fail_msg("%s: %llu, not %llu", what, (unsigned long long)got, (unsigned long long)want);
}

static void same_content(const char *what, const struct content *got, const struct content *want)
{
    same_number(what, got->size, want->size);
    same_number(what, got->in_file, want->in_file);
    if (!want->in_file)
        same_str(what, got->bytes, want->bytes);
    assert_memory_equal(got->hash, want->hash, sizeof want->hash);
}

static void same_bucket(const struct upload_bucket *got, const struct upload_bucket *want)
{
    same_str("bucket", got->name, want->name);
    same_number("token", got->token, want->token);
    same_number("use", got->use, want->use);
    same_number("bucket attributes", got->attribute_count, want->attribute_count);
    same_number("set", got->set_count, want->set_count);
    for (size_t i = 0; i < want->attribute_count; i++)
        same_str("bucket attribute", got->attributes[i], want->attributes[i]);
    for (size_t i = 0; i < want->set_count; i++) {
        same_str("set attribute", got->set[i].attribute, want->set[i].attribute);
        same_str("set value", got->set[i].value, want->set[i].value);
    }
}

void expect_same_upload(const struct upload *got, const struct upload *want)
{
    same_number("object", got->object, want->object);
    same_number("format", got->format, want->format);
    same_number("time", (uint64_t)got->received_ms, (uint64_t)want->received_ms);
    same_str("project", got->project, want->project);
    same_str("type", got->type, want->type);
    same_str("uuid", got->uuid, want->uuid);
    same_number("fields", got->field_count, want->field_count);
    for (size_t i = 0; i < want->field_count; i++) {
        same_str("field name", got->fields[i].name, want->fields[i].name);
        same_str("field value", got->fields[i].value, want->fields[i].value);
        same_number("field origin", got->fields[i].origin, want->fields[i].origin);
    }
    same_content("body", &got->body, &want->body);
    same_number("attachments", got->attachment_count, want->attachment_count);
    for (size_t i = 0; i < want->attachment_count; i++) {
        same_str("attachment name", got->attachments[i].name, want->attachments[i].name);
        same_str("attachment type", got->attachments[i].type, want->attachments[i].type);
        same_content("attachment", &got->attachments[i].content, &want->attachments[i].content);
    }
    same_bucket(&got->bucket, &want->bucket);
}
