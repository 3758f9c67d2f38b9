/* The crash is in a shared library, and the function there was called back from one of the program.
 */
#include "frames.h"

int library_sort(int *items, int count, int (*compare)(const int *, const int *));
int library_length(const char *text);

volatile int sink;

KEEP static int compare(const int *a, const int *b)
{
    int n = library_length((const char *)(long)(*a - *a)); /* frame 1 compare */
    sink = n;
    return n + *b;
}

int main(void)
{
    int items[] = { 3, 1 };
    sink = library_sort(items, 2, compare); /* frame 3 main */
    return 0;
}
