/* merges.c - see the header. Nodes are never taken out: one that is a root without children says
 * the same as none. */
#include "engine/merges.h"

#include <stdlib.h>

bool merges_init(struct merges *m)
{
    *m = (struct merges){ 0 };
    pthread_mutex_init(&m->mu, NULL);
    return fingerprints_init(&m->names);
}

void merges_done(struct merges *m)
{
    VEC_FREE(&m->nodes);
    fingerprints_done(&m->names);
    pthread_mutex_destroy(&m->mu);
}

void merges_clear(struct merges *m)
{
    pthread_mutex_lock(&m->mu);
    for (uint32_t i = 0; i < m->nodes.len; i++)
        m->nodes.at[i] = (struct merge_node){ .parent = MERGES_NONE, .root = i };
    pthread_mutex_unlock(&m->mu);
}

/* Finding. */

uint32_t merges_find(const struct merges *m, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    uint32_t at = fingerprints_find(&m->names, project, fingerprint);
    return at == FINGERPRINTS_NONE ? MERGES_NONE : at;
}

bool merges_is_in_use(const struct merges *m, uint32_t node)
{
    return m->nodes.at[node].parent != MERGES_NONE || m->nodes.at[node].children > 0;
}

const uint8_t *merges_fingerprint(const struct merges *m, uint32_t node)
{
    return m->names.at.at[node].bytes;
}

bool merges_shown(struct merges *m, struct str project,
                  const uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
                  uint8_t shown[STORE_FINGERPRINT_BYTES])
{
    uint32_t node = MERGES_NONE, root = MERGES_NONE;
    memmove(shown, fingerprint, STORE_FINGERPRINT_BYTES);
    pthread_mutex_lock(&m->mu);
    if (m->nodes.len > 0) /* in most servers nothing is merged */
        node = merges_find(m, project, fingerprint);
    if (node != MERGES_NONE) {
        root = m->nodes.at[node].root;
        memcpy(shown, merges_fingerprint(m, root), STORE_FINGERPRINT_BYTES);
    }
    pthread_mutex_unlock(&m->mu);
    return node != root;
}

/* Up to what is known, and then all that was passed is known, too: each node is passed twice. */
bool merges_find_roots(const uint32_t *parents, size_t count, uint32_t *roots)
{
    for (size_t i = 0; i < count; i++)
        roots[i] = parents[i] == MERGES_NONE ? (uint32_t)i : MERGES_NONE;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t top = i;
        for (size_t steps = 0; roots[top] == MERGES_NONE; top = parents[top])
            if (steps++ > count)
                return false;
        for (uint32_t at = i; roots[at] == MERGES_NONE; at = parents[at])
            roots[at] = roots[top];
    }
    return true;
}

/* Making. */

static bool add_node(struct merges *m, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    const struct merge_node n = { .parent = MERGES_NONE, .root = (uint32_t)m->nodes.len };
    pthread_mutex_lock(&m->mu);
    bool ok = VEC_PUSH(&m->nodes, n);
    if (ok && fingerprints_add(&m->names, project, fingerprint) == FINGERPRINTS_NONE) {
        m->nodes.len--;
        ok = false;
    }
    pthread_mutex_unlock(&m->mu);
    return ok;
}

uint32_t merges_node(struct merges *m, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct err *e)
{
    uint32_t at = merges_find(m, project, fingerprint);
    if (at != MERGES_NONE)
        return at;
    if (m->nodes.len >= MERGES_MAX) {
        err_set(e, ERR_LIMIT, 0, "more than %d fingerprints are merged", MERGES_MAX);
        return MERGES_NONE;
    }
    if (add_node(m, project, fingerprint))
        return (uint32_t)(m->nodes.len - 1);
    err_set(e, ERR_NOMEM, 0, "merged fingerprints");
    return MERGES_NONE;
}

void merges_move(struct merges *m, uint32_t node, uint32_t parent, uint32_t root)
{
    struct merge_node *n = &m->nodes.at[node];
    if (n->parent != MERGES_NONE)
        m->nodes.at[n->parent].children--;
    if (parent != MERGES_NONE)
        m->nodes.at[parent].children++;
    pthread_mutex_lock(&m->mu);
    n->parent = parent;
    n->root = root;
    pthread_mutex_unlock(&m->mu);
}

/* At start. */

bool merges_restore(struct merges *m, const struct stored_merge *s, struct err *e)
{
    uint32_t node = merges_node(m, s->project, s->fingerprint, e);
    uint32_t parent = node == MERGES_NONE ? node : merges_node(m, s->project, s->into, e);
    if (parent == MERGES_NONE)
        return false;
    merges_move(m, node, parent, parent);
    return true;
}

bool merges_restored(struct merges *m, struct err *e)
{
    uint32_t *parents = malloc((m->nodes.len + 1) * sizeof *parents);
    uint32_t *roots = malloc((m->nodes.len + 1) * sizeof *roots);
    bool ok = (parents && roots) || err_set(e, ERR_NOMEM, 0, "merged fingerprints");
    for (size_t i = 0; i < m->nodes.len && ok; i++)
        parents[i] = m->nodes.at[i].parent;
    if (ok && !merges_find_roots(parents, m->nodes.len, roots))
        ok = err_set(e, ERR_IO, 0, "the database is damaged: fingerprints are merged in a ring");
    for (size_t i = 0; i < m->nodes.len && ok; i++)
        m->nodes.at[i].root = roots[i];
    free(parents);
    free(roots);
    return ok;
}
