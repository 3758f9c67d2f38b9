/* tally.c - see the header. */
#include "engine/tally.h"

#include "base/json.h"

#include <sodium.h>

#define COMBINATION_JSON_MAX ((size_t)1 << 20)
#define SHOWN_MAX 256 /* bytes of a value that people are shown; all of it is in the key */

bool tally_init(struct tally *t)
{
    *t = (struct tally){ 0 };
    return fingerprints_init(&t->fingerprints) && idmap_init(&t->count_map);
}

void tally_done(struct tally *t)
{
    fingerprints_done(&t->fingerprints);
    VEC_FREE(&t->counts);
    VEC_FREE(&t->changed);
    idmap_done(&t->count_map);
}

bool tally_clear(struct tally *t)
{
    struct tally empty;
    bool ok = tally_init(&empty);
    struct tally old = ok ? *t : empty;
    if (ok)
        *t = empty;
    tally_done(&old);
    return ok;
}

static uint64_t hash_key(const uint8_t key[32])
{
    return idmap_hash((struct str){ (const char *)key, 32 }, 0);
}

void tally_keep(struct tally *t)
{
    t->fingerprints_kept = t->fingerprints.at.len;
    t->counts_kept = t->counts.len;
    for (size_t i = 0; i < t->changed.len; i++)
        t->counts.at[t->changed.at[i]].kept = t->counts.at[t->changed.at[i]].now;
    t->changed.len = 0;
}

void tally_undo(struct tally *t)
{
    while (t->fingerprints.at.len > t->fingerprints_kept)
        fingerprints_drop_last(&t->fingerprints);
    for (size_t i = 0; i < t->changed.len; i++)
        t->counts.at[t->changed.at[i]].now = t->counts.at[t->changed.at[i]].kept;
    t->changed.len = 0;
    while (t->counts.len > t->counts_kept) {
        uint32_t last = (uint32_t)--t->counts.len;
        const uint8_t *key = t->counts.at[last].key;
        idmap_remove(&t->count_map, hash_key(key), last);
    }
}

/* Fingerprints. */

bool tally_has(const struct tally *t, struct str project,
               const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    return fingerprints_find(&t->fingerprints, project, fingerprint) != FINGERPRINTS_NONE;
}

bool tally_fingerprint(struct tally *t, struct str project,
                       const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], bool *first,
                       struct err *e)
{
    *first = !tally_has(t, project, fingerprint);
    return !*first ||
           fingerprints_add(&t->fingerprints, project, fingerprint) != FINGERPRINTS_NONE ||
           err_set(e, ERR_NOMEM, 0, "fingerprints");
}

/* Combinations. */

/* Lengths go in as well: so no two lists of texts are hashed alike. */
static void hash_text(crypto_generichash_state *state, struct str s)
{
    uint8_t len[8];
    for (size_t i = 0; i < sizeof len; i++)
        len[i] = (uint8_t)((uint64_t)s.len >> (8 * i));
    crypto_generichash_update(state, len, sizeof len);
    crypto_generichash_update(state, (const uint8_t *)s.ptr, s.len);
}

/* The beginning of a long value. A character that is cut becomes U+FFFD. */
static struct str shown(struct str text)
{
    return (struct str){ text.ptr, text.len < SHOWN_MAX ? text.len : SHOWN_MAX };
}

bool combination_make(struct combination *c, const struct upload_bucket *b,
                      bool (*value)(const void *ctx, struct str attribute, struct str *out),
                      const void *ctx, struct arena *a, struct err *e)
{
    struct buf json;
    struct json_writer w;
    crypto_generichash_state state;
    const uint8_t token[4] = { (uint8_t)b->token, (uint8_t)(b->token >> 8),
                               (uint8_t)(b->token >> 16), (uint8_t)(b->token >> 24) };
    crypto_generichash_init(&state, NULL, 0, sizeof c->key);
    crypto_generichash_update(&state, token, sizeof token);
    hash_text(&state, b->name);
    buf_init(&json, COMBINATION_JSON_MAX);
    json_writer_init(&w, &json);
    json_object(&w);
    for (size_t i = 0; i < b->attribute_count; i++) {
        struct str text;
        bool is_set = value(ctx, b->attributes[i], &text);
        hash_text(&state, b->attributes[i]);
        crypto_generichash_update(&state, (const uint8_t *)(is_set ? "\1" : "\0"), 1);
        json_key(&w, b->attributes[i]);
        if (is_set) {
            hash_text(&state, text);
            json_str(&w, shown(text));
        } else {
            json_null(&w);
        }
    }
    json_object_end(&w);
    crypto_generichash_final(&state, c->key, sizeof c->key);
    bool ok = buf_ok(&json) && arena_str(a, buf_view(&json), &c->json);
    buf_done(&json);
    return ok || err_set(e, ERR_NOMEM, 0, "a combination of values");
}

struct sought {
    const struct tally *t;
    const uint8_t *key;
};

static bool is_same_count(const void *ctx, uint32_t at)
{
    const struct sought *s = ctx;
    return memcmp(s->t->counts.at[at].key, s->key, sizeof s->t->counts.at->key) == 0;
}

static uint32_t find_count(const struct tally *t, const uint8_t *key)
{
    struct sought s = { t, key };
    return idmap_find(&t->count_map, hash_key(key), is_same_count, &s);
}

/* IDMAP_NONE: no memory. */
static uint32_t make_count(struct tally *t, const uint8_t key[32])
{
    struct tally_count c = { .now = 0 };
    memcpy(c.key, key, sizeof c.key);
    if (!VEC_PUSH(&t->counts, c))
        return IDMAP_NONE;
    uint32_t at = (uint32_t)(t->counts.len - 1);
    if (idmap_insert(&t->count_map, hash_key(key), at))
        return at;
    t->counts.len--;
    return IDMAP_NONE;
}

uint64_t tally_count(const struct tally *t, const uint8_t key[32])
{
    uint32_t at = find_count(t, key);
    return at == IDMAP_NONE ? 0 : t->counts.at[at].now;
}

bool tally_add(struct tally *t, const uint8_t key[32], uint64_t *now, struct err *e)
{
    uint32_t at = find_count(t, key);
    if (at == IDMAP_NONE)
        at = make_count(t, key);
    if (at == IDMAP_NONE || !VEC_PUSH(&t->changed, at))
        return err_set(e, ERR_NOMEM, 0, "submission buckets");
    *now = ++t->counts.at[at].now;
    return true;
}

bool tally_restore(struct tally *t, const uint8_t key[32], uint64_t count, struct err *e)
{
    uint32_t at = make_count(t, key);
    if (at == IDMAP_NONE)
        return err_set(e, ERR_NOMEM, 0, "submission buckets");
    t->counts.at[at].now = t->counts.at[at].kept = count;
    t->counts_kept = t->counts.len;
    return true;
}
