/* directory.c - makes the data directory and takes it for one server.
 *
 * The lock is flock() on DIR/lock: the kernel lets go of it when the process ends, however it
 * ends, so that nothing is left behind to clean up. The process id in the file is only for the
 * message that the second server prints. */
#include "store/directory.h"

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code directory_err_code(int errnum)
{
    if (errnum == EMFILE || errnum == ENFILE)
        return ERR_BUSY; /* there are descriptors again when other requests end */
    /* EFBIG: over the process's limit on file sizes, which is as full as a disk can be. */
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG ? ERR_FULL : ERR_IO;
}

static bool os_failed(struct err *e, const char *what, const char *path)
{
    int errnum = errno;
    enum err_code code = errnum == ENOENT ? ERR_NOT_FOUND : directory_err_code(errnum);
    return err_set(e, code, 0, "cannot %s %s: %s", what, path, strerror(errnum));
}

bool directory_sync(const char *dir, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return os_failed(e, "open", dir);
    bool ok = fsync(fd) == 0 || os_failed(e, "sync", dir);
    close(fd);
    return ok;
}

bool directory_make(const char *dir, struct err *e)
{
    if (mkdir(dir, 0700) != 0) {
        struct stat st;
        if (errno != EEXIST)
            return os_failed(e, "make the data directory", dir);
        if (stat(dir, &st) != 0)
            return os_failed(e, "read", dir);
        if (!S_ISDIR(st.st_mode))
            return err_set(e, ERR_CONFLICT, 0, "%s is no directory", dir);
        return true;
    }
    char *copy = strdup(dir); /* dirname() changes it */
    if (!copy)
        return err_set(e, ERR_NOMEM, 0, "data directory");
    bool ok = directory_sync(dirname(copy), e);
    free(copy);
    return ok;
}

static bool lock_refused(int fd, const char *dir, struct err *e)
{
    int errnum = errno;
    if (errnum != EWOULDBLOCK)
        return err_set(e, ERR_IO, 0, "cannot lock %s: %s", dir, strerror(errnum));
    char text[32] = { 0 };
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 0) /* it has the lock, but has not yet written its id */
        return err_word(e, ERR_CONFLICT, "data_in_use", "%s is in use by another process", dir);
    return err_word(e, ERR_CONFLICT, "data_in_use", "%s is in use by another server (process %ld)",
                    dir, pid);
}

bool store_lock(const char *dir, int *lock, struct err *e)
{
    if (!directory_make(dir, e))
        return false;
    char *path = NULL;
    if (asprintf(&path, "%s/lock", dir) < 0)
        return err_set(e, ERR_NOMEM, 0, "data directory");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool ok = fd >= 0 || os_failed(e, "open", path);
    free(path);
    if (!ok)
        return false;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        lock_refused(fd, dir, e);
        close(fd);
        return false;
    }
    /* A full disk may keep the id out of the file; the lock holds all the same. */
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n)
        (void)!ftruncate(fd, 0);
    *lock = fd;
    return true;
}

void store_unlock(int lock)
{
    close(lock);
}
