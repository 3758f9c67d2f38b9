/* blobs_sweep.c - removing the files that nobody needs.
 *
 * At start that is simple: nobody else is there. While the server runs, a file that nobody needs at
 * the moment may be about to be needed: spool_keep finds a content that is there already, and some
 * time passes until that is written down where is_needed looks. So a file is first doubtful, and
 * stays so until it goes, or is needed, or somebody keeps its content. The doubtful ones are lists
 * in memory, one for each directory, sorted, under the lock that spool_keep holds, too. */
#include "store/blobs_internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sweep {
    struct blobs *blobs;
    bool (*is_needed)(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES]);
    const void *ctx;
    bool at_once; /* at start */
    struct blobs_step *out;
    /* Of one directory. */
    unsigned index;
    struct blobs_doubts fresh;
};

/* The hash comes first in a doubt. */
static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, CONTENT_HASH_BYTES);
}

static struct blobs_doubt *find_doubt(const struct blobs_doubts *d, const uint8_t *hash)
{
    return d->len > 0 ? bsearch(hash, d->at, d->len, sizeof *d->at, by_bytes) : NULL;
}

void blobs_doubt_not(struct blobs *b, const uint8_t hash[CONTENT_HASH_BYTES])
{
    struct blobs_doubt *found = find_doubt(&b->doubts[hash[0]], hash);
    if (found)
        found->is_kept = true;
}

/* Removes it when it was doubtful before and still is; *gone. */
static bool remove_doubtful(struct sweep *w, int directory, const char *name, const uint8_t *hash,
                            bool *gone, struct err *e)
{
    pthread_mutex_t *mu = &w->blobs->naming_mu[w->index];
    pthread_mutex_lock(mu);
    const struct blobs_doubt *found = find_doubt(&w->blobs->doubts[w->index], hash);
    *gone = w->at_once || (found && !found->is_kept);
    bool ok = !*gone || unlinkat(directory, name, 0) == 0 || blobs_failed(e, "remove a file");
    pthread_mutex_unlock(mu);
    return ok;
}

/* One file of a directory; what has no name of ours is not ours to remove. */
static bool sweep_file(struct sweep *w, int directory, const char *name, struct err *e)
{
    struct blobs_doubt doubt = { .is_kept = false };
    size_t len;
    const char *end;
    bool gone, is_ours = sodium_hex2bin(doubt.hash, sizeof doubt.hash, name, strlen(name), NULL,
                                        &len, &end) == 0 &&
                         len == sizeof doubt.hash && doubt.hash[0] == w->index &&
                         (*end == '\0' || strcmp(end, BLOBS_PACKED_SUFFIX) == 0);
    if (!is_ours || w->is_needed(w->ctx, doubt.hash))
        return true;
    if (!remove_doubtful(w, directory, name, doubt.hash, &gone, e))
        return false;
    if (gone)
        w->out->removed++;
    else if (!VEC_PUSH(&w->fresh, doubt))
        return err_set(e, ERR_NOMEM, 0, "names of large files");
    return true;
}

static bool sweep_files(struct sweep *w, const char *name, struct err *e)
{
    int fd = openat(w->blobs->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        bool missing = errno == ENOENT;
        if (fd >= 0)
            close(fd);
        return missing || blobs_failed(e, "list a directory");
    }
    bool ok = true;
    for (struct dirent *at; ok && (at = readdir(d));)
        ok = sweep_file(w, dirfd(d), at->d_name, e);
    closedir(d);
    return ok;
}

/* A content has one doubt, though it may have two files. */
static void sort_doubts(struct blobs_doubts *d)
{
    size_t kept = 0;
    if (d->len > 0)
        qsort(d->at, d->len, sizeof *d->at, by_bytes);
    for (size_t i = 0; i < d->len; i++)
        if (kept == 0 || by_bytes(&d->at[i], &d->at[kept - 1]) != 0)
            d->at[kept++] = d->at[i];
    d->len = kept;
}

/* The doubts of this step take the place of those of the last one; on failure there are none. */
static bool sweep_directory(struct sweep *w, struct err *e)
{
    struct blobs *b = w->blobs;
    char name[3];
    snprintf(name, sizeof name, "%02x", w->index);
    bool ok = sweep_files(w, name, e);
    if (!ok)
        w->fresh.len = 0;
    sort_doubts(&w->fresh);
    w->out->doubtful += w->fresh.len;
    pthread_mutex_lock(&b->naming_mu[w->index]);
    struct blobs_doubts before = b->doubts[w->index];
    b->doubts[w->index] = w->fresh;
    pthread_mutex_unlock(&b->naming_mu[w->index]);
    VEC_FREE(&before);
    w->fresh = (struct blobs_doubts){ 0 };
    return ok;
}

static bool sweep_all(struct sweep *w, struct err *e)
{
    bool ok = true;
    for (w->index = 0; ok && w->index < BLOBS_FANOUT; w->index++)
        ok = sweep_directory(w, e);
    return ok;
}

bool blobs_sweep(struct blobs *b,
                 bool (*is_needed)(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES]),
                 const void *ctx, size_t *removed, struct err *e)
{
    struct blobs_step step = { 0 };
    struct sweep w = {
        .blobs = b, .is_needed = is_needed, .ctx = ctx, .at_once = true, .out = &step
    };
    bool ok = sweep_all(&w, e);
    *removed = step.removed;
    return ok;
}

bool blobs_sweep_step(struct blobs *b,
                      bool (*is_needed)(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES]),
                      const void *ctx, struct blobs_step *out, struct err *e)
{
    *out = (struct blobs_step){ 0 };
    struct sweep w = { .blobs = b, .is_needed = is_needed, .ctx = ctx, .out = out };
    assert(blobs_step_over(b));
    bool ok = sweep_all(&w, e);
    /* After the last file became doubtful: a spool that belongs to the next turn makes it not so.
     */
    pthread_mutex_lock(&b->keeping_mu);
    b->turn = !b->turn;
    pthread_mutex_unlock(&b->keeping_mu);
    return ok;
}

bool blobs_step_over(struct blobs *b)
{
    pthread_mutex_lock(&b->keeping_mu);
    bool over = b->keeping[!b->turn] == 0;
    pthread_mutex_unlock(&b->keeping_mu);
    return over;
}

unsigned blobs_keeping_begins(struct blobs *b)
{
    pthread_mutex_lock(&b->keeping_mu);
    unsigned turn = b->turn;
    b->keeping[turn]++;
    pthread_mutex_unlock(&b->keeping_mu);
    return turn;
}

void blobs_keeping_ends(struct blobs *b, unsigned turn)
{
    pthread_mutex_lock(&b->keeping_mu);
    b->keeping[turn]--;
    pthread_mutex_unlock(&b->keeping_mu);
}
