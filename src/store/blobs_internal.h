/* blobs_internal.h - what blobs.c, blobs_packed.c and blobs_sweep.c share. Inside src/store only.
 */
#ifndef CRUMPLE_STORE_BLOBS_INTERNAL_H
#define CRUMPLE_STORE_BLOBS_INTERNAL_H

#include "base/vec.h"
#include "store/blobs.h"

#include <pthread.h>
#include <stdatomic.h>

#define BLOBS_FANOUT 256
#define BLOBS_SPOOLS_IDLE 16 /* buffers of spools that are kept for the next ones */
#define BLOBS_UMAC_KEY_BYTES 16
#define BLOBS_TEMPORARY_BYTES 24
#define BLOBS_NAME_BYTES (3 + 2 * CONTENT_HASH_BYTES + 1) /* "ab/abcdef..." */
#define BLOBS_PACKED_SUFFIX ".zst"

/* A file that nobody needed when it was looked at, see blobs_sweep.c. */
struct blobs_doubt {
    uint8_t hash[CONTENT_HASH_BYTES];
    bool is_kept; /* since then, once more */
};
struct blobs_doubts {
    struct blobs_doubt *at; /* sorted by hash, each once */
    size_t len, cap;
};

struct blobs {
    /* Set by blobs_open, then never changed. */
    int fd, tmp_fd; /* DIR/blobs and DIR/blobs/tmp */
    uint8_t secret[BLOBS_SECRET_BYTES], umac_key[BLOBS_UMAC_KEY_BYTES];

    _Atomic uint64_t next_temporary;
    _Atomic size_t held_bytes; /* of the buffers of all spools */
    /* Held, over I/O, while a file gets its name in DIR/blobs/00 to ff. */
    pthread_mutex_t naming_mu[BLOBS_FANOUT];
    struct blobs_doubts doubts[BLOBS_FANOUT]; /* each guarded by its naming_mu */

    /* Guarded by keeping_mu. Spools that were kept and are not freed: those of this turn, and,
     * until the last step is over, those of the one before. */
    pthread_mutex_t keeping_mu;
    size_t keeping[2];
    unsigned turn;

    /* Buffers that were used already: new ones would be new pages each time. Guarded by idle_mu. */
    pthread_mutex_t idle_mu;
    char *idle[BLOBS_SPOOLS_IDLE];
    size_t idle_count;
};

void blobs_file_name(const uint8_t hash[CONTENT_HASH_BYTES], char out[BLOBS_NAME_BYTES]);
/* A name in DIR/blobs/tmp that nobody else has. */
void blobs_temporary_name(struct blobs *b, char out[BLOBS_TEMPORARY_BYTES]);
/* Makes the names in a directory of DIR/blobs durable: that of this file. */
MUST_CHECK bool blobs_sync_names(struct blobs *b, const char name[BLOBS_NAME_BYTES], struct err *e);
/* blobs_sweep.c. A spool is about to be kept, and from then on counts, until it is freed; the turn.
 */
unsigned blobs_keeping_begins(struct blobs *b);
void blobs_keeping_ends(struct blobs *b, unsigned turn);
/* The content is kept again; the caller holds its naming_mu. */
void blobs_doubt_not(struct blobs *b, const uint8_t hash[CONTENT_HASH_BYTES]);

/* Says what errno is; returns false. */
bool blobs_failed(struct err *e, const char *what);

/* blobs_packed.c: a file that was compressed, unpacked into one without a name and open for
 * reading. ERR_NOT_FOUND when there is none. */
MUST_CHECK bool blobs_open_packed(struct blobs *b, const struct content *c, int *fd, struct err *e);

#endif
