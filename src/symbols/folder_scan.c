/* folder_scan.c - a walk over folders with a list of those still to see, not by recursion. */
#include "symbols/folder_scan.h"

#include "symbols/breakpad.h"
#include "symbols/breakpad_fields.h"
#include "symbols/elf_symbols.h"
#include "symbols/folder_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_MAX 1000000 /* of all folders in it */
#define DEPTH_MAX 16
#define FIRST_BYTES 4096 /* hold the MODULE and INFO records of a symbol file */
#define DEBUG_ID_MIN 33  /* a GUID and an age */
#define DEBUG_ID_MAX 40

struct waiting {
    const char *path;
    int depth;
};
struct walk {
    struct folder_scan *scan;
    struct arena *arena;
    VEC(struct waiting) waiting;
    size_t entries;
    bool failed; /* no memory */
};

bool folder_is_debug_id(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (hex_digit(s.ptr[i]) > 15)
            return false;
    return s.len >= DEBUG_ID_MIN && s.len <= DEBUG_ID_MAX;
}

static void add(struct walk *w, const char *path, struct str debug_id, struct str code_id,
                bool is_folder)
{
    struct scanned s = { .path = path, .is_folder = is_folder };
    if (!arena_str(w->arena, debug_id, &s.debug_id) || !arena_str(w->arena, code_id, &s.code_id) ||
        !VEC_PUSH(&w->scan->found, s))
        w->failed = true;
}

static void look_at_elf(struct walk *w, const char *path, struct str name)
{
    struct symcache_about about = { 0 };
    struct err e = { 0 };
    struct bytes file;
    if (!folder_map(path, &file))
        return;
    if (elf_identify(file, name, w->arena, &about, &e))
        add(w, path, about.debug_id, about.code_id, false);
    folder_unmap(file);
}

static void look_at_file(struct walk *w, int dir, const char *path, const char *name)
{
    uint8_t first[FIRST_BYTES];
    struct symcache_about about = { 0 };
    struct err e = { 0 };
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    ssize_t n = read(fd, first, sizeof first);
    close(fd);
    struct bytes bytes = { first, n > 0 ? (size_t)n : 0 };
    if (breakpad_is(bytes) && breakpad_identify(bytes, &about, &e))
        add(w, path, about.debug_id, about.code_id, false);
    else if (elf_is(bytes))
        look_at_elf(w, path, str_from_c(name));
}

/* Whether it is a folder, also behind a symbolic link. */
static bool is_folder(int dir, const struct dirent *d)
{
    struct stat st;
    if (d->d_type != DT_UNKNOWN && d->d_type != DT_LNK)
        return d->d_type == DT_DIR;
    return fstatat(dir, d->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static void look_at_entry(struct walk *w, const struct waiting *in, int dir, const struct dirent *d)
{
    struct str path, name = str_from_c(d->d_name);
    if (!arena_printf(w->arena, &path, "%s/%s", in->path, d->d_name)) {
        w->failed = true;
    } else if (!is_folder(dir, d)) {
        look_at_file(w, dir, path.ptr, d->d_name);
    } else if (folder_is_debug_id(name)) {
        add(w, path.ptr, name, STR(""), true);
    } else if (in->depth < DEPTH_MAX &&
               !VEC_PUSH(&w->waiting, ((struct waiting){ path.ptr, in->depth + 1 }))) {
        w->failed = true;
    }
}

static void look_at_folder(struct walk *w, const struct waiting *in)
{
    DIR *dir = opendir(in->path);
    if (!dir)
        return;
    for (const struct dirent *d = readdir(dir); d && !w->failed; d = readdir(dir)) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (w->entries++ == ENTRIES_MAX)
            break;
        look_at_entry(w, in, dirfd(dir), d);
    }
    closedir(dir);
}

bool folder_scan(struct folder_scan *s, const char *dir, struct arena *a)
{
    struct walk w = { .scan = s, .arena = a };
    w.failed = !VEC_PUSH(&w.waiting, ((struct waiting){ dir, 0 }));
    while (w.waiting.len > 0 && !w.failed) {
        struct waiting next = w.waiting.at[--w.waiting.len];
        look_at_folder(&w, &next);
    }
    VEC_FREE(&w.waiting);
    return !w.failed;
}

void folder_scan_done(struct folder_scan *s)
{
    VEC_FREE(&s->found);
}

bool folder_scan_inside(const struct scanned *folder, char *out, size_t room)
{
    bool found = false;
    DIR *dir = opendir(folder->path);
    if (!dir)
        return false;
    for (const struct dirent *d = readdir(dir); d && !found; d = readdir(dir)) {
        size_t n = strlen(d->d_name);
        if (n < 4 || strcmp(d->d_name + n - 4, ".sym") != 0)
            continue;
        int length = snprintf(out, room, "%s/%s", folder->path, d->d_name);
        found = length > 0 && (size_t)length < room;
    }
    closedir(dir);
    return found;
}
