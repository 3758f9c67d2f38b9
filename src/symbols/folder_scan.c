/* folder_scan.c - lists a folder and looks at the beginning of each file. */
#include "symbols/folder_scan.h"

#include "symbols/breakpad.h"
#include "symbols/elf_symbols.h"
#include "symbols/folder_cache.h"
#include "symbols/macho_symbols.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_MAX 100000
#define DSYM_END ".dSYM"
#define DSYM_INSIDE "Contents/Resources/DWARF"
#define FIRST_BYTES 4096 /* hold the MODULE and INFO records of a symbol file */

static bool add(struct folder_scan *s, const char *path, size_t part,
                const struct symcache_about *about, struct arena *a)
{
    struct scanned one = { .path = path, .part = part };
    return arena_str(a, about->debug_id, &one.debug_id) &&
           arena_str(a, about->code_id, &one.code_id) && VEC_PUSH(&s->found, one);
}

static bool add_unknown(struct folder_scan *s, const char *path)
{
    const struct scanned one = {
        .path = path, .debug_id = STR(""), .code_id = STR(""), .unknown = true
    };
    return VEC_PUSH(&s->found, one);
}

static bool look_at_elf(struct folder_scan *s, const char *path, struct bytes file, struct str name,
                        struct arena *a)
{
    struct symcache_about about = { 0 };
    struct err e = { 0 };
    return elf_identify(file, name, a, &about, &e) ? add(s, path, 0, &about, a)
                                                   : add_unknown(s, path);
}

static bool look_at_macho(struct folder_scan *s, const char *path, struct bytes file,
                          struct str name, struct arena *a)
{
    struct macho_part parts[MACHO_PARTS_MAX];
    struct symcache_about about = { 0 };
    struct err e = { 0 };
    size_t count;
    if (!macho_parts(file, parts, &count, &e))
        return add_unknown(s, path);
    bool known = false;
    for (size_t i = 0; i < count; i++)
        if (macho_identify(parts[i].file, name, a, &about, &e)) {
            known = true;
            if (!add(s, path, i, &about, a))
                return false;
        }
    return known || add_unknown(s, path);
}

static bool look_at_whole(struct folder_scan *s, const char *path, struct str name, struct arena *a)
{
    struct bytes file;
    if (!folder_map(path, &file))
        return true;
    bool ok =
        elf_is(file) ? look_at_elf(s, path, file, name, a) : look_at_macho(s, path, file, name, a);
    folder_unmap(file);
    return ok;
}

static bool look_at_file(struct folder_scan *s, int dir, const char *path, const char *name,
                         struct arena *a)
{
    uint8_t first[FIRST_BYTES];
    struct symcache_about about = { 0 };
    struct err e = { 0 };
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return true;
    ssize_t n = read(fd, first, sizeof first);
    close(fd);
    struct bytes bytes = { first, n > 0 ? (size_t)n : 0 };
    if (breakpad_is(bytes) && breakpad_identify(bytes, &about, &e))
        return add(s, path, 0, &about, a);
    return elf_is(bytes) || macho_is(bytes) ? look_at_whole(s, path, str_from_c(name), a)
                                            : add_unknown(s, path);
}

static bool is_file(int dir, const struct dirent *d)
{
    struct stat st;
    if (d->d_type != DT_UNKNOWN && d->d_type != DT_LNK)
        return d->d_type == DT_REG;
    return fstatat(dir, d->d_name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

static bool scan_files(struct folder_scan *s, const char *dir, struct arena *a, bool with_dsyms);

static bool is_dsym(const char *name)
{
    size_t n = strlen(name), end = sizeof DSYM_END - 1;
    return n > end && strcmp(name + n - end, DSYM_END) == 0;
}

static bool look_at_entry(struct folder_scan *s, int list, const char *dir, const struct dirent *d,
                          struct arena *a, bool with_dsyms)
{
    struct str path;
    if (with_dsyms && is_dsym(d->d_name))
        return arena_printf(a, &path, "%s/%s/" DSYM_INSIDE, dir, d->d_name) &&
               scan_files(s, path.ptr, a, false);
    return !is_file(list, d) || (arena_printf(a, &path, "%s/%s", dir, d->d_name) &&
                                 look_at_file(s, list, path.ptr, d->d_name, a));
}

static bool scan_files(struct folder_scan *s, const char *dir, struct arena *a, bool with_dsyms)
{
    DIR *list = opendir(dir);
    bool ok = true;
    size_t entries = 0;
    if (!list)
        return true;
    for (const struct dirent *d = readdir(list); d && ok && entries < ENTRIES_MAX;
         d = readdir(list), entries++)
        ok = look_at_entry(s, dirfd(list), dir, d, a, with_dsyms);
    closedir(list);
    return ok;
}

bool folder_scan(struct folder_scan *s, const char *dir, struct arena *a)
{
    return scan_files(s, dir, a, true);
}

void folder_scan_done(struct folder_scan *s)
{
    VEC_FREE(&s->found);
}
