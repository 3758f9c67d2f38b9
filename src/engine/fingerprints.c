/* fingerprints.c - see the header. */
#include "engine/fingerprints.h"

#include <sodium.h>
#include <stdlib.h>

bool fingerprints_init(struct fingerprints *f)
{
    *f = (struct fingerprints){ 0 };
    return idmap_init(&f->by_key);
}

void fingerprints_done(struct fingerprints *f)
{
    for (size_t i = 0; i < f->projects.len; i++)
        free((char *)(uintptr_t)f->projects.at[i].ptr);
    VEC_FREE(&f->projects);
    VEC_FREE(&f->at);
    idmap_done(&f->by_key);
}

static void make_key(uint8_t key[16], struct str project, const uint8_t *fingerprint)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 16);
    crypto_generichash_update(&state, fingerprint, STORE_FINGERPRINT_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)project.ptr, project.len);
    crypto_generichash_final(&state, key, 16);
}

static uint64_t hash_key(const uint8_t key[16])
{
    return idmap_hash((struct str){ (const char *)key, 16 }, 0);
}

struct sought {
    const struct fingerprints *f;
    const uint8_t *key;
};

static bool is_same(const void *ctx, uint32_t at)
{
    const struct sought *s = ctx;
    return memcmp(s->f->at.at[at].key, s->key, sizeof s->f->at.at->key) == 0;
}

uint32_t fingerprints_find(const struct fingerprints *f, struct str project,
                           const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    uint8_t key[16];
    const struct sought s = { f, key };
    make_key(key, project, fingerprint);
    uint32_t at = idmap_find(&f->by_key, hash_key(key), is_same, &s);
    return at == IDMAP_NONE ? FINGERPRINTS_NONE : at;
}

/* FINGERPRINTS_NONE: no memory. */
static uint32_t project_number(struct fingerprints *f, struct str project)
{
    for (size_t i = f->projects.len; i > 0; i--) /* the newest one first: it is often the same */
        if (str_eq(f->projects.at[i - 1], project))
            return (uint32_t)(i - 1);
    char *copy = malloc(project.len ? project.len : 1);
    if (!copy)
        return FINGERPRINTS_NONE;
    memcpy(copy, project.ptr, project.len);
    const struct str name = { copy, project.len };
    if (VEC_PUSH(&f->projects, name))
        return (uint32_t)(f->projects.len - 1);
    free(copy);
    return FINGERPRINTS_NONE;
}

uint32_t fingerprints_add(struct fingerprints *f, struct str project,
                          const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    struct fingerprint new = { .project = project_number(f, project) };
    make_key(new.key, project, fingerprint);
    memcpy(new.bytes, fingerprint, sizeof new.bytes);
    if (new.project == FINGERPRINTS_NONE || !VEC_PUSH(&f->at, new))
        return FINGERPRINTS_NONE;
    uint32_t at = (uint32_t)(f->at.len - 1);
    if (idmap_insert(&f->by_key, hash_key(new.key), at))
        return at;
    f->at.len--;
    return FINGERPRINTS_NONE;
}

void fingerprints_drop_last(struct fingerprints *f)
{
    uint32_t last = (uint32_t)--f->at.len;
    idmap_remove(&f->by_key, hash_key(f->at.at[last].key), last);
}

struct str fingerprints_project(const struct fingerprints *f, uint32_t number)
{
    return f->projects.at[f->at.at[number].project];
}
