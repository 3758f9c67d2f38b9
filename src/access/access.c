/* access.c - the tokens of a moment in memory, and how a newer moment takes their place.
 *
 *     access ──► view 7 ◄── request, request        rows have changed: view 8 is made, access lets
 *                                                   go of view 7, and its last request frees it
 *
 * A view is all of store_access_read in one arena, and a table of the tokens by their hashes. It
 * never changes. `mu` is held for a few instructions; reading rows happens under `reload_mu`, so
 * that one thread does it for all that have seen the new version.
 *
 * In constant time: what a client sends is hashed first, whatever it is, and hashes are compared
 * without an early end. Where in the table a search goes depends on the hash alone, of which nobody
 * who does not know the token can choose more than a few bits. */
#include "access/access.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define VIEW_BYTES_MAX ((size_t)1 << 30)
#define TABLE_FIRST 64 /* slots; a power of two */

struct access_view {
    struct arena *arena; /* the view itself is in it, too */
    uint64_t version;
    size_t holders; /* guarded by access.mu; access itself is one while the view is the newest */
    struct stored_access rows;
    struct token *tokens;
    const uint8_t (*hashes)[crypto_hash_sha256_BYTES]; /* of the same tokens */
    size_t token_count;
    /* Open addressing; a slot is a token's place + 1, 0 when free. At most half are taken. */
    uint32_t *slots;
    size_t slot_count;
};

struct access {
    struct store *store;
    pthread_mutex_t reload_mu; /* taken before mu; held while rows are read */
    pthread_mutex_t mu;        /* guards newest, and holders of all views */
    struct access_view *newest;
};

/* --- making a view ---------------------------------------------------------------------------- */

static size_t first_slot(const struct access_view *v, const uint8_t *hash)
{
    uint64_t start;
    memcpy(&start, hash, sizeof start);
    return (size_t)start & (v->slot_count - 1);
}

static int compare_projects(const void *a, const void *b)
{
    return str_cmp(((const struct stored_project *)a)->name,
                   ((const struct stored_project *)b)->name);
}

/* False when memory is short. A row that makes no sense (its project is gone, or its metadata is
 * not what this version knows) is left out: such a token lets nobody in. */
static bool view_add_token(struct access_view *v, const struct stored_token *row,
                           uint8_t (*hashes)[crypto_hash_sha256_BYTES], struct err *e)
{
    struct token *t = &v->tokens[v->token_count];
    const struct stored_project wanted = { .name = row->project };
    const struct stored_project *project =
        bsearch(&wanted, v->rows.projects, v->rows.project_count, sizeof wanted, compare_projects);
    *t = (struct token){
        .number = row->number, .scopes = row->scopes, .project = row->project, .user = row->owner
    };
    if (!project)
        return true;
    t->universe = project->universe;
    struct err bad = { 0 };
    if (!token_read_metadata(t, row->metadata, row->scopes, v->arena, &bad))
        return bad.code != ERR_NOMEM || err_set(e, ERR_NOMEM, 0, "no memory for tokens");
    memcpy(hashes[v->token_count], row->hash, crypto_hash_sha256_BYTES);
    size_t slot = first_slot(v, row->hash);
    while (v->slots[slot] != 0)
        slot = (slot + 1) & (v->slot_count - 1);
    v->slots[slot] = (uint32_t)++v->token_count;
    return true;
}

static bool view_fill(struct access_view *v, struct store *s, struct err *e)
{
    if (!store_access_read(s, v->arena, &v->rows, e))
        return false;
    if (v->rows.project_count > 0)
        qsort(v->rows.projects, v->rows.project_count, sizeof *v->rows.projects, compare_projects);
    size_t n = v->rows.token_count;
    uint8_t(*hashes)[crypto_hash_sha256_BYTES] = arena_array(v->arena, n, sizeof *hashes);
    v->version = v->rows.version;
    v->hashes = (const uint8_t(*)[crypto_hash_sha256_BYTES])hashes;
    v->tokens = arena_array(v->arena, n, sizeof *v->tokens);
    for (v->slot_count = TABLE_FIRST; v->slot_count < 2 * n;)
        v->slot_count *= 2;
    v->slots = arena_array(v->arena, v->slot_count, sizeof *v->slots);
    if (!hashes || !v->tokens || !v->slots)
        return err_set(e, ERR_NOMEM, 0, "no memory for %zu tokens", n);
    memset(v->slots, 0, v->slot_count * sizeof *v->slots);
    for (size_t i = 0; i < n; i++)
        if (!view_add_token(v, &v->rows.tokens[i], hashes, e))
            return false;
    return true;
}

/* NULL with *e. */
static struct access_view *view_new(struct store *s, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(VIEW_BYTES_MAX);
    struct access_view *v = a ? arena_zalloc(a, sizeof *v) : NULL;
    if (!v) {
        err_set(e, ERR_NOMEM, 0, "no memory for tokens");
        return NULL;
    }
    v->arena = a;
    v->holders = 1;
    if (!view_fill(v, s, e))
        return NULL;
    a = NULL; /* the view's now */
    return v;
}

/* --- holding one ------------------------------------------------------------------------------ */

bool access_open(struct access **out, struct store *s, struct err *e)
{
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium finds no source of random numbers");
    struct access *a = calloc(1, sizeof *a);
    struct access_view *v = a ? view_new(s, e) : NULL;
    if (!v) {
        if (!a)
            err_set(e, ERR_NOMEM, 0, "no memory for tokens");
        free(a);
        return false;
    }
    a->store = s;
    a->newest = v;
    pthread_mutex_init(&a->reload_mu, NULL);
    pthread_mutex_init(&a->mu, NULL);
    *out = a;
    return true;
}

void access_close(struct access *a)
{
    if (!a)
        return;
    assert(a->newest->holders == 1); /* no request may hold it any more */
    arena_free(a->newest->arena);
    pthread_mutex_destroy(&a->mu);
    pthread_mutex_destroy(&a->reload_mu);
    free(a);
}

/* The newest view when it is as new as `version`; NULL. */
static const struct access_view *hold_newest(struct access *a, uint64_t version)
{
    struct access_view *v = NULL;
    pthread_mutex_lock(&a->mu);
    if (a->newest->version >= version) {
        v = a->newest;
        v->holders++;
    }
    pthread_mutex_unlock(&a->mu);
    return v;
}

/* Under reload_mu. */
static bool reload(struct access *a, struct err *e)
{
    struct access_view *v = view_new(a->store, e);
    if (!v)
        return false;
    pthread_mutex_lock(&a->mu);
    struct access_view *old = a->newest;
    a->newest = v;
    pthread_mutex_unlock(&a->mu);
    access_release(a, old);
    return true;
}

const struct access_view *access_acquire(struct access *a, struct err *e)
{
    uint64_t version;
    if (!store_access_version(a->store, &version, e))
        return NULL;
    const struct access_view *v = hold_newest(a, version);
    if (v)
        return v;
    pthread_mutex_lock(&a->reload_mu);
    v = hold_newest(a, version); /* another thread may have been here */
    if (!v && reload(a, e))
        v = hold_newest(a, 0);
    pthread_mutex_unlock(&a->reload_mu);
    return v;
}

void access_release(struct access *a, const struct access_view *v)
{
    struct access_view *held = (struct access_view *)(uintptr_t)v; /* only its count changes */
    pthread_mutex_lock(&a->mu);
    bool last = --held->holders == 0;
    pthread_mutex_unlock(&a->mu);
    if (last)
        arena_free(held->arena);
}

/* --- asking it -------------------------------------------------------------------------------- */

bool access_has_universe(const struct access_view *v, struct str name)
{
    for (size_t i = 0; i < v->rows.universe_count; i++)
        if (str_eq(v->rows.universes[i], name))
            return true;
    return false;
}

const struct token *access_find_token(const struct access_view *v, struct str text)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    if (text.len != TOKEN_TEXT_BYTES)
        return NULL;
    crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
    for (size_t i = first_slot(v, hash); v->slots[i] != 0; i = (i + 1) & (v->slot_count - 1)) {
        uint32_t at = v->slots[i] - 1;
        if (sodium_memcmp(v->hashes[at], hash, sizeof hash) == 0)
            return &v->tokens[at];
    }
    return NULL;
}
