/* Threads that wait in different ways, and one that crashes when all of them do; with an argument
 * it waits, too. */
#include "frames.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

volatile int sink;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t nothing;
static int ends[2];

KEEP static void wait_for_condition(void)
{
    pthread_mutex_lock(&lock);
    pthread_cond_wait(&never, &lock);
    sink = 1;
}

KEEP static void wait_for_time(void)
{
    struct timespec long_time = { 1000, 0 };
    nanosleep(&long_time, NULL);
    sink = 2;
}

KEEP static void wait_for_bytes(void)
{
    char byte;
    sink = (int)read(ends[0], &byte, 1);
}

KEEP static void wait_for_event(void)
{
    struct pollfd one = { ends[0], POLLIN, 0 };
    sink = poll(&one, 1, -1);
}

KEEP static void wait_for_post(void)
{
    sem_wait(&nothing);
    sink = 3;
}

static void *run(void *how)
{
    ((void (*)(void))how)();
    return NULL;
}

static int sleeps(const char *task)
{
    char path[300], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%s/stat", task);
    int file = open(path, O_RDONLY);
    ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    text[n > 0 ? n : 0] = 0;
    return strstr(text, ") S ") != NULL;
}

/* Until so many others sleep, and go on doing so: a thread may sleep on its way, too. */
static void wait_for_waiters(int count)
{
    struct timespec short_time = { 0, 10000000 };
    for (int tries = 0, seen = 0; tries < 1000 && seen < 5; tries++) {
        int asleep = 0;
        DIR *tasks = opendir("/proc/self/task");
        for (struct dirent *d = tasks ? readdir(tasks) : NULL; d; d = readdir(tasks))
            asleep += d->d_name[0] != '.' && sleeps(d->d_name);
        if (tasks)
            closedir(tasks);
        seen = asleep == count ? seen + 1 : 0;
        nanosleep(&short_time, NULL);
    }
}

KEEP static int look_up(const int *table, int index)
{
    int n = table[index];
    sink = n;
    return n;
}

KEEP static int recurse(int depth)
{
    int n = depth == 0 ? look_up((const int *)sizeof(int), 3) : recurse(depth - 1);
    sink = n;
    return n + 1;
}

int main(int argc, char **argv)
{
    static void (*const ways[])(void) = { wait_for_condition, wait_for_time, wait_for_bytes,
                                          wait_for_event, wait_for_post };
    enum { COUNT = sizeof ways / sizeof *ways };
    pthread_t threads[COUNT];
    sem_init(&nothing, 0, 0);
    if (pipe(ends) != 0)
        return 1;
    for (int i = 0; i < COUNT; i++)
        pthread_create(&threads[i], NULL, run, (void *)ways[i]);
    (void)argv;
    wait_for_waiters(COUNT);
    if (argc > 1)
        pause();
    sink = recurse(10);
    return 0;
}
