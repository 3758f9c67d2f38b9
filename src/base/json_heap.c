/* json_heap.c - malloc with a list of what is out. A piece's place in the list stands before it. */
#include "base/json_internal.h"

#include <assert.h>
#include <stdlib.h>

static_assert(sizeof(struct json_piece) % 16 == 0, "what comes behind it must stay aligned");

static void *piece_link(struct json_heap *h, struct json_piece *m)
{
    if (!m)
        longjmp(h->out_of_memory, 1);
    m->newer = &h->pieces;
    m->older = h->pieces.older;
    m->older->newer = m;
    h->pieces.older = m;
    return m + 1;
}

static struct json_piece *piece_unlink(void *memory)
{
    struct json_piece *m = (struct json_piece *)memory - 1;
    m->older->newer = m->newer;
    m->newer->older = m->older;
    return m;
}

static void *piece_malloc(void *ctx, size_t n)
{
    return piece_link(ctx, malloc(sizeof(struct json_piece) + n));
}

static void piece_free(void *ctx, void *memory)
{
    (void)ctx;
    if (memory)
        free(piece_unlink(memory));
}

static void *piece_realloc(void *ctx, void *memory, size_t n)
{
    if (!memory)
        return piece_malloc(ctx, n);
    struct json_piece *old = piece_unlink(memory);
    struct json_piece *m = realloc(old, sizeof *m + n);
    if (!m)
        free(old);
    return piece_link(ctx, m);
}

void json_heap_init(struct json_heap *h)
{
    h->pieces.older = h->pieces.newer = &h->pieces;
}

void json_heap_done(struct json_heap *h)
{
    while (h->pieces.older != &h->pieces)
        piece_free(h, h->pieces.older + 1);
}

yajl_alloc_funcs json_heap_funcs(struct json_heap *h)
{
    return (yajl_alloc_funcs){ piece_malloc, piece_realloc, piece_free, h };
}
