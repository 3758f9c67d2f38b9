/* library_caches.c - the caches: one for each image, however many files share it.
 *
 * A cache is closed, being opened by one thread while others that want it wait, open, or lost.
 * Those that nobody uses stand in a list, the longest unused first, and are closed from there. */
#include "symbols/library_internal.h"

#include <assert.h>

struct cache_wanted {
    const struct library *library;
    const uint8_t *hash;
};

static bool is_cache(const void *ctx, uint32_t number)
{
    const struct cache_wanted *w = ctx;
    return memcmp(w->library->caches.at[number]->hash, w->hash, SYMBOL_IMAGE_HASH_BYTES) == 0;
}

static uint64_t cache_hash(const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    return idmap_hash((struct str){ (const char *)hash, SYMBOL_IMAGE_HASH_BYTES }, 1);
}

struct cache *library_cache_find(const struct library *l,
                                 const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    const struct cache_wanted w = { l, hash };
    uint32_t number = idmap_find(&l->cache_map, cache_hash(hash), is_cache, &w);
    return number == IDMAP_NONE ? NULL : l->caches.at[number];
}

struct cache *library_cache_make(struct library *l, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    struct cache *c = library_cache_find(l, hash);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    memcpy(c->hash, hash, sizeof c->hash);
    c->files = NONE;
    if (!VEC_RESERVE(&l->caches, 1) ||
        !idmap_insert(&l->cache_map, cache_hash(hash), (uint32_t)l->caches.len)) {
        free(c);
        return NULL;
    }
    (void)!VEC_PUSH(&l->caches, c); /* there is room */
    return c;
}

static void idle_remove(struct library *l, struct cache *c)
{
    *(c->older ? &c->older->newer : &l->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &l->newest) = c->older;
    c->older = c->newer = NULL;
}

static void idle_add(struct library *l, struct cache *c)
{
    c->older = l->newest;
    c->newer = NULL;
    *(l->newest ? &l->newest->newer : &l->oldest) = c;
    l->newest = c;
}

void library_close_some(struct library *l)
{
    while (l->oldest &&
           (l->open_count > l->config.open_max || l->mapped_bytes > l->config.mapped_bytes)) {
        struct cache *c = l->oldest;
        struct symbol_image image = c->image;
        idle_remove(l, c);
        c->state = CACHE_CLOSED;
        c->image = (struct symbol_image){ .symcache = NULL };
        l->open_count--;
        l->mapped_bytes -= image.file.len;
        pthread_mutex_unlock(&l->mu);
        symbol_image_free(&image);
        pthread_mutex_lock(&l->mu);
    }
}

/* Opens it without the lock. */
static void cache_open(struct library *l, struct cache *c, struct err *e)
{
    struct symbol_image image = { .symcache = NULL };
    bool verify = !c->verified;
    c->state = CACHE_OPENING;
    pthread_mutex_unlock(&l->mu);
    bool ok = symbol_images_find(l->images, c->hash, &image, e) &&
              (!verify || symbol_image_verify(&image, e));
    if (!ok)
        symbol_image_free(&image);
    pthread_mutex_lock(&l->mu);
    bool is_lost = !ok && (e->code == ERR_NOT_FOUND || e->code == ERR_INPUT);
    c->state = ok ? CACHE_OPEN : is_lost ? CACHE_LOST : CACHE_CLOSED;
    if (is_lost)
        library_index_cache_changed(l, c);
    if (ok) {
        c->verified = true;
        c->image = image;
        l->open_count++;
        l->mapped_bytes += image.file.len;
    }
    pthread_cond_broadcast(&l->opened);
}

bool library_cache_use(struct library *l, struct cache *c, bool *told, struct err *e)
{
    while (c->state == CACHE_OPENING)
        pthread_cond_wait(&l->opened, &l->mu);
    if (c->state == CACHE_CLOSED) {
        cache_open(l, c, e);
        *told = c->state == CACHE_LOST;
    } else if (c->state == CACHE_OPEN && c->users == 0) {
        idle_remove(l, c);
    }
    if (c->state != CACHE_OPEN)
        return false;
    c->users++;
    return true;
}

void library_cache_leave(struct library *l, struct cache *c)
{
    assert(c->state == CACHE_OPEN && c->users > 0);
    if (--c->users == 0)
        idle_add(l, c);
}

void library_caches_free(struct library *l)
{
    for (size_t i = 0; i < l->caches.len; i++) {
        assert(l->caches.at[i]->users == 0);
        symbol_image_free(&l->caches.at[i]->image);
        free(l->caches.at[i]);
    }
    VEC_FREE(&l->caches);
    idmap_done(&l->cache_map);
}
