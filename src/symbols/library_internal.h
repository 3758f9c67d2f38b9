/* library_internal.h - what the files of the library share. Only library*.c include it.
 *
 *     key (project, id) ──► file ──► file ──► ...      symbols: by the debug id
 *                     key ──► file ──► ...             by the code id
 *                     key ──► heap of files            source maps: by these, and the script's name
 *                              │└──► cache             one for each image; files share them
 *                              ▼
 *     upload ──► use ──► use ──► ...                   which uploads a file is in
 *
 * A build that sends the same file once more only adds a use: what is asked about often stays short
 * however often it comes. A file is as late as its latest use, and a use as its upload, whenever
 * that was converted: some are converted once more. Of the source maps of a key only the latest is
 * asked for.
 *
 * Files, uses, keys and uploads are known by their numbers, since their arrays may move. A cache
 * stays where it is until the library is closed.
 *
 * Threads: every function below that takes a library is called with `mu` held, but for those that
 * free, which library_close calls when nobody else is left. Two let go of it for a while, and say
 * so: numbers of files and uses may then mean others. */
#ifndef CRUMPLE_SYMBOLS_LIBRARY_INTERNAL_H
#define CRUMPLE_SYMBOLS_LIBRARY_INTERNAL_H

#include "base/idmap.h"
#include "base/vec.h"
#include "symbols/library.h"

#include <pthread.h>

#define NONE UINT32_MAX
#define ID_MAX 128 /* longer ids match nothing */

enum cache_state { CACHE_CLOSED, CACHE_OPENING, CACHE_OPEN, CACHE_LOST };

struct cache {
    uint8_t hash[SYMBOL_IMAGE_HASH_BYTES];
    enum cache_state state;
    bool verified; /* all of its file, once */
    struct symbol_image image;
    size_t users;
    struct cache *older, *newer; /* when it is open and has no users */
    uint32_t files;              /* the first of its list */
};

struct key {
    char *text; /* heap */
    size_t length;
    uint32_t first;     /* file, of symbols */
    VEC(uint32_t) maps; /* files, of source maps; library_latest.c */
};

/* The lists that a file stands in: of each of its keys, and of its cache. Symbols have no keys by
 * name; source maps stand in the heaps of their keys instead. BY_ID_AND_NAME is the code id with
 * the name: one symbolication id can be given to the maps of several scripts. */
enum { BY_DEBUG_ID, BY_CODE_ID, BY_NAME, BY_ID_AND_NAME, OF_CACHE, LISTS };
struct file {
    struct library_file is; /* its texts are in `texts`; its objects are those of its uses */
    char *texts;            /* heap; NULL: this place is free, the next such is next[0] */
    struct cache *cache;
    uint32_t key[OF_CACHE], next[LISTS], before[LISTS];
    uint32_t place[OF_CACHE]; /* in the heaps; NONE: not yet */
    bool lost;                /* its cache, as the heaps know: their files change one by one */
    uint32_t latest;          /* use; there is one */
};

/* A file in an upload, once, however often it is in it. */
struct use {
    uint64_t object;
    uint64_t order; /* among those of its upload */
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

/* --- library_parts.c: ids and names --- */

/* Whether it can match: not empty, not too long, not of zeros. */
bool library_is_good_id(struct str id);
/* Without path and case. */
bool library_same_name(struct str a, struct str b);

/* --- library_files.c: keys, files, uses, uploads --- */

/* What is asked for. */
struct key_of {
    struct str project;
    bool is_map; /* symbols and source maps have keys of their own */
    unsigned way;
    struct str id;   /* or the name */
    struct str name; /* BY_ID_AND_NAME only */
};
/* NONE: there is no such key, so there are no files. */
uint32_t library_key_find(const struct library *l, const struct key_of *of);
/* As library_add and library_remove. False: no memory, and no file more than before. */
MUST_CHECK bool library_index_add(struct library *l, const struct library_file *is);
void library_index_remove(struct library *l, uint64_t object);
/* Whether file a came later than b. */
bool library_is_later(const struct library *l, uint32_t a, uint32_t b);
/* The cache is lost, or it no longer is. */
void library_index_cache_changed(struct library *l, const struct cache *c);
void library_index_free(struct library *l);

/* --- library_latest.c --- */

/* Room for one more in the key's heap. False: no memory. */
MUST_CHECK bool library_latest_reserve(struct library *l, uint32_t key);
/* A source map that is new (there is room), whose latest use is another, or whose cache has
 * changed: to its place in the heaps of its keys. */
void library_latest_place(struct library *l, uint32_t number);
void library_latest_remove(struct library *l, uint32_t number);
/* The latest that is not lost; NONE. */
uint32_t library_latest(const struct library *l, uint32_t key);

/* --- library_caches.c --- */

/* NULL: there is none. */
struct cache *library_cache_find(const struct library *l,
                                 const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES]);
/* The one that there is, or a new one, closed. NULL: no memory. */
struct cache *library_cache_make(struct library *l, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES]);
/* One more user of it, which is open then; lets go of the lock while it is opened. False: it cannot
 * be; when it is lost, another may do. *told: this call found out that it is lost, and *e says
 * why. */
MUST_CHECK bool library_cache_use(struct library *l, struct cache *c, bool *told, struct err *e);
void library_cache_leave(struct library *l, struct cache *c);
/* Closes those that nobody has used for long, while there are too many. Lets go of the lock
 * meanwhile. */
void library_close_some(struct library *l);
void library_caches_free(struct library *l); /* nobody uses one */

#endif
