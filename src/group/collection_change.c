/* collection_change.c - what becomes of reports that are there: another takes the place of one, one
 * is removed, or gets other values. Readers may be anywhere meanwhile: each change is one store. */
#include "group/collection_internal.h"

#include <assert.h>

/* Superseding, removing. A name leads to the first report that had it, and from there each to the
 * one that took its place. A reader goes as far as what he sees: what has been superseded by a
 * report that he does not see is not superseded to him. */

uint32_t collection_latest_below(const struct collection *c, uint32_t report, uint32_t count)
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
        return collection_no_memory(e);
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
void collection_end_removing(struct collection *c)
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

/* Its name leads to the one before it again. */
void collection_unname(struct collection *c, uint32_t report, uint32_t name)
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

/* Amending. The new list takes the place of the old one in one store; readers who have the old one
 * may go on with it, since memory of the pool stays. */

/* NULL: it is what the report came with. */
static const uint32_t *list_before(const uint32_t *list)
{
    const uint32_t *before = NULL;
    if (list[0] & LIST_AMENDED)
        memcpy(&before, list + 1 + list_values(list).count, sizeof before);
    return before;
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
    return collection_keep_fields(c, l, project, e) &&
           collection_add_values(c, l->other.at, l->other.len, l->numbers.at, e);
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
    uint32_t *list = collection_list_alloc(c, old.count + l->other.len + LIST_POINTER);
    if (!list || !collection_seen_reserve(c, stack.count + old.count + l->other.len))
        return collection_no_memory(e);
    write_amended(c, l, old, list);
    /* In this order no reader meets a value that no report has, by the counts. */
    collection_count_difference(c, stack, old, list_values(list), 1);
    atomic_store_explicit(&at->other, list, memory_order_release);
    collection_count_difference(c, stack, list_values(list), old, UINT32_MAX);
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
        collection_rewind_fields(c, c->published.fields);
    c->published.fields = c->brought.len;
    c->published.pool = pool_mark(&c->pool);
    collection_lookup_done(&l);
    return ok;
}
