/* receipt.c - what is given out carries a keyed hash of what it says, so that it need not be kept.
 *
 * Both hashes take the secret as BLAKE2b's key, and a personalisation of their own, so that one can
 * never be passed off as the other. */
#include "access/receipt.h"

#include <assert.h>
#include <sodium.h>

#define RXID_RAW_BYTES 16
#define RXID_HASH_BYTES 4
#define BUCKET_RAW_BYTES (BUCKET_TOKEN_BYTES / 2)
#define BUCKET_CLAIM_BYTES 12 /* when, and for which API token */

static_assert(RECEIPT_SECRET_BYTES >= crypto_generichash_blake2b_KEYBYTES_MIN &&
                  RECEIPT_SECRET_BYTES <= crypto_generichash_blake2b_KEYBYTES_MAX,
              "the secret is a key of BLAKE2b");

static void put_le(uint8_t *out, size_t bytes, uint64_t n)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t get_le(const uint8_t *in, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n |= (uint64_t)in[i] << (8 * i);
    return n;
}

/* `purpose` is crypto_generichash_blake2b_PERSONALBYTES long. */
static void keyed_hash(uint8_t *out, size_t out_bytes, const uint8_t *in, size_t in_bytes,
                       const uint8_t *secret, const char *purpose)
{
    const unsigned char *personal = (const unsigned char *)purpose;
    int rc = crypto_generichash_blake2b_salt_personal(out, out_bytes, in, in_bytes, secret,
                                                      RECEIPT_SECRET_BYTES, NULL, personal);
    assert(rc == 0); /* fails only on lengths that are out of its range */
    (void)rc;
}

/* Hex digits of exactly out_bytes bytes, in either case. */
static bool from_hex(struct str text, uint8_t *out, size_t out_bytes)
{
    size_t len;
    const char *end;
    return text.len == 2 * out_bytes &&
           sodium_hex2bin(out, out_bytes, text.ptr, text.len, NULL, &len, &end) == 0 &&
           len == out_bytes && end == text.ptr + text.len;
}

/* --- _rxid ------------------------------------------------------------------------------------ */

/* Bytes of the groups of 8-4-4-4-12 digits. */
static const size_t rxid_groups[] = { 4, 2, 2, 2, 6 };
#define RXID_GROUPS (sizeof rxid_groups / sizeof *rxid_groups)

static void rxid_hash(const uint8_t *secret, uint64_t object, uint8_t out[RXID_HASH_BYTES])
{
    uint8_t claim[8], hash[crypto_generichash_blake2b_BYTES_MIN];
    put_le(claim, sizeof claim, object);
    keyed_hash(hash, sizeof hash, claim, sizeof claim, secret, "crumple _rxid v1");
    memcpy(out, hash, RXID_HASH_BYTES);
}

static void rxid_write(const uint8_t raw[RXID_RAW_BYTES], char out[RXID_BYTES + 1])
{
    for (size_t g = 0; g < RXID_GROUPS; g++) {
        if (g > 0)
            *out++ = '-';
        sodium_bin2hex(out, 2 * rxid_groups[g] + 1, raw, rxid_groups[g]);
        out += 2 * rxid_groups[g];
        raw += rxid_groups[g];
    }
}

/* The object alone: its lower half leads, its upper half begins the last group. */
static void rxid_raw(uint64_t object, uint8_t raw[RXID_RAW_BYTES])
{
    memset(raw, 0, RXID_RAW_BYTES);
    put_le(raw, 4, object);
    put_le(raw + 10, 4, object >> 32);
}

void rxid_make(const uint8_t secret[RECEIPT_SECRET_BYTES], uint64_t object,
               char out[RXID_BYTES + 1])
{
    uint8_t raw[RXID_RAW_BYTES];
    rxid_raw(object, raw);
    rxid_hash(secret, object, raw + 4);
    rxid_write(raw, out);
}

void rxid_make_plain(uint64_t object, char out[RXID_BYTES + 1])
{
    uint8_t raw[RXID_RAW_BYTES];
    rxid_raw(object, raw);
    rxid_write(raw, out);
}

static bool rxid_read(struct str text, uint8_t raw[RXID_RAW_BYTES])
{
    if (text.len != RXID_BYTES)
        return false;
    for (size_t g = 0; g < RXID_GROUPS; g++) {
        if (g > 0) {
            if (*text.ptr != '-')
                return false;
            text.ptr++;
        }
        if (!from_hex((struct str){ text.ptr, 2 * rxid_groups[g] }, raw, rxid_groups[g]))
            return false;
        text.ptr += 2 * rxid_groups[g];
        raw += rxid_groups[g];
    }
    return true;
}

/* 1 to 16 hex digits. */
static bool hex_number(struct str text, uint64_t *out)
{
    uint64_t n = 0;
    if (text.len == 0 || text.len > 16)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (unsigned)(c - 'A') + 10;
        else
            return false;
        n = n << 4 | digit;
    }
    *out = n;
    return true;
}

bool object_parse(const uint8_t secret[RECEIPT_SECRET_BYTES], struct str text, uint64_t *object)
{
    uint8_t raw[RXID_RAW_BYTES], plain[RXID_RAW_BYTES], hash[RXID_HASH_BYTES];
    uint64_t n;
    if (!rxid_read(text, raw)) {
        if (!hex_number(text, &n) || n == 0) /* no object has the id 0 */
            return false;
        *object = n;
        return true;
    }
    n = get_le(raw, 4) | get_le(raw + 10, 4) << 32;
    if (n == 0)
        return false;
    rxid_hash(secret, n, hash);
    bool ours = sodium_memcmp(raw + 4, hash, RXID_HASH_BYTES) == 0;
    if (ours)
        memset(raw + 4, 0, RXID_HASH_BYTES);
    rxid_raw(n, plain);
    if (memcmp(raw, plain, RXID_RAW_BYTES) != 0)
        return false;
    *object = n;
    return true;
}

/* --- tokens of submission buckets ------------------------------------------------------------- */

static void bucket_token_seal(const uint8_t *secret, uint8_t raw[BUCKET_RAW_BYTES])
{
    keyed_hash(raw + BUCKET_CLAIM_BYTES, BUCKET_RAW_BYTES - BUCKET_CLAIM_BYTES, raw,
               BUCKET_CLAIM_BYTES, secret, "crumple bucket 1");
}

void bucket_token_make(const uint8_t secret[RECEIPT_SECRET_BYTES], uint32_t api_token,
                       int64_t now_ms, char out[BUCKET_TOKEN_BYTES + 1])
{
    uint8_t raw[BUCKET_RAW_BYTES];
    put_le(raw, 8, (uint64_t)now_ms);
    put_le(raw + 8, 4, api_token);
    bucket_token_seal(secret, raw);
    sodium_bin2hex(out, BUCKET_TOKEN_BYTES + 1, raw, sizeof raw);
}

enum bucket_token_state bucket_token_check(const uint8_t secret[RECEIPT_SECRET_BYTES],
                                           uint32_t api_token, int64_t now_ms, int64_t ttl_ms,
                                           struct str text)
{
    uint8_t raw[BUCKET_RAW_BYTES], sealed[BUCKET_RAW_BYTES];
    if (!from_hex(text, raw, sizeof raw))
        return BUCKET_TOKEN_UNKNOWN;
    memcpy(sealed, raw, BUCKET_CLAIM_BYTES);
    bucket_token_seal(secret, sealed);
    if (sodium_memcmp(raw, sealed, sizeof raw) != 0)
        return BUCKET_TOKEN_UNKNOWN;
    if (get_le(raw + 8, 4) != api_token)
        return BUCKET_TOKEN_FOREIGN;
    /* A clock that was set back makes tokens of the future: good as long as it was set back by less
     * than they live. */
    int64_t made_ms = (int64_t)get_le(raw, 8), age_ms;
    if (__builtin_sub_overflow(now_ms, made_ms, &age_ms) || age_ms >= ttl_ms || age_ms <= -ttl_ms)
        return BUCKET_TOKEN_EXPIRED;
    return BUCKET_TOKEN_GOOD;
}
