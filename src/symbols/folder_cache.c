/* folder_cache.c - stat, open, map: what a file costs when it was converted before. */
#include "symbols/folder_cache.h"

#include "base/vec.h"
#include "symbols/breakpad.h"
#include "symbols/elf_symbols.h"
#include "symbols/folder_keep.h"
#include "symbols/macho_symbols.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)8 << 30) /* for what one symbol file says */
#define KIND "symcache"

struct opened {
    struct file_key key;
    struct symcache *cache; /* NULL: it cannot be read */
    struct buf image;       /* when it is in memory only */
};

struct folder_cache {
    char *dir; /* NULL: none */
    struct folder_unread *unread;
    VEC(struct opened) files;
};

struct folder_cache *folder_cache_new(const char *dir, struct folder_unread *unread)
{
    struct folder_cache *f = calloc(1, sizeof *f);
    if (f)
        f->unread = unread;
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

/* ---- converting ---- */

static bool read_macho(struct bytes file, struct str name, size_t part, struct symcache_builder *b,
                       struct err *e)
{
    struct macho_part parts[MACHO_PARTS_MAX];
    size_t count;
    if (!macho_parts(file, parts, &count, e))
        return false;
    if (part >= count)
        return err_set(e, ERR_INPUT, 0, "it has no part %zu", part + 1);
    return macho_read(parts[part].file, name, b, e);
}

static bool read_symbols(struct bytes file, struct str name, size_t part,
                         struct symcache_builder *b, struct err *e)
{
    if (breakpad_is(file))
        return breakpad_read(file, b, e);
    if (elf_is(file))
        return elf_read(file, name, b, e);
    if (macho_is(file))
        return read_macho(file, name, part, b, e);
    return err_set(e, ERR_INPUT, 0, "neither Breakpad symbols nor an ELF or Mach-O file");
}

static bool write_cache(void *builder, int fd, struct err *e)
{
    return symcache_write_file(builder, fd, e);
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
        return err_set(e, ERR_NOMEM, 0, "no memory to read it");
    if (!folder_map(path, &file))
        return err_set(e, ERR_IO, 0, "it cannot be read");
    bool ok = read_symbols(file, str_from_c(slash ? slash + 1 : path), (size_t)o->key.part, b, e);
    folder_unmap(file);
    if (!ok)
        return false;
    if (folder_keep_path(f->dir, &o->key, KIND, kept) &&
        folder_keep(f->dir, kept, write_cache, b, &ignored) &&
        symcache_open_file(&o->cache, kept, &ignored))
        return true;
    return open_in_memory(o, b, e);
}

const struct symcache *folder_cache_get(struct folder_cache *f, const char *path, size_t part)
{
    struct opened o = { .cache = NULL };
    struct err e = { 0 };
    char kept[PATH_MAX];
    if (!file_key_of(path, &o.key))
        return NULL;
    o.key.part = part;
    o.key.version = SYMCACHE_VERSION;
    for (size_t i = 0; i < f->files.len; i++)
        if (memcmp(&f->files.at[i].key, &o.key, sizeof o.key) == 0)
            return f->files.at[i].cache;
    if (!VEC_RESERVE(&f->files, 1))
        return NULL;
    bool there =
        folder_keep_path(f->dir, &o.key, KIND, kept) && symcache_open_file(&o.cache, kept, &e);
    if (!there && !convert(f, path, &o, &e)) {
        folder_unread_add(f->unread, path, &e);
        buf_done(&o.image);
        o.cache = NULL;
    }
    f->files.at[f->files.len++] = o;
    return o.cache;
}
