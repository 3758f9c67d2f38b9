/* recovery.c - builds the index from the store at start, in the order of commit and with the
 * buckets as they were decided.
 *
 *     scanner ──► chunk of rows ──► parsers: unpack, parse ──┐   (only what has no shorthand)
 *        │                                                   ▼
 *        └──────── the same chunks, in their order ───► adder (the caller): collection
 *        ▲                                                   │
 *        └─── emptied chunks ◄─── comparer: similarities ◄───┘
 *
 * Parsing costs most and runs on all cores. Reports with a shorthand need no parsing; should the
 * adder find that it cannot read one, it parses that report itself, and the parsers do so for all
 * that follow. Adding is two threads', one behind the other: the adder adds what readers see, the
 * comparer what reports are compared by. Where the adder must not be ahead, it catches up (see
 * catch_up). Chunks go round, so memory is bounded by their number. */
#include "engine/inside.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>

#define CHUNK_REPORTS 128
#define CHUNK_PACKED_BYTES (4u << 20)  /* a chunk is passed on when it holds more */
#define CHUNK_ARENA ((size_t)16 << 30) /* no limit: what was taken once is taken again */
#define CHUNKS_PER_PARSER 8
#define PROGRESS_US 2000000
#define BROKEN_LOGGED 20 /* payloads that do not parse, one log line each */

struct recovered {
    struct stored_report row; /* its strings are the arena's */
    struct report report;
    uint32_t instead; /* the report whose place it takes, or COLLECTION_NONE */
    bool parsed;      /* report is made from the payload, as far as it goes */
    bool broken;      /* the payload does not parse; err says why */
    struct err err;
};

struct chunk {
    struct arena *arena;
    size_t count, packed_bytes;
    size_t compared; /* items that the comparer need not look at any more */
    bool parsed;     /* guarded by recovery.mu */
    struct recovered items[CHUNK_REPORTS];
};

struct recovery {
    struct engine *engine;
    /* Chunks belong to whoever took them out of a queue; while they are parsed, to the parser,
     * although the adder has them already: it waits for `parsed`. */
    struct queue *empty, *to_parse, *in_order, *to_compare;
    /* Which reports took the place of others, by their numbers: the adder's, from next_superseded
     * on.
     */
    VEC(struct stored_superseding) superseded;
    size_t next_superseded;
    /* The same of those that were removed, by how many reports there were then. */
    VEC(struct stored_removed) removed;
    size_t next_removed;
    _Atomic bool no_shorthands; /* a hint: set by the adder, read by the parsers */
    _Atomic bool given_up;      /* by adder or comparer: what is on its way is passed over */
    pthread_mutex_t mu;
    pthread_cond_t some_parsed, some_compared;
    size_t chunks_compared; /* guarded by mu */

    /* The scanner's, and the caller's when it has ended. */
    struct chunk *filling;
    bool scan_ok;
    struct err scan_err;

    /* The comparer's, and the caller's when it has ended. */
    struct err compare_err;

    /* The adder's. */
    size_t chunks_added;
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

/* The comparer. */

static bool compare_one(struct recovery *r, const struct recovered *item, struct err *e)
{
    const struct stored_report *row = &item->row;
    const struct placement p = { .top_match = row->top_match, .score = row->score };
    return bucket_index_restore_compared(r->engine->current->index, &item->report, row->number,
                                         item->instead, &p, e) ||
           err_prefix(e, "report %u: ", row->number);
}

/* Of a chunk, the items below `end`. */
static bool compare_chunk(struct recovery *r, struct chunk *c, size_t end, struct err *e)
{
    for (; c->compared < end; c->compared++)
        if (!compare_one(r, &c->items[c->compared], e))
            return false;
    return true;
}

static bool is_given_up(const struct recovery *r)
{
    return atomic_load_explicit(&r->given_up, memory_order_relaxed);
}

/* Ends the scanner. */
static void give_up(struct recovery *r)
{
    atomic_store_explicit(&r->given_up, true, memory_order_relaxed);
    queue_close(r->empty);
}

static void chunk_give_back(struct recovery *r, struct chunk *c)
{
    arena_reset(c->arena);
    c->count = c->packed_bytes = c->compared = 0;
    c->parsed = false;
    if (is_given_up(r) || !queue_put(r->empty, c)) {
        arena_free(c->arena);
        free(c);
    }
}

static void *comparer_run(void *arg)
{
    struct recovery *r = arg;
    void *taken;
    while (queue_take(r->to_compare, &taken, 1) > 0) {
        struct chunk *c = taken;
        if (!is_given_up(r) && !compare_chunk(r, c, c->count, &r->compare_err))
            give_up(r);
        chunk_give_back(r, c);
        pthread_mutex_lock(&r->mu);
        r->chunks_compared++;
        pthread_cond_signal(&r->some_compared); /* only the adder waits for it */
        pthread_mutex_unlock(&r->mu);
    }
    return NULL;
}

/* The adder. */

/* Waits until all that was added before item `i` of the chunk is compared, too; what the adder
 * still holds of it, it does itself. */
static bool catch_up(struct recovery *r, struct chunk *c, size_t i, struct err *e)
{
    pthread_mutex_lock(&r->mu);
    while (r->chunks_compared < r->chunks_added)
        pthread_cond_wait(&r->some_compared, &r->mu);
    pthread_mutex_unlock(&r->mu);
    if (is_given_up(r)) {
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
static bool end_chain(struct recovery *r, struct chunk *c, size_t i, struct err *e)
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
static bool read_shorthand(struct recovery *r, struct chunk *c, size_t i, const uint32_t **known,
                           struct err *e)
{
    struct recovered *item = &c->items[i];
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
static bool make_report(struct recovery *r, struct chunk *c, size_t i, const uint32_t **known,
                        struct err *e)
{
    struct recovered *item = &c->items[i];
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

static bool is_removed_at(const struct recovery *r, uint32_t since)
{
    return r->next_removed < r->removed.len && r->removed.at[r->next_removed].since == since;
}

/* Those that were removed when there were so many reports. The comparer has caught up. */
static bool remove_all(struct recovery *r, uint32_t since, struct err *e)
{
    struct bucket_index *ix = r->engine->current->index;
    const struct collection *c = bucket_index_collection(ix);
    bucket_index_publish(ix);
    for (; is_removed_at(r, since); r->next_removed++) {
        const struct stored_removed *at = &r->removed.at[r->next_removed];
        if (collection_is_superseded(c, at->number, COLLECTION_NONE))
            return err_set(e, ERR_IO, 0, "the database is damaged: report %u cannot be removed",
                           at->number);
        if (!bucket_index_remove(ix, at->number, e))
            return false;
    }
    bucket_index_publish(ix);
    return true;
}

/* The same before item i of the chunk is added. */
static bool remove_reports(struct recovery *r, struct chunk *c, size_t i, struct err *e)
{
    uint32_t since = c->items[i].row.number;
    return !is_removed_at(r, since) || (catch_up(r, c, i, e) && remove_all(r, since, e));
}

static bool damaged(const struct stored_superseding *s, struct err *e)
{
    return err_set(e, ERR_IO, 0,
                   "the database is damaged: report %u cannot take the place of report %u", s->by,
                   s->number);
}

/* As it was when the report was made again: *instead becomes whose place it took. */
static bool supersede(struct recovery *r, uint32_t by, uint32_t *instead, struct err *e)
{
    const struct collection *c = bucket_index_collection(r->engine->current->index);
    *instead = COLLECTION_NONE;
    for (; r->next_superseded < r->superseded.len; r->next_superseded++) {
        const struct stored_superseding *s = &r->superseded.at[r->next_superseded];
        if (s->by != by)
            break;
        if (*instead != COLLECTION_NONE || collection_is_superseded(c, s->number, COLLECTION_NONE))
            return damaged(s, e);
        *instead = s->number;
    }
    return true;
}

static bool add_one(struct recovery *r, struct chunk *c, size_t i, struct err *e)
{
    struct bucket_index *ix = r->engine->current->index;
    struct recovered *item = &c->items[i];
    const struct stored_report *row = &item->row;
    const struct placement p = { .top_match = row->top_match, .score = row->score };
    const uint32_t *known;
    if (!remove_reports(r, c, i, e) || !make_report(r, c, i, &known, e) ||
        !supersede(r, row->number, &item->instead, e) ||
        !bucket_index_restore(ix, &item->report, known, item->instead, &p, row->buckets, e))
        return false;
    if (known && !shorthand_learn(&r->engine->shorthand, bucket_index_collection(ix), row->number))
        return err_set(e, ERR_NOMEM, 0, "no memory for shorthands");
    return add_object(r, row, e);
}

static bool add_chunk(struct recovery *r, struct chunk *c, struct err *e)
{
    for (size_t i = 0; i < c->count; i++)
        if (!add_one(r, c, i, e))
            return err_prefix(e, "report %u: ", c->items[i].row.number);
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
        if (ok && !is_given_up(r) && !add_chunk(r, c, e)) {
            give_up(r);
            ok = false;
        }
        r->chunks_added++;
        if (!queue_put_wait(r->to_compare, c)) /* there is room for all the chunks there are */
            chunk_give_back(r, c);
    }
    return ok;
}

/* All of it. */

static bool recovery_init(struct recovery *r, size_t chunks, struct err *e)
{
    pthread_mutex_init(&r->mu, NULL);
    pthread_cond_init(&r->some_parsed, NULL);
    pthread_cond_init(&r->some_compared, NULL);
    r->empty = queue_new(chunks);
    r->to_parse = queue_new(chunks);
    r->in_order = queue_new(chunks);
    r->to_compare = queue_new(chunks);
    bool ok = r->empty && r->to_parse && r->in_order && r->to_compare;
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
    queue_free(r->to_compare);
    pthread_cond_destroy(&r->some_parsed);
    pthread_cond_destroy(&r->some_compared);
    pthread_mutex_destroy(&r->mu);
}

/* Reads and adds, when the parsers are there. */
static bool run_scanner(struct recovery *r, struct err *e)
{
    pthread_t scanner, comparer;
    if (pthread_create(&comparer, NULL, comparer_run, r) != 0)
        return err_set(e, ERR_NOMEM, 0, "cannot start the thread that compares reports");
    bool ok = pthread_create(&scanner, NULL, scanner_run, r) == 0 ||
              err_set(e, ERR_NOMEM, 0, "cannot start the thread that reads the store");
    if (ok) {
        ok = add_all(r, e);
        pthread_join(scanner, NULL);
    }
    queue_close(r->to_compare);
    pthread_join(comparer, NULL);
    if (ok && (is_given_up(r) || !r->scan_ok)) {
        *e = is_given_up(r) ? r->compare_err : r->scan_err;
        ok = false;
    }
    return ok;
}

static bool run_threads(struct recovery *r, struct err *e)
{
    size_t wanted = r->engine->config.workers, parsers = 0;
    pthread_t *threads = calloc(wanted, sizeof *threads);
    if (!threads)
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    while (parsers < wanted && pthread_create(&threads[parsers], NULL, parser_run, r) == 0)
        parsers++;
    bool ok = parsers > 0 ? run_scanner(r, e)
                          : err_set(e, ERR_NOMEM, 0, "cannot start the threads that parse reports");
    queue_close(r->to_parse);
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
    bool ok = store_count(en->store, &r.total, e) &&
              store_scan_superseded(en->store, each_superseded, &r, e) &&
              store_scan_removed(en->store, each_removed, &r, e) &&
              store_scan_merges(en->store, each_merge, en, e) && merges_restored(&en->merges, e) &&
              store_scan_issues(en->store, each_issue, en, e) && read_all(&r, e) &&
              remove_all(&r, r.total, e);
    VEC_FREE(&r.superseded);
    VEC_FREE(&r.removed);
    if (ok)
        log_line(LOG_INFO, "recovered", "reports=%u damaged=%u seconds=%.2f", r.total, r.broken,
                 (double)(metric_clock_us() - r.began_us) / 1e6);
    return ok;
}
