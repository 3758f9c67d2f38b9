/* A null pointer is read at the end of a long chain of calls. */
#include "frames.h"

#include <stddef.h>

volatile int sink;

struct item {
    long unused;
    int price;
};

KEEP static int price_of(const struct item *item)
{
    return item->price; /* frame 0 price_of */
}

KEEP static int sum_items(const struct item *const *items, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += price_of(items[i]); /* frame 1 sum_items */
    return sum;
}

KEEP static int descend(int depth, const struct item *const *items)
{
    int sum = depth > 0 ? descend(depth - 1, items) /* frame 3-10 descend */
                        : sum_items(items, 3);      /* frame 2 descend */
    sink = sum;
    return sum + depth;
}

int main(void)
{
    struct item one = { 0, 1 };
    const struct item *items[] = { &one, &one, NULL };
    sink = descend(8, items); /* frame 11 main */
    return 0;
}
