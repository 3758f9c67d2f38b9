/* A thread crashes while others wait. */
#include "frames.h"

#include <pthread.h>
#include <stddef.h>

volatile int sink;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t started;

KEEP static void wait_for_work(void)
{
    pthread_mutex_lock(&lock);
    pthread_barrier_wait(&started);
    for (;;)
        pthread_cond_wait(&never, &lock); /* waiting 0 wait_for_work */
}

static void *waiter(void *unused)
{
    wait_for_work(); /* waiting 1 waiter */
    return unused;
}

KEEP static void store(volatile int *p)
{
    *p = 1; /* frame 0 store */
    sink = 1;
}

static void *crasher(void *unused)
{
    pthread_barrier_wait(&started);
    pthread_mutex_lock(&lock); /* the waiter has let go of it: so it waits */
    store(NULL);               /* frame 1 crasher */
    sink = 2;
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    pthread_barrier_init(&started, NULL, 2);
    pthread_create(&threads[0], NULL, waiter, NULL);
    pthread_create(&threads[1], NULL, crasher, NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
