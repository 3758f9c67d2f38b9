/* query_change.c - queries that change what they find: `set` writes attributes to all matching
 * rows, `actions` merge fingerprints and part them again. The engine's writer does it, portion by
 * portion; the exchange is parked meanwhile. */
#include "api/query.h"

#include "report/fingerprint.h"

#define ACTIONS_MAX 1000
#define ACTION_FINGERPRINTS_MAX 10000

struct action {
    enum edit_kind kind; /* EDIT_MERGE or EDIT_UNMERGE */
    const uint8_t (*fingerprints)[STORE_FINGERPRINT_BYTES];
    size_t fingerprint_count;
};

/* All changes of one query, one after the other. */
struct change {
    struct query *query;
    struct engine_edit edit;
    struct action *actions; /* all checked before the first is done */
    size_t action_count, next_action;
    uint64_t changed, newest;
    struct err err; /* when the edit could not even be begun */
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for this query");
}

/* What rows are told. */

static bool value_of(const struct json *j, struct edit_value *out, struct err *e)
{
    *out = (struct edit_value){ .name = j->key, .text = j->text };
    switch (j->type) {
    case JSON_NULL:
        out->clear = true;
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        out->type = ATTRIBUTE_BOOLEAN;
        out->text = j->type == JSON_TRUE ? STR("true") : STR("false");
        return true;
    case JSON_STRING:
        out->type = attribute_type_of(j->text);
        return true;
    case JSON_NUMBER:
        out->type = attribute_type_of(j->text);
        if (out->type != ATTRIBUTE_UNSIGNED && out->type != ATTRIBUTE_SIGNED)
            out->type = ATTRIBUTE_DOUBLE;
        return true;
    case JSON_LIST:
    case JSON_OBJECT:
        break;
    }
    return err_word(e, ERR_INPUT, "bad_value", "set.%.*s: the value must be a scalar or null",
                    (int)(j->key.len < 80 ? j->key.len : 80), j->key.ptr);
}

bool query_values(const struct json *set, struct arena *a, struct engine_edit *edit, struct err *e)
{
    struct edit_value *values = arena_array(a, set->count + 1, sizeof *values);
    if (!values)
        return no_memory(e);
    for (const struct json *j = set->first; j; j = j->next)
        if (!value_of(j, &values[edit->value_count++], e))
            return false;
    edit->values = values;
    return true;
}

/* Which rows: objects by their ids. */
static bool match_objects(struct change *c, const struct columns_view *v, struct err *e)
{
    struct query *q = c->query;
    const struct run_limits limits = query_limits(q);
    struct table t;
    c->edit.kind = EDIT_SET;
    (void)columns_table(v, q->project, TABLE_OBJECTS, &t);
    c->newest = t.newest;
    return run_match(&q->ask, v, q->project, &limits, q->arena, &c->edit.objects,
                     &c->edit.object_count, e);
}

/* Issues by their fingerprints. */
static bool match_issues(struct change *c, const struct columns_view *v, struct err *e)
{
    static const struct str column = { "fingerprint", 11 };
    struct query *q = c->query;
    const struct run_limits limits = query_limits(q);
    struct ask which = q->ask;
    struct outcome found;
    which.kind = ASK_SELECT;
    which.select = &column;
    which.select_count = 1;
    which.limit = which.offset = 0;
    if (!run_ask(&which, v, q->project, &limits, q->arena, &found, e))
        return false;
    uint8_t(*fingerprints)[STORE_FINGERPRINT_BYTES] =
        arena_array(q->arena, found.row_count + 1, sizeof *fingerprints);
    if (!fingerprints)
        return no_memory(e);
    c->edit.kind = EDIT_ISSUES;
    for (size_t i = 0; i < found.row_count; i++)
        if (found.cells[i].type == CELL_STRING &&
            fingerprint_parse(found.cells[i].s, fingerprints[c->edit.fingerprint_count]))
            c->edit.fingerprint_count++;
    c->edit.fingerprints = (const uint8_t(*)[STORE_FINGERPRINT_BYTES])fingerprints;
    return true;
}

static bool prepare_set(struct change *c, struct err *e)
{
    struct query *q = c->query;
    struct columns *columns = engine_columns(q->api->engine);
    if (!query_check_rows(&q->ask, e) || !query_values(q->ask.set, q->arena, &c->edit, e))
        return false;
    const struct columns_view *v = columns_acquire(columns);
    bool ok = q->ask.table == TABLE_ISSUES ? match_issues(c, v, e) : match_objects(c, v, e);
    columns_release(columns, v);
    return ok;
}

/* What fingerprints are told. */

static bool bad_action(struct err *e, const char *what)
{
    return err_word(e, ERR_INPUT, "bad_action", "actions.fingerprint: %s", what);
}

static bool read_action(const struct json *j, struct arena *a, struct action *out, struct err *e)
{
    const struct json *type = json_get(j, STR("type")), *list = json_get(j, STR("arguments"));
    bool merge = type && type->type == JSON_STRING && str_eq(type->text, STR("merge"));
    size_t count = 0;
    if (!merge && !(type && type->type == JSON_STRING && str_eq(type->text, STR("unmerge"))))
        return bad_action(e, "the type of an action must be merge or unmerge");
    if (!list || list->type != JSON_LIST || list->count == 0 ||
        list->count > ACTION_FINGERPRINTS_MAX)
        return bad_action(e, "arguments must be a list of 1 to 10000 fingerprints");
    uint8_t(*fingerprints)[STORE_FINGERPRINT_BYTES] =
        arena_array(a, list->count, sizeof *fingerprints);
    if (!fingerprints)
        return no_memory(e);
    for (const struct json *one = list->first; one; one = one->next)
        if (one->type != JSON_STRING || !fingerprint_parse(one->text, fingerprints[count++]))
            return bad_action(e, "a fingerprint has 64 hex digits");
    *out = (struct action){ .kind = merge ? EDIT_MERGE : EDIT_UNMERGE,
                            .fingerprints = (const uint8_t(*)[STORE_FINGERPRINT_BYTES])fingerprints,
                            .fingerprint_count = count };
    return true;
}

static bool read_actions(struct change *c, struct err *e)
{
    const struct query *q = c->query;
    const struct json *list = json_get(q->ask.actions, STR("fingerprint"));
    if (!list || list->type != JSON_LIST || list->count == 0 || list->count > ACTIONS_MAX)
        return bad_action(e, "it must be a list of 1 to 1000 actions");
    c->actions = arena_array(q->arena, list->count, sizeof *c->actions);
    if (!c->actions)
        return no_memory(e);
    for (const struct json *j = list->first; j; j = j->next)
        if (!read_action(j, q->arena, &c->actions[c->action_count++], e))
            return false;
    return true;
}

static void prepare_action(struct change *c)
{
    const struct action *next = &c->actions[c->next_action++];
    c->edit.kind = next->kind;
    c->edit.fingerprints = next->fingerprints;
    c->edit.fingerprint_count = next->fingerprint_count;
}

/* Doing it. */

static void finish(struct http_exchange *x, void *arg)
{
    const struct change *c = arg;
    struct query *q = c->query;
    struct answer_about about = query_about(q);
    struct json_writer w;
    if (c->err.code != ERR_NONE) {
        query_refuse(q, &c->err);
        return;
    }
    json_writer_init(&w, http_out(x));
    answer_write_changed(&w, c->changed, c->newest, &about);
    http_answer(x, 200);
}

static void edit_done(struct engine_edit *t);

/* The exchange is parked. */
static void start(struct change *c)
{
    struct query *q = c->query;
    c->edit.arena = q->arena;
    c->edit.project = q->project;
    c->edit.done = edit_done;
    c->edit.owner = c;
    if (!engine_edit(q->api->engine, &c->edit, &c->err))
        http_wake(q->x, finish, c);
}

/* On a thread of the engine: the next action goes straight on. */
static void edit_done(struct engine_edit *t)
{
    struct change *c = t->owner;
    c->changed += t->changed;
    if (!t->ok)
        c->err = t->err;
    if (t->ok && c->next_action < c->action_count) {
        prepare_action(c);
        start(c);
    } else {
        http_wake(c->query->x, finish, c);
    }
}

static bool prepare(struct change *c, struct err *e)
{
    const struct ask *ask = &c->query->ask;
    if (ask->set && ask->actions)
        return err_word(e, ERR_INPUT, "bad_query", "a query has either set or actions");
    if (ask->set)
        return ask->set->type == JSON_OBJECT
                   ? prepare_set(c, e)
                   : err_word(e, ERR_INPUT, "bad_query", "set must be an object");
    if (!read_actions(c, e))
        return false;
    prepare_action(c);
    return true;
}

bool query_change(struct query *q)
{
    struct change *c = arena_zalloc(q->arena, sizeof *c);
    if (!c)
        return no_memory(&q->err);
    c->query = q;
    if (!prepare(c, &q->err))
        return false;
    start(c);
    return true;
}
