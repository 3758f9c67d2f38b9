/* inbox.h - uploads as they came, durable before their senders are told, until they are processed.
 *
 * A log: DIR/inbox/<number>.log, written by appending records; a record is an upload (its small
 * contents inside, its files by hash) with a checksum. One fdatasync makes many uploads durable. A
 * file whose uploads have all been processed is removed. A batch at the end of the last file that
 * is torn was never acknowledged, and is dropped at start. Damage anywhere else is reported; what
 * is good before and behind it is processed like the rest, and then the file is not removed, but
 * renamed to <number>.log.damaged for a person to look at.
 *
 * Threads: inbox_append by one thread, the others by any. */
#ifndef CRUMPLE_STORE_INBOX_H
#define CRUMPLE_STORE_INBOX_H

#include "report/upload.h"
#include "store/blobs.h"

/* Bytes of one record. Contents above BLOB_INLINE_MAX must be files, so that what is left are a
 * body and UPLOAD_ATTACHMENTS_MAX attachments, 63 MiB at most, and the fields. */
#define INBOX_RECORD_MAX (96 * 1024 * 1024)
#define INBOX_FILE_BYTES (64 * 1024 * 1024) /* a file that has as many is full */
/* So is one that has as many, and whose uploads have all been processed. */
#define INBOX_REPLACE_BYTES (8 * 1024 * 1024)

struct inbox;

/* Where a record is. */
struct inbox_place {
    uint64_t offset;
    uint32_t file, length;
};

/* Opens DIR/inbox, made when it is not there, and calls each() with all uploads that are in it, in
 * the order in which they came; what it is given is lent for the call. Those that are known to be
 * processed it must hand to inbox_done later, as all others when they are. each() false: fails with
 * what it put into *e. `damage` counts damaged files: uploads in them are lost, or cannot be read
 * by this version. Each counts again at every start until its good uploads are done. */
MUST_CHECK bool inbox_open(struct inbox **out, const char *dir,
                           bool (*each)(void *ctx, struct inbox_place at, const struct upload *u,
                                        struct err *e),
                           void *ctx, size_t *damage, struct err *e);
void inbox_close(struct inbox *in); /* NULL is fine */
DEFINE_CLEANUP(struct inbox, inbox_close)

/* Whether it fits a record: ERR_LIMIT says what does not. To be asked at the door, since one that
 * does not fit fails the whole batch that it is in. */
MUST_CHECK bool inbox_takes(const struct upload *u, struct err *e);
/* All or none of them, durable on return. After a failure places[] means nothing, and later calls
 * may go well (ERR_FULL: when there is room again). */
MUST_CHECK bool inbox_append(struct inbox *in, const struct upload *const *uploads, size_t count,
                             struct inbox_place *places, struct err *e);
/* All of it in the arena. Not after inbox_done. ERR_IO when it does not read back as it was
 * written. */
MUST_CHECK bool inbox_read(struct inbox *in, struct inbox_place at, struct arena *a,
                           struct upload *out, struct err *e);
/* The upload is in the store, durably. Once for each. The last of a file removes that file, which
 * takes milliseconds. */
void inbox_done(struct inbox *in, struct inbox_place at);
/* What waits, for limits and metrics: bytes on disk of the files that hold something to do, and
 * INBOX_TICKET_BYTES for each upload, since who has to do it remembers it. */
#define INBOX_TICKET_BYTES 128
uint64_t inbox_bytes(struct inbox *in);

/* An upload as the bytes of a record, for the store's own files, tests and fuzzing. What
 * upload_decode gives out points into `record`; only its lists are in the arena. ERR_INPUT: these
 * bytes are no upload; ERR_NOMEM. */
struct buf;
void upload_encode(struct buf *out, const struct upload *u);
MUST_CHECK bool upload_decode(struct str record, struct arena *a, struct upload *out,
                              struct err *e);

#endif
