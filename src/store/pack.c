/* pack.c - payloads at rest: one zstd frame each, which holds the size of what is inside.
 *
 * Level 1: of a typical report (2.5 KB) a third is left, in 6 microseconds; higher levels save a
 * few percent more and cost several times that. Contexts are kept for each thread, since making one
 * costs more than compressing a report. */
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

#define PACK_LEVEL 1

struct contexts {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
};

static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static bool contexts_key_made;

static void contexts_free(void *p)
{
    struct contexts *c = p;
    ZSTD_freeCCtx(c->pack);
    ZSTD_freeDCtx(c->unpack);
    free(c);
}

static void contexts_key_make(void)
{
    contexts_key_made = pthread_key_create(&contexts_key, contexts_free) == 0;
}

/* Those of the calling thread; NULL when memory is short. */
static struct contexts *contexts_find(void)
{
    pthread_once(&contexts_once, contexts_key_make);
    if (!contexts_key_made)
        return NULL;
    struct contexts *c = pthread_getspecific(contexts_key);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->pack = ZSTD_createCCtx();
    c->unpack = ZSTD_createDCtx();
    if (!c->pack || !c->unpack || pthread_setspecific(contexts_key, c) != 0) {
        contexts_free(c);
        return NULL;
    }
    return c;
}

bool store_pack(struct str payload, struct arena *a, struct str *packed, struct err *e)
{
    if (payload.len > STORE_PAYLOAD_MAX)
        return err_set(e, ERR_LIMIT, 0, "a report of %zu bytes; at most %d", payload.len,
                       STORE_PAYLOAD_MAX);
    struct contexts *c = contexts_find();
    size_t room = ZSTD_compressBound(payload.len);
    char *out = c ? arena_alloc(a, room) : NULL;
    if (!out)
        return err_set(e, ERR_NOMEM, 0, "packing a report of %zu bytes", payload.len);
    size_t n = ZSTD_compressCCtx(c->pack, out, room, payload.ptr, payload.len, PACK_LEVEL);
    if (ZSTD_isError(n))
        return err_set(e, ERR_NOMEM, 0, "packing: %s", ZSTD_getErrorName(n));
    *packed = (struct str){ out, n };
    return true;
}

bool store_unpack(struct str packed, struct arena *a, struct str *payload, struct err *e)
{
    unsigned long long size = ZSTD_getFrameContentSize(packed.ptr, packed.len);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        size > STORE_PAYLOAD_MAX)
        return err_set(e, ERR_IO, 0, "a stored payload is damaged");
    struct contexts *c = contexts_find();
    char *out = c ? arena_alloc(a, (size_t)size + 1) : NULL;
    if (!out)
        return err_set(e, ERR_NOMEM, 0, "unpacking a report of %llu bytes", size);
    size_t n = ZSTD_decompressDCtx(c->unpack, out, (size_t)size, packed.ptr, packed.len);
    if (ZSTD_isError(n) || n != size)
        return err_set(e, ERR_IO, 0, "a stored payload is damaged");
    *payload = (struct str){ out, n };
    return true;
}
