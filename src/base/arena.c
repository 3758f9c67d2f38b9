/* arena.c - a chain of blocks and a pointer that moves through the newest small one.
 *
 * Blocks double from ARENA_FIRST to ARENA_LARGEST; a request that would waste much of a block gets
 * one of its own, and the pointer stays where it is. The limit is on the room of all blocks, so it
 * bounds what the process gives to the arena, not only what was asked for. */
#include "base/arena.h"

#include "base/pages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ARENA_ALIGN ((size_t)16)
#define ARENA_FIRST ((size_t)8192)
#define ARENA_LARGEST ((size_t)1 << 20)

struct block {
    struct block *older;
    size_t room;
    size_t mapped; /* bytes that pages_map was asked for; 0: it is of the heap */
    _Alignas(16) char at[];
};

struct deferred {
    struct deferred *older;
    void (*fn)(void *);
    void *arg;
};

struct arena {
    struct block *blocks;  /* newest first; the last of the chain is the one arena_reset keeps */
    struct block *current; /* the one that next and left belong to; NULL before the first */
    char *next;
    size_t left;
    size_t room, limit;          /* of all blocks; invariant: room <= limit */
    struct arena_budget *budget; /* charged with `room`; NULL: none */
    size_t used;
    struct deferred *deferred; /* newest first; lives in the arena */
};

struct arena *arena_new_in(struct arena_budget *budget, size_t limit_bytes)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a) {
        a->limit = limit_bytes;
        a->budget = budget;
    }
    return a;
}

struct arena *arena_new(size_t limit_bytes)
{
    return arena_new_in(NULL, limit_bytes);
}

/* A count and no more, so that no order of memory is asked of it. */
static bool budget_take(struct arena_budget *b, size_t n)
{
    if (!b)
        return true;
    size_t before = atomic_fetch_add_explicit(&b->used_bytes, n, memory_order_relaxed);
    if (before <= b->limit_bytes && n <= b->limit_bytes - before)
        return true;
    atomic_fetch_sub_explicit(&b->used_bytes, n, memory_order_relaxed);
    return false;
}

static void budget_give(struct arena_budget *b, size_t n)
{
    if (b)
        atomic_fetch_sub_explicit(&b->used_bytes, n, memory_order_relaxed);
}

static void run_deferred(struct arena *a)
{
    while (a->deferred) { /* taken off first: a deferred call may defer another */
        struct deferred *d = a->deferred;
        a->deferred = d->older;
        d->fn(d->arg);
    }
}

static void block_free(struct arena *a, struct block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->at, b->room);
    budget_give(a->budget, b->room);
    if (b->mapped)
        pages_unmap(b, b->mapped);
    else
        free(b);
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    run_deferred(a);
    while (a->blocks) {
        struct block *b = a->blocks;
        a->blocks = b->older;
        block_free(a, b);
    }
    free(a);
}

void arena_reset(struct arena *a)
{
    run_deferred(a);
    while (a->blocks && a->blocks->older) {
        struct block *b = a->blocks;
        a->blocks = b->older;
        block_free(a, b);
    }
    a->used = 0;
    a->current = a->blocks;
    a->next = a->blocks ? a->blocks->at : NULL;
    a->left = a->room = a->blocks ? a->blocks->room : 0;
    if (a->blocks)
        ASAN_POISON_MEMORY_REGION(a->blocks->at, a->blocks->room);
}

static struct block *block_new(struct arena *a, size_t room, bool maps)
{
    if (!budget_take(a->budget, room))
        return NULL;
    size_t bytes = sizeof(struct block) + room;
    struct block *b = maps ? pages_map(bytes) : malloc(bytes);
    if (!b) {
        budget_give(a->budget, room);
        return NULL;
    }
    b->room = room;
    b->mapped = maps ? bytes : 0;
    b->older = a->blocks;
    a->blocks = b;
    a->room += room;
    ASAN_POISON_MEMORY_REGION(b->at, room);
    return b;
}

/* The slow way of arena_alloc: `n`, a multiple of ARENA_ALIGN, does not fit the current block. */
static char *alloc_in_new_block(struct arena *a, size_t n)
{
    size_t may_take = (a->limit - a->room) & ~(ARENA_ALIGN - 1);
    if (n > may_take)
        return NULL;
    size_t usual = a->current ? 2 * a->current->room : ARENA_FIRST;
    if (usual > ARENA_LARGEST)
        usual = ARENA_LARGEST;
    if (usual > may_take)
        usual = may_take;
    bool alone = n > usual / 4;
    struct block *b = block_new(a, alone ? n : usual, false);
    if (!b)
        return NULL;
    if (alone)
        return b->at;
    a->current = b;
    a->next = b->at + n;
    a->left = b->room - n;
    return b->at;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t rounded = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (rounded == 0)
        rounded = ARENA_ALIGN; /* so that every pointer is its own */
    char *p = a->next;
    if (rounded <= a->left) {
        a->next += rounded;
        a->left -= rounded;
    } else {
        p = alloc_in_new_block(a, rounded);
        if (!p)
            return NULL;
    }
    a->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    return p ? memset(p, 0, n) : NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? NULL : arena_alloc(a, bytes);
}

void *arena_large(struct arena *a, size_t n, size_t size)
{
    const size_t page_room = PAGES_LARGE - sizeof(struct block);
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t rounded = (bytes + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (rounded < page_room)
        rounded = page_room;
    if (bytes < page_room / 2 || rounded > a->limit - a->room)
        return arena_alloc(a, bytes);
    struct block *b = block_new(a, rounded, true);
    if (!b)
        return NULL;
    a->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(b->at, bytes);
    return b->at;
}

bool arena_str(struct arena *a, struct str s, struct str *out)
{
    if (s.len == SIZE_MAX)
        return false;
    char *p = arena_alloc(a, s.len + 1);
    if (!p)
        return false;
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    *out = (struct str){ p, s.len };
    return true;
}

bool arena_printf(struct arena *a, struct str *out, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
        *out = (struct str){ p, (size_t)n };
    }
    va_end(again);
    va_end(args);
    return p != NULL;
}

bool arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
    struct deferred *d = arena_alloc(a, sizeof *d);
    if (!d)
        return false;
    *d = (struct deferred){ a->deferred, fn, arg };
    a->deferred = d;
    return true;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
