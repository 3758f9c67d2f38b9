/* crash_report.c - a crash as a report of the PartyCrasher form. docs/backtrace-mapping.md shows
 * the outcome.
 *
 * What is hard: nothing that a sender does may make report_from_json refuse the outcome. So names
 * are made by a rule under which no two are the same (free_name), and every value counts against
 * one budget, every list and object against one depth. What matters most is written first, so that
 * a limit costs what matters least. */
#include "report/crash_report.h"

#include "base/date.h"
#include "report/internal.h"
#include "report/upload.h"

#include <inttypes.h>
#include <stdio.h>

#define REPORT_BYTES_MAX ((size_t)1 << 30)
/* Values in the outcome; what is left up to the report's own limit is for attributes set later. */
#define VALUES_MAX (REPORT_TEXTS_MAX - 2 * ATTRIBUTES_MAX)
#define GROUPS_MAX 16 /* members that hold others: processing_errors, numbers ... */
#define DATE_FIRST_MS INT64_C(-62135596800000) /* 0001-01-01 */
#define DATE_LAST_MS INT64_C(253402300799999)  /* 9999-12-31 */

/* The report's own members: an attribute of such a name gets an underscore behind it. */
static const struct str top_names[] = {
    STR_INIT("database_id"),
    STR_INIT("project"),
    STR_INIT("date"),
    STR_INIT("stacktrace"),
    STR_INIT("force_bucket"),
    STR_INIT("buckets"),
    STR_INIT("href"),
    STR_INIT("language"),
    STR_INIT("language_version"),
    STR_INIT("agent"),
    STR_INIT("agent_version"),
    STR_INIT("thread"),
    STR_INIT("classifiers"),
    STR_INIT("numbers"),
    STR_INIT("ids"),
    STR_INIT("objects"),
    STR_INIT("threads"),
    STR_INIT("annotations"),
    STR_INIT("arch"),
    STR_INIT("modules"),
    STR_INIT("processing_errors"),
    { NULL, 0 },
};
static const struct str frame_names[] = {
    STR_INIT("function"), STR_INIT("module"),  STR_INIT("file"),    STR_INIT("line"),
    STR_INIT("column"),   STR_INIT("address"), STR_INIT("offset"),  STR_INIT("debug_id"),
    STR_INIT("source"),   STR_INIT("guessed"), STR_INIT("faulted"), STR_INIT("depth"),
    STR_INIT("logdf"),    { NULL, 0 },
};

/* And what the group `ids` has of its own. */
static const struct str id_names[] = {
    STR_INIT("uuid"),
    STR_INIT("thread"),
    { NULL, 0 },
};

/* Members of a Backtrace report, and of its frames, that a crash has members for, or that are left
 * to the upload. */
static const struct str understood[] = {
    STR_INIT("uuid"),        STR_INIT("timestamp"),  STR_INIT("lang"),
    STR_INIT("langVersion"), STR_INIT("agent"),      STR_INIT("agentVersion"),
    STR_INIT("mainThread"),  STR_INIT("threads"),    STR_INIT("fingerprint"),
    STR_INIT("classifiers"), STR_INIT("attributes"), STR_INIT("annotations"),
    STR_INIT("sourceCode"),  STR_INIT("memory"),     { NULL, 0 },
};
static const struct str understood_in_frames[] = {
    STR_INIT("funcName"),      STR_INIT("address"), STR_INIT("line"),
    STR_INIT("column"),        STR_INIT("library"), STR_INIT("path"),
    STR_INIT("sourceCode"),    STR_INIT("faulted"), STR_INIT("debug_identifier"),
    STR_INIT("guessed_frame"), { NULL, 0 },
};

static bool is_one_of(struct str s, const struct str *names)
{
    for (; names->ptr; names++)
        if (str_eq(s, *names))
            return true;
    return false;
}

/* Behind the name. */
static struct str without_underscores(struct str name)
{
    while (name.len > 0 && name.ptr[name.len - 1] == '_')
        name.len--;
    return name;
}

/* A name and an underscore. */
struct name_room {
    char at[REPORT_PATH_MAX + 1];
};

/* A taken name gets an underscore, and so does a taken name that has underscores already: different
 * names stay different. At most REPORT_PATH_MAX bytes. */
static struct str free_name(struct str name, const struct str *taken, struct name_room *room)
{
    if (!is_one_of(without_underscores(name), taken))
        return name;
    memcpy(room->at, name.ptr, name.len);
    room->at[name.len] = '_';
    return (struct str){ room->at, name.len + 1 };
}

/* --- where attributes go ------------------------------------------------------------------- */

enum place { PLACE_TOP, PLACE_CLASSIFIERS, PLACE_NUMBERS, PLACE_IDS, PLACE_OBJECTS, PLACE_NONE };
static const struct str group_names[] = {
    [PLACE_NUMBERS] = STR_INIT("numbers"),
    [PLACE_IDS] = STR_INIT("ids"),
    [PLACE_OBJECTS] = STR_INIT("objects"),
};

/* Depends on nothing but the attribute, so that one that is set later finds its place, too. */
static enum place place_of(struct str name, enum attribute_type type)
{
    /* Made by the server: the report has them in `date` and `stacktrace`, or must not have them,
     * since they follow from it. */
    static const struct str left_out[] = {
        STR_INIT("timestamp"), STR_INIT("callstack"), STR_INIT("fingerprint"), { NULL, 0 }
    };
    if (is_one_of(name, left_out))
        return PLACE_NONE;
    if (str_eq(name, STR("classifiers")))
        return PLACE_CLASSIFIERS;
    switch (type) {
    case ATTRIBUTE_UNSIGNED:
    case ATTRIBUTE_SIGNED:
    case ATTRIBUTE_BOOLEAN:
    case ATTRIBUTE_DOUBLE:
        return PLACE_NUMBERS;
    case ATTRIBUTE_UUID:
        return PLACE_IDS;
    case ATTRIBUTE_DICTIONARY:
        return PLACE_OBJECTS;
    case ATTRIBUTE_STRING:
        break;
    }
    return PLACE_TOP;
}

/* --- writing within the limits ------------------------------------------------------------- */

struct writer {
    struct json_writer w;
    size_t values; /* that may still be written */
};

static bool may_write(struct writer *w)
{
    if (w->values == 0)
        return false;
    w->values--;
    return true;
}

static void write_text(struct writer *w, const char *key, struct str text)
{
    if (text.len > 0 && may_write(w))
        json_member(&w->w, key, text);
}

static void write_number(struct writer *w, const char *key, uint64_t n)
{
    char text[24];
    if (!may_write(w))
        return;
    json_key(&w->w, str_from_c(key));
    int len = snprintf(text, sizeof text, "%" PRIu64, n);
    json_raw(&w->w, (struct str){ text, (size_t)len });
}

static void write_hex(struct writer *w, const char *key, uint64_t n)
{
    char text[24];
    if (!may_write(w))
        return;
    int len = snprintf(text, sizeof text, "0x%" PRIx64, n);
    json_member(&w->w, key, (struct str){ text, (size_t)len });
}

static void write_true(struct writer *w, const char *key)
{
    if (!may_write(w))
        return;
    json_key(&w->w, str_from_c(key));
    json_bool(&w->w, true);
}

/* A tree with `depth` lists and objects around it; it is counted already. A list or an object that
 * is too deep becomes null, and what is one value too many is left out. */
static void write_tree(struct writer *w, const struct json *j, size_t depth)
{
    if (j->type != JSON_LIST && j->type != JSON_OBJECT) {
        json_tree(&w->w, j);
        return;
    }
    if (depth >= REPORT_DEPTH_MAX) {
        json_null(&w->w);
        return;
    }
    bool list = j->type == JSON_LIST;
    if (list)
        json_list(&w->w);
    else
        json_object(&w->w);
    for (const struct json *child = j->first; child && may_write(w); child = child->next) {
        if (!list)
            json_key(&w->w, child->key);
        write_tree(w, child, depth + 1);
    }
    if (list)
        json_list_end(&w->w);
    else
        json_object_end(&w->w);
}

static void write_member(struct writer *w, struct str name, const struct json *value, size_t depth)
{
    if (!may_write(w))
        return;
    json_key(&w->w, name);
    write_tree(w, value, depth);
}

/* --- stacks -------------------------------------------------------------------------------- */

static void write_rest_of_frame(struct writer *w, const struct json *rest, size_t depth)
{
    if (!rest || rest->type != JSON_OBJECT)
        return;
    for (const struct json *m = rest->first; m; m = m->next) {
        struct name_room room;
        if (m->key.len <= REPORT_PATH_MAX && !is_one_of(m->key, understood_in_frames))
            write_member(w, free_name(m->key, frame_names, &room), m, depth);
    }
}

/* depth: of what stands in the frame. */
static void write_frame(struct writer *w, const struct crash_frame *f, size_t depth)
{
    json_object(&w->w);
    write_text(w, "function", f->function);
    write_text(w, "module", f->module);
    write_text(w, "file", f->file);
    if (f->line)
        write_number(w, "line", f->line);
    if (f->column)
        write_number(w, "column", f->column);
    if (f->has_address)
        write_hex(w, "address", f->address);
    if (f->has_offset)
        write_hex(w, "offset", f->offset);
    write_text(w, "debug_id", f->debug_id);
    write_text(w, "source", f->source);
    if (f->guessed)
        write_true(w, "guessed");
    if (f->faulted)
        write_true(w, "faulted");
    write_rest_of_frame(w, f->rest, depth);
    json_object_end(&w->w);
}

static void write_stack(struct writer *w, const struct crash_thread *t, size_t depth)
{
    size_t n = t->frame_count < REPORT_FRAMES_MAX ? t->frame_count : REPORT_FRAMES_MAX;
    if (n == 0 || !may_write(w))
        return;
    json_key(&w->w, STR("stacktrace"));
    json_list(&w->w);
    for (size_t i = 0; i < n && may_write(w); i++)
        write_frame(w, &t->frames[i], depth + 2);
    json_list_end(&w->w);
}

/* NULL: the crash has none. */
static const struct crash_thread *main_thread(const struct crash *c)
{
    return c->main_thread < c->thread_count ? &c->threads[c->main_thread] : NULL;
}

/* A list, and not an object by id, since not all formats have ids that differ. */
static void write_other_threads(struct writer *w, const struct crash *c)
{
    if (c->thread_count < 2 || !may_write(w))
        return;
    json_key(&w->w, STR("threads"));
    json_list(&w->w);
    for (size_t i = 0; i < c->thread_count; i++) {
        if (i == c->main_thread)
            continue;
        if (!may_write(w))
            break;
        json_object(&w->w);
        write_text(w, "id", c->threads[i].id);
        write_text(w, "name", c->threads[i].name);
        if (c->threads[i].fault)
            write_true(w, "fault");
        write_stack(w, &c->threads[i], 3);
        json_object_end(&w->w);
    }
    json_list_end(&w->w);
}

/* --- attributes ---------------------------------------------------------------------------- */

/* The value alone; the attribute is no dictionary. */
static void write_scalar(struct json_writer *w, enum attribute_type type, struct str text)
{
    if (type == ATTRIBUTE_STRING || type == ATTRIBUTE_UUID)
        json_str(w, text);
    else
        json_raw(w, text);
}

static void write_strings(struct writer *w, const struct attributes *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct name_room room;
        const struct attribute *at = &a->at[i];
        if (place_of(at->name, at->type) == PLACE_TOP && may_write(w)) {
            json_key(&w->w, free_name(at->name, top_names, &room));
            json_str(&w->w, at->text);
        }
    }
}

/* Begins a group before its first member. */
static void begin_group(struct json_writer *w, enum place place, bool *begun)
{
    if (*begun)
        return;
    json_key(w, group_names[place]);
    json_object(w);
    *begun = true;
}

/* The name of an attribute in its group. */
static struct str name_in_group(struct str name, enum place place, struct name_room *room)
{
    return place == PLACE_IDS ? free_name(name, id_names, room) : name;
}

static void write_group(struct writer *w, const struct attributes *a, enum place place, bool begun)
{
    for (size_t i = 0; i < a->count; i++) {
        struct name_room room;
        if (place_of(a->at[i].name, a->at[i].type) != place || !may_write(w))
            continue;
        begin_group(&w->w, place, &begun);
        json_key(&w->w, name_in_group(a->at[i].name, place, &room));
        write_scalar(&w->w, a->at[i].type, a->at[i].text);
    }
    if (begun)
        json_object_end(&w->w);
}

static void write_ids(struct writer *w, const struct crash *c)
{
    bool begun = false;
    struct str thread = main_thread(c) ? main_thread(c)->id : STR("");
    if (c->uuid.len > 0 || thread.len > 0)
        begin_group(&w->w, PLACE_IDS, &begun);
    write_text(w, "uuid", c->uuid);
    write_text(w, "thread", thread);
    write_group(w, &c->attributes, PLACE_IDS, begun);
}

/* Dictionaries are JSON that came from a decoder; they are read again for their depth. False: no
 * memory. */
static bool write_objects(struct writer *w, const struct attributes *a, struct arena *arena,
                          struct err *e)
{
    bool begun = false;
    const struct json_limits limits = { UPLOAD_VALUE_MAX, UPLOAD_VALUE_MAX };
    for (size_t i = 0; i < a->count; i++) {
        const struct json *j;
        if (place_of(a->at[i].name, a->at[i].type) != PLACE_OBJECTS)
            continue;
        if (json_parse(&j, a->at[i].text, limits, arena, e)) {
            begin_group(&w->w, PLACE_OBJECTS, &begun);
            write_member(w, a->at[i].name, j, 2);
        } else if (e->code == ERR_NOMEM) {
            return false;
        }
    }
    if (begun)
        json_object_end(&w->w);
    return true;
}

/* --- classifiers --------------------------------------------------------------------------- */

/* The next word of a text, which loses it; empty when there is none. */
static struct str next_word(struct str *text)
{
    while (text->len > 0 && text->ptr[0] == ' ') {
        text->ptr++;
        text->len--;
    }
    struct str word = { text->ptr, 0 };
    while (word.len < text->len && word.ptr[word.len] != ' ')
        word.len++;
    text->ptr += word.len;
    text->len -= word.len;
    return word;
}

static void write_words(struct writer *w, struct str text)
{
    json_list(&w->w);
    for (struct str word = next_word(&text); word.len > 0; word = next_word(&text))
        if (may_write(w))
            json_str(&w->w, word);
    json_list_end(&w->w);
}

/* Whether an attribute says what the list says, joined by spaces. */
static bool joins_to(const struct crash *c, struct str text)
{
    for (size_t i = 0; i < c->classifier_count; i++) {
        if (i > 0 && !(text.len > 0 && text.ptr[0] == ' '))
            return false;
        size_t skip = i > 0;
        text = (struct str){ text.ptr + skip, text.len - skip };
        if (!str_starts(text, c->classifiers[i]))
            return false;
        text.ptr += c->classifiers[i].len;
        text.len -= c->classifiers[i].len;
    }
    return text.len == 0;
}

/* From the list, or from the attribute when a request has set another. */
static void write_classifiers(struct writer *w, const struct crash *c)
{
    const struct attribute *set = attributes_find(&c->attributes, STR("classifiers"));
    if ((!set && c->classifier_count == 0) || !may_write(w))
        return;
    json_key(&w->w, STR("classifiers"));
    if (set && !joins_to(c, set->text)) {
        write_words(w, set->text);
        return;
    }
    json_list(&w->w);
    for (size_t i = 0; i < c->classifier_count && may_write(w); i++)
        json_str(&w->w, c->classifiers[i]);
    json_list_end(&w->w);
}

/* --- the whole ----------------------------------------------------------------------------- */

/* Members that nobody here understands, under their own names. */
static void write_rest(struct writer *w, const struct crash *c)
{
    if (!c->rest || c->rest->type != JSON_OBJECT)
        return;
    for (const struct json *m = c->rest->first; m; m = m->next) {
        struct name_room room;
        struct str name = m->key;
        if (name.len > REPORT_PATH_MAX || is_one_of(name, understood))
            continue;
        const struct attribute *same = attributes_find(&c->attributes, name);
        if (same && place_of(name, same->type) == PLACE_TOP)
            continue; /* two of one name: the attribute goes before */
        if (!str_eq(name, STR("arch")) && !str_eq(name, STR("modules")))
            name = free_name(name, top_names, &room);
        write_member(w, name, m, 1);
    }
}

static void write_header(struct writer *w, const struct crash *c, const struct crash_names *names)
{
    char date[DATE_TEXT_MAX];
    int64_t ms = c->has_timestamp ? c->timestamp_ms : names->received_ms;
    if (ms < DATE_FIRST_MS || ms > DATE_LAST_MS)
        ms = names->received_ms;
    write_text(w, "database_id", names->database_id);
    write_text(w, "project", names->project);
    write_text(w, "date", date_format(ms, true, date));
    write_text(w, "language", c->language);
    write_text(w, "language_version", c->language_version);
    write_text(w, "agent", c->agent);
    write_text(w, "agent_version", c->agent_version);
    write_classifiers(w, c);
    if (main_thread(c))
        write_text(w, "thread", main_thread(c)->name);
}

static void write_errors(struct writer *w, const struct crash *c)
{
    if (c->error_count == 0 || !may_write(w))
        return;
    json_key(&w->w, STR("processing_errors"));
    json_list(&w->w);
    for (size_t i = 0; i < c->error_count && may_write(w); i++)
        json_str(&w->w, c->errors[i]);
    json_list_end(&w->w);
}

/* What people look for first, first; so it is also what the limit costs last. The stack may not
 * take the room of the attributes behind it. */
static bool write_crash(struct writer *w, const struct crash *c, const struct crash_names *names,
                        struct arena *arena, struct err *e)
{
    size_t reserved = c->attributes.count + CRASH_ERRORS_MAX + GROUPS_MAX;
    json_object(&w->w);
    write_header(w, c, names);
    write_strings(w, &c->attributes);
    if (reserved > w->values)
        reserved = w->values;
    w->values -= reserved;
    if (main_thread(c))
        write_stack(w, main_thread(c), 1);
    w->values += reserved;
    write_errors(w, c);
    write_group(w, &c->attributes, PLACE_NUMBERS, false);
    write_ids(w, c);
    if (!write_objects(w, &c->attributes, arena, e))
        return false;
    write_rest(w, c);
    write_other_threads(w, c);
    if (c->annotations)
        write_member(w, STR("annotations"), c->annotations, 1);
    json_object_end(&w->w);
    return true;
}

static bool take_text(struct buf *b, struct arena *a, struct str *json, struct err *e)
{
    bool ok = buf_ok(b) && arena_str(a, buf_view(b), json);
    return ok || err_set(e, ERR_NOMEM, 0, "no memory to write a report");
}

bool crash_report_write(const struct crash *c, const struct crash_names *names, struct arena *a,
                        struct str *json, struct err *e)
{
    struct buf b;
    struct writer w = { .values = VALUES_MAX };
    buf_init(&b, REPORT_BYTES_MAX);
    json_writer_init(&w.w, &b);
    bool ok = write_crash(&w, c, names, a, e) && take_text(&b, a, json, e);
    buf_done(&b);
    return ok;
}

/* --- attributes that are set later --------------------------------------------------------- */

/* NULL, too, when the attribute has no place in a report. */
static const struct attribute *find_placed(const struct attributes *set, struct str name)
{
    const struct attribute *a = attributes_find(set, name);
    return a && place_of(a->name, a->type) != PLACE_NONE ? a : NULL;
}

/* The attribute that this member of the report is, or was before it was set anew; NULL. */
static const struct attribute *attribute_at_top(const struct attributes *set, struct str key)
{
    struct str bare = without_underscores(key);
    if (is_one_of(bare, top_names)) {
        if (bare.len == key.len) /* the report's own member */
            return str_eq(key, STR("classifiers")) ? attributes_find(set, key) : NULL;
        key.len--;
    }
    return find_placed(set, key);
}

/* The attribute that this member of a group is, or was before it was set anew; NULL. */
static const struct attribute *attribute_in_group(const struct attributes *set, struct str key,
                                                  enum place place)
{
    struct str bare = without_underscores(key);
    if (place == PLACE_IDS && is_one_of(bare, id_names)) {
        if (bare.len == key.len)
            return NULL; /* the group's own */
        key.len--;
    }
    return find_placed(set, key);
}

/* Those of the group that are not set anew, then the new ones. */
static void amend_group(struct writer *w, const struct json *group, const struct attributes *set,
                        enum place place)
{
    bool begun = false;
    bool old = group && group->type == JSON_OBJECT;
    for (const struct json *m = old ? group->first : NULL; m; m = m->next) {
        if (attribute_in_group(set, m->key, place))
            continue;
        begin_group(&w->w, place, &begun);
        json_key(&w->w, m->key);
        json_tree(&w->w, m);
    }
    write_group(w, set, place, begun);
}

static bool is_group(struct str key)
{
    return str_eq(key, group_names[PLACE_NUMBERS]) || str_eq(key, group_names[PLACE_IDS]) ||
           str_eq(key, group_names[PLACE_OBJECTS]);
}

static void amend_top(struct writer *w, const struct json *report, const struct attributes *set)
{
    for (const struct json *m = report->first; m; m = m->next) {
        if (is_group(m->key) || attribute_at_top(set, m->key))
            continue;
        json_key(&w->w, m->key);
        json_tree(&w->w, m);
    }
    for (size_t i = 0; i < set->count; i++) {
        struct name_room room;
        const struct attribute *a = &set->at[i];
        enum place place = place_of(a->name, a->type);
        if (place == PLACE_TOP) {
            json_key(&w->w, free_name(a->name, top_names, &room));
            json_str(&w->w, a->text);
        } else if (place == PLACE_CLASSIFIERS) {
            json_key(&w->w, a->name);
            write_words(w, a->text);
        }
    }
}

static bool write_amended(const struct json *report, const struct attributes *set, struct arena *a,
                          struct str *json, struct err *e)
{
    struct buf b;
    struct writer w = { .values = SIZE_MAX }; /* the report's own limits are looked at later */
    buf_init(&b, REPORT_BYTES_MAX);
    json_writer_init(&w.w, &b);
    json_object(&w.w);
    amend_top(&w, report, set);
    for (enum place place = PLACE_NUMBERS; place <= PLACE_OBJECTS; place++)
        amend_group(&w, json_get(report, group_names[place]), set, place);
    json_object_end(&w.w);
    bool ok = take_text(&b, a, json, e);
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
    if (!report_field_name(a, group_names[PLACE_OBJECTS], key, &field))
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
    struct name_room top, id;
    enum place place = place_of(set->name, set->type);
    if (place == PLACE_NONE)
        return true;
    if (place == PLACE_CLASSIFIERS)
        return add_member(c, STR(""), set->name, a);
    return add_member(c, STR(""), free_name(set->name, top_names, &top), a) &&
           add_member(c, group_names[PLACE_NUMBERS], set->name, a) &&
           add_member(c, group_names[PLACE_IDS], free_name(set->name, id_names, &id), a) &&
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
