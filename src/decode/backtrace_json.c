/* backtrace_json.c - the JSON error format of the Backtrace clients.
 *
 * Nothing in it is relied on: any member may be missing, null or of another type, and then a
 * sentence in crash.errors says so and the rest is read. Only text that is no JSON object fails.
 *
 * What is hard: a report may be made to cost much. Everything that a frame refers to (a source, a
 * module) is found by bisection, and frames are counted over all threads, those of the failing
 * thread first. */
#include "decode/formats.h"

#include "base/date.h"
#include "decode/source_lines.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>

#define UUID_MAX 128 /* bytes of a report's own uuid that are taken as one */
#define CLASSIFIERS_MAX 1000
#define TIME_TEXT_MAX 64         /* bytes of a timestamp */
#define FINGERPRINT_TEXT_MAX 128 /* bytes of a fingerprint; 64 are needed at most */

/* A member of sourceCode. */
struct source {
    struct str id, path;
    struct source_lines lines;
};

struct module {
    uint64_t start, size;
    struct str name, debug_id;
};

struct decoder {
    struct crash *crash;
    struct arena *arena;
    struct source *sources; /* by id */
    size_t source_count;
    struct module *modules; /* by start */
    size_t module_count;
    size_t frames; /* that may still be taken */
};

/* A frame's place, for sentences. */
struct place {
    struct str thread;
    size_t frame;
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory to read a report");
}

/* As much of a foreign text as a sentence takes. */
static int shown(struct str s)
{
    return s.len > 60 ? 60 : (int)s.len;
}

/* --- scalars ------------------------------------------------------------------------------- */

static bool is_given(const struct json *j)
{
    return j && j->type != JSON_NULL;
}

static bool is_scalar(const struct json *j)
{
    return is_given(j) && j->type != JSON_LIST && j->type != JSON_OBJECT;
}

/* A string, or what else is written as one; empty when it is not given. */
static struct str scalar_text(const struct json *j)
{
    if (!is_scalar(j))
        return STR("");
    return j->type == JSON_TRUE ? STR("true") : j->type == JSON_FALSE ? STR("false") : j->text;
}

/* The same for a member of the report. */
static struct str read_text(struct crash *c, const struct json *report, struct str key)
{
    const struct json *j = json_get(report, key);
    if (is_given(j) && !is_scalar(j))
        crash_error(c, "%.*s is no text", STR_ARG(key));
    return scalar_text(j);
}

static bool is_true(const struct json *j)
{
    struct str s = scalar_text(j);
    return str_is_word(s, "true") || str_eq(s, STR("1"));
}

/* Of an address: decimal, or hex with or without 0x in front (then a letter tells). */
static bool read_address(struct str s, uint64_t *out)
{
    if (decode_number(s, out))
        return true;
    char text[19] = "0x";
    if (s.len == 0 || s.len > 16)
        return false;
    memcpy(text + 2, s.ptr, s.len);
    return decode_number((struct str){ text, s.len + 2 }, out);
}

/* --- time ---------------------------------------------------------------------------------- */

/* Seconds, as the format says, or milliseconds, micro- or nanoseconds: a number that would be a
 * year after 5000 in one is taken for the next finer one. */
static bool time_of_number(double n, int64_t *ms)
{
    if (!(n >= 0))
        return false;
    double unit = n < 1e11 ? 1e3 : n < 1e14 ? 1 : n < 1e17 ? 1e-3 : 1e-6;
    if (!(n < 1e20))
        return false;
    *ms = (int64_t)floor(n * unit + 0.5);
    return true;
}

/* A number, also as a string, or a date. */
static bool time_of_text(struct str s, int64_t *ms)
{
    struct err ignored;
    char text[TIME_TEXT_MAX + 1];
    if (s.len == 0 || s.len > TIME_TEXT_MAX)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    char *end;
    double n = strtod(text, &end);
    if (end == text + s.len)
        return time_of_number(n, ms);
    return date_parse(s, ms, &ignored);
}

static void read_timestamp(struct crash *c, const struct json *j)
{
    if (!is_given(j))
        return;
    c->has_timestamp = time_of_text(scalar_text(j), &c->timestamp_ms);
    if (!c->has_timestamp)
        crash_error(c, "timestamp is no time");
}

/* --- identity ------------------------------------------------------------------------------ */

struct str backtrace_json_uuid(const struct json *report)
{
    const struct json *j = json_get(report, STR("uuid"));
    if (!j || j->type != JSON_STRING || j->text.len > UUID_MAX)
        return STR("");
    for (size_t i = 0; i < j->text.len; i++) {
        unsigned char c = (unsigned char)j->text.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return STR("");
    }
    return j->text;
}

static void read_uuid(struct crash *c, const struct json *report)
{
    c->uuid = backtrace_json_uuid(report);
    if (c->uuid.len == 0 && is_given(json_get(report, STR("uuid"))))
        crash_error(c, "uuid is no text of 1 to %d characters", UUID_MAX);
}

static bool decode_base64(struct str s, uint8_t out[32])
{
    const int variants[] = { sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING };
    while (s.len > 0 && s.ptr[s.len - 1] == '=')
        s.len--;
    for (size_t i = 0; i < 2; i++) {
        size_t len = 0;
        const char *end = NULL;
        if (sodium_base642bin(out, 32, s.ptr, s.len, NULL, &len, &end, variants[i]) == 0 &&
            len == 32 && end == s.ptr + s.len)
            return true;
    }
    return false;
}

static bool decode_hex(struct str s, uint8_t out[32])
{
    size_t len = 0;
    return s.len == 64 && sodium_hex2bin(out, 32, s.ptr, s.len, NULL, &len, NULL) == 0 && len == 32;
}

static void read_fingerprint(struct crash *c, const struct json *j)
{
    if (!is_given(j))
        return;
    struct str s = scalar_text(j);
    c->has_fingerprint = s.len <= FINGERPRINT_TEXT_MAX &&
                         (decode_hex(s, c->fingerprint) || decode_base64(s, c->fingerprint));
    if (!c->has_fingerprint)
        crash_error(c, "fingerprint is not 32 bytes in base64 or hex");
}

/* --- classifiers, annotations, attributes -------------------------------------------------- */

static bool read_classifiers(struct decoder *d, const struct json *j)
{
    struct crash *c = d->crash;
    if (!is_given(j))
        return true;
    if (j->type == JSON_OBJECT) {
        crash_error(c, "classifiers is no list");
        return true;
    }
    bool list = j->type == JSON_LIST;
    size_t most = !list ? 1 : j->count < CLASSIFIERS_MAX ? j->count : CLASSIFIERS_MAX;
    struct str *classifiers = arena_array(d->arena, most, sizeof *classifiers);
    if (!classifiers)
        return false;
    size_t n = 0;
    for (const struct json *item = list ? j->first : j; item && n < most;
         item = list ? item->next : NULL) {
        if (scalar_text(item).len > 0)
            classifiers[n++] = scalar_text(item);
        else
            crash_error(c, "a classifier is no text");
    }
    c->classifiers = classifiers;
    c->classifier_count = n;
    if (list && j->count > CLASSIFIERS_MAX)
        crash_error(c, "%zu classifiers, of which the first %d are kept", j->count,
                    CLASSIFIERS_MAX);
    return true;
}

static void read_annotations(struct crash *c, const struct json *j)
{
    if (is_given(j) && j->type == JSON_OBJECT)
        c->annotations = j;
    else if (is_given(j))
        crash_error(c, "annotations is no object");
}

/* The threads are there: a modifier may choose one. */
static bool read_attributes(struct crash *c, const struct json *j)
{
    if (!is_given(j))
        return true;
    if (j->type != JSON_OBJECT) {
        crash_error(c, "attributes is no object");
        return true;
    }
    for (const struct json *a = j->first; a; a = a->next)
        if (!decode_modifier(c, a->key, scalar_text(a)) && !attributes_set_json(&c->attributes, a))
            return false;
    return true;
}

/* --- source code --------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct source *x = a, *y = b;
    return str_cmp(x->id, y->id);
}

static void read_source(struct decoder *d, const struct json *j)
{
    struct source *s = &d->sources[d->source_count];
    const struct json *text = j->type == JSON_OBJECT ? json_get(j, STR("text")) : j;
    *s = (struct source){ .id = j->key, .path = scalar_text(json_get(j, STR("path"))) };
    s->lines.text = scalar_text(text);
    s->lines.first_line = 1;
    struct str start = scalar_text(json_get(j, STR("startLine")));
    if (start.len > 0 && !decode_number(start, &s->lines.first_line))
        crash_error(d->crash, "startLine of source %.*s is no number", shown(j->key), j->key.ptr);
    d->source_count++;
}

static bool read_sources(struct decoder *d, const struct json *j)
{
    if (!is_given(j))
        return true;
    if (j->type != JSON_OBJECT) {
        crash_error(d->crash, "sourceCode is no object");
        return true;
    }
    d->sources = arena_array(d->arena, j->count + 1, sizeof *d->sources);
    if (!d->sources)
        return false;
    for (const struct json *s = j->first; s; s = s->next)
        read_source(d, s);
    if (d->source_count > 1)
        qsort(d->sources, d->source_count, sizeof *d->sources, by_id);
    return true;
}

static struct source *find_source(const struct decoder *d, struct str id)
{
    if (d->source_count == 0)
        return NULL;
    const struct source sought = { .id = id };
    return bsearch(&sought, d->sources, d->source_count, sizeof *d->sources, by_id);
}

/* --- modules ------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const struct module *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void read_module(struct decoder *d, const struct json *j)
{
    struct module *m = &d->modules[d->module_count];
    *m = (struct module){ .debug_id = scalar_text(json_get(j, STR("debug_identifier"))) };
    m->name = scalar_text(json_get(j, STR("code_file")));
    if (m->name.len == 0)
        m->name = scalar_text(json_get(j, STR("debug_file")));
    if (read_address(scalar_text(json_get(j, STR("start"))), &m->start) &&
        read_address(scalar_text(json_get(j, STR("size"))), &m->size))
        d->module_count++; /* without a place, it is of no use here */
}

static bool read_modules(struct decoder *d, const struct json *j)
{
    if (!is_given(j))
        return true;
    if (j->type != JSON_LIST) {
        crash_error(d->crash, "modules is no list");
        return true;
    }
    d->modules = arena_array(d->arena, j->count + 1, sizeof *d->modules);
    if (!d->modules)
        return false;
    for (const struct json *m = j->first; m; m = m->next)
        read_module(d, m);
    if (d->module_count > 1)
        qsort(d->modules, d->module_count, sizeof *d->modules, by_start);
    return true;
}

/* The last one that begins at or before the address, when it reaches that far. */
static const struct module *find_module(const struct decoder *d, uint64_t address)
{
    size_t low = 0, high = d->module_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->modules[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct module *m = low > 0 ? &d->modules[low - 1] : NULL;
    return m && address - m->start < m->size ? m : NULL;
}

/* --- frames -------------------------------------------------------------------------------- */

static void wrong_number(struct crash *c, const struct place *at, struct str key)
{
    crash_error(c, "thread %.*s, frame %zu: %.*s is no number", shown(at->thread), at->thread.ptr,
                at->frame, STR_ARG(key));
}

/* Of a line or a column; some write -1 for one that is not known. */
static uint64_t read_position(struct crash *c, const struct place *at, const struct json *j)
{
    uint64_t n = 0;
    struct str s = scalar_text(j);
    if (is_given(j) && !decode_number(s, &n) && !str_starts(s, STR("-")))
        wrong_number(c, at, j->key);
    return n;
}

static void read_frame_address(struct crash *c, const struct place *at, const struct json *j,
                               struct crash_frame *f)
{
    if (!is_given(j))
        return;
    f->has_address = read_address(scalar_text(j), &f->address);
    if (!f->has_address)
        wrong_number(c, at, j->key);
}

enum frame_key {
    KEY_FUNCTION,
    KEY_ADDRESS,
    KEY_LINE,
    KEY_COLUMN,
    KEY_LIBRARY,
    KEY_PATH,
    KEY_SOURCE,
    KEY_DEBUG_ID,
    KEY_GUESSED,
    KEY_FAULTED,
    KEY_OTHER
};

static enum frame_key frame_key(struct str key)
{
    static const struct str names[] = {
        [KEY_FUNCTION] = STR_INIT("funcName"),
        [KEY_ADDRESS] = STR_INIT("address"),
        [KEY_LINE] = STR_INIT("line"),
        [KEY_COLUMN] = STR_INIT("column"),
        [KEY_LIBRARY] = STR_INIT("library"),
        [KEY_PATH] = STR_INIT("path"),
        [KEY_SOURCE] = STR_INIT("sourceCode"),
        [KEY_DEBUG_ID] = STR_INIT("debug_identifier"),
        [KEY_GUESSED] = STR_INIT("guessed_frame"),
        [KEY_FAULTED] = STR_INIT("faulted"),
    };
    for (enum frame_key k = 0; k < KEY_OTHER; k++)
        if (str_eq(names[k], key))
            return k;
    return KEY_OTHER;
}

static void read_frame_member(struct crash *c, const struct place *at, const struct json *j,
                              struct crash_frame *f, struct str *source)
{
    switch (frame_key(j->key)) {
    case KEY_FUNCTION:
        f->function = scalar_text(j);
        break;
    case KEY_ADDRESS:
        read_frame_address(c, at, j, f);
        break;
    case KEY_LINE:
        f->line = read_position(c, at, j);
        break;
    case KEY_COLUMN:
        f->column = read_position(c, at, j);
        break;
    case KEY_LIBRARY:
        f->module = scalar_text(j);
        break;
    case KEY_PATH:
        f->file = scalar_text(j);
        break;
    case KEY_SOURCE:
        *source = scalar_text(j);
        break;
    case KEY_DEBUG_ID:
        f->debug_id = scalar_text(j);
        break;
    case KEY_GUESSED:
        f->guessed = is_true(j);
        break;
    case KEY_FAULTED:
        f->faulted = is_true(j);
        break;
    case KEY_OTHER:
        break;
    }
}

static void add_module(const struct decoder *d, struct crash_frame *f)
{
    const struct module *m = f->has_address ? find_module(d, f->address) : NULL;
    if (!m)
        return;
    f->has_offset = true;
    f->offset = f->address - m->start;
    if (f->module.len == 0)
        f->module = m->name;
    if (f->debug_id.len == 0)
        f->debug_id = m->debug_id;
}

static bool add_source(const struct decoder *d, struct str id, struct crash_frame *f)
{
    struct source *s = id.len > 0 ? find_source(d, id) : NULL;
    if (!s)
        return true;
    if (f->file.len == 0)
        f->file = s->path;
    return f->line == 0 || source_lines_find(&s->lines, f->line, d->arena, &f->source);
}

/* False: no memory. */
static bool read_frame(struct decoder *d, const struct place *at, const struct json *j,
                       struct crash_frame *f)
{
    struct str source = STR("");
    *f = (struct crash_frame){ .function = STR(""),
                               .module = STR(""),
                               .file = STR(""),
                               .debug_id = STR(""),
                               .source = STR(""),
                               .rest = j };
    for (const struct json *m = j->first; m; m = m->next)
        read_frame_member(d->crash, at, m, f, &source);
    add_module(d, f);
    return add_source(d, source, f);
}

/* --- threads ------------------------------------------------------------------------------- */

static bool read_frames(struct decoder *d, const struct json *stack, struct crash_thread *t)
{
    size_t most = stack->count < d->frames ? stack->count : d->frames, n = 0;
    struct crash_frame *frames = arena_array(d->arena, most + 1, sizeof *frames);
    if (!frames)
        return false;
    struct place at = { .thread = t->id };
    for (const struct json *j = stack->first; j && n < most; j = j->next, at.frame++) {
        if (j->type != JSON_OBJECT)
            crash_error(d->crash, "thread %.*s, frame %zu is no object", shown(t->id), t->id.ptr,
                        at.frame);
        else if (!read_frame(d, &at, j, &frames[n++]))
            return false;
    }
    if (stack->count > most)
        crash_error(d->crash, "more than %d frames, of which the first are kept", CRASH_FRAMES_MAX);
    d->frames -= n;
    t->frames = frames;
    t->frame_count = n;
    return true;
}

static bool read_stack(struct decoder *d, const struct json *thread, struct crash_thread *t)
{
    const struct json *stack = json_get(thread, STR("stack"));
    if (!is_given(stack))
        return true;
    if (stack->type == JSON_LIST)
        return read_frames(d, stack, t);
    crash_error(d->crash, "thread %.*s: stack is no list", shown(t->id), t->id.ptr);
    return true;
}

/* All but the frames. Threads in a list are called by their number. */
static bool read_thread(struct decoder *d, const struct json *j, size_t number,
                        struct crash_thread *t)
{
    *t = (struct crash_thread){ .id = j->key,
                                .name = scalar_text(json_get(j, STR("name"))),
                                .fault = is_true(json_get(j, STR("fault"))) };
    if (!t->id.ptr && !arena_printf(d->arena, &t->id, "%zu", number))
        return false;
    if (j->type != JSON_OBJECT)
        crash_error(d->crash, "thread %.*s is no object", shown(t->id), t->id.ptr);
    return true;
}

/* The one that the report names, else the first that has the fault, else the first. */
static size_t choose_main(struct crash *c, struct str named)
{
    for (size_t i = 0; named.len > 0 && i < c->thread_count; i++)
        if (str_eq(c->threads[i].id, named))
            return i;
    if (named.len > 0)
        crash_error(c, "mainThread: there is no thread %.*s", shown(named), named.ptr);
    for (size_t i = 0; i < c->thread_count; i++)
        if (c->threads[i].fault)
            return i;
    return 0;
}

static bool read_threads(struct decoder *d, const struct json *j, struct str named)
{
    struct crash *c = d->crash;
    if (!is_given(j) || (j->type != JSON_OBJECT && j->type != JSON_LIST)) {
        crash_error(c, is_given(j) ? "threads is no object" : "the report has no threads");
        return true;
    }
    size_t count = j->count < CRASH_THREADS_MAX ? j->count : CRASH_THREADS_MAX, n = 0;
    struct crash_thread *threads = arena_array(d->arena, count + 1, sizeof *threads);
    const struct json **from = arena_array(d->arena, count + 1, sizeof *from);
    if (!threads || !from)
        return false;
    for (const struct json *t = j->first; t && n < count; t = t->next, n++) {
        from[n] = t;
        if (!read_thread(d, t, n, &threads[n]))
            return false;
    }
    if (j->count > count)
        crash_error(c, "%zu threads, of which the first %d are kept", j->count, CRASH_THREADS_MAX);
    c->threads = threads;
    c->thread_count = n;
    c->main_thread = choose_main(c, named);
    if (n > 0 && !read_stack(d, from[c->main_thread], &threads[c->main_thread]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (i != c->main_thread && !read_stack(d, from[i], &threads[i]))
            return false;
    return true;
}

/* --- the report ---------------------------------------------------------------------------- */

static bool read_report(struct decoder *d, const struct json *report)
{
    struct crash *c = d->crash;
    c->rest = report;
    read_uuid(c, report);
    read_timestamp(c, json_get(report, STR("timestamp")));
    c->language = read_text(c, report, STR("lang"));
    c->language_version = read_text(c, report, STR("langVersion"));
    c->agent = read_text(c, report, STR("agent"));
    c->agent_version = read_text(c, report, STR("agentVersion"));
    read_fingerprint(c, json_get(report, STR("fingerprint")));
    read_annotations(c, json_get(report, STR("annotations")));
    struct str named = read_text(c, report, STR("mainThread"));
    return read_classifiers(d, json_get(report, STR("classifiers"))) &&
           read_sources(d, json_get(report, STR("sourceCode"))) &&
           read_modules(d, json_get(report, STR("modules"))) &&
           read_threads(d, json_get(report, STR("threads")), named) &&
           read_attributes(c, json_get(report, STR("attributes")));
}

bool backtrace_json_decode(struct str text, struct crash *out, struct arena *a, struct err *e)
{
    const struct json_limits limits = { DECODE_JSON_DEPTH, DECODE_JSON_NODES };
    const struct json *report;
    if (!json_parse(&report, decode_skip_bom(text), limits, a, e))
        return false;
    if (report->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "a report must be a JSON object");
    struct decoder d = { .crash = out, .arena = a, .frames = CRASH_FRAMES_MAX };
    return read_report(&d, report) || no_memory(e);
}
