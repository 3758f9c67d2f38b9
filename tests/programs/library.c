/* The shared library of library_user.c. */
#include "frames.h"

int library_sort(int *items, int count, int (*compare)(const int *, const int *));
int library_length(const char *text);

static volatile int drain;

KEEP int library_length(const char *text)
{
    int n = 0;
    while (*(const volatile char *)text++) /* frame 0 library_length */
        n++;
    return n;
}

KEEP int library_sort(int *items, int count, int (*compare)(const int *, const int *))
{
    int order = 0;
    for (int i = 1; i < count; i++)
        order += compare(&items[i - 1], &items[i]); /* frame 2 library_sort */
    drain = order;
    return order;
}
