/* sampler.c - see the header. */
#include "engine/sampler.h"

#include "base/idmap.h"
#include "base/vec.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define RULES_ARENA ((size_t)1 << 20)
#define KEY_BYTES 16
#define LABEL_MAX 64 /* bytes of a fingerprint that are kept to show it */

/* --- what is counted ----------------------------------------------------------------------- */

struct group {
    uint8_t key[KEY_BYTES]; /* of the fingerprint and the values */
    char label[LABEL_MAX];  /* the fingerprint's beginning */
    size_t label_len;
    uint64_t kept, last_object;
    int64_t last_ms; /* when one was kept */
};
struct project {
    struct str name, text; /* heap */
    struct arena *arena;   /* of the rules */
    struct sampling rules;
    VEC(struct group) groups;
    struct idmap by_key;
    size_t oldest;         /* the place that the next group takes when there is no more room */
    VEC(uint64_t) thinned; /* objects that sampler_take will name */
};
struct sampler {
    pthread_mutex_t mu; /* guards all else */
    VEC(struct project *) projects;
};

bool sampler_new(struct sampler **out, struct err *e)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_set(e, ERR_NOMEM, 0, "no memory for sampling");
    pthread_mutex_init(&(*out)->mu, NULL);
    return true;
}

static void project_free(struct project *p)
{
    if (!p)
        return;
    free((char *)(uintptr_t)p->name.ptr);
    arena_free(p->arena);
    VEC_FREE(&p->groups);
    VEC_FREE(&p->thinned);
    idmap_done(&p->by_key);
    free(p);
}

void sampler_free(struct sampler *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->projects.len; i++)
        project_free(s->projects.at[i]);
    VEC_FREE(&s->projects);
    pthread_mutex_destroy(&s->mu);
    free(s);
}

static size_t find_project(const struct sampler *s, struct str name)
{
    size_t i = 0;
    while (i < s->projects.len && !str_eq(s->projects.at[i]->name, name))
        i++;
    return i;
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for sampling");
}

static bool project_new(struct project **out, struct str name, struct str text, struct err *e)
{
    struct project *p = calloc(1, sizeof *p);
    char *copy = malloc(name.len + 1);
    if (p)
        p->arena = arena_new(RULES_ARENA);
    if (!p || !copy || !p->arena || !idmap_init(&p->by_key)) {
        free(copy);
        if (p)
            arena_free(p->arena);
        free(p);
        return no_memory(e);
    }
    memcpy(copy, name.ptr, name.len);
    p->name = (struct str){ copy, name.len };
    if ((arena_str(p->arena, text, &p->text) || no_memory(e)) &&
        sampling_parse(p->text, p->arena, &p->rules, e)) {
        *out = p;
        return true;
    }
    project_free(p);
    return false;
}

static bool configure(struct sampler *s, struct str name, const struct str *rules, struct err *e)
{
    size_t at = find_project(s, name);
    bool is_known = at < s->projects.len;
    struct project *p = NULL;
    if (is_known && rules && str_eq(s->projects.at[at]->text, *rules))
        return true;
    if (!rules) {
        if (is_known) {
            project_free(s->projects.at[at]);
            s->projects.at[at] = s->projects.at[--s->projects.len];
        }
        return true;
    }
    if (!project_new(&p, name, *rules, e))
        return false;
    if (is_known) {
        const struct project old = *s->projects.at[at];
        s->projects.at[at]->thinned = p->thinned;
        p->thinned = old.thinned;
        project_free(s->projects.at[at]);
        s->projects.at[at] = p;
        return true;
    }
    if (VEC_PUSH(&s->projects, p))
        return true;
    project_free(p);
    return no_memory(e);
}

bool sampler_configure(struct sampler *s, struct str project, const struct str *rules,
                       struct err *e)
{
    pthread_mutex_lock(&s->mu);
    bool ok = configure(s, project, rules, e);
    pthread_mutex_unlock(&s->mu);
    return ok;
}

/* --- deciding ------------------------------------------------------------------------------ */

static void add_text(crypto_generichash_state *state, struct str s)
{
    uint64_t len = s.len;
    crypto_generichash_update(state, (const uint8_t *)&len, sizeof len);
    crypto_generichash_update(state, (const uint8_t *)s.ptr, s.len);
}

/* A value that is not there differs from one that is empty. */
static void make_key(const struct sampling *rules, struct str fingerprint,
                     const struct attributes *attributes, uint8_t key[KEY_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, KEY_BYTES);
    add_text(&state, fingerprint);
    for (size_t i = 0; i < rules->attribute_count; i++) {
        const struct attribute *found = attributes_find(attributes, rules->attributes[i]);
        add_text(&state, found ? STR("1") : STR("0"));
        add_text(&state, found ? found->text : STR(""));
    }
    crypto_generichash_final(&state, key, KEY_BYTES);
}

struct sought {
    const struct project *p;
    const uint8_t *key;
};

static bool is_same_key(const void *ctx, uint32_t at)
{
    const struct sought *sought = ctx;
    return memcmp(sought->p->groups.at[at].key, sought->key, KEY_BYTES) == 0;
}

static uint64_t hash_of(const uint8_t key[KEY_BYTES])
{
    return idmap_hash((struct str){ (const char *)key, KEY_BYTES }, 0);
}

/* In a place of its own, or in that of the one that came first; NULL: no memory. */
static struct group *group_add(struct project *p, const struct group *g)
{
    uint32_t at = (uint32_t)p->groups.len;
    if (p->groups.len >= p->rules.buckets) {
        at = (uint32_t)p->oldest;
        p->oldest = (p->oldest + 1) % p->rules.buckets;
        idmap_remove(&p->by_key, hash_of(p->groups.at[at].key), at);
        p->groups.at[at] = *g;
        /* There is room: one has just been taken out. */
        return idmap_insert(&p->by_key, hash_of(g->key), at) ? &p->groups.at[at] : NULL;
    }
    if (!VEC_PUSH(&p->groups, *g))
        return NULL;
    if (idmap_insert(&p->by_key, hash_of(g->key), at))
        return &p->groups.at[at];
    p->groups.len--;
    return NULL;
}

static struct group *group_of(struct project *p, struct str fingerprint,
                              const struct attributes *attributes)
{
    struct group g = { 0 };
    make_key(&p->rules, fingerprint, attributes, g.key);
    const struct sought sought = { p, g.key };
    uint32_t at = idmap_find(&p->by_key, hash_of(g.key), is_same_key, &sought);
    if (at != IDMAP_NONE)
        return &p->groups.at[at];
    g.label_len = fingerprint.len < LABEL_MAX ? fingerprint.len : LABEL_MAX;
    memcpy(g.label, fingerprint.ptr, g.label_len);
    return group_add(p, &g);
}

/* The backoff that the next object of the group falls under; NULL: all are used up. */
static const struct sampling_backoff *backoff_of(const struct sampling *rules, uint64_t kept)
{
    for (size_t i = 0; i < rules->backoff_count; i++) {
        if (kept < rules->backoffs[i].count)
            return &rules->backoffs[i];
        kept -= rules->backoffs[i].count;
    }
    return NULL;
}

/* When the clock was set back, the group waits from now on, and not until it has caught up. */
static bool decide(const struct sampling *rules, struct group *g, uint64_t object, int64_t now_ms)
{
    const struct sampling_backoff *b = backoff_of(rules, g->kept);
    if (now_ms < g->last_ms)
        g->last_ms = now_ms;
    int64_t since_ms = now_ms - g->last_ms;
    if (!b && since_ms >= (int64_t)rules->reset_interval_s * 1000) {
        g->kept = 0;
        b = &rules->backoffs[0];
    }
    if (!b || (g->kept > 0 && since_ms < (int64_t)b->interval_s * 1000))
        return false;
    g->kept++;
    g->last_ms = now_ms;
    g->last_object = object;
    return true;
}

bool sampler_keeps(struct sampler *s, struct str project, struct str fingerprint,
                   const struct attributes *attributes, uint64_t object, int64_t now_ms)
{
    bool keeps = true;
    pthread_mutex_lock(&s->mu);
    size_t at = find_project(s, project);
    if (at < s->projects.len) {
        struct project *p = s->projects.at[at];
        struct group *g = group_of(p, fingerprint, attributes);
        keeps = p->rules.backoff_count == 0 || !g || decide(&p->rules, g, object, now_ms) ||
                !VEC_PUSH(&p->thinned, object);
    }
    pthread_mutex_unlock(&s->mu);
    return keeps;
}

size_t sampler_take(struct sampler *s, struct arena *a, struct str *project, uint64_t *objects,
                    size_t room)
{
    size_t count = 0;
    pthread_mutex_lock(&s->mu);
    for (size_t i = 0; i < s->projects.len && count == 0; i++) {
        struct project *p = s->projects.at[i];
        if (p->thinned.len == 0 || !arena_str(a, p->name, project))
            continue;
        while (count < room && p->thinned.len > 0)
            objects[count++] = p->thinned.at[--p->thinned.len];
    }
    pthread_mutex_unlock(&s->mu);
    return count;
}

/* --- for people ---------------------------------------------------------------------------- */

static void reset_group(struct group *g)
{
    g->kept = 0;
    g->last_ms = 0;
}

void sampler_reset(struct sampler *s, struct str project, const struct str *fingerprint)
{
    pthread_mutex_lock(&s->mu);
    size_t at = find_project(s, project);
    for (size_t i = 0; at < s->projects.len && i < s->projects.at[at]->groups.len; i++) {
        struct group *g = &s->projects.at[at]->groups.at[i];
        if (!fingerprint || str_starts((struct str){ g->label, g->label_len }, *fingerprint))
            reset_group(g);
    }
    pthread_mutex_unlock(&s->mu);
}

static void write_number(struct json_writer *w, const char *name, uint64_t n)
{
    json_key(w, str_from_c(name));
    json_int(w, (int64_t)n);
}

static void write_groups(struct json_writer *w, const struct project *p)
{
    json_key(w, STR("groups"));
    json_list(w);
    for (size_t i = 0; i < p->groups.len; i++) {
        const struct group *g = &p->groups.at[i];
        json_object(w);
        json_member(w, "id", (struct str){ g->label, g->label_len });
        write_number(w, "count", g->kept);
        write_number(w, "last_accept", (uint64_t)(g->last_ms / 1000));
        write_number(w, "last_accept_txid", g->last_object);
        json_object_end(w);
    }
    json_list_end(w);
}

static void write_project(struct json_writer *w, const struct project *p)
{
    write_number(w, "reset_interval", (uint64_t)p->rules.reset_interval_s);
    json_key(w, STR("backoffs"));
    json_list(w);
    for (size_t i = 0; i < p->rules.backoff_count; i++) {
        json_object(w);
        write_number(w, "count", p->rules.backoffs[i].count);
        write_number(w, "interval", (uint64_t)p->rules.backoffs[i].interval_s);
        json_object_end(w);
    }
    json_list_end(w);
    write_groups(w, p);
}

bool sampler_has_rules(struct sampler *s, struct str project)
{
    pthread_mutex_lock(&s->mu);
    bool has = find_project(s, project) < s->projects.len;
    pthread_mutex_unlock(&s->mu);
    return has;
}

bool sampler_write(struct sampler *s, struct str project, struct json_writer *w)
{
    pthread_mutex_lock(&s->mu);
    size_t at = find_project(s, project);
    bool has_rules = at < s->projects.len;
    if (has_rules)
        write_project(w, s->projects.at[at]);
    pthread_mutex_unlock(&s->mu);
    return has_rules;
}
