/* view.c - generations of the index, each freed by its last user. Readers, who use one for a
 * request or a search, never wait for the writer, and the writer never for them. */
#include "engine/inside.h"

#include <assert.h>
#include <stdlib.h>

struct view *view_new(const struct bucket_index_config *config, struct err *e)
{
    struct view *v = calloc(1, sizeof *v);
    if (!v) {
        err_set(e, ERR_NOMEM, 0, "view");
        return NULL;
    }
    if (!bucket_index_new(&v->index, config, e)) {
        free(v);
        return NULL;
    }
    v->shown = (struct engine_view){ v->index, bucket_index_collection(v->index) };
    v->users = 1;
    return v;
}

void view_drop(struct engine *en, struct view *v)
{
    pthread_mutex_lock(&en->view_mu);
    assert(v->users > 0);
    bool last = --v->users == 0;
    pthread_mutex_unlock(&en->view_mu);
    if (last) {
        bucket_index_free(v->index);
        free(v);
    }
}

void view_replace(struct engine *en, struct view *next)
{
    pthread_mutex_lock(&en->view_mu);
    struct view *old = en->current;
    en->current = next;
    pthread_mutex_unlock(&en->view_mu);
    view_drop(en, old);
}

const struct engine_view *engine_view_acquire(struct engine *en)
{
    pthread_mutex_lock(&en->view_mu);
    struct view *v = en->current;
    v->users++;
    pthread_mutex_unlock(&en->view_mu);
    return &v->shown;
}

void engine_view_release(struct engine *en, const struct engine_view *v)
{
    /* Every engine_view that is handed out is the first member of a struct view of ours. */
    view_drop(en, (struct view *)(uintptr_t)v);
}

static bool is_current(struct engine *en, const struct engine_view *v)
{
    pthread_mutex_lock(&en->view_mu);
    bool same = &en->current->shown == v;
    pthread_mutex_unlock(&en->view_mu);
    return same;
}

bool engine_payload(struct engine *en, const struct engine_view *v, uint32_t report,
                    struct arena *a, struct str *out, struct err *e)
{
    struct stored_report stored;
    if (!store_read(en->store, report, a, &stored, e))
        return false;
    /* A deletion empties the store before it replaces the view, and only then do numbers come into
     * use again: a view that still is current after the read had that report under that number. */
    if (!is_current(en, v))
        return err_set(e, ERR_NOT_FOUND, 0, "all reports were deleted meanwhile");
    *out = stored.payload;
    return stored.payload.len > 0 || err_set(e, ERR_NOT_FOUND, 0, "the report was removed");
}
