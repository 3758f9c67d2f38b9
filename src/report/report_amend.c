/* report_amend.c - see the header.
 *
 * The tree is written anew: members whose field was changed are left out, and what is set goes
 * where its name leads. A list adds nothing to the name of a field, so that where a name leads
 * through something that is no object, or ends in something, both can stand in a list. */
#include "report/report_amend.h"

#include "report/changed_texts.h"

#define PAYLOAD_MAX ((size_t)1 << 30)
#define DEPTH_MAX (REPORT_DEPTH_MAX / 2) /* of what is set; deeper ones have no place */

/* A value that is set, on its way to its place. */
struct arrival {
    struct str rest; /* of the name: what is still to go */
    struct str text;
    bool placed; /* at this level */
};

struct amending {
    struct json_writer w;
    struct arena *arena;
    const struct str *fields; /* that were changed, as names of fields */
    size_t field_count;
    bool no_memory;
};

static bool is_changed(const struct amending *m, struct str field)
{
    for (size_t i = 0; i < m->field_count; i++)
        if (str_eq(m->fields[i], field))
            return true;
    return false;
}

/* The first part of a name, which loses it and the dot behind it. */
static struct str next_part(struct str *name)
{
    const char *dot = name->len > 0 ? memchr(name->ptr, '.', name->len) : NULL;
    struct str part = { name->ptr, dot ? (size_t)(dot - name->ptr) : name->len };
    size_t gone = dot ? part.len + 1 : part.len;
    *name = (struct str){ name->ptr + gone, name->len - gone };
    return part;
}

/* --- what there is ------------------------------------------------------------------------- */

static void write_members(struct amending *m, const struct json *object, struct str field,
                          struct arrival *arrivals, size_t count, bool is_top);

/* Writes the items of a list, or the value itself as one, without what was changed. */
static void write_items(struct amending *m, const struct json *value, struct str field)
{
    if (!value)
        return;
    if (value->type == JSON_LIST) {
        for (const struct json *item = value->first; item; item = item->next) {
            if (item->type != JSON_LIST) {
                write_items(m, item, field);
                continue;
            }
            json_list(&m->w);
            write_items(m, item, field);
            json_list_end(&m->w);
        }
    } else if (value->type == JSON_OBJECT) {
        write_members(m, value, field, NULL, 0, false);
    } else if (value->type == JSON_NULL || !is_changed(m, field)) {
        json_tree(&m->w, value);
    }
}

/* --- what arrives -------------------------------------------------------------------------- */

/* Those that end here, and then one object for all that go on. */
static void write_arrivals(struct amending *m, struct str field, struct arrival *arrivals,
                           size_t count)
{
    bool goes_on = false;
    for (size_t i = 0; i < count; i++) {
        if (arrivals[i].rest.len == 0)
            json_str(&m->w, arrivals[i].text);
        goes_on |= arrivals[i].rest.len > 0;
    }
    if (goes_on)
        write_members(m, NULL, field, arrivals, count, false);
}

/* A member's value, of what there is and what arrives. */
static void write_merged(struct amending *m, const struct json *value, struct str field,
                         struct arrival *arrivals, size_t count)
{
    size_t ending = 0;
    for (size_t i = 0; i < count; i++)
        ending += arrivals[i].rest.len == 0;
    bool is_scalar = value && value->type != JSON_LIST && value->type != JSON_OBJECT;
    bool is_gone = !value || value->type == JSON_NULL || (is_scalar && is_changed(m, field));
    if (value && value->type == JSON_OBJECT && ending == 0) {
        write_members(m, value, field, arrivals, count, false);
    } else if (is_gone && ending == 1 && count == 1) {
        json_str(&m->w, arrivals[0].text);
    } else if (is_gone && ending == 0) {
        write_members(m, NULL, field, arrivals, count, false);
    } else {
        json_list(&m->w);
        write_items(m, is_gone ? NULL : value, field);
        write_arrivals(m, field, arrivals, count);
        json_list_end(&m->w);
    }
}

/* The arrivals whose name goes on with this key, a part further on; they are placed. */
static size_t take_arrivals(struct amending *m, struct arrival *arrivals, size_t count,
                            struct str key, struct arrival **out)
{
    size_t n = 0;
    *out = arena_array(m->arena, count + 1, sizeof **out);
    if (!*out) {
        m->no_memory = true;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct str rest = arrivals[i].rest;
        if (arrivals[i].placed || rest.len == 0 || !str_eq(next_part(&rest), key))
            continue;
        arrivals[i].placed = true;
        (*out)[n++] = (struct arrival){ .rest = rest, .text = arrivals[i].text };
    }
    return n;
}

static bool is_own(struct str key, bool is_top)
{
    return is_top && report_key(key) != REPORT_KEY_OTHER;
}

static void write_member(struct amending *m, const struct json *member, struct str parent,
                         struct arrival *arrivals, size_t count)
{
    struct str field;
    struct arrival *here = NULL;
    size_t n = count > 0 ? take_arrivals(m, arrivals, count, member->key, &here) : 0;
    if (!report_field_name(m->arena, parent, member->key, &field)) {
        m->no_memory = true;
        return;
    }
    if (n == 0 && report_is_scalar(member) && is_changed(m, field))
        return;
    json_key(&m->w, member->key);
    if (n > 0) {
        write_merged(m, member, field, here, n);
    } else if (member->type == JSON_LIST) {
        json_list(&m->w);
        write_items(m, member, field);
        json_list_end(&m->w);
    } else {
        write_items(m, member, field);
    }
}

/* The depth is bounded by that of a report and by DEPTH_MAX. */
static void write_members(struct amending *m, const struct json *object, struct str field,
                          struct arrival *arrivals, size_t count, bool is_top)
{
    json_object(&m->w);
    for (const struct json *member = object ? object->first : NULL; member; member = member->next) {
        if (is_own(member->key, is_top)) {
            json_key(&m->w, member->key);
            json_tree(&m->w, member);
        } else {
            write_member(m, member, field, arrivals, count);
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct str rest = arrivals[i].rest, below;
        struct arrival *here;
        if (arrivals[i].placed || rest.len == 0)
            continue;
        struct str key = next_part(&rest);
        size_t n = take_arrivals(m, arrivals, count, key, &here);
        if (m->no_memory || !report_field_name(m->arena, field, key, &below)) {
            m->no_memory = true;
            break;
        }
        json_key(&m->w, key);
        write_merged(m, NULL, below, here, n);
    }
    json_object_end(&m->w);
}

/* --- all of it ----------------------------------------------------------------------------- */

bool report_attribute_field(struct arena *a, struct str attribute, struct str *out)
{
    *out = STR("");
    do {
        if (!report_field_name(a, *out, next_part(&attribute), out))
            return false;
    } while (attribute.len > 0);
    return true;
}

static bool has_place(struct str name)
{
    size_t depth = 1;
    for (size_t i = 0; i < name.len; i++)
        depth += name.ptr[i] == '.';
    return depth <= DEPTH_MAX && !is_own(next_part(&name), true);
}

/* The fields of those that have a place, behind each other. */
static bool add_fields(const struct attributes *from, struct arena *a, struct str *fields,
                       size_t *count)
{
    for (size_t i = 0; i < from->count; i++)
        if (has_place(from->at[i].name) &&
            !report_attribute_field(a, from->at[i].name, &fields[(*count)++]))
            return false;
    return true;
}

static bool write_amended(struct amending *m, const struct json *report,
                          const struct attributes *set, struct buf *b, struct str *json,
                          struct err *e)
{
    struct arrival *arrivals = arena_array(m->arena, set->count + 1, sizeof *arrivals);
    size_t count = 0;
    for (size_t i = 0; i < set->count && arrivals; i++)
        if (has_place(set->at[i].name))
            arrivals[count++] = (struct arrival){ set->at[i].name, set->at[i].text, false };
    json_writer_init(&m->w, b);
    if (arrivals)
        write_members(m, report, STR(""), arrivals, count, true);
    return (arrivals && !m->no_memory && buf_ok(b) && arena_str(m->arena, buf_view(b), json)) ||
           err_set(e, ERR_NOMEM, 0, "no memory to write a report");
}

/* The fields of all that was set and cleared. */
static bool changed_fields(const struct amended *changes, struct arena *a, struct str **out,
                           size_t *count, struct err *e)
{
    *count = 0;
    *out = arena_array(a, changes->set.count + changes->cleared.count + 1, sizeof **out);
    return (*out && add_fields(&changes->set, a, *out, count) &&
            add_fields(&changes->cleared, a, *out, count)) ||
           err_set(e, ERR_NOMEM, 0, "no memory for attributes");
}

bool report_amended(const struct report *before, struct str payload, const struct amended *changes,
                    struct arena *a, struct report_text **texts, size_t *text_count, struct err *e)
{
    struct report after;
    const struct json *j;
    struct str *fields;
    size_t count;
    if (!changed_fields(changes, a, &fields, &count, e) ||
        !changed_texts_read(&after, &j, payload, a, e))
        return false;
    struct changed_texts c = { .before = before, .after = &after };
    for (size_t i = 0; i < count; i++)
        if (!changed_texts_add(&c, fields[i], a))
            return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    *texts = c.texts;
    *text_count = c.count;
    return true;
}

bool report_amend(struct str payload, const struct amended *changes, struct arena *a,
                  struct str *json, struct report_text **texts, size_t *text_count, struct err *e)
{
    struct report before;
    const struct json *j;
    struct buf b;
    struct str *fields;
    struct amending m = { .arena = a };
    if (!changed_fields(changes, a, &fields, &m.field_count, e) ||
        !changed_texts_read(&before, &j, payload, a, e))
        return false;
    m.fields = fields;
    buf_init(&b, PAYLOAD_MAX);
    bool ok = write_amended(&m, j, &changes->set, &b, json, e);
    buf_done(&b);
    return ok && report_amended(&before, *json, changes, a, texts, text_count, e);
}
