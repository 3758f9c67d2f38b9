/* callstack.c - /api/callstack: how a report's call stack is made into names, and these into its
 * fingerprint, without storing anything.
 *
 *     POST ?action=evaluate   the body is a report, as it was sent or as the server shows it
 *     GET  ?action=get        the sets of rules of a project */
#include "api/console.h"

#include "decode/decode.h"
#include "report/fingerprint.h"

/* As it would be processed now, with the source maps that are there. */
static bool read_crash(const struct symbol_source *symbols, struct arena *a, struct str body,
                       uint8_t fp[FINGERPRINT_BYTES], struct callstack *stack, struct err *e)
{
    struct crash crash;
    struct str json = upload_format_name(UPLOAD_JSON);
    return decode_upload(UPLOAD_JSON, body, symbols, &crash, a, e) &&
           fingerprint_crash(&crash, json, a, fp, stack, e);
}

/* Reports that the server has made of dumps have their stack in `stacktrace`. */
static bool evaluate(const struct symbol_source *symbols, struct arena *a, struct str body,
                     uint8_t fp[FINGERPRINT_BYTES], struct callstack *stack, struct err *e)
{
    const struct json_limits limits = { DECODE_JSON_DEPTH, DECODE_JSON_NODES };
    const struct json *j;
    if (!json_parse(&j, body, limits, a, e))
        return false;
    if (j->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "the body must be a report, as a JSON object");
    return json_get(j, STR("stacktrace")) && !json_get(j, STR("threads"))
               ? fingerprint_report(j, a, fp, stack, e)
               : read_crash(symbols, a, body, fp, stack, e);
}

static void write_evaluated(struct json_writer *w, const struct callstack *stack,
                            const uint8_t fp[FINGERPRINT_BYTES])
{
    char hex[2 * FINGERPRINT_BYTES + 1];
    fingerprint_hex(fp, hex);
    json_object(w);
    json_key(w, STR("callstack"));
    json_object(w);
    json_key(w, STR("frame"));
    json_list(w);
    for (size_t i = 0; i < stack->count; i++)
        json_str(w, stack->names[i]);
    json_list_end(w);
    json_object_end(w);
    json_member(w, "fingerprint", str_from_c(hex));
    json_key(w, STR("rules"));
    json_int(w, FINGERPRINT_RULES);
    json_object_end(w);
}

static bool is_action(struct http_exchange *x, const char *wanted)
{
    struct str action = STR("");
    return http_param(x, "action", &action) && str_eq(action, str_from_c(wanted));
}

void api_callstack_evaluate(struct http_exchange *x, void *ctx)
{
    struct api *api = ctx;
    uint8_t fp[FINGERPRINT_BYTES];
    struct callstack stack = { 0 };
    struct json_writer w;
    struct err e = { 0 };
    struct library_project project;
    const struct token *token = backtrace_let_in(x, api, SCOPE_QUERY_POST);
    struct arena *a = token ? backtrace_arena(x, api) : NULL;
    if (!a)
        return;
    const struct symbol_source symbols = engine_symbols(api->engine, token->project, &project);
    if (!is_action(x, "evaluate")) {
        console_refuse(x, 400, "bad_action", "action must be evaluate");
    } else if (!evaluate(&symbols, a, http_body(x), fp, &stack, &e)) {
        backtrace_refuse(x, e.code == ERR_NOMEM ? 503 : 400, &e);
    } else {
        json_writer_init(&w, http_out(x));
        write_evaluated(&w, &stack, fp);
        http_answer(x, 200);
    }
}

static void write_rules(struct json_writer *w, struct str name)
{
    json_object(w);
    json_member(w, "name", name);
    json_key(w, STR("version"));
    json_int(w, FINGERPRINT_RULES);
    json_object_end(w);
}

/* There is one set, which is built in. */
void api_callstack_get(struct http_exchange *x, void *ctx)
{
    static const struct str built_in = STR_INIT("built in");
    struct str name = built_in;
    struct json_writer w;
    if (!backtrace_let_in(x, ctx, SCOPE_QUERY_POST))
        return;
    if (!is_action(x, "get")) {
        console_refuse(x, 400, "bad_action", "action must be get");
        return;
    }
    (void)http_param(x, "name", &name);
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_key(&w, STR("rules"));
    json_list(&w);
    if (str_eq(name, built_in))
        write_rules(&w, built_in);
    json_list_end(&w);
    json_object_end(&w);
    http_answer(x, 200);
}
