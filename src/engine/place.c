/* place.c - see the header. What is hard: a report may be like one that is only in this batch,
 * whose places no reader may see yet, so names and buckets of those are looked up in their items,
 * and of all others in the collection. */
#include "engine/place.h"

#include "engine/measures.h"

#define SCRATCH_BYTES ((size_t)4 << 30) /* one stored report, whatever its size */

bool batch_reset(struct batch *b, struct err *e)
{
    idmap_done(&b->by_id);
    b->added.len = b->uploads.len = b->attachments.len = b->counts.len = b->amendments.len = 0;
    b->removals.len = b->emptied.len = b->detached.len = b->merges.len = b->issues.len = 0;
    b->base = bucket_index_added(b->index);
    return idmap_init(&b->by_id) || err_set(e, ERR_NOMEM, 0, "batch");
}

bool batch_init(struct batch *b, struct engine *en, struct err *e)
{
    *b = (struct batch){
        .engine = en,
        .index = en->current->index,
        .collection = en->current->shown.collection,
        .threshold_count = en->config.grouping.threshold_count,
        .base = bucket_index_added(en->current->index),
    };
    if (!idmap_init(&b->by_id))
        return err_set(e, ERR_NOMEM, 0, "batch");
    b->scratch = arena_new(SCRATCH_BYTES);
    if (!b->scratch) {
        idmap_done(&b->by_id);
        return err_set(e, ERR_NOMEM, 0, "batch");
    }
    return true;
}

void batch_done(struct batch *b)
{
    arena_free(b->scratch);
    idmap_done(&b->by_id);
    VEC_FREE(&b->added);
    VEC_FREE(&b->uploads);
    VEC_FREE(&b->attachments);
    VEC_FREE(&b->counts);
    VEC_FREE(&b->amendments);
    VEC_FREE(&b->removals);
    VEC_FREE(&b->emptied);
    VEC_FREE(&b->detached);
    VEC_FREE(&b->merges);
    VEC_FREE(&b->issues);
    arena_free(b->said);
}

/* Finding. */

struct id_sought {
    const struct batch *batch;
    struct str id;
};

static bool is_same_id(const void *ctx, uint32_t at)
{
    const struct id_sought *sought = ctx;
    return str_eq(sought->batch->added.at[at]->report.database_id, sought->id);
}

/* The report of this batch that has the id; NULL. */
static struct item *find_added(const struct batch *b, struct str id)
{
    struct id_sought sought = { b, id };
    uint32_t at = idmap_find(&b->by_id, idmap_hash(id, 0), is_same_id, &sought);
    return at == IDMAP_NONE ? NULL : b->added.at[at];
}

/* The number of the report from before this batch that has the id, or COLLECTION_NONE. */
static uint32_t find_stored(const struct batch *b, struct str id)
{
    uint32_t name = collection_find_name(b->collection, id);
    uint32_t report =
        name == COLLECTION_NONE ? COLLECTION_NONE : collection_named_report(b->collection, name);
    return report < b->base ? report : COLLECTION_NONE;
}

/* Checking. */

static bool is_same_content(const struct item *item, const uint8_t *hash, int64_t date_ms)
{
    return memcmp(item->report.content_hash, hash, REPORT_CONTENT_HASH_BYTES) == 0 &&
           (!item->has_date || item->report.date_ms == date_ms);
}

static bool conflict(struct engine_job *job, struct str project, struct str id)
{
    /* Without memory for them the answer lacks its Location, and still says what is wrong. */
    if (!arena_str(job->arena, project, &job->err_project) ||
        !arena_str(job->arena, id, &job->err_id))
        job->err_project = job->err_id = STR("");
    return err_word(&job->err, ERR_CONFLICT, "conflict",
                    "there is another report with the database_id \"%.*s\"",
                    (int)(id.len < 100 ? id.len : 100), id.ptr);
}

static bool check_stored(struct batch *b, struct engine_job *job, const struct item *item,
                         uint32_t number)
{
    struct stored_report stored;
    arena_reset(b->scratch);
    if (!store_read(b->engine->store, number, b->scratch, &stored, &job->err))
        return false;
    return is_same_content(item, stored.content_hash, stored.date_ms) ||
           conflict(job, stored.project, stored.database_id);
}

static bool note_added(struct batch *b, struct item *item, struct err *e)
{
    uint64_t hash = idmap_hash(item->report.database_id, 0);
    if (!VEC_PUSH(&b->added, item))
        return err_set(e, ERR_NOMEM, 0, "batch");
    if (idmap_insert(&b->by_id, hash, (uint32_t)(b->added.len - 1)))
        return true;
    b->added.len--;
    return err_set(e, ERR_NOMEM, 0, "batch");
}

static bool check_item(struct batch *b, struct engine_job *job, struct item *item)
{
    const struct report *r = &item->report;
    const struct item *other = find_added(b, r->database_id);
    if (other)
        return is_same_content(item, other->report.content_hash, other->report.date_ms) ||
               conflict(job, other->report.project, other->report.database_id);
    uint32_t number = find_stored(b, r->database_id);
    if (number != COLLECTION_NONE)
        return check_stored(b, job, item, number);
    return job->dry_run || note_added(b, item, &job->err);
}

bool batch_check(struct batch *b, struct engine_job *job)
{
    size_t before = b->added.len;
    for (size_t i = 0; i < job->result_count; i++) {
        if (check_item(b, job, &job->work->items[i]))
            continue;
        job->err_index = i;
        while (b->added.len > before) {
            b->added.len--;
            struct str id = b->added.at[b->added.len]->report.database_id;
            idmap_remove(&b->by_id, idmap_hash(id, 0), (uint32_t)b->added.len);
        }
        return false;
    }
    return true;
}

/* Results. Their strings are borrowed at first: from the collection, from other jobs. */

/* Gives the result copies of what it borrows. Neighbouring thresholds mostly share a bucket. */
static bool result_keep(struct engine_result *r, size_t thresholds, struct arena *a)
{
    bool ok = arena_str(a, r->database_id, &r->database_id) &&
              arena_str(a, r->project, &r->project) &&
              (!r->has_match || (arena_str(a, r->match_id, &r->match_id) &&
                                 arena_str(a, r->match_project, &r->match_project)));
    for (size_t t = 0; t < thresholds && ok; t++) {
        if (t > 0 && str_eq(r->buckets[t], r->buckets[t - 1]))
            r->buckets[t] = r->buckets[t - 1];
        else
            ok = arena_str(a, r->buckets[t], &r->buckets[t]);
    }
    return ok;
}

static void result_match(const struct batch *b, struct engine_result *r, uint32_t match)
{
    r->has_match = match != COLLECTION_NONE &&
                   (match >= b->base || !collection_is_removed(b->collection, match));
    if (!r->has_match)
        return;
    if (match >= b->base) {
        r->match_id = b->added.at[match - b->base]->report.database_id;
        r->match_project = b->added.at[match - b->base]->report.project;
    } else {
        struct collected c = collection_report(b->collection, match);
        r->match_id = collection_name(b->collection, c.name);
        r->match_project = collection_project(b->collection, c.project);
    }
}

/* Of a report that was there before this batch. */
static bool result_of_stored(const struct batch *b, struct engine_result *r, uint32_t number,
                             struct arena *a)
{
    struct collected c = collection_report(b->collection, number);
    *r = (struct engine_result){
        .same = true,
        .database_id = collection_name(b->collection, c.name),
        .project = collection_project(b->collection, c.project),
        .date_ms = c.date_ms,
        .score = c.score,
        .buckets = arena_array(a, b->threshold_count, sizeof *r->buckets),
    };
    if (!r->buckets)
        return false;
    for (size_t t = 0; t < b->threshold_count; t++)
        r->buckets[t] = collection_name(b->collection, c.buckets[t]);
    result_match(b, r, c.top_match);
    return result_keep(r, b->threshold_count, a);
}

/* Of a report that stands earlier in this batch. */
static bool result_of_added(const struct batch *b, struct engine_result *r,
                            const struct engine_result *first, struct arena *a)
{
    *r = *first;
    r->same = true;
    r->explanation = NULL;
    r->buckets = arena_array(a, b->threshold_count, sizeof *r->buckets);
    if (!r->buckets)
        return false;
    memcpy(r->buckets, first->buckets, b->threshold_count * sizeof *r->buckets);
    return result_keep(r, b->threshold_count, a);
}

/* The bucket of an earlier report at a threshold. */
static struct str match_bucket(const struct batch *b, uint32_t match, size_t t)
{
    if (match >= b->base)
        return b->added.at[match - b->base]->result->buckets[t];
    return collection_name(b->collection, collection_report(b->collection, match).buckets[t]);
}

/* Of a report that was just placed. */
static bool result_of_placed(const struct batch *b, const struct item *item,
                             const struct placement *p, bool dry_run, struct arena *a)
{
    const struct report *report = &item->report;
    struct engine_result *r = item->result;
    *r = (struct engine_result){
        .database_id = report->database_id,
        .project = report->project,
        .date_ms = report->date_ms,
        .score = p->top_match == COLLECTION_NONE ? 0 : p->score,
        .buckets = arena_array(a, b->threshold_count, sizeof *r->buckets),
    };
    if (!r->buckets)
        return false;
    for (size_t t = 0; t < b->threshold_count; t++) {
        if (report->force_bucket.len > 0)
            r->buckets[t] = report->force_bucket;
        else if (p->joins[t])
            r->buckets[t] = match_bucket(b, p->top_match, t);
        else
            r->buckets[t] = dry_run ? STR("") : report->database_id;
    }
    result_match(b, r, p->top_match);
    return result_keep(r, b->threshold_count, a);
}

/* Placing. */

static bool frames_keep(struct culprit_frame *frames, size_t count, struct arena *a)
{
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = arena_str(a, frames[i].function, &frames[i].function);
    return ok;
}

static bool culprit_explanation_keep(struct culprit_explanation *x, struct arena *a)
{
    bool ok = arena_str(a, x->query_death, &x->query_death) &&
              arena_str(a, x->other_death, &x->other_death) &&
              frames_keep(x->query_frames, x->query_frame_count, a) &&
              frames_keep(x->other_frames, x->other_frame_count, a);
    for (size_t i = 0; i < x->count && ok; i++)
        ok = arena_str(a, x->lines[i].function, &x->lines[i].function);
    return ok;
}

/* Gives the explanation copies of its strings: they may be views into the index. */
static bool explanation_keep(struct explanation *x, struct arena *a)
{
    bool ok = true;
    for (size_t i = 0; i < x->count && ok; i++)
        ok = arena_str(a, x->terms[i].field, &x->terms[i].field) &&
             arena_str(a, x->terms[i].token, &x->terms[i].token);
    if (!ok || !x->culprit)
        return ok;
    struct culprit_explanation *own = arena_alloc(a, sizeof *own);
    if (!own)
        return false;
    *own = *x->culprit;
    x->culprit = own;
    return culprit_explanation_keep(own, a);
}

static bool explain(struct batch *b, struct engine_job *job, const struct item *item,
                    const struct placement *p)
{
    struct explanation *x = arena_zalloc(job->arena, sizeof *x);
    if (!x)
        return err_set(&job->err, ERR_NOMEM, 0, "explanation");
    if (!bucket_index_explain(b->index, &item->report, p, x, job->arena, &job->err))
        return false;
    if (!explanation_keep(x, job->arena))
        return err_set(&job->err, ERR_NOMEM, 0, "explanation");
    item->result->explanation = x;
    return true;
}

static bool place_item(struct batch *b, struct engine_job *job, struct item *item)
{
    struct placement p;
    int64_t began_us = metric_clock_us();
    if (!bucket_index_place(b->index, &item->report, &p, &job->err))
        return false;
    item->match = p.top_match;
    if (!result_of_placed(b, item, &p, job->dry_run, job->arena))
        return err_set(&job->err, ERR_NOMEM, 0, "the answer");
    if (job->explain && p.top_match != COLLECTION_NONE && !explain(b, job, item, &p))
        return false;
    if (!job->dry_run) {
        item->number = bucket_index_added(b->index);
        if (!bucket_index_add(b->index, &item->report, &p, NULL, &job->err) ||
            !tally_fingerprint(&b->engine->tally, item->report.project, item->fingerprint,
                               &item->unique, &job->err))
            return false;
    }
    metric_observe_us(&measures.place, metric_clock_us() - began_us);
    return true;
}

bool batch_place(struct batch *b, struct engine_job *job)
{
    for (size_t i = 0; i < job->result_count; i++) {
        struct item *item = &job->work->items[i];
        struct str id = item->report.database_id;
        const struct item *first = find_added(b, id);
        uint32_t number = first ? COLLECTION_NONE : find_stored(b, id);
        bool ok;
        if (first && first != item)
            ok = result_of_added(b, item->result, first->result, job->arena) ||
                 err_set(&job->err, ERR_NOMEM, 0, "the answer");
        else if (number != COLLECTION_NONE)
            ok = result_of_stored(b, item->result, number, job->arena) ||
                 err_set(&job->err, ERR_NOMEM, 0, "the answer");
        else
            ok = place_item(b, job, item);
        if (!ok) {
            job->err_index = i;
            return false;
        }
    }
    return true;
}

bool batch_place_remade(struct batch *b, struct engine_job *job, uint32_t instead)
{
    struct item *item = &job->work->items[0];
    item->remade = true;
    item->instead = instead;
    return bucket_index_supersede(b->index, instead, &job->err) && note_added(b, item, &job->err) &&
           place_item(b, job, item);
}
