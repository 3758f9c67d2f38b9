/* recovery_rows.c - at start: the rows of all objects, made from the store; or, when there is a
 * checkpoint (checkpoint.h), which was read meanwhile, only those that have changed since.
 *
 *     scanner ──► chunk ──► makers: parse, make rows ──┐
 *        │                                             ▼
 *        └────────── the same chunks, in order ───► putter (the caller): columns
 *        ▲                                             │
 *        └────────────── emptied chunks ◄──────────────┘
 *
 * First the uploads, then the reports of the PartyCrasher API; of changed ones, by their ids. What
 * cannot be read any more has a row without its attributes. Chunks go round, so memory is bounded
 * by their number. */
#include "engine/checkpoint.h"
#include "engine/inside.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>

#define CHUNK_ROWS 128
#define CHUNK_BYTES (1u << 20)         /* a chunk is passed on when it holds more */
#define CHUNK_ARENA ((size_t)16 << 30) /* no limit: what was taken once is taken again */
#define CHUNK_KEPT (1u << 20)          /* memory that a chunk keeps from round to round */
#define CHUNKS_PER_MAKER 4
#define DAMAGED_LOGGED 20 /* one log line each */

/* An object on its way to its row. */
struct source {
    bool is_post; /* of the PartyCrasher API: date, payload and amended; else the upload */
    uint64_t object;
    struct str project;
    bool has_fingerprint;
    uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
    struct stored_upload upload;
    int64_t date_ms;
    struct str packed, amended;
    /* Made of it. */
    struct row row;
    struct err err;
    bool damaged; /* and err says why */
};

struct chunk {
    struct arena *arena;
    size_t count, bytes;
    bool made, failed; /* guarded by rows_recovery.mu */
    struct source sources[CHUNK_ROWS];
};

struct rows_recovery {
    struct engine *engine;
    /* Chunks belong to whoever took them out of a queue; while rows are made, to the maker,
     * although the putter has them already: it waits for `made`. */
    struct queue *empty, *to_make, *in_order;
    pthread_mutex_t mu;
    pthread_cond_t some_made;
    /* The scanner's, and the caller's when it has ended. */
    struct chunk *filling;
    bool scan_ok;
    struct err scan_err;
    bool is_tail;       /* only what has changed behind `after` */
    uint64_t after;     /* a number of the store's log of rows */
    struct arena *one;  /* for one changed object */
    VEC(uint64_t) gone; /* changed objects that are not there any more */
    /* The putter's. */
    size_t put, damaged;
};

/* --- the scanner --------------------------------------------------------------------------- */

static void pass_on(struct rows_recovery *r)
{
    /* There is room in both queues for all the chunks there are. */
    if (r->filling && queue_put_wait(r->in_order, r->filling) &&
        queue_put_wait(r->to_make, r->filling))
        r->filling = NULL;
}

static struct source *next_source(struct rows_recovery *r, struct err *e)
{
    if (!r->filling) {
        void *empty;
        if (queue_take(r->empty, &empty, 1) == 0) { /* closed: the putter has given up */
            err_set(e, ERR_IO, 0, "the start was given up");
            return NULL;
        }
        r->filling = empty;
    }
    return &r->filling->sources[r->filling->count];
}

static bool added(struct rows_recovery *r, bool ok, size_t bytes, struct err *e)
{
    struct chunk *c = r->filling;
    if (!ok)
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    c->bytes += bytes;
    if (++c->count == CHUNK_ROWS || c->bytes > CHUNK_BYTES)
        pass_on(r);
    return true;
}

static bool each_upload(void *ctx, const struct stored_upload *u, struct err *e)
{
    struct rows_recovery *r = ctx;
    struct source *s = next_source(r, e);
    if (!s)
        return false;
    struct arena *a = r->filling->arena;
    *s = (struct source){ .object = u->object,
                          .has_fingerprint = u->has_fingerprint,
                          .upload = { .state = u->state,
                                      .received_ms = u->received_ms,
                                      .body = { .size = u->body.size } } };
    memcpy(s->fingerprint, u->fingerprint, sizeof s->fingerprint);
    bool ok = arena_str(a, u->project, &s->project) && arena_str(a, u->error, &s->upload.error) &&
              arena_str(a, u->attributes, &s->upload.attributes);
    return added(r, ok, u->attributes.len, e);
}

static bool each_post(void *ctx, const struct stored_report *p, struct str amended, struct err *e)
{
    struct rows_recovery *r = ctx;
    struct source *s = next_source(r, e);
    static const uint8_t none[STORE_FINGERPRINT_BYTES];
    if (!s)
        return false;
    struct arena *a = r->filling->arena;
    *s = (struct source){ .is_post = true,
                          .object = p->object,
                          .has_fingerprint = memcmp(p->fingerprint, none, sizeof none) != 0,
                          .date_ms = p->date_ms };
    memcpy(s->fingerprint, p->fingerprint, sizeof s->fingerprint);
    bool ok = arena_str(a, p->project, &s->project) && arena_str(a, p->packed, &s->packed) &&
              arena_str(a, amended, &s->amended);
    return added(r, ok, p->packed.len, e);
}

/* A changed object without an upload. */
static bool changed_post(struct rows_recovery *r, uint64_t object, struct err *e)
{
    struct object o = objects_find(&r->engine->objects, object, STR(""));
    if (o.state == OBJECT_COMMITTED && o.report != OBJECT_NO_REPORT)
        return store_post_read(r->engine->store, o.report, each_post, r, e);
    return VEC_PUSH(&r->gone, object) || err_set(e, ERR_NOMEM, 0, "reading the store");
}

static bool each_changed(void *ctx, uint64_t object, struct err *e)
{
    struct rows_recovery *r = ctx;
    struct stored_upload u;
    struct err why = { 0 };
    arena_reset(r->one);
    if (store_upload_head(r->engine->store, object, r->one, &u, &why))
        return !upload_format_is_error(u.format) || each_upload(r, &u, e);
    if (why.code == ERR_NOT_FOUND)
        return changed_post(r, object, e);
    *e = why;
    return false;
}

static void *scanner_run(void *arg)
{
    struct rows_recovery *r = arg;
    struct store *store = r->engine->store;
    if (r->is_tail)
        r->scan_ok = store_scan_row_log(store, r->after, each_changed, r, &r->scan_err);
    else
        r->scan_ok = store_scan_attributes(store, each_upload, r, &r->scan_err) &&
                     store_scan_posts(store, each_post, r, &r->scan_err);
    pass_on(r);
    queue_close(r->to_make);
    queue_close(r->in_order);
    return NULL;
}

/* --- the makers ---------------------------------------------------------------------------- */

static bool make_upload(struct source *s, struct arena *a)
{
    struct err e = { 0 };
    s->damaged = !row_of_stored(&s->row, &s->upload, a, &s->err);
    if (!s->damaged || s->err.code == ERR_NOMEM)
        return !s->damaged;
    s->upload.attributes = STR("{}");
    return row_of_stored(&s->row, &s->upload, a, &e);
}

static bool make_post(struct source *s, struct arena *a)
{
    struct report report = { 0 };
    struct callstack stack = { 0 };
    struct amended amended;
    struct str payload;
    amended_init(&amended, a);
    s->damaged = !store_unpack(s->packed, a, &payload, &s->err) ||
                 !process_parse_stack(&report, &stack, payload, a, &s->err) ||
                 !amended_read(&amended, s->amended, &s->err);
    if (s->damaged && s->err.code == ERR_NOMEM)
        return false;
    if (s->damaged)
        report = (struct report){ 0 };
    report.date_ms = s->date_ms;
    return row_of_report(&s->row, &report, &stack, &amended, a, &s->err);
}

static void *maker_run(void *arg)
{
    struct rows_recovery *r = arg;
    void *taken;
    while (queue_take(r->to_make, &taken, 1) > 0) {
        struct chunk *c = taken;
        bool ok = true;
        for (size_t i = 0; i < c->count && ok; i++) {
            struct source *s = &c->sources[i];
            ok = s->is_post ? make_post(s, c->arena) : make_upload(s, c->arena);
        }
        pthread_mutex_lock(&r->mu);
        c->made = true;
        c->failed = !ok;
        pthread_cond_signal(&r->some_made); /* only the putter waits for it */
        pthread_mutex_unlock(&r->mu);
    }
    return NULL;
}

/* --- the putter ---------------------------------------------------------------------------- */

static void put_chunk(struct rows_recovery *r, const struct chunk *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct source *s = &c->sources[i];
        if (s->damaged && r->damaged++ < DAMAGED_LOGGED)
            log_line(LOG_ERROR, "object_damaged", "object=%llx reason=%s",
                     (unsigned long long)s->object, log_str(str_from_c(s->err.msg)));
        row_put(r->engine, s->project, s->object, &s->row,
                s->has_fingerprint ? s->fingerprint : NULL);
        r->put++;
    }
}

static bool wait_made(struct rows_recovery *r, struct chunk *c)
{
    pthread_mutex_lock(&r->mu);
    while (!c->made)
        pthread_cond_wait(&r->some_made, &r->mu);
    bool ok = !c->failed;
    pthread_mutex_unlock(&r->mu);
    return ok;
}

static bool put_all(struct rows_recovery *r, struct err *e)
{
    bool ok = true;
    void *taken;
    while (queue_take(r->in_order, &taken, 1) > 0) {
        struct chunk *c = taken;
        if (!wait_made(r, c) && ok)
            ok = err_set(e, ERR_NOMEM, 0, "no memory for what queries read");
        if (ok)
            put_chunk(r, c);
        arena_reset(c->arena);
        c->count = c->bytes = 0;
        c->made = c->failed = false;
        if (!ok)
            queue_close(r->empty); /* ends the scanner; chunks on their way are passed over */
        if (!ok || !queue_put(r->empty, c)) {
            arena_free(c->arena);
            free(c);
        }
    }
    return ok;
}

/* --- all of it ----------------------------------------------------------------------------- */

/* The first block of an arena stays when it is emptied. */
static bool keep_room(struct arena *a)
{
    bool ok = arena_alloc(a, CHUNK_KEPT);
    arena_reset(a);
    return ok;
}

static bool recovery_init(struct rows_recovery *r, size_t chunks, struct err *e)
{
    pthread_mutex_init(&r->mu, NULL);
    pthread_cond_init(&r->some_made, NULL);
    r->empty = queue_new(chunks);
    r->to_make = queue_new(chunks);
    r->in_order = queue_new(chunks);
    r->one = arena_new(CHUNK_ARENA);
    bool ok = r->empty && r->to_make && r->in_order && r->one;
    for (size_t i = 0; i < chunks && ok; i++) {
        struct chunk *c = calloc(1, sizeof *c);
        if (c)
            c->arena = arena_new(CHUNK_ARENA);
        ok = c && c->arena && keep_room(c->arena) && queue_put(r->empty, c);
        if (!ok) {
            if (c)
                arena_free(c->arena);
            free(c);
        }
    }
    return ok || err_set(e, ERR_NOMEM, 0, "reading the store");
}

static void recovery_done(struct rows_recovery *r)
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
    queue_free(r->to_make);
    queue_free(r->in_order);
    arena_free(r->one);
    VEC_FREE(&r->gone);
    pthread_cond_destroy(&r->some_made);
    pthread_mutex_destroy(&r->mu);
}

static bool run_threads(struct rows_recovery *r, struct err *e)
{
    size_t wanted = r->engine->config.workers, makers = 0;
    pthread_t scanner, *threads = calloc(wanted, sizeof *threads);
    if (!threads)
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    while (makers < wanted && pthread_create(&threads[makers], NULL, maker_run, r) == 0)
        makers++;
    bool ok = false;
    if (makers == 0 || pthread_create(&scanner, NULL, scanner_run, r) != 0) {
        err_set(e, ERR_NOMEM, 0, "cannot start the threads that read the store");
        queue_close(r->to_make);
    } else {
        ok = put_all(r, e);
        pthread_join(scanner, NULL);
        if (ok && !r->scan_ok) {
            *e = r->scan_err;
            ok = false;
        }
    }
    for (size_t i = 0; i < makers; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return ok;
}

bool recovery_rows(struct engine *en, struct err *e)
{
    struct rows_recovery r = { .engine = en };
    int64_t began_us = metric_clock_us();
    r.is_tail = checkpoint_loaded(en, &r.after);
    bool ok = (r.is_tail || checkpoint_columns_anew(en, e)) &&
              recovery_init(&r, CHUNKS_PER_MAKER * en->config.workers, e) && run_threads(&r, e) &&
              (!r.is_tail || checkpoint_settle(en, r.gone.at, r.gone.len, e));
    size_t gone = r.gone.len;
    recovery_done(&r);
    if (ok)
        issues_restored(en);
    columns_publish(en->columns);
    if (ok) {
        checkpoint_began(en, r.put + gone, r.is_tail ? r.after : 0);
        log_line(LOG_INFO, "rows_recovered",
                 "rows=%zu damaged=%zu gone=%zu checkpoint=%s seconds=%.2f", r.put, r.damaged, gone,
                 r.is_tail ? "yes" : "no", (double)(metric_clock_us() - began_us) / 1e6);
    }
    return ok;
}
