/* library.c - see the header.
 *
 *     key (project, id) ──► file ──► file ──► ...      by its debug id
 *                     key ──► file ──► ...             and by its code id
 *                              │└──► cache             one for each image; files share them
 *                              ▼
 *     upload ──► use ──► use ──► ...                   which uploads a file is in
 *
 * A build that sends the same file once more only adds a use: what is asked about often stays short
 * however often it comes. A file is as late as its latest use.
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
    uint32_t files;              /* the first of its list */
};

struct key {
    char *text; /* heap */
    size_t length;
    uint32_t first; /* file */
};

/* The lists that a file stands in: of each of its keys, and of its cache. */
enum { BY_DEBUG_ID, BY_CODE_ID, OF_CACHE, LISTS };
struct file {
    struct library_file is; /* its texts are in `texts`; its objects are those of its uses */
    char *texts;            /* heap; NULL: this place is free, the next such is next[0] */
    struct cache *cache;
    uint32_t key[OF_CACHE], next[LISTS], before[LISTS];
    uint32_t latest; /* use; there is one */
};

/* A file in an upload. */
struct use {
    uint64_t order; /* when it was added */
    uint64_t object;
    uint32_t file;
    uint32_t next_of_upload;
    uint32_t later, earlier; /* of the file; earlier: the next place that is free */
};

struct upload {
    uint64_t object;
    uint32_t first; /* use */
};

struct library {
    /* Set by library_open, then never changed. */
    struct library_config config;
    struct symbol_images *images;

    /* Guards all that follows. */
    pthread_mutex_t mu;
    pthread_cond_t opened; /* a cache, or it could not be */
    VEC(struct file) files;
    VEC(struct use) uses;
    uint32_t free_file, free_use; /* the first place that is free */
    uint64_t next_order;
    VEC(struct key) keys; /* never fewer */
    struct idmap key_map;
    VEC(struct upload) uploads; /* never fewer */
    struct idmap upload_map;
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

bool library_could_match(const struct module_id *id)
{
    return id->debug_id.len <= ID_MAX && id->code_id.len <= ID_MAX &&
           library_file_name(id->debug_file).len <= LIBRARY_NAME_MAX &&
           library_file_name(id->code_file).len <= LIBRARY_NAME_MAX;
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

/* One more user of it, which is open then. False: it cannot be; when it is lost, another may do.
 * *told: this call found out that it is lost, and *e says why. */
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
    *out = l->free_file != NONE ? l->free_file : (uint32_t)l->files.len;
    if (l->free_file == NONE)
        return l->files.len < NONE && VEC_PUSH(&l->files, empty);
    l->free_file = l->files.at[*out].next[0];
    return true;
}

/* Where its list begins; NULL: it is in none. */
static uint32_t *list_of(struct library *l, const struct file *f, unsigned list)
{
    if (list == OF_CACHE)
        return &f->cache->files;
    return f->key[list] == NONE ? NULL : &l->keys.at[f->key[list]].first;
}

static void link_file(struct library *l, uint32_t number, const struct file *is)
{
    struct file *f = &l->files.at[number];
    *f = *is;
    f->latest = NONE;
    for (unsigned list = 0; list < LISTS; list++) {
        uint32_t *first = list_of(l, f, list);
        if (!first)
            continue;
        f->next[list] = *first;
        f->before[list] = NONE;
        if (*first != NONE)
            l->files.at[*first].before[list] = number;
        *first = number;
    }
    l->file_count++;
}

static void unlink_file(struct library *l, uint32_t number)
{
    struct file *f = &l->files.at[number];
    for (unsigned list = 0; list < LISTS; list++) {
        uint32_t *first = list_of(l, f, list), next = f->next[list], before = f->before[list];
        if (!first)
            continue;
        *(before == NONE ? first : &l->files.at[before].next[list]) = next;
        if (next != NONE)
            l->files.at[next].before[list] = before;
    }
    free(f->texts);
    f->texts = NULL;
    f->next[0] = l->free_file;
    l->free_file = number;
    l->file_count--;
}

static bool file_make(struct library *l, const struct library_file *is, struct cache *cache,
                      uint32_t *out)
{
    struct file f = { .is = *is, .cache = cache };
    if (!key_make(l, is->project, BY_DEBUG_ID, is->debug_id, &f.key[BY_DEBUG_ID]) ||
        !key_make(l, is->project, BY_CODE_ID, is->code_id, &f.key[BY_CODE_ID]) || !keep_texts(&f))
        return false;
    if (!file_place(l, out)) {
        free(f.texts);
        return false;
    }
    link_file(l, *out, &f);
    return true;
}

static bool same_file(const struct library_file *a, const struct library_file *b)
{
    return str_eq(a->project, b->project) && a->is_elf == b->is_elf && a->parts == b->parts &&
           str_eq(a->debug_file, b->debug_file) && str_eq(a->debug_id, b->debug_id) &&
           str_eq(a->code_file, b->code_file) && str_eq(a->code_id, b->code_id);
}

/* One that is in all the same but for its upload; NONE. Of a cache there are about as many as there
 * are projects that have it. */
static uint32_t file_find(const struct library *l, const struct library_file *is,
                          const struct cache *cache)
{
    uint32_t i = cache->files;
    while (i != NONE && !same_file(&l->files.at[i].is, is))
        i = l->files.at[i].next[OF_CACHE];
    return i;
}

/* --- uploads -------------------------------------------------------------------------------- */

struct upload_wanted {
    const struct library *library;
    uint64_t object;
};

static bool is_upload(const void *ctx, uint32_t number)
{
    const struct upload_wanted *w = ctx;
    return w->library->uploads.at[number].object == w->object;
}

static uint64_t upload_hash(const uint64_t *object)
{
    return idmap_hash((struct str){ (const char *)object, sizeof *object }, 2);
}

static struct upload *upload_find(const struct library *l, uint64_t object)
{
    const struct upload_wanted w = { l, object };
    uint32_t number = idmap_find(&l->upload_map, upload_hash(&object), is_upload, &w);
    return number == IDMAP_NONE ? NULL : &l->uploads.at[number];
}

static struct upload *upload_make(struct library *l, uint64_t object)
{
    const struct upload new = { object, NONE };
    struct upload *u = upload_find(l, object);
    if (u)
        return u;
    if (l->uploads.len == NONE || !VEC_RESERVE(&l->uploads, 1) ||
        !idmap_insert(&l->upload_map, upload_hash(&object), (uint32_t)l->uploads.len))
        return NULL;
    (void)!VEC_PUSH(&l->uploads, new); /* there is room */
    return &l->uploads.at[l->uploads.len - 1];
}

static bool use_place(struct library *l, uint32_t *out)
{
    const struct use empty = { .file = NONE };
    *out = l->free_use != NONE ? l->free_use : (uint32_t)l->uses.len;
    if (l->free_use == NONE)
        return l->uses.len < NONE && VEC_PUSH(&l->uses, empty);
    l->free_use = l->uses.at[*out].earlier;
    return true;
}

static void use_free(struct library *l, uint32_t number)
{
    l->uses.at[number].earlier = l->free_use;
    l->free_use = number;
}

static void link_use(struct library *l, uint32_t number, uint32_t file, struct upload *u)
{
    uint32_t *latest = &l->files.at[file].latest;
    l->uses.at[number] = (struct use){ .order = l->next_order++,
                                       .object = u->object,
                                       .file = file,
                                       .next_of_upload = u->first,
                                       .later = NONE,
                                       .earlier = *latest };
    if (*latest != NONE)
        l->uses.at[*latest].later = number;
    *latest = number;
    u->first = number;
}

/* The upload has forgotten it already. A file that nobody uses goes. */
static void unlink_use(struct library *l, uint32_t number)
{
    const struct use *u = &l->uses.at[number];
    uint32_t file = u->file;
    *(u->later == NONE ? &l->files.at[file].latest : &l->uses.at[u->later].earlier) = u->earlier;
    if (u->earlier != NONE)
        l->uses.at[u->earlier].later = u->later;
    if (l->files.at[file].latest == NONE)
        unlink_file(l, file);
    use_free(l, number);
}

static bool add(struct library *l, const struct library_file *is)
{
    uint32_t use, file;
    struct cache *cache = cache_make(l, is->hash);
    struct upload *upload = upload_make(l, is->object);
    if (!cache || !upload || !use_place(l, &use))
        return false;
    file = file_find(l, is, cache);
    if (file == NONE && !file_make(l, is, cache, &file)) {
        use_free(l, use);
        return false;
    }
    link_use(l, use, file, upload);
    if (cache->state == CACHE_LOST) { /* it was made once more */
        cache->state = CACHE_CLOSED;
        cache->verified = false;
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
    struct upload *u = upload_find(l, object);
    while (u && u->first != NONE) {
        uint32_t use = u->first;
        u->first = l->uses.at[use].next_of_upload;
        unlink_use(l, use);
    }
    pthread_mutex_unlock(&l->mu);
}

void library_clear(struct library *l)
{
    pthread_mutex_lock(&l->mu);
    for (size_t i = 0; i < l->files.len; i++)
        free(l->files.at[i].texts);
    for (size_t i = 0; i < l->keys.len; i++)
        l->keys.at[i].first = NONE;
    for (size_t i = 0; i < l->caches.len; i++)
        l->caches.at[i]->files = NONE;
    for (size_t i = 0; i < l->uploads.len; i++)
        l->uploads.at[i].first = NONE;
    l->files.len = l->uses.len = l->file_count = 0;
    l->free_file = l->free_use = NONE;
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
    *exact = way == BY_DEBUG_ID ? same_name(f->is.debug_file, id->debug_file)
                                : same_name(f->is.code_file, id->code_file);
    return *exact || (way == BY_DEBUG_ID && f->is.is_elf);
}

static bool is_later(const struct library *l, uint32_t a, uint32_t b)
{
    return l->uses.at[l->files.at[a].latest].order > l->uses.at[l->files.at[b].latest].order;
}

/* Takes the file when it is better than what there is; of equals the later. */
static void weigh(const struct library *l, uint32_t file, unsigned score, uint32_t *best,
                  unsigned *best_score)
{
    if (score < *best_score || (score == *best_score && !is_later(l, file, *best)))
        return;
    *best = file;
    *best_score = score;
}

static bool choose(const struct library *l, struct str project, const struct module_id *id,
                   struct choice *out)
{
    unsigned way = id->debug_id.len > 0 ? BY_DEBUG_ID : BY_CODE_ID;
    uint32_t key = key_find(l, project, way, way == BY_DEBUG_ID ? id->debug_id : id->code_id);
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
    bool any;        /* then another choice may do */
    uint64_t object; /* not 0: this thread found it out, and nobody has been told */
    struct err err;
};

static bool use_cache(struct library *l, struct cache *c, uint64_t object, struct loss *loss)
{
    bool told = false;
    struct err e = { 0 };
    if (cache_use(l, c, &told, &e))
        return true;
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
    if (!use_cache(l, first, object_of(l, choice->names), loss))
        return false;
    lease->names = first;
    if (!second || second == first)
        return true;
    if (use_cache(l, second, object, loss)) {
        lease->unwind = second;
        return true;
    }
    cache_leave(l, first);
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
    do { /* each round but the last finds a cache lost, which is not chosen again */
        loss = (struct loss){ .any = false };
        ok = lease && find_once(l, p->project, id, lease, out, &loss);
        if (loss.object != 0 && l->config.lost)
            l->config.lost(l->config.ctx, loss.object, &loss.err);
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
    VEC_FREE(&l->uses);
    VEC_FREE(&l->uploads);
    VEC_FREE(&l->keys);
    VEC_FREE(&l->caches);
    idmap_done(&l->key_map);
    idmap_done(&l->cache_map);
    idmap_done(&l->upload_map);
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
