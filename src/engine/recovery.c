/* recovery.c - builds the index from the store at start, in the order of commit and with the
 * buckets as they were decided.
 *
 *     scanner ──► chunk of rows ──► parsers: unpack, parse ──┐   (only what has no shorthand)
 *        │                                                   ▼
 *        └──────── the same chunks, in their order ───► adder (the caller): collection
 *        ▲                                                   │
 *        └─── emptied chunks ◄─── comparer: similarities ◄───┘     (start_pipeline.h)
 *
 * Parsing costs most and runs on all cores. Reports with a shorthand need no parsing; should the
 * adder find that it cannot read one, it parses that report itself, and the parsers do so for all
 * that follow. Adding is two threads', one behind the other: the adder adds what readers see, the
 * comparer what reports are compared by. Where the adder must not be ahead, it catches up (see
 * catch_up). */
#include "engine/inside.h"
#include "engine/recovery_gone.h"
#include "engine/start_pipeline.h"

#include "base/log.h"
#include "base/metrics.h"

#define CHUNK_PACKED_BYTES (4u << 20)
#define CHUNKS_PER_PARSER 8
#define PROGRESS_US 2000000
#define BROKEN_LOGGED 20 /* payloads that do not parse, one log line each */

struct recovered {
    struct stored_report row; /* its strings are the arena's */
    struct report report;
    uint32_t instead; /* the report whose place it takes, or COLLECTION_NONE */
    bool parsed;      /* report is made from the payload, as far as it goes */
    bool broken;      /* the payload does not parse; err says why */
    bool compared;    /* the comparer need not look at it any more */
    struct err err;
};

struct recovery {
    struct engine *engine;
    struct start_pipeline pipeline;
    struct queue *to_compare;
    _Atomic bool no_shorthands; /* a hint: set by the adder, read by the parsers */
    pthread_mutex_t mu;
    pthread_cond_t some_compared;
    size_t chunks_compared; /* guarded by mu */

    /* The comparer's, and the caller's when it has ended. */
    struct err compare_err;

    /* The adder's. */
    struct gone gone;
    size_t chunks_added;
    uint32_t total, broken;
    int64_t began_us, logged_us;
};

/* The scanner. */

static bool row_copy(struct stored_report *row, size_t thresholds, struct arena *a)
{
    struct str *buckets = arena_array(a, thresholds, sizeof *buckets);
    bool ok = buckets && arena_str(a, row->database_id, &row->database_id) &&
              arena_str(a, row->project, &row->project) &&
              arena_str(a, row->shorthand, &row->shorthand) &&
              arena_str(a, row->packed, &row->packed);
    for (size_t t = 0; t < thresholds && ok; t++) {
        if (t > 0 && str_eq(row->buckets[t], row->buckets[t - 1]))
            buckets[t] = buckets[t - 1];
        else
            ok = arena_str(a, row->buckets[t], &buckets[t]);
    }
    row->buckets = buckets;
    return ok;
}

static bool scan_each(void *ctx, const struct stored_report *row, struct err *e)
{
    struct recovery *r = ctx;
    struct arena *a;
    struct recovered *item = start_pipeline_next(&r->pipeline, &a, e);
    if (!item)
        return false;
    *item = (struct recovered){ .row = *row };
    if (!row_copy(&item->row, row->bucket_count, a))
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    start_pipeline_add(&r->pipeline, row->packed.len);
    return true;
}

static bool scan(void *ctx, struct err *e)
{
    struct recovery *r = ctx;
    return store_scan(r->engine->store, 0, scan_each, r, e);
}

/* The parsers. */

/* Of a removed one there may be nothing left but its names. */
static void parse_one(struct recovered *item, struct arena *a)
{
    const struct stored_report *row = &item->row;
    struct str payload;
    bool is_removed = row->packed.len == 0;
    item->broken = !is_removed && (!store_unpack(row->packed, a, &payload, &item->err) ||
                                   !process_parse(&item->report, payload, a, &item->err));
    if (item->broken || is_removed)
        item->report = (struct report){ 0 };
    item->parsed = true;
}

static void parse_chunk(void *ctx, struct start_chunk *c)
{
    struct recovery *r = ctx;
    struct recovered *items = c->items;
    for (size_t i = 0; i < c->count; i++)
        if (items[i].row.shorthand.len == 0 ||
            atomic_load_explicit(&r->no_shorthands, memory_order_relaxed))
            parse_one(&items[i], c->arena);
}

/* The comparer. */

static bool compare_one(struct recovery *r, struct recovered *item, struct err *e)
{
    const struct stored_report *row = &item->row;
    const struct placement p = { .top_match = row->top_match, .score = row->score };
    if (item->compared)
        return true;
    item->compared = true;
    return bucket_index_restore_compared(r->engine->current->index, &item->report, row->number,
                                         item->instead, &p, e) ||
           err_prefix(e, "report %u: ", row->number);
}

/* Of a chunk, the items below `end`. */
static bool compare_chunk(struct recovery *r, struct start_chunk *c, size_t end, struct err *e)
{
    struct recovered *items = c->items;
    for (size_t i = 0; i < end; i++)
        if (!compare_one(r, &items[i], e))
            return false;
    return true;
}

static void *comparer_run(void *arg)
{
    struct recovery *r = arg;
    void *taken;
    while (queue_take(r->to_compare, &taken, 1) > 0) {
        struct start_chunk *c = taken;
        if (!start_pipeline_is_given_up(&r->pipeline) &&
            !compare_chunk(r, c, c->count, &r->compare_err))
            start_pipeline_give_up(&r->pipeline);
        start_pipeline_give_back(&r->pipeline, c);
        pthread_mutex_lock(&r->mu);
        r->chunks_compared++;
        pthread_cond_signal(&r->some_compared); /* only the adder waits for it */
        pthread_mutex_unlock(&r->mu);
    }
    return NULL;
}

/* The adder. */

static struct recovered *item_at(struct start_chunk *c, size_t i)
{
    return (struct recovered *)c->items + i;
}

/* Waits until all that was added before item `i` of the chunk is compared, too; what the adder
 * still holds of it, it does itself. */
static bool catch_up(struct recovery *r, struct start_chunk *c, size_t i, struct err *e)
{
    pthread_mutex_lock(&r->mu);
    while (r->chunks_compared < r->chunks_added)
        pthread_cond_wait(&r->some_compared, &r->mu);
    pthread_mutex_unlock(&r->mu);
    if (start_pipeline_is_given_up(&r->pipeline)) {
        *e = r->compare_err;
        return false;
    }
    return compare_chunk(r, c, i, e);
}

static void log_broken(struct recovery *r, const struct recovered *item)
{
    if (r->broken++ < BROKEN_LOGGED)
        log_line(LOG_ERROR, "report_damaged", "number=%u id=%s reason=%s", item->row.number,
                 log_str(item->row.database_id), log_str(str_from_c(item->err.msg)));
}

static void log_progress(struct recovery *r)
{
    int64_t now_us = metric_clock_us();
    if (now_us - r->logged_us < PROGRESS_US)
        return;
    r->logged_us = now_us;
    uint32_t added = bucket_index_added(r->engine->current->index);
    double rate = (double)added * 1e6 / (double)(now_us - r->began_us);
    log_line(LOG_INFO, "recovery", "reports=%u of=%u per_second=%.0f seconds_left=%.0f", added,
             r->total, rate, rate > 0 ? (double)(r->total - added) / rate : 0.0);
}

/* The comparer may be at what the chain has spelt out. */
static bool end_chain(struct recovery *r, struct start_chunk *c, size_t i, struct err *e)
{
    struct shorthand *sh = &r->engine->shorthand;
    if (shorthand_is_empty(sh))
        return true;
    bool ok = catch_up(r, c, i, e);
    if (ok)
        shorthand_reset(sh);
    return ok;
}

/* Makes item->report from its shorthand. *known: see bucket_index_restore; NULL when it cannot be
 * read. */
static bool read_shorthand(struct recovery *r, struct start_chunk *c, size_t i,
                           const uint32_t **known, struct err *e)
{
    struct recovered *item = item_at(c, i);
    struct shorthand_report t;
    *known = NULL;
    if (shorthand_begins(item->row.shorthand) && !end_chain(r, c, i, e))
        return false;
    if (item->row.shorthand.len > 0 &&
        shorthand_read(&r->engine->shorthand, r->engine->current->shown.collection,
                       item->row.shorthand, c->arena, &t)) {
        item->report = (struct report){ .texts = t.texts, .text_count = t.count, .trace = t.trace };
        *known = t.known;
        return true;
    }
    return end_chain(r, c, i, e); /* a report without one breaks it, too */
}

/* From the shorthand, or else from the payload. */
static bool make_report(struct recovery *r, struct start_chunk *c, size_t i, const uint32_t **known,
                        struct err *e)
{
    struct recovered *item = item_at(c, i);
    const struct stored_report *row = &item->row;
    if (!read_shorthand(r, c, i, known, e))
        return false;
    if (!*known) {
        atomic_store_explicit(&r->no_shorthands, true, memory_order_relaxed);
        if (!item->parsed)
            parse_one(item, c->arena);
        if (item->broken)
            log_broken(r, item);
    }
    /* What was decided at commit stands, whatever the payload says. */
    item->report.database_id = row->database_id;
    item->report.project = row->project;
    item->report.date_ms = row->date_ms;
    item->report.has_date = true;
    return true;
}

/* A report that was stored before there were object ids has none; one that was removed has none any
 * more, and its fingerprint stays known. */
static bool add_object(struct recovery *r, const struct stored_report *row, struct err *e)
{
    struct engine *en = r->engine;
    const struct object as = { OBJECT_COMMITTED, row->number };
    bool first;
    if (row->object == OBJECT_NONE && row->packed.len > 0)
        return true;
    if (row->object != OBJECT_NONE) {
        if (!objects_restore(&en->objects, row->object, row->project, STR(""), as, e))
            return false;
        objects_came(&en->objects, row->object, row->received_ms);
    }
    return tally_fingerprint(&en->tally, row->project, row->fingerprint, &first, e);
}

/* Those that were removed before item i of the chunk was added. */
static bool remove_reports(struct recovery *r, struct start_chunk *c, size_t i, struct err *e)
{
    uint32_t since = item_at(c, i)->row.number;
    return !gone_has_removed(&r->gone, since) ||
           (catch_up(r, c, i, e) && gone_remove(&r->gone, r->engine->current->index, since, e));
}

static bool add_one(struct recovery *r, struct start_chunk *c, size_t i, struct err *e)
{
    struct bucket_index *ix = r->engine->current->index;
    struct recovered *item = item_at(c, i);
    const struct stored_report *row = &item->row;
    const struct placement p = { .top_match = row->top_match, .score = row->score };
    const uint32_t *known;
    if (!remove_reports(r, c, i, e) || !make_report(r, c, i, &known, e) ||
        !gone_supersede(&r->gone, bucket_index_collection(ix), row->number, &item->instead, e) ||
        !bucket_index_restore(ix, &item->report, known, item->instead, &p, row->buckets, e))
        return false;
    if (known && !shorthand_learn(&r->engine->shorthand, bucket_index_collection(ix), row->number))
        return err_set(e, ERR_NOMEM, 0, "no memory for shorthands");
    return add_object(r, row, e);
}

static bool add_chunk(struct recovery *r, struct start_chunk *c, struct err *e)
{
    for (size_t i = 0; i < c->count; i++)
        if (!add_one(r, c, i, e))
            return err_prefix(e, "report %u: ", item_at(c, i)->row.number);
    log_progress(r);
    return true;
}

static bool add_all(struct recovery *r, struct err *e)
{
    bool ok = true;
    struct start_chunk *c;
    while ((c = start_pipeline_take(&r->pipeline))) {
        ok = add_chunk(r, c, e);
        if (!ok)
            start_pipeline_give_up(&r->pipeline);
        r->chunks_added++;
        if (!queue_put_wait(r->to_compare, c))
            start_pipeline_give_back(&r->pipeline, c);
    }
    return ok;
}

/* All of it. */

static bool add_and_compare(struct recovery *r, struct err *e)
{
    pthread_t comparer;
    if (pthread_create(&comparer, NULL, comparer_run, r) != 0)
        return err_set(e, ERR_NOMEM, 0, "cannot start the thread that compares reports");
    bool ok = add_all(r, e);
    queue_close(r->to_compare);
    pthread_join(comparer, NULL);
    if (ok && start_pipeline_is_given_up(&r->pipeline)) {
        *e = r->compare_err;
        ok = false;
    }
    return ok;
}

static bool run_pipeline(struct recovery *r, struct err *e)
{
    const struct start_pipeline_config config = {
        .makers = r->engine->config.workers,
        .chunks_per_maker = CHUNKS_PER_PARSER,
        .chunk_bytes = CHUNK_PACKED_BYTES,
        .item_bytes = sizeof(struct recovered),
        .scan = scan,
        .make = parse_chunk,
        .ctx = r,
    };
    if (!start_pipeline_begin(&r->pipeline, &config, e))
        return false;
    bool ok = add_and_compare(r, e);
    return start_pipeline_end(&r->pipeline, ok, e);
}

static bool read_all(struct recovery *r, struct err *e)
{
    /* There is room for all the chunks there are. */
    r->to_compare = queue_new(CHUNKS_PER_PARSER * r->engine->config.workers);
    if (!r->to_compare)
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    pthread_mutex_init(&r->mu, NULL);
    pthread_cond_init(&r->some_compared, NULL);
    bool ok = run_pipeline(r, e);
    pthread_cond_destroy(&r->some_compared);
    pthread_mutex_destroy(&r->mu);
    queue_free(r->to_compare);
    return ok;
}

static bool each_merge(void *ctx, const struct stored_merge *m, struct err *e)
{
    struct engine *en = ctx;
    return merges_restore(&en->merges, m, e);
}

static bool each_issue(void *ctx, const struct stored_issue *i, struct err *e)
{
    struct engine *en = ctx;
    return issues_restore(&en->issues, i, e);
}

bool recovery_run(struct engine *en, struct err *e)
{
    struct recovery r = { .engine = en, .began_us = metric_clock_us() };
    r.logged_us = r.began_us;
    bool ok = store_count(en->store, &r.total, e) && gone_read(&r.gone, en->store, r.total, e) &&
              store_scan_merges(en->store, each_merge, en, e) && merges_restored(&en->merges, e) &&
              store_scan_issues(en->store, each_issue, en, e) && read_all(&r, e) &&
              gone_remove(&r.gone, en->current->index, r.total, e);
    gone_done(&r.gone);
    if (ok)
        log_line(LOG_INFO, "recovered", "reports=%u damaged=%u seconds=%.2f", r.total, r.broken,
                 (double)(metric_clock_us() - r.began_us) / 1e6);
    return ok;
}
