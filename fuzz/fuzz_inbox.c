/* Any bytes, as they may stand in a damaged file of the inbox: an upload is read and comes out the
 * same when it is written and read again, or it is refused; a file's head and its records are
 * looked for; and a good record is found behind the bytes. */
#include "base/buf.h"
#include "store/inbox.h"
#include "store/inbox_record.h"

#include "touch.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct inbox_key key = { { 1, 2, 3, 4 } };

static void touch_upload(const struct upload *u)
{
    touch(u->project);
    touch(u->type);
    touch(u->uuid);
    touch(u->body.bytes);
    for (size_t i = 0; i < u->field_count; i++) {
        touch(u->fields[i].name);
        touch(u->fields[i].value);
    }
    for (size_t i = 0; i < u->attachment_count; i++) {
        touch(u->attachments[i].name);
        touch(u->attachments[i].type);
        touch(u->attachments[i].content.bytes);
    }
    for (size_t i = 0; i < u->bucket.attribute_count; i++)
        touch(u->bucket.attributes[i]);
    for (size_t i = 0; i < u->bucket.set_count; i++) {
        touch(u->bucket.set[i].attribute);
        touch(u->bucket.set[i].value);
    }
}

static bool decode(struct str bytes, struct arena *a, struct upload *out)
{
    struct err e = { 0 };
    if (upload_decode(bytes, a, out, &e))
        return true;
    assert(e.code != ERR_NONE && e.msg[0] != '\0'); /* a refusal always says why */
    return false;
}

/* Written and read again, as an upload and as a record behind the bytes. */
static void again(const struct upload *u, struct str before, struct arena *a)
{
    struct buf once, twice, file;
    struct upload v;
    struct inbox_record r;
    size_t at;
    buf_init(&once, 8u << 20);
    buf_init(&twice, 8u << 20);
    buf_init(&file, 8u << 20);
    upload_encode(&once, u);
    bool same = decode(buf_view(&once), a, &v);
    assert(same);
    upload_encode(&twice, &v);
    assert(buf_ok(&once) && buf_ok(&twice) && str_eq(buf_view(&once), buf_view(&twice)));
    buf_str(&file, before);
    inbox_record_write(&file, &key, 0, &v);
    assert(buf_ok(&file));
    bool found = inbox_record_find(buf_view(&file), 0, &key, &at, &r);
    assert(found && at == before.len && str_eq(r.payload, buf_view(&once)));
    buf_done(&once);
    buf_done(&twice);
    buf_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(16u << 20);
    char *copy = malloc(size + 1);
    if (!a || !copy)
        abort();
    memcpy(copy + 1, data, size);
    struct str bytes = { copy + 1, size };
    struct inbox_key of_file;
    struct inbox_record r;
    size_t at;
    struct upload u;
    touched += inbox_head_read(bytes, &of_file);
    touched += inbox_record_read(bytes, &key, &r);
    touched += inbox_record_find(bytes, 0, &key, &at, &r);
    if (decode(bytes, a, &u)) {
        touch_upload(&u);
        again(&u, bytes, a);
    }
    free(copy);
    return 0;
}
