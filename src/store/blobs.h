/* blobs.h - large bytes as files: uploads on their way in, and what is kept of them.
 *
 *     DIR/blobs/ab/abcdef...   one file for each content, named by it, never changed
 *     DIR/blobs/ab/abcdef...zst   the same, compressed (blobs_packed.c)
 *     DIR/blobs/tmp/...        on their way in; emptied at start
 *
 * A name is a keyed hash: equal contents have the same, and nobody who does not know the secret of
 * the data directory can make two contents that share one, or tell a content by its name.
 *
 * A spool takes bytes as they come: in memory up to its limit, then in a temporary file. When the
 * upload is complete, spool_finish says what it holds; spool_keep makes a file durable under its
 * name. What is never kept is removed with the spool. What was kept stays until it is swept.
 *
 * Threads: blobs: any. A spool: one at a time. Errors: ERR_FULL, ERR_IO, ERR_NOMEM. */
#ifndef CRUMPLE_STORE_BLOBS_H
#define CRUMPLE_STORE_BLOBS_H

#include "report/upload.h"

#define BLOBS_SECRET_BYTES 32
#define BLOB_INLINE_MAX 65536 /* larger contents become files */
/* Memory of all spools; beyond it small contents are files, too. */
#define BLOBS_HELD_MAX ((size_t)64 << 20)

struct blobs;
/* The secret is that of the data directory (store_secret): names depend on it. */
MUST_CHECK bool blobs_open(struct blobs **out, const char *dir,
                           const uint8_t secret[BLOBS_SECRET_BYTES], struct err *e);
void blobs_close(struct blobs *b); /* NULL is fine */
DEFINE_CLEANUP(struct blobs, blobs_close)

/* Removes the files that nobody needs: of deleted uploads, and of such as were not accepted after
 * all. At start only, before the first spool is made. *removed counts them. */
MUST_CHECK bool blobs_sweep(struct blobs *b,
                            bool (*is_needed)(const void *ctx,
                                              const uint8_t hash[CONTENT_HASH_BYTES]),
                            const void *ctx, size_t *removed, struct err *e);

/* The same in steps, while the server runs: a file goes when two steps have found that nobody needs
 * it, and its content was not kept in between. Between two steps the caller waits until
 * blobs_step_over, and until what those spools brought either is needed or is given up.
 * One thread. On failure the step has done what it could. */
struct blobs_step {
    size_t removed, doubtful; /* files; doubtful: the next step may remove them */
};
MUST_CHECK bool blobs_sweep_step(struct blobs *b,
                                 bool (*is_needed)(const void *ctx,
                                                   const uint8_t hash[CONTENT_HASH_BYTES]),
                                 const void *ctx, struct blobs_step *out, struct err *e);
/* Whether all spools that were kept before the last step have been freed. */
bool blobs_step_over(struct blobs *b);

struct spool;
struct spool *spool_new(struct blobs *b); /* NULL: no memory */
void spool_free(struct spool *s);         /* NULL is fine */
MUST_CHECK bool spool_add(struct spool *s, struct bytes piece, struct err *e);
uint64_t spool_size(const struct spool *s);
/* No more comes. out->bytes, if any, is the spool's. May be called again. */
MUST_CHECK bool spool_finish(struct spool *s, struct content *out, struct err *e);
/* All of it as one view, held in memory or mapped; the spool's, until spool_free. After
 * spool_finish. */
MUST_CHECK bool spool_view(struct spool *s, struct str *out, struct err *e);
/* When it is a file: durable under its name on return, so that the content may be written down
 * somewhere durable. After spool_finish. Waits for the disk. */
MUST_CHECK bool spool_keep(struct spool *s, struct err *e);

/* Compresses a kept file, as far as it is worth it, and counts it in *packed. From then on it takes
 * its room there, and time to read. One that is compressed already, or is no file, stays as it is.
 */
MUST_CHECK bool blobs_compress(struct blobs *b, const struct content *c, size_t *packed,
                               struct err *e);
/* A kept file, open for reading; the caller closes it. ERR_NOT_FOUND. */
MUST_CHECK bool blobs_open_file(struct blobs *b, const struct content *c, int *fd, struct err *e);
/* The bytes of any content as one view: its own, or the file mapped until the arena goes. */
MUST_CHECK bool blobs_view(struct blobs *b, const struct content *c, struct arena *a,
                           struct str *out, struct err *e);

#endif
