/* blobs.c - spools, and the files that they become.
 *
 * A spool is one buffer of BLOB_INLINE_MAX bytes: first it holds all there is, and once there is
 * more, it collects small pieces into writes of at least that size. Pieces of WRITE_MIN or more go
 * to the file without a copy. The hash of a file, SHA-256, is made as the bytes come,
 * by GnuTLS, which uses the processor's own instructions for it: it is a third of what an upload
 * costs. People can check a file with sha256sum. All buffers together have a limit: beyond it,
 * small contents go to files, too, so that many small attachments cannot use up the memory; and a
 * file that is complete is closed, so that many of them cannot use up the descriptors.
 *
 * Keeping a file: its bytes are written out, it gets its name, then both are synced. The order
 * matters. A name must never be durable before the bytes, or a power cut leaves a file that lies
 * about its content; so the name comes only when sync_file_range has waited for the bytes. And one
 * fsync after the name, instead of one before and one after it, costs one commit of the file
 * system's journal instead of two. Large files are handed to the disk while they still come in
 * (WRITE_OUT_BYTES), so that little is left to wait for at the end.
 *
 * Two threads may keep the same content at once: the lock of its directory lets one do it, and the
 * other finds it there. */
#include "store/blobs.h"

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
#include <sys/uio.h>
#include <unistd.h>

#define FANOUT 256
#define SPOOL_FIRST ((size_t)4096)          /* bytes of a spool's first buffer */
#define WRITE_MIN ((size_t)32768)           /* a smaller piece waits in the buffer */
#define WRITE_OUT_BYTES ((uint64_t)8 << 20) /* given to the disk at a time */
#define TEMPORARY_NAME_BYTES 24
#define FILE_NAME_BYTES (3 + 2 * CONTENT_HASH_BYTES + 1) /* "ab/abcdef..." */

/* One of the directories DIR/blobs/00 to ff. */
struct fanout {
    pthread_mutex_t mu; /* held, over I/O, while a file gets its name in the directory */
    bool made;          /* guarded by mu: it is known to be there durably */
};

struct blobs {
    int fd, tmp_fd; /* DIR/blobs and DIR/blobs/tmp; set by blobs_open, then never changed */
    _Atomic uint64_t next_temporary;
    _Atomic size_t held_bytes;     /* of the buffers of all spools */
    struct fanout fanouts[FANOUT]; /* by the first byte of the hash */
};

struct spool {
    struct blobs *blobs;
    gnutls_hash_hd_t hashing; /* once there is a file, until it is finished; else NULL */
    uint64_t size;            /* of all that was added */
    bool failed;              /* a write failed: nothing works any more */
    bool finished, kept;
    uint8_t hash[CONTENT_HASH_BYTES]; /* once finished */

    char *buffer; /* all of it; with a file, what is not yet written to it */
    size_t buffered, buffer_bytes;

    bool in_file; /* else all is in the buffer */
    int fd;       /* of the file until the spool is finished; else -1 */
    char temporary[TEMPORARY_NAME_BYTES];
    uint64_t written_out; /* bytes that the disk was told to write */
    void *map;            /* of the file; NULL: not mapped */
};

/* The directory. */

static bool blobs_failed(struct err *e, const char *what)
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

bool blobs_open(struct blobs **out, const char *dir, struct err *e)
{
    CLEANUP(blobs_close_p) struct blobs *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(e, ERR_NOMEM, 0, "large files");
    b->fd = b->tmp_fd = -1;
    for (size_t i = 0; i < FANOUT; i++)
        pthread_mutex_init(&b->fanouts[i].mu, NULL);
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium cannot be used");
    if (!directory_make(dir, e) || !open_in(dir, "blobs", &b->fd, e) ||
        !open_in(dir, "blobs/tmp", &b->tmp_fd, e) || !empty_temporary(b->tmp_fd, e))
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
    for (size_t i = 0; i < FANOUT; i++)
        pthread_mutex_destroy(&b->fanouts[i].mu);
    free(b);
}

static void file_name(const uint8_t hash[CONTENT_HASH_BYTES], char out[FILE_NAME_BYTES])
{
    sodium_bin2hex(out + 3, FILE_NAME_BYTES - 3, hash, CONTENT_HASH_BYTES);
    out[0] = out[3];
    out[1] = out[4];
    out[2] = '/';
}

/* Sweeping. */

struct sweep {
    struct blobs *blobs;
    bool (*is_needed)(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES]);
    const void *ctx;
    size_t removed;
};

/* One file of a directory; what has no name of ours is not ours to remove. */
static bool sweep_file(struct sweep *w, int directory, const char *name, struct err *e)
{
    uint8_t hash[CONTENT_HASH_BYTES];
    size_t len;
    if (sodium_hex2bin(hash, sizeof hash, name, strlen(name), NULL, &len, NULL) != 0 ||
        len != sizeof hash || strlen(name) != 2 * sizeof hash || w->is_needed(w->ctx, hash))
        return true;
    if (unlinkat(directory, name, 0) != 0)
        return blobs_failed(e, "remove a file");
    w->removed++;
    return true;
}

static bool sweep_fanout(struct sweep *w, const char *name, struct err *e)
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

bool blobs_sweep(struct blobs *b,
                 bool (*is_needed)(const void *ctx, const uint8_t hash[CONTENT_HASH_BYTES]),
                 const void *ctx, size_t *removed, struct err *e)
{
    struct sweep w = { b, is_needed, ctx, 0 };
    for (unsigned i = 0; i < FANOUT; i++) {
        char name[3];
        snprintf(name, sizeof name, "%02x", i);
        if (!sweep_fanout(&w, name, e))
            return false;
    }
    *removed = w.removed;
    return true;
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

/* Ends it; into `out`, or into nothing. */
static void hash_end(struct spool *s, uint8_t *out)
{
    if (s->hashing)
        gnutls_hash_deinit(s->hashing, out);
    s->hashing = NULL;
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
    hash_end(s, NULL);
    if (s->in_file && !s->kept)
        unlinkat(s->blobs->tmp_fd, s->temporary, 0);
    s->in_file = false;
}

static void buffer_free(struct spool *s)
{
    atomic_fetch_sub_explicit(&s->blobs->held_bytes, s->buffer_bytes, memory_order_relaxed);
    free(s->buffer);
    s->buffer = NULL;
    s->buffered = s->buffer_bytes = 0;
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    drop_file(s);
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

static bool hash_add(struct spool *s, struct bytes piece, struct err *e)
{
    return piece.len == 0 || gnutls_hash(s->hashing, piece.ptr, piece.len) == 0 ||
           err_set(e, ERR_IO, 0, "SHA-256 fails");
}

static bool create_file(struct spool *s, struct err *e)
{
    snprintf(s->temporary, sizeof s->temporary, "%" PRIu64,
             atomic_fetch_add_explicit(&s->blobs->next_temporary, 1, memory_order_relaxed));
    s->fd = openat(s->blobs->tmp_fd, s->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    s->in_file = s->fd >= 0;
    if (!s->in_file)
        return spool_failed(s, e, "create a file");
    if (gnutls_hash_init(&s->hashing, GNUTLS_DIG_SHA256) != 0) {
        s->hashing = NULL;
        return err_set(e, ERR_NOMEM, 0, "no memory for an upload");
    }
    return hash_add(s, (struct bytes){ (const uint8_t *)s->buffer, s->buffered }, e);
}

/* What is buffered, and the piece behind it. */
static bool write_through(struct spool *s, struct bytes piece, struct err *e)
{
    struct iovec parts[2] = {
        { s->buffer, s->buffered },
        { (void *)(uintptr_t)piece.ptr, piece.len }, /* writev reads only */
    };
    size_t left = s->buffered + piece.len;
    while (left > 0) {
        ssize_t n = writev(s->fd, parts, 2);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return spool_failed(s, e, "write a file");
        left -= (size_t)n;
        for (size_t i = 0, gone = (size_t)n; i < 2; i++) {
            size_t of_this = gone < parts[i].iov_len ? gone : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + of_this;
            parts[i].iov_len -= of_this;
            gone -= of_this;
        }
    }
    s->buffered = 0;
    return true;
}

/* Has the disk begin with what lies in the file. A hint: what goes wrong here, spool_keep sees. */
static void write_out(struct spool *s, uint64_t in_file)
{
    uint64_t to = in_file - in_file % WRITE_OUT_BYTES;
    if (to == s->written_out)
        return;
    (void)!sync_file_range(s->fd, (off_t)s->written_out, (off_t)(to - s->written_out),
                           SYNC_FILE_RANGE_WRITE);
    s->written_out = to;
}

/* False with *e: no memory. False without: over the limit of all, and the piece has to go to the
 * file. */
static bool buffer_grow(struct spool *s, size_t want, bool *over_limit, struct err *e)
{
    *over_limit = false;
    if (want <= s->buffer_bytes)
        return true;
    _Atomic size_t *held = &s->blobs->held_bytes;
    size_t bytes = s->buffer_bytes ? s->buffer_bytes : SPOOL_FIRST;
    while (bytes < want)
        bytes *= 2;
    size_t more = bytes - s->buffer_bytes;
    size_t before = atomic_fetch_add_explicit(held, more, memory_order_relaxed);
    *over_limit = before + more > BLOBS_HELD_MAX;
    char *p = *over_limit ? NULL : realloc(s->buffer, bytes);
    if (!p) {
        atomic_fetch_sub_explicit(held, more, memory_order_relaxed);
        return !*over_limit && err_set(e, ERR_NOMEM, 0, "no memory for an upload");
    }
    s->buffer = p;
    s->buffer_bytes = bytes;
    return true;
}

static bool to_file(struct spool *s, struct bytes piece, struct err *e)
{
    if (!s->in_file && !create_file(s, e))
        return false;
    if (!write_through(s, piece, e))
        return false;
    write_out(s, s->size + piece.len);
    return true;
}

/* Into the buffer when the piece belongs there and there is room. */
static bool to_buffer_or_file(struct spool *s, struct bytes piece, struct err *e)
{
    bool waits = !s->in_file || piece.len < WRITE_MIN, over_limit;
    if (!waits || piece.len > BLOB_INLINE_MAX - s->buffered)
        return to_file(s, piece, e);
    if (!buffer_grow(s, s->buffered + piece.len, &over_limit, e))
        return over_limit && to_file(s, piece, e);
    memcpy(s->buffer + s->buffered, piece.ptr, piece.len);
    s->buffered += piece.len;
    return true;
}

bool spool_add(struct spool *s, struct bytes piece, struct err *e)
{
    assert(!s->finished);
    if (!spool_usable(s, e))
        return false;
    if (piece.len == 0)
        return true;
    if (!to_buffer_or_file(s, piece, e))
        return false;
    if (s->in_file && !hash_add(s, piece, e))
        return false;
    s->size += piece.len;
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
        if (s->in_file && !write_through(s, (struct bytes){ NULL, 0 }, e))
            return false;
        if (s->in_file) {
            close_file(s);
            buffer_free(s);
            hash_end(s, s->hash);
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
    char name[FILE_NAME_BYTES];
    file_name(s->hash, name);
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

static bool make_fanout(struct blobs *b, struct fanout *f, const char *directory, struct err *e)
{
    if (f->made)
        return true;
    if (mkdirat(b->fd, directory, 0700) != 0 && errno != EEXIST)
        return blobs_failed(e, "make a directory");
    if (fsync(b->fd) != 0)
        return blobs_failed(e, "sync the directory");
    f->made = true;
    return true;
}

static bool sync_fanout(struct blobs *b, const char *directory, struct err *e)
{
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

static bool name_file(struct spool *s, const char *name, const char *directory, struct err *e)
{
    struct blobs *b = s->blobs;
    const unsigned all =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (sync_file_range(s->fd, 0, 0, all) != 0 && (errno != ENOSYS || fdatasync(s->fd) != 0))
        return blobs_failed(e, "write out a file");
    if (renameat(b->tmp_fd, s->temporary, b->fd, name) != 0)
        return blobs_failed(e, "name a file");
    bool ok = fsync(s->fd) == 0 || blobs_failed(e, "sync a file");
    if (ok && sync_fanout(b, directory, e))
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
    struct fanout *f = &b->fanouts[s->hash[0]];
    char name[FILE_NAME_BYTES], directory[] = "00";
    file_name(s->hash, name);
    memcpy(directory, name, 2);
    pthread_mutex_lock(&f->mu);
    bool there = is_there(b, name, s->size);
    s->kept = make_fanout(b, f, directory, e) &&
              (there ? sync_fanout(b, directory, e) : name_file(s, name, directory, e));
    f->made = s->kept; /* whatever is wrong with the directory is looked at again */
    pthread_mutex_unlock(&f->mu);
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
    char name[FILE_NAME_BYTES];
    file_name(c->hash, name);
    int file = openat(b->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no file blobs/%s", name);
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
