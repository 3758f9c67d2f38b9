/* An integer is divided by zero. */
#include "frames.h"

volatile int sink;
volatile int zero;

KEEP static int ratio(int a, int b)
{
    int c = a / b; /* frame 0 ratio */
    sink = c;
    return c;
}

KEEP static int average(int sum)
{
    int r = ratio(sum, zero); /* frame 1 average */
    sink = r;
    return r;
}

int main(void)
{
    sink = average(10); /* frame 2 main */
    return 0;
}
