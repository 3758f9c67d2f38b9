/* The crash is in a call inlined into a call inlined into a function. */
#include "frames.h"

#include <stddef.h>

volatile int sink;

struct node {
    struct node *next;
    int value;
};

INLINE int value_of(const struct node *n)
{
    return *(const volatile int *)&n->value; /* frame 0 value_of inline */
}

INLINE int second(const struct node *n)
{
    int v = value_of(n->next); /* frame 1 second inline */
    sink = v;
    return v;
}

KEEP static int sum(const struct node *n)
{
    int first = n->value;
    int rest = second(n); /* frame 2 sum */
    sink = first + rest;
    return first + rest;
}

INLINE int twice(const struct node *n)
{
    int a = sum(n); /* frame 3 twice inline */
    sink = a;
    return a + a;
}

int main(void)
{
    struct node n = { NULL, 7 };
    sink = twice(&n); /* frame 4 main */
    return 0;
}
