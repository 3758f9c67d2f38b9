/* retention_status.c - "rpstatus" of POST /api/control: which rules of retention count for which
 * projects (`morgue retention status`). */
#include "access/policy.h"
#include "api/asked.h"
#include "engine/retention.h"

static void write_number(struct json_writer *w, const char *name, int64_t n)
{
    json_key(w, str_from_c(name));
    json_int(w, n);
}

/* `end`: INT64_MAX when there is none. */
static void write_criterion(struct json_writer *w, const char *type, const char *op, int64_t value,
                            int64_t end)
{
    json_object(w);
    json_member(w, "type", str_from_c(type));
    json_member(w, "op", str_from_c(op));
    write_number(w, "value", value);
    if (end < INT64_MAX)
        write_number(w, "value_end", end);
    json_object_end(w);
}

static void write_criteria(struct json_writer *w, const struct retention_rule *r)
{
    bool is_range = r->age_max_s < INT64_MAX;
    json_list(w);
    if (is_range || r->age_min_s > 0 || r->keep == 0)
        write_criterion(w, "object-age", is_range ? "range" : "at-least", r->age_min_s,
                        r->age_max_s);
    if (r->keep > 0)
        write_criterion(w, "fingerprint-count", "more-than", (int64_t)r->keep, INT64_MAX);
    json_list_end(w);
}

static void write_actions(struct json_writer *w, unsigned actions)
{
    json_list(w);
    if (actions & RETENTION_ALL) {
        json_object(w);
        json_member(w, "type", STR("delete-all"));
        if ((actions & RETENTION_ALL) != RETENTION_ALL) {
            json_key(w, STR("subsets"));
            json_list(w);
            json_str(w, actions & RETENTION_PHYSICAL ? STR("physical") : STR("crdb"));
            json_list_end(w);
        }
        json_object_end(w);
    }
    if (actions & RETENTION_COMPRESS) {
        json_object(w);
        json_member(w, "type", STR("compress"));
        json_object_end(w);
    }
    json_list_end(w);
}

/* The members of a project's object. */
static bool write_rules(struct json_writer *w, const struct asked *asked,
                        const struct stored_project *p, struct arena *a, struct err *e)
{
    struct str text = retention_rules_of(asked->view, p);
    struct retention_rule *rules = NULL;
    size_t count = 0;
    if (text.len > 0 && !retention_parse(text, a, &rules, &count, e))
        return false;
    json_member(w, "state", count > 0 ? STR("enabled") : STR("not installed"));
    json_key(w, STR("rules"));
    json_list(w);
    for (size_t i = 0; i < count; i++) {
        json_object(w);
        json_key(w, STR("criteria"));
        write_criteria(w, &rules[i]);
        json_key(w, STR("actions"));
        write_actions(w, rules[i].actions);
        json_object_end(w);
    }
    json_list_end(w);
    return true;
}

/* The projects of one universe as its children. */
static bool write_universe(struct json_writer *w, const struct asked *asked, struct str name,
                           struct arena *a, struct err *e)
{
    bool ok = true;
    json_key(w, STR("children"));
    json_object(w);
    for (size_t i = 0; i < asked->count && ok; i++) {
        if (!str_eq(asked->projects[i]->universe, name))
            continue;
        json_key(w, asked->projects[i]->name);
        json_object(w);
        ok = write_rules(w, asked, asked->projects[i], a, e);
        json_object_end(w);
    }
    json_object_end(w);
    return ok;
}

static bool write_all(struct json_writer *w, const struct asked *asked, struct str universe,
                      struct arena *a, struct err *e)
{
    const struct stored_access *rows = access_rows(asked->view);
    bool ok = true;
    json_member(w, "state", STR("enabled"));
    if (universe.len > 0)
        return write_universe(w, asked, universe, a, e);
    json_key(w, STR("children"));
    json_object(w);
    for (size_t i = 0; i < rows->universe_count && ok; i++) {
        if (!asked_has(asked, rows->universes[i].name))
            continue;
        json_key(w, rows->universes[i].name);
        json_object(w);
        json_member(w, "state", STR("enabled"));
        ok = write_universe(w, asked, rows->universes[i].name, a, e);
        json_object_end(w);
    }
    json_object_end(w);
    return ok;
}

void retention_status(struct http_exchange *x, struct api *api, const struct json *body)
{
    struct asked asked;
    struct json_writer w;
    struct err e = { 0 };
    struct arena *a = backtrace_arena(x, api);
    if (!a || !asked_projects(&asked, x, api, body, SCOPE_QUERY_POST))
        return;
    json_writer_init(&w, http_out(x));
    json_object(&w);
    bool ok = asked.has_named && asked.count > 0
                  ? write_rules(&w, &asked, asked.projects[0], a, &e)
                  : write_all(&w, &asked, door_text(body, "universe"), a, &e);
    json_object_end(&w);
    if (ok)
        http_answer(x, 200);
    else
        backtrace_refuse_err(x, &e);
}
