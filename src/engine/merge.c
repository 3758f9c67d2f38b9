/* merge.c - EDIT_MERGE and EDIT_UNMERGE: fingerprints that become one group, and part again
 * (docs/merging.md). The whole request is one portion.
 *
 * What changes is found on a copy of the forest (merges.h), so that nothing has happened when the
 * store refuses. Afterwards the rows of all objects concerned get the fingerprint that they are
 * shown with now: they are found by their own one, in one pass over its column. */
#include "engine/edit.h"

#include "base/log.h"
#include "engine/place.h"
#include "report/fingerprint.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#define GROUP_ZEROS 24 /* bytes at the front of a group's fingerprint */
#define HEX_BYTES (2 * STORE_FINGERPRINT_BYTES)

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "merging fingerprints");
}

/* A forest as it is to be: parents by node. */
struct plan {
    uint32_t *parents, *children; /* children: how many */
    uint32_t *roots;              /* once all is moved */
    size_t count;
};

static bool plan_init(struct plan *p, const struct merges *m, struct arena *a)
{
    p->count = m->nodes.len;
    p->parents = arena_array(a, p->count + 1, sizeof *p->parents);
    p->children = arena_array(a, p->count + 1, sizeof *p->children);
    p->roots = arena_array(a, p->count + 1, sizeof *p->roots);
    if (!p->parents || !p->children || !p->roots)
        return false;
    for (size_t i = 0; i < p->count; i++) {
        p->parents[i] = m->nodes.at[i].parent;
        p->children[i] = m->nodes.at[i].children;
    }
    return true;
}

static void plan_move(struct plan *p, uint32_t node, uint32_t parent)
{
    if (p->parents[node] != MERGES_NONE)
        p->children[p->parents[node]]--;
    p->parents[node] = parent;
    if (parent != MERGES_NONE)
        p->children[parent]++;
}

/* What differs from what there is goes into the batch. */
static bool plan_write(struct batch *b, struct edit *d, const struct plan *p, struct err *e)
{
    const struct merges *m = &b->engine->merges;
    bool is_forest = merges_find_roots(p->parents, p->count, p->roots);
    assert(is_forest); /* only roots are merged, and into a node that is not in use */
    for (size_t i = 0; i < p->count; i++) {
        const struct merge_node *n = &m->nodes.at[i];
        struct stored_merge row = { .project = d->request->project };
        if (p->parents[i] == n->parent)
            continue;
        memcpy(row.fingerprint, merges_fingerprint(m, (uint32_t)i), sizeof row.fingerprint);
        row.is_parted = p->parents[i] == MERGES_NONE;
        if (!row.is_parted)
            memcpy(row.into, merges_fingerprint(m, p->parents[i]), sizeof row.into);
        if (!VEC_PUSH(&b->merges, row))
            return no_memory(e);
    }
    d->made = arena_alloc(d->arena, sizeof *p);
    if (!d->made)
        return no_memory(e);
    memcpy(d->made, p, sizeof *p);
    return true;
}

/* Merging. */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, STORE_FINGERPRINT_BYTES);
}

/* Whether it is of objects that came once, or of a group that there is: one that has been parted is
 * as unknown as after a restart. */
static bool is_known(const struct engine *en, struct str project,
                     const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    uint32_t node = merges_find(&en->merges, project, fingerprint);
    return tally_has(&en->tally, project, fingerprint) ||
           (node != MERGES_NONE && merges_is_in_use(&en->merges, node));
}

/* The roots above the request's fingerprints, each once; they are made when they are new. */
static bool find_roots(struct batch *b, const struct engine_edit *t, uint32_t *roots, size_t *count,
                       struct err *e)
{
    struct merges *m = &b->engine->merges;
    size_t kept = 0;
    for (size_t i = 0; i < t->fingerprint_count; i++) {
        if (!is_known(b->engine, t->project, t->fingerprints[i]))
            return err_set(e, ERR_NOT_FOUND, 0, "no object has one of these fingerprints");
        uint32_t node = merges_node(m, t->project, t->fingerprints[i], e);
        if (node == MERGES_NONE)
            return false;
        roots[i] = m->nodes.at[node].root;
    }
    qsort(roots, t->fingerprint_count, sizeof *roots, by_number);
    for (size_t i = 0; i < t->fingerprint_count; i++)
        if (kept == 0 || roots[i] != roots[kept - 1])
            roots[kept++] = roots[i];
    *count = kept;
    return true;
}

/* Of its project and members, so that the same merge gives the same group; never one that is a
 * node already. */
static bool name_group(struct batch *b, const struct engine_edit *t, const uint32_t *roots,
                       size_t count, struct arena *a, uint8_t out[STORE_FINGERPRINT_BYTES])
{
    const struct merges *m = &b->engine->merges;
    uint8_t(*members)[STORE_FINGERPRINT_BYTES] = arena_array(a, count, sizeof *members);
    if (!members)
        return false;
    for (size_t i = 0; i < count; i++)
        memcpy(members[i], merges_fingerprint(m, roots[i]), sizeof members[i]);
    qsort(members, count, sizeof *members, by_bytes);
    memset(out, 0, STORE_FINGERPRINT_BYTES);
    for (uint8_t attempt = 0; attempt < UINT8_MAX; attempt++) {
        uint8_t hash[16];
        crypto_generichash_state state;
        crypto_generichash_init(&state, &attempt, attempt ? 1 : 0, sizeof hash);
        crypto_generichash_update(&state, (const uint8_t *)t->project.ptr, t->project.len);
        crypto_generichash_update(&state, (const uint8_t *)members, count * sizeof *members);
        crypto_generichash_final(&state, hash, sizeof hash);
        memcpy(out + GROUP_ZEROS, hash, STORE_FINGERPRINT_BYTES - GROUP_ZEROS);
        uint32_t node = merges_find(m, t->project, out);
        if (node == MERGES_NONE || !merges_is_in_use(m, node))
            break;
    }
    return true;
}

static bool merge_prepare(struct batch *b, struct edit *d, struct err *e)
{
    struct engine_edit *t = d->request;
    struct merges *m = &b->engine->merges;
    uint32_t *roots = arena_array(d->arena, t->fingerprint_count, sizeof *roots), group;
    size_t count = 0;
    struct plan p;
    if (!roots)
        return no_memory(e);
    if (!find_roots(b, t, roots, &count, e))
        return false;
    if (count == 1) { /* they are one already */
        memcpy(t->merged, merges_fingerprint(m, roots[0]), sizeof t->merged);
        return plan_init(&p, m, d->arena) ? plan_write(b, d, &p, e) : no_memory(e);
    }
    if (!name_group(b, t, roots, count, d->arena, t->merged))
        return no_memory(e);
    group = merges_node(m, t->project, t->merged, e);
    if (group == MERGES_NONE)
        return false;
    if (!plan_init(&p, m, d->arena))
        return no_memory(e);
    for (size_t i = 0; i < count; i++)
        plan_move(&p, roots[i], group);
    d->changed = count;
    return plan_write(b, d, &p, e);
}

/* Parting. */

/* A group of one is none: its member takes its place. */
static void settle(struct plan *p, uint32_t group)
{
    if (p->children[group] != 1)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        if (p->parents[i] == group) {
            plan_move(p, i, p->parents[group]);
            break;
        }
    plan_move(p, group, MERGES_NONE);
}

/* Takes a member out of its group; a group that is in no other falls apart. */
static void part(struct plan *p, uint32_t node)
{
    uint32_t group = p->parents[node];
    if (group != MERGES_NONE) {
        plan_move(p, node, MERGES_NONE);
        settle(p, group);
        return;
    }
    for (uint32_t i = 0; i < p->count && p->children[node] > 0; i++)
        if (p->parents[i] == node)
            plan_move(p, i, MERGES_NONE);
}

static bool unmerge_prepare(struct batch *b, struct edit *d, struct err *e)
{
    const struct engine_edit *t = d->request;
    const struct merges *m = &b->engine->merges;
    struct plan p;
    if (!plan_init(&p, m, d->arena))
        return no_memory(e);
    for (size_t i = 0; i < t->fingerprint_count; i++) {
        uint32_t node = merges_find(m, t->project, t->fingerprints[i]);
        if (node == MERGES_NONE || (p.parents[node] == MERGES_NONE && p.children[node] == 0))
            continue;
        part(&p, node);
        d->changed++;
    }
    return plan_write(b, d, &p, e);
}

/* Afterwards: the columns. */

/* A row that is shown otherwise from now on. */
struct shift {
    uint32_t root; /* its node */
    uint64_t key;
};
struct shifts {
    VEC(struct shift) rows;
    uint32_t *root_of; /* by code of the column: a node, or MERGES_NONE */
};

static int by_root(const void *a, const void *b)
{
    const struct shift *x = a, *y = b;
    if (x->root != y->root)
        return x->root < y->root ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

static void hex_of(const struct merges *m, uint32_t node, char out[HEX_BYTES + 1])
{
    fingerprint_hex(merges_fingerprint(m, node), out);
}

/* Which texts of the column are of fingerprints that have another root now. */
static bool find_codes(const struct merges *m, const struct plan *p, const struct column *c,
                       struct shifts *s, struct arena *a)
{
    char hex[HEX_BYTES + 1];
    uint32_t texts = column_texts(c);
    s->root_of = arena_array(a, (size_t)texts + 1, sizeof *s->root_of);
    if (!s->root_of)
        return false;
    for (uint32_t i = 0; i < texts; i++)
        s->root_of[i] = MERGES_NONE;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t root = p->roots[i];
        if (m->nodes.at[i].root == root)
            continue;
        hex_of(m, i, hex);
        uint32_t code = column_code(c, str_from_c(hex));
        if (code < texts)
            s->root_of[code] = root;
    }
    return true;
}

static bool find_rows(const struct table *t, const struct column *c, struct shifts *s,
                      struct arena *a)
{
    uint32_t *codes = arena_array(a, COLUMNS_BLOCK_ROWS, sizeof *codes);
    uint64_t *keys = arena_array(a, COLUMNS_BLOCK_ROWS, sizeof *keys);
    uint64_t *live = arena_array(a, COLUMNS_BLOCK_ROWS / 64, sizeof *live);
    if (!codes || !keys || !live)
        return false;
    for (uint32_t block = 0; block < table_blocks(t); block++) {
        if (column_is_unset(t, c, block))
            continue;
        column_codes(t, c, block, codes);
        table_keys(t, block, keys);
        table_live(t, block, live);
        for (uint32_t i = 0; i < table_block_rows(t, block); i++) {
            if (codes[i] == 0 || !(live[i / 64] >> (i % 64) & 1))
                continue;
            const struct shift row = { s->root_of[codes[i] - 1], keys[i] };
            if (row.root != MERGES_NONE && !VEC_PUSH(&s->rows, row))
                return false;
        }
    }
    return true;
}

static bool change_rows(struct engine *en, const struct engine_edit *t, struct shifts *s,
                        struct arena *a, struct err *e)
{
    uint64_t *keys = arena_array(a, s->rows.len + 1, sizeof *keys);
    if (!keys)
        return no_memory(e);
    if (s->rows.len > 0)
        qsort(s->rows.at, s->rows.len, sizeof *s->rows.at, by_root);
    for (size_t from = 0, to; from < s->rows.len; from = to) {
        char hex[HEX_BYTES + 1];
        hex_of(&en->merges, s->rows.at[from].root, hex);
        const struct named_cell now = { STR("fingerprint"),
                                        { .type = CELL_STRING, .s = str_from_c(hex) } };
        for (to = from; to < s->rows.len && s->rows.at[to].root == s->rows.at[from].root; to++)
            keys[to - from] = s->rows.at[to].key;
        if (!columns_change_all(en->columns, t->project, TABLE_OBJECTS, keys, to - from, &now, 1,
                                e))
            return false;
    }
    return true;
}

static bool shift_rows(struct engine *en, const struct engine_edit *t, const struct plan *p,
                       struct arena *a, struct err *e)
{
    const struct columns_view *v = columns_acquire(en->columns);
    struct shifts s = { 0 };
    struct table table;
    const struct column *c = NULL;
    if (columns_table(v, t->project, TABLE_OBJECTS, &table))
        c = table_column(&table, STR("fingerprint;original"));
    bool ok =
        !c || (find_codes(&en->merges, p, c, &s, a) && find_rows(&table, c, &s, a)) || no_memory(e);
    columns_release(en->columns, v);
    ok = ok && change_rows(en, t, &s, a, e);
    VEC_FREE(&s.rows);
    return ok;
}

static void merges_stored(struct batch *b, struct edit *d)
{
    struct engine *en = b->engine;
    const struct plan *p = d->made;
    struct err e = { 0 };
    if (b->merges.len == 0)
        return;
    if (!shift_rows(en, d->request, p, d->arena, &e))
        log_line(LOG_ERROR, "not_queryable", "project=%s reason=%s", log_str(d->request->project),
                 log_str(str_from_c(e.msg)));
    for (uint32_t i = 0; i < p->count; i++)
        if (en->merges.nodes.at[i].parent != p->parents[i] ||
            en->merges.nodes.at[i].root != p->roots[i])
            merges_move(&en->merges, i, p->parents[i], p->roots[i]);
    issues_regroup(en, d->request->project);
    log_line(LOG_INFO, "fingerprints_merged", "project=%s changed=%zu",
             log_str(d->request->project), d->changed);
}

/* The request. */

static bool merge_check(struct engine *en, const struct engine_edit *t, struct err *e)
{
    (void)en;
    return t->fingerprint_count >= 2 ||
           err_set(e, ERR_INPUT, 0, "merging takes two fingerprints at least");
}

static size_t one(const struct engine_edit *t)
{
    (void)t;
    return 1;
}

const struct edit_steps edit_merge = {
    .portion = 1,
    .check = merge_check,
    .count = one,
    .prepare = merge_prepare,
    .stored = merges_stored,
};

const struct edit_steps edit_unmerge = {
    .portion = 1,
    .count = one,
    .prepare = unmerge_prepare,
    .stored = merges_stored,
};
