/* recovery.c - builds the index from the store at start, in the order of commit and with the
 * buckets as they were decided.
 *
 *     scanner ──► chunk of rows ──► parsers: unpack, parse ──┐   (only what has no shorthand)
 *        │                                                   ▼
 *        └──────── the same chunks, in their order ───► adder (the caller): index
 *        ▲                                                   │
 *        └────────────────── emptied chunks ◄────────────────┘
 *
 * Parsing costs most and runs on all cores; adding is one thread's. Reports with a shorthand need
 * no parsing; should the adder find that it cannot read one, it parses that report itself, and the
 * parsers do so for all that follow. Chunks go round, so memory is bounded by their number. */
#include "engine/inside.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>

#define CHUNK_REPORTS 128
#define CHUNK_PACKED_BYTES (4u << 20)  /* a chunk is passed on when it holds more */
#define CHUNK_ARENA ((size_t)16 << 30) /* no limit: what was taken once is taken again */
#define CHUNKS_PER_PARSER 4
#define PROGRESS_US 2000000
#define BROKEN_LOGGED 20 /* payloads that do not parse, one log line each */

struct recovered {
    struct stored_report row; /* its strings are the arena's */
    struct report report;
    bool parsed; /* report is made from the payload, as far as it goes */
    bool broken; /* the payload does not parse; err says why */
    struct err err;
};

struct chunk {
    struct arena *arena;
    size_t count, packed_bytes;
    bool parsed; /* guarded by recovery.mu */
    struct recovered items[CHUNK_REPORTS];
};

struct recovery {
    struct engine *engine;
    /* Chunks belong to whoever took them out of a queue; while they are parsed, to the parser,
     * although the adder has them already: it waits for `parsed`. */
    struct queue *empty, *to_parse, *in_order;
    /* Which reports took the place of others, by their numbers: the adder's, from next_superseded
     * on.
     */
    VEC(struct stored_superseding) superseded;
    size_t next_superseded;
    /* The same of those that were removed, by how many reports there were then. */
    VEC(struct stored_removed) removed;
    size_t next_removed;
    _Atomic bool no_shorthands; /* a hint: set by the adder, read by the parsers */
    pthread_mutex_t mu;
    pthread_cond_t some_parsed;

    /* The scanner's, and the caller's when it has ended. */
    struct chunk *filling;
    bool scan_ok;
    struct err scan_err;

    /* The adder's. */
    uint32_t total, broken;
    int64_t began_us, logged_us;
};

/* The scanner. */

static void chunk_pass_on(struct recovery *r)
{
    /* There is room in both queues for all the chunks there are. */
    if (r->filling && queue_put_wait(r->in_order, r->filling) &&
        queue_put_wait(r->to_parse, r->filling))
        r->filling = NULL;
}

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
    if (!r->filling) {
        void *empty;
        if (queue_take(r->empty, &empty, 1) == 0) /* closed: the adder has given up */
            return err_set(e, ERR_IO, 0, "the start was given up");
        r->filling = empty;
    }
    struct chunk *c = r->filling;
    struct recovered *item = &c->items[c->count];
    *item = (struct recovered){ .row = *row };
    if (!row_copy(&item->row, row->bucket_count, c->arena))
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    c->packed_bytes += row->packed.len;
    if (++c->count == CHUNK_REPORTS || c->packed_bytes > CHUNK_PACKED_BYTES)
        chunk_pass_on(r);
    return true;
}

static void *scanner_run(void *arg)
{
    struct recovery *r = arg;
    r->scan_ok = store_scan(r->engine->store, 0, scan_each, r, &r->scan_err);
    chunk_pass_on(r);
    queue_close(r->to_parse);
    queue_close(r->in_order);
    return NULL;
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

static void *parser_run(void *arg)
{
    struct recovery *r = arg;
    void *taken;
    while (queue_take(r->to_parse, &taken, 1) > 0) {
        struct chunk *c = taken;
        for (size_t i = 0; i < c->count; i++)
            if (c->items[i].row.shorthand.len == 0 ||
                atomic_load_explicit(&r->no_shorthands, memory_order_relaxed))
                parse_one(&c->items[i], c->arena);
        pthread_mutex_lock(&r->mu);
        c->parsed = true;
        pthread_cond_signal(&r->some_parsed); /* only the adder waits for it */
        pthread_mutex_unlock(&r->mu);
    }
    return NULL;
}

/* The adder. */

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

/* Makes item->report from the shorthand, or else from the payload. known: see
 * bucket_index_restore. */
static void make_report(struct recovery *r, struct recovered *item, struct arena *a,
                        const uint32_t **known)
{
    struct shorthand *sh = &r->engine->shorthand;
    const struct stored_report *row = &item->row;
    struct shorthand_report t;
    *known = NULL;
    if (row->shorthand.len > 0 &&
        shorthand_read(sh, r->engine->current->shown.collection, row->shorthand, a, &t)) {
        item->report = (struct report){ .texts = t.texts, .text_count = t.count, .trace = t.trace };
        *known = t.known;
    } else {
        shorthand_reset(sh); /* a report without one breaks the chain, too */
        atomic_store_explicit(&r->no_shorthands, true, memory_order_relaxed);
        if (!item->parsed)
            parse_one(item, a);
        if (item->broken)
            log_broken(r, item);
    }
    /* What was decided at commit stands, whatever the payload says. */
    item->report.database_id = row->database_id;
    item->report.project = row->project;
    item->report.date_ms = row->date_ms;
    item->report.has_date = true;
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
    return (row->object == OBJECT_NONE ||
            objects_restore(&en->objects, row->object, row->project, STR(""), as, e)) &&
           tally_fingerprint(&en->tally, row->project, row->fingerprint, &first, e);
}

/* Those that were removed when there were so many reports. */
static bool remove_reports(struct recovery *r, uint32_t since, struct err *e)
{
    struct bucket_index *ix = r->engine->current->index;
    const struct collection *c = bucket_index_collection(ix);
    if (r->next_removed == r->removed.len || r->removed.at[r->next_removed].since != since)
        return true;
    bucket_index_publish(ix);
    for (; r->next_removed < r->removed.len; r->next_removed++) {
        const struct stored_removed *at = &r->removed.at[r->next_removed];
        if (at->since != since)
            break;
        if (collection_is_superseded(c, at->number, COLLECTION_NONE))
            return err_set(e, ERR_IO, 0, "the database is damaged: report %u cannot be removed",
                           at->number);
        if (!bucket_index_remove(ix, at->number, e))
            return false;
    }
    bucket_index_publish(ix);
    return true;
}

static bool damaged(const struct stored_superseding *s, struct err *e)
{
    return err_set(e, ERR_IO, 0,
                   "the database is damaged: report %u cannot take the place of report %u", s->by,
                   s->number);
}

/* As it was when the report was made again. */
static bool supersede(struct recovery *r, uint32_t by, struct err *e)
{
    struct bucket_index *ix = r->engine->current->index;
    bool has_one = false;
    for (; r->next_superseded < r->superseded.len; r->next_superseded++) {
        const struct stored_superseding *s = &r->superseded.at[r->next_superseded];
        if (s->by != by)
            break;
        if (has_one ||
            collection_is_superseded(bucket_index_collection(ix), s->number, COLLECTION_NONE))
            return damaged(s, e);
        if (!bucket_index_supersede(ix, s->number, e))
            return false;
        has_one = true;
    }
    return true;
}

static bool add_one(struct recovery *r, struct recovered *item, struct arena *a, struct err *e)
{
    struct bucket_index *ix = r->engine->current->index;
    const struct stored_report *row = &item->row;
    const struct placement p = { .top_match = row->top_match, .score = row->score };
    const uint32_t *known;
    make_report(r, item, a, &known);
    if (!remove_reports(r, row->number, e) || !supersede(r, row->number, e) ||
        !bucket_index_restore(ix, &item->report, known, &p, row->buckets, e))
        return false;
    if (known && !shorthand_learn(&r->engine->shorthand, bucket_index_collection(ix), row->number))
        return err_set(e, ERR_NOMEM, 0, "no memory for shorthands");
    return add_object(r, row, e);
}

static bool add_chunk(struct recovery *r, struct chunk *c, struct err *e)
{
    for (size_t i = 0; i < c->count; i++)
        if (!add_one(r, &c->items[i], c->arena, e))
            return err_prefix(e, "report %u: ", c->items[i].row.number);
    bucket_index_publish(r->engine->current->index);
    log_progress(r);
    return true;
}

static bool add_all(struct recovery *r, struct err *e)
{
    bool ok = true;
    void *taken;
    while (queue_take(r->in_order, &taken, 1) > 0) {
        struct chunk *c = taken;
        pthread_mutex_lock(&r->mu);
        while (!c->parsed)
            pthread_cond_wait(&r->some_parsed, &r->mu);
        pthread_mutex_unlock(&r->mu);
        ok = ok && add_chunk(r, c, e);
        arena_reset(c->arena);
        c->count = c->packed_bytes = 0;
        c->parsed = false;
        if (!ok)
            queue_close(r->empty); /* ends the scanner; chunks on their way are passed over */
        if (!ok || !queue_put(r->empty, c)) {
            arena_free(c->arena);
            free(c);
        }
    }
    return ok;
}

/* All of it. */

static bool recovery_init(struct recovery *r, size_t chunks, struct err *e)
{
    pthread_mutex_init(&r->mu, NULL);
    pthread_cond_init(&r->some_parsed, NULL);
    r->empty = queue_new(chunks);
    r->to_parse = queue_new(chunks);
    r->in_order = queue_new(chunks);
    bool ok = r->empty && r->to_parse && r->in_order;
    for (size_t i = 0; i < chunks && ok; i++) {
        struct chunk *c = calloc(1, sizeof *c);
        if (c)
            c->arena = arena_new(CHUNK_ARENA);
        ok = c && c->arena && queue_put(r->empty, c);
        if (!ok) {
            if (c)
                arena_free(c->arena);
            free(c);
        }
    }
    return ok || err_set(e, ERR_NOMEM, 0, "reading the store");
}

static void recovery_done(struct recovery *r)
{
    void *taken;
    if (r->empty) {
        queue_close(r->empty);
        while (queue_take(r->empty, &taken, 1) > 0) {
            struct chunk *c = taken;
            arena_free(c->arena);
            free(c);
        }
    }
    queue_free(r->empty);
    queue_free(r->to_parse);
    queue_free(r->in_order);
    pthread_cond_destroy(&r->some_parsed);
    pthread_mutex_destroy(&r->mu);
}

static bool run_threads(struct recovery *r, struct err *e)
{
    size_t wanted = r->engine->config.workers, parsers = 0;
    pthread_t scanner, *threads = calloc(wanted, sizeof *threads);
    if (!threads)
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    while (parsers < wanted && pthread_create(&threads[parsers], NULL, parser_run, r) == 0)
        parsers++;
    bool ok = false;
    if (parsers == 0 || pthread_create(&scanner, NULL, scanner_run, r) != 0) {
        err_set(e, ERR_NOMEM, 0, "cannot start the threads that read the store");
        queue_close(r->to_parse);
    } else {
        ok = add_all(r, e);
        pthread_join(scanner, NULL);
        if (ok && !r->scan_ok) {
            *e = r->scan_err;
            ok = false;
        }
    }
    for (size_t i = 0; i < parsers; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return ok;
}

static bool read_all(struct recovery *r, struct err *e)
{
    bool ok =
        recovery_init(r, CHUNKS_PER_PARSER * r->engine->config.workers, e) && run_threads(r, e);
    recovery_done(r);
    return ok;
}

static bool each_superseded(void *ctx, const struct stored_superseding *s, struct err *e)
{
    struct recovery *r = ctx;
    if (s->by >= r->total)
        return damaged(s, e);
    return VEC_PUSH(&r->superseded, *s) || err_set(e, ERR_NOMEM, 0, "reading the store");
}

static bool each_removed(void *ctx, const struct stored_removed *s, struct err *e)
{
    struct recovery *r = ctx;
    if (s->since > r->total)
        return err_set(e, ERR_IO, 0, "the database is damaged: report %u is removed too late",
                       s->number);
    return VEC_PUSH(&r->removed, *s) || err_set(e, ERR_NOMEM, 0, "reading the store");
}

bool recovery_run(struct engine *en, struct err *e)
{
    struct recovery r = { .engine = en, .began_us = metric_clock_us() };
    r.logged_us = r.began_us;
    bool ok = store_count(en->store, &r.total, e) &&
              store_scan_superseded(en->store, each_superseded, &r, e) &&
              store_scan_removed(en->store, each_removed, &r, e) && read_all(&r, e) &&
              remove_reports(&r, r.total, e);
    VEC_FREE(&r.superseded);
    VEC_FREE(&r.removed);
    if (ok)
        log_line(LOG_INFO, "recovered", "reports=%u damaged=%u seconds=%.2f", r.total, r.broken,
                 (double)(metric_clock_us() - r.began_us) / 1e6);
    return ok;
}
