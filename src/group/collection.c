/* collection.c - reports as numbers of values, stacks folded: added, published, taken back, read.
 * (collection_lookup.c finds them, collection_change.c has what becomes of them.)
 *
 * An add first does all that can fail, in parts that can be taken back, and then fills in what
 * counts: so an add that fails and an undo are the same thing, a rewind to a mark. Numbers that
 * readers go by (names, projects, stacks, reports) are stored by collection_publish, the count of
 * reports last, so that who sees a report sees all that it names. */
#include "group/collection_internal.h"
#include "group/collection_stacks.h"

#include <assert.h>
#include <stdlib.h>

struct collection *collection_new(const struct str *ignored, size_t ignored_count,
                                  size_t threshold_count)
{
    assert(threshold_count > 0 && threshold_count <= COLLECTION_THRESHOLDS_MAX);
    struct collection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->threshold_count = threshold_count;
    c->superseding = COLLECTION_NONE;
    seglist_init(&c->entries, sizeof(struct entry));
    seglist_init(&c->buckets, threshold_count * sizeof(uint32_t));
    seglist_init(&c->stacks, sizeof(struct stack));
    pool_init(&c->pool);
    bool ok = names_init(&c->names);
    ok = names_init(&c->projects) && ok;
    ok = idmap_init(&c->stack_map) && ok;
    c->lexicon = lexicon_new(ignored, ignored_count);
    if (!ok || !c->lexicon || !collection_keep_first_fields(c)) {
        collection_free(c);
        return NULL;
    }
    return c;
}

void collection_free(struct collection *c)
{
    if (!c)
        return;
    lexicon_free(c->lexicon);
    names_done(&c->names);
    names_done(&c->projects);
    seglist_done(&c->entries);
    seglist_done(&c->buckets);
    seglist_done(&c->stacks);
    idmap_done(&c->stack_map);
    pool_done(&c->pool);
    VEC_FREE(&c->brought);
    VEC_FREE(&c->brought_by);
    VEC_FREE(&c->brings);
    VEC_FREE(&c->removing);
    free(c->seen);
    free(c);
}

uint32_t *collection_list_alloc(struct collection *c, size_t count)
{
    uint32_t *list = pool_alloc(&c->pool, (count + 1) * sizeof *list, _Alignof(uint32_t));
    if (list)
        list[0] = (uint32_t)count;
    return list;
}

/* Counting in how many reports a value is. */

bool collection_seen_reserve(struct collection *c, size_t values)
{
    if (values <= c->seen_size / 2)
        return true;
    size_t size = c->seen_size ? c->seen_size : 256;
    while (values > size / 2)
        size *= 2;
    struct seen_value *seen = calloc(size, sizeof *seen);
    if (!seen)
        return false;
    free(c->seen);
    c->seen = seen;
    c->seen_size = size;
    c->round = 0;
    return true;
}

/* Whether this is the first time in this round. */
static bool seen_first(struct collection *c, uint32_t value)
{
    size_t mask = c->seen_size - 1;
    /* The number is its own hash: a sender who wants n of them to meet must have given the server
     * some n * 2n values before. */
    for (size_t i = value & mask;; i = (i + 1) & mask) {
        struct seen_value *s = &c->seen[i];
        if (s->round != c->round) {
            *s = (struct seen_value){ value, c->round };
            return true;
        }
        if (s->value == value)
            return false;
    }
}

static void count_values(struct collection *c, struct values v, uint32_t step)
{
    for (uint32_t i = 0; i < v.count; i++) {
        if (!seen_first(c, v.at[i]))
            continue;
        struct lexicon_value *value = lexicon_value(c->lexicon, v.at[i]);
        /* Only the writer changes it, so this need not be one step. */
        uint32_t df = atomic_load_explicit(&value->df, memory_order_relaxed);
        atomic_store_explicit(&value->df, df + step, memory_order_relaxed);
    }
}

/* A count of one report, in which each value counts once. seen_reserve has made room for them. */
static void count_begin(struct collection *c)
{
    if (++c->round == 0) { /* an old mark could be taken for a new one */
        memset(c->seen, 0, c->seen_size * sizeof *c->seen);
        c->round = 1;
    }
}

/* Adds `step` (1, or -1 as an unsigned number) to the df of each value of a report. */
static void count_report(struct collection *c, struct values stack, struct values other,
                         uint32_t step)
{
    count_begin(c);
    count_values(c, stack, step);
    count_values(c, other, step);
}

void collection_count_difference(struct collection *c, struct values stack, struct values except,
                                 struct values other, uint32_t step)
{
    count_begin(c);
    count_values(c, stack, 0);
    count_values(c, except, 0);
    count_values(c, other, step);
}

/* Stacks. */

struct sought_stack {
    const struct collection *c;
    const uint32_t *values;
    uint32_t count;
};

static bool is_stack(const void *ctx, uint32_t id)
{
    const struct sought_stack *s = ctx;
    struct values v = collection_stack(s->c, id);
    return v.count == s->count &&
           (v.count == 0 || memcmp(v.at, s->values, v.count * sizeof *v.at) == 0);
}

uint64_t collection_stack_hash(const uint32_t *values, uint32_t count)
{
    return idmap_hash((struct str){ (const char *)values, count * sizeof *values }, 0);
}

uint32_t collection_find_hashed(const struct collection *c, const uint32_t *values, uint32_t count,
                                uint64_t hash)
{
    struct sought_stack s = { c, values, count };
    return idmap_find(&c->stack_map, hash, is_stack, &s);
}

/* Adding. */

static struct mark mark(const struct collection *c)
{
    return (struct mark){ .reports = c->entries.len,
                          .stacks = c->stacks.len,
                          .fields = c->brought.len,
                          .names = names_mark(&c->names),
                          .projects = names_mark(&c->projects),
                          .pool = pool_mark(&c->pool) };
}

/* Takes back everything since the mark, but for what the lexicon has learnt. */
static void rewind_to(struct collection *c, const struct mark *to)
{
    for (size_t i = c->entries.len; i-- > to->reports;) {
        struct collected r = collection_report(c, (uint32_t)i);
        count_report(c, collection_stack(c, r.stack), r.other, UINT32_MAX);
        collection_unname(c, (uint32_t)i, r.name);
    }
    for (size_t i = c->stacks.len; i-- > to->stacks;) {
        struct values v = collection_stack(c, (uint32_t)i);
        idmap_remove(&c->stack_map, collection_stack_hash(v.at, v.count), (uint32_t)i);
    }
    seglist_truncate(&c->entries, to->reports);
    seglist_truncate(&c->buckets, to->reports);
    seglist_truncate(&c->stacks, to->stacks);
    collection_rewind_fields(c, to->fields);
    names_rewind(&c->names, to->names);
    names_rewind(&c->projects, to->projects);
    pool_rewind(&c->pool, to->pool);
}

bool collection_add_values(struct collection *c, struct sought_value *values, size_t count,
                           uint32_t *out, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        struct sought_value *v = &values[i];
        if (v->value == COLLECTION_NONE) {
            v->value = lexicon_add_hashed(c->lexicon, v->field, v->text, v->hash, e);
            if (v->value == LEXICON_NONE)
                return false;
        }
        out[i] = v->value;
    }
    return true;
}

static bool add_stack(struct collection *c, const struct collection_lookup *l, uint32_t *out,
                      struct err *e)
{
    size_t count = l->stack.len;
    *out = collection_find_hashed(c, l->numbers.at, (uint32_t)count, l->stack_hash);
    if (*out != IDMAP_NONE)
        return true;
    uint32_t *values = pool_alloc(&c->pool, count * sizeof *values, _Alignof(uint32_t));
    if (!values || !seglist_grow(&c->stacks, 1))
        return collection_no_memory(e);
    if (count)
        memcpy(values, l->numbers.at, count * sizeof *values);
    *out = (uint32_t)(c->stacks.len - 1);
    *(struct stack *)seglist_at(&c->stacks, *out) = (struct stack){ values, (uint32_t)count };
    if (!idmap_insert(&c->stack_map, l->stack_hash, *out)) {
        seglist_truncate(&c->stacks, *out);
        return collection_no_memory(e);
    }
    return true;
}

/* All of an add that can fail; what it leaves behind then, rewind_to takes back. */
static bool prepare(struct collection *c, const struct report *r, struct collection_lookup *l,
                    struct entry *out, struct err *e)
{
    out->project = names_add(&c->projects, r->project, e);
    if (out->project == NAMES_NONE || !collection_keep_fields(c, l, out->project, e))
        return false;
    size_t stack_count = l->stack.len, other_count = l->other.len;
    uint32_t *numbers = l->numbers.at;
    if (!l->stack_known) {
        if (!collection_add_values(c, l->stack.at, stack_count, numbers, e))
            return false;
        l->stack_hash = collection_stack_hash(numbers, (uint32_t)stack_count);
        l->stack_known = true;
    }
    uint32_t *other = collection_list_alloc(c, other_count);
    if (!other || !collection_seen_reserve(c, stack_count + other_count))
        return collection_no_memory(e);
    atomic_init(&out->other, other);
    out->name = names_add(&c->names, r->database_id, e);
    return out->name != NAMES_NONE &&
           collection_add_values(c, l->other.at, other_count, other + 1, e) &&
           add_stack(c, l, &out->stack, e);
}

static bool add_row(struct collection *c, struct err *e)
{
    if (!seglist_grow(&c->entries, 1))
        return collection_no_memory(e);
    if (seglist_grow(&c->buckets, 1))
        return true;
    seglist_truncate(&c->entries, c->entries.len - 1);
    return collection_no_memory(e);
}

bool collection_add(struct collection *c, const struct report *r, struct collection_lookup *l,
                    uint32_t top_match, float score, const uint32_t *bucket_names, struct err *e)
{
    assert(c->removing.len == 0);
    if (collection_find_added(c, r->database_id) != c->superseding)
        return err_set(e, ERR_CONFLICT, 0, "there is a report %.*s already",
                       STR_ARG(r->database_id));
    struct mark before = mark(c);
    struct entry entry = {
        .top_match = top_match, .score = score, .by = COLLECTION_NONE, .date_ms = r->date_ms
    };
    if (!prepare(c, r, l, &entry, e) || !add_row(c, e)) {
        rewind_to(c, &before);
        return false;
    }
    uint32_t report = (uint32_t)before.reports;
    struct entry *at = seglist_at(&c->entries, report);
    *at = entry;
    memcpy(seglist_at(&c->buckets, report), bucket_names,
           c->threshold_count * sizeof *bucket_names);
    if (c->superseding == COLLECTION_NONE)
        names_set_report(&c->names, entry.name, report);
    else
        set_superseded_by(c, c->superseding, report);
    c->superseding = COLLECTION_NONE;
    count_report(c, collection_stack(c, entry.stack), list_values(at->other), 1);
    c->before_last = before;
    return true;
}

uint32_t collection_add_name(struct collection *c, struct str name, struct err *e)
{
    return names_add(&c->names, name, e);
}

uint32_t collection_added(const struct collection *c)
{
    return (uint32_t)c->entries.len;
}

uint32_t collection_find_added(const struct collection *c, struct str database_id)
{
    uint32_t name = names_find_added(&c->names, database_id);
    return name == NAMES_NONE
               ? COLLECTION_NONE
               : collection_latest_below(c, names_report(&c->names, name), COLLECTION_NONE);
}

struct lexicon *collection_lexicon_writer(struct collection *c)
{
    return c->lexicon;
}

void collection_publish(struct collection *c)
{
    collection_end_removing(c);
    names_publish(&c->names);
    names_publish(&c->projects);
    atomic_store_explicit(&c->stack_count, (uint32_t)c->stacks.len, memory_order_release);
    atomic_store_explicit(&c->count, (uint32_t)c->entries.len, memory_order_release);
    c->published = mark(c);
}

void collection_undo(struct collection *c)
{
    c->superseding = COLLECTION_NONE;
    while (c->removing.len > 0)
        set_superseded_by(c, c->removing.at[--c->removing.len], COLLECTION_NONE);
    rewind_to(c, &c->published);
}

void collection_undo_last(struct collection *c)
{
    rewind_to(c, &c->before_last);
}

/* Readers. */

uint32_t collection_count(const struct collection *c)
{
    return atomic_load_explicit(&c->count, memory_order_acquire);
}

const struct lexicon *collection_lexicon(const struct collection *c)
{
    return c->lexicon;
}

struct collected collection_report(const struct collection *c, uint32_t report)
{
    const struct entry *at = seglist_at(&c->entries, report);
    const uint32_t *other = atomic_load_explicit(&at->other, memory_order_acquire);
    return (struct collected){ .name = at->name,
                               .project = at->project,
                               .stack = at->stack,
                               .top_match = at->top_match,
                               .score = at->score,
                               .date_ms = at->date_ms,
                               .other = list_values(other),
                               .amended = (other[0] & LIST_AMENDED) != 0,
                               .superseded_by = atomic_load_explicit(&at->by, memory_order_relaxed),
                               .buckets = seglist_at(&c->buckets, report) };
}

struct values collection_stack(const struct collection *c, uint32_t stack)
{
    const struct stack *at = seglist_at(&c->stacks, stack);
    return (struct values){ at->values, at->count };
}

uint32_t collection_stack_count(const struct collection *c)
{
    return atomic_load_explicit(&c->stack_count, memory_order_acquire);
}

struct str collection_name(const struct collection *c, uint32_t name)
{
    return names_text(&c->names, name);
}

uint32_t collection_find_name(const struct collection *c, struct str name)
{
    return names_find(&c->names, name);
}

uint32_t collection_named_report(const struct collection *c, uint32_t name)
{
    return collection_named_among(c, name, collection_count(c));
}

uint32_t collection_named_among(const struct collection *c, uint32_t name, uint32_t count)
{
    return collection_latest_below(c, names_report(&c->names, name), count);
}

struct str collection_project(const struct collection *c, uint32_t project)
{
    return names_text(&c->projects, project);
}

uint32_t collection_find_project(const struct collection *c, struct str name)
{
    return names_find(&c->projects, name);
}

bool collection_is_cold(const struct collection *c, struct str field)
{
    return !lexicon_is_grouped(c->lexicon, field);
}

uint64_t collection_left_out(const struct collection *c)
{
    return atomic_load_explicit(&c->left_out, memory_order_relaxed);
}

size_t collection_bytes(const struct collection *c)
{
    size_t reports = collection_count(c), stacks = collection_stack_count(c);
    return lexicon_bytes(c->lexicon) + names_bytes(&c->names) + names_bytes(&c->projects) +
           pool_bytes(&c->pool) + reports * (sizeof(struct entry) + c->buckets.element_bytes) +
           stacks * (sizeof(struct stack) + 2 * sizeof(uint64_t));
}
