/* raw_files.c - how fast the disk takes files: no HTTP, no names by content.
 *
 *     raw_files FILE DIR THREADS
 *
 * Each line of FILE becomes a file of its own in DIR, written and fsynced; THREADS at the same
 * time. FILE is read before the clock runs. Prints one line of JSON. DIR is made, and must be new;
 * it stays. */
#include "cli/bench_stats.h"
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS_MAX 256

/* What all threads share; nothing but `next` changes. */
struct work {
    const struct text *text;
    int dir;
    atomic_size_t next;
};

static bool write_file(int dir, size_t number, struct str content)
{
    char name[32];
    snprintf(name, sizeof name, "%zu", number);
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = true;
    for (size_t done = 0; ok && done < content.len;) {
        ssize_t n = write(fd, content.ptr + done, content.len - done);
        ok = n > 0 || errno == EINTR;
        done += n > 0 ? (size_t)n : 0;
    }
    ok = ok && fsync(fd) == 0;
    close(fd);
    return ok;
}

/* Takes lines until there are none; gives NULL when all went well. */
static void *write_files(void *arg)
{
    struct work *w = arg;
    size_t i;
    while ((i = atomic_fetch_add(&w->next, 1)) < w->text->lines.len)
        if (!write_file(w->dir, i, w->text->lines.at[i])) {
            fprintf(stderr, "raw_files: cannot write file %zu: %s\n", i, strerror(errno));
            return w;
        }
    return NULL;
}

static bool run_threads(struct work *w, size_t threads)
{
    pthread_t at[THREADS_MAX];
    bool ok = true;
    size_t started = 0;
    while (started < threads && pthread_create(&at[started], NULL, write_files, w) == 0)
        started++;
    for (size_t i = 0; i < started; i++) {
        void *failed;
        pthread_join(at[i], &failed);
        ok = ok && !failed;
    }
    return ok && started == threads;
}

static bool measure(const struct text *t, const char *dir, size_t threads)
{
    struct work w = { .text = t };
    size_t bytes = 0;
    for (size_t i = 0; i < t->lines.len; i++)
        bytes += t->lines.at[i].len;
    if (mkdir(dir, 0700) != 0 || (w.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        fprintf(stderr, "raw_files: cannot make %s: %s\n", dir, strerror(errno));
        return false;
    }
    int64_t begin_ns = bench_clock_ns();
    bool ok = run_threads(&w, threads);
    double seconds = (double)(bench_clock_ns() - begin_ns) / 1e9;
    close(w.dir);
    if (ok)
        printf("{\"files_per_second\": %.1f, \"bytes_per_second\": %.0f, \"files\": %zu, "
               "\"threads\": %zu, \"seconds\": %.3f}\n",
               (double)t->lines.len / seconds, (double)bytes / seconds, t->lines.len, threads,
               seconds);
    return ok;
}

int main(int argc, char **argv)
{
    size_t threads = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (threads == 0 || threads > THREADS_MAX) {
        fputs("usage: raw_files FILE DIR THREADS\n", stderr);
        return 2;
    }
    struct err e = { 0 };
    struct text t = { 0 };
    bool ok = text_read(&t, argv[1], &e);
    if (!ok)
        fprintf(stderr, "raw_files: %s\n", e.msg);
    ok = ok && measure(&t, argv[2], threads);
    text_free(&t);
    return ok ? 0 : 1;
}
