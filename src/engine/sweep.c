/* sweep.c - see the header. The hashes are sorted, and each file on disk is looked for among them.
 */
#include "engine/sweep.h"

#include <stdlib.h>

static bool add(void *ctx, const uint8_t hash[CONTENT_HASH_BYTES], struct err *e)
{
    struct sweep_needs *n = ctx;
    struct file_hash h;
    memcpy(h.bytes, hash, sizeof h.bytes);
    return VEC_PUSH(&n->files, h) || err_set(e, ERR_NOMEM, 0, "names of large files");
}

static bool add_content(struct sweep_needs *n, const struct content *c, struct err *e)
{
    return !c->in_file || add(n, c->hash, e);
}

bool sweep_need_upload(struct sweep_needs *n, const struct upload *u, struct err *e)
{
    bool ok = add_content(n, &u->body, e);
    for (size_t i = 0; i < u->attachment_count && ok; i++)
        ok = add_content(n, &u->attachments[i].content, e);
    return ok;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, CONTENT_HASH_BYTES);
}

static bool is_needed(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES])
{
    const struct sweep_needs *n = ctx;
    return n->files.len > 0 &&
           bsearch(hash, n->files.at, n->files.len, sizeof *n->files.at, by_bytes);
}

/* And those that the store names. */
static bool need_all(struct sweep_needs *n, struct store *s, struct err *e)
{
    if (!store_scan_files(s, add, n, e))
        return false;
    if (n->files.len > 0)
        qsort(n->files.at, n->files.len, sizeof *n->files.at, by_bytes);
    return true;
}

bool sweep_run(struct sweep_needs *n, struct store *s, struct blobs *b, size_t *removed,
               struct err *e)
{
    return need_all(n, s, e) && blobs_sweep(b, is_needed, n, removed, e);
}

bool sweep_step(struct sweep_needs *n, struct store *s, struct blobs *b, struct blobs_step *out,
                struct err *e)
{
    return need_all(n, s, e) && blobs_sweep_step(b, is_needed, n, out, e);
}

void sweep_done(struct sweep_needs *n)
{
    VEC_FREE(&n->files);
}
