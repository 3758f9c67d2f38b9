/* submission_values.c - POST /api/post?object=ID&resource=_kv: attributes for an object that is
 * there, as a JSON object; null clears one. What `set` of a query does, for one object. */
#include "api/query.h"
#include "api/submission.h"

#include <inttypes.h>
#include <stdio.h>

#define VALUES_DEPTH 2
#define VALUES_NODES 10000

static void free_arena(void *arena)
{
    arena_free(arena);
}

static void refuse(struct submission *s, enum err_code code, const char *word, const char *message)
{
    struct err e = { 0 };
    (void)err_word(&e, code, word, "%s", message);
    backtrace_refuse(s->x, code == ERR_NOMEM ? 503 : 400, &e);
}

static void answer(struct http_exchange *x, void *arg)
{
    struct submission *s = arg;
    char rxid[RXID_BYTES + 1], object[17];
    struct json_writer w;
    if (!s->values.ok) {
        backtrace_refuse_err(x, &s->values.err);
        return;
    }
    if (s->values.changed == 0) {
        refuse(s, ERR_NOT_FOUND, "no_such_object", SUBMISSION_NO_OBJECT);
        return;
    }
    rxid_make(engine_secret(s->api->engine), s->object, rxid);
    (void)snprintf(object, sizeof object, "%" PRIx64, s->object);
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_member(&w, "response", STR("ok"));
    json_member(&w, "_rxid", str_from_c(rxid));
    json_member(&w, "object", str_from_c(object));
    json_object_end(&w);
    http_answer(x, 200);
}

static void done(struct engine_edit *t)
{
    struct submission *s = t->owner;
    http_wake(s->x, answer, s);
}

static bool read_values(struct submission *s, struct err *e)
{
    const struct json_limits limits = { VALUES_DEPTH, VALUES_NODES };
    struct engine_edit *t = &s->values;
    const struct json *body;
    struct str text;
    if (!spool_view(s->in.file, &text, e) || !json_parse(&body, text, limits, t->arena, e))
        return false;
    return body->type == JSON_OBJECT
               ? query_values(body, t->arena, t, e)
               : err_word(e, ERR_INPUT, "bad_body", "the attributes must be a JSON object");
}

void submission_hand_over_values(struct submission *s)
{
    struct err e = { 0 };
    struct arena *a = arena_new_in(&s->api->memory, s->api->memory.limit_bytes);
    if (!a || !arena_defer(s->arena, free_arena, a)) {
        arena_free(a);
        refuse(s, ERR_NOMEM, "out_of_memory", "no memory for this request");
        return;
    }
    s->values = (struct engine_edit){
        .arena = a,
        .project = s->token->project,
        .kind = EDIT_SET,
        .objects = &s->object,
        .object_count = 1,
        .done = done,
        .owner = s,
    };
    if (!read_values(s, &e)) {
        backtrace_refuse_err(s->x, &e);
        return;
    }
    http_park(s->x);
    if (!engine_edit(s->api->engine, &s->values, &s->values.err))
        http_wake(s->x, answer, s);
}
