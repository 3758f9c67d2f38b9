/* process.c - the workers' step: from bytes to checked reports and packed payloads. Pure: one job
 * cannot disturb another, and as many threads as there are cores may be here. */
#include "engine/inside.h"

#include "base/date.h"
#include "report/fingerprint.h"

static struct json_limits limits(void)
{
    /* One level for a list of reports; a report itself says which of its limits was passed. */
    return (struct json_limits){ .depth = REPORT_DEPTH_MAX + 1, .nodes = ENGINE_JSON_NODES };
}

bool process_parse(struct report *out, struct str payload, struct arena *a, struct err *e)
{
    const struct json *json;
    return json_parse(&json, payload, limits(), a, e) && report_from_json(out, json, payload, a, e);
}

bool process_parse_stack(struct report *out, struct callstack *stack, struct str payload,
                         struct arena *a, struct err *e)
{
    const struct json *json;
    return json_parse(&json, payload, limits(), a, e) &&
           report_from_json(out, json, payload, a, e) &&
           (fingerprint_report_stack(json, a, stack) ||
            err_set(e, ERR_NOMEM, 0, "no memory for a call stack"));
}

static bool is_blank(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr(" \t\r\n", s.ptr[i]) || s.ptr[i] == '\0')
            return false;
    return true;
}

static bool process_item(struct engine_job *job, struct item *item, const struct json *json,
                         int64_t now_ms)
{
    struct report *r = &item->report;
    struct err *e = &job->err;
    if (!report_from_json(r, json, job->body, job->arena, e))
        return false;
    struct str own = r->project;
    if (!report_set_project(r, job->project, e)) {
        job->err_project = own;
        return false;
    }
    item->has_date = r->has_date;
    item->received_ms = now_ms;
    if (!r->has_date) {
        r->has_date = true;
        r->date_ms = now_ms;
    }
    struct callstack stack;
    return job->dry_run || (fingerprint_report(json, job->arena, item->fingerprint, &stack, e) &&
                            row_of_report(&item->row, r, &stack, NULL, job->arena, e) &&
                            store_pack(r->payload, job->arena, &item->packed, e));
}

/* How many reports the body holds, or why that is not a number to work with. */
static bool count_items(struct engine_job *job, const struct json *json)
{
    job->is_list = json->type == JSON_LIST;
    job->result_count = job->is_list ? json->count : 1;
    if (job->is_list && job->dry_run)
        return err_word(&job->err, ERR_INPUT, "list_in_dry_run",
                        "a dry run takes one report, not a list");
    if (job->result_count == 0)
        return err_word(&job->err, ERR_INPUT, "no_report_data_provided", "the list is empty");
    if (job->result_count > ENGINE_LIST_MAX)
        return err_word(&job->err, ERR_LIMIT, "too_many_reports",
                        "a list of %zu reports; at most %d are taken at once", job->result_count,
                        ENGINE_LIST_MAX);
    return true;
}

bool process_job(struct engine_job *job)
{
    const struct json *json;
    if (is_blank(job->body))
        return err_word(&job->err, ERR_INPUT, "no_report_data_provided",
                        "the body is empty; it must be a report or a list of reports");
    if (!json_parse(&json, job->body, limits(), job->arena, &job->err) || !count_items(job, json))
        return false;
    job->work->items = arena_array(job->arena, job->result_count, sizeof *job->work->items);
    job->results = arena_array(job->arena, job->result_count, sizeof *job->results);
    if (!job->work->items || !job->results)
        return err_set(&job->err, ERR_NOMEM, 0, "%zu reports", job->result_count);
    const struct json *next = job->is_list ? json->first : json;
    int64_t now_ms = date_now_ms();
    for (size_t i = 0; i < job->result_count; i++, next = next->next) {
        struct item *item = &job->work->items[i];
        *item = (struct item){ .result = &job->results[i] };
        if (!process_item(job, item, next, now_ms)) {
            job->err_index = i;
            return false;
        }
    }
    return true;
}
