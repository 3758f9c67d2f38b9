/* attempts.c - how many failures each address may still make.
 *
 *     set 0     [ address, left, when ] x WAYS
 *     ...
 *     set 4095                                  an address belongs to one set, by a keyed hash
 *
 * `left` runs down by one with each failure and up again with time. The table never grows: in a set
 * that is full, the address that has the most left goes, the one heard of longest ago among
 * several. So an attacker with many addresses pushes out those that have hardly failed, and not
 * those that keep on failing.
 *
 * IPv6 counts by its first 64 bits, which is what a household gets: inside them an attacker has as
 * many addresses as he likes. What is no address (a proxy may say "unknown") counts as one. */
#include "access/access.h"
#include "base/idmap.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#define SETS 4096 /* a power of two */
#define WAYS 4    /* 16384 addresses, 512 KiB */
#define MINUTE_MS 60000

struct attempt {
    uint8_t address[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d */
    int64_t last_ms;
    uint64_t left; /* in attempts / MINUTE_MS: then `per_minute` of them come back each ms */
    bool used;
};

struct attempts {
    uint64_t full; /* what an address begins with */
    uint64_t per_ms;
    pthread_mutex_t mu; /* guards the sets */
    struct attempt sets[SETS][WAYS];
};

struct attempts *attempts_new(unsigned burst, unsigned per_minute)
{
    struct attempts *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->full = (uint64_t)burst * MINUTE_MS;
    t->per_ms = per_minute;
    pthread_mutex_init(&t->mu, NULL);
    return t;
}

void attempts_free(struct attempts *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->mu);
    free(t);
}

static void address_key(struct str text, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];
    static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };
    memset(out, 0, 16);
    const char *zone = text.len ? memchr(text.ptr, '%', text.len) : NULL; /* fe80::1%eth0 */
    size_t len = zone ? (size_t)(zone - text.ptr) : text.len;
    if (len >= sizeof copy)
        return;
    memcpy(copy, text.ptr, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, out + 12) == 1)
        memcpy(out, v4, sizeof v4);
    else if (inet_pton(AF_INET6, copy, out) != 1)
        memset(out, 0, 16);
    else if (memcmp(out, v4, sizeof v4) != 0)
        memset(out + 8, 0, 8);
}

/* How many the address has left by now. A clock that was set back brings nothing. */
static uint64_t left_at(const struct attempts *t, const struct attempt *at, int64_t now_ms)
{
    uint64_t passed = now_ms > at->last_ms ? (uint64_t)now_ms - (uint64_t)at->last_ms : 0;
    uint64_t missing = t->full - at->left, back;
    if (__builtin_mul_overflow(passed, t->per_ms, &back) || back > missing)
        back = missing;
    return at->left + back;
}

/* The address's own place, or the one to give it. */
static struct attempt *find_place(struct attempts *t, const uint8_t key[16], int64_t now_ms)
{
    struct str text = { (const char *)key, 16 };
    struct attempt *set = t->sets[idmap_hash(text, 0) & (SETS - 1)], *out = NULL;
    uint64_t out_left = 0;
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].used && memcmp(set[i].address, key, 16) == 0)
            return &set[i];
    for (size_t i = 0; i < WAYS; i++) {
        struct attempt *at = &set[i];
        if (!at->used)
            return at;
        uint64_t left = left_at(t, at, now_ms);
        if (!out || left > out_left || (left == out_left && at->last_ms < out->last_ms)) {
            out = at;
            out_left = left;
        }
    }
    out->used = false;
    return out;
}

bool attempts_failed(struct attempts *t, struct str address, int64_t now_ms)
{
    uint8_t key[16];
    address_key(address, key);
    pthread_mutex_lock(&t->mu);
    struct attempt *at = find_place(t, key, now_ms);
    if (!at->used) {
        *at = (struct attempt){ .last_ms = now_ms, .left = t->full, .used = true };
        memcpy(at->address, key, sizeof at->address);
    }
    at->left = left_at(t, at, now_ms);
    at->last_ms = now_ms;
    bool ok = at->left >= MINUTE_MS;
    if (ok)
        at->left -= MINUTE_MS;
    pthread_mutex_unlock(&t->mu);
    return ok;
}

bool attempts_spent(struct attempts *t, struct str address, int64_t now_ms)
{
    uint8_t key[16];
    struct str text = { (const char *)key, 16 };
    bool spent = false;
    address_key(address, key);
    pthread_mutex_lock(&t->mu);
    const struct attempt *set = t->sets[idmap_hash(text, 0) & (SETS - 1)];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].used && memcmp(set[i].address, key, 16) == 0)
            spent = left_at(t, &set[i], now_ms) < MINUTE_MS;
    pthread_mutex_unlock(&t->mu);
    return spent;
}
