/* objects.c - see the header. Entries are small and never move: sixteen bytes an object. */
#include "engine/objects.h"

#include <sodium.h>
#include <stdlib.h>

#define AT_ONCE 1024 /* objects that are looked at before others get their turn */
#define KEY_BYTES 16 /* of BLAKE2b over project and uuid: two never share one */

/* Of an object's upload: bits. One that is accepted, and not yet in work, has none. */
enum work {
    WORK_AGAIN = 1,   /* it waits to be processed again, or is just now */
    WORK_GOES_ON = 2, /* somebody processes it */
    WORK_WANTED = 4,  /* once more, after that */
    WORK_CONVERTS = 8 /* by a converter */
};
struct entry {
    uint32_t project; /* a place in `names` */
    uint32_t report;
    uint32_t received_s;
    uint8_t state; /* enum object_state */
    bool kept;     /* when all reports are deleted */
    uint16_t work; /* of enum work */
};
struct object_name {
    struct str text; /* heap */
};
struct object_uuid {
    uint8_t key[KEY_BYTES];
    uint64_t object;
};

bool objects_init(struct objects *o)
{
    *o = (struct objects){ .next = 1 };
    pthread_mutex_init(&o->mu, NULL);
    seglist_init(&o->entries, sizeof(struct entry));
    return idmap_init(&o->names_by_text) && idmap_init(&o->uuids_by_key);
}

void objects_done(struct objects *o)
{
    for (size_t i = 0; i < o->names.len; i++)
        free((char *)(uintptr_t)o->names.at[i].text.ptr);
    VEC_FREE(&o->names);
    VEC_FREE(&o->uuids);
    idmap_done(&o->names_by_text);
    idmap_done(&o->uuids_by_key);
    seglist_done(&o->entries);
    pthread_mutex_destroy(&o->mu);
}

void objects_begin_after(struct objects *o, uint64_t last)
{
    pthread_mutex_lock(&o->mu);
    if (o->next <= last)
        o->next = last + 1;
    pthread_mutex_unlock(&o->mu);
}

/* Projects. */

struct name_sought {
    const struct objects *o;
    struct str text;
};

static bool is_same_name(const void *ctx, uint32_t at)
{
    const struct name_sought *sought = ctx;
    return str_eq(sought->o->names.at[at].text, sought->text);
}

static uint32_t name_find(const struct objects *o, struct str text)
{
    struct name_sought sought = { o, text };
    return idmap_find(&o->names_by_text, idmap_hash(text, 0), is_same_name, &sought);
}

/* IDMAP_NONE: no memory. */
static uint32_t name_number(struct objects *o, struct str text)
{
    uint32_t at = name_find(o, text);
    if (at != IDMAP_NONE)
        return at;
    char *copy = malloc(text.len ? text.len : 1);
    if (!copy)
        return IDMAP_NONE;
    memcpy(copy, text.ptr, text.len);
    at = (uint32_t)o->names.len;
    const struct object_name name = { { copy, text.len } };
    if (!VEC_PUSH(&o->names, name)) {
        free(copy);
        return IDMAP_NONE;
    }
    if (!idmap_insert(&o->names_by_text, idmap_hash(text, 0), at)) {
        o->names.len--;
        free(copy);
        return IDMAP_NONE;
    }
    return at;
}

/* Uuids. */

struct uuid_key {
    const struct objects *o;
    uint8_t bytes[KEY_BYTES];
    uint64_t hash;
};

static void uuid_key(struct uuid_key *k, const struct objects *o, struct str project,
                     struct str uuid)
{
    crypto_generichash_state state;
    k->o = o;
    crypto_generichash_init(&state, NULL, 0, KEY_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)project.ptr, project.len);
    crypto_generichash_update(&state, (const uint8_t *)"", 1); /* names hold no NUL */
    for (size_t i = 0; i < uuid.len; i++) {
        char c = uuid.ptr[i];
        uint8_t lower = (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        crypto_generichash_update(&state, &lower, 1);
    }
    crypto_generichash_final(&state, k->bytes, KEY_BYTES);
    k->hash = idmap_hash((struct str){ (const char *)k->bytes, KEY_BYTES }, 0);
}

static bool is_same_key(const void *ctx, uint32_t at)
{
    const struct uuid_key *k = ctx;
    return memcmp(k->o->uuids.at[at].key, k->bytes, KEY_BYTES) == 0;
}

static uint32_t uuid_find(const struct objects *o, const struct uuid_key *k)
{
    return idmap_find(&o->uuids_by_key, k->hash, is_same_key, k);
}

static bool uuid_add(struct objects *o, const struct uuid_key *k, uint64_t object)
{
    struct object_uuid uuid = { .object = object };
    memcpy(uuid.key, k->bytes, KEY_BYTES);
    if (!VEC_PUSH(&o->uuids, uuid))
        return false;
    if (idmap_insert(&o->uuids_by_key, k->hash, (uint32_t)(o->uuids.len - 1)))
        return true;
    o->uuids.len--;
    return false;
}

/* Takes one out by putting the last in its place. */
static void uuid_remove_at(struct objects *o, uint32_t at)
{
    struct uuid_key last = { .o = o };
    uint32_t end = (uint32_t)(o->uuids.len - 1);
    struct str key = { (const char *)o->uuids.at[at].key, KEY_BYTES };
    idmap_remove(&o->uuids_by_key, idmap_hash(key, 0), at);
    if (at != end) {
        memcpy(last.bytes, o->uuids.at[end].key, KEY_BYTES);
        last.hash = idmap_hash((struct str){ (const char *)last.bytes, KEY_BYTES }, 0);
        idmap_remove(&o->uuids_by_key, last.hash, end);
        o->uuids.at[at] = o->uuids.at[end];
        /* There is room: two have just been taken out. */
        (void)!idmap_insert(&o->uuids_by_key, last.hash, at);
    }
    o->uuids.len--;
}

/* Entries. */

static struct entry *entry_at(struct objects *o, uint64_t object)
{
    return object < o->entries.len ? seglist_at(&o->entries, object) : NULL;
}

static struct entry *entry_make(struct objects *o, uint64_t object)
{
    if (object >= SEGLIST_MAX)
        return NULL;
    if (object >= o->entries.len && !seglist_grow(&o->entries, object + 1 - o->entries.len))
        return NULL;
    return seglist_at(&o->entries, object);
}

static bool take(struct objects *o, struct str project, struct str uuid, uint64_t object)
{
    struct uuid_key key;
    uint32_t name = name_number(o, project);
    struct entry *entry = name == IDMAP_NONE ? NULL : entry_make(o, object);
    if (!entry)
        return false;
    if (uuid.len > 0) {
        uuid_key(&key, o, project, uuid);
        if (!uuid_add(o, &key, object))
            return false;
    }
    *entry =
        (struct entry){ .project = name, .report = OBJECT_NO_REPORT, .state = OBJECT_ACCEPTED };
    return true;
}

bool objects_take(struct objects *o, struct str project, struct str uuid, uint64_t *object,
                  bool *duplicate, struct err *e)
{
    struct uuid_key key;
    uint32_t known = IDMAP_NONE;
    pthread_mutex_lock(&o->mu);
    if (uuid.len > 0) {
        uuid_key(&key, o, project, uuid);
        known = uuid_find(o, &key);
    }
    *duplicate = known != IDMAP_NONE;
    *object = *duplicate ? o->uuids.at[known].object : o->next;
    bool ok = *duplicate || take(o, project, uuid, *object);
    if (ok && !*duplicate)
        o->next++;
    pthread_mutex_unlock(&o->mu);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory for another object");
}

void objects_drop(struct objects *o, uint64_t object, struct str project, struct str uuid)
{
    struct uuid_key key;
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry)
        entry->state = OBJECT_UNKNOWN;
    if (uuid.len > 0) {
        uuid_key(&key, o, project, uuid);
        uint32_t at = uuid_find(o, &key);
        if (at != IDMAP_NONE && o->uuids.at[at].object == object)
            uuid_remove_at(o, at);
    }
    pthread_mutex_unlock(&o->mu);
}

void objects_committed(struct objects *o, uint64_t object, uint32_t report)
{
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry) {
        entry->state = OBJECT_COMMITTED;
        entry->report = report;
    }
    pthread_mutex_unlock(&o->mu);
}

bool objects_restore(struct objects *o, uint64_t object, struct str project, struct str uuid,
                     struct object as, struct err *e)
{
    pthread_mutex_lock(&o->mu);
    struct uuid_key key;
    bool ok = true;
    struct entry *entry = entry_at(o, object);
    bool known = entry && entry->state != OBJECT_UNKNOWN;
    if (!known)
        ok = take(o, project, uuid, object);
    else if (uuid.len > 0) { /* a report that was read before its upload */
        uuid_key(&key, o, project, uuid);
        ok = uuid_find(o, &key) != IDMAP_NONE || uuid_add(o, &key, object);
    }
    if (ok) {
        entry = entry_at(o, object);
        entry->state = (uint8_t)as.state;
        if (as.report != OBJECT_NO_REPORT)
            entry->report = as.report;
        if (o->next <= object)
            o->next = object + 1;
    }
    pthread_mutex_unlock(&o->mu);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory for another object");
}

void objects_came(struct objects *o, uint64_t object, int64_t received_ms)
{
    int64_t s = received_ms > 0 ? (received_ms - 1) / 1000 + 1 : 0; /* nobody is older than it is */
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry)
        entry->received_s = s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
    pthread_mutex_unlock(&o->mu);
}

void objects_received(struct objects *o, const uint64_t *objects, size_t count, uint32_t *out_s)
{
    for (size_t at = 0; at < count; at += AT_ONCE) {
        size_t end = count - at < AT_ONCE ? count : at + AT_ONCE;
        pthread_mutex_lock(&o->mu);
        for (size_t i = at; i < end; i++) {
            const struct entry *entry = entry_at(o, objects[i]);
            out_s[i] = entry ? entry->received_s : 0;
        }
        pthread_mutex_unlock(&o->mu);
    }
}

static bool is_on_its_way(struct objects *o, uint64_t object)
{
    const struct entry *entry = entry_at(o, object);
    return entry && entry->state == OBJECT_ACCEPTED;
}

bool objects_settled(struct objects *o, uint64_t object)
{
    bool is_settled;
    size_t looked;
    do {
        pthread_mutex_lock(&o->mu);
        uint64_t end = object < o->next ? object + 1 : o->next;
        for (looked = 0; looked < AT_ONCE && o->settled < end; looked++, o->settled++)
            if (is_on_its_way(o, o->settled))
                break;
        is_settled = o->settled >= end;
        pthread_mutex_unlock(&o->mu);
    } while (looked == AT_ONCE);
    return is_settled;
}

static size_t wishes(unsigned work)
{
    return (work & WORK_AGAIN ? 1u : 0u) + (work & WORK_WANTED ? 1u : 0u);
}

static void set_work(struct objects *o, struct entry *entry, unsigned work)
{
    o->again = o->again - wishes(entry->work) + wishes(work);
    entry->work = (uint16_t)work;
}

bool objects_want_again(struct objects *o, uint64_t object)
{
    bool add = false;
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry && entry->state != OBJECT_UNKNOWN) {
        add = entry->state == OBJECT_COMMITTED && entry->work == 0;
        if (add)
            set_work(o, entry, WORK_AGAIN);
        else if (entry->work & WORK_GOES_ON)
            set_work(o, entry, entry->work | WORK_WANTED);
    }
    pthread_mutex_unlock(&o->mu);
    return add;
}

void objects_forget_again(struct objects *o, uint64_t object)
{
    pthread_mutex_lock(&o->mu);
    set_work(o, entry_at(o, object), 0);
    pthread_mutex_unlock(&o->mu);
}

void objects_work_begins(struct objects *o, uint64_t object)
{
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry)
        set_work(o, entry, entry->work | WORK_GOES_ON);
    pthread_mutex_unlock(&o->mu);
}

void objects_work_waits(struct objects *o, uint64_t object)
{
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry)
        /* Begun anew, it meets the wish. */
        set_work(o, entry, entry->work & (WORK_AGAIN | WORK_CONVERTS));
    pthread_mutex_unlock(&o->mu);
}

bool objects_work_ends(struct objects *o, uint64_t object)
{
    bool wanted = false;
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry) {
        wanted = entry->state == OBJECT_COMMITTED && (entry->work & WORK_WANTED);
        set_work(o, entry, wanted ? WORK_AGAIN : 0);
    }
    pthread_mutex_unlock(&o->mu);
    return wanted;
}

void objects_converts(struct objects *o, uint64_t object)
{
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry)
        set_work(o, entry, entry->work | WORK_CONVERTS);
    pthread_mutex_unlock(&o->mu);
}

bool objects_is_converting(struct objects *o, uint64_t object)
{
    pthread_mutex_lock(&o->mu);
    const struct entry *entry = entry_at(o, object);
    bool converts = entry && (entry->work & WORK_CONVERTS);
    pthread_mutex_unlock(&o->mu);
    return converts;
}

size_t objects_again(struct objects *o)
{
    pthread_mutex_lock(&o->mu);
    size_t n = o->again;
    pthread_mutex_unlock(&o->mu);
    return n;
}

struct object objects_find(struct objects *o, uint64_t object, struct str project)
{
    struct object found = { OBJECT_UNKNOWN, OBJECT_NO_REPORT };
    pthread_mutex_lock(&o->mu);
    const struct entry *entry = entry_at(o, object);
    if (entry && entry->state != OBJECT_UNKNOWN &&
        (project.len == 0 || str_eq(o->names.at[entry->project].text, project)))
        found = (struct object){ (enum object_state)entry->state, entry->report };
    pthread_mutex_unlock(&o->mu);
    return found;
}

void objects_keep(struct objects *o, uint64_t object)
{
    pthread_mutex_lock(&o->mu);
    struct entry *entry = entry_at(o, object);
    if (entry)
        entry->kept = true;
    pthread_mutex_unlock(&o->mu);
}

void objects_clear(struct objects *o, uint64_t below)
{
    pthread_mutex_lock(&o->mu);
    for (uint64_t id = 1; id < below && id < o->entries.len; id++)
        if (!entry_at(o, id)->kept)
            entry_at(o, id)->state = OBJECT_UNKNOWN;
    for (uint32_t at = (uint32_t)o->uuids.len; at-- > 0;)
        if (entry_at(o, o->uuids.at[at].object)->state == OBJECT_UNKNOWN)
            uuid_remove_at(o, at);
    pthread_mutex_unlock(&o->mu);
}

uint64_t objects_last(struct objects *o)
{
    pthread_mutex_lock(&o->mu);
    uint64_t last = o->next - 1;
    pthread_mutex_unlock(&o->mu);
    return last;
}
