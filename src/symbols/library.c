/* library.c - see the header.
 *
 *     key (project, id) ──► file ──► file ──► ...      newest first, by its debug id
 *                     key ──► file ──► ...             and by its code id
 *                              └──► cache              one for each image; files share them
 *
 * A cache is closed, being opened by one thread while others that want it wait, open, or lost.
 * Those that nobody uses stand in a list, the longest unused first, and are closed from there. */
#include "symbols/library.h"

#include "base/idmap.h"
#include "base/vec.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>

#define NONE UINT32_MAX
#define ID_MAX 128                 /* longer ids match nothing */
#define KEY_MAX (2 + ID_MAX + 512) /* a project's name, and an id */
#define GUID_DIGITS 32             /* of a debug id; what follows is the age */

enum cache_state { CACHE_CLOSED, CACHE_OPENING, CACHE_OPEN, CACHE_LOST };

struct cache {
    uint8_t hash[SYMBOL_IMAGE_HASH_BYTES];
    enum cache_state state;
    bool verified; /* all of its file, once */
    struct symcache *symcache;
    uint64_t bytes;
    size_t users;
    struct cache *older, *newer; /* when it is open and has no users */
};

struct key {
    char *text; /* heap */
    size_t length;
    uint32_t first; /* file */
};

enum { BY_DEBUG_ID, BY_CODE_ID, WAYS };
struct file {
    struct library_file is; /* its texts are in `texts` */
    char *texts;            /* heap; NULL: this place is free */
    struct cache *cache;
    uint32_t key[WAYS], next[WAYS];
};

struct library {
    /* Set by library_open, then never changed. */
    struct library_config config;
    struct symbol_images *images;

    /* Guards all that follows. */
    pthread_mutex_t mu;
    pthread_cond_t opened; /* a cache, or it could not be */
    VEC(struct file) files;
    VEC(uint32_t) free_files;
    VEC(struct key) keys; /* never fewer */
    struct idmap key_map;
    VEC(struct cache *) caches; /* never fewer */
    struct idmap cache_map;
    struct cache *oldest, *newest; /* of those without users */
    size_t open_count, file_count;
    uint64_t mapped_bytes;
};

/* --- parts --------------------------------------------------------------------------------- */

uint32_t library_parts(const struct symcache_about *about)
{
    uint32_t parts = 0;
    parts |= about->functions ? LIBRARY_FUNCTIONS : 0;
    parts |= about->lines ? LIBRARY_LINES : 0;
    parts |= about->inlines ? LIBRARY_INLINES : 0;
    parts |= about->publics ? LIBRARY_PUBLICS : 0;
    parts |= about->cfi_rows ? LIBRARY_CFI : 0;
    parts |= about->win_rows ? LIBRARY_WIN : 0;
    return parts;
}

struct str library_parts_text(uint32_t parts, char out[LIBRARY_PARTS_TEXT_MAX])
{
    static const char *const names[] = { "functions", "lines", "inlines", "publics", "cfi", "win" };
    size_t used = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (parts & (uint32_t)1 << i)
            used += (size_t)snprintf(out + used, LIBRARY_PARTS_TEXT_MAX - used, "%s%s",
                                     used ? "," : "", names[i]);
    return (struct str){ out, used };
}

/* --- ids and names ------------------------------------------------------------------------- */

static bool is_zeros(struct str id)
{
    size_t digits = id.len < GUID_DIGITS ? id.len : GUID_DIGITS;
    for (size_t i = 0; i < digits; i++)
        if (id.ptr[i] != '0')
            return false;
    return true;
}

static bool is_good_id(struct str id)
{
    return id.len > 0 && id.len <= ID_MAX && !is_zeros(id);
}

struct str library_file_name(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/' || path.ptr[i - 1] == '\\')
            return (struct str){ path.ptr + i, path.len - i };
    return path;
}

static bool same_name(struct str a, struct str b)
{
    a = library_file_name(a);
    b = library_file_name(b);
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

/* --- keys ---------------------------------------------------------------------------------- */

/* The text of a key; its length, 0 when there is none. */
static size_t key_text(char out[KEY_MAX], struct str project, unsigned way, struct str id)
{
    if (!is_good_id(id) || project.len > KEY_MAX - ID_MAX - 2)
        return 0;
    memcpy(out, project.ptr, project.len);
    out[project.len] = '\0';
    out[project.len + 1] = way == BY_DEBUG_ID ? 'd' : 'c';
    for (size_t i = 0; i < id.len; i++)
        out[project.len + 2 + i] = (char)toupper((unsigned char)id.ptr[i]);
    return project.len + 2 + id.len;
}

struct key_wanted {
    const struct library *library;
    struct str text;
};

static bool is_key(const void *ctx, uint32_t number)
{
    const struct key_wanted *w = ctx;
    const struct key *k = &w->library->keys.at[number];
    return str_eq((struct str){ k->text, k->length }, w->text);
}

static uint32_t key_find(const struct library *l, struct str project, unsigned way, struct str id)
{
    char text[KEY_MAX];
    size_t length = key_text(text, project, way, id);
    if (length == 0)
        return NONE;
    const struct key_wanted w = { l, { text, length } };
    return idmap_find(&l->key_map, idmap_hash(w.text, 0), is_key, &w);
}

/* The key of a file, made when it is new; NONE: the file has no such id. False: no memory. */
static bool key_make(struct library *l, struct str project, unsigned way, struct str id,
                     uint32_t *out)
{
    char text[KEY_MAX];
    size_t length = key_text(text, project, way, id);
    *out = length ? key_find(l, project, way, id) : NONE;
    if (length == 0 || *out != NONE)
        return true;
    struct key k = { malloc(length), length, NONE };
    if (!k.text)
        return false;
    memcpy(k.text, text, length);
    if (!VEC_RESERVE(&l->keys, 1) ||
        !idmap_insert(&l->key_map, idmap_hash((struct str){ text, length }, 0),
                      (uint32_t)l->keys.len)) {
        free(k.text);
        return false;
    }
    *out = (uint32_t)l->keys.len;
    return VEC_PUSH(&l->keys, k);
}

/* --- caches -------------------------------------------------------------------------------- */

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

static struct cache *cache_find(const struct library *l,
                                const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    const struct cache_wanted w = { l, hash };
    uint32_t number = idmap_find(&l->cache_map, cache_hash(hash), is_cache, &w);
    return number == IDMAP_NONE ? NULL : l->caches.at[number];
}

static struct cache *cache_make(struct library *l, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    struct cache *c = cache_find(l, hash);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    memcpy(c->hash, hash, sizeof c->hash);
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

/* Closes those that nobody has used for long, while there are too many. Lets go of the lock
 * meanwhile. */
static void close_some(struct library *l)
{
    while (l->oldest &&
           (l->open_count > l->config.open_max || l->mapped_bytes > l->config.mapped_bytes)) {
        struct cache *c = l->oldest;
        struct symcache *symcache = c->symcache;
        idle_remove(l, c);
        c->state = CACHE_CLOSED;
        c->symcache = NULL;
        l->open_count--;
        l->mapped_bytes -= c->bytes;
        pthread_mutex_unlock(&l->mu);
        symcache_free(symcache);
        pthread_mutex_lock(&l->mu);
    }
}

/* Opens it without the lock. */
static void cache_open(struct library *l, struct cache *c, struct err *e)
{
    struct symcache *symcache = NULL;
    uint64_t bytes = 0;
    bool verify = !c->verified;
    c->state = CACHE_OPENING;
    pthread_mutex_unlock(&l->mu);
    bool ok = symbol_images_find(l->images, c->hash, &symcache, &bytes, e) &&
              (!verify || symcache_verify(symcache, e));
    if (!ok)
        symcache_free(symcache);
    pthread_mutex_lock(&l->mu);
    bool is_lost = !ok && (e->code == ERR_NOT_FOUND || e->code == ERR_INPUT);
    c->state = ok ? CACHE_OPEN : is_lost ? CACHE_LOST : CACHE_CLOSED;
    if (ok) {
        c->verified = true;
        c->symcache = symcache;
        c->bytes = bytes;
        l->open_count++;
        l->mapped_bytes += bytes;
    }
    pthread_cond_broadcast(&l->opened);
}

/* One more user of it, which is open then. False: it cannot be; *told: this call found out that it
 * is lost, and *e says why. */
static bool cache_use(struct library *l, struct cache *c, bool *told, struct err *e)
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

static void cache_leave(struct library *l, struct cache *c)
{
    assert(c->state == CACHE_OPEN && c->users > 0);
    if (--c->users == 0)
        idle_add(l, c);
}

/* --- files --------------------------------------------------------------------------------- */

static struct str copy_text(char **at, struct str s)
{
    struct str copied = { *at, s.len };
    if (s.len > 0)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return copied;
}

/* The texts of a file into one piece of memory. */
static bool keep_texts(struct file *f)
{
    struct str *const texts[] = { &f->is.project, &f->is.debug_file, &f->is.debug_id,
                                  &f->is.code_file, &f->is.code_id };
    size_t length = 1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        length += texts[i]->len;
    char *at = f->texts = malloc(length);
    for (size_t i = 0; f->texts && i < sizeof texts / sizeof *texts; i++)
        *texts[i] = copy_text(&at, *texts[i]);
    return f->texts != NULL;
}

static bool file_place(struct library *l, uint32_t *out)
{
    const struct file empty = { .texts = NULL };
    if (l->free_files.len > 0) {
        *out = l->free_files.at[--l->free_files.len];
        return true;
    }
    *out = (uint32_t)l->files.len;
    return l->files.len < NONE && VEC_RESERVE(&l->free_files, l->files.len + 1) &&
           VEC_PUSH(&l->files, empty);
}

static void link_file(struct library *l, uint32_t number, const struct file *f)
{
    l->files.at[number] = *f;
    for (unsigned way = 0; way < WAYS; way++)
        if (f->key[way] != NONE) {
            l->files.at[number].next[way] = l->keys.at[f->key[way]].first;
            l->keys.at[f->key[way]].first = number;
        }
    l->file_count++;
}

static void unlink_file(struct library *l, uint32_t number)
{
    struct file *f = &l->files.at[number];
    for (unsigned way = 0; way < WAYS; way++) {
        if (f->key[way] == NONE)
            continue;
        uint32_t *at = &l->keys.at[f->key[way]].first;
        while (*at != number)
            at = &l->files.at[*at].next[way];
        *at = f->next[way];
    }
    free(f->texts);
    f->texts = NULL;
    l->file_count--;
    (void)!VEC_PUSH(&l->free_files, number); /* there is room: file_place */
}

static bool add(struct library *l, const struct library_file *is)
{
    struct file f = { .is = *is };
    uint32_t number;
    f.cache = cache_make(l, is->hash);
    if (!f.cache || !key_make(l, is->project, BY_DEBUG_ID, is->debug_id, &f.key[BY_DEBUG_ID]) ||
        !key_make(l, is->project, BY_CODE_ID, is->code_id, &f.key[BY_CODE_ID]) || !keep_texts(&f))
        return false;
    if (!file_place(l, &number)) {
        free(f.texts);
        return false;
    }
    link_file(l, number, &f);
    if (f.cache->state == CACHE_LOST) { /* it was made once more */
        f.cache->state = CACHE_CLOSED;
        f.cache->verified = false;
    }
    return true;
}

bool library_add(struct library *l, const struct library_file *f, struct err *e)
{
    pthread_mutex_lock(&l->mu);
    bool ok = add(l, f);
    pthread_mutex_unlock(&l->mu);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory for another symbol file");
}

void library_remove(struct library *l, uint64_t object)
{
    pthread_mutex_lock(&l->mu);
    for (size_t i = 0; i < l->files.len; i++)
        if (l->files.at[i].texts && l->files.at[i].is.object == object)
            unlink_file(l, (uint32_t)i);
    pthread_mutex_unlock(&l->mu);
}

void library_clear(struct library *l)
{
    pthread_mutex_lock(&l->mu);
    for (size_t i = 0; i < l->files.len; i++)
        if (l->files.at[i].texts)
            unlink_file(l, (uint32_t)i);
    pthread_mutex_unlock(&l->mu);
}

size_t library_count(struct library *l)
{
    pthread_mutex_lock(&l->mu);
    size_t count = l->file_count;
    pthread_mutex_unlock(&l->mu);
    return count;
}

/* --- finding ------------------------------------------------------------------------------- */

struct choice {
    uint32_t names, unwind; /* files */
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
    *exact = way == BY_DEBUG_ID ? same_name(f->is.debug_file, id->debug_file)
                                : same_name(f->is.code_file, id->code_file);
    return *exact || (way == BY_DEBUG_ID && f->is.is_elf);
}

static bool choose(const struct library *l, struct str project, const struct module_id *id,
                   struct choice *out)
{
    unsigned way = id->debug_id.len > 0 ? BY_DEBUG_ID : BY_CODE_ID;
    uint32_t key = key_find(l, project, way, way == BY_DEBUG_ID ? id->debug_id : id->code_id);
    unsigned best_names = 0, best_unwind = 0;
    *out = (struct choice){ NONE, NONE };
    for (uint32_t i = key == NONE ? NONE : l->keys.at[key].first; i != NONE;
         i = l->files.at[i].next[way]) {
        const struct file *f = &l->files.at[i];
        bool exact;
        if (!suits(f, way, id, &exact))
            continue;
        if (names_score(f, exact) > best_names) {
            best_names = names_score(f, exact);
            out->names = i;
        }
        if (can_unwind(f) && 1u + exact > best_unwind) {
            best_unwind = 1u + exact;
            out->unwind = i;
        }
    }
    if (out->names != NONE && can_unwind(&l->files.at[out->names]))
        out->unwind = out->names;
    return out->names != NONE;
}

bool library_has(struct library *l, struct str project, const struct module_id *id)
{
    struct choice choice;
    pthread_mutex_lock(&l->mu);
    bool found = choose(l, project, id, &choice);
    pthread_mutex_unlock(&l->mu);
    return found;
}

bool library_has_image(struct library *l, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    pthread_mutex_lock(&l->mu);
    const struct cache *c = cache_find(l, hash);
    bool is_lost = c && c->state == CACHE_LOST;
    pthread_mutex_unlock(&l->mu);
    return !is_lost && symbol_images_has(l->images, hash);
}

/* What was lent out for one module. */
struct lease {
    struct cache *names, *unwind; /* unwind: NULL when it is none, or the same */
};

/* What turned out to be lost on the way. */
struct loss {
    uint64_t object; /* 0: nothing */
    struct err err;
};

static bool use_file(struct library *l, uint32_t number, struct cache **out, struct loss *loss)
{
    const uint64_t object = l->files.at[number].is.object; /* files move while it is opened */
    struct cache *c = l->files.at[number].cache;
    bool told = false;
    struct err e = { 0 };
    if (cache_use(l, c, &told, &e)) {
        *out = c;
        return true;
    }
    if (told)
        *loss = (struct loss){ object, e };
    return false;
}

/* Both caches of the choice, or none. */
static bool use_choice(struct library *l, const struct choice *choice, struct lease *lease,
                       struct loss *loss)
{
    uint32_t unwind = choice->unwind == choice->names ? NONE : choice->unwind;
    *lease = (struct lease){ NULL, NULL };
    /* Opening may move the files, and what is at `unwind` may then be another: its cache is what
     * counts. */
    struct cache *second = unwind == NONE ? NULL : l->files.at[unwind].cache;
    uint64_t object = unwind == NONE ? 0 : l->files.at[unwind].is.object;
    if (!use_file(l, choice->names, &lease->names, loss))
        return false;
    bool told = false;
    struct err e = { 0 };
    if (!second || second == lease->names || cache_use(l, second, &told, &e)) {
        lease->unwind = second == lease->names ? NULL : second;
        return true;
    }
    if (told)
        *loss = (struct loss){ object, e };
    cache_leave(l, lease->names);
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
        out->names = lease->names->symcache;
        out->unwind = lease->unwind ? lease->unwind->symcache : unwinds ? out->names : NULL;
        out->lease = lease;
    }
    close_some(l);
    pthread_mutex_unlock(&l->mu);
    return ok;
}

static bool find(void *ctx, const struct module_id *id, struct symbols_found *out)
{
    const struct library_project *p = ctx;
    struct library *l = p->library;
    struct lease *lease = malloc(sizeof *lease);
    struct loss loss;
    bool ok = false;
    do { /* each round but the last loses a cache */
        loss.object = 0;
        ok = lease && find_once(l, p->project, id, lease, out, &loss);
        if (loss.object != 0 && l->config.lost)
            l->config.lost(l->config.ctx, loss.object, &loss.err);
    } while (!ok && loss.object != 0);
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
    cache_leave(l, lease->names);
    if (lease->unwind)
        cache_leave(l, lease->unwind);
    close_some(l);
    pthread_mutex_unlock(&l->mu);
    free(lease);
    *found = (struct symbols_found){ 0 };
}

struct symbol_source library_source(struct library_project *ctx)
{
    return (struct symbol_source){ .ctx = ctx, .find = find, .release = release };
}

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
    if (!idmap_init(&l->key_map) || !idmap_init(&l->cache_map)) {
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
    for (size_t i = 0; i < l->files.len; i++)
        free(l->files.at[i].texts);
    for (size_t i = 0; i < l->keys.len; i++)
        free(l->keys.at[i].text);
    for (size_t i = 0; i < l->caches.len; i++) {
        assert(l->caches.at[i]->users == 0);
        symcache_free(l->caches.at[i]->symcache);
        free(l->caches.at[i]);
    }
    VEC_FREE(&l->files);
    VEC_FREE(&l->free_files);
    VEC_FREE(&l->keys);
    VEC_FREE(&l->caches);
    idmap_done(&l->key_map);
    idmap_done(&l->cache_map);
    pthread_cond_destroy(&l->opened);
    pthread_mutex_destroy(&l->mu);
    free(l);
}

void library_measure(struct library *l, size_t *open, uint64_t *bytes)
{
    pthread_mutex_lock(&l->mu);
    *open = l->open_count;
    *bytes = l->mapped_bytes;
    pthread_mutex_unlock(&l->mu);
}
