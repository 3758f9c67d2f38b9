/* Any bytes as a query: it is refused with a reason, or its tree, written out, reads back as a tree
 * that is written the same way. */
#include "lucene_print.h"

#include <assert.h>

#define ARENA_BYTES (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct lucene_query *q;
    struct buf first, second;
    struct err e = { 0 };
    if (!a)
        return 0;
    if (!lucene_parse(&q, (struct str){ (const char *)data, size }, a, &e)) {
        assert(e.code != ERR_NONE && e.msg[0] != '\0' && e.offset <= size);
        return 0;
    }
    buf_init(&first, ARENA_BYTES);
    buf_init(&second, ARENA_BYTES);
    lucene_print(q, &first);
    assert(buf_ok(&first));
    if (buf_view(&first).len <= LUCENE_TEXT_MAX) {
        bool again = lucene_parse(&q, buf_view(&first), a, &e);
        assert(again);
        lucene_print(q, &second);
        assert(str_eq(buf_view(&first), buf_view(&second)));
    }
    buf_done(&first);
    buf_done(&second);
    return 0;
}
