/* collection_internal.h - what the files of the collection share. Inside src/group only.
 *
 * collection.c: adding, publishing, undoing, reading.  collection_fields.c: which names of fields
 * are kept.  collection_change.c: what becomes of reports that are there: superseded, removed,
 * amended.  All of it is the writer's. */
#ifndef CRUMPLE_GROUP_COLLECTION_INTERNAL_H
#define CRUMPLE_GROUP_COLLECTION_INTERNAL_H

#include "group/collection.h"

#include "base/idmap.h"
#include "base/seglist.h"
#include "group/names.h"
#include "group/pool.h"

/* Of a report that the next publish removes: beyond any count that readers go by, and yet not
 * COLLECTION_NONE, so that the writer has it removed already. */
#define IS_BEING_REMOVED (COLLECTION_NONE - 1)

struct entry {
    uint32_t name, project, stack, top_match;
    float score;
    /* The report that took its place; its own number when it was removed; IS_BEING_REMOVED;
     * COLLECTION_NONE. */
    _Atomic uint32_t by;
    _Atomic(const uint32_t *) other; /* see list_values */
    int64_t date_ms;
};

struct stack {
    const uint32_t *values;
    uint32_t count;
};

/* A set of numbers of values, emptied by taking a new round: a report counts a value once. */
struct seen_value {
    uint32_t value, round;
};

struct mark {
    size_t reports, stacks, fields;
    struct names_mark names, projects;
    struct pool_mark pool;
};

struct collection {
    struct lexicon *lexicon;
    size_t threshold_count;
    struct names names, projects;
    struct seglist entries; /* struct entry, one a report */
    struct seglist buckets; /* threshold_count numbers of names, one such list a report */
    struct seglist stacks;  /* struct stack */
    struct idmap stack_map; /* from a stack's values to its number; the writer's alone */
    struct pool pool;       /* lists of values */
    _Atomic uint32_t count, stack_count; /* published */
    /* The writer's alone. */
    uint32_t superseding;   /* the report whose place the next one takes, or COLLECTION_NONE */
    VEC(uint32_t) removing; /* those that the next publish removes */
    struct mark published;
    struct mark before_last;   /* before the latest add */
    VEC(uint32_t) brought;     /* fields in the order in which reports brought them */
    VEC(uint32_t) brought_by;  /* by field: the project, OF_ALL, or COLLECTION_NONE: not kept */
    VEC(uint32_t) brings;      /* by project: how many of `brought` are its */
    _Atomic uint64_t left_out; /* values */
    struct seen_value *seen;   /* seen_size of them, a power of two */
    size_t seen_size;
    uint32_t round;
};

/* Lists of values outside the stack: how many, then the values; of an amended one then the pointer
 * to the list that it took the place of. One pointer to it, so that it can be swapped at once. */

#define LIST_AMENDED (UINT32_C(1) << 31) /* beside the number, which REPORT_TEXTS_MAX bounds */
#define LIST_POINTER (sizeof(void *) / sizeof(uint32_t)) /* the room that a pointer takes */

static inline struct values list_values(const uint32_t *list)
{
    return (struct values){ list + 1, list[0] & ~LIST_AMENDED };
}

static inline bool collection_no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for one report more");
}

static inline uint32_t superseded_by(const struct collection *c, uint32_t report)
{
    const struct entry *at = seglist_at(&c->entries, report);
    /* Who sees the report that is named here has seen it by the count, which was stored later. */
    return atomic_load_explicit(&at->by, memory_order_relaxed);
}

static inline void set_superseded_by(struct collection *c, uint32_t report, uint32_t by)
{
    struct entry *at = seglist_at(&c->entries, report);
    atomic_store_explicit(&at->by, by, memory_order_relaxed);
}

/* collection.c. A list with room for so many values. NULL: no memory. */
uint32_t *collection_list_alloc(struct collection *c, size_t count);
/* Makes room to count a report of so many values. False: no memory. */
MUST_CHECK bool collection_seen_reserve(struct collection *c, size_t values);
/* Adds `step` (1, or -1 as an unsigned number) to the df of the values that are in `other` and
 * neither in the stack nor in `except`. */
void collection_count_difference(struct collection *c, struct values stack, struct values except,
                                 struct values other, uint32_t step);
/* Numbers of values whose fields are all kept; new ones are added. ERR_NOMEM. */
MUST_CHECK bool collection_add_values(struct collection *c, struct sought_value *values,
                                      size_t count, uint32_t *out, struct err *e);

/* collection_fields.c. Those that the lexicon has from the start. False: no memory. */
MUST_CHECK bool collection_keep_first_fields(struct collection *c);
/* Takes out of `l` what is in fields that are not kept, for a report of that project. ERR_NOMEM:
 * some may have been brought. */
MUST_CHECK bool collection_keep_fields(struct collection *c, struct collection_lookup *l,
                                       uint32_t project, struct err *e);
/* Takes back what was brought since there were `count`. */
void collection_rewind_fields(struct collection *c, size_t count);

/* collection_change.c. The one that who sees `count` reports sees in the place of this, which is
 * the first of its name, or NAMES_NONE; or COLLECTION_NONE. */
uint32_t collection_latest_below(const struct collection *c, uint32_t report, uint32_t count);
/* The latest report goes. */
void collection_unname(struct collection *c, uint32_t report, uint32_t name);
/* What is being removed, is removed. */
void collection_end_removing(struct collection *c);

#endif
