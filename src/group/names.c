/* names.c - texts in a pool, numbers in a map. A reader may come upon the slot of a name that is
 * not published, or was taken back: it knows by the number, and does not touch the name. */
#include "group/names.h"

struct name {
    const char *ptr;
    uint32_t len;
    _Atomic uint32_t report;
};

struct sought_name {
    const struct names *names;
    struct str text;
    size_t below; /* which numbers may be looked at */
};

bool names_init(struct names *n)
{
    pool_init(&n->pool);
    seglist_init(&n->names, sizeof(struct name));
    atomic_init(&n->count, 0);
    return idmap_init(&n->map);
}

void names_done(struct names *n)
{
    pool_done(&n->pool);
    seglist_done(&n->names);
    idmap_done(&n->map);
}

static uint32_t count_published(const struct names *n)
{
    return atomic_load_explicit(&n->count, memory_order_acquire);
}

static bool is_sought(const void *ctx, uint32_t id)
{
    const struct sought_name *s = ctx;
    return id < s->below && str_eq(names_text(s->names, id), s->text);
}

static uint32_t names_find_below(const struct names *n, struct str name, uint64_t hash,
                                 size_t below)
{
    struct sought_name sought = { n, name, below };
    return idmap_find(&n->map, hash, is_sought, &sought);
}

uint32_t names_find(const struct names *n, struct str name)
{
    return names_find_below(n, name, idmap_hash(name, 0), count_published(n));
}

uint32_t names_find_added(const struct names *n, struct str name)
{
    return names_find_below(n, name, idmap_hash(name, 0), n->names.len);
}

uint32_t names_add(struct names *n, struct str name, struct err *e)
{
    uint64_t hash = idmap_hash(name, 0);
    uint32_t id = names_find_below(n, name, hash, n->names.len);
    if (id != IDMAP_NONE)
        return id;
    struct names_mark before = names_mark(n);
    char *text = pool_alloc(&n->pool, name.len, 1);
    if (!text || name.len > UINT32_MAX || !seglist_grow(&n->names, 1))
        goto nomem;
    if (name.len)
        memcpy(text, name.ptr, name.len);
    struct name *at = seglist_at(&n->names, before.count);
    at->ptr = text;
    at->len = (uint32_t)name.len;
    atomic_store_explicit(&at->report, NAMES_NONE, memory_order_relaxed);
    id = (uint32_t)before.count;
    if (idmap_insert(&n->map, hash, id))
        return id;
nomem:
    seglist_truncate(&n->names, before.count);
    pool_rewind(&n->pool, before.pool);
    err_set(e, ERR_NOMEM, 0, "no memory for a name");
    return NAMES_NONE;
}

void names_set_report(struct names *n, uint32_t name, uint32_t report)
{
    struct name *at = seglist_at(&n->names, name);
    atomic_store_explicit(&at->report, report, memory_order_release);
}

void names_publish(struct names *n)
{
    atomic_store_explicit(&n->count, (uint32_t)n->names.len, memory_order_release);
}

struct names_mark names_mark(const struct names *n)
{
    return (struct names_mark){ n->names.len, pool_mark(&n->pool) };
}

void names_rewind(struct names *n, struct names_mark to)
{
    for (size_t id = n->names.len; id-- > to.count;)
        idmap_remove(&n->map, idmap_hash(names_text(n, (uint32_t)id), 0), (uint32_t)id);
    seglist_truncate(&n->names, to.count);
    pool_rewind(&n->pool, to.pool);
}

struct str names_text(const struct names *n, uint32_t name)
{
    const struct name *at = seglist_at(&n->names, name);
    return (struct str){ at->ptr, at->len };
}

uint32_t names_report(const struct names *n, uint32_t name)
{
    const struct name *at = seglist_at(&n->names, name);
    return atomic_load_explicit(&at->report, memory_order_acquire);
}

size_t names_bytes(const struct names *n)
{
    return pool_bytes(&n->pool) + count_published(n) * (sizeof(struct name) + 2 * sizeof(uint64_t));
}
