/* The stack overflows. */
#include "frames.h"

volatile int sink;

/* frame 0-200 recurse: anywhere in it */
KEEP static int recurse(int depth)
{
    volatile char room[1000];
    room[depth % 1000] = 1;
    int n = recurse(depth + 1);
    sink = n;
    return n + room[0];
}

int main(void)
{
    return recurse(0);
}
