/* arena.h - memory that lives as long as one request or one job, and goes in one call.
 *
 * Made with a byte limit on all its blocks together: over it, allocations give NULL and callers
 * check. Memory is aligned to 16 bytes and not zeroed (arena_zalloc: zeroed). Under ASan, what is
 * not handed out is poisoned. Threads: one at a time; an arena travels with its job from thread to
 * thread. */
#ifndef CRUMPLE_BASE_ARENA_H
#define CRUMPLE_BASE_ARENA_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#include <stdatomic.h>

struct arena;

/* A limit on many arenas together, of any threads; it must outlive them. */
struct arena_budget {
    size_t limit_bytes; /* set before the first arena, then never changed */
    _Atomic size_t used_bytes;
};

struct arena *arena_new(size_t limit_bytes); /* NULL when memory is short */
/* The same, and all arenas of the budget together keep within that, too. */
struct arena *arena_new_in(struct arena_budget *budget, size_t limit_bytes);
void arena_free(struct arena *a);  /* runs the deferred calls, newest first; NULL is fine */
void arena_reset(struct arena *a); /* the same, but keeps the first block for more use */
DEFINE_CLEANUP(struct arena, arena_free)

MUST_CHECK void *arena_alloc(struct arena *a, size_t n);
MUST_CHECK void *arena_zalloc(struct arena *a, size_t n);
/* n * size with a check for overflow. */
MUST_CHECK void *arena_array(struct arena *a, size_t n, size_t size);
/* The same for arrays that may have megabytes and are soon filled: those then lie in large pages
 * (pages.h), since a fault for every 4 KB would cost more than the filling. */
MUST_CHECK void *arena_large(struct arena *a, size_t n, size_t size);
/* A copy, with a NUL behind it that is not counted. False when memory is short. */
MUST_CHECK bool arena_str(struct arena *a, struct str s, struct str *out);
PRINTF_LIKE(3, 4)
MUST_CHECK bool arena_printf(struct arena *a, struct str *out, const char *fmt, ...);
/* fn(arg) when the arena goes. False, and fn is not called, when memory is short. */
MUST_CHECK bool arena_defer(struct arena *a, void (*fn)(void *), void *arg);

size_t arena_used(const struct arena *a); /* bytes handed out, for budgets and tests */

#endif
