/* access.c - who may do what, of a moment in memory, and how a newer moment takes its place.
 *
 *     access ──► view 7 ◄── request, request        rows have changed: view 8 is made, access lets
 *                                                   go of view 7, and its last request frees it
 *
 * A view (view.h) never changes. `mu` is held for a few instructions; reading rows happens under
 * `reload_mu`, so that one thread does it for all that have seen the new version.
 *
 * In constant time: what a client sends is hashed first, whatever it is, and hashes are compared
 * without an early end. Where in the table a search goes depends on the hash alone, of which nobody
 * who does not know the token can choose more than a few bits. */
#include "access/view.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

struct access {
    struct store *store;
    pthread_mutex_t reload_mu; /* taken before mu; held while rows are read */
    pthread_mutex_t mu;        /* guards newest, and holders of all views */
    struct access_view *newest;
};

/* --- holding one ------------------------------------------------------------------------------ */

bool access_open(struct access **out, struct store *s, struct err *e)
{
    if (sodium_init() < 0)
        return err_set(e, ERR_IO, 0, "libsodium finds no source of random numbers");
    struct access *a = calloc(1, sizeof *a);
    struct access_view *v = a ? access_view_new(s, e) : NULL;
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
    struct access_view *v = access_view_new(a->store, e);
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
