/* symbol_images.c - see the header. All names are made here, of numbers and hex digits. */
#include "symbols/symbol_images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".symcache"
#define COPY_BYTES ((size_t)256 << 10)
#define HEX_BYTES (2 * SYMBOL_IMAGE_HASH_BYTES + 1)
#define NAME_BYTES (3 + HEX_BYTES + sizeof SUFFIX) /* "ab/<hash>.symcache" */
#define PLACE_BYTES 32                             /* "tmp/1" */

struct symbol_images {
    int dir;               /* DIR/symbols */
    _Atomic unsigned next; /* number of a scratch folder, or of a file in tmp */
};

static bool failed(struct err *e, const char *what)
{
    int errnum = errno;
    enum err_code code = ERR_IO;
    if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG)
        code = ERR_FULL;
    if (errnum == EMFILE || errnum == ENFILE)
        code = ERR_BUSY;
    return err_set(e, code, 0, "cannot %s: %s", what, strerror(errnum));
}

static void image_name(char name[NAME_BYTES], const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    char hex[HEX_BYTES];
    sodium_bin2hex(hex, sizeof hex, hash, SYMBOL_IMAGE_HASH_BYTES);
    (void)snprintf(name, NAME_BYTES, "%.2s/%s" SUFFIX, hex, hex);
}

/* --- opening ------------------------------------------------------------------------------- */

static bool make_folder(int dir, const char *name, struct err *e)
{
    if (mkdirat(dir, name, 0700) == 0)
        return fsync(dir) == 0 || failed(e, "sync a folder of symbols");
    return errno == EEXIST || failed(e, "make a folder of symbols");
}

/* All files of a folder for which is_needed() does not hold, given their names; *removed counts
 * them. */
static bool clear_folder(int dir, const char *name,
                         bool (*is_needed)(const void *ctx, const char *folder, const char *file),
                         const void *ctx, size_t *removed, struct err *e)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return failed(e, "read a folder of symbols");
    }
    for (struct dirent *entry; (entry = readdir(d));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
            !is_needed(ctx, name, entry->d_name) &&
            (unlinkat(fd, entry->d_name, 0) == 0 || unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0))
            ++*removed;
    closedir(d);
    return true;
}

static bool nothing_is_needed(const void *ctx, const char *folder, const char *file)
{
    (void)ctx, (void)folder, (void)file;
    return false;
}

static bool remove_scratch(int dir, const char *place, struct err *e)
{
    size_t removed = 0;
    return clear_folder(dir, place, nothing_is_needed, NULL, &removed, e) &&
           (unlinkat(dir, place, AT_REMOVEDIR) == 0 || failed(e, "remove a scratch folder"));
}

/* What a server that was killed has left: folders of files, and files. Whatever cannot be removed
 * is left. */
static bool empty_tmp(struct symbol_images *s, struct err *e)
{
    int fd = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return failed(e, "read a folder of symbols");
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        struct err ignored = { 0 };
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(fd, entry->d_name, 0) != 0)
            (void)!remove_scratch(fd, entry->d_name, &ignored);
    }
    closedir(d);
    return true;
}

static bool make_home(struct symbol_images *s, const char *dir, struct err *e)
{
    int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return failed(e, "open the data directory");
    bool ok = make_folder(parent, "symbols", e);
    if (ok)
        s->dir = openat(parent, "symbols", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = ok && (s->dir >= 0 || failed(e, "open the folder of symbols"));
    close(parent);
    return ok;
}

bool symbol_images_open(struct symbol_images **out, const char *dir, struct err *e)
{
    CLEANUP(symbol_images_close_p) struct symbol_images *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NOMEM, 0, "symbols");
    s->dir = -1;
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium does not start");
    if (!make_home(s, dir, e) || !make_folder(s->dir, "tmp", e) || !empty_tmp(s, e))
        return false;
    *out = s;
    s = NULL;
    return true;
}

void symbol_images_close(struct symbol_images *s)
{
    if (!s)
        return;
    if (s->dir >= 0)
        close(s->dir);
    free(s);
}

/* --- scratch folders ----------------------------------------------------------------------- */

static void tmp_place(struct symbol_images *s, char place[PLACE_BYTES], unsigned *number)
{
    do { /* past what could not be removed */
        *number = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
        (void)snprintf(place, PLACE_BYTES, "tmp/%u", *number);
    } while (faccessat(s->dir, place, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

bool symbol_scratch_make(struct symbol_images *s, struct symbol_scratch *out, struct err *e)
{
    char place[PLACE_BYTES];
    tmp_place(s, place, &out->number);
    if (mkdirat(s->dir, place, 0700) != 0)
        return failed(e, "make a scratch folder");
    out->fd = openat(s->dir, place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out->fd >= 0)
        return true;
    (void)failed(e, "open a scratch folder");
    (void)unlinkat(s->dir, place, AT_REMOVEDIR);
    return false;
}

void symbol_scratch_remove(struct symbol_images *s, struct symbol_scratch *scratch)
{
    char place[PLACE_BYTES];
    struct err ignored = { 0 };
    (void)snprintf(place, sizeof place, "tmp/%u", scratch->number);
    close(scratch->fd);
    (void)!remove_scratch(s->dir, place, &ignored); /* else at the next start */
}

/* --- images -------------------------------------------------------------------------------- */

void symbol_image_free(struct symbol_image *image)
{
    symcache_free(image->symcache);
    mapcache_free(image->mapcache);
    if (image->file.len > 0)
        munmap((void *)(uintptr_t)image->file.ptr, image->file.len);
    *image = (struct symbol_image){ .symcache = NULL };
}

bool symbol_image_verify(const struct symbol_image *image, struct err *e)
{
    return image->mapcache ? mapcache_verify(image->mapcache, e)
                           : symcache_verify(image->symcache, e);
}

static bool copy_block(int from, int to, uint8_t *block, crypto_generichash_state *hash,
                       size_t *length, struct err *e)
{
    ssize_t n = read(from, block, COPY_BYTES);
    if (n < 0)
        return failed(e, "read a symbol cache");
    *length = (size_t)n;
    crypto_generichash_update(hash, block, *length);
    for (size_t at = 0; at < *length;) {
        ssize_t done = write(to, block + at, *length - at);
        if (done < 0 && errno != EINTR)
            return failed(e, "write a symbol cache");
        at += done > 0 ? (size_t)done : 0;
    }
    return true;
}

static bool copy(int from, int to, uint8_t hash[SYMBOL_IMAGE_HASH_BYTES], struct err *e)
{
    crypto_generichash_state state;
    uint8_t *block = malloc(COPY_BYTES);
    size_t length = 1;
    bool ok = block || err_set(e, ERR_NOMEM, 0, "copying a symbol cache");
    crypto_generichash_init(&state, NULL, 0, SYMBOL_IMAGE_HASH_BYTES);
    while (ok && length > 0)
        ok = copy_block(from, to, block, &state, &length, e);
    crypto_generichash_final(&state, hash, SYMBOL_IMAGE_HASH_BYTES);
    free(block);
    return ok && (fsync(to) == 0 || failed(e, "sync a symbol cache"));
}

/* Nothing but a file, whatever the helper process has put there. */
static bool open_image(const struct symbol_scratch *scratch, uint32_t image, int *fd, struct err *e)
{
    char name[16];
    struct stat st;
    (void)snprintf(name, sizeof name, "%u", image);
    *fd = openat(scratch->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd >= 0 && fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    if (*fd >= 0)
        close(*fd);
    return err_set(e, ERR_INPUT, 0, "the helper process made no symbol cache");
}

static bool map_file(int fd, struct bytes *out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return failed(e, "read a symbol cache");
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return err_set(e, ERR_INPUT, 0, "not a symbol cache");
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return failed(e, "map a symbol cache");
    *out = (struct bytes){ p, (size_t)st.st_size };
    return true;
}

static bool open_path(const struct symbol_images *s, const char *name, struct symbol_image *out,
                      struct err *e)
{
    struct symbol_image image = { .file = { NULL, 0 } };
    int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND, 0, "the symbol cache %s is not there", name);
    if (fd < 0)
        return failed(e, "open a symbol cache");
    bool ok = map_file(fd, &image.file, e);
    close(fd);
    ok = ok && (mapcache_is(image.file) ? mapcache_open(&image.mapcache, image.file, e)
                                        : symcache_open(&image.symcache, image.file, e));
    if (ok)
        *out = image;
    else
        symbol_image_free(&image);
    return ok || err_prefix(e, "%s: ", name);
}

static bool sync_folder(struct symbol_images *s, const char *name, struct err *e)
{
    int fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = (fd >= 0 && fsync(fd) == 0) || failed(e, "sync a folder of symbols");
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool name_image(struct symbol_images *s, const char *place,
                       const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES], struct err *e)
{
    char name[NAME_BYTES], folder[3];
    image_name(name, hash);
    memcpy(folder, name, 2);
    folder[2] = '\0';
    return make_folder(s->dir, folder, e) &&
           (renameat(s->dir, place, s->dir, name) == 0 || failed(e, "name a symbol cache")) &&
           sync_folder(s, folder, e);
}

/* The copy at `place` is whole: verified, then under its name. */
static bool check_and_name(struct symbol_images *s, const char *place,
                           const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES], struct symbol_image *out,
                           struct err *e)
{
    if (!open_path(s, place, out, e))
        return false;
    if (symbol_image_verify(out, e) && name_image(s, place, hash, e))
        return true;
    symbol_image_free(out);
    return false;
}

bool symbol_images_keep(struct symbol_images *s, const struct symbol_scratch *scratch,
                        uint32_t image, uint8_t hash[SYMBOL_IMAGE_HASH_BYTES],
                        struct symbol_image *out, struct err *e)
{
    char place[PLACE_BYTES];
    unsigned number;
    int from;
    if (!open_image(scratch, image, &from, e))
        return false;
    tmp_place(s, place, &number);
    int to = openat(s->dir, place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = to >= 0 || failed(e, "make a symbol cache");
    ok = ok && copy(from, to, hash, e);
    close(from);
    if (to >= 0)
        close(to);
    ok = ok && check_and_name(s, place, hash, out, e);
    if (!ok && to >= 0)
        (void)unlinkat(s->dir, place, 0);
    return ok;
}

bool symbol_images_find(const struct symbol_images *s, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES],
                        struct symbol_image *out, struct err *e)
{
    char name[NAME_BYTES];
    image_name(name, hash);
    return open_path(s, name, out, e);
}

bool symbol_images_has(const struct symbol_images *s, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    char name[NAME_BYTES];
    image_name(name, hash);
    return faccessat(s->dir, name, R_OK, 0) == 0;
}

/* --- sweeping ------------------------------------------------------------------------------ */

struct needs {
    bool (*is_needed)(const void *ctx, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES]);
    const void *ctx;
};

/* A name that is none of ours stays. */
static bool name_is_needed(const void *ctx, const char *folder, const char *file)
{
    const struct needs *n = ctx;
    uint8_t hash[SYMBOL_IMAGE_HASH_BYTES];
    char name[NAME_BYTES];
    size_t length = 0;
    if (strlen(file) < HEX_BYTES ||
        sodium_hex2bin(hash, sizeof hash, file, HEX_BYTES - 1, NULL, &length, NULL) != 0 ||
        length != sizeof hash)
        return true;
    image_name(name, hash);
    return strncmp(name, folder, 2) != 0 || strcmp(name + 3, file) != 0 ||
           n->is_needed(n->ctx, hash);
}

bool symbol_images_sweep(struct symbol_images *s,
                         bool (*is_needed)(const void *ctx,
                                           const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES]),
                         const void *ctx, size_t *removed, struct err *e)
{
    const struct needs n = { is_needed, ctx };
    *removed = 0;
    for (unsigned i = 0; i < 256; i++) {
        char folder[3];
        (void)snprintf(folder, sizeof folder, "%02x", i);
        if (faccessat(s->dir, folder, X_OK, 0) == 0 &&
            !clear_folder(s->dir, folder, name_is_needed, &n, removed, e))
            return false;
    }
    return true;
}
