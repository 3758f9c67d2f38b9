/* remove.c - EDIT_REMOVE and EDIT_DETACH: objects and attachments that somebody wants gone
 * (docs/removal.md).
 *
 * What is hard: a report cannot leave the index, which only grows. It is taken out of the search
 * and hidden from readers (bucket_index_remove), and the store empties its row and those of the
 * reports that it once took the place of. */
#include "engine/edit.h"

#include "base/log.h"
#include "engine/amend.h"
#include "engine/place.h"

#include <inttypes.h>
#include <stdlib.h>

#define PORTION_OBJECTS 256

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "removing objects");
}

/* Which objects, and what of them. */

/* What of an object is to be removed, when there is anything. */
struct victim {
    uint64_t object;
    uint32_t report; /* its number; OBJECT_NO_REPORT */
    bool had_upload; /* else it came over the PartyCrasher API */
    bool was_emptied;
    struct str uuid;
    struct stored_upload *kept; /* the row that it has from now on, if it had none and keeps one */
};

/* By rising reports, as bucket_index_remove wants it. */
static int by_report(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;
    if (x->report != y->report)
        return x->report < y->report ? -1 : 1;
    return (x->object > y->object) - (x->object < y->object);
}

/* The row that stays of a report of the PartyCrasher API: its attributes were made of the payload,
 * so that from now on they are kept as those of an upload are. */

/* `timestamp` is the report's own: no text of the payload is called so in a row. A payload that
 * does not parse any more has no attributes, as at start. */
static bool read_attributes(const struct stored_report *r, struct str set, struct attributes *to,
                            struct arena *a, struct err *e)
{
    struct report report = { 0 };
    struct callstack stack = { 0 };
    struct amended amended;
    struct err why = { 0 };
    struct str date;
    amended_init(&amended, a);
    bool ok = process_parse_stack(&report, &stack, r->payload, a, &why) &&
              amended_read(&amended, set, &why);
    if (!ok && why.code == ERR_NOMEM)
        return no_memory(e);
    if (!ok)
        report = (struct report){ 0 };
    return (row_attributes(to, &report, &stack, &amended, a) &&
            arena_printf(a, &date, "%" PRId64, r->date_ms > 0 ? r->date_ms / 1000 : 0) &&
            attributes_set(to, STR("timestamp"), ATTRIBUTE_UNSIGNED, date)) ||
           no_memory(e);
}

static bool keep_row(struct batch *b, const struct edit *d, struct victim *v, struct err *e)
{
    struct store *store = b->engine->store;
    struct stored_report r;
    struct attributes attributes;
    struct str set;
    struct stored_upload *u = arena_zalloc(d->arena, sizeof *u);
    if (!u)
        return no_memory(e);
    *u = (struct stored_upload){ .object = v->object,
                                 .project = d->request->project,
                                 .format = UPLOAD_JSON,
                                 .state = UPLOAD_REMOVED,
                                 .report = STORE_NONE,
                                 .has_fingerprint = true };
    if (!store_read(store, v->report, d->one, &r, e) ||
        !store_amended(store, v->object, d->one, &set, e) ||
        !read_attributes(&r, set, &attributes, d->one, e))
        return false;
    u->received_ms = r.received_ms;
    u->body.size = r.payload.len;
    memcpy(u->fingerprint, r.fingerprint, sizeof u->fingerprint);
    v->kept = u;
    return attributes_text(&attributes, d->arena, &u->attributes) || no_memory(e);
}

/* Choosing. */

/* Whether there is anything to remove of it: symbols, source maps and the like stay, and only of
 * what has been emptied the row goes by itself. */
static bool choose(struct batch *b, const struct edit *d, uint64_t id, struct victim *v,
                   bool *chosen, struct err *e)
{
    const struct engine_edit *t = d->request;
    struct object o = objects_find(&b->engine->objects, id, t->project);
    struct stored_upload u;
    struct err why = { 0 };
    *chosen = false;
    if (o.state != OBJECT_COMMITTED)
        return true;
    *v = (struct victim){ .object = id, .report = o.report };
    arena_reset(d->one);
    v->had_upload = store_upload_head(b->engine->store, id, d->one, &u, &why);
    if (!v->had_upload && why.code != ERR_NOT_FOUND) {
        *e = why;
        return false;
    }
    if (v->had_upload && !upload_format_is_error(u.format))
        return true;
    v->was_emptied = v->had_upload && u.state == UPLOAD_REMOVED;
    *chosen = t->removal == REMOVE_ALL || v->was_emptied == (t->removal == REMOVE_ROW);
    if (v->had_upload && !arena_str(d->arena, u.uuid, &v->uuid))
        return no_memory(e);
    bool keeps = t->removal == REMOVE_PHYSICAL && !v->had_upload && o.report != OBJECT_NO_REPORT;
    return !keeps || keep_row(b, d, v, e);
}

/* Those of the portion, by rising reports, each once. */
static bool choose_all(struct batch *b, struct edit *d, struct victim **out, size_t *count,
                       struct err *e)
{
    struct victim *all = arena_array(d->arena, d->end - d->at + 1, sizeof *all);
    size_t n = 0, kept = 0;
    bool chosen;
    if (!all)
        return no_memory(e);
    for (size_t i = d->at; i < d->end; i++) {
        if (!choose(b, d, d->request->objects[i], &all[n], &chosen, e))
            return false;
        n += chosen;
        if (edit_end_if_full(d, i))
            break;
    }
    if (n > 0)
        qsort(all, n, sizeof *all, by_report);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || all[i].object != all[kept - 1].object)
            all[kept++] = all[i];
    *out = all;
    *count = kept;
    return true;
}

/* Reports. */

struct numbers {
    uint32_t *at;
    size_t count;
};

static void count_number(void *ctx, uint32_t report)
{
    size_t *n = ctx;
    (void)report;
    ++*n;
}

static void add_number(void *ctx, uint32_t report)
{
    struct numbers *n = ctx;
    n->at[n->count++] = report;
}

/* The report, and all whose place it has taken. */
static bool remove_report(struct batch *b, uint32_t report, struct removed_object *r,
                          struct arena *a, struct err *e)
{
    struct numbers n = { .at = NULL };
    size_t count = 0;
    if (report == OBJECT_NO_REPORT)
        return true;
    collection_each_before(b->collection, report, count_number, &count);
    n.at = arena_array(a, count, sizeof *n.at);
    if (!n.at)
        return no_memory(e);
    collection_each_before(b->collection, report, add_number, &n);
    r->row.reports = n.at;
    r->row.report_count = n.count;
    return bucket_index_remove(b->index, report, e);
}

/* The portion. */

static bool remove_one(struct batch *b, const struct edit *d, const struct victim *v, struct err *e)
{
    bool is_all = d->request->removal != REMOVE_PHYSICAL;
    struct removed_object r = { .row = { .object = v->object,
                                         .part = is_all ? STORED_ALL : STORED_BYTES,
                                         .since = b->base },
                                .uuid = v->uuid };
    return (!v->kept || VEC_PUSH(&b->emptied, *v->kept) || no_memory(e)) &&
           remove_report(b, v->report, &r, d->arena, e) &&
           (VEC_PUSH(&b->removals, r) || no_memory(e));
}

static size_t object_count(const struct engine_edit *t)
{
    return t->object_count;
}

static bool remove_prepare(struct batch *b, struct edit *d, struct err *e)
{
    struct victim *all = NULL;
    size_t count = 0;
    if (!choose_all(b, d, &all, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!remove_one(b, d, &all[i], e))
            return false;
    d->changed = count;
    return true;
}

static void change_rows(struct batch *b, const struct edit *d)
{
    struct columns *columns = b->engine->columns;
    struct str project = d->request->project;
    const struct named_cell emptied = { STR("_deleted"), { .type = CELL_BOOL, .b = true } };
    struct err e = { 0 };
    uint64_t gone[PORTION_OBJECTS], kept[PORTION_OBJECTS];
    size_t gone_count = 0, kept_count = 0;
    for (size_t i = 0; i < b->removals.len; i++)
        if (b->removals.at[i].row.part == STORED_ALL)
            gone[gone_count++] = b->removals.at[i].row.object;
        else
            kept[kept_count++] = b->removals.at[i].row.object;
    if (!columns_remove(columns, project, TABLE_OBJECTS, gone, gone_count, &e) ||
        !columns_change_all(columns, project, TABLE_OBJECTS, kept, kept_count, &emptied, 1, &e)) {
        checkpoint_lacks(b->engine);
        log_line(LOG_ERROR, "not_cleared", "of=columns reason=%s", log_str(str_from_c(e.msg)));
    }
}

static void remove_stored(struct batch *b, struct edit *d)
{
    struct objects *objects = &b->engine->objects;
    for (size_t i = 0; i < b->removals.len; i++) {
        const struct removed_object *r = &b->removals.at[i];
        if (r->row.part == STORED_ALL)
            objects_drop(objects, r->row.object, d->request->project, r->uuid);
        else
            objects_committed(objects, r->row.object, OBJECT_NO_REPORT);
    }
    change_rows(b, d);
    if (b->removals.len > 0)
        log_line(LOG_INFO, "objects_removed", "project=%s objects=%zu rows=%s",
                 log_str(d->request->project), b->removals.len,
                 d->request->removal == REMOVE_PHYSICAL ? "kept" : "removed");
}

const struct edit_steps edit_remove = {
    .portion = PORTION_OBJECTS,
    .count = object_count,
    .prepare = remove_prepare,
    .stored = remove_stored,
};

/* One attachment. */

static bool detach_check(struct engine *en, const struct engine_edit *t, struct err *e)
{
    (void)en;
    return t->object_count == 1 ||
           err_set(e, ERR_INPUT, 0, "an attachment is removed of one object");
}

static bool detach_prepare(struct batch *b, struct edit *d, struct err *e)
{
    const struct engine_edit *t = d->request;
    struct stored_attachment *all;
    size_t count;
    struct object o = objects_find(&b->engine->objects, t->objects[0], t->project);
    if (o.state != OBJECT_COMMITTED)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no such object");
    if (!store_attachments(b->engine->store, t->objects[0], d->arena, &all, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (all[i].id == t->attachment) {
            d->changed = 1;
            return VEC_PUSH(&b->detached, t->attachment) || no_memory(e);
        }
    return err_set(e, ERR_NOT_FOUND, 0, "the object has no such attachment");
}

const struct edit_steps edit_detach = {
    .portion = 1,
    .check = detach_check,
    .count = object_count,
    .prepare = detach_prepare,
};
