/* A crash in the handler of a signal; below it, the function that the signal interrupted. */
#include "frames.h"

#include <signal.h>
#include <stddef.h>

volatile int sink;
volatile int zero;

static void on_signal(int number)
{
    sink = number / zero; /* frame 0 on_signal */
}

KEEP static int read_it(volatile int *p)
{
    int n = *p; /* frame 2 read_it */
    sink = n;
    return n;
}

KEEP static int run(void)
{
    int n = read_it(NULL); /* frame 3 run */
    sink = n;
    return n;
}

int main(void)
{
    /* Frame 1 is the trampoline of the C library, __restore_rt. */
    signal(SIGSEGV, on_signal);
    sink = run(); /* frame 4 main */
    return 0;
}
