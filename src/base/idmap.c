/* idmap.c - linear probing. A slot is
 *
 *     0            free, and ends a search
 *     REMOVED      was taken back; a search goes on behind it, an insert may use it
 *     tag | id+1   tag: the upper half of the hash, in the upper half of the slot
 *
 * The place of a slot follows from its tag alone, so a table can be made larger without the hashes.
 */
#include "base/idmap.h"

#include "base/pages.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <unistd.h>

#define IDMAP_FIRST ((size_t)256)
#define REMOVED (UINT64_C(1) << 32) /* no id has 0 in the lower half */
#define TAG UINT64_C(0xffffffff00000000)

struct idmap_table {
    struct idmap_table *older; /* outgrown, but a reader may be in it */
    size_t slots;              /* a power of two */
    size_t used;               /* not free; the writer's, always < slots */
    _Atomic uint64_t at[];
};

static unsigned char process_key[crypto_shorthash_KEYBYTES];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void process_key_make(void)
{
    /* Not by sodium_init, which takes as long as walking a whole dump; SipHash does without. */
    int rc = getentropy(process_key, sizeof process_key);
    assert(rc == 0); /* fails only on systems without a source of random numbers */
    (void)rc;
}

uint64_t idmap_hash(struct str s, uint64_t salt)
{
    pthread_once(&process_key_once, process_key_make);
    unsigned char key[sizeof process_key];
    memcpy(key, process_key, sizeof key);
    for (size_t i = 0; i < sizeof salt; i++)
        key[i] ^= (unsigned char)(salt >> (8 * i));
    unsigned char out[crypto_shorthash_BYTES];
    const char *p = s.ptr ? s.ptr : "";
    crypto_shorthash(out, (const unsigned char *)p, s.len, key);
    uint64_t hash;
    static_assert(sizeof hash == sizeof out, "SipHash gives 64 bits");
    memcpy(&hash, out, sizeof hash);
    return hash;
}

static size_t table_bytes(size_t slots)
{
    return sizeof(struct idmap_table) + slots * sizeof(_Atomic uint64_t);
}

static struct idmap_table *table_new(size_t slots)
{
    struct idmap_table *t = pages_map(table_bytes(slots));
    if (t)
        t->slots = slots;
    return t;
}

bool idmap_init(struct idmap *m)
{
    struct idmap_table *t = table_new(IDMAP_FIRST);
    atomic_init(&m->table, t);
    return t != NULL;
}

void idmap_done(struct idmap *m)
{
    struct idmap_table *t = atomic_load_explicit(&m->table, memory_order_relaxed);
    while (t) {
        struct idmap_table *older = t->older;
        pages_unmap(t, table_bytes(t->slots));
        t = older;
    }
    atomic_store_explicit(&m->table, NULL, memory_order_relaxed);
}

static size_t first_place(const struct idmap_table *t, uint64_t slot)
{
    return (size_t)(slot >> 32) & (t->slots - 1);
}

uint32_t idmap_find(const struct idmap *m, uint64_t hash,
                    bool (*same)(const void *ctx, uint32_t id), const void *ctx)
{
    const struct idmap_table *t = atomic_load_explicit(&m->table, memory_order_acquire);
    for (size_t i = first_place(t, hash);; i = (i + 1) & (t->slots - 1)) {
        uint64_t slot = atomic_load_explicit(&t->at[i], memory_order_acquire);
        if (slot == 0)
            return IDMAP_NONE;
        if (((slot ^ hash) & TAG) != 0 || slot == REMOVED)
            continue;
        uint32_t id = (uint32_t)slot - 1;
        if (same(ctx, id))
            return id;
    }
}

/* Puts a slot into the first place where a search for it would pass or end. */
static void table_put(struct idmap_table *t, uint64_t slot)
{
    size_t i = first_place(t, slot);
    uint64_t there = atomic_load_explicit(&t->at[i], memory_order_relaxed);
    while (there != 0 && there != REMOVED) {
        i = (i + 1) & (t->slots - 1);
        there = atomic_load_explicit(&t->at[i], memory_order_relaxed);
    }
    if (there == 0)
        t->used++;
    atomic_store_explicit(&t->at[i], slot, memory_order_release);
}

/* A table twice as large, filled before readers see it. */
static bool idmap_enlarge(struct idmap *m)
{
    struct idmap_table *old = atomic_load_explicit(&m->table, memory_order_relaxed);
    struct idmap_table *t = table_new(2 * old->slots);
    if (!t)
        return false;
    for (size_t i = 0; i < old->slots; i++) {
        uint64_t slot = atomic_load_explicit(&old->at[i], memory_order_relaxed);
        if (slot != 0 && slot != REMOVED)
            table_put(t, slot);
    }
    t->older = old;
    atomic_store_explicit(&m->table, t, memory_order_release);
    return true;
}

bool idmap_insert(struct idmap *m, uint64_t hash, uint32_t id)
{
    assert(id != IDMAP_NONE);
    struct idmap_table *t = atomic_load_explicit(&m->table, memory_order_relaxed);
    if (t->used + 1 > t->slots / 8 * 5) { /* five eighths: a miss then looks at about four slots */
        if (!idmap_enlarge(m))
            return false;
        t = atomic_load_explicit(&m->table, memory_order_relaxed);
    }
    table_put(t, (hash & TAG) | (id + 1));
    return true;
}

/* Removed slots with nothing behind them are free again, so that taking back the newest things
 * over and over does not fill the table. */
static void free_removed(struct idmap_table *t, size_t i)
{
    if (atomic_load_explicit(&t->at[(i + 1) & (t->slots - 1)], memory_order_relaxed) != 0)
        return;
    while (atomic_load_explicit(&t->at[i], memory_order_relaxed) == REMOVED) {
        atomic_store_explicit(&t->at[i], 0, memory_order_release);
        t->used--;
        i = (i - 1) & (t->slots - 1);
    }
}

void idmap_remove(struct idmap *m, uint64_t hash, uint32_t id)
{
    struct idmap_table *t = atomic_load_explicit(&m->table, memory_order_relaxed);
    uint64_t want = (hash & TAG) | (id + 1);
    size_t i = first_place(t, hash);
    for (;; i = (i + 1) & (t->slots - 1)) {
        uint64_t slot = atomic_load_explicit(&t->at[i], memory_order_relaxed);
        assert(slot != 0); /* it must be there */
        if (slot == want)
            break;
    }
    atomic_store_explicit(&t->at[i], REMOVED, memory_order_release);
    free_removed(t, i);
}
