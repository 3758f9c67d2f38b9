/* issue.c - POST /api/issue: what people say of the bugs that fingerprints stand for: state,
 * labels, tickets, invariants (docs/issues.md). The answer has each issue as it is then. */
#include "api/console.h"
#include "api/door.h"

#include "report/fingerprint.h"

#define ISSUE_DEPTH_MAX 24
#define ISSUE_NODES_MAX 200000
#define ISSUE_FINGERPRINTS_MAX 10000
#define ISSUE_VALUES_MAX 4
#define ISSUE_VALUE_BYTES ((size_t)1 << 20)

struct issue_request {
    struct http_exchange *x;
    struct api *api;
    struct arena *arena;
    const struct json *body;
    struct str project;
    const struct json *named; /* the list of fingerprints */
    struct engine_edit edit;
    struct edit_value values[ISSUE_VALUES_MAX];
    struct err err;
};

static bool refuse(const struct issue_request *r, const char *message)
{
    struct err e = { 0 };
    (void)err_word(&e, ERR_INPUT, "bad_parameter", "%s", message);
    backtrace_refuse(r->x, 400, &e);
    return false;
}

static bool refuse_err(const struct issue_request *r, const struct err *e)
{
    bool is_theirs = e->code == ERR_INPUT || e->code == ERR_LIMIT;
    backtrace_refuse(r->x, is_theirs ? 400 : http_status_of(e->code), e);
    return false;
}

static bool no_memory(const struct issue_request *r)
{
    struct err e = { 0 };
    (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
    return refuse_err(r, &e);
}

/* All of these: false, it has been answered. */

static bool read_fingerprints(struct issue_request *r)
{
    r->named = json_get(r->body, STR("fingerprint"));
    if (!r->named || r->named->type != JSON_LIST || r->named->count == 0 ||
        r->named->count > ISSUE_FINGERPRINTS_MAX)
        return refuse(r, "fingerprint must be a list of 1 to 10000 fingerprints");
    uint8_t(*fingerprints)[STORE_FINGERPRINT_BYTES] =
        arena_array(r->arena, r->named->count, sizeof *fingerprints);
    if (!fingerprints)
        return no_memory(r);
    for (const struct json *j = r->named->first; j; j = j->next)
        if (j->type != JSON_STRING ||
            !fingerprint_parse(j->text, fingerprints[r->edit.fingerprint_count++]))
            return refuse(r, "a fingerprint has 64 hex digits");
    r->edit.fingerprints = (const uint8_t(*)[STORE_FINGERPRINT_BYTES])fingerprints;
    return true;
}

/* What is said. */

static bool add_text(struct issue_request *r, struct str name, struct str text)
{
    r->values[r->edit.value_count++] = (struct edit_value){
        .name = name, .clear = text.len == 0, .type = ATTRIBUTE_STRING, .text = text
    };
    return true;
}

/* A list of words as labels; else a text as it is; else JSON. */
static bool value_text(struct issue_request *r, const struct json *value, bool words,
                       struct str *out)
{
    struct buf buf;
    struct json_writer w;
    *out = STR("");
    if (value->type == JSON_NULL)
        return true;
    if (value->type == JSON_STRING) {
        *out = value->text;
        return true;
    }
    buf_init(&buf, ISSUE_VALUE_BYTES);
    json_writer_init(&w, &buf);
    if (words && value->type == JSON_LIST)
        for (const struct json *j = value->first; j; j = j->next) {
            if (buf.len > 0)
                buf_char(&buf, ' ');
            buf_str(&buf, j->text);
        }
    else
        json_tree(&w, value);
    bool ok = buf_ok(&buf) && arena_str(r->arena, buf_view(&buf), out);
    buf_done(&buf);
    return ok;
}

/* {"action":"set","value":...} */
static bool read_set(struct issue_request *r, const char *member, bool words)
{
    const struct json *j = json_get(r->body, str_from_c(member)), *value;
    struct str text;
    if (!j)
        return true;
    value = json_get(j, STR("value"));
    if (j->type != JSON_OBJECT || !str_eq(door_text(j, "action"), STR("set")) || !value)
        return refuse(r, "tags, ticket and invariants are objects with the action set and a value");
    return value_text(r, value, words, &text) ? add_text(r, str_from_c(member), text)
                                              : no_memory(r);
}

static bool read_values(struct issue_request *r)
{
    const struct json *state = json_get(r->body, STR("state"));
    if (state && (state->type != JSON_STRING || state->text.len == 0))
        return refuse(r, "state must be open, in-progress, resolved or muted");
    r->edit.values = r->values;
    return (!state || add_text(r, STR("state"), state->text)) && read_set(r, "tags", true) &&
           read_set(r, "ticket", false) && read_set(r, "invariants", false);
}

/* The answer. */

static void write_cell(struct json_writer *w, const struct table *t, uint32_t row, const char *name)
{
    const struct column *c = table_column(t, str_from_c(name));
    struct text_room room;
    struct cell cell = { .type = CELL_UNSET };
    if (c)
        cell = column_cell(t, c, row, &room);
    json_key(w, str_from_c(name));
    if (cell.type == CELL_UINT)
        json_uint(w, cell.u);
    else if (cell.type == CELL_STRING)
        json_str(w, cell.s);
    else
        json_null(w);
}

static void write_issue(struct json_writer *w, const struct table *t, uint32_t row)
{
    static const char *const members[] = { "fingerprint",
                                           "state",
                                           "invariants",
                                           "invariant_reopen_count",
                                           "invariant_reopen_last_time",
                                           "invariant_last_violated",
                                           "tags",
                                           "ticket",
                                           "blame_last_modified",
                                           "blame" };
    json_key(w, STR("id"));
    json_uint(w, table_key(t, row));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        write_cell(w, t, row, members[i]);
}

/* The row of each text of the column of fingerprints; by code; UINT32_MAX: none. */
static bool find_rows(struct issue_request *r, const struct table *t, const struct column *c,
                      uint32_t **out)
{
    uint32_t texts = column_texts(c);
    uint32_t *rows = arena_array(r->arena, (size_t)texts + 1, sizeof *rows);
    uint32_t *codes = arena_array(r->arena, COLUMNS_BLOCK_ROWS, sizeof *codes);
    uint64_t *live = arena_array(r->arena, COLUMNS_BLOCK_ROWS / 64, sizeof *live);
    if (!rows || !codes || !live)
        return false;
    for (uint32_t i = 0; i < texts; i++)
        rows[i] = UINT32_MAX;
    for (uint32_t block = 0; block < table_blocks(t); block++) {
        column_codes(t, c, block, codes);
        table_live(t, block, live);
        for (uint32_t i = 0; i < table_block_rows(t, block); i++)
            if (codes[i] > 0 && codes[i] <= texts && (live[i / 64] >> (i % 64) & 1))
                rows[codes[i] - 1] = block * COLUMNS_BLOCK_ROWS + i;
    }
    *out = rows;
    return true;
}

static uint32_t find_row(struct issue_request *r, const struct column *c, const uint32_t *rows,
                         const uint8_t *fingerprint)
{
    uint8_t shown[STORE_FINGERPRINT_BYTES];
    char hex[2 * STORE_FINGERPRINT_BYTES + 1];
    engine_fingerprint_shown(r->api->engine, r->project, fingerprint, shown);
    fingerprint_hex(shown, hex);
    uint32_t code = c ? column_code(c, str_from_c(hex)) : UINT32_MAX;
    return code < (c ? column_texts(c) : 0) ? rows[code] : UINT32_MAX;
}

static bool write_results(struct issue_request *r, const struct table *t)
{
    const struct column *c = table_column(t, STR("fingerprint"));
    const struct json *named = r->named->first;
    uint32_t *rows = NULL;
    struct json_writer w;
    if (c && !find_rows(r, t, c, &rows))
        return false;
    json_writer_init(&w, http_out(r->x));
    json_object(&w);
    json_key(&w, STR("results"));
    json_list(&w);
    for (size_t i = 0; i < r->edit.fingerprint_count; i++, named = named->next) {
        uint32_t row = find_row(r, c, rows, r->edit.fingerprints[i]);
        json_object(&w);
        if (row == UINT32_MAX) {
            json_member(&w, "fingerprint", named->text);
            json_member(&w, "error", STR("no object has this fingerprint"));
        } else {
            write_issue(&w, t, row);
        }
        json_object_end(&w);
    }
    json_list_end(&w);
    json_object_end(&w);
    return true;
}

static void finish(struct http_exchange *x, void *arg)
{
    struct issue_request *r = arg;
    struct columns *columns = engine_columns(r->api->engine);
    struct table t;
    if (r->err.code != ERR_NONE) {
        (void)refuse_err(r, &r->err);
        return;
    }
    const struct columns_view *v = columns_acquire(columns);
    (void)columns_table(v, r->project, TABLE_ISSUES, &t);
    bool ok = write_results(r, &t);
    columns_release(columns, v);
    if (ok && buf_ok(http_out(x)))
        http_answer(x, 200);
    else
        (void)no_memory(r);
}

static void edit_done(struct engine_edit *t)
{
    struct issue_request *r = t->owner;
    if (!t->ok)
        r->err = t->err;
    http_wake(r->x, finish, r);
}

static void start(struct issue_request *r)
{
    r->edit.arena = r->arena;
    r->edit.project = r->project;
    r->edit.kind = EDIT_ISSUES;
    r->edit.done = edit_done;
    r->edit.owner = r;
    http_park(r->x);
    if (!engine_edit(r->api->engine, &r->edit, &r->err))
        http_wake(r->x, finish, r);
}

void api_issue(struct http_exchange *x, void *ctx)
{
    const struct json_limits limits = { ISSUE_DEPTH_MAX, ISSUE_NODES_MAX };
    struct issue_request *r = arena_zalloc(http_arena(x), sizeof *r);
    struct door d;
    struct err e = { 0 };
    if (!r) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
        backtrace_refuse_err(x, &e);
        return;
    }
    r->x = x;
    r->api = ctx;
    r->arena = backtrace_arena(x, r->api);
    if (!r->arena || !door_open(&d, x, r->api, limits, SCOPE_QUERY_POST | SCOPE_CHANGE, r->arena))
        return;
    r->body = d.body;
    r->project = d.token->project;
    if (read_fingerprints(r) && read_values(r))
        start(r);
}
