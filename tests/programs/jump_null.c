/* A function pointer that is null is called: the crash is at no place at all. */
#include "frames.h"

#include <stddef.h>

volatile int sink;
static int (*volatile callback)(int);

KEEP static int call_back(int n)
{
    int m = callback(n); /* frame 1 call_back */
    sink = m;
    return m;
}

int main(void)
{
    sink = call_back(1); /* frame 2 main */
    return 0;
}
