/* json_internal.h - what json.c is made of; nobody else includes it. */
#ifndef CRUMPLE_BASE_JSON_INTERNAL_H
#define CRUMPLE_BASE_JSON_INTERNAL_H

#include "base/json.h"

#include <setjmp.h>
#include <yajl/yajl_common.h>

/* What a string means whose text, between the quotes, is `raw`: valid UTF-8 with complete escapes.
 * False: no memory. */
bool json_unescape(struct arena *a, struct str raw, struct str *out);

/* The memory of one yajl parser. yajl does not check its malloc, so when memory is short this jumps
 * to out_of_memory, which must be set; and since all of it is in a list, json_heap_done frees what
 * yajl could not. */
struct json_piece {
    struct json_piece *newer, *older;
};
struct json_heap {
    struct json_piece pieces; /* a ring through all pieces; this is its fixed point */
    jmp_buf out_of_memory;
};

void json_heap_init(struct json_heap *h);
void json_heap_done(struct json_heap *h);
yajl_alloc_funcs json_heap_funcs(struct json_heap *h);

#endif
