/* disk.h - a directory for one test, and what can go wrong with the disk under it. */
#ifndef CRUMPLE_TESTS_STORE_DISK_H
#define CRUMPLE_TESTS_STORE_DISK_H

#include "../cmocka_all.h"
#include "../remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Says what the err holds when a call that should go well does not. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e = { 0 };                                                                      \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, e.msg);                                                      \
    } while (0)
#define FAILS(call, wanted)                                                                        \
    do {                                                                                           \
        struct err e = { 0 };                                                                      \
        if (call)                                                                                  \
            fail_msg("%s: went well", #call);                                                      \
        if (e.code != (wanted) || e.msg[0] == '\0')                                                \
            fail_msg("%s: code %d, \"%s\"", #call, (int)e.code, e.msg);                            \
    } while (0)

/* In memory where there is such a place: these tests sync thousands of times. */
static inline void disk_make(char dir[64])
{
    snprintf(dir, 64, "%s/crumple-store-XXXXXX",
             access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(dir));
}

static inline void disk_remove(const char *dir)
{
    umount2(dir, MNT_DETACH); /* when disk_mount made it one of its own */
    remove_tree(dir);
}

/* A file system of its own of 2 MB; skips the test where that is not allowed. */
static inline void disk_mount(const char *dir)
{
    if (mount("crumple-test", dir, "tmpfs", 0, "size=2m") == 0)
        return;
    print_message("no full disk: mount: %s\n", strerror(errno));
    skip();
}

/* How many files and directories are in `dir`/`below`. */
static inline size_t disk_count(const char *dir, const char *below)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, below);
    DIR *d = opendir(path);
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *at; (at = readdir(d));)
        n += at->d_name[0] != '.';
    closedir(d);
    return n;
}

/* No file of this process may grow past `bytes`, until disk_unlimited. */
static inline void disk_limit(rlim_t bytes)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static inline void disk_unlimited(void)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = r.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

#endif
