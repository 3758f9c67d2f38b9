/* inbox.h - uploads as they came, durable before their senders are told, until they are processed.
 *
 * A log: DIR/inbox/<number>.log, written by appending records; a record is an upload (its small
 * contents inside, its files by hash) with a checksum. One fdatasync makes many uploads durable. A
 * file whose uploads have all been processed is removed. A record at the end of the last file that
 * is torn was never acknowledged, and is dropped at start; damage anywhere else is reported, and
 * the file kept under another name for a person to look at.
 *
 * Threads: inbox_append by one thread, inbox_read and inbox_done by any. */
#ifndef CRUMPLE_STORE_INBOX_H
#define CRUMPLE_STORE_INBOX_H

#include "report/upload.h"

struct inbox;

/* Where a record is. */
struct inbox_place {
    uint64_t offset;
    uint32_t file, length;
};

/* Opens DIR/inbox, made when it is not there, and calls each() with all uploads that are in it, in
 * the order in which they came; what it is given is lent for the call. Those that are known to be
 * processed it must hand to inbox_done later, as all others when they are. each() false: fails with
 * what it put into *e. `damage` counts files that were put aside. */
MUST_CHECK bool inbox_open(struct inbox **out, const char *dir,
                           bool (*each)(void *ctx, struct inbox_place at, const struct upload *u,
                                        struct err *e),
                           void *ctx, size_t *damage, struct err *e);
void inbox_close(struct inbox *in); /* NULL is fine */
DEFINE_CLEANUP(struct inbox, inbox_close)

/* All or none of them, durable on return. After a failure later calls may go well (ERR_FULL:
 * when there is room again). */
MUST_CHECK bool inbox_append(struct inbox *in, const struct upload *const *uploads, size_t count,
                             struct inbox_place *places, struct err *e);
/* ERR_IO when it does not read back as it was written. */
MUST_CHECK bool inbox_read(struct inbox *in, struct inbox_place at, struct arena *a,
                           struct upload *out, struct err *e);
/* The upload is in the store, durably. Once for each. */
void inbox_done(struct inbox *in, struct inbox_place at);
uint64_t inbox_bytes(struct inbox *in); /* on disk, for limits and metrics */

/* The form of a record, for the store's own files, tests and fuzzing. */
struct buf;
void upload_encode(struct buf *out, const struct upload *u);
MUST_CHECK bool upload_decode(struct str record, struct arena *a, struct upload *out,
                              struct err *e);

#endif
