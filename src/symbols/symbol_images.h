/* symbol_images.h - the files of the server's caches: of symbols, and of source maps.
 *
 *     DIR/symbols/ab/abcdef....symcache   an image of either, named by the BLAKE2b of its bytes
 *     DIR/symbols/tmp/1/                  the scratch folder of a helper process; emptied at start
 *
 * What a helper process made is copied, so that it cannot change what has been checked; it is
 * durable under its name before a row of the store names it. Equal images are one file, whichever
 * projects they belong to.
 *
 * Threads: any; a scratch folder belongs to one. */
#ifndef CRUMPLE_SYMBOLS_SYMBOL_IMAGES_H
#define CRUMPLE_SYMBOLS_SYMBOL_IMAGES_H

#include "sourcemap/mapcache.h"
#include "symbols/symcache.h"

#define SYMBOL_IMAGE_HASH_BYTES 32

/* An open image: one of both; which, its first bytes say. */
struct symbol_image {
    struct symcache *symcache;
    struct mapcache *mapcache;
    struct bytes file; /* mapped */
};
void symbol_image_free(struct symbol_image *image);
/* All of its bytes. ERR_INPUT. */
MUST_CHECK bool symbol_image_verify(const struct symbol_image *image, struct err *e);

struct symbol_images;
/* Makes the folders in `dir`, which must be there. ERR_IO, ERR_FULL, ERR_NOMEM. */
MUST_CHECK bool symbol_images_open(struct symbol_images **out, const char *dir, struct err *e);
void symbol_images_close(struct symbol_images *s); /* NULL is fine */
DEFINE_CLEANUP(struct symbol_images, symbol_images_close)

/* An empty folder for one helper process. */
struct symbol_scratch {
    int fd; /* of the folder */
    unsigned number;
};
MUST_CHECK bool symbol_scratch_make(struct symbol_images *s, struct symbol_scratch *out,
                                    struct err *e);
void symbol_scratch_remove(struct symbol_images *s, struct symbol_scratch *scratch);

/* Takes the file "<image>" of the folder: checks all of it, and keeps it. *out is open, the
 * caller's. ERR_INPUT: it is no whole cache of this version; ERR_IO, ERR_FULL. */
MUST_CHECK bool symbol_images_keep(struct symbol_images *s, const struct symbol_scratch *scratch,
                                   uint32_t image, uint8_t hash[SYMBOL_IMAGE_HASH_BYTES],
                                   struct symbol_image *out, struct err *e);

/* Opens the one of this name. As symcache_open_file and mapcache_open_file. */
MUST_CHECK bool symbol_images_find(const struct symbol_images *s,
                                   const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES],
                                   struct symbol_image *out, struct err *e);
bool symbol_images_has(const struct symbol_images *s, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES]);

/* Removes the files that nobody needs; at start only. */
MUST_CHECK bool symbol_images_sweep(struct symbol_images *s,
                                    bool (*is_needed)(const void *ctx,
                                                      const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES]),
                                    const void *ctx, size_t *removed, struct err *e);

#endif
