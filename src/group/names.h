/* names.h - names that are known by a number, each kept once, and can be taken back until they are
 * published: the ids of reports and buckets, and projects.
 *
 * Threads: one writer; readers call names_find, names_text and names_report without locks. Readers
 * find published names only, so that the text of one that was taken back is never read. Memory:
 * names are copied. */
#ifndef CRUMPLE_GROUP_NAMES_H
#define CRUMPLE_GROUP_NAMES_H

#include "base/idmap.h"
#include "base/seglist.h"
#include "group/pool.h"

#define NAMES_NONE UINT32_MAX

struct names {
    struct pool pool;       /* texts */
    struct seglist names;   /* struct name */
    struct idmap map;       /* text to number */
    _Atomic uint32_t count; /* published */
};

bool names_init(struct names *n); /* false: no memory; names_done is fine then, too */
void names_done(struct names *n);

/* Writer. */
uint32_t names_add(struct names *n, struct str name, struct err *e); /* NAMES_NONE: no memory */
uint32_t names_find_added(const struct names *n, struct str name);   /* published or not */
/* A report that a name belongs to, or NAMES_NONE, which it has at first. */
void names_set_report(struct names *n, uint32_t name, uint32_t report);
void names_publish(struct names *n);

struct names_mark {
    size_t count;
    struct pool_mark pool;
};
struct names_mark names_mark(const struct names *n);
/* Takes back the names added since the mark was made, none of which may be published. */
void names_rewind(struct names *n, struct names_mark to);

/* Its text will be asked for soon, and is fetched from memory meanwhile. */
static inline void names_expect(const struct names *n, uint32_t name)
{
    __builtin_prefetch(seglist_at(&n->names, name));
}

/* Readers. */
uint32_t names_find(const struct names *n, struct str name);
struct str names_text(const struct names *n, uint32_t name);
uint32_t names_report(const struct names *n, uint32_t name); /* which may not be published yet */
size_t names_bytes(const struct names *n);                   /* about */

#endif
