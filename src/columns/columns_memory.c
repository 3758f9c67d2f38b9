/* columns_memory.c - pieces of memory, each with a link before it, so that retiring one needs no
 * memory and cannot fail; and the generations that they wait for. */
#include "columns/columns_memory.h"

#include <assert.h>
#include <stdlib.h>

struct memory {
    struct memory *next; /* of those that were retired together */
    size_t bytes;        /* with this */
};
static_assert(sizeof(struct memory) == 16, "pieces are aligned to 16 bytes");

struct columns_view {
    struct columns *owner;
    struct columns_view *newer;
    size_t users;
    struct memory *retired; /* at its end */
};

static struct columns_view *view_new(const struct memory_pool *p)
{
    struct columns_view *v = calloc(1, sizeof *v);
    if (v)
        v->owner = p->owner;
    return v;
}

bool memory_pool_init(struct memory_pool *p, struct columns *owner)
{
    *p = (struct memory_pool){ .owner = owner, .period = 1 };
    p->current = p->oldest = view_new(p);
    if (!p->current)
        return false;
    if (pthread_mutex_init(&p->mu, NULL) == 0)
        return true;
    free(p->current);
    return false;
}

static void retired_free(struct memory_pool *p, struct memory *m)
{
    while (m) {
        struct memory *next = m->next;
        memory_free(p, m + 1);
        m = next;
    }
}

static void views_free(struct memory_pool *p, struct columns_view *v)
{
    while (v) {
        struct columns_view *newer = v->newer;
        retired_free(p, v->retired);
        free(v);
        v = newer;
    }
}

void memory_pool_done(struct memory_pool *p)
{
    assert(p->oldest == p->current && p->current->users == 0);
    views_free(p, p->oldest);
    free(p->next);
    retired_free(p, p->retired);
    assert(memory_bytes(p) == 0); /* all pieces were given back */
    pthread_mutex_destroy(&p->mu);
}

void *memory_new(struct memory_pool *p, size_t bytes)
{
    size_t all;
    if (__builtin_add_overflow(bytes, sizeof(struct memory), &all))
        return NULL;
    struct memory *m = calloc(1, all);
    if (!m)
        return NULL;
    m->bytes = all;
    atomic_fetch_add_explicit(&p->bytes, all, memory_order_relaxed);
    return m + 1;
}

void memory_free(struct memory_pool *p, void *piece)
{
    if (!piece)
        return;
    struct memory *m = (struct memory *)piece - 1;
    atomic_fetch_sub_explicit(&p->bytes, m->bytes, memory_order_relaxed);
    free(m);
}

void memory_retire(struct memory_pool *p, void *piece)
{
    if (!piece)
        return;
    struct memory *m = (struct memory *)piece - 1;
    m->next = p->retired;
    p->retired = m;
}

size_t memory_bytes(const struct memory_pool *p)
{
    return atomic_load_explicit(&p->bytes, memory_order_relaxed);
}

bool memory_turn_prepare(struct memory_pool *p)
{
    if (!p->next)
        p->next = view_new(p);
    return p->next != NULL;
}

/* Takes off the old generations that nobody is in any more. */
static struct columns_view *unused_take(struct memory_pool *p)
{
    struct columns_view *first = p->oldest, **end = &first;
    while (*end != p->current && (*end)->users == 0)
        end = &(*end)->newer;
    p->oldest = *end;
    *end = NULL;
    return first;
}

void memory_turn(struct memory_pool *p)
{
    struct columns_view *next = p->next;
    assert(next);
    p->next = NULL;
    pthread_mutex_lock(&p->mu);
    p->current->retired = p->retired;
    p->current->newer = next;
    p->current = next;
    struct columns_view *unused = unused_take(p);
    pthread_mutex_unlock(&p->mu);
    p->retired = NULL;
    p->period++;
    views_free(p, unused);
}

const struct columns_view *memory_enter(struct memory_pool *p)
{
    pthread_mutex_lock(&p->mu);
    struct columns_view *v = p->current;
    v->users++;
    pthread_mutex_unlock(&p->mu);
    return v;
}

struct columns *memory_owner(const struct columns_view *v)
{
    return v->owner;
}

void memory_leave(struct memory_pool *p, const struct columns_view *left)
{
    struct columns_view *v = (struct columns_view *)(uintptr_t)left; /* one of ours */
    pthread_mutex_lock(&p->mu);
    assert(v->users > 0);
    v->users--;
    struct columns_view *unused = unused_take(p);
    pthread_mutex_unlock(&p->mu);
    views_free(p, unused);
}
