/* Any bytes as the body of a query: refused with a reason, or read as a query whose numbers are in
 * their limits and whose parts can all be looked at. */
#include "ask_print.h"
#include "columns/run_value.h"

#include <assert.h>
#include <math.h>

#define ARENA_BYTES (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_numbers(const struct ask *q)
{
    assert(q->limit <= ASK_LIMIT_MAX);
    for (size_t i = 0; i < q->fold_count; i++) {
        const struct ask_fold *f = &q->folds[i];
        assert(f->op != FOLD_BIN || (f->bins > 0 && f->bins <= ASK_BINS_MAX));
        assert(f->op != FOLD_DISTRIBUTION || (f->kept > 0 && f->kept <= ASK_LIMIT_MAX));
        assert(!f->has_bounds || value_compare(&f->start, &f->end) < 0);
        assert(f->start.type != CELL_DOUBLE || isfinite(f->start.d));
        assert(f->end.type != CELL_DOUBLE || isfinite(f->end.d));
    }
    for (size_t i = 0; i < q->virtual_count; i++)
        assert(q->virtuals[i].type != VIRTUAL_QUANTIZE || q->virtuals[i].size > 0);
}

static void check_places(const struct ask *q)
{
    assert(q->kind == ASK_FOLD || (!q->has_group && q->fold_count == 0 && q->having_count == 0));
    for (size_t i = 0; i < q->order_count; i++)
        assert(q->order[i].by != ORDER_FOLD || q->order[i].fold < q->fold_count);
    for (size_t i = 0; i < q->having_count; i++)
        assert(q->having[i].is_count || q->having[i].fold < q->fold_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    const struct json_limits limits = { 16, 200000 };
    const struct json *body;
    struct ask q;
    struct err e = { 0 };
    struct buf out;
    if (!a || !json_parse(&body, (struct str){ (const char *)data, size }, limits, a, &e))
        return 0;
    if (!ask_read(&q, body, a, &e)) {
        assert(e.code == ERR_INPUT || e.code == ERR_LIMIT || e.code == ERR_NOMEM);
        assert(e.msg[0] != '\0' && e.offset <= size && (e.word || e.code == ERR_NOMEM));
        return 0;
    }
    check_numbers(&q);
    check_places(&q);
    buf_init(&out, ARENA_BYTES);
    ask_print(&q, &out); /* reads all of it */
    buf_done(&out);
    return 0;
}
