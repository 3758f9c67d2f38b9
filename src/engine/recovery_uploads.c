/* recovery_uploads.c - at start: which objects there are, what submission buckets have counted, and
 * what is in the inbox. The inbox's files keep records that are long done, until all in a file is:
 * so what the store has, or has deleted, is only crossed off; all else is processed, as is what
 * waits in the store for a decoder that this version has. */
#include "engine/inside.h"

#include "base/log.h"
#include "decode/decode.h"
#include "engine/amend.h"
#include "engine/sweep.h"
#include "engine/sweeper.h"

#define CHANGE_ARENA ((size_t)4 << 30) /* what was taken once is taken again */

struct start {
    struct engine *engine;
    VEC(struct inbox_place) done; /* in the inbox, and in the store */
    uint64_t gone_below; /* objects that a deletion of all reports took away, but for symbols */
    size_t waiting;
    VEC(uint64_t) symbols;    /* uploads of such */
    struct sweep_needs needs; /* files that the inbox names */
    struct arena *arena;
};

static bool add_ticket(struct start *s, const struct ticket *t, struct err *e)
{
    if (!backlog_reserve(&s->engine->backlog, 1))
        return err_set(e, ERR_NOMEM, 0, "no memory for the backlog");
    backlog_add(&s->engine->backlog, t, false);
    s->waiting++;
    return true;
}

static bool each_upload(void *ctx, const struct stored_upload *u, struct err *e)
{
    struct start *s = ctx;
    struct engine *en = s->engine;
    bool first, again = u->state == UPLOAD_WAITING && decode_can(u->format);
    /* One that is processed again is on its way until then, to those who want to read it. */
    const struct object as = { again ? OBJECT_ACCEPTED : OBJECT_COMMITTED, u->report };
    if (!objects_restore(&en->objects, u->object, u->project, u->uuid, as, e))
        return false;
    objects_came(&en->objects, u->object, u->received_ms);
    if (!upload_format_is_error(u->format))
        objects_keep(&en->objects, u->object);
    if (u->report == STORE_NONE && u->has_fingerprint &&
        !tally_fingerprint(&en->tally, u->project, u->fingerprint, &first, e))
        return false;
    if (upload_format_is_symbols(u->format) && !VEC_PUSH(&s->symbols, u->object))
        return err_set(e, ERR_NOMEM, 0, "no memory for uploads of symbols");
    const struct ticket t = { .object = u->object, .from_store = true };
    return !again || add_ticket(s, &t, e);
}

static bool each_count(void *ctx, const struct stored_count *c, struct err *e)
{
    struct start *s = ctx;
    return tally_restore(&s->engine->tally, c->key, c->count, e);
}

/* What was set since a report came can be searched for again; where it is damaged, not. */
static bool each_change(void *ctx, const struct stored_change *c, struct err *e)
{
    struct start *s = ctx;
    arena_reset(s->arena);
    return amend_restore(s->engine, c, s->arena, e);
}

/* In the store, committed or to be processed again from there; or deleted with all reports, or by
 * itself. */
static bool is_done(const struct start *s, const struct upload *u, bool *done, struct err *e)
{
    struct engine *en = s->engine;
    *done = objects_find(&en->objects, u->object, STR("")).state != OBJECT_UNKNOWN ||
            (u->object < s->gone_below && upload_format_is_error(u->format));
    return *done || store_is_removed(en->store, u->object, done, e);
}

static bool each_in_inbox(void *ctx, struct inbox_place at, const struct upload *u, struct err *e)
{
    struct start *s = ctx;
    struct objects *objects = &s->engine->objects;
    bool done;
    if (!is_done(s, u, &done, e))
        return false;
    if (done)
        return VEC_PUSH(&s->done, at) || err_set(e, ERR_NOMEM, 0, "reading the inbox");
    const struct object as = { OBJECT_ACCEPTED, OBJECT_NO_REPORT };
    const struct ticket t = { .object = u->object, .place = at };
    if (!sweep_need_upload(&s->needs, u, e) ||
        !objects_restore(objects, u->object, u->project, u->uuid, as, e))
        return false;
    objects_came(objects, u->object, u->received_ms);
    if (!upload_format_is_error(u->format))
        objects_keep(objects, u->object);
    return add_ticket(s, &t, e);
}

static bool read_all(struct start *s, struct err *e)
{
    struct engine *en = s->engine;
    uint64_t object;
    size_t damaged = 0, removed = 0; /* no file is removed that a damaged record may name */
    if (!store_last_ids(en->store, &object, &en->last_attachment, e))
        return false;
    if (!store_gone_below(en->store, &s->gone_below, e))
        return false;
    /* Ids that are gone must not come again, though some of them never got into the store. */
    objects_begin_after(&en->objects, object);
    objects_begin_after(&en->objects, s->gone_below > 0 ? s->gone_below - 1 : 0);
    if (!store_scan_uploads(en->store, each_upload, s, e) ||
        !store_scan_counts(en->store, each_count, s, e) ||
        !store_scan_changes(en->store, each_change, s, e) ||
        !inbox_open(&en->inbox, en->config.data_dir, each_in_inbox, s, &damaged, e))
        return false;
    tally_keep(&en->tally);
    if (!recovery_symbols(en, s->symbols.at, s->symbols.len, e))
        return false;
    for (size_t i = 0; i < s->done.len; i++)
        inbox_done(en->inbox, s->done.at[i]);
    if (damaged > 0) {
        log_line(LOG_ERROR, "inbox_damaged", "files=%zu message=\"kept as *.damaged\"", damaged);
        sweeper_forbid(en);
    } else if (!sweep_run(&s->needs, en->store, en->blobs, &removed, e)) {
        return false;
    }
    if (removed > 0)
        log_line(LOG_INFO, "files_removed", "files=%zu", removed);
    if (s->waiting > 0)
        log_line(LOG_INFO, "uploads_to_process", "uploads=%zu", s->waiting);
    return true;
}

bool recovery_uploads(struct engine *en, struct err *e)
{
    struct start s = { .engine = en, .arena = arena_new(CHANGE_ARENA) };
    bool ok = s.arena ? read_all(&s, e) : err_set(e, ERR_NOMEM, 0, "reading the store");
    VEC_FREE(&s.done);
    VEC_FREE(&s.symbols);
    sweep_done(&s.needs);
    arena_free(s.arena);
    return ok;
}
