/* crash_amend.c - attributes that are set or cleared in a report that was written before, and which
 * texts of it that changes. The outcome is what crash_report.c would have written, but for the
 * order of members and for which strings are in the group `more`: those that are there stay. */
#include "report/changed_texts.h"
#include "report/crash_parts.h"
#include "report/crash_report.h"

/* --- the report ---------------------------------------------------------------------------- */

struct amendment {
    const struct attributes *set;     /* what is written */
    const struct attributes *touched; /* these, and what is cleared: what was there goes */
};

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
                        const struct amendment *m, enum crash_place place)
{
    bool begun = false;
    const struct json *group = json_get(report, crash_groups[place]);
    for (const struct json *j = is_object(group) ? group->first : NULL; j; j = j->next) {
        if (attribute_in_group(m->touched, j->key, place))
            continue;
        crash_begin_group(&w->w, place, &begun);
        json_key(&w->w, j->key);
        json_tree(&w->w, j);
    }
    if (place == PLACE_MORE)
        add_more(w, report, m->set, &begun);
    crash_write_group(w, m->set, place, begun);
}

static bool is_group(const struct json *member)
{
    for (enum crash_place place = PLACE_NUMBERS; place <= PLACE_MORE; place++)
        if (str_eq(member->key, crash_groups[place]))
            return is_object(member);
    return false;
}

static void amend_top(struct crash_writer *w, const struct json *report, const struct amendment *m)
{
    for (const struct json *j = report->first; j; j = j->next) {
        if (is_group(j) || attribute_at_top(report, m->touched, j->key))
            continue;
        json_key(&w->w, j->key);
        json_tree(&w->w, j);
    }
    for (size_t i = 0; i < m->set->count; i++) {
        struct crash_name_room room;
        const struct attribute *a = &m->set->at[i];
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

static bool write_amended(const struct json *report, const struct amendment *m, struct arena *a,
                          struct str *json, struct err *e)
{
    struct buf b;
    /* The report's own limits are looked at later. */
    struct crash_writer w = { .values = SIZE_MAX };
    buf_init(&b, CRASH_REPORT_BYTES_MAX);
    json_writer_init(&w.w, &b);
    json_object(&w.w);
    amend_top(&w, report, m);
    for (enum crash_place place = PLACE_NUMBERS; place <= PLACE_MORE; place++)
        amend_group(&w, report, m, place);
    json_object_end(&w.w);
    bool ok = crash_take_text(&b, a, json, e);
    buf_done(&b);
    return ok;
}

/* --- what an amendment changes ------------------------------------------------------------- */

static bool add_member(struct changed_texts *c, struct str parent, struct str key, struct arena *a)
{
    struct str field;
    return report_field_name(a, parent, key, &field) && changed_texts_add(c, field, a);
}

/* The same for all fields below that, of which there are none any more. */
static bool add_object(struct changed_texts *c, struct str key, struct arena *a)
{
    struct str field;
    if (!report_field_name(a, crash_groups[PLACE_OBJECTS], key, &field))
        return false;
    for (size_t i = 0; i < c->before->text_count; i++) {
        struct str old = c->before->texts[i].field;
        if (str_starts(old, field) && (old.len == field.len || old.ptr[field.len] == '.') &&
            !changed_texts_add(c, old, a))
            return false;
    }
    return true;
}

/* An attribute may have moved: what was a number is a string now. */
static bool add_fields(struct changed_texts *c, const struct attribute *set, struct arena *a)
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

/* All names that are set or cleared. */
static bool touched_names(const struct amended *m, struct attributes *out)
{
    for (size_t i = 0; i < m->set.count; i++)
        if (!attributes_set(out, m->set.at[i].name, m->set.at[i].type, m->set.at[i].text))
            return false;
    for (size_t i = 0; i < m->cleared.count; i++)
        if (!attributes_set(out, m->cleared.at[i].name, ATTRIBUTE_STRING, STR("")))
            return false;
    return true;
}

static bool list_changes(struct changed_texts *c, const struct attributes *touched, struct arena *a,
                         struct report_text **texts, size_t *text_count, struct err *e)
{
    for (size_t i = 0; i < touched->count; i++)
        if (!add_fields(c, &touched->at[i], a))
            return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    *texts = c->texts;
    *text_count = c->count;
    return true;
}

bool crash_report_amended(const struct report *before, struct str payload, const struct amended *m,
                          struct arena *a, struct report_text **texts, size_t *text_count,
                          struct err *e)
{
    struct report after;
    const struct json *j;
    struct attributes touched;
    struct changed_texts c = { .before = before, .after = &after };
    attributes_init(&touched, a);
    if (!touched_names(m, &touched))
        return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    return changed_texts_read(&after, &j, payload, a, e) &&
           list_changes(&c, &touched, a, texts, text_count, e);
}

bool crash_report_amend(struct str payload, const struct amended *m, struct arena *a,
                        struct str *json, struct report_text **texts, size_t *text_count,
                        struct err *e)
{
    struct report before;
    const struct json *j;
    struct attributes touched;
    attributes_init(&touched, a);
    if (!touched_names(m, &touched))
        return err_set(e, ERR_NOMEM, 0, "no memory for attributes");
    const struct amendment changes = { &m->set, &touched };
    return changed_texts_read(&before, &j, payload, a, e) &&
           write_amended(j, &changes, a, json, e) &&
           crash_report_amended(&before, *json, m, a, texts, text_count, e);
}
