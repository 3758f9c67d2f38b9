/* submission_values.c - POST /api/post?object=ID&resource=_kv: attributes for an object that is
 * there, as a JSON object; null clears one. What `set` of a query does, for one object. */
#include "api/query.h"
#include "api/submission.h"

#include <inttypes.h>
#include <stdio.h>

#define VALUES_DEPTH 2
#define VALUES_NODES 10000

static void answer(struct http_exchange *x, void *arg)
{
    struct submission *s = arg;
    char rxid[RXID_BYTES + 1], object[17];
    struct json_writer w;
    struct err e = { 0 };
    if (!s->values.ok) {
        backtrace_refuse_err(x, &s->values.err);
        return;
    }
    if (s->values.changed == 0) {
        (void)err_word(&e, ERR_NOT_FOUND, "no_such_object", "%s", SUBMISSION_NO_OBJECT);
        backtrace_refuse(x, 400, &e);
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
    struct arena *a = backtrace_arena(s->x, s->api);
    if (!a)
        return;
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
