/* inbox_record.c - an upload as bytes, and back.
 *
 *     upload      version, object (8), time of receipt (8), format, project, type, uuid,
 *                 count of fields, fields, body, count of attachments, attachments, bucket
 *     field       origin, name, value
 *     content     0, hash (32), bytes;  in a file: 1, hash (32), size (8)
 *     attachment  name, type, content
 *     bucket      name; when that is not empty: token, use, count, attributes, count, pairs
 *
 * Counts, lengths and tokens are LEB128, a text is its length and its bytes, small things are one
 * byte, and numbers of a fixed size are little-endian. Bytes that are left over are refused.
 *
 * What is read comes from disk: nothing in it is believed. */
#include "store/inbox_record.h"

#include "base/leb128.h"
#include "store/inbox.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>

#define UPLOAD_VERSION 1
#define BUCKET_LISTS_MAX 4096 /* attributes of a bucket, and what it sets */

/* Added for each text, content, ... of an upload: more than its numbers take. */
#define OVERHEAD_BYTES 64

static const char head_magic[] = "crumple inbox 1\n";
static const char record_magic[] = "\xf5\xc7up"; /* no UTF-8 begins so */
#define HEAD_MAGIC_BYTES (sizeof head_magic - 1)
#define RECORD_MAGIC_BYTES (sizeof record_magic - 1)

/* Writing. */

static void write_number(struct buf *out, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_char(out, (char)(uint8_t)(n >> (8 * i)));
}

static void write_str(struct buf *out, struct str s)
{
    leb128_write(out, s.len);
    buf_str(out, s);
}

static void write_content(struct buf *out, const struct content *c)
{
    buf_char(out, (char)c->in_file);
    buf_add(out, c->hash, sizeof c->hash);
    if (c->in_file)
        write_number(out, c->size, 8);
    else
        write_str(out, c->bytes);
}

static void write_bucket(struct buf *out, const struct upload_bucket *b)
{
    write_str(out, b->name);
    if (b->name.len == 0)
        return;
    leb128_write(out, b->token);
    buf_char(out, (char)b->use);
    leb128_write(out, b->attribute_count);
    for (size_t i = 0; i < b->attribute_count; i++)
        write_str(out, b->attributes[i]);
    leb128_write(out, b->set_count);
    for (size_t i = 0; i < b->set_count; i++) {
        write_str(out, b->set[i].attribute);
        write_str(out, b->set[i].value);
    }
}

void upload_encode(struct buf *out, const struct upload *u)
{
    buf_char(out, UPLOAD_VERSION);
    write_number(out, u->object, 8);
    write_number(out, (uint64_t)u->received_ms, 8);
    buf_char(out, (char)u->format);
    write_str(out, u->project);
    write_str(out, u->type);
    write_str(out, u->uuid);
    leb128_write(out, u->field_count);
    for (size_t i = 0; i < u->field_count; i++) {
        buf_char(out, (char)u->fields[i].origin);
        write_str(out, u->fields[i].name);
        write_str(out, u->fields[i].value);
    }
    write_content(out, &u->body);
    leb128_write(out, u->attachment_count);
    for (size_t i = 0; i < u->attachment_count; i++) {
        write_str(out, u->attachments[i].name);
        write_str(out, u->attachments[i].type);
        write_content(out, &u->attachments[i].content);
    }
    write_bucket(out, &u->bucket);
}

/* Adds no less than what a content takes in a record; false when it should be a file. */
static bool add_content(uint64_t *bytes, const struct content *c)
{
    assert(c->in_file || c->bytes.len == c->size);
    *bytes += OVERHEAD_BYTES + (c->in_file ? 0 : c->size);
    return c->in_file || c->size <= BLOB_INLINE_MAX;
}

static uint64_t bucket_bytes(const struct upload_bucket *b)
{
    uint64_t bytes = OVERHEAD_BYTES + b->name.len;
    for (size_t i = 0; i < b->attribute_count; i++)
        bytes += OVERHEAD_BYTES + b->attributes[i].len;
    for (size_t i = 0; i < b->set_count; i++)
        bytes += OVERHEAD_BYTES + b->set[i].attribute.len + b->set[i].value.len;
    return bytes;
}

static bool counts_fit(const struct upload *u, struct err *e)
{
    if (u->field_count > UPLOAD_FIELDS_MAX)
        return err_set(e, ERR_LIMIT, 0, "%zu fields, at most %d", u->field_count,
                       UPLOAD_FIELDS_MAX);
    if (u->attachment_count > UPLOAD_ATTACHMENTS_MAX)
        return err_set(e, ERR_LIMIT, 0, "%zu attachments, at most %d", u->attachment_count,
                       UPLOAD_ATTACHMENTS_MAX);
    if (u->bucket.attribute_count > BUCKET_LISTS_MAX || u->bucket.set_count > BUCKET_LISTS_MAX)
        return err_set(e, ERR_LIMIT, 0, "a submission bucket of more than %d attributes",
                       BUCKET_LISTS_MAX);
    return true;
}

bool inbox_takes(const struct upload *u, struct err *e)
{
    assert(u->format >= UPLOAD_JSON && u->format < UPLOAD_FORMATS);
    if (!counts_fit(u, e))
        return false;
    uint64_t bytes = INBOX_RECORD_HEAD_BYTES + OVERHEAD_BYTES + u->project.len + u->type.len +
                     u->uuid.len + bucket_bytes(&u->bucket);
    for (size_t i = 0; i < u->field_count; i++)
        bytes += OVERHEAD_BYTES + u->fields[i].name.len + u->fields[i].value.len;
    bool small = add_content(&bytes, &u->body);
    for (size_t i = 0; i < u->attachment_count; i++) {
        const struct upload_attachment *t = &u->attachments[i];
        bytes += OVERHEAD_BYTES + t->name.len + t->type.len;
        small = add_content(&bytes, &t->content) && small;
    }
    if (!small)
        return err_set(e, ERR_LIMIT, 0, "a content of more than %d bytes that is in no file",
                       BLOB_INLINE_MAX);
    if (bytes > INBOX_RECORD_MAX)
        return err_set(e, ERR_LIMIT, 0,
                       "fields and small attachments of %" PRIu64 " bytes, at most %d", bytes,
                       INBOX_RECORD_MAX);
    return true;
}

/* Reading. A failed read sticks and gives zeros, so that it is checked once at the end. */

struct reader {
    struct str rest;
    struct arena *arena;
    bool failed, no_memory; /* no_memory: failed, too */
};

static struct str read_bytes(struct reader *r, size_t n)
{
    if (r->failed || n > r->rest.len) {
        r->failed = true;
        return STR("");
    }
    struct str s = { r->rest.ptr, n };
    r->rest = (struct str){ r->rest.ptr + n, r->rest.len - n };
    return s;
}

static uint64_t read_number(struct reader *r, unsigned bytes)
{
    struct str s = read_bytes(r, bytes);
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n |= (uint64_t)(uint8_t)s.ptr[i] << (8 * i);
    return n;
}

/* A byte of at most `max`. */
static unsigned read_small(struct reader *r, unsigned max)
{
    unsigned n = (unsigned)read_number(r, 1);
    if (n > max)
        r->failed = true;
    return r->failed ? 0 : n;
}

/* A count, a length or a token of at most `max`. */
static size_t read_count(struct reader *r, size_t max)
{
    size_t n = 0;
    if (r->failed || !leb128_read(&r->rest, &n) || n > max)
        r->failed = true;
    return r->failed ? 0 : n;
}

static struct str read_str(struct reader *r)
{
    return read_bytes(r, read_count(r, r->rest.len));
}

/* Room for `count` things, zeroed; NULL when reading has failed. */
static void *read_room(struct reader *r, size_t count, size_t size)
{
    if (r->failed)
        return NULL;
    void *p = arena_zalloc(r->arena, count * size);
    if (!p)
        r->failed = r->no_memory = true;
    return p;
}

static void read_content(struct reader *r, struct content *out)
{
    out->in_file = read_small(r, 1);
    struct str hash = read_bytes(r, CONTENT_HASH_BYTES);
    if (r->failed)
        return;
    memcpy(out->hash, hash.ptr, CONTENT_HASH_BYTES);
    if (out->in_file) {
        out->size = read_number(r, 8);
        return;
    }
    out->bytes = read_str(r);
    out->size = out->bytes.len;
    if (out->size > BLOB_INLINE_MAX)
        r->failed = true;
}

static void read_fields(struct reader *r, struct upload *out)
{
    size_t count = read_count(r, UPLOAD_FIELDS_MAX);
    struct upload_field *fields = read_room(r, count, sizeof *fields);
    for (size_t i = 0; i < count && !r->failed; i++) {
        fields[i].origin = (enum upload_origin)read_small(r, UPLOAD_FROM_FORM);
        fields[i].name = read_str(r);
        fields[i].value = read_str(r);
    }
    out->fields = fields;
    out->field_count = count;
}

static void read_attachments(struct reader *r, struct upload *out)
{
    size_t count = read_count(r, UPLOAD_ATTACHMENTS_MAX);
    struct upload_attachment *attachments = read_room(r, count, sizeof *attachments);
    for (size_t i = 0; i < count && !r->failed; i++) {
        attachments[i].name = read_str(r);
        attachments[i].type = read_str(r);
        read_content(r, &attachments[i].content);
    }
    out->attachments = attachments;
    out->attachment_count = count;
}

static void read_bucket(struct reader *r, struct upload_bucket *out)
{
    out->name = read_str(r);
    if (out->name.len == 0)
        return;
    out->token = (uint32_t)read_count(r, UINT32_MAX);
    out->use = read_small(r, 1);
    out->attribute_count = read_count(r, BUCKET_LISTS_MAX);
    struct str *attributes = read_room(r, out->attribute_count, sizeof *attributes);
    for (size_t i = 0; i < out->attribute_count && !r->failed; i++)
        attributes[i] = read_str(r);
    out->attributes = attributes;
    out->set_count = read_count(r, BUCKET_LISTS_MAX);
    struct bucket_value *set = read_room(r, out->set_count, sizeof *set);
    for (size_t i = 0; i < out->set_count && !r->failed; i++) {
        set[i].attribute = read_str(r);
        set[i].value = read_str(r);
    }
    out->set = set;
}

bool upload_decode(struct str record, struct arena *a, struct upload *out, struct err *e)
{
    struct reader r = { .rest = record, .arena = a };
    struct upload u = { 0 };
    unsigned version = (unsigned)read_number(&r, 1);
    if (!r.failed && version != UPLOAD_VERSION)
        return err_set(e, ERR_INPUT, 0, "an upload in a form of version %u", version);
    u.object = read_number(&r, 8);
    u.received_ms = (int64_t)read_number(&r, 8);
    u.format = (enum upload_format)read_small(&r, UPLOAD_FORMATS - 1);
    u.project = read_str(&r);
    u.type = read_str(&r);
    u.uuid = read_str(&r);
    read_fields(&r, &u);
    read_content(&r, &u.body);
    read_attachments(&r, &u);
    read_bucket(&r, &u.bucket);
    if (r.no_memory)
        return err_set(e, ERR_NOMEM, 0, "no memory to read an upload");
    if (r.failed || r.rest.len > 0 || u.format < UPLOAD_JSON)
        return err_set(e, ERR_INPUT, record.len - r.rest.len,
                       "these are not the bytes of an upload");
    *out = u;
    return true;
}

/* Heads and sums. */

static uint64_t sum_of(const struct inbox_key *key, const void *p, size_t n)
{
    _Static_assert(INBOX_KEY_BYTES == crypto_shorthash_KEYBYTES, "SipHash's key");
    uint8_t sum[crypto_shorthash_BYTES];
    crypto_shorthash(sum, p, n, key->bytes);
    struct reader r = { .rest = { (const char *)sum, sizeof sum } };
    return read_number(&r, sizeof sum);
}

void inbox_head_write(struct buf *out, const struct inbox_key *key)
{
    size_t at = out->len;
    buf_add(out, head_magic, HEAD_MAGIC_BYTES);
    buf_add(out, key->bytes, sizeof key->bytes);
    if (buf_ok(out))
        write_number(out, sum_of(key, out->ptr + at, out->len - at), 8);
}

bool inbox_head_read(struct str file, struct inbox_key *out)
{
    struct reader r = { .rest = file };
    struct inbox_key key;
    struct str magic = read_bytes(&r, HEAD_MAGIC_BYTES);
    struct str bytes = read_bytes(&r, sizeof key.bytes);
    size_t summed = file.len - r.rest.len;
    uint64_t sum = read_number(&r, 8);
    if (r.failed || memcmp(magic.ptr, head_magic, HEAD_MAGIC_BYTES) != 0)
        return false;
    memcpy(key.bytes, bytes.ptr, sizeof key.bytes);
    if (sum != sum_of(&key, file.ptr, summed))
        return false;
    *out = key;
    return true;
}

void inbox_record_write(struct buf *out, const struct inbox_key *key, uint64_t batch,
                        const struct upload *u)
{
    static const char room[INBOX_RECORD_HEAD_BYTES] = { 0 };
    size_t at = out->len;
    buf_add(out, room, sizeof room);
    upload_encode(out, u);
    if (!buf_ok(out))
        return;
    const char *payload = out->ptr + at + sizeof room;
    size_t bytes = out->len - at - sizeof room;
    assert(bytes <= INBOX_RECORD_MAX);
    /* A buffer over the room that was left, now that the payload is known. */
    struct buf head = { .ptr = out->ptr + at, .cap = sizeof room, .max_bytes = sizeof room };
    buf_add(&head, record_magic, RECORD_MAGIC_BYTES);
    write_number(&head, bytes, 4);
    write_number(&head, batch, 8);
    write_number(&head, sum_of(key, payload, bytes), 8);
    write_number(&head, sum_of(key, head.ptr, head.len), 8);
    assert(buf_ok(&head) && head.len == sizeof room);
}

bool inbox_record_read(struct str rest, const struct inbox_key *key, struct inbox_record *out)
{
    struct reader r = { .rest = rest };
    struct str magic = read_bytes(&r, RECORD_MAGIC_BYTES);
    size_t bytes = (size_t)read_number(&r, 4);
    uint64_t batch = read_number(&r, 8), payload_sum = read_number(&r, 8);
    size_t summed = rest.len - r.rest.len;
    uint64_t head_sum = read_number(&r, 8);
    if (r.failed || memcmp(magic.ptr, record_magic, RECORD_MAGIC_BYTES) != 0 ||
        head_sum != sum_of(key, rest.ptr, summed))
        return false;
    struct str payload = read_bytes(&r, bytes);
    if (r.failed || payload_sum != sum_of(key, payload.ptr, payload.len))
        return false;
    *out = (struct inbox_record){ batch, payload, INBOX_RECORD_HEAD_BYTES + bytes };
    return true;
}

bool inbox_record_find(struct str file, size_t from, const struct inbox_key *key, size_t *at,
                       struct inbox_record *out)
{
    while (from < file.len) {
        const char *p = memmem(file.ptr + from, file.len - from, record_magic, RECORD_MAGIC_BYTES);
        if (!p)
            return false;
        from = (size_t)(p - file.ptr);
        if (inbox_record_read((struct str){ p, file.len - from }, key, out)) {
            *at = from;
            return true;
        }
        from++;
    }
    return false;
}
