/* collection.c - reports as numbers of values, stacks folded. (collection_lookup.c finds them.)
 *
 * An add first does all that can fail, in parts that can be taken back, and then fills in what
 * counts: so an add that fails and an undo are the same thing, a rewind to a mark. Numbers that
 * readers go by (names, projects, stacks, reports) are stored by collection_publish, the count of
 * reports last, so that who sees a report sees all that it names. */
#include "group/collection_stacks.h"

#include "base/idmap.h"
#include "base/seglist.h"
#include "group/names.h"
#include "group/pool.h"

#include <assert.h>
#include <stdlib.h>

#define OF_ALL (COLLECTION_NONE - 1) /* a field that no project brought: it was there at first */
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
    VEC(uint32_t) brought_by;  /* by field: the project, OF_ALL, or COLLECTION_NONE: see is_kept */
    VEC(uint32_t) brings;      /* by project: how many of `brought` are its */
    _Atomic uint64_t left_out; /* values */
    struct seen_value *seen;   /* seen_size of them, a power of two */
    size_t seen_size;
    uint32_t round;
};

/* Fields that the lexicon knows from the start are everybody's; so is "project", which every report
 * has, and which must not be one too many. */
static bool keep_first_fields(struct collection *c)
{
    struct err e;
    if (lexicon_add_field(c->lexicon, STR("project"), &e) == LEXICON_NONE)
        return false;
    while (c->brought_by.len < lexicon_field_count(c->lexicon))
        if (!VEC_PUSH(&c->brought_by, OF_ALL))
            return false;
    return true;
}

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
    if (!ok || !c->lexicon || !keep_first_fields(c)) {
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

/* Lists of values outside the stack: how many, then the values; of an amended one then the pointer
 * to the list that it took the place of. One pointer to it, so that it can be swapped at once. */

#define LIST_AMENDED (UINT32_C(1) << 31) /* beside the number, which REPORT_TEXTS_MAX bounds */
#define LIST_POINTER (sizeof(void *) / sizeof(uint32_t)) /* the room that a pointer takes */

static struct values list_values(const uint32_t *list)
{
    return (struct values){ list + 1, list[0] & ~LIST_AMENDED };
}

/* NULL: it is what the report came with. */
static const uint32_t *list_before(const uint32_t *list)
{
    const uint32_t *before = NULL;
    if (list[0] & LIST_AMENDED)
        memcpy(&before, list + 1 + list_values(list).count, sizeof before);
    return before;
}

static uint32_t *list_alloc(struct collection *c, size_t count)
{
    uint32_t *list = pool_alloc(&c->pool, (count + 1) * sizeof *list, _Alignof(uint32_t));
    if (list)
        list[0] = (uint32_t)count;
    return list;
}

/* Counting in how many reports a value is. */

static bool seen_reserve(struct collection *c, size_t values)
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

/* Adds `step` for the values that are in `other` and neither in the stack nor in `except`. */
static void count_difference(struct collection *c, struct values stack, struct values except,
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

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for one report more");
}

/* Names of fields. The lexicon keeps them for good, and there may be only so many; so that nobody
 * can use them up for others, a report and a project may bring only so many. Values in fields
 * beyond are not kept: the report is grouped and found by what it has otherwise.
 *
 * A field that only undone reports had is in the lexicon, and yet it is new to whoever has it next:
 * so who brought what, and what is kept, is the same after a restart. */

static bool is_kept(const struct collection *c, uint32_t field)
{
    return field < c->brought_by.len && c->brought_by.at[field] != COLLECTION_NONE;
}

/* Takes back what was brought since there were `count`. */
static void fields_rewind(struct collection *c, size_t count)
{
    while (c->brought.len > count) {
        uint32_t *by = &c->brought_by.at[c->brought.at[--c->brought.len]];
        c->brings.at[*by]--;
        *by = COLLECTION_NONE;
    }
}

/* Lets fields of a report in. */
struct door {
    struct collection *c;
    uint32_t project;
    size_t brought, left_out; /* new fields of this report; values that are not kept */
};

static bool may_bring(const struct door *d, uint32_t field)
{
    const struct collection *c = d->c;
    return d->brought < COLLECTION_FIELDS_A_REPORT &&
           c->brings.at[d->project] < COLLECTION_FIELDS_A_PROJECT &&
           (field != LEXICON_NONE || lexicon_field_count(c->lexicon) < LEXICON_FIELDS_MAX);
}

/* field: may be in the lexicon already; its number. */
static uint32_t bring(struct door *d, struct str name, uint32_t field, struct err *e)
{
    struct collection *c = d->c;
    if (field == LEXICON_NONE)
        field = lexicon_add_field(c->lexicon, name, e);
    if (field == LEXICON_NONE)
        return LEXICON_NONE;
    bool ok = VEC_RESERVE(&c->brought, 1);
    while (ok && c->brought_by.len <= field)
        ok = VEC_PUSH(&c->brought_by, COLLECTION_NONE);
    if (!ok) {
        no_memory(e);
        return LEXICON_NONE;
    }
    c->brought.at[c->brought.len++] = field;
    c->brought_by.at[field] = d->project;
    c->brings.at[d->project]++;
    d->brought++;
    return field;
}

/* *kept: whether the value's field is, as from now on it may be. */
static bool let_in(struct door *d, struct sought_value *v, bool *kept, struct err *e)
{
    bool anew = v->field == COLLECTION_NONE;
    uint32_t field = anew ? lexicon_find_field(d->c->lexicon, v->field_name) : v->field;
    *kept = is_kept(d->c, field); /* an earlier value may have brought it */
    if (!*kept && may_bring(d, field)) {
        field = bring(d, v->field_name, field, e);
        if (field == LEXICON_NONE)
            return false;
        *kept = true;
    }
    if (*kept && anew) {
        v->field = field;
        v->hash = lexicon_value_hash(field, v->text);
    }
    return true;
}

/* Takes out the values that are not kept; *count becomes what is left. */
static bool let_all_in(struct door *d, struct sought_value *values, size_t *count, struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < *count; i++) {
        bool kept = is_kept(d->c, values[i].field);
        if (!kept && !let_in(d, &values[i], &kept, e))
            return false;
        if (kept)
            values[n++] = values[i];
    }
    d->left_out += *count - n;
    *count = n;
    return true;
}

static bool keep_fields(struct collection *c, struct collection_lookup *l, uint32_t project,
                        struct err *e)
{
    struct door d = { .c = c, .project = project };
    while (c->brings.len <= project)
        if (!VEC_PUSH(&c->brings, 0))
            return no_memory(e);
    if (!let_all_in(&d, l->stack.at, &l->stack.len, e))
        return false;
    if (d.left_out > 0)
        l->stack_known = false; /* it is another stack now */
    if (!let_all_in(&d, l->other.at, &l->other.len, e))
        return false;
    atomic_fetch_add_explicit(&c->left_out, d.left_out, memory_order_relaxed);
    return true;
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

/* Superseding. A name leads to the first report that had it, and from there each to the one that
 * took its place. A reader goes as far as what he sees: what has been superseded by a report that
 * he does not see is not superseded to him. */

static uint32_t superseded_by(const struct collection *c, uint32_t report)
{
    const struct entry *at = seglist_at(&c->entries, report);
    /* Who sees the report that is named here has seen it by the count, which was stored later. */
    return atomic_load_explicit(&at->by, memory_order_relaxed);
}

static void set_superseded_by(struct collection *c, uint32_t report, uint32_t by)
{
    struct entry *at = seglist_at(&c->entries, report);
    atomic_store_explicit(&at->by, by, memory_order_relaxed);
}

static uint32_t latest_below(const struct collection *c, uint32_t report, uint32_t count)
{
    if (report >= count)
        return COLLECTION_NONE;
    for (uint32_t by; (by = superseded_by(c, report)) < count; report = by)
        if (by == report || by == IS_BEING_REMOVED)
            return COLLECTION_NONE;
    return report;
}

bool collection_is_superseded(const struct collection *c, uint32_t report, uint32_t count)
{
    return superseded_by(c, report) < count;
}

void collection_supersede(struct collection *c, uint32_t report)
{
    c->superseding = report;
}

bool collection_is_removed(const struct collection *c, uint32_t report)
{
    return superseded_by(c, report) == report;
}

bool collection_remove(struct collection *c, uint32_t report, struct err *e)
{
    assert(c->entries.len == c->published.reports && report < c->entries.len);
    assert(superseded_by(c, report) == COLLECTION_NONE);
    if (!VEC_PUSH(&c->removing, report))
        return no_memory(e);
    set_superseded_by(c, report, IS_BEING_REMOVED);
    return true;
}

void collection_each_before(const struct collection *c, uint32_t report,
                            void (*each)(void *ctx, uint32_t report), void *ctx)
{
    uint32_t first = names_report(&c->names, collection_report(c, report).name);
    for (; first != report; first = superseded_by(c, first))
        each(ctx, first);
    each(ctx, report);
}

/* Those that it superseded are removed, too: there may be readers who still see one of them. */
static void end_removing(struct collection *c)
{
    for (size_t i = 0; i < c->removing.len; i++) {
        uint32_t name = collection_report(c, c->removing.at[i]).name;
        uint32_t report = names_report(&c->names, name), by;
        while ((by = superseded_by(c, report)) != IS_BEING_REMOVED) {
            set_superseded_by(c, report, report);
            report = by;
        }
        set_superseded_by(c, report, report);
    }
    c->removing.len = 0;
}

/* The latest report goes: its name leads to the one before it again. */
static void unname(struct collection *c, uint32_t report, uint32_t name)
{
    uint32_t before = names_report(&c->names, name);
    if (before == report) {
        names_set_report(&c->names, name, COLLECTION_NONE);
        return;
    }
    while (superseded_by(c, before) != report)
        before = superseded_by(c, before);
    set_superseded_by(c, before, COLLECTION_NONE);
}

/* Takes back everything since the mark, but for what the lexicon has learnt. */
static void rewind_to(struct collection *c, const struct mark *to)
{
    for (size_t i = c->entries.len; i-- > to->reports;) {
        struct collected r = collection_report(c, (uint32_t)i);
        count_report(c, collection_stack(c, r.stack), r.other, UINT32_MAX);
        unname(c, (uint32_t)i, r.name);
    }
    for (size_t i = c->stacks.len; i-- > to->stacks;) {
        struct values v = collection_stack(c, (uint32_t)i);
        idmap_remove(&c->stack_map, collection_stack_hash(v.at, v.count), (uint32_t)i);
    }
    seglist_truncate(&c->entries, to->reports);
    seglist_truncate(&c->buckets, to->reports);
    seglist_truncate(&c->stacks, to->stacks);
    fields_rewind(c, to->fields);
    names_rewind(&c->names, to->names);
    names_rewind(&c->projects, to->projects);
    pool_rewind(&c->pool, to->pool);
}

/* All fields are kept. */
static bool add_values(struct lexicon *lx, struct sought_value *values, size_t count, uint32_t *out,
                       struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        struct sought_value *v = &values[i];
        if (v->value == COLLECTION_NONE) {
            v->value = lexicon_add_hashed(lx, v->field, v->text, v->hash, e);
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
        return no_memory(e);
    if (count)
        memcpy(values, l->numbers.at, count * sizeof *values);
    *out = (uint32_t)(c->stacks.len - 1);
    *(struct stack *)seglist_at(&c->stacks, *out) = (struct stack){ values, (uint32_t)count };
    if (!idmap_insert(&c->stack_map, l->stack_hash, *out)) {
        seglist_truncate(&c->stacks, *out);
        return no_memory(e);
    }
    return true;
}

/* All of an add that can fail; what it leaves behind then, rewind_to takes back. */
static bool prepare(struct collection *c, const struct report *r, struct collection_lookup *l,
                    struct entry *out, struct err *e)
{
    out->project = names_add(&c->projects, r->project, e);
    if (out->project == NAMES_NONE || !keep_fields(c, l, out->project, e))
        return false;
    size_t stack_count = l->stack.len, other_count = l->other.len;
    uint32_t *numbers = l->numbers.at;
    if (!l->stack_known) {
        if (!add_values(c->lexicon, l->stack.at, stack_count, numbers, e))
            return false;
        l->stack_hash = collection_stack_hash(numbers, (uint32_t)stack_count);
        l->stack_known = true;
    }
    uint32_t *other = list_alloc(c, other_count);
    if (!other || !seen_reserve(c, stack_count + other_count))
        return no_memory(e);
    atomic_init(&out->other, other);
    out->name = names_add(&c->names, r->database_id, e);
    return out->name != NAMES_NONE &&
           add_values(c->lexicon, l->other.at, other_count, other + 1, e) &&
           add_stack(c, l, &out->stack, e);
}

static bool add_row(struct collection *c, struct err *e)
{
    if (!seglist_grow(&c->entries, 1))
        return no_memory(e);
    if (seglist_grow(&c->buckets, 1))
        return true;
    seglist_truncate(&c->entries, c->entries.len - 1);
    return no_memory(e);
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

/* Amending. The new list takes the place of the old one in one store; readers who have the old one
 * may go on with it, since memory of the pool stays. */

static bool is_amended_field(const struct sought_value *values, size_t count, uint32_t field)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].field == field)
            return true;
    return false;
}

static bool is_project(const struct collection *c, uint32_t field)
{
    return str_eq(lexicon_field(c->lexicon, field)->name, STR("project"));
}

/* Values of fields that are kept as such, looked up as for a new report. */
static bool amended_values(struct collection *c, uint32_t project, const struct report_text *texts,
                           size_t count, struct collection_lookup *l, struct err *e)
{
    const struct report r = { .project = STR(""), .texts = texts, .text_count = count };
    if (!collection_lookup(c, &r, l, e))
        return false;
    if (l->other.len > 0 && str_eq(l->other.at[l->other.len - 1].field_name, STR("project")))
        l->other.len--; /* the report keeps its own */
    return keep_fields(c, l, project, e) &&
           add_values(c->lexicon, l->other.at, l->other.len, l->numbers.at, e);
}

/* Whether the report has these very values in the amended fields already. */
static bool is_amended_so(const struct collection *c, const struct collection_lookup *l,
                          struct values old)
{
    uint32_t i = 0;
    for (size_t k = 0; k < l->other.len; k++) {
        if (l->other.at[k].text.len == 0)
            continue;
        while (i < old.count && !is_amended_field(l->other.at, l->other.len,
                                                  lexicon_value(c->lexicon, old.at[i])->field))
            i++;
        if (i == old.count || old.at[i++] != l->numbers.at[k])
            return false;
    }
    for (; i < old.count; i++)
        if (is_amended_field(l->other.at, l->other.len,
                             lexicon_value(c->lexicon, old.at[i])->field))
            return false;
    return true;
}

/* The old list with other values in the amended fields; the project stays last. */
static void write_amended(const struct collection *c, const struct collection_lookup *l,
                          struct values old, uint32_t *list)
{
    uint32_t n = 0, kept = old.count;
    if (kept > 0 && is_project(c, lexicon_value(c->lexicon, old.at[kept - 1])->field))
        kept--;
    for (uint32_t i = 0; i < kept; i++)
        if (!is_amended_field(l->other.at, l->other.len,
                              lexicon_value(c->lexicon, old.at[i])->field))
            list[1 + n++] = old.at[i];
    for (size_t i = 0; i < l->other.len; i++)
        if (l->other.at[i].text.len > 0)
            list[1 + n++] = l->numbers.at[i];
    if (kept < old.count)
        list[1 + n++] = old.at[kept];
    list[0] = n | LIST_AMENDED;
    const uint32_t *before = old.at - 1;
    memcpy(list + 1 + n, &before, sizeof before);
}

static bool amend(struct collection *c, struct entry *at, const struct collection_lookup *l,
                  struct err *e)
{
    struct values old = list_values(at->other), stack = collection_stack(c, at->stack);
    if (is_amended_so(c, l, old))
        return true;
    uint32_t *list = list_alloc(c, old.count + l->other.len + LIST_POINTER);
    if (!list || !seen_reserve(c, stack.count + old.count + l->other.len))
        return no_memory(e);
    write_amended(c, l, old, list);
    /* In this order no reader meets a value that no report has, by the counts. */
    count_difference(c, stack, old, list_values(list), 1);
    atomic_store_explicit(&at->other, list, memory_order_release);
    count_difference(c, stack, list_values(list), old, UINT32_MAX);
    return true;
}

bool collection_amend(struct collection *c, uint32_t report, const struct report_text *texts,
                      size_t count, struct err *e)
{
    assert(c->entries.len == c->published.reports); /* else an undo would take the list away */
    struct collection_lookup l = { 0 };
    bool ok = amended_values(c, collection_report(c, report).project, texts, count, &l, e) &&
              amend(c, seglist_at(&c->entries, report), &l, e);
    if (!ok)
        fields_rewind(c, c->published.fields);
    c->published.fields = c->brought.len;
    c->published.pool = pool_mark(&c->pool);
    collection_lookup_done(&l);
    return ok;
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
    return name == NAMES_NONE ? COLLECTION_NONE
                              : latest_below(c, names_report(&c->names, name), COLLECTION_NONE);
}

struct lexicon *collection_lexicon_writer(struct collection *c)
{
    return c->lexicon;
}

void collection_publish(struct collection *c)
{
    end_removing(c);
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

static bool all_below(struct values v, uint32_t values)
{
    for (uint32_t i = 0; i < v.count; i++)
        if (v.at[i] >= values)
            return false;
    return true;
}

struct values collection_other_before(const struct collection *c, uint32_t report, uint32_t values)
{
    const struct entry *at = seglist_at(&c->entries, report);
    const uint32_t *list = atomic_load_explicit(&at->other, memory_order_acquire);
    for (const uint32_t *before; !all_below(list_values(list), values); list = before)
        if (!(before = list_before(list)))
            break;
    return list_values(list);
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
    return latest_below(c, names_report(&c->names, name), count);
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
