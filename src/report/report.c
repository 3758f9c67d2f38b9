/* report.c - a report from its JSON: the members that mean something are checked here, once; the
 * rest of the server relies on it. Called by the engine's workers for each upload, by the start for
 * each stored report, and by the command line. */
#include "report/internal.h"

#include "base/date.h"

enum report_key report_key(struct str key)
{
    static const struct {
        struct str name;
        enum report_key key;
    } keys[] = {
        { { "database_id", 11 }, REPORT_KEY_DATABASE_ID },
        { { "project", 7 }, REPORT_KEY_PROJECT },
        { { "date", 4 }, REPORT_KEY_DATE },
        { { "stacktrace", 10 }, REPORT_KEY_STACKTRACE },
        { { "force_bucket", 12 }, REPORT_KEY_FORCE_BUCKET },
        { { "buckets", 7 }, REPORT_KEY_GENERATED },
        { { "href", 4 }, REPORT_KEY_GENERATED },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_eq(keys[i].name, key))
            return keys[i].key;
    return REPORT_KEY_OTHER;
}

static bool read_database_id(struct report *out, const struct json *j, struct err *e)
{
    if (!report_is_scalar(j))
        return err_word(e, ERR_INPUT, "bad_database_id", "database_id must be a string");
    out->database_id = report_scalar(j);
    return report_name_check(out->database_id, REPORT_ID_MAX, "database_id", "bad_database_id", e);
}

static bool read_project(struct report *out, const struct json *j, struct err *e)
{
    if (!report_is_scalar(j))
        return err_word(e, ERR_INPUT, "bad_project_name", "project must be a string");
    out->project = report_scalar(j);
    return report_project_check(out->project, e);
}

static bool read_date(struct report *out, const struct json *j, struct err *e)
{
    if (!report_is_scalar(j))
        return err_word(e, ERR_INPUT, "bad_date", "date must be a string with an ISO 8601 date");
    out->has_date = true;
    return date_parse(report_scalar(j), &out->date_ms, e);
}

static bool read_force_bucket(struct report *out, const struct json *j, struct err *e)
{
    if (!report_is_scalar(j))
        return err_word(e, ERR_INPUT, "bad_force_bucket", "force_bucket must be a string");
    out->force_bucket = report_scalar(j);
    return report_name_check(out->force_bucket, REPORT_ID_MAX, "force_bucket", "bad_force_bucket",
                             e);
}

static bool check_stacktrace(const struct json *j, struct err *e)
{
    if (j->type != JSON_LIST)
        return err_word(e, ERR_INPUT, "bad_stacktrace",
                        "stacktrace must be a list of objects, one for each frame");
    if (j->count > REPORT_FRAMES_MAX)
        return err_word(e, ERR_INPUT, "too_many_frames",
                        "stacktrace has %zu frames, at most %d are taken", j->count,
                        REPORT_FRAMES_MAX);
    size_t i = 0;
    for (const struct json *frame = j->first; frame; frame = frame->next, i++) {
        if (frame->type != JSON_OBJECT)
            return err_word(e, ERR_INPUT, "bad_stacktrace",
                            "frame %zu of stacktrace is not an object (the first is frame 0)", i);
        const struct json *function = json_get(frame, STR("function"));
        if (function && (function->type == JSON_LIST || function->type == JSON_OBJECT))
            return err_word(e, ERR_INPUT, "bad_stacktrace",
                            "function in frame %zu of stacktrace must be a string or null", i);
    }
    return true;
}

/* A member that is null counts as left out. */
static bool read_member(struct report *out, const struct json *j, struct err *e)
{
    if (j->type == JSON_NULL)
        return true;
    switch (report_key(j->key)) {
    case REPORT_KEY_DATABASE_ID:
        return read_database_id(out, j, e);
    case REPORT_KEY_PROJECT:
        return read_project(out, j, e);
    case REPORT_KEY_DATE:
        return read_date(out, j, e);
    case REPORT_KEY_STACKTRACE:
        return check_stacktrace(j, e);
    case REPORT_KEY_FORCE_BUCKET:
        return read_force_bucket(out, j, e);
    case REPORT_KEY_GENERATED:
    case REPORT_KEY_OTHER:
        break;
    }
    return true;
}

bool report_from_json(struct report *out, const struct json *json, struct str text, struct arena *a,
                      struct err *e)
{
    if (json->type != JSON_OBJECT)
        return err_word(e, ERR_INPUT, "no_report_data_provided", "a report must be a JSON object");
    if (!json->first)
        return err_word(e, ERR_INPUT, "no_report_data_provided", "the report is an empty object");
    struct report r = {
        .database_id = STR(""),
        .project = STR(""),
        .force_bucket = STR(""),
        .payload = { text.ptr + json->begin, json->end - json->begin },
    };
    for (const struct json *j = json->first; j; j = j->next)
        if (!read_member(&r, j, e))
            return false;
    if (r.database_id.len == 0)
        return err_word(e, ERR_INPUT, "no_database_id",
                        "the report needs a database_id, a string that no other report has");
    if (!trace_collect(&r.trace, json, a))
        return err_set(e, ERR_NOMEM, 0, "no memory for the stack trace");
    if (!report_collect_texts(&r, json, a, e) || !report_hash_content(r.content_hash, json, a, e))
        return false;
    *out = r;
    return true;
}
