/* crash_report.c - a crash as a report of the PartyCrasher form. docs/backtrace-mapping.md shows
 * the outcome.
 *
 * What is hard: nothing that a sender does may make report_from_json refuse the outcome. So names
 * are made by a rule under which no two are the same (crash_free_name), and every value counts
 * against one budget, every list and object against one depth. What matters most is written first,
 * so that a limit costs what matters least. */
#include "report/crash_report.h"

#include "base/date.h"
#include "report/crash_parts.h"
#include "report/upload.h"

#include <inttypes.h>
#include <stdio.h>

/* Values in the outcome; what is left up to the report's own limit is for attributes set later. */
#define VALUES_MAX (REPORT_TEXTS_MAX - 2 * ATTRIBUTES_MAX)
#define GROUPS_MAX 16       /* members that hold others: processing_errors, numbers ... */
#define TOP_STRINGS_MAX 256 /* attributes at the top; further strings are in the group `more` */
#define REST_MEMBERS_MAX ATTRIBUTES_MAX        /* that nobody here understands */
#define DATE_FIRST_MS INT64_C(-62135596800000) /* 0001-01-01 */
#define DATE_LAST_MS INT64_C(253402300799999)  /* 9999-12-31 */

static const struct str frame_names[] = {
    STR_INIT("function"), STR_INIT("module"),       STR_INIT("file"),      STR_INIT("line"),
    STR_INIT("column"),   STR_INIT("address"),      STR_INIT("offset"),    STR_INIT("debug_id"),
    STR_INIT("source"),   STR_INIT("source_lines"), STR_INIT("generated"), STR_INIT("ignored"),
    STR_INIT("guessed"),  STR_INIT("faulted"),      STR_INIT("depth"),     STR_INIT("logdf"),
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

/* --- writing within the limits ------------------------------------------------------------- */

static void write_text(struct crash_writer *w, const char *key, struct str text)
{
    if (text.len > 0 && crash_may_write(w))
        json_member(&w->w, key, text);
}

static void write_number(struct crash_writer *w, const char *key, uint64_t n)
{
    char text[24];
    if (!crash_may_write(w))
        return;
    json_key(&w->w, str_from_c(key));
    int len = snprintf(text, sizeof text, "%" PRIu64, n);
    json_raw(&w->w, (struct str){ text, (size_t)len });
}

static void write_hex(struct crash_writer *w, const char *key, uint64_t n)
{
    char text[24];
    if (!crash_may_write(w))
        return;
    int len = snprintf(text, sizeof text, "0x%" PRIx64, n);
    json_member(&w->w, key, (struct str){ text, (size_t)len });
}

static void write_true(struct crash_writer *w, const char *key)
{
    if (!crash_may_write(w))
        return;
    json_key(&w->w, str_from_c(key));
    json_bool(&w->w, true);
}

/* A tree with `depth` lists and objects around it; it is counted already. A list or an object that
 * is too deep becomes null, and what is one value too many is left out. */
static void write_tree(struct crash_writer *w, const struct json *j, size_t depth)
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
    for (const struct json *child = j->first; child && crash_may_write(w); child = child->next) {
        if (!list)
            json_key(&w->w, child->key);
        write_tree(w, child, depth + 1);
    }
    if (list)
        json_list_end(&w->w);
    else
        json_object_end(&w->w);
}

static void write_member(struct crash_writer *w, struct str name, const struct json *value,
                         size_t depth)
{
    if (!crash_may_write(w))
        return;
    json_key(&w->w, name);
    write_tree(w, value, depth);
}

/* --- stacks -------------------------------------------------------------------------------- */

static void write_rest_of_frame(struct crash_writer *w, const struct json *rest, size_t depth)
{
    if (!rest || rest->type != JSON_OBJECT)
        return;
    for (const struct json *m = rest->first; m; m = m->next) {
        struct crash_name_room room;
        if (m->key.len <= REPORT_PATH_MAX && !crash_is_one_of(m->key, understood_in_frames))
            write_member(w, crash_free_name(m->key, frame_names, &room), m, depth);
    }
}

/* Where the frame is in the script that ran. */
static void write_generated(struct crash_writer *w, const struct crash_generated *g)
{
    if (!g || !crash_may_write(w))
        return;
    json_key(&w->w, STR("generated"));
    json_object(&w->w);
    write_text(w, "function", g->function);
    write_text(w, "file", g->file);
    write_number(w, "line", g->line);
    write_number(w, "column", g->column);
    json_object_end(&w->w);
}

static void write_source_lines(struct crash_writer *w, const struct crash_frame *f)
{
    if (f->line_count == 0 || !crash_may_write(w))
        return;
    json_key(&w->w, STR("source_lines"));
    json_object(&w->w);
    write_number(w, "first", f->first_line);
    if (crash_may_write(w)) {
        json_key(&w->w, STR("lines"));
        json_list(&w->w);
        for (size_t i = 0; i < f->line_count && crash_may_write(w); i++)
            json_str(&w->w, f->lines[i]);
        json_list_end(&w->w);
    }
    json_object_end(&w->w);
}

/* depth: of what stands in the frame. */
static void write_frame(struct crash_writer *w, const struct crash_frame *f, size_t depth)
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
    if (f->ignored)
        write_true(w, "ignored");
    write_source_lines(w, f);
    write_generated(w, f->generated);
    write_rest_of_frame(w, f->rest, depth);
    json_object_end(&w->w);
}

static void write_stack(struct crash_writer *w, const struct crash_thread *t, size_t depth)
{
    size_t n = t->frame_count < REPORT_FRAMES_MAX ? t->frame_count : REPORT_FRAMES_MAX;
    if (n == 0 || !crash_may_write(w))
        return;
    json_key(&w->w, STR("stacktrace"));
    json_list(&w->w);
    for (size_t i = 0; i < n && crash_may_write(w); i++)
        write_frame(w, &t->frames[i], depth + 2);
    json_list_end(&w->w);
}

/* NULL: the crash has none. */
static const struct crash_thread *main_thread(const struct crash *c)
{
    return c->main_thread < c->thread_count ? &c->threads[c->main_thread] : NULL;
}

/* A list, and not an object by id, since not all formats have ids that differ. */
static void write_other_threads(struct crash_writer *w, const struct crash *c)
{
    if (c->thread_count < 2 || !crash_may_write(w))
        return;
    json_key(&w->w, STR("threads"));
    json_list(&w->w);
    for (size_t i = 0; i < c->thread_count; i++) {
        if (i == c->main_thread)
            continue;
        if (!crash_may_write(w))
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

/* The index of the next string at or after `i`; the count when there is none. */
static size_t next_string(const struct attributes *a, size_t i)
{
    while (i < a->count && crash_place_of(a->at[i].name, a->at[i].type) != PLACE_TOP)
        i++;
    return i;
}

/* The first strings, which are compared with those of other reports. Gives the index behind. */
static size_t write_strings(struct crash_writer *w, const struct attributes *a)
{
    size_t n = 0, i = next_string(a, 0);
    for (; i < a->count && n < TOP_STRINGS_MAX; i = next_string(a, i + 1), n++) {
        struct crash_name_room room;
        if (!crash_may_write(w))
            continue;
        json_key(&w->w, crash_free_name(a->at[i].name, crash_top_names, &room));
        json_str(&w->w, a->at[i].text);
    }
    return i;
}

/* The other strings: so many say little of the bug, and would make comparing slow. */
static void write_more(struct crash_writer *w, const struct attributes *a, size_t i)
{
    bool begun = false;
    for (i = next_string(a, i); i < a->count && crash_may_write(w); i = next_string(a, i + 1)) {
        crash_begin_group(&w->w, PLACE_MORE, &begun);
        json_key(&w->w, a->at[i].name);
        json_str(&w->w, a->at[i].text);
    }
    if (begun)
        json_object_end(&w->w);
}

static void write_ids(struct crash_writer *w, const struct crash *c)
{
    bool begun = false;
    struct str thread = main_thread(c) ? main_thread(c)->id : STR("");
    if (c->uuid.len > 0 || thread.len > 0)
        crash_begin_group(&w->w, PLACE_IDS, &begun);
    write_text(w, "uuid", c->uuid);
    write_text(w, "thread", thread);
    crash_write_group(w, &c->attributes, PLACE_IDS, begun);
}

/* Dictionaries are JSON that came from a decoder; they are read again for their depth. False: no
 * memory. */
static bool write_objects(struct crash_writer *w, const struct attributes *a, struct arena *arena,
                          struct err *e)
{
    bool begun = false;
    const struct json_limits limits = { UPLOAD_VALUE_MAX, UPLOAD_VALUE_MAX };
    for (size_t i = 0; i < a->count; i++) {
        const struct json *j;
        if (crash_place_of(a->at[i].name, a->at[i].type) != PLACE_OBJECTS)
            continue;
        if (json_parse(&j, a->at[i].text, limits, arena, e)) {
            crash_begin_group(&w->w, PLACE_OBJECTS, &begun);
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

/* Whether an attribute says what the list says, joined by spaces. */
static bool joins_to(const struct crash *c, struct str text)
{
    for (size_t i = 0; i < c->classifier_count; i++)
        if (!crash_skip_classifier(&text, c->classifiers[i], i == 0))
            return false;
    return text.len == 0;
}

/* From the list, or from the attribute when a request has set another. */
static void write_classifiers(struct crash_writer *w, const struct crash *c)
{
    const struct attribute *set = attributes_find(&c->attributes, STR("classifiers"));
    if ((!set && c->classifier_count == 0) || !crash_may_write(w))
        return;
    json_key(&w->w, STR("classifiers"));
    if (set && !joins_to(c, set->text)) {
        crash_write_words(w, set->text);
        return;
    }
    json_list(&w->w);
    for (size_t i = 0; i < c->classifier_count && crash_may_write(w); i++)
        json_str(&w->w, c->classifiers[i]);
    json_list_end(&w->w);
}

/* --- modules ------------------------------------------------------------------------------- */

static void write_module(struct crash_writer *w, const struct crash_module *m)
{
    json_object(&w->w);
    write_text(w, "code_file", m->code_file);
    write_text(w, "code_id", m->code_id);
    write_text(w, "debug_file", m->debug_file);
    write_text(w, "debug_id", m->debug_id);
    write_text(w, "version", m->version);
    write_hex(w, "base", m->base);
    write_hex(w, "size", m->size);
    if (m->missing)
        write_true(w, "missing");
    json_object_end(&w->w);
}

/* Of a dump; those of JSON uploads are among the rest. */
static void write_modules(struct crash_writer *w, const struct crash *c)
{
    if (c->module_count == 0 || !crash_may_write(w))
        return;
    json_key(&w->w, STR("modules"));
    json_list(&w->w);
    for (size_t i = 0; i < c->module_count && crash_may_write(w); i++)
        write_module(w, &c->modules[i]);
    json_list_end(&w->w);
}

/* --- the whole ----------------------------------------------------------------------------- */

/* Whether nobody here understands this member of the upload; and it has a name of its own. */
static bool is_rest(const struct crash *c, struct str name)
{
    if (name.len > REPORT_PATH_MAX || crash_is_one_of(name, understood))
        return false;
    const struct attribute *same = attributes_find(&c->attributes, name);
    /* Two of one name: the attribute goes before. */
    return !same || crash_place_of(name, same->type) != PLACE_TOP;
}

static const struct json *first_member(const struct crash *c)
{
    return c->rest && c->rest->type == JSON_OBJECT ? c->rest->first : NULL;
}

static size_t count_rest(const struct crash *c)
{
    size_t n = 0;
    for (const struct json *m = first_member(c); m; m = m->next)
        n += is_rest(c, m->key);
    return n;
}

/* Under their own names. */
static void write_rest(struct crash_writer *w, const struct crash *c)
{
    size_t n = 0;
    for (const struct json *m = first_member(c); m && n < REST_MEMBERS_MAX; m = m->next) {
        struct crash_name_room room;
        struct str name = m->key;
        if (!is_rest(c, name))
            continue;
        n++;
        if (!str_eq(name, STR("arch")) && !str_eq(name, STR("modules")))
            name = crash_free_name(name, crash_top_names, &room);
        write_member(w, name, m, 1);
    }
}

static void write_header(struct crash_writer *w, const struct crash *c,
                         const struct crash_names *names)
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

static void write_error_of_rest(struct crash_writer *w, size_t members)
{
    char text[128];
    int len = snprintf(text, sizeof text,
                       "unknown members of the report were left out (%zu): at most %d are kept",
                       members - REST_MEMBERS_MAX, REST_MEMBERS_MAX);
    json_str(&w->w, (struct str){ text, (size_t)len });
}

static void write_errors(struct crash_writer *w, const struct crash *c)
{
    size_t rest = count_rest(c);
    if ((c->error_count == 0 && rest <= REST_MEMBERS_MAX) || !crash_may_write(w))
        return;
    json_key(&w->w, STR("processing_errors"));
    json_list(&w->w);
    for (size_t i = 0; i < c->error_count && crash_may_write(w); i++)
        json_str(&w->w, c->errors[i]);
    if (rest > REST_MEMBERS_MAX && crash_may_write(w))
        write_error_of_rest(w, rest);
    json_list_end(&w->w);
}

/* What people look for first, first; so it is also what the limit costs last. The stack may not
 * take the room of the attributes behind it. */
static bool write_crash(struct crash_writer *w, const struct crash *c,
                        const struct crash_names *names, struct arena *arena, struct err *e)
{
    size_t reserved = c->attributes.count + CRASH_ERRORS_MAX + 1 + GROUPS_MAX;
    json_object(&w->w);
    write_header(w, c, names);
    size_t strings_end = write_strings(w, &c->attributes);
    if (reserved > w->values)
        reserved = w->values;
    w->values -= reserved;
    if (main_thread(c))
        write_stack(w, main_thread(c), 1);
    w->values += reserved;
    write_errors(w, c);
    crash_write_group(w, &c->attributes, PLACE_NUMBERS, false);
    write_ids(w, c);
    if (!write_objects(w, &c->attributes, arena, e))
        return false;
    write_more(w, &c->attributes, strings_end);
    write_rest(w, c);
    write_other_threads(w, c);
    write_modules(w, c);
    if (c->annotations)
        write_member(w, STR("annotations"), c->annotations, 1);
    json_object_end(&w->w);
    return true;
}

bool crash_report_write(const struct crash *c, const struct crash_names *names, struct arena *a,
                        struct str *json, struct err *e)
{
    struct buf b;
    struct crash_writer w = { .values = VALUES_MAX };
    buf_init(&b, CRASH_REPORT_BYTES_MAX);
    json_writer_init(&w.w, &b);
    bool ok = write_crash(&w, c, names, a, e) && crash_take_text(&b, a, json, e);
    buf_done(&b);
    return ok;
}
