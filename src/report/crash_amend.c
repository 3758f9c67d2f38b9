/* crash_amend.c - attributes that are set in a report that was written before, and which texts of
 * it that changes. The outcome is what crash_report.c would have written, but for the order of
 * members and for which strings are in the group `more`: those that are there stay. */
#include "report/crash_parts.h"
#include "report/crash_report.h"

/* --- the report ---------------------------------------------------------------------------- */

/* Whether a report's classifiers are what the attribute says, joined by spaces: they stay then, for
 * one of them may have spaces of its own. */
static bool keeps_classifiers(const struct json *report, const struct attribute *a)
{
    const struct json *classifiers = json_get(report, a->name);
    struct str text = a->text;
    if (!classifiers || classifiers->type != JSON_LIST)
        return false;
    for (const struct json *item = classifiers->first; item; item = item->next)
        if (!crash_skip_classifier(&text, item->text, item == classifiers->first))
            return false;
    return text.len == 0;
}

/* NULL, too, when the attribute has no place in a report. */
static const struct attribute *find_placed(const struct attributes *set, struct str name)
{
    const struct attribute *a = attributes_find(set, name);
    return a && crash_place_of(a->name, a->type) != PLACE_NONE ? a : NULL;
}

/* The attribute that this member of the report is, or was before it was set anew; NULL. */
static const struct attribute *attribute_at_top(const struct json *report,
                                                const struct attributes *set, struct str key)
{
    struct str bare = crash_without_underscores(key);
    if (crash_is_one_of(bare, crash_top_names)) {
        if (bare.len == key.len) { /* the report's own member */
            const struct attribute *a = attributes_find(set, STR("classifiers"));
            return a && str_eq(key, a->name) && !keeps_classifiers(report, a) ? a : NULL;
        }
        key.len--;
    }
    return find_placed(set, key);
}

/* The attribute that this member of a group is, or was before it was set anew; NULL. */
static const struct attribute *attribute_in_group(const struct attributes *set, struct str key,
                                                  enum crash_place place)
{
    struct str bare = crash_without_underscores(key);
    if (place == PLACE_IDS && crash_is_one_of(bare, crash_id_names)) {
        if (bare.len == key.len)
            return NULL; /* the group's own */
        key.len--;
    }
    return find_placed(set, key);
}

static bool is_object(const struct json *j)
{
    return j && j->type == JSON_OBJECT;
}

/* A string stays in `more`; and when there is that group, a new one joins it. */
static bool goes_to_more(const struct json *report, const struct attribute *a)
{
    struct crash_name_room room;
    return crash_place_of(a->name, a->type) == PLACE_TOP &&
           is_object(json_get(report, crash_groups[PLACE_MORE])) &&
           !json_get(report, crash_free_name(a->name, crash_top_names, &room));
}

static void add_more(struct crash_writer *w, const struct json *report,
                     const struct attributes *set, bool *begun)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!goes_to_more(report, &set->at[i]))
            continue;
        crash_begin_group(&w->w, PLACE_MORE, begun);
        json_key(&w->w, set->at[i].name);
        json_str(&w->w, set->at[i].text);
    }
}

/* Those of the group that are not set anew, then the new ones. */
static void amend_group(struct crash_writer *w, const struct json *report,
                        const struct attributes *set, enum crash_place place)
{
    bool begun = false;
    const struct json *group = json_get(report, crash_groups[place]);
    for (const struct json *m = is_object(group) ? group->first : NULL; m; m = m->next) {
        if (attribute_in_group(set, m->key, place))
            continue;
        crash_begin_group(&w->w, place, &begun);
        json_key(&w->w, m->key);
        json_tree(&w->w, m);
    }
    if (place == PLACE_MORE)
        add_more(w, report, set, &begun);
    crash_write_group(w, set, place, begun);
}

static bool is_group(const struct json *member)
{
    for (enum crash_place place = PLACE_NUMBERS; place <= PLACE_MORE; place++)
        if (str_eq(member->key, crash_groups[place]))
            return is_object(member);
    return false;
}

static void amend_top(struct crash_writer *w, const struct json *report,
                      const struct attributes *set)
{
    for (const struct json *m = report->first; m; m = m->next) {
        if (is_group(m) || attribute_at_top(report, set, m->key))
            continue;
        json_key(&w->w, m->key);
        json_tree(&w->w, m);
    }
    for (size_t i = 0; i < set->count; i++) {
        struct crash_name_room room;
        const struct attribute *a = &set->at[i];
        enum crash_place place = crash_place_of(a->name, a->type);
        if (place == PLACE_TOP && !goes_to_more(report, a)) {
            json_key(&w->w, crash_free_name(a->name, crash_top_names, &room));
            json_str(&w->w, a->text);
        } else if (place == PLACE_CLASSIFIERS && !keeps_classifiers(report, a)) {
            json_key(&w->w, a->name);
            crash_write_words(w, a->text);
        }
    }
}

static bool write_amended(const struct json *report, const struct attributes *set, struct arena *a,
                          struct str *json, struct err *e)
{
    struct buf b;
    /* The report's own limits are looked at later. */
    struct crash_writer w = { .values = SIZE_MAX };
    buf_init(&b, CRASH_REPORT_BYTES_MAX);
    json_writer_init(&w.w, &b);
    json_object(&w.w);
    amend_top(&w, report, set);
    for (enum crash_place place = PLACE_NUMBERS; place <= PLACE_MORE; place++)
        amend_group(&w, report, set, place);
    json_object_end(&w.w);
    bool ok = crash_take_text(&b, a, json, e);
    buf_done(&b);
    return ok;
}

/* --- what an amendment changes ------------------------------------------------------------- */

struct changes {
    const struct report *before, *after;
    struct report_text *texts;
    size_t count, cap;
};

static bool add_text(struct changes *c, struct arena *a, struct report_text text)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        struct report_text *texts = arena_array(a, cap, sizeof *texts);
        if (!texts)
            return false;
        if (c->count)
            memcpy(texts, c->texts, c->count * sizeof *texts);
        c->texts = texts;
        c->cap = cap;
    }
    c->texts[c->count++] = text;
    return true;
}

static bool has_field(const struct report *r, struct str field)
{
    for (size_t i = 0; i < r->text_count; i++)
        if (str_eq(r->texts[i].field, field))
            return true;
    return false;
}

/* All texts of the field, for a field may have more than one (keys "a.b" and "a_b"). */
static bool add_field(struct changes *c, struct str field, struct arena *a)
{
    size_t before = c->count;
    for (size_t i = 0; i < c->count; i++)
        if (str_eq(c->texts[i].field, field))
            return true;
    for (size_t i = 0; i < c->after->text_count; i++)
        if (str_eq(c->after->texts[i].field, field) && !add_text(c, a, c->after->texts[i]))
            return false;
    if (c->count > before || !has_field(c->before, field))
        return true;
    return add_text(c, a, (struct report_text){ field, STR("") });
}

static bool add_member(struct changes *c, struct str parent, struct str key, struct arena *a)
{
    struct str field;
    return report_field_name(a, parent, key, &field) && add_field(c, field, a);
}

/* The same for all fields below that, of which there are none any more. */
static bool add_object(struct changes *c, struct str key, struct arena *a)
{
    struct str field;
    if (!report_field_name(a, crash_groups[PLACE_OBJECTS], key, &field))
        return false;
    for (size_t i = 0; i < c->before->text_count; i++) {
        struct str old = c->before->texts[i].field;
        if (str_starts(old, field) && (old.len == field.len || old.ptr[field.len] == '.') &&
            !add_field(c, old, a))
            return false;
    }
    return true;
}

/* An attribute may have moved: what was a number is a string now. */
static bool add_fields(struct changes *c, const struct attribute *set, struct arena *a)
{
    struct crash_name_room top, id;
    enum crash_place place = crash_place_of(set->name, set->type);
    if (place == PLACE_NONE)
        return true;
    if (place == PLACE_CLASSIFIERS)
        return add_member(c, STR(""), set->name, a);
    return add_member(c, STR(""), crash_free_name(set->name, crash_top_names, &top), a) &&
           add_member(c, crash_groups[PLACE_MORE], set->name, a) &&
           add_member(c, crash_groups[PLACE_NUMBERS], set->name, a) &&
           add_member(c, crash_groups[PLACE_IDS], crash_free_name(set->name, crash_id_names, &id),
                      a) &&
           add_object(c, set->name, a);
}

static bool read_report(struct report *out, const struct json **json, struct str text,
                        struct arena *a, struct err *e)
{
    const struct json_limits limits = { REPORT_DEPTH_MAX, 2 * (size_t)REPORT_TEXTS_MAX };
    return json_parse(json, text, limits, a, e) && report_from_json(out, *json, text, a, e);
}

bool crash_report_amend(struct str payload, const struct attribute *set, size_t count,
                        struct arena *a, struct str *json, struct report_text **texts,
                        size_t *text_count, struct err *e)
{
    struct report before, after;
    const struct json *j;
    struct attributes anew;
    attributes_init(&anew, a);
    for (size_t i = 0; i < count; i++)
        if (!attributes_set_text(&anew, set[i].name, set[i].text))
            return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    if (!read_report(&before, &j, payload, a, e) || !write_amended(j, &anew, a, json, e) ||
        !read_report(&after, &j, *json, a, e))
        return false;
    struct changes c = { .before = &before, .after = &after };
    for (size_t i = 0; i < anew.count; i++)
        if (!add_fields(&c, &anew.at[i], a))
            return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    *texts = c.texts;
    *text_count = c.count;
    return true;
}
