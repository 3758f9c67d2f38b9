/* blobs.c - spools, and the files that they become.
 *
 * A spool is one buffer. A content that fits into BLOB_INLINE_MAX bytes of it stays there; of a
 * larger one the buffer, when it is full, goes to a file, again and again. All buffers together
 * have a limit: beyond it they do not grow, and small contents go to files, too, so that many small
 * attachments cannot use up the memory; and a file that is complete is closed, so that many of them
 * cannot use up the descriptors.
 *
 * Writing. Large contents are written once and read seldom, so they go past the system's cache of
 * files (O_DIRECT): without the copy, the pages and their way to the disk later on, a write costs
 * half the processor time or less, and what others have in that cache stays there. It wants an
 * aligned buffer and whole units, so the last bytes of a file take the usual way; so do files of a
 * file system that has no other.
 *
 * Names. The name of a file is 32 bytes that depend on its content and on the secret of the data
 * directory: BLAKE2b, keyed, of the content's length and its UMAC-128 (RFC 4418) under a key that
 * nobody outside knows. SHA-256 would take as much processor time as all the writing; this takes a
 * quarter of that. The nonce of UMAC is always the same, so its tags are equal exactly when UMAC's
 * inner hashes are, and a pair of contents that someone chose without knowing the key has equal
 * ones with a probability of 2^-120. That would not hold any longer for someone who has seen tags;
 * BLAKE2b is there to keep them inside, so that a name that gets out in a list of files or in a log
 * tells nothing of them. Reading never asks what made a name: files that older versions named by
 * SHA-256 are found like all others, and equal content that comes again is stored once more.
 *
 * Keeping a file: its bytes are written out, it gets its name, then both are synced. The order
 * matters. A name must never be durable before the bytes, or a power cut leaves a file that lies
 * about its content; so the name comes only when sync_file_range has waited for the bytes. And one
 * fsync after the name, instead of one before and one after it, costs one commit of the file
 * system's journal instead of two.
 *
 * Two threads may keep the same content at once: the lock of its directory lets one do it, and the
 * other finds it there. */
#include "store/blobs_internal.h"

#include "base/dynlib.h"
#include "store/directory.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

DYNLIB_FUNCTION(gnutls_hmac);
DYNLIB_FUNCTION(gnutls_hmac_deinit);
DYNLIB_FUNCTION(gnutls_hmac_init);
DYNLIB_FUNCTION(gnutls_hmac_output);
DYNLIB_FUNCTION(gnutls_hmac_set_nonce);
DYNLIB_FUNCTION(gnutls_strerror);
static const struct dynlib_symbol gnutls[] = {
    DYNLIB_SYMBOL(gnutls_hmac),           DYNLIB_SYMBOL(gnutls_hmac_deinit),
    DYNLIB_SYMBOL(gnutls_hmac_init),      DYNLIB_SYMBOL(gnutls_hmac_output),
    DYNLIB_SYMBOL(gnutls_hmac_set_nonce), DYNLIB_SYMBOL(gnutls_strerror),
};

#define SPOOL_FIRST ((size_t)4096) /* bytes of a spool's first buffer */
#define SPOOL_LARGEST ((size_t)262144)
#define SPOOL_GROWS 4    /* times; so that one of its sizes is BLOB_INLINE_MAX */
#define DIRECT_UNIT 4096 /* bytes: what O_DIRECT wants addresses and lengths to be multiples of */
#define UMAC_BYTES 16
#define UMAC_NONCE_BYTES 8

struct spool {
    struct blobs *blobs;
    gnutls_hmac_hd_t umac; /* once there is a file, until it is finished; else NULL */
    uint64_t size;         /* of all that was added */
    bool failed;           /* a write failed: nothing works any more */
    bool finished, kept;
    bool is_keeping;                  /* it is counted: blobs_keeping_ends is to come */
    unsigned turn;                    /* then */
    uint8_t hash[CONTENT_HASH_BYTES]; /* once finished */

    char *buffer; /* all of it; with a file, what is not yet written to it */
    size_t buffered, buffer_bytes;

    bool in_file; /* else all is in the buffer */
    bool direct;  /* the file is written past the system's cache */
    int fd;       /* of the file until the spool is finished; else -1 */
    char temporary[BLOBS_TEMPORARY_BYTES];
    void *map; /* of the file; NULL: not mapped */
};

/* The directory. */

bool blobs_failed(struct err *e, const char *what)
{
    int errnum = errno;
    return err_set(e, directory_err_code(errnum), 0, "cannot %s in blobs: %s", what,
                   strerror(errnum));
}

/* What a server that was killed had not finished. */
static bool empty_temporary(int tmp_fd, struct err *e)
{
    int fd = openat(tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        blobs_failed(e, "list tmp");
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = true;
    for (struct dirent *at; ok && (at = readdir(d));)
        if (at->d_name[0] != '.' && unlinkat(tmp_fd, at->d_name, 0) != 0)
            ok = blobs_failed(e, "remove a temporary file");
    closedir(d);
    return ok;
}

static bool open_in(const char *dir, const char *name, int *fd, struct err *e)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return err_set(e, ERR_NOMEM, 0, "large files");
    bool ok = directory_make(path, e);
    if (ok) {
        *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ok = *fd >= 0 || blobs_failed(e, "open a directory");
    }
    free(path);
    return ok;
}

/* Durable before the first file is. */
static bool make_fanout(int blobs_fd, struct err *e)
{
    for (unsigned i = 0; i < BLOBS_FANOUT; i++) {
        char name[3];
        snprintf(name, sizeof name, "%02x", i);
        if (mkdirat(blobs_fd, name, 0700) != 0 && errno != EEXIST)
            return blobs_failed(e, "make a directory");
    }
    return fsync(blobs_fd) == 0 || blobs_failed(e, "sync the directory");
}

/* `purpose` is crypto_generichash_blake2b_PERSONALBYTES long. */
static void keyed_hash(const struct blobs *b, const char *purpose, struct bytes in, uint8_t *out,
                       size_t out_bytes)
{
    int rc = crypto_generichash_blake2b_salt_personal(out, out_bytes, in.ptr, in.len, b->secret,
                                                      BLOBS_SECRET_BYTES, NULL,
                                                      (const unsigned char *)purpose);
    assert(rc == 0); /* fails only on lengths that are out of its range */
    (void)rc;
}

bool blobs_open(struct blobs **out, const char *dir, const uint8_t secret[BLOBS_SECRET_BYTES],
                struct err *e)
{
    CLEANUP(blobs_close_p) struct blobs *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(e, ERR_NOMEM, 0, "large files");
    b->fd = b->tmp_fd = -1;
    for (size_t i = 0; i < BLOBS_FANOUT; i++)
        pthread_mutex_init(&b->naming_mu[i], NULL);
    pthread_mutex_init(&b->idle_mu, NULL);
    pthread_mutex_init(&b->keeping_mu, NULL);
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium cannot be used");
    if (!dynlib_load("libgnutls.so.30", gnutls, sizeof gnutls / sizeof *gnutls, e))
        return false;
    memcpy(b->secret, secret, sizeof b->secret);
    keyed_hash(b, "crumple blob key", (struct bytes){ NULL, 0 }, b->umac_key, sizeof b->umac_key);
    if (!directory_make(dir, e) || !open_in(dir, "blobs", &b->fd, e) ||
        !open_in(dir, "blobs/tmp", &b->tmp_fd, e) || !empty_temporary(b->tmp_fd, e) ||
        !make_fanout(b->fd, e))
        return false;
    *out = b;
    b = NULL;
    return true;
}

void blobs_close(struct blobs *b)
{
    if (!b)
        return;
    if (b->fd >= 0)
        close(b->fd);
    if (b->tmp_fd >= 0)
        close(b->tmp_fd);
    for (size_t i = 0; i < BLOBS_FANOUT; i++) {
        pthread_mutex_destroy(&b->naming_mu[i]);
        VEC_FREE(&b->doubts[i]);
    }
    pthread_mutex_destroy(&b->idle_mu);
    pthread_mutex_destroy(&b->keeping_mu);
    while (b->idle_count > 0)
        free(b->idle[--b->idle_count]);
    free(b);
}

void blobs_file_name(const uint8_t hash[CONTENT_HASH_BYTES], char out[BLOBS_NAME_BYTES])
{
    sodium_bin2hex(out + 3, BLOBS_NAME_BYTES - 3, hash, CONTENT_HASH_BYTES);
    out[0] = out[3];
    out[1] = out[4];
    out[2] = '/';
}

void blobs_temporary_name(struct blobs *b, char out[BLOBS_TEMPORARY_BYTES])
{
    snprintf(out, BLOBS_TEMPORARY_BYTES, "%" PRIu64,
             atomic_fetch_add_explicit(&b->next_temporary, 1, memory_order_relaxed));
}

/* Spools. */

struct spool *spool_new(struct blobs *b)
{
    struct spool *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->blobs = b;
    s->fd = -1;
    return s;
}

static void umac_drop(struct spool *s)
{
    if (s->umac)
        dl_gnutls_hmac_deinit(s->umac, NULL);
    s->umac = NULL;
}

static void close_file(struct spool *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* A file that was not kept gives its room back. */
static void drop_file(struct spool *s)
{
    close_file(s);
    umac_drop(s);
    if (s->in_file && !s->kept)
        unlinkat(s->blobs->tmp_fd, s->temporary, 0);
    s->in_file = false;
}

static char *buffer_alloc(struct blobs *b, size_t bytes)
{
    char *p = NULL;
    if (bytes == SPOOL_LARGEST) {
        pthread_mutex_lock(&b->idle_mu);
        if (b->idle_count > 0)
            p = b->idle[--b->idle_count];
        pthread_mutex_unlock(&b->idle_mu);
    }
    return p ? p : aligned_alloc(DIRECT_UNIT, bytes);
}

static void buffer_free(struct spool *s)
{
    atomic_fetch_sub_explicit(&s->blobs->held_bytes, s->buffer_bytes, memory_order_relaxed);
    struct blobs *b = s->blobs;
    char *p = s->buffer;
    if (s->buffer_bytes == SPOOL_LARGEST) {
        pthread_mutex_lock(&b->idle_mu);
        if (b->idle_count < BLOBS_SPOOLS_IDLE) {
            b->idle[b->idle_count++] = p;
            p = NULL;
        }
        pthread_mutex_unlock(&b->idle_mu);
    }
    free(p);
    s->buffer = NULL;
    s->buffered = s->buffer_bytes = 0;
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    drop_file(s);
    if (s->is_keeping)
        blobs_keeping_ends(s->blobs, s->turn);
    if (s->map)
        munmap(s->map, (size_t)s->size);
    buffer_free(s);
    free(s);
}

/* After any failure of the system: what the file holds is not known any more. */
static bool spool_failed(struct spool *s, struct err *e, const char *what)
{
    blobs_failed(e, what);
    drop_file(s);
    s->failed = true;
    return false;
}

static bool spool_usable(const struct spool *s, struct err *e)
{
    return !s->failed || err_set(e, ERR_IO, 0, "an earlier write of this upload failed");
}

static bool umac_begin(struct spool *s, struct err *e)
{
    static const uint8_t nonce[UMAC_NONCE_BYTES];
    int rc = dl_gnutls_hmac_init(&s->umac, GNUTLS_MAC_UMAC_128, s->blobs->umac_key,
                                 BLOBS_UMAC_KEY_BYTES);
    if (rc != 0) {
        s->umac = NULL;
        return err_set(e, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_IO, 0,
                       "cannot make a name for an upload: %s", dl_gnutls_strerror(rc));
    }
    dl_gnutls_hmac_set_nonce(s->umac, nonce, sizeof nonce);
    return true;
}

static void umac_add(struct spool *s, struct bytes piece)
{
    int rc = dl_gnutls_hmac(s->umac, piece.ptr, piece.len);
    assert(rc == 0); /* it only adds to what umac_begin has set up */
    (void)rc;
}

static void name_content(struct spool *s)
{
    uint8_t in[8 + UMAC_BYTES];
    for (size_t i = 0; i < 8; i++)
        in[i] = (uint8_t)(s->size >> (8 * i));
    dl_gnutls_hmac_output(s->umac, in + 8);
    umac_drop(s);
    keyed_hash(s->blobs, "crumple blob v1 ", (struct bytes){ in, sizeof in }, s->hash,
               sizeof s->hash);
}

static bool create_file(struct spool *s, struct err *e)
{
    if (!umac_begin(s, e))
        return false;
    blobs_temporary_name(s->blobs, s->temporary);
    s->fd = openat(s->blobs->tmp_fd, s->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    s->in_file = s->fd >= 0;
    if (!s->in_file)
        return spool_failed(s, e, "create a file");
    /* In small writes it would be slower. */
    s->direct = s->buffer_bytes >= BLOB_INLINE_MAX && fcntl(s->fd, F_SETFL, O_DIRECT) == 0;
    return true;
}

/* From here on through the system's cache. */
static bool end_direct(struct spool *s, struct err *e)
{
    s->direct = false;
    return fcntl(s->fd, F_SETFL, 0) == 0 || spool_failed(s, e, "write a file");
}

/* All that is buffered. */
static bool write_buffer(struct spool *s, struct err *e)
{
    if (!s->in_file && !create_file(s, e))
        return false;
    umac_add(s, (struct bytes){ (const uint8_t *)s->buffer, s->buffered });
    for (size_t done = 0; done < s->buffered;) {
        size_t n = s->buffered - done;
        if (s->direct && n < DIRECT_UNIT && !end_direct(s, e))
            return false;
        if (s->direct)
            n -= n % DIRECT_UNIT;
        ssize_t written = write(s->fd, s->buffer + done, n);
        if (written >= 0) {
            done += (size_t)written;
        } else if (errno == EINVAL && s->direct) { /* it wants larger units */
            if (!end_direct(s, e))
                return false;
        } else if (errno != EINTR) {
            return spool_failed(s, e, "write a file");
        }
    }
    s->buffered = 0;
    return true;
}

/* A larger buffer. False with *e: no memory. True without a larger one: it has its largest size, or
 * all together are over their limit. */
static bool buffer_grow(struct spool *s, struct err *e)
{
    _Atomic size_t *held = &s->blobs->held_bytes;
    size_t bytes = s->buffer ? SPOOL_GROWS * s->buffer_bytes : SPOOL_FIRST;
    if (bytes > SPOOL_LARGEST)
        return true;
    size_t more = bytes - s->buffer_bytes;
    size_t before = atomic_fetch_add_explicit(held, more, memory_order_relaxed);
    bool over_limit = s->buffer && before + more > BLOBS_HELD_MAX;
    char *p = over_limit ? NULL : buffer_alloc(s->blobs, bytes);
    if (!p) {
        atomic_fetch_sub_explicit(held, more, memory_order_relaxed);
        return over_limit || err_set(e, ERR_NOMEM, 0, "no memory for an upload");
    }
    if (s->buffer)
        memcpy(p, s->buffer, s->buffered);
    free(s->buffer);
    s->buffer = p;
    s->buffer_bytes = bytes;
    return true;
}

static bool make_room(struct spool *s, struct err *e)
{
    return buffer_grow(s, e) && (s->buffered < s->buffer_bytes || write_buffer(s, e));
}

bool spool_add(struct spool *s, struct bytes piece, struct err *e)
{
    assert(!s->finished);
    if (!spool_usable(s, e))
        return false;
    while (piece.len > 0) {
        if (s->buffered == s->buffer_bytes && !make_room(s, e))
            return false;
        size_t room = s->buffer_bytes - s->buffered, n = piece.len < room ? piece.len : room;
        memcpy(s->buffer + s->buffered, piece.ptr, n);
        s->buffered += n;
        s->size += n;
        piece = (struct bytes){ piece.ptr + n, piece.len - n };
    }
    return true;
}

uint64_t spool_size(const struct spool *s)
{
    return s->size;
}

bool spool_finish(struct spool *s, struct content *out, struct err *e)
{
    if (!spool_usable(s, e))
        return false;
    if (!s->finished) {
        if ((s->in_file || s->size > BLOB_INLINE_MAX) && !write_buffer(s, e))
            return false;
        if (s->in_file) {
            close_file(s);
            buffer_free(s);
            name_content(s);
        }
        s->finished = true;
    }
    *out = (struct content){ .size = s->size, .in_file = s->in_file };
    if (!out->in_file)
        out->bytes = (struct str){ s->buffer ? s->buffer : "", s->buffered };
    memcpy(out->hash, s->hash, CONTENT_HASH_BYTES);
    return true;
}

/* The whole file, which nobody changes any more. */
static bool map_file(int fd, uint64_t size, void **out, struct err *e)
{
    if (size > SIZE_MAX)
        return err_set(e, ERR_LIMIT, 0, "a file of %" PRIu64 " bytes cannot be mapped", size);
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return errno == ENOMEM ? err_set(e, ERR_NOMEM, 0, "no room to map a file")
                               : blobs_failed(e, "map a file");
    *out = p;
    return true;
}

static bool open_again(struct spool *s, struct err *e)
{
    char name[BLOBS_NAME_BYTES];
    blobs_file_name(s->hash, name);
    s->fd = openat(s->kept ? s->blobs->fd : s->blobs->tmp_fd, s->kept ? name : s->temporary,
                   O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return s->fd >= 0 || blobs_failed(e, "open a file again");
}

bool spool_view(struct spool *s, struct str *out, struct err *e)
{
    assert(s->finished);
    if (!spool_usable(s, e))
        return false;
    if (!s->in_file) {
        *out = (struct str){ s->buffer ? s->buffer : "", s->buffered };
        return true;
    }
    if (!s->map) {
        if (!open_again(s, e))
            return false;
        bool ok = map_file(s->fd, s->size, &s->map, e);
        close_file(s);
        if (!ok)
            return false;
    }
    *out = (struct str){ s->map, (size_t)s->size };
    return true;
}

/* Keeping. The caller of all of these but the last holds the lock of the directory. */

bool blobs_sync_names(struct blobs *b, const char name[BLOBS_NAME_BYTES], struct err *e)
{
    const char directory[] = { name[0], name[1], '\0' };
    int fd = openat(b->fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return blobs_failed(e, "open a directory");
    bool ok = fsync(fd) == 0 || blobs_failed(e, "sync a directory");
    close(fd);
    return ok;
}

/* Whether the content is there already, durably. One of another size is damaged: ours is better. */
static bool is_there(struct blobs *b, const char *name, uint64_t size)
{
    int fd = openat(b->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct stat st;
    bool there = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size &&
                 fsync(fd) == 0;
    close(fd);
    return there;
}

static bool name_file(struct spool *s, const char name[BLOBS_NAME_BYTES], struct err *e)
{
    struct blobs *b = s->blobs;
    const unsigned all =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (sync_file_range(s->fd, 0, 0, all) != 0 && (errno != ENOSYS || fdatasync(s->fd) != 0))
        return blobs_failed(e, "write out a file");
    if (renameat(b->tmp_fd, s->temporary, b->fd, name) != 0)
        return blobs_failed(e, "name a file");
    bool ok = fsync(s->fd) == 0 || blobs_failed(e, "sync a file");
    if (ok && blobs_sync_names(b, name, e))
        return true;
    unlinkat(b->fd, name, 0); /* nobody has relied on it yet */
    return false;
}

bool spool_keep(struct spool *s, struct err *e)
{
    assert(s->finished);
    if (!spool_usable(s, e))
        return false;
    if (!s->in_file || s->kept)
        return true;
    if (!open_again(s, e))
        return false;
    struct blobs *b = s->blobs;
    pthread_mutex_t *mu = &b->naming_mu[s->hash[0]];
    char name[BLOBS_NAME_BYTES];
    blobs_file_name(s->hash, name);
    s->turn = blobs_keeping_begins(b);
    s->is_keeping = true;
    pthread_mutex_lock(mu);
    blobs_doubt_not(b, s->hash);
    bool there = is_there(b, name, s->size);
    s->kept = there ? blobs_sync_names(b, name, e) : name_file(s, name, e);
    pthread_mutex_unlock(mu);
    if (there)
        unlinkat(b->tmp_fd, s->temporary, 0); /* failing, it goes at the next start */
    close_file(s);
    if (!s->kept) {
        drop_file(s);
        s->failed = true;
    }
    return s->kept;
}

/* Reading. */

bool blobs_open_file(struct blobs *b, const struct content *c, int *fd, struct err *e)
{
    assert(c->in_file);
    char name[BLOBS_NAME_BYTES];
    blobs_file_name(c->hash, name);
    int file = openat(b->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return blobs_open_packed(b, c, fd, e);
    if (file < 0)
        return blobs_failed(e, "open a file");
    struct stat st;
    if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != c->size) {
        close(file);
        return err_set(e, ERR_IO, 0, "the file blobs/%s is damaged", name);
    }
    *fd = file;
    return true;
}

struct mapping {
    void *at;
    size_t bytes;
};

static void unmap(void *arg)
{
    struct mapping *m = arg;
    munmap(m->at, m->bytes);
}

bool blobs_view(struct blobs *b, const struct content *c, struct arena *a, struct str *out,
                struct err *e)
{
    if (!c->in_file) {
        *out = c->bytes;
        return true;
    }
    struct mapping *m = arena_alloc(a, sizeof *m);
    int fd;
    if (!m)
        return err_set(e, ERR_NOMEM, 0, "a large file");
    if (!blobs_open_file(b, c, &fd, e))
        return false;
    m->bytes = (size_t)c->size;
    bool ok = c->size > 0 ? map_file(fd, c->size, &m->at, e)
                          : err_set(e, ERR_IO, 0, "a large file that is empty");
    close(fd);
    if (!ok)
        return false;
    if (!arena_defer(a, unmap, m)) {
        unmap(m);
        return err_set(e, ERR_NOMEM, 0, "a large file");
    }
    *out = (struct str){ m->at, m->bytes };
    return true;
}
