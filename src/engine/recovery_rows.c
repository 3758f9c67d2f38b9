/* recovery_rows.c - at start: the rows of all objects, made from the store; or, when there is a
 * checkpoint (checkpoint.h), which was read meanwhile, only those that have changed since.
 *
 *     scanner ──► makers: parse, make rows ──► putter (the caller): columns      (start_pipeline.h)
 *
 * First the uploads, then the reports of the PartyCrasher API; of changed ones, by their ids. What
 * cannot be read any more has a row without its attributes. */
#include "engine/checkpoint.h"
#include "engine/inside.h"
#include "engine/start_pipeline.h"

#include "base/log.h"
#include "base/metrics.h"

#define CHUNK_BYTES (1u << 20)
#define CHUNKS_PER_MAKER 4
#define ONE_ARENA ((size_t)16 << 30) /* no limit: what was taken once is taken again */
#define DAMAGED_LOGGED 20            /* one log line each */

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
    bool made; /* else memory was short */
    struct err err;
    bool damaged; /* and err says why */
};

struct rows_recovery {
    struct engine *engine;
    struct start_pipeline pipeline;
    /* The scanner's. */
    bool is_tail;       /* only what has changed behind `after` */
    uint64_t after;     /* a number of the store's log of rows */
    struct arena *one;  /* for one changed object */
    VEC(uint64_t) gone; /* changed objects that are not there any more; then the caller's */
    /* The putter's. */
    size_t put, damaged;
};

/* --- the scanner --------------------------------------------------------------------------- */

static bool added(struct rows_recovery *r, bool ok, size_t bytes, struct err *e)
{
    if (ok)
        start_pipeline_add(&r->pipeline, bytes);
    return ok || err_set(e, ERR_NOMEM, 0, "reading the store");
}

static bool each_upload(void *ctx, const struct stored_upload *u, struct err *e)
{
    struct rows_recovery *r = ctx;
    struct arena *a;
    struct source *s = start_pipeline_next(&r->pipeline, &a, e);
    if (!s)
        return false;
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
    static const uint8_t none[STORE_FINGERPRINT_BYTES];
    struct arena *a;
    struct source *s = start_pipeline_next(&r->pipeline, &a, e);
    if (!s)
        return false;
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

static bool scan(void *ctx, struct err *e)
{
    struct rows_recovery *r = ctx;
    struct store *store = r->engine->store;
    return r->is_tail ? store_scan_row_log(store, r->after, each_changed, r, e)
                      : store_scan_attributes(store, each_upload, r, e) &&
                            store_scan_posts(store, each_post, r, e);
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

static void make_chunk(void *ctx, struct start_chunk *c)
{
    struct source *s = c->items;
    (void)ctx;
    for (size_t i = 0; i < c->count; i++)
        s[i].made = s[i].is_post ? make_post(&s[i], c->arena) : make_upload(&s[i], c->arena);
}

/* --- the putter ---------------------------------------------------------------------------- */

static bool put_chunk(struct rows_recovery *r, const struct start_chunk *c, struct err *e)
{
    const struct source *sources = c->items;
    for (size_t i = 0; i < c->count; i++) {
        const struct source *s = &sources[i];
        if (!s->made)
            return err_set(e, ERR_NOMEM, 0, "no memory for what queries read");
        if (s->damaged && r->damaged++ < DAMAGED_LOGGED)
            log_line(LOG_ERROR, "object_damaged", "object=%llx reason=%s",
                     (unsigned long long)s->object, log_str(str_from_c(s->err.msg)));
        row_put(r->engine, s->project, s->object, &s->row,
                s->has_fingerprint ? s->fingerprint : NULL);
        r->put++;
    }
    return true;
}

static bool put_all(struct rows_recovery *r, struct err *e)
{
    bool ok = true;
    struct start_chunk *c;
    while ((c = start_pipeline_take(&r->pipeline))) {
        ok = put_chunk(r, c, e);
        if (!ok)
            start_pipeline_give_up(&r->pipeline);
        start_pipeline_give_back(&r->pipeline, c);
    }
    return ok;
}

/* --- all of it ----------------------------------------------------------------------------- */

static bool make_rows(struct rows_recovery *r, struct err *e)
{
    const struct start_pipeline_config config = {
        .makers = r->engine->config.workers,
        .chunks_per_maker = CHUNKS_PER_MAKER,
        .chunk_bytes = CHUNK_BYTES,
        .item_bytes = sizeof(struct source),
        .scan = scan,
        .make = make_chunk,
        .ctx = r,
    };
    r->one = arena_new(ONE_ARENA);
    if (!r->one)
        return err_set(e, ERR_NOMEM, 0, "reading the store");
    bool ok = start_pipeline_begin(&r->pipeline, &config, e);
    if (ok)
        ok = start_pipeline_end(&r->pipeline, put_all(r, e), e);
    arena_free(r->one);
    return ok;
}

bool recovery_rows(struct engine *en, struct err *e)
{
    struct rows_recovery r = { .engine = en };
    int64_t began_us = metric_clock_us();
    r.is_tail = checkpoint_loaded(en, &r.after);
    bool ok = (r.is_tail || checkpoint_columns_anew(en, e)) && make_rows(&r, e) &&
              (!r.is_tail || checkpoint_settle(en, r.gone.at, r.gone.len, e));
    size_t gone = r.gone.len;
    VEC_FREE(&r.gone);
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
