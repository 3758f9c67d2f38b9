/* retention.c - see the header. */
#include "engine/retention.h"

#include "access/policy.h"
#include "base/date.h"
#include "base/log.h"
#include "engine/inside.h"
#include "engine/retention_choose.h"
#include "engine/sampler.h"
#include "engine/sweeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MS 250 /* how soon a change of the configuration is seen */
#define SHARE_MS 1000
#define ARENA_BYTES ((size_t)16 << 30) /* no limit: as much as the objects need */
#define EDIT_OBJECTS 4096              /* in one request to the engine */

/* What a rule has compressed need not be looked at again. */
struct progress {
    struct str project; /* heap */
    uint64_t rule;      /* hash of its place and the text of all rules */
    uint64_t *done;     /* heap; objects by falling ids */
    size_t done_count;
    bool in_use; /* the rule was there when all projects were last looked at */
};

struct retention {
    struct retention_config config;
    pthread_t thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    bool stops; /* guarded by mu */

    /* The thread's own. */
    struct arena *arena;   /* of one rule */
    uint64_t seen_version; /* of access */
    int64_t next_ms;       /* when all objects are looked at again */
    int64_t share_ends_ms;
    bool unfinished; /* something is left to do at once */
    struct sweeper sweeper;
    VEC(struct progress) progress;
};

static int64_t clock_ms(void)
{
    return metric_clock_us() / 1000;
}

static bool is_stopping(struct retention *r)
{
    pthread_mutex_lock(&r->mu);
    bool stops = r->stops;
    pthread_mutex_unlock(&r->mu);
    return stops;
}

/* Whether the rest must wait. */
static bool is_over(struct retention *r, bool has_begun)
{
    bool over = (has_begun && clock_ms() >= r->share_ends_ms) || is_stopping(r);
    r->unfinished |= over;
    return over;
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for retention");
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

/* As many as there is time for, and a portion in any case. */
static bool remove_objects(struct retention *r, struct str project, enum removal removal,
                           const uint64_t *objects, size_t count, struct err *e)
{
    bool ok = true;
    for (size_t at = 0; at < count && ok && !is_over(r, at > 0); at += EDIT_OBJECTS) {
        struct arena *a = arena_new(ARENA_BYTES);
        size_t n = count - at < EDIT_OBJECTS ? count - at : EDIT_OBJECTS;
        struct engine_edit t = { .arena = a,
                                 .project = project,
                                 .kind = EDIT_REMOVE,
                                 .removal = removal,
                                 .objects = objects + at,
                                 .object_count = n };
        ok = a ? edit_and_wait(r->config.engine, &t, e) : no_memory(e);
        arena_free(a);
    }
    return ok;
}

static bool compress_object(struct engine *en, uint64_t object, struct arena *a, size_t *files,
                            struct err *e)
{
    struct stored_upload u;
    struct stored_attachment *attachments;
    size_t count;
    if (!store_upload_head(en->store, object, a, &u, e))
        return e->code == ERR_NOT_FOUND; /* it came over the PartyCrasher API, or is gone */
    if (!upload_format_is_error(u.format))
        return true;
    if (!blobs_compress(en->blobs, &u.body, files, e) ||
        !store_attachments(en->store, object, a, &attachments, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!blobs_compress(en->blobs, &attachments[i].content, files, e))
            return false;
    return true;
}

/* --- progress ------------------------------------------------------------------------------ */

static struct progress *progress_of(struct retention *r, struct str project, uint64_t rule)
{
    for (size_t i = 0; i < r->progress.len; i++)
        if (r->progress.at[i].rule == rule && str_eq(r->progress.at[i].project, project))
            return &r->progress.at[i];
    struct progress p = { .rule = rule };
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

static void progress_free(struct progress *p)
{
    free((char *)(uintptr_t)p->project.ptr);
    free(p->done);
}

/* Forgets the rules that are not there any more. */
static void progress_clean(struct retention *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->progress.len; i++) {
        struct progress *p = &r->progress.at[i];
        if (!p->in_use) {
            progress_free(p);
            continue;
        }
        p->in_use = false;
        r->progress.at[kept++] = *p;
    }
    r->progress.len = kept;
}

/* Of the objects, those that are not done, in their order; how many. */
static size_t progress_left(const struct progress *p, const uint64_t *objects, size_t count,
                            uint64_t *left)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        while (at < p->done_count && p->done[at] > objects[i])
            at++;
        if (at == p->done_count || p->done[at] != objects[i])
            left[n++] = objects[i];
    }
    return n;
}

/* These are done, too. */
static bool progress_add(struct progress *p, const uint64_t *objects, size_t count)
{
    uint64_t *all = malloc((p->done_count + count + 1) * sizeof *all);
    size_t n = 0, at = 0;
    if (!all)
        return false;
    for (size_t i = 0; i < count; i++) {
        while (at < p->done_count && p->done[at] > objects[i])
            all[n++] = p->done[at++];
        all[n++] = objects[i];
    }
    while (at < p->done_count)
        all[n++] = p->done[at++];
    free(p->done);
    p->done = all;
    p->done_count = n;
    return true;
}

/* --- which objects ------------------------------------------------------------------------- */

struct block {
    uint64_t keys[COLUMNS_BLOCK_ROWS], live[COLUMNS_BLOCK_ROWS / 64];
    uint32_t fingerprints[COLUMNS_BLOCK_ROWS], emptied[COLUMNS_BLOCK_ROWS];
    uint32_t received_s[COLUMNS_BLOCK_ROWS];
};
struct list {
    struct retention_object *at; /* by rising ids */
    size_t count;
    uint32_t fingerprints;
};

static int by_object(const void *a, const void *b)
{
    const struct retention_object *x = a, *y = b;
    return (x->object > y->object) - (x->object < y->object);
}

static void read_codes(const struct table *t, const char *name, enum column_type type,
                       uint32_t index, uint32_t *out)
{
    const struct column *c = table_column(t, str_from_c(name));
    if (c && column_type(c) == type)
        column_codes(t, c, index, out);
    else
        memset(out, 0, table_block_rows(t, index) * sizeof *out);
}

static void add_block(struct engine *en, struct list *out, const struct table *t, uint32_t index,
                      struct block *b)
{
    uint32_t rows = table_block_rows(t, index);
    table_keys(t, index, b->keys);
    table_live(t, index, b->live);
    read_codes(t, "fingerprint", COLUMN_STRING, index, b->fingerprints);
    read_codes(t, "_deleted", COLUMN_BOOL, index, b->emptied);
    objects_received(&en->objects, b->keys, rows, b->received_s);
    for (uint32_t i = 0; i < rows; i++)
        if (b->live[i / 64] >> (i % 64) & 1)
            out->at[out->count++] = (struct retention_object){ .object = b->keys[i],
                                                               .fingerprint = b->fingerprints[i],
                                                               .received_s = b->received_s[i],
                                                               .is_emptied = b->emptied[i] == 2 };
}

/* All objects of a project. */
static bool list_objects(struct retention *r, struct str project, struct list *out, struct err *e)
{
    struct columns *columns = engine_columns(r->config.engine);
    const struct columns_view *v = columns_acquire(columns);
    struct block *b = malloc(sizeof *b);
    struct table t;
    *out = (struct list){ 0 };
    (void)columns_table(v, project, TABLE_OBJECTS, &t);
    out->at = arena_array(r->arena, (size_t)t.rows + 1, sizeof *out->at);
    bool ok = b && out->at;
    if (ok && t.rows > 0) {
        const struct column *c = table_column(&t, STR("fingerprint"));
        out->fingerprints = c && column_type(c) == COLUMN_STRING ? column_texts(c) : 0;
        for (uint32_t i = 0; i < table_blocks(&t); i++)
            add_block(r->config.engine, out, &t, i, b);
        if (!table_keys_rise(&t))
            qsort(out->at, out->count, sizeof *out->at, by_object);
    }
    free(b);
    columns_release(columns, v);
    return ok || no_memory(e);
}

/* What a rule is about; the arena's. The rule's share of time begins when that is known. */
static bool choose(struct retention *r, struct str project, const struct retention_rule *rule,
                   uint64_t **objects, size_t *count, struct err *e)
{
    struct list all;
    arena_reset(r->arena);
    if (!list_objects(r, project, &all, e))
        return false;
    uint32_t *newer = arena_array(r->arena, (size_t)all.fingerprints + 1, sizeof *newer);
    *objects = arena_array(r->arena, all.count + 1, sizeof **objects);
    if (!newer || !*objects)
        return no_memory(e);
    *count = retention_choose(rule, all.at, all.count, date_now_ms() / 1000, newer,
                              all.fingerprints, *objects);
    r->share_ends_ms = clock_ms() + (r->config.share_ms != 0 ? r->config.share_ms : SHARE_MS);
    return true;
}

/* --- rules --------------------------------------------------------------------------------- */

static bool obey_removal(struct retention *r, struct str project, const struct retention_rule *rule,
                         struct err *e)
{
    uint64_t *objects = NULL;
    size_t count = 0;
    enum removal removal = rule->actions == RETENTION_PHYSICAL ? REMOVE_PHYSICAL
                           : rule->actions == RETENTION_ROW    ? REMOVE_ROW
                                                               : REMOVE_ALL;
    return choose(r, project, rule, &objects, &count, e) &&
           remove_objects(r, project, removal, objects, count, e);
}

static bool compress_objects(struct retention *r, struct str project, struct progress *p,
                             const uint64_t *objects, size_t count, struct err *e)
{
    struct arena *a = arena_new(ARENA_BYTES);
    size_t files = 0, n = 0;
    bool ok = a || no_memory(e);
    while (n < count && ok && !is_over(r, n > 0)) {
        arena_reset(a);
        ok = compress_object(r->config.engine, objects[n], a, &files, e);
        n += ok;
    }
    arena_free(a);
    if (files > 0)
        log_line(LOG_INFO, "files_compressed", "project=%s files=%zu", log_str(project), files);
    return (n == 0 || progress_add(p, objects, n) || no_memory(e)) && ok;
}

static bool obey_compression(struct retention *r, struct str project,
                             const struct retention_rule *rule, uint64_t hash, struct err *e)
{
    uint64_t *objects = NULL;
    size_t count = 0;
    struct progress *p = progress_of(r, project, hash);
    if (!p)
        return no_memory(e);
    p->in_use = true;
    if (!choose(r, project, rule, &objects, &count, e))
        return false;
    uint64_t *left = arena_array(r->arena, count + 1, sizeof *left);
    if (!left)
        return no_memory(e);
    return compress_objects(r, project, p, left, progress_left(p, objects, count, left), e);
}

/* What is removed need not be compressed. */
static bool obey(struct retention *r, struct str project, const struct retention_rule *rule,
                 uint64_t hash, struct err *e)
{
    struct retention_rule part = *rule;
    part.actions = rule->actions & RETENTION_ALL;
    if (part.actions && !obey_removal(r, project, &part, e))
        return false;
    part.actions = RETENTION_COMPRESS;
    return !(rule->actions & RETENTION_COMPRESS) || (rule->actions & RETENTION_PHYSICAL) ||
           obey_compression(r, project, &part, hash, e);
}

static struct str member_text(const struct configuration *c, const char *member)
{
    const struct json *j = c ? json_get(c->object, str_from_c(member)) : NULL;
    return j && j->type == JSON_STRING ? j->text : STR("");
}

static const struct configuration *numbered(const struct access_view *v, const char *type,
                                            uint32_t number)
{
    char key[16];
    snprintf(key, sizeof key, "%u", number);
    return access_find_configuration(v, str_from_c(type), str_from_c(key));
}

struct str retention_rules_of(const struct access_view *v, const struct stored_project *p)
{
    const struct stored_universe *u = access_universe(v, p->universe);
    const struct configuration *any, *c = numbered(v, "project_retention", p->number);
    if (!c && u)
        c = numbered(v, "universe_retention", u->number);
    if (!c && access_configuration(v, STR("instance_retention"), &any) > 0)
        c = any;
    return member_text(c, "rules");
}

static bool obey_all(struct retention *r, struct str project, struct str text, struct err *e)
{
    struct retention_rule *rules;
    size_t count = 0;
    struct arena *a = arena_new(ARENA_BYTES);
    bool ok = a ? retention_parse(text, a, &rules, &count, e) : no_memory(e);
    for (size_t i = 0; ok && i < count && !is_stopping(r); i++)
        ok = obey(r, project, &rules[i], idmap_hash(text, i), e);
    arena_free(a);
    return ok;
}

static void look_at_project(struct retention *r, const struct access_view *v,
                            const struct stored_project *p)
{
    static const struct retention_rule everything = { .age_max_s = INT64_MAX,
                                                      .actions = RETENTION_ALL };
    struct err e = { 0 };
    struct str rules = retention_rules_of(v, p);
    bool ok = p->deleted       ? obey(r, p->name, &everything, 0, &e)
              : rules.len == 0 ? true
                               : obey_all(r, p->name, rules, &e);
    if (!ok && e.code == ERR_BUSY)
        r->unfinished = true;
    else if (!ok)
        log_line(LOG_WARN, "retention_failed", "project=%s reason=%s", log_str(p->name),
                 log_str(str_from_c(e.msg)));
}

/* --- sampling ------------------------------------------------------------------------------ */

static void configure_sampling(struct retention *r, const struct access_view *v,
                               const struct stored_project *p)
{
    struct err e = { 0 };
    const struct configuration *c = numbered(v, "project_sampling", p->number);
    const struct json *off = c ? json_get(c->object, STR("disabled")) : NULL;
    bool is_on =
        c && !p->deleted && !(off && off->type == JSON_NUMBER && !str_eq(off->text, STR("0")));
    struct str text = member_text(c, "configuration");
    if (!sampler_configure(r->config.engine->sampler, p->name, is_on && text.len > 0 ? &text : NULL,
                           &e))
        log_line(LOG_WARN, "sampling_refused", "project=%s reason=%s", log_str(p->name),
                 log_str(str_from_c(e.msg)));
}

/* What sampling has not kept loses its bytes. What cannot be removed now keeps them. */
static void thin_out(struct retention *r)
{
    uint64_t objects[EDIT_OBJECTS];
    struct str project;
    size_t count;
    struct err e = { 0 };
    arena_reset(r->arena);
    while (!is_stopping(r) && (count = sampler_take(r->config.engine->sampler, r->arena, &project,
                                                    objects, EDIT_OBJECTS)) > 0) {
        r->share_ends_ms = INT64_MAX;
        if (!remove_objects(r, project, REMOVE_PHYSICAL, objects, count, &e))
            log_line(LOG_WARN, "sampling_failed", "project=%s reason=%s", log_str(project),
                     log_str(str_from_c(e.msg)));
        arena_reset(r->arena);
    }
}

/* --- the thread ---------------------------------------------------------------------------- */

static void look_at_all(struct retention *r, const struct access_view *v, bool is_new)
{
    const struct stored_access *rows = access_rows(v);
    for (size_t i = 0; is_new && i < rows->project_count; i++)
        configure_sampling(r, v, &rows->projects[i]);
    for (size_t i = 0; i < rows->project_count && !is_stopping(r); i++)
        look_at_project(r, v, &rows->projects[i]);
    progress_clean(r);
}

static void tick(struct retention *r)
{
    struct err e = { 0 };
    uint64_t version = r->seen_version;
    bool is_new =
        store_access_version(r->config.engine->store, &version, &e) && version != r->seen_version;
    bool is_due = is_new || r->unfinished || clock_ms() >= r->next_ms;
    const struct access_view *v = is_due ? access_acquire(r->config.access, &e) : NULL;
    if (v) {
        r->unfinished = false;
        r->seen_version = version;
        r->next_ms = clock_ms() + r->config.interval_ms;
        look_at_all(r, v, is_new);
        access_release(r->config.access, v);
    }
    thin_out(r);
    sweeper_tick(&r->sweeper, clock_ms());
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
        progress_free(&r->progress.at[i]);
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
        return no_memory(e);
    r->config = *config;
    sweeper_init(&r->sweeper, config->engine, config->sweep_interval_ms);
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
