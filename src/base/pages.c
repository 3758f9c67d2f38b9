/* pages.c - see the header. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

/* Mappings of whole large pages are put where such a page can begin, by newer kernels at least. */
static size_t mapped(size_t bytes)
{
    return bytes < PAGES_LARGE ? bytes : (bytes + PAGES_LARGE - 1) & ~(PAGES_LARGE - 1);
}

void *pages_map(size_t bytes)
{
    if (bytes > SIZE_MAX - PAGES_LARGE)
        return NULL;
    void *p = mmap(NULL, mapped(bytes), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (bytes >= PAGES_LARGE)
        (void)madvise(p, mapped(bytes), MADV_HUGEPAGE); /* small ones will do */
    return p;
}

void pages_unmap(void *p, size_t bytes)
{
    if (p)
        munmap(p, mapped(bytes));
}
