/* folder_cache.c - stat, open, map: what a file costs when it was converted before. */
#include "symbols/folder_cache.h"

#include "base/vec.h"
#include "symbols/breakpad.h"
#include "symbols/elf_symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)8 << 30) /* for what one symbol file says */

struct file_key {
    uint64_t device, number, size;
    int64_t changed_ns;
    uint64_t version;
};

struct opened {
    struct file_key key;
    struct symcache *cache; /* NULL: it cannot be read */
    struct buf image;       /* when it is in memory only */
};

struct folder_cache {
    char *dir; /* NULL: none */
    VEC(struct opened) files;
};

struct folder_cache *folder_cache_new(const char *dir)
{
    struct folder_cache *f = calloc(1, sizeof *f);
    if (f && dir && !(f->dir = strdup(dir))) {
        free(f);
        return NULL;
    }
    return f;
}

void folder_cache_free(struct folder_cache *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->files.len; i++) {
        symcache_free(f->files.at[i].cache);
        buf_done(&f->files.at[i].image);
    }
    VEC_FREE(&f->files);
    free(f->dir);
    free(f);
}

bool folder_map(const char *path, struct bytes *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    *out = (struct bytes){ (const uint8_t *)"", 0 };
    if (ok && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        ok = p != MAP_FAILED;
        if (ok)
            *out = (struct bytes){ p, (size_t)st.st_size };
    }
    close(fd);
    return ok;
}

void folder_unmap(struct bytes file)
{
    if (file.len > 0)
        munmap((void *)(uintptr_t)file.ptr, file.len);
}

/* ---- where a cache is kept ---- */

static bool cache_path(const struct folder_cache *f, const struct file_key *key, char out[PATH_MAX])
{
    if (!f->dir)
        return false;
    int n = snprintf(
        out, PATH_MAX, "%s/%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIu64 ".symcache",
        f->dir, key->device, key->number, key->size, (uint64_t)key->changed_ns, key->version);
    return n > 0 && n < PATH_MAX;
}

/* Makes the folder and those above it, as far as they are missing. */
static void make_folders(const char *dir)
{
    char path[PATH_MAX];
    size_t n = strlen(dir);
    if (n >= sizeof path)
        return;
    memcpy(path, dir, n + 1);
    for (size_t i = 1; i <= n; i++)
        if (path[i] == '/' || path[i] == '\0') {
            char end = path[i];
            path[i] = '\0';
            (void)mkdir(path, 0777); /* what goes wrong shows when a file is made in it */
            path[i] = end;
        }
}

/* Writes an image to where the next process finds it. False: it cannot be kept. */
static bool keep(struct folder_cache *f, struct symcache_builder *b, const char *path,
                 struct err *e)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s/.new-XXXXXX", f->dir);
    if (n < 0 || n >= (int)sizeof temporary)
        return err_set(e, ERR_IO, 0, "%s: too long a path", f->dir);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        make_folders(f->dir);
        memcpy(temporary + n - 6, "XXXXXX", 6);
        fd = mkostemp(temporary, O_CLOEXEC);
    }
    if (fd < 0)
        return err_set(e, ERR_IO, 0, "%s: %s", temporary, strerror(errno));
    bool ok = symcache_write_file(b, fd, e) && fdatasync(fd) == 0;
    ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
    if (!ok)
        (void)unlink(temporary);
    return ok;
}

/* ---- converting ---- */

static bool read_symbols(struct bytes file, struct str name, struct symcache_builder *b,
                         struct err *e)
{
    if (breakpad_is(file))
        return breakpad_read(file, b, e);
    if (elf_is(file))
        return elf_read(file, name, b, e);
    return err_set(e, ERR_INPUT, 0, "neither Breakpad symbols nor an ELF file");
}

static bool open_in_memory(struct opened *o, struct symcache_builder *b, struct err *e)
{
    buf_init(&o->image, MEMORY_MAX);
    return symcache_write_buf(b, &o->image, e) &&
           symcache_open(&o->cache, (struct bytes){ (const uint8_t *)o->image.ptr, o->image.len },
                         e);
}

static bool convert(struct folder_cache *f, const char *path, struct opened *o, struct err *e)
{
    CLEANUP(symcache_builder_free_p) struct symcache_builder *b = symcache_builder_new(MEMORY_MAX);
    char kept[PATH_MAX];
    struct bytes file;
    const char *slash = strrchr(path, '/');
    struct err ignored = { 0 };
    if (!b)
        return err_set(e, ERR_NOMEM, 0, "%s: no memory", path);
    if (!folder_map(path, &file))
        return err_set(e, ERR_IO, 0, "%s: cannot be read", path);
    bool ok = read_symbols(file, str_from_c(slash ? slash + 1 : path), b, e);
    folder_unmap(file);
    if (!ok)
        return err_prefix(e, "%s: ", path);
    if (cache_path(f, &o->key, kept) && keep(f, b, kept, &ignored) &&
        symcache_open_file(&o->cache, kept, &ignored))
        return true;
    return open_in_memory(o, b, e);
}

static bool make_key(const char *path, struct file_key *key)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    *key = (struct file_key){ .device = (uint64_t)st.st_dev,
                              .number = (uint64_t)st.st_ino,
                              .size = (uint64_t)st.st_size,
                              .changed_ns =
                                  st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec,
                              .version = SYMCACHE_VERSION };
    return true;
}

const struct symcache *folder_cache_get(struct folder_cache *f, const char *path)
{
    struct opened o = { .cache = NULL };
    struct err e = { 0 };
    char kept[PATH_MAX];
    if (!make_key(path, &o.key))
        return NULL;
    for (size_t i = 0; i < f->files.len; i++)
        if (memcmp(&f->files.at[i].key, &o.key, sizeof o.key) == 0)
            return f->files.at[i].cache;
    if (!VEC_RESERVE(&f->files, 1))
        return NULL;
    bool there = cache_path(f, &o.key, kept) && symcache_open_file(&o.cache, kept, &e);
    if (!there && !convert(f, path, &o, &e)) {
        buf_done(&o.image);
        o.cache = NULL;
    }
    f->files.at[f->files.len++] = o;
    return o.cache;
}
