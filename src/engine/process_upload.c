/* process_upload.c - the workers' step for an upload: from its bytes to what the store keeps of it,
 * and to a report when there is a decoder for it.
 *
 * Nothing that a sender can put into an upload makes this fail: what cannot be read becomes a
 * report without a stack trace and with an attribute `error`. It fails only for what may be better
 * later: memory and the disk. */
#include "engine/inside.h"

#include "access/receipt.h"
#include "decode/decode.h"
#include "engine/missing_modules.h"
#include "report/crash_report.h"
#include "report/fingerprint.h"

#define JSON_MAX ((size_t)256 << 20)
#define FIELDS_NODES 65536
#define ERRORS_MAX 65536 /* bytes of all error sentences */

static bool no_memory(struct upload_work *w)
{
    return err_set(&w->job.err, ERR_NOMEM, 0, "no memory to process an upload");
}

/* Fields are kept as a JSON list of [name, value, origin]; a bucket's `set` counts as form fields
 * that came last, so that it holds when the upload is processed again. */

static void write_field(struct json_writer *j, struct str name, struct str value,
                        enum upload_origin origin)
{
    json_list(j);
    json_str(j, name);
    json_str(j, value);
    json_int(j, origin);
    json_list_end(j);
}

static bool write_fields(const struct upload *u, struct arena *a, struct str *out)
{
    struct buf buf;
    struct json_writer j;
    buf_init(&buf, JSON_MAX);
    json_writer_init(&j, &buf);
    json_list(&j);
    for (size_t i = 0; i < u->field_count; i++)
        write_field(&j, u->fields[i].name, u->fields[i].value, u->fields[i].origin);
    for (size_t i = 0; u->bucket.use && i < u->bucket.set_count; i++)
        write_field(&j, u->bucket.set[i].attribute, u->bucket.set[i].value, UPLOAD_FROM_FORM);
    json_list_end(&j);
    return take_text(&buf, a, out);
}

static bool read_field(const struct json *j, struct upload_field *out)
{
    if (j->type != JSON_LIST || j->count != 3)
        return false;
    const struct json *name = j->first, *value = name->next, *origin = value->next;
    out->name = name->text;
    out->value = value->text;
    out->origin = str_eq(origin->text, STR("0")) ? UPLOAD_FROM_QUERY : UPLOAD_FROM_FORM;
    return name->type == JSON_STRING && value->type == JSON_STRING;
}

static bool read_fields(struct str text, struct upload *u, struct arena *a, struct err *e)
{
    const struct json *list;
    const struct json_limits limits = { .depth = 2, .nodes = FIELDS_NODES };
    if (!json_parse(&list, text, limits, a, e))
        return false;
    struct upload_field *fields = arena_array(a, list->count + 1, sizeof *fields);
    if (!fields)
        return err_set(e, ERR_NOMEM, 0, "fields of an upload");
    u->field_count = 0;
    for (const struct json *j = list->first; j; j = j->next)
        if (read_field(j, &fields[u->field_count]))
            u->field_count++;
    u->fields = fields;
    return true;
}

/* Loading. */

/* What was set since it came holds on: as form fields that came last, for modifiers are among them;
 * see hold_amended. */
static bool add_amended(struct upload *u, const struct attributes *set, struct arena *a,
                        struct err *e)
{
    struct upload_field *fields = arena_array(a, u->field_count + set->count + 1, sizeof *fields);
    if (!fields)
        return err_set(e, ERR_NOMEM, 0, "fields of an upload");
    for (size_t i = 0; i < u->field_count; i++)
        fields[i] = u->fields[i];
    for (size_t i = 0; i < set->count; i++)
        fields[u->field_count++] =
            (struct upload_field){ set->at[i].name, set->at[i].text, UPLOAD_FROM_FORM };
    u->fields = fields;
    return true;
}

static bool load_stored(struct upload_work *w)
{
    struct stored_upload s;
    struct upload *u = &w->upload;
    if (!store_upload_read(w->engine->store, w->ticket.object, w->job.arena, &s, &w->job.err))
        return false;
    if (s.state == UPLOAD_REMOVED)
        return err_set(&w->job.err, ERR_NOT_FOUND, 0, "its bytes were removed");
    w->row.amended = s.amended;
    w->row.remade = true;
    w->was = s.state;
    w->old = s.report;
    *u = (struct upload){
        .object = s.object,
        .project = s.project,
        .format = s.format,
        .received_ms = s.received_ms,
        .type = s.type,
        .uuid = s.uuid,
        .body = s.body,
    };
    return read_fields(s.fields, u, w->job.arena, &w->job.err) &&
           amended_read(&w->amended, s.amended, &w->job.err) &&
           add_amended(u, &w->amended.set, w->job.arena, &w->job.err);
}

static bool load(struct upload_work *w)
{
    struct err *e = &w->job.err;
    amended_init(&w->amended, w->job.arena);
    bool ok = w->ticket.from_store
                  ? load_stored(w)
                  : inbox_read(w->engine->inbox, w->ticket.place, w->job.arena, &w->upload, e);
    /* Want of memory or of descriptors passes. */
    w->unreadable = !ok && e->code != ERR_NOMEM && e->code != ERR_BUSY;
    return ok;
}

/* Decoding. */

/* The body into *crash, and the row's state; a sentence in *failure when it cannot be read. */
static bool decode(struct upload_work *w, struct crash *crash, struct str *failure)
{
    const struct upload *u = &w->upload;
    struct arena *a = w->job.arena;
    struct err e = { 0 };
    struct str bytes;
    decode_nothing(crash, a);
    *failure = STR("");
    w->row.state = !upload_format_is_error(u->format) ? UPLOAD_KEPT
                   : !decode_can(u->format)           ? UPLOAD_WAITING
                                                      : UPLOAD_DECODED;
    if (w->row.state != UPLOAD_DECODED)
        return true;
    struct library_project project;
    const struct symbol_source symbols = engine_symbols(w->engine, u->project, &project);
    if (w->ticket.undecoded)
        (void)err_set(&e, ERR_LIMIT, 0, "reading it takes more memory than there is");
    else if (blobs_view(w->engine->blobs, &u->body, a, &bytes, &e) &&
             decode_upload(u->format, bytes, &symbols, crash, a, &e))
        return true;
    if (e.code == ERR_NOMEM || e.code == ERR_BUSY) {
        w->job.err = e;
        return false;
    }
    decode_nothing(crash, a);
    w->row.state = UPLOAD_FAILED;
    return arena_str(a, str_from_c(e.msg), failure) || no_memory(w);
}

/* What was set since, in its own types; and what was cleared since is not there. */
static bool hold_amended(struct upload_work *w, struct attributes *a)
{
    const struct amended *m = &w->amended;
    for (size_t i = 0; i < m->cleared.count; i++)
        if (!decode_is_from_server(m->cleared.at[i].name))
            attributes_remove(a, m->cleared.at[i].name);
    for (size_t i = 0; i < m->set.count; i++) {
        const struct attribute *set = &m->set.at[i];
        bool is_modifier = !attributes_find(a, set->name);
        if (!is_modifier && !decode_is_from_server(set->name) &&
            !attributes_set(a, set->name, set->type, set->text))
            return no_memory(w);
    }
    return true;
}

static bool fingerprint(struct upload_work *w, const struct crash *crash, struct callstack *stack)
{
    if (w->row.state == UPLOAD_KEPT)
        return true;
    w->row.has_fingerprint = true;
    return fingerprint_crash(crash, upload_format_name(w->upload.format), w->job.arena,
                             w->row.fingerprint, stack, &w->job.err);
}

/* The report. */

static bool make_item(struct upload_work *w, struct str json, struct err *e)
{
    struct item *item = &w->item;
    struct report *r = &item->report;
    *item = (struct item){ .result = &w->result, .object = w->upload.object };
    if (!process_parse(r, json, w->job.arena, e) || !report_set_project(r, w->upload.project, e))
        return false;
    item->has_date = r->has_date;
    item->received_ms = w->upload.received_ms;
    if (!r->has_date) {
        r->has_date = true;
        r->date_ms = w->upload.received_ms;
    }
    memcpy(item->fingerprint, w->row.fingerprint, sizeof item->fingerprint);
    w->work.items = item;
    w->job.results = &w->result;
    w->job.result_count = 1;
    return store_pack(r->payload, w->job.arena, &item->packed, e);
}

static bool make_report(struct upload_work *w, const struct crash *crash)
{
    char rxid[RXID_BYTES + 1];
    struct str json;
    struct crash_names names = { .project = w->upload.project,
                                 .received_ms = w->upload.received_ms };
    rxid_make(w->engine->secret, w->upload.object, rxid);
    if (!arena_str(w->job.arena, str_from_c(rxid), &names.database_id))
        return no_memory(w);
    struct err e = { 0 };
    if (crash_report_write(crash, &names, w->job.arena, &json, &e) && make_item(w, json, &e))
        return true;
    if (e.code == ERR_NOMEM) {
        w->job.err = e;
        return false;
    }
    return upload_without_report(w, &e);
}

/* The row. */

bool upload_without_report(struct upload_work *w, const struct err *why)
{
    w->row.state = UPLOAD_FAILED;
    w->job.result_count = 0;
    if (w->row.error.len > 0)
        return arena_printf(w->job.arena, &w->row.error, "%.*s\n%s", STR_ARG(w->row.error),
                            why->msg) ||
               no_memory(w);
    return arena_str(w->job.arena, str_from_c(why->msg), &w->row.error) || no_memory(w);
}

static bool join_errors(struct upload_work *w, struct str failure, const struct crash *crash)
{
    struct buf buf;
    buf_init(&buf, ERRORS_MAX);
    buf_str(&buf, failure);
    for (size_t i = 0; i < crash->error_count; i++) {
        if (buf.len > 0)
            buf_char(&buf, '\n');
        buf_str(&buf, crash->errors[i]);
    }
    bool ok = arena_str(w->job.arena, buf_view(&buf), &w->row.error);
    buf_done(&buf);
    return ok || no_memory(w);
}

static bool write_attributes(struct upload_work *w)
{
    struct buf buf;
    struct json_writer j;
    buf_init(&buf, JSON_MAX);
    json_writer_init(&j, &buf);
    attributes_write(&j, &w->attributes);
    return take_text(&buf, w->job.arena, &w->row.attributes) || no_memory(w);
}

static bool make_attachments(struct upload_work *w)
{
    const struct upload *u = &w->upload;
    w->attachments = arena_array(w->job.arena, u->attachment_count + 1, sizeof *w->attachments);
    if (!w->attachments)
        return no_memory(w);
    for (size_t i = 0; i < u->attachment_count; i++)
        w->attachments[i] = (struct stored_attachment){
            .object = u->object,
            .received_ms = u->received_ms,
            .name = u->attachments[i].name,
            .type = u->attachments[i].type,
            .content = u->attachments[i].content,
        };
    return true;
}

/* The value of an attribute, for combinations. */
static bool attribute_value(const void *ctx, struct str attribute, struct str *out)
{
    const struct upload_work *w = ctx;
    if (str_eq(attribute, STR("fingerprint")) && w->row.has_fingerprint) {
        *out = w->hex;
        return true;
    }
    const struct attribute *found = attributes_find(&w->attributes, attribute);
    if (found)
        *out = found->text;
    return found;
}

bool upload_combination(struct upload_work *w, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
    char hex[2 * STORE_FINGERPRINT_BYTES + 1];
    if (w->upload.bucket.name.len == 0)
        return true;
    fingerprint_hex(fingerprint, hex);
    if (!arena_str(w->job.arena, str_from_c(hex), &w->hex))
        return no_memory(w);
    return combination_make(&w->combination, &w->upload.bucket, attribute_value, w, w->job.arena,
                            &w->job.err);
}

/* What is kept of the upload itself, once. */
static bool keep_upload(struct upload_work *w)
{
    const struct upload *u = &w->upload;
    if (!u->body.in_file &&
        !store_pack(u->body.bytes, w->job.arena, &w->row.packed_body, &w->job.err))
        return false;
    return write_fields(u, w->job.arena, &w->row.fields) || no_memory(w);
}

static bool make_row(struct upload_work *w)
{
    const struct upload *u = &w->upload;
    struct stored_upload *row = &w->row;
    row->object = u->object;
    row->project = u->project;
    row->format = u->format;
    row->received_ms = u->received_ms;
    row->report = STORE_NONE;
    row->type = u->type;
    row->uuid = u->uuid;
    row->body = u->body;
    return write_attributes(w) && make_attachments(w) && (row->remade || keep_upload(w));
}

bool process_upload(struct upload_work *w)
{
    struct crash crash;
    struct callstack stack = { 0 };
    struct str failure, names;
    if (!load(w))
        return false;
    w->for_converters = conversions_want(w);
    if (w->for_converters)
        return true;
    if (!decode(w, &crash, &failure) || !decode_merge(&crash, &w->upload, &w->job.err))
        return false;
    if (failure.len > 0 &&
        !attributes_set(&crash.attributes, STR("error"), ATTRIBUTE_STRING, failure))
        return no_memory(w);
    if (!hold_amended(w, &crash.attributes) || !fingerprint(w, &crash, &stack) ||
        !join_errors(w, failure, &crash) ||
        !missing_modules(&crash, w->job.arena, &w->row.missing, &w->row.missing_count, &w->job.err))
        return false;
    if (w->home == &w->engine->conversions && !process_symbols(w))
        return false;
    bool has_report = w->row.state == UPLOAD_DECODED || w->row.state == UPLOAD_FAILED;
    if (has_report && !make_report(w, &crash))
        return false;
    w->attributes = crash.attributes;
    if (stack.count > 0 &&
        (!callstack_json(&stack, w->job.arena, &names) ||
         !attributes_set(&w->attributes, STR("callstack"), ATTRIBUTE_STRING, names)))
        return no_memory(w);
    return upload_combination(w, w->row.fingerprint) && make_row(w) &&
           (!upload_format_is_error(w->upload.format) ||
            row_of_upload(&w->cells, &w->row, &w->attributes, w->job.arena, &w->job.err)) &&
           (!w->ticket.again || reprocess_weigh(w));
}
