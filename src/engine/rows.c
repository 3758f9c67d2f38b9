/* rows.c - see the header. */
#include "engine/rows.h"

#include "base/log.h"
#include "base/metrics.h"
#include "engine/inside.h"
#include "engine/measures.h"
#include "report/report_amend.h"

#include <float.h>
#include <inttypes.h>

#define ROW_OWN_MAX 6                     /* cells of a row beside its attributes */
#define NUMBER_TEXT_MAX 512               /* bytes; a longer number is kept as text */
#define LEFT_OUT_LOGGED_US (60 * 1000000) /* one line so often */

/* --- cells --------------------------------------------------------------------------------- */

static struct cell cell_text(struct str text)
{
    return (struct cell){ .type = CELL_STRING, .s = text };
}

static struct cell cell_uint(uint64_t n)
{
    return (struct cell){ .type = CELL_UINT, .u = n };
}

static struct cell cell_bool(bool b)
{
    return (struct cell){ .type = CELL_BOOL, .b = b };
}

/* Digits alone, within 64 bits, as attributes are. */
static uint64_t digits(struct str s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n = 10 * n + (uint64_t)(s.ptr[i] - '0');
    return n;
}

/* What is too large for a double is the largest there is. */
static struct cell cell_double(struct str text)
{
    char room[NUMBER_TEXT_MAX];
    if (text.len >= sizeof room)
        return cell_text(text);
    memcpy(room, text.ptr, text.len);
    room[text.len] = '\0';
    double d = strtod(room, NULL);
    d = d > DBL_MAX ? DBL_MAX : d < -DBL_MAX ? -DBL_MAX : d;
    return (struct cell){ .type = CELL_DOUBLE, .d = d };
}

struct cell cell_of_attribute(enum attribute_type type, struct str text)
{
    switch (type) {
    case ATTRIBUTE_UNSIGNED:
        return cell_uint(digits(text));
    case ATTRIBUTE_SIGNED: /* the least one has no positive counterpart */
        return (struct cell){
            .type = CELL_INT, .i = (int64_t)(0 - digits((struct str){ text.ptr + 1, text.len - 1 }))
        };
    case ATTRIBUTE_BOOLEAN:
        return cell_bool(str_eq(text, STR("true")));
    case ATTRIBUTE_DOUBLE:
        return cell_double(text);
    case ATTRIBUTE_STRING:
    case ATTRIBUTE_UUID:
    case ATTRIBUTE_DICTIONARY:
        break;
    }
    return cell_text(text);
}

/* --- rows ---------------------------------------------------------------------------------- */

bool row_owns(struct str name)
{
    static const struct str names[] = { STR_INIT("fingerprint"), STR_INIT("timestamp"),
                                        STR_INIT("object"),      STR_INIT("object.size"),
                                        STR_INIT("_tx"),         STR_INIT("_deleted") };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, names[i]))
            return true;
    return str_starts(name, STR("fingerprint;"));
}

static bool row_init(struct row *out, size_t attributes, struct arena *a, struct err *e)
{
    out->count = ROW_DECIDED;
    out->cells = arena_array(a, ROW_OWN_MAX + attributes, sizeof *out->cells);
    return out->cells || err_set(e, ERR_NOMEM, 0, "no memory for a row");
}

static void row_add(struct row *out, struct str name, struct cell value)
{
    out->cells[out->count++] = (struct named_cell){ name, value };
}

static uint64_t seconds(int64_t ms)
{
    return ms > 0 ? (uint64_t)ms / 1000 : 0;
}

static void add_attributes(struct row *out, const struct attributes *attributes)
{
    for (size_t i = 0; i < attributes->count; i++) {
        const struct attribute *a = &attributes->at[i];
        if (!row_owns(a->name))
            row_add(out, a->name, cell_of_attribute(a->type, a->text));
    }
}

/* What a row of an upload has beside its attributes. */
static void add_own(struct row *out, const struct stored_upload *u, uint64_t date, bool has_error)
{
    row_add(out, STR("timestamp"), cell_uint(date));
    row_add(out, STR("object.size"), cell_uint(u->body.size));
    row_add(out, STR("_deleted"), cell_bool(u->state == UPLOAD_REMOVED));
    if (u->error.len > 0 && !has_error)
        row_add(out, STR("error"), cell_text(u->error));
}

bool row_of_upload(struct row *out, const struct stored_upload *u,
                   const struct attributes *attributes, struct arena *a, struct err *e)
{
    const struct attribute *date = attributes_find(attributes, STR("timestamp"));
    bool has_date = date && date->type == ATTRIBUTE_UNSIGNED;
    if (!row_init(out, attributes->count, a, e))
        return false;
    add_own(out, u, has_date ? digits(date->text) : seconds(u->received_ms),
            attributes_find(attributes, STR("error")));
    add_attributes(out, attributes);
    return true;
}

/* Stored attributes are in their final types and within their limits, each once, and a nested one
 * stands there as it is: see attributes_write. */
static struct cell cell_of_stored(const struct json *value, struct str source)
{
    switch (value->type) {
    case JSON_NULL:
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        return cell_bool(value->type == JSON_TRUE);
    case JSON_NUMBER: {
        enum attribute_type type = attribute_type_of(value->text);
        return cell_of_attribute(type == ATTRIBUTE_STRING ? ATTRIBUTE_DOUBLE : type, value->text);
    }
    case JSON_STRING:
        return cell_text(value->text);
    case JSON_LIST:
    case JSON_OBJECT:
        return cell_text((struct str){ source.ptr + value->begin, value->end - value->begin });
    }
    return (struct cell){ .type = CELL_UNSET };
}

bool row_of_stored(struct row *out, const struct stored_upload *u, struct arena *a, struct err *e)
{
    const struct json *j;
    uint64_t date = seconds(u->received_ms);
    bool has_error = false;
    if (!attributes_parse(a, u->attributes, &j, e) || !row_init(out, j->count, a, e))
        return false;
    for (const struct json *value = j->first; value; value = value->next) {
        struct cell cell = cell_of_stored(value, u->attributes);
        has_error |= str_eq(value->key, STR("error"));
        if (!row_owns(value->key))
            row_add(out, value->key, cell);
        else if (cell.type == CELL_UINT && str_eq(value->key, STR("timestamp")))
            date = cell.u;
    }
    add_own(out, u, date, has_error);
    return true;
}

/* Reports. */

static bool is_attribute(struct str field)
{
    return !str_eq(field, STR("database_id")) && !str_eq(field, STR("date")) &&
           !str_eq(field, STR("stacktrace")) && !str_starts(field, STR("stacktrace."));
}

/* The first text of a field is its attribute; classifiers are a list of words. */
static bool add_text(struct attributes *to, const struct report_text *t)
{
    const struct attribute *before = attributes_find(to, t->field);
    struct str words = t->text;
    if (before && !str_eq(t->field, STR("classifiers")))
        return true;
    if (before &&
        !arena_printf(to->arena, &words, "%.*s %.*s", STR_ARG(before->text), STR_ARG(t->text)))
        return false;
    return attributes_set(to, t->field, ATTRIBUTE_STRING, words);
}

/* What was set has the name that it was set by, and not that of its field. */
static bool take_fields(struct attributes *from, const struct attributes *set, struct arena *a)
{
    for (size_t i = 0; i < set->count; i++) {
        struct str field;
        if (!report_attribute_field(a, set->at[i].name, &field))
            return false;
        attributes_remove(from, field);
    }
    return true;
}

static bool read_texts(struct attributes *out, const struct report *r, const struct amended *m,
                       struct arena *a)
{
    for (size_t i = 0; i < r->text_count; i++)
        if (is_attribute(r->texts[i].field) && !add_text(out, &r->texts[i]))
            return false;
    return !m || (take_fields(out, &m->set, a) && amended_apply(m, out));
}

bool callstack_json(const struct callstack *stack, struct arena *a, struct str *out)
{
    struct buf buf;
    struct json_writer j;
    buf_init(&buf, STORE_PAYLOAD_MAX);
    json_writer_init(&j, &buf);
    json_object(&j);
    json_key(&j, STR("frame"));
    json_list(&j);
    for (size_t i = 0; i < stack->count; i++)
        json_str(&j, stack->names[i]);
    json_list_end(&j);
    json_object_end(&j);
    return take_text(&buf, a, out);
}

bool row_attributes(struct attributes *out, const struct report *r, const struct callstack *stack,
                    const struct amended *m, struct arena *a)
{
    struct str names;
    attributes_init(out, a);
    return read_texts(out, r, m, a) && callstack_json(stack, a, &names) &&
           (stack->count == 0 || attributes_set(out, STR("callstack"), ATTRIBUTE_STRING, names));
}

bool row_of_report(struct row *out, const struct report *r, const struct callstack *stack,
                   const struct amended *m, struct arena *a, struct err *e)
{
    struct attributes attributes;
    if (!row_attributes(&attributes, r, stack, m, a))
        return err_set(e, ERR_NOMEM, 0, "no memory for a row");
    if (!row_init(out, attributes.count, a, e))
        return false;
    row_add(out, STR("timestamp"), cell_uint(seconds(r->date_ms)));
    row_add(out, STR("object.size"), cell_uint(r->payload.len));
    row_add(out, STR("_deleted"), cell_bool(false));
    add_attributes(out, &attributes);
    return true;
}

/* --- into the columns ---------------------------------------------------------------------- */

static void failed(struct engine *en, struct str project, uint64_t object, const struct err *e)
{
    checkpoint_lacks(en);
    log_line(LOG_ERROR, "not_queryable", "project=%s object=%" PRIx64 " reason=%s",
             log_str(project), object, log_str(str_from_c(e->msg)));
}

bool rows_columns_new(struct engine *en, struct err *e)
{
    if (!columns_new(&en->columns, en->config.columns_max, e))
        return false;
    columns_reserve(en->columns, STR("error"));
    return true;
}

/* The first cell that its table has no column for; NULL. */
static const struct named_cell *first_left_out(struct columns *c, struct str project,
                                               uint64_t object, const struct row *row)
{
    struct err e = { 0 };
    for (size_t i = 0; i < row->count; i++)
        if (row->cells[i].value.type != CELL_UNSET &&
            !columns_change(c, project, TABLE_OBJECTS, object, &row->cells[i], 1, &e) &&
            e.code == ERR_LIMIT)
            return &row->cells[i];
    return NULL;
}

/* The row's error, with a sentence more. */
static void say_left_out(struct engine *en, struct str project, uint64_t object,
                         const struct row *row, struct str sentence)
{
    struct str before = STR("");
    struct err e = { 0 };
    struct buf text;
    for (size_t i = 0; i < row->count; i++)
        if (str_eq(row->cells[i].name, STR("error")) && row->cells[i].value.type == CELL_STRING)
            before = row->cells[i].value.s;
    buf_init(&text, UPLOAD_VALUE_MAX + sentence.len + 1);
    buf_str(&text, before);
    if (before.len > 0)
        buf_char(&text, '\n');
    buf_str(&text, sentence);
    const struct named_cell error = { STR("error"), cell_text(buf_view(&text)) };
    if (buf_ok(&text) &&
        !columns_change(en->columns, project, TABLE_OBJECTS, object, &error, 1, &e))
        e.code = ERR_NONE; /* no memory: the log has it */
    buf_done(&text);
}

static void tell_left_out(struct engine *en, struct str project, uint64_t object,
                          const struct row *row, size_t count)
{
    const struct named_cell *first = first_left_out(en->columns, project, object, row);
    char sentence[512];
    metric_add(&measures.rows_left_out, 1);
    if (!first)
        return;
    size_t others = count - 1, limit = en->config.columns_max;
    int name_len = (int)(first->name.len < 256 ? first->name.len : 256);
    int n = snprintf(sentence, sizeof sentence,
                     "attribute %.*s%s cannot be queried: the project has %zu attributes, which is "
                     "the limit",
                     name_len, first->name.ptr, others > 0 ? " and others" : "", limit);
    say_left_out(en, project, object, row, (struct str){ sentence, (size_t)n });
    int64_t now_us = metric_clock_us();
    if (en->left_out_logged_us != 0 && now_us - en->left_out_logged_us < LEFT_OUT_LOGGED_US)
        return;
    en->left_out_logged_us = now_us;
    log_line(LOG_WARN, "attributes_left_out",
             "project=%s object=%" PRIx64 " attributes=%zu reason=%s", log_str(project), object,
             count, log_str((struct str){ sentence, (size_t)n }));
}

void row_put(struct engine *en, struct str project, uint64_t object, const struct row *row,
             const uint8_t *fingerprint)
{
    char now_hex[2 * FINGERPRINT_BYTES + 1], original_hex[2 * FINGERPRINT_BYTES + 1];
    uint8_t now[FINGERPRINT_BYTES];
    size_t left_out;
    struct err e = { 0 };
    row->cells[0] = (struct named_cell){ .name = STR("fingerprint") };
    row->cells[1] = (struct named_cell){ .name = STR("fingerprint;original") };
    if (fingerprint) {
        (void)merges_shown(&en->merges, project, fingerprint, now);
        issues_seen(en, project, now);
        fingerprint_hex(now, now_hex);
        fingerprint_hex(fingerprint, original_hex);
        row->cells[0].value = cell_text(str_from_c(now_hex));
        row->cells[1].value = cell_text(str_from_c(original_hex));
    }
    if (!columns_put(en->columns, project, TABLE_OBJECTS, object, row->cells, row->count, &left_out,
                     &e))
        failed(en, project, object, &e);
    else if (left_out > 0)
        tell_left_out(en, project, object, row, left_out);
}

void row_change(struct engine *en, struct str project, uint64_t object,
                const struct named_cell *cells, size_t count)
{
    struct err e = { 0 };
    if (count > 0 && !columns_change(en->columns, project, TABLE_OBJECTS, object, cells, count, &e))
        failed(en, project, object, &e);
}
