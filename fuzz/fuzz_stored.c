/* Any bytes, as they may stand in a damaged database: a report's shorthand, the names of its
 * buckets, a packed payload. They are read as something or refused, and everything that comes out
 * is touched.
 */
#include "engine/shorthand.h"
#include "store/bucket_names.h"
#include "store/store.h"

#include "touch.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch_trace(const struct trace *t)
{
    assert(t->count <= TRACE_FRAMES_MAX);
    touch(t->build);
    touch(t->death);
    for (size_t i = 0; i < t->count; i++) {
        const struct trace_frame *f = &t->frames[i];
        touch(f->function);
        touch(f->module);
        touch(f->build);
        assert(f->site <= TRACE_SITE_MASK && (f->has_site || f->site == 0));
        assert(f->index < REPORT_FRAMES_MAX && (i == 0 || f->index > f[-1].index));
    }
}

static void read_shorthand(const struct collection *c, struct str form, struct arena *a)
{
    struct bucket_index_config grouping = bucket_index_defaults();
    struct shorthand s;
    struct shorthand_report t;
    struct err e = { 0 };
    bool ready = shorthand_init(&s, &grouping, &e);
    assert(ready);
    if (shorthand_read(&s, c, form, a, &t)) {
        for (size_t i = 0; i < t.count; i++) {
            touch(t.texts[i].field);
            touch(t.texts[i].text);
            assert(t.known[i] == COLLECTION_NONE); /* nothing has been learnt */
        }
        touch_trace(&t.trace);
    } else {
        assert(!s.begun); /* and the next report begins a new chain */
    }
    shorthand_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct collection *empty; /* kept for all inputs */
    if (!empty)
        empty = collection_new(NULL, 0, 1);
    CLEANUP(arena_free_p) struct arena *a = arena_new(16u << 20);
    char *copy = malloc(size + 1);
    if (!empty || !a || !copy)
        abort();
    memcpy(copy + 1, data, size);
    struct str bytes = { copy + 1, size }, names[11], payload;
    struct err e = { 0 };
    read_shorthand(empty, bytes, a);
    if (bucket_names_decode(bytes, STR("own"), names, 11))
        for (size_t i = 0; i < 11; i++)
            touch(names[i]);
    if (store_unpack(bytes, a, &payload, &e))
        touch(payload);
    else
        assert(e.code != ERR_NONE && e.msg[0] != '\0'); /* a refusal always says why */
    free(copy);
    return 0;
}
