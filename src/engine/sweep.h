/* sweep.h - which large files are needed, and away with the others; at start, or while the server
 * runs (sweeper.h). Inside src/engine only.
 *
 * Threads: one. */
#ifndef CRUMPLE_ENGINE_SWEEP_H
#define CRUMPLE_ENGINE_SWEEP_H

#include "base/vec.h"
#include "report/upload.h"
#include "store/blobs.h"
#include "store/store.h"

struct file_hash {
    uint8_t bytes[CONTENT_HASH_BYTES];
};
struct sweep_needs {
    VEC(struct file_hash) files;
};

/* Those of an upload that is in the inbox. ERR_NOMEM. */
MUST_CHECK bool sweep_need_upload(struct sweep_needs *n, const struct upload *u, struct err *e);
/* Removes all files but those, and those that the store names; *removed counts them. */
MUST_CHECK bool sweep_run(struct sweep_needs *n, struct store *s, struct blobs *b, size_t *removed,
                          struct err *e);
/* While the server runs, see blobs_sweep_step: `n` is empty. */
MUST_CHECK bool sweep_step(struct sweep_needs *n, struct store *s, struct blobs *b,
                           struct blobs_step *out, struct err *e);
void sweep_done(struct sweep_needs *n);

#endif
