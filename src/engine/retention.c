/* retention.c - see the header.
 *
 * Objects of a project are looked at in the order of their ids, which is nearly that in which they
 * came: so where the old ones end is found by a binary search, asking the store for the times of a
 * few. */
#include "engine/retention.h"

#include "access/policy.h"
#include "base/log.h"
#include "engine/inside.h"
#include "engine/sampler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MS 500 /* how soon a change of the configuration is seen */
#define ARENA_BYTES ((size_t)2 << 30)
#define EDIT_OBJECTS 4096 /* in one request to the engine: then a stop is noticed */

/* What has been compressed, or has lost its bytes, need not be looked at again. */
struct progress {
    struct str project; /* heap */
    uint64_t rule_hash; /* of the rule's place and the text of all rules */
    uint64_t done;      /* objects up to this one */
};

struct retention {
    struct retention_config config;
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool stops; /* guarded by mu */

    /* The thread's own. */
    struct arena *arena;   /* of one project */
    uint64_t seen_version; /* of access */
    int64_t next_ms;       /* when all objects are looked at again */
    VEC(struct progress) progress;
};

static int64_t clock_ms(void)
{
    return metric_clock_us() / 1000;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_stopping(struct retention *r)
{
    pthread_mutex_lock(&r->mu);
    bool stops = r->stops;
    pthread_mutex_unlock(&r->mu);
    return stops;
}

/* --- changes ------------------------------------------------------------------------------- */

struct waiter {
    pthread_mutex_t mu;
    pthread_cond_t cond;
    bool done;
};

static void edit_done(struct engine_edit *t)
{
    struct waiter *w = t->owner;
    pthread_mutex_lock(&w->mu);
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mu);
}

static bool edit_and_wait(struct engine *en, struct engine_edit *t, struct err *e)
{
    struct waiter w = { .mu = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
    t->done = edit_done;
    t->owner = &w;
    if (!engine_edit(en, t, e))
        return false;
    pthread_mutex_lock(&w.mu);
    while (!w.done)
        pthread_cond_wait(&w.cond, &w.mu);
    pthread_mutex_unlock(&w.mu);
    if (!t->ok)
        *e = t->err;
    return t->ok;
}

static bool remove_objects(struct retention *r, struct str project, enum removal removal,
                           const uint64_t *objects, size_t count, struct err *e)
{
    size_t removed = 0;
    bool ok = true;
    for (size_t at = 0; at < count && ok && !is_stopping(r); at += EDIT_OBJECTS) {
        struct arena *a = arena_new(ARENA_BYTES);
        struct engine_edit t = { .arena = a,
                                 .project = project,
                                 .kind = EDIT_REMOVE,
                                 .removal = removal,
                                 .objects = objects + at,
                                 .object_count =
                                     count - at < EDIT_OBJECTS ? count - at : EDIT_OBJECTS };
        ok = a ? edit_and_wait(r->config.engine, &t, e) : err_set(e, ERR_NOMEM, 0, "retention");
        removed += t.changed;
        arena_free(a);
    }
    if (removed > 0)
        log_line(LOG_INFO, "objects_removed", "project=%s objects=%zu%s", log_str(project), removed,
                 removal == REMOVE_PHYSICAL ? " what=bytes" : "");
    return ok;
}

static bool compress_object(struct retention *r, uint64_t object, struct arena *a, size_t *files,
                            struct err *e)
{
    struct engine *en = r->config.engine;
    struct stored_upload u;
    struct stored_attachment *attachments;
    size_t count;
    if (!store_upload_head(en->store, object, a, &u, e))
        return e->code == ERR_NOT_FOUND; /* it came over the PartyCrasher API, or is gone */
    if (!blobs_compress(en->blobs, &u.body, files, e) ||
        !store_attachments(en->store, object, a, &attachments, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!blobs_compress(en->blobs, &attachments[i].content, files, e))
            return false;
    return true;
}

static bool compress_objects(struct retention *r, struct str project, const uint64_t *objects,
                             size_t count, struct err *e)
{
    struct arena *a = arena_new(ARENA_BYTES);
    size_t files = 0;
    bool ok = a || err_set(e, ERR_NOMEM, 0, "retention");
    for (size_t i = 0; i < count && ok && !is_stopping(r); i++) {
        arena_reset(a);
        ok = compress_object(r, objects[i], a, &files, e);
    }
    arena_free(a);
    if (files > 0)
        log_line(LOG_INFO, "files_compressed", "project=%s files=%zu", log_str(project), files);
    return ok;
}

/* --- which objects ------------------------------------------------------------------------- */

struct entry {
    uint64_t object;
    uint32_t fingerprint; /* its code + 1; 0: it has none */
};
struct entries {
    struct entry *at; /* by rising objects */
    size_t count;
    uint32_t fingerprints; /* codes there are */
};

static int by_object(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->object > y->object) - (x->object < y->object);
}

struct block {
    uint64_t keys[COLUMNS_BLOCK_ROWS], live[COLUMNS_BLOCK_ROWS / 64];
    uint32_t codes[COLUMNS_BLOCK_ROWS];
};

static void add_block(struct entries *out, const struct table *t, const struct column *fingerprint,
                      uint32_t index, struct block *b)
{
    uint32_t rows = table_block_rows(t, index);
    table_keys(t, index, b->keys);
    table_live(t, index, b->live);
    memset(b->codes, 0, rows * sizeof *b->codes);
    if (fingerprint && column_type(fingerprint) == COLUMN_STRING)
        column_codes(t, fingerprint, index, b->codes);
    for (uint32_t i = 0; i < rows; i++)
        if (b->live[i / 64] >> (i % 64) & 1)
            out->at[out->count++] = (struct entry){ b->keys[i], b->codes[i] };
}

/* All objects of a project. */
static bool list_objects(struct retention *r, struct str project, struct entries *out,
                         struct err *e)
{
    struct columns *columns = engine_columns(r->config.engine);
    const struct columns_view *v = columns_acquire(columns);
    struct block *b = malloc(sizeof *b);
    struct table t;
    *out = (struct entries){ 0 };
    (void)columns_table(v, project, TABLE_OBJECTS, &t);
    out->at = arena_array(r->arena, (size_t)t.rows + 1, sizeof *out->at);
    bool ok = (b && out->at) || err_set(e, ERR_NOMEM, 0, "retention of %u objects", t.rows);
    if (ok && t.rows > 0) {
        const struct column *fingerprint = table_column(&t, STR("fingerprint"));
        if (fingerprint && column_type(fingerprint) == COLUMN_STRING)
            out->fingerprints = column_texts(fingerprint);
        for (uint32_t i = 0; i < table_blocks(&t); i++)
            add_block(out, &t, fingerprint, i, b);
        if (!table_keys_rise(&t))
            qsort(out->at, out->count, sizeof *out->at, by_object);
    }
    free(b);
    columns_release(columns, v);
    return ok;
}

/* When an object came; 0 for one that is just gone. */
static bool received_ms(struct retention *r, uint64_t object, int64_t *out, struct err *e)
{
    struct engine *en = r->config.engine;
    struct arena *a = arena_new(ARENA_BYTES);
    struct stored_upload u;
    struct stored_report report;
    *out = 0;
    bool ok = a || err_set(e, ERR_NOMEM, 0, "retention");
    if (ok && store_upload_head(en->store, object, a, &u, e)) {
        *out = u.received_ms;
    } else if (ok && e->code == ERR_NOT_FOUND) {
        struct object o = objects_find(&en->objects, object, STR(""));
        if (o.report != OBJECT_NO_REPORT && store_read(en->store, o.report, a, &report, e))
            *out = report.received_ms;
        ok = o.report == OBJECT_NO_REPORT || *out > 0 || e->code == ERR_NOT_FOUND;
    } else {
        ok = false;
    }
    arena_free(a);
    return ok;
}

/* How many, from the first on, came before this moment. */
static bool count_older(struct retention *r, const struct entries *all, int64_t limit_ms,
                        size_t *out, struct err *e)
{
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int64_t came_ms;
        if (!received_ms(r, all->at[middle].object, &came_ms, e))
            return false;
        if (came_ms <= limit_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return true;
}

/* Those that the rule is about, and that come after `done`. */
static bool choose(struct retention *r, const struct retention_rule *rule,
                   const struct entries *all, uint64_t done, uint64_t **out, size_t *count,
                   struct err *e)
{
    size_t from = 0, to = all->count, n = 0;
    int64_t now = now_ms();
    uint64_t *chosen = arena_array(r->arena, all->count + 1, sizeof *chosen);
    uint32_t *newer = arena_array(r->arena, (size_t)all->fingerprints + 1, sizeof *newer);
    if (!chosen || !newer)
        return err_set(e, ERR_NOMEM, 0, "retention of %zu objects", all->count);
    if (rule->age_min_s > 0 && !count_older(r, all, now - rule->age_min_s * 1000, &to, e))
        return false;
    if (rule->age_max_s < INT64_MAX &&
        !count_older(r, all, now - (rule->age_max_s + 1) * 1000, &from, e))
        return false;
    memset(newer, 0, ((size_t)all->fingerprints + 1) * sizeof *newer);
    for (size_t i = all->count; i-- > 0;) {
        uint32_t code = all->at[i].fingerprint;
        bool many = rule->keep == 0 || (code > 0 && newer[code] >= rule->keep);
        newer[code]++;
        if (i >= from && i < to && many && all->at[i].object > done)
            chosen[n++] = all->at[i].object;
    }
    *out = chosen; /* the newest first */
    *count = n;
    return true;
}

/* --- rules --------------------------------------------------------------------------------- */

static struct progress *progress_of(struct retention *r, struct str project, uint64_t rule_hash)
{
    for (size_t i = 0; i < r->progress.len; i++)
        if (r->progress.at[i].rule_hash == rule_hash && str_eq(r->progress.at[i].project, project))
            return &r->progress.at[i];
    struct progress p = { .rule_hash = rule_hash };
    char *copy = malloc(project.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, project.ptr, project.len);
    p.project = (struct str){ copy, project.len };
    if (VEC_PUSH(&r->progress, p))
        return &r->progress.at[r->progress.len - 1];
    free(copy);
    return NULL;
}

static enum removal removal_of(unsigned actions)
{
    switch (actions & RETENTION_ALL) {
    case RETENTION_PHYSICAL:
        return REMOVE_PHYSICAL;
    case RETENTION_ROW:
        return REMOVE_ROW;
    default:
        return REMOVE_ALL;
    }
}

static bool obey(struct retention *r, struct str project, const struct retention_rule *rule,
                 uint64_t rule_hash, struct err *e)
{
    struct entries all;
    uint64_t *objects;
    size_t count;
    /* What stays known and is chosen by its age alone, is chosen once. */
    bool once = rule->keep == 0 && !(rule->actions & RETENTION_ROW);
    struct progress *p = once ? progress_of(r, project, rule_hash) : NULL;
    if (!list_objects(r, project, &all, e) ||
        !choose(r, rule, &all, p ? p->done : 0, &objects, &count, e))
        return false;
    if (count == 0)
        return true;
    if ((rule->actions & RETENTION_COMPRESS) && !compress_objects(r, project, objects, count, e))
        return false;
    if ((rule->actions & RETENTION_ALL) &&
        !remove_objects(r, project, removal_of(rule->actions), objects, count, e))
        return false;
    if (p && !is_stopping(r))
        p->done = objects[0];
    return true;
}

static struct str member_text(const struct configuration *c, const char *member)
{
    const struct json *j = c ? json_get(c->object, str_from_c(member)) : NULL;
    return j && j->type == JSON_STRING ? j->text : STR("");
}

static struct str number_key(char room[24], uint64_t number)
{
    int n = snprintf(room, 24, "%llu", (unsigned long long)number);
    return (struct str){ room, (size_t)n };
}

struct str retention_rules_of(const struct access_view *v, const struct stored_project *p)
{
    char room[24];
    const struct stored_universe *u = access_universe(v, p->universe);
    const struct configuration *c = access_find_configuration(v, STR("project_retention"),
                                                              number_key(room, p->number)),
                               *any;
    if (!c && u)
        c = access_find_configuration(v, STR("universe_retention"), number_key(room, u->number));
    if (!c && access_configuration(v, STR("instance_retention"), &any) > 0)
        c = any;
    return member_text(c, "rules");
}

static bool obey_all(struct retention *r, struct str project, struct str text, struct err *e)
{
    struct retention_rule *rules;
    size_t count = 0;
    struct arena *a = arena_new(ARENA_BYTES);
    bool ok =
        a ? retention_parse(text, a, &rules, &count, e) : err_set(e, ERR_NOMEM, 0, "retention");
    for (size_t i = 0; ok && i < count && !is_stopping(r); i++) {
        arena_reset(r->arena);
        ok = obey(r, project, &rules[i], idmap_hash(text, i), e);
    }
    arena_free(a);
    return ok;
}

static bool clear_deleted(struct retention *r, struct str project, struct err *e)
{
    struct entries all;
    arena_reset(r->arena);
    if (!list_objects(r, project, &all, e))
        return false;
    uint64_t *objects = arena_array(r->arena, all.count + 1, sizeof *objects);
    for (size_t i = 0; objects && i < all.count; i++)
        objects[i] = all.at[i].object;
    return objects ? remove_objects(r, project, REMOVE_ALL, objects, all.count, e)
                   : err_set(e, ERR_NOMEM, 0, "retention");
}

static void look_at_project(struct retention *r, const struct access_view *v,
                            const struct stored_project *p)
{
    struct err e = { 0 };
    struct str rules = retention_rules_of(v, p);
    bool ok = p->deleted ? clear_deleted(r, p->name, &e)
                         : rules.len == 0 || obey_all(r, p->name, rules, &e);
    if (!ok)
        log_line(LOG_WARN, "retention_failed", "project=%s reason=%s", log_str(p->name),
                 log_str(str_from_c(e.msg)));
}

/* --- sampling ------------------------------------------------------------------------------ */

static void configure_sampling(struct retention *r, const struct access_view *v,
                               const struct stored_project *p)
{
    char room[24];
    struct err e = { 0 };
    const struct configuration *c =
        access_find_configuration(v, STR("project_sampling"), number_key(room, p->number));
    const struct json *off = c ? json_get(c->object, STR("disabled")) : NULL;
    bool is_on = c && !(off && off->type == JSON_NUMBER && !str_eq(off->text, STR("0")));
    struct str text = member_text(c, "configuration");
    if (!sampler_configure(r->config.engine->sampler, p->name, is_on && text.len > 0 ? &text : NULL,
                           &e))
        log_line(LOG_WARN, "sampling_refused", "project=%s reason=%s", log_str(p->name),
                 log_str(str_from_c(e.msg)));
}

/* What sampling has not kept loses its bytes. */
static void thin_out(struct retention *r)
{
    uint64_t objects[EDIT_OBJECTS];
    struct str project;
    size_t count;
    struct err e = { 0 };
    arena_reset(r->arena);
    while (!is_stopping(r) && (count = sampler_take(r->config.engine->sampler, r->arena, &project,
                                                    objects, EDIT_OBJECTS)) > 0) {
        if (!remove_objects(r, project, REMOVE_PHYSICAL, objects, count, &e))
            log_line(LOG_WARN, "sampling_failed", "project=%s reason=%s", log_str(project),
                     log_str(str_from_c(e.msg)));
        arena_reset(r->arena);
    }
}

/* --- the thread ---------------------------------------------------------------------------- */

static void tick(struct retention *r)
{
    struct err e = { 0 };
    uint64_t version;
    bool is_new =
        store_access_version(r->config.engine->store, &version, &e) && version != r->seen_version;
    bool is_due = is_new || clock_ms() >= r->next_ms;
    const struct access_view *v = is_due ? access_acquire(r->config.access, &e) : NULL;
    if (v) {
        const struct stored_access *rows = access_rows(v);
        for (size_t i = 0; is_new && i < rows->project_count; i++)
            configure_sampling(r, v, &rows->projects[i]);
        for (size_t i = 0; i < rows->project_count && !is_stopping(r); i++)
            look_at_project(r, v, &rows->projects[i]);
        access_release(r->config.access, v);
        r->seen_version = version;
        r->next_ms = clock_ms() + r->config.interval_ms;
    }
    thin_out(r);
}

static void *run(void *arg)
{
    struct retention *r = arg;
    while (!is_stopping(r)) {
        struct timespec until;
        tick(r);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&r->mu);
        while (!r->stops && pthread_cond_timedwait(&r->wake, &r->mu, &until) != ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&r->mu);
    }
    return NULL;
}

static void release(struct retention *r)
{
    for (size_t i = 0; i < r->progress.len; i++)
        free((char *)(uintptr_t)r->progress.at[i].project.ptr);
    VEC_FREE(&r->progress);
    arena_free(r->arena);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->mu);
    free(r);
}

bool retention_start(struct retention **out, const struct retention_config *config, struct err *e)
{
    pthread_condattr_t monotonic;
    struct retention *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, ERR_NOMEM, 0, "no memory for retention");
    r->config = *config;
    pthread_mutex_init(&r->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    r->arena = arena_new(ARENA_BYTES);
    if (!r->arena || pthread_create(&r->thread, NULL, run, r) != 0) {
        release(r);
        return err_set(e, ERR_NOMEM, 0, "cannot start the thread of retention");
    }
    *out = r;
    return true;
}

void retention_stop(struct retention *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->mu);
    r->stops = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->mu);
    pthread_join(r->thread, NULL);
    release(r);
}
