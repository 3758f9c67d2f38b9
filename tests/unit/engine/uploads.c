/* uploads.c - see the header. */
#include "unit/engine/uploads.h"

#include <stdio.h>
#include <stdlib.h>

void call_init(struct call *c)
{
    pthread_mutex_init(&c->mu, NULL);
    pthread_cond_init(&c->came, NULL);
    c->has_come = false;
}

void call_come(struct call *c)
{
    pthread_mutex_lock(&c->mu);
    assert_false(c->has_come);
    c->has_come = true;
    pthread_cond_signal(&c->came);
    pthread_mutex_unlock(&c->mu);
}

void call_wait(struct call *c)
{
    pthread_mutex_lock(&c->mu);
    while (!c->has_come)
        pthread_cond_wait(&c->came, &c->mu);
    pthread_mutex_unlock(&c->mu);
    pthread_cond_destroy(&c->came);
    pthread_mutex_destroy(&c->mu);
}

static void upload_done(struct engine_upload *u)
{
    call_come(u->owner);
}

struct upload_bucket bucket(bool use)
{
    static const struct str attributes[] = { STR("fingerprint"), STR("uname.sysname") };
    static const struct bucket_value set[] = { { STR("has_advanced_log"), STR("1") } };
    return (struct upload_bucket){ .name = STR("cts"),
                                   .token = 1,
                                   .attributes = attributes,
                                   .attribute_count = 2,
                                   .set = set,
                                   .set_count = 1,
                                   .use = use };
}

struct given *given_new(struct place *p, enum upload_format format, struct str body)
{
    struct given *g = calloc(1, sizeof *g);
    struct err e = { 0 };
    assert_non_null(g);
    call_init(&g->call);
    g->u = (struct engine_upload){
        .arena = arena_new(UPLOAD_BYTES),
        .upload = { .project = STR("p"),
                    .format = format,
                    .type = STR("application/json"),
                    .uuid = STR(""),
                    .fields = g->fields },
        .spools = &g->body,
        .spool_count = 1,
        .done = upload_done,
        .owner = &g->call,
    };
    g->body = spool_new(engine_blobs(p->engine));
    assert_non_null(g->body);
    assert_true(spool_add(g->body, (struct bytes){ (const uint8_t *)body.ptr, body.len }, &e));
    assert_true(spool_finish(g->body, &g->u.upload.body, &e));
    return g;
}

void given_field(struct given *g, const char *name, const char *value)
{
    g->fields[g->u.upload.field_count++] =
        (struct upload_field){ str_from_c(name), str_from_c(value), UPLOAD_FROM_FORM };
}

void given_send(struct place *p, struct given *g)
{
    struct err e = { 0 };
    if (!engine_accept(p->engine, &g->u, &e))
        fail_msg("engine_accept: %s", e.msg);
    call_wait(&g->call);
    if (!g->u.ok)
        fail_msg("refused: %s", g->u.err.msg);
}

void given_free(struct given *g)
{
    spool_free(g->body);
    arena_free(g->u.arena);
    free(g);
}

void json_text(char *out, size_t room, const char *function, const char *uuid)
{
    snprintf(out, room,
             "{\"uuid\":\"%s\",\"timestamp\":1700000000,\"lang\":\"c\",\"mainThread\":\"1\","
             "\"threads\":{\"1\":{\"stack\":[{\"funcName\":\"%s\"},{\"funcName\":\"main_loop\"}]}},"
             "\"attributes\":{\"uname.sysname\":\"Linux\",\"n\":5}}",
             uuid, function);
}

struct given *json_new(struct place *p, const char *function, const char *uuid, bool sync)
{
    char body[512];
    json_text(body, sizeof body, function, uuid);
    struct given *g = given_new(p, UPLOAD_JSON, str_from_c(body));
    g->u.sync = sync;
    assert_true(arena_str(g->u.arena, str_from_c(uuid), &g->u.upload.uuid));
    return g;
}

uint64_t send_json(struct place *p, const char *function, const char *uuid, bool sync)
{
    struct given *g = json_new(p, function, uuid, sync);
    given_send(p, g);
    uint64_t object = g->u.object;
    given_free(g);
    return object;
}

/* Waiting and reading. */

static void wait_done(struct engine_wait *w)
{
    call_come(w->owner);
}

void settle(struct place *p, uint64_t object)
{
    struct call call;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct engine_wait w = {
        .arena = a, .object = object, .project = STR("p"), .done = wait_done, .owner = &call
    };
    struct err e = { 0 };
    call_init(&call);
    if (!engine_settle(p->engine, &w, &e))
        fail_msg("engine_settle: %s", e.msg);
    call_wait(&call);
    if (!w.ok)
        fail_msg("not settled: %s", w.err.msg);
    arena_free(a);
}

enum upload_state state_of(struct place *p, uint64_t object)
{
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct stored_upload u;
    struct err e = { 0 };
    settle(p, object);
    if (!engine_upload_read(p->engine, object, STR("p"), a, &u, &e))
        fail_msg("object %llx: %s", (unsigned long long)object, e.msg);
    arena_free(a);
    return u.state;
}

void assert_holds(struct str text, const char *part)
{
    if (!memmem(text.ptr, text.len, part, strlen(part)))
        fail_msg("no %s in %.*s", part, STR_ARG(text));
}

/* Attachments. */

static void attach_done(struct engine_attachment *t)
{
    call_come(t->owner);
}

bool attach(struct place *p, uint64_t object, const char *project, struct upload_bucket b,
            uint64_t *id)
{
    struct call call;
    struct arena *a = arena_new(UPLOAD_BYTES);
    struct engine_attachment t = { .arena = a,
                                   .object = object,
                                   .project = str_from_c(project),
                                   .attachment = { .name = STR("log.txt"),
                                                   .type = STR("text/plain") },
                                   .spool = spool_new(engine_blobs(p->engine)),
                                   .bucket = b,
                                   .done = attach_done,
                                   .owner = &call };
    struct err e = { 0 };
    call_init(&call);
    assert_true(spool_add(t.spool, (struct bytes){ (const uint8_t *)"hello", 5 }, &e));
    assert_true(spool_finish(t.spool, &t.attachment.content, &e));
    bool ok = engine_attach(p->engine, &t, &e);
    if (ok) {
        call_wait(&call);
        ok = t.ok;
        e = t.err;
    }
    if (!ok)
        assert_int_equal(e.code, ERR_NOT_FOUND);
    *id = t.id;
    spool_free(t.spool);
    arena_free(a);
    return ok;
}
