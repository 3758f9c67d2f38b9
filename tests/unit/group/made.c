/* made.c - makes up crashes: a bug has a stack trace and some members; its reports are like it, but
 * for some frames and members. */
#include "made.h"

#include "../cmocka_all.h"
#include "base/vec.h"

static const char *const stems[] = {
    "gtk",    "Main",  "Loop",   "HTML",  "Parser", "event", "x86", "std",   "vector", "QWidget",
    "malloc", "abort", "signal", "XML",   "Http",   "read",  "v2",  "Image", "64",     "draw",
    "Cairo",  "a",     "B",      "IOErr", "list",   "free",  "GL",  "node",  "Tree",   "7z",
};

struct maker {
    struct arena *arena;
    struct dice bug, d; /* the same for a bug, and of this report */
    uint32_t changed, words;
    VEC(struct report_text) texts;
    struct buf json;
    struct json_writer w;
};

PRINTF_LIKE(2, 3) static struct str text(struct maker *k, const char *fmt, ...)
{
    char line[600];
    struct str out;
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    assert_true(arena_str(k->arena, str_from_c(line), &out));
    return out;
}

static void say(struct maker *k, const char *field, struct str value)
{
    assert_true(VEC_PUSH(&k->texts, ((struct report_text){ str_from_c(field), value })));
}

/* A member, and the text that it must come to. */
static void member(struct maker *k, const char *field, const char *key, struct str value)
{
    json_member(&k->w, key, value);
    say(k, field, value);
}

/* What the bug throws, or now and then something else. */
static uint32_t throw(struct maker * k, uint32_t n)
{
    uint32_t usual = dice(&k->bug, n);
    return dice_percent(&k->d, k->changed) ? dice(&k->d, n) : usual;
}

static const char *stem(uint32_t word, uint32_t part)
{
    uint32_t seed = (word * 31 + part) * 2654435761u;
    return stems[(seed >> 16) % COUNT_OF(stems)];
}

/* The name that belongs to a number; different numbers mostly mean different tokens. */
static struct str name(struct maker *k, uint32_t word)
{
    const char *a = stem(word, 0), *b = stem(word, 1), *c = stem(word, 2);
    switch (word % 6) {
    case 0:
        return text(k, "%s_%s%u", a, b, word);
    case 1:
        return text(k, "%sFn%u::%s", a, word, b);
    case 2:
        return text(k, "%s%s<%s>::at%uOf", a, b, c, word);
    case 3:
        return text(k, "%s", a);
    case 4:
        return text(k, "-[NS%s %s:%s]", a, b, c);
    default:
        return text(k, "do%s%s%u", b, c, word);
    }
}

static uint32_t word(struct maker *k)
{
    uint32_t usual = dice_word(&k->bug, k->words);
    return dice_percent(&k->d, k->changed) ? dice_word(&k->d, k->words) : usual;
}

static void frame(struct maker *k, uint32_t depth)
{
    uint32_t function = word(k);
    json_object(&k->w);
    if (throw(k, 25) == 0) {
        json_key(&k->w, STR("function"));
        json_null(&k->w);
    } else {
        member(k, "stacktrace.function", "function", name(k, function));
    }
    if (throw(k, 3)) {
        member(k, "stacktrace.file", "file", text(k, "src/%.*s.c", STR_ARG(name(k, function))));
        json_key(&k->w, STR("line"));
        json_int(&k->w, function % 97);
        say(k, "stacktrace.line", text(k, "%u", function % 97));
    } else {
        member(k, "stacktrace.dylib", "dylib", text(k, "/usr/lib/lib%s.so.4", stem(function, 3)));
    }
    member(k, "stacktrace.address", "address", text(k, "0x%08x", dice(&k->d, 1u << 31)));
    member(k, "stacktrace.depth", "depth", text(k, "%u", depth));
    if (throw(k, 10) == 0) {
        json_member(&k->w, "logdf", STR("3.5")); /* generated: dropped at the door */
        json_key(&k->w, STR("args"));
        json_list(&k->w);
        json_str(&k->w, STR("argc=1"));
        json_object(&k->w);
        member(k, "stacktrace.args.of_this", "of.this", name(k, function + 1));
        json_object_end(&k->w);
        json_list_end(&k->w);
        say(k, "stacktrace.args", STR("argc=1"));
    }
    json_object_end(&k->w);
}

static void stacktrace(struct maker *k, uint32_t most)
{
    uint32_t frames = dice(&k->bug, most + 1), again = throw(k, 8) == 0 ? 1 + throw(k, 12) : 1;
    if (frames == 0 && throw(k, 2))
        return;
    json_key(&k->w, STR("stacktrace"));
    json_list(&k->w);
    struct dice bug = k->bug;
    for (uint32_t i = 0; i < again; i++) { /* recursion: the same frames once more */
        k->bug = bug;
        for (uint32_t f = 0; f < frames; f++)
            frame(k, i * frames + f);
    }
    json_list_end(&k->w);
}

static void members(struct maker *k)
{
    member(k, "Package", "Package",
           text(k, "pkg%u %u.%u-3ubuntu1", throw(k, 9), throw(k, 3), dice(&k->d, 5)));
    json_key(&k->w, STR("Signal"));
    uint32_t signal = throw(k, 2) ? 11 : 6;
    json_int(&k->w, signal);
    say(k, "Signal", text(k, "%u", signal));
    if (throw(k, 2))
        member(k, "Title", "Title",
               text(k, "%.*s crashed in %.*s() %u times", STR_ARG(name(k, word(k))),
                    STR_ARG(name(k, word(k))), dice(&k->d, 400)));
    if (throw(k, 4) == 0) {
        json_key(&k->w, STR("extra"));
        json_object(&k->w);
        json_key(&k->w, STR("is:laptop"));
        json_bool(&k->w, true);
        say(k, "extra.is_laptop", STR("true"));
        json_key(&k->w, STR("modules"));
        json_list(&k->w);
        for (uint32_t i = 0, n = throw(k, 40); i < n; i++) { /* more than a query may ask */
            struct str module = name(k, word(k));
            json_str(&k->w, module);
            say(k, "extra.modules", module);
        }
        json_list_end(&k->w);
        member(k, "extra.cpu", "cpu", name(k, throw(k, 5)));
        json_object_end(&k->w);
    }
}

static void parse(struct made *out, struct arena *a)
{
    const struct json_limits limits = { 100, 100000 };
    const struct json *j;
    struct err e = { 0 };
    if (!json_parse(&j, out->json, limits, a, &e) ||
        !report_from_json(&out->report, j, out->json, a, &e) ||
        !report_set_project(&out->report, STR(""), &e))
        fail_msg("%.*s: %s", STR_ARG(out->json), e.msg);
    out->id = out->report.database_id;
    out->project = out->report.project;
    out->force = out->report.force_bucket;
    if (!out->report.has_date)
        out->report.date_ms = 1478201662827;
}

void made_report(struct made *out, const struct made_shape *shape, uint32_t bug, uint64_t seed,
                 struct str id, struct str force, struct arena *a)
{
    struct maker k = { .arena = a,
                       .bug = { bug * 1000003u + shape->words },
                       .d = { seed },
                       .changed = shape->changed,
                       .words = shape->words };
    buf_init(&k.json, (size_t)64 << 20);
    json_writer_init(&k.w, &k.json);
    json_object(&k.w);
    member(&k, "database_id", "database_id", id);
    json_member(&k.w, "project", text(&k, "%s Project%u", stem(bug, 0), throw(&k, 3)));
    if (dice_percent(&k.d, 50))
        member(&k, "date", "date", STR("2016-11-03T19:14:02"));
    if (force.len)
        json_member(&k.w, "force_bucket", force);
    members(&k);
    stacktrace(&k, shape->frames);
    if (dice_percent(&k.d, 10)) /* generated: dropped at the door */
        json_member(&k.w, "href", STR("http://example.com/dropped"));
    json_object_end(&k.w);
    *out = (struct made){ .text_count = k.texts.len };
    struct report_text *texts = arena_array(a, k.texts.len, sizeof *texts);
    assert_non_null(texts);
    memcpy(texts, k.texts.at, k.texts.len * sizeof *texts);
    out->texts = texts;
    assert_true(arena_str(a, buf_view(&k.json), &out->json));
    VEC_FREE(&k.texts);
    buf_done(&k.json);
    parse(out, a);
    assert_true(str_eq(out->force, force));
}

void made_from_json(struct made *out, struct str json, struct arena *a)
{
    *out = (struct made){ 0 };
    assert_true(arena_str(a, json, &out->json));
    parse(out, a);
    out->texts = out->report.texts;
    out->text_count = out->report.text_count;
}
