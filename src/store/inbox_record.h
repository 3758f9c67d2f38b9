/* inbox_record.h - the bytes of the inbox's files. Inside the store only.
 *
 *     file     head, records
 *     head     "crumple inbox 1\n", 16 bytes of key, sum of these two
 *     record   magic (4), bytes of the payload (4), offset at which its batch begins (8),
 *              sum of the payload (8), sum of these four (8), payload
 *     payload  an upload: see inbox_record.c
 *
 * Numbers are little-endian. A sum is SipHash-2-4 under the file's key, which is random: 64 bits,
 * 3 GB/s, and neither what a sender put into an upload nor an old block of another file can pass
 * for a record. So behind damage the next good record can be searched for. The record's head has a
 * sum of its own, so that this search adds up payloads only where a length is known to be right.
 *
 * Why the offset of the batch: a record is written when all batches before its own are durable.
 * So bad bytes in the last file were acknowledged when a good record of a later batch stands behind
 * them, and else are of a batch that was being written when the power went.
 *
 * Threads: pure. */
#ifndef CRUMPLE_STORE_INBOX_RECORD_H
#define CRUMPLE_STORE_INBOX_RECORD_H

#include "base/buf.h"
#include "report/upload.h"

#define INBOX_KEY_BYTES 16
#define INBOX_HEAD_BYTES 40
#define INBOX_RECORD_HEAD_BYTES 32

struct inbox_key {
    uint8_t bytes[INBOX_KEY_BYTES];
};

void inbox_head_write(struct buf *out, const struct inbox_key *key);
/* False when `file` does not begin with a good head. */
MUST_CHECK bool inbox_head_read(struct str file, struct inbox_key *out);

struct inbox_record {
    uint64_t batch;
    struct str payload;
    size_t bytes; /* of all of the record */
};

/* Appends one; what does not fit makes `out` fail. */
void inbox_record_write(struct buf *out, const struct inbox_key *key, uint64_t batch,
                        const struct upload *u);
/* The record that `rest` begins with; false when that is not a good one. */
MUST_CHECK bool inbox_record_read(struct str rest, const struct inbox_key *key,
                                  struct inbox_record *out);
/* The first good record at or after `from`; false when there is none. */
MUST_CHECK bool inbox_record_find(struct str file, size_t from, const struct inbox_key *key,
                                  size_t *at, struct inbox_record *out);

#endif
