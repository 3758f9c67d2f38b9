/* inbox.c - the files of the inbox: appended to by one thread, read and crossed off by many.
 *
 * The life of a file:
 *
 *     last    inbox_append writes behind its end; kept even when nothing in it is left to do
 *     full    INBOX_FILE_BYTES are reached, or the server was started anew: never written again
 *     gone    full, and its last upload is done: removed, or renamed when it is damaged
 *
 * The loss of a removal by a power cut does no harm: the store knows the uploads, and they are
 * crossed off again.
 *
 * When a write or a sync fails, nobody knows what the file holds behind its last good end. It is
 * cut back to that at once, and if that fails too, before the next append; until it succeeds
 * nothing is appended. So a batch that failed does not come back later, unless the machine stops
 * before the cut. */
#include "store/inbox.h"

#include "base/vec.h"
#include "store/directory.h"
#include "store/inbox_record.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)4 << 20)        /* of a batch, collected before they are written */
#define DECODE_ARENA_BYTES ((size_t)4 << 20) /* the lists of one upload; its texts stay put */
#define FILE_NAME_BYTES 16                   /* 0000000001.log */
#define DAMAGED ".damaged"

struct log_file {
    /* Set before others see the file, then never changed. */
    uint32_t number;
    struct inbox_key key;
    bool damaged;

    /* Guarded by inbox.mu. */
    uint64_t bytes;
    size_t left; /* uploads that are not done */
    bool full;   /* when nothing is left, it goes */
};

struct inbox {
    int directory; /* set by inbox_open, then never changed */

    /* Guards the list, and what in its files says so. Never held over I/O. */
    pthread_mutex_t mu;
    VEC(struct log_file *) files; /* by number */

    /* Owned by the thread that appends. */
    uint32_t next_number;
    struct log_file *last; /* NULL: none yet */
    int last_fd;           /* for appending; -1: none yet */
    uint64_t end;          /* of what is good in it */
    bool cut_needed;       /* there may be more behind `end` */
    struct buf batch;
};

static bool inbox_failed(struct err *e, const char *what)
{
    int errnum = errno;
    return err_set(e, directory_err_code(errnum), 0, "cannot %s of the inbox: %s", what,
                   strerror(errnum));
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for the inbox");
}

/* Files. */

static void file_name(uint32_t number, char out[FILE_NAME_BYTES])
{
    snprintf(out, FILE_NAME_BYTES, "%010" PRIu32 ".log", number);
}

static void file_free(struct log_file *f) /* in memory, not on disk */
{
    free(f);
}
DEFINE_CLEANUP(struct log_file, file_free)

static struct log_file *file_new(uint32_t number)
{
    struct log_file *f = calloc(1, sizeof *f);
    if (f)
        f->number = number;
    return f;
}

/* All in it is done. What fails here is done again after the next start. */
static void file_retire(struct inbox *in, struct log_file *f)
{
    char name[FILE_NAME_BYTES], aside[FILE_NAME_BYTES + sizeof DAMAGED];
    file_name(f->number, name);
    snprintf(aside, sizeof aside, "%s" DAMAGED, name);
    if (f->damaged)
        (void)!renameat(in->directory, name, in->directory, aside);
    else
        (void)!unlinkat(in->directory, name, 0);
    file_free(f);
}

/* Where it stands in the list, or would. The caller holds mu, for this and the next two. */
static size_t files_index(const struct inbox *in, uint32_t number)
{
    size_t low = 0, high = in->files.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in->files.at[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct log_file *files_find(const struct inbox *in, uint32_t number)
{
    size_t i = files_index(in, number);
    return i < in->files.len && in->files.at[i]->number == number ? in->files.at[i] : NULL;
}

/* Takes the file out of the list when it can go; the caller then retires it, without the lock. */
static bool files_take_finished(struct inbox *in, struct log_file *f)
{
    if (!f->full || f->left > 0)
        return false;
    size_t i = files_index(in, f->number);
    in->files.len--;
    memmove(in->files.at + i, in->files.at + i + 1, (in->files.len - i) * sizeof(void *));
    return true;
}

static bool cut(int fd, uint64_t end, struct err *e)
{
    return (ftruncate(fd, (off_t)end) == 0 && fdatasync(fd) == 0) || inbox_failed(e, "cut a file");
}

/* Start: what is there. */

struct opening {
    struct inbox *in;
    bool (*each)(void *ctx, struct inbox_place at, const struct upload *u, struct err *e);
    void *ctx;
    struct arena *arena; /* for one upload at a time */
};

static bool give_out(struct opening *o, struct log_file *f, uint64_t at,
                     const struct inbox_record *r, struct err *e)
{
    struct upload u;
    arena_reset(o->arena);
    if (!upload_decode(r->payload, o->arena, &u, e)) {
        f->damaged = true; /* or of a newer version: the file is kept for that one */
        return e->code == ERR_INPUT;
    }
    f->left++;
    return o->each(o->ctx, (struct inbox_place){ at, f->number, (uint32_t)r->bytes }, &u, e);
}

/* Whether a record of a later batch stands behind `at`: then what was there was durable. */
static bool was_durable(struct str file, size_t at, const struct inbox_key *key)
{
    struct inbox_record r;
    for (size_t next = at + 1; inbox_record_find(file, next, key, &next, &r); next += r.bytes)
        if (r.batch > at)
            return true;
    return false;
}

/* Gives out all records of a file; `end` is behind the last one that counts. */
static bool read_records(struct opening *o, struct log_file *f, struct str file, bool is_last,
                         size_t *end, struct err *e)
{
    size_t at = INBOX_HEAD_BYTES;
    while (at < file.len) {
        struct inbox_record r;
        if (!inbox_record_read((struct str){ file.ptr + at, file.len - at }, &f->key, &r)) {
            if (is_last && !was_durable(file, at, &f->key))
                break; /* a batch that was being written when the server was stopped */
            f->damaged = true;
            if (!inbox_record_find(file, at + 1, &f->key, &at, &r))
                break;
        }
        if (!give_out(o, f, at, &r, e))
            return false;
        at += r.bytes;
    }
    *end = at;
    return true;
}

static bool read_mapped(struct opening *o, struct log_file *f, struct str file, bool is_last,
                        size_t *end, struct err *e)
{
    *end = file.len;
    if (inbox_head_read(file, &f->key))
        return read_records(o, f, file, is_last, end, e);
    /* The head is durable before there is a record, so a short one is of a file without any. */
    f->damaged = !is_last || file.len > INBOX_HEAD_BYTES;
    return true;
}

static bool read_opened(struct opening *o, struct log_file *f, int fd, bool is_last, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return inbox_failed(e, "open a file");
    size_t bytes = (size_t)st.st_size, end;
    void *map = NULL;
    if (bytes > 0) {
        map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
            return inbox_failed(e, "map a file");
        (void)madvise(map, bytes, MADV_SEQUENTIAL);
    }
    bool ok = read_mapped(o, f, (struct str){ map, bytes }, is_last, &end, e);
    if (map)
        munmap(map, bytes);
    f->bytes = bytes;
    f->full = true;
    /* Cut off now, since at the next start it is not the last file any more. */
    return ok && (f->damaged || end == bytes || cut(fd, end, e));
}

static bool read_file(struct opening *o, struct log_file *f, bool is_last, struct err *e)
{
    char name[FILE_NAME_BYTES];
    file_name(f->number, name);
    int fd = openat(o->in->directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return inbox_failed(e, "open a file");
    bool ok = read_opened(o, f, fd, is_last, e);
    close(fd);
    return ok;
}

/* The number of "<number>.log" or "<number>.log.damaged". */
static bool name_number(const char *name, uint32_t *out, bool *is_log)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || errno || n >= UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    *is_log = strcmp(end, ".log") == 0;
    return *is_log || strcmp(end, ".log" DAMAGED) == 0;
}

static int by_number(const void *a, const void *b)
{
    const struct log_file *const *x = a, *const *y = b;
    return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

static bool list_add(struct inbox *in, const char *name, struct err *e)
{
    uint32_t number;
    bool is_log;
    if (!name_number(name, &number, &is_log))
        return true;
    if (number >= in->next_number)
        in->next_number = number + 1; /* past those put aside, too */
    if (!is_log)
        return true;
    CLEANUP(file_free_p) struct log_file *f = file_new(number);
    if (!f || !VEC_PUSH(&in->files, f))
        return no_memory(e);
    f = NULL;
    return true;
}

/* All files, sorted, not opened yet. */
static bool list_files(struct inbox *in, struct err *e)
{
    int fd = openat(in->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        inbox_failed(e, "list the files");
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = true;
    for (struct dirent *at; ok && (at = readdir(d));)
        ok = list_add(in, at->d_name, e);
    closedir(d);
    if (in->files.len > 0)
        qsort(in->files.at, in->files.len, sizeof *in->files.at, by_number);
    return ok;
}

static bool read_files(struct opening *o, size_t *damage, struct err *e)
{
    struct inbox *in = o->in;
    size_t count = in->files.len;
    for (size_t i = 0; i < count; i++) {
        struct log_file *f = in->files.at[i];
        if (!read_file(o, f, i + 1 == count, e))
            return err_prefix(e, "inbox file %" PRIu32, f->number);
        *damage += f->damaged;
    }
    /* Only now, so that a start that is broken off leaves them all, and the last one the last. */
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct log_file *f = in->files.at[i];
        if (f->left > 0)
            in->files.at[kept++] = f;
        else
            file_retire(in, f);
    }
    in->files.len = kept;
    return true;
}

static bool open_directory(struct inbox *in, const char *dir, struct err *e)
{
    char *path = NULL;
    if (asprintf(&path, "%s/inbox", dir) < 0)
        return no_memory(e);
    bool ok = directory_make(dir, e) && directory_make(path, e);
    if (ok) {
        in->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ok = in->directory >= 0 || inbox_failed(e, "open the directory");
    }
    free(path);
    return ok;
}

bool inbox_open(struct inbox **out, const char *dir,
                bool (*each)(void *ctx, struct inbox_place at, const struct upload *u,
                             struct err *e),
                void *ctx, size_t *damage, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *arena = arena_new(DECODE_ARENA_BYTES);
    CLEANUP(inbox_close_p) struct inbox *in = calloc(1, sizeof *in);
    if (!arena || !in) {
        free(in); /* inbox_close needs more than zeros */
        in = NULL;
        return no_memory(e);
    }
    in->directory = in->last_fd = -1;
    in->next_number = 1;
    pthread_mutex_init(&in->mu, NULL);
    buf_init(&in->batch, WRITE_BYTES + INBOX_RECORD_MAX);
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium cannot be used");
    struct opening o = { in, each, ctx, arena };
    *damage = 0;
    if (!open_directory(in, dir, e) || !list_files(in, e) || !read_files(&o, damage, e))
        return false;
    *out = in;
    in = NULL;
    return true;
}

static bool cut_back(struct inbox *in, struct err *e)
{
    in->cut_needed = !cut(in->last_fd, in->end, e);
    return !in->cut_needed;
}

void inbox_close(struct inbox *in)
{
    if (!in)
        return;
    struct err ignored = { 0 };
    if (in->last && (!in->cut_needed || cut_back(in, &ignored))) {
        /* One with nothing left to do need not be read at the next start. */
        in->last->full = true;
        if (files_take_finished(in, in->last))
            file_retire(in, in->last);
    }
    for (size_t i = 0; i < in->files.len; i++)
        file_free(in->files.at[i]);
    VEC_FREE(&in->files);
    buf_done(&in->batch);
    if (in->last_fd >= 0)
        close(in->last_fd);
    if (in->directory >= 0)
        close(in->directory);
    pthread_mutex_destroy(&in->mu);
    free(in);
}

/* Appending. */

static bool write_all(int fd, struct str s, uint64_t at, struct err *e)
{
    while (s.len > 0) {
        ssize_t n = pwrite(fd, s.ptr, s.len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return inbox_failed(e, "write a file");
        s = (struct str){ s.ptr + n, s.len - (size_t)n };
        at += (uint64_t)n;
    }
    return true;
}

static bool write_head(struct inbox *in, struct log_file *f, int fd, struct err *e)
{
    randombytes_buf(f->key.bytes, sizeof f->key.bytes);
    buf_reset(&in->batch);
    inbox_head_write(&in->batch, &f->key);
    f->bytes = in->batch.len;
    return (buf_ok(&in->batch) || no_memory(e)) && write_all(fd, buf_view(&in->batch), 0, e) &&
           (fsync(fd) == 0 || inbox_failed(e, "sync a file")) &&
           (fsync(in->directory) == 0 || inbox_failed(e, "sync the directory"));
}

/* Creates the file: its head and its name are durable. -1 when that fails. */
static int begin_file(struct inbox *in, struct log_file *f, struct err *e)
{
    char name[FILE_NAME_BYTES];
    file_name(f->number, name);
    int fd = openat(in->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        inbox_failed(e, "create a file");
        return -1;
    }
    if (write_head(in, f, fd, e))
        return fd;
    unlinkat(in->directory, name, 0);
    close(fd);
    return -1;
}

/* Puts a new file into the place of the last one. */
static bool next_file(struct inbox *in, struct err *e)
{
    if (in->next_number == UINT32_MAX)
        return err_set(e, ERR_LIMIT, 0, "the inbox has had too many files");
    CLEANUP(file_free_p) struct log_file *f = file_new(in->next_number);
    if (!f)
        return no_memory(e);
    in->next_number++; /* also when it fails: the name may be taken then */
    int fd = begin_file(in, f, e);
    if (fd < 0)
        return false;
    struct log_file *old = in->last;
    pthread_mutex_lock(&in->mu);
    bool pushed = VEC_PUSH(&in->files, f), old_goes = false;
    if (pushed && old) {
        old->full = true;
        old_goes = files_take_finished(in, old);
    }
    pthread_mutex_unlock(&in->mu);
    if (!pushed) {
        close(fd);
        return no_memory(e); /* a file without records stays; it goes at the next start */
    }
    if (in->last_fd >= 0)
        close(in->last_fd);
    if (old_goes)
        file_retire(in, old);
    in->end = f->bytes;
    in->last = f;
    in->last_fd = fd;
    f = NULL;
    return true;
}

/* Whether the last file has had its time. */
static bool is_over(struct inbox *in)
{
    if (!in->last || in->end >= INBOX_FILE_BYTES)
        return true;
    if (in->end < INBOX_REPLACE_BYTES)
        return false;
    pthread_mutex_lock(&in->mu);
    bool over = in->last->left == 0;
    pthread_mutex_unlock(&in->mu);
    return over;
}

/* Writes the batch behind in->end and syncs; *end is its end then. */
static bool write_batch(struct inbox *in, const struct upload *const *uploads, size_t count,
                        struct inbox_place *places, uint64_t *end, struct err *e)
{
    struct log_file *f = in->last;
    struct buf *b = &in->batch;
    uint64_t at = in->end; /* where *b goes */
    buf_reset(b);
    for (size_t i = 0; i < count; i++) {
        size_t before = b->len;
        inbox_record_write(b, &f->key, in->end, uploads[i]);
        if (!buf_ok(b))
            return no_memory(e);
        places[i] = (struct inbox_place){ at + before, f->number, (uint32_t)(b->len - before) };
        if (b->len < WRITE_BYTES && i + 1 < count)
            continue;
        if (!write_all(in->last_fd, buf_view(b), at, e))
            return false;
        at += b->len;
        buf_reset(b);
    }
    *end = at;
    return fdatasync(in->last_fd) == 0 || inbox_failed(e, "sync a file");
}

bool inbox_append(struct inbox *in, const struct upload *const *uploads, size_t count,
                  struct inbox_place *places, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (!inbox_takes(uploads[i], e))
            return false;
    if (count == 0)
        return true;
    if ((in->cut_needed && !cut_back(in, e)) || (is_over(in) && !next_file(in, e)))
        return false;
    uint64_t end = in->end;
    bool ok = write_batch(in, uploads, count, places, &end, e);
    if (in->batch.cap > 2 * WRITE_BYTES)
        buf_done(&in->batch); /* a large record went through */
    if (!ok) {
        struct err ignored = { 0 };
        in->cut_needed = true;
        (void)!cut_back(in, &ignored);
        return false;
    }
    in->end = end;
    pthread_mutex_lock(&in->mu);
    in->last->bytes = end;
    in->last->left += count;
    pthread_mutex_unlock(&in->mu);
    return true;
}

/* Reading, and crossing off. */

static bool read_all(int fd, char *p, size_t n, uint64_t at, struct err *e)
{
    while (n > 0) {
        ssize_t got = pread(fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return inbox_failed(e, "read a file");
        if (got == 0)
            return err_set(e, ERR_IO, 0, "a file of the inbox is shorter than it was");
        p += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return true;
}

/* Opens the file each time, in a few microseconds: a large backlog has more files than a process
 * may have open. */
static bool read_place(struct inbox *in, struct inbox_place at, char *p, struct err *e)
{
    char name[FILE_NAME_BYTES];
    file_name(at.file, name);
    int fd = openat(in->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return inbox_failed(e, "open a file");
    bool ok = read_all(fd, p, at.length, at.offset, e);
    close(fd);
    return ok;
}

bool inbox_read(struct inbox *in, struct inbox_place at, struct arena *a, struct upload *out,
                struct err *e)
{
    pthread_mutex_lock(&in->mu);
    /* Stays where it is without the lock: it has this upload, which is not done. */
    const struct log_file *f = files_find(in, at.file);
    pthread_mutex_unlock(&in->mu);
    if (!f)
        return err_set(e, ERR_IO, 0, "there is no inbox file %" PRIu32, at.file);
    char *p = arena_alloc(a, at.length);
    if (!p)
        return no_memory(e);
    if (!read_place(in, at, p, e))
        return false;
    struct inbox_record r;
    if (!inbox_record_read((struct str){ p, at.length }, &f->key, &r) || r.bytes != at.length)
        return err_set(e, ERR_IO, 0, "inbox file %" PRIu32 " is damaged at byte %" PRIu64, at.file,
                       at.offset);
    if (upload_decode(r.payload, a, out, e))
        return true;
    if (e->code == ERR_INPUT) /* not what a sender sent, but what we wrote */
        e->code = ERR_IO;
    return false;
}

void inbox_done(struct inbox *in, struct inbox_place at)
{
    pthread_mutex_lock(&in->mu);
    struct log_file *f = files_find(in, at.file);
    assert(f && f->left > 0);
    f->left--;
    bool goes = files_take_finished(in, f);
    pthread_mutex_unlock(&in->mu);
    if (goes)
        file_retire(in, f);
}

uint64_t inbox_bytes(struct inbox *in)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&in->mu);
    for (size_t i = 0; i < in->files.len; i++)
        if (in->files.at[i]->left > 0)
            bytes += in->files.at[i]->bytes + in->files.at[i]->left * INBOX_TICKET_BYTES;
    pthread_mutex_unlock(&in->mu);
    return bytes;
}
