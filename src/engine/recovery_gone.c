/* recovery_gone.c - see the header. The store gives both lists in the order in which they are to be
 * done; what does not fit the reports is damage, for nothing else in the index would show it. */
#include "engine/recovery_gone.h"

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "reading the store");
}

static bool damaged(const struct stored_superseding *s, struct err *e)
{
    return err_set(e, ERR_IO, 0,
                   "the database is damaged: report %u cannot take the place of report %u", s->by,
                   s->number);
}

static bool each_superseded(void *ctx, const struct stored_superseding *s, struct err *e)
{
    struct gone *g = ctx;
    if (s->by >= g->total)
        return damaged(s, e);
    return VEC_PUSH(&g->superseded, *s) || no_memory(e);
}

static bool each_removed(void *ctx, const struct stored_removed *s, struct err *e)
{
    struct gone *g = ctx;
    if (s->since > g->total)
        return err_set(e, ERR_IO, 0, "the database is damaged: report %u is removed too late",
                       s->number);
    return VEC_PUSH(&g->removed, *s) || no_memory(e);
}

bool gone_read(struct gone *g, struct store *store, uint32_t total, struct err *e)
{
    *g = (struct gone){ .total = total };
    return store_scan_superseded(store, each_superseded, g, e) &&
           store_scan_removed(store, each_removed, g, e);
}

void gone_done(struct gone *g)
{
    VEC_FREE(&g->superseded);
    VEC_FREE(&g->removed);
}

bool gone_supersede(struct gone *g, const struct collection *c, uint32_t by, uint32_t *instead,
                    struct err *e)
{
    *instead = COLLECTION_NONE;
    for (; g->next_superseded < g->superseded.len; g->next_superseded++) {
        const struct stored_superseding *s = &g->superseded.at[g->next_superseded];
        if (s->by != by)
            break;
        if (*instead != COLLECTION_NONE || collection_is_superseded(c, s->number, COLLECTION_NONE))
            return damaged(s, e);
        *instead = s->number;
    }
    return true;
}

bool gone_has_removed(const struct gone *g, uint32_t since)
{
    return g->next_removed < g->removed.len && g->removed.at[g->next_removed].since == since;
}

bool gone_remove(struct gone *g, struct bucket_index *ix, uint32_t since, struct err *e)
{
    const struct collection *c = bucket_index_collection(ix);
    bucket_index_publish(ix);
    for (; gone_has_removed(g, since); g->next_removed++) {
        const struct stored_removed *at = &g->removed.at[g->next_removed];
        if (collection_is_superseded(c, at->number, COLLECTION_NONE))
            return err_set(e, ERR_IO, 0, "the database is damaged: report %u cannot be removed",
                           at->number);
        if (!bucket_index_remove(ix, at->number, e))
            return false;
    }
    bucket_index_publish(ix);
    return true;
}
