/* intake.c - sorts a body's parts into spools and fields, within the limits. */
#include "api/intake.h"

#include "api/attachment_name.h"
#include "http/multipart.h"
#include "http/part_headers.h"

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for this upload");
}

static bool too_large(struct err *e, const char *what, uint64_t limit)
{
    return err_word(e, ERR_LIMIT, "body_too_large", "%s is larger than %llu bytes", what,
                    (unsigned long long)limit);
}

static void intake_done(void *arg)
{
    struct intake *in = arg;
    for (size_t i = 0; i < in->spools.len; i++)
        spool_free(in->spools.at[i]);
    VEC_FREE(&in->spools);
    VEC_FREE(&in->fields);
    VEC_FREE(&in->files);
    buf_done(&in->value);
}

static struct spool *new_spool(struct intake *in, struct err *e)
{
    struct spool *s = spool_new(in->blobs);
    if (!s || !VEC_PUSH(&in->spools, s)) {
        spool_free(s);
        (void)no_memory(e);
        return NULL;
    }
    return s;
}

/* The file. */

static bool file_begin(struct intake *in, struct str name, struct str type, struct err *e)
{
    if (in->file)
        return err_word(e, ERR_INPUT, "two_files", "the form has two parts with a report");
    if (name.len > 0 && !attachment_name(name, in->arena, &in->file_name))
        return no_memory(e);
    in->file_type = attachment_type(type);
    in->file = new_spool(in, e);
    return in->file != NULL;
}

static bool file_check_magic(const struct intake *in, struct err *e)
{
    if (in->is_attachment || !in->has_format)
        return true;
    return decode_check_magic(in->format, (struct bytes){ in->first, in->first_len }, e);
}

static bool file_note_first(struct intake *in, struct bytes piece, struct err *e)
{
    size_t room = sizeof in->first - in->first_len;
    size_t n = piece.len < room ? piece.len : room;
    if (n == 0)
        return true;
    memcpy(in->first + in->first_len, piece.ptr, n);
    in->first_len += n;
    return in->first_len < sizeof in->first || file_check_magic(in, e);
}

static bool file_add(struct intake *in, struct bytes piece, struct err *e)
{
    uint64_t size = spool_size(in->file) + piece.len;
    bool is_json = in->has_format && in->format == UPLOAD_JSON;
    if (in->is_attachment && size > in->limits.attachment_bytes)
        return too_large(e, "the attachment", in->limits.attachment_bytes);
    if (!in->is_attachment && is_json && size > in->limits.json_bytes)
        return too_large(e, "the JSON report", in->limits.json_bytes);
    return file_note_first(in, piece, e) && spool_add(in->file, piece, e);
}

/* Attachments. */

static bool attachment_begin(struct intake *in, struct str field, struct str filename,
                             struct str type, struct err *e)
{
    struct intake_file f = { STR(""), attachment_type(type), NULL };
    if (in->files.len == UPLOAD_ATTACHMENTS_MAX)
        return err_word(e, ERR_LIMIT, "too_many_attachments",
                        "the upload has more than %d attachments", UPLOAD_ATTACHMENTS_MAX);
    if (!attachment_part_name(field, filename, in->arena, &f.name))
        return no_memory(e);
    f.spool = new_spool(in, e);
    if (!f.spool)
        return false;
    return VEC_PUSH(&in->files, f) || no_memory(e);
}

static bool attachment_add(struct intake *in, struct bytes piece, struct err *e)
{
    struct spool *s = in->files.at[in->files.len - 1].spool;
    if (spool_size(s) + piece.len > in->limits.attachment_bytes)
        return too_large(e, "an attachment", in->limits.attachment_bytes);
    return spool_add(s, piece, e);
}

/* Fields. */

static bool field_begin(struct intake *in, struct str name, struct err *e)
{
    if (name.len > UPLOAD_NAME_MAX)
        return err_word(e, ERR_LIMIT, "name_too_long",
                        "the name of a field is longer than %d bytes", UPLOAD_NAME_MAX);
    if (in->fields.len >= in->limits.fields)
        return err_word(e, ERR_LIMIT, "too_many_fields", "the request has more than %d attributes",
                        UPLOAD_FIELDS_MAX);
    buf_reset(&in->value);
    return true;
}

static bool field_add(struct intake *in, struct bytes piece, struct err *e)
{
    if (piece.len <= UPLOAD_VALUE_MAX - in->value.len) {
        buf_add(&in->value, piece.ptr, piece.len);
        return buf_ok(&in->value) || no_memory(e);
    }
    return err_word(e, ERR_LIMIT, "value_too_long", "the field %.*s is longer than %d bytes",
                    STR_ARG(in->part_name), UPLOAD_VALUE_MAX);
}

static bool field_end(struct intake *in, struct err *e)
{
    struct upload_field f = { in->part_name, STR(""), UPLOAD_FROM_FORM };
    struct str copy;
    in->field_bytes += f.name.len + in->value.len;
    if (in->field_bytes > INTAKE_FIELD_BYTES_MAX)
        return too_large(e, "all fields of the form together", INTAKE_FIELD_BYTES_MAX);
    if (!arena_str(in->arena, buf_view(&in->value), &copy) ||
        !part_text_clean(copy, in->arena, &f.value))
        return no_memory(e);
    if (str_eq(f.name, STR("token"))) /* a secret, which nobody should find among attributes */
        return true;
    if (str_eq(f.name, STR("format"))) {
        in->format_word = f.value;
        return true;
    }
    in->wants_sync |= str_eq(f.name, STR("_mod_sync"));
    return VEC_PUSH(&in->fields, f) || no_memory(e);
}

/* Parts. */

static enum intake_part part_kind(const struct intake *in, const struct multipart_part *p)
{
    bool is_file =
        str_eq(p->name, STR("upload_file")) || str_eq(p->name, STR("upload_file_minidump"));
    if (in->is_attachment)
        return p->has_filename && !in->file ? INTAKE_FILE : INTAKE_IGNORED;
    if (is_file)
        return INTAKE_FILE;
    return p->has_filename || attachment_is_field(p->name) ? INTAKE_ATTACHMENT : INTAKE_FIELD;
}

static bool part_begin(void *ctx, const struct multipart_part *p, struct err *e)
{
    struct intake *in = ctx;
    in->part = part_kind(in, p);
    in->part_name = p->name;
    switch (in->part) {
    case INTAKE_FILE:
        return file_begin(in, p->filename, p->type, e);
    case INTAKE_ATTACHMENT:
        return attachment_begin(in, p->name, p->filename, p->type, e);
    case INTAKE_FIELD:
        return field_begin(in, p->name, e);
    case INTAKE_IGNORED:
        break;
    }
    return true;
}

static bool part_add(void *ctx, struct bytes piece, struct err *e)
{
    struct intake *in = ctx;
    switch (in->part) {
    case INTAKE_FILE:
        return file_add(in, piece, e);
    case INTAKE_ATTACHMENT:
        return attachment_add(in, piece, e);
    case INTAKE_FIELD:
        return field_add(in, piece, e);
    case INTAKE_IGNORED:
        break;
    }
    return true;
}

static bool part_end(void *ctx, struct err *e)
{
    struct intake *in = ctx;
    struct content ignored; /* asked for again when all is there; the file is closed now */
    switch (in->part) {
    case INTAKE_FILE:
        return spool_finish(in->file, &ignored, e);
    case INTAKE_ATTACHMENT:
        return spool_finish(in->files.at[in->files.len - 1].spool, &ignored, e);
    case INTAKE_FIELD:
        return field_end(in, e);
    case INTAKE_IGNORED:
        break;
    }
    return true;
}

/* The body. */

bool intake_begin(struct intake *in, struct str content_type, struct err *e)
{
    static const struct multipart_events events = { part_begin, part_add, part_end };
    struct str boundary;
    buf_init(&in->value, UPLOAD_VALUE_MAX);
    in->format_word = in->file_type = STR("");
    if (!arena_defer(in->arena, intake_done, in))
        return no_memory(e);
    if (!multipart_boundary(content_type, in->arena, &boundary))
        return file_begin(in, STR(""), content_type, e);
    if (boundary.len == 0)
        return err_word(e, ERR_INPUT, "bad_multipart",
                        "the Content-Type multipart/form-data names no boundary, or a bad one");
    in->multipart = multipart_new(in->arena, boundary, in->limits.parts, &events, in);
    return in->multipart || no_memory(e);
}

bool intake_add(struct intake *in, struct bytes piece, struct err *e)
{
    return in->multipart ? multipart_add(in->multipart, piece, e) : file_add(in, piece, e);
}

static bool finish_attachments(struct intake *in, struct err *e)
{
    in->attachment_count = in->files.len;
    in->attachments =
        arena_array(in->arena, in->files.len ? in->files.len : 1, sizeof *in->attachments);
    if (!in->attachments)
        return no_memory(e);
    for (size_t i = 0; i < in->files.len; i++) {
        struct upload_attachment *a = &in->attachments[i];
        a->name = in->files.at[i].name;
        a->type = in->files.at[i].type;
        if (!spool_finish(in->files.at[i].spool, &a->content, e))
            return false;
    }
    return true;
}

bool intake_end(struct intake *in, struct err *e)
{
    if (in->multipart && !multipart_end(in->multipart, e))
        return false;
    if (!in->file && in->is_attachment)
        return err_word(e, ERR_INPUT, "no_file", "the form has no part with a filename");
    if (!in->file)
        return err_word(e, ERR_INPUT, "no_file",
                        "the form has no part upload_file or upload_file_minidump");
    if (!in->is_attachment && in->first_len == 0)
        return err_word(e, ERR_INPUT, "empty_body", "the upload is empty");
    if (in->first_len < sizeof in->first && !file_check_magic(in, e))
        return false;
    return spool_finish(in->file, &in->file_content, e) && finish_attachments(in, e);
}
