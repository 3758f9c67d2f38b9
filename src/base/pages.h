/* pages.h - memory for long lists and large tables, straight from the system: zero, and no page of
 * it is memory before it is written.
 *
 * Looking into a large table waits for two things: the memory, and the translation of its address.
 * The second is nearly free in large pages, where the system has them; they also come at a fault
 * for 2 MB instead of one for each 4 KB. So what has the size of a large page is asked for in such.
 *
 * Threads: any. */
#ifndef CRUMPLE_BASE_PAGES_H
#define CRUMPLE_BASE_PAGES_H

#include <stddef.h>

#define PAGES_LARGE ((size_t)2 << 20)

/* NULL: no memory. Takes whole pages, so this is not for small things. */
void *pages_map(size_t bytes);
/* `bytes` as they were asked for; p may be NULL. */
void pages_unmap(void *p, size_t bytes);

#endif
