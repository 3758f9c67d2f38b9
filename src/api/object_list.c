/* object_list.c - GET /api/list: the attachments of an object, and the objects of a project. */
#include "api/objects.h"

#include "report/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_TEXT_MAX 24

static void refuse(struct lookup *l, const char *message)
{
    struct err e = { 0 };
    (void)err_word(&e, ERR_INPUT, "bad_parameter", "%s", message);
    backtrace_refuse(l->x, 400, &e);
}

void object_list_end(struct lookup *l)
{
    struct err e = { 0 };
    if (buf_ok(http_out(l->x))) {
        http_answer(l->x, 200);
        return;
    }
    (void)err_word(&e, ERR_INPUT, "answer_too_large",
                   "the answer would be larger than the server makes them: ask for fewer with "
                   "limit");
    backtrace_refuse(l->x, 400, &e);
}

static void write_attachment(struct json_writer *w, const struct stored_attachment *t)
{
    char id[NUMBER_TEXT_MAX];
    (void)snprintf(id, sizeof id, "%" PRIu64, t->id);
    json_object(w);
    json_member(w, "id", str_from_c(id));
    json_member(w, "name", t->name);
    json_key(w, STR("size"));
    json_int(w, (int64_t)t->content.size);
    json_member(w, "content_type", t->type);
    json_key(w, STR("inline"));
    json_bool(w, false);
    json_object_end(w);
}

void object_list_attachments(struct lookup *l)
{
    struct stored_attachment *all;
    size_t count;
    struct err e = { 0 };
    struct json_writer w;
    if (!engine_attachments(l->api->engine, l->object, l->project, l->arena, &all, &count, &e)) {
        backtrace_refuse_err(l->x, &e);
        return;
    }
    json_writer_init(&w, http_out(l->x));
    json_object(&w);
    json_key(&w, STR("attachments"));
    json_list(&w);
    for (size_t i = 0; i < count; i++)
        write_attachment(&w, &all[i]);
    json_list_end(&w);
    json_object_end(&w);
    object_list_end(l);
}

/* Objects. */

static const struct {
    const char *name;
    enum upload_state state;
} states[] = {
    { "decoded", UPLOAD_DECODED }, { "waiting", UPLOAD_WAITING }, { "failed", UPLOAD_FAILED },
    { "kept", UPLOAD_KEPT },       { "removed", UPLOAD_REMOVED },
};

static bool find_state(struct str name, enum upload_state *out)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (str_eq(name, str_from_c(states[i].name))) {
            *out = states[i].state;
            return true;
        }
    return false;
}

static struct str state_name(enum upload_state state)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (states[i].state == state)
            return str_from_c(states[i].name);
    return STR("");
}

static bool read_limit(struct str s, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (size_t)(s.ptr[i] - '0');
        if (n > OBJECTS_PAGE_MAX)
            return false;
    }
    *out = n;
    return n > 0;
}

static bool read_filter(struct lookup *l, struct upload_filter *f)
{
    struct str s;
    *f = (struct upload_filter){ .project = l->project, .limit = OBJECTS_PAGE_DEFAULT };
    f->has_format = http_param(l->x, "format", &s);
    if (f->has_format && !upload_format_find(s, &f->format)) {
        refuse(l, "there is no such format");
        return false;
    }
    f->has_state = http_param(l->x, "state", &s);
    if (f->has_state && !find_state(s, &f->state)) {
        refuse(l, "state must be decoded, waiting, failed, kept or removed");
        return false;
    }
    if (http_param(l->x, "limit", &s) && !read_limit(s, &f->limit)) {
        refuse(l, "limit must be a whole number from 1 to 1000");
        return false;
    }
    if (http_param(l->x, "before", &s) &&
        !object_parse(engine_secret(l->api->engine), s, &f->before)) {
        refuse(l, "before must be the id of an object");
        return false;
    }
    return true;
}

static bool write_attributes(struct json_writer *w, struct str json, struct arena *a, struct err *e)
{
    struct attributes attributes;
    attributes_init(&attributes, a);
    if (json.len > 0 && !attributes_read(&attributes, json, e))
        return false;
    json_key(w, STR("attributes"));
    attributes_write(w, &attributes);
    json_key(w, STR("attribute_types"));
    json_object(w);
    for (size_t i = 0; i < attributes.count; i++) {
        json_key(w, attributes.at[i].name);
        json_str(w, attribute_type_name(attributes.at[i].type));
    }
    json_object_end(w);
    return true;
}

/* As it is shown: that of its group, when it is merged. */
static void write_fingerprint(struct json_writer *w, struct lookup *l,
                              const struct stored_upload *u)
{
    uint8_t shown[STORE_FINGERPRINT_BYTES];
    char hex[2 * STORE_FINGERPRINT_BYTES + 1];
    json_key(w, STR("fingerprint"));
    if (!u->has_fingerprint) {
        json_null(w);
        return;
    }
    engine_fingerprint_shown(l->api->engine, l->project, u->fingerprint, shown);
    fingerprint_hex(shown, hex);
    json_str(w, str_from_c(hex));
}

static bool write_upload(struct json_writer *w, struct lookup *l, const struct stored_upload *u,
                         struct err *e)
{
    char object[NUMBER_TEXT_MAX], rxid[RXID_BYTES + 1];
    (void)snprintf(object, sizeof object, "%" PRIx64, u->object);
    rxid_make(engine_secret(l->api->engine), u->object, rxid);
    json_object(w);
    json_member(w, "object", str_from_c(object));
    json_member(w, "_rxid", str_from_c(rxid));
    json_member(w, "format", upload_format_name(u->format));
    json_member(w, "state", state_name(u->state));
    json_key(w, STR("received"));
    json_int(w, u->received_ms / 1000);
    json_key(w, STR("size"));
    json_int(w, (int64_t)u->body.size);
    json_member(w, "content_type", u->type);
    json_member(w, "uuid", u->uuid);
    write_fingerprint(w, l, u);
    if (!write_attributes(w, u->attributes, l->arena, e))
        return false;
    backtrace_write_errors(w, u->error);
    json_object_end(w);
    return true;
}

void object_list_uploads(struct lookup *l)
{
    struct upload_filter f;
    struct stored_upload *all;
    size_t count;
    struct err e = { 0 };
    struct json_writer w;
    if (!read_filter(l, &f))
        return;
    if (!store_upload_list(engine_store(l->api->engine), &f, l->arena, &all, &count, &e)) {
        backtrace_refuse_err(l->x, &e);
        return;
    }
    json_writer_init(&w, http_out(l->x));
    json_object(&w);
    json_key(&w, STR("objects"));
    json_list(&w);
    for (size_t i = 0; i < count && buf_ok(http_out(l->x)); i++)
        if (!write_upload(&w, l, &all[i], &e)) {
            backtrace_refuse_err(l->x, &e);
            return;
        }
    json_list_end(&w);
    json_object_end(&w);
    object_list_end(l);
}
