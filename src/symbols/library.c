/* library.c - the library as others see it: opening and closing it, adding and removing; choosing
 * the file for a module, and lending its cache. */
#include "symbols/library_internal.h"

/* --- the library --------------------------------------------------------------------------- */

struct library_config library_defaults(void)
{
    return (struct library_config){ .open_max = 4096, .mapped_bytes = (uint64_t)64 << 30 };
}

bool library_open(struct library **out, const struct library_config *config,
                  struct symbol_images *images, struct err *e)
{
    struct library *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_NOMEM, 0, "symbols");
    l->config = *config;
    l->images = images;
    pthread_mutex_init(&l->mu, NULL);
    pthread_cond_init(&l->opened, NULL);
    l->free_file = l->free_use = NONE;
    if (!idmap_init(&l->key_map) || !idmap_init(&l->cache_map) || !idmap_init(&l->upload_map)) {
        library_close(l);
        return err_set(e, ERR_NOMEM, 0, "symbols");
    }
    *out = l;
    return true;
}

void library_close(struct library *l)
{
    if (!l)
        return;
    library_index_free(l);
    library_caches_free(l);
    pthread_cond_destroy(&l->opened);
    pthread_mutex_destroy(&l->mu);
    free(l);
}

bool library_add(struct library *l, const struct library_file *f, struct err *e)
{
    pthread_mutex_lock(&l->mu);
    bool ok = library_index_add(l, f);
    pthread_mutex_unlock(&l->mu);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory for another symbol file");
}

void library_remove(struct library *l, uint64_t object)
{
    pthread_mutex_lock(&l->mu);
    library_index_remove(l, object);
    pthread_mutex_unlock(&l->mu);
}

size_t library_count(struct library *l)
{
    pthread_mutex_lock(&l->mu);
    size_t count = l->file_count;
    pthread_mutex_unlock(&l->mu);
    return count;
}

void library_measure(struct library *l, size_t *open, uint64_t *bytes)
{
    pthread_mutex_lock(&l->mu);
    *open = l->open_count;
    *bytes = l->mapped_bytes;
    pthread_mutex_unlock(&l->mu);
}

/* --- choosing ------------------------------------------------------------------------------ */

struct choice {
    uint32_t names, unwind; /* files */
    unsigned names_score, unwind_score;
};

static unsigned names_score(const struct file *f, bool exact)
{
    unsigned rank = f->is.parts & LIBRARY_LINES       ? 3
                    : f->is.parts & LIBRARY_FUNCTIONS ? 2
                    : f->is.parts & LIBRARY_PUBLICS   ? 1
                                                      : 0;
    return 1 + 2 * rank + exact;
}

static bool can_unwind(const struct file *f)
{
    return (f->is.parts & (LIBRARY_CFI | LIBRARY_WIN)) != 0;
}

/* Whether a file with the right id is for the module; *exact: its name is the module's. */
static bool suits(const struct file *f, unsigned way, const struct module_id *id, bool *exact)
{
    if (f->cache->state == CACHE_LOST)
        return false;
    *exact = way == BY_DEBUG_ID ? library_same_name(f->is.debug_file, id->debug_file)
                                : library_same_name(f->is.code_file, id->code_file);
    return *exact || (way == BY_DEBUG_ID && f->is.any_name);
}

/* Takes the file when it is better than what there is; of equals the later. */
static void weigh(const struct library *l, uint32_t file, unsigned score, uint32_t *best,
                  unsigned *best_score)
{
    if (score < *best_score || (score == *best_score && !library_is_later(l, file, *best)))
        return;
    *best = file;
    *best_score = score;
}

static bool choose(const struct library *l, struct str project, const struct module_id *id,
                   struct choice *out)
{
    unsigned way = id->debug_id.len > 0 ? BY_DEBUG_ID : BY_CODE_ID;
    const struct key_of of = { .project = project,
                               .way = way,
                               .id = way == BY_DEBUG_ID ? id->debug_id : id->code_id };
    uint32_t key = library_key_find(l, &of);
    *out = (struct choice){ NONE, NONE, 0, 0 }; /* all scores are more */
    for (uint32_t i = key == NONE ? NONE : l->keys.at[key].first; i != NONE;
         i = l->files.at[i].next[way]) {
        const struct file *f = &l->files.at[i];
        bool exact;
        if (!suits(f, way, id, &exact))
            continue;
        weigh(l, i, names_score(f, exact), &out->names, &out->names_score);
        if (can_unwind(f))
            weigh(l, i, 1u + exact, &out->unwind, &out->unwind_score);
    }
    if (out->names != NONE && can_unwind(&l->files.at[out->names]))
        out->unwind = out->names;
    return out->names != NONE;
}

static uint32_t latest_map(const struct library *l, struct str project, unsigned way, struct str id,
                           struct str name)
{
    const struct key_of of = { project, true, way, id, name };
    uint32_t key = library_key_find(l, &of);
    return key == NONE ? NONE : library_latest(l, key);
}

/* The latest source map for the script; NONE. */
static uint32_t choose_map(const struct library *l, struct str project, const struct script_id *id)
{
    if (id->debug_id.len > 0)
        return latest_map(l, project, BY_DEBUG_ID, id->debug_id, STR(""));
    if (id->uuid.len == 0)
        return latest_map(l, project, BY_NAME, id->name, STR(""));
    uint32_t named = latest_map(l, project, BY_ID_AND_NAME, id->uuid, id->name);
    return named != NONE ? named : latest_map(l, project, BY_CODE_ID, id->uuid, STR(""));
}

bool library_has(struct library *l, struct str project, const struct module_id *id)
{
    struct choice choice;
    pthread_mutex_lock(&l->mu);
    bool found = choose(l, project, id, &choice);
    pthread_mutex_unlock(&l->mu);
    return found;
}

bool library_has_map(struct library *l, struct str project, const struct script_id *id)
{
    pthread_mutex_lock(&l->mu);
    bool found = choose_map(l, project, id) != NONE;
    pthread_mutex_unlock(&l->mu);
    return found;
}

bool library_has_image(struct library *l, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    pthread_mutex_lock(&l->mu);
    const struct cache *c = library_cache_find(l, hash);
    bool is_lost = c && c->state == CACHE_LOST;
    pthread_mutex_unlock(&l->mu);
    return !is_lost && symbol_images_has(l->images, hash);
}

/* --- lending ------------------------------------------------------------------------------- */

/* What was lent out for one module. */
struct lease {
    struct cache *names, *unwind; /* unwind: NULL when it is none, or the same */
};

/* What turned out to be lost on the way. */
struct loss {
    bool any;        /* then another choice may do */
    uint64_t object; /* not 0: this thread found it out, and nobody has been told */
    struct err err;
};

static bool use_cache(struct library *l, struct cache *c, bool is_map, uint64_t object,
                      struct loss *loss)
{
    bool told = false;
    struct err e = { 0 };
    if (library_cache_use(l, c, &told, &e)) {
        if (is_map == (c->image.mapcache != NULL))
            return true;
        library_cache_leave(l, c); /* the row of the store says something wrong */
        return false;
    }
    loss->any = c->state == CACHE_LOST;
    if (told) {
        loss->object = object;
        loss->err = e;
    }
    return false;
}

static uint64_t object_of(const struct library *l, uint32_t file)
{
    return l->uses.at[l->files.at[file].latest].object;
}

/* Both caches of the choice, or none. */
static bool use_choice(struct library *l, const struct choice *choice, struct lease *lease,
                       struct loss *loss)
{
    /* Opening may move the files, and what is at these numbers may then be others: the caches are
     * what counts. */
    bool one = choice->unwind == NONE || choice->unwind == choice->names;
    struct cache *first = l->files.at[choice->names].cache;
    struct cache *second = one ? NULL : l->files.at[choice->unwind].cache;
    uint64_t object = one ? 0 : object_of(l, choice->unwind);
    *lease = (struct lease){ NULL, NULL };
    if (!use_cache(l, first, false, object_of(l, choice->names), loss))
        return false;
    lease->names = first;
    if (!second || second == first)
        return true;
    if (use_cache(l, second, false, object, loss)) {
        lease->unwind = second;
        return true;
    }
    library_cache_leave(l, first);
    return false;
}

/* One try: false when there is nothing, or when something was lost (and then another choice may
 * do). */
static bool find_once(struct library *l, struct str project, const struct module_id *id,
                      struct lease *lease, struct symbols_found *out, struct loss *loss)
{
    struct choice choice;
    pthread_mutex_lock(&l->mu);
    bool ok = choose(l, project, id, &choice);
    bool unwinds = ok && choice.unwind != NONE;
    ok = ok && use_choice(l, &choice, lease, loss);
    if (ok) {
        out->names = lease->names->image.symcache;
        out->unwind = lease->unwind ? lease->unwind->image.symcache : unwinds ? out->names : NULL;
        out->lease = lease;
    }
    library_close_some(l);
    pthread_mutex_unlock(&l->mu);
    return ok;
}

static void tell_lost(const struct library *l, const struct loss *loss)
{
    if (loss->object != 0 && l->config.lost)
        l->config.lost(l->config.ctx, loss->object, &loss->err);
}

static bool find(void *ctx, const struct module_id *id, struct symbols_found *out)
{
    const struct library_project *p = ctx;
    struct library *l = p->library;
    struct lease *lease = malloc(sizeof *lease);
    struct loss loss;
    bool ok = false;
    do { /* each round but the last finds a cache lost, which is not chosen again */
        loss = (struct loss){ .any = false };
        ok = lease && find_once(l, p->project, id, lease, out, &loss);
        tell_lost(l, &loss);
    } while (!ok && loss.any);
    if (!ok)
        free(lease);
    return ok;
}

static void release(void *ctx, struct symbols_found *found)
{
    const struct library_project *p = ctx;
    struct library *l = p->library;
    struct lease *lease = found->lease;
    pthread_mutex_lock(&l->mu);
    library_cache_leave(l, lease->names);
    if (lease->unwind)
        library_cache_leave(l, lease->unwind);
    library_close_some(l);
    pthread_mutex_unlock(&l->mu);
    free(lease);
    *found = (struct symbols_found){ 0 };
}

/* As find_once; the lease is the cache. */
static bool find_map_once(struct library *l, struct str project, const struct script_id *id,
                          struct map_found *out, struct loss *loss)
{
    pthread_mutex_lock(&l->mu);
    uint32_t file = choose_map(l, project, id);
    struct cache *c = file == NONE ? NULL : l->files.at[file].cache;
    bool ok = c && use_cache(l, c, true, object_of(l, file), loss);
    if (ok)
        *out = (struct map_found){ c->image.mapcache, c };
    library_close_some(l);
    pthread_mutex_unlock(&l->mu);
    return ok;
}

static bool find_map(void *ctx, const struct script_id *id, struct map_found *out)
{
    const struct library_project *p = ctx;
    struct loss loss;
    bool ok;
    do {
        loss = (struct loss){ .any = false };
        ok = find_map_once(p->library, p->project, id, out, &loss);
        tell_lost(p->library, &loss);
    } while (!ok && loss.any);
    return ok;
}

static void release_map(void *ctx, struct map_found *found)
{
    const struct library_project *p = ctx;
    pthread_mutex_lock(&p->library->mu);
    library_cache_leave(p->library, found->lease);
    library_close_some(p->library);
    pthread_mutex_unlock(&p->library->mu);
    *found = (struct map_found){ NULL, NULL };
}

struct symbol_source library_source(struct library_project *ctx)
{
    return (struct symbol_source){ .ctx = ctx,
                                   .find = find,
                                   .release = release,
                                   .find_map = find_map,
                                   .release_map = release_map };
}
