/* folder_keep.c - see the header. */
#include "symbols/folder_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_key_of(const char *path, struct file_key *out)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    *out = (struct file_key){ .device = (uint64_t)st.st_dev,
                              .number = (uint64_t)st.st_ino,
                              .size = (uint64_t)st.st_size,
                              .changed_ns =
                                  st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec };
    return true;
}

bool folder_keep_path(const char *dir, const struct file_key *key, const char *kind,
                      char out[PATH_MAX])
{
    if (!dir)
        return false;
    int n =
        snprintf(out, PATH_MAX,
                 "%s/%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIu64 ".%s",
                 dir, key->device, key->number, key->size, (uint64_t)key->changed_ns, key->part,
                 key->version, kind);
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

bool folder_keep(const char *dir, const char *path, bool (*write)(void *ctx, int fd, struct err *e),
                 void *ctx, struct err *e)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s/.new-XXXXXX", dir);
    if (n < 0 || n >= (int)sizeof temporary)
        return err_set(e, ERR_IO, 0, "%s: too long a path", dir);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        make_folders(dir);
        memcpy(temporary + n - 6, "XXXXXX", 6);
        fd = mkostemp(temporary, O_CLOEXEC);
    }
    if (fd < 0)
        return err_set(e, ERR_IO, 0, "%s: %s", temporary, strerror(errno));
    bool ok = write(ctx, fd, e) && fdatasync(fd) == 0;
    ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
    if (!ok)
        (void)unlink(temporary);
    return ok;
}
