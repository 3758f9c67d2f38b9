/* merges.c - see the header. Nodes are never taken out: one that is a root without children says
 * the same as none. */
#include "engine/merges.h"

#include <sodium.h>
#include <stdlib.h>

bool merges_init(struct merges *m)
{
    *m = (struct merges){ 0 };
    pthread_mutex_init(&m->mu, NULL);
    return idmap_init(&m->by_key);
}

static void free_all(struct merges *m)
{
    for (size_t i = 0; i < m->projects.len; i++)
        free((char *)(uintptr_t)m->projects.at[i].ptr);
    VEC_FREE(&m->projects);
    VEC_FREE(&m->nodes);
    idmap_done(&m->by_key);
}

void merges_done(struct merges *m)
{
    free_all(m);
    pthread_mutex_destroy(&m->mu);
}

void merges_clear(struct merges *m)
{
    pthread_mutex_lock(&m->mu);
    for (size_t i = 0; i < m->nodes.len; i++) {
        m->nodes.at[i].parent = MERGES_NONE;
        m->nodes.at[i].children = 0;
    }
    pthread_mutex_unlock(&m->mu);
}

/* Finding. */

static void make_key(uint8_t key[16], struct str project, const uint8_t *fingerprint)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 16);
    crypto_generichash_update(&state, fingerprint, STORE_FINGERPRINT_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)project.ptr, project.len);
    crypto_generichash_final(&state, key, 16);
}

static uint64_t hash_key(const uint8_t key[16])
{
    return idmap_hash((struct str){ (const char *)key, 16 }, 0);
}

struct sought {
    const struct merges *m;
    const uint8_t *key;
};

static bool is_same(const void *ctx, uint32_t at)
{
    const struct sought *s = ctx;
    return memcmp(s->m->nodes.at[at].key, s->key, sizeof s->m->nodes.at->key) == 0;
}

static uint32_t find_key(const struct merges *m, const uint8_t key[16])
{
    const struct sought s = { m, key };
    uint32_t at = idmap_find(&m->by_key, hash_key(key), is_same, &s);
    return at == IDMAP_NONE ? MERGES_NONE : at;
}

uint32_t merges_find(const struct merges *m, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    uint8_t key[16];
    make_key(key, project, fingerprint);
    return find_key(m, key);
}

uint32_t merges_root(const struct merges *m, uint32_t node)
{
    while (m->nodes.at[node].parent != MERGES_NONE)
        node = m->nodes.at[node].parent;
    return node;
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
        root = merges_root(m, node);
        memcpy(shown, m->nodes.at[root].fingerprint, STORE_FINGERPRINT_BYTES);
    }
    pthread_mutex_unlock(&m->mu);
    return node != root;
}

/* Making. */

/* MERGES_NONE: no memory. */
static uint32_t project_number(struct merges *m, struct str project)
{
    for (size_t i = 0; i < m->projects.len; i++)
        if (str_eq(m->projects.at[i], project))
            return (uint32_t)i;
    char *copy = malloc(project.len ? project.len : 1);
    if (!copy)
        return MERGES_NONE;
    memcpy(copy, project.ptr, project.len);
    const struct str name = { copy, project.len };
    if (VEC_PUSH(&m->projects, name))
        return (uint32_t)(m->projects.len - 1);
    free(copy);
    return MERGES_NONE;
}

static bool add_node(struct merges *m, const struct merge_node *n)
{
    pthread_mutex_lock(&m->mu);
    bool ok = VEC_PUSH(&m->nodes, *n);
    if (ok && !idmap_insert(&m->by_key, hash_key(n->key), (uint32_t)(m->nodes.len - 1))) {
        m->nodes.len--;
        ok = false;
    }
    pthread_mutex_unlock(&m->mu);
    return ok;
}

uint32_t merges_node(struct merges *m, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct err *e)
{
    struct merge_node n = { .parent = MERGES_NONE };
    make_key(n.key, project, fingerprint);
    uint32_t at = find_key(m, n.key);
    if (at != MERGES_NONE)
        return at;
    if (m->nodes.len >= MERGES_MAX) {
        err_set(e, ERR_LIMIT, 0, "more than %d fingerprints are merged", MERGES_MAX);
        return MERGES_NONE;
    }
    memcpy(n.fingerprint, fingerprint, sizeof n.fingerprint);
    n.project = project_number(m, project);
    if (n.project != MERGES_NONE && add_node(m, &n))
        return (uint32_t)(m->nodes.len - 1);
    err_set(e, ERR_NOMEM, 0, "merged fingerprints");
    return MERGES_NONE;
}

void merges_set_parent(struct merges *m, uint32_t node, uint32_t parent)
{
    struct merge_node *n = &m->nodes.at[node];
    if (n->parent != MERGES_NONE)
        m->nodes.at[n->parent].children--;
    if (parent != MERGES_NONE)
        m->nodes.at[parent].children++;
    pthread_mutex_lock(&m->mu);
    n->parent = parent;
    pthread_mutex_unlock(&m->mu);
}

/* At start. */

bool merges_restore(struct merges *m, const struct stored_merge *s, struct err *e)
{
    uint32_t node = merges_node(m, s->project, s->fingerprint, e);
    uint32_t parent = node == MERGES_NONE ? node : merges_node(m, s->project, s->into, e);
    if (parent == MERGES_NONE)
        return false;
    merges_set_parent(m, node, parent);
    return true;
}

bool merges_check(const struct merges *m, struct err *e)
{
    bool ok = true;
    for (uint32_t i = 0; i < m->nodes.len && ok; i++) {
        size_t steps = 0;
        for (uint32_t at = i; ok && at != MERGES_NONE; at = m->nodes.at[at].parent)
            ok = steps++ < m->nodes.len;
    }
    return ok ||
           err_set(e, ERR_IO, 0, "the database is damaged: fingerprints are merged in a ring");
}
