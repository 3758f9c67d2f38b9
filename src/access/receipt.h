/* receipt.h - _rxid, which names an object, and the tokens of submission buckets. Both are made
 * from a secret of the data directory, so that nothing need be kept of them, they outlive a
 * restart, and nobody else can make them.
 *
 *     _rxid   01000000-7e23-7a1e-0000-000000000000
 *             ^ object, little-endian   ^ above 2^32: its upper half in the last group,
 * little-endian
 *                      ^^^^^^^^^ 32 bits of BLAKE2b(secret, object)
 *     bucket token, 32 bytes in hex: when it was made (ms), the number of the API token, and 20
 *             bytes of BLAKE2b(secret, those)
 *
 * Threads: pure. */
#ifndef CRUMPLE_ACCESS_RECEIPT_H
#define CRUMPLE_ACCESS_RECEIPT_H

#include "base/err.h"
#include "base/str.h"

#define RECEIPT_SECRET_BYTES 32
#define RXID_BYTES 36
#define BUCKET_TOKEN_BYTES 64

void rxid_make(const uint8_t secret[RECEIPT_SECRET_BYTES], uint64_t object,
               char out[RXID_BYTES + 1]);
/* What `object=` may hold: a full _rxid of ours, one with zeros behind the object ("ce000000-0000-
 * 0000-0000-000000000000", as attachment answers have it), or the id in hex. False when it is none
 * of these, or a _rxid that we did not make. */
MUST_CHECK bool object_parse(const uint8_t secret[RECEIPT_SECRET_BYTES], struct str text,
                             uint64_t *object);
/* The _rxid of an attachment's answer: the object, then zeros. */
void rxid_make_plain(uint64_t object, char out[RXID_BYTES + 1]);

enum bucket_token_state {
    BUCKET_TOKEN_GOOD,
    BUCKET_TOKEN_EXPIRED,
    BUCKET_TOKEN_FOREIGN, /* ours, but of another API token */
    BUCKET_TOKEN_UNKNOWN  /* not ours at all */
};
void bucket_token_make(const uint8_t secret[RECEIPT_SECRET_BYTES], uint32_t api_token,
                       int64_t now_ms, char out[BUCKET_TOKEN_BYTES + 1]);
enum bucket_token_state bucket_token_check(const uint8_t secret[RECEIPT_SECRET_BYTES],
                                           uint32_t api_token, int64_t now_ms, int64_t ttl_ms,
                                           struct str text);

#endif
