/* Crashes with much memory mapped that nobody has touched: its core file is large, and sparse. */
#include "frames.h"

#include <stddef.h>
#include <sys/mman.h>

#define SIZE ((size_t)2200 << 20)

volatile int sink;

KEEP static int touch(volatile int *p)
{
    *p = 1;
    sink = 1;
    return *p;
}

int main(void)
{
    volatile int *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    sink = touch(memory);
    sink = touch(NULL);
    return 0;
}
