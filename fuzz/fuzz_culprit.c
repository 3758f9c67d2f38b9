/* A stream of reports and what a server does with them, read from any bytes: asked about, added,
 * taken back, superseded, published, explained. At the end an index that is made anew, from what
 * stayed, must answer the same to the bit.
 *
 * A byte is a step, or a choice within one; bytes that are not there are 0. */
#include "group/culprit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPORTS_MAX 100
#define FRAMES_MAX 40
#define TEXTS_MAX 6
#define LEAST 1.0F

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct choices {
    const uint8_t *at;
    size_t left;
};

static uint8_t next(struct choices *c)
{
    if (c->left == 0)
        return 0;
    c->left--;
    return *c->at++;
}

struct sent {
    struct report report;
    struct trace_frame frames[FRAMES_MAX];
    struct report_text texts[TEXTS_MAX];
};

struct server {
    struct culprit *culprit;
    struct sent reports[REPORTS_MAX];
    struct culprit_match near[REPORTS_MAX];
    uint32_t instead[REPORTS_MAX]; /* the report whose place it took, or CULPRIT_NONE */
    uint32_t added, kept;
    struct arena *arena;
};

static bool is_cold(const void *ctx, struct str field)
{
    (void)ctx;
    return str_eq(field, STR("cold"));
}

static const struct str functions[] = { STR_INIT(""),
                                        STR_INIT("f"),
                                        STR_INIT("g"),
                                        STR_INIT("h"),
                                        STR_INIT("f.isra.0"),
                                        STR_INIT("ns::f<int>(char)"),
                                        STR_INIT("list_append"),
                                        STR_INIT("xalloc"),
                                        STR_INIT("main"),
                                        STR_INIT("raise"),
                                        STR_INIT("abort"),
                                        STR_INIT("memcpy"),
                                        STR_INIT("_start"),
                                        STR_INIT("<signal handler called>"),
                                        STR_INIT("a"),
                                        STR_INIT("b") };
static const struct str modules[] = { STR_INIT(""), STR_INIT("/bin/p"), STR_INIT("libp.so"),
                                      STR_INIT("/lib/libc.so.6") };
static const struct str builds[] = { STR_INIT(""), STR_INIT("1"), STR_INIT("2"), STR_INIT("3") };
static const struct str deaths[] = { STR_INIT(""),       STR_INIT("SIGSEGV"),  STR_INIT("SIGABRT"),
                                     STR_INIT("SIGFPE"), STR_INIT("KeyError"), STR_INIT("a"),
                                     STR_INIT("b"),      STR_INIT("c"),        STR_INIT("d"),
                                     STR_INIT("e"),      STR_INIT("f"),        STR_INIT("g"),
                                     STR_INIT("h"),      STR_INIT("i"),        STR_INIT("j"),
                                     STR_INIT("k") };
static const struct str fields[] = { STR_INIT("message"), STR_INIT("os"), STR_INIT("cold"),
                                     STR_INIT("stacktrace.function") };

/* Two bytes a frame, mostly: what it is called, and where it stands. */
static void read_frame(struct choices *c, struct trace_frame *f, uint32_t index)
{
    uint8_t what = next(c), where = next(c);
    *f = (struct trace_frame){ .function = functions[what & 15],
                               .module = modules[what >> 4 & 3],
                               .build = builds[what >> 6],
                               .site = where & 31,
                               .has_site = !(where & 32),
                               .inlined = (where & 64) != 0,
                               .index = index };
    if (!f->has_site)
        f->site = 0;
    if ((where & 128) && c->left > 0) { /* any name */
        size_t len = *c->at % 8;
        len = len < c->left ? len : c->left;
        f->function = (struct str){ (const char *)c->at, len };
        c->at += len;
        c->left -= len;
    }
}

static void read_report(struct choices *c, struct sent *s)
{
    uint8_t kind = next(c);
    static const struct str texts[] = { STR_INIT("it broke"), STR_INIT("it fell 17"),
                                        STR_INIT("it fell 4"), STR_INIT("") };
    s->report = (struct report){ .project = kind & 1 ? STR("p") : STR("q"),
                                 .database_id = { (const char *)s, 1 },
                                 .texts = s->texts };
    s->report.trace.death = deaths[kind >> 1 & 15];
    if (kind & 32) {
        size_t count = next(c) % (TEXTS_MAX + 1);
        for (size_t i = 0; i < count; i++) {
            uint8_t what = next(c);
            s->texts[i] = (struct report_text){ fields[what & 3], texts[what >> 2 & 3] };
        }
        s->report.text_count = count;
    } else {
        size_t count = next(c) % (FRAMES_MAX + 1);
        for (uint32_t i = 0; i < count; i++)
            read_frame(c, &s->frames[i], i);
        s->report.trace.count = count;
    }
    s->report.trace.frames = s->frames;
}

static struct culprit_match nearest(struct culprit *c, const struct report *r)
{
    struct culprit_match m;
    struct err e;
    bool ok = culprit_nearest(c, r, LEAST, &m, &e);
    assert(ok && (m.report == CULPRIT_NONE ? m.score == 0 : m.score >= LEAST && m.score <= 10.9F));
    return m;
}

static bool is_same(struct culprit_match a, struct culprit_match b)
{
    return a.report == b.report && memcmp(&a.score, &b.score, sizeof a.score) == 0;
}

/* Among those that were added. */
static bool is_superseded(const void *ctx, uint32_t report)
{
    const struct server *s = ctx;
    for (uint32_t i = 0; i < s->added; i++)
        if (s->instead[i] == report)
            return true;
    return false;
}

static void supersede(struct server *s, uint32_t report)
{
    struct err e;
    bool ok = culprit_supersede(s->culprit, report, is_superseded, s, &e);
    assert(ok);
}

static void add(struct server *s, uint32_t instead)
{
    struct sent *sent = &s->reports[s->added];
    struct err e;
    if (instead != CULPRIT_NONE)
        supersede(s, instead);
    s->instead[s->added] = instead;
    s->near[s->added] = nearest(s->culprit, &sent->report);
    bool ok = culprit_add(s->culprit, &sent->report, s->added, s->near[s->added], &e);
    assert(ok);
    s->added++;
    uint32_t near = s->near[s->added - 1].report;
    assert(near == CULPRIT_NONE || !is_superseded(s, near));
}

static void check(const struct culprit_explanation *x)
{
    double sum = 0;
    for (size_t i = 0; i < x->count; i++) {
        assert(x->lines[i].value >= 0 && x->lines[i].helper > 0 && x->lines[i].helper < 1);
        sum += x->lines[i].value;
    }
    assert(fabs(sum - x->score) <= 1e-6 && x->score <= 10.9);
}

static void explain(struct server *s, const struct sent *new, uint8_t a, uint8_t b)
{
    struct culprit_explanation x;
    struct err e;
    arena_reset(s->arena);
    if (s->kept == 0)
        return;
    uint32_t p = a % s->kept, q = b % s->kept;
    bool ok = culprit_explain(s->culprit, p, q, &s->reports[p].report.trace,
                              &s->reports[q].report.trace, &x, s->arena, &e);
    assert(ok);
    check(&x);
    assert(x.query_frame_count == s->reports[p].report.trace.count);
    struct culprit_match m = nearest(s->culprit, &new->report);
    if (m.report == CULPRIT_NONE)
        return;
    ok = culprit_explain_new(s->culprit, &new->report, m.report, &x, s->arena, &e);
    assert(ok);
    check(&x);
    assert(fabs(x.score - (double)m.score) <= 0.01);
}

/* Once more after it was taken back: the same. */
static void add_twice(struct server *s)
{
    struct culprit_match before;
    add(s, CULPRIT_NONE);
    before = s->near[--s->added];
    culprit_undo_last(s->culprit);
    add(s, CULPRIT_NONE);
    assert(is_same(s->near[s->added - 1], before));
}

static void step(struct server *s, struct choices *c)
{
    uint8_t what = next(c);
    struct sent *new = &s->reports[s->added];
    if (what < 160) {
        read_report(c, new);
        if (what < 120)
            add(s, CULPRIT_NONE);
        else
            add_twice(s);
    } else if (what < 175) { /* made again */
        uint32_t which = s->added > 0 ? next(c) % s->added : CULPRIT_NONE;
        read_report(c, new);
        add(s, is_superseded(s, which) ? CULPRIT_NONE : which);
    } else if (what < 190) { /* a dry run */
        read_report(c, new);
        (void)nearest(s->culprit, &new->report);
    } else if (what < 215) {
        culprit_keep(s->culprit);
        s->kept = s->added;
    } else if (what < 240) {
        culprit_undo(s->culprit);
        s->added = s->kept;
    } else {
        read_report(c, new);
        explain(s, new, what, next(c));
    }
}

static void check_rebuilt(struct server *s)
{
    CLEANUP(culprit_free_p) struct culprit *again = culprit_new(0, is_cold, NULL);
    struct err e;
    uint32_t added = s->added;
    if (!again)
        abort();
    for (uint32_t i = 0; i < added; i++) {
        s->added = i; /* what was superseded when this one came */
        bool did = s->instead[i] == CULPRIT_NONE ||
                   culprit_supersede(again, s->instead[i], is_superseded, s, &e);
        assert(did);
        bool ok = culprit_add(again, &s->reports[i].report, i, s->near[i], &e);
        assert(ok);
    }
    s->added = added;
    for (uint32_t i = 0; i < s->added; i++)
        assert(is_same(nearest(again, &s->reports[i].report),
                       nearest(s->culprit, &s->reports[i].report)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server s; /* too large for the stack */
    struct choices c = { data, size };
    s.added = s.kept = 0;
    s.culprit = culprit_new(0, is_cold, NULL);
    s.arena = arena_new(64u << 20);
    if (!s.culprit || !s.arena)
        abort();
    while (c.left > 0 && s.added < REPORTS_MAX - 1)
        step(&s, &c);
    check_rebuilt(&s);
    culprit_free(s.culprit);
    arena_free(s.arena);
    return 0;
}
