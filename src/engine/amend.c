/* amend.c - see the header. What is hard: an object may be changed twice in one batch; then what
 * the batch holds of it is what there is, and not the store; both changes are written, the later
 * one over the earlier. */
#include "engine/amend.h"

#include "base/log.h"
#include "report/crash_report.h"
#include "report/report_amend.h"

#define JSON_MAX ((size_t)256 << 20)

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
}

const struct amendment *amend_find(const struct batch *b, uint64_t object)
{
    for (size_t i = b->amendments.len; i > 0; i--)
        if (b->amendments.at[i - 1].row.object == object)
            return &b->amendments.at[i - 1];
    return NULL;
}

static bool add_changes(struct amended *m, const struct edit_value *values, size_t count)
{
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = values[i].clear ? amended_clear(m, values[i].name)
                             : amended_set(m, values[i].name, values[i].type, values[i].text);
    return ok;
}

static bool write_amended(const struct amended *m, struct arena *a, struct str *out)
{
    struct buf buf;
    struct json_writer j;
    buf_init(&buf, JSON_MAX);
    json_writer_init(&j, &buf);
    amended_write(&j, m);
    return take_text(&buf, a, out);
}

bool attributes_text(const struct attributes *attributes, struct arena *a, struct str *out)
{
    struct buf buf;
    struct json_writer j;
    buf_init(&buf, JSON_MAX);
    json_writer_init(&j, &buf);
    attributes_write(&j, attributes);
    return take_text(&buf, a, out);
}

/* The report's payload with the changes in it. What has no place in the payload stays out of it. */
static bool change_payload(struct amendment *out, struct str payload, const struct amended *m,
                           struct arena *a, struct err *e)
{
    struct report_text *texts;
    bool ok = out->row.no_upload
                  ? report_amend(payload, m, a, &out->payload, &texts, &out->text_count, e)
                  : crash_report_amend(payload, m, a, &out->payload, &texts, &out->text_count, e);
    if (ok) {
        out->texts = texts;
        return store_pack(out->payload, a, &out->row.packed_payload, e);
    }
    if (e->code == ERR_NOMEM)
        return false;
    log_line(LOG_WARN, "set_not_searchable", "object=%llx reason=%s",
             (unsigned long long)out->row.object, log_str(str_from_c(e->msg)));
    out->row.report = STORE_NONE;
    return true;
}

/* The columns. */

static bool cells_init(struct amendment *out, size_t count, struct arena *a)
{
    out->cell_count = 0;
    out->cells = arena_array(a, 2 * count + 1, sizeof *out->cells);
    return out->cells;
}

static void add_cell(struct amendment *out, struct str name, struct cell value)
{
    out->cells[out->cell_count++] = (struct named_cell){ name, value };
}

/* What the attributes say of the names that were changed. An upload has its errors as `error`,
 * unless an attribute is called so. */
static bool upload_cells(struct amendment *out, const struct attributes *attributes,
                         struct str error, const struct edit_value *values, size_t count,
                         struct arena *a)
{
    if (!cells_init(out, count, a))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct str name = values[i].name;
        const struct attribute *now = attributes_find(attributes, name);
        struct cell cell = { .type = CELL_UNSET };
        if (now)
            cell = cell_of_attribute(now->type, now->text);
        else if (error.len > 0 && str_eq(name, STR("error")))
            cell = (struct cell){ .type = CELL_STRING, .s = error };
        if (!row_owns(name))
            add_cell(out, name, cell);
    }
    return true;
}

/* Of a report: see row_of_report. */
static bool report_cells(struct amendment *out, const struct attributes *set,
                         const struct edit_value *values, size_t count, struct arena *a)
{
    if (!cells_init(out, count, a))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct str name = values[i].name, field;
        const struct attribute *now = attributes_find(set, name);
        struct cell cell = { .type = CELL_UNSET };
        if (!report_attribute_field(a, name, &field))
            return false;
        if (now)
            cell = cell_of_attribute(now->type, now->text);
        if (!str_eq(field, name) && !row_owns(field) && !attributes_find(set, field))
            add_cell(out, field, (struct cell){ .type = CELL_UNSET });
        if (!row_owns(name))
            add_cell(out, name, cell);
    }
    if (out->payload.len > 0)
        add_cell(out, STR("object.size"),
                 (struct cell){ .type = CELL_UINT, .u = out->payload.len });
    return true;
}

/* `before`: what was ever set and cleared, as the store has it. */
static bool amend(struct batch *b, struct amendment *out, struct str before,
                  const struct edit_value *values, size_t count, struct arena *a, struct err *e)
{
    const struct amendment *earlier = amend_find(b, out->row.object);
    struct amended all, fresh;
    struct stored_report stored;
    amended_init(&all, a);
    amended_init(&fresh, a);
    if (!amended_read(&all, earlier ? earlier->row.amended : before, e))
        return false;
    if (!add_changes(&all, values, count) || !add_changes(&fresh, values, count) ||
        !write_amended(&all, a, &out->row.amended))
        return no_memory(e);
    /* What was set before this batch is in the stored payload. */
    if (out->row.report != STORE_NONE &&
        (!store_read(b->engine->store, out->row.report, a, &stored, e) ||
         !change_payload(out, stored.payload, earlier ? &all : &fresh, a, e)))
        return false;
    if (out->row.no_upload && !report_cells(out, &all.set, values, count, a))
        return no_memory(e);
    return VEC_PUSH(&b->amendments, *out) || no_memory(e);
}

bool amend_upload(struct batch *b, const struct stored_upload *u, const struct edit_value *values,
                  size_t count, struct arena *a, struct err *e)
{
    struct amendment out = { .row = { .object = u->object, .report = u->report },
                             .project = u->project };
    const struct amendment *earlier = amend_find(b, u->object);
    struct attributes attributes;
    struct amended fresh;
    attributes_init(&attributes, a);
    amended_init(&fresh, a);
    if (!attributes_read(&attributes, earlier ? earlier->row.attributes : u->attributes, e))
        return false;
    if (!add_changes(&fresh, values, count) || !amended_apply(&fresh, &attributes) ||
        !attributes_text(&attributes, a, &out.row.attributes) ||
        !upload_cells(&out, &attributes, u->error, values, count, a))
        return no_memory(e);
    return amend(b, &out, u->amended, values, count, a, e);
}

bool amend_report(struct batch *b, uint64_t object, struct str project, uint32_t report,
                  const struct edit_value *values, size_t count, struct arena *a, struct err *e)
{
    struct amendment out = { .row = { .object = object, .no_upload = true, .report = report },
                             .project = project };
    struct str before;
    return store_amended(b->engine->store, object, a, &before, e) &&
           amend(b, &out, before, values, count, a, e);
}

static bool keep_texts(struct amendment *m, struct arena *to)
{
    struct report_text *texts = arena_array(to, m->text_count + 1, sizeof *texts);
    bool ok = texts;
    for (size_t i = 0; i < m->text_count && ok; i++)
        ok = arena_str(to, m->texts[i].field, &texts[i].field) &&
             arena_str(to, m->texts[i].text, &texts[i].text);
    m->texts = texts;
    return ok;
}

static bool keep_cells(struct amendment *m, struct arena *to)
{
    struct named_cell *cells = arena_array(to, m->cell_count + 1, sizeof *cells);
    bool ok = cells;
    for (size_t i = 0; i < m->cell_count && ok; i++) {
        cells[i] = m->cells[i];
        ok = arena_str(to, cells[i].name, &cells[i].name) &&
             (cells[i].value.type != CELL_STRING ||
              arena_str(to, cells[i].value.s, &cells[i].value.s));
    }
    m->cells = cells;
    return ok;
}

bool amend_keep(struct batch *b, struct arena *to, struct err *e)
{
    struct amendment *m = &b->amendments.at[b->amendments.len - 1];
    struct stored_change *row = &m->row;
    m->payload = STR("");
    return (arena_str(to, row->amended, &row->amended) &&
            arena_str(to, row->attributes, &row->attributes) &&
            arena_str(to, row->packed_payload, &row->packed_payload) && keep_texts(m, to) &&
            keep_cells(m, to)) ||
           no_memory(e);
}

/* Showing. */

static void log_not_searchable(uint64_t object, const struct err *why)
{
    log_line(LOG_WARN, "set_not_searchable", "object=%llx reason=%s", (unsigned long long)object,
             log_str(str_from_c(why->msg)));
}

void amend_show(struct batch *b, const struct amendment *m)
{
    struct err e = { 0 };
    if (m->row.report != STORE_NONE &&
        !bucket_index_amend(b->index, m->row.report, m->texts, m->text_count, &e))
        log_not_searchable(m->row.object, &e);
    row_change(b->engine, m->project, m->row.object, m->cells, m->cell_count);
}

/* What the collection has of a report outside its stack. */
static bool collected_texts(struct engine *en, uint32_t report, struct arena *a, struct report *out)
{
    const struct collection *c = en->current->shown.collection;
    const struct lexicon *lx = collection_lexicon(c);
    struct values other = collection_report(c, report).other;
    struct report_text *texts = arena_array(a, other.count + 1, sizeof *texts);
    *out = (struct report){ .texts = texts, .text_count = other.count };
    for (uint32_t i = 0; i < other.count && texts; i++) {
        const struct lexicon_value *value = lexicon_value(lx, other.at[i]);
        texts[i] = (struct report_text){ lexicon_field(lx, value->field)->name,
                                         lexicon_value_text(value) };
    }
    return texts;
}

bool amend_restore(struct engine *en, const struct stored_change *c, struct arena *a, struct err *e)
{
    struct stored_report stored;
    struct amended m;
    struct report before;
    struct report_text *texts;
    size_t count;
    struct err why = { 0 };
    uint32_t report =
        c->no_upload ? objects_find(&en->objects, c->object, STR("")).report : c->report;
    if (report == STORE_NONE)
        return true;
    amended_init(&m, a);
    if (!collected_texts(en, report, a, &before))
        return no_memory(e);
    bool ok = amended_read(&m, c->amended, &why) &&
              store_read(en->store, report, a, &stored, &why) &&
              (c->no_upload
                   ? report_amended(&before, stored.payload, &m, a, &texts, &count, &why)
                   : crash_report_amended(&before, stored.payload, &m, a, &texts, &count, &why)) &&
              bucket_index_amend(en->current->index, report, texts, count, &why);
    if (ok)
        return true;
    if (why.code == ERR_NOMEM) {
        *e = why;
        return false;
    }
    log_not_searchable(c->object, &why);
    return true;
}
