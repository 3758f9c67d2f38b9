/* What clients and owners of tokens send to src/access: receipts, tokens of submission buckets, and
 * metadata. */
#include "access/access.h"
#include "access/receipt.h"

#include <assert.h>

static const uint8_t secret[RECEIPT_SECRET_BYTES] = "a secret nobody can guess";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken names an object, and both forms of its receipt name the same. */
static void try_object(struct str text)
{
    uint64_t object = 0, again = 0;
    char rxid[RXID_BYTES + 1];
    if (!object_parse(secret, text, &object))
        return;
    assert(object != 0);
    rxid_make(secret, object, rxid);
    bool ok = object_parse(secret, str_from_c(rxid), &again);
    assert(ok && again == object);
    rxid_make_plain(object, rxid);
    ok = object_parse(secret, str_from_c(rxid), &again);
    assert(ok && again == object);
}

static void try_metadata(struct str text, uint32_t scopes)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new((size_t)16 << 20);
    struct token t = { .number = 3 };
    struct err e = { 0 };
    assert(a);
    if (!token_read_metadata(&t, text, scopes, a, &e)) {
        assert(e.code == ERR_INPUT && e.msg[0] != '\0');
        return;
    }
    assert((t.bucket.name.len > 0) == (t.bucket.attribute_count > 0));
    assert(t.bucket.attribute_count <= TOKEN_BUCKET_ATTRIBUTES_MAX);
    assert(t.bucket.set_count <= TOKEN_BUCKET_ATTRIBUTES_MAX);
    assert(t.bucket_ttl_ms > 0 && !t.bucket.use);
    size_t bytes = 0; /* touch all that it points to */
    for (size_t i = 0; i < t.bucket.attribute_count; i++)
        bytes += strnlen(t.bucket.attributes[i].ptr, t.bucket.attributes[i].len);
    for (size_t i = 0; i < t.bucket.set_count; i++)
        bytes += strnlen(t.bucket.set[i].value.ptr, t.bucket.set[i].value.len);
    assert(bytes <= 6 * text.len); /* the rest is escapes */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct err e = { 0 };
    uint32_t scopes = 0;
    try_object(text);
    enum bucket_token_state state = bucket_token_check(secret, 1, 0, 60000, text);
    assert(state == BUCKET_TOKEN_UNKNOWN); /* there is no forging one */
    try_metadata(text, SCOPE_ERROR_POST | SCOPE_SYNC_POST);
    try_metadata(text, SCOPE_ERROR_POST);
    bool parsed = scopes_parse(text, &scopes, &e);
    assert(parsed ? scopes != 0 && scopes < 32 : e.code == ERR_INPUT && e.msg[0] != '\0');
    return 0;
}
