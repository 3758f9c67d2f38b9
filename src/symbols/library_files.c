/* library_files.c - the index: which files there are, by which ids they are found, and which
 * uploads they are in. */
#include "symbols/library_internal.h"

#include <ctype.h>

/* A project's name, an id, and a script's name. */
#define KEY_MAX (3 + 512 + ID_MAX + LIBRARY_NAME_MAX)

/* --- keys ---------------------------------------------------------------------------------- */

static bool is_good_name(struct str name)
{
    return name.len > 0 && name.len <= LIBRARY_NAME_MAX;
}

/* The text of a key; its length, 0 when there is none. */
static size_t key_text(char out[KEY_MAX], const struct key_of *of)
{
    static const char letters[2][OF_CACHE] = { { 'd', 'c', 'n', 'b' }, { 'D', 'C', 'N', 'B' } };
    bool by_name = of->way == BY_NAME;
    bool is_good = by_name ? is_good_name(of->id) : library_is_good_id(of->id);
    if (of->way == BY_ID_AND_NAME)
        is_good = is_good && is_good_name(of->name);
    if (!is_good || of->project.len > KEY_MAX - ID_MAX - LIBRARY_NAME_MAX - 3)
        return 0;
    size_t n = of->project.len;
    memcpy(out, of->project.ptr, n);
    out[n++] = '\0';
    out[n++] = letters[of->is_map][of->way];
    for (size_t i = 0; i < of->id.len; i++) {
        char c = of->id.ptr[i];
        if (by_name)
            out[n++] = c;
        else if (c != '-' || !of->is_map)
            out[n++] = (char)toupper((unsigned char)c);
    }
    if (of->way == BY_ID_AND_NAME) {
        out[n++] = '\0';
        memcpy(out + n, of->name.ptr, of->name.len);
        n += of->name.len;
    }
    return n;
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

uint32_t library_key_find(const struct library *l, const struct key_of *of)
{
    char text[KEY_MAX];
    size_t length = key_text(text, of);
    if (length == 0)
        return NONE;
    const struct key_wanted w = { l, { text, length } };
    return idmap_find(&l->key_map, idmap_hash(w.text, 0), is_key, &w);
}

/* The key of a file, made when it is new; NONE: the file has no such id. False: no memory. */
static bool key_make(struct library *l, const struct key_of *of, uint32_t *out)
{
    char text[KEY_MAX];
    size_t length = key_text(text, of);
    *out = length ? library_key_find(l, of) : NONE;
    if (length == 0 || *out != NONE)
        return true;
    struct key k = { .text = malloc(length), .length = length, .first = NONE };
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
    return f->is.is_map || f->key[list] == NONE ? NULL : &l->keys.at[f->key[list]].first;
}

/* Into a list, behind `before`; NONE: at its beginning. */
static void list_insert(struct library *l, uint32_t number, unsigned list, uint32_t before)
{
    struct file *f = &l->files.at[number];
    uint32_t *from = before == NONE ? list_of(l, f, list) : &l->files.at[before].next[list];
    f->next[list] = *from;
    f->before[list] = before;
    if (*from != NONE)
        l->files.at[*from].before[list] = number;
    *from = number;
}

static void list_remove(struct library *l, uint32_t number, unsigned list)
{
    struct file *f = &l->files.at[number];
    uint32_t next = f->next[list], before = f->before[list];
    *(before == NONE ? list_of(l, f, list) : &l->files.at[before].next[list]) = next;
    if (next != NONE)
        l->files.at[next].before[list] = before;
}

static void link_file(struct library *l, uint32_t number, const struct file *is)
{
    struct file *f = &l->files.at[number];
    *f = *is;
    f->latest = NONE;
    for (unsigned way = 0; way < OF_CACHE; way++)
        f->place[way] = NONE;
    for (unsigned list = 0; list < LISTS; list++)
        if (list_of(l, f, list))
            list_insert(l, number, list, NONE);
    l->file_count++;
}

static bool is_later_use(const struct library *l, uint32_t a, uint32_t b)
{
    const struct use *x = &l->uses.at[a], *y = &l->uses.at[b];
    return x->object != y->object ? x->object > y->object : x->order > y->order;
}

bool library_is_later(const struct library *l, uint32_t a, uint32_t b)
{
    return is_later_use(l, l->files.at[a].latest, l->files.at[b].latest);
}

/* Its latest use has changed. */
static void place_map(struct library *l, uint32_t number)
{
    if (l->files.at[number].is.is_map)
        library_latest_place(l, number);
}

void library_index_cache_changed(struct library *l, const struct cache *c)
{
    for (uint32_t i = c->files; i != NONE; i = l->files.at[i].next[OF_CACHE])
        place_map(l, i);
}

static void unlink_file(struct library *l, uint32_t number)
{
    struct file *f = &l->files.at[number];
    if (f->is.is_map)
        library_latest_remove(l, number);
    for (unsigned list = 0; list < LISTS; list++)
        if (list_of(l, f, list))
            list_remove(l, number, list);
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
    const struct str name = is->is_map ? is->debug_file : STR("");
    const struct str ids[OF_CACHE] = { is->debug_id, is->code_id, name, is->code_id };
    for (unsigned way = 0; way < OF_CACHE; way++) {
        const struct key_of of = { is->project, is->is_map, way, ids[way], name };
        if (!key_make(l, &of, &f.key[way]) ||
            (is->is_map && f.key[way] != NONE && !library_latest_reserve(l, f.key[way])))
            return false;
    }
    if (!keep_texts(&f))
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
    return str_eq(a->project, b->project) && a->is_map == b->is_map && a->any_name == b->any_name &&
           a->parts == b->parts && str_eq(a->debug_file, b->debug_file) &&
           str_eq(a->debug_id, b->debug_id) && str_eq(a->code_file, b->code_file) &&
           str_eq(a->code_id, b->code_id);
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
    uint32_t *latest = &l->files.at[file].latest, later = NONE, earlier = *latest;
    l->uses.at[number] = (struct use){
        .object = u->object, .order = l->next_order++, .file = file, .next_of_upload = u->first
    };
    while (earlier != NONE && is_later_use(l, earlier, number)) {
        later = earlier;
        earlier = l->uses.at[earlier].earlier;
    }
    if (earlier != NONE && l->uses.at[earlier].object == u->object) { /* once more */
        l->uses.at[earlier].order = l->uses.at[number].order;
        use_free(l, number);
        if (later == NONE)
            place_map(l, file);
        return;
    }
    u->first = number;
    l->uses.at[number].later = later;
    l->uses.at[number].earlier = earlier;
    if (earlier != NONE)
        l->uses.at[earlier].later = number;
    *(later == NONE ? latest : &l->uses.at[later].earlier) = number;
    if (later == NONE)
        place_map(l, file);
}

/* The upload has forgotten it already. A file that nobody uses goes. */
static void unlink_use(struct library *l, uint32_t number)
{
    const struct use *u = &l->uses.at[number];
    uint32_t file = u->file;
    bool was_latest = u->later == NONE;
    *(u->later == NONE ? &l->files.at[file].latest : &l->uses.at[u->later].earlier) = u->earlier;
    if (u->earlier != NONE)
        l->uses.at[u->earlier].later = u->later;
    if (l->files.at[file].latest == NONE)
        unlink_file(l, file);
    else if (was_latest)
        place_map(l, file);
    use_free(l, number);
}

bool library_index_add(struct library *l, const struct library_file *is)
{
    uint32_t use, file;
    struct cache *cache = library_cache_make(l, is->hash);
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
        library_index_cache_changed(l, cache);
    }
    return true;
}

void library_index_remove(struct library *l, uint64_t object)
{
    struct upload *u = upload_find(l, object);
    while (u && u->first != NONE) {
        uint32_t use = u->first;
        u->first = l->uses.at[use].next_of_upload;
        unlink_use(l, use);
    }
}

void library_index_free(struct library *l)
{
    for (size_t i = 0; i < l->files.len; i++)
        free(l->files.at[i].texts);
    for (size_t i = 0; i < l->keys.len; i++) {
        free(l->keys.at[i].text);
        VEC_FREE(&l->keys.at[i].maps);
    }
    VEC_FREE(&l->files);
    VEC_FREE(&l->uses);
    VEC_FREE(&l->uploads);
    VEC_FREE(&l->keys);
    idmap_done(&l->key_map);
    idmap_done(&l->upload_map);
}
