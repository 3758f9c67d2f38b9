/* blobs_packed.c - large files that were compressed because they are old and seldom read.
 *
 *     DIR/blobs/ab/abcdef...zst   one zstd frame, in the place of the file without the ending
 *
 * The packed file is durable before the other goes, so one of the two is there at any moment, also
 * after a crash. Names stay those of the contents: the same content that comes again meanwhile gets
 * a file of its own, which is then found first. A reader gets the content in a temporary file. */
#include "store/blobs_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define LEVEL 9
#define PIECE_BYTES ((size_t)131072)
#define WORTH_PERCENT 95 /* a larger part of what it was is not worth it */
#define PACKED_NAME_BYTES (BLOBS_NAME_BYTES + sizeof BLOBS_PACKED_SUFFIX)

static void packed_name(const char name[BLOBS_NAME_BYTES], char out[PACKED_NAME_BYTES])
{
    snprintf(out, PACKED_NAME_BYTES, "%s%s", name, BLOBS_PACKED_SUFFIX);
}

/* From one file to another, in pieces. */
struct pipe {
    int in, out;
    char *piece, *made;
    uint64_t made_bytes, made_max;
};

static bool pipe_init(struct pipe *p, struct err *e)
{
    p->piece = malloc(PIECE_BYTES);
    p->made = malloc(PIECE_BYTES);
    return (p->piece && p->made) || err_set(e, ERR_NOMEM, 0, "a large file");
}

static void pipe_done(struct pipe *p)
{
    free(p->piece);
    free(p->made);
}

/* 0 at the end. */
static bool read_piece(struct pipe *p, size_t *len, struct err *e)
{
    ssize_t n;
    do
        n = read(p->in, p->piece, PIECE_BYTES);
    while (n < 0 && errno == EINTR);
    *len = n < 0 ? 0 : (size_t)n;
    return n >= 0 || blobs_failed(e, "read a file");
}

static bool write_made(struct pipe *p, size_t len, struct err *e)
{
    p->made_bytes += len;
    if (p->made_bytes > p->made_max)
        return err_set(e, ERR_LIMIT, 0, "it holds more than it should");
    for (size_t done = 0; done < len;) {
        ssize_t n = write(p->out, p->made + done, len - done);
        if (n < 0 && errno != EINTR)
            return blobs_failed(e, "write a file");
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Packing. */

static bool pack_piece(struct pipe *p, ZSTD_CCtx *z, size_t len, struct err *e)
{
    ZSTD_inBuffer in = { p->piece, len, 0 };
    ZSTD_EndDirective how = len > 0 ? ZSTD_e_continue : ZSTD_e_end;
    size_t left;
    do {
        ZSTD_outBuffer out = { p->made, PIECE_BYTES, 0 };
        left = ZSTD_compressStream2(z, &out, &in, how);
        if (ZSTD_isError(left))
            return err_set(e, ERR_NOMEM, 0, "cannot compress a file: %s", ZSTD_getErrorName(left));
        if (!write_made(p, out.pos, e))
            return false;
    } while (how == ZSTD_e_end ? left > 0 : in.pos < in.size);
    return true;
}

static bool pack(struct pipe *p, struct err *e)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t len = 1;
    bool ok = z && !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL)) &&
              !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1));
    if (!ok)
        (void)err_set(e, ERR_NOMEM, 0, "no memory to compress a file");
    while (ok && len > 0)
        ok = read_piece(p, &len, e) && pack_piece(p, z, len, e);
    ZSTD_freeCCtx(z);
    return ok;
}

/* The packed file is whole under its temporary name: it takes the place of the other, unless that
 * has been removed meanwhile. */
static bool take_place_alone(struct blobs *b, const char *temporary,
                             const char name[BLOBS_NAME_BYTES], bool *taken, struct err *e)
{
    char packed[PACKED_NAME_BYTES];
    packed_name(name, packed);
    *taken = faccessat(b->fd, name, F_OK, 0) == 0;
    if (!*taken)
        return errno == ENOENT || blobs_failed(e, "find a file");
    if (renameat(b->tmp_fd, temporary, b->fd, packed) != 0)
        return blobs_failed(e, "name a file");
    return blobs_sync_names(b, name, e) &&
           (unlinkat(b->fd, name, 0) == 0 || errno == ENOENT || blobs_failed(e, "remove a file"));
}

static bool take_place(struct blobs *b, const char *temporary, const struct content *c,
                       const char name[BLOBS_NAME_BYTES], bool *taken, struct err *e)
{
    pthread_mutex_t *mu = &b->naming_mu[c->hash[0]];
    pthread_mutex_lock(mu);
    bool ok = take_place_alone(b, temporary, name, taken, e);
    pthread_mutex_unlock(mu);
    return ok;
}

static bool compress_open(struct blobs *b, const struct content *c, int in, const char *name,
                          size_t *packed, struct err *e)
{
    char temporary[BLOBS_TEMPORARY_BYTES];
    struct pipe p = { .in = in, .made_max = c->size * WORTH_PERCENT / 100 };
    blobs_temporary_name(b, temporary);
    p.out = openat(b->tmp_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (p.out < 0)
        return blobs_failed(e, "create a file");
    bool ok =
        pipe_init(&p, e) && pack(&p, e) && (fsync(p.out) == 0 || blobs_failed(e, "sync a file"));
    bool taken = false, is_worth = ok || e->code != ERR_LIMIT;
    close(p.out);
    pipe_done(&p);
    ok = ok && take_place(b, temporary, c, name, &taken, e);
    *packed += ok && taken;
    if (!ok || !taken)
        unlinkat(b->tmp_fd, temporary, 0);
    return ok || !is_worth;
}

bool blobs_compress(struct blobs *b, const struct content *c, size_t *packed, struct err *e)
{
    char name[BLOBS_NAME_BYTES];
    if (!c->in_file)
        return true;
    blobs_file_name(c->hash, name);
    int in = openat(b->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return errno == ENOENT || blobs_failed(e, "open a file"); /* it is packed already */
    bool ok = compress_open(b, c, in, name, packed, e);
    close(in);
    return ok;
}

/* Unpacking. */

static bool unpack(struct pipe *p, struct err *e)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    size_t len = 1, left = 1;
    bool ok = z || err_set(e, ERR_NOMEM, 0, "no memory to unpack a file");
    while (ok && len > 0) {
        ok = read_piece(p, &len, e);
        ZSTD_inBuffer in = { p->piece, len, 0 };
        while (ok && in.pos < in.size) {
            ZSTD_outBuffer out = { p->made, PIECE_BYTES, 0 };
            left = ZSTD_decompressStream(z, &out, &in);
            ok = ZSTD_isError(left) ? err_set(e, ERR_IO, 0, "%s", ZSTD_getErrorName(left))
                                    : write_made(p, out.pos, e);
        }
    }
    ZSTD_freeDCtx(z);
    return ok && (left == 0 || err_set(e, ERR_IO, 0, "it is not whole"));
}

bool blobs_open_packed(struct blobs *b, const struct content *c, int *fd, struct err *e)
{
    char name[BLOBS_NAME_BYTES], packed[PACKED_NAME_BYTES], temporary[BLOBS_TEMPORARY_BYTES];
    struct pipe p = { .made_max = c->size };
    blobs_file_name(c->hash, name);
    packed_name(name, packed);
    p.in = openat(b->fd, packed, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (p.in < 0)
        return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, 0, "there is no file blobs/%s", name)
                               : blobs_failed(e, "open a file");
    blobs_temporary_name(b, temporary);
    p.out = openat(b->tmp_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = p.out >= 0 || blobs_failed(e, "create a file");
    if (ok)
        unlinkat(b->tmp_fd, temporary, 0);
    if (ok && !(pipe_init(&p, e) && unpack(&p, e)))
        ok = err_prefix(e, "the file blobs/%s is damaged: ", packed);
    if (ok && p.made_bytes != c->size)
        ok = err_set(e, ERR_IO, 0, "the file blobs/%s is damaged", packed);
    if (ok && lseek(p.out, 0, SEEK_SET) != 0)
        ok = blobs_failed(e, "read a file");
    pipe_done(&p);
    close(p.in);
    if (!ok && p.out >= 0)
        close(p.out);
    *fd = p.out;
    return ok;
}
