/* crashes.c - see the header. All that a bug is follows from its project and its number. */
#include "crashes.h"

#include "../cmocka_all.h"
#include "frames.h"

#include <string.h>

#define DEPTH_MAX 20
#define FRAMES_MAX 240

/* A bug's stack, as it is before anything happens to a report of it. */
struct template
{
    uint32_t functions[DEPTH_MAX];
    uint32_t depth;
    const char *death;
};

static struct str text(struct crashes *c, const char *fmt, uint32_t n)
{
    struct str out;
    /* The formats are literals of this file, each with one number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    assert_true(arena_printf(c->arena, &out, fmt, n));
#pragma GCC diagnostic pop
    return out;
}

/* Functions below HOT are helpers that many bugs pass through. */
#define HOT 12

static struct str function_name(struct crashes *c, uint32_t f)
{
    static const char *const hot[] = { "list_at_%u",      "buf_append_%u", "xalloc_%u",
                                       "tree::at<int>%u", "check_%u",      "table_get_%u" };
    if (f < HOT)
        return text(c, hot[f % COUNT_OF(hot)], f);
    return text(c, f % 3 ? "work_%u" : "ns::work_%u(int, char *)", f);
}

static void template_make(struct template *t, const struct crashes *c, uint32_t project,
                          uint32_t bug)
{
    static const char *const deaths[] = { "SIGSEGV", "SIGFPE", "SIGBUS", "KeyError", "SIGILL" };
    struct dice d = { project * UINT64_C(1000003) + bug };
    uint32_t helpers = dice(&d, 4), own = 1 + dice(&d, 3), outer = dice(&d, 9);
    t->depth = 0;
    for (uint32_t i = 0; i < helpers; i++)
        t->functions[t->depth++] = dice_word(&d, HOT);
    for (uint32_t i = 0; i < own; i++)
        t->functions[t->depth++] = HOT + dice(&d, c->functions);
    for (uint32_t i = 0; i < outer; i++)
        t->functions[t->depth++] = HOT + dice_word(&d, c->functions);
    t->death = deaths[dice_word(&d, COUNT_OF(deaths))];
}

/* A crash while it is made. */
struct making {
    struct crashes *c;
    struct trace_frame frames[FRAMES_MAX];
    uint32_t count;
    uint32_t project, build;
};

static struct trace_frame *push(struct making *m, struct str function)
{
    struct trace_frame *f = &m->frames[m->count < FRAMES_MAX ? m->count++ : FRAMES_MAX - 1];
    *f = (struct trace_frame){ .function = function };
    return f;
}

static void push_platform(struct making *m, struct str *death)
{
    struct dice *d = &m->c->d;
    if (dice_percent(d, 25)) {
        push(m, STR("raise"))->module = STR("/lib/libc.so.6");
        push(m, STR("abort"))->module = STR("/lib/libc.so.6");
        *death = STR("SIGABRT");
    } else if (dice_percent(d, 15)) {
        push(m, STR("on_crash"));
        push(m, STR("<signal handler called>"));
    } else if (dice_percent(d, 15)) {
        push(m, STR("__memcpy_avx_unaligned_erms"));
    }
}

/* Where a function calls from is the same in each crash of a build. */
static void place(struct making *m, struct trace_frame *f, uint32_t function, uint32_t caller)
{
    struct dice own = { ((uint64_t)m->project << 50) + ((uint64_t)m->build << 44) +
                        ((uint64_t)function << 20) + caller };
    struct dice *d = &m->c->d;
    f->module = function % 4 == 1 ? STR("/usr/lib/libwork.so") : STR("/usr/bin/app");
    f->build = text(m->c, "build %u", m->build);
    f->has_site = true;
    f->site = (uint16_t)(dice_percent(d, 3) ? dice(d, 4096) : dice(&own, 4096));
    if (dice_percent(d, 4)) {
        f->has_site = false;
        f->site = 0;
    }
    if (dice_percent(d, 4))
        f->module = STR("");
}

/* Whether the compiler of this build put `function` into its caller. */
static bool is_inlined(const struct making *m, uint32_t function, uint32_t caller)
{
    struct dice own = { (uint64_t)function << 20 | caller };
    return m->build % 2 == 0 && dice_percent(&own, 20);
}

static void push_own(struct making *m, const struct template *t, uint32_t i)
{
    struct dice *d = &m->c->d;
    uint32_t f = t->functions[i], caller = i + 1 < t->depth ? t->functions[i + 1] : 0;
    bool inlined = i + 1 < t->depth && is_inlined(m, f, caller);
    if (inlined && dice_percent(d, 20))
        return; /* it went without a trace */
    struct trace_frame *frame = push(m, function_name(m->c, f));
    if (inlined) { /* it stands where its caller calls from */
        uint32_t next = i + 2 < t->depth ? t->functions[i + 2] : 0;
        place(m, frame, caller, next);
        frame->inlined = true;
    } else if (m->count > 1 && m->frames[m->count - 2].inlined) {
        const struct trace_frame *inner = &m->frames[m->count - 2];
        frame->module = inner->module;
        frame->build = inner->build;
        frame->site = inner->site;
        frame->has_site = inner->has_site;
    } else {
        place(m, frame, f, caller);
    }
    if (dice_percent(d, 8))
        frame->function = STR("");
}

static void recurse(struct making *m, const struct template *t, uint32_t i)
{
    uint32_t turn = 1 + dice(&m->c->d, 3);
    for (uint32_t k = dice(&m->c->d, 20); k > 0; k--)
        for (uint32_t j = i; j < i + turn && j < t->depth; j++)
            push_own(m, t, j);
}

static void make_frames(struct making *m, const struct template *t)
{
    struct dice *d = &m->c->d;
    uint32_t fresh = dice_percent(d, m->c->fresh) ? dice(d, t->depth + 1) : DEPTH_MAX;
    for (uint32_t i = 0; i <= t->depth; i++) {
        if (i == fresh)
            push(m, text(m->c, "rare_%u", dice(d, 1000000)));
        if (i < t->depth && dice_percent(d, 3))
            recurse(m, t, i);
        if (i < t->depth)
            push_own(m, t, i);
    }
    push(m, STR("main"));
    push(m, STR("__libc_start_main"));
    if (dice_percent(d, 10))
        m->count = 1 + dice(d, m->count);
}

static void set_texts(struct report *r, const struct report_text *texts, size_t count,
                      struct arena *a)
{
    struct report_text *copy = arena_array(a, count ? count : 1, sizeof *copy);
    assert_non_null(copy);
    if (count > 0)
        memcpy(copy, texts, count * sizeof *texts);
    r->texts = copy;
    r->text_count = count;
}

static void next_context(struct crashes *c, struct report *r)
{
    struct dice *d = &c->d;
    const struct report_text texts[] = {
        { STR("message"), text(c, "cannot do thing number %u for you", dice(d, 1000)) },
        { STR("kind"), text(c, "kind %u", dice(d, 3)) },
        { STR("words"), function_name(c, HOT + dice_word(d, 30)) },
        { STR("stacktrace.language"), STR("none") },
    };
    set_texts(r, texts, COUNT_OF(texts) - dice(d, 2), c->arena);
    if (dice_percent(d, 30))
        r->trace.death = STR("Error");
}

static void next_crash(struct crashes *c, uint32_t project, struct report *r)
{
    struct making m = { .c = c, .project = project, .build = dice(&c->d, c->builds) };
    struct report_text texts[FRAMES_MAX];
    struct template t;
    template_make(&t, c, project, dice_word(&c->d, c->bugs));
    struct str death = str_from_c(dice_percent(&c->d, 10) ? "" : t.death);
    push_platform(&m, &death);
    make_frames(&m, &t);
    struct trace_frame *frames = arena_array(c->arena, m.count, sizeof *frames);
    assert_non_null(frames);
    memcpy(frames, m.frames, m.count * sizeof *frames);
    size_t count = 0;
    for (uint32_t i = 0; i < m.count; i++) {
        frames[i].index = i;
        if (frames[i].function.len > 0)
            texts[count++] = (struct report_text){ STR("stacktrace.function"), frames[i].function };
    }
    r->trace = (struct trace){ frames, m.count, text(c, "build %u", m.build), death };
    set_texts(r, texts, count, c->arena);
}

void crashes_next(struct crashes *c, struct report *out)
{
    uint32_t project = dice(&c->d, c->projects);
    *out = (struct report){ .database_id = text(c, "r:%u", c->made++),
                            .project = text(c, "project %u", project) };
    if (dice_percent(&c->d, 7))
        next_context(c, out);
    else
        next_crash(c, project, out);
}

void crashes_report(struct report *out, const char *project, const char *death, const char *frames,
                    struct arena *a)
{
    static uint32_t made;
    struct report_text texts[FRAMES_DEEP];
    size_t count = 0;
    *out = (struct report){ .project = str_from_c(project) };
    assert_true(arena_printf(a, &out->database_id, "made:%u", made++));
    out->trace = frames_parse(frames, "b1", a);
    out->trace.death = str_from_c(death);
    for (size_t i = 0; i < out->trace.count; i++)
        texts[count++] =
            (struct report_text){ STR("stacktrace.function"), out->trace.frames[i].function };
    set_texts(out, texts, count, a);
}

void crashes_context(struct report *out, const char *project, const char *texts, struct arena *a)
{
    struct report_text list[100];
    size_t count = 0;
    crashes_report(out, project, "", "", a);
    for (const char *at = texts; *at; at += *at == '|') {
        size_t field = strcspn(at, "="), len = strcspn(at, "|");
        assert_true(field < len && count < COUNT_OF(list));
        list[count++] = (struct report_text){ { at, field }, { at + field + 1, len - field - 1 } };
        at += len;
    }
    set_texts(out, list, count, a);
}
